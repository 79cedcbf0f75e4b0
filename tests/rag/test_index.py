import contextlib
import gc
import os
import shutil
import sqlite3
import stat
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ingest.chunk import cut, in_context
from ingest.load import find, load
from ingest.sync import sync
from rag import store
from rag.audit import audit
from rag.backup import restore, save
from rag.draft import Piece
from rag.errors import (
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    RagError,
)
from rag.index import Generation, Index, Kept, ingested_paths
from rag.language import stem
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from rag.store import READ_ONLY, Embedding, current
from rag.types import Block, Chunk, Document, Span
from tests.conftest import assert_steady

SYLLABLES = ["mar", "tol", "ven", "sar", "kel", "dan", "fer", "gul", "nop", "rek"]


pytestmark = pytest.mark.usefixtures("reading_here")


def names(index: Path) -> set[str]:
    return {each.name for each in (index / "generations").iterdir()}


def test_documents_come_back_as_they_were_put(generation: Generation, seeds: Path) -> None:
    loaded = [
        document
        for path, root in find([seeds], [])
        for document in load(path, root=root, uri=path.name).documents
    ]
    assert list(generation.documents()) == loaded
    assert [generation.document(each.id) for each in loaded] == loaded


@pytest.fixture
def generous() -> Iterator[None]:
    """Let what is made be open to others, as most machines do."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("generous")
def test_an_index_is_made_for_its_owner_alone_and_left_as_its_operator_opens_it(
    tmp_path: Path, folder: Path, bag_of_words: Encoder
) -> None:
    index = Index(tmp_path / "new" / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [folder])
    assert stat.S_IMODE(index.directory.stat().st_mode) == 0o700
    index.directory.chmod(0o750)
    (folder / "more.txt").write_text("Apples grow in the garden of the embassy.")
    assert sync(index, bag_of_words, [folder]).added
    assert stat.S_IMODE(index.directory.stat().st_mode) == 0o750
    save(index.directory, tmp_path / "visit.tar")
    index.close()
    for name in ("restored", "empty"):
        restored = tmp_path / name
        if name == "empty":
            restored.mkdir()
        restore(tmp_path / "visit.tar", restored, bag_of_words.fingerprint)
        assert stat.S_IMODE(restored.stat().st_mode) == 0o700


def test_chunks_come_back_as_they_were_put(
    generation: Generation, documents: tuple[Document, ...]
) -> None:
    for document in documents:
        chunks = cut(document)
        assert generation.chunks([chunk.id for chunk in chunks]) == chunks


def test_chunks_come_in_the_order_asked_for(
    generation: Generation, documents: tuple[Document, ...]
) -> None:
    ids = [chunk.id for chunk in cut(documents[0])]
    assert [chunk.id for chunk in generation.chunks(ids[::-1])] == ids[::-1]


def test_vectors_come_back_as_they_were_put(
    generation: Generation, documents: tuple[Document, ...], encoder: Encoder
) -> None:
    chunks = cut(documents[0])
    stored = generation.embeddings([chunk.id for chunk in chunks])
    encoded = encoder.encode_passages([in_context(chunk, documents[0]) for chunk in chunks])
    for chunk, embedding in zip(chunks, encoded, strict=True):
        assert np.abs(stored[chunk.id].vectors - embedding.vectors).max() < 1e-5
        assert stored[chunk.id].codes == embedding.codes


def test_counts_what_it_holds(generation: Generation, documents: tuple[Document, ...]) -> None:
    chunks = [chunk for document in documents for chunk in cut(document)]
    days = sorted(document.published for document in documents if document.published)
    summary = generation.summary()
    assert (summary.documents, summary.chunks) == (len(documents), len(chunks))
    assert summary.sentences == sum(len(chunk.sentences) for chunk in chunks)
    assert (summary.first, summary.last) == (days[0], days[-1])
    assert generation.languages == {"en", "fr", "es"}


def test_a_chunk_is_nearest_to_itself(
    generation: Generation, documents: tuple[Document, ...]
) -> None:
    for document in documents:
        chunk = cut(document)[-1]
        vector = generation.embeddings([chunk.id])[chunk.id].vectors[0]
        found = generation.nearest_chunks(vector, 5)
        assert max(found.values()) == pytest.approx(1, abs=1e-5)
        assert found[chunk.id] == pytest.approx(1, abs=1e-5)


def test_the_nearest_come_best_first_as_cosines(generation: Generation, encoder: Encoder) -> None:
    vector = encoder.encode_query("mining companies and the environment")
    found = generation.nearest_chunks(vector, 20)
    assert len(found) == 20
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert all(-1 <= score <= 1 for score in found.values())


def test_of_many_those_are_found_that_are_nearest(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    vectors, questions = (random.standard_normal((n, 32)).astype(np.float32) for n in (2000, 30))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    text = " ".join(f"{n:05}" for n in range(len(vectors)))
    document = Document("Numbers", "a.txt", text, (Block(Span(0, len(text))),))
    spans = [Span(start, start + 5) for start in range(0, len(text), 6)]
    chunks = [Chunk(document.id, each, each.of(text), "Numbers", "", "en") for each in spans]
    index = Index(tmp_path, "random")
    with index.writing("recipe") as draft:
        draft.begin()
        draft.put_file("a.txt", "hash")
        draft.place(document, "a.txt")
        pieces = zip(chunks, vectors, strict=True)
        kept = [Piece(c, c.text, Embedding(v[None], b"", ())) for c, v in pieces]
        draft.add(document, kept)
        draft.publish()
    shares = []
    with index.reading() as generation:
        for each in questions:
            best = np.argsort(-(vectors @ each))[:100]
            found = generation.nearest_chunks(each, 100)
            shares.append(len({chunks[n].id for n in best} & found.keys()) / 100)
    index.close()
    assert np.mean(shares) > 0.997  # .991 as wide as Chroma searches by itself


def test_words_are_found_where_they_stand(generation: Generation) -> None:
    found = generation.matching_chunks(["bendayan"], 100)
    assert len(found) == generation.document_frequencies(["bendayan", "zzz"])["bendayan"] > 1
    for chunk in generation.chunks(list(found)):
        assert "Bendayan" in f"{chunk.title} {chunk.heading} {chunk.text}"


@pytest.mark.parametrize("top_k", [1, 5, 1000])
def test_several_words_score_as_sqlite_scores_them(generation: Generation, top_k: int) -> None:
    words = [stem(word, "en") for word in ("trade", "mining", "Bendayan", "minister", "2024")]
    query = " OR ".join(f'"{word}"' for word in words)
    with contextlib.closing(store.connect(generation.directory, READ_ONLY)) as truth:
        expected = truth.execute(
            "select c.id, -bm25(keywords, 1.0, 1.0) from keywords join chunks c on "
            "c.number = keywords.rowid where keywords match ? order by rank, c.number limit ?",
            [query, top_k],
        ).fetchall()
    for _ in range(2):  # the second time they are remembered
        found = generation.matching_chunks(words, top_k)
        assert list(found) == [each for each, _ in expected]
        assert list(found.values()) == pytest.approx([score for _, score in expected])


def test_at_least_the_half_that_was_asked_for_last_is_kept() -> None:
    read: list[str] = []

    def lengths(keys: Sequence[str]) -> dict[str, int]:
        read.extend(keys)
        return {each: len(each) for each in keys if each != "none"}

    kept = Kept(4, lengths)
    assert kept.of(["a", "bb", "a"]) == {"a": 1, "bb": 2}
    assert list(kept.of(["bb", "a"])) == ["bb", "a"]
    assert kept.of(["ccc", "none"]) == {"ccc": 3}
    assert kept.of(["a"]) == {"a": 1}
    assert read == ["a", "bb", "ccc", "none"]
    assert kept.of(["dddd"]) == {"dddd": 4}  # "bb" was asked for before "a" was
    assert kept.of(["a", "ccc"]) == {"a": 1, "ccc": 3}
    assert read[4:] == ["dddd"]
    assert kept.of(["bb"]) == {"bb": 2}
    assert read[5:] == ["bb"]
    assert list(kept.of("abcdef")) == list("abcdef")  # more than are kept


def test_no_more_is_kept_than_may_be() -> None:
    made: list[weakref.ref[np.ndarray]] = []

    def zeros(keys: Sequence[int]) -> dict[int, np.ndarray]:
        found = {each: np.zeros(each) for each in keys}
        made.extend(map(weakref.ref, found.values()))
        return found

    kept = Kept(100, zeros, len)
    sizes = [1, 60, 30, 20, 2, 30, 3, 51, 50, 4, 49, 5]
    for n, each in enumerate(sizes):
        kept.of([each])
        held = [array.size for of in made if (array := of()) is not None]
        assert sum(held) <= 100
        assert not {60, 51} & {*held}  # too large to keep
        if each <= 50:
            assert held.count(each) == 1, n
    kept.of([7, 99])
    kept.of([98])
    assert made[-3]() is not None  # to read what is too large to keep lets nothing go
    kept.of(range(40))
    held = [array.size for of in made if (array := of()) is not None]
    assert 50 < sum(held) <= 100


def test_many_threads_may_ask_for_what_is_kept() -> None:
    kept = Kept(60, lambda keys: {each: each * 2 for each in keys}, lambda each: 5 * len(each))
    keys = [f"{n % 7}" for n in range(20_000)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda each: kept.of([each, "x"]), keys, chunksize=100))
    finally:
        sys.setswitchinterval(interval)
    assert found == [{each: each * 2, "x": "xx"} for each in keys]
    assert kept._filled == sum(5 * len(each) for each in kept._newer.values()) <= 30


def test_what_two_threads_read_at_once_is_counted_once() -> None:
    def read(keys: Sequence[str]) -> dict[str, str]:
        with ThreadPoolExecutor(1) as other:
            if not asked:
                asked.append(keys)
                other.submit(kept.of, keys).result()
        return {each: each for each in keys}

    asked: list[Sequence[str]] = []
    kept = Kept(6, read)
    assert kept.of(["a", "b"]) == {"a": "a", "b": "b"}
    assert kept._filled == len(kept._newer) == 2


@pytest.mark.parametrize(
    ("limit", "small", "keys_of", "value_of"),
    [
        (
            "EMBEDDINGS_KEPT",
            100_000,
            lambda of: [*of.matching_chunks(["canada", "carney"], 50)],
            lambda of, each: of.embeddings([each])[each],
        ),
        (
            "DOCUMENTS_KEPT",
            30_000,
            lambda of: [each.id for each in of.documents()],
            Generation.document,
        ),
        (
            "POSTINGS_KEPT",
            3_000,
            lambda _: [f"nowhere{n}" for n in range(20)],
            lambda of, each: of._postings.of([each])[each],
        ),
    ],
)
@pytest.mark.parametrize("within", [True, False])
def test_what_is_kept_of_a_generation_is_limited_by_its_size(
    seeds_index: Path,
    encoder: Encoder,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    small: int,
    keys_of: Callable[[Generation], list[str]],
    value_of: Callable[[Generation, str], object],
    within: bool,
) -> None:
    if not within:
        monkeypatch.setattr(f"rag.index.{limit}", small)
    index = Index(seeds_index, encoder.fingerprint)
    with index.reading() as generation:
        first, *others = keys_of(generation)
        value = value_of(generation, first)
        assert value_of(generation, first) is value
        for each in others:
            value_of(generation, each)
        assert (value_of(generation, first) is value) is within
    index.close()


def test_nothing_is_kept_of_a_generation_that_was_closed(
    seeds: Path, tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.index.EMBEDDINGS_KEPT", 100_000)  # of some chunks
    index = Index(tmp_path, encoder.fingerprint)
    sync(index, encoder, [seeds])
    gc.disable()
    try:
        with index.reading() as generation:
            ids = [*generation.matching_chunks(["canada"], 20)]
            read = [weakref.ref(generation.embeddings([each])[each].vectors) for each in ids]
            assert generation._embeddings._older
            assert 0 < sum(each() is not None for each in read) < len(read)
        index.close()
        assert not any(each() is not None for each in read)
    finally:
        gc.enable()


def test_a_text_that_was_changed_in_the_index_is_not_given(
    own_index: Path, encoder: Encoder
) -> None:
    with contextlib.closing(sqlite3.connect(current(own_index) / "truth.sqlite")) as database:
        [(changed,)] = database.execute("select min(id) from documents")
        database.execute(
            "update documents set text = '~' || substr(text, 2) where id = ?", [changed]
        )
        database.commit()
    index = Index(own_index, encoder.fingerprint)
    with index.reading() as generation:
        for _ in range(2):
            with pytest.raises(IndexDamagedError, match=f"'{changed}' is not the one that was in"):
                generation.document(changed)
    index.close()


def test_words_of_a_chunk_that_is_not_there_are_damage(own_index: Path, encoder: Encoder) -> None:
    index = Index(own_index, encoder.fingerprint)
    with index.reading() as generation:
        [found] = generation.matching_chunks(["bendayan"], 1)
    index.close()
    with contextlib.closing(sqlite3.connect(current(own_index) / "truth.sqlite")) as database:
        [(number,)] = database.execute("select number from chunks where id = ?", [found])
        database.execute("update chunks set number = 1000000 where id = ?", [found])
        database.commit()
    index = Index(own_index, encoder.fingerprint)
    wanted = f"chunk number {number}, which is not in the index; run python -m ingest --check"
    with index.reading() as generation, pytest.raises(IndexDamagedError, match=wanted):
        generation.matching_chunks(["bendayan"], 100)
    index.close()


def test_a_chunk_has_the_title_of_its_own_document(
    generation: Generation, documents: tuple[Document, ...]
) -> None:
    expected = {
        chunk.id: (document.title, document.language)
        for document in documents
        for chunk in cut(document)
    }
    assert generation.titles([*expected]) == expected


def test_a_word_that_is_nowhere_is_not_found(generation: Generation) -> None:
    assert generation.matching_chunks(["zzz"], 10) == {}
    assert generation.document_frequencies(["zzz"]) == {"zzz": 0}
    assert generation.matching_chunks([], 10) == {}


@pytest.mark.parametrize(
    ("word", "expected"),
    [("bendayn", True), ("bendyaan", True), ("bdyn", False), ("12345", False), ("xendayan", False)],
)
def test_terms_are_similar_that_differ_by_a_typing_error(
    generation: Generation, word: str, expected: bool
) -> None:
    assert ("bendayan" in generation.similar_terms([word])) is expected


def test_a_document_that_is_not_there_is_none(generation: Generation) -> None:
    assert generation.document("0" * 16) is None


def test_knows_where_the_files_of_each_document_lie(generation: Generation, seeds: Path) -> None:
    files = sorted(path.name for path, _ in find([seeds], []))
    assert sorted(uri for uris in generation.uris().values() for uri in uris) == files


def test_there_is_no_index_before_the_first_ingest(tmp_path: Path) -> None:
    with (
        pytest.raises(IndexMissingError, match=r"there is no index in '.*none'; run python -m"),
        Index(tmp_path / "none", "any").reading(),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_index_of_another_model_names_both(own_index: Path, encoder: Encoder) -> None:
    wanted = f"'{encoder.fingerprint}', not with 'other@2'; run python -m ingest PATH again"
    with pytest.raises(IndexMismatchError, match=wanted), Index(own_index, "other@2").reading():
        pass


def test_an_index_of_another_version_is_refused(own_index: Path, encoder: Encoder) -> None:
    database = sqlite3.connect(current(own_index) / "truth.sqlite")
    database.execute("update manifest set value = '0' where key = 'schema'")
    database.commit()
    database.close()
    with (
        pytest.raises(IndexMismatchError, match=r"has schema '0', not '.*'; run python -m ingest"),
        Index(own_index, encoder.fingerprint).reading(),
    ):
        pass


def test_a_draft_that_is_not_published_changes_nothing(own_index: Path, encoder: Encoder) -> None:
    before, kept = current(own_index), names(own_index)
    index = Index(own_index, encoder.fingerprint)
    with index.reading() as generation:
        recipe, held = generation.recipe, generation.summary()
    with index.writing(recipe) as draft:
        draft.begin()
        draft.remove_file("01-overview.md")
    with index.reading() as generation:
        assert generation.summary() == held
    assert (current(own_index), names(own_index)) == (before, kept)


def test_an_error_while_writing_changes_nothing(own_index: Path, encoder: Encoder) -> None:
    kept = names(own_index)
    index = Index(own_index, encoder.fingerprint)
    with contextlib.ExitStack() as stopped:
        stopped.enter_context(contextlib.suppress(KeyboardInterrupt))
        draft = stopped.enter_context(index.writing("another recipe"))
        draft.begin()
        raise KeyboardInterrupt
    assert names(own_index) == kept
    assert not (own_index / "writer.pid").exists()
    with index.writing("another recipe"):
        pass  # the lock is free again


def test_another_recipe_starts_from_nothing(own_index: Path, encoder: Encoder) -> None:
    index = Index(own_index, encoder.fingerprint)
    with index.writing("another recipe") as draft:
        assert draft.files == {}


def test_two_writers_are_one_too_many(own_index: Path, encoder: Encoder, seeds: Path) -> None:
    holder = f"is being written by process {os.getpid()}; wait"
    with Index(own_index, encoder.fingerprint).writing("recipe"):
        other = Index(own_index, encoder.fingerprint)
        with pytest.raises(IndexBusyError, match=holder):
            sync(other, encoder, [seeds])
        with other.reading() as generation:
            assert generation.summary().documents == 14


def test_reads_while_another_generation_is_written_and_published(
    tmp_path: Path, folder: Path, bag_of_words: Encoder
) -> None:
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [folder])
    with index.reading() as before:
        for number in range(3):
            (folder / "new.txt").write_text(f"Number {number} is new.")
            sync(index, bag_of_words, [folder])
        assert before.summary().documents == 3
        assert len(before.nearest_chunks(bag_of_words.encode_query("ferry"), 9)) == 3
        with index.reading() as after:
            assert after.summary().documents == 4
    index.close()


def test_many_threads_read_at_once_while_generations_change(
    tmp_path: Path, folder: Path, bag_of_words: Encoder
) -> None:
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [folder])
    pipeline = Pipeline(index, bag_of_words)
    done = threading.Event()

    def ask(_: int) -> int:
        asked = 0
        while not done.is_set():
            pipeline.invoke(Question("Who steers the harbour ferry?"))
            asked += 1
        return asked

    with ThreadPoolExecutor(3) as threads:
        asking = [threads.submit(ask, number) for number in range(3)]
        try:
            for number in range(4):
                (folder / "new.txt").write_text(f"Number {number} is new.")
                sync(Index(index.directory, bag_of_words.fingerprint), bag_of_words, [folder])
        finally:
            done.set()
        assert all(each.result() > 0 for each in asking)


def test_an_open_index_does_not_gather_files_or_threads(
    tmp_path: Path, folder: Path, bag_of_words: Encoder
) -> None:
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    opened: list[tuple[int, int]] = []
    for number in range(9):
        (folder / "new.txt").write_text(f"Number {number} is new.")
        sync(index, bag_of_words, [folder])
        with index.reading() as generation:
            generation.nearest_chunks(bag_of_words.encode_query("number"), 3)
        files, threads = (len(list(Path("/proc/self", each).iterdir())) for each in ("fd", "task"))
        opened.append((files, threads))
    assert len(names(index.directory)) <= 2
    assert_steady(opened)


@pytest.fixture(scope="module")
def large_index(
    tmp_path_factory: pytest.TempPathFactory, bag_of_words: Encoder
) -> tuple[Path, Path]:
    """Return a folder and its index, large enough for Chroma to keep the vectors in files."""
    folder = tmp_path_factory.mktemp("large") / "documents"
    folder.mkdir()
    for number in range(12):
        a, b = SYLLABLES[number % 10], SYLLABLES[number // 10]
        lines = (f"{a}{c}{b} {c}{d}a meets {b}{d}{c} {n}." for n, (c, d) in enumerate(
            (c, d) for c in SYLLABLES for d in SYLLABLES))  # fmt: skip
        chunks = (f"# Visit\n\n{line.capitalize()}" for line in lines)
        (folder / f"{number}.md").write_text("\n\n".join(chunks))
    index = folder.parent / "index"
    sync(Index(index, bag_of_words.fingerprint), bag_of_words, [folder])
    assert list(index.rglob("index_metadata.pickle"))
    return folder, index


def cut_files(name: str, size: int) -> Callable[[Path], None]:
    def act(index: Path) -> None:
        for path in index.rglob(name):
            os.truncate(path, size)

    return act


def lose_rows(index: Path) -> None:
    with contextlib.closing(sqlite3.connect(current(index) / "chroma" / "chroma.sqlite3")) as rows:
        rows.execute("delete from embeddings where rowid in (select rowid from embeddings limit 9)")
        rows.commit()


def swap_vectors(index: Path) -> None:
    """Leave the files as large as they were, with vectors that are none of the documents'."""
    for path in index.rglob("data_level0.bin"):
        data = np.frombuffer(path.read_bytes(), np.uint8).copy()
        values = data.view(np.float32)[10:]
        with np.errstate(invalid="ignore"):  # what lies between the vectors may be no number
            values *= np.where(values > 1e-3, -1, 1)
        path.write_bytes(data.tobytes())


