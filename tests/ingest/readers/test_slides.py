import io
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from random import Random

import pptx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.presentation import Presentation
from pptx.util import Inches

from ingest.readers import slides
from ingest.readers.package import OLE_MARK
from ingest.reading import Found, Reading

Blocks = Callable[[Reading], list[tuple[str, str]]]
Spoil = Callable[[bytes, Random], bytes]
TITLE_ONLY, TITLE_AND_BODY, BLANK = 5, 1, 6
CELLS = ("Day", "Hour", "Room", "Monday", "9", "A", "", "10", "B")
BOX = (Inches(1), Inches(1), Inches(4), Inches(1))


def saved(presentation: Presentation) -> bytes:
    stream = io.BytesIO()
    presentation.save(stream)
    return stream.getvalue()


def read(presentation: Presentation) -> Reading:
    return slides.read(saved(presentation))


def test_a_slide_is_a_page_with_its_title_bullets_and_notes(blocks: Blocks) -> None:
    presentation = pptx.Presentation()
    for title, words in (("Trade", "45 bn in 2019"), ("Energy", "A new line")):
        slide = presentation.slides.add_slide(presentation.slide_layouts[TITLE_AND_BODY])
        slide.placeholders[1].text_frame.text = words
        slide.shapes.title.text = title
        slide.notes_slide.notes_text_frame.text = f"Say more on {title.lower()}."
    reading = read(presentation)
    assert blocks(reading) == [
        ("heading", "Trade"),
        ("item", "45 bn in 2019"),
        ("paragraph", "Say more on trade."),
        ("heading", "Energy"),
        ("item", "A new line"),
        ("paragraph", "Say more on energy."),
    ]
    assert [page.of(reading.text).split()[0] for page in reading.pages] == ["Trade", "Energy"]
    assert reading.metadata["title"] == Found("Trade", "first heading")


def test_a_title_comes_first_wherever_it_lies(blocks: Blocks) -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[TITLE_ONLY])
    slide.shapes.add_textbox(*BOX).text_frame.text = "They met."
    title = slide.shapes.title
    title.text = "The visit"
    title._element.getparent().append(title._element)
    assert blocks(read(presentation)) == [("heading", "The visit"), ("paragraph", "They met.")]


@pytest.mark.parametrize(
    ("properties", "kind"),
    [
        pytest.param('<a:buChar char="•"/>', "item", id="bullet"),
        pytest.param('<a:buAutoNum type="arabicPeriod"/>', "item", id="number"),
        pytest.param("<a:buNone/>", "paragraph", id="none"),
        pytest.param("", "paragraph", id="unsaid"),
    ],
)
def test_a_paragraph_of_a_text_box_is_an_item_if_it_has_a_bullet(
    blocks: Blocks, properties: str, kind: str
) -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[BLANK])
    frame = slide.shapes.add_textbox(*BOX).text_frame
    frame.text = "They met."
    namespace = "http://schemas.openxmlformats.org/drawingml/2006/main"
    own = parse_xml(f'<a:pPr xmlns:a="{namespace}">{properties}</a:pPr>')
    frame.paragraphs[0]._p.insert(0, own)
    assert blocks(read(presentation)) == [(kind, "They met.")]


def test_a_bullet_taken_away_makes_a_paragraph_and_a_line_break_a_blank(blocks: Blocks) -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[TITLE_AND_BODY])
    frame = slide.placeholders[1].text_frame
    frame.text = "They met\vin Lima."
    frame.paragraphs[0]._p.get_or_add_pPr().insert(0, etree.Element(qn("a:buNone")))
    assert blocks(read(presentation)) == [("paragraph", "They met in Lima.")]


def test_shapes_in_groups_are_read_and_hidden_ones_are_not(blocks: Blocks) -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[BLANK])
    outer = slide.shapes.add_group_shape()
    outer.shapes.add_group_shape().shapes.add_textbox(*BOX).text_frame.text = "In a group."
    hidden = slide.shapes.add_textbox(*BOX)
    hidden.text_frame.text = "Not shown."
    hidden._element.nvSpPr.cNvPr.set("hidden", "1")
    assert blocks(read(presentation)) == [("paragraph", "In a group.")]


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        pytest.param(True, ["Host: Guests; Peru: 12."], id="marked"),
        pytest.param(False, ["Host: Peru.", "Guests: 12."], id="not-marked"),
    ],
)
def test_a_table_has_a_header_if_it_is_marked(
    blocks: Blocks, marked: bool, expected: list[str]
) -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[BLANK])
    table = slide.shapes.add_table(2, 2, *BOX).table
    table.first_row = marked
    for cell, words in zip(table.iter_cells(), ("Host", "Peru", "Guests", "12"), strict=True):
        cell.text = words
    assert blocks(read(presentation)) == [("row", words) for words in expected]


