from datetime import date

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import IndexMissingError
from rag.index import Index
from rag.types import Block, Document, Span
from ui.source import CONTEXT, DOSSIER, MAX_LISTED, Opened, address, article, dossier, view
from ui.words import say

GONE, NOTHING_THERE = say("en", "gone"), say("en", "nowhere")

TEXT = "Title\n\nFirst. Second & <b>third</b>.\n\nOne\n\nTwo\n\nYear: 2024; Trade: 56."
PLAIN = Document(
    title="A <b>title</b>",
    uri="a&b.pdf",
    text=TEXT,
    blocks=(
        Block(Span(0, 5), "heading"),
        Block(Span(7, 36)),
        Block(Span(38, 41), "item"),
        Block(Span(43, 46), "item"),
        Block(Span(48, 70), "row"),
    ),
    published=date(2025, 9, 18),
    pages=(Span(0, 38), Span(38, 70)),
)
KINDS = {"h3": "heading", "p": "paragraph", "li": "item", "td": "row"}
VISIBLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


def parsed(markup: str) -> lxml.html.HtmlElement:
    return lxml.html.fragment_fromstring(markup, create_parent="div")


def blocks_of(markup: str) -> list[tuple[str, str]]:
    elements = parsed(markup).xpath("//article//*[self::h3 or self::p or self::li or self::td]")
    return [(KINDS[each.tag], each.text_content()) for each in elements]


def marked(markup: str) -> list[str]:
    return [each.text_content() for each in parsed(markup).xpath("//article//mark")]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    parts = draw(st.lists(st.tuples(VISIBLE, st.sampled_from(list(KINDS.values()))), min_size=1))
    blocks, text = [], ""
    for part, kind in parts:
        text += "\n\n" if text else ""
        blocks.append(Block(Span(len(text), len(text) + len(part)), kind))
        text += part
    return Document(title=draw(VISIBLE), uri=draw(VISIBLE), text=text, blocks=tuple(blocks))


@given(documents(), st.data())
def test_the_viewer_shows_the_blocks_and_marks_the_span(
    document: Document, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(document.text)))
    end = data.draw(st.integers(start, len(document.text)))
    markup = article(Opened(document, Span(start, end)))
    spans = [block.span for block in document.blocks]
    inside = [document.text[max(start, each.start) : min(end, each.end)] for each in spans]
    first = 0 if start < end else start
    shown = [each for each in document.blocks if each.span.end >= first]
    assert blocks_of(markup) == [(each.kind, each.span.of(document.text)) for each in shown]
    assert marked(markup) == [piece for piece in inside if piece]
    assert parsed(markup).xpath("//h2")[0].text_content() == document.title


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        pytest.param(Span(0, 0), [], id="nothing"),
        pytest.param(Span(0, 5), ["Title"], id="first-block"),
        pytest.param(Span(7, 13), ["First."], id="start-of-block"),
        pytest.param(Span(14, 36), ["Second & <b>third</b>."], id="end-of-block"),
        pytest.param(Span(48, 70), ["Year: 2024; Trade: 56."], id="end-of-document"),
        pytest.param(Span(5, 7), [], id="between-blocks"),
        pytest.param(Span(38, 46), ["One", "Two"], id="over-a-border"),
    ],
)
def test_marks_a_span(span: Span, expected: list[str]) -> None:
    assert marked(article(Opened(PLAIN, span))) == expected


def test_says_title_kind_date_language_page_and_file() -> None:
    header = parsed(article(Opened(PLAIN, Span(43, 46)))).xpath("//header")[0]
    assert [each.text_content() for each in header] == [
        "Close",
        "A <b>title</b>",
        "Document · September 18, 2025 · English · page 2",
        "a&b.pdf",
        "Open the whole documentAll documents",
    ]
    french = parsed(article(Opened(PLAIN, Span(43, 46)), "fr")).xpath("//header")[0]
    assert french[2].text_content() == "Document · 18 septembre 2025 · anglais · page 2"


