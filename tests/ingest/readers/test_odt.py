from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers import odt
from ingest.reading import Found, Reading
from tests.ingest.builders import ODF_NAMES, odf_content

Blocks = Callable[[Reading], list[tuple[str, str]]]
Zip = Callable[[Mapping[str, bytes]], bytes]
Spoil = Callable[[bytes, Random], bytes]
Read = Callable[..., Reading]

META = f"""<office:document-meta {ODF_NAMES} xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"><office:meta>
  <dc:title>The visit</dc:title><meta:creation-date>2026-03-12T09:30:00.5</meta:creation-date>
  <dc:date>2026-04-01T00:00:00</dc:date><dc:language>fr-CA</dc:language>
</office:meta></office:document-meta>"""


@pytest.fixture(scope="session")
def read(zipped: Zip) -> Read:
    """Return a function that reads a document of a body."""

    def from_body(body: str, *, styles: str = "", kind: str = "text", meta: str = "") -> Reading:
        files = {"content.xml": odf_content(body, styles=styles, kind=kind).encode()}
        return odt.read(zipped(files | ({"meta.xml": meta.encode()} if meta else {})))

    return from_body


def cell(body: str, more: str = "") -> str:
    return f"<table:table-cell {more}>{body}</table:table-cell>"


def row(*cells: str) -> str:
    filled = (cell(f"<text:p>{each}</text:p>") if "<" not in each else each for each in cells)
    return f"<table:table-row>{''.join(filled)}</table:table-row>"


def test_blocks_follow_the_elements_and_styles(read: Read, blocks: Blocks) -> None:
    styles = (
        '<style:style style:name="P1" style:parent-style-name="Title"/>'
        '<style:style style:name="P2" style:parent-style-name="P2"/>'
    )
    body = (
        '<text:p text:style-name="P1">The visit</text:p>'
        '<text:h text:outline-level="1">Trade</text:h>'
        '<text:p text:style-name="P2">They<text:s text:c="3"/>met<text:tab/>in'
        "<text:line-break/><text:span>Li<text:span>ma</text:span></text:span>.</text:p>"
        "<text:list><text:list-item><text:p>visas</text:p><text:list><text:list-item>"
        "<text:p>fees</text:p></text:list-item></text:list></text:list-item></text:list>"
        "<text:section><text:p>The end.</text:p></text:section>"
    )
    assert blocks(read(body, styles=styles)) == [
        ("heading", "The visit"),
        ("heading", "Trade"),
        ("paragraph", "They met in Lima."),
        ("item", "visas"),
        ("item", "fees"),
        ("paragraph", "The end."),
    ]


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param("<office:annotation><text:p>no</text:p></office:annotation>", id="comment"),
        pytest.param('<text:span text:style-name="off">no</text:span>', id="hidden"),
        pytest.param("<text:hidden-text>no</text:hidden-text>", id="hidden-field"),
        pytest.param("<!-- no -->", id="remark"),
        pytest.param(
            "<text:ruby><text:ruby-base/><text:ruby-text>no</text:ruby-text></text:ruby>", id="ruby"
        ),
        pytest.param("<draw:frame><draw:image/></draw:frame>", id="picture"),
    ],
)
def test_what_nobody_sees_inside_a_paragraph_stays_out(inside: str, read: Read) -> None:
    looks = '<style:text-properties text:display="none"/>'
    styles = f'<style:style style:name="off">{looks}</style:style>'
    assert read(f"<text:p>They met{inside} here.</text:p>", styles=styles).text == "They met here."


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(
            "<text:tracked-changes><text:changed-region><text:deletion><text:p>no</text:p>"
            "</text:deletion></text:changed-region></text:tracked-changes>",
            id="deletion",
        ),
        pytest.param(
            "<text:table-of-content><text:index-body><text:p>no</text:p></text:index-body>"
            "</text:table-of-content>",
            id="contents",
        ),
        pytest.param(
            '<text:section text:display="none"><text:p>no</text:p></text:section>', id="section"
        ),
        pytest.param('<text:p text:style-name="off">no</text:p>', id="hidden-paragraph"),
    ],
)
def test_blocks_that_nobody_sees_stay_out(block: str, read: Read) -> None:
    looks = '<style:text-properties text:display="none"/>'
    styles = f'<style:style style:name="off">{looks}</style:style>'
    assert read(f"{block}<text:p>They met.</text:p>", styles=styles).text == "They met."


def note(text: str) -> str:
    return (
        "<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        f"<text:p>{text}</text:p></text:note-body></text:note>"
    )


def test_notes_and_frames_follow_the_paragraph_that_they_hang_on(
    read: Read, blocks: Blocks
) -> None:
    box = "<draw:frame><draw:text-box><text:p>In a box.</text:p></draw:text-box></draw:frame>"
    body = f"<text:p>Trade{note('Of goods.')} grew{box}.</text:p><text:p>They met.</text:p>"
    assert [words for _, words in blocks(read(body))] == [
        "Trade grew.",
        "Of goods.",
        "In a box.",
        "They met.",
    ]


def test_rows_of_tables_are_worded_and_their_notes_follow(read: Read, blocks: Blocks) -> None:
    body = (
        "<table:table>"
        + row("Day", "Hour", "Room")
        + row(
            cell("<text:p>Monday</text:p>", 'table:number-rows-spanned="2"'),
            cell(f"<text:p>9{note('Sharp.')}</text:p><text:p>or 10</text:p>"),
            "A",
        )
        + row("<table:covered-table-cell/>", "11", "B")
        + "</table:table>"
    )
    assert blocks(read(body)) == [
        ("row", "Day: Monday; Hour: 9 or 10; Room: A."),
        ("row", "Day: Monday; Hour: 11; Room: B."),
        ("paragraph", "Sharp."),
    ]


