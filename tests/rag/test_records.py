import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from rag.errors import QuestionError
from rag.index import Index
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from rag.records import (
    MOST_DRAFT_BYTES,
    append,
    as_filter,
    as_json,
    as_turns,
    draft_case,
    filter_as_json,
    find,
    forget,
)
from rag.types import EVERYWHERE, Answer, Chunk, Citation, Filter, Hit, Span, Turn

ROOT = Path(__file__).parents[2]
DAY = date(2024, 5, 6)
CHUNK = Chunk("d1", Span(3, 9), "chunk…", title="T", heading="H", language="en")
ANSWER = Answer(
    id="a1",
    question="Qui ?",
    searched_for="Qui ? (Ana)",
    language="fr",
    status="answered",
    text="« Été » [1]",
    as_of="as of",
    citations=(Citation(1, "d1", "T", "t.pdf", date(2024, 5, 6), 2, Span(3, 6), "Été"),),
    hits=(Hit(CHUNK, 0.12345678),),
    timings_ms=(("retrieve", 1.23456), ("total", 2.0)),
)
MANY = """
import sys
from dataclasses import replace
from pathlib import Path
from rag.records import append
from rag.types import EVERYWHERE, Answer
answer = Answer("i", "q", "q", "en", "answered", text=sys.argv[2] * 20_000)
for _ in range(100):
    append(Path(sys.argv[1]), answer, where=EVERYWHERE, generation="g", fingerprint="f")
"""

FORGETFUL = """
import json, sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from rag.records import append, forget
from rag.types import EVERYWHERE, Answer
path = Path(sys.argv[1])
answer = Answer("i", "q", "q", "en", "answered")
old = json.dumps({"at": (datetime.now(UTC) - timedelta(days=31)).isoformat(), "id": "old"})
for number in range(150):
    mine = replace(answer, id=f"{sys.argv[2]}{number}")
    append(path, mine, where=EVERYWHERE, generation="g", fingerprint="f")
    if number % 10 == 0:
        forget(path, 30)
    if number % 10 == 5:  # an old line, so that there is something to remove
        import rag.records as records
        records._append(path, json.loads(old))
"""


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_an_answer_has_the_form_that_scripts_rely_on() -> None:
    assert as_json(ANSWER) == {
        "id": "a1",
        "question": "Qui ?",
        "searched_for": "Qui ? (Ana)",
        "language": "fr",
        "status": "answered",
        "mode": "extractive",
        "model": "",
        "text": "« Été » [1]",
        "as_of": "as of",
        "coverage": "",
        "citations": [
            {
                "marker": 1,
                "document_id": "d1",
                "title": "T",
                "uri": "t.pdf",
                "published": "2024-05-06",
                "page": 2,
                "start": 3,
                "end": 6,
                "quote": "Été",
            }
        ],
        "hits": [
            {"chunk_id": "d1:3-9", "document_id": "d1", "start": 3, "end": 9, "score": 0.123457}
        ],
        "timings_ms": {"retrieve": 1.23, "total": 2.0},
        "statements": [],
        "dropped": 0,
        "fault": "",
        "notice": "",
        "usage": None,
    }


def test_what_has_no_date_and_no_page_says_so() -> None:
    (citation,) = ANSWER.citations
    undated = replace(ANSWER, citations=(replace(citation, published=None, page=None),))
    (found,) = as_json(undated)["citations"]
    assert (found["published"], found["page"]) == (None, None)


def test_an_answer_is_one_line_with_what_is_needed_to_repeat_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "answers.jsonl"
    where = Filter(frozenset(["b.txt", "a.txt"]), frozenset(["note"]), first=date(2024, 5, 6))
    append(path, replace(ANSWER, text="two\nlines"), where=where, generation="g1", fingerprint="m1")
    (record,) = lines(path)
    assert (record["generation"], record["fingerprint"]) == ("g1", "m1")
    assert record["where"] == {
        "documents": ["a.txt", "b.txt"], "kinds": ["note"], "languages": [], "from": "2024-05-06",
        "to": None,
    }  # fmt: skip
    assert datetime.fromisoformat(str(record["at"])).tzinfo is not None
    assert record["text"] == "two\nlines"


