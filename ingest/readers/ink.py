"""Whether a PDF page shows anything where its text is said to stand.

Text without ink is not always hidden: that of a scan lies over the picture of its letters, and
white letters may stand on a dark ground. The picture of the page tells.
"""

import ctypes
from collections.abc import Iterator, Sequence

import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # it has none
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]  # it has none

LONGEST_SIDE = 1500  # pixels of the picture
WHITE = 243  # of 255, in red, green and blue
EVEN = 12  # of 255; what differs less looks the same


def unseen_lines(
    page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, lines: Sequence[Sequence[int]]
) -> Iterator[int]:
    """Yield the numbers of the lines, given as indexes of characters, that nobody sees."""
    faint = [
        number
        for number, indexes in enumerate(lines)
        if _is_faint(text, indexes[0]) and _is_faint(text, indexes[-1])
    ]
    if not faint or _is_scan(page, text, lines):
        return
    picture = _Picture(page)
    yield from (number for number in faint if not picture.shows(text, lines[number]))


def _is_scan(
    page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, lines: Sequence[Sequence[int]]
) -> bool:
    """Tell whether a page has pictures and no ink; this spares drawing every page of a scan."""
    if not all(_is_inkless(text, indexes[0]) for indexes in lines):
        return False
    return any(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE]))


def _is_faint(text: pypdfium2.PdfTextPage, index: int) -> bool:
    return _is_inkless(text, index) or _is_white(text, index)


def _is_inkless(text: pypdfium2.PdfTextPage, index: int) -> bool:
    letters = pdfium.FPDFText_GetTextObject(text, index)
    mode = pdfium.FPDFTextObj_GetTextRenderMode(letters) if letters else None
    return bool(mode == pdfium.FPDF_TEXTRENDERMODE_INVISIBLE)


def _is_white(text: pypdfium2.PdfTextPage, index: int) -> bool:
    colours = [ctypes.c_uint() for _ in range(4)]
    known = pdfium.FPDFText_GetFillColor(text, index, *colours)
    *channels, opacity = (colour.value for colour in colours)
    return bool(known) and (opacity == 0 or min(channels) >= WHITE)


class _Picture:
    """A page as it is seen."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        scale = min(1.0, LONGEST_SIDE / max(page.get_size()))
        self._bitmap = page.render(scale=scale)
        self._place = self._bitmap.get_posconv(page).to_bitmap
        self._pixels = self._bitmap.to_numpy().astype(np.int16)

    def shows(self, text: pypdfium2.PdfTextPage, indexes: Sequence[int]) -> bool:
        """Tell whether there is anything but an even ground where the characters stand."""
        corners = [self._place(*corner) for index in indexes for corner in _corners(text, index)]
        columns, rows = zip(*corners, strict=True)
        height, width = self._pixels.shape[:2]
        left, right = max(0, min(columns)), min(width, max(columns) + 1)
        top, bottom = max(0, min(rows)), min(height, max(rows) + 1)
        place = self._pixels[top:bottom, left:right].reshape(-1, self._pixels.shape[2])
        return bool(place.size) and int(np.ptp(place, axis=0).max()) > EVEN


def _corners(text: pypdfium2.PdfTextPage, index: int) -> tuple[tuple[float, float], ...]:
    box = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(text, index, box)
    return (box.left, box.bottom), (box.right, box.top)
