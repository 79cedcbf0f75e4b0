"""How a generation lies on disk: its tables, its vectors in Chroma, and the pointer to it.

<directory>/CURRENT                 names the generation that answers
<directory>/generations/<name>/     truth.sqlite: documents, chunks, sentences, their vectors
and the keyword index; chroma/: the vectors of the chunks, to
be searched; reader: locked by those who read it
<directory>/lock, writer.pid        held while a new generation is being written
<directory>/copying, pointing.lock  a generation that comes from a server, and who fetches it
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import sqlite3
import threading
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import IO, Protocol, cast

import chromadb
import numpy as np
import numpy.typing as npt
from chromadb.api.client import Client
from chromadb.api.collection_configuration import CreateHNSWConfiguration
from chromadb.api.types import QueryResult
from chromadb.config import Settings
from chromadb.errors import ChromaError
from filelock import FileLock

from rag.errors import IndexDamagedError, IndexMissingError, SettingsError
from rag.types import Block, Document, Span

SCHEMA = "8"
CACHE_KIB = 65_536  # of a database that is kept in memory once it was read
BATCH_SIZE = 2000  # Chroma takes at most 5,461 vectors at once
GENERATION_NAME = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")
READ_ONLY = "mode=ro&immutable=1"
COLLECTION = "chunks"  # of vectors, in Chroma
SIZE = np.dtype(np.int32)  # of a part's code, as it is stored
# As wide as Chroma searches by itself it misses some of the hundred nearest, and others after each
# start, as it builds the graph of the last thousand vectors anew then. In a graph built as it does
# by itself the few texts about one thing among many about others are hard to reach.
GRAPH: CreateHNSWConfiguration = {"space": "cosine", "ef_search": 200, "ef_construction": 400}
TABLES = """
create table manifest (key text primary key, value text not null) without rowid;
create table files (uri text primary key, hash text not null) without rowid;
create table refusals (file text not null, uri text not null, reason text not null);
create table places (
    uri text primary key, file text not null, document_id text not null, title text not null,
    language text not null, kind text not null, published text, origins text not null,
    warnings text not null, own_access text not null, access text not null default '[]')
    without rowid;
create table documents (
    id text primary key, uri text not null, title text not null, language text not null,
    kind text not null, published text, origins text not null, warnings text not null,
    text text not null, blocks text not null, pages text not null, cluster text not null,
    likeness blob) without rowid;
create table chunks (
    number integer primary key, id text not null unique, document_id text not null,
    start integer not null, end integer not null, heading text not null, language text not null,
    vector_id text not null);
create table sentences (
    id text primary key, chunk integer not null, start integer not null, end integer not null)
    without rowid;
create table embeddings (
    chunk integer primary key, sizes blob not null, codes blob not null, vectors blob not null);
create index chunks_of_vector on chunks (vector_id, id);
create index sentences_of_chunk on sentences (chunk, start, end);
create index chunks_of_document on chunks (document_id, start);
create index places_of_document on places (document_id);
create index places_of_file on places (file);
create index places_of_access on places (access);
create index refusals_of_file on refusals (file);
create virtual table keywords using fts5 (
    context, text, tokenize = "unicode61 remove_diacritics 2");
