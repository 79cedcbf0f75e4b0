"""The next generation: a copy of the current one that is changed and then published."""

import contextlib
import json
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, cast

from rag import access, store
from rag.language import terms
from rag.store import BATCH_SIZE, COLLECTION, DESCRIPTION, TABLES, Embedding, Shelf, Vector
from rag.types import Chunk, Document

Refusal = tuple[str, str]  # uri, reason
LONGEST_TITLE = 80  # characters, where it is the beginning of the text


SHARED = (  # by readers of whom some may see one of its places and some another
    "(p.access != '[]' and exists "
    "(select 1 from places where document_id = d.id and access != p.access))"
)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A chunk with what is kept of its embedding, whose parts are its sentences.

    `vector_id` is the address of the passage that was embedded: same passage, same embedding.
    """

    chunk: Chunk
    vector_id: str
    embedding: Embedding


class Home(Protocol):
    """Where the vectors of a draft go, and who is told that it answers.

    Attributes:
        answers: what a draft starts from answers there.
    """

    answers: bool

    def begin(self, draft: Path, truth: sqlite3.Connection, *, anew: bool) -> Shelf:
        """Return where to write the vectors, those of `truth` being there unless it is `anew`."""

    def publishing(self, draft: Path) -> contextlib.AbstractContextManager[None]:
        """Make a finished draft known; within the block this machine's pointer is moved."""


