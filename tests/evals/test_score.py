import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from evals.__main__ import main
from evals.compare import compare
from evals.page import page
from evals.report import report
from evals.score import results, summary
from tests.evals.conftest import COST, END, START, MakeRun, asked, made, refused
from tests.model_server import Reply, Request, says, serving

CASES = [asked("start", START), asked("cost", COST), asked("weather")]
RIGHT = {"start": made(START), "cost": made(COST), "weather": refused()}
LOOSE: dict[str, Any] = {"overall": {}, "classes": {}}


def test_a_run_that_is_right_passes_in_all(make_run: MakeRun) -> None:
    run = make_run(CASES, RIGHT)
    found = results(run)
    assert [each.failing for each in found] == [(), (), ()]
    figures = summary(found, run)["figures"]
    assert (figures["false_answer"]["value"], figures["false_refusal"]["value"]) == (0, 0)
    assert figures["nDCG@10"]["value"] == pytest.approx(1)


def test_both_kinds_of_error_are_counted_and_named(make_run: MakeRun) -> None:
    run = make_run(CASES, {"start": refused(), "cost": made(END), "weather": made(START)})
    found = summary(results(run), run)
    assert found["failed"] == ["start", "cost", "weather"]
    assert found["figures"]["false_refusal"]["value"] == 0.5
    assert found["figures"]["false_answer"]["value"] == 1
    assert found["figures"]["gold_cited"]["value"] == 0


def test_quotes_that_only_may_answer_are_counted_apart(make_run: MakeRun) -> None:
    unsure = {"cost": made(COST, status="partial"), "weather": made(START, status="partial")}
    run = make_run(CASES, {**RIGHT, **unsure})
    figures = summary(results(run), run)["figures"]
    assert (figures["false_answer"]["value"], figures["unwarned"]["value"]) == (1, 0)
    assert (figures["false_refusal"]["value"], figures["partial"]["value"]) == (0, 0.5)


def test_what_failed_to_answer_is_unmeasured_and_in_no_figure(make_run: MakeRun) -> None:
    run = make_run(CASES, {**RIGHT, "cost": {"status": "failed", "error": "the index is gone"}})
    found = summary(results(run), run)
    assert found["unmeasured"] == {"cost": "the index is gone"}
    assert found["figures"]["false_refusal"]["n"] == 1
    assert report(run, LOOSE, {}).exit_code == 3


def test_two_runs_are_told_apart_case_by_case(make_run: MakeRun) -> None:
    found = compare(make_run(CASES, RIGHT), make_run(CASES, {**RIGHT, "cost": refused()}))
    assert "cost" in json.dumps(found.as_json()["broke"])
    assert "not distinguishable" in "\n".join(found.lines())


def test_what_documents_and_answers_say_is_no_markup_in_the_page(make_run: MakeRun) -> None:
    attack = "<script>window.hit=1</script>"
    question = asked("start", START, question=f"When? {attack}")
    run = make_run([question], {"start": refused(searched_for=attack, text=attack)})
    shown = page(report(run, LOOSE, {}))
    assert attack not in shown
    assert "&lt;script&gt;window.hit=1&lt;/script&gt;" in shown


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the first cases of two files of the regression set."""
    folder = tmp_path_factory.mktemp("few")
    cases = Path(__file__).parents[2] / "evals" / "cases"
    for name in ("answerable", "unanswerable"):
        lines = (cases / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")[:6]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_two_runs_of_the_product_are_the_same(few: Path, seeds_index: Path, tmp_path: Path) -> None:
    given = ["--cases", str(few), "--index", str(seeds_index)]
    for name in ("one", "two"):
        assert main(["run", *given, "--out", str(tmp_path / name)]) in (0, 1)
    one, two = ((tmp_path / name / "predictions.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two
    html = (tmp_path / "one" / "report.html").read_text(encoding="utf-8")
    assert html.casefold().startswith("<!doctype html>")
    assert (tmp_path / "one" / "junit.xml").exists()


def test_scoring_again_asks_nothing(few: Path, seeds_index: Path, tmp_path: Path) -> None:
    index = Path(shutil.copytree(seeds_index, tmp_path / "index", symlinks=True))
    out = tmp_path / "out"
    first = main(["run", "--cases", str(few), "--index", str(index), "--out", str(out)])
    before = (out / "summary.json").read_bytes()
    shutil.rmtree(index)
    assert main(["score", str(out)]) == first
    assert (out / "summary.json").read_bytes() == before


def test_a_run_with_a_language_model_tells_what_became_of_its_sentences(
    few: Path, seeds_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(request: Request) -> Reply:
        if request.repairs:
            return says("MISSING")
        first = request.user.split("\n[2] ")[0].split(")\n", 1)[1].split(". ")[0]
        return says(f"{first} [1]. Nobody came to the moon in 1999 [1].")

    with serving() as server:
        server.follow(script)
        monkeypatch.setenv("VISIT_DESK_CHAT_MODEL", "ollama:scripted")
        monkeypatch.setenv("VISIT_DESK_CHAT_BASE_URL", server.address)
        out = tmp_path / "out"
        given = ["--cases", str(few), "--index", str(seeds_index), "--out", str(out)]
        assert main(["run", *given]) in (0, 1)
    figures = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    counts = {name: each["count"] for name, each in figures["sentences"].items()}
    assert counts["verified"] > 0
    assert counts["replaced"] + counts["dropped"] > 0
    assert "sentences of the language model: quoted" in (out / "report.html").read_text("utf-8")
    speed = json.loads((out / "latency.json").read_text(encoding="utf-8"))["latency_ms"]
    assert speed["model"]["input_tokens"] >= 100
    about = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert about["chat_model"] == "ollama:scripted"


def test_a_bound_that_is_missed_ends_with_one(few: Path, seeds_index: Path, tmp_path: Path) -> None:
    strict = tmp_path / "strict.json"
    bounds = {"overall": {"passed": {"floor": 1.01}}, "classes": {}}
    strict.write_text(json.dumps(bounds), encoding="utf-8")
    given = ["--cases", str(few), "--index", str(seeds_index), "--thresholds", str(strict)]
    assert main(["run", *given, "--out", str(tmp_path / "out")]) == 1


def test_a_wrong_case_ends_with_two_and_names_its_line(
    few: Path, seeds_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(few, tmp_path / "cases"))
    with (folder / "answerable.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(asked("odd", "nowhere to be found")))
    given = ["--cases", str(folder), "--index", str(seeds_index)]
    assert main(["check", *given]) == 2
    assert "answerable.jsonl:7" in capsys.readouterr().err
