"""Whether an index is what its documents say, and how it is mended where it is not."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from chromadb.api.models.Collection import Collection

from rag import store
from rag.blocks import Tree
from rag.draft import batches
from rag.errors import IndexDamagedError, IndexMismatchError, IndexMissingError
from rag.index import Index, check_manifest
from rag.language import terms
from rag.shared import Shared
from rag.store import Vector

SAME = 1e-4  # the largest difference of a coordinate that Chroma's storing may make
SAMPLE = 50  # stored vectors that must find themselves
NAMED = 5  # of many like problems so many are named


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found wrong with an index.

    Attributes:
        lost: problems of the documents themselves, which only reading the files again mends.
        derived: problems of what is made from them: vectors, keywords, the pointer.
    """

    lost: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()


def audit(index: Index) -> Audit:
    """Compare all that an index holds with its documents.

    Raises:
        IndexMissingError: nothing was ever ingested here.
        IndexMismatchError: it was built with another model or another version.
    """
    index.follow()
    if index.shared is not None:
        return _audit_shared(index, index.shared)
    try:
        with store.held(index.directory) as generation:
            return _audit(generation, index.fingerprint)
    except IndexDamagedError as error:
        found = _newest(index)
        problem = str(error).partition(";")[0]
        return Audit(derived=(problem,)) if found else Audit(lost=(problem,))


def _audit_shared(index: Index, shared: Shared) -> Audit:
    """Compare this machine's copy with the server, and what the server has with the copy."""
    with store.held(index.directory) as generation:
        newest, tree = shared.newest(), Tree.of(generation / "truth.sqlite")
        if newest is None or newest.name != generation.name:
            return audit(index)  # another was published in this moment
        if tree.root != newest.root:
            return Audit(derived=("this machine's copy is not what the server has",))
        found = _audit(generation, index.fingerprint, shared)
        missing = shared.blocks.lacking(tree)
        if missing and not found.lost:
            problem = f"the server lacks {missing} of the {len(tree.every())} blocks of the texts"
            return Audit(derived=(*found.derived, problem))
        return found


def mend(index: Index) -> None:
    """Make anew what is derived from the documents, in a new generation.

    Raises:
        IndexBusyError: another process is writing the index.
        IndexMissingError: no generation is left to start from.
    """
    if index.shared is None:
        index.rebuild_derived(lambda: _start(index))
        return
    newest = index.shared.newest()
    with store.held(index.directory) as generation:
        copied = newest and Tree.of(generation / "truth.sqlite").root == newest.root
    if copied:
        index.rebuild_derived()
    else:
        index.follow(again=True)


def _start(index: Index) -> Path:
    """Return the generation to mend: the current one, or the newest that is whole."""
    with contextlib.suppress(IndexDamagedError):
        return store.current(index.directory)
    newest = _newest(index)
    if newest is None:
        raise IndexMissingError(
            f"no generation of {str(index.directory)!r} is whole; "
            "run python -m ingest PATH --rebuild"
        )
    return newest


def _newest(index: Index) -> Path | None:
    """Return the newest generation whose documents are whole."""
    for generation in sorted(index.directory.glob("generations/*"), reverse=True):
        with contextlib.suppress(IndexDamagedError, IndexMismatchError):
            if not _audit(generation, index.fingerprint).lost:
                return generation
    return None


def _audit(generation: Path, fingerprint: str, shared: Shared | None = None) -> Audit:
    try:
        with contextlib.closing(store.connect(generation, store.READ_ONLY)) as truth:
            check_manifest(store.manifest_of(truth), fingerprint, generation)
            lost = tuple(_some(_lost(truth)))
            if lost:
                return Audit(lost=lost)
            return Audit(derived=tuple(_some(_derived(truth, generation, shared))))
    except (sqlite3.Error, ValueError) as error:
        return Audit(lost=(f"the documents can not be read: {error}",))


def _some(problems: Iterator[str]) -> Iterator[str]:
    """Yield the first problems and how many more there are."""
    for number, problem in enumerate(problems):
        if number == NAMED:
            yield f"and {1 + sum(1 for _ in problems)} more"
            return
        yield problem


def _lost(truth: sqlite3.Connection) -> Iterator[str]:
    for (said,) in truth.execute("pragma integrity_check"):
        if said != "ok":
            yield f"SQLite: {said}"
    query = f"select id, {store.DESCRIPTION}, text, blocks, pages from documents"
    texts: dict[str, str] = {}
    for document_id, *row in truth.execute(query):
        document = store.document(row)
        texts[document_id] = document.text
        if document.id != document_id:
            yield f"the text of {document.uri!r} is not the one that was ingested"
    yield from _stray(truth, texts)


