"""One directory of documents that can be searched; alone knows Chroma and SQLite.

    <directory>/CURRENT                 names the generation that answers
    <directory>/generations/<name>/     truth.sqlite: documents, chunks, sentences, their vectors
                                        and the keyword index; chroma/: the vectors, to be searched
    <directory>/lock, writer.pid        held while a new generation is being written

A generation never changes once it is named in CURRENT. A writer builds a new one beside it and then
replaces the name; readers notice at their next question. So no two processes share a Chroma path
while one of them writes, which Chroma does not survive: readers keep deleted vectors, writers lose
some. Equal vectors, such as those of a sentence that every page repeats, are in Chroma once: many
of them side by side cut others off from its search graph.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import sqlite3
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import chromadb
import numpy as np
import numpy.typing as npt
import rapidfuzz.process
from chromadb.api.client import Client
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings
from chromadb.errors import ChromaError
from filelock import FileLock, Timeout
from rapidfuzz.distance import OSA

from rag.errors import (
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    IndexWriteError,
)
from rag.language import terms
from rag.types import Block, Chunk, Document, Sentence, Span

SCHEMA = "3"
BATCH_SIZE = 2000  # Chroma takes at most 5,461 vectors at once
CANARIES = 5  # stored vectors that are searched for when a generation is opened
SHORTEST_TYPO = 5  # letters; shorter words have too many neighbours
LONG_WORD = 8  # letters; from here on two errors are taken for a typing error
GENERATION_NAME = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")
TABLES = """
create table manifest (key text primary key, value text not null) without rowid;
create table documents (
    id text primary key, uri text not null, title text not null, language text not null,
    kind text not null, published text, text text not null, blocks text not null,
    pages text not null, origins text not null) without rowid;
create table files (
    uri text primary key, hash text not null, document_id text not null) without rowid;
create table chunks (
    number integer primary key, id text not null unique, document_id text not null,
    start integer not null, end integer not null, heading text not null,
    vector_id text not null, vector blob not null);
create table sentences (
    id text primary key, chunk integer not null, start integer not null, end integer not null,
    vector_id text not null, vector blob not null) without rowid;
create index chunks_of_vector on chunks (vector_id);
create index sentences_of_vector on sentences (vector_id);
create index sentences_of_chunk on sentences (chunk, start);
create index chunks_of_document on chunks (document_id, start);
create index files_of_document on files (document_id);
create virtual table keywords using fts5 (
    context, text, tokenize = "unicode61 remove_diacritics 2");
