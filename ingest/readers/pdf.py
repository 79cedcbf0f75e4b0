"""PDF: the lines of each page with their places and sizes, as pdfium gives them."""

import ctypes
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from itertools import pairwise
from math import hypot
from statistics import median
from typing import NamedTuple

import pypdfium2  # type: ignore[import-untyped]  # it has none
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]  # it has none

from ingest import lint
from ingest.readers.ink import unseen_lines
from ingest.readers.lines import Line, paragraphs
from ingest.reading import Found, Reading, compose, first_heading, iso_date

HYPHEN = "\u00ad"  # what pdfium takes for the hyphen of a broken word
COLUMN_GAP = 2.0  # in letter sizes; a wider gap within a line parts the cells of a table
SAMPLES = 9  # characters of a line that are asked for their size
LIGATURE = re.compile("[ﬀ-ﬆ]")
UNREADABLE = re.compile("[\ue000-\uf8ff\ufffd\ufffe\uffff]")  # the font does not say what they are
CREATED = re.compile(r"D:(\d{4})(\d\d)(\d\d)")
MADE_UP_TITLE = re.compile(
    r"untitled|microsoft word|\.(?:docx?|odt|rtf|indd|pdf|pptx?|xlsx?|tex|dvi|qxd)\b|^\W*\w{0,3}$",
    re.IGNORECASE,
)


NO_LETTERS = "the text layer of the PDF holds no readable letters"


