"""What machines of operators ask: whether this process can answer, and its metrics."""

import asyncio
import secrets
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Literal

from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rag.errors import RagError
from rag.pipeline import Pipeline

HEALTH_PATH, METRICS_PATH = "/health", "/metrics"
PATIENCE_SECONDS = 2.0  # that a probe waits for the index; a new one may take long to open
LEAST_FREE_BYTES = 100_000_000
NO_STORE = {"Cache-Control": "no-store"}
WITHOUT_TOKEN = {"error": "send the token of VISIT_DESK_OPERATOR_TOKEN as Authorization: Bearer"}


@dataclass(frozen=True, slots=True)
class State:
    """Whether questions can be answered, and from what.

    Attributes:
        status: degraded while answers come but something needs an operator; failed without them.
        outline: what that is, without a name, a place or a number.
        reason: the same with all of them.
        mode: how the next question would be answered.
        model: the language model that is set, whether it may write now or not.
    """

    status: Literal["ready", "degraded", "failed"]
    outline: str = ""
    reason: str = ""
    generation: str = ""
    documents: int = 0
    chunks: int = 0
    sentences: int = 0
    mode: str = "extractive"
    model: str = ""

    def told(self, *, whole: bool) -> dict[str, object]:
        """Return what the operator is told, or what anybody may be."""
        if not whole:
            return {"status": self.status, "reason": self.outline}
        return {name: value for name, value in asdict(self).items() if name != "outline"}


class Health:
    """Looks at the index in a thread of its own, so that busy questions never delay a probe."""

    def __init__(
        self, pipeline: Pipeline, waiting: Callable[[], int], *, token: str | None
    ) -> None:
        """Begin to look; `waiting` tells how many questions have not begun to be answered.

        Only who sends the token is told more than a status; without one (empty) nobody is, and
        where it is None everybody.
        """
        self._pipeline = pipeline
        self._token = token
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="health")
        unknown = "the index was not looked at yet"
        self._last = State("degraded", unknown, unknown)
        self._looking: asyncio.Future[State] | None = None
        registry = pipeline.watch.registry
        self._ready = Gauge(
            "visit_desk_ready", "1 while questions can be answered", registry=registry
        )
        self._held = Gauge(
            "visit_desk_index", "What the index holds, by kind", ["kind"], registry=registry
        )
        self._info = Gauge(
            "visit_desk_index_info",
            "1 for the generation that answers, with the mode and model of the next question",
            ["generation", "mode", "model"],
            registry=registry,
        )
        waits = Gauge("visit_desk_questions_waiting", "Questions in the queue", registry=registry)
        waits.set_function(waiting)

    def routes(self, *, metrics: bool) -> list[Route]:
        """Return where health is asked, and metrics too when they are wanted."""
        health = Route(HEALTH_PATH, self._tell)
        return [health, Route(METRICS_PATH, self._measure)] if metrics else [health]

    async def _tell(self, request: Request) -> Response:
        state = await self._state()
        told = state.told(whole=self._is_operators(request))
        return JSONResponse(told, 503 if state.status == "failed" else 200, NO_STORE)

    def _is_operators(self, request: Request) -> bool:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        wanted = self._token
        return wanted is None or (
            wanted != ""
            and kind.lower() == "bearer"
            and secrets.compare_digest(given.strip().encode(), wanted.encode())
        )

    async def _measure(self, request: Request) -> Response:
        if not self._is_operators(request):
            return JSONResponse(WITHOUT_TOKEN, 401, {**NO_STORE, "WWW-Authenticate": "Bearer"})
        state = await self._state()
        self._ready.set(state.status != "failed")
        for kind in ("documents", "chunks", "sentences"):
            self._held.labels(kind).set(getattr(state, kind))
        self._info.clear()
        self._info.labels(state.generation, state.mode, state.model).set(1)
        metrics = generate_latest(self._pipeline.watch.registry)
        return Response(metrics, headers=NO_STORE, media_type=CONTENT_TYPE_LATEST)

    async def _state(self) -> State:
        """Return the state now, or the last one known when the index keeps it waiting."""
        if self._looking is None or self._looking.done():
            loop = asyncio.get_running_loop()
            self._looking = loop.run_in_executor(self._thread, look, self._pipeline)
        done, _ = await asyncio.wait([self._looking], timeout=PATIENCE_SECONDS)
        if done:
            self._last = self._looking.result()
            return self._last
        if self._last.status == "failed":
            return self._last
        waited = f"the index has not opened within {PATIENCE_SECONDS:g} s; this is what was known"
        return replace(
            self._last, status="degraded", outline="the index is being opened", reason=waited
        )


def look(pipeline: Pipeline) -> State:
    """Return whether the pipeline can answer, without asking it anything."""
    try:
        with pipeline.index.reading() as generation:
            held = generation.summary()
    except RagError as error:
        return State("failed", "the index can not be used", str(error))
    model, fault = pipeline.writing()
    empty = "the index holds no documents"
    outline, reason = _worry(pipeline, fault) if held.documents else (empty, empty)
    return State(
        "degraded" if reason else "ready",
        outline,
        reason,
        generation=held.generation,
        documents=held.documents,
        chunks=held.chunks,
        sentences=held.sentences,
        mode="generative" if model and not fault else "extractive",
        model=model,
    )


def _worry(pipeline: Pipeline, fault: str) -> tuple[str, str]:
    """Return what an operator should see to although answers come, in outline and as it is."""
    if pipeline.watch.unrecorded:
        outline = "the last answer could not be recorded"
        return outline, f"{outline}: {pipeline.watch.unrecorded}"
    free = shutil.disk_usage(pipeline.index.directory).free
    if free < LEAST_FREE_BYTES:
        reason = f"the disk of the index has {free // 1_000_000} MB left; make room"
        return "the disk of the index is nearly full", reason
    if fault:
        outline = f"the language model writes nothing: {fault}"
        return outline, f"{outline} (see docs/generating.md)"
    return "", ""
