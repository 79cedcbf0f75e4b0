"""DOCX: paragraphs and tables by their styles, and the properties of the file."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO

import docx
from docx.document import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.exceptions import OpcError
from docx.oxml.document import CT_Body
from docx.oxml.ns import qn
from docx.oxml.table import CT_Row, CT_Tbl
from docx.oxml.text.paragraph import CT_P
from docx.styles.style import BaseStyle
from lxml.etree import XMLSyntaxError, _Element

from ingest import lint
from ingest.reading import Found, Part, Reading, compose, first_heading, row_text
from rag.types import BlockKind

MAX_UNPACKED_BYTES = 500_000_000
# All that zipfile, lxml and python-docx are known to raise on files that break their rules.
BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, OpcError, XMLSyntaxError, EOFError,
          KeyError, AttributeError, TypeError, ValueError, OSError, RuntimeError)  # fmt: skip
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
TEMPLATE_CREATED = "2013-12-23"  # the day python-docx's own template was made, not the document

Kinds = Mapping[str, BlockKind | None]


def read(data: bytes) -> Reading:
    """Read the body of a document, tracked changes accepted; headers and footers stay out."""
    try:
        size = _unpacked_size(data)
        document = docx.Document(BytesIO(data)) if size <= MAX_UNPACKED_BYTES else None
        if document is not None:
            return _reading(document)
    except BROKEN as error:
        raise ValueError("it is damaged or is not a Word document") from error
    raise ValueError(f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes")


def _unpacked_size(data: bytes) -> int:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def _reading(document: Document) -> Reading:
    kinds = {style.style_id: _style_kind(style) for style in document.styles}
    unseen = _take_unseen(document.element.body)
    parts = list(_parts(document.element.body, kinds))
    words = "\n".join(part.text for part in parts)
    reading = compose(parts, first_heading(parts) | _metadata(document))
    return replace(reading, warnings=(*lint.hidden(unseen), *lint.findings(words)))


def _take_unseen(body: CT_Body) -> list[str]:
    """Drop the runs that a reader does not see, and return their text by paragraph."""
    unseen: dict[_Element, str] = {}
    for run in body.xpath(UNSEEN):
        paragraph = next(run.iterancestors(qn("w:p")), run)
        unseen[paragraph] = unseen.get(paragraph, "") + "".join(run.itertext(qn("w:t")))
        run.clear()
    return [text for text in unseen.values() if text.strip()]


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


def _parts(parent: _Element, kinds: Kinds) -> Iterator[Part]:
    """Yield the blocks in order, also those in content controls, which python-docx passes over."""
    for child in parent:
        if isinstance(child, CT_P):
            yield from _paragraph(child, kinds)
        elif isinstance(child, CT_Tbl):
            yield from _table(child, kinds)
        elif child.tag in CONTAINERS:
            yield from _parts(child, kinds)


def _paragraph(paragraph: CT_P, kinds: Kinds) -> Iterator[Part]:
    kind = kinds.get(paragraph.style or "", "paragraph")
    if kind == "paragraph" and paragraph.xpath("./w:pPr/w:numPr/w:numId[@w:val != '0']"):
        kind = "item"
    text = "".join(_words(paragraph))
    if kind == "paragraph" and _is_headed(paragraph, text):
        kind = "heading"
    if kind:
        yield Part(text, kind)
    for box in paragraph.iter(BOX):
        if next(box.iterancestors(FALLBACK), None) is None:
            yield from _parts(box, kinds)


def _is_headed(paragraph: CT_P, text: str) -> bool:
    """Tell whether a paragraph without a style of its own is a heading by its looks."""
    short = 3 < len(text) <= LONGEST_HEADING and not text.rstrip().endswith(ENDS)
    return short and (text.isupper() or _is_bold(paragraph))


def _words(element: _Element) -> Iterator[str]:
    for child in element:
        if child.tag in SKIPPED or child.find(HIDDEN) is not None:
            continue
        if child.tag in (qn("w:t"), qn("m:t")):
            yield child.text or ""
        elif child.tag in BLANKS:
            yield " "
        elif child.tag == qn("w:noBreakHyphen"):
            yield "-"
        else:
            yield from _words(child)


def _table(table: CT_Tbl, kinds: Kinds) -> Iterator[Part]:
    headers: list[str] = []
    above: dict[int, str] = {}
    for number, row in enumerate(table.tr_lst):
        if len(row.tc_lst) == 1:  # a frame around text, not data
            yield from _parts(row.tc_lst[0], kinds)
            continue
        cells = _cells(row, above, kinds)
        marked = _is_marked(row)
        if number == 0 and all(cells) and (marked or len(cells) > 2) and len(table.tr_lst) > 1:
            headers = cells
        elif len(cells) == 2 and not headers:
            yield Part(row_text(cells[1:], cells[:1]), "row")
        else:
            yield Part(row_text(cells, headers), "row")


def _cells(row: CT_Row, above: dict[int, str], kinds: Kinds) -> list[str]:
    """Return a text a column: a merged cell speaks in every row, but only in its first column."""
    texts: list[str] = []
    for cell in row.tc_lst:
        if cell.vMerge != "continue":
            above[len(texts)] = " ".join(part.text for part in _parts(cell, kinds)).strip()
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
        "published": "" if created == TEMPLATE_CREATED else created,
        "language": properties.language,
        "kind": properties.category,
    }
    return {name: Found(value, "DOCX properties") for name, value in values.items() if value}
