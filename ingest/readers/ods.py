"""ODS: the cells of each sheet that is shown, as they are displayed."""

from contextlib import suppress
from datetime import datetime

from lxml.etree import _Element

from ingest.readers.formats import moment, plain
from ingest.readers.grid import Sheet, Workbook
from ingest.readers.odf import contents, named, table_grid, words
from ingest.readers.package import Files


def workbook(files: Files) -> Workbook:
    """Return the sheets of a workbook.

    Raises:
        ValueError: the workbook is encrypted, damaged or too large.
    """
    root = contents(files)
    hidden = {
        style.get(named("style:name"))
        for style in root.iter(named("style:style"))
        for each in style.iter(named("style:table-properties"))
        if each.get(named("table:display")) == "false"
    }
    tables = list(root.iterfind(f"*/{named('office:spreadsheet')}/{named('table:table')}"))
    visible = [each for each in tables if each.get(named("table:style-name")) not in hidden]
    sheets = (
        Sheet(each.get(named("table:name"), ""), table_grid(each, _value)) for each in visible
    )
    return Workbook(tuple(sheets), len(tables) - len(visible))


def _value(cell: _Element) -> str:
    """Return a date as ISO has it, and anything else as the sheet shows it."""
    with suppress(ValueError):
        found = datetime.fromisoformat(cell.get(named("office:date-value"), ""))
        return moment(found.replace(tzinfo=None))
    text = " ".join(words(each) for each in cell.iterfind(named("text:p"))).strip()
    with suppress(ValueError):
        return text or plain(float(cell.get(named("office:value"), "")))
    return text or cell.get(named("office:string-value"), "")
