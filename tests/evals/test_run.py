from typing import Any

import pytest

from evals.cases import Case, Gold
from evals.metrics import Rate
from evals.run import gold_cited, passes, score

GOLD = (Gold("a.txt", "They meet in May."),)


def case(name: str, status: str = "answered", words: tuple[str, ...] = ()) -> Case:
    gold = GOLD if status == "answered" else ()
    return Case(name, "When?", "en", "answerable", status, gold, words, ())


def made(status: str, *quotes: tuple[str, str]) -> dict[str, Any]:
    return {
        "status": status,
        "text": " ".join(quote for _, quote in quotes),
        "citations": [{"uri": uri, "quote": quote} for uri, quote in quotes],
        "timings_ms": {"total": 10.0},
    }


RIGHT = ("a.txt", "They meet\nin May.")
WRONG = ("a.txt", "They eat.")


@pytest.mark.parametrize(
    ("prediction", "first", "expected"),
    [
        pytest.param(made("answered", WRONG, RIGHT), None, True, id="second-citation"),
        pytest.param(made("answered", WRONG, RIGHT), 1, False, id="not-the-first"),
        pytest.param(made("refused", RIGHT), None, False, id="refused-though-near"),
        pytest.param(made("answered", ("b.txt", RIGHT[1])), None, False, id="other-document"),
        pytest.param(made("answered"), None, False, id="nothing-cited"),
    ],
)
def test_gold_is_cited_only_by_the_right_words_of_the_right_document(
    prediction: dict[str, Any], first: int | None, expected: bool
) -> None:
    assert gold_cited(case("a"), prediction, first) is expected


def test_an_unanswerable_case_passes_only_when_it_is_refused() -> None:
    assert passes(case("a", "refused"), made("refused"))
    assert not passes(case("a", "refused"), made("answered", RIGHT))


def test_scores_count_both_kinds_of_error_and_name_the_failed_cases() -> None:
    cases = [case("good", words=("may",)), case("silent"), case("bold", "refused")]
    predictions = {
        "good": made("answered", RIGHT),
        "silent": made("refused"),
        "bold": made("answered", WRONG),
    }

    summary = score(cases, predictions)

    rates = {name: rate["value"] for name, rate in summary["rates"].items()}
    assert rates == {
        "gold_cited": 0.5,
        "gold_first": 0.5,
        "must_contain": 1.0,
        "false_refusal": 0.5,
        "false_answer": 1.0,
    }
    assert summary["failed"] == ["silent", "bold"]


def test_a_rate_of_nothing_has_no_value() -> None:
    assert Rate(0, 0).value is None
    assert Rate(0, 0).interval == (0.0, 1.0)
