"""Reading files in a process of its own, so that one that bursts takes nothing else with it."""

import contextlib
import fcntl
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from ingest.load import Limits, Loaded, load, prepare
from rag.access import as_json, from_json
from rag.errors import LoadError
from rag.types import Block, BlockKind, Document, Span

SERVE = "from ingest.isolate import serve; serve({}, {})"
START_SECONDS = 60.0  # a busy machine takes long to import what the readers need
# All that it gets of the environment: keys lie there that a hostile file must not come to know.
KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
END_SECONDS = 10.0  # for a process that closed its connection to be gone as well


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read.

    Attributes:
        root: the folder that a link may not leave.
        hash: SHA-256 of its bytes, in hexadecimal.
    """

    path: Path
    root: Path
    uri: str
    hash: str


class Reader:
    """Reads files one after the other in another process, which is replaced when it fails.

    That process reads the next file while the caller works on the one before. It leads a group,
    with which the processes that it starts itself end too. What the two tell each other is JSON: a
    file that takes the other process over can send wrong documents, but nothing that is run here.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._open = contextlib.ExitStack()
        self._sent_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, sources: Iterable[Source]) -> Iterator[tuple[Source, Loaded]]:
        """Yield what each file holds, in the order of the files.

        Raises:
            LoadError: no process can be started to read a file in.
        """
        previous: Source | None = None
        try:
            for source in sources:
                loaded = self._receive(previous) if previous else None
                self._send(source)
                before, previous = previous, source
                if before and loaded:
                    yield before, loaded
            if previous:
                last, previous = previous, None
                yield last, self._receive(last)
        finally:
            if previous:  # an answer that nobody waits for must not be taken for the next one
                self.close()

    def close(self) -> None:
        """End the other process, and those that it started."""
        process, self._process, self._connection = self._process, None, None
        if process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._open.close()

    def _send(self, source: Source) -> None:
        try:
            self._other(source).send_bytes(_pack_source(source))
        except (BrokenPipeError, ConnectionResetError):  # it died while it had nothing to do
            self.close()
            self._other(source).send_bytes(_pack_source(source))
        self._sent_at = time.monotonic()

    def _other(self, source: Source) -> Connection:
        if self._connection is None:
            try:
                self._connection = self._start()
            except (OSError, EOFError) as error:
                ended = isinstance(error, EOFError | ConnectionResetError | BrokenPipeError)
                reason = f"it {self._end()}" if ended else str(error)
                self.close()
                raise LoadError(
                    source.path,
                    f"no process can be started to read it in: {reason}; make room and run again",
                ) from error
        return self._connection

    def _start(self) -> Connection:
        """Start a process that is ready to read, so that the time it takes is no file's."""
        ours, theirs = multiprocessing.Pipe()
        self._open.enter_context(ours)
        lifeline, end = os.pipe()
        self._open.callback(os.close, end)
        with theirs, contextlib.closing(os.fdopen(lifeline, "rb")):
            self._process = subprocess.Popen(  # noqa: S603  # our own code
                [sys.executable, "-P", "-c", SERVE.format(theirs.fileno(), lifeline)],
                pass_fds=[theirs.fileno(), lifeline],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # said by what follows
            ours.send_bytes(json.dumps(asdict(self._limits)).encode())
        if not ours.poll(START_SECONDS):
            raise TimeoutError(f"it did not start within {START_SECONDS:g} seconds")
        ours.recv_bytes()
        return ours

    def _receive(self, source: Source) -> Loaded:
        connection = self._other(source)
        left = self._sent_at + self._limits.seconds - time.monotonic()
        try:
            if connection.poll(max(0.0, left)):
                return unpack(connection.recv_bytes(self._limits.memory_bytes))
            reason = f"reading it took longer than {self._limits.seconds:g} seconds"
        except (ValueError, TypeError, RecursionError):
            reason = "the process that read it sent what is no document"
        except (EOFError, OSError):
            reason = f"the process that read it {self._end()}"
        self.close()
        return Loaded(refusals=((source.uri, reason),))

    def _end(self) -> str:
        """Return how the other process ended."""
        try:
            code = self._process.wait(END_SECONDS) if self._process else 0
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if code < 0:
            return f"was ended by {_signal_name(-code)}"
        return f"ended with exit code {code}"


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _signal_name(number: int) -> str:
    """Return how a signal is called; those for real time have numbers alone.

    >>> _signal_name(9), _signal_name(40)
    ('SIGKILL', 'signal 40')
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def serve(handle: int, lifeline: int) -> None:
    """Read the files that are named over a connection, until it closes.

    `lifeline` is a pipe whose other end the caller holds and never writes to.
    """
    with contextlib.closing(Connection(handle)) as connection:
        limits = Limits(**json.loads(connection.recv_bytes()))
        _restrict(limits)
        _end_with(lifeline)
        prepare()
        with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
            connection.send_bytes(b"ready")
            while True:
                connection.send_bytes(_load(_unpack_source(connection.recv_bytes()), limits))


def _restrict(limits: Limits) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who is interrupted closes the connection
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS does not know this limit
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


def _end_with(lifeline: int) -> None:
    """Let the kernel end this group of processes, whatever it is doing, when the pipe closes.

    It does so on Linux; elsewhere an orphan notices when it has read its file.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)


