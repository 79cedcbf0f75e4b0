import io
import zipfile
from datetime import datetime

import docx
import pytest
from docx.document import Document as Docx
from docx.enum.style import WD_STYLE_TYPE
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part as DocxPart
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers import docx as docx_reader
from ingest.readers import html, markdown, pdf, text
from ingest.readers.decode import decode
from ingest.readers.front_matter import front_matter
from ingest.readers.lines import Line, paragraphs
from ingest.reading import Found, Part, Reading, clean, compose, iso_date, row_text

WORDS = st.text("abcdefgh", min_size=1, max_size=8)
SENTENCES = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)


def blocks(reading: Reading) -> list[tuple[str, str]]:
    return [(block.kind, block.span.of(reading.text)) for block in reading.blocks]


def kinds(reading: Reading) -> list[str]:
    return [block.kind for block in reading.blocks]


# What all readers share


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("2026-03-12", "2026-03-12", id="iso"),
        pytest.param("2026-03-12T23:59:00-05:00", "2026-03-12", id="moment-keeps-its-local-day"),
        pytest.param("12. März 2026", "2026-03-12", id="german"),
        pytest.param("le 3 mai 2026", "2026-05-03", id="french"),
        pytest.param("31/12/2026", "2026-12-31", id="one-reading-only"),
        pytest.param("03/04/2026", None, id="day-or-month-first"),
        pytest.param("March 2026", None, id="no-day"),
        pytest.param("2026", None, id="year-alone"),
        pytest.param("yesterday", None, id="relative"),
        pytest.param("2026-02-30", None, id="no-such-day"),
        pytest.param("", None, id="empty"),
        pytest.param("9" * 5000, None, id="absurd"),
    ],
)
def test_a_date_is_read_whole_or_not_at_all(value: str, expected: str | None) -> None:
    assert iso_date(value) == expected


@pytest.mark.parametrize(
    ("cells", "headers", "expected"),
    [
        pytest.param(["2019", "45"], ["Year", "Trade:"], "Year: 2019; Trade: 45.", id="named"),
        pytest.param(["2019", ""], ["Year", "Trade"], "Year: 2019.", id="empty-cell"),
        pytest.param(["a", "b", "c"], ["Year", "Trade"], "a; b; c.", id="headers-do-not-fit"),
        pytest.param(["Agreed!"], [], "Agreed!", id="punctuated"),
        pytest.param(["", ""], ["Year", "Trade"], "", id="nothing"),
    ],
)
def test_a_row_is_worded_with_its_headers(
    cells: list[str], headers: list[str], expected: str
) -> None:
    assert row_text(cells, headers) == expected


def test_a_part_that_joins_makes_one_block_over_two_pages() -> None:
    reading = compose([Part("We met", page=1), Part("in Ottawa.", page=2, joins=True)])
    assert blocks(reading) == [("paragraph", "We met in Ottawa.")]
    assert [page.of(reading.text) for page in reading.pages] == ["We met ", "in Ottawa."]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param("Élysée".encode(), "Élysée", id="utf-8"),
        pytest.param("Élysée".encode("utf-8-sig"), "\ufeffÉlysée", id="utf-8-keeps-its-mark"),
        pytest.param("Élysée".encode("utf-16"), "Élysée", id="utf-16"),
        pytest.param("Élysée".encode("utf-16-be"), "Élysée", id="utf-16-unmarked"),
        pytest.param(
            "Le président a été reçu à l’Élysée.".encode("cp1252"),
            "Le président a été reçu à l’Élysée.",
            id="cp1252",
        ),
        pytest.param(
            "Rząd przyjął w środę żółtą księgę.".encode("cp1250"),
            "Rząd przyjął w środę żółtą księgę.",
            id="cp1250-by-its-language",
        ),
        pytest.param(
            "Президент прибыл в Москву сегодня.".encode("cp1251"),
            "Президент прибыл в Москву сегодня.",
            id="cp1251",
        ),
    ],
)
def test_bytes_are_decoded_in_their_own_encoding(data: bytes, expected: str) -> None:
    assert decode(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"MZ\x90\x00\x03\x00", id="program"),
        pytest.param(bytes(range(256)) * 8, id="all-bytes"),
        pytest.param(b"a\x01\x02\x03\x04b" * 100, id="control-characters"),
    ],
)
def test_bytes_that_are_not_text_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not text"):
        decode(data)