def test_a_row_marked_as_a_header_is_one(read: Read, blocks: Blocks) -> None:
    header = f"<table:table-header-rows>{row('Host', 'Peru')}</table:table-header-rows>"
    body = f"<table:table>{header}{row('Guests', 'many')}</table:table>"
    assert blocks(read(body)) == [("row", "Host: Guests; Peru: many.")]


def test_a_table_of_one_column_is_a_frame(read: Read, blocks: Blocks) -> None:
    inner = "<table:table>" + row("a", "b") + "</table:table>"
    body = f"<table:table>{row(cell(f'<text:h>Trade</text:h>{inner}'))}</table:table>"
    assert blocks(read(body)) == [("heading", "Trade"), ("row", "a: b.")]


def test_slides_are_pages_with_their_titles_first_and_their_notes_last(
    read: Read, blocks: Blocks
) -> None:
    looks = '<style:drawing-page-properties presentation:visibility="hidden"/>'
    box = "<draw:frame {}><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>"
    shapes = (
        "<presentation:notes>" + box.format('presentation:class="notes"', "Say more.")
        + "</presentation:notes>"
        + box.format("", "They met.")
        + box.format('presentation:class="footer"', "no")
        + box.format('presentation:class="title"', "Trade")
        + "<draw:custom-shape><text:p>In a shape.</text:p></draw:custom-shape>"
    )  # fmt: skip
    hidden = '<draw:page draw:style-name="off"><draw:g/></draw:page>'
    reading = read(
        f"{hidden}<draw:page>{shapes}</draw:page>",
        styles=f'<style:style style:name="off">{looks}</style:style>',
        kind="presentation",
    )
    assert blocks(reading) == [
        ("heading", "Trade"),
        ("paragraph", "They met."),
        ("paragraph", "In a shape."),
        ("paragraph", "Say more."),
    ]
    assert [bool(page.of(reading.text)) for page in reading.pages] == [False, True]
    assert reading.warnings == ("1 hidden slide was left out",)


def test_properties_give_the_metadata(read: Read) -> None:
    assert read("<text:h>Trade</text:h>", meta=META).metadata == {
        "title": Found("The visit", "document properties"),
        "published": Found("2026-03-12", "document properties"),
        "language": Found("fr-CA", "document properties"),
    }
    assert read("<text:h>Trade</text:h>").metadata == {"title": Found("Trade", "first heading")}


SECRET = b'<m:manifest xmlns:m="m"><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>'


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        pytest.param({"a.xml": b"<a/>"}, "damaged or is not an OpenDocument", id="other"),
        pytest.param({"content.xml": b"<a>"}, "XML that is damaged", id="damaged"),
        pytest.param({"content.xml": b"\x8f", "META-INF/manifest.xml": SECRET}, "it is encrypted",
                     id="encrypted"),
        pytest.param({"content.xml": b'<!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>'},
                     "declares entities", id="entities"),
        pytest.param({"content.xml": b"<a>" * 1000 + b"</a>" * 1000}, "XML that is damaged",
                     id="deep"),
    ],
)  # fmt: skip
def test_what_is_no_open_document_is_refused(
    files: dict[str, bytes], reason: str, zipped: Zip
) -> None:
    with pytest.raises(ValueError, match=reason):
        odt.read(zipped(files))


def test_cells_repeated_without_end_are_refused(read: Read) -> None:
    many = 'table:number-columns-repeated="999999999"'
    with pytest.raises(ValueError, match="more than 200000 cells"):
        read(f"<table:table>{row(cell('<text:p>a</text:p>', many))}</table:table>")


@given(st.lists(st.text("abcdé東 ", min_size=1).filter(str.strip), min_size=1, max_size=5))
def test_every_word_is_given_back(read: Read, sentences: list[str]) -> None:
    body = "".join(f"<text:p>{each}</text:p>" for each in sentences)
    assert read(body).text == "\n\n".join(" ".join(each.split()) for each in sentences)


@pytest.fixture(scope="module")
def example(zipped: Zip) -> bytes:
    body = (
        f"<text:h>Trade</text:h><text:p>Trade{note('Of goods.')} grew.</text:p>"
        f"<text:list><text:list-item><text:p>visas</text:p></text:list-item></text:list>"
        f"<table:table>{row('Year', 'Trade')}{row('2019', '45')}</table:table>"
    )
    styles = '<style:style style:name="P1" style:parent-style-name="Title"/>'
    return zipped(
        {"content.xml": odf_content(body, styles=styles).encode(), "meta.xml": META.encode()}
    )


@settings(max_examples=150)
@given(random=st.randoms(use_true_random=False))
def test_a_damaged_file_is_read_or_refused(example: bytes, spoil: Spoil, random: Random) -> None:
    with suppress(ValueError):
        odt.read(spoil(example, random))


def test_headers_and_footers_are_read_where_there_is_nothing_else(
    zipped: Zip, blocks: Blocks
) -> None:
    pages = "<style:header><text:p>Embargo</text:p></style:header>"
    pages += "<style:footer><text:p>until noon</text:p></style:footer>"
    master = f"<office:document-styles {ODF_NAMES}><office:master-styles><style:master-page>{pages}"
    master += "</style:master-page></office:master-styles></office:document-styles>"
    for body, expected in (
        ("<text:p/>", [("paragraph", "Embargo"), ("paragraph", "until noon")]),
        ("<text:p>They met.</text:p>", [("paragraph", "They met.")]),
    ):
        files = {"content.xml": odf_content(body).encode(), "styles.xml": master.encode()}
        assert blocks(odt.read(zipped(files))) == expected
