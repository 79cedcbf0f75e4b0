"""ODT and ODP: headings, paragraphs, lists, tables and notes, and the properties of the file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lxml.etree import _Element

from ingest.readers.odf import (
    ASIDES,
    PARAGRAPHS,
    all_named,
    contents,
    named,
    table_grid,
    table_rows,
    words,
)
from ingest.readers.package import damaged, left_out, parse_xml, properties, unpack
from ingest.readers.tables import table_parts
from ingest.reading import Part, Reading, compose, first_heading
from rag.types import BlockKind

WHAT = "an OpenDocument text"
TITLES = ("Title", "Subtitle", "Heading")
LIST_PARTS = all_named("text:list-item text:list-header")
CONTAINERS = (
    ASIDES
    | LIST_PARTS
    | all_named(
        "office:text office:presentation office:drawing text:section text:note-body text:list "
        "text:numbered-paragraph draw:page draw:a"
    )
)
LISTS = all_named("text:list text:numbered-paragraph")
MARGINS = tuple(named(f"style:{name}") for name in ("header", "footer"))
FURNITURE = {"date-time", "footer", "header", "page", "page-number"}


@dataclass(frozen=True, slots=True)
class _Styles:
    """What the names of styles mean.

    Attributes:
        parents: the style that a style is based on.
        hidden: styles of text, sections and slides that are not shown.
    """

    parents: Mapping[str, str]
    hidden: frozenset[str]

    def is_heading(self, name: str) -> bool:
        """Tell whether a style is one of headings, or is based on one."""
        for _ in range(10):  # a damaged file may have styles in a circle
            if name.startswith(TITLES):
                return True
            name = self.parents.get(name, "")
        return False


def read(data: bytes) -> Reading:
    """Read a text or a presentation, tracked changes accepted; a slide is a page."""
    files = unpack(data, what=WHAT)
    if "content.xml" not in files:
        raise ValueError(damaged(WHAT))
    root = contents(files)
    styles = _styles([root, *(parse_xml(files[each]) for each in ["styles.xml"] if each in files)])
    body = root.find(named("office:body"))
    parts = [] if body is None else list(_parts(body, styles))
    if "styles.xml" in files and not any(part.text.strip() for part in parts):
        margins = parse_xml(files["styles.xml"]).iter(*MARGINS)
        parts = [part for each in margins for part in _parts(each, styles)]
    hidden = 0
    for number, slide in enumerate(root.iter(named("draw:page")), 1):
        if slide.get(named("draw:style-name")) in styles.hidden:
            hidden += 1
            continue
        parts += [replace(part, page=number) for part in _slide(slide, styles)]
    found = properties(files, "meta.xml", origin="document properties")
    reading = compose(parts, first_heading(parts) | found)
    return replace(reading, warnings=(left_out(hidden, "hidden slide"),) if hidden else ())


def _styles(roots: list[_Element]) -> _Styles:
    parents: dict[str, str] = {}
    hidden: set[str] = set()
    for style in (each for root in roots for each in root.iter(named("style:style"))):
        name = style.get(named("style:name"), "")
        parents[name] = style.get(named("style:parent-style-name"), "")
        for looks in style:
            shown = (looks.get(named("text:display")), looks.get(named("presentation:visibility")))
            if "none" in shown or "hidden" in shown:
                hidden.add(name)
    return _Styles(parents, frozenset(hidden))


def _parts(parent: _Element, styles: _Styles, kind: BlockKind = "paragraph") -> Iterator[Part]:
    """Yield the blocks in order; indexes, forms and tracked deletions are none."""
    for child in parent:
        if child.tag in PARAGRAPHS:
            yield from _paragraph(child, styles, kind)
        elif child.tag == named("table:table"):
            yield from _table(child, styles)
        elif child.tag in CONTAINERS and not _is_hidden(child):
            inner: BlockKind = "item" if child.tag in LISTS else kind
            yield from _parts(child, styles, inner)


def _is_hidden(element: _Element) -> bool:
    slide = element.tag == named("draw:page")  # read by its own function
    return slide or element.get(named("text:display")) == "none"


def _paragraph(paragraph: _Element, styles: _Styles, kind: BlockKind) -> Iterator[Part]:
    style = paragraph.get(named("text:style-name"), "")
    if paragraph.tag == named("text:h") or styles.is_heading(style):
        kind = "heading"
    if style not in styles.hidden:
        yield Part(words(paragraph, styles.hidden), kind)
    for aside in _asides(paragraph):
        yield from _parts_of_aside(aside, styles)


def _parts_of_aside(aside: _Element, styles: _Styles) -> Iterator[Part]:
    holder = aside.find(named("text:note-body"))
    yield from _parts(aside if holder is None else holder, styles)


def _asides(element: _Element) -> Iterator[_Element]:
    """Yield the notes and frames that hang on a paragraph, not those inside others."""
    for child in element:
        if child.tag in ASIDES:
            yield child
        elif child.tag != named("office:annotation"):
            yield from _asides(child)


def _table(table: _Element, styles: _Styles) -> Iterator[Part]:
    """Yield the rows, or the blocks inside a table that is only a frame, and then their notes."""
    cells = [cell for row in table_rows(table) for cell in row.iterfind(named("table:table-cell"))]
    grid = table_grid(table, lambda cell: _cell(cell, styles))
    rows = grid.rows()
    if all(len(row) < 2 for row in rows):
        for cell in cells:
            yield from _parts(cell, styles)
        return
    marked = table.find(named("table:table-header-rows")) is not None
    yield from table_parts(rows, marked=marked or None)
    for cell in cells:
        for aside in _asides(cell):
            yield from _parts_of_aside(aside, styles)


def _cell(cell: _Element, styles: _Styles) -> str:
    paragraphs = cell.iter(*PARAGRAPHS)
    return " ".join(
        words(each, styles.hidden)
        for each in paragraphs
        if next(each.iterancestors(named("text:note"), named("office:annotation")), None) is None
    )


def _slide(slide: _Element, styles: _Styles) -> Iterator[Part]:
    """Yield the title before the rest, wherever it lies in the file, and the notes at the end."""
    shapes = [each for each in slide if _role(each) not in FURNITURE]
    for shape in sorted(shapes, key=lambda each: _role(each) != "title"):
        if shape.tag == named("presentation:notes"):
            continue
        parts = list(_parts(shape, styles))
        yield from (replace(p, kind="heading") if _role(shape) == "title" else p for p in parts)
    for notes in slide.iterfind(named("presentation:notes")):
        for shape in notes:
            if _role(shape) == "notes":
                yield from _parts(shape, styles)


def _role(shape: _Element) -> str:
    return shape.get(named("presentation:class"), "")
