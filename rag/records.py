"""What was answered and from what, one JSON object a line, so that it can be looked up later."""

import json
import os
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rag.errors import QuestionError
from rag.types import Answer, Filter, Turn

DRAFT_SCHEMA = 1  # of the drafts that `evals review` goes through
FILTER_NAMES = {"documents", "kinds", "languages", "from", "to"}
FILTER_FORM = (
    'it may have "documents", "kinds" and "languages", each a list of texts, '
    'and "from" and "to", each a date such as "2025-09-18"'
)
LONGEST_SHOWN = 80  # characters of a value that can not be used


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


def filter_as_json(where: Filter) -> dict[str, Any]:
    """Return a filter in the form that scripts rely on."""
    return {
        "documents": sorted(where.documents),
        "kinds": sorted(where.kinds),
        "languages": sorted(where.languages),
        "from": where.first.isoformat() if where.first else None,
        "to": where.last.isoformat() if where.last else None,
    }


def as_filter(value: object) -> Filter:
    """Return the filter that a program wrote; what it left out or gave as null lets all pass.

    >>> as_filter({"kinds": ["note"], "from": "2025-09-18"}).first
    datetime.date(2025, 9, 18)

    Raises:
        QuestionError: it is no such filter; one that is not understood must not let all pass.
    """
    given = {} if value is None else value
    if not isinstance(given, dict) or not given.keys() <= FILTER_NAMES:
        raise QuestionError(f"the filter {_short(value)} can not be used; {FILTER_FORM}")
    return Filter(
        documents=_names(given.get("documents")),
        kinds=_names(given.get("kinds")),
        languages=_names(given.get("languages")),
        first=_day(given.get("from")),
        last=_day(given.get("to")),
    )


def _names(value: object) -> frozenset[str]:
    names = [] if value is None else value
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise QuestionError(f"{_short(value)} in the filter is no list of texts; {FILTER_FORM}")
    return frozenset(names)


def _day(value: object) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise QuestionError(f"{_short(value)} in the filter is no date; {FILTER_FORM}") from None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def append(
    path: Path,
    answer: Answer,
    *,
    where: Filter,
    generation: str,
    fingerprint: str,
    history: Sequence[Turn] = (),
) -> None:
    """Add an answer to the records, with what it was asked of; many processes may do so at once.

    `history` are the turns before the question, as far as they were looked back on.
    """
    record = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "generation": generation,
        "fingerprint": fingerprint,
        "where": filter_as_json(where),
        "history": _turns(history),
        **as_json(answer),
    }
    _append(path, record)


def _turns(history: Sequence[Turn]) -> list[dict[str, str]]:
    return [{"question": turn.question, "answer": turn.answer} for turn in history]


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
        "turns": _turns(history),
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
