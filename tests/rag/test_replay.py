"""What is told when a recorded question is asked again."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ingest.sync import sync
from rag.__main__ import main
from rag.index import Index
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from rag.records import find, place
from rag.replay import Replay, lines, replay
from rag.types import Filter, Turn

QUESTION = "Who steers the harbour ferry?"
FERRY = frozenset(["ferry.txt"])


@pytest.fixture
def index(tmp_path: Path, folder: Path, bag_of_words: Encoder) -> Index:
    made = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(made, bag_of_words, [folder])
    return made


@pytest.fixture
def desk(index: Index, bag_of_words: Encoder) -> Pipeline:
    return Pipeline(index, bag_of_words, record_to=place(index.directory))


def again(desk: Pipeline, question: Question) -> Replay:
    """Ask a question and find its record."""
    answer = desk.invoke(question)
    return replay(desk, find(place(desk.index.directory), answer.id))


@pytest.mark.usefixtures("reading_here")
def test_nothing_changed(desk: Pipeline) -> None:
    found = again(desk, Question(QUESTION))
    assert (found.same, found.explained, found.diff()) == (True, False, [])
    assert [(each.uri, each.state) for each in found.sources] == [("ferry.txt", "same")]
    assert next(lines(found)) == "the answer is the same"


@pytest.mark.usefixtures("reading_here")
def test_it_is_asked_after_the_same_turns_and_of_the_same_documents(desk: Pipeline) -> None:
    turns = (Turn("Where is the harbour ferry?", "At sea. [1]"),)
    answer = desk.invoke(Question("Who steers it?", turns, where=Filter(documents=FERRY)))
    record = find(place(desk.index.directory), answer.id)
    found = replay(desk, record)
    assert found.same
    assert found.answer.searched_for == answer.searched_for != "Who steers it?"
    without = replay(desk, {**record, "history": []})
    assert without.answer.searched_for == "Who steers it?"
    elsewhere = replay(desk, {**record, "where": {"documents": ["museum.txt"]}})
    assert not elsewhere.same


@pytest.mark.usefixtures("reading_here")
@pytest.mark.parametrize(
    ("change", "state"),
    [
        pytest.param(lambda file: file.write_text("The ferry is gone."), "changed", id="changed"),
        pytest.param(lambda file: file.rename(file.with_name("boat.txt")), "moved", id="moved"),
        pytest.param(Path.unlink, "gone", id="gone"),
    ],
)
def test_a_document_that_is_another_now_is_named(
    desk: Pipeline, folder: Path, bag_of_words: Encoder, change: Any, state: str
) -> None:
    answer = desk.invoke(Question(QUESTION))
    record = find(place(desk.index.directory), answer.id)
    change(folder / "ferry.txt")
    sync(desk.index, bag_of_words, [folder])
    found = replay(desk, record)
    assert [(each.uri, each.state) for each in found.sources] == [("ferry.txt", state)]
    assert found.explained
    assert found.same == (state == "moved")
    if state != "moved":
        assert f"- {answer.citations[0].quote} [1]" in found.diff()
    assert f"cited document 'ferry.txt': {state}" in list(lines(found))


@pytest.mark.usefixtures("reading_here")
def test_nothing_that_is_known_changed_and_still_it_differs(desk: Pipeline) -> None:
    answer = desk.invoke(Question(QUESTION))
    record = find(place(desk.index.directory), answer.id)
    found = replay(desk, {**record, "text": "Somebody else. [1]"})
    assert (found.same, found.explained) == (False, False)
    assert found.diff()[0] == "- Somebody else. [1]"
    other = replay(desk, {**record, "text": "x", "fingerprint": "other@1"})
    assert other.explained
    assert any(line.startswith("model: was other@1 extractive, is ") for line in lines(other))


def test_a_replay_is_not_recorded_and_its_exit_code_tells_what_it_found(
    own_index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(own_index / "records", ignore_errors=True)
    assert main(["ask", "Who is Rachel Bendayan?", "--index", str(own_index), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    asked = ["replay", answer["id"], "--index", str(own_index)]
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["id"], told["same"], told["diff"]) == (answer["id"], True, [])
    records = place(own_index)
    record = json.loads(records.read_text(encoding="utf-8"))  # one: of the question
    records.write_text(json.dumps({**record, "text": "x"}) + "\n", encoding="utf-8")
    assert main(asked) == 4
    records.write_text(json.dumps({**record, "text": "x", "generation": "g"}) + "\n")
    assert main(asked) == 1
    assert "index: was g, is " in capsys.readouterr().out
    assert main(["replay", "none", "--index", str(own_index)]) == 2
    assert "there is no answer 'none' in" in capsys.readouterr().err


def test_an_index_that_can_not_be_asked_is_no_difference(
    own_index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "Who is Rachel Bendayan?", "--index", str(own_index), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (truth,) = own_index.glob("generations/*/truth.sqlite")
    with sqlite3.connect(truth) as opened:
        opened.execute("update manifest set value = '4' where key = 'schema'")
    opened.close()
    assert main(["replay", answer["id"], "--index", str(own_index)]) == 3
    said = capsys.readouterr().err
    assert "has schema '4', not" in said
    assert "run python -m ingest" in said
