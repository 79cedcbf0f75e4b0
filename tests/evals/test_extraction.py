import gzip
import json
from pathlib import Path

import pytest

from evals.__main__ import main
from evals.extraction import Overlap, averages, extraction, overlap, shingles, summarise

PROSE = "The two leaders met on Monday in the capital and agreed to begin talks about trade. "
ARTICLE = f"{PROSE * 3}\n{PROSE * 2}"


def page(article: str) -> str:
    paragraphs = "".join(f"<p>{each}</p>" for each in article.split("\n"))
    return f"<html><body><nav>Home</nav><article>{paragraphs}</article></body></html>"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A set of two pages: one that holds its article, and one that holds another."""
    (tmp_path / "html").mkdir()
    truth = {
        "right": {"articleBody": ARTICLE, "url": "https://example.org/right"},
        "wrong": {"articleBody": "None of these words are anywhere on that page."},
    }
    (tmp_path / "ground-truth.json").write_text(json.dumps(truth), encoding="utf-8")
    (tmp_path / "html" / "right.html").write_text(page(ARTICLE), encoding="utf-8")
    packed = gzip.compress(page("Rates fell.\nSo they say.").encode())
    (tmp_path / "html" / "wrong.html.gz").write_bytes(packed)
    return tmp_path


def test_shingles_are_the_runs_of_four_words() -> None:
    assert shingles("One, two: three four five") == {
        ("One", "two", "three", "four"): 1,
        ("two", "three", "four", "five"): 1,
    }


@pytest.mark.parametrize(
    ("text", "count"), [pytest.param("", 0, id="none"), pytest.param("One two", 1, id="short")]
)
def test_a_text_of_less_than_four_words_is_one_shingle_or_none(text: str, count: int) -> None:
    assert shingles(text).total() == count


def test_overlap_is_normalised_by_page() -> None:
    # Three shingles of the article, one of them read, and another one read besides.
    assert overlap("a b c d e f", "c d e f x") == Overlap(right=0.25, wrong=0.25, missing=0.5)


def test_overlap_counts_what_is_read_twice_as_wrong_once() -> None:
    assert overlap("a b c d", "a b c d. a b c d.") == Overlap(right=0.2, wrong=0.8, missing=0.0)


def test_averages_are_means_over_pages_and_f1_is_theirs() -> None:
    # Precision 1 and 1/2, recall 1/2 and 1/2.
    found = averages([Overlap(0.5, 0.0, 0.5), Overlap(1 / 3, 1 / 3, 1 / 3)])
    assert found["precision"] == pytest.approx(0.75)
    assert found["recall"] == pytest.approx(0.5)
    assert found["F1"] == pytest.approx(0.6)


def test_a_page_of_which_nothing_is_read_counts_for_recall_alone() -> None:
    found = averages([Overlap(1.0, 0.0, 0.0), Overlap(0.0, 0.0, 1.0)])
    assert (found["precision"], found["recall"]) == (1.0, 0.5)


def test_nothing_read_at_all_scores_zero() -> None:
    assert averages([Overlap(0.0, 0.0, 1.0)]) == {"F1": 0.0, "precision": 0.0, "recall": 0.0}


def test_pages_are_read_packed_and_plain(data: Path) -> None:
    scores = {score.name: score for score in extraction(data)}
    assert scores["right"].overlap == Overlap(1.0, 0.0, 0.0)
    assert scores["wrong"].overlap.right == 0.0
    assert scores["wrong"].loss == pytest.approx(1.0)


def test_the_interval_of_one_page_has_no_width(data: Path) -> None:
    summary = summarise(extraction(data)[:1])
    assert summary["F1"] == {"value": 1.0, "deviation": 0.0, "interval": (1.0, 1.0)}


def test_the_command_prints_the_measures_and_the_worst_page_first(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extraction", str(data), "--worst", "1"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["F1", "0.500"]
    assert lines[3].startswith("2 pages; ms a page: p50 ")
    assert lines[-1].split() == [*lines[-1].split()[:2], "wrong"]


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        pytest.param(None, "ground-truth.json", id="no-truth"),
        pytest.param("{", "Expecting property name", id="damaged-truth"),
        pytest.param("[]", "name a copy of article-extraction-benchmark", id="other-truth"),
        pytest.param('{"a": {"articleBody": "x"}}', "a.html", id="no-page"),
        pytest.param("{}", "holds no pages", id="no-pages"),
    ],
)
def test_a_folder_that_is_not_such_a_set_is_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], truth: str | None, message: str
) -> None:
    if truth is not None:
        (tmp_path / "ground-truth.json").write_text(truth, encoding="utf-8")
    assert main(["extraction", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