class Draft:
    """What a writer changes; nothing is copied before `begin`, nothing answers before `publish`.

    Attributes:
        files: the hash of each file that is known, by uri, those that were refused among them.
        refusals: (uri, reason) of what could not be read, by the uri of its file.
        holding: the uris of the files that hold a document.
        paths: what was ingested last.
        labels: what changes with the rules of files.
        answers: what the draft starts from answers, so that without a change nothing is to be done.
    """

    def __init__(
        self, root: Path, previous: Path | None, manifest: Mapping[str, str], home: Home
    ) -> None:
        created = datetime.now(UTC)
        name = f"{created:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        self.directory = root / "generations" / name
        self.answers = home.answers
        self._home = home
        self._root = root
        self._previous = previous
        self._manifest = {**manifest, "created": created.isoformat(timespec="seconds")}
        self._waiting: dict[str, Vector] = {}
        self._open = contextlib.ExitStack()
        self._published = False
        self.files, self.refusals, self.holding, self.paths, self.labels = _known(previous)

    def begin(self, paths: Sequence[str] = ()) -> None:
        """Make the copy, or empty tables when there is nothing to start from."""
        if self._previous is not None:
            shutil.copytree(self._previous, self.directory)
        else:
            self.directory.mkdir(parents=True)
        (self.directory / "reader").touch()
        self._truth = store.connect(self.directory, "mode=rwc")
        self._open.callback(self._truth.close)
        if self._previous is None:
            self._truth.executescript(TABLES)
        self._truth.execute("begin")
        manifest = {**self._manifest, "paths": json.dumps(list(paths))}
        self._truth.executemany("insert or replace into manifest values (?, ?)", manifest.items())
        self._vectors = self._begun(anew=False)

    def restore(self) -> None:
        """Copy the documents of the previous generation and make all that follows from them."""
        if self._previous is None:
            raise ValueError("there is no generation to restore from")
        self.directory.mkdir(parents=True)
        shutil.copyfile(self._previous / "truth.sqlite", self.directory / "truth.sqlite")
        (self.directory / "reader").touch()
        self._truth = store.connect(self.directory, "mode=rw")
        self._open.callback(self._truth.close)
        self._truth.execute("begin")
        self._truth.execute("delete from keywords")
        query = (
            "select c.number, d.title, c.heading, d.language, c.language, "
            "substr(d.text, c.start + 1, c.end - c.start) "
            "from chunks c join documents d on d.id = c.document_id"
        )
        for number, title, heading, language, own, text in self._truth.execute(query).fetchall():
            self._index_words(number, f"{title} {heading}", language, text, own)
        self._vectors = self._begun(anew=True)

    def _index_words(self, number: int, context: str, language: str, text: str, own: str) -> None:
        query = "insert into keywords (rowid, context, text) values (?, ?, ?)"
        words = (" ".join(terms(context, language)), " ".join(terms(text, own)))
        self._truth.execute(query, [number, *words])

    def _begun(self, *, anew: bool) -> Shelf:
        vectors = self._home.begin(self.directory, self._truth, anew=anew)
        self._open.callback(vectors.close)
        return vectors

    def put_file(self, uri: str, file_hash: str, refusals: Iterable[Refusal] = ()) -> None:
        """Note a file, in place of what was known of it, and what of it could not be read."""
        self.remove_file(uri)
        self._truth.execute("insert into files values (?, ?)", [uri, file_hash])
        rows = [(uri, *each) for each in refusals]
        self._truth.executemany("insert into refusals values (?, ?, ?)", rows)

    def remove_file(self, uri: str) -> None:
        """Take a file out; a document that lies nowhere else goes when the draft is settled."""
        for query in (
            "delete from files where uri = ?",
            "delete from refusals where file = ?",
            "delete from places where file = ?",
        ):
            self._truth.execute(query, [uri])

    def place(self, document: Document, file_uri: str) -> bool:
        """Note that a file holds a document; tell whether its text is new here."""
        own = "" if document.access is None else access.as_json(document.access)
        self._truth.execute(
            f"insert or replace into places (file, document_id, {DESCRIPTION}, own_access) "
            "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [file_uri, document.id, *store.description(document), own],
        )
        known = self._truth.execute("select 1 from documents where id = ?", [document.id])
        if known.fetchone():
            return False
        self._truth.execute(
            f"insert into documents ({DESCRIPTION}, text, blocks, pages, id, cluster) "
            "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [*store.description(document), *store.content(document), document.id, document.id],
        )
        return True

    def label(self, labels: str, access_of: Callable[[str, str, str], str]) -> None:
        """Note who may read each place, told from its file, its own rules and those before."""
        self._truth.create_function("access_of", 3, access_of)
        self._truth.execute(
            "update places set access = access_of(file, own_access, access) "
            "where access != access_of(file, own_access, access)"
        )
        query = "insert or replace into manifest values ('labels', ?)"
        self._truth.execute(query, [labels])

    def remembered(self, vector_ids: Iterable[str]) -> dict[str, Embedding]:
        """Return the embeddings of the chunks that are in already.

        A chunk is the same when the text that was embedded is.
        """
        where = "where c.vector_id = ? limit 1"
        return {
            stored.vector_id: stored.embedding
            for each in dict.fromkeys(vector_ids)
            for stored in store.embeddings(self._truth, where, [each])
        }

    def add(self, document: Document, pieces: Sequence[Piece]) -> None:
        """Put in the chunks of a document, in place of those it had."""
        before = self._take_chunks(document.id)
        for piece in pieces:
            self._add_piece(document, piece)
        self._remove_unused(before)
        store.flush(self._waiting, self._vectors, BATCH_SIZE)

    def _add_piece(self, document: Document, piece: Piece) -> None:
        chunk, embedding = piece.chunk, piece.embedding
        cursor = self._truth.execute(
            "insert into chunks values (null, ?, ?, ?, ?, ?, ?, ?)",
            [chunk.id, chunk.document_id, chunk.span.start, chunk.span.end, chunk.heading,
             chunk.language, piece.vector_id],
        )  # fmt: skip
        number = cast(int, cursor.lastrowid)
        context = f"{document.title} {chunk.heading}"
        self._index_words(number, context, document.language, chunk.text, chunk.language)
        self._truth.execute(
            "insert into embeddings values (?, ?, ?, ?)", [number, *store.as_stored(embedding)]
        )
        self._waiting[piece.vector_id] = embedding.vectors[0]
        for sentence, _ in zip(chunk.sentences, embedding.sizes, strict=True):
            self._truth.execute(
                "insert into sentences values (?, ?, ?, ?)",
                [sentence.id, number, sentence.span.start, sentence.span.end],
            )

    def settle(self) -> tuple[Document, ...]:
        """Drop what lies nowhere any more; return what has to be added again under a new title.

        A text that lies in several places is described as the first of those describes it that
        everybody may read, or the first of all. Where some may read one and some another, it is
        found under its first words, for the titles are not for everybody who reads it.
        """
        query = "select id from documents where id not in (select document_id from places)"
        for (document_id,) in self._truth.execute(query).fetchall():
            self._truth.execute("delete from documents where id = ?", [document_id])
            self._remove_unused(self._take_chunks(document_id))
        renamed = []
        columns = ", ".join(f"p.{name}" for name in DESCRIPTION.split(", "))
        query = (
            f"select d.id, d.title, d.language, {SHARED}, {columns}, d.text, d.blocks, d.pages "
            "from documents d join places p on p.uri = (select uri from places "
            "where document_id = d.id order by access != '[]', uri limit 1) "
            f"where {SHARED} or (d.uri, d.title, d.language, d.kind, ifnull(d.published, ''), "
            "d.origins, d.warnings) != (p.uri, p.title, p.language, p.kind, "
            "ifnull(p.published, ''), p.origins, p.warnings)"
        )
        assignments = ", ".join(f"{name} = ?" for name in DESCRIPTION.split(", "))
        for document_id, title, language, shared, *row in self._truth.execute(query).fetchall():
            document = store.document(row)
            if shared:
                document = replace(document, title=_first_words(document.text))
            query = f"update documents set {assignments} where id = ?"
            self._truth.execute(query, [*store.description(document), document_id])
            if (document.title, document.language) != (title, language):
                renamed.append(document)
        return tuple(renamed)

    def likenesses(self) -> dict[str, bytes | None]:
        """Return what documents are compared by, by id in the order of their places."""
        query = "select id, likeness from documents order by uri"
        return dict(self._truth.execute(query).fetchall())

    def text(self, document_id: str) -> tuple[str, str]:
        """Return the text of a document and its language."""
        query = "select text, language from documents where id = ?"
        text, language = self._truth.execute(query, [document_id]).fetchone()
        return text, language

    def set_likeness(self, document_id: str, likeness: bytes) -> None:
        """Keep what a document is compared by."""
        query = "update documents set likeness = ? where id = ?"
        self._truth.execute(query, [likeness, document_id])

    def set_clusters(self, clusters: Mapping[str, str]) -> None:
        """Note for each document the one that stands for it and its near copies."""
        query = "update documents set cluster = ? where id = ? and cluster != ?"
        rows = [(of, document_id, of) for document_id, of in clusters.items()]
        self._truth.executemany(query, rows)

    def publish(self) -> None:
        """Finish the files and make this the generation that answers, in one step."""
        store.flush(self._waiting, self._vectors, 1)
        self._vectors.close()
        sizes = json.dumps(store.vector_files(self.directory))
        self._truth.execute("insert or replace into manifest values ('vector_files', ?)", [sizes])
        self._truth.execute("commit")
        self._open.close()
        with self._home.publishing(self.directory):
            store.point(self._root, self.directory.name)
        self._published = True

    def close(self) -> None:
        """Let go of the files, and of the copy itself unless it was published."""
        self._open.close()
        if not self._published:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _take_chunks(self, document_id: str) -> set[str]:
        """Remove the chunks of a document and return the ids of their vectors."""
        query = "delete from chunks where document_id = ? returning number, vector_id"
        chunks = self._truth.execute(query, [document_id]).fetchall()
        for number, _ in chunks:
            self._truth.execute("delete from sentences where chunk = ?", [number])
            self._truth.execute("delete from keywords where rowid = ?", [number])
            self._truth.execute("delete from embeddings where chunk = ?", [number])
        return {vector_id for _, vector_id in chunks}

    def _remove_unused(self, vector_ids: set[str]) -> None:
        """Remove the vectors that nothing has any more."""
        gone = [each for each in sorted(vector_ids) if not self._is_used(each)]
        for each in gone:
            self._waiting.pop(each, None)
        self._vectors.drop(gone)

    def _is_used(self, vector_id: str) -> bool:
        query = "select 1 from chunks where vector_id = ? limit 1"
        return self._truth.execute(query, [vector_id]).fetchone() is not None


