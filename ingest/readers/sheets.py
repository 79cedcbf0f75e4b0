"""Spreadsheets and CSV: each row as a sentence with the names of its columns."""

import csv
import io
import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Literal

import python_calamine as calamine

from ingest.readers import ods, xlsx
from ingest.readers.decode import decode
from ingest.readers.formats import moment, plain
from ingest.readers.grid import MAX_CELLS, MAX_PLACES, Grid, Sheet, Workbook
from ingest.readers.package import (
    ENCRYPTED_STREAM,
    OLE_MARK,
    Files,
    damaged,
    properties,
    repack,
    unpack,
)
from ingest.readers.tables import sheet_parts
from ingest.reading import Part, Reading, clean, compose

WHAT = "a spreadsheet"
SUFFIXES = (".xml", ".rels", ".bin")
WORKSHEET, VISIBLE = calamine.SheetTypeEnum.WorkSheet, calamine.SheetVisibleEnum.Visible
PANIC = "PanicException"  # of a library in Rust; it has no other name, and is not an Exception
ROW_RECORD, LAST_CELL_RECORD = 0, 11
LITTLE = struct.Struct("<I")
DELIMITERS = ";\t|,"
DECLARED = re.compile(r"sep=(.)\n", re.IGNORECASE)
SAMPLE_LINES = 200

Value = int | float | str | bool | date | time | timedelta


def read(data: bytes) -> Reading:
    """Read a workbook of Excel (XLSX, XLS, XLSB) or OpenDocument, without what it hides."""
    if data.startswith(OLE_MARK) and ENCRYPTED_STREAM not in data:
        return _reading(_by_calamine(data), {})
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
        _check_places(files, main)
        return _reading(_by_calamine(repack(files).getvalue()), files)
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
        del widths[1]
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        return round(count / (widths.total() + 1), 1), width

    return max(DELIMITERS, key=fitness)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    """Return the rows; where a quotation mark is never closed, all such marks are letters."""
    try:
        rows = _parsed(text, delimiter, csv.QUOTE_MINIMAL)
        swallowed = bool(rows and rows[-1]) and "\n" in rows[-1][-1].rstrip("\n")
        return _parsed(text, delimiter, csv.QUOTE_NONE) if swallowed else rows
    except csv.Error as error:
        raise ValueError("it has a cell that is too long") from error


def _parsed(text: str, delimiter: str, quoting: Literal[0, 3]) -> list[list[str]]:
    lines = io.StringIO(text, newline="")
    return list(csv.reader(lines, delimiter=delimiter, quoting=quoting, skipinitialspace=True))


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
        yield f"{book.hidden} hidden sheet(s) left out"
    for sheet in book.sheets:
        if sheet.grid.hidden:
            yield f"{sheet.grid.hidden} hidden row(s) or column(s) of {sheet.name!r} left out"


def _by_calamine(data: bytes) -> Workbook:
    """Read the binary formats; how they show numbers is not known, nor which rows they hide."""
    try:
        with calamine.load_workbook(io.BytesIO(data)) as book:
            pages = [each for each in book.sheets_metadata if each.typ == WORKSHEET]
            visible = [each for each in pages if each.visible == VISIBLE]
            sheets = tuple(
                Sheet(each.name, _grid(book.get_sheet_by_name(each.name))) for each in visible
            )
    except calamine.PasswordError as error:
        raise ValueError("it is encrypted") from error
    except calamine.CalamineError as error:
        raise ValueError(damaged(WHAT)) from error
    except BaseException as error:
        if type(error).__name__ == PANIC:
            raise ValueError(damaged(WHAT)) from error
        raise
    return Workbook(sheets, len(pages) - len(visible))


def _grid(sheet: calamine.CalamineSheet) -> Grid:
    if sheet.height * sheet.width > MAX_PLACES:
        raise ValueError(f"it has a sheet of more than {MAX_PLACES} places")
    grid = Grid()
    for number, row in enumerate(sheet.to_python()):
        for column, value in enumerate(row):
            grid.put(number, column, _shown(value))
    return grid


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return plain(value)
    return value if isinstance(value, str) else moment(value)


def _check_places(files: Files, main: str) -> None:
    """Refuse an XLSB whose cells lie far apart, for which calamine would take all memory.

    Raises:
        ValueError: a sheet spans too many places.
    """
    for kind, name in xlsx.relations(files, main).values():
        if kind.endswith("/worksheet") and name in files:
            rows, columns = {0}, {0}
            for record, content in _records(files[name]):
                if record <= LAST_CELL_RECORD and len(content) >= 4:
                    (rows if record == ROW_RECORD else columns).add(LITTLE.unpack_from(content)[0])
            if max(rows) * max(columns) > MAX_PLACES:
                raise ValueError(f"it has a sheet of more than {MAX_PLACES} places")


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the first bytes of each record of a binary sheet."""
    at = 0
    while at < len(data):
        record, at = _varying(data, at, 2)
        size, at = _varying(data, at, 4)
        yield record, data[at : at + 4]
        at += size


def _varying(data: bytes, at: int, longest: int) -> tuple[int, int]:
    """Return a number written in as many bytes as it needs, and where it ends."""
    number = 0
    for place, byte in enumerate(data[at : at + longest]):
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return number, at + place + 1
    return number, at + longest
