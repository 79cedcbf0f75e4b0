"""What was answered and from what, one JSON object a line, so that it can be looked up later."""

import json
import os
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.access import OPERATOR, Clearance
from rag.types import Answer, Filter, Turn

DRAFT_SCHEMA = 1  # of the drafts that `evals review` goes through


def as_json(answer: Answer) -> dict[str, Any]:
    """Return an answer in the form that scripts rely on."""
    return {
        "id": answer.id,
        "question": answer.question,
        "searched_for": answer.searched_for,
        "language": answer.language,
        "status": answer.status,
        "mode": answer.mode,
        "model": answer.model,
        "text": answer.text,
        "as_of": answer.as_of,
        "coverage": answer.coverage,
        "citations": [
            {
                "marker": each.marker,
                "document_id": each.document_id,
                "title": each.title,
                "uri": each.uri,
                "published": each.published.isoformat() if each.published else None,
                "page": each.page,
                "start": each.span.start,
                "end": each.span.end,
                "quote": each.quote,
            }
            for each in answer.citations
        ],
        "hits": [
            {
                "chunk_id": hit.chunk.id,
                "document_id": hit.chunk.document_id,
                "start": hit.chunk.span.start,
                "end": hit.chunk.span.end,
                "score": round(hit.score, 6),
            }
            for hit in answer.hits
        ],
        "timings_ms": {stage: round(spent, 2) for stage, spent in answer.timings_ms},
    }


def append(
    path: Path,
    answer: Answer,
    *,
    where: Filter,
    clearance: Clearance = OPERATOR,
    generation: str,
    fingerprint: str,
) -> None:
    """Add an answer to the records, with what it was asked of; many processes may do so at once.

    Who asked is not noted, but what they might see: without it no answer can be explained.
    """
    record = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "generation": generation,
        "fingerprint": fingerprint,
        "where": {
            "documents": sorted(where.documents),
            "kinds": sorted(where.kinds),
            "languages": sorted(where.languages),
            "from": where.first.isoformat() if where.first else None,
            "to": where.last.isoformat() if where.last else None,
        },
        "clearance": None
        if clearance.everything
        else {"groups": sorted(clearance.groups), "today": clearance.today.isoformat()},
        **as_json(answer),
    }
    _append(path, record)


def draft_case(folder: Path, answer: Answer, note: str, history: Sequence[Turn] = ()) -> Path:
    """Write what a reader found wrong with an answer as a draft of a case; return its file.

    Each draft is a file of one line, so that a reviewer may take one away while others are written;
    a second note on the same answer is a second draft. `history` are the turns before the question.
    """
    now = datetime.now(UTC)
    path = folder / f"{now:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.jsonl"
    draft = {
        "schema_version": DRAFT_SCHEMA,
        "at": now.isoformat(timespec="milliseconds"),
        "note": note,
        "question": answer.question,
        "lang": answer.language,
        "turns": [{"question": turn.question, "answer": turn.answer} for turn in history],
        "answer": as_json(answer),
    }
    _append(path, draft)
    return path


def _append(path: Path, value: dict[str, Any]) -> None:
    line = json.dumps(value, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode("utf-8", "surrogatepass"))
    finally:
        os.close(handle)