def test_front_matter_gives_the_metadata() -> None:
    source = (
        "---\ntitle: 'The visit: day 1'\nDate: 12 March 2026\nlang: no\nkind: readout\n---\nText."
    )
    metadata, start = front_matter(source)
    assert {name: found.value for name, found in metadata.items()} == {
        "title": "The visit: day 1",
        "published": "2026-03-12",
        "language": "no",
        "kind": "readout",
    }
    assert {found.origin for found in metadata.values()} == {"front matter"}
    assert source[start:] == "Text."


@pytest.mark.parametrize(
    ("source", "title"),
    [
        pytest.param("---\ntitle: Visit: day 1\n---\nText.", "Visit: day 1", id="bare-colon"),
        pytest.param("---\ntitle: [a, b]\ndate: soon\n---\nText.", None, id="useless-values"),
        pytest.param("---\na: " + "[" * 1000 + "\n---\nText.", None, id="nested-garbage"),
    ],
)
def test_front_matter_that_is_not_quite_yaml_stays_out_of_the_text(
    source: str, title: str | None
) -> None:
    metadata, start = front_matter(source)
    assert metadata.get("title") == (Found(title, "front matter") if title else None)
    assert source[start:] == "Text."


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("---\nWe met.\n---\nWe talked.", id="rules-around-prose"),
        pytest.param("---\ntitle: no end", id="never-closed"),
        pytest.param("Text.\n---\ntitle: x\n---\n", id="not-first"),
    ],
)
def test_what_only_looks_like_front_matter_is_text(source: str) -> None:
    assert front_matter(source) == ({}, 0)


# Plain text


def test_text_is_the_file_itself() -> None:
    source = "\ufeff  One.\r\n\r\n\r\nTwo\u200b.  \n"
    reading = text.read(source.encode())
    assert reading.text == "  One.\n\n\nTwo.  \n"
    assert blocks(reading) == [("paragraph", "One."), ("paragraph", "Two.")]


def test_long_lines_are_a_paragraph_each() -> None:
    first, second = "He came to talk about trade. " * 5, "She came to listen to him. " * 5
    reading = text.read(f"{first}\n{second}\n".encode())
    assert blocks(reading) == [("paragraph", first.strip()), ("paragraph", second.strip())]


WRAPPED = """\
The two leaders met on Monday in the capital and agreed to begin talks about
a new treaty on trade before the end of the year. The Prime Minister said
that both sides were ready.

They will meet again in June, when the ministers have
reported.
"""


def test_wrapped_lines_are_one_paragraph() -> None:
    reading = text.read(WRAPPED.encode())
    assert [block.count("\n") for _, block in blocks(reading)] == [2, 1]
    assert blocks(reading)[1][1].endswith("ministers have\nreported.")


def test_short_lines_that_nobody_wrapped_stay_apart() -> None:
    reading = text.read(b"Ottawa\n9:00 Arrival\n10:30 Meeting with the minister\n12:00 Lunch\n")
    assert len(reading.blocks) == 4


def test_list_items_are_items() -> None:
    reading = text.read(b"Topics:\n- trade\n* energy\n\xe2\x80\xa2 climate\n2. visas\n")
    assert kinds(reading) == ["paragraph", "item", "item", "item", "item"]


def test_a_wrapped_item_is_one_block() -> None:
    item = "- " + "a word " * 10 + "at\n  the end of the line that was broken by an editor"
    assert blocks(text.read(f"{item}\n- next".encode())) == [("item", item), ("item", "- next")]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("JOINT STATEMENT\nThe leaders met.\n", id="shouted"),
        pytest.param("Joint statement\n===============\nThe leaders met.\n", id="underlined"),
        pytest.param("Joint statement\n---\n\nThe leaders met.\n", id="underlined-with-dashes"),
        pytest.param("\nJoint statement\n\nThe leaders met.\n", id="alone-before-prose"),
    ],
)
def test_a_heading_is_found_and_names_the_text(source: str) -> None:
    reading = text.read(source.encode())
    assert kinds(reading) == ["heading", "paragraph"]
    assert reading.metadata["title"].value.lower() == "joint statement"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("Dear colleagues,\n\nThe leaders met.\n", id="salutation"),
        pytest.param("The leaders met.\n\nJane Doe\n", id="signature"),
        pytest.param("Jane Doe\n\nJohn Smith\n", id="names"),
        pytest.param("- trade\n\nThe leaders met.\n", id="item"),
        pytest.param(f"{'Long ' * 30}\n\nThe leaders met.\n", id="long-line"),
        pytest.param("WE MET IN OTTAWA AND\nWE AGREED ON TRADE", id="all-shouted"),
    ],
)
def test_other_short_lines_are_no_headings(source: str) -> None:
    assert "heading" not in kinds(text.read(source.encode()))


