"""The cells of one sheet, however far apart they lie, within limits."""

from dataclasses import dataclass, field
from itertools import product

MAX_CELLS = 200_000
MAX_CHARACTERS = 20_000_000  # a file names a long text once and shows it in many cells
MAX_PLACES = 5_000_000  # cells with those that are empty between them


@dataclass(slots=True)
class Grid:
    """A sheet while it is being read.

    Attributes:
        last: the number of the lowest row with text.
        widest: the number of the rightmost column with text.
        hidden: how many rows and columns with text were taken out, as they are not shown.
        merged: how many places lie in merged cells.
    """

    cells: dict[int, dict[int, str]] = field(default_factory=dict)
    count: int = 0
    characters: int = 0
    last: int = 0
    widest: int = 0
    hidden: int = 0
    merged: int = 0

    def put(self, row: int, column: int, text: str) -> None:
        """Set the text of a cell; places count from 0.

        Raises:
            ValueError: that makes too many cells or too much text.
        """
        text = text.strip()
        if not text:
            return
        self.count += 1
        self.characters += len(text)
        if self.count > MAX_CELLS:
            raise ValueError(f"it has a sheet of more than {MAX_CELLS} cells")
        if self.characters > MAX_CHARACTERS:
            raise ValueError(f"it has a sheet of more than {MAX_CHARACTERS} characters")
        self.cells.setdefault(row, {})[column] = text
        self.last, self.widest = max(self.last, row), max(self.widest, column)

    def spread(self, rows: range, columns: range) -> None:
        """Let the first of merged cells speak in all of them, as far as the sheet is used."""
        text = self.cells.get(rows.start, {}).get(columns.start, "")
        if not text:
            return
        rows = range(rows.start, min(rows.stop, self.last + 1))
        columns = range(columns.start, min(columns.stop, self.widest + 1))
        self.merged += len(rows) * len(columns)
        if self.merged > MAX_PLACES:
            raise ValueError(f"it has a sheet of more than {MAX_PLACES} merged places")
        for row, column in product(rows, columns):
            if column not in self.cells.get(row, {}):
                self.put(row, column, text)

    def hide(self, rows: set[int], columns: set[int]) -> None:
        """Take out the rows and columns that are not shown."""
        used = {column for row in self.cells.values() for column in row}
        self.hidden += len(rows & set(self.cells)) + len(columns & used)
        self.cells = {
            number: {column: text for column, text in row.items() if column not in columns}
            for number, row in self.cells.items()
            if number not in rows
        }

    def rows(self) -> list[list[str]]:
        """Return the rows in order, with an empty one where any were empty between them.

        Raises:
            ValueError: the cells lie too far apart.
        """
        filled = {number: row for number, row in sorted(self.cells.items()) if row}
        columns = sorted({column for row in filled.values() for column in row})
        if len(filled) * len(columns) > MAX_PLACES:
            raise ValueError(f"it has a sheet of more than {MAX_PLACES} places")
        rows: list[list[str]] = []
        last = None
        for number, row in filled.items():
            if last is not None and number > last + 1:
                rows.append([])
            rows.append([row.get(column, "") for column in columns])
            last = number
        return rows


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook that has been read."""

    name: str
    grid: Grid


@dataclass(frozen=True, slots=True)
class Workbook:
    """The sheets that are shown, and how many are not."""

    sheets: tuple[Sheet, ...]
    hidden: int = 0
