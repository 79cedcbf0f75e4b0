"""PPTX: the slides in order, each with its notes, and the properties of the file."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pptx
from lxml.etree import XMLSyntaxError, _Element
from pptx.exc import PythonPptxError
from pptx.opc.constants import NAMESPACE, RELATIONSHIP_TYPE
from pptx.oxml.ns import nsdecls, qn
from pptx.presentation import Presentation
from pptx.slide import Slide

from ingest.readers.charts import chart_parts
from ingest.readers.package import (
    TEMPLATE_DAYS,
    XML,
    Files,
    damaged,
    left_out,
    parse_xml,
    repack,
    unpack,
)
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
CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
YES, NO = {"1", "true"}, {"0", "false"}
NAMES = nsdecls("a", "c", "p", "r")
SHAPELESS = "<p:cSld><p:spTree/></p:cSld>"
# What stands for the files of slides that are damaged, by the folders they lie in.
EMPTY = {
    "ppt/slides/": f"<p:sld {NAMES}>{SHAPELESS}</p:sld>".encode(),
    "ppt/notesSlides/": f"<p:notes {NAMES}>{SHAPELESS}</p:notes>".encode(),
    "ppt/charts/": f"<c:chartSpace {NAMES}/>".encode(),
}
NO_RELATIONS = f'<Relationships xmlns="{NAMESPACE.OPC_RELATIONSHIPS}"/>'.encode()
MADE_UP_TITLE = re.compile(r"slide \d+|diapositive \d+|.*\bpowerpoint\b.*|", re.IGNORECASE)


def read(data: bytes) -> Reading:
    """Read the slides that are shown, and their speaker notes; a slide is a page."""
    files = unpack(data, what=WHAT, spared=tuple(EMPTY))
    broken = dict(_broken(files))
    try:
        reading = _reading(pptx.Presentation(repack(files | broken)), _wholes(broken))
    except BROKEN as error:
        raise ValueError(damaged(WHAT)) from error
    if broken and not reading.blocks:
        raise ValueError(damaged(WHAT))
    return reading


def _broken(files: Files) -> Iterator[tuple[str, bytes]]:
    """Yield what stands for each damaged or missing file of a slide.

    One of them would keep python-pptx from opening any.
    """
    for name in files.keys() | set(_targets(files)):
        kind = next((each for each in EMPTY if name.startswith(each)), "")
        if kind and name.lower().endswith(XML) and not _is_xml(files.get(name, b"")):
            yield name, NO_RELATIONS if name.endswith(".rels") else EMPTY[kind]


def _targets(files: Files) -> Iterator[str]:
    """Yield the names of the files that the files of slides refer to."""
    for name, content in files.items():
        if name.endswith(".rels") and _is_xml(content):
            folder = posixpath.dirname(posixpath.dirname(name))
            for relation in parse_xml(content):
                if relation.get("TargetMode") != "External":
                    target = posixpath.join("/", folder, relation.get("Target", ""))
                    yield posixpath.normpath(target).lstrip("/")


def _is_xml(content: bytes) -> bool:
    try:
        parse_xml(content)
    except ValueError:
        return False
    return True


def _wholes(names: Iterable[str]) -> set[str]:
    """Return the files that are damaged, or whose relations are."""
    return {name.replace("/_rels/", "/").removesuffix(".rels") for name in names}


def _reading(presentation: Presentation, damaged_files: set[str]) -> Reading:
    parts: list[Part] = []
    hidden = 0
    for number, slide in enumerate(presentation.slides, 1):
        if slide.element.get("show") in NO:
            hidden += 1
            continue
        try:
            for part in _slide(slide):
                parts.append(replace(part, page=number))
        except BROKEN:  # what came before the damage is kept
            damaged_files.add(str(slide.part.partname).lstrip("/"))
    if not any(part.text.strip() for part in parts):
        parts = [replace(part, page=number) for number, part in _margins(presentation)]
    reading = compose(parts, first_heading(parts) | _metadata(presentation))
    counts = ((hidden, "hidden slide"), (len(damaged_files), "damaged piece"))
    return replace(
        reading, warnings=tuple(left_out(count, what) for count, what in counts if count)
    )


def _margins(presentation: Presentation) -> Iterator[tuple[int, Part]]:
    """Yield the footers, and what all slides have from their master, with numbers of slides."""
    masters: dict[_Element, int] = {}
    for number, slide in enumerate(presentation.slides, 1):
        if slide.element.get("show") not in NO:
            yield from _words_of(slide.element, "ftr", number)
            masters.setdefault(slide.slide_layout.slide_master.element, number)
    for master, number in masters.items():
        yield from _words_of(master, "", number)


def _words_of(parent: _Element, placeholder: str, number: int) -> Iterator[tuple[int, Part]]:
    for shape in parent.iter(qn("p:sp")):
        if _placeholder(shape) == placeholder:
            yield from ((number, Part(_words(each))) for each in shape.iter(qn("a:p")))


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
    for reference in shape.iter(CHART):
        yield from chart_parts(slide.part.related_part(reference.get(qn("r:id"), "")).blob)


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