create virtual table vocabulary using fts5vocab (keywords, row);
"""

_CHROMA = threading.Lock()  # Chroma's table of open clients is not safe for threads

Vector = npt.NDArray[np.float32]
Vectors = npt.NDArray[np.float32]
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """How much an index holds and from when."""

    generation: str
    documents: int
    chunks: int
    sentences: int
    first: date | None
    last: date | None


@contextlib.contextmanager
def _damage(directory: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, ChromaError) as error:
        raise IndexDamagedError(
            f"the index generation {str(directory)!r} can not be read: {error}; "
            "run python -m ingest PATH --rebuild"
        ) from error


class Generation:
    """One complete state of the index, open for reading by any number of threads."""

    def __init__(self, directory: Path, fingerprint: str) -> None:
        self.directory = directory
        self.name = directory.name
        with _damage(directory), contextlib.ExitStack() as opened:
            self._truth = _connect(directory, "mode=ro&immutable=1")
            opened.callback(self._truth.close)
            self.recipe = self._check_manifest(fingerprint)
            client = _chroma(directory)
            opened.callback(_close, client)
            self._vectors = {
                kind: client.get_collection(kind, embedding_function=None)
                for kind in ("chunks", "sentences")
            }
            self._canary()
            self._opened = opened.pop_all()
        self.languages = frozenset(
            row[0] for row in self._rows("select distinct language from documents")
        )

    def _check_manifest(self, fingerprint: str) -> str:
        manifest: dict[str, str] = dict(self._rows("select key, value from manifest"))
        if manifest.get("schema") != SCHEMA:
            raise IndexMismatchError(
                f"the index {str(self.directory)!r} has schema {manifest.get('schema')!r}, not "
                f"{SCHEMA!r}; run python -m ingest PATH again with this version"
            )
        if manifest.get("fingerprint") != fingerprint:
            raise IndexMismatchError(
                f"the index was built with the model {manifest.get('fingerprint')!r}, not with "
                f"{fingerprint!r}; run python -m ingest PATH again, or set "
                "VISIT_DESK_EMBEDDING_MODEL back"
            )
        expected, found = json.loads(manifest["vector_files"]), _vector_files(self.directory)
        # Chroma empties and writes small files again while it opens them: 0 says nothing.
        cut = {name: size for name, size in found.items() if size not in (0, expected.get(name))}
        if cut or expected.keys() != found.keys():
            raise IndexDamagedError(  # Chroma would not say so, and may hang on such a file
                f"the vector files in {str(self.directory)!r} are {found}, not {expected}; "
                "run python -m ingest PATH --rebuild"
            )
        return str(manifest.get("recipe"))

    def _canary(self) -> None:
        """Check that Chroma still has the vectors: it opens without an error after losing them."""
        for kind, collection in self._vectors.items():
            (expected,) = self._rows(f"select count(distinct vector_id) from {kind}")[0]
            if collection.count() != expected:
                raise IndexDamagedError(
                    f"Chroma holds {collection.count()} {kind} of {expected} in "
                    f"{str(self.directory)!r}; run python -m ingest PATH --rebuild"
                )
            sample = self._rows(f"select vector_id, vector from {kind} limit {CANARIES}")
            if sample and not any(self._finds_itself(kind, *row) for row in sample):
                raise IndexDamagedError(
                    f"Chroma does not find its own vectors of {kind} in "
                    f"{str(self.directory)!r}; run python -m ingest PATH --rebuild"
                )

    def _finds_itself(self, kind: str, each: str, blob: bytes) -> bool:
        """Tell whether the search finds a vector; it may miss one in thousands, but not all."""
        nearest = self._nearest(kind, np.frombuffer(blob, np.float32), CANARIES)
        return each in nearest

    def close(self) -> None:
        """Let go of the files."""
        self._opened.close()

    def summary(self) -> Summary:
        """Return the counts and the dates of the documents."""
        (documents, first, last), (chunks,), (sentences,) = (
            self._rows("select count(*), min(published), max(published) from documents")[0],
            self._rows("select count(*) from chunks")[0],
            self._rows("select count(*) from sentences")[0],
        )
        return Summary(self.name, documents, chunks, sentences, _date(first), _date(last))

    def documents(self, most: int = -1) -> tuple[Document, ...]:
        """Return every document, or so many, in the order of their places in the folder."""
        rows = self._rows("select * from documents order by uri limit ?", [most])
        return tuple(map(_document, rows))

    def document(self, document_id: str) -> Document | None:
        """Return a document, or None when it is not in this generation."""
        rows = self._rows("select * from documents where id = ?", [document_id])
        document = _document(rows[0]) if rows else None
        if document is not None and document.id != document_id:
            raise IndexDamagedError(
                f"the text of {document.uri!r} is not the one that was ingested; "
                "run python -m ingest PATH --rebuild"
            )
        return document

    def uris(self) -> dict[str, list[str]]:
        """Return where the files of each document lie, by document id."""
        places: dict[str, list[str]] = {}
        for document_id, uri in self._rows("select document_id, uri from files order by uri"):
            places.setdefault(document_id, []).append(uri)
        return places

    def nearest_chunks(self, vector: Vector, top_k: int) -> dict[str, float]:
        """Return chunk ids with their cosine similarity, best first."""
        found = self._nearest("chunks", vector, top_k)
        rows = self._by_ids("id, vector_id", "chunks", "vector_id", list(found))
        return _best_first({each: found[vector_id] for each, vector_id in rows})

    def nearest_sentences(self, vector: Vector, top_k: int) -> dict[str, float]:
        """Return chunk ids with the cosine similarity of their nearest sentence, best first."""
        found = self._nearest("sentences", vector, top_k)
        rows = self._by_ids(
            "c.id, s.vector_id",
            "sentences s join chunks c on c.number = s.chunk",
            "s.vector_id",
            list(found),
        )
        best: dict[str, float] = {}
        for chunk_id, vector_id in rows:
            best[chunk_id] = max(found[vector_id], best.get(chunk_id, -1.0))
        return _best_first(best)

    def matching_chunks(self, words: Iterable[str], top_k: int) -> dict[str, float]:
        """Return chunk ids with their BM25 score for any of the index terms, best first."""
        query = " OR ".join(f'"{word}"' for word in dict.fromkeys(words) if '"' not in word)
        if not query:
            return {}
        rows = self._rows(
            "select c.id, -bm25(keywords, 1.0, 1.0) from keywords join chunks c "
            "on c.number = keywords.rowid where keywords match ? order by rank limit ?",
            [query, top_k],
        )
        return dict(rows)

    def document_frequencies(self, words: Iterable[str]) -> dict[str, int]:
        """Return in how many chunks each index term occurs."""
        wanted = list(dict.fromkeys(words))
        found = {
            word: self._rows("select doc from vocabulary where term = ?", [word]) for word in wanted
        }
        return {word: rows[0][0] if rows else 0 for word, rows in found.items()}

    def similar_terms(self, words: Iterable[str]) -> frozenset[str]:
        """Return the index terms that differ from one of the words by a typing error or two."""
        found: set[str] = set()
        for word in words:
            if len(word) < SHORTEST_TYPO or not word.isalpha():
                continue
            errors = 1 if len(word) < LONG_WORD else 2
            near = rapidfuzz.process.extract(
                word,
                self._terms_beginning_with(word[0]),
                scorer=OSA.distance,
                score_cutoff=errors,
                limit=2,
            )
            found.update(term for term, _, _ in near)
        return frozenset(found)

    def _terms_beginning_with(self, letter: str) -> list[str]:
        query = "select term from vocabulary where term >= ? and term < ?"
        return [row[0] for row in self._rows(query, [letter, chr(ord(letter) + 1)])]

    def chunks(self, ids: Sequence[str]) -> tuple[Chunk, ...]:
        """Return chunks with their sentences, in the order of the ids."""
        rows = self._by_ids(
            "c.id, c.number, c.document_id, c.start, c.end, d.title, c.heading, d.language, "
            "substr(d.text, c.start + 1, c.end - c.start)",
            "chunks c join documents d on d.id = c.document_id",
            "c.id",
            ids,
        )
        spans: dict[int, list[Span]] = {}
        numbers = [row[1] for row in rows]
        for number, start, end in self._by_ids("chunk, start, end", "sentences", "chunk", numbers):
            spans.setdefault(number, []).append(Span(start, end))
        by_id = {row[0]: _chunk(row, sorted(spans.get(row[1], []))) for row in rows}
        return tuple(by_id[each] for each in ids)

    def sentence_vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Return the stored vectors of sentences."""
        rows = self._by_ids("id, vector", "sentences", "id", ids)
        if len(rows) != len(set(ids)):
            raise IndexDamagedError(
                f"sentences are missing in {str(self.directory)!r}; "
                "run python -m ingest PATH --rebuild"
            )
        return {each: np.frombuffer(blob, np.float32) for each, blob in rows}

    def _nearest(self, kind: str, vector: Vector, top_k: int) -> dict[str, float]:
        with _damage(self.directory):
            result = self._vectors[kind].query(
                query_embeddings=[cast(Sequence[float], vector)],
                n_results=top_k,
                include=["distances"],
            )
        distances = result["distances"] or [[]]
        return {
            each: 1 - distance
            for each, distance in zip(result["ids"][0], distances[0], strict=True)
        }

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        with _damage(self.directory):
            return self._truth.execute(query, values).fetchall()

    def _by_ids(self, columns: str, table: str, key: str, ids: Sequence[object]) -> list[Row]:
        marks = ",".join("?" * len(ids))
        return self._rows(f"select {columns} from {table} where {key} in ({marks})", ids)


