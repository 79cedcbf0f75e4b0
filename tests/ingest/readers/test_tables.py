import pytest

from ingest.readers.tables import WIDEST_ROW, sheet_parts, table_parts


def table(text: str) -> list[list[str]]:
    """Return the cells of lines in which bars divide them."""
    return [line.strip().split("|") if line.strip() else [] for line in text.split("/")]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param("Year|Trade/2019|45/2020|50",
                     ["Year: 2019; Trade: 45.", "Year: 2020; Trade: 50."], id="words-over-numbers"),
        pytest.param("Country|2019|2020/Peru|1|2", ["Country: Peru; 2019: 1; 2020: 2."],
                     id="years-as-names"),
        pytest.param("2019|2020/2021|2022", ["2019: 2020.", "2021: 2022."], id="years-as-data"),
        pytest.param("Name|Role|City/Ann|Aide|Lima", ["Name: Ann; Role: Aide; City: Lima."],
                     id="complete-words"),
        pytest.param("Host|Peru/Guests|12/Topic|trade",
                     ["Host: Peru.", "Guests: 12.", "Topic: trade."], id="names-with-values"),
        pytest.param("45|50|60/1|2|3", ["45; 50; 60.", "1; 2; 3."], id="numbers-only"),
        pytest.param("|Trade|/Country|2019|2020/Peru|1|2",
                     ["Country: Peru; Trade 2019: 1; Trade 2020: 2."], id="names-of-two-rows"),
        pytest.param("Country|Trade|Trade/Country|2019|2020/Peru|1|2",
                     ["Country: Peru; Trade 2019: 1; Trade 2020: 2."], id="merged-names"),
        pytest.param("They met.|They spoke.|They left./a|b|c",
                     ["They met.; They spoke.; They left.", "a; b; c."], id="sentences"),
        pytest.param("Year||Trade/2019||45", ["Year: 2019; Trade: 45."], id="empty-column"),
        pytest.param("Day|Hour|Event/Monday||/Noon|1|lunch",
                     ["Monday", "Day: Noon; Hour: 1; Event: lunch."], id="line-across"),
        pytest.param("Name|Name|Name/a|b|c", ["Name", "a; b; c."], id="same-names"),
        pytest.param("alone", ["alone"], id="one-cell"),
        pytest.param("Chile|", ["Chile"], id="name-without-value"),
        pytest.param("", [], id="nothing"),
    ],
)  # fmt: skip
def test_rows_are_worded_with_the_names_of_their_columns(rows: str, expected: list[str]) -> None:
    assert [part.text for part in table_parts(table(rows))] == expected


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        pytest.param(True, ["Host: Guests; Peru: 12."], id="marked"),
        pytest.param(False, ["Host: Peru.", "Guests: 12."], id="not-marked"),
        pytest.param(None, ["Host: Guests; Peru: 12."], id="by-its-looks"),
    ],
)
def test_a_file_that_marks_headers_is_believed(marked: bool | None, expected: list[str]) -> None:
    rows = table("Host|Peru/Guests|12")
    assert [part.text for part in table_parts(rows, marked=marked)] == expected


def test_a_wide_row_is_worded_in_parts_that_each_say_whose_they_are() -> None:
    names = ["Country", *(f"Item {number}" for number in range(2 * WIDEST_ROW))]
    row = ["Peru", *(str(number) for number in range(2 * WIDEST_ROW))]
    first, second = table_parts([names, row])
    assert first.text.startswith("Country: Peru; Item 0: 0; Item 1: 1;")
    assert second.text.startswith("Country: Peru; Item 30: 30;")
    assert second.text.endswith("; Item 59: 59.")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param("Trade of goods//Year|Trade/2019|45/Source: ministry//City|Visits/Lima|3"
                     "/Rome|1",
                     [("paragraph", "Trade of goods"), ("row", "Year: 2019; Trade: 45."),
                      ("paragraph", "Source: ministry"), ("row", "City: Lima; Visits: 3."),
                      ("row", "City: Rome; Visits: 1.")], id="lines-around-two-tables"),
        pytest.param("Year|Trade//2019|45/2020|50",
                     [("row", "Year: 2019; Trade: 45."), ("row", "Year: 2020; Trade: 50.")],
                     id="blank-row-below-the-names"),
        pytest.param("a|b//c|d", [("row", "a: b."), ("row", "c: d.")], id="single-rows"),
        pytest.param("Trade|Trade|Trade/Year|In|Out/2019|4|5",
                     [("paragraph", "Trade"), ("row", "Year: 2019; In: 4; Out: 5.")],
                     id="merged-title"),
        pytest.param("1|1/2|4", [("row", "1: 1."), ("row", "2: 4.")], id="same-numbers"),
    ],
)  # fmt: skip
def test_a_sheet_is_its_tables_and_the_lines_around_them(
    rows: str, expected: list[tuple[str, str]]
) -> None:
    assert [(part.kind, part.text) for part in sheet_parts(table(rows))] == expected
