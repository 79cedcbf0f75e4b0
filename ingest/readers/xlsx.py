"""XLSX: the cells of each sheet that is shown, read from the XML of the workbook."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from lxml.etree import _Element

from ingest.readers.formats import BUILT_IN, GENERAL, moment, shown
from ingest.readers.grid import MAX_PLACES, Grid, Sheet, Workbook
from ingest.readers.package import Files, parse_xml

REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})")
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
RELATED = "{*}Relationship"
SHOWN = ("visible", "")
YES = {"1", "true"}


@dataclass(frozen=True, slots=True)
class _Book:
    """What the cells of all sheets refer to."""

    strings: Sequence[str]
    formats: Sequence[str]
    base: int

    def value(self, cell: _Element) -> str:
        """Return the text of a cell as a person sees it; an error is no text."""
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            return _rich(cell)
        found = cell.find("{*}v")
        text = (found.text or "") if found is not None else ""
        match kind:
            case "s":
                return self._string(text)
            case "b":
                return {"0": "FALSE", "1": "TRUE"}.get(text, "")
            case "e":
                return ""
            case "d":
                return _day(text)
            case "str":
                return _unescaped(text)
            case _:
                return self._number(text, cell.get("s", "0"))

    def _string(self, index: str) -> str:
        number = _integer(index)
        return self.strings[number] if number < len(self.strings) else ""

    def _number(self, text: str, style: str) -> str:
        number = _integer(style)
        code = self.formats[number] if number < len(self.formats) else GENERAL
        try:
            return shown(float(text), code, base=self.base)
        except ValueError:
            return text


def workbook(files: Files, main: str) -> Workbook:
    """Return the sheets of a workbook whose main file is named.

    Raises:
        ValueError: the workbook is damaged or too large.
    """
    root = parse_xml(files[main])
    related = relations(files, main)
    properties = root.find("{*}workbookPr")
    late = properties is not None and properties.get("date1904") in YES
    book = _Book(
        tuple(_strings(files, _first(related, "/sharedStrings"))),
        tuple(_formats(files, _first(related, "/styles"))),
        1904 if late else 1900,
    )
    listed = list(root.iterfind("{*}sheets/{*}sheet"))
    visible = [sheet for sheet in listed if sheet.get("state", "") in SHOWN]
    sheets = []
    for sheet in visible:
        _, part = related.get(_identifier(sheet), ("", ""))
        if part in files:
            sheets.append(Sheet(sheet.get("name", ""), _grid(parse_xml(files[part]), book)))
    return Workbook(tuple(sheets), len(listed) - len(visible))


def relations(files: Files, name: str) -> dict[str, tuple[str, str]]:
    """Return the type and the file of each relation of a file, or of the package for ""."""
    folder, base = posixpath.split(name)
    path = posixpath.join(folder, "_rels", f"{base}.rels")
    if path not in files:
        return {}
    found = {}
    for each in parse_xml(files[path]).iter(RELATED):
        target = posixpath.normpath(posixpath.join("/", folder, each.get("Target", "")))
        found[each.get("Id", "")] = (each.get("Type", ""), target.lstrip("/"))
    return found


def _first(related: Mapping[str, tuple[str, str]], ending: str) -> str:
    return next((target for kind, target in related.values() if kind.endswith(ending)), "")


def _identifier(sheet: _Element) -> str:
    return next((str(v) for k, v in sheet.attrib.items() if str(k).endswith("}id")), "")


def _strings(files: Files, name: str) -> Iterator[str]:
    if name in files:
        yield from (_rich(item) for item in parse_xml(files[name]).iterfind("{*}si"))


def _formats(files: Files, name: str) -> Iterator[str]:
    """Yield the number format of each style of a cell."""
    if name not in files:
        return
    root = parse_xml(files[name])
    codes = {str(number): code for number, code in BUILT_IN.items()}
    for own in root.iterfind("{*}numFmts/{*}numFmt"):
        codes[own.get("numFmtId", "")] = own.get("formatCode", GENERAL)
    for style in root.iterfind("{*}cellXfs/{*}xf"):
        yield codes.get(style.get("numFmtId", "0"), GENERAL)


def _rich(item: _Element) -> str:
    """Return the text of all runs, without the readings that Japanese texts carry."""
    texts = item.iter("{*}t")
    return _unescaped(
        "".join(t.text or "" for t in texts if next(t.iterancestors("{*}rPh"), None) is None)
    )


def _day(text: str) -> str:
    try:
        return moment(datetime.fromisoformat(text).replace(tzinfo=None))
    except ValueError:
        return text


def _unescaped(text: str) -> str:
    return ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def _grid(root: _Element, book: _Book) -> Grid:
    grid = Grid()
    hidden: set[int] = set()
    row_number = -1
    for row in root.iterfind("{*}sheetData/{*}row"):
        row_number = _integer(row.get("r", ""), row_number + 2) - 1
        if row.get("hidden") in YES:
            hidden.add(row_number)
        column = -1
        for cell in row.iterfind("{*}c"):
            column = _column(cell.get("r", ""), column + 1)
            grid.put(row_number, column, book.value(cell))
    for merged in root.iterfind("{*}mergeCells/{*}mergeCell"):
        grid.spread(*_area(merged.get("ref", "")))
    grid.hide(hidden, set(islice(_hidden_columns(root), MAX_PLACES)))
    return grid


def _hidden_columns(root: _Element) -> Iterator[int]:
    for each in root.iterfind("{*}cols/{*}col"):
        if each.get("hidden") in YES:
            last = min(_integer(each.get("max", "")), 16_384)
            yield from range(_integer(each.get("min", "")) - 1, last)


def _integer(text: str, default: int = 0) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default


def _column(reference: str, default: int) -> int:
    match = REFERENCE.fullmatch(reference)
    return _letters(match[1]) if match else default


def _letters(letters: str) -> int:
    """Return the number of a column from 0.

    >>> _letters("A"), _letters("Z"), _letters("AA")
    (0, 25, 26)
    """
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number - 1


def _area(reference: str) -> tuple[range, range]:
    first, _, last = reference.partition(":")
    one, other = REFERENCE.fullmatch(first), REFERENCE.fullmatch(last)
    if not one or not other:
        return range(0), range(0)
    rows = range(int(one[2]) - 1, int(other[2]))
    return rows, range(_letters(one[1]), _letters(other[1]) + 1)
