"""One directory of documents that can be searched: its current generation, and who may write.

A generation never changes once it is pointed to. A writer builds a new one beside it and then
moves the pointer; readers notice at their next question. So no two processes share a Chroma path
while one of them writes, which Chroma does not survive: readers keep deleted vectors, writers lose
some. Equal vectors, such as those of a page that two files have, are in Chroma once: many of them
side by side cut others off from its search graph.
"""

import contextlib
import itertools
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np
import numpy.typing as npt
from chromadb.api.models.Collection import Collection
from chromadb.errors import ChromaError
from filelock import FileLock, Timeout

from rag import store
from rag.access import Rules, from_json
from rag.draft import Alone, Draft, Home, Refusal
from rag.errors import (
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    IndexWriteError,
    SettingsError,
)
from rag.language import like
from rag.server import Server
from rag.settings import Settings
from rag.shared import Entry, Shared
from rag.store import (
    COLLECTION,
    DESCRIPTION,
    READ_ONLY,
    SCHEMA,
    Embedding,
    Vector,
    current,
    damage,
)
from rag.types import Chunk, Document, Sentence, Span

CANARIES = 20  # chunks whose vectors are searched for, until one is found, when it is opened
EQUAL = 1 - 1e-5  # cosine of vectors that only rounding tells apart
SHORTEST_TYPO = 5  # letters; shorter words have too many neighbours
MOST_SIMILAR = 2  # terms that a word may be an error for
SMALL = 1000  # of so few vectors all are compared
WIDER = 2  # times more neighbours a server is asked for, as it holds those of other generations too
# What was asked for last is kept in memory, as a generation never changes: at most so much of each.
EMBEDDINGS_KEPT = 128_000_000  # bytes; of a chunk there are some 12,000
DOCUMENTS_KEPT = 32_000_000  # bytes, about
POSTINGS_KEPT = 64_000_000  # bytes; 12 for each chunk that has a term
CHUNKS_KEPT = 4000
SMALL_KEPT = 50_000  # titles, ids, and of words in how many chunks they are and what is spelled so

Row = tuple[Any, ...]
Postings = tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]
_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Kept(Generic[_Key, _Value]):
    """What was read last, by what it was asked for; any number of threads may ask.

    There are two halves. What is asked for and is not in the newer one goes into it; once that is
    full it takes the place of the older one, whose values are let go. So to find something moves
    nothing. A value larger than a half is read each time.
    """

    def __init__(
        self,
        most: int,
        read: Callable[[Sequence[_Key]], Mapping[_Key, _Value]],
        size: Callable[[_Value], int] = lambda _: 1,
    ) -> None:
        self._half = most // 2
        self._read = read
        self._size = size
        self._guard = threading.Lock()
        self._older: dict[_Key, _Value] = {}
        self._newer: dict[_Key, _Value] = {}
        self._filled = 0  # of the newer half

    def of(self, keys: Iterable[_Key]) -> dict[_Key, _Value]:
        """Return the value of each key that has one, in their order.

        What is not kept is read at once.
        """
        keys = list(dict.fromkeys(keys))
        newer = self._newer
        found = {each: newer[each] for each in keys if each in newer}
        if len(found) < len(keys):
            found |= self._older_or_read([each for each in keys if each not in found])
            found = {each: found[each] for each in keys if each in found}
        return found

    def _older_or_read(self, keys: Sequence[_Key]) -> dict[_Key, _Value]:
        older = self._older
        found = {each: older[each] for each in keys if each in older}
        if missing := [each for each in keys if each not in found]:
            found.update(self._read(missing))
        with self._guard:
            for each, value in found.items():
                size = self._size(value)
                if size > self._half or each in self._newer:
                    continue
                if self._filled + size > self._half:
                    self._older, self._newer, self._filled = self._newer, {}, 0
                self._newer[each] = value
                self._filled += size
        return found

    def clear(self) -> None:
        """Keep nothing any more."""
        with self._guard:
            self._older, self._newer, self._filled = {}, {}, 0


