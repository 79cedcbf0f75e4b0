"""Plain text: the file as it stands, with its paragraphs, list items and headings found in it."""

import re
from itertools import pairwise

from ingest import boilerplate, lint
from ingest.readers.decode import decode
from ingest.readers.front_matter import front_matter
from ingest.reading import Found, Part, Reading, clean
from rag.types import Block, Span

WIDEST_WRAP = 100  # columns; longer lines are paragraphs, not lines that an editor broke
NARROWEST_WRAP = 40  # columns; shorter lines are names, addresses and the like
LONGEST_HEADING = 80
LINE = re.compile(r"^.*$", re.MULTILINE)
ITEM = re.compile(r"(?:[-*•]|\d{1,3}[.)])\s+\S")
UNDERLINE = re.compile(r"[ \t]*\n[ \t]*(?:={3,}|-{3,})[ \t]*(?:\n|\Z)")
ENDED = re.compile(r"[.!?…:;,。][\"'”’»)\]]*\Z")

Lines = list[Span]


def read(data: bytes) -> Reading:
    """Read plain text; a block's offsets are offsets into the file, once decoded and cleaned.

    What belongs to the site that a text was copied from is in the text, but in no block.
    """
    raw = decode(data)
    text = clean(raw)
    metadata, start = front_matter(text)
    found = paragraphs(text, start)
    site = boilerplate.flags([Part(block.span.of(text), block.kind) for block in found])
    blocks = [block for block, dropped in zip(found, site, strict=True) if not dropped]
    if blocks and blocks[0].kind == "heading":
        metadata.setdefault("title", Found(blocks[0].span.of(text), "first heading"))
    return Reading(text, tuple(blocks), metadata=metadata, warnings=lint.findings(raw))


def paragraphs(text: str, start: int = 0) -> list[Block]:
    """Return the headings, paragraphs and list items that begin at or after the start."""
    groups = _groups(text, start)
    width = _wrap_width(text, groups)
    blocks: list[Block] = []
    for number, group in enumerate(groups):
        following = groups[number + 1] if number + 1 < len(groups) else []
        above: Span | None = None
        if _is_headed(text, group, following):
            blocks.append(Block(group.pop(0), "heading"))
        for line in group:
            if width and above and _is_broken(text, above, line, width):
                blocks[-1] = Block(Span(blocks[-1].span.start, line.end), blocks[-1].kind)
            else:
                blocks.append(Block(line, "item" if ITEM.match(line.of(text)) else "paragraph"))
            above = line
    return blocks


def _groups(text: str, start: int) -> list[Lines]:
    """Return the lines that stand together; a blank line or a drawn rule ends a group."""
    groups: list[Lines] = [[]]
    for match in LINE.finditer(text, start):
        line = match[0].strip()
        if any(map(str.isalnum, line)):
            at = match.start() + match[0].index(line)
            groups[-1].append(Span(at, at + len(line)))
        elif groups[-1]:
            groups.append([])
    return [group for group in groups if group]


def _wrap_width(text: str, groups: list[Lines]) -> int:
    """Return the column at which an editor broke the lines, 0 if none did."""
    columns = [_column(text, line) for group in groups for line in group]
    narrow = [column for column in columns if column <= WIDEST_WRAP]
    breaks = [pair for group in groups for pair in pairwise(group)]
    width = max(narrow, default=0)
    full = sum(_is_broken(text, above, line, width) for above, line in breaks)
    wrapped = width >= NARROWEST_WRAP and len(narrow) >= 0.9 * len(columns)
    return width if wrapped and 0 < len(breaks) <= 2 * full else 0


def _column(text: str, line: Span) -> int:
    return line.end - text.rfind("\n", 0, line.start) - 1


def _fits(text: str, above: Span, line: Span, width: int) -> bool:
    """Tell whether the line's first word had room on the line above."""
    word = min(len(line.of(text).split(maxsplit=1)[0]), 15)  # scripts without blanks have no words
    return _column(text, above) + 1 + word <= width


def _is_broken(text: str, above: Span, line: Span, width: int) -> bool:
    """Tell whether an editor broke a paragraph of that width between the two lines."""
    words = line.of(text)
    if ITEM.match(words):
        return False
    flows = words[0].islower() and above.of(text)[-1] not in ".!?…"
    return flows or not _fits(text, above, line, width)


def _is_headed(text: str, group: Lines, following: Lines) -> bool:
    """Tell whether the group's first line is a heading: shouted, underlined or alone."""
    first = group[0].of(text)
    if len(first) > LONGEST_HEADING or ENDED.search(first) or ITEM.match(first):
        return False
    if len(group) > 1:
        return first.isupper() and not group[1].of(text).isupper()
    if UNDERLINE.match(text, group[0].end):
        return True
    before_prose = bool(following) and bool(ENDED.search(following[-1].of(text)))
    return (before_prose and not first[0].islower()) or (bool(following) and first.isupper())
