import json
import re
from asyncio import Queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.state_holder import StateHolder

from rag.access import OPERATOR
from rag.errors import IndexMissingError
from rag.models import Encoder
from rag.pipeline import Pipeline
from rag.records import MOST_DRAFTS
from rag.types import Answer, Filter
from ui import parts
from ui.api import answer_as_json
from ui.chat import CLOSED, build, forget_closed
from ui.desk import EXAMPLES, Chosen, Desk, command, examples
from ui.inert import inert, told
from ui.limits import Limits
from ui.login import Visitor
from ui.own import OwnFiles
from ui.talk import Exchange

OPERATING = Visitor(OPERATOR)


@pytest.fixture
def files(encoder: Encoder) -> Iterator[OwnFiles]:
    opened = OwnFiles(lambda: encoder)
    yield opened
    opened.close()


def test_the_status_line_counts_the_documents(pipeline: Pipeline) -> None:
    assert parts.status(pipeline.index, ("", "")).startswith(
        "<p>14 documents&#44; dated September 18"
    )
    assert parts.status(pipeline.index, ("", ""), "fr").startswith(
        "<p>14 documents&#44; en date du 18"
    )


def test_the_status_line_says_how_answers_are_made(pipeline: Pipeline) -> None:
    assert "no language model" in parts.status(pipeline.index, ("", ""))


def test_the_status_line_says_when_there_is_no_index(caplog: pytest.LogCaptureFixture) -> None:
    @contextmanager
    def reading() -> Iterator[None]:
        raise IndexMissingError("there is no index in '/srv/x'; run python -m ingest PATH")
        yield

    missing = SimpleNamespace(reading=reading)
    shown = parts.status(missing, ("", ""), "fr")
    assert told("fr", "dossier_missing") in shown
    assert "ingest" not in shown
    assert "run python -m ingest PATH" in caplog.text
    assert "<form" not in parts.tools(missing, "en")


@pytest.mark.parametrize(
    ("language", "days", "words"),
    [
        pytest.param("en", 90, "The server also records each question, its answer and", id="en"),
        pytest.param("fr", 90, "pendant 90 jours.", id="fr"),
        pytest.param("es", 0, "sin límite de tiempo.", id="es-for-ever"),
        pytest.param("en", None, "The server keeps no record of questions", id="en-not"),
    ],
)
def test_beside_the_earlier_conversations_stands_what_the_server_records(
    language: str, days: int | None, words: str
) -> None:
    assert inert(words) in parts.top(language, OPERATING, days)


def test_only_ask_and_documents_are_public_endpoints(pipeline: Pipeline, files: OwnFiles) -> None:
    handlers = build(pipeline, files).config["dependencies"]
    public = [each["api_name"] for each in handlers if each["api_visibility"] != "private"]
    assert [each for each in public if each] == ["ask", "documents"]


def test_no_handler_takes_a_file(pipeline: Pipeline, files: OwnFiles) -> None:
    config = build(pipeline, files).config
    types = {each["id"]: each["type"] for each in config["components"]}
    taken = {types[each] for handler in config["dependencies"] for each in handler["inputs"]}
    assert taken == {"textbox", "state", "api"}


@pytest.mark.parametrize("language", ["en", "fr", "es"])
def test_examples_are_answered_and_those_of_the_language_come_first(
    pipeline: Pipeline, language: str
) -> None:
    found = examples(pipeline, language, OPERATOR)
    assert found[0] in EXAMPLES[language]
    assert {pipeline.invoke(each).status for each in found} == {"answered"}


def test_a_note_becomes_a_draft_of_a_case(
    pipeline: Pipeline, files: OwnFiles, tmp_path: Path
) -> None:
    session = (Exchange(Answer("1", "Who?", "Who?", "en", "refused")),)
    desk = Desk(pipeline, files, inbox=tmp_path / "inbox")
    assert desk.note(session, 0, "x" * 1500, OPERATING) == "bad"
    (draft,) = (tmp_path / "inbox").iterdir()
    assert json.loads(draft.read_text(encoding="utf-8"))["note"] == "x" * 1000


def test_a_note_that_can_not_be_kept_is_said_to_be_lost(
    pipeline: Pipeline, files: OwnFiles, tmp_path: Path
) -> None:
    session = (Exchange(Answer("1", "Who?", "Who?", "en", "refused")),)
    (tmp_path / "inbox").write_text("no folder", encoding="utf-8")
    desk = Desk(pipeline, files, inbox=tmp_path / "inbox")
    assert desk.note(session, 0, "x", OPERATING) == "lost"
    assert Desk(pipeline, files).note(session, 0, "x", OPERATING) == "lost"