class Box(NamedTuple):
    """The space of a character: its own width, the height of its font."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        """Return what stands for the size of the letter."""
        return self.top - self.bottom


def read(data: bytes) -> Reading:
    """Read the text layer; nothing is recognised in pictures."""
    try:
        with pypdfium2.PdfDocument(data) as document:
            sheets = [_sheet(document, number) for number in range(len(document))]
            metadata = _metadata(document)
            reason = "" if any(sheet.shown for sheet in sheets) else _why_empty(document, sheets)
    except pypdfium2.PdfiumError as error:
        locked = error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY)
        raise ValueError("it is encrypted" if locked else "it is damaged or not a PDF") from error
    lines = [line for sheet in sheets for line in sheet.shown]
    if not lines:
        raise ValueError(reason)
    if not any(character.isalnum() for line in lines for character in line.text):
        raise ValueError(NO_LETTERS)
    parts = paragraphs(lines)
    opening = (part for part in parts[:3] if not part.text[0].isdigit())  # "1 Introduction"
    reading = compose(parts, first_heading(opening) | metadata)
    hidden = lint.hidden([line.text for sheet in sheets for line in sheet.unseen])
    words = "\n".join(part.text for part in parts)
    return replace(reading, warnings=(*hidden, *lint.findings(words)))


class Sheet(NamedTuple):
    """The lines of a page that a reader sees, and those that one does not."""

    shown: list[Line]
    unseen: list[Line]


def _why_empty(document: pypdfium2.PdfDocument, sheets: Sequence[Sheet]) -> str:
    """Return what the pages hold in place of text."""
    if any(sheet.unseen for sheet in sheets):
        return "all text of the PDF is hidden"
    kinds: set[int] = set()
    notes = 0
    for number in range(len(document)):
        with closing(document[number]) as page:
            kinds.update(each.type for each in page.get_objects(max_depth=1))
            notes += pdfium.FPDFPage_GetAnnotCount(page)
    if pdfium.FPDF_PAGEOBJ_TEXT in kinds:
        return NO_LETTERS
    if kinds:
        return "the PDF has no text layer: it is a scan or a drawing"
    if notes or document.get_formtype():
        return "the pages of the PDF hold nothing but form fields or notes, which are not read"
    return "all pages of the PDF are empty"


def _sheet(document: pypdfium2.PdfDocument, number: int) -> Sheet:
    with closing(document[number]) as page, closing(page.get_textpage()) as text:
        lines = list(_Page(text, page.get_rotation()).lines(number + 1))
        unseen = set(unseen_lines(page, text, [indexes for _, indexes in lines]))
        shown = [line for place, (line, _) in enumerate(lines) if place not in unseen]
        return Sheet(shown, [lines[place][0] for place in sorted(unseen)])


class _Page:
    """A page's characters, by pdfium's own positions, and where they stand when it is upright."""

    def __init__(self, text: pypdfium2.PdfTextPage, rotation: int) -> None:
        self.text = text
        self.rotation = rotation
        self.characters = "".join(map(self._character, range(text.count_chars())))
        self._box = cache(self._find_box)

    def lines(self, number: int) -> Iterator[tuple[Line, list[int]]]:
        """Yield the lines, each with its characters, in pdfium's order, which follows columns."""
        lines = ((self._line(each, page=number), each) for each in self._line_indexes())
        return ((line, indexes) for line, indexes in lines if line.text)

    def _character(self, index: int) -> str:
        if pdfium.FPDFText_IsHyphen(self.text, index) == 1:
            return HYPHEN
        return chr(pdfium.FPDFText_GetUnicode(self.text, index))

    def _line_indexes(self) -> Iterator[list[int]]:
        """Yield the visible characters of each line.

        pdfium breaks a line at every raised note number, and may not where a hyphen ends it.
        """
        indexes: list[int] = []
        last: Box | None = None
        for index, character in enumerate(self.characters):
            if character <= " ":
                continue
            box = self._box(index)
            between = self.characters[indexes[-1] : index] if indexes else ""
            broken = "\n" in between or between.startswith(HYPHEN)
            if last and _breaks(last, box, broken=broken):
                yield indexes
                indexes = []
            indexes.append(index)
            last = box
        if indexes:
            yield indexes

    def _find_box(self, index: int) -> Box:
        box = pdfium.FS_RECTF()
        pdfium.FPDFText_GetLooseCharBox(self.text, index, box)
        match self.rotation:
            case 90:
                return Box(box.bottom, -box.right, box.top, -box.left)
            case 180:
                return Box(-box.right, -box.top, -box.left, -box.bottom)
            case 270:
                return Box(-box.top, box.left, -box.bottom, box.right)
            case _:
                return Box(box.left, box.bottom, box.right, box.top)

    def _line(self, indexes: list[int], *, page: int) -> Line:
        boxes = [self._box(index) for index in indexes]
        sampled = indexes[:: max(1, len(indexes) // SAMPLES)]
        size = median(map(self._size, sampled)) or 1.0  # damaged fonts have no size
        gaps = [right.left - left.right for left, right in pairwise(boxes)]
        words = self.characters[indexes[0]]
        for (last, index), gap in zip(pairwise(indexes), gaps, strict=True):
            between = self.characters[last + 1 : index]
            blank = gap > size / 8 if "\n" in between else bool(between)
            words += " " * blank + self.characters[index]
        climb = abs(boxes[-1].bottom - boxes[0].bottom)  # of letters set sideways
        return Line(
            _readable(words),
            page=page,
            left=boxes[0].left,
            right=boxes[-1].right,
            bottom=median(box.bottom for box in boxes),
            size=size,
            bold=self._is_bold(indexes[0]) and self._is_bold(indexes[-1]),
            alone=climb > 4 * size or max(gaps[3:], default=0.0) > COLUMN_GAP * size,
        )

    def _size(self, index: int) -> float:
        """Return the size of the letter as printed; boxes differ from font to font."""
        matrix = pdfium.FS_MATRIX()
        pdfium.FPDFText_GetMatrix(self.text, index, matrix)
        return float(pdfium.FPDFText_GetFontSize(self.text, index) * hypot(matrix.c, matrix.d))

    def _is_bold(self, index: int) -> bool:
        name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
        pdfium.FPDFText_GetFontInfo(self.text, index, name, 128, flags)
        return b"bold" in name.value.lower()


def _breaks(last: Box, box: Box, *, broken: bool) -> bool:
    """Tell whether a new line begins between two characters; pdfium may say it is `broken`."""
    overlap = min(last.top, box.top) - max(last.bottom, box.bottom)
    beside = overlap > min(last.height, box.height) / 2
    if broken:
        return not beside or abs(box.left - last.right) > max(last.height, box.height) / 2
    return not beside and box.left < last.left - box.height


def _readable(words: str) -> str:
    whole = words.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    spelled = LIGATURE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), whole)
    return UNREADABLE.sub("", spelled.replace("\uf0b7", "•").replace(HYPHEN, "-")).strip()


def _metadata(document: pypdfium2.PdfDocument) -> dict[str, Found]:
    properties = document.get_metadata_dict()
    title = " ".join(properties["Title"].split())
    created = CREATED.match(properties["CreationDate"])
    values = {
        "title": "" if MADE_UP_TITLE.search(title) else title,
        "published": iso_date("-".join(created.groups())) if created else "",
        "language": _language(document),
    }
    return {name: Found(value, "PDF properties") for name, value in values.items() if value}


def _language(document: pypdfium2.PdfDocument) -> str:
    buffer = (ctypes.c_ushort * 64)()
    pdfium.FPDFCatalog_GetLanguage(document, buffer, ctypes.sizeof(buffer))
    return bytes(buffer).decode("utf-16-le", "ignore").split("\0", 1)[0]
