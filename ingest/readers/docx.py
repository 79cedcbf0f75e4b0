"""DOCX: paragraphs and tables by their styles, and the properties of the file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import docx
from docx.document import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.exceptions import OpcError
from docx.oxml import parse_xml
from docx.oxml.document import CT_Body
from docx.oxml.exceptions import XmlchemyError
from docx.oxml.ns import qn
from docx.oxml.table import CT_Row, CT_Tbl
from docx.oxml.text.paragraph import CT_P
from docx.styles.style import BaseStyle
from lxml.etree import XMLSyntaxError, _Element

from ingest import lint
from ingest.readers.package import TEMPLATE_DAYS, damaged, repack, unpack
from ingest.readers.tables import as_note
from ingest.reading import Found, Part, Reading, compose, first_heading, row_text
from rag.types import BlockKind

WHAT = "a Word document"
# All that lxml and python-docx are known to raise on files that break their rules.
BROKEN = (OpcError, XmlchemyError, XMLSyntaxError, AssertionError, AttributeError,
          LookupError, TypeError, ValueError, RuntimeError)  # fmt: skip
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
BOX = qn("w:txbxContent")
# Deleted and moved-away words, the second copy of a drawing, and text boxes, which come after.
SKIPPED = {qn("w:del"), qn("w:moveFrom"), qn("w:pPr"), FALLBACK, BOX}
CONTAINERS = {qn(f"w:{name}") for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml")}
HIDDEN = f"{qn('w:rPr')}/{qn('w:vanish')}"
# Runs that are set as hidden or in tiny letters, or in white where nothing is behind them.
UNSEEN = (
    ".//w:r[w:rPr[w:vanish[not(@w:val='0' or @w:val='false')] or w:sz[@w:val <= 2]"
    " or (w:color[@w:val='FFFFFF' or @w:val='ffffff'] and not(w:shd or w:highlight"
    " or /w:document/w:background or ancestor::w:tbl or ancestor::w:txbxContent"
    " or ancestor::w:p/w:pPr/w:shd))]]"
)
BLANKS = {qn("w:tab"), qn("w:br"), qn("w:cr")}
LONGEST_HEADING = 100
ENDS = (".", ",", ";", ":", "!", "?", "…")
NOTES = (
    ("footnote", RELATIONSHIP_TYPE.FOOTNOTES),
    ("endnote", RELATIONSHIP_TYPE.ENDNOTES),
)

NOTE_MARKS = {qn(f"w:{name}Reference") for name, _ in NOTES}

Kinds = Mapping[str, BlockKind | None]


@dataclass(frozen=True, slots=True)
class _Book:
    """What the paragraphs refer to.

    Attributes:
        notes: by the name and the id of their mark; a note is taken out where it is read.
    """

    kinds: Kinds
    notes: dict[tuple[str, str], _Element] = field(default_factory=dict)

    def without_notes(self) -> "_Book":
        """Return the same for text whose notes are read elsewhere, or that is a note itself."""
        return replace(self, notes={})


def read(data: bytes) -> Reading:
    """Read the body and its notes, tracked changes accepted; without any, headers and footers."""
    files = unpack(data, what=WHAT)
    try:
        return _reading(docx.Document(repack(files)))
    except BROKEN as error:
        raise ValueError(damaged(WHAT)) from error


def _reading(document: Document) -> Reading:
    kinds = {style.style_id: _style_kind(style) for style in document.styles}
    unseen = _take_unseen(document.element.body)
    parts = list(_parts(document.element.body, _Book(kinds, dict(_notes(document)))))
    if not any(part.text.strip() for part in parts):
        parts = [part for each in _margins(document) for part in _parts(each, _Book(kinds))]
    words = "\n".join(part.text for part in parts)
    reading = compose(parts, first_heading(parts) | _metadata(document))
    return replace(reading, warnings=(*lint.hidden(unseen), *lint.findings(words)))


def _margins(document: Document) -> Iterator[_Element]:
    """Yield the headers and the footers."""
    for kind in (RELATIONSHIP_TYPE.HEADER, RELATIONSHIP_TYPE.FOOTER):
        for relation in document.part.rels.values():
            if relation.reltype == kind and not relation.is_external:
                yield parse_xml(relation.target_part.blob)


def _take_unseen(body: CT_Body) -> list[str]:
    """Drop the runs that a reader does not see, and return their text by paragraph."""
    unseen: dict[_Element, str] = {}
    for run in body.xpath(UNSEEN):
        paragraph = next(run.iterancestors(qn("w:p")), run)
        unseen[paragraph] = unseen.get(paragraph, "") + "".join(run.itertext(qn("w:t")))
        run.clear()
    return [text for text in unseen.values() if text.strip()]


def _notes(document: Document) -> Iterator[tuple[tuple[str, str], _Element]]:
    """Yield each note with the name and the id of the mark that calls it."""
    for name, kind in NOTES:
        for relation in document.part.rels.values():
            if relation.reltype == kind and not relation.is_external:
                for note in parse_xml(relation.target_part.blob).iterfind(qn(f"w:{name}")):
                    yield (qn(f"w:{name}Reference"), note.get(qn("w:id"), "")), note


def _style_kind(style: BaseStyle | None) -> BlockKind | None:
    """Return the kind of a style or of the style that it is based on; None leaves its text out."""
    seen = 0
    while style is not None and seen < 10:  # a damaged file may have styles in a circle
        name = (style.name or "").lower()
        if name.startswith("toc"):
            return None
        if name.startswith(("heading", "title", "subtitle")):
            return "heading"
        if name.startswith("list"):
            return "item"
        style, seen = getattr(style, "base_style", None), seen + 1
    return "paragraph"


def _parts(parent: _Element, book: _Book) -> Iterator[Part]:
    """Yield the blocks in order, also those in content controls, which python-docx passes over."""
    for child in parent:
        if isinstance(child, CT_P):
            yield from _paragraph(child, book)
        elif isinstance(child, CT_Tbl):
            yield from _table(child, book)
        elif child.tag in CONTAINERS:
            yield from _parts(child, book)


def _paragraph(paragraph: CT_P, book: _Book) -> Iterator[Part]:
    kind = book.kinds.get(paragraph.style or "", "paragraph")
    if kind == "paragraph" and paragraph.xpath("./w:pPr/w:numPr/w:numId[@w:val != '0']"):
        kind = "item"
    text = "".join(_words(paragraph))
    if kind == "paragraph" and _is_headed(paragraph, text):
        kind = "heading"
    if kind:
        yield Part(text, kind)
    for box in paragraph.iter(BOX):
        if next(box.iterancestors(FALLBACK), None) is None:
            yield from _parts(box, book.without_notes())
    yield from _notes_in(paragraph, book)


def _notes_in(element: _Element, book: _Book) -> Iterator[Part]:
    """Yield the notes whose first mark is inside an element."""
    for mark in _marks(element) if book.notes else ():
        note = book.notes.pop(mark, None)
        if note is not None:
            yield from map(as_note, _parts(note, book.without_notes()))


def _marks(element: _Element) -> Iterator[tuple[str, str]]:
    for child in element:
        if child.tag in NOTE_MARKS:
            yield child.tag, child.get(qn("w:id"), "")
        elif child.tag == BOX or not _is_skipped(child):
            yield from _marks(child)


def _is_headed(paragraph: CT_P, text: str) -> bool:
    """Tell whether a paragraph without a style of its own is a heading by its looks."""
    short = 3 < len(text) <= LONGEST_HEADING and not text.rstrip().endswith(ENDS)
    return short and (text.isupper() or _is_bold(paragraph))


def _is_skipped(element: _Element) -> bool:
    return element.tag in SKIPPED or element.find(HIDDEN) is not None


def _words(element: _Element) -> Iterator[str]:
    for child in element:
        if _is_skipped(child):
            continue
        if child.tag in (qn("w:t"), qn("m:t")):
            yield child.text or ""
        elif child.tag in BLANKS:
            yield " "
        elif child.tag == qn("w:noBreakHyphen"):
            yield "-"
        else:
            yield from _words(child)


def _table(table: CT_Tbl, book: _Book) -> Iterator[Part]:
    headers: list[str] = []
    above: dict[int, str] = {}
    for number, row in enumerate(table.tr_lst):
        if len(row.tc_lst) == 1:  # a frame around text, not data
            yield from _parts(row.tc_lst[0], book)
            continue
        cells = _cells(row, above, book.without_notes())
        marked = _is_marked(row)
        if number == 0 and all(cells) and (marked or len(cells) > 2) and len(table.tr_lst) > 1:
            headers = cells
        elif len(cells) == 2 and not headers:
            yield Part(row_text(cells[1:], cells[:1]), "row")
        else:
            yield Part(row_text(cells, headers), "row")
        yield from _notes_in(row, book)


def _cells(row: CT_Row, above: dict[int, str], book: _Book) -> list[str]:
    """Return a text a column: a merged cell speaks in every row, but only in its first column."""
    texts: list[str] = []
    for cell in row.tc_lst:
        if cell.vMerge != "continue":
            above[len(texts)] = " ".join(part.text for part in _parts(cell, book)).strip()
        texts += [above.get(len(texts), "")] + [""] * (cell.grid_span - 1)
    return texts


def _is_marked(row: CT_Row) -> bool:
    """Tell whether a row is marked as a header: repeated on each page, or bold throughout."""
    return _is_bold(row) or bool(row.xpath("./w:trPr/w:tblHeader"))


def _is_bold(element: CT_P | CT_Row) -> bool:
    runs = element.xpath(".//w:r[w:t]")
    bold = "./w:rPr/w:b[not(@w:val='0' or @w:val='false')]"
    return bool(runs) and all(run.xpath(bold) for run in runs)


def _metadata(document: Document) -> dict[str, Found]:
    relations = document.part.package.rels.values() if document.part.package else ()
    if all(each.reltype != RELATIONSHIP_TYPE.CORE_PROPERTIES for each in relations):
        return {}  # python-docx would make some up
    properties = document.core_properties
    created = properties.created.date().isoformat() if properties.created else ""
    values = {
        "title": " ".join(properties.title.split()),
        "published": "" if created in TEMPLATE_DAYS else created,
        "language": properties.language,
        "kind": properties.category,
    }
    return {name: Found(value, "DOCX properties") for name, value in values.items() if value}