def test_a_merged_cell_of_a_table_speaks_for_all_that_it_covers(blocks: Blocks) -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[BLANK])
    table = slide.shapes.add_table(3, 3, *BOX).table
    for cell, words in zip(table.iter_cells(), CELLS, strict=True):
        cell.text = words
    table.cell(1, 0).merge(table.cell(2, 0))
    assert [words for _, words in blocks(read(presentation))] == [
        "Day: Monday; Hour: 9; Room: A.",
        "Day: Monday; Hour: 10; Room: B.",
    ]


def test_a_hidden_slide_is_left_out_with_a_warning_but_counts_as_a_page() -> None:
    presentation = pptx.Presentation()
    for words in ("Secret", "Open"):
        slide = presentation.slides.add_slide(presentation.slide_layouts[TITLE_ONLY])
        slide.shapes.title.text = words
    presentation.slides[0]._element.set("show", "0")
    reading = read(presentation)
    assert reading.text == "Open"
    assert reading.warnings == ("1 hidden slide was left out",)
    assert [page.of(reading.text) for page in reading.pages] == ["", "Open"]


def test_dates_footers_and_numbers_of_slides_stay_out() -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[BLANK])
    for kind in ("dt", "ftr", "sldNum"):
        shape = slide.shapes.add_textbox(*BOX)
        shape.text_frame.text = kind
        place = etree.SubElement(shape._element.nvSpPr.nvPr, qn("p:ph"))
        place.set("type", kind)
    slide.shapes.add_textbox(*BOX).text_frame.text = "They met."
    assert read(presentation).text == "They met."


def test_a_formula_is_read_once_though_it_is_there_twice() -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[BLANK])
    box = slide.shapes.add_textbox(*BOX)
    box.text_frame.text = "new"
    other = slide.shapes.add_textbox(*BOX)
    other.text_frame.text = "old"
    both = parse_xml(
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        "<mc:Choice/><mc:Fallback/></mc:AlternateContent>"
    )
    slide.shapes._spTree.append(both)
    both[0].append(box._element)
    both[1].append(other._element)
    assert read(presentation).text == "new"


def test_the_words_of_a_diagram_are_items(blocks: Blocks) -> None:
    diagram = (
        b'<d:dataModel xmlns:d="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
        b' xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><d:ptLst><d:pt><d:t>'
        b"<a:p><a:r><a:t>Trade</a:t></a:r></a:p></d:t></d:pt></d:ptLst></d:dataModel>"
    )
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[BLANK])
    part = pptx.opc.package.Part(
        pptx.opc.packuri.PackURI("/ppt/diagrams/data1.xml"), "application/xml",
        presentation.part.package, diagram,
    )  # fmt: skip
    relation = slide.part.relate_to(part, "http://example.org/diagramData")
    frame = slide.shapes.add_table(1, 1, *BOX)._element
    data = frame.find(".//" + qn("a:graphicData"))
    data.clear()
    ids = etree.SubElement(data, "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds")
    ids.set(qn("r:dm"), relation)
    assert blocks(read(presentation)) == [("item", "Trade")]


def test_properties_give_the_metadata() -> None:
    presentation = pptx.Presentation()
    properties = presentation.core_properties
    properties.title, properties.language, properties.category = "The visit", "fr-CA", "briefing"
    properties.created = datetime(2026, 3, 12)
    assert read(presentation).metadata == {
        "title": Found("The visit", "PPTX properties"),
        "published": Found("2026-03-12", "PPTX properties"),
        "language": Found("fr-CA", "PPTX properties"),
        "kind": Found("briefing", "PPTX properties"),
    }


def test_properties_of_the_template_are_not_the_presentations() -> None:
    assert read(pptx.Presentation()).metadata == {}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"PK\x03\x04 nothing", "damaged or is not a PowerPoint", id="garbage"),
        pytest.param(OLE_MARK + "EncryptedPackage".encode("utf-16-le"), "encrypted", id="secret"),
    ],
)
def test_what_is_no_presentation_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        slides.read(data)


@pytest.fixture(scope="module")
def example() -> bytes:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[TITLE_AND_BODY])
    slide.shapes.title.text = "Trade"
    slide.placeholders[1].text_frame.text = "45 bn in 2019"
    slide.shapes.add_table(2, 2, *BOX).table.cell(0, 0).text = "Year"
    slide.notes_slide.notes_text_frame.text = "Say more."
    return saved(presentation)


