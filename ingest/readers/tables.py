"""Which rows of a table name its columns, and how its other rows are worded."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from ingest.reading import Part, row_text

LONGEST_LABEL = 100
WIDEST_ROW = 30  # columns; a longer row is worded in several parts, each with the row's first cell
MOST_HEADER_ROWS = 3
NUMBER = re.compile(r"[^\w\n]*[A-Z]{0,3}[^\w\n]*\d[\d.,'’\s]*(?:[^\w\n]*|\s?\w{1,3}\.?)")
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?(?:[T ]\d\d?:\d\d(?::\d\d)?)?|\d\d?:\d\d")
YEAR = re.compile(r"(?:19|20)\d\d(?:\s?[-–/]\s?(?:\d\d|(?:19|20)\d\d))?")
SENTENCE_ENDS = (".", "!", "?", "…", "。")

Row = list[str]


def table_parts(table: Sequence[Row], *, marked: bool | None = None) -> Iterator[Part]:
    """Yield the rows of one table, each worded with the names of its columns.

    The first row names them if it is marked as a header or, where a file can not mark one
    (`marked` is None), looks like one.
    """
    rows = _without_empty_columns([row for row in table if any(row)])
    count = _header_count(rows) if marked is None else int(marked and len(rows) > 1)
    headers = _combined(rows[:count])
    for row in rows[count:]:
        yield from _row_parts(row, headers)


def as_note(part: Part) -> Part:
    """Return a part of a note, which is no heading of what follows, however it looks."""
    return replace(part, kind="paragraph") if part.kind == "heading" else part


def sheet_parts(rows: Sequence[Row]) -> Iterator[Part]:
    """Yield what stands on a sheet: tables divided by blank rows, and the lines around them."""
    waiting: list[Row] = []
    for filled, group in groupby(rows, key=any):
        if not filled:
            continue
        table = list(group)
        if waiting and not _header_count(_without_empty_columns([*waiting, *table])):
            yield from _group_parts(waiting)
            waiting = []
        if len(table) == 1 and not _is_line(table[0]):  # names of columns, a blank row below them
            yield from _group_parts(waiting)
            waiting = table
        else:
            yield from _group_parts([*waiting, *table])
            waiting = []
    yield from _group_parts(waiting)


def _group_parts(group: list[Row]) -> Iterator[Part]:
    """Yield the lines above a table, the table, and the notes below it."""
    start, end = 0, len(group)
    while start < end and _is_line(group[start]):
        start += 1
    while end > start and _is_line(group[end - 1]) and group[end - 1][0]:
        end -= 1
    yield from (Part(next(filter(None, row))) for row in group[:start])
    yield from table_parts(group[start:end])
    yield from (Part(next(filter(None, row))) for row in group[end:])


def _is_line(row: Row) -> bool:
    """Tell whether a row is one text, which may be merged over several columns."""
    cells = [cell for cell in row if cell]
    return len(cells) == 1 or (len(set(cells)) == 1 and not _is_value(cells[0]))


def _without_empty_columns(rows: Sequence[Row]) -> list[Row]:
    used = sorted({at for row in rows for at, cell in enumerate(row) if cell})
    return [[row[at] if at < len(row) else "" for at in used] for row in rows]


def _row_parts(row: Row, headers: Sequence[str]) -> Iterator[Part]:
    if len(row) == 1 or (len(row) > 2 and row[0] and _is_line(row)):
        yield Part(row[0])
    elif len(row) == 2 and not headers:
        yield Part(row_text(row[1:], row[:1] if row[1] else ()) if row[1] else row[0], "row")
    else:
        for start in range(1, len(row), WIDEST_ROW):
            places = [0, *range(start, min(start + WIDEST_ROW, len(row)))]
            cells = [row[at] for at in places]
            if any(cells[1:]) or start == 1:
                yield Part(
                    row_text(cells, [headers[at] for at in places] if headers else ()), "row"
                )


def _header_count(rows: Sequence[Row]) -> int:
    """Return how many rows at the top name the columns."""
    for count in range(1, min(MOST_HEADER_ROWS, len(rows) - 1) + 1):
        if not all(map(_is_label, rows[count - 1])):
            return 0
        labels = _combined(rows[:count])
        named = [label.casefold() for label in labels if label]
        if len(set(named)) == len(named) and not _goes_on(labels, rows[count:]):
            return count if _is_header(labels, rows[count:]) else 0
    return 0


def _goes_on(labels: Sequence[str], rows: Sequence[Row]) -> bool:
    """Tell whether the next row names columns too: those that are still without a name."""
    below = rows[0]
    nameless = [at for at, label in enumerate(labels) if at and not label]
    apart = not (below[0] and labels[0])  # a first cell of both would be a row's own name
    continued = nameless and apart and all(map(_is_label, below)) and len(rows) > 1
    return bool(continued) and all(below[at] for at in nameless)


def _is_label(cell: str) -> bool:
    if len(cell) > LONGEST_LABEL or cell.endswith(SENTENCE_ENDS):
        return False
    return not _is_value(cell) or bool(YEAR.fullmatch(cell))


def _is_value(cell: str) -> bool:
    return len(cell) <= LONGEST_LABEL and bool(NUMBER.fullmatch(cell) or DATE.fullmatch(cell))


def _is_header(labels: Sequence[str], rows: Sequence[Row]) -> bool:
    """Tell whether labels differ in kind from what is below them, or are too complete for data.

    Two columns may also be names with their values, such as "Host" and "Mexico": then only a
    column of values that are all numbers, or all dates, has a name above it.
    """
    columns = [[row[at] for row in rows if row[at]] for at in range(len(labels))]
    for label, column in zip(labels, columns, strict=True):
        if YEAR.fullmatch(label) and all(map(YEAR.fullmatch, column)):
            return False
    if len(labels) == 2:
        return any(
            all(map(kind.fullmatch, column)) for column in columns for kind in (NUMBER, DATE)
        )
    values = (2 * sum(map(_is_value, column)) > len(column) for column in columns)
    return any(map(bool.__and__, map(bool, labels), values)) or all(labels)


def _combined(rows: Sequence[Row]) -> list[str]:
    """Return a name a column: what stands in it from top to bottom, merged cells once.

    >>> _combined([["", "Trade", ""], ["Country", "2019", "2020"]])
    ['Country', 'Trade 2019', 'Trade 2020']
    """
    filled = [_filled(row, below) for row, below in pairwise(rows)]
    columns = zip(*filled, *rows[-1:], strict=True)
    return [" ".join(dict.fromkeys(filter(None, column))) for column in columns]


def _filled(row: Row, below: Row) -> Row:
    """Return a row of names in which each speaks for the nameless columns to its right."""
    names: list[str] = []
    for cell, under in zip(row, below, strict=True):
        names.append(cell or (names[-1] if names and under else ""))
    return names
