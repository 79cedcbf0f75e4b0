import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evals.cases import CaseError, read_cases
from evals.review import drafts, review
from rag.records import draft_case
from rag.types import Answer, Turn
from tests.evals.conftest import DOSSIERS, START

ANSWER = Answer("a1", "When do they begin?", "q", "en", "refused", text="No.\x1b[2J")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    draft_case(tmp_path / "inbox", ANSWER, "it is in May", (Turn("What talks?", "Those."),))
    return tmp_path / "inbox"


def typed(*lines: str) -> Callable[[str], str]:
    given: Iterator[str] = iter(lines)

    def ask(_: str) -> str:
        try:
            return next(given)
        except StopIteration as error:
            raise EOFError from error

    return ask


def gone_through(inbox: Path, *lines: str) -> tuple[int, Path, list[str]]:
    folder = inbox.parent / "cases"
    folder.mkdir(exist_ok=True)
    shown: list[str] = []
    kept = review(inbox, folder, DOSSIERS, ask=typed(*lines), show=shown.append)
    return kept, folder, shown


KEPT = ("answered", "begin", "when", "a.txt", START, "", "May, ", "Eva", "the start")


def test_a_draft_that_is_kept_becomes_a_case(inbox: Path) -> None:
    kept, folder, _ = gone_through(inbox, "keep", *KEPT)
    (case,) = read_cases(folder, DOSSIERS)
    assert kept == 1
    assert (case.question, case.turns[0].question) == ("When do they begin?", "What talks?")
    assert (case.must_contain, case.gold[0].quote) == (("May",), START)
    assert json.loads(case.line)["reviewed_by"] == "Eva"
    assert list(drafts(inbox)) == []


def test_what_does_not_fit_is_told_and_asked_again(inbox: Path) -> None:
    wrong = ("answered", "begin", "when", "a.txt", "The talks begin in July.", "", "", "Eva", "x")
    kept, folder, shown = gone_through(inbox, "keep", *wrong, "again", *KEPT)
    assert kept == 1
    assert any("does not hold 'The talks begin in July.'" in line for line in shown)
    assert len(read_cases(folder, DOSSIERS)) == 1


def test_a_name_that_is_taken_is_refused(inbox: Path) -> None:
    gone_through(inbox, "keep", *KEPT)
    draft_case(inbox, ANSWER, "again")
    kept, _, shown = gone_through(inbox, "keep", *KEPT, "skip")
    assert kept == 0
    assert any("the id 'begin' is taken" in line for line in shown)
    assert len(list(drafts(inbox))) == 1


@pytest.mark.parametrize(
    ("lines", "left", "aside"),
    [
        pytest.param(("skip",), 1, 0, id="skip"),
        pytest.param(("reject",), 0, 1, id="reject"),
        pytest.param(("stop",), 1, 0, id="stop"),
        pytest.param((), 1, 0, id="end-of-input"),
        pytest.param(("keep", "refused"), 1, 0, id="end-in-the-middle"),
        pytest.param(("what?", "", "r"), 0, 1, id="asked-until-understood"),
    ],
)
def test_what_is_not_kept(inbox: Path, lines: tuple[str, ...], left: int, aside: int) -> None:
    kept, folder, _ = gone_through(inbox, *lines)
    assert (kept, list(folder.iterdir())) == (0, [])
    assert len(list(drafts(inbox))) == left
    assert len(list(inbox.glob("rejected/*"))) == aside


def test_what_is_shown_can_not_control_the_terminal(inbox: Path) -> None:
    _, _, shown = gone_through(inbox, "stop")
    assert "note: it is in May" in shown[0]
    assert "\x1b" not in shown[0]


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 9}', '{"schema_version": 1}'])
def test_a_file_that_is_no_draft_is_named(inbox: Path, text: str) -> None:
    (inbox / "zz.jsonl").write_text(text)
    with pytest.raises(CaseError, match=r"zz\.jsonl"):
        list(drafts(inbox))