def _load(source: Source, limits: Limits) -> bytes:
    """Return a packed `Loaded`; a text that can be read but not sent takes too much as well."""
    try:
        return pack(load(source.path, root=source.root, uri=source.uri, limits=limits))
    except MemoryError:
        allowed = f"{limits.memory_bytes / 1e6:,.0f} MB"
        reason = f"reading it takes more than {allowed} of memory"
        return pack(Loaded(refusals=((source.uri, reason),)))


def _pack_source(source: Source) -> bytes:
    return json.dumps([str(source.path), str(source.root), source.uri, source.hash]).encode()


def _unpack_source(data: bytes) -> Source:
    path, root, uri, sha256 = json.loads(data)
    return Source(Path(path), Path(root), uri, sha256)


def pack(loaded: Loaded) -> bytes:
    """Return what was read as JSON, in which also half a surrogate pair has a form."""
    documents = [
        {
            "title": each.title,
            "uri": each.uri,
            "text": each.text,
            "blocks": [[block.span.start, block.span.end, block.kind] for block in each.blocks],
            "language": each.language,
            "kind": each.kind,
            "published": each.published.isoformat() if each.published else None,
            "pages": [[page.start, page.end] for page in each.pages],
            "origins": each.origins,
            "warnings": each.warnings,
            "access": None if each.access is None else as_json(each.access),
        }
        for each in loaded.documents
    ]
    return json.dumps([documents, loaded.refusals]).encode()


def unpack(data: bytes) -> Loaded:
    """Return what `pack` was given.

    Raises:
        ValueError, TypeError, RecursionError: it is nothing that `pack` makes.
    """
    documents, refusals = json.loads(data)
    return Loaded(
        tuple(_unpack_document(**each) for each in documents),
        tuple((str(uri), str(reason)) for uri, reason in refusals),
    )


def _unpack_document(
    *,
    text: str,
    blocks: list[tuple[int, int, BlockKind]],
    published: str | None,
    pages: list[tuple[int, int]],
    origins: list[tuple[str, str]],
    warnings: list[str],
    access: str | None,
    **plain: str,
) -> Document:
    return Document(
        text=str(text),
        blocks=tuple(Block(Span(start, end), kind) for start, end, kind in blocks),
        published=date.fromisoformat(published) if published else None,
        pages=tuple(Span(start, end) for start, end in pages),
        origins=tuple((str(name), str(origin)) for name, origin in origins),
        warnings=tuple(map(str, warnings)),
        access=None if access is None else from_json(access),
        **{name: str(value) for name, value in plain.items()},
    )
