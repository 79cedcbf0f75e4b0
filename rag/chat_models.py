"""How a language model is built from its name and asked: one loop, a deadline, named faults."""

import asyncio
import json
import logging
import os
import queue
import random
import re
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.exceptions import ModelConnectionError, ModelTimeoutError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from pydantic import ValidationError

from rag.errors import ChatModelError, SettingsError
from rag.types import Fault, Usage

BEAT_SECONDS = 0.2  # after so long without a word the reader of a stream gets a turn
BACKOFF_SECONDS = 0.5  # before the first repetition, doubled before each further one
LONGEST_WORD = 10  # characters of a token at most, to bound a reply that goes on and on
OVERHEAD_TOKENS = 1_500  # of a prompt beside its evidence
REPEATED: frozenset[Fault] = frozenset({"rate_limited", "server_error", "unreachable"})
OF_STATUS: dict[int, Fault] = {
    401: "unauthorized", 403: "unauthorized", 404: "unknown_model", 408: "timed_out",
    429: "rate_limited",
}  # fmt: skip
ANTHROPIC_KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
OF_KEY = re.compile(r"(?:api|access)[ _-]?(?:key|token)|credentials", re.IGNORECASE)
OF_LACK = re.compile(
    r"missing|must be set|required|not (?:be )?(?:found|set)|(?:did|could) not (?:find|load)"
    r"|provide\b|please (?:add|pass|set)",
    re.IGNORECASE,
)
ENDINGS = ("finish_reason", "done_reason", "stop_reason")  # how providers say why a reply ended
SAYS_ITS_END = frozenset({"openai", "ollama", "anthropic"})  # without fail
CUT = frozenset({"length", "max_tokens"})  # a reply that reached its limit

S = TypeVar("S")
T = TypeVar("T")

log = logging.getLogger(__name__)


def load_chat_model(
    name: str,
    *,
    base_url: str = "",
    retries: int = 0,
    max_tokens: int = 0,
    context_tokens: int = 0,
) -> BaseChatModel:
    """Return the chat model of a name such as `ollama:llama3.1`, without chance in its replies.

    `retries` are those of the provider's client, which know no time limit. Keys are taken from the
    environment variables of the provider alone.

    Raises:
        SettingsError: the name has no provider that LangChain knows.
        ChatModelError: the package of the provider is not installed, there is no key, or its client
            can not be set up as it is asked to.
    """
    from langchain.chat_models import init_chat_model  # slow to import, and not always needed

    provider, _, model = name.partition(":")
    arguments = {
        **_limits(provider, retries, max_tokens, context_tokens),
        **_address(provider, base_url),
    }
    if provider == "anthropic" and not (base_url or any(map(os.environ.get, ANTHROPIC_KEYS))):
        raise ChatModelError(name, "no_key")  # its client would ask without one
    try:
        found: BaseChatModel = init_chat_model(model, model_provider=provider, **arguments)
    except ImportError:
        raise ChatModelError(name, "no_package") from None
    except Exception as error:  # noqa: BLE001  # each provider says so in its own way
        if str(error).startswith("Unsupported provider"):
            raise SettingsError(
                f"the chat model {name!r} has no provider that LangChain knows; "
                "write provider:model, such as ollama:llama3.1"
            ) from None
        # Not the text of the error: providers put keys into it.
        log.warning("%s can not be set up: %s", name, type(error).__name__)
        raise ChatModelError(name, "no_key" if _lacks_key(error) else "misconfigured") from None
    return found


def _lacks_key(error: Exception) -> bool:
    """Tell whether a provider's client says that it was given no key."""
    told = str(error)
    if isinstance(error, ValidationError):  # whose text holds the names of all that it was given
        told = "; ".join(f"{each['loc']} {each['msg']}" for each in error.errors())
    return bool(OF_KEY.search(told) and OF_LACK.search(told))


def _limits(provider: str, retries: int, max_tokens: int, context_tokens: int) -> dict[str, Any]:
    """Return the arguments that bound a reply, without chance in it."""
    if provider != "ollama":
        limit = {"max_tokens": max_tokens} if max_tokens else {}
        return {"temperature": 0, "max_retries": retries, **limit}
    if not max_tokens:
        return {"temperature": 0}
    room = context_tokens + max_tokens + OVERHEAD_TOKENS  # it cuts silently what does not fit
    context = {"num_ctx": room} if context_tokens else {}
    return {"temperature": 0, "num_predict": max_tokens, **context}