def test_notes_are_so_many_a_minute_of_a_user_and_of_an_answer_that_is_not_too_long(
    pipeline: Pipeline, files: OwnFiles, tmp_path: Path
) -> None:
    said = Answer("1", "Who?", "Who?", "en", "refused")
    session = (Exchange(said), Exchange(replace(said, text="x" * 400_000)))
    desk = Desk(pipeline, files, tmp_path, Limits(notes=2))
    votes = [desk.note(session, number, "x", OPERATING) for number in (0, 1, 0)]
    assert votes == ["bad", "long", "early"]
    assert desk.note(session, 0, "x", replace(OPERATING, user="ana")) == "bad"
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 5000


def test_notes_that_nobody_goes_through_are_kept_to_a_number(
    pipeline: Pipeline, files: OwnFiles, tmp_path: Path
) -> None:
    session = (Exchange(Answer("1", "Who?", "Who?", "en", "refused")),)
    for number in range(MOST_DRAFTS):
        (tmp_path / f"{number}.jsonl").touch()
    desk = Desk(pipeline, files, inbox=tmp_path)
    assert desk.note(session, 0, "x", OPERATING) == "full"
    (tmp_path / "0.jsonl").unlink()
    assert desk.note(session, 0, "x", OPERATING) == "bad"


def test_chosen_documents_are_said_by_their_titles(pipeline: Pipeline, files: OwnFiles) -> None:
    sent = {"documents": ["10-timeline.md"], "languages": ["es"], "first": "2025-01-02", "last": ""}
    chosen = Desk(pipeline, files).choose(sent, Chosen(language="fr"), OPERATING)
    assert chosen.where == Filter(
        documents=frozenset(["10-timeline.md"]), languages=frozenset(["es"]), first=date(2025, 1, 2)
    )
    assert re.fullmatch("Timeline of .* · espagnol · Du 2 janvier 2025", chosen.words)


def test_a_command_holds_no_markup_and_is_never_the_same_twice() -> None:
    first, second = (command("copy", text="<script>") for _ in range(2))
    assert "<" not in first
    assert json.loads(first)["text"] == "<script>"
    assert first != second


def test_a_program_gets_the_answer_of_the_records(pipeline: Pipeline, files: OwnFiles) -> None:
    history = [{"question": "Which ministers went to Mexico in August?"}]
    given = answer_as_json(Desk(pipeline, files), OPERATING, "And who else?", history)
    assert given["status"] == "answered"
    assert given["searched_for"] != given["question"]


@pytest.mark.parametrize(
    ("question", "history", "message"),
    [
        pytest.param("", None, "the question is empty", id="empty"),
        pytest.param("x" * 1001, None, "1,001 characters", id="long"),
        pytest.param(None, None, "must be a text", id="no-text"),
        pytest.param("x", "y", "must be a list", id="no-list"),
        pytest.param("x", [{"answer": "y"}], "must be a list", id="no-question"),
        pytest.param("x", [{"question": "x" * 1001}], "too long", id="long-history"),
    ],
)
def test_a_program_is_told_what_is_wrong(
    pipeline: Pipeline, files: OwnFiles, question: object, history: object, message: str
) -> None:
    with pytest.raises(gr.Error, match=message):
        answer_as_json(Desk(pipeline, files), OPERATING, question, history)


def test_only_a_page_that_was_closed_long_ago_is_forgotten(
    pipeline: Pipeline, files: OwnFiles
) -> None:
    holder, demo = StateHolder(), build(pipeline, files)
    holder.set_blocks(demo)
    ids, messages = demo._queue.pending_event_ids_session, demo._queue.pending_messages_per_session
    for name in ("open", "closed", "just-closed"):
        assert holder[name]
        ids[name], messages[name] = set(), Queue()
    holder["closed"].is_closed = holder["just-closed"].is_closed = True
    now = datetime.now()  # local, as Gradio notes it
    long_ago = now - CLOSED - timedelta(seconds=1)
    holder.time_last_used.update({"open": long_ago, "closed": long_ago, "just-closed": now})
    forget_closed(holder, now)
    for kept in (holder.session_data, holder.time_last_used, ids, messages):
        assert list(kept) == ["open", "just-closed"]
