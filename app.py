"""`python app.py`: start the chat window on the index that the settings name."""

import argparse
import contextlib
import ctypes
import logging
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.middleware import Middleware

from rag import records
from rag.errors import RagError, SettingsError
from rag.models import Encoder, load_encoder
from rag.pipeline import open_pipeline
from rag.settings import Settings
from rag.watch import take_over, write_logs
from ui import guard, login
from ui.health import Health
from ui.limits import Limited, Limits
from ui.own import OwnFiles
from ui.parts import TITLE

if TYPE_CHECKING:
    from gradio import Blocks

    from ingest.load import Limits as ReadingLimits

BAD_USAGE, FAILED = 2, 3
PLAIN = (
    "passwords and answers travel unencrypted; set VISIT_DESK_TLS_CERTIFICATE and "
    "VISIT_DESK_TLS_KEY, or put a proxy with TLS before it (see docs/access.md)"
)
DAY_SECONDS = 86_400
SHORTEST_TOKEN = 16  # characters
TRIM_SECONDS = 60
M_ARENA_MAX, ARENAS = -8, 2  # the first as glibc's malloc.h numbers it
INBOX = Path("evals/inbox")  # where a reader's note becomes a draft of a case

log = logging.getLogger("app")


def main(arguments: list[str] | None = None) -> int:
    """Serve the window until it is interrupted, and return the exit code."""
    given = _parser().parse_args(arguments)
    _keep_heaps_small()
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


def _keep_heaps_small() -> None:
    """Let threads share a few heaps and give back what is free in them, where glibc makes them.

    It would make eight heaps for each core, where what one thread freed is of no use to the others,
    and give back only what is free at the end of one. So they would grow long after what is in use
    has ceased to (see docs/load.md).
    """
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        with contextlib.suppress(AttributeError):  # another C library
            library.mallopt(M_ARENA_MAX, ARENAS)
            threading.Thread(target=_trim, args=[library.malloc_trim], daemon=True).start()


def _trim(trim: Callable[[int], int]) -> None:
    while True:
        time.sleep(TRIM_SECONDS)
        trim(0)


def serve(settings: Settings) -> None:
    """Open the index, build the page and serve it until interrupted.

    Raises:
        SettingsError: the host is not this machine's own and nobody has to log in, the files for
            TLS or the operator's token can not be used, or the port is taken.
        RagError: as `open_pipeline`.
    """
    door = login.door(settings)
    at, token = _address(settings, door), _operator_token(settings, door)
    write_logs(settings)
    pipeline = open_pipeline(settings)
    guard.quiet()
    from ui import chat  # imports gradio, which reads its environment then

    limits = _limits(settings)
    own = OwnFiles(
        cache(partial(_encoder, settings)),
        most_bytes=at.file_bytes,
        limits=partial(_reading_limits, settings),
    )
    with contextlib.closing(own) as files:
        days = settings.records_days if settings.records else None
        demo = chat.build(pipeline, files, inbox=INBOX, limits=limits, recorded_days=days)
        _forget(settings)
        threading.Thread(target=_forget_daily, args=[settings], daemon=True).start()
        health = Health(
            pipeline,
            waiting=lambda: len(demo._queue),  # Gradio tells it nowhere else
            token=token,
        )
        routes = [files.route(), login.ROUTE, *health.routes(metrics=settings.metrics)]
        inside = [Middleware(login.Login, door=door), Middleware(Limited, limits=limits)]
        arguments = guard.launch_arguments(at, routes, inside)
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
        signal.signal(number, _interrupt)
    print(f"{TITLE} is at {url} (Ctrl+C stops it)", flush=True)  # noqa: T201
    if _is_readable(settings):
        print(PLAIN, file=sys.stderr)  # noqa: T201
    demo.block_thread()


def _is_readable(settings: Settings) -> bool:
    """Tell whether others on the network could read what is sent."""
    return settings.host not in guard.LOOPBACK and not (settings.proxies or settings.tls_key)


def _address(settings: Settings, door: login.Door) -> guard.Address:
    """Return where the window is served: nowhere that others reach it without logging in."""
    names = tuple(each.strip() for each in settings.names.split(",") if each.strip())
    if settings.host not in guard.LOOPBACK and isinstance(door, login.Everybody):
        raise SettingsError(
            f"the host {settings.host!r} lets other machines in and nobody has to log in; run "
            "python -m rag users add NAME --accounts FILE and set VISIT_DESK_ACCOUNTS=FILE, or "
            "set VISIT_DESK_USER_HEADER for a proxy that logs users in (see docs/access.md)"
        )
    if settings.host in guard.WILDCARDS and not names:
        raise SettingsError(
            f"the host {settings.host!r} is every address of this machine; set VISIT_DESK_NAMES to "
            "the names that browsers use, such as desk.example.org"
        )
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise SettingsError(
            "VISIT_DESK_TLS_CERTIFICATE and VISIT_DESK_TLS_KEY go together; set both or none"
        )
    _check_tls(settings.tls_certificate, settings.tls_key)
    return guard.Address(
        settings.host,
        settings.port,
        names,
        login.networks(settings.proxies),
        settings.max_upload_mb * 1_000_000,
        settings.tls_certificate or None,
        settings.tls_key or None,
    )


def _check_tls(certificate: str, key: str) -> None:
    """Check that the files for TLS are what the server will be able to use."""
    if not certificate:
        return
    for file in (certificate, key):
        if not Path(file).is_file():
            raise SettingsError(f"there is no file {file!r} for TLS; name the one to use")
    try:  # the server would ask for the word of a locked key on the terminal
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: "")
    except OSError as error:
        raise SettingsError(
            f"the certificate {certificate!r} and the key {key!r} can not be used together for "
            f"TLS: {error}; name a PEM file with the chain and one with its key, not encrypted"
        ) from error


def _operator_token(settings: Settings, door: login.Door) -> str | None:
    """Return what opens health and metrics, None where everybody is the operator."""
    if isinstance(door, login.Everybody):
        return None
    token = settings.operator_token.get_secret_value()
    if settings.metrics and not token:
        raise SettingsError(
            "VISIT_DESK_METRICS=true tells of all documents, and users log in; set "
            "VISIT_DESK_OPERATOR_TOKEN to what Prometheus is to send (see docs/operating.md)"
        )
    if 0 < len(token) < SHORTEST_TOKEN:
        raise SettingsError(
            f"VISIT_DESK_OPERATOR_TOKEN has {len(token)} characters; take {SHORTEST_TOKEN} or more"
            ", such as what openssl rand -hex 32 prints"
        )
    return token


def _limits(settings: Settings) -> Limits:
    return Limits(
        question=settings.max_question,
        questions=settings.questions_per_minute,
        pending=settings.pending_questions,
        requests=settings.requests_per_minute,
        answers=settings.answers_at_once,
        waiting=settings.max_queue,
    )


def _interrupt(number: int, _: object) -> None:
    """Begin to stop; what `make` and the terminal send again meanwhile changes nothing."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def _encoder(settings: Settings) -> Encoder:
    """Return the model once more, for files that readers bring; the first of them loads it."""
    return load_encoder(settings, cache=settings.index / "model")


def _reading_limits(settings: Settings) -> "ReadingLimits":
    from ingest.load import limits_of  # what it imports is slow, and few bring a file

    return limits_of(settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python app.py", description="Answer questions about the visit in the browser."
    )
    parser.add_argument("--index", type=Path, help="directory of the index")
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on")
    return parser


if __name__ == "__main__":
    sys.exit(main())
