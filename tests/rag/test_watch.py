"""What is counted, logged and traced of questions, and what is not."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from prometheus_client import CollectorRegistry

from rag.chat_models import ChatModel
from rag.errors import IndexMissingError, QuestionError
from rag.generate import Author
from rag.index import Index
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from rag.settings import Settings
from rag.verify import Verifier
from rag.watch import Watch, write_logs
from tests.conftest import Run

QUESTION = "Who takes part in the working lunch with Bendayan?"
SECRET = 'hunter2"é'  # noqa: S105  # of nothing


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def watched(index: Index, encoder: Encoder, watch: Watch) -> Pipeline:
    return Pipeline(index, encoder, watch=watch)


def counted(registry: CollectorRegistry) -> dict[str, float]:
    """Return how many questions there were of each status."""
    return {
        sample.labels["status"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "visit_desk_questions_total"
    }


def test_what_became_of_each_question_is_counted(watched: Pipeline, watch: Watch) -> None:
    watched.invoke(QUESTION)
    watched.invoke("Did anyone say fisheries would be discussed?")
    with pytest.raises(QuestionError):
        watched.invoke(" ")
    stream = watched.stream(QUESTION)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator
    assert counted(watch.registry) == {"answered": 1, "refused": 1, "invalid": 1, "stopped": 1}
    assert watch.registry.get_sample_value("visit_desk_questions_running") == 0


def test_each_stage_is_timed(watched: Pipeline, watch: Watch) -> None:
    answer = watched.invoke(QUESTION)
    for stage, milliseconds in answer.timings_ms:
        value = watch.registry.get_sample_value("visit_desk_stage_seconds_sum", {"stage": stage})
        assert value == pytest.approx(milliseconds / 1000)


def test_a_model_that_can_not_be_reached_is_counted_and_logged(
    index: Index, encoder: Encoder, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rag")
    model = ChatModel("openai:scripted", base_url="http://127.0.0.1:9/v1", retries=0)
    author = Author(model, Verifier(encoder))
    answer = Pipeline(index, encoder, watch=watch, author=author).invoke(QUESTION)
    assert answer.fault == "unreachable"
    faults = {"fault": "unreachable"}
    assert watch.registry.get_sample_value("visit_desk_model_faults_total", faults) == 1
    (line,) = [each for each in caplog.records if each.name == "rag.watch"]
    assert (vars(line)["facts"]["fault"], vars(line)["facts"]["calls"]) == ("unreachable", 1)


def test_what_nobody_asked_is_not_counted(watched: Pipeline, watch: Watch) -> None:
    watched.invoke(Question(QUESTION, recorded=False))
    assert counted(watch.registry) == {}


def test_a_question_that_fails_is_logged_without_its_text(
    tmp_path: Path, encoder: Encoder, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = tmp_path / QUESTION.replace("/", "")  # so that the error holds the question
    with pytest.raises(IndexMissingError, match="working lunch"):
        Pipeline(Index(nowhere, encoder.fingerprint), encoder, watch=watch).invoke(QUESTION)
    (record,) = [each for each in caplog.records if each.name == "rag.watch"]
    facts = vars(record)["facts"]
    assert (record.levelname, facts["error"]) == ("WARNING", "IndexMissingError")
    assert facts["reason"].startswith("there is no index in")
    assert "lunch" not in str(facts)
    assert counted(watch.registry) == {"failed": 1}


@pytest.mark.parametrize("wanted", [False, True])
def test_questions_are_logged_when_they_are_wanted(
    index: Index, encoder: Encoder, caplog: pytest.LogCaptureFixture, *, wanted: bool
) -> None:
    caplog.set_level(logging.INFO, "rag")
    long = "lunch " * 300
    watched = Pipeline(index, encoder, watch=Watch(questions=wanted))
    answer = watched.invoke(QUESTION)
    with pytest.raises(QuestionError):
        watched.invoke(long)
    answered, invalid = (vars(each)["facts"] for each in caplog.records)
    assert (answered["id"], answered["status"]) == (answer.id, "answered")
    assert (answered.get("question") == QUESTION) == wanted
    assert ("lunch" in str(invalid)) == wanted


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.usefixtures("logs_as_before")
def test_a_line_holds_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    monkeypatch.setenv("SOME_API_KEY", SECRET)
    write_logs(Settings(log_format=form))  # type: ignore[arg-type]  # as the environment has it
    try:
        int(SECRET)
    except ValueError:
        logging.getLogger("rag.x").exception(
            "at http://ana:pw@host/x with %s", SECRET, extra={"facts": {"given": SECRET}}
        )
    said = capsys.readouterr().err
    assert "hunter2" not in said
    assert "http://***@host/x with ***" in said
    assert "ValueError: invalid literal" in said


@pytest.mark.usefixtures("logs_as_before")
def test_lines_are_json_from_the_level_that_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    write_logs(Settings(log_format="json", log_level="info"))
    logging.getLogger("rag.x").info("two\nlines", extra={"facts": {"id": "a1", "n": 2}})
    logging.getLogger("rag.x").debug("too little")
    logging.getLogger("chromadb").info("of a library")
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert found.pop("at").endswith("+00:00")
    assert found == {
        "level": "info", "logger": "rag.x", "message": "two\nlines", "id": "a1", "n": 2,
    }  # fmt: skip


SPANS = """
import sys
from rag.settings import Settings
from rag.types import Answer
from rag.watch import open_watch
timings = (("retrieve", 20.0), ("extract", 10.0), ("total", 30.0))
with open_watch(Settings.read()).question() as seen:
    seen.answer = Answer("a1", "Who?", "Who?", "en", "answered", timings_ms=timings)
"""


class Collector(TraceServiceServicer):
    def __init__(self) -> None:
        self.spans: dict[str, Any] = {}

    def Export(self, request: Any, _: object) -> Any:  # noqa: N802  # its name in the protocol
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans.update({span.name: span for span in scope.spans})
        return ExportTraceServiceResponse()


@pytest.mark.parametrize("wanted", [False, True])
def test_spans_are_sent_only_when_they_are_wanted(run: Run, *, wanted: bool) -> None:
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(1))
    add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    done = run(
        "timeit", "-n1", "-r1", SPANS, VISIT_DESK_SPANS=str(wanted).lower(),
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", OTEL_TRACES_EXPORTER="otlp",
    )  # fmt: skip
    server.stop(None).wait()
    assert done.returncode == 0, done.stderr
    spans = collector.spans
    assert set(spans) == ({"question", "retrieve", "extract"} if wanted else set())
    if wanted:
        question, first, then = spans["question"], spans["retrieve"], spans["extract"]
        facts = {each.key: each.value.string_value for each in question.attributes}
        assert (facts["id"], facts["status"]) == ("a1", "answered")
        assert "question" not in facts
        assert first.parent_span_id == then.parent_span_id == question.span_id
        assert first.start_time_unix_nano == question.start_time_unix_nano
        assert first.end_time_unix_nano - first.start_time_unix_nano == 20_000_000
        assert then.start_time_unix_nano == first.end_time_unix_nano
