import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import ingest.sync
from ingest.load import Limits
from ingest.sync import Report, sync
from rag.audit import Audit, audit
from rag.index import Index, ingested_paths
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from rag.settings import PREFIX
from rag.store import Embedding, Vectors, current
from rag.types import Passage

ROOT = Path(__file__).parents[2]
FERRY = "The harbour ferry sails at dawn. Nadia Okafor steers the harbour ferry."
READER = """
import json, sys
from pathlib import Path
from rag.pipeline import Question, open_pipeline
from rag.settings import Settings
pipeline = open_pipeline(Settings.read(index=Path(sys.argv[1])))
for question in sys.stdin:
    answer = pipeline.invoke(Question(question))
    print(json.dumps([each.uri for each in answer.citations]), flush=True)
"""


# A process reads what is ingested in test_isolate, test_safety and test_commands.
pytestmark = pytest.mark.usefixtures("reading_here")


@pytest.fixture
def index(tmp_path: Path, bag_of_words: Encoder) -> Iterator[Index]:
    opened = Index(tmp_path / "index", bag_of_words.fingerprint)
    yield opened
    opened.close()


def counts(report: Report) -> tuple[int, int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged, report.embedded


def uris(index: Index) -> list[str]:
    with index.reading() as generation:
        return [each.uri for each in generation.documents()]


def assert_consistent(index: Index, *, size: int = 1024) -> None:
    """Check that what is searched is what the documents say, and nothing besides."""
    with index.reading() as generation:
        held = generation.summary()
        for document in generation.documents():
            assert generation.document(document.id) == document
        everything = generation.nearest_chunks(np.eye(1, size, dtype=np.float32)[0], 1000)
        assert len(everything) == held.chunks
        for chunk in generation.chunks(list(everything)):
            owner = generation.document(chunk.document_id)
            assert owner is not None
            assert chunk.text == chunk.span.of(owner.text)


def test_the_first_ingest_adds_everything(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    report = sync(index, bag_of_words, [folder])
    assert counts(report) == (3, 0, 0, 0, 3)
    assert report.refused == ()
    assert report.index is not None
    assert (report.index.documents, report.index.chunks, report.index.sentences) == (3, 3, 6)
    assert uris(index) == ["ferry.txt", "museum.txt", "orchard.txt"]


def test_a_second_ingest_of_the_same_embeds_nothing_and_keeps_the_generation(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    before = sync(index, bag_of_words, [folder]).index
    (folder / "ferry.txt").touch()
    report = sync(index, bag_of_words, [folder])
    assert counts(report) == (0, 0, 0, 3, 0)
    assert report.index == before


def test_the_seeds_again_embed_nothing(own_index: Path, encoder: Encoder, seeds: Path) -> None:
    before = current(own_index)
    report = sync(Index(own_index, encoder.fingerprint), encoder, [seeds])
    assert counts(report) == (0, 0, 0, 14, 0)
    assert current(own_index) == before


def test_a_changed_file_takes_the_place_of_what_it_was(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    sync(index, bag_of_words, [folder])
    (folder / "ferry.txt").write_text("The ferry was sold.")
    assert counts(sync(index, bag_of_words, [folder])) == (0, 1, 0, 2, 1)
    with index.reading() as generation:
        texts = {each.uri: each.text for each in generation.documents()}
        assert texts["ferry.txt"] == "The ferry was sold."
        assert generation.matching_chunks(["dawn"], 9) == {}
        assert len(generation.matching_chunks(["sold"], 9)) == 1
    assert_consistent(index)


def test_a_renamed_file_is_not_embedded_again(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    sync(index, bag_of_words, [folder])
    (folder / "ferry.txt").rename(folder / "boat.txt")
    assert counts(sync(index, bag_of_words, [folder])) == (1, 0, 1, 2, 0)
    assert uris(index) == ["boat.txt", "museum.txt", "orchard.txt"]
    with index.reading() as generation:
        assert "Boat" in {each.title for each in generation.documents()}
    assert_consistent(index)


def test_a_renamed_file_is_found_under_its_new_name_alone(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    sync(index, bag_of_words, [folder])
    (folder / "orchard.txt").rename(folder / "apiary.txt")
    sync(index, bag_of_words, [folder])
    with index.reading() as generation:
        assert len(generation.matching_chunks(["apiari"], 9)) == 1
        assert {each.title for each in generation.chunks(list(generation.matching_chunks(
            ["apiari"], 9)))} == {"Apiary"}  # fmt: skip


def test_a_file_that_gets_another_title_is_embedded_again(
    index: Index, bag_of_words: Encoder, tmp_path: Path
) -> None:
    path = tmp_path / "note.md"
    for title, embedded in (("Early", 1), ("Later", 1), ("Later", 0)):
        path.write_text(f"---\ntitle: {title}\nkind: {embedded}\n---\n\n{FERRY}\n")
        assert sync(index, bag_of_words, [path]).embedded == embedded
        with index.reading() as generation:
            ((chunk_id, score),) = generation.nearest_chunks(
                bag_of_words.encode_documents([f"{title}. \n{FERRY}"])[0], 9
            ).items()
            assert score == pytest.approx(1, abs=1e-5)
            assert generation.chunks([chunk_id])[0].title == title
    assert_consistent(index)


def test_of_a_changed_file_only_what_changed_is_embedded(
    index: Index, bag_of_words: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.txt"
    texts = chance_texts(60)
    path.write_text("\n\n".join(texts))
    sync(index, bag_of_words, [path])
    encoded: list[int] = []
    encode = Encoder.encode_passages

    def count(self: Encoder, passages: Sequence[Passage]) -> list[Vectors]:
        encoded.append(len(passages))
        return encode(self, passages)

    monkeypatch.setattr(Encoder, "encode_passages", count)
    path.write_text("\n\n".join([*texts[:-1], "The last one is new."]))
    assert sync(index, bag_of_words, [path]).changed == 1
    assert sum(encoded) == 1
    assert_consistent(index)


def test_a_passage_that_comes_while_it_is_being_embedded_is_embedded_once(
    tmp_path: Path, index: Index, bag_of_words: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded: list[str] = []
    encode = Encoder.encode_passages

    def noting(encoder: Encoder, passages: Sequence[Passage]) -> list[Embedding]:
        embedded.extend(passage.text for passage in passages)
        return encode(encoder, passages)

    monkeypatch.setattr(Encoder, "encode_passages", noting)
    monkeypatch.setattr(ingest.sync, "EMBED_AT_ONCE", 1)  # each file is a batch of its own
    folder = tmp_path / "letters"
    folder.mkdir()
    shared = " ".join(f"The ferry sails at {hour}." for hour in range(45))
    for name in "abc":
        (folder / f"{name}.txt").write_text(f"{shared}\n\nSigned by {name}.")
    report = sync(index, bag_of_words, [folder])
    assert report.embedded == 3
    assert len(embedded) == len(set(embedded)) == 4
    assert audit(index) == Audit()
    assert_consistent(index)


def test_a_file_that_was_refused_is_not_read_again_and_stays_named(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    (folder / "a.pdf").write_bytes(b"%PDF-1.4 broken")
    first = sync(index, bag_of_words, [folder])
    again = sync(index, bag_of_words, [folder])
    assert again.refused == first.refused != ()
    assert again.index == first.index
    assert counts(again) == (0, 0, 0, 3, 0)
    with index.reading() as generation:
        assert generation.refusals() == (("a.pdf", first.refused[0][1]),)
    (folder / "a.pdf").unlink()
    assert counts(sync(index, bag_of_words, [folder])) == (0, 0, 0, 3, 0)
    with index.reading() as generation:
        assert generation.refusals() == ()


def test_an_archive_of_which_nothing_is_read_does_not_count_as_read(
    index: Index, bag_of_words: Encoder, tmp_path: Path
) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "good.txt").write_text(FERRY)
    with zipfile.ZipFile(folder / "pictures.zip", "w") as archive:
        archive.writestr("a.png", b"\x89PNG\r\n")
    assert counts(sync(index, bag_of_words, [folder])) == (1, 0, 0, 0, 1)
    assert counts(sync(index, bag_of_words, [folder])) == (0, 0, 0, 1, 0)
    (folder / "good.txt").write_bytes(b"\x89PNG\r\n")
    report = sync(index, bag_of_words, [folder])
    assert counts(report) == (0, 0, 0, 0, 0)
    assert uris(index) == ["good.txt"]


def test_the_paths_of_the_last_ingest_are_kept_though_nothing_else_changed(
    index: Index, bag_of_words: Encoder, folder: Path, tmp_path: Path
) -> None:
    sync(index, bag_of_words, [folder])
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    sync(index, bag_of_words, [other])
    assert ingested_paths(index.directory) == (other,)


def test_a_refusal_for_a_limit_is_tried_again_under_another_limit(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    (folder / "long.txt").write_text("The ferry sails. " * 100)
    report = sync(index, bag_of_words, [folder], limits=Limits(characters=1000))
    assert "where 1,000 are allowed" in report.refused[0][1]
    assert counts(sync(index, bag_of_words, [folder])) == (1, 0, 0, 3, 1)


def test_the_index_itself_is_never_read_as_a_document(bag_of_words: Encoder, folder: Path) -> None:
    index = Index(folder / "index", bag_of_words.fingerprint)
    for _ in range(2):
        report = sync(index, bag_of_words, [folder])
        (folder / "index" / "records.txt").write_text("What the desk has said.")
    assert (report.unchanged, report.refused) == (3, ())
    index.close()


def test_the_files_of_an_archive_come_and_go_with_it(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    with zipfile.ZipFile(folder / "pack.zip", "w") as archive:
        archive.writestr("boat.txt", FERRY)
        archive.writestr("day 1/mill.txt", "The mill grinds rye.")
        archive.writestr("tune.mp3", b"ID3")
    report = sync(index, bag_of_words, [folder])
    assert (report.added, report.embedded) == (4, 4)
    ((path, reason),) = report.refused
    assert path == str(folder / "pack.zip" / "tune.mp3")
    assert "unsupported type '.mp3'" in reason
    assert uris(index) == ["ferry.txt", "museum.txt", "orchard.txt", "pack.zip/day 1/mill.txt"]
    (folder / "ferry.txt").unlink()
    sync(index, bag_of_words, [folder])
    assert "pack.zip/boat.txt" in uris(index)
    (folder / "pack.zip").unlink()
    assert counts(sync(index, bag_of_words, [folder])) == (0, 0, 1, 2, 0)
    assert uris(index) == ["museum.txt", "orchard.txt"]
    assert_consistent(index)


def test_a_deleted_file_is_gone(index: Index, bag_of_words: Encoder, folder: Path) -> None:
    sync(index, bag_of_words, [folder])
    (folder / "ferry.txt").unlink()
    assert counts(sync(index, bag_of_words, [folder])) == (0, 0, 1, 2, 0)
    with index.reading() as generation:
        assert generation.matching_chunks(["ferri", "ferry"], 9) == {}
        assert len(generation.nearest_chunks(bag_of_words.encode_query(FERRY), 9)) == 2
    assert_consistent(index)


def test_the_same_text_in_two_files_is_one_document(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    (folder / "boat.txt").write_text(FERRY)
    report = sync(index, bag_of_words, [folder])
    assert (report.added, report.embedded) == (4, 3)
    with index.reading() as generation:
        assert ["boat.txt", "ferry.txt"] in generation.uris().values()
        assert generation.summary().documents == 3


@pytest.mark.parametrize(("deleted", "kept"), [("boat", "ferry"), ("ferry", "boat")])
def test_a_text_stays_while_one_of_its_files_does(
    index: Index, bag_of_words: Encoder, folder: Path, deleted: str, kept: str
) -> None:
    (folder / "boat.txt").write_text(FERRY)
    sync(index, bag_of_words, [folder])
    (folder / f"{deleted}.txt").unlink()
    assert counts(sync(index, bag_of_words, [folder])) == (0, 0, 1, 3, 0)
    assert uris(index) == sorted([f"{kept}.txt", "museum.txt", "orchard.txt"])
    (folder / f"{kept}.txt").unlink()
    sync(index, bag_of_words, [folder])
    assert uris(index) == ["museum.txt", "orchard.txt"]


def test_files_may_swap_their_texts(index: Index, bag_of_words: Encoder, folder: Path) -> None:
    sync(index, bag_of_words, [folder])
    ferry, museum = folder / "ferry.txt", folder / "museum.txt"
    one, other = ferry.read_text(), museum.read_text()
    ferry.write_text(other)
    museum.write_text(one)
    assert sync(index, bag_of_words, [folder]).changed == 2
    with index.reading() as generation:
        texts = {each.uri: each.text for each in generation.documents()}
    assert (texts["ferry.txt"], texts["museum.txt"]) == (other, one)
    assert_consistent(index)


def test_new_metadata_of_the_same_text_is_known_at_once(
    index: Index, bag_of_words: Encoder, tmp_path: Path
) -> None:
    path = tmp_path / "note.md"
    for day, title in (("2023-01-02", "Early note"), ("2024-05-06", "Later note")):
        path.write_text(f"---\ntitle: {title}\ndate: {day}\n---\n\n{FERRY}\n")
        sync(index, bag_of_words, [path])
        with index.reading() as generation:
            (document,) = generation.documents()
            assert str(document.published) == day
            assert document.title == title
            assert len(generation.matching_chunks(["later"], 9)) == (title == "Later note")


def test_everything_is_embedded_again_when_told_to(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    before = sync(index, bag_of_words, [folder]).index
    report = sync(index, bag_of_words, [folder], rebuild=True)
    assert counts(report) == (3, 0, 0, 0, 3)
    assert before is not None
    assert report.index is not None
    assert report.index.generation != before.generation


def test_another_model_starts_from_nothing(
    own_index: Path, bag_of_words: Encoder, folder: Path
) -> None:
    index = Index(own_index, bag_of_words.fingerprint)
    assert counts(sync(index, bag_of_words, [folder])) == (3, 0, 0, 0, 3)
    assert len(uris(index)) == 3


def test_paths_may_be_files_and_folders(
    index: Index, bag_of_words: Encoder, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "ferry.txt").write_text("Another ferry.")
    sync(index, bag_of_words, [folder / "ferry.txt", tmp_path / "other"])
    assert uris(index) == ["documents/ferry.txt", "other/ferry.txt"]


def test_a_path_that_is_named_twice_counts_once(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    report = sync(index, bag_of_words, [folder, folder / "ferry.txt", folder])
    assert report.added == 3
    assert report.index is not None
    assert report.index.documents == 3


def test_a_file_with_a_name_that_is_not_unicode_does_not_stop_the_others(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    (folder / name).write_text("The café opens at noon.")
    report = sync(index, bag_of_words, [folder])
    assert report.added + len(report.refused) == 4
    assert {"ferry.txt", "museum.txt", "orchard.txt"} <= set(uris(index))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        pytest.param("a.exe", b"MZ\x90\0", "it is a program; supported are", id="unsupported"),
        pytest.param("a.txt", b"", "empty", id="empty"),
        pytest.param("a.pdf", b"%PDF-1.4 broken", "", id="broken-pdf"),
        pytest.param("a.docx", b"PK\x03\x04 broken", "", id="broken-docx"),
    ],
)
def test_a_file_that_is_refused_is_named_and_the_others_are_in(
    index: Index, bag_of_words: Encoder, folder: Path, name: str, content: bytes, reason: str
) -> None:
    (folder / name).write_bytes(content)
    report = sync(index, bag_of_words, [folder])
    assert report.added == 3
    ((path, said),) = report.refused
    assert path == str(folder / name)
    assert said
    assert reason in said


def test_a_link_to_nothing_is_refused(index: Index, bag_of_words: Encoder, folder: Path) -> None:
    (folder / "link.txt").symlink_to(folder / "gone.txt")
    ((path, reason),) = sync(index, bag_of_words, [folder]).refused
    assert path == str(folder / "link.txt")
    assert "No such file" in reason


def test_a_file_that_can_no_longer_be_read_is_taken_out(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    """The old text of a file that changed must not be quoted as if it were the new one."""
    sync(index, bag_of_words, [folder])
    (folder / "ferry.txt").write_bytes(b"%PDF-1.4 not text")
    report = sync(index, bag_of_words, [folder])
    assert counts(report) == (0, 0, 1, 2, 0)
    assert len(report.refused) == 1
    assert uris(index) == ["museum.txt", "orchard.txt"]


def test_the_index_stays_when_nothing_can_be_read(
    index: Index, bag_of_words: Encoder, folder: Path, tmp_path: Path
) -> None:
    before = sync(index, bag_of_words, [folder]).index
    for path in folder.iterdir():
        path.write_bytes(b"")
    report = sync(index, bag_of_words, [folder])
    assert counts(report) == (0, 0, 0, 0, 0)
    assert len(report.refused) == 3
    assert report.index == before
    (tmp_path / "empty").mkdir()
    assert sync(index, bag_of_words, [tmp_path / "empty"]).index == before
    assert len(list((index.directory / "generations").iterdir())) == 1


def test_nothing_is_made_when_there_is_nothing_to_read(
    index: Index, bag_of_words: Encoder, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert sync(index, bag_of_words, [tmp_path / "empty"]).index is None
    assert not (index.directory / "CURRENT").exists()


def test_progress_is_told_for_each_new_file(
    index: Index, bag_of_words: Encoder, folder: Path
) -> None:
    heard: list[tuple[str, int, int]] = []
    sync(index, bag_of_words, [folder], progress=lambda *told: heard.append(told))
    assert heard == [("ferry.txt", 0, 3), ("museum.txt", 1, 3), ("orchard.txt", 2, 3)]


def chance_texts(count: int) -> list[str]:
    words = f"{FERRY} Apples grow where Tomas Lindqvist keeps bees".replace(".", "").split()
    chance = random.Random(7)  # noqa: S311  # any texts will do
    return [f"{' '.join(chance.choices(words, k=9))} {number}." for number in range(count)]


def test_a_chunk_that_every_file_has_does_not_hide_the_others(
    seeds_index: Path, encoder: Encoder, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    with Index(seeds_index, encoder.fingerprint).reading() as generation:
        texts = [
            " ".join(block.span.of(document.text).split())
            for document in generation.documents()
            for block in document.blocks
            if block.kind == "paragraph"
        ]
    for number, text in enumerate(texts):
        notice = "# Rights\n\nAll rights are reserved."
        (folder / f"{number:03}.md").write_text(f"# Visit\n\n{text}\n\n{notice}")
    index = Index(tmp_path / "index", encoder.fingerprint)
    sync(index, encoder, [folder])
    with index.reading() as generation:
        for text in texts[::10]:
            best = next(iter(generation.nearest_chunks(encoder.encode_query(text), 100)))
            assert generation.chunks([best])[0].text == text


def test_more_files_than_are_embedded_at_once_are_all_in(
    index: Index, bag_of_words: Encoder, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number, text in enumerate(chance_texts(300)):
        (folder / f"{number:03}.txt").write_text(text)
    report = sync(index, bag_of_words, [folder])
    assert report.embedded == report.added == 300
    assert_consistent(index)
    for number in range(0, 300, 3):
        (folder / f"{number:03}.txt").unlink()
    assert counts(sync(index, bag_of_words, [folder])) == (0, 0, 100, 200, 0)
    assert_consistent(index)


def test_an_open_pipeline_never_cites_a_deleted_document(
    tmp_path: Path, folder: Path, encoder: Encoder
) -> None:
    index = Index(tmp_path / "index", encoder.fingerprint)
    sync(index, encoder, [folder])
    pipeline = Pipeline(index, encoder)
    question = Question("Who steers the harbour ferry?")
    assert {each.uri for each in pipeline.invoke(question).citations} == {"ferry.txt"}
    (folder / "ferry.txt").unlink()
    sync(Index(tmp_path / "index", encoder.fingerprint), encoder, [folder])
    after = pipeline.invoke(question)
    assert "ferry.txt" not in {each.uri for each in after.citations}
    assert all("ferry" not in hit.chunk.text for hit in after.hits)


def test_a_reader_in_another_process_sees_changes_at_its_next_question(
    own_index: Path, encoder: Encoder, folder: Path
) -> None:
    index = Index(own_index, encoder.fingerprint)
    sync(index, encoder, [folder])
    with subprocess.Popen(  # noqa: S603  # our own code
        [sys.executable, "-c", READER, str(own_index)],
        cwd=ROOT, env=environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as reader:  # fmt: skip
        assert reader.stdin is not None
        assert reader.stdout is not None
        cited = []
        for change in (lambda: None, (folder / "ferry.txt").unlink):
            change()
            sync(index, encoder, [folder])
            reader.stdin.write("Who steers the harbour ferry?\n")
            reader.stdin.flush()
            cited.append(json.loads(reader.stdout.readline()))
        reader.stdin.close()
    assert set(cited[0]) == {"ferry.txt"}
    assert "ferry.txt" not in cited[1]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if PREFIX not in name}
    return {**kept, "PYTHONPATH": str(ROOT)}
