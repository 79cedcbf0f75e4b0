"""JSON in which an object is a document: its words in one field, its title and so on in others."""

import json
import re
from collections.abc import Mapping, Sequence

from ingest.readers.decode import decode
from ingest.readers.front_matter import ACCESS
from ingest.readers.html import whole_page
from ingest.readers.names import SLASH, distinct
from ingest.readers.text import paragraphs
from ingest.reading import Found, Member, Reading, clean, compose, iso_date

MAX_RECORDS = 20_000
TEXTS = ("text", "body", "content", "page_content", "article", "transcript")
# Settings have these as well, so they count only beside a title or a date.
SUMMARIES = ("description", "abstract", "summary")
FIELDS = {
    "title": ("title", "headline", "subject"),
    "published": ("published", "date", "published_at", "publication_date", "date_published",
                  "datepublished", "pubdate", "created_at"),
    "language": ("language", "lang"),
    "kind": ("kind", "type"),
}  # fmt: skip
MAKES_A_DOCUMENT = ("title", "published")
NAMES = ("_id", "id", "title", "headline", "subject")
HTML = re.compile(r"\s*<(?:!doctype|html|body|div|p|h[1-6]|ul|ol|article|section|table)\b", re.I)
EXPECTED = (
    f"expected are objects with their words in one of {', '.join(TEXTS)}, alone, in a list, or one"
    " a line"
)
LONGEST_NUMBER = 400  # digits

Record = Mapping[str, object]


def read(data: bytes) -> Reading:
    """Read one document, or several as members, from JSON or from JSON Lines.

    A document is an object with its words in one of `TEXTS`, or in one of `SUMMARIES` beside a
    title or a date; what `FIELDS` names may also be in an object called `metadata`, and so may who
    may read it. A list of documents may be the only list of an object, as in what web services
    return.

    Raises:
        ValueError: it holds no document, or says of a list who may read it.
    """
    values, faults = _values(clean(decode(data)))
    alone = len(values) == 1 and not faults
    if alone and _words(values[0]):
        return _document(values[0])
    records = _listed(values[0]) if alone else values
    if alone and records and (said := _access(values[0])):
        raise ValueError(
            f"its {min(said)!r} stands beside a list; write it into each document of the list, or "
            "into .labels.yaml"
        )
    _check_count(records)
    members = [_member(each, number) for number, each in enumerate(records, 1) if _words(each)]
    if not members:
        raise ValueError(f"it is JSON, but holds no documents; {EXPECTED}")
    if len(members) < len(records):
        faults += (f"{len(records) - len(members)} of {len(records)} entries hold no text",)
    return Reading("", (), members=distinct(members), warnings=faults)


def _check_count(records: Sequence[object]) -> None:
    if len(records) > MAX_RECORDS:
        raise ValueError(f"it holds {len(records)} entries, where {MAX_RECORDS} are allowed")


def _values(text: str) -> tuple[Sequence[object], tuple[str, ...]]:
    """Return the only value of JSON or the values of JSON Lines, and what is wrong with lines."""
    try:
        return [_loads(text)], ()
    except json.JSONDecodeError as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < 2 or not _is_json(lines[0]):
            message = f"{error.msg[:1].lower()}{error.msg[1:]} in line {error.lineno}"
            raise ValueError(f"it is not JSON: {message}") from error
    _check_count(lines)
    values = [_loads(line) for line in lines if _is_json(line)]
    broken = len(lines) - len(values)
    return values, (f"{broken} of {len(lines)} lines are not JSON",) if broken else ()


def _is_json(line: str) -> bool:
    try:
        _loads(line)
    except json.JSONDecodeError:
        return False
    return True


def _loads(text: str) -> object:
    try:
        return json.loads(text, parse_int=_integer)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _integer(digits: str) -> int | float:
    """Return a number; Python refuses to make whole ones of thousands of digits."""
    return int(digits) if len(digits) <= LONGEST_NUMBER else float(digits)


def _listed(value: object) -> Sequence[object]:
    """Return a list, or the one list with documents that an object has."""
    if isinstance(value, list):
        return value
    fields = value.values() if isinstance(value, dict) else ()
    lists = [each for each in fields if isinstance(each, list) and any(map(_words, each))]
    return lists[0] if len(lists) == 1 else []


def _words(value: object) -> str:
    """Return the words of a document, none if the value is not one."""
    if not isinstance(value, dict):
        return ""
    known = any(_said(value, keys) for name, keys in FIELDS.items() if name in MAKES_A_DOCUMENT)
    texts = (_text(value.get(key)) for key in (*TEXTS, *(SUMMARIES if known else ())))
    return next(filter(None, texts), "")


def _text(value: object) -> str:
    """Return a text, which may be given as a list of its paragraphs."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = "\n\n".join(value)
    return value if isinstance(value, str) and any(map(str.isalnum, value)) else ""


def _said(record: Record, keys: Sequence[str]) -> str:
    """Return the first of the fields that is filled, in the record or in its metadata."""
    metadata = record.get("metadata")
    places = [record, metadata] if isinstance(metadata, dict) else [record]
    values = (place.get(key) for place in places for key in keys)
    texts = (" ".join(clean(value).split()) for value in values if isinstance(value, str))
    return next(filter(None, texts), "")


def _access(record: object) -> dict[str, str]:
    """Return the label and the groups that a record or its metadata names, in any case.

    Raises:
        ValueError: the two differ.
    """
    said: dict[str, str] = {}
    metadata = record.get("metadata") if isinstance(record, dict) else None
    for place in (record, metadata):
        for key, value in place.items() if isinstance(place, dict) else ():
            name = key.strip().casefold()
            listed = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            if name not in ACCESS or value is None or not listed.strip():
                continue
            if said.setdefault(name, listed) != listed:
                raise ValueError(f"it names two {name!r} that differ; leave one")
    return said


def _document(record: object) -> Reading:
    words = clean(_words(record))
    metadata = {name: Found(value, "JSON field") for name, value in _access(record).items()}
    for name, keys in FIELDS.items():
        said = _said(record, keys) if isinstance(record, dict) else ""
        value = iso_date(said) if name == "published" else said
        if value:
            metadata[name] = Found(value, "JSON field")
    if HTML.match(words):
        return compose(whole_page(words.encode()), metadata)
    return Reading(words, tuple(paragraphs(words)), metadata=metadata)


def _member(record: object, number: int) -> Member:
    """Return a document as a file of its own, named by what names it or by its number."""
    names = (record.get(key) for key in NAMES) if isinstance(record, dict) else ()
    words = (clean(str(name)).strip() for name in names if isinstance(name, str | int))
    name = SLASH.sub("-", next(filter(None, words), str(number)))
    return Member(f"{name}.json", json.dumps(record).encode())
