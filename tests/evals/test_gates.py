import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from evals.__main__ import main
from evals.gates import baseline_of, gates, read_json, renewed
from evals.report import junit, markdown, report, write
from tests.evals.conftest import COST, END, START, MakeRun, asked, made, refused

CASES = [*(asked(f"c{n}", START) for n in range(10)), asked("weather")]
RIGHT = {**{f"c{n}": made(START) for n in range(10)}, "weather": refused()}


def rules(overall: dict[str, Any], classes: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"overall": overall, "classes": classes or {}}


def worse(count: int) -> dict[str, Any]:
    return {**RIGHT, **{f"c{n}": made(END) for n in range(count)}}


@pytest.mark.parametrize(
    ("bounds", "code"),
    [
        pytest.param({"gold_cited": {"floor": 0.9}}, 0, id="at-the-floor"),
        pytest.param({"gold_cited": {"floor": 0.91}}, 1, id="below-the-floor"),
        pytest.param({"false_refusal": {"ceiling": 0.0}}, 0, id="at-the-ceiling"),
        pytest.param({"gold_cited": {"max_drop": 0.1}}, 0, id="dropped-as-far-as-allowed"),
        pytest.param({"gold_cited": {"max_drop": 0.09}}, 1, id="dropped-further"),
        pytest.param({"parity_gap": {"ceiling": 0.1}}, 3, id="nothing-measured"),
        pytest.param(
            {"parity_gap": {"ceiling": 0.1}, "gold_cited": {"floor": 0.5}}, 0, id="one-unmeasured"
        ),
        pytest.param({}, 3, id="nothing-asked-for"),
    ],
)
def test_the_exit_code_follows_the_requirements(
    make_run: MakeRun, bounds: dict[str, Any], code: int
) -> None:
    before = report(make_run(CASES, RIGHT), rules({}), {})
    found = report(make_run(CASES, worse(1)), rules(bounds), baseline_of(before.summary))
    assert found.exit_code == code
    assert found.broke == ("c0",)


def test_an_error_ends_with_three_though_all_else_holds_and_with_one_if_not(
    make_run: MakeRun,
) -> None:
    broken = {**RIGHT, "c0": {"status": "failed", "error": "gone"}}
    run = make_run(CASES, broken)
    assert report(run, rules({"gold_cited": {"floor": 1.0}}), {}).exit_code == 3
    assert report(run, rules({"gold_cited": {"floor": 1.01}}), {}).exit_code == 1


def test_a_class_may_lose_one_case_and_no_more(make_run: MakeRun) -> None:
    bounds = rules({"passed": {"floor": 0}}, {"*": {"passed": {"max_drop": 0.01}}})
    base = baseline_of(report(make_run(CASES, RIGHT), bounds, {}).summary)
    codes = [report(make_run(CASES, worse(n)), bounds, base).exit_code for n in (1, 2)]
    assert codes == [0, 1]


def test_a_drop_from_a_baseline_of_other_cases_is_unmeasured(make_run: MakeRun) -> None:
    base = baseline_of(report(make_run(CASES[1:], RIGHT), rules({}), {}).summary)
    found = report(make_run(CASES, RIGHT), rules({"passed": {"max_drop": 0}}), base)
    (gate,) = found.gates
    assert (gate.outcome, gate.reason) == ("unmeasured", "the baseline is of other cases")
    assert found.change is not None
    assert found.change.n == 10


def test_the_bounds_with_a_margin_move_and_the_others_stay(make_run: MakeRun) -> None:
    bounds = rules(
        {
            "gold_cited": {"margin": 0.04, "max_drop": 0.01, "floor": 0.2},
            "false_refusal": {"margin": 0.03, "max_rise": 0.01},
            "quotes_exact": {"floor": 1.0},
        },
        {"*": {"passed": {"margin": 0.15, "max_drop": 0.05}}, "near": {"passed": {"max_drop": 0}}},
    )
    found = report(make_run(CASES, worse(1)), bounds, {})
    moved = renewed(bounds, found.summary)
    assert moved["overall"]["gold_cited"] == {"margin": 0.04, "max_drop": 0.01, "floor": 0.86}
    assert moved["overall"]["false_refusal"]["ceiling"] == 0.03
    assert moved["overall"]["quotes_exact"] == {"floor": 1.0}
    assert moved["classes"]["near"]["passed"] == {"max_drop": 0, "floor": 0.85}
    assert moved["classes"]["what"]["passed"] == {"floor": 0.75}
    again = gates(found.summary, moved, baseline_of(found.summary))
    assert {gate.outcome for gate in again} == {"pass"}


def test_a_run_becomes_the_baseline_by_one_command(make_run: MakeRun, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(rules({"passed": {"margin": 0.1, "max_drop": 0}})))
    given = ["--thresholds", str(tmp_path / "t.json"), "--baseline", str(tmp_path / "b.json")]
    good, bad = make_run(CASES, RIGHT), make_run(CASES, worse(1))
    assert main(["baseline", str(good.folder), *given]) == 0
    assert read_json(tmp_path / "t.json")["overall"]["passed"]["floor"] == 0.9
    assert main(["score", str(good.folder), *given]) == 0
    assert main(["score", str(bad.folder), *given]) == 1


def test_a_run_with_errors_becomes_no_baseline(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(CASES, {name: each for name, each in RIGHT.items() if name != "c3"})
    assert main(["baseline", str(run.folder), "--baseline", str(tmp_path / "b.json")]) == 3
    assert not (tmp_path / "b.json").exists()


def test_thresholds_that_can_not_be_used_end_with_two(make_run: MakeRun, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("[]")
    folder = str(make_run(CASES, RIGHT).folder)
    assert main(["score", folder, "--thresholds", str(tmp_path / "t.json")]) == 2
    assert main(["score", str(tmp_path)]) == 2


def test_junit_names_failures_and_errors_and_holds_any_text(make_run: MakeRun) -> None:
    answers = {
        "start": made(END, text=f"{END} \x00]]><&\ud83d [1]".encode("utf-8", "ignore").decode()),
        "cost": {"status": "failed", "error": "a < b\x0b"},
        "weather": refused(),
    }
    run = make_run([asked("start", START), asked("cost", COST), asked("weather")], answers)
    root = ET.fromstring(ET.tostring(junit(report(run, rules({"passed": {"floor": 1}}), {}))))  # noqa: S314  # our own
    requirements, cases = root.findall("testsuite")
    assert (requirements.get("failures"), cases.get("failures"), cases.get("errors")) == tuple(
        "111"
    )
    assert "]]><&" in (cases.findtext("testcase/failure") or "")


def test_markdown_lets_no_text_of_a_case_be_markup(make_run: MakeRun) -> None:
    case = asked("start", START, question="What? ![x](http://evil.example) <img>\n# Big")
    found = markdown(report(make_run([case], {"start": refused()}), rules({}), {}))
    assert r"\!\[x\]\(http://evil.example\) \<img\> \# Big" in found


def test_all_reports_are_written(make_run: MakeRun) -> None:
    run = make_run(CASES, worse(2))
    write(report(run, rules({"passed": {"floor": 1}}), {}))
    written = {each.name for each in run.folder.iterdir()}
    assert {"results.jsonl", "summary.json", "latency.json", "report.md", "report.html"} <= written
    rows = [json.loads(line) for line in (run.folder / "results.jsonl").read_text().splitlines()]
    assert [row["outcome"] for row in rows] == ["failed"] * 2 + ["passed"] * 9