class Alone:
    """The home of a draft whose vectors lie beside it, for this machine alone."""

    answers = True

    def begin(self, draft: Path, truth: sqlite3.Connection, *, anew: bool) -> Shelf:
        """Return where to write the vectors, those of `truth` being there unless it is `anew`."""
        shelf = _OwnVectors(draft)
        if anew:
            store.fill(shelf, truth)
        return shelf

    def publishing(self, draft: Path) -> contextlib.AbstractContextManager[None]:
        """Tell nobody."""
        del draft
        return contextlib.nullcontext()


class _OwnVectors:
    """Chroma's files beside a draft."""

    def __init__(self, draft: Path) -> None:
        self._client = store.open_chroma(draft)
        self._collection = self._client.get_or_create_collection(
            COLLECTION, embedding_function=None, configuration={"hnsw": store.GRAPH}
        )

    def put(self, vectors: Mapping[str, Vector]) -> None:
        for ids in batches(list(vectors)):
            embeddings = [cast(Sequence[float], vectors[each]) for each in ids]
            self._collection.upsert(ids=ids, embeddings=embeddings)

    def drop(self, ids: Sequence[str]) -> None:
        for batch in batches(list(ids)):
            self._collection.delete(ids=batch)

    def close(self) -> None:
        store.close_chroma(self._client)


def batches(ids: list[str]) -> Iterator[list[str]]:
    """Yield ids in portions that Chroma takes."""
    for start in range(0, len(ids), BATCH_SIZE):
        yield ids[start : start + BATCH_SIZE]


def _first_words(text: str) -> str:
    return " ".join(text.split())[:LONGEST_TITLE]


def _known(
    previous: Path | None,
) -> tuple[dict[str, str], dict[str, list[Refusal]], frozenset[str], list[str], str]:
    """Return what a generation knows of its files, as the attributes of a `Draft`."""
    if previous is None:
        return {}, {}, frozenset(), [], ""
    with contextlib.closing(store.connect(previous, store.READ_ONLY)) as truth:
        files = dict(truth.execute("select uri, hash from files").fetchall())
        refusals: dict[str, list[Refusal]] = {}
        for file, uri, reason in truth.execute("select file, uri, reason from refusals"):
            refusals.setdefault(file, []).append((uri, reason))
        holding = frozenset(uri for (uri,) in truth.execute("select file from places"))
        manifest = store.manifest_of(truth)
        paths = json.loads(manifest.get("paths", "[]"))
    return files, refusals, holding, paths, manifest.get("labels", "")
