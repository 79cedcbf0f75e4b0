import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from evals.__main__ import main
from evals.baselines import PACKAGES

INSTALLED = all(importlib.util.find_spec(each.replace("-", "_")) for each in PACKAGES)

CORPUS = [
    {"_id": "d1", "title": "Talks", "text": "The talks begin in May. Ana Ruiz leads them."},
    {"_id": "d2", "title": "Lunch", "text": "The lunch is served at the old station."},
    {"_id": "d3", "title": "Copy", "text": "The lunch is served at the old station."},
    {"_id": "d4", "title": "Empty", "text": ""},
]
QUERIES = [
    {"_id": "q1", "text": "Who leads the talks?", "answers": ["Ana Ruiz"], "answerable": True},
    {"_id": "q2", "text": "What is photosynthesis?", "answers": [], "answerable": False},
    {
        "_id": "q3",
        "text": "And when do they begin?",
        "answers": ["in May"],
        "history": [{"role": "user", "text": "Who leads the talks?"}],
    },
]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq3\td1\t1\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", CORPUS), ("queries", QUERIES)):
        lines = "\n".join(json.dumps(row) for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text(QRELS, encoding="utf-8")
    return folder


def test_benchmark_writes_a_run_answers_and_a_summary(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    assert main(["benchmark", str(data), "--out", str(out)]) == 0

    summary = json.loads((out / "summary.json").read_text())
    run = [line.split() for line in (out / "run.trec").read_text().splitlines()]
    answers = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    assert summary["nDCG@10"] == pytest.approx(1.0)
    assert (summary["false_answer"], summary["false_refusal"]) == (0.0, 0.0)
    assert summary["gold_in_any_citation"] == 1.0
    assert {line[2] for line in run if line[0] == "q1"} >= {"d1", "d2", "d3"}
    texts = {row["_id"]: row["text"] for row in CORPUS}
    cited = [each for answer in answers for each in answer["citations"]]
    assert cited
    assert all(texts[c["uri"]][c["start"] : c["end"]] == c["quote"] for c in cited)


def test_benchmark_gives_intervals_and_percentiles(data: Path, tmp_path: Path) -> None:
    found = measured(data, tmp_path / "out", "--retrieval-only")
    assert found["intervals"]["nDCG@10"] == pytest.approx([1.0, 1.0])
    assert found["intervals"].keys() == {"nDCG@10", "R@5", "R@10", "RR@10"}
    assert 0 < found["retrieval_ms"]["p50"] <= found["retrieval_ms"]["p95"]


def test_benchmark_asks_what_was_typed_in_haste_among_other_documents(
    data: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    rows = [{"_id": "d1", "title": "Rain", "text": "It rained at the harbour."}]
    (other / "corpus.jsonl").write_text(json.dumps(rows[0]), encoding="utf-8")
    out = tmp_path / "out"
    found = measured(data, out, "--spelling", "capitals", "--beside", str(other))
    assert (found["R@5"], found["documents"]) == (1.0, 3)
    asked = [json.loads(line)["question"] for line in (out / "answers.jsonl").open()]
    assert "WHO LEADS THE TALKS?" in asked
    assert "1/d1" in (out / "run.trec").read_text()


@pytest.mark.parametrize("name", ["dense", "bm25"])
def test_benchmark_asks_a_baseline_the_same_questions(
    data: Path, tmp_path: Path, name: str
) -> None:
    found = measured(data, tmp_path / "out", "--baseline", name, "--limit", "1")["baseline"]
    assert (found["name"], found["queries"], found["nDCG@10"]) == (name, 1, 1.0)
    assert found["ratio"]["p50"] == found["our_answer_ms"]["p50"] / found["search_ms"]["p50"]


def test_a_baseline_is_asked_the_last_question_alone(data: Path, tmp_path: Path) -> None:
    rows = [{**QUERIES[2], "text": "And where is she?"}]
    (data / "queries.jsonl").write_text(json.dumps(rows[0]), encoding="utf-8")
    found = measured(data, tmp_path / "out", "--baseline", "bm25", "--retrieval-only")
    assert (found["nDCG@10"], found["baseline"]["nDCG@10"]) == (1.0, 0.0)


@pytest.mark.skipif(INSTALLED, reason="the packages of the baseline are installed")
def test_benchmark_says_what_the_langchain_baseline_needs(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["benchmark", str(data), "--out", str(out), "--baseline", "langchain"]) == 3
    assert "pip install langchain-chroma langchain-huggingface" in capsys.readouterr().err
    assert not out.exists()


def measured(data: Path, out: Path, *arguments: str) -> dict[str, Any]:
    assert main(["benchmark", str(data), "--out", str(out), *arguments]) == 0
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return summary


def test_benchmark_refuses_a_folder_without_a_corpus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", str(tmp_path), "--out", str(tmp_path / "out")]) == 2

    assert "queries.jsonl' can not be read" in capsys.readouterr().err


def test_run_without_an_index_could_not_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--index", str(tmp_path / "none"), "--out", str(tmp_path)]) == 3

    assert "there is no index in" in capsys.readouterr().err
