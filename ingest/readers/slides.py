"""PPTX: the slides in order, each with its notes, and the properties of the file."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pptx
from lxml.etree import XMLSyntaxError, _Element
from pptx.exc import PythonPptxError
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml.ns import qn
from pptx.presentation import Presentation
from pptx.slide import Slide

from ingest.readers.package import TEMPLATE_DAYS, damaged, left_out, parse_xml, repack, unpack
from ingest.readers.tables import table_parts
from ingest.reading import Found, Part, Reading, compose, first_heading
from rag.types import BlockKind

WHAT = "a PowerPoint presentation"
# All that lxml and python-pptx are known to raise on files that break their rules.
BROKEN = (PythonPptxError, XMLSyntaxError, AssertionError, AttributeError, LookupError, TypeError,
          ValueError, RuntimeError)  # fmt: skip
COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
CHOICE, FALLBACK = f"{COMPATIBILITY}Choice", f"{COMPATIBILITY}Fallback"
MATHS = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
CONTAINERS = {qn("p:grpSp"), f"{COMPATIBILITY}AlternateContent", CHOICE}
SHAPES = {qn("p:sp"), qn("p:graphicFrame")}
DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
TITLES = {"title", "ctrTitle"}
FURNITURE = {"dt", "ftr", "hdr", "sldNum", "sldImg"}
BULLETS = {qn("a:buChar"), qn("a:buAutoNum"), qn("a:buBlip")}
NO_BULLET = qn("a:buNone")
YES = {"1", "true"}
MADE_UP_TITLE = re.compile(r"slide \d+|diapositive \d+|.*\bpowerpoint\b.*|", re.IGNORECASE)


def read(data: bytes) -> Reading:
    """Read the slides that are shown, and their speaker notes; a slide is a page."""
    files = unpack(data, what=WHAT)
    try:
        return _reading(pptx.Presentation(repack(files)))
    except BROKEN as error:
        raise ValueError(damaged(WHAT)) from error


def _reading(presentation: Presentation) -> Reading:
    parts: list[Part] = []
    hidden = 0
    for number, slide in enumerate(presentation.slides, 1):
        if slide.element.get("show") in ("0", "false"):
            hidden += 1
            continue
        parts += [replace(part, page=number) for part in _slide(slide)]
    reading = compose(parts, first_heading(parts) | _metadata(presentation))
    return replace(reading, warnings=(left_out(hidden, "hidden slide"),) if hidden else ())


def _slide(slide: Slide) -> Iterator[Part]:
    """Yield the title before the rest, wherever it lies in the file, and the notes at the end."""
    shapes = list(_shapes(slide.element.cSld.spTree))
    titles = [shape for shape in shapes if _placeholder(shape) in TITLES]
    for shape in titles:
        yield Part(" ".join(map(_words, shape.iter(qn("a:p")))), "heading")
    for shape in shapes:
        if _placeholder(shape) not in TITLES:
            yield from _shape(shape, slide)
    if slide.has_notes_slide:
        for shape in _shapes(slide.notes_slide.element.cSld.spTree):
            if _placeholder(shape) == "body":
                yield from (Part(_words(paragraph)) for paragraph in shape.iter(qn("a:p")))


def _shapes(parent: _Element) -> Iterator[_Element]:
    """Yield the shapes that are shown, in the order in which they are read aloud."""
    for child in parent:
        properties = child.find(f"./*/{qn('p:cNvPr')}")
        if properties is not None and properties.get("hidden") in YES:
            continue
        if child.tag in CONTAINERS:
            yield from _shapes(child)
        elif child.tag in SHAPES and _placeholder(child) not in FURNITURE:
            yield child


def _placeholder(shape: _Element) -> str:
    """Return the type of a placeholder, "" for any other shape."""
    found = shape.find(f"./*/{qn('p:nvPr')}/{qn('p:ph')}")
    return "" if found is None else found.get("type", "obj")


def _shape(shape: _Element, slide: Slide) -> Iterator[Part]:
    if shape.tag == qn("p:sp"):
        styles = _styles(shape, slide)
        for paragraph in shape.iter(qn("a:p")):
            yield Part(_words(paragraph), _kind(paragraph, styles))
    for table in shape.iter(qn("a:tbl")):
        yield from _table(table)
    for reference in shape.iter(f"{DIAGRAM}relIds"):
        yield from _diagram(slide.part.related_part(reference.get(qn("r:dm"), "")).blob)


def _words(paragraph: _Element) -> str:
    pieces: list[str] = []
    for element in paragraph.iter(qn("a:t"), qn("a:br"), MATHS):
        if next(element.iterancestors(FALLBACK), None) is None:
            pieces.append(" " if element.tag == qn("a:br") else element.text or "")
    return "".join(pieces)


def _kind(paragraph: _Element, styles: Sequence[_Element]) -> BlockKind:
    """Tell whether the paragraph, or else the nearest style of its level, has a bullet."""
    own = paragraph.find(qn("a:pPr"))
    level = "0" if own is None else own.get("lvl", "0")
    number = int(level) + 1 if level.isdigit() else 1
    inherited = [style.find(qn(f"a:lvl{number}pPr")) for style in styles if number < 10]
    for properties in (own, *inherited):
        for child in () if properties is None else properties:
            if child.tag in BULLETS:
                return "item"
            if child.tag == NO_BULLET:
                return "paragraph"
    return "paragraph"


def _styles(shape: _Element, slide: Slide) -> list[_Element]:
    """Return the list styles that a shape's paragraphs follow, the nearest first."""
    found = [shape.find(f"{qn('p:txBody')}/{qn('a:lstStyle')}")]
    place = shape.find(f"./*/{qn('p:nvPr')}/{qn('p:ph')}")
    if place is not None:
        layout, master = slide.slide_layout.element, slide.slide_layout.slide_master.element
        index = place.get("idx", "0")
        found += [
            each.find(f"{qn('p:txBody')}/{qn('a:lstStyle')}")
            for each in layout.iter(qn("p:sp"))
            if any(other.get("idx", "0") == index for other in each.iter(qn("p:ph")))
        ]
        found.append(master.find(f"{qn('p:txStyles')}/{qn('p:bodyStyle')}"))
    return [style for style in found if style is not None]