create virtual table vocabulary using fts5vocab (keywords, row);
"""
DESCRIPTION = "uri, title, language, kind, published, origins, warnings"

Vector = npt.NDArray[np.float32]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """What is kept of an embedded passage.

    Attributes:
        vectors: that of the whole and, below it, one row a part.
        code: the signs of each token's vector, one row of bits a token, of one part after the
            other; empty where the model has no vectors of tokens.
        sizes: how many bytes of it each part has.
    """

    vectors: Vectors
    code: bytes
    sizes: tuple[int, ...]

    @property
    def codes(self) -> tuple[bytes, ...]:
        """Return the code of each part."""
        ends = list(accumulate(self.sizes))
        return tuple(self.code[a:b] for a, b in zip([0, *ends], ends, strict=False))


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """The embedding of a chunk, with the id that Chroma has its vector by."""

    chunk_id: str
    vector_id: str
    embedding: Embedding


class Shelf(Protocol):
    """Where the vectors of a draft are written."""

    def put(self, vectors: Mapping[str, Vector]) -> None:
        """Write vectors by their ids, in place of those that have these ids."""

    def drop(self, ids: Sequence[str]) -> None:
        """Take vectors away that the draft no longer has."""

    def close(self) -> None:
        """Let go of the files."""


_CHROMA = threading.Lock()  # Chroma's table of open clients is not safe for threads


@contextlib.contextmanager
def damage(directory: Path) -> Iterator[None]:
    """Turn what SQLite and Chroma raise on broken files into an `IndexDamagedError`."""
    try:
        yield
    except (sqlite3.Error, ChromaError) as error:
        raise IndexDamagedError(
            f"the index generation {str(directory)!r} can not be read: {error}; "
            "run python -m ingest --check"
        ) from error


def make(directory: Path) -> None:
    """Make the directory of an index, open to its owner alone; one that is there stays as it is."""
    directory.mkdir(0o700, parents=True, exist_ok=True)


def current(directory: Path) -> Path:
    """Return the directory of the generation that answers.

    Raises:
        IndexMissingError: nothing was ever ingested here.
        IndexDamagedError: the pointer names no generation.
        SettingsError: it is a file.
    """
    pointer = directory / "CURRENT"
    try:
        name = pointer.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise IndexMissingError(
            f"there is no index in {str(directory)!r}; "
            f"run python -m ingest PATH --index {directory}"
        ) from None
    except NotADirectoryError:
        raise SettingsError(is_file(directory)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise IndexDamagedError(
            f"{str(pointer)!r} can not be read: {error}; run python -m ingest --check"
        ) from error
    generation = directory / "generations" / name
    if not GENERATION_NAME.fullmatch(name) or not generation.is_dir():
        raise IndexDamagedError(
            f"{str(pointer)!r} names {name!r}, which is no generation; run python -m ingest --check"
        )
    return generation


def is_file(directory: Path) -> str:
    """Return what to say when there is a file where the index should be."""
    return (
        f"the index can not be in {str(directory)!r}, for that is or lies in a file; "
        "name a folder with --index"
    )


def point(directory: Path, name: str) -> None:
    """Make a generation the one that answers, in one step."""
    unfinished = directory / "CURRENT.new"
    with unfinished.open("w", encoding="ascii") as file:
        file.write(name)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(directory / "CURRENT")


def pointing(directory: Path) -> FileLock:
    """Return the lock under which the pointer is moved where others move it too."""
    return FileLock(directory / "pointing.lock")


def hold(directory: Path) -> IO[bytes]:
    """Return a file that keeps a generation from being removed until it is closed."""
    try:
        file = (directory / "reader").open("rb")
    except OSError:  # not there, or not for this user: nothing to lock, all the rest can be read
        return Path(os.devnull).open("rb")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def is_held(directory: Path) -> bool:
    """Tell whether some process reads a generation; one that died does not."""
    try:
        with (directory / "reader").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextlib.contextmanager
def held(directory: Path) -> Iterator[Path]:
    """Give the generation that answers, which no writer removes until the block ends.

    Raises:
        IndexMissingError, IndexDamagedError, SettingsError: as `current`.
    """
    while True:
        generation = current(directory)
        with contextlib.closing(hold(generation)):
            if current(directory) == generation:
                yield generation
                return


def connect(directory: Path, mode: str) -> sqlite3.Connection:
    """Open the truth of a generation; `mode` is the query of an SQLite URI."""
    truth = sqlite3.connect(
        f"file:{urllib.parse.quote(str(directory / 'truth.sqlite'))}?{mode}",
        uri=True,
        check_same_thread=False,
        isolation_level=None,
    )
    truth.execute(f"pragma cache_size = -{CACHE_KIB}")
    return truth


def open_chroma(directory: Path) -> Client:
    """Open the vectors of a generation.

    Raises:
        IndexDamagedError: Chroma can not read its own database.
    """
    settings = Settings(anonymized_telemetry=False)
    try:
        with _CHROMA:
            client = chromadb.PersistentClient(str(directory / "chroma"), settings=settings)
    except (ValueError, AttributeError) as error:  # what it raises on a file that is no database
        raise IndexDamagedError(
            f"Chroma can not open its files in {str(directory)!r}: {error}; "
            "run python -m ingest --check"
        ) from error
    return cast(Client, client)  # the declared type lacks close()


def close_chroma(client: Client) -> None:
    """Let go of the vectors' files."""
    with _CHROMA:
        client.close()


def base(paths: Sequence[Path]) -> Path:
    """Return the folder that the uris of what was ingested from some paths are relative to."""
    common = Path(os.path.commonpath([path.absolute() for path in paths]))
    return common if common.is_dir() else common.parent


def vector_files(directory: Path) -> dict[str, int]:
    """Return the size in bytes of each file that holds vectors; reading never changes them.

    Where Chroma has not noted which vectors its files hold, its database holds them: it makes such
    files anew whenever it opens them, and leaves them cut when the disk is full.
    """
    folders = (each.parent for each in (directory / "chroma").glob("*/index_metadata.pickle"))
    files = sorted(file for folder in folders for file in folder.iterdir())
    return {file.relative_to(directory).as_posix(): file.stat().st_size for file in files}


def address(text: str) -> str:
    """Return the name of what is made from a text alone: equal texts, equal names."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def day(value: str | None) -> date | None:
    """Return a stored date."""
    return date.fromisoformat(value) if value else None


def description(document: Document) -> list[object]:
    """Return the values of `DESCRIPTION`: what a document's file says of it."""
    return [
        document.uri, document.title, document.language, document.kind,
        document.published.isoformat() if document.published else None,
        json.dumps(document.origins), json.dumps(document.warnings),
    ]  # fmt: skip


