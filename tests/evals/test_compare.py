import pytest

from evals.__main__ import main
from evals.cases import CaseError
from evals.compare import compare
from tests.evals.conftest import COST, END, START, MakeRun, asked, made, refused

MANY = [asked(f"c{n}", START) for n in range(8)]
GOOD = {f"c{n}": made(START) for n in range(8)}
BAD = {f"c{n}": made(END) for n in range(8)}


def test_what_was_fixed_and_broke_is_told_by_name(make_run: MakeRun) -> None:
    first = make_run(MANY, {**GOOD, "c0": made(END), "c1": made(END)})
    second = make_run(MANY, {**GOOD, "c1": made(END), "c2": refused()})
    found = compare(first, second)
    assert (found.fixed, found.broke, found.unchanged) == (("c0",), ("c2",), (5, 1))
    assert not found.passed.is_distinguishable


def test_different_cases_are_refused_unless_told(make_run: MakeRun) -> None:
    changed = {**asked("c1", COST), "question": "Other?"}
    first = make_run(MANY[:4], GOOD)
    second = make_run([MANY[0], changed, MANY[2], asked("new", COST)], {**GOOD, "new": made(COST)})
    with pytest.raises(CaseError, match="the runs are of different cases"):
        compare(first, second)
    found = compare(first, second, allow_different_cases=True)
    assert (found.new, found.removed, found.changed) == (("new",), ("c3",), ("c1",))
    assert found.passed.n == 2


def test_what_one_run_could_not_measure_is_in_no_difference(make_run: MakeRun) -> None:
    failed = {**GOOD, "c0": {"status": "failed", "error": "gone"}}
    found = compare(make_run(MANY, GOOD), make_run(MANY, failed))
    assert (found.unmeasured, found.broke, found.passed.n) == (("c0",), (), 7)


def test_the_command_ends_with_one_only_when_chance_would_not_do_it(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = make_run(MANY, GOOD), make_run(MANY, BAD)
    some = make_run(MANY, {**GOOD, "c0": made(END)})
    codes = [main(["compare", str(good.folder), str(each.folder)]) for each in (bad, some, good)]
    assert codes == [1, 0, 0]
    assert "not distinguishable from chance" in capsys.readouterr().out
    assert main(["compare", str(good.folder), str(make_run(MANY[:1], GOOD).folder)]) == 2
