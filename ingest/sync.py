"""Make the index equal to what lies in some folders: what to read, what to embed, what to drop."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.chunk import RECIPE, cut, in_context
from ingest.load import find, load
from rag.errors import IndexMissingError, LoadError
from rag.index import Draft, Index, Summary
from rag.models import Encoder
from rag.types import Chunk, Document

EMBED_AT_ONCE = 256  # chunks and sentences; enough of like length to fill batches

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What one ingest did.

    Attributes:
        added: files, as are changed, removed and unchanged.
        refused: (path, reason) of each file that is not in.
        embedded: documents whose vectors were computed.
        index: what the index holds now, None when there is none.
    """

    added: int
    changed: int
    removed: int
    unchanged: int
    refused: tuple[tuple[str, str], ...]
    embedded: int
    seconds: float
    index: Summary | None


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    root: Path
    uri: str
    hash: str


def sync(
    index: Index,
    encoder: Encoder,
    paths: Sequence[Path],
    *,
    rebuild: bool = False,
    progress: Progress = lambda *_: None,
) -> Report:
    """Make the index hold exactly the documents under the paths, and report what was done.

    Nothing changes when not one file can be read: the previous index goes on answering.
    `progress` is told the uri of each file, how many are done, and of how many.

    Raises:
        IndexBusyError: another process is writing the index.
    """
    started = time.monotonic()
    refused: list[tuple[str, str]] = []
    files = list({file.uri: file for file in _files(paths, refused)}.values())
    with index.writing(RECIPE, rebuild=rebuild) as draft:
        known = draft.files
        new = [file for file in files if known.get(file.uri) != file.hash]
        gone = sorted(known.keys() - {file.uri for file in files})
        if new or gone:
            draft.begin()
        writer = Writer(draft, encoder)
        read = set()
        for number, file in enumerate(new):
            progress(file.uri, number, len(new))
            document = _load(file, refused)
            if file.uri in known:
                draft.remove_file(file.uri)
            if document is not None:
                writer.put(file.uri, file.hash, document)
                read.add(file.uri)
        writer.flush()
        unchanged = len(files) - len(new)
        lost = [file.uri for file in new if file.uri in known and file.uri not in read]
        if (read or unchanged) and (read or gone or lost):
            for uri in gone:
                draft.remove_file(uri)
            draft.publish()
            removed = len(gone) + len(lost)
        else:
            removed = 0
    return Report(
        added=len(read - known.keys()),
        changed=len(read & known.keys()),
        removed=removed,
        unchanged=unchanged,
        refused=tuple(refused),
        embedded=writer.embedded,
        seconds=time.monotonic() - started,
        index=_summary(index),
    )


class Writer:
    """Puts documents into the draft, embedding those of many small files together."""

    def __init__(self, draft: Draft, encoder: Encoder) -> None:
        self.embedded = 0
        self._draft = draft
        self._encoder = encoder
        self._waiting: dict[str, tuple[Document, tuple[Chunk, ...]]] = {}

    def put(self, uri: str, file_hash: str, document: Document) -> None:
        """Take a document in; its text is embedded unless another file brought it already."""
        self._draft.add_file(uri, file_hash, document.id)
        if document.id in self._waiting:
            return
        if self._draft.has(document.id):
            self._draft.describe(document)
            return
        self._waiting[document.id] = document, cut(document)
        pieces = (
            1 + len(chunk.sentences) for _, chunks in self._waiting.values() for chunk in chunks
        )
        if sum(pieces) >= EMBED_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Embed and write all that waits."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        passages = [in_context(chunk) for _, chunks in waiting for chunk in chunks]
        vectors = iter(self._encoder.encode_passages(passages))
        for document, chunks in waiting:
            self._draft.add(document, chunks, vectors)
        self.embedded += len(waiting)


def _files(paths: Sequence[Path], refused: list[tuple[str, str]]) -> Iterator[_File]:
    above = _common_folder(paths) if paths[1:] else None
    for path, root in find(paths):
        place = path.absolute().relative_to(above) if above else path.relative_to(root)
        uri = os.fsencode(place.as_posix()).decode("utf-8", "replace")  # names may be any bytes
        if path.exists() and not path.is_file():
            refused.append((str(path), "it is no regular file"))
            continue
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            refused.append((str(path), f"the file can not be read: {error.strerror}"))
        else:
            yield _File(path, root, uri, digest)


def _common_folder(paths: Sequence[Path]) -> Path:
    common = Path(os.path.commonpath([path.absolute() for path in paths]))
    return common if common.is_dir() else common.parent


def _load(file: _File, refused: list[tuple[str, str]]) -> Document | None:
    try:
        return replace(load(file.path, root=file.root), uri=file.uri)
    except LoadError as error:
        refused.append((str(error.path), error.reason))
        return None


def _summary(index: Index) -> Summary | None:
    try:
        with index.reading() as generation:
            return generation.summary()
    except IndexMissingError:
        return None
