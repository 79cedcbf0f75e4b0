"""Files that readers ask besides the dossier: one a session, in an index of its own, never kept."""

import logging
import re
import secrets
import shutil
import sys
import tempfile
import threading
import time
import unicodedata
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rag.errors import RagError
from rag.index import Index
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from ui.guard import FILE_PATH, MAX_FILE_BYTES
from ui.login import VISITOR, Visitor
from ui.talk import FromFile

if TYPE_CHECKING:
    from ingest.load import Limits

SECONDS = 3600.0  # that a file is kept at most
WAITING_SECONDS = 300.0  # that a file may wait to be taken by its session
MOST = 32  # files at once, those that wait included
MOST_OF_ONE = 4  # of one user who logged in
LONGEST_NAME = 120  # bytes of it before its suffix; any file system takes as many
LONGEST_SUFFIX = 8  # bytes
SWEEP_SECONDS = 60.0  # between two looks for files whose time is over
REASONS = ("file_late", "file_many", "file_large", "file_unread")  # as ui.words has them

Clock = Callable[[], float]

log = logging.getLogger(__name__)


class NotTakenError(Exception):
    """Say why a file can not be asked.

    Attributes:
        word: which of `REASONS` it is, empty when the file itself is why.
        reason: what is wrong with the file, as an ingest says it.
    """

    def __init__(self, word: str, reason: str = "") -> None:
        super().__init__(word or reason)
        self.word = word
        self.reason = reason