def test_says_that_a_document_has_no_date() -> None:
    undated = Document(title="t", uri="u", text="x", blocks=(Block(Span(0, 1)),))
    assert (
        "Document · undated · English"
        in parsed(article(Opened(undated, Span(0, 1)))).text_content()
    )


def test_every_sentence_of_the_seeds_opens_at_its_text(index: Index) -> None:
    with index.reading() as generation:
        for document in generation.documents():
            block = document.blocks[len(document.blocks) // 2]
            markup = view(index, address(document.id, block.span))
            assert marked(markup) == [block.span.of(document.text)]


def test_the_dossier_links_to_each_document(index: Index, documents: tuple[Document, ...]) -> None:
    links = parsed(view(index, DOSSIER)).xpath("//li/a")
    assert [(each.text_content(), each.get("href")) for each in links] == [
        (each.title, address(each.id, Span(0, 0))) for each in documents
    ]


def test_of_a_large_dossier_only_the_first_are_listed() -> None:
    class Large:
        def summary(self) -> object:
            return type("Summary", (), {"documents": MAX_LISTED + 1})

        def documents(self, most: int) -> tuple[Document, ...]:
            return (PLAIN,) * most

    shown = parsed(dossier(Large()))
    assert "Only the first 200 are listed" in shown.text_content()
    assert len(shown.xpath("//li")) == MAX_LISTED


def test_of_a_long_document_what_is_around_the_passage_is_shown_and_one_can_read_on() -> None:
    words = ["word " * 2000 + str(number) for number in range(60)]
    text, blocks = "", []
    for each in words:
        blocks.append(Block(Span(len(text), len(text) + len(each))))
        text += each + "\n\n"
    long = Document(title="t", uri="u", text=text, blocks=tuple(blocks))
    around = article(Opened(long, blocks[30].span))
    assert marked(around) == [words[30]]
    assert len(parsed(around).xpath("//article")[0].text_content()) < 4 * CONTEXT
    begun = parsed(article(Opened(long, Span(0, 0))))
    (on,) = begun.xpath("//article//a")
    shown = [block for block in blocks if words[blocks.index(block)] in begun.text_content()]
    end = shown[-1].span.end
    assert on.get("href") == address(long.id, Span(end, end))


@pytest.mark.parametrize(
    ("link", "message"),
    [
        pytest.param("#source:0123456789abcdef:0-5", GONE, id="another-generation"),
        pytest.param("#source:{id}:5-4", NOTHING_THERE, id="backwards"),
        pytest.param("#source:{id}:0-999999", NOTHING_THERE, id="past-the-end"),
        pytest.param("#source:{id}:0-9999999999", NOTHING_THERE, id="too-many-digits"),
        pytest.param("#source:{id}:0-5\n", NOTHING_THERE, id="line-end"),
        pytest.param("#source:{id}:٠-٥", NOTHING_THERE, id="other-digits"),
        pytest.param("#source:../../etc/passwd:0-5", NOTHING_THERE, id="path"),
        pytest.param("<img src=x onerror=alert(1)>", NOTHING_THERE, id="markup"),
        pytest.param(None, NOTHING_THERE, id="nothing"),
        pytest.param({"a": 1}, NOTHING_THERE, id="no-text"),
    ],
)
def test_a_link_that_points_nowhere_is_answered_in_a_sentence(
    index: Index, documents: tuple[Document, ...], link: object, message: str
) -> None:
    if isinstance(link, str):
        link = link.replace("{id}", documents[0].id)
    assert parsed(view(index, link)).text_content() == message


def test_a_missing_index_is_said_in_the_viewer() -> None:
    class Missing:
        def reading(self) -> object:
            raise IndexMissingError("there is no index in 'x'; run python -m ingest PATH")

    assert parsed(view(Missing(), DOSSIER, "es")).text_content() == say("es", "dossier_missing")
