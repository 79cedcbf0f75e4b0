"""Ask the chat of this machine, where its settings say it listens, whether it answers questions."""

import ssl
import sys
import urllib.request

from rag.settings import Settings

SECONDS = 9
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104  # what they listen on is reached by this machine's own


def main() -> None:
    """End with an error unless questions are answered; 503 and no reply at all are errors."""
    settings = Settings.read()
    host = "127.0.0.1" if settings.host in WILDCARDS else settings.host
    name = f"[{host}]" if ":" in host else host
    scheme = "https" if settings.tls_certificate else "http"
    url = f"{scheme}://{name}:{settings.port}/health"
    # Its own certificate is for the names that readers use, and nothing secret is sent or read.
    unchecked = ssl._create_unverified_context()  # noqa: S323
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unchecked)
    )
    with direct.open(url, timeout=SECONDS) as reply:
        sys.stdout.write(reply.read().decode())


if __name__ == "__main__":
    main()
