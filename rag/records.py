"""What was answered and from what, one JSON object a line, so that it can be looked up later."""

import contextlib
import errno
import fcntl
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from rag.access import OPERATOR, Clearance
from rag.errors import DraftsFullError, DraftTooLongError, QuestionError
from rag.types import Answer, Citation, Filter, Turn, Usage

DRAFT_SCHEMA = 1  # of the drafts that `evals review` goes through
MOST_DRAFT_BYTES = 100_000  # of one draft; the oldest turns are left out of one that is longer
MOST_DRAFTS = 1000  # that wait in one folder
FILTER_NAMES = {"documents", "kinds", "languages", "from", "to"}
FILTER_FORM = (
    'it may have "documents", "kinds" and "languages", each a list of texts, '
    'and "from" and "to", each a date such as "2025-09-18"'
)
LONGEST_SHOWN = 80  # characters of a value that can not be used
_AT = re.compile(rb'\{"at": "([^"]+)"')  # what each record begins with


def place(index: Path) -> Path:
    """Return where the records of an index are kept."""
    return index / "records" / "answers.jsonl"


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
        "citations": [citation_as_json(each) for each in answer.citations],
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
        "statements": [
            {"text": each.text, "markers": list(each.markers), "check": each.check}
            for each in answer.statements
        ],
        "dropped": answer.dropped,
        "fault": answer.fault,
        "notice": answer.notice,
        "usage": _usage(answer.usage) if answer.usage else None,
    }


def _usage(usage: Usage) -> dict[str, Any]:
    first = usage.first_sentence
    return {
        "calls": usage.calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "seconds": round(usage.seconds, 3),
        "first_sentence": None if first is None else round(first, 3),
    }


def citation_as_json(citation: Citation) -> dict[str, Any]:
    """Return a citation in the form that scripts rely on."""
    return {
        "marker": citation.marker,
        "document_id": citation.document_id,
        "title": citation.title,
        "uri": citation.uri,
        "published": citation.published.isoformat() if citation.published else None,
        "page": citation.page,
        "start": citation.span.start,
        "end": citation.span.end,
        "quote": citation.quote,
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


def clearance_as_json(clearance: Clearance) -> dict[str, Any] | None:
    """Return what a reader may see in the form of the records, None for everything."""
    if clearance.everything:
        return None
    return {"groups": sorted(clearance.groups), "today": clearance.today.isoformat()}


def as_clearance(value: Mapping[str, Any] | None) -> Clearance:
    """Return what the reader of a recorded answer might see."""
    if value is None:
        return OPERATOR
    return Clearance(frozenset(value["groups"]), date.fromisoformat(value["today"]))


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
    clearance: Clearance = OPERATOR,
    generation: str,
    fingerprint: str,
    history: Sequence[Turn] = (),
) -> None:
    """Add an answer to the records, with what it was asked of; many processes may do so at once.

    `history` are the turns before the question, as far as they were looked back on. Who asked is
    not noted, but what they might see: without it no answer can be explained.
    """
    record = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "generation": generation,
        "fingerprint": fingerprint,
        "where": filter_as_json(where),
        "clearance": clearance_as_json(clearance),
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

    Raises:
        DraftsFullError: so many wait already that they have to be gone through first.
        DraftTooLongError: the answer alone is longer than a draft may be.
        OSError: it can not be written.
    """
    if folder.is_dir() and sum(1 for _ in folder.glob("*.jsonl")) >= MOST_DRAFTS:
        raise DraftsFullError(
            f"{MOST_DRAFTS:,} drafts of cases wait in {str(folder)!r} and no more are kept; "
            "run python -m evals review"
        )
    now = datetime.now(UTC)
    path = folder / f"{now:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.jsonl"
    draft: dict[str, Any] = {
        "schema_version": DRAFT_SCHEMA,
        "at": now.isoformat(timespec="milliseconds"),
        "note": note,
        "question": answer.question,
        "lang": answer.language,
        "turns": _turns(history),
        "answer": as_json(answer),
    }
    while len(_line(draft)) > MOST_DRAFT_BYTES:
        if not draft["turns"]:
            raise DraftTooLongError(
                f"the answer {answer.id!r} is longer than the {MOST_DRAFT_BYTES:,} bytes of a "
                "draft; ask again and send the note then"
            )
        draft["turns"] = draft["turns"][1:]
    _append(path, draft)
    return path


def find(path: Path, answer_id: str) -> dict[str, Any]:
    """Return the record of an answer.

    Raises:
        QuestionError: there is none, or it can not be read.
    """
    marked = json.dumps(answer_id).encode()
    try:
        with path.open("rb") as lines:
            for line in lines:
                record = json.loads(line) if marked in line else {}
                if record.get("id") == answer_id:
                    return dict(record)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise QuestionError(
            f"the records {str(path)!r} can not be read: {error}; mend that file"
        ) from error
    raise QuestionError(
        f"there is no answer {answer_id!r} in {str(path)!r}; give the id that came with an answer "
        "that is not older than VISIT_DESK_RECORDS_DAYS"
    )


def as_turns(history: object) -> tuple[Turn, ...]:
    """Return the turns that a program wrote, each with a question and perhaps its answer.

    Raises:
        QuestionError: they are not such turns.
    """
    if not isinstance(history, list) or not all(map(_is_turn, history)):
        raise QuestionError(
            f"the history {_short(history)} can not be used; "
            'it must be a list of {"question": "...", "answer": "..."}'
        )
    return tuple(Turn(each["question"], each.get("answer", "")) for each in history)


def _is_turn(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(each, str) for each in (value.get("question"), value.get("answer", ""))
    )


def forget(path: Path, days: int) -> int:
    """Remove the records that are older than so many days, 0 for none; return how many went.

    A line that does not tell its age goes too. What others append meanwhile is kept.

    Raises:
        OSError: the file can not be read or written.
    """
    if not days:
        return 0
    limit = datetime.now(UTC) - timedelta(days=days)
    try:
        with _locked(path, os.O_RDWR) as file:
            if all(_is_young(line, limit) for line in file):
                return 0
            file.seek(0)
            return _keep_young(path, file, limit)
    except FileNotFoundError:
        return 0


def _keep_young(path: Path, old: BinaryIO, limit: datetime) -> int:
    """Put the young lines of a file in its place; return how many others there were."""
    gone = 0
    unfinished = path.with_name(f"{path.name}.new")  # one that a process died over is begun anew
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as new:
        for line in old:
            young = _is_young(line, limit)
            gone += not young
            new.write(line if young else b"")
        new.flush()
        os.fsync(new.fileno())
    unfinished.replace(path)
    return gone


def _is_young(line: bytes, limit: datetime) -> bool:
    found = _AT.match(line)
    try:
        return found is not None and datetime.fromisoformat(found[1].decode()) >= limit
    except (ValueError, TypeError):  # no time, or none of a known zone
        return False


@contextlib.contextmanager
def _locked(path: Path, flags: int) -> Iterator[BinaryIO]:
    """Open a file that no other process of ours writes or replaces until the block ends."""
    while True:
        with os.fdopen(os.open(path, flags, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(path, file):
                yield file
                return


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Tell whether a file was not replaced while its lock was waited for."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _line(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def _append(path: Path, value: dict[str, Any]) -> None:
    line = _line(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path, os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
        end = os.fstat(file.fileno()).st_size
        if os.write(file.fileno(), line) != len(line):
            os.ftruncate(file.fileno(), end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
