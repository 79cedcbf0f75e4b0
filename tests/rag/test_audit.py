import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.sync import sync
from rag import audit as auditing
from rag.audit import Audit, audit, mend
from rag.errors import IndexDamagedError, IndexMismatchError, IndexMissingError
from rag.index import Index
from rag.models import Encoder
from rag.pipeline import Pipeline
from rag.store import connect, current


@pytest.fixture
def opened(own_index: Path, encoder: Encoder) -> Index:
    return Index(own_index, encoder.fingerprint)


def change(index: Index, query: str) -> None:
    truth = connect(current(index.directory), "mode=rw")
    truth.execute(query)
    truth.close()


def assert_mended(index: Index, encoder: Encoder) -> None:
    mend(index)
    assert audit(index) == Audit()
    answer = Pipeline(index, encoder).invoke("Who is Rachel Bendayan?")
    assert "Bendayan" in answer.citations[0].quote
    index.close()


def test_a_sound_index_has_no_problems(opened: Index) -> None:
    assert audit(opened) == Audit()


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        pytest.param(
            "update documents set text = 'x' || text where uri = '01-overview.md'",
            "the text of '01-overview.md' is not the one that was ingested", id="text",
        ),
        pytest.param(
            "update chunks set end = 100000 where number = 1", "lies outside its document",
            id="chunk",
        ),
        pytest.param(
            "update sentences set end = 100000 where chunk = 1", "lies outside its chunk",
            id="sentence",
        ),
        *(
            pytest.param(
                f"update embeddings set sizes = {sizes} where chunk = 1",
                "is missing or is another", id=f"embedding-{sizes}",
            )
            for sizes in ("x''", "x'0000'", "'abcdefgh'", "7", "zeroblob(length(sizes))")
        ),
        pytest.param(
            "delete from embeddings where chunk = 1", "is missing or is another", id="embedding",
        ),
        pytest.param(
            "delete from documents where uri = '01-overview.md'",
            "the document of '01-overview.md' is missing", id="document",
        ),
    ],
)  # fmt: skip
def test_what_only_the_files_can_mend_is_lost(opened: Index, query: str, problem: str) -> None:
    change(opened, query)
    found = audit(opened)
    assert any(problem in each for each in found.lost)
    assert found.derived == ()


def test_of_many_problems_a_few_are_named(opened: Index) -> None:
    change(opened, "update documents set text = 'x' || text")
    assert len(audit(opened).lost) == 6
    assert audit(opened).lost[-1].startswith("and ")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        pytest.param(
            "update keywords set text = 'nonsense' where rowid = 1", "are not those of its text",
            id="changed",
        ),
        pytest.param("delete from keywords where rowid = 1", "are not those of", id="missing"),
        pytest.param(
            "insert into keywords (rowid, context, text) values (9999, 'a', 'b')",
            "1 keyword rows belong to no chunk", id="too-many",
        ),
    ],
)  # fmt: skip
def test_keywords_are_made_anew(opened: Index, encoder: Encoder, query: str, problem: str) -> None:
    change(opened, query)
    found = audit(opened)
    assert found.lost == ()
    assert problem in found.derived[0]
    assert_mended(opened, encoder)


def test_vectors_that_chroma_lost_are_given_to_it_again(opened: Index, encoder: Encoder) -> None:
    database = sqlite3.connect(current(opened.directory) / "chroma" / "chroma.sqlite3")
    database.execute("delete from embeddings where rowid in (select rowid from embeddings limit 9)")
    database.commit()
    database.close()
    assert audit(opened).derived != ()
    assert_mended(opened, encoder)


def test_the_vectors_may_be_gone_altogether(opened: Index, encoder: Encoder) -> None:
    shutil.rmtree(current(opened.directory) / "chroma")
    assert audit(opened).derived != ()
    assert_mended(opened, encoder)


def test_a_broken_pointer_is_set_to_the_newest_whole_generation(
    opened: Index, encoder: Encoder
) -> None:
    (opened.directory / "CURRENT").write_text("nonsense")
    found = audit(opened)
    assert found.lost == ()
    assert "names 'nonsense', which is no generation" in found.derived[0]
    assert_mended(opened, encoder)


def test_a_pointer_without_any_generation_can_not_be_mended(opened: Index) -> None:
    (opened.directory / "CURRENT").write_text("nonsense")
    shutil.rmtree(opened.directory / "generations")
    assert "which is no generation" in audit(opened).lost[0]
    with pytest.raises(IndexMissingError, match="run python -m ingest PATH --rebuild"):
        mend(opened)


@pytest.mark.parametrize("query", ["delete from", "update"])
def test_sizes_that_the_manifest_does_not_give_are_noted_anew(
    opened: Index, encoder: Encoder, query: str
) -> None:
    more = " set value = 'nonsense'" if query == "update" else ""
    change(opened, f"{query} manifest{more} where key = 'vector_files'")
    with pytest.raises(IndexDamagedError, match="run python -m ingest --check"):
        Pipeline(opened, encoder).invoke("Who is Rachel Bendayan?")
    assert "for the sizes of its vector files" in audit(opened).derived[0]
    assert_mended(opened, encoder)


@pytest.mark.usefixtures("reading_here")
def test_what_is_being_checked_stays_though_new_generations_come(
    opened: Index, encoder: Encoder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documents change twice in the middle of a check, at a place that a test can find."""
    look = auditing._lost
    checked = current(opened.directory)

    def look_after_changes(truth: sqlite3.Connection) -> Iterator[str]:
        for number in range(2):
            (folder / "new.txt").write_text(f"Number {number} is new.")
            sync(Index(opened.directory, encoder.fingerprint), encoder, [folder])
        return look(truth)

    monkeypatch.setattr(auditing, "_lost", look_after_changes)
    assert audit(opened) == Audit()
    assert current(opened.directory) != checked


def test_another_model_is_no_damage(own_index: Path) -> None:
    with pytest.raises(IndexMismatchError, match="not with 'other@1'"):
        audit(Index(own_index, "other@1"))
