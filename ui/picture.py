"""A page of a PDF as it looks, with where a passage stands on it; drawn in a process of its own."""

import base64
import json
import resource
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO

SECONDS, MEMORY_BYTES = 10, 1_500_000_000  # that drawing one page may take
WIDTH = 1100  # pixels
LARGEST_SIDE = 4000  # pixels, of a page that is long or wide


@dataclass(frozen=True, slots=True)
class Spot:
    """A rectangle on a page, in parts of its width and height from its upper left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as PNG, with the places of the passage."""

    png: str
    width: int
    height: int
    spots: tuple[Spot, ...]


def draw(pdf: bytes, page: int, passage: str, before: int = 0) -> Picture | None:
    """Return a page, counted from 1, or None when it can not be drawn within the limits.

    In `passage` marks, spaces and cases do not count; `before` is how often the same text stands
    earlier on the page.
    """
    asked = json.dumps({"page": page, "passage": passage, "before": before}).encode() + b"\n"
    try:
        done = subprocess.run(  # our own program
            [sys.executable, "-P", "-c", "from ui.picture import serve; serve()"],
            input=asked + pdf,
            env={"PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        given = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError):
        return None
    spots = tuple(Spot(*each) for each in given["spots"])
    return Picture(given["png"], given["width"], given["height"], spots)


def serve() -> None:
    """Draw the page that standard input asks for, and write it to standard output."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    asked = json.loads(sys.stdin.buffer.readline())
    drawn = _drawn(sys.stdin.buffer.read(), asked["page"], asked["passage"], asked["before"])
    sys.stdout.write(json.dumps(drawn))


def _drawn(pdf: bytes, number: int, passage: str, before: int) -> dict[str, object]:
    import pypdfium2  # type: ignore[import-untyped]  # it has none; in the other process alone

    with pypdfium2.PdfDocument(pdf) as document, closing(document[number - 1]) as page:
        width, height = page.get_size()
        scale = min(WIDTH / width, LARGEST_SIDE / max(width, height))
        image = page.render(scale=scale, may_draw_forms=False).to_pil()
        with closing(page.get_textpage()) as text:
            spots = list(_spots(page, text, passage, before))
    file = BytesIO()
    image.convert("RGB").quantize(64).save(file, "PNG", optimize=True)
    return {
        "png": base64.b64encode(file.getvalue()).decode(),
        "width": image.width,
        "height": image.height,
        "spots": spots,
    }


def _spots(page: object, text: object, passage: str, before: int) -> Iterator[Sequence[float]]:
    """Yield where the passage stands, a rectangle for each line of it."""
    import pypdfium2.raw as pdfium  # type: ignore[import-untyped]  # as above

    characters = [chr(pdfium.FPDFText_GetUnicode(text, i)) for i in range(text.count_chars())]  # type: ignore[attr-defined]
    letters = [(letter, i) for i, each in enumerate(characters) for letter in bare(each)]
    start = place("".join(letter for letter, _ in letters), bare(passage), before)
    if start is None:
        return
    first, last = letters[start][1], letters[start + len(bare(passage)) - 1][1]
    count = text.count_rects(first, last - first + 1)  # type: ignore[attr-defined]
    rectangles = [_upright(page, text.get_rect(each)) for each in range(count)]  # type: ignore[attr-defined]
    yield from joined(rectangles)


def _upright(page: object, corners: tuple[float, float, float, float]) -> list[float]:
    """Return a rectangle of the page's own space in parts of the page as it is shown."""
    import ctypes

    import pypdfium2.raw as pdfium

    def shown(x: float, y: float) -> tuple[float, float]:
        across, down = ctypes.c_int(), ctypes.c_int()
        pdfium.FPDF_PageToDevice(page, 0, 0, 10_000, 10_000, 0, x, y, across, down)
        return across.value / 10_000, down.value / 10_000

    left, bottom, right, top = corners
    (x1, y1), (x2, y2) = shown(left, bottom), shown(right, top)
    return [min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1)]


def joined(rectangles: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return rectangles of left, top, width and height, those beside each other made one.

    >>> joined([[0.1, 0.1, 0.2, 0.02], [0.31, 0.1, 0.1, 0.02], [0.1, 0.2, 0.1, 0.02]])
    [[0.1, 0.1, 0.31, 0.02], [0.1, 0.2, 0.1, 0.02]]
    """
    lines: list[list[float]] = []
    for left, top, width, height in rectangles:
        last = lines[-1] if lines else None
        if (
            last
            and min(last[1] + last[3], top + height) - max(last[1], top) > min(last[3], height) / 2
        ):
            right = max(last[0] + last[2], left + width)
            bottom = max(last[1] + last[3], top + height)
            last[0], last[1] = min(last[0], left), min(last[1], top)
            last[2], last[3] = round(right - last[0], 4), round(bottom - last[1], 4)
        else:
            lines.append([left, top, width, height])
    return lines


def bare(text: str) -> str:
    r"""Return the letters and digits of a text, in one case.

    >>> bare("Co-operation: ﬁve\n")
    'cooperationfive'
    """
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def place(text: str, passage: str, before: int) -> int | None:
    """Return where a passage begins for the time that comes after so many others.

    >>> place("abcabc", "bc", 1), place("abc", "x", 0), place("abc", "", 0)
    (4, None, None)
    """
    start = text.find(passage) if passage else -1
    for _ in range(before):
        start = text.find(passage, start + 1) if start >= 0 else -1
    return start if start >= 0 else None
