"""Make the index equal to what lies in some folders: what to read, what to embed, what to drop."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Protocol

from ingest.chunk import RECIPE, cut, in_context
from ingest.isolate import Reader, Source
from ingest.labels import Labels
from ingest.load import Limits, Refusal, find
from rag.access import Rules
from rag.draft import Draft, Piece
from rag.errors import IndexMissingError
from rag.index import Index, Summary
from rag.store import Embedding, address, base
from rag.types import Chunk, Document, Passage

EMBED_AT_ONCE = 256  # chunks a process; enough of like length to fill batches

Progress = Callable[[str, int, int], None]


class Embeds(Protocol):
    """What turns passages into vectors.

    Attributes:
        processes: how many do it at once.
    """

    processes: int

    def encode_passages(self, passages: Sequence[Passage]) -> list[Embedding]:
        """Return the embedding of each passage."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one ingest did.

    Attributes:
        added: files, as are changed, removed and unchanged.
        refused: (path, reason) of each file, or file inside a file, that is not in.
        embedded: documents of which something was embedded.
        index: what the index holds now, None when there is none.
    """

    added: int
    changed: int
    removed: int
    unchanged: int
    refused: tuple[Refusal, ...]
    embedded: int
    seconds: float
    index: Summary | None


def sync(
    index: Index,
    encoder: Embeds,
    paths: Sequence[Path],
    *,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    default: Rules = (),
    rebuild: bool = False,
    progress: Progress = lambda *_: None,
) -> Report:
    """Make the index hold exactly the documents under the paths, and report what was done.

    Nothing changes when not one file can be read: the previous index goes on answering.
    `default` are the rules of documents of which nothing says who may read them. `progress` is
    told the uri of each file, how many are done, and of how many.

    Raises:
        LoadError: a file of labels can not be understood; nothing is changed.
        IndexBusyError: another process is writing the index.
        IndexWriteError: the index can not be written.
    """
    started = time.monotonic()
    found = _find(paths, index.directory)
    named = [str(path.absolute()) for path in paths]
    labels = Labels(found.sources, default)
    with index.writing(RECIPE, rebuild=rebuild) as draft:
        change = _Change(draft, found, limits)
        writer = Writer(draft, encoder)
        asked = (draft.paths, draft.labels, draft.answers)
        other = draft.files and asked != (named, labels.address(), True)
        if change.new or change.closed or change.gone or other:
            draft.begin(named)
            _read(change, writer, limits, progress)
            change.publish(writer, labels)
    return Report(
        added=change.added,
        changed=change.changed,
        removed=change.removed,
        unchanged=change.unchanged,
        refused=(*change.refusals(), *labels.unused()),
        embedded=writer.embedded,
        seconds=time.monotonic() - started,
        index=_summary(index),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What lies under the paths.

    Attributes:
        sources: the files to read, by uri.
        refused: (path, reason) of what can not be opened, or is no file, by uri.
        closed: what the uris in folders begin with that can not be listed; what those held may
            still be there.
    """

    sources: dict[str, Source]
    refused: dict[str, Refusal]
    closed: tuple[str, ...]


class _Change:
    """What is different from what the draft knows, and what became of it."""

    def __init__(self, draft: Draft, found: _Found, limits: Limits) -> None:
        known = draft.files
        self._limits = limits
        self._draft = draft
        self._found = found
        self._paths = {uri: str(source.path) for uri, source in found.sources.items()}
        self._paths |= {uri: path for uri, (path, _) in found.refused.items()}
        self._refused = {uri: draft.refusals.get(uri, []) for uri in known}
        self.closed = {
            uri: reason
            for uri, (_, reason) in found.refused.items()
            if known.get(uri) != address(reason)
        }
        self.new = [
            each
            for each in found.sources.values()
            if known.get(each.uri) not in (each.hash, self.key(each, refused=True))
        ]
        lost = known.keys() - found.sources.keys() - found.refused.keys()
        self.gone = sorted(uri for uri in lost if not uri.startswith(found.closed))
        self.added = self.changed = self.removed = 0
        self._empty = known.keys() - draft.holding
        same = found.sources.keys() - {each.uri for each in self.new}
        self.unchanged = len(same - self._empty)
        self._in = 0

    def key(self, source: Source, *, refused: bool) -> str:
        """Return what a file is known by: what was refused is tried again under other limits."""
        return address(f"{source.hash} {self._limits}") if refused else source.hash

    def note(self, source: Source, documents: int, refusals: Sequence[Refusal]) -> None:
        """Note what became of a file that was read."""
        was_in = source.uri in self._draft.files and source.uri not in self._empty
        self._refused[source.uri] = list(refusals)
        self._in += bool(documents)
        if documents:
            self.added += not was_in
            self.changed += was_in
        else:
            self.removed += was_in

    def publish(self, writer: "Writer", labels: Labels) -> None:
        """Publish the draft, unless nothing at all could be read of what there is."""
        if not self._in + self.unchanged:
            self.removed = 0
            return
        for uri, reason in self.closed.items():
            self.removed += uri in self._draft.files and uri not in self._empty
            self._draft.put_file(uri, address(reason), [(uri, reason)])
        for uri in self.gone:
            self._draft.remove_file(uri)
            self.removed += uri not in self._empty
            self._refused.pop(uri)
        self._draft.label(labels.address(), labels.access)
        writer.settle()
        self._draft.publish()

    def refusals(self) -> Iterator[Refusal]:
        """Yield (path, reason) of all that is not in, as the paths were named."""
        said = {uri: [(uri, reason)] for uri, (_, reason) in self._found.refused.items()}
        for uri, refused in sorted({**self._refused, **said}.items()):
            if uri in self._paths:
                yield from ((self._paths[uri] + where[len(uri) :], why) for where, why in refused)


