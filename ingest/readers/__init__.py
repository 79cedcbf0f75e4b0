"""One small reader a format, each `read(data: bytes) -> Reading`."""