def test_text_keeps_front_matter_outside_the_blocks() -> None:
    source = "---\ntitle: The visit\n---\n\nThe leaders met.\n"
    reading = text.read(source.encode())
    assert reading.text == source
    assert blocks(reading) == [("paragraph", "The leaders met.")]
    assert reading.metadata["title"] == Found("The visit", "front matter")


@given(st.text("ab Z.-*1=\n\t\u00a0é日", max_size=200))
def test_no_word_of_a_text_is_outside_its_blocks(source: str) -> None:
    reading = text.read(source.encode())
    assert reading.text == clean(source)
    end = front_matter(reading.text)[1]
    for block in reading.blocks:
        assert not any(map(str.isalnum, reading.text[end : block.span.start]))
        assert block.span.of(reading.text) == block.span.of(reading.text).strip() != ""
        assert end <= block.span.start
        end = block.span.end
    assert not any(map(str.isalnum, reading.text[end:]))


# Markdown


def test_markdown_becomes_text_without_markup() -> None:
    source = (
        "# The *visit*\n\nThe **leaders** met\nin [Ottawa](http://x.y) `now`. ![A flag](f.png)\n\n"
        "- trade<br>talks\n  - energy\n\n> We are _glad_.\n\n<div>raw</div>\n\n<b>bold</b>\n\n"
        "```\ncode\n```\n"
    )
    reading = markdown.read(source.encode())
    assert blocks(reading) == [
        ("heading", "The visit"),
        ("paragraph", "The leaders met in Ottawa now. A flag"),
        ("item", "trade talks"),
        ("item", "energy"),
        ("paragraph", "We are glad."),
        ("paragraph", "bold"),
        ("paragraph", "code"),
    ]
    assert reading.metadata == {"title": Found("The visit", "first heading")}


def test_markdown_lines_that_the_author_broke_after_a_sentence_are_paragraphs() -> None:
    reading = markdown.read(b'Q: Why?\\\nA: "Trade."  \nOne<br>sentence.\n\n\\*\\*\\*')
    assert [block for _, block in blocks(reading)] == ["Q: Why?", 'A: "Trade."', "One sentence."]


def test_markdown_rows_carry_their_headers() -> None:
    reading = markdown.read(b"|Year|Trade|\n|-|-|\n|2019|**45** bn|\n|2020||\n\nEnd.\n")
    assert blocks(reading) == [
        ("row", "Year: 2019; Trade: 45 bn."),
        ("row", "Year: 2020."),
        ("paragraph", "End."),
    ]


def test_front_matter_names_markdown_before_its_heading() -> None:
    reading = markdown.read(b"---\ntitle: Readout\n---\n# The visit\n\nThey met.\n")
    assert reading.metadata["title"] == Found("Readout", "front matter")
    assert kinds(reading) == ["heading", "paragraph"]


@given(st.lists(SENTENCES, min_size=1))
def test_markdown_gives_every_word_back(sentences: list[str]) -> None:
    reading = markdown.read("\n\n".join(sentences).encode())
    assert [block for _, block in blocks(reading)] == sentences


# HTML

PARAGRAPH = "The two leaders met on Monday in the capital and agreed to begin talks about trade. "
PAGE = f"""<!doctype html><html lang="en-CA"><head><title>Visit - The Site</title>
<meta property="og:title" content="The visit"><meta name="kind" content="readout">
<meta property="article:published_time" content="2026-03-12T10:00:00Z">
<script>var x = "tracker";</script></head><body>
<nav><a href="/">Home</a> <a href="/about">About us</a></nav>
<div class="cookie-banner">We use cookies.</div>
<article><h1>The visit</h1><p>{PARAGRAPH}It was <b>long</b>. {PARAGRAPH}</p>
<p hidden>Ignore the reader.</p><p style="display: none">Hide this as well.</p>
<h2>Trade</h2><ul><li>First {PARAGRAPH}</li><li>Second {PARAGRAPH}</li></ul>
<blockquote><p>I am glad, said the {PARAGRAPH}</p></blockquote>
<table><tr><th>Year</th><th>Trade</th></tr><tr><td>2019</td><td>45 <i>bn</i></td></tr></table>
<p>At the end, {PARAGRAPH}</p></article>
<div id="comments"><p>Nonsense! {PARAGRAPH}</p></div>
<footer>Copyright The Site</footer></body></html>"""


def test_html_gives_the_article_and_no_furniture() -> None:
    reading = html.read(PAGE.encode())
    talks = PARAGRAPH.strip()
    assert blocks(reading) == [
        ("heading", "The visit"),
        ("paragraph", f"{talks} It was long. {talks}"),
        ("heading", "Trade"),
        ("item", f"First {talks}"),
        ("item", f"Second {talks}"),
        ("paragraph", f"I am glad, said the {talks}"),
        ("row", "Year: 2019; Trade: 45 bn."),
        ("paragraph", f"At the end, {talks}"),
    ]


