import json
from pathlib import Path

import pytest

from evals.cases import CaseError, read_cases
from rag.types import Block, Document, Span

TEXT = "The talks begin in May.\n\nThey end in June."
DOCUMENTS = {"a.txt": Document("A", "a.txt", TEXT, (Block(Span(0, len(TEXT))),))}
GOOD = {
    "id": "start",
    "question": "When do the talks begin?",
    "lang": "en",
    "class": "answerable",
    "expected_status": "answered",
    "gold": [{"uri": "a.txt", "quote": "The talks begin in May."}],
    "why": "a date",
}


def write(folder: Path, *lines: object) -> Path:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "cases.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_reads_a_case_with_its_gold(tmp_path: Path) -> None:
    (case,) = read_cases(write(tmp_path, GOOD), DOCUMENTS)

    assert (case.id, case.kind, case.gold[0].uri) == ("start", "answerable", "a.txt")


def test_a_quote_may_hold_a_line_separator(tmp_path: Path) -> None:
    text = "They met.\u2028They left."
    documents = {"a.txt": Document("A", "a.txt", text, (Block(Span(0, len(text))),))}
    line = json.dumps({**GOOD, "gold": [{"uri": "a.txt", "quote": text}]}, ensure_ascii=False)
    (case,) = read_cases(write(tmp_path, line), documents)
    assert case.gold[0].quote == text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("{", "jsonl:2: no case can be read", id="not-json"),
        pytest.param({**GOOD}, "the id 'start' is taken", id="duplicate-id"),
        pytest.param({**GOOD, "id": "b", "mood": 1}, "unknown field 'mood'", id="unknown-field"),
        pytest.param({**GOOD, "id": "b", "gold": []}, "has no gold", id="no-gold"),
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
    ],
)
def test_refuses_a_wrong_line_naming_it(tmp_path: Path, line: object, message: str) -> None:
    with pytest.raises(CaseError, match=message) as caught:
        read_cases(write(tmp_path, GOOD, line), DOCUMENTS)

    assert "cases.jsonl:2" in str(caught.value)


def test_refuses_a_folder_without_cases(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="there are no cases"):
        read_cases(tmp_path, DOCUMENTS)
