"""How much one user may ask of the server, so that there is enough for all."""

import json
import math
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.responses import JSONResponse

from ui.guard import Application, Message, Receive, Send
from ui.login import VISITOR, Visitor, body_of
from ui.rate import Clock, Rate
from ui.words import say

MINUTE = 60.0  # seconds
# Where programs ask over plain HTTP, each with what its body holds the question by.
CALLS = {"/gradio_api/call/ask": ("data", 0), "/gradio_api/call/v2/ask": ("question",)}


class LimitError(Exception):
    """Say why a question has to wait.

    Attributes:
        word: the key of what is said in the window.
        number: what is said in it.
    """

    def __init__(self, word: str, number: int) -> None:
        super().__init__(word, number)
        self.word = word
        self.number = number


@dataclass(slots=True)
class Limits:
    """What one user may do, and what all may do together.

    Attributes:
        question: characters.
        questions: of one user in a minute.
        pending: questions of one user that are being answered.
        notes: of one user in a minute; where nobody logs in, of all together.
        requests: of one user in a minute, whatever they are for, where users log in.
        answers: that are made at once.
        waiting: requests that wait for their turn; beyond, they are refused.
    """

    question: int = 1000
    questions: int = 20
    pending: int = 3
    notes: int = 10
    requests: int = 600
    answers: int = 8
    waiting: int = 64
    clock: Clock = time.monotonic
    _asked: Rate = field(init=False)
    _sent: Rate = field(init=False)
    _noted: Rate = field(init=False)
    _pending: dict[str, int] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._asked = Rate(self.questions, MINUTE, clock=self.clock)
        self._sent = Rate(self.requests, MINUTE, clock=self.clock)
        self._noted = Rate(self.notes, MINUTE, clock=self.clock)

    def sending(self, user: str) -> int:
        """Count a request of a user, and return how many seconds it comes too early."""
        return math.ceil(self._sent.wait(user))

    def noting(self, user: str) -> int:
        """Count a note of a user, and return how many seconds it comes too early."""
        return math.ceil(self._noted.wait(user))

    def check(self, who: str) -> None:
        """Tell whether a user may ask now.

        Raises:
            LimitError: too many questions of the user are being answered, or were asked of late.
        """
        if self._pending.get(who, 0) >= self.pending:
            raise LimitError("too_many", self.pending)
        if early := self._asked.early(who):
            raise LimitError("too_fast", math.ceil(early))

    @contextmanager
    def asking(self, who: str) -> Iterator[None]:
        """Count a question while it is being answered; those of nobody are not counted.

        Raises:
            LimitError: as `check`.
        """
        if not who:
            yield
            return
        with self._guard:
            self.check(who)
            self._asked.wait(who)
            self._pending[who] = self._pending.get(who, 0) + 1
        try:
            yield
        finally:
            with self._guard:
                self._pending[who] -= 1
                if not self._pending[who]:
                    del self._pending[who]


class Limited:
    """ASGI middleware: tells programs by status and in JSON what the window says in words."""

    def __init__(self, app: Application, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        who: Visitor | None = scope.get(VISITOR)
        if who is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body, again = await body_of(scope, receive)
        refusal = self._refusal(scope, who, body)
        await (refusal or self._app)(scope, again, send)

    def _refusal(self, scope: Message, who: Visitor, body: bytes) -> JSONResponse | None:
        early = self._limits.sending(who.user) if who.user else 0
        if early:
            return _later("too_fast", early)
        place = CALLS.get(scope["path"].rstrip("/"))  # Gradio answers with a slash too
        if place is None:
            return None
        if len(_question(body, place)) > self._limits.question:
            words = say("en", "too_long", n=self._limits.question)
            return JSONResponse({"error": words}, 400)
        try:
            self._limits.check(who.user)
        except LimitError as error:
            return _later(error.word, error.number)
        return None


def _later(word: str, number: int) -> JSONResponse:
    seconds = number if word == "too_fast" else 1
    words = say("en", word, n=number)
    return JSONResponse({"error": words}, 429, {"Retry-After": str(seconds)})


def _question(body: bytes, place: Iterable[str | int]) -> str:
    """Return the question that a program sends, empty where it sends something else."""
    try:
        sent = json.loads(body)
        for each in place:
            sent = sent[each]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return sent if isinstance(sent, str) else ""
