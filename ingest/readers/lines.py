"""How printed lines become headings and paragraphs again."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

from ingest.reading import Part
from rag.types import BlockKind

PROSE_WORDS = 6  # a line that long without an end goes on at the top of the next page
ENDED = re.compile(r"[.!?…:;。][\"'”’»)\]\d]*\Z")
BULLET = re.compile(r"[•▪◦‣■●○–-]\s+")
ITEM = re.compile(rf"(?:{BULLET.pattern}|\(?(?:\d{{1,3}}|[a-zA-Z])[.)]\s+)\S")
PAGE_NUMBER = re.compile(
    r"(?:page\s*)?\W{0,3}\d{1,4}\W{0,3}(?:(?:of|/|sur|de|von)\s*\d+)?\W*", re.I
)
HEADING_SIZE = 1.12  # of the body's letters
LONGEST_HEADING = 160
EDGE_LINES = 3  # at the top and at the bottom of a page may be running headers and footers
PARAGRAPH_STEP = 1.3  # of the usual line step; a wider one parts paragraphs
WORD = re.compile(r"[\w-]+")
BROKEN_WORD = re.compile(r"\w[-‐]\Z")
NEIGHBOURS = 12  # lines above and below that show how wide a column is


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line; places and size are in points, upwards from the foot of the page.

    Attributes:
        alone: never part of a paragraph: the cells of a table row, or letters set sideways.
    """

    text: str
    page: int
    left: float
    right: float
    bottom: float
    size: float
    bold: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """How most of a document is set: the size of its letters, its line step in such sizes."""

    size: float
    leading: float
    bold: bool

    def stands_out(self, line: Line) -> bool:
        """Tell whether a line is set as headings are."""
        return line.size > HEADING_SIZE * self.size or (line.bold and not self.bold)


def paragraphs(lines: Sequence[Line]) -> list[Part]:
    """Return the text of the lines by paragraph, without running headers and page numbers."""
    kept = without_running_lines(lines) or list(lines)
    if not kept:
        return []
    look = _look(kept)
    groups = [[kept[0]]]
    for index, (above, line) in enumerate(pairwise(kept)):
        nearby = kept[max(0, index - NEIGHBOURS) : index + NEIGHBOURS]
        if _goes_on(groups[-1], line, look, edge=_edge(above, nearby)):
            groups[-1].append(line)
        else:
            groups.append([line])
    vocabulary = Counter(WORD.findall(" ".join(line.text for line in kept).lower()))
    return [part for group in groups for part in _parts(group, look, vocabulary)]


def without_running_lines(lines: Sequence[Line]) -> list[Line]:
    """Return the lines without those that stand in the same place on most pages."""
    pages: dict[int, list[Line]] = {}
    for line in lines:
        pages.setdefault(line.page, []).append(line)
    edges = {number: _edge_lines(page) for number, page in pages.items()}
    places = Counter(place for page in edges.values() for place in {_place(line) for line in page})
    often = max(2, (len(pages) - 1) / 2)  # left and right pages may have headers of their own

    def runs(line: Line) -> bool:
        page = edges[line.page]
        outermost = line in (page[0], page[-1]) and len(pages) > 1
        repeated = places[_place(line)] >= often and any(map(str.isalpha, line.text))
        return line in page and (repeated or (outermost and bool(PAGE_NUMBER.fullmatch(line.text))))

    return [line for line in lines if not runs(line)]


def _edge_lines(page: list[Line]) -> list[Line]:
    downwards = sorted(page, key=lambda line: -line.bottom)
    return downwards[:EDGE_LINES] + downwards[EDGE_LINES:][-EDGE_LINES:]


def _place(line: Line) -> tuple[str, int]:
    return re.sub(r"\d+", "#", line.text), round(line.bottom)


