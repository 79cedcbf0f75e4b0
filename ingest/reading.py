"""What a reader makes of a file: clean text, blocks, pages, and what it says of itself."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import zip_longest
from typing import Literal

import dateparser

from rag.orders import INVISIBLE
from rag.types import Block, BlockKind, Span

FROM_NAME = "file name"  # the origin of what a file does not say of itself
CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Part:
    """A block's text before it has a place in a document.

    Attributes:
        page: counts from 1, for formats that have pages.
        joins: the part goes on with the block before it, as a paragraph does over a page break.
    """

    text: str
    kind: BlockKind = "paragraph"
    page: int | None = None
    joins: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A value of the metadata with where it was found, such as "front matter"."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a file, such as an attachment; `name` is as the container gives it."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """The text of a file; `metadata` may hold title, published, language, kind, label and groups.

    Attributes:
        members: what the file contains besides its own text, each a file to read in its turn.
        warnings: what a person should know of the text, one sentence each.
    """

    text: str
    blocks: tuple[Block, ...]
    pages: tuple[Span, ...] = ()
    metadata: Mapping[str, Found] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    warnings: tuple[str, ...] = ()


def clean(text: str) -> str:
    r"""Return the text with one kind of line end and without characters nobody sees.

    >>> clean("a\r\nb\u200bc\x00")
    'a\nbc'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n")
    return CONTROL.sub("", INVISIBLE.sub("", text))


def compose(parts: Iterable[Part], metadata: Mapping[str, Found] | None = None) -> Reading:
    """Return a reading whose text is the parts, each on one line, with a blank line between."""
    pieces: list[str] = []
    blocks: list[Block] = []
    page_starts: dict[int, int] = {}
    end = 0
    for part in parts:
        line = " ".join(unicodedata.normalize("NFC", clean(part.text)).split())
        if not any(map(str.isalnum, line)):  # "###" and the like: marks, not words
            continue
        joined = part.joins and bool(blocks)
        gap = "" if not blocks else " " if joined else "\n\n"
        at = end + len(gap)
        end = at + len(line)
        pieces += (gap, line)
        if part.page is not None:
            page_starts.setdefault(part.page, at)
        start = blocks.pop().span.start if joined else at
        blocks.append(Block(Span(start, end), part.kind))
    return Reading("".join(pieces), tuple(blocks), _page_spans(page_starts, end), metadata or {})


def first_heading(parts: Iterable[Part]) -> dict[str, Found]:
    """Return the title that the first heading gives, if there is a heading."""
    heading = next((part.text for part in parts if part.kind == "heading"), "")
    return {"title": Found(" ".join(heading.split()), "first heading")} if heading.strip() else {}


def row_text(cells: Sequence[str], headers: Sequence[str] = ()) -> str:
    """Return a table row as words that make sense without the table.

    >>> row_text(["2019", "45 bn"], ["Year", "Trade"])
    'Year: 2019; Trade: 45 bn.'
    """
    names = headers if len(headers) == len(cells) else ()
    pairs = [
        (name.strip().rstrip(":"), cell.strip())
        for name, cell in zip_longest(names, cells, fillvalue="")
    ]
    text = "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)
    return text if not text or text.endswith((".", "!", "?", "…", ":", "。")) else f"{text}."


@lru_cache(10_000)  # thousands of records may have one date, and what is none takes the longest
def iso_date(value: str) -> str | None:
    """Return a date as YYYY-MM-DD, or None when it is not one whole and unambiguous date.

    >>> iso_date("12 March 2026"), iso_date("2026-03-12T09:30:00Z"), iso_date("03/04/2026")
    ('2026-03-12', '2026-03-12', None)
    """
    try:
        return datetime.fromisoformat(value.strip()).date().isoformat()
    except ValueError:
        readings = {_parsed(value, order) for order in ("DMY", "MDY")}
    return readings.pop() if len(readings) == 1 else None


def _parsed(value: str, order: Literal["DMY", "MDY"]) -> str | None:
    if not any(map(str.isdigit, value)):
        return None
    settings = {
        "DATE_ORDER": order,
        "PARSERS": ["absolute-time"],
        "REQUIRE_PARTS": ["day", "month", "year"],
    }
    try:
        found = dateparser.parse(value[:100], settings=settings)  # a date is never longer
    except (ValueError, OverflowError):
        return None
    return found.date().isoformat() if found else None


def _page_spans(starts: Mapping[int, int], end: int) -> tuple[Span, ...]:
    """Return a span a page, an empty one for each page without text."""
    spans: list[Span] = []
    for number in range(max(starts, default=0), 0, -1):
        start = starts.get(number, end)
        spans.append(Span(start, end))
        end = start
    return tuple(reversed(spans))
