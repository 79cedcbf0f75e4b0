from typing import Any

import pytest

from evals.cases import Case, parse
from evals.checks import CHECKS, alce, checked, numbers, sentences
from tests.evals.conftest import COST, DOSSIERS, END, START, asked, made, refused

DOCUMENTS = DOSSIERS[""]


def case(name: str, *quotes: str, **more: Any) -> Case:
    import json

    (found,) = parse([("x:1", json.dumps(asked(name, *quotes, **more)))], DOSSIERS)
    return found


def failing(of: Case, answer: dict[str, Any]) -> set[str]:
    return {name for name, passed in checked(of, answer, DOCUMENTS).items() if passed is False}


def test_a_right_answer_fails_no_check_and_a_right_refusal_neither() -> None:
    assert failing(case("a", COST, must_contain=["RUIZ"]), made(END, COST)) == set()
    assert failing(case("a"), refused()) == set()


@pytest.mark.parametrize(
    ("change", "check"),
    [
        pytest.param({"status": "refused"}, "status", id="refused"),
        pytest.param({"text": f"{COST} [2]"}, "citations_support", id="marker-of-nothing"),
        pytest.param({"text": COST}, "citations_support", id="no-marker"),
        pytest.param({"text": COST.replace("12", "13") + " [1]"}, "numbers_exact", id="number"),
        pytest.param(
            {"text": COST.replace("million", "billion") + " [1]"}, "numbers_exact", id="unit"
        ),
        pytest.param({"text": COST.replace("Ana", "Eva") + " [1]"}, "citations_support", id="name"),
        pytest.param(
            {"text": COST.replace("Ruiz", "") + " [1]"}, "must_contain", id="word-left-out"
        ),
        pytest.param({"text": COST + " INJECTED [1]"}, "must_not_contain", id="forbidden-word"),
        pytest.param({"as_of": "As of May 2, 2026."}, "dates_exact", id="as-of"),
        pytest.param({"language": "fr"}, "language", id="language-named"),
        pytest.param(
            {"as_of": "En date du May 1, 2026 : d’après 1 document."},
            "language",
            id="language-spoken",
        ),
    ],
)  # fmt: skip
def test_each_fault_is_found_by_its_check(change: dict[str, Any], check: str) -> None:
    asks = case("a", COST, must_contain=["Ruiz"], must_not_contain=["injected"])
    assert check in failing(asks, {**made(COST), **change})


@pytest.mark.parametrize(
    ("change", "check"),
    [
        pytest.param({"start": 1}, "quotes_exact", id="span"),
        pytest.param({"quote": COST.replace("said", "denied")}, "quotes_exact", id="quote"),
        pytest.param({"quote": "", "end": 0, "start": 0}, "quotes_exact", id="empty-quote"),
        pytest.param({"document_id": "0"}, "quotes_exact", id="other-id"),
        pytest.param({"uri": "b.txt"}, "gold_cited", id="other-document"),
        pytest.param({"published": "2026-05-02"}, "dates_exact", id="date"),
    ],
)
def test_each_fault_of_a_citation_is_found_by_its_check(change: dict[str, Any], check: str) -> None:
    answer = made(COST)
    answer["citations"][0] |= change
    assert check in failing(case("a", COST), answer)


def test_every_part_of_an_answer_has_to_be_cited() -> None:
    gold = [{"uri": "a.txt", "quote": START, "part": "start"},
            {"uri": "a.txt", "quote": COST, "part": "cost"}]  # fmt: skip
    both = case("a", START, gold=gold)
    assert failing(both, made(START, COST)) == set()
    assert failing(both, made(START)) == {"gold_cited"}


def test_what_is_refused_may_repeat_a_forbidden_word_and_proves_nothing() -> None:
    found = checked(case("a", must_not_contain=["talks"]), refused(text="The talks."), DOCUMENTS)
    assert found["must_not_contain"] is None
    assert found["citations_support"] is None


def test_the_sentences_of_an_answer_end_with_their_markers() -> None:
    found = sentences("A 1.5 rise. [1] [2] It fell.[3] So.")
    assert [(each.text, each.markers) for each in found] == [
        ("A 1.5 rise.", (1, 2)), ("It fell.", (3,)), ("So.", ()),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "recall", "precision"),
    [
        pytest.param(f"{START} [1] {COST} [2]", 1.0, 1.0, id="each-its-own"),
        pytest.param(f"{START} [1][2]", 1.0, 0.5, id="one-is-not-needed"),
        pytest.param(f"{START} [1] Unheard of things happen. [2]", 0.5, 0.5, id="one-unsupported"),
        pytest.param("The talks will begin in May. [1]", 1.0, 1.0, id="other-words-same-facts"),
        pytest.param(START, 0.0, None, id="nothing-cited"),
        pytest.param("", 0.0, None, id="nothing-said"),
    ],
)
def test_citation_recall_and_precision_by_hand(
    text: str, recall: float, precision: float | None
) -> None:
    assert alce({**made(START, COST), "text": text}) == (recall, precision)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("$56 billion", {("56", "$ billion")}, id="sign-and-unit"),
        pytest.param("46,4 milliards de dollars", {("46,4", "milliards")}, id="french"),
        pytest.param("56.000 millones", {("56.000", "millones")}, id="spanish"),
        pytest.param("18 September 2025", {("18", ""), ("2025", "")}, id="date"),
        pytest.param("a two-day visit", set(), id="word"),
    ],
)
def test_numbers_have_their_units(text: str, expected: set[tuple[str, str]]) -> None:
    assert numbers(text) == expected


def test_every_check_is_explained_in_the_report() -> None:
    from evals.report import MEANING

    assert CHECKS.keys() <= MEANING.keys()
