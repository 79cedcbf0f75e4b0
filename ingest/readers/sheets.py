"""Spreadsheets and CSV: each row as a sentence with the names of its columns."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from ingest.readers import binary, ods, xlsx
from ingest.readers.decode import decode
from ingest.readers.grid import MAX_CELLS, Grid, Workbook
from ingest.readers.package import (
    ENCRYPTED_STREAM,
    OLE_MARK,
    Files,
    damaged,
    left_out,
    properties,
    repack,
    unpack,
)
from ingest.readers.tables import sheet_parts
from ingest.reading import Part, Reading, clean, compose

WHAT = "a spreadsheet"
SUFFIXES = (".xml", ".rels", ".bin")
DELIMITERS = ";\t|,"
DECLARED = re.compile(r"sep=([;,|:\t])\n", re.IGNORECASE)
SAMPLE_LINES = 200


def read(data: bytes) -> Reading:
    """Read a workbook of Excel (XLSX, XLS, XLSB) or OpenDocument, without what it hides."""
    if data.startswith(OLE_MARK) and ENCRYPTED_STREAM not in data:
        return _reading(binary.workbook(data), {})
    files = unpack(data, what=WHAT, suffixes=SUFFIXES)
    if "content.xml" in files:
        return _reading(ods.workbook(files), files)
    main = next(
        (t for kind, t in xlsx.relations(files, "").values() if kind.endswith("/officeDocument")),
        "",
    )
    if main not in files:
        raise ValueError(damaged(WHAT))
    if main.endswith(".bin"):
        return _reading(binary.workbook(repack(files).getvalue()), files)
    return _reading(xlsx.workbook(files, main), files)


def read_csv(data: bytes) -> Reading:
    """Read rows divided by commas, semicolons, tabs or bars, whichever makes a table of them."""
    text = clean(decode(data)).lstrip("\n")
    declared = DECLARED.match(text)
    text = text[declared.end() :] if declared else text
    delimiter = declared[1] if declared else _delimiter(text)
    grid = Grid()
    for number, row in enumerate(_rows(text, delimiter)):
        for column, cell in enumerate(row):
            grid.put(number, column, cell)
    return compose(sheet_parts(grid.rows()))


def _delimiter(text: str) -> str:
    """Return the delimiter that divides most lines alike, of several the one into most cells."""
    sample = "".join(text.splitlines(keepends=True)[:SAMPLE_LINES])

    def fitness(delimiter: str) -> tuple[float, int]:
        widths = Counter(len(row) for row in _rows(sample, delimiter) if any(row))
        total = widths.total()
        del widths[1]
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        return round(count / max(1, total), 1), width

    return max(DELIMITERS, key=fitness)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    """Return the rows; where a quotation mark is never closed, all such marks are letters."""
    try:
        with suppress(csv.Error):
            return _parsed(text, delimiter, strict=True)
        rows = _parsed(text, delimiter)
        # The last cell holds the rest of the file if a mark before it has no pair.
        swallowed = any("\n" in cell for row in rows[-1:] for cell in row[-1:])
        return _parsed(text, delimiter, quoting=csv.QUOTE_NONE) if swallowed else rows
    except csv.Error as error:
        raise ValueError("it has a cell that is too long") from error


def _parsed(
    text: str, delimiter: str, *, strict: bool = False, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
) -> list[list[str]]:
    lines = io.StringIO(text, newline="")
    return list(csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=strict))


def _reading(book: Workbook, files: Files) -> Reading:
    if not book.sheets:
        raise ValueError("it has no sheet that is shown")
    if sum(sheet.grid.count for sheet in book.sheets) > MAX_CELLS:
        raise ValueError(f"it has more than {MAX_CELLS} cells")
    parts: list[Part] = []
    for sheet in book.sheets:
        content = list(sheet_parts(sheet.grid.rows()))
        parts += [Part(sheet.name, "heading"), *content] if content else []
    found = properties(files, "docProps/core.xml", origin="workbook properties")
    found |= properties(files, "meta.xml", origin="workbook properties")
    return replace(compose(parts, found), warnings=tuple(_warnings(book)))


def _warnings(book: Workbook) -> Iterator[str]:
    if book.hidden:
        yield left_out(book.hidden, "hidden sheet")
    for sheet in book.sheets:
        if sheet.grid.hidden:
            yield f"hidden rows or columns of {sheet.name!r} were left out"
