"""What operators' machines are told of a running process."""

import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from rag.chat_models import ChatModel
from rag.generate import Author
from rag.index import Index
from rag.models import Encoder
from rag.pipeline import Pipeline, switch
from rag.records import place
from rag.verify import Verifier
from ui import health
from ui.health import Health, look

BUSY = 40
TOKEN = "not-for-everybody"  # noqa: S105  # of nobody


@pytest.fixture
def pipeline(own_index: Path, encoder: Encoder) -> Pipeline:
    records = own_index / "records" / "answers.jsonl"
    return Pipeline(Index(own_index, encoder.fingerprint), encoder, record_to=records)


@pytest.fixture
async def client(pipeline: Pipeline) -> AsyncIterator[httpx.AsyncClient]:
    async with served(pipeline, token=None) as opened:
        yield opened


def served(pipeline: Pipeline, *, token: str | None) -> httpx.AsyncClient:
    health = Health(pipeline, waiting=lambda: 7, token=token)
    transport = httpx.ASGITransport(app=Starlette(routes=health.routes(metrics=True)))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def test_ready_with_what_the_index_holds(
    client: httpx.AsyncClient, pipeline: Pipeline
) -> None:
    response = await client.get("/health")
    with pipeline.index.reading() as generation:
        held = generation.summary()
    assert (response.status_code, response.json()) == (200, {
        "status": "ready", "reason": "", "generation": held.generation, "documents": 14,
        "chunks": held.chunks, "sentences": held.sentences, "mode": "extractive", "model": "",
    })  # fmt: skip


async def test_failed_while_there_is_no_index_and_ready_when_it_is_back(
    client: httpx.AsyncClient, own_index: Path
) -> None:
    (own_index / "CURRENT").rename(own_index / "away")
    response = await client.get("/health")
    assert (response.status_code, response.json()["status"]) == (503, "failed")
    assert response.json()["reason"].startswith("there is no index in")
    assert "visit_desk_ready 0.0" in (await client.get("/metrics")).text
    (own_index / "away").rename(own_index / "CURRENT")
    assert (await client.get("/health")).json()["status"] == "ready"


async def test_failed_when_the_index_is_damaged(client: httpx.AsyncClient, own_index: Path) -> None:
    for each in own_index.glob("generations/*/truth.sqlite"):
        each.write_bytes(b"no database")
    response = await client.get("/health")
    assert (response.status_code, response.json()["status"]) == (503, "failed")
    assert "python -m ingest --check" in response.json()["reason"]


@pytest.fixture(params=["", TOKEN])
async def outside(request: Any, pipeline: Pipeline) -> AsyncIterator[httpx.AsyncClient]:
    """Return what asks a chat that users log in at, with and without a token of its operator."""
    async with served(pipeline, token=request.param) as opened:
        yield opened


def break_index(pipeline: Pipeline, _: pytest.MonkeyPatch) -> None:
    (pipeline.index.directory / "CURRENT").unlink()


def fill_disk(_: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 10**18)


def lose_records(pipeline: Pipeline, _: pytest.MonkeyPatch) -> None:
    shutil.rmtree(pipeline.index.directory / "records", ignore_errors=True)
    (pipeline.index.directory / "records").write_text("a file where the directory should be")
    pipeline.invoke("Who is Rachel Bendayan?")


