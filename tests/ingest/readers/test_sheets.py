import io
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from random import Random

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from xlsxwriter import Workbook

from ingest.readers import binary, grid, sheets
from ingest.readers.package import ENCRYPTED_STREAM, OLE_MARK
from ingest.reading import Found, Reading
from tests.ingest.builders import TRADE, xls, xlsb

Blocks = Callable[[Reading], list[tuple[str, str]]]
Zip = Callable[[Mapping[str, bytes]], bytes]
Spoil = Callable[[bytes, Random], bytes]


def xlsx(write: Callable[[Workbook], object]) -> bytes:
    """Return a workbook that a function has written."""
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        write(book)
    return stream.getvalue()


def one_sheet(rows: Iterable[Iterable[object]], name: str = "Trade") -> bytes:
    def write(book: Workbook) -> None:
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)

    return xlsx(write)


# XLSX


def test_a_row_is_worded_with_its_headers_under_the_name_of_its_sheet(blocks: Blocks) -> None:
    data = one_sheet([["Year", "Trade"], [2019, 46.400000000000006], [], ["Source: ministry"]])
    assert blocks(sheets.read(data)) == [
        ("heading", "Trade"),
        ("row", "Year: 2019; Trade: 46.4."),
        ("paragraph", "Source: ministry"),
    ]


def test_cells_are_read_as_they_are_shown(blocks: Blocks) -> None:
    def write(book: Workbook) -> None:
        sheet = book.add_worksheet()
        day = datetime(2026, 3, 12, 9, 30)
        sheet.write_row(0, 0, ["Day", "Share", "Open", "Rich", "Sum", "Fault"])
        sheet.write_datetime(1, 0, day, book.add_format({"num_format": "d mmm yyyy"}))
        sheet.write_number(1, 1, 0.125, book.add_format({"num_format": "0.0%"}))
        sheet.write_boolean(1, 2, True)
        sheet.write_rich_string(1, 3, "plain ", book.add_format({"bold": True}), "bold")
        sheet.write_formula(1, 4, "=1+1", None, 2)
        sheet.write_formula(1, 5, "=1/0", None, "#DIV/0!")

    row = "Day: 2026-03-12; Share: 12.5%; Open: TRUE; Rich: plain bold; Sum: 2."
    assert blocks(sheets.read(xlsx(write)))[1:] == [("row", row)]


def test_merged_cells_speak_in_all_that_they_cover(blocks: Blocks) -> None:
    def write(book: Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.merge_range("A1:C1", "Trade of goods")
        sheet.merge_range("A2:A3", "Country")
        sheet.merge_range("B2:C2", "Trade")
        sheet.write_row("B3", ["2019", "2020"])
        sheet.merge_range("A4:A5", "Peru")
        sheet.write_row("B4", [1, 2])
        sheet.write_row("B5", [3, 4])

    assert blocks(sheets.read(xlsx(write)))[1:] == [
        ("paragraph", "Trade of goods"),
        ("row", "Country: Peru; Trade 2019: 1; Trade 2020: 2."),
        ("row", "Country: Peru; Trade 2019: 3; Trade 2020: 4."),
    ]


def test_what_is_hidden_is_left_out_with_a_warning(blocks: Blocks) -> None:
    def write(book: Workbook) -> None:
        sheet = book.add_worksheet("Open")
        for number, row in enumerate([["A", "B", "C"], [1, 2, 3], [4, 5, 6]]):
            sheet.write_row(number, 0, row)
        sheet.set_row(2, None, None, {"hidden": True})
        sheet.set_column(1, 1, None, None, {"hidden": True})
        book.add_worksheet("Hidden").write(0, 0, "secret")
        book.worksheets()[1].hide()
        book.add_worksheet("Deeply hidden").write(0, 0, "secret")
        book.worksheets()[2].very_hidden()

    reading = sheets.read(xlsx(write))
    assert blocks(reading) == [("heading", "Open"), ("row", "A: 1; C: 3.")]
    assert reading.warnings == (
        "2 hidden sheets were left out",
        "hidden rows or columns of 'Open' were left out",
    )


def test_a_sheet_without_text_has_no_heading(blocks: Blocks) -> None:
    def write(book: Workbook) -> None:
        book.add_worksheet("Empty")
        book.add_worksheet("Full").write(0, 0, "They met.")

    assert blocks(sheets.read(xlsx(write))) == [("heading", "Full"), ("paragraph", "They met.")]


def test_properties_give_the_metadata() -> None:
    def write(book: Workbook) -> None:
        book.add_worksheet().write(0, 0, "They met.")
        book.set_properties({"title": "The visit", "created": datetime(2026, 3, 12)})

    assert sheets.read(xlsx(write)).metadata == {
        "title": Found("The visit", "workbook properties"),
        "published": Found("2026-03-12", "workbook properties"),
    }


MAIN = b'<x><sheets><sheet name="A" xmlns:r="r" r:id="1"/></sheets></x>'
RELATED = b'<x><Relationship Id="1" Type="t/%s" Target="%s"/></x>'
SMALL = {
    "_rels/.rels": RELATED % (b"officeDocument", b"/xl/book.xml"),
    "xl/book.xml": MAIN,
    "xl/_rels/book.xml.rels": RELATED % (b"worksheet", b"../xl/sheet.xml"),
}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param(b"<row><c><v>1</v></c><c><v>2</v></c></row>", "1: 2.", id="without-places"),
        pytest.param(b'<row r="9"><c r="C9" t="str"><v>a_x0041_</v></c></row>', "aA", id="escaped"),
        pytest.param(b'<row><c t="inlineStr"><is><t>a</t><rPh><t>b</t></rPh></is></c></row>', "a",
                     id="inline-without-readings"),
        pytest.param(b'<row><c t="d"><v>2026-03-12T00:00:00</v></c></row>', "2026-03-12",
                     id="iso-day"),
        pytest.param(b'<row><c t="d"><v>soon</v></c></row>', "soon", id="no-day"),
        pytest.param(b"<row><c><v>many</v></c></row>", "many", id="no-number"),
        pytest.param(b'<row><c t="s"><v>7</v></c><c t="b"><v>1</v></c></row>', "TRUE",
                     id="no-such-string"),
    ],
)  # fmt: skip
def test_cells_are_read_from_any_xml_that_says_what_they_are(
    cells: bytes, expected: str, zipped: Zip
) -> None:
    sheet = b"<x><sheetData>%s</sheetData></x>" % cells
    reading = sheets.read(zipped(SMALL | {"xl/sheet.xml": sheet}))
    assert reading.text == f"A\n\n{expected}"