def _stray(truth: sqlite3.Connection, texts: Mapping[str, str]) -> Iterator[str]:
    """Yield what does not lie where it should: chunks, sentences and places."""
    query = "select uri from places where document_id not in (select id from documents)"
    for (uri,) in truth.execute(query):
        yield f"the document of {uri!r} is missing"
    query = "select id, document_id, start, end from chunks"
    for each, document_id, start, end in truth.execute(query):
        if not 0 <= start < end <= len(texts.get(document_id, "")):
            yield f"the chunk {each!r} lies outside its document"
    query = (
        "select s.id from sentences s left join chunks c on c.number = s.chunk "
        "where c.id is null or s.start < c.start or s.end > c.end or s.start >= s.end"
    )
    for (each,) in truth.execute(query):
        yield f"the sentence {each!r} lies outside its chunk"
    query = (
        "select c.id, e.sizes, length(e.codes), "
        "(select count(*) from sentences where chunk = c.number) "
        "from chunks c left join embeddings e on e.chunk = c.number"
    )
    for each, sizes, size, count in truth.execute(query):
        found = store.part_sizes(sizes)
        if found is None or len(found) != count or sum(found) != size:
            yield f"the embedding of the chunk {each!r} is missing or is another"


def _derived(truth: sqlite3.Connection, generation: Path, shared: Shared | None) -> Iterator[str]:
    yield from _keywords(truth)
    if shared is not None:
        yield from _shared_vectors(truth, shared)
        return
    try:
        expected = store.sizes_of(store.manifest_of(truth))
    except IndexDamagedError as error:
        yield str(error).partition(";")[0]
        return
    found = store.vector_files(generation)
    if expected.keys() != found.keys():
        yield f"the vector files are {sorted(found)}, not {sorted(expected)}"
        return
    wrong = {name for name, size in found.items() if size not in (0, expected[name])}
    yield from (f"the vector file {name!r} has {found[name]} bytes" for name in sorted(wrong))
    if wrong:
        return  # Chroma may hang on such a file
    try:
        with store.damage(generation):
            yield from _vectors(truth, generation)
    except IndexDamagedError as error:
        yield str(error).partition("; run")[0]


def _keywords(truth: sqlite3.Connection) -> Iterator[str]:
    query = (
        "select c.id, k.context, k.text, d.title, c.heading, d.language, c.language, "
        "substr(d.text, c.start + 1, c.end - c.start) from chunks c "
        "join documents d on d.id = c.document_id left join keywords k on k.rowid = c.number"
    )
    for each, context, text, title, heading, language, own, words in truth.execute(query):
        expected = " ".join(terms(f"{title} {heading}", language)), " ".join(terms(words, own))
        if (context, text) != expected:
            yield f"the keywords of the chunk {each!r} are not those of its text"
    query = "select count(*) from keywords where rowid not in (select number from chunks)"
    (orphans,) = truth.execute(query).fetchone()
    if orphans:
        yield f"{orphans} keyword rows belong to no chunk"


def _vectors(truth: sqlite3.Connection, generation: Path) -> Iterator[str]:
    client = store.open_chroma(generation)
    try:
        collection = client.get_collection(store.COLLECTION, embedding_function=None)
        yield from _compare(collection, store.chunk_vectors(truth))
    finally:
        store.close_chroma(client)


def _shared_vectors(truth: sqlite3.Connection, shared: Shared) -> Iterator[str]:
    try:
        collection = shared.vectors(store.manifest_of(truth).get("line", ""))
    except IndexDamagedError as error:
        yield str(error).partition("; run")[0]
        return
    for expected in store.vectors_of(truth):
        yield from _differences(collection, expected)


def _compare(collection: Collection, expected: Mapping[str, Vector]) -> Iterator[str]:
    if collection.count() != len(expected):
        yield f"Chroma holds {collection.count()} vectors of {len(expected)}"
    yield from _differences(collection, expected)
    sample = list(expected)[:: max(1, len(expected) // SAMPLE)]
    missed = [each for each in sample if not _finds(collection, each, expected[each])]
    if len(missed) > len(sample) // 10:  # a search graph may miss a few
        yield f"Chroma does not find {len(missed)} of {len(sample)} vectors that it holds"


def _differences(collection: Collection, expected: Mapping[str, Vector]) -> Iterator[str]:
    for ids in batches(list(expected)):
        got = collection.get(ids=ids, include=["embeddings"])
        found = dict(zip(got["ids"], np.asarray(got["embeddings"]), strict=True))
        for each in ids:
            if each not in found or np.abs(found[each] - expected[each]).max() > SAME:
                yield f"the vector {each!r} is missing in Chroma or is another"


def _finds(collection: Collection, vector_id: str, vector: Vector) -> bool:
    found = collection.query(query_embeddings=vector[None], n_results=5, include=["distances"])
    distances = (found["distances"] or [[]])[0]
    return vector_id in found["ids"][0] or (bool(distances) and distances[-1] < SAME)