def test_a_filter_that_was_recorded_is_read_again() -> None:
    where = Filter(frozenset(["b.txt"]), frozenset(["note"]), frozenset(["fr"]), None, DAY)
    assert as_filter(filter_as_json(where)) == where
    assert as_filter(None) == as_filter({}) == as_filter({"kinds": None}) == EVERYWHERE


@pytest.mark.parametrize(
    "value",
    [{"kind": "note"}, {"kinds": "note"}, {"kinds": [1]}, {"from": "soon"}, {"to": 3}, [], "note"],
    ids=str,
)
def test_what_is_no_filter_is_refused(value: object) -> None:
    with pytest.raises(QuestionError, match='it may have "documents", "kinds" and "languages"'):
        as_filter(value)


def test_records_are_added_to_those_there_are(tmp_path: Path) -> None:
    for name in ("one", "two"):
        append(
            tmp_path / "a.jsonl",
            replace(ANSWER, id=name),
            where=EVERYWHERE,
            generation="g",
            fingerprint="f",
        )
    assert [record["id"] for record in lines(tmp_path / "a.jsonl")] == ["one", "two"]


def test_records_are_for_the_owner_alone(tmp_path: Path) -> None:
    append(tmp_path / "a.jsonl", ANSWER, where=EVERYWHERE, generation="g", fingerprint="f")
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o077 == 0


def test_threads_do_not_tear_each_others_lines(tmp_path: Path) -> None:
    def write(letter: str) -> None:
        long = replace(ANSWER, text=letter * 20_000)
        for _ in range(50):
            append(tmp_path / "a.jsonl", long, where=EVERYWHERE, generation="g", fingerprint="f")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, "abcd"))
    assert sorted(str(each["text"])[0] for each in lines(tmp_path / "a.jsonl")) == [
        *"a" * 50, *"b" * 50, *"c" * 50, *"d" * 50,
    ]  # fmt: skip


def test_processes_do_not_tear_each_others_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", MANY, str(path), letter], cwd=ROOT)  # noqa: S603  # our own code
        for letter in "ab"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = [str(record["text"]) for record in lines(path)]
    assert sorted(found) == ["a" * 20_000] * 100 + ["b" * 20_000] * 100


def aged(path: Path, *ages: float, more: str = "") -> None:
    """Write a record of each age, in days."""
    now = datetime.now(UTC)
    path.write_text(
        "".join(
            json.dumps({"at": (now - timedelta(days=age)).isoformat(), "id": str(age)}) + "\n"
            for age in ages
        )
        + more,
        encoding="utf-8",
    )


def test_records_that_are_too_old_are_removed_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    aged(path, 31, 30.001, 29.999, 45, 0, more='torn {"at"\n{"at": "soon", "id": "x"}\n')
    before = path.stat().st_mode
    assert forget(path, 30) == 5
    assert [record["id"] for record in lines(path)] == ["29.999", "0"]
    assert forget(path, 30) == 0
    assert path.stat().st_mode & 0o077 == 0 != before
    assert list(tmp_path.iterdir()) == [path]


def test_all_records_are_kept_where_no_days_are_set(tmp_path: Path) -> None:
    aged(tmp_path / "a.jsonl", 10_000)
    assert forget(tmp_path / "a.jsonl", 0) == 0
    assert len(lines(tmp_path / "a.jsonl")) == 1
    assert forget(tmp_path / "none.jsonl", 30) == 0