# Limits


def test_a_sheet_of_too_many_cells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "MAX_CELLS", 5)
    with pytest.raises(ValueError, match="a sheet of more than 5 cells"):
        sheets.read(one_sheet([[1, 2, 3], [4, 5, 6]]))


def test_a_workbook_of_too_many_cells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_CELLS", 5)
    with pytest.raises(ValueError, match="it has more than 5 cells"):
        sheets.read(one_sheet([[1, 2, 3], [4, 5, 6]]))


def test_a_text_that_many_cells_show_is_counted_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "MAX_CHARACTERS", 1000)
    with pytest.raises(ValueError, match="a sheet of more than 1000 characters"):
        sheets.read(one_sheet([["long " * 30]] * 10))


def test_cells_may_lie_far_apart() -> None:
    def write(book: Workbook) -> None:
        sheet = book.add_worksheet("Wide")
        sheet.write("A1", "near")
        sheet.write("XFD1048576", "far")

    assert sheets.read(xlsx(write)).text == "Wide\n\nnear\n\nfar"


def test_merged_cells_without_end_are_read_as_far_as_the_sheet_goes(zipped: Zip) -> None:
    sheet = (
        b'<x><sheetData><row><c t="str"><v>a</v></c></row><row><c/><c t="str"><v>b</v></c></row>'
        b'</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells></x>'
    )
    assert sheets.read(zipped(SMALL | {"xl/sheet.xml": sheet})).text == "A\n\na\n\na: b."


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"PK\x03\x04 nothing", "damaged or is not a spreadsheet", id="garbage"),
        pytest.param(OLE_MARK + ENCRYPTED_STREAM, "it is encrypted", id="encrypted"),
        pytest.param(OLE_MARK + bytes(2000), "it is damaged", id="old-garbage"),
    ],
)
def test_what_is_no_spreadsheet_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        sheets.read(data)


def test_a_package_without_a_workbook_is_refused(zipped: Zip) -> None:
    with pytest.raises(ValueError, match="damaged or is not a spreadsheet"):
        sheets.read(zipped({"a.xml": b"<a/>"}))


def test_a_workbook_that_hides_all_is_refused(zipped: Zip) -> None:
    main = MAIN.replace(b"name=", b'state="veryHidden" name=')
    with pytest.raises(ValueError, match="no sheet that is shown"):
        sheets.read(zipped(SMALL | {"xl/book.xml": main}))


# ODS

NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "style", "table", "text")
)


def ods(tables: str, styles: str = "") -> str:
    return (
        f"<office:document-content {NAMES}><office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body><office:spreadsheet>{tables}"
        "</office:spreadsheet></office:body></office:document-content>"
    )


def cell(text: str, more: str = "") -> str:
    return f"<table:table-cell {more}><text:p>{text}</text:p></table:table-cell>"


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