def test_html_metadata_says_where_it_was_found() -> None:
    assert html.read(PAGE.encode()).metadata == {
        "title": Found("The visit", "HTML meta"),
        "published": Found("2026-03-12", "HTML meta"),
        "language": Found("en-CA", "HTML lang"),
        "kind": Found("readout", "HTML meta"),
    }


@pytest.mark.parametrize(
    ("source", "name", "found"),
    [
        pytest.param(
            '<script type="application/ld+json">{"datePublished": "2026-03-12"}</script><p>x',
            "published",
            Found("2026-03-12", "JSON-LD"),
            id="json-ld",
        ),
        pytest.param(
            '<p>x <time datetime="2026-03-12T10:00">then</time>',
            "published",
            Found("2026-03-12", "HTML time"),
            id="time",
        ),
        pytest.param("<title>A</title><h1>B</h1>", "title", Found("B", "first heading"), id="h1"),
        pytest.param("<title>A</title><p>x", "title", Found("A", "HTML title"), id="title"),
        pytest.param('<meta name="date" content="soon"><p>x', "published", None, id="no-date"),
    ],
)
def test_html_metadata_has_more_than_one_source(
    source: str, name: str, found: Found | None
) -> None:
    assert html.read(source.encode()).metadata.get(name) == found


def test_a_short_page_is_read_whole_without_its_furniture() -> None:
    source = (
        "<body><nav>Home</nav><h1>Visit</h1><div>They met.<br><br>They<!-- no --> talked.</div>"
        "<ul><li><p>trade</p></li></ul><script>x()</script><style>p{}</style><footer>Us</footer>"
    )
    assert blocks(html.read(source.encode())) == [
        ("heading", "Visit"),
        ("paragraph", "They met."),
        ("paragraph", "They talked."),
        ("item", "trade"),
    ]


def test_html_tables_of_layout_are_not_rows() -> None:
    source = "<table><tr><td>Menu<td><table><tr><th>Role<td>Minister</table></table>"
    assert blocks(html.read(source.encode())) == [
        ("paragraph", "Menu"),
        ("row", "Role: Minister."),
    ]


def test_html_is_decoded_as_it_declares() -> None:
    source = '<meta charset="windows-1251"><p>Привет, Москва</p>'.encode("cp1251")
    assert html.read(source).text == "Привет, Москва"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("<div>" * 20_000 + "deep", id="deep"),
        pytest.param("<table><tr><td>" * 300 + "deep", id="deep-tables"),
        pytest.param("<p>&#xD800;&#0; surrogate", id="entities-without-characters"),
        pytest.param('<?xml version="1.0" encoding="utf-16"?><p>x</p>', id="xml-declaration"),
        pytest.param("<![CDATA[<p>x</p>]]><p>y</p", id="unclosed"),
    ],
)
def test_html_garbage_is_read_as_far_as_it_goes(source: str) -> None:
    html.read(source.encode()).text.encode()


# DOCX


def docx_bytes(document: Docx) -> bytes:
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def test_docx_blocks_follow_the_styles() -> None:
    document = docx.Document()
    document.add_heading("The visit", 0)
    document.add_heading("Trade", 1)
    document.add_paragraph("The leaders met.")
    document.add_paragraph("energy", style="List Bullet")
    document.add_paragraph("PRESS CONFERENCE")
    document.add_paragraph().add_run("Closing words").bold = True
    table = document.add_table(rows=2, cols=3)
    for cell, words in zip(table.rows[0].cells, ("Year", "Trade", "Note"), strict=True):
        cell.text = words
    table.cell(1, 0).text = "2019"
    table.cell(1, 1).merge(table.cell(1, 2)).text = "45 bn"
    document.add_paragraph("The end.")
    assert blocks(docx_reader.read(docx_bytes(document))) == [
        ("heading", "The visit"),
        ("heading", "Trade"),
        ("paragraph", "The leaders met."),
        ("item", "energy"),
        ("heading", "PRESS CONFERENCE"),
        ("heading", "Closing words"),
        ("row", "Year: 2019; Trade: 45 bn."),
        ("paragraph", "The end."),
    ]


