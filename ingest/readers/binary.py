"""XLS and XLSB, read by calamine in a process of its own: a broken file may end it."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, time, timedelta

import python_calamine as calamine

from ingest.readers.formats import moment, plain
from ingest.readers.grid import MAX_PLACES, Grid, Sheet, Workbook

MEMORY_BYTES = 2_000_000_000
TIMEOUT_SECONDS = 60
REFUSED = 3
WORKSHEET, VISIBLE = calamine.SheetTypeEnum.WorkSheet, calamine.SheetVisibleEnum.Visible
COMMAND = (sys.executable, "-P", "-c", f"from {__name__} import main; main()")

Value = int | float | str | bool | date | time | timedelta


def workbook(data: bytes) -> Workbook:
    """Return the sheets; how they show numbers is not known, nor which rows they hide.

    Raises:
        ValueError: the workbook is encrypted, damaged or too large.
    """
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(  # noqa: S603  # our own command
            COMMAND,
            input=data,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            env=paths,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"it is not read within {TIMEOUT_SECONDS} seconds") from error
    if done.returncode == REFUSED:
        raise ValueError(done.stdout.decode())
    if done.returncode:
        raise ValueError("it is damaged, or too large to read")
    found = json.loads(done.stdout)
    sheets = tuple(Sheet(name, _filled(cells)) for name, cells in found["sheets"])
    return Workbook(sheets, found["hidden"])


def _filled(cells: list[tuple[int, int, str]]) -> Grid:
    grid = Grid()
    for row, column, text in cells:
        grid.put(row, column, text)
    return grid


def main() -> None:
    """Read a workbook from the standard input and write its cells to the standard output."""
    _limit_memory()
    try:
        found = read_cells(sys.stdin.buffer.read())
    except ValueError as error:
        sys.stdout.write(str(error))
        sys.exit(REFUSED)
    json.dump(found, sys.stdout)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # on Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(most, MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


def read_cells(data: bytes) -> dict[str, object]:
    """Return the number of hidden sheets, and of the others the name and the cells with text.

    Raises:
        ValueError: the workbook is encrypted or damaged; other damage ends the process.
    """
    try:
        with calamine.load_workbook(io.BytesIO(data)) as book:
            pages = [each for each in book.sheets_metadata if each.typ == WORKSHEET]
            names = [each.name for each in pages if each.visible == VISIBLE]
            sheets = [(name, list(_cells(book.get_sheet_by_name(name)))) for name in names]
    except calamine.PasswordError as error:
        raise ValueError("it is encrypted") from error
    except calamine.CalamineError as error:
        raise ValueError("it is damaged or is not a spreadsheet") from error
    return {"hidden": len(pages) - len(names), "sheets": sheets}


def _cells(sheet: calamine.CalamineSheet) -> Iterator[tuple[int, int, str]]:
    if sheet.height * sheet.width > MAX_PLACES:
        raise ValueError(f"it has a sheet of more than {MAX_PLACES} places")
    for number, row in enumerate(sheet.to_python()):
        for column, value in enumerate(row):
            if value != "":
                yield number, column, _shown(value)


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return plain(value)
    return value if isinstance(value, str) else moment(value)