def test_ods_cells_are_read_as_they_are_shown_but_days_as_iso_days(
    zipped: Zip, blocks: Blocks
) -> None:
    day = 'office:value-type="date" office:date-value="2026-03-12T00:00:00"'
    share = 'office:value-type="percentage" office:value="0.125"'
    noted = "<office:annotation><text:p>no</text:p></office:annotation>"
    content = ods(
        '<table:table table:name="Trade">'
        + row(cell("Day"), cell("Share"), f"<table:table-cell>{noted}</table:table-cell>")
        + row(cell("12/03/26", day), cell("12,5 %", share))
        + row('<table:table-cell office:value="4.0"/>', cell("7"))
        + row('<table:table-cell table:number-columns-repeated="16384"/>',
              more='table:number-rows-repeated="1048000"')
        + "</table:table>"
    )  # fmt: skip
    assert blocks(sheets.read(zipped({"content.xml": content.encode()}))) == [
        ("heading", "Trade"),
        ("row", "Day: 2026-03-12; Share: 12,5 %."),
        ("row", "Day: 4; Share: 7."),
    ]


def test_ods_repeated_and_merged_cells_speak_each_time(zipped: Zip, blocks: Blocks) -> None:
    wide = 'table:number-columns-spanned="2"'
    content = ods(
        '<table:table table:name="Trade">'
        + row(cell("Country"), cell("In"), cell("Out"))
        + row(cell("Peru"), cell("none", wide), "<table:covered-table-cell/>")
        + row(cell("Chile"), cell("4", 'table:number-columns-repeated="2"'))
        + "</table:table>"
    )
    assert blocks(sheets.read(zipped({"content.xml": content.encode()})))[1:] == [
        ("row", "Country: Peru; In: none; Out: none."),
        ("row", "Country: Chile; In: 4; Out: 4."),
    ]


def test_ods_hidden_sheets_rows_and_columns_are_left_out(zipped: Zip, blocks: Blocks) -> None:
    look = '<style:table-properties table:display="false"/>'
    style = f'<style:style style:name="off">{look}</style:style>'
    hidden = 'table:visibility="collapse"'
    content = ods(
        '<table:table table:name="Open"><table:table-column/>'
        f"<table:table-column {hidden}/><table:table-column/>"
        + row(cell("A"), cell("B"), cell("C"))
        + row(cell("1"), cell("2"), cell("3"))
        + row(cell("4"), cell("5"), cell("6"), more=hidden)
        + '</table:table><table:table table:name="Hidden" table:style-name="off">'
        + row(cell("secret"))
        + "</table:table>",
        style,
    )
    reading = sheets.read(zipped({"content.xml": content.encode()}))
    assert blocks(reading) == [("heading", "Open"), ("row", "A: 1; C: 3.")]
    assert reading.warnings == (
        "1 hidden sheet was left out",
        "hidden rows or columns of 'Open' were left out",
    )


def test_ods_cells_repeated_without_end_are_refused(zipped: Zip) -> None:
    content = ods(
        "<table:table>"
        + row(cell("a", 'table:number-columns-repeated="999999999"'),
              more='table:number-rows-repeated="999999999"')
        + "</table:table>"
    )  # fmt: skip
    with pytest.raises(ValueError, match="more than 200000 cells"):
        sheets.read(zipped({"content.xml": content.encode()}))


# XLS


def test_xls_is_read_like_its_successor(blocks: Blocks) -> None:
    assert blocks(sheets.read(xls(TRADE))) == [
        ("heading", "Trade"),
        ("row", "Year: 2019; Trade: 46.4."),
    ]


def test_xls_hidden_sheet_is_left_out() -> None:
    assert binary.read_cells(xls(TRADE, state=1)) == {"hidden": 1, "sheets": []}


# XLSB


def test_xlsb_is_read_like_its_successor(zipped: Zip, blocks: Blocks) -> None:
    assert blocks(sheets.read(zipped(xlsb(TRADE)))) == [
        ("heading", "Trade"),
        ("row", "Year: 2019; Trade: 46.4."),
    ]


def test_xlsb_with_cells_too_far_apart_is_refused(zipped: Zip) -> None:
    with pytest.raises(ValueError, match=r"more than 5000000 places|too large to read"):
        sheets.read(zipped(xlsb(TRADE, apart=16_000)))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        pytest.param("import os; os.abort()", "it is damaged, or too large to read", id="abort"),
        pytest.param("import time; time.sleep(60)", "not read within 1 seconds", id="hang"),
    ],
)
def test_a_library_that_does_not_return_ends_nothing_but_its_own_process(
    command: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary, "COMMAND", (sys.executable, "-c", command))
    monkeypatch.setattr(binary, "TIMEOUT_SECONDS", 1)
    with pytest.raises(ValueError, match=reason):
        sheets.read(xls(TRADE))


