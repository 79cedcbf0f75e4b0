"""What operators see of questions: log lines, metrics, spans; no secrets, no text unless wanted."""

import contextlib
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pydantic import SecretStr

from rag.errors import QuestionError
from rag.settings import Settings
from rag.types import Answer

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

OURS = ("app", "rag", "ingest", "ui")  # whose lines below a warning are wanted
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SHORTEST_SECRET = 6  # characters; a shorter one would be found in ordinary words
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+@")  # user:password@ of a URL

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Seen:
    """How far a question that is watched has come: the last state of its answer."""

    answer: Answer | None = None


class Watch:
    """Counts and times the questions of a process and logs what became of each.

    Attributes:
        registry: the metrics, as Prometheus reads them.
        unrecorded: why the last answer could not be recorded; empty when it was.
    """

    def __init__(self, *, questions: bool = False, tracer: "Tracer | None" = None) -> None:
        """Begin to watch; `questions` lets what was asked into log lines and spans."""
        self.registry = CollectorRegistry()
        self.unrecorded = ""
        self._questions = questions
        self._tracer = tracer
        self._asked = Counter(
            "visit_desk_questions",
            "Questions by what became of them and how they were answered",
            ["status", "mode"],
            registry=self.registry,
        )
        self._faults = Counter(
            "visit_desk_model_faults",
            "Answers that a language model did not write, or not to its end, by reason",
            ["fault"],
            registry=self.registry,
        )
        self._tokens = Counter(
            "visit_desk_model_tokens",
            "Tokens that language models read (input) and wrote (output), as they count them",
            ["kind"],
            registry=self.registry,
        )
        self._running = Gauge(
            "visit_desk_questions_running",
            "Questions being answered just now",
            registry=self.registry,
        )
        self._seconds = Histogram(
            "visit_desk_stage_seconds",
            "Time that each stage of an answer took, and all of them (total)",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )

    @contextlib.contextmanager
    def question(self) -> Iterator[Seen]:
        """Watch one question until the block ends, however it does."""
        seen, started = Seen(), time.time_ns()
        error: BaseException | None = None
        self._running.inc()
        try:
            yield seen
        except BaseException as problem:
            error = problem
            raise
        finally:
            self._running.dec()
            self._ended(seen.answer, error, started)

    def _ended(self, answer: Answer | None, error: BaseException | None, started: int) -> None:
        status = _status(answer, error)
        self._asked.labels(status, answer.mode if answer else "").inc()
        for stage, milliseconds in answer.timings_ms if answer else ():
            self._seconds.labels(stage).observe(milliseconds / 1000)
        if answer and answer.fault:
            self._faults.labels(answer.fault).inc()
        if answer and answer.usage:
            self._tokens.labels("input").inc(answer.usage.input_tokens)
            self._tokens.labels("output").inc(answer.usage.output_tokens)
        facts = {"status": status, **(self._facts(answer) if answer else {})}
        if error is not None and status != "stopped":
            facts |= {"error": type(error).__name__, "reason": self._reason(answer, error)}
        level = logging.WARNING if status == "failed" else logging.INFO
        log.log(level, "question %s", status, extra={"facts": facts})
        if self._tracer and answer:
            _trace(self._tracer, answer, facts, started)

    def _facts(self, answer: Answer) -> dict[str, Any]:
        total = dict(answer.timings_ms).get("total")
        return {
            "id": answer.id,
            "mode": answer.mode,
            "model": answer.model,
            "language": answer.language,
            "citations": len(answer.citations),
            "dropped": answer.dropped,
            "fault": answer.fault,
            **({"calls": answer.usage.calls} if answer.usage else {}),
            **({"milliseconds": round(total, 1)} if total is not None else {}),
            **({"question": answer.question} if self._questions else {}),
        }

    def _reason(self, answer: Answer | None, error: BaseException) -> str:
        """Return what an error says, without what was asked unless that is wanted."""
        if self._questions:
            return str(error)
        if isinstance(error, QuestionError):
            return "it can not be asked"
        asked = (answer.question, answer.searched_for) if answer else ()
        return _without(str(error), filter(None, asked))


def _status(answer: Answer | None, error: BaseException | None) -> str:
    if answer and answer.status != "searching":
        return answer.status
    if isinstance(error, QuestionError):
        return "invalid"
    return "stopped" if error is None or isinstance(error, GeneratorExit) else "failed"


def _trace(tracer: "Tracer", answer: Answer, facts: dict[str, Any], started: int) -> None:
    """Make a span of a question that is over, with one inside it for each stage."""
    from opentelemetry import trace

    whole = tracer.start_span("question", start_time=started, attributes=facts)
    inside, at = trace.set_span_in_context(whole), started
    for stage, milliseconds in answer.timings_ms:
        if stage != "total":
            span = tracer.start_span(stage, context=inside, start_time=at)
            at += int(milliseconds * 1e6)
            span.end(at)
    whole.end(max(at, time.time_ns()))


def open_watch(settings: Settings) -> Watch:
    """Return the watch that the settings describe.

    Spans go where OpenTelemetry's own variables say, such as OTEL_EXPORTER_OTLP_ENDPOINT.
    """
    return Watch(questions=settings.log_questions, tracer=_tracer() if settings.spans else None)


def _tracer() -> "Tracer":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "visit-desk"}
    provider = TracerProvider(resource=Resource.create(named))  # sends what is left at exit
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("visit-desk")


def write_logs(settings: Settings) -> None:
    """Write the log lines of this process to its standard error, as the settings want them."""
    handler = logging.StreamHandler()
    secrets = tuple(_secrets(settings))
    handler.setFormatter(_Lines(secrets, as_json=settings.log_format == "json"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(settings.log_level.upper())


def take_over(*names: str) -> None:
    """Write the lines of libraries that have handlers of their own like all others."""
    for name in names:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True


class _Lines(logging.Formatter):
    """Makes one line of a log record: as JSON, or for a person."""

    def __init__(self, secrets: Iterable[str], *, as_json: bool) -> None:
        super().__init__()
        self._secrets = tuple(secrets)
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        facts = getattr(record, "facts", {})
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        line["message"] = record.getMessage()
        if record.exc_info:
            facts = {**facts, "trace": self.formatException(record.exc_info)}
        if self._as_json:
            text = json.dumps({**line, **facts}, ensure_ascii=False, default=str)
        else:
            told = " ".join(f"{name}={value}" for name, value in facts.items() if value != "")
            text = " ".join([at, line["level"], record.name, line["message"], told]).strip()
        return _IN_ADDRESS.sub("***@", _without(text, self._secrets))


def _without(text: str, parts: Iterable[str]) -> str:
    for part in parts:
        text = text.replace(part, "***")
    return text


def _secrets(settings: Settings) -> Iterator[str]:
    """Yield the values that nobody should read, as they are and as JSON has them."""
    found = {value for name, value in os.environ.items() if _SECRET_NAME.search(name)}
    values = (getattr(settings, name) for name in type(settings).model_fields)
    found |= {each.get_secret_value() for each in values if isinstance(each, SecretStr)}
    for each in sorted(found, key=len, reverse=True):
        if len(each) >= SHORTEST_SECRET:
            yield each
            yield json.dumps(each, ensure_ascii=False)[1:-1]
