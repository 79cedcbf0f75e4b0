import io
import re
import zipfile
from collections.abc import Callable
from datetime import date

import docx
import pytest
from markdown_it import MarkdownIt

from rag.types import Answer, Citation, Span
from ui.brief import docx as as_docx
from ui.brief import markdown, plain
from ui.talk import Exchange, FromFile

MADE = date(2026, 3, 12)
HOSTILE = (
    "<img src=x onerror=alert(1)> ![p](http://evil.example/x.png) [x](javascript:alert(1)) "
    "http://evil.example www.evil.example me@evil.example $$x$$ `c` *b* _i_ ~~s~~ |t| =1+1"
)


def cited(quote: str = "It rains.", title: str = "Weather", uri: str = "weather.pdf") -> Citation:
    span = Span(0, len(quote))
    return Citation(1, "0123456789abcdef", title, uri, date(2025, 9, 18), 3, span, quote)


def exchange(question: str = "Does it rain?", quote: str = "It rains.", **given: str) -> Exchange:
    citation = cited(quote, **given)
    return Exchange(
        Answer(
            "1", question, "rain?", "en", "answered", text=f"{quote} [1]", as_of="As of today.",
            citations=(citation,),
        )
    )  # fmt: skip


REFUSED = Exchange(
    Answer("2", "And snow?", "And snow?", "en", "refused", coverage="Searched 2 documents.")
)


def paragraphs(data: bytes) -> list[tuple[str, str]]:
    return [(each.style.name, each.text) for each in docx.Document(io.BytesIO(data)).paragraphs]


def test_a_word_brief_has_question_answer_quotes_sources_dates_and_what_is_unanswered() -> None:
    assert paragraphs(as_docx((exchange(), REFUSED), "fr", MADE)) == [
        ("Title", "Note"),
        ("Normal", "Établie le 12 mars 2026"),
        ("Heading 1", "Does it rain?"),
        ("Normal", "Question recherchée : rain?"),
        ("Heading 2", "Réponse"),
        ("Normal", "It rains. [1]"),
        ("Normal", "As of today."),
        ("Heading 2", "Citations"),
        ("Quote", "[1] “It rains.”"),
        ("Heading 2", "Sources"),
        ("List Bullet", "[1] Weather, 18 septembre 2025, page 3, weather.pdf"),
        ("Heading 1", "And snow?"),
        ("Normal", "Absent des documents. Searched 2 documents."),
        ("Heading 1", "Sans réponse dans les documents"),
        ("List Bullet", "And snow? Searched 2 documents."),
    ]


def test_markdown_says_the_same_as_word() -> None:
    tokens = MarkdownIt("commonmark").parse(markdown((exchange(), REFUSED), "fr", MADE).decode())
    shown = [
        "".join(child.content for child in token.children or [] if child.type == "text")
        for token in tokens
        if token.type == "inline"
    ]
    assert shown == [text for _, text in paragraphs(as_docx((exchange(), REFUSED), "fr", MADE))]


@pytest.mark.parametrize("place", ["question", "quote", "title", "uri"])
def test_nothing_of_others_is_active_in_markdown(place: str) -> None:
    made = markdown((exchange(**{place: HOSTILE}),), "en", MADE).decode()
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parsed = parser.parse(made)
    kinds = {child.type for token in parsed for child in token.children or []}
    assert kinds <= {"text", "text_special"}
    assert not re.search(r"[^\\](://|@)|www[^\\]", made)  # what GitHub makes links of
    assert {token.type for token in parsed} & {"html_block", "table_open", "fence"} == set()


@pytest.mark.parametrize(
    "opening", ["- x", "+ x", "1. x", "2) x", "# x", "> x", "=1+1", "=== x", "--- x"]
)
def test_what_begins_like_a_mark_stays_text(opening: str) -> None:
    made = markdown((exchange(opening, opening),), "en", MADE).decode()
    questions = [line for line in made.splitlines() if line.startswith("## ")]
    (inline,) = [token for token in MarkdownIt().parse(questions[0]) if token.type == "inline"]
    assert "".join(child.content for child in inline.children or []) == opening


@pytest.mark.parametrize("place", ["question", "quote", "title", "uri"])
def test_a_word_brief_has_no_links_and_no_fields(place: str) -> None:
    data = as_docx((exchange(**{place: f"{HOSTILE}\0\ud800\x0b"}),), "en", MADE)
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        document = package.read("word/document.xml").decode()
        links = package.read("word/_rels/document.xml.rels").decode()
    assert HOSTILE in " ".join(text for _, text in paragraphs(data))
    assert not [each for each in ("w:hyperlink", "w:fld", "w:instrText") if each in document]
    assert "TargetMode" not in links


@pytest.mark.parametrize("made", [markdown, as_docx])
def test_what_the_readers_file_says_is_set_apart(made: Callable[..., bytes]) -> None:
    own = FromFile("mine.txt", exchange(quote="A secret.").answer)
    data = made((Exchange(exchange().answer, own=own),), "en", MADE)
    text = str(paragraphs(data)) if made is as_docx else data.decode()
    assert text.index("From your file") < text.index("A secret.")


def test_a_copied_answer_has_its_sources_with_dates() -> None:
    assert plain((exchange(),), "en") == (
        "It rains. [1]\nAs of today.\n[1] Weather, September 18, 2025, page 3, weather.pdf"
    )