def content(document: Document) -> list[object]:
    """Return the values of text, blocks and pages."""
    return [
        document.text,
        json.dumps([[b.span.start, b.span.end, b.kind] for b in document.blocks]),
        json.dumps([[p.start, p.end] for p in document.pages]),
    ]


def document(row: Sequence[str]) -> Document:
    """Return the document of a row of `DESCRIPTION`, text, blocks and pages."""
    uri, title, language, kind, published, origins, warnings, text, blocks, pages = row
    return Document(
        title=title,
        uri=uri,
        text=text,
        blocks=tuple(Block(Span(start, end), of) for start, end, of in json.loads(blocks)),
        language=language,
        kind=kind,
        published=day(published),
        pages=tuple(Span(start, end) for start, end in json.loads(pages)),
        origins=tuple((name, origin) for name, origin in json.loads(origins)),
        warnings=tuple(json.loads(warnings)),
    )


def embeddings(
    truth: sqlite3.Connection, where: str = "", values: Sequence[object] = ()
) -> Iterator[Stored]:
    """Yield the embeddings of the chunks `c` for which an SQL condition holds."""
    for chunk_id, vector_id, sizes, codes, vectors in truth.execute(
        "select c.id, c.vector_id, e.sizes, e.codes, e.vectors "
        f"from chunks c join embeddings e on e.chunk = c.number {where}",
        values,
    ):
        numbers = part_sizes(sizes)
        if numbers is None:
            raise IndexDamagedError(
                f"the embedding of the chunk {chunk_id!r} can not be read; "
                "run python -m ingest --check"
            )
        rows = np.frombuffer(vectors, np.float32).reshape(1 + len(numbers), -1)
        yield Stored(chunk_id, vector_id, Embedding(rows, codes, numbers))


def part_sizes(stored: object) -> tuple[int, ...] | None:
    """Return how many bytes of code each part has, None where what is stored can not be read."""
    if not isinstance(stored, bytes) or len(stored) % SIZE.itemsize:
        return None
    return tuple(np.frombuffer(stored, SIZE).tolist())


def as_stored(embedding: Embedding) -> tuple[bytes, bytes, bytes]:
    """Return the values of the columns that an embedding is kept in."""
    sizes = np.array(embedding.sizes, SIZE)
    return sizes.tobytes(), embedding.code, embedding.vectors.tobytes()


def count(truth: sqlite3.Connection) -> int:
    """Return how many vectors Chroma has of a generation."""
    return int(truth.execute("select count(distinct vector_id) from chunks").fetchone()[0])


def fill(shelf: Shelf, truth: sqlite3.Connection) -> None:
    """Write all vectors of a generation."""
    for vectors in vectors_of(truth):
        shelf.put(vectors)


def vectors_of(truth: sqlite3.Connection) -> Iterator[dict[str, Vector]]:
    """Yield the vectors of all chunks by their ids, some at a time."""
    found: dict[str, Vector] = {}
    for each in embeddings(truth):
        found[each.vector_id] = each.embedding.vectors[0]
        if len(found) >= BATCH_SIZE:
            yield found
            found = {}
    if found:
        yield found


def cosines(result: QueryResult) -> dict[str, float]:
    """Return the ids that Chroma found with their cosines, best first."""
    distances = (result["distances"] or [[]])[0]
    return {each: 1 - far for each, far in zip(result["ids"][0], distances, strict=True)}


def flush(waiting: dict[str, Vector], shelf: Shelf, at_least: int) -> None:
    """Write the vectors that wait when they are so many."""
    if len(waiting) >= at_least:
        shelf.put(waiting)
        waiting.clear()


def chunk_vectors(
    truth: sqlite3.Connection, where: str = "", values: Sequence[object] = ()
) -> dict[str, Vector]:
    """Return the vectors of the chunks `c` for which an SQL condition holds, by their ids."""
    stored = embeddings(truth, where, values)
    return {each.vector_id: each.embedding.vectors[0] for each in stored}


def manifest_of(truth: sqlite3.Connection) -> Mapping[str, str]:
    """Return what a generation says of itself."""
    return dict(truth.execute("select key, value from manifest").fetchall())


def sizes_of(manifest: Mapping[str, str]) -> dict[str, int]:
    """Return the size that each file of vectors had when its generation was published.

    Raises:
        IndexDamagedError: the generation does not say.
    """
    said = manifest.get("vector_files", "")
    try:
        sizes: dict[str, int] = json.loads(said)
    except ValueError as error:
        raise IndexDamagedError(
            f"the manifest gives {said!r} for the sizes of its vector files; "
            "run python -m ingest --check"
        ) from error
    return sizes