def test_docx_styles_that_break_their_rules_are_refused_in_words() -> None:
    stream = io.BytesIO()
    original = io.BytesIO(docx_bytes(docx.Document()))
    with zipfile.ZipFile(original) as whole, zipfile.ZipFile(stream, "w") as broken:
        for name in whole.namelist():
            broken.writestr(name, whole.read(name).replace(b'<w:name w:val="', b'<w:name x="'))
    with pytest.raises(ValueError, match="it is damaged or is not a Word document"):
        docx_reader.read(stream.getvalue())


def test_docx_headers_and_footers_are_read_where_there_is_nothing_else() -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "Embargo"
    document.sections[0].footer.paragraphs[0].text = "until noon"
    assert [text for _, text in blocks(docx_reader.read(docx_bytes(document)))] == [
        "Embargo", "until noon",
    ]  # fmt: skip
    document.add_paragraph("They met.")
    assert blocks(docx_reader.read(docx_bytes(document))) == [("paragraph", "They met.")]


@pytest.mark.parametrize(
    ("bold", "expected"),
    [
        pytest.param(False, ["Role: Minister.", "Country: Mexico."], id="pairs"),
        pytest.param(True, ["Role: Country; Minister: Mexico."], id="bold-header"),
    ],
)
def test_docx_tables_of_two_columns_are_pairs_unless_their_header_is_marked(
    bold: bool, expected: list[str]
) -> None:
    document = docx.Document()
    table = document.add_table(rows=2, cols=2)
    cells = ("Role", "Minister", "Country", "Mexico")
    for cell, words in zip((c for row in table.rows for c in row.cells), cells, strict=True):
        cell.paragraphs[0].add_run(words).bold = bold
    assert [block for _, block in blocks(docx_reader.read(docx_bytes(document)))] == expected


def test_docx_reads_a_frame_of_one_cell_as_text_and_repeats_a_cell_merged_downwards() -> None:
    document = docx.Document()
    document.add_table(rows=1, cols=1).cell(0, 0).text = "In a frame."
    table = document.add_table(rows=3, cols=3)
    for cell, words in zip(table.rows[0].cells, ("Day", "Hour", "Event"), strict=True):
        cell.text = words
    table.cell(1, 0).merge(table.cell(2, 0)).text = "Monday"
    table.cell(1, 1).text, table.cell(2, 1).text = "9:00", "10:00"
    assert [block for _, block in blocks(docx_reader.read(docx_bytes(document)))] == [
        "In a frame.",
        "Day: Monday; Hour: 9:00.",
        "Day: Monday; Hour: 10:00.",
    ]


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        pytest.param("<w:ins><w:r><w:t>new</w:t></w:r></w:ins>", "new", id="inserted"),
        pytest.param("<w:del><w:r><w:delText>old</w:delText></w:r></w:del>", "", id="deleted"),
        pytest.param("<w:moveFrom><w:r><w:t>old</w:t></w:r></w:moveFrom>", "", id="moved-away"),
        pytest.param("<w:r><w:rPr><w:vanish/></w:rPr><w:t>no</w:t></w:r>", "", id="hidden"),
        pytest.param("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t></w:r>", "a b", id="tab"),
        pytest.param("<w:r><w:t>a</w:t><w:noBreakHyphen/><w:t>b</w:t></w:r>", "a-b", id="hyphen"),
        pytest.param(
            "<w:sdt><w:sdtContent><w:r><w:t>field</w:t></w:r></w:sdtContent></w:sdt>",
            "field",
            id="content-control",
        ),
        pytest.param(
            "<w:r><w:pict><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent>"
            "</w:pict></w:r>",
            "box",
            id="text-box",
        ),
    ],
)
def test_docx_text_is_what_a_reader_of_the_page_sees(xml: str, expected: str) -> None:
    document = docx.Document()
    paragraph = parse_xml(f"<w:p {nsdecls('w')}>{xml}</w:p>")
    document.element.body.insert(0, paragraph)
    assert docx_reader.read(docx_bytes(document)).text == expected


def test_docx_style_is_known_by_the_style_it_is_based_on() -> None:
    document = docx.Document()
    style = document.styles.add_style("Ministry title", WD_STYLE_TYPE.PARAGRAPH)
    style.base_style = document.styles["Heading 2"]
    document.add_paragraph("Trade", style="Ministry title")
    assert kinds(docx_reader.read(docx_bytes(document))) == ["heading"]


def test_docx_numbered_paragraph_is_an_item() -> None:
    document = docx.Document()
    numbered = '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t>trade</w:t></w:r>'
    document.element.body.insert(0, parse_xml(f"<w:p {nsdecls('w')}>{numbered}</w:p>"))
    assert kinds(docx_reader.read(docx_bytes(document))) == ["item"]