def _address(provider: str, base_url: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {"stream_usage": True} if provider == "openai" else {}
    if base_url:
        arguments["base_url"] = base_url
    if base_url and provider == "openai" and not os.environ.get("OPENAI_API_KEY"):
        arguments["api_key"] = "none"  # servers of one's own often want none
    return arguments


class ChatModel:
    """A language model that many ask at once; `fault` says why it can not be asked at all."""

    def __init__(
        self,
        name: str,
        *,
        base_url: str = "",
        seconds: float = 60,
        retries: int = 2,
        max_tokens: int = 1_000,
        context_tokens: int = 4_000,
    ) -> None:
        self.name = name
        self.fault: Fault = ""
        self._seconds = seconds
        self._retries = retries
        self._most_characters = LONGEST_WORD * max_tokens
        self._model: BaseChatModel | None = None
        try:
            self._model = load_chat_model(
                name, base_url=base_url, max_tokens=max_tokens, context_tokens=context_tokens
            )
        except ChatModelError as error:
            log.warning("%s; answers are quoted", error)
            self.fault = error.fault

    def start(self, callbacks: BaseCallbackManager | None = None) -> "Asking":
        """Return what asks the model on behalf of one answer, from now to its time limit."""
        return Asking(self, time.monotonic() + self._seconds, callbacks)

    async def _say(
        self, messages: Sequence[BaseMessage], asking: "Asking", said: "queue.SimpleQueue[_Said]"
    ) -> None:
        """Put the pieces of a reply into a queue, and last what went wrong or None."""
        try:
            async with asyncio.timeout_at(asking.until):  # loops count the same seconds
                await self._repeat(messages, asking, said)
        except TimeoutError:
            said.put(ChatModelError(self.name, "timed_out"))
        except ChatModelError as error:
            said.put(error)
        else:
            said.put(None)

    async def _repeat(
        self, messages: Sequence[BaseMessage], asking: "Asking", said: "queue.SimpleQueue[_Said]"
    ) -> None:
        for attempt in range(self._retries + 1):
            reply = _Reply(said)
            try:
                await self._once(messages, asking, reply)
            except Exception as error:
                if isinstance(error, ChatModelError | TimeoutError):
                    raise
                fault = fault_of(error, started=reply.length > 0)
                wait = _wait(error, attempt)
                late = time.monotonic() + wait >= asking.until
                if late or fault not in REPEATED or attempt == self._retries:
                    # Not the text of the error: providers put keys and questions into it.
                    log.warning("%s failed: %s, %s", self.name, fault, type(error).__name__)
                    raise ChatModelError(self.name, fault) from None
                await asyncio.sleep(wait)
            else:
                return

    async def _once(
        self, messages: Sequence[BaseMessage], asking: "Asking", reply: "_Reply"
    ) -> None:
        if self._model is None:
            raise ChatModelError(self.name, self.fault)
        asking.usage.calls += 1
        config: Any = {"callbacks": asking.callbacks} if asking.callbacks else None
        chunks = self._model.astream(list(messages), config)
        try:
            async for chunk in chunks:
                asking.usage.add(chunk)
                reply.add(chunk)
                if reply.length > self._most_characters:
                    raise ChatModelError(self.name, "endless")
        finally:
            if hasattr(chunks, "aclose"):
                await chunks.aclose()
        if not reply.length:
            raise ChatModelError(self.name, "empty")
        if reply.ending in CUT:
            raise ChatModelError(self.name, "too_long")
        if not reply.ending and self.name.partition(":")[0] in SAYS_ITS_END:
            raise ChatModelError(self.name, "cut_off")


_Said = str | ChatModelError | None


@dataclass(slots=True)
class _Reply:
    """What of a reply has come: it goes on into a queue."""

    said: "queue.SimpleQueue[_Said]"
    length: int = 0
    ending: str = ""

    def add(self, chunk: BaseMessage) -> None:
        text = str(chunk.text)
        if text:
            self.length += len(text)
            self.said.put(text)
        for name in ENDINGS:
            self.ending = str(chunk.response_metadata.get(name) or self.ending)


@dataclass(slots=True)
class _Count:
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def add(self, chunk: BaseMessage) -> None:
        used = chunk.usage_metadata if isinstance(chunk, AIMessageChunk) else None
        if used:
            self.input_tokens += used["input_tokens"]
            self.output_tokens += used["output_tokens"]


@dataclass(slots=True)
class Asking:
    """Asks a model on behalf of one answer, within its time limit, and counts what that takes."""

    model: ChatModel
    until: float
    callbacks: BaseCallbackManager | None = None
    usage: _Count = field(default_factory=_Count)
    _started: float = field(default_factory=time.monotonic)

    def stream(self, messages: Sequence[BaseMessage]) -> Generator[str]:
        """Yield the pieces of a reply as they come, and an empty one whenever none has come.

        To close the iterator ends the call, on the side of the model too.

        Raises:
            ChatModelError: there is no reply, or it breaks off; what came before was yielded.
        """
        said: queue.SimpleQueue[_Said] = queue.SimpleQueue()
        call = asyncio.run_coroutine_threadsafe(self.model._say(messages, self, said), _loop())
        try:
            while (piece := self._next(said)) is not None:
                yield piece
        finally:
            call.cancel()

    def reply(self, messages: Sequence[BaseMessage]) -> Generator[None, None, str]:
        """Return a whole reply, and yield while it comes.

        Raises:
            ChatModelError: as `stream`.
        """
        pieces = []
        with closing(self.stream(messages)) as stream:
            for piece in stream:
                pieces.append(piece)
                yield
        return "".join(pieces)

    def taken(self, first_sentence: float | None = None) -> Usage:
        """Return what was used until now."""
        return Usage(
            self.usage.calls,
            self.usage.input_tokens,
            self.usage.output_tokens,
            self.seconds(),
            first_sentence,
        )

    def seconds(self) -> float:
        """Return how long ago it began."""
        return time.monotonic() - self._started

    def _next(self, said: "queue.SimpleQueue[_Said]") -> str | None:
        try:
            piece = said.get(timeout=BEAT_SECONDS)
        except queue.Empty:
            if time.monotonic() > self.until + 10 * BEAT_SECONDS:  # the loop itself hangs
                raise ChatModelError(self.model.name, "timed_out") from None
            return ""
        if isinstance(piece, ChatModelError):
            raise piece
        return piece


def waited(waiting: Generator[None, None, T], state: S) -> Generator[S, None, T]:
    """Return what a generator returns, and yield a state as often as it yields."""
    while True:
        try:
            next(waiting)
        except StopIteration as done:
            found: T = done.value
            return found
        yield state


def fault_of(error: BaseException, *, started: bool) -> Fault:
    """Return the name of what went wrong; `started` tells that a part of the reply had come.

    Providers raise errors of their own and of the HTTP library beneath, of which there are several.

    >>> fault_of(TimeoutError(), started=False), fault_of(ConnectionError(), started=True)
    ('timed_out', 'cut_off')
    """
    names = {each.__name__ for each in type(error).__mro__}
    status = getattr(error, "status_code", None)
    if isinstance(error, ModelTimeoutError | TimeoutError) or "TimeoutException" in names:
        return "timed_out"
    if isinstance(status, int) and status >= 400:
        return OF_STATUS.get(status, "server_error" if status >= 500 else "rejected")
    if isinstance(error, ModelConnectionError | OSError) or names & {"TransportError"}:
        return "cut_off" if started else "unreachable"
    if isinstance(error, json.JSONDecodeError | ValueError | LookupError | AttributeError):
        return "malformed"
    if isinstance(error, TypeError) and "authentication" in str(error):
        return "no_key"  # Anthropic's client looks for one only when it is needed
    return "server_error"


def _wait(error: BaseException, attempt: int) -> float:
    """Return the seconds to wait before a repetition: what the server says, or ever longer."""
    headers: dict[str, str] = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        spread = random.uniform(0.75, 1.25)  # noqa: S311  # no secret
        return float(BACKOFF_SECONDS * 2**attempt * spread)


_guard = threading.Lock()
_running: asyncio.AbstractEventLoop | None = None


def _loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of all calls: a client keeps to the loop that it was first used on."""
    global _running  # one a process
    with _guard:
        if _running is None:
            _running = asyncio.new_event_loop()
            threading.Thread(target=_running.run_forever, name="chat models", daemon=True).start()
        return _running