DAMAGES = [
    pytest.param(
        lose_rows, IndexDamagedError, "Chroma holds .* run python -m ingest --check",
        id="rows-missing",
    ),
    pytest.param(
        swap_vectors, IndexDamagedError, "run python -m ingest --check", id="vectors-others",
    ),
    pytest.param(
        lambda index: (index / "CURRENT").unlink(),
        IndexMissingError, "run python -m ingest PATH --index", id="pointer-missing",
    ),
    pytest.param(
        lambda index: (index / "CURRENT").write_bytes(b"\xff\x00"),
        IndexDamagedError, "CURRENT' can not be read: .* run python -m ingest --check",
        id="pointer-corrupt",
    ),
    pytest.param(
        cut_files("CURRENT", 0),
        IndexDamagedError, "names '', which is no generation; .*--check", id="pointer-empty",
    ),
    pytest.param(
        lambda index: (index / "CURRENT").write_text("20200101T000000-00000000"),
        IndexDamagedError, "names '20200101T000000-00000000', which is no generation; .*--check",
        id="pointer-to-nothing",
    ),
    pytest.param(
        lambda index: (index / "CURRENT").write_text("../../elsewhere"),
        IndexDamagedError, "which is no generation; .*--check", id="pointer-out-of-the-index",
    ),
    pytest.param(
        lambda index: (current(index) / "truth.sqlite").unlink(),
        IndexDamagedError, "can not be read: .* run python -m ingest --check",
        id="truth-missing",
    ),
    pytest.param(
        cut_files("truth.sqlite", 100),
        IndexDamagedError, "can not be read: .* run python -m ingest --check",
        id="truth-cut",
    ),
    pytest.param(
        cut_files("truth.sqlite", 0),
        IndexDamagedError, "can not be read: .* run python -m ingest --check",
        id="truth-empty",
    ),
    pytest.param(
        lambda index: shutil.rmtree(current(index) / "chroma"),
        IndexDamagedError, "run python -m ingest --check", id="chroma-missing",
    ),
    pytest.param(
        cut_files("data_level0.bin", 100),
        IndexDamagedError, "run python -m ingest --check", id="vectors-cut",
    ),
    pytest.param(
        cut_files("index_metadata.pickle", 0),
        IndexDamagedError, "run python -m ingest --check", id="vector-ids-cut",
    ),
    pytest.param(
        cut_files("chroma.sqlite3", 100),
        IndexDamagedError, "run python -m ingest --check", id="chroma-database-cut",
    ),
    pytest.param(
        lambda index: [shutil.rmtree(each) for each in current(index).glob("chroma/*-*")],
        IndexDamagedError, "run python -m ingest --check", id="vectors-missing",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "error", "message"), DAMAGES)