def test_docx_reads_content_controls_around_paragraphs_and_leaves_out_contents_lists() -> None:
    document = docx.Document()
    document.styles.add_style("toc 1", WD_STYLE_TYPE.PARAGRAPH)
    document.add_paragraph("Trade 4", style="toc 1")
    inner = document.add_paragraph("Inside.")._p
    control = parse_xml(f"<w:sdt {nsdecls('w')}><w:sdtContent/></w:sdt>")
    inner.addprevious(control)
    control[0].append(inner)
    assert docx_reader.read(docx_bytes(document)).text == "Inside."


def with_notes(document: Docx, **notes: str) -> Docx:
    """Give a document notes by their ids, each a paragraph of its own."""
    body = "".join(
        f'<w:{name[:-1]} w:id="{name[-1]}"><w:p><w:r>{words}</w:r></w:p></w:{name[:-1]}>'
        for name, words in notes.items()
    )
    part = DocxPart(
        PackURI("/word/footnotes.xml"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml",
        f"<w:footnotes {nsdecls('w')}>{body}</w:footnotes>".encode(),
        document.part.package,
    )
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    return document


def marked(words: str, mark: str, number: int) -> str:
    reference = f'<w:r><w:{mark} w:id="{number}"/></w:r>'
    return f"<w:p {nsdecls('w')}><w:r><w:t>{words}</w:t></w:r>{reference}</w:p>"


def test_docx_footnotes_follow_the_paragraph_or_row_that_has_their_mark() -> None:
    document = docx.Document()
    for words, number in (("Trade grew.", 1), ("It fell.", 2), ("It rose.", 2), ("Odd.", 7)):
        document.element.body[-1].addprevious(parse_xml(marked(words, "footnoteReference", number)))
    table = document.add_table(rows=2, cols=3)
    for cell, words in zip((c for row in table.rows for c in row.cells), "abcdef", strict=True):
        cell.text = words
    table.cell(1, 0)._tc.append(parse_xml(marked("more", "footnoteReference", 3)))
    text = "<w:t>{}</w:t>"
    reading = docx_reader.read(
        docx_bytes(
            with_notes(
                document,
                footnote1="<w:footnoteRef/><w:t>Of goods.</w:t>",
                footnote2=text.format("ALL OF THEM"),
                footnote3=text.format("Late."),
            )
        )
    )
    assert blocks(reading) == [
        ("paragraph", "Trade grew."),
        ("paragraph", "Of goods."),
        ("paragraph", "It fell."),
        ("paragraph", "ALL OF THEM"),
        ("paragraph", "It rose."),
        ("paragraph", "Odd."),
        ("row", "a: d more; b: e; c: f."),
        ("paragraph", "Late."),
    ]


def test_docx_comments_and_notes_of_deleted_words_stay_out() -> None:
    document = docx.Document()
    document.add_comment(document.add_paragraph("They met.").runs, text="Did they?")
    deleted = '<w:del><w:r><w:footnoteReference w:id="1"/></w:r></w:del>'
    document.element.body.append(parse_xml(f"<w:p {nsdecls('w')}>{deleted}</w:p>"))
    with_notes(document, footnote1="<w:t>Deleted.</w:t>")
    assert docx_reader.read(docx_bytes(document)).text == "They met."


def test_docx_note_that_calls_itself_is_read_once() -> None:
    document = docx.Document()
    document.element.body.append(parse_xml(marked("They met.", "footnoteReference", 1)))
    with_notes(document, footnote1='<w:t>See here.</w:t><w:footnoteReference w:id="1"/>')
    assert docx_reader.read(docx_bytes(document)).text == "They met.\n\nSee here."


def test_docx_properties_give_the_metadata() -> None:
    document = docx.Document()
    document.add_paragraph("They met.")
    properties = document.core_properties
    properties.title, properties.language, properties.category = "The visit", "fr-CA", "readout"
    properties.created = datetime(2026, 3, 12)
    assert docx_reader.read(docx_bytes(document)).metadata == {
        "title": Found("The visit", "DOCX properties"),
        "published": Found("2026-03-12", "DOCX properties"),
        "language": Found("fr-CA", "DOCX properties"),
        "kind": Found("readout", "DOCX properties"),
    }


def test_docx_properties_of_the_template_are_not_the_documents() -> None:
    document = docx.Document()
    document.add_heading("The visit")
    assert docx_reader.read(docx_bytes(document)).metadata == {
        "title": Found("The visit", "first heading")
    }


@settings(max_examples=25)  # each saves and opens a file
@given(st.lists(SENTENCES, min_size=1, max_size=5))
def test_docx_gives_every_word_back(sentences: list[str]) -> None:
    document = docx.Document()
    for sentence in sentences:
        document.add_paragraph(sentence)
    assert [block for _, block in blocks(docx_reader.read(docx_bytes(document)))] == sentences


# PDF

Placed = tuple[float, float, float, str]  # left, bottom, size, words


TURNED = {  # where a place on an upright page lies on the sheet, and how letters are turned there
    0: ("1 0 0 1", lambda x, y: (x, y)),
    90: ("0 1 -1 0", lambda x, y: (612 - y, x)),
    180: ("-1 0 0 -1", lambda x, y: (612 - x, 792 - y)),
    270: ("0 -1 1 0", lambda x, y: (y, 792 - x)),
}


def pdf_bytes(*pages: list[Placed], info: str = "", rotation: int = 0) -> bytes:
    """Return a PDF whose pages show words at places, in points from the lower left corner."""
    matrix, place = TURNED[rotation]
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids "
        f"[{' '.join(f'{5 + 2 * number} 0 R' for number in range(len(pages)))}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< {info} >>",
    ]
    for number, page in enumerate(pages):
        shown = "\n".join(
            "BT /F1 {} Tf {} {} {} Tm ({}) Tj ET".format(size, matrix, *place(left, bottom), words)
            for left, bottom, size, words in page
        )
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Rotate {rotation} "
            f"/Contents {6 + 2 * number} 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream",
        ]
    body = "%PDF-1.4\n"
    for number, each in enumerate(objects, 1):
        body += f"{number} 0 obj\n{each}\nendobj\n"
    return f"{body}trailer << /Root 1 0 R /Info 4 0 R /Size {len(objects) + 1} >>".encode("cp1252")