@dataclass(slots=True)
class _File:
    """A file in a folder of its own; the pipeline is there once a session took it.

    Attributes:
        owner: the user who sent it, empty where nobody logs in.
    """

    name: str
    folder: Path
    until: float
    owner: str = ""
    index: Index | None = None
    pipeline: Pipeline | None = None

    @property
    def path(self) -> Path:
        return self.folder / "file" / self.name

    def remove(self) -> None:
        if self.index:
            self.index.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class OwnFiles:
    """The files of all sessions; each session reaches its own alone."""

    def __init__(
        self,
        encoder: Callable[[], Encoder],
        clock: Clock = time.monotonic,
        *,
        most_bytes: int = MAX_FILE_BYTES,
        limits: "Callable[[], Limits] | None" = None,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        """Begin to hold files; `limits` tells how much of one is read, as an ingest does."""
        self.most_bytes = most_bytes
        self._encoder = encoder
        self._limits = limits
        self._clock = clock
        self._guard = threading.Lock()
        self._root = Path(tempfile.mkdtemp(prefix="visit-desk-"))
        self._waiting: dict[str, _File] = {}
        self._taken: dict[str, _File] = {}
        self._closed = threading.Event()
        self._sweeper = threading.Thread(
            target=self._sweep_each, args=[sweep_seconds], name="own-files", daemon=True
        )
        self._sweeper.start()

    def route(self) -> Route:
        """Return where the page sends a file; the reply is a word to take it with."""

        async def receive(request: Request) -> Response:
            data = await request.body()
            who: Visitor = request.scope[VISITOR]
            try:
                word = self.put(request.query_params.get("name", ""), data, who.user)
                return JSONResponse({"word": word})
            except NotTakenError as error:
                return JSONResponse({"reason": error.word}, 400)

        return Route(FILE_PATH, receive, methods=["POST"])

    def put(self, name: str, data: bytes, owner: str = "") -> str:
        """Keep a file until a session takes it, and return the word to take it with.

        Raises:
            NotTakenError: it is too large, can not be written, or too many are kept, of all or of
                the user who sends it.
        """
        self.sweep()
        safe = safe_name(name)
        if len(data) > self.most_bytes:
            raise NotTakenError("file_large")
        with self._guard:
            kept = [*self._waiting.values(), *self._taken.values()]
            own = [each for each in kept if owner and each.owner == owner]
            if len(kept) >= MOST or len(own) >= MOST_OF_ONE:
                raise NotTakenError("file_many")
            word = secrets.token_urlsafe(24)
            folder = self._root / secrets.token_hex(8)
            file = _File(safe, folder, self._clock() + WAITING_SECONDS, owner)
            with ExitStack() as undo:
                undo.callback(file.remove)
                try:
                    file.path.parent.mkdir(parents=True)
                    file.path.write_bytes(data)
                except OSError as error:
                    log.warning("a reader's file could not be kept in %s: %s", folder, error)
                    raise NotTakenError("file_unread") from error
                self._waiting[word] = file
                undo.pop_all()
        return word

    def take(self, session: str, word: object) -> str:
        """Read a file that waits, so that a session can ask it, and return its name.

        Raises:
            NotTakenError: there is no such file, or it can not be read.
        """
        self.drop(session)
        with self._guard:
            file = self._waiting.pop(str(word), None)
        if file is None:
            raise NotTakenError("file_late")
        with ExitStack() as undo:
            undo.callback(file.remove)
            self._read(file)
            undo.pop_all()
        file.until = self._clock() + SECONDS
        with self._guard:
            before = self._taken.get(session)  # taken while this one was read
            self._taken[session] = file
        if before:
            before.remove()
        return file.name

    def _read(self, file: _File) -> None:
        from ingest.load import Limits  # what these import is slow, and few bring a file
        from ingest.sync import sync

        limits = self._limits() if self._limits else Limits()
        try:
            encoder = self._encoder()
            file.index = Index(file.folder / "index", encoder.fingerprint)
            report = sync(file.index, encoder, [file.path], limits=limits)
        except (RagError, OSError) as error:
            log.warning("a reader's file could not be read: %s", error)
            raise NotTakenError("file_unread") from error
        if not report.added:
            raise NotTakenError("", report.refused[0][1])
        file.pipeline = Pipeline(file.index, encoder, max_question=sys.maxsize)  # checked before

    def ask(self, session: str, name: str, question: Question) -> FromFile | None:
        """Return what the session's file says, or that it is gone; None when it has none."""
        self.sweep()
        file = self._taken.get(session)
        if file is None or file.pipeline is None:
            return FromFile(name) if name else None
        try:
            return FromFile(
                file.name, file.pipeline.invoke(Question(question.text, recorded=False))
            )
        except RagError:  # it was removed in this moment
            return FromFile(file.name)

    def index_of(self, session: str) -> Index | None:
        """Return the index of a session's file, if it has one."""
        self.sweep()
        file = self._taken.get(session)
        return file.index if file else None

    def drop(self, session: str) -> None:
        """Remove the file of a session."""
        with self._guard:
            file = self._taken.pop(session, None)
        if file:
            file.remove()

    def sweep(self) -> None:
        """Remove every file whose time is over."""
        now = self._clock()
        with self._guard:
            over = [
                held.pop(key)
                for held in (self._waiting, self._taken)
                for key in [key for key, file in held.items() if file.until <= now]
            ]
        for each in over:
            each.remove()

    def _sweep_each(self, seconds: float) -> None:
        while not self._closed.wait(seconds):
            self.sweep()

    def close(self) -> None:
        """Remove all of them."""
        self._closed.set()
        self._sweeper.join()
        with self._guard:
            files = [*self._waiting.values(), *self._taken.values()]
            self._waiting.clear()
            self._taken.clear()
        for each in files:
            each.remove()
        shutil.rmtree(self._root, ignore_errors=True)


def safe_name(name: str) -> str:
    r"""Return the last part of a file's name, as a name that any system takes.

    >>> safe_name("../../etc/a\\b: <c>.txt"), safe_name(".txt"), safe_name("")
    ('b c.txt', 'file.txt', 'file')
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(each for each in last if each.isalnum() or each in " ._-()")
    stem, dot, suffix = " ".join(kept.split()).rpartition(".")
    if not dot:
        return _cut(suffix, LONGEST_NAME) or "file"
    return f"{_cut(stem.strip(' .'), LONGEST_NAME) or 'file'}.{_cut(suffix, LONGEST_SUFFIX)}"


def _cut(text: str, most: int) -> str:
    """Return as much of a text as fits into so many bytes, for so a file system counts."""
    return text.encode()[:most].decode(errors="ignore")