# CSV


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Year,Trade\n2019,45\n", ["Year: 2019; Trade: 45."], id="comma"),
        pytest.param("Year;Trade\n2019;45,4\n2020;50,1\n",
                     ["Year: 2019; Trade: 45,4.", "Year: 2020; Trade: 50,1."], id="semicolon"),
        pytest.param("Year\tTrade\r\n2019\t1,000\r\n", ["Year: 2019; Trade: 1,000."], id="tab"),
        pytest.param("Year|Trade\n2019|45\n", ["Year: 2019; Trade: 45."], id="bar"),
        pytest.param("sep=;\nA,B;C\n1;2\n", ["A,B: 1; C: 2."], id="declared"),
        pytest.param('Name,Role,Place\nAnn,"aide, ""first""","Lima\nPeru"\n',
                     ['Name: Ann; Role: aide, "first"; Place: Lima Peru.'], id="quoted"),
        pytest.param('Name,Size\n6" pipe,1\n"5"" pipe",2\n',
                     ['Name: 6" pipe; Size: 1.', 'Name: 5" pipe; Size: 2.'], id="inches"),
        pytest.param('Name,Size\n"never closed,1\nopen,2\n',
                     ['Name: "never closed; Size: 1.', "Name: open; Size: 2."], id="unclosed"),
        pytest.param('Name,Size\n"a"b,1\n\n', ["Name: ab; Size: 1."], id="odd-quotes"),
        pytest.param("2019,45\n2020,50\n", ["2019: 45.", "2020: 50."], id="no-header"),
        pytest.param("They met.\nThey spoke.\n", ["They met.", "They spoke."], id="one-column"),
        pytest.param("Trade\n\nYear,Trade,\n2019,45,\n,,\n", ["Trade", "Year: 2019; Trade: 45."],
                     id="title-and-empty-column"),
    ],
)  # fmt: skip
def test_csv_rows_are_worded(text: str, expected: list[str], blocks: Blocks) -> None:
    assert [words for _, words in blocks(sheets.read_csv(text.encode()))] == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_csv_is_read_in_any_encoding(encoding: str, blocks: Blocks) -> None:
    text = "Président;Année\nL’élu de la République française a été reçu;2019\n"
    assert blocks(sheets.read_csv(text.encode(encoding))) == [
        ("row", "Président: L’élu de la République française a été reçu; Année: 2019.")
    ]


def test_csv_of_too_many_cells_or_of_too_long_ones_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ValueError, match="a cell that is too long"):
        sheets.read_csv(b"a" * 200_000)
    monkeypatch.setattr(grid, "MAX_CELLS", 5)
    with pytest.raises(ValueError, match="more than 5 cells"):
        sheets.read_csv(b"1,2,3\n4,5,6\n")


# All of them

WORDS = st.text("abcdefgh", min_size=1, max_size=8)


@settings(max_examples=25)
@given(st.lists(st.tuples(WORDS, st.integers(0, 999)), min_size=2, max_size=6))
def test_every_cell_is_given_back(rows: list[tuple[str, int]]) -> None:
    table = [("Name", "Guests", "Note"), *((name, size, "seen") for name, size in rows)]
    lines = [f"Name: {name}; Guests: {size}; Note: seen." for name, size in rows]
    text = "\n".join(",".join(map(str, row)) for row in table)
    assert sheets.read(one_sheet(table)).text == "\n\n".join(["Trade", *lines])
    assert sheets.read_csv(text.encode()).text == "\n\n".join(lines)


@pytest.fixture(scope="module")
def examples(zipped: Zip) -> Mapping[str, bytes]:
    content = ods("<table:table>" + row(cell("Year")) + row(cell("2019")) + "</table:table>")
    return {
        "xlsx": one_sheet([["Year", "Trade"], [2019, 46.4], ["in all", "much"]]),
        "ods": zipped({"content.xml": content.encode(), "meta.xml": b"<a><title>b</title></a>"}),
        "csv": b'Year;"Trade"\n2019;"45\n46"\n',
    }


@settings(max_examples=100)
@given(name=st.sampled_from(["xlsx", "ods", "csv"]), random=st.randoms(use_true_random=False))
def test_a_damaged_file_is_read_or_refused(
    name: str, examples: Mapping[str, bytes], spoil: Spoil, random: Random
) -> None:
    read = sheets.read_csv if name == "csv" else sheets.read
    with suppress(ValueError):
        read(spoil(examples[name], random))


@settings(max_examples=10)  # each starts a process
@given(random=st.randoms(use_true_random=False))
def test_a_damaged_xls_is_read_or_refused(spoil: Spoil, random: Random) -> None:
    with suppress(ValueError):
        sheets.read(OLE_MARK + spoil(xls(TRADE)[len(OLE_MARK) :], random))