def column(
    lines: list[str], *, top: float = 700, left: float = 72, size: float = 11
) -> list[Placed]:
    """Place lines one under the other."""
    return [(left, top - 1.2 * size * number, size, words) for number, words in enumerate(lines)]


LONG = [
    "The two leaders met on Monday in the capital and agreed to begin talks on a new",
    "treaty before the end of the year, and they asked the ministers of trade for a re-",
    "port on the steps that such a treaty needs, so that work can begin without delay.",
]
JOINED = " ".join(LONG).replace("re- port", "report")


def test_pdf_lines_become_paragraphs_and_broken_words_whole() -> None:
    page = [
        (72, 740, 18, "The visit"),
        *column(LONG),
        *column(LONG, top=640),
    ]
    reading = pdf.read(pdf_bytes(page))
    assert blocks(reading) == [
        ("heading", "The visit"),
        ("paragraph", JOINED),
        ("paragraph", JOINED),
    ]
    assert reading.metadata == {"title": Found("The visit", "first heading")}


def test_pdf_paragraph_runs_over_the_page_without_running_lines() -> None:
    def page(number: int, lines: list[str]) -> list[Placed]:
        head, foot = (72.0, 760.0, 9.0, f"Readout {number}"), (300.0, 30.0, 9.0, f"- {number} -")
        return [head, *column(lines), foot]

    reading = pdf.read(pdf_bytes(page(1, LONG[:2]), page(2, LONG[2:])))
    assert blocks(reading) == [("paragraph", JOINED)]
    assert [page.of(reading.text).split()[0] for page in reading.pages] == ["The", "report"]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_pdf_page_that_is_turned_is_read_upright(rotation: int) -> None:
    page = [(72, 580, 18, "The visit"), *column(LONG, top=500), *column(LONG, top=440)]
    assert blocks(pdf.read(pdf_bytes(page, rotation=rotation))) == [
        ("heading", "The visit"),
        ("paragraph", JOINED),
        ("paragraph", JOINED),
    ]


def test_pdf_letters_set_sideways_stay_out_of_the_paragraphs() -> None:
    sheet = pdf_bytes(column(LONG)).replace(b"1 0 0 1 72 686.8 Tm", b"0 1 -1 0 40 99.99 Tm")
    assert kinds(pdf.read(sheet)) == ["paragraph", "row", "paragraph"]


def test_pdf_pages_count_even_when_they_are_empty() -> None:
    reading = pdf.read(pdf_bytes([], column(["They met."]), [], column(["They left."])))
    assert [page.of(reading.text).strip() for page in reading.pages] == [
        "",
        "They met.",
        "",
        "They left.",
    ]


def test_pdf_columns_are_read_one_after_the_other() -> None:
    narrow = [line[:36] for line in LONG]
    page = [*column([*narrow, "left end."]), *column(["Right one.", "Right two."], left=330)]
    assert [block for _, block in blocks(pdf.read(pdf_bytes(page)))] == [
        " ".join([*narrow, "left end."]),
        "Right one. Right two.",
    ]