def test_no_record_is_lost_to_a_removal_that_many_processes_make_while_they_append(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    aged(path, 31, 0)
    writers = [
        subprocess.Popen([sys.executable, "-c", FORGETFUL, str(path), letter], cwd=ROOT)  # noqa: S603  # our own code
        for letter in "abc"
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    forget(path, 30)
    found = [str(record["id"]) for record in lines(path)]
    assert sorted(found) == sorted(["0", *(f"{each}{n}" for each in "abc" for n in range(150))])


def test_what_a_full_disk_cuts_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    append(path, ANSWER, where=EVERYWHERE, generation="g", fingerprint="f")
    whole = path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:9]))
    with pytest.raises(OSError, match="No space left"):
        append(path, ANSWER, where=EVERYWHERE, generation="g", fingerprint="f")
    assert path.read_bytes() == whole


def test_a_record_is_found_by_its_id(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    history = (Turn("Who is Ana?", 'She is "a1". [1]'),)
    other = replace(ANSWER, id="a0")
    append(path, other, where=EVERYWHERE, generation="g", fingerprint="f", history=history)
    append(path, ANSWER, where=EVERYWHERE, generation="g", fingerprint="f")
    assert find(path, "a1")["history"] == []
    assert as_turns(find(path, "a0")["history"]) == history
    with pytest.raises(QuestionError, match="there is no answer 'a2' in"):
        find(path, "a2")
    with pytest.raises(QuestionError, match="there is no answer 'a1' in"):
        find(tmp_path / "none.jsonl", "a1")


def test_the_pipeline_records_its_final_answer(
    tmp_path: Path, index: Index, encoder: Encoder
) -> None:
    path = tmp_path / "records" / "answers.jsonl"
    answer = Pipeline(index, encoder, record_to=path).invoke(Question("Who is Rachel Bendayan?"))
    (record,) = lines(path)
    assert {name: record[name] for name in as_json(answer)} == as_json(answer)
    assert record["fingerprint"] == encoder.fingerprint
    with index.reading() as generation:
        assert record["generation"] == generation.name


def test_records_that_can_not_be_written_do_not_stop_the_answer(
    tmp_path: Path, index: Index, encoder: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "records").write_text("a file where the directory should be")
    pipeline = Pipeline(index, encoder, record_to=tmp_path / "records" / "answers.jsonl")
    assert pipeline.invoke(Question("Who is Rachel Bendayan?")).status == "answered"
    assert "the answer could not be recorded" in caplog.text


def test_a_note_on_an_answer_becomes_a_draft_of_a_case(tmp_path: Path) -> None:
    turns = (Turn("Qui est Ana ?", "Ana est là. [1]"),)
    path = draft_case(tmp_path / "inbox", ANSWER, "faux\nc'est Eva", turns)
    (draft,) = lines(path)
    assert path.parent == tmp_path / "inbox"
    assert (draft["schema_version"], draft["note"]) == (1, "faux\nc'est Eva")
    assert (draft["question"], draft["lang"]) == ("Qui ?", "fr")
    assert draft["turns"] == [{"question": "Qui est Ana ?", "answer": "Ana est là. [1]"}]
    assert draft["answer"] == as_json(ANSWER)
    assert path.stat().st_mode & 0o077 == 0


def test_of_a_long_conversation_a_draft_holds_the_newest_turns(tmp_path: Path) -> None:
    turns = [Turn(f"Question {number}?", "x" * 30_000) for number in range(9)]
    path = draft_case(tmp_path / "inbox", ANSWER, "faux", turns)
    assert path.stat().st_size <= MOST_DRAFT_BYTES
    (draft,) = lines(path)
    assert [each["question"] for each in draft["turns"]] == [f"Question {n}?" for n in (6, 7, 8)]


def test_each_note_is_a_draft_of_its_own_and_none_names_a_path(tmp_path: Path) -> None:
    odd = replace(ANSWER, id="../../etc/x")
    paths = {draft_case(tmp_path / "inbox", odd, note) for note in ("one", "two")}
    assert len(paths) == 2
    assert set((tmp_path / "inbox").iterdir()) == paths
