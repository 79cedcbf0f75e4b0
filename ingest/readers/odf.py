"""OpenDocument: its names, its inline text and its tables, which all of its formats share."""

from collections.abc import Callable, Container, Iterator
from itertools import islice

from lxml.etree import _Element

from ingest.readers.grid import MAX_PLACES, Grid
from ingest.readers.package import Files, parse_xml

NAMESPACES = {
    name: f"urn:oasis:names:tc:opendocument:xmlns:{path}:1.0"
    for name, path in {
        "draw": "drawing", "office": "office", "presentation": "presentation", "style": "style",
        "table": "table", "text": "text",
    }.items()
}  # fmt: skip
HIDDEN_LINES = ("collapse", "filter")


def named(name: str) -> str:
    """Return a name with its namespace, as lxml has it.

    >>> named("text:p")
    '{urn:oasis:names:tc:opendocument:xmlns:text:1.0}p'
    """
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def all_named(names: str) -> frozenset[str]:
    """Return several names, divided by blanks, with their namespaces."""
    return frozenset(map(named, names.split()))


PARAGRAPHS = all_named("text:p text:h")
BLANKS = all_named("text:tab text:line-break text:s")
# What hangs on a paragraph and is read after it: notes, and frames that may hold text.
ASIDES = all_named("text:note draw:frame draw:g draw:custom-shape draw:text-box")
UNSEEN = ASIDES | all_named("text:ruby-text office:annotation text:hidden-text")
ROW_GROUPS = all_named("table:table-header-rows table:table-rows table:table-row-group")
CELLS = all_named("table:table-cell table:covered-table-cell")


def contents(files: Files) -> _Element:
    """Return the root of the text of an OpenDocument file.

    Raises:
        ValueError: it is encrypted or damaged.
    """
    if b"encryption-data" in files.get("META-INF/manifest.xml", b""):
        raise ValueError("it is encrypted")
    return parse_xml(files["content.xml"])


def words(paragraph: _Element, hidden: Container[str] = ()) -> str:
    """Return the text of a paragraph without its notes and without text in hidden styles."""
    return "".join(_pieces(paragraph, hidden))


def _pieces(element: _Element, hidden: Container[str]) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag in BLANKS:
            yield " "
        elif child.tag not in UNSEEN and child.get(named("text:style-name")) not in hidden:
            yield from _pieces(child, hidden)
        yield child.tail or ""


def table_grid(table: _Element, text: Callable[[_Element], str]) -> Grid:
    """Return the cells of a table by what a function makes of each.

    Raises:
        ValueError: it has too many cells.
    """
    grid = Grid()
    hidden: set[int] = set()
    at = 0
    for row in table_rows(table):
        count = repeated(row, "table:number-rows-repeated")
        _put_row(grid, row, range(at, at + count), text)
        if row.get(named("table:visibility")) in HIDDEN_LINES and at in grid.cells:
            hidden.update(range(at, at + count))
        at += count
    grid.hide(hidden, set(islice(_hidden_columns(table), MAX_PLACES)))
    return grid


def table_rows(table: _Element) -> Iterator[_Element]:
    """Yield the rows of a table, not those of tables inside it."""
    for child in table:
        if child.tag in ROW_GROUPS:
            yield from table_rows(child)
        elif child.tag == named("table:table-row"):
            yield child


def repeated(element: _Element, name: str) -> int:
    """Return how often a row, a column or a cell stands for another like it."""
    value = element.get(named(name), "1")
    return max(1, int(value)) if value.isascii() and value.isdigit() and len(value) < 10 else 1


def _put_row(grid: Grid, row: _Element, rows: range, text: Callable[[_Element], str]) -> None:
    column = 0
    for cell in row:
        if cell.tag not in CELLS:
            continue
        count = repeated(cell, "table:number-columns-repeated")
        content = text(cell).strip() if len(cell) or cell.attrib else ""
        wide = max(count, repeated(cell, "table:number-columns-spanned"))
        high = max(len(rows), repeated(cell, "table:number-rows-spanned"))
        covered = cell.tag == named("table:covered-table-cell")
        if content and not covered:
            for number in range(rows.start, rows.start + high):
                for each in range(column, column + wide):
                    grid.put(number, each, content)
        column += count


def _hidden_columns(table: _Element) -> Iterator[int]:
    at = 0
    for column in table.iter(named("table:table-column")):
        count = repeated(column, "table:number-columns-repeated")
        if column.get(named("table:visibility")) in HIDDEN_LINES:
            yield from range(at, at + min(count, 16_384))
        at += count
