"""The index of several machines in a Chroma server: which generation answers, and who may write.

visit-desk.000042             an entry of the log: a generation; who writes the next; or a rest
visit-desk.chunks.<line>      the vectors of all generations that started from each other. They are
                              searched there; those of other generations are passed over
visit-desk.blocks             the databases of the generations

A server makes a collection of one name once only, whoever asks: of two that write the next entry
one is refused. Whoever wrote the last entry may write the index, and a generation answers as soon
as its entry is there. So a writer that was given up for lost can not publish any more.
"""

import contextlib
import os
import re
import secrets
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from chromadb.api.models.Collection import Collection

from rag import store
from rag.blocks import Blocks, Tree
from rag.errors import IndexBusyError, IndexDamagedError, IndexServerError
from rag.server import GoneError, Server
from rag.store import COLLECTION, GENERATION_NAME, Vector

FORMAT = "1"  # of all that is kept in the server
OURS = "visit-desk."
ENTRY = re.compile(rf"{re.escape(OURS)}(\d{{6,}})")
BEAT_SECONDS = 2.0  # between two signs of life of a writer
PATIENCE_SECONDS = 20.0  # without one, after which a writer counts as lost


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log.

    Attributes:
        kind: "generation", "writer", or "rest", which a writer leaves who published nothing.
        clean: nothing is in the server that the newest generation does not need.
        name, line, root, levels: of a generation, its vectors and the blocks of its database.
        host, pid, place, since, beat: of a writer, and its last sign of life.
    """

    number: int
    kind: str
    token: str
    clean: bool = False
    name: str = ""
    line: str = ""
    root: str = ""
    levels: int = 0
    host: str = ""
    pid: int = 0
    place: str = ""
    since: str = ""
    beat: int = 0

    @property
    def collection(self) -> str:
        """Return the name of the collection that is this entry."""
        return f"{OURS}{self.number:06}"


class Shared:
    """What a server holds of one index."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.blocks = Blocks(server, f"{OURS}blocks")

    def newest(self) -> Entry | None:
        """Return the generation that answers, None when nothing was ever published.

        Raises:
            IndexServerError: the server does not answer, or another version wrote there.
        """
        return _newest(self.log())

    def vectors(self, line: str) -> Collection:
        """Return the collection of vectors of a line.

        Raises:
            IndexDamagedError: it is not there.
        """
        try:
            return self.server.collection(_line(line))
        except GoneError as error:
            raise IndexDamagedError(f"{error}; run python -m ingest --check") from error

    def lines(self) -> list[str]:
        """Return the names of all collections of vectors."""
        names = self.server.ask(lambda client: [each.name for each in client.list_collections()])
        return [name for name in names if name.startswith(_line(""))]

    def log(self) -> list[Entry]:
        """Return the entries that are kept, oldest first."""
        collections = self.server.ask(lambda client: client.list_collections())
        found = [(ENTRY.fullmatch(each.name), each.metadata) for each in collections]
        entries = [self._entry(int(match[1]), data or {}) for match, data in found if match]
        return sorted(entries, key=lambda each: each.number)

    def _entry(self, number: int, metadata: Mapping[str, Any]) -> Entry:
        given = {name: value for name, value in metadata.items() if name != "format"}
        if metadata.get("format") != FORMAT:
            raise IndexServerError(
                f"the index on {self.server.url!r} has format {metadata.get('format')!r}, not "
                f"{FORMAT!r}; run the same version on every machine"
            )
        with contextlib.suppress(TypeError):
            entry = Entry(number, **given)
            if entry.kind != "generation" or GENERATION_NAME.fullmatch(entry.name):
                return entry
        raise IndexServerError(
            f"the entry {number} of the index on {self.server.url!r} can not be read: "
            f"{metadata!r}; run the same version on every machine"
        )

    def append(self, entry: Entry) -> bool:
        """Write an entry, or tell that somebody else wrote one with this number."""
        try:
            self.server.persist(
                lambda client: client.create_collection(
                    entry.collection, metadata=_as_metadata(entry), embedding_function=None
                )
            )
        except IndexServerError:
            there = [each for each in self.log() if each.number == entry.number]
            if not there:
                raise
            return there[0].token == entry.token  # the answer to an earlier try was lost
        return True

    def change(self, entry: Entry) -> None:
        """Write an entry of one's own anew."""
        metadata = _as_metadata(entry)
        self.server.ask(
            lambda client: client.get_collection(entry.collection, embedding_function=None).modify(
                metadata=metadata
            )
        )

    def forget(self, entries: Iterable[Entry]) -> None:
        """Remove entries."""
        for each in entries:
            self.server.remove(each.collection)

    @contextlib.contextmanager
    def writing(self) -> Iterator["Turn"]:
        """Keep others from writing until the block ends.

        Raises:
            IndexBusyError: another process is writing.
            IndexServerError: as `newest`.
        """
        turn = self._take()
        ended = threading.Event()
        beating = threading.Thread(target=turn.beat, args=[ended], daemon=True)
        beating.start()
        try:
            yield turn
        finally:
            ended.set()
            beating.join()
            turn.end()

    def _take(self) -> "Turn":
        while True:
            entries = self.log()
            last = entries[-1] if entries else Entry(0, "rest", "", clean=True)
            if last.kind == "writer" and not self._is_lost(last):
                raise IndexBusyError(
                    f"the index on {self.server.url!r} is being written by process {last.pid} on "
                    f"{last.host!r} since {last.since}; wait until it is done"
                )
            mine = Entry(
                last.number + 1,
                "writer",
                secrets.token_hex(8),
                clean=last.clean and last.kind != "writer",
                host=socket.gethostname(),
                pid=os.getpid(),
                place=_place(),
                since=datetime.now(UTC).isoformat(" ", "seconds"),
            )
            if self.append(mine):
                newest = _newest(entries)
                self.forget(each for each in entries if each != newest)
                return Turn(self, mine, newest)

    def _is_lost(self, writer: Entry) -> bool:
        """Tell whether a writer died: one of this machine at once, others by their silence."""
        if writer.place == _place() and not Path("/proc", str(writer.pid)).exists():
            return True
        given_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < given_up:
            time.sleep(BEAT_SECONDS / 4)
            now = self.log()[-1]
            if now != writer:
                return now.kind != "writer"
        return True


