"""The file that a document was read from, if it is still the same; named by the index alone."""

import contextlib
import hashlib
import json
from pathlib import Path

from rag import store
from rag.index import Generation
from rag.types import Document

LARGEST = 100_000_000  # bytes of a file that is read to draw a page of it


def original(generation: Generation, document: Document) -> bytes | None:
    """Return the bytes of a document's file, or None when it is gone, changed or inside another.

    The place is put together from what the last ingest noted, never from what a browser sends; it
    must lie under a path that was ingested, and hold what was read then.
    """
    with contextlib.closing(store.connect(generation.directory, store.READ_ONLY)) as truth:
        paths = [Path(each) for each in json.loads(store.manifest_of(truth).get("paths", "[]"))]
        row = truth.execute("select hash from files where uri = ?", [document.uri]).fetchone()
    if row is None or not paths:
        return None
    try:
        file = (store.base(paths) / document.uri).resolve()
        within = any(file.is_relative_to(each.resolve()) for each in paths)
        if not within or not file.is_file() or file.stat().st_size > LARGEST:
            return None
        data = file.read_bytes()
    except (OSError, ValueError):
        return None
    return data if hashlib.sha256(data).hexdigest() == row[0] else None