def _look(lines: Sequence[Line]) -> Look:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    bold = sum(len(line.text) for line in lines if line.bold)
    steps = [
        (above.bottom - line.bottom) / line.size
        for above, line in pairwise(lines)
        if above.page == line.page and 0.5 < (above.bottom - line.bottom) / line.size < 2.5
    ]
    return Look(
        size=sizes.most_common(1)[0][0],
        leading=median_low(steps) if steps else 1.2,
        bold=2 * bold > sizes.total(),
    )


def _edge(line: Line, nearby: Sequence[Line]) -> float:
    """Return how far to the right the lines of the same column run."""
    column = (
        other.right
        for other in nearby
        if other.page == line.page and other.left < line.right and _same_size(other, line)
    )
    return max(column, default=line.right)


def _same_size(one: Line, other: Line) -> bool:
    return abs(one.size - other.size) < 0.08 * max(one.size, other.size)


def _goes_on(group: Sequence[Line], line: Line, look: Look, *, edge: float) -> bool:
    """Tell whether the paragraph that the group's lines have begun goes on with the line."""
    above = group[-1]
    if above.alone or line.alone or not _same_size(above, line):
        return False
    ended = bool(ENDED.search(above.text))
    flows = not ended and (line.text[:1].islower() or bool(BROKEN_WORD.search(above.text)))
    letter = (above.right - above.left) / len(above.text)
    word = letter * len(line.text.split(maxsplit=1)[0])
    full = above.right + word + line.size > edge
    listed = bool(ITEM.match(group[0].text))
    if ITEM.match(line.text) and (listed or ended or not full or line.text[0] == "•"):
        return False
    if above.bold != line.bold and not flows:
        return False
    step = (above.bottom - line.bottom) / line.size
    if above.page != line.page or step < -0.5:  # a new page or column
        prose = full or len(above.text.split()) >= PROSE_WORDS
        return flows or (prose and not ended and not look.stands_out(line))
    if not 0.2 < step < PARAGRAPH_STEP * look.leading:
        return False
    indented = line.left > above.left + line.size and ended and not listed
    return flows or look.stands_out(line) or (full and not indented)


def _parts(group: Sequence[Line], look: Look, vocabulary: Counter[str]) -> Iterator[Part]:
    """Yield a part for each page that the lines stand on; a broken word goes whole to the later."""
    texts: dict[int, list[str]] = {}
    broken = ""
    for line in group:
        text = _mend(broken, line.text, vocabulary) if broken else line.text
        broken = ""
        if line is not group[-1] and BROKEN_WORD.search(text):
            text, _, broken = text.rpartition(" ")
        texts.setdefault(line.page, []).append(text)
    whole = " ".join(line.text for line in group)
    kind = _kind(group[0], whole, look)
    for number, (page, words) in enumerate(texts.items()):
        text = " ".join(words)
        text = BULLET.sub("", text, count=1) if kind == "item" and number == 0 else text
        yield Part(text, kind, page=page, joins=number > 0)


def _mend(start: str, text: str, vocabulary: Counter[str]) -> str:
    """Join the halves of a word, keeping the hyphen of a compound that is known elsewhere."""
    end = text.split(maxsplit=1)[0]
    first, second = WORD.findall(start.lower())[-1].rstrip("-‐"), WORD.findall(end.lower())[0]
    whole, compound = vocabulary[first + second], vocabulary[f"{first}-{second}"]
    # The second half is a word of its own if it is found elsewhere than at this line's beginning.
    two_words = not whole and vocabulary[first] > 0 and vocabulary[second] > 1
    kept = not end[0].islower() or compound > whole or two_words
    return (start if kept else start[:-1]) + text


def _kind(first: Line, text: str, look: Look) -> BlockKind:
    short = len(text) <= LONGEST_HEADING and any(map(str.isalpha, text))
    if look.stands_out(first) and short and not first.alone:
        return "heading"
    if ITEM.match(text):
        return "item"
    return "row" if first.alone else "paragraph"