@settings(max_examples=60)
@given(random=st.randoms(use_true_random=False))
def test_a_damaged_file_is_read_or_refused(example: bytes, spoil: Spoil, random: Random) -> None:
    with suppress(ValueError):
        slides.read(spoil(example, random))


def chart_deck(kind: XL_CHART_TYPE = XL_CHART_TYPE.COLUMN_CLUSTERED) -> Presentation:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[TITLE_ONLY])
    slide.shapes.title.text = "Trade"
    data = CategoryChartData()
    data.categories = ["2019", "2020"]
    data.add_series("Exports", (45.4, 50))
    data.add_series("Imports", (12, None))
    chart = slide.shapes.add_chart(kind, *BOX, data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Trade in goods"
    if kind is XL_CHART_TYPE.COLUMN_CLUSTERED:
        chart.value_axis.has_title = True
        chart.value_axis.axis_title.text_frame.text = "billion crowns"
    return presentation


def test_a_chart_is_its_titles_and_a_row_a_category(blocks: Blocks) -> None:
    assert blocks(read(chart_deck())) == [
        ("heading", "Trade"),
        ("paragraph", "Trade in goods; billion crowns"),
        ("row", "2019; Exports: 45.4; Imports: 12."),
        ("row", "2020; Exports: 50."),
    ]


def test_the_values_of_a_pie_and_of_points_are_read(blocks: Blocks) -> None:
    pie = blocks(read(chart_deck(XL_CHART_TYPE.PIE)))
    assert pie[2] == ("row", "2019; Exports: 45.4.")
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[BLANK])
    data = XyChartData()
    series = data.add_series("Depth")
    series.add_data_point(1.5, 20)
    slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, *BOX, data)
    assert ("row", "1.5; Depth: 20.") in blocks(read(presentation))


def test_footers_are_read_where_there_is_nothing_else(blocks: Blocks) -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[BLANK])
    box = slide.shapes.add_textbox(*BOX)
    box.text_frame.text = "Embargo until noon"
    place = parse_xml(f'<p:ph {nsdecls("p")} type="ftr" idx="11"/>')
    box._element.find(f".//{qn('p:nvPr')}").append(place)
    assert blocks(read(presentation)) == [("paragraph", "Embargo until noon")]
    slide.shapes.add_textbox(*BOX).text_frame.text = "They met."
    assert blocks(read(presentation)) == [("paragraph", "They met.")]


def packed(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def three_slides() -> dict[str, bytes]:
    presentation = chart_deck()
    for number in (2, 3):
        slide = presentation.slides.add_slide(presentation.slide_layouts[TITLE_AND_BODY])
        slide.shapes.title.text = f"Slide of day {number}"
        slide.notes_slide.notes_text_frame.text = f"Note of day {number}."
    with zipfile.ZipFile(io.BytesIO(saved(presentation))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        pytest.param("ppt/slides/slide2.xml", {"Slide of day 2", "Note of day 2."}, id="slide"),
        pytest.param("ppt/notesSlides/notesSlide1.xml", {"Note of day 2."}, id="notes"),
        pytest.param("ppt/charts/chart{}.xml", {"Trade in goods; billion crowns",
                     "2019; Exports: 45.4; Imports: 12.", "2020; Exports: 50."}, id="chart"),
        pytest.param("ppt/slides/_rels/slide2.xml.rels", {"Note of day 2."}, id="relations"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("harm", ["garbled", "cut", "gone", "unpackable"])
def test_a_damaged_slide_costs_no_other(
    blocks: Blocks, name: str, lost: set[str], harm: str
) -> None:
    files = three_slides()
    everything = {text for _, text in blocks(slides.read(packed(files)))}
    (path,) = [each for each in files if re.fullmatch(name.format(r"\d+"), each)]
    whole = files.pop(path)
    if harm != "gone":
        files[path] = {"garbled": b"\x00\xff", "cut": whole[: len(whole) // 2]}.get(harm, whole)
    data = packed(files)
    if harm == "unpackable":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            at = archive.getinfo(path).header_offset + 30 + len(path) + 40
        data = data[:at] + bytes(8) + data[at + 8 :]  # its checksum is wrong now
    reading = slides.read(data)
    assert {text for _, text in blocks(reading)} >= everything - lost
    if not (harm == "gone" and "_rels" in path):
        assert reading.warnings == ("1 damaged piece was left out",)
