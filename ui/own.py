"""Files that readers ask besides the dossier: one a session, in an index of its own, never kept."""

import re
import secrets
import shutil
import sys
import tempfile
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

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

SECONDS = 3600.0  # that a file is kept at most
WAITING_SECONDS = 300.0  # that a file may wait to be taken by its session
MOST = 32  # files at once, those that wait included
MOST_OF_ONE = 4  # of one user who logged in
LONGEST_NAME = 80  # characters

Clock = Callable[[], float]


class NotTakenError(Exception):
    """Say why a file can not be asked."""


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
    ) -> None:
        self._encoder = encoder
        self._most_bytes = most_bytes
        self._clock = clock
        self._guard = threading.Lock()
        self._root = Path(tempfile.mkdtemp(prefix="visit-desk-"))
        self._waiting: dict[str, _File] = {}
        self._taken: dict[str, _File] = {}

    def route(self) -> Route:
        """Return where the page sends a file; the reply is a word to take it with."""

        async def receive(request: Request) -> Response:
            data = await request.body()
            who: Visitor = request.scope[VISITOR]
            try:
                word = self.put(request.query_params.get("name", ""), data, who.user)
                return JSONResponse({"word": word})
            except NotTakenError as error:
                return JSONResponse({"reason": str(error)}, 400)

        return Route(FILE_PATH, receive, methods=["POST"])

    def put(self, name: str, data: bytes, owner: str = "") -> str:
        """Keep a file until a session takes it, and return the word to take it with.

        Raises:
            NotTakenError: no format that is read, too large, or too many are kept, of all or of
                the user who sends it.
        """
        from ingest.load import READERS  # what it imports is slow, and few bring a file

        self.sweep()
        safe = safe_name(name)
        if PurePosixPath(safe).suffix.lower() not in READERS:
            raise NotTakenError(f"{safe!r} is of no format that is read")
        if len(data) > self._most_bytes:
            raise NotTakenError(f"it is larger than {self._most_bytes // 1_000_000} MB")
        with self._guard:
            kept = [*self._waiting.values(), *self._taken.values()]
            own = [each for each in kept if owner and each.owner == owner]
            if len(kept) >= MOST or len(own) >= MOST_OF_ONE:
                raise NotTakenError("too many files are kept just now; try again later")
            word = secrets.token_urlsafe(24)
            folder = self._root / secrets.token_hex(8)
            (folder / "file").mkdir(parents=True)
            (folder / "file" / safe).write_bytes(data)
            self._waiting[word] = _File(safe, folder, self._clock() + WAITING_SECONDS, owner)
        return word

    def take(self, session: str, word: object) -> str:
        """Read a file that waits, so that a session can ask it, and return its name.

        Raises:
            NotTakenError: there is no such file, or it can not be read.
        """
        from ingest.sync import sync  # as above

        self.drop(session)
        with self._guard:
            file = self._waiting.pop(str(word), None)
        if file is None:
            raise NotTakenError("it did not arrive; choose it again")
        try:
            encoder = self._encoder()
            file.index = Index(file.folder / "index", encoder.fingerprint)
            report = sync(file.index, encoder, [file.folder / "file"])
        except RagError as error:
            file.remove()
            raise NotTakenError(str(error)) from error
        if not report.added:
            file.remove()
            raise NotTakenError(report.refused[0][1] if report.refused else "it holds no text")
        file.pipeline = Pipeline(file.index, encoder, max_question=sys.maxsize)  # checked before
        file.until = self._clock() + SECONDS
        with self._guard:
            self._taken[session] = file
        return file.name

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

    def close(self) -> None:
        """Remove all of them."""
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
    whole = (stem.strip(" .")[:LONGEST_NAME] or "file") + dot + suffix[:8] if dot else suffix
    return whole[: LONGEST_NAME + 9] or "file"
