import importlib.util
import json
from pathlib import Path

import pytest

from evals.__main__ import main
from evals.baselines import PACKAGES
from evals.ingest_speed import (
    CHARACTERS,
    HEADER,
    Cost,
    Speed,
    _take,
    _write_out,
    ingest_speed,
)
from rag.settings import EMBEDDED_MODEL, Settings

SETTINGS = Settings(embedding_model=EMBEDDED_MODEL, query_prompt="", document_prompt="")
TEXTS = [
    "The ferry sails at dawn. Nadia Okafor steers it.",
    "Apples grow in the orchard. Tomas Lindqvist keeps bees there.",
    "The museum shows glass. Entry costs 12 crowns.",
]
INSTALLED = all(importlib.util.find_spec(each.replace("-", "_")) for each in PACKAGES)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [{"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(TEXTS)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path


def test_measures_the_first_ingest_one_without_a_change_and_one_of_a_changed_file(
    data: Path,
) -> None:
    first, unchanged, changed = ingest_speed(
        data, SETTINGS, sizes=[None], limit=None, baseline=False
    )
    assert (first.step, first.documents, first.embedded) == ("first", 3, 3)
    assert (first.passages, first.sentences) == (3, 6)
    assert first.characters == sum(map(len, TEXTS))
    assert (unchanged.documents, unchanged.embedded, unchanged.passages) == (3, 0, 3)
    assert (changed.documents, changed.embedded, changed.sentences) == (3, 1, 7)
    assert min(each.cost.processor for each in (first, unchanged, changed)) > 0
    assert first.cost.memory > 100e6


def test_takes_the_files_of_a_folder_and_no_more_than_a_size_or_a_limit(
    folder: Path, tmp_path: Path
) -> None:
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    taken = tmp_path / "taken"
    taken.mkdir()
    _write_out(folder, taken, 2)
    assert [each.name for each in sorted(taken.iterdir())] == ["000000.txt", "000001.txt"]
    (taken / "000000.txt").write_text("word " * (CHARACTERS // 5))
    for size, expected in ((1, 1), (2, 2), (None, 2)):
        _take(taken, tmp_path / f"{size}", size)
        assert len(list((tmp_path / f"{size}").iterdir())) == expected
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


def test_a_row_stands_under_its_header() -> None:
    speed = Speed("first", 3, 3, 10, 2.0, Cost(3.5, 700_000_000), 40, 5000, ratio=1.5)
    columns = dict(zip(HEADER.split(), speed.line().split(), strict=False))
    assert (columns["passages/s"], columns["characters/s"], columns["sentences/s"]) == (
        "5.0",
        "2500.0",
        "20.0",
    )
    assert speed.line().split()[-3:] == ["3.5", "700", "1.50"]
    assert len(speed.line()) == len(HEADER)


@pytest.mark.skipif(INSTALLED, reason="the packages of the baseline are installed")
def test_says_how_to_install_what_the_baseline_needs(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ingest-speed", str(data), "--baseline", "langchain"]) == 3
    assert "pip install langchain-chroma langchain-huggingface" in capsys.readouterr().err


def test_a_folder_without_documents_is_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ingest-speed", str(tmp_path)]) == 2
    assert "holds no documents" in capsys.readouterr().err


@pytest.mark.parametrize("sizes", ["0", "a", "1,,2"])
def test_sizes_are_whole_numbers_above_nothing(tmp_path: Path, sizes: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["ingest-speed", str(tmp_path), "--sizes", sizes])