def _table(table: _Element) -> Iterator[Part]:
    """Yield the rows; a merged cell speaks in each row and column that it covers."""
    rows: list[list[str]] = []
    for row in table.iter(qn("a:tr")):
        cells: list[str] = []
        for at, cell in enumerate(row.iter(qn("a:tc"))):
            if cell.get("hMerge") in YES and cells:
                cells.append(cells[-1])
            elif cell.get("vMerge") in YES and rows and at < len(rows[-1]):
                cells.append(rows[-1][at])
            else:
                cells.append(" ".join(map(_words, cell.iter(qn("a:p")))).strip())
        rows.append(cells)
    look = table.find(qn("a:tblPr"))
    yield from table_parts(rows, marked=look is not None and look.get("firstRow") in YES)


def _diagram(data: bytes) -> Iterator[Part]:
    """Yield the words of a diagram, which lie in a file of their own."""
    for text in parse_xml(data).iter(f"{DIAGRAM}t"):
        for paragraph in text.iter(qn("a:p")):
            yield Part(_words(paragraph), "item")


def _metadata(presentation: Presentation) -> dict[str, Found]:
    package = presentation.part.package
    if all(each.reltype != RELATIONSHIP_TYPE.CORE_PROPERTIES for each in package.iter_rels()):
        return {}  # python-pptx would make some up
    properties = presentation.core_properties
    created = properties.created.date().isoformat() if properties.created else ""
    title = " ".join(properties.title.split())
    values = {
        "title": "" if MADE_UP_TITLE.fullmatch(title) else title,
        "published": "" if created in TEMPLATE_DAYS else created,
        "language": properties.language,
        "kind": properties.category,
    }
    return {name: Found(value, "PPTX properties") for name, value in values.items() if value}
