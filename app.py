"""`python app.py`: start the chat window on the index that the settings name."""

import argparse
import contextlib
import logging
import signal
import sys
import threading
import time
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import records
from rag.errors import RagError, SettingsError
from rag.models import Encoder, load_encoder
from rag.pipeline import open_pipeline
from rag.settings import Settings
from rag.watch import take_over, write_logs
from ui import guard
from ui.health import Health
from ui.own import OwnFiles
from ui.parts import TITLE

if TYPE_CHECKING:
    from gradio import Blocks

BAD_USAGE, FAILED = 2, 3
DAY_SECONDS = 86_400
INBOX = Path("evals/inbox")  # where a reader's note becomes a draft of a case

log = logging.getLogger("app")


def main(arguments: list[str] | None = None) -> int:
    """Serve the window until it is interrupted, and return the exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = Settings.read(index=given.index, host=given.host, port=given.port)
        serve(settings)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201  # to the person who starts it
        return BAD_USAGE
    except RagError as error:
        print(error, file=sys.stderr)  # noqa: T201  # to the person who starts it
        return FAILED
    return 0


def serve(settings: Settings) -> None:
    """Open the index, build the page and serve it until interrupted.

    Raises:
        SettingsError: the host is not this machine's own, or the port is taken.
        RagError: as `open_pipeline`.
    """
    if settings.host not in guard.LOOPBACK:
        raise SettingsError(
            f"the host {settings.host!r} would let other machines in and there is no login yet; "
            f"use {' or '.join(guard.LOOPBACK)} and, from elsewhere, an SSH tunnel"
        )
    write_logs(settings)
    pipeline = open_pipeline(settings)
    guard.quiet()
    from ui import chat  # imports gradio, which reads its environment then

    with contextlib.closing(OwnFiles(cache(partial(_encoder, settings)))) as files:
        demo = chat.build(pipeline, files, inbox=INBOX)
        _forget(settings)
        threading.Thread(target=_forget_daily, args=[settings], daemon=True).start()
        health = Health(pipeline, waiting=lambda: len(demo._queue))  # Gradio tells it nowhere else
        routes = [files.route(), *health.routes(metrics=settings.metrics)]
        arguments = guard.launch_arguments(settings.host, settings.port, routes)
        _serve(demo, settings, {**arguments, **chat.look()})


def _forget_daily(settings: Settings) -> None:
    while True:
        time.sleep(DAY_SECONDS)
        _forget(settings)


def _forget(settings: Settings) -> None:
    """Remove the records that are older than the settings want."""
    try:
        gone = records.forget(records.place(settings.index), settings.records_days)
    except OSError as error:
        log.warning("records that are too old could not be removed: %s", error)
    else:
        log.log(logging.INFO if gone else logging.DEBUG, "%d old records were removed", gone)


def _serve(demo: "Blocks", settings: Settings, arguments: dict[str, Any]) -> None:
    try:
        _, url, _ = demo.launch(**arguments)
    except OSError as error:
        raise SettingsError(
            f"the port {settings.port} of {settings.host!r} can not be opened; "
            "stop what uses it or choose another with --port"
        ) from error
    take_over("uvicorn", "uvicorn.error", "uvicorn.access")
    for number in (signal.SIGINT, signal.SIGTERM):  # a background job starts with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    print(f"{TITLE} is at {url} (Ctrl+C stops it)", flush=True)  # noqa: T201
    demo.block_thread()


def _encoder(settings: Settings) -> Encoder:
    """Return the model once more, for files that readers bring; the first of them loads it."""
    return load_encoder(settings, cache=settings.index / "model")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python app.py", description="Answer questions about the visit in the browser."
    )
    parser.add_argument("--index", type=Path, help="directory of the index")
    parser.add_argument("--host", help="address to listen on; only this machine's own for now")
    parser.add_argument("--port", type=int, help="port to listen on")
    return parser


if __name__ == "__main__":
    sys.exit(main())
