from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

from evals.__main__ import main
from evals.judge import judge, kappa, write_judged
from evals.report import facts, report
from tests.evals.conftest import START, MakeRun, asked, made, refused

CASES = [asked("start", START), asked("weather")]
ANSWERS = {"start": made(START), "weather": made(START)}


def test_the_majority_counts_and_agreement_with_the_checks_is_told(make_run: MakeRun) -> None:
    model = FakeListChatModel(responses=["YES", "no.", "Yes, it does", "NO", "NO", "NO"])
    found = judge(make_run(CASES, ANSWERS), model, "fake")
    assert found["verdicts"] == {"start": True, "weather": False}
    assert (found["agreement"], found["kappa"], found["unstable"]) == (1.0, 1.0, 1)
    assert found["helpful"]["value"] == 0.5


def test_a_reply_that_is_no_verdict_counts_nowhere(make_run: MakeRun) -> None:
    found = judge(make_run(CASES, ANSWERS), FakeListChatModel(responses=["perhaps"]), "fake")
    assert (found["n"], found["unjudged"], found["agreement"]) == (0, 2, None)


def test_the_judge_is_told_in_the_report_and_changes_no_verdict(make_run: MakeRun) -> None:
    bounds: dict[str, Any] = {"overall": {"passed": {"floor": 0}}, "classes": {}}
    run = make_run(CASES, {**ANSWERS, "weather": refused()})
    before = report(run, bounds, {}).exit_code
    write_judged(run.folder, judge(run, FakeListChatModel(responses=["NO"]), "fake"))
    after = report(run, bounds, {})
    assert before == after.exit_code == 0
    assert any("judged by fake" in line and "0.0 % helpful" in line for line in facts(after))


def test_a_judge_that_can_not_be_used_is_skipped_with_its_reason(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(make_run(CASES, ANSWERS).folder)
    monkeypatch.delenv("VISIT_DESK_JUDGE_MODEL", raising=False)
    assert main(["judge", folder]) == 3
    assert "name one in VISIT_DESK_JUDGE_MODEL" in capsys.readouterr().out
    monkeypatch.setenv("VISIT_DESK_JUDGE_MODEL", "nobody:none")
    main(["judge", folder])
    assert "judged lane skipped: the model 'nobody:none' can not be used" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pairs", "value"),
    [([], None), ([(True, True)] * 3, 1.0), ([(True, True), (True, False)], 0.0)],
)
def test_kappa_by_hand(pairs: list[tuple[bool, bool]], value: float | None) -> None:
    assert kappa(pairs) == value