class Turn:
    """The right to write, and what is written while it lasts.

    Attributes:
        newest: the generation that answers, None when there is none.
        answers: there is one.
    """

    def __init__(self, shared: Shared, entry: Entry, newest: Entry | None) -> None:
        self.newest = newest
        self.answers = newest is not None
        self._shared = shared
        self._server = shared.server
        self._entry = entry
        self._vectors: SharedVectors | None = None
        self._published = False

    def beat(self, ended: threading.Event) -> None:
        """Give signs of life until the turn has ended."""
        for beat in count(1):
            if ended.wait(BEAT_SECONDS):
                return
            with contextlib.suppress(IndexServerError):  # gone, or taken over: told when it matters
                self._shared.change(replace(self._entry, beat=beat))

    def sweep(self, current: Path | None) -> None:
        """Remove what ingests left that ended before their time; `current` is the newest's copy."""
        if self._entry.clean:
            return
        line = self.newest.line if self.newest else ""
        for name in self._shared.lines():
            if name != _line(line):
                self._server.remove(name)
        if current is None:
            self._shared.blocks.keep(())
        else:
            with contextlib.suppress(IndexDamagedError):  # told when it matters
                self._sweep_vectors(line, current)
            self._shared.blocks.keep(Tree.of(current / "truth.sqlite").every())
        self._entry = replace(self._entry, clean=True)

    def _sweep_vectors(self, line: str, current: Path) -> None:
        with contextlib.closing(store.connect(current, store.READ_ONLY)) as truth:
            collection = self._shared.vectors(line)
            used = {each for (each,) in truth.execute("select vector_id from chunks")}
            there = self._server.ids(collection)
            self._server.delete(collection, [each for each in there if each not in used])

    def begin(self, draft: Path, truth: sqlite3.Connection, *, anew: bool) -> "SharedVectors":
        """Return where the vectors of a draft go: to those of the newest generation, or apart."""
        shutil.rmtree(draft / "chroma", ignore_errors=True)  # of when it was this machine's alone
        line = store.manifest_of(truth).get("line", "")
        fresh = anew or not self._is_whole(line, truth)
        line = secrets.token_hex(4) if fresh else line
        truth.execute("insert or replace into manifest values ('line', ?)", [line])
        self._vectors = SharedVectors(self._server, line)
        if fresh:
            store.fill(self._vectors, truth)
        return self._vectors

    def _is_whole(self, line: str, truth: sqlite3.Connection) -> bool:
        """Tell whether the vectors of a draft's start are those of the newest generation."""
        if self.newest is None or line != self.newest.line:
            return False
        try:
            collection = self._shared.vectors(line)
        except IndexDamagedError:
            return False
        return self._server.count(collection) == store.count(truth)

    @contextlib.contextmanager
    def publishing(self, draft: Path) -> Iterator[None]:
        """Make a finished draft the generation that answers, on every machine.

        Raises:
            IndexBusyError: this turn was taken for lost, and another has begun.
        """
        vectors = self._vectors
        if vectors is None:
            raise ValueError("nothing was begun that could be published")
        vectors.check()
        tree = self._shared.blocks.upload(draft / "truth.sqlite")
        sealed = Entry(
            self._entry.number + 1, "generation", secrets.token_hex(8), name=draft.name,
            line=vectors.line, root=tree.root, levels=tree.levels,
        )  # fmt: skip
        with store.pointing(draft.parents[1]):
            if not self._shared.append(sealed):
                raise IndexBusyError(
                    f"another ingest has taken over the index on {self._server.url!r}, for this "
                    f"one gave no sign of life for {PATIENCE_SECONDS:.0f} s; nothing was changed; "
                    "run again"
                )
            self._published = True
            yield
        with contextlib.suppress(IndexServerError):  # it answers; the next ingest tidies up
            self._tidy(sealed, tree, vectors)

    def _tidy(self, sealed: Entry, tree: Tree, vectors: "SharedVectors") -> None:
        """Remove what only the generation before needed; another line it leaves to the next."""
        self._shared.forget(each for each in (self.newest, self._entry) if each)
        vectors.forget()
        self._shared.blocks.keep(tree.every())
        same = self.newest is not None and self.newest.line == sealed.line
        self._shared.change(replace(sealed, clean=same and self._entry.clean))

    def end(self) -> None:
        """Leave the index to others."""
        if self._published:
            return
        rest = Entry(
            self._entry.number + 1, "rest", secrets.token_hex(8),
            clean=self._entry.clean and self._vectors is None,
        )  # fmt: skip
        with contextlib.suppress(IndexServerError):  # others see that no sign of life comes
            if self._shared.append(rest):
                self._shared.forget([self._entry])