@pytest.mark.parametrize(
    ("trouble", "code", "status"),
    [(None, 200, "ready"), (break_index, 503, "failed"), (fill_disk, 200, "degraded"),
     (lose_records, 200, "degraded")],
)  # fmt: skip
async def test_a_probe_is_told_a_status_without_a_place_or_a_number(
    outside: httpx.AsyncClient,
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[Pipeline, pytest.MonkeyPatch], None] | None,
    code: int,
    status: str,
) -> None:
    if trouble:
        trouble(pipeline, monkeypatch)
    for sent in ("", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \u00e9"):
        headers = {"authorization": sent.encode()}
        reply = await outside.get("/health", headers=headers)
        assert (reply.status_code, reply.json()["status"]) == (code, status)
        assert reply.json().keys() == {"status", "reason"}
        assert re.search(r"[/\d]", reply.json()["reason"]) is None
        assert bool(reply.json()["reason"]) == (trouble is not None)
        assert (await outside.get("/metrics", headers=headers)).status_code == 401


async def test_the_token_of_the_operator_opens_all(pipeline: Pipeline) -> None:
    async with served(pipeline, token=TOKEN) as opened:
        opened.headers["authorization"] = f"bearer {TOKEN}"
        assert (await opened.get("/health")).json()["documents"] == 14
        assert 'visit_desk_index{kind="documents"} 14.0' in (await opened.get("/metrics")).text


async def test_degraded_when_answers_are_not_recorded(
    client: httpx.AsyncClient, pipeline: Pipeline, own_index: Path
) -> None:
    shutil.rmtree(own_index / "records", ignore_errors=True)
    (own_index / "records").write_text("a file where the directory should be")
    pipeline.invoke("Who is Rachel Bendayan?")
    response = await client.get("/health")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["reason"].startswith("the last answer could not be recorded: ")
    (own_index / "records").unlink()
    pipeline.invoke("Who is Rachel Bendayan?")
    assert (await client.get("/health")).json()["status"] == "ready"


async def test_degraded_when_the_disk_is_full(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 10**18)
    response = await client.get("/health")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert "MB left; make room" in response.json()["reason"]


def test_tells_the_model_and_whether_it_may_write(own_index: Path, encoder: Encoder) -> None:
    model = ChatModel("openai:scripted", base_url="http://127.0.0.1:9/v1")  # asked nothing here
    author = Author(model, Verifier(encoder))
    pipeline = Pipeline(Index(own_index, encoder.fingerprint), encoder, author=author)
    state = look(pipeline)
    assert (state.status, state.mode, state.model) == ("ready", "generative", "openai:scripted")
    switch(own_index, on=False)
    state = look(pipeline)
    assert (state.status, state.mode, state.model) == ("degraded", "extractive", "openai:scripted")
    assert state.reason.startswith("the language model writes nothing: switched_off")
    switch(own_index, on=True)
    assert look(pipeline).status == "ready"


async def test_says_what_was_known_while_the_index_is_being_opened(
    client: httpx.AsyncClient, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (await client.get("/health")).json()
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.05)
    with pipeline.index._guard:  # as a thread has it that opens a new generation
        response = await client.get("/health")
    assert response.status_code == 200
    assert {**response.json(), "status": "ready", "reason": ""} == before
    assert response.json()["reason"].startswith("the index has not opened within 0.05 s")
    monkeypatch.undo()
    assert (await client.get("/health")).json() == before


async def test_metrics_tell_what_waits_and_what_the_index_holds(
    client: httpx.AsyncClient, pipeline: Pipeline
) -> None:
    pipeline.invoke("Who is Rachel Bendayan?")
    text = (await client.get("/metrics")).text
    with pipeline.index.reading() as generation:
        name = generation.name
    assert {
        "visit_desk_questions_waiting 7.0",
        'visit_desk_index{kind="documents"} 14.0',
        f'visit_desk_index_info{{generation="{name}",mode="extractive",model=""}} 1.0',
        'visit_desk_questions_total{mode="extractive",status="answered"} 1.0',
        'visit_desk_stage_seconds_count{stage="total"} 1.0',
    } <= set(text.splitlines())


def test_metrics_are_served_only_when_they_are_wanted(pipeline: Pipeline) -> None:
    routes = Health(pipeline, waiting=lambda: 0, token=None).routes(metrics=False)
    assert [route.path for route in routes] == ["/health"]


def test_probes_are_answered_while_the_queue_is_full(
    running: Any, ask_it: Callable[[str], dict[str, Any] | int]
) -> None:
    """More questions than the queue takes, and probes among them."""
    with ThreadPoolExecutor(BUSY) as pool:
        asked = [pool.submit(ask_it, f"Who is at lunch {number}?") for number in range(3 * BUSY)]
        probes = [httpx.get(f"{running.url}/health", timeout=60) for _ in range(20)]
        replies = [each.result() for each in asked]
    assert {probe.status_code for probe in probes} == {200}
    assert any(isinstance(reply, dict) for reply in replies)
    assert httpx.get(f"{running.url}/health").json()["status"] == "ready"


def test_the_log_of_the_window_tells_answers_apart_and_not_what_was_asked(
    running: Any, ask_it: Callable[[str], dict[str, Any] | int]
) -> None:
    answer = ask_it("Who brings zinnias to the working lunch?")
    assert isinstance(answer, dict)
    text = running.log.read_text(encoding="utf-8")
    ours = (line for line in text.splitlines() if line.startswith("{"))  # others are Gradio's
    (line,) = [each for each in map(json.loads, ours) if each.get("id") == answer["id"]]
    assert (line["status"], line["mode"]) == (answer["status"], "extractive")
    assert "zinnias" not in text
    assert "visit_desk_questions_total" in httpx.get(f"{running.url}/metrics").text


def test_the_window_forgets_what_is_too_old_when_it_starts(
    running: Any, dossier: Path, ask_it: Callable[[str], dict[str, Any] | int]
) -> None:
    answer = ask_it("Who takes part in the working lunch?")
    assert isinstance(answer, dict)
    text = place(dossier).read_text(encoding="utf-8")
    assert answer["id"] in text
    assert str(running.log) not in text  # the id of an old record that was there before


@pytest.fixture
def ask_it(running: Any) -> Callable[[str], dict[str, Any] | int]:
    """Return a function that asks over plain HTTP; it returns the answer or the status code."""

    def asked(question: str) -> dict[str, Any] | int:
        url = f"{running.url}/gradio_api/call/v2/ask"
        begun = httpx.post(url, json={"question": question}, timeout=60)
        if begun.status_code != httpx.codes.OK:
            return begun.status_code
        text = httpx.get(f"{url}/{begun.json()['event_id']}", timeout=60).text
        data = text.rpartition("data: ")[2]
        return dict(json.loads(data)[0]) if "event: complete" in text else 0

    return asked