def test_pdf_items_and_table_rows_are_blocks_of_their_own() -> None:
    page = [
        *column(["Topics of the day:", "\\225 trade", "\\225 energy", "1. visas"]),
        *column(["Year", "2019", "2020"], top=600),
        *column(["Trade", "45", "50"], top=600, left=300),
    ]
    rows = sorted(page[4:], key=lambda placed: -placed[1])
    assert blocks(pdf.read(pdf_bytes(page[:4] + rows))) == [
        ("paragraph", "Topics of the day:"),
        ("item", "trade"),
        ("item", "energy"),
        ("item", "1. visas"),
        ("row", "Year Trade"),
        ("row", "2019 45"),
        ("row", "2020 50"),
    ]


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        pytest.param(
            "/Title (The visit) /CreationDate (D:20260312101500Z)",
            {
                "title": Found("The visit", "PDF properties"),
                "published": Found("2026-03-12", "PDF properties"),
            },
            id="both",
        ),
        pytest.param("/Title (Microsoft Word - visit.docx)", {}, id="made-up-title"),
        pytest.param("/CreationDate (D:20261340)", {}, id="no-such-day"),
        pytest.param("", {}, id="none"),
    ],
)
def test_pdf_properties_give_the_metadata(info: str, expected: dict[str, Found]) -> None:
    assert pdf.read(pdf_bytes(column(["They met."]), info=info)).metadata == expected


DRAWN = pdf_bytes([]).replace(b"0 >>\nstream\n", b"13 >>\nstream\n0 0 9 9 re f\n")
NOTED = pdf_bytes([]).replace(
    b"/Rotate", b"/Annots [<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] >>] /Rotate"
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(pdf_bytes([], []), "all pages of the PDF are empty", id="empty"),
        pytest.param(DRAWN, "no text layer: it is a scan or a drawing", id="drawing"),
        pytest.param(NOTED, "nothing but form fields or notes", id="note"),
        pytest.param(pdf_bytes(column(["--- ..."])), "no readable letters", id="no-letters"),
        pytest.param(b"%PDF-1.4 nothing", "damaged or not a PDF", id="garbage"),
    ],
)
def test_pdf_without_text_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        pdf.read(data)


# Lines


def lines(*texts: str, page: int = 1, **looks: float) -> list[Line]:
    """Set lines one under the other, each as wide as its words."""
    return [
        Line(
            words,
            page=page,
            left=0,
            right=5 * len(words),
            bottom=700 - 12 * number,
            size=looks.get("size", 10),
            bold=bool(looks.get("bold")),
        )
        for number, words in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param(("a long-term plan", "and a long-", "term view"), "and a long-term view",
                     id="known"),
        pytest.param(("the agreement of", "this agree-", "ment is new"), "agreement is", id="word"),
        pytest.param(("they met with the", "young G-", "7 leaders"), "young G-7", id="not-a-word"),
        pytest.param(("we based it, one", "way, on data-", "based views; based", "on data"),
                     "data-based views", id="two-words"),
    ],
)  # fmt: skip
def test_a_hyphen_at_the_end_of_a_line_is_kept_in_a_compound(
    texts: tuple[str, ...], expected: str
) -> None:
    assert expected in " ".join(part.text for part in paragraphs(lines(*texts)))


def test_bold_lines_are_headings_unless_everything_is_bold() -> None:
    prose = ["The ministers of both countries", "met in Ottawa last week and", "talked."]
    heading = lines("A word on trade", bold=True)
    assert [part.kind for part in paragraphs(heading + lines(*prose, page=2))] == [
        "heading",
        "paragraph",
    ]
    assert [part.kind for part in paragraphs(lines(*prose, bold=True))] == ["paragraph"]


def test_a_document_of_nothing_but_running_lines_keeps_them() -> None:
    repeated = [line for page in (1, 2, 3) for line in lines("Hello, world.", page=page)]
    assert [part.text for part in paragraphs(repeated)] == ["Hello, world."] * 3


def test_no_lines_make_no_paragraphs() -> None:
    assert paragraphs([]) == []


@given(st.lists(SENTENCES, min_size=1, max_size=30), st.integers(1, 3))
def test_lines_give_every_word_back(sentences: list[str], pages: int) -> None:
    printed = [
        Line(words, page=1 + number * pages // len(sentences), left=0, right=5 * len(words),
             bottom=700 - 12 * number, size=10)
        for number, words in enumerate(sentences)
    ]  # fmt: skip
    parts = paragraphs(printed)
    assert " ".join(part.text for part in parts).split() == " ".join(sentences).split()