class SharedVectors:
    """The vectors of a draft, of which none that answers now is taken away before its time."""

    def __init__(self, server: Server, line: str) -> None:
        self.line = line
        self._server = server
        self._collection = server.made(_line(line), "cosine")
        self._put: set[str] = set()
        self._gone: set[str] = set()

    def put(self, vectors: Mapping[str, Vector]) -> None:
        """Write vectors, which no generation that answers has."""
        self._server.put(self._collection, vectors)
        self._put.update(vectors)
        self._gone.difference_update(vectors)

    def drop(self, ids: Sequence[str]) -> None:
        """Note what may be deleted once the draft answers."""
        self._gone.update(ids)

    def close(self) -> None:
        """Do nothing: the server stays."""

    def check(self) -> None:
        """Check that the server has what was written.

        Raises:
            IndexServerError: it has not.
        """
        wanted = self._put - self._gone
        if missing := len(wanted - self._server.has(self._collection, wanted)):
            raise IndexServerError(
                f"the Chroma server at {self._server.url!r} has lost {missing} of "
                f"{len(wanted)} vectors that it took; nothing was changed; run again"
            )

    def forget(self) -> None:
        """Delete what the draft no longer has."""
        self._server.delete(self._collection, self._gone)


def _newest(entries: Iterable[Entry]) -> Entry | None:
    return max(
        (each for each in entries if each.kind == "generation"),
        key=lambda each: each.number,
        default=None,
    )


def _as_metadata(entry: Entry) -> dict[str, Any]:
    values = {name: value for name, value in asdict(entry).items() if name != "number"}
    return {**values, "format": FORMAT}


def _line(line: str) -> str:
    return f"{OURS}{COLLECTION}.{line}"


def _place() -> str:
    """Return what tells apart machines and containers, in which a process has its number."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux: signs of life must tell
        return secrets.token_hex(8)