def _read(change: _Change, writer: "Writer", limits: Limits, progress: Progress) -> None:
    with Reader(limits) as reader:
        for number, (source, loaded) in enumerate(reader.read(change.new)):
            progress(source.uri, number, len(change.new))
            change.note(source, len(loaded.documents), loaded.refusals)
            known_by = replace(source, hash=change.key(source, refused=bool(loaded.refusals)))
            writer.put(known_by, loaded.documents, loaded.refusals)


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Documents whose chunks are embedded together.

    Attributes:
        ids: of each chunk's embedding.
        known: the embeddings that the index has already, by id.
        new: the ids of those that are coming.
    """

    documents: Sequence[tuple[Document, tuple[Chunk, ...]]]
    ids: dict[Chunk, str]
    known: dict[str, Embedding]
    new: frozenset[str]
    coming: Future[dict[str, Embedding]]


class Writer:
    """Puts documents into the draft, embedding those of many small files together.

    While one batch is embedded, the one before it is written and the one after it is cut.
    """

    def __init__(self, draft: Draft, encoder: Embeds) -> None:
        self.embedded = 0
        self._at_once = EMBED_AT_ONCE * encoder.processes
        self._draft = draft
        self._encoder = encoder
        self._waiting: list[tuple[Document, tuple[Chunk, ...]]] = []
        self._chunks = 0
        self._started: _Batch | None = None
        self._worker = ThreadPoolExecutor(1)

    def put(
        self, source: Source, documents: Sequence[Document], refusals: Sequence[Refusal] = ()
    ) -> None:
        """Take a file in; a text is embedded unless another file brought it already."""
        self._draft.put_file(source.uri, source.hash, refusals)
        for document in documents:
            if self._draft.place(document, source.uri):
                self._add(document)

    def settle(self) -> None:
        """Write all that waits, and what the draft needs before it can be published."""
        self._finish()
        for document in self._draft.settle():
            self._add(document)
        self._finish()
        from ingest import likeness  # its library is slow to import; most ingests change nothing

        likeness.cluster(self._draft)

    def _add(self, document: Document) -> None:
        chunks = cut(document)
        self._waiting.append((document, chunks))
        self._chunks += len(chunks)
        if self._chunks >= self._at_once:
            self._start()

    def _start(self) -> None:
        """Begin to embed what waits, and meanwhile write what was begun before."""
        waiting, self._waiting, self._chunks = self._waiting, [], 0
        passages = {
            chunk: in_context(chunk, document) for document, chunks in waiting for chunk in chunks
        }
        ids = {chunk: address(repr(passage)) for chunk, passage in passages.items()}
        known = self._draft.remembered(ids.values())
        has = known.keys() | (self._started.new if self._started else ())
        new = {ids[chunk]: each for chunk, each in passages.items() if ids[chunk] not in has}
        coming = self._worker.submit(self._embed, new)
        batch = _Batch(waiting, ids, known, frozenset(new), coming)
        before, self._started = self._started, batch
        if before:
            self._write(before)

    def _embed(self, new: Mapping[str, Passage]) -> dict[str, Embedding]:
        found = self._encoder.encode_passages(list(new.values()))
        return dict(zip(new, found, strict=True))

    def _finish(self) -> None:
        """Embed and write all that waits."""
        self._start()
        if self._started:
            self._write(self._started)
        self._started = None

    def _write(self, batch: _Batch) -> None:
        found = batch.known | batch.coming.result()
        # The rest was new to the batch before, and is written by now.
        found |= self._draft.remembered(set(batch.ids.values()) - found.keys())
        for document, chunks in batch.documents:
            ids = [batch.ids[chunk] for chunk in chunks]
            pieces = [Piece(c, each, found[each]) for c, each in zip(chunks, ids, strict=True)]
            self._draft.add(document, pieces)
            self.embedded += not batch.new.isdisjoint(ids)


def _find(paths: Sequence[Path], skip: Path) -> _Found:
    above = base(paths) if paths else Path()

    def uri_of(path: Path) -> str:
        place = path.absolute().relative_to(above)
        return os.fsencode(place.as_posix()).decode("utf-8", "backslashreplace")  # any bytes

    closed: list[Refusal] = []
    sources: dict[str, Source] = {}
    refused: dict[str, Refusal] = {}
    for path, root in find(paths, closed, skip=skip):
        uri = _apart(uri_of(path), path, sources)
        try:
            sources[uri] = Source(path, root, uri, _hash(path))
        except (OSError, ValueError) as error:
            refused[uri] = str(path), _reason(error)
    prefixes = [_prefix(uri_of(Path(folder))) for folder, _ in closed]
    for prefix, refusal in zip(prefixes, closed, strict=True):
        refused[prefix.rstrip("/") or "."] = refusal
    return _Found(sources, refused, tuple(prefixes))


def _hash(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise ValueError("it is no regular file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error: OSError | ValueError) -> str:
    said = error.strerror if isinstance(error, OSError) else ""
    return f"the file can not be read: {said}" if said else str(error)


def _apart(uri: str, path: Path, taken: Mapping[str, Source]) -> str:
    """Return the uri, or one like it when another file has it: names may be any bytes."""
    wanted = uri
    for number in count(2):
        if uri not in taken or taken[uri].path.absolute() == path.absolute():
            break
        uri = f"{wanted} ({number})"
    return uri


def _prefix(folder: str) -> str:
    """Return what the uris of all files in a folder begin with."""
    return "" if folder == "." else f"{folder}/"


def _summary(index: Index) -> Summary | None:
    try:
        with index.reading() as generation:
            return generation.summary()
    except IndexMissingError:
        return None