class Draft:
    """The next generation: a copy of the current one that is changed and then published.

    Nothing is copied before `begin`, and nothing answers questions before `publish`.
    """

    def __init__(
        self, root: Path, previous: Path | None, files: dict[str, str], manifest: dict[str, str]
    ) -> None:
        created = datetime.now(UTC)
        name = f"{created:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        self.files = files
        self.directory = root / "generations" / name
        self._root = root
        self._previous = previous
        self._manifest = {**manifest, "created": created.isoformat(timespec="seconds")}
        self._waiting: dict[str, dict[str, Vector]] = {"chunks": {}, "sentences": {}}
        self._open = contextlib.ExitStack()
        self._published = False

    def begin(self) -> None:
        """Make the copy, or empty tables when there is nothing to start from."""
        if self._previous is not None:
            shutil.copytree(self._previous, self.directory)
        else:
            self.directory.mkdir(parents=True)
        self._truth = _connect(self.directory, "mode=rwc")
        self._open.callback(self._truth.close)
        if self._previous is None:
            self._truth.executescript(TABLES)
        self._truth.execute("begin")
        self._truth.executemany(
            "insert or replace into manifest values (?, ?)", self._manifest.items()
        )
        self._client = _chroma(self.directory)
        self._open.callback(_close, self._client)
        self._vectors = {
            kind: self._client.get_or_create_collection(
                kind, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
            for kind in ("chunks", "sentences")
        }

    def has(self, document_id: str) -> bool:
        """Tell whether the text of a document is in already."""
        query = "select 1 from documents where id = ?"
        return self._truth.execute(query, [document_id]).fetchone() is not None

    def add_file(self, uri: str, file_hash: str, document_id: str) -> None:
        """Note that a file holds a document that is in."""
        self._truth.execute("insert into files values (?, ?, ?)", [uri, file_hash, document_id])

    def describe(self, document: Document) -> None:
        """Write what is known of a document, in place of what was known of the same text."""
        self._truth.execute(
            "insert or replace into documents values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _row(document)
        )

    def add(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        vectors: Iterator[Vectors],
    ) -> None:
        """Put in a document, taking the vectors of each chunk: its own, then its sentences'."""
        self.describe(document)
        for chunk in chunks:
            vector, *rest = next(vectors)
            vector_id = _vector_id(f"{chunk.title}\n{chunk.heading}\n{chunk.text}")
            cursor = self._truth.execute(
                "insert into chunks values (null, ?, ?, ?, ?, ?, ?, ?)",
                [chunk.id, chunk.document_id, chunk.span.start, chunk.span.end, chunk.heading,
                 vector_id, vector.tobytes()],
            )  # fmt: skip
            number = cursor.lastrowid
            context = " ".join(terms(f"{document.title} {chunk.heading}", document.language))
            text = " ".join(terms(chunk.text, document.language))
            self._truth.execute(
                "insert into keywords (rowid, context, text) values (?, ?, ?)",
                [number, context, text],
            )
            self._waiting["chunks"][vector_id] = vector
            for sentence, vector in zip(chunk.sentences, rest, strict=True):
                place = f"{vector_id}:{sentence.span.start - chunk.span.start}"
                sentence_id = _vector_id(place)
                self._truth.execute(
                    "insert into sentences values (?, ?, ?, ?, ?, ?)",
                    [sentence.id, number, sentence.span.start, sentence.span.end, sentence_id,
                     vector.tobytes()],
                )  # fmt: skip
                self._waiting["sentences"][sentence_id] = vector
        self._flush(BATCH_SIZE)

    def remove_file(self, uri: str) -> None:
        """Take a file out, and its document with it unless another file holds the same text."""
        query = "delete from files where uri = ? returning document_id"
        (document_id,) = self._truth.execute(query, [uri]).fetchall()[0]
        query = "select min(uri) from files where document_id = ?"
        (other,) = self._truth.execute(query, [document_id]).fetchone()
        if other is not None:
            query = "update documents set uri = ? where id = ? and uri = ?"
            self._truth.execute(query, [other, document_id, uri])
        else:
            self._remove_document(document_id)

    def publish(self) -> None:
        """Finish the files and make this the generation that answers, in one step."""
        self._flush(1)
        _close(self._client)
        sizes = json.dumps(_vector_files(self.directory))
        self._truth.execute("insert or replace into manifest values ('vector_files', ?)", [sizes])
        self._truth.commit()
        self._open.close()
        pointer = self._root / "CURRENT"
        unfinished = self._root / "CURRENT.new"
        with unfinished.open("w", encoding="ascii") as file:
            file.write(self.directory.name)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(pointer)
        self._published = True

    def close(self) -> None:
        """Let go of the files, and of the copy itself unless it was published."""
        self._open.close()
        if not self._published:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _remove_document(self, document_id: str) -> None:
        self._flush(1)
        query = "delete from chunks where document_id = ? returning number, vector_id"
        chunks = self._truth.execute(query, [document_id]).fetchall()
        sentences: set[str] = set()
        for number, _ in chunks:
            query = "delete from sentences where chunk = ? returning vector_id"
            sentences.update(each for (each,) in self._truth.execute(query, [number]).fetchall())
            self._truth.execute("delete from keywords where rowid = ?", [number])
        self._truth.execute("delete from documents where id = ?", [document_id])
        self._remove_vectors("chunks", {vector_id for _, vector_id in chunks})
        self._remove_vectors("sentences", sentences)

    def _remove_vectors(self, kind: str, ids: set[str]) -> None:
        """Remove the vectors that nothing has any more."""
        query = f"select 1 from {kind} where vector_id = ? limit 1"
        unused = [each for each in sorted(ids) if not self._truth.execute(query, [each]).fetchone()]
        _each_batch(unused, lambda batch: self._vectors[kind].delete(ids=batch))

    def _flush(self, at_least: int) -> None:
        for kind, waiting in self._waiting.items():
            if len(waiting) >= at_least:
                _each_batch(list(waiting), self._upsert(self._vectors[kind], waiting))
                waiting.clear()

    @staticmethod
    def _upsert(
        collection: Collection, vectors: Mapping[str, Vector]
    ) -> Callable[[list[str]], object]:
        return lambda ids: collection.upsert(
            ids=ids, embeddings=[cast(Sequence[float], vectors[i]) for i in ids]
        )


class Index:
    """The directory: hands out the current generation to readers and a draft to one writer."""

    def __init__(self, directory: Path, fingerprint: str) -> None:
        self.directory = directory
        self._fingerprint = fingerprint
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
        """
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

    def _latest(self) -> Generation:
        directory = current(self.directory)
        if self._current is not None and self._current.name == directory.name:
            return self._current
        previous, self._current = self._current, Generation(directory, self._fingerprint)
        if previous is not None:
            self._close_unread(previous)
        return self._current

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

    @contextlib.contextmanager
    def writing(self, recipe: str, *, rebuild: bool = False) -> Iterator[Draft]:
        """Give a draft of the next generation, dropped at the end unless it was published.

        The draft starts as a copy of the current generation, or empty when that was made with
        another model, another recipe (how texts are cut and indexed), or is damaged.

        Raises:
            IndexBusyError: another process is writing.
            IndexWriteError: the directory can not be written, or the disk is full.
        """
        try:
            with self._locked():
                yield from self._drafting(recipe, rebuild=rebuild)
        except (OSError, sqlite3.Error, ChromaError) as error:
            raise IndexWriteError(
                f"the index {str(self.directory)!r} can not be written: {error}; what it held "
                "before still answers; make room or give permission and run again"
            ) from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.directory.mkdir(parents=True, exist_ok=True)
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

    def _drafting(self, recipe: str, *, rebuild: bool) -> Iterator[Draft]:
        manifest = {"schema": SCHEMA, "fingerprint": self._fingerprint, "recipe": recipe}
        previous = None if rebuild else self._reusable(recipe)
        draft = Draft(self.directory, previous, _files(previous), manifest)
        try:
            yield draft
        finally:
            draft.close()
            self._remove_old(keep=previous)

    def _reusable(self, recipe: str) -> Path | None:
        """Return the current generation's directory if a new one can start from it."""
        try:
            generation = Generation(current(self.directory), self._fingerprint)
        except (IndexMissingError, IndexMismatchError, IndexDamagedError):
            return None
        same = generation.recipe == recipe
        generation.close()
        return generation.directory if same else None

    def _remove_old(self, keep: Path | None) -> None:
        """Remove every generation but the current one and the one before it."""
        try:
            kept = {current(self.directory), keep}
        except (IndexMissingError, IndexDamagedError):
            return
        for each in (self.directory / "generations").iterdir():
            if each not in kept:
                shutil.rmtree(each, ignore_errors=True)


def current(directory: Path) -> Path:
    """Return the directory of the generation that answers.

    Raises:
        IndexMissingError: nothing was ever ingested here.
        IndexDamagedError: the pointer names no generation.
    """
    pointer = directory / "CURRENT"
    try:
        name = pointer.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise IndexMissingError(
            f"there is no index in {str(directory)!r}; "
            f"run python -m ingest PATH --index {directory}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise IndexDamagedError(
            f"{str(pointer)!r} can not be read: {error}; run python -m ingest PATH --rebuild"
        ) from error
    generation = directory / "generations" / name
    if not GENERATION_NAME.fullmatch(name) or not generation.is_dir():
        raise IndexDamagedError(
            f"{str(pointer)!r} names {name!r}, which is no generation; "
            "run python -m ingest PATH --rebuild"
        )
    return generation


def _connect(directory: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{urllib.parse.quote(str(directory / 'truth.sqlite'))}?{mode}",
        uri=True,
        check_same_thread=False,
        isolation_level=None,
    )


def _chroma(directory: Path) -> Client:
    settings = Settings(anonymized_telemetry=False)
    try:
        with _CHROMA:
            client = chromadb.PersistentClient(str(directory / "chroma"), settings=settings)
    except (ValueError, AttributeError) as error:  # what it raises on a file that is no database
        raise IndexDamagedError(
            f"Chroma can not open its files in {str(directory)!r}: {error}; "
            "run python -m ingest PATH --rebuild"
        ) from error
    return cast(Client, client)  # the declared type lacks close()


def _best_first(scores: dict[str, float]) -> dict[str, float]:
    return dict(sorted(scores.items(), key=lambda each: (-each[1], each[0])))


def _vector_id(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _vector_files(directory: Path) -> dict[str, int]:
    """Return the size in bytes of each file that holds vectors; reading never changes them."""
    files = sorted((directory / "chroma").glob("*/*"))
    return {file.relative_to(directory).as_posix(): file.stat().st_size for file in files}


def _close(client: Client) -> None:
    with _CHROMA:
        client.close()


def _files(directory: Path | None) -> dict[str, str]:
    if directory is None:
        return {}
    truth = _connect(directory, "mode=ro&immutable=1")
    try:
        return dict(truth.execute("select uri, hash from files").fetchall())
    finally:
        truth.close()


def _each_batch(ids: list[str], act: Callable[[list[str]], object]) -> None:
    for start in range(0, len(ids), BATCH_SIZE):
        act(ids[start : start + BATCH_SIZE])


def _date(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _row(document: Document) -> list[object]:
    return [
        document.id, document.uri, document.title, document.language, document.kind,
        document.published.isoformat() if document.published else None, document.text,
        json.dumps([[b.span.start, b.span.end, b.kind] for b in document.blocks]),
        json.dumps([[p.start, p.end] for p in document.pages]),
        json.dumps(document.origins),
    ]  # fmt: skip


def _document(row: Sequence[str]) -> Document:
    _, uri, title, language, kind, published, text, blocks, pages, origins = row
    return Document(
        title=title,
        uri=uri,
        text=text,
        blocks=tuple(Block(Span(start, end), of) for start, end, of in json.loads(blocks)),
        language=language,
        kind=kind,
        published=_date(published),
        pages=tuple(Span(start, end) for start, end in json.loads(pages)),
        origins=tuple((name, origin) for name, origin in json.loads(origins)),
    )


def _chunk(row: Row, spans: Iterable[Span]) -> Chunk:
    _, _, document_id, start, end, title, heading, language, text = row
    sentences = tuple(
        Sentence(document_id, each, text[each.start - start : each.end - start]) for each in spans
    )
    return Chunk(document_id, Span(start, end), text, title, heading, language, sentences)
