"""Reading files in a process of its own, so that one that bursts takes nothing else with it."""

import contextlib
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from ingest.load import Limits, Loaded, load

SERVE = "from ingest.isolate import serve; serve({})"


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

    That process reads the next file while the caller works on the one before.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._sent_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, sources: Iterable[Source]) -> Iterator[tuple[Source, Loaded]]:
        """Yield what each file holds, in the order of the files."""
        previous: Source | None = None
        for source in sources:
            loaded = self._receive(previous) if previous else None
            self._send(source)
            if previous and loaded:
                yield previous, loaded
            previous = source
        if previous:
            yield previous, self._receive(previous)

    def close(self) -> None:
        """End the other process."""
        if self._connection:
            self._connection.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = self._connection = None

    def _send(self, source: Source) -> None:
        with contextlib.suppress(OSError):  # it died while it was idle: said when it is asked
            self._other().send(source)
        self._sent_at = time.monotonic()

    def _other(self) -> Connection:
        if self._connection is None:
            ours, theirs = multiprocessing.Pipe()
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603  # our own code
                    [sys.executable, "-c", SERVE.format(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            ours.send(self._limits)
            self._connection = ours
        return self._connection

    def _receive(self, source: Source) -> Loaded:
        connection = self._other()
        left = self._sent_at + self._limits.seconds - time.monotonic()
        try:
            if connection.poll(max(0.0, left)):
                loaded: Loaded = connection.recv()
                return loaded
            reason = f"reading it took longer than {self._limits.seconds:g} seconds"
        except (EOFError, OSError):
            reason = self._end()
        self.close()
        return Loaded(refusals=((source.uri, reason),))

    def _end(self) -> str:
        """Return how the other process ended, as the reason of a refusal."""
        code = self._process.wait() if self._process else 0
        if code < 0:
            return f"the process that read it was ended by {signal.Signals(-code).name}"
        return f"the process that read it ended with exit code {code}"


def serve(handle: int) -> None:
    """Read the files that are named over a connection, until it closes."""
    with contextlib.closing(Connection(handle)) as connection:
        limits: Limits = connection.recv()
        _restrict(limits)
        with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
            while True:
                connection.send(_load(connection.recv(), limits))


def _restrict(limits: Limits) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who is interrupted closes the connection
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS does not know this limit
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


def _load(source: Source, limits: Limits) -> Loaded:
    try:
        return load(source.path, root=source.root, uri=source.uri, limits=limits)
    except MemoryError:
        allowed = f"{limits.memory_bytes / 1e6:,.0f} MB"
        return Loaded(refusals=((source.uri, f"reading it takes more than {allowed} of memory"),))