def test_damage_is_noticed_and_can_be_repaired(
    tmp_path: Path,
    large_index: tuple[Path, Path],
    bag_of_words: Encoder,
    damage: Callable[[Path], object],
    error: type[RagError],
    message: str,
) -> None:
    folder, original = large_index
    directory = Path(shutil.copytree(original, tmp_path / "index"))
    damage(directory)
    pipeline = Pipeline(Index(directory, bag_of_words.fingerprint), bag_of_words)
    for _ in range(2):  # as often as it is asked
        with pytest.raises(error, match=message):
            pipeline.invoke(Question("Who meets marmara?"))
    fresh = Index(directory, bag_of_words.fingerprint)
    assert sync(fresh, bag_of_words, [folder], rebuild=True).added == 12
    assert pipeline.invoke(Question("Who meets marmara?")).hits


def test_vectors_that_hide_others_from_the_search_do_not_look_like_damage(
    bag_of_words: Encoder, tmp_path: Path
) -> None:
    mills = (f"Mill {number} grinds rye on day {number}5." for number in range(9))
    (tmp_path / "a.txt").write_text(f"Volume 5. {' '.join(mills)}")  # first by its id, so hidden
    (tmp_path / "b.txt").write_text("The ferry sails. " * 100)  # equal vectors to this encoder
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    for _ in range(4):
        sync(index, bag_of_words, [tmp_path], rebuild=True)
        with index.reading() as generation:
            assert generation.summary().documents == 2
    index.close()


@pytest.mark.usefixtures("reading_here")
def test_an_index_of_an_older_version_is_made_anew_from_the_folders_of_the_last_time(
    tmp_path: Path, folder: Path, bag_of_words: Encoder
) -> None:
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [folder])
    index.close()
    older = current(index.directory)
    database = sqlite3.connect(older / "truth.sqlite")
    database.execute("update manifest set value = '1' where key = 'schema'")
    database.commit()
    database.close()
    for ask in (index.reading().__enter__, lambda: audit(index)):
        with pytest.raises(IndexMismatchError, match=r"has schema '1', not '.*'; run python -m"):
            ask()
    assert [each.name for each in (index.directory / "generations").iterdir()] == [older.name]
    report = sync(index, bag_of_words, ingested_paths(index.directory))
    assert (report.added, report.embedded) == (3, 3)
    with index.reading() as generation:
        assert generation.summary().documents == 3
    assert not older.exists()
    index.close()