@dataclass(frozen=True, slots=True)
class Summary:
    """How much an index holds and from when."""

    generation: str
    documents: int
    chunks: int
    sentences: int
    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A place where a document lies, as a person wants it listed.

    Attributes:
        same_as: another place of the same text, that it is quoted from.
        near_copy_of: a document whose text is nearly the same.
        access: who may read it there.
    """

    uri: str
    document_id: str
    title: str
    published: date | None
    language: str
    kind: str
    pages: int
    characters: int
    chunks: int
    same_as: str | None
    near_copy_of: str | None
    warnings: tuple[str, ...]
    access: Rules = ()


class Generation:
    """One complete state of the index, open for reading by any number of threads.

    Attributes:
        languages: of the documents, ISO 639-1 codes.
        clusters: for each near copy of a document, by id, the one that stands for it.
        whole: the summary of all documents, also where only some of them are searched.
        stored: how many chunks there are, those that a reader may not see among them.
        rules: those that its places carry, by how they are stored.
        satisfied: those of them that its reader satisfies.
        seen: what readers may see of it, by the rules that they satisfy.
    """

    def __init__(self, directory: Path, fingerprint: str, shared: Shared | None = None) -> None:
        self.directory = directory
        self.name = directory.name
        self._shared = shared
        with damage(directory), contextlib.ExitStack() as opened:
            opened.enter_context(store.hold(directory))
            self._truth = store.connect(directory, READ_ONLY)
            opened.callback(self._truth.close)
            self.recipe = self._check_manifest(fingerprint)
            self._vectors = self._open_vectors(opened)
            self._size = store.count(self._truth)
            self._canary()
            self._opened = opened.pop_all()
        self.languages = frozenset(
            row[0] for row in self._rows("select distinct language from documents")
        )
        self.clusters: Mapping[str, str] = dict(
            self._rows("select id, cluster from documents where cluster != id")
        )
        self._summary = self.whole = self._counted()
        self.stored = self.whole.chunks
        rules = self._rows("select distinct access from places")
        self.rules: Mapping[str, Rules] = {text: from_json(text) for (text,) in rules}
        self.satisfied = frozenset(self.rules)
        self.seen: dict[frozenset[str], Generation] = {}
        self._similar = self._keep(SMALL_KEPT, self._read_similar)
        self._documents = self._keep(DOCUMENTS_KEPT, self._read_documents, _bytes_of_document)
        self._chunks = self._keep(CHUNKS_KEPT, self._read_chunks)
        self._embeddings = self._keep(EMBEDDINGS_KEPT, self._read_embeddings, _bytes_of_embedding)
        self._titles = self._keep(SMALL_KEPT, self._read_titles)
        self._of_vectors = self._keep(SMALL_KEPT, self._read_of_vectors)
        self._numbered = self._keep(SMALL_KEPT, self._read_numbered)
        self._frequencies = self._keep(SMALL_KEPT, self._read_frequencies)
        self._postings = self._keep(POSTINGS_KEPT, self._read_postings, _bytes_of_postings)

    def _keep(
        self,
        most: int,
        read: Callable[[Sequence[_Key]], Mapping[_Key, _Value]],
        size: Callable[[_Value], int] = lambda _: 1,
    ) -> Kept[_Key, _Value]:
        """Return what keeps the values read last until the generation is closed."""
        kept = Kept(most, read, size)
        self._opened.callback(kept.clear)
        return kept

    def _open_vectors(self, opened: contextlib.ExitStack) -> Collection:
        if self._shared is not None:
            return self._shared.vectors(store.manifest_of(self._truth).get("line", ""))
        client = store.open_chroma(self.directory)
        opened.callback(store.close_chroma, client)
        return client.get_collection(COLLECTION, embedding_function=None)

    def _check_manifest(self, fingerprint: str) -> str:
        manifest = store.manifest_of(self._truth)
        check_manifest(manifest, fingerprint, self.directory)
        expected, found = store.sizes_of(manifest), store.vector_files(self.directory)
        # Chroma empties and writes small files again while it opens them: 0 says nothing.
        cut = {name: size for name, size in found.items() if size not in (0, expected.get(name))}
        if cut or expected.keys() != found.keys():
            raise IndexDamagedError(  # Chroma would not say so, and may hang on such a file
                f"the vector files in {str(self.directory)!r} are {found}, not {expected}; "
                "run python -m ingest --check"
            )
        return str(manifest.get("recipe"))

    def _canary(self) -> None:
        """Check that Chroma still has the vectors: it opens without an error after losing them."""
        where = "where c.number in (select number from chunks order by vector_id limit ?)"
        canaries = store.chunk_vectors(self._truth, where, [CANARIES]).values()
        found = self._count()
        # A server holds those of the next generation too, while that is being made.
        if found < self._size or (self._shared is None and found != self._size):
            raise IndexDamagedError(
                f"Chroma holds {found} vectors of {self._size} in {str(self.directory)!r}; "
                "run python -m ingest --check"
            )
        if canaries and not any(map(self._finds, canaries)):
            raise IndexDamagedError(
                f"Chroma does not find its own vectors in {str(self.directory)!r}; "
                "run python -m ingest --check"
            )

    def _finds(self, vector: Vector) -> bool:
        """Tell whether the search finds a vector or its equal; it may miss some, but not all."""
        nearest = self._nearest(vector, 1)
        return any(cosine > EQUAL for cosine in nearest.values())

    def close(self) -> None:
        """Let go of the files and of what was kept of them."""
        self._opened.close()

    def summary(self) -> Summary:
        """Return the counts and the dates of the documents."""
        return self._summary

    def _counted(self) -> Summary:
        """Count once, for a generation never changes: it takes longer than to find an answer."""
        (documents, first, last), (chunks,), (sentences,) = (
            self._rows("select count(*), min(published), max(published) from documents")[0],
            self._rows("select count(*) from chunks")[0],
            self._rows("select count(*) from sentences")[0],
        )
        return Summary(self.name, documents, chunks, sentences, store.day(first), store.day(last))

    def documents(self, most: int = -1) -> tuple[Document, ...]:
        """Return every document, or so many, in the order of their places in the folder."""
        query = f"select {DESCRIPTION}, text, blocks, pages from documents order by uri limit ?"
        return tuple(map(store.document, self._rows(query, [most])))

    def document(self, document_id: str) -> Document | None:
        """Return a document, or None when it is not in this generation."""
        return self._documents.of([document_id]).get(document_id)

    def _read_documents(self, ids: Sequence[str]) -> dict[str, Document]:
        rows = self._by_ids(f"id, {DESCRIPTION}, text, blocks, pages", "documents", "id", ids)
        found = {each: store.document(row) for each, *row in rows}
        for each, document in found.items():
            if document.id != each:
                raise IndexDamagedError(
                    f"the text of {each!r} is not the one that was ingested; "
                    "run python -m ingest --check"
                )
        return found

    def uris(self) -> dict[str, list[str]]:
        """Return where the text of each document lies, by document id."""
        places: dict[str, list[str]] = {}
        for document_id, uri in self._rows("select document_id, uri from places order by uri"):
            places.setdefault(document_id, []).append(uri)
        return places

    def listing(self) -> tuple[Listed, ...]:
        """Return every place of every document, in the order of the places."""
        rows = self._rows(
            "select p.uri, d.id, p.title, p.published, p.language, p.kind, "
            "json_array_length(d.pages), length(d.text), "
            "(select count(*) from chunks where document_id = d.id), "
            "nullif(d.uri, p.uri), case when d.cluster != d.id then c.uri end, p.warnings, "
            "p.access "
            "from places p join documents d on d.id = p.document_id "
            "join documents c on c.id = d.cluster order by p.uri"
        )
        return tuple(map(_listed, rows))

    def refusals(self) -> tuple[Refusal, ...]:
        """Return (uri, reason) of what lies in the folder and could not be read."""
        return tuple(self._rows("select uri, reason from refusals order by uri, reason"))

    def nearest_chunks(self, vector: Vector, top_k: int) -> dict[str, float]:
        """Return chunk ids with their cosine similarity, best first."""
        found = self._nearest(vector, top_k)
        having = self._of_vectors.of(found)
        return _best_first({each: found[of] for of, ids in having.items() for each in ids})

    def _read_of_vectors(self, vector_ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the ids of the chunks that have each vector."""
        found: dict[str, list[str]] = {}
        for each, vector_id in self._by_ids("id, vector_id", "chunks", "vector_id", vector_ids):
            found.setdefault(vector_id, []).append(each)
        return found

    def matching_chunks(self, words: Iterable[str], top_k: int) -> dict[str, float]:
        """Return chunk ids with their BM25 score for any of the index terms, best first.

        The score of several terms is the sum of what each has alone, which is remembered.
        """
        postings = self._postings.of(word for word in words if '"' not in word).values()
        if not any(len(numbers) for numbers, _ in postings):
            return {}
        numbers, scores = map(np.concatenate, zip(*postings, strict=True))
        sums = np.bincount(numbers, scores)
        found = np.flatnonzero(sums)
        if len(found) > top_k:
            found = found[sums[found] >= np.partition(sums[found], -top_k)[-top_k]]
        best = found[np.argsort(-sums[found], kind="stable")][:top_k].tolist()
        ids = self._numbered.of(best)
        if len(ids) < len(best):
            lacking = next(each for each in best if each not in ids)
            raise IndexDamagedError(
                f"the words name chunk number {lacking}, which is not in the index; "
                "run python -m ingest --check"
            )
        return dict(zip(ids.values(), sums[best].tolist(), strict=True))

    def _read_numbered(self, numbers: Sequence[int]) -> dict[int, str]:
        return dict(self._by_ids("number, id", "chunks", "number", numbers))

    def _read_postings(self, words: Sequence[str]) -> dict[str, Postings]:
        """Return the numbers of the chunks that have an index term, and its BM25 score in each."""
        query = "select rowid, -bm25(keywords, 1.0, 1.0) from keywords where keywords match ?"
        found = {}
        for word in words:
            rows = np.array(self._rows(query, [f'"{word}"']), np.float64).reshape(-1, 2)
            found[word] = rows[:, 0].astype(np.int32), rows[:, 1].copy()
        return found

    def document_frequencies(self, words: Iterable[str]) -> dict[str, int]:
        """Return in how many chunks each index term occurs."""
        return self._frequencies.of(words)

    def _read_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(words, 0) | dict(
            self._by_ids("term, doc", "vocabulary", "term", words)
        )

    def similar_terms(self, words: Iterable[str]) -> frozenset[str]:
        """Return the index terms that differ from one of the words by a typing error or two."""
        found: set[str] = set()
        for word in words:
            if len(word) >= SHORTEST_TYPO and word.isalpha():
                found.update(itertools.islice(self._similar_to(word), MOST_SIMILAR))
        return frozenset(found)

    def _similar_to(self, word: str) -> Iterable[str]:
        """Return the terms that differ from a word by a typing error or two, nearest first."""
        return self._similar.of([word])[word]

    def _read_similar(self, words: Sequence[str]) -> dict[str, list[str]]:
        return {each: like(each, self._terms_beginning_with(each[0])) for each in words}

    def _terms_beginning_with(self, letter: str) -> list[str]:
        query = "select term from vocabulary where term >= ? and term < ?"
        return [row[0] for row in self._rows(query, [letter, chr(ord(letter) + 1)])]

    def chunks(self, ids: Sequence[str]) -> tuple[Chunk, ...]:
        """Return chunks with their sentences, in the order of the ids."""
        found = self._chunks.of(ids)
        return tuple(found[each] for each in ids)

    def _read_chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        spans = "select start, end from sentences where chunk = c.number order by start"
        rows = self._by_ids(
            "c.id, c.document_id, c.start, c.end, d.title, c.heading, c.language, "
            "substr(d.text, c.start + 1, c.end - c.start), "
            f"(select json_group_array(json_array(start, end)) from ({spans}))",
            "chunks c join documents d on d.id = c.document_id",
            "c.id",
            ids,
        )
        return {each: _chunk(row) for each, *row in rows}

    def embeddings(self, chunk_ids: Sequence[str]) -> dict[str, Embedding]:
        """Return what is kept of the embedding of each chunk, whose parts are its sentences."""
        return self._embeddings.of(chunk_ids)

    def _read_embeddings(self, chunk_ids: Sequence[str]) -> dict[str, Embedding]:
        where = f"where c.id in ({_marks(chunk_ids)})"
        with damage(self.directory):
            stored = store.embeddings(self._truth, where, chunk_ids)
            found = {each.chunk_id: each.embedding for each in stored}
        if len(found) != len(chunk_ids):
            raise IndexDamagedError(
                f"embeddings are missing in {str(self.directory)!r}; run python -m ingest --check"
            )
        return found

    def titles(self, chunk_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return the title of the document of each chunk, and its language."""
        documents = {each: each.partition(":")[0] for each in chunk_ids}
        found = self._titles.of(documents.values())
        return {each: found[of] for each, of in documents.items() if of in found}

    def _read_titles(self, document_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        rows = self._by_ids("id, title, language", "documents", "id", document_ids)
        return {each: (title, language) for each, title, language in rows}

    def _nearest(self, vector: Vector, top_k: int) -> dict[str, float]:
        size = self._size
        small = 0 < size <= SMALL
        if self._shared is None:
            found = self._found(vector, size if small else top_k)
            return dict(itertools.islice(found.items(), top_k))
        # Others are most of all there while much is being added.
        asked = size if small else WIDER * top_k
        needed = size if small else min(top_k, size)
        for wider in (1, 1 + self._count() // max(1, size)):
            found = self._found(vector, asked * wider)
            rows = self._by_ids("vector_id", "chunks", "vector_id", list(found))
            own = {each for (each,) in rows}
            if len(own) >= needed:
                return dict(itertools.islice(((e, c) for e, c in found.items() if e in own), top_k))
        return self._compared(vector, top_k)

    def _found(self, vector: Vector, count: int) -> dict[str, float]:
        """Return what Chroma finds nearest, best first."""
        if self._shared is not None:
            return self._shared.server.nearest(self._vectors, vector, count)
        with damage(self.directory):
            result = self._vectors.query(
                query_embeddings=[cast(Sequence[float], vector)],
                n_results=count,
                include=["distances"],
            )
        return store.cosines(result)

    def _compared(self, vector: Vector, top_k: int) -> dict[str, float]:
        """Compare a vector with every one that there is."""
        best: dict[str, float] = {}
        with damage(self.directory):
            for some in store.vectors_of(self._truth):
                cosines = np.vecdot(np.stack(list(some.values())), vector)
                best |= dict(zip(some, map(float, cosines), strict=True))
                best = dict(itertools.islice(_best_first(best).items(), top_k))
        return best

    def _count(self) -> int:
        if self._shared is not None:
            return self._shared.server.count(self._vectors)
        return self._vectors.count()

    def _rows(self, query: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[Row]:
        with damage(self.directory):
            return self._truth.execute(query, values).fetchall()

    def _by_ids(self, columns: str, table: str, key: str, ids: Sequence[object]) -> list[Row]:
        return self._rows(f"select {columns} from {table} where {key} in ({_marks(ids)})", ids)


class Index:
    """The directory: hands out the current generation to readers and a draft to one writer.

    With a server it is this machine's copy of what several machines share there.
    """

    def __init__(self, directory: Path, fingerprint: str, server: Server | None = None) -> None:
        self.directory = directory
        self.fingerprint = fingerprint
        self.shared = Shared(server) if server else None
        self._guard = threading.Lock()
        self._current: Generation | None = None
        self._readers: dict[str, int] = {}

    @contextlib.contextmanager
    def reading(self) -> Iterator[Generation]:
        """Give the generation that is current now, and keep it open until the block ends.

        Raises:
            IndexMissingError: nothing was ever ingested here.
            IndexMismatchError: it was built with another model or another version.
            IndexDamagedError: its files contradict each other.
            IndexServerError: the server that it is shared in does not answer as it should.
        """
        self.follow()
        with self._guard:
            generation = self._latest()
            self._readers[generation.name] = self._readers.get(generation.name, 0) + 1
        try:
            yield generation
        finally:
            with self._guard:
                self._readers[generation.name] -= 1
                if generation is not self._current:
                    self._close_unread(generation)

    def follow(self, *, again: bool = False) -> None:
        """Copy the generation that answers from the server, unless it is here already.

        Does nothing where the index is this machine's alone. `again` copies it in any case.

        Raises:
            IndexMissingError: nothing was ever ingested there.
            IndexDamagedError, IndexServerError, IndexWriteError: it can not be copied.
        """
        if self.shared is None:
            return
        newest = self.shared.newest()
        if newest is None:
            raise IndexMissingError(
                f"there is no index on the Chroma server at {self.shared.server.url!r}; "
                "run python -m ingest PATH"
            )
        if again:
            self.close()
            (self.directory / "CURRENT").unlink(missing_ok=True)
        if not self._has(newest):
            with self._written_to():
                self._copy(self.shared, newest)

    def _has(self, newest: Entry) -> bool:
        with contextlib.suppress(IndexMissingError, IndexDamagedError):
            return current(self.directory).name == newest.name
        return False

    def _copy(self, shared: Shared, newest: Entry) -> None:
        """Copy a generation, or the one after it if that comes meanwhile."""
        self._make_directory()
        with store.pointing(self.directory):
            while not self._has(newest):
                try:
                    self._fetch(shared, newest)
                except IndexDamagedError:
                    if shared.newest() == newest:
                        raise
                latest = shared.newest()
                if latest == newest:
                    store.point(self.directory, newest.name)
                newest = latest or newest
        with contextlib.suppress(IndexBusyError), self._locked():
            self._remove_old()

    def _fetch(self, shared: Shared, newest: Entry) -> None:
        unfinished = self.directory / "copying"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        (unfinished / "reader").touch()
        like = None
        with contextlib.suppress(IndexMissingError, IndexDamagedError):
            like = current(self.directory) / "truth.sqlite"
        like = like if like and like.exists() else None
        shared.blocks.download(newest.root, newest.levels, unfinished / "truth.sqlite", like)
        target = self.directory / "generations" / newest.name
        shutil.rmtree(target, ignore_errors=True)  # what a killed ingest left
        target.parent.mkdir(exist_ok=True)
        unfinished.rename(target)

    def _latest(self) -> Generation:
        directory = current(self.directory)
        if self._current is not None and self._current.name == directory.name:
            return self._current
        previous, self._current = self._current, self._opened(directory)
        if previous is not None:
            self._close_unread(previous)
        return self._current

    def _opened(self, directory: Path) -> Generation:
        """Open a generation, or the one after it if a writer removes it meanwhile."""
        while True:
            try:
                return Generation(directory, self.fingerprint, self.shared)
            except IndexDamagedError:
                self.follow()
                newer = current(self.directory)
                if newer == directory:
                    raise
                directory = newer

    def _close_unread(self, generation: Generation) -> None:
        if not self._readers.get(generation.name):
            self._readers.pop(generation.name, None)
            generation.close()

    def close(self) -> None:
        """Let go of the files; to be called when nothing is being read."""
        with self._guard:
            if self._current is not None:
                self._current.close()
                self._current = None
        if self.shared is not None:
            self.shared.server.close()

    def rebuild_derived(self, start: Callable[[], Path] | None = None) -> None:
        """Publish a new generation whose vectors in Chroma and keywords are made anew.

        `start` names the generation to start from, the current one by default; it is asked when no
        other process can write any more.

        Raises:
            IndexBusyError, IndexWriteError, IndexServerError: as `writing`.
        """
        with self._written() as home:
            previous = start() if start else current(self.directory)
            with contextlib.closing(Draft(self.directory, previous, {}, home)) as draft:
                draft.restore()
                draft.publish()
            self._remove_old()

    @contextlib.contextmanager
    def writing(self, recipe: str, *, rebuild: bool = False) -> Iterator[Draft]:
        """Give a draft of the next generation, dropped at the end unless it was published.

        The draft starts as a copy of the current generation, or empty when that was made with
        another model, another recipe (how texts are cut and indexed), or is damaged.

        Raises:
            IndexBusyError: another process is writing.
            IndexWriteError: the directory can not be written, or the disk is full.
            IndexServerError: the server that it is shared in does not answer as it should.
        """
        with self._written(rebuild=rebuild) as home:
            yield from self._drafting(recipe, home, rebuild=rebuild)

    @contextlib.contextmanager
    def _written(self, *, rebuild: bool = False) -> Iterator[Home]:
        """Keep others from writing, here and on the server, and tell where a draft goes."""
        with self._written_to(), self._locked():
            if self.shared is None:
                yield Alone()
                return
            with self.shared.writing() as turn:
                if turn.newest and not rebuild:
                    self.follow()
                if turn.newest is None:
                    turn.sweep(None)
                elif self._has(turn.newest):
                    turn.sweep(current(self.directory))
                yield turn

    @contextlib.contextmanager
    def _written_to(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error, ChromaError) as error:
            raise IndexWriteError(
                f"the index {str(self.directory)!r} can not be written: {error}; what it held "
                "before still answers; make room or give permission and run again"
            ) from error

    def _make_directory(self) -> None:
        try:
            store.make(self.directory)
        except (FileExistsError, NotADirectoryError):
            raise SettingsError(store.is_file(self.directory)) from None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._make_directory()
        lock = FileLock(self.directory / "lock")
        note = self.directory / "writer.pid"
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = note.read_text(encoding="ascii") if note.exists() else "unknown"
            raise IndexBusyError(
                f"the index {str(self.directory)!r} is being written by process {holder}; "
                "wait until it is done"
            ) from None
        try:
            note.write_text(str(os.getpid()), encoding="ascii")
            yield
        finally:
            note.unlink(missing_ok=True)
            lock.release()

    def _drafting(self, recipe: str, home: Home, *, rebuild: bool) -> Iterator[Draft]:
        manifest = {"schema": SCHEMA, "fingerprint": self.fingerprint, "recipe": recipe}
        previous = None if rebuild else self._reusable(recipe)
        draft = Draft(self.directory, previous, manifest, home)
        try:
            yield draft
        finally:
            draft.close()
            self._remove_old()

    def _reusable(self, recipe: str) -> Path | None:
        """Return the current generation's directory if a new one can start from it."""
        try:
            directory = current(self.directory)
            if self.shared is None:
                Generation(directory, self.fingerprint).close()
            with (
                damage(directory),
                contextlib.closing(store.connect(directory, READ_ONLY)) as truth,
            ):
                manifest = store.manifest_of(truth)
            check_manifest(manifest, self.fingerprint, directory)
        except (IndexMissingError, IndexMismatchError, IndexDamagedError):
            return None
        return directory if manifest.get("recipe") == recipe else None

    def _remove_old(self) -> None:
        """Remove every generation but the current one and those that are being read."""
        try:
            kept = current(self.directory)
        except (IndexMissingError, IndexDamagedError):
            return
        for each in (self.directory / "generations").iterdir():
            if each != kept and not store.is_held(each):
                shutil.rmtree(each, ignore_errors=True)


def index_of(settings: Settings, fingerprint: str) -> Index:
    """Return the index that the settings name, on this machine or shared in a server.

    Raises:
        SettingsError: the address is none that can be used.
    """
    return Index(settings.index, fingerprint, server_of(settings))


def check_there(settings: Settings) -> None:
    """Check that something was ingested once, before a model is loaded to search it.

    Raises:
        IndexMissingError, IndexDamagedError, IndexServerError: as `Index.reading`.
    """
    with contextlib.closing(index_of(settings, "")) as index:
        index.follow()
    current(settings.index)


def server_of(settings: Settings) -> Server | None:
    """Return the server that the settings name, None when the index is this machine's alone.

    Raises:
        SettingsError: its address is none that can be used.
    """
    if not settings.chroma_url:
        return None
    return Server(
        settings.chroma_url,
        tenant=settings.chroma_tenant,
        database=settings.chroma_database,
        key=settings.chroma_key.get_secret_value(),
    )


def ingested_paths(directory: Path) -> tuple[Path, ...]:
    """Return the paths of the last ingest, none if there was none, whatever model it was made with.

    Raises:
        IndexDamagedError: the index can not be read.
        IndexMismatchError: it was made by a version that did not note the paths.
    """
    try:
        generation = current(directory)
    except IndexMissingError:
        return ()
    with damage(generation), contextlib.closing(store.connect(generation, READ_ONLY)) as truth:
        paths = store.manifest_of(truth).get("paths")
    if paths is None:
        raise IndexMismatchError(
            f"the index {str(directory)!r} does not tell what it was made from; "
            "run python -m ingest PATH"
        )
    return tuple(map(Path, json.loads(paths)))


def check_manifest(manifest: Mapping[str, str], fingerprint: str, generation: Path) -> None:
    """Check that a generation was made by this version with this model.

    Raises:
        IndexMismatchError: it was not.
    """
    if manifest.get("schema") != SCHEMA:
        raise IndexMismatchError(
            f"the index {str(generation)!r} has schema {manifest.get('schema')!r}, not "
            f"{SCHEMA!r}; run python -m ingest PATH again with this version"
        )
    if manifest.get("fingerprint") != fingerprint:
        raise IndexMismatchError(
            f"the index was built with the model {manifest.get('fingerprint')!r}, not with "
            f"{fingerprint!r}; run python -m ingest PATH again, or set "
            "VISIT_DESK_EMBEDDING_MODEL back"
        )


def _listed(row: Row) -> Listed:
    uri, document_id, title, published, language, kind, *counts, same, near, warnings, access = row
    pages, characters, chunks = counts
    return Listed(
        uri, document_id, title, store.day(published), language, kind, pages, characters, chunks,
        same_as=same, near_copy_of=near, warnings=tuple(json.loads(warnings)),
        access=from_json(access),
    )  # fmt: skip


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def ranked(scores: Mapping[str, float]) -> list[str]:
    """Return the keys, that of the best score first, of equal scores the lesser key."""
    return sorted(sorted(scores), key=scores.__getitem__, reverse=True)


def _best_first(scores: Mapping[str, float]) -> dict[str, float]:
    return {each: scores[each] for each in ranked(scores)}


def _bytes_of_embedding(embedding: Embedding) -> int:
    return embedding.vectors.nbytes + len(embedding.code)


def _bytes_of_document(document: Document) -> int:
    """Return about how much memory a document takes; a block or page takes some 200 bytes."""
    return 2 * len(document.text) + 200 * (len(document.blocks) + len(document.pages))


def _bytes_of_postings(postings: Postings) -> int:
    """Return how much memory postings take; the arrays themselves take some 300 bytes."""
    numbers, scores = postings
    return 300 + numbers.nbytes + scores.nbytes


def _chunk(row: Sequence[Any]) -> Chunk:
    document_id, start, end, title, heading, language, text, spans = row
    sentences = tuple(
        Sentence(document_id, Span(*each), text[each[0] - start : each[1] - start])
        for each in json.loads(spans)
    )
    return Chunk(document_id, Span(start, end), text, title, heading, language, sentences)
