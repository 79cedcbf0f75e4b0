import json
from pathlib import Path
from typing import Any

import pytest

from evals.cases import CaseError, checksum, parse, places, read_cases, read_documents
from rag.types import Block, Document, Span

TEXT = "The talks begin in May.\n\nThey end in June."
DOCUMENTS = {"": {"a.txt": Document("A", "a.txt", TEXT, (Block(Span(0, len(TEXT))),))}}
GOOD: dict[str, Any] = {
    "id": "start",
    "question": "When do the talks begin?",
    "lang": "en",
    "class": "when",
    "expected_status": "answered",
    "gold": [{"uri": "a.txt", "quote": "The talks begin in May."}],
    "why": "a date",
}
REFUSED = {"expected_status": "refused", "gold": []}


def write(folder: Path, *lines: object) -> Path:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "cases.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_reads_a_case_and_looks_its_gold_up(tmp_path: Path) -> None:
    (case,) = read_cases(write(tmp_path, GOOD), DOCUMENTS)

    assert (case.id, case.kind, case.gold[0].uri) == ("start", "when", "a.txt")
    assert [span.of(TEXT) for span in case.gold[0].spans] == ["The talks begin in May."]


def test_a_quote_is_found_wherever_it_stands_and_however_its_lines_break() -> None:
    text = "They\nmet. Later they met. They  met."
    assert [span.of(text) for span in places("They met.", text)] == ["They\nmet.", "They  met."]


def test_a_quote_may_hold_a_line_separator(tmp_path: Path) -> None:
    text = "They met.\u2028They left."
    documents = {"": {"a.txt": Document("A", "a.txt", text, (Block(Span(0, len(text))),))}}
    line = json.dumps({**GOOD, "gold": [{"uri": "a.txt", "quote": text}]}, ensure_ascii=False)
    (case,) = read_cases(write(tmp_path, line), documents)
    assert case.gold[0].quote == text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("{", "no case can be read", id="not-json"),
        pytest.param("[1]", "no case can be read", id="no-object"),
        pytest.param({**GOOD}, "the id 'start' is taken", id="duplicate-id"),
        pytest.param({**GOOD, "id": "b", "mood": 1}, "unknown field 'mood'", id="unknown-field"),
        pytest.param({**GOOD, "id": "b", "gold": []}, "has no gold", id="no-gold"),
        pytest.param({**GOOD, "id": ""}, "id is ''; write a text", id="empty-id"),
        pytest.param({**GOOD, "id": "b", "why": " "}, "why is ' '", id="no-reason"),
        pytest.param(
            {k: v for k, v in GOOD.items() if k != "why"}, "'why' is missing", id="field-missing"
        ),
        pytest.param({**GOOD, "id": "b", "lang": "xx"}, "lang is 'xx'", id="unknown-language"),
        pytest.param({**GOOD, "id": "b", "class": "odd"}, "class is 'odd'", id="unknown-class"),
        pytest.param({**GOOD, "id": "b", "schema_version": 9}, "is 9", id="other-version"),
        pytest.param({**GOOD, "id": "b", "added": "May"}, "added is 'May'", id="no-date"),
        pytest.param({**GOOD, "id": "b", "must_contain": "May"}, "not a list", id="bare-word"),
        pytest.param({**GOOD, "id": "b", "dossier": "x"}, "no dossier 'x'", id="unknown-dossier"),
        pytest.param(
            {**GOOD, "id": "b", "expected_status": "refused"},
            "but has gold",
            id="refused-with-gold",
        ),
        pytest.param(
            {**GOOD, "id": "b", "expected_status": "maybe"}, "'maybe'", id="unknown-status"
        ),
        pytest.param(
            {**GOOD, "id": "b", "gold": [{"uri": "b.txt", "quote": "x"}]},
            "no document 'b.txt'",
            id="unknown-document",
        ),
        pytest.param(
            {**GOOD, "id": "b", "gold": [{"uri": "a.txt", "quote": "The talks begin in July."}]},
            "does not hold 'The talks begin in July.'",
            id="quote-not-there",
        ),
        pytest.param(
            {**GOOD, "id": "b", "gold": [{"uri": "a.txt", "quote": " "}]},
            "does not hold ' '",
            id="empty-quote",
        ),
    ],
)
def test_refuses_a_wrong_line_naming_it(tmp_path: Path, line: object, message: str) -> None:
    with pytest.raises(CaseError, match=message) as caught:
        read_cases(write(tmp_path, GOOD, line), DOCUMENTS)

    assert "cases.jsonl:2" in str(caught.value)


def test_refuses_a_folder_without_cases(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="there are no cases"):
        read_cases(tmp_path, DOCUMENTS)


def test_the_checksum_is_of_what_is_asked_and_not_of_how_it_is_written() -> None:
    def of(*rows: dict[str, Any]) -> str:
        return checksum(parse([("x:1", json.dumps(row)) for row in rows], DOCUMENTS))

    other = {**GOOD, **REFUSED, "id": "b"}
    assert of(GOOD, other) == of(other, dict(reversed(GOOD.items())))
    assert of(GOOD) != of({**GOOD, "question": "When?"})


def test_a_document_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4 broken")
    with pytest.raises(CaseError, match=r"a\.pdf: the document can not be read"):
        read_documents(tmp_path)
