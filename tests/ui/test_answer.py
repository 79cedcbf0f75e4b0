from datetime import date

import lxml.html

from rag.types import Answer, Citation, Span
from ui.answer import html, messages

HOSTILE = "<img src=x onerror=alert(1)> ![](http://evil.example) [x](javascript:alert(1)) $$x$$"


def citation(marker: int, *, page: int | None = None, quote: str = "It rains.") -> Citation:
    return Citation(
        marker=marker,
        document_id="0123456789abcdef",
        title="Weather report",
        uri="weather.pdf",
        published=date(2025, 9, 18),
        page=page,
        span=Span(marker, marker + len(quote)),
        quote=quote,
    )


def answer(**given: object) -> Answer:
    fields = {"id": "1", "question": "q", "searched_for": "q", "language": "en"}
    return Answer(**{**fields, "status": "answered", **given})


def parsed(markup: str) -> lxml.html.HtmlElement:
    return lxml.html.fragment_fromstring(markup, create_parent="div")


def lines(markup: str) -> list[str]:
    found = parsed(markup).xpath("//p | //li")
    return [" ".join(each.text_content().split()) for each in found]


def test_an_answer_is_quotes_with_links_and_the_small_print() -> None:
    whole = answer(
        searched_for="q (weather)",
        as_of="As of today.",
        citations=(citation(1, page=2), citation(2, page=3), citation(3, page=2)),
    )
    assert lines(html(whole)) == [
        "It rains. [1]",
        "It rains. [2]",
        "It rains. [3]",
        "As of today.",
        "Searched for: q (weather)",
        "Sources",
        "[1] [3] Weather report · September 18, 2025 · page 2",
        "[2] Weather report · September 18, 2025 · page 3",
    ]


def test_a_link_carries_the_document_and_the_span() -> None:
    link = parsed(html(answer(citations=(citation(1),)))).xpath("//a")[0]
    assert link.get("href") == "#source:0123456789abcdef:1-10"


def test_the_words_beside_an_answer_follow_its_language() -> None:
    whole = answer(language="fr", searched_for="r", citations=(citation(1),))
    assert lines(html(whole))[1:] == [
        "Question recherchée : r",
        "Sources",
        "[1] Weather report · 18 septembre 2025",
    ]


def test_a_refusal_shows_the_nearest_passage_as_no_answer() -> None:
    refused = answer(
        status="refused",
        text="The documents do not say. Searched 1 document. The nearest passage: It rains. [1]",
        coverage="Searched 1 document.",
        as_of="As of today.",
        citations=(citation(1),),
    )
    nearest = parsed(html(refused)).xpath("//div[@class='nearest']/p")
    assert [each.text_content() for each in nearest] == [
        " The nearest passage: ",
        "It rains.\xa0[1]",
    ]
    assert lines(html(refused))[:2] == ["The documents do not say.", "Searched 1 document."]
    assert "As of today." not in lines(html(refused))


def test_a_refusal_without_a_passage_says_so() -> None:
    refused = answer(
        status="refused",
        text="The documents do not say. Searched 1 document. No passage comes near.",
        coverage="Searched 1 document.",
    )
    assert lines(html(refused)) == [
        "The documents do not say.",
        "Searched 1 document.",
        "No passage comes near.",
    ]


def test_an_answer_that_is_being_made_says_so() -> None:
    growing = answer(status="searching", language="es", citations=(citation(1),))
    assert lines(html(growing)) == ["It rains. [1]", "Buscando en los documentos…"]


def test_hostile_text_stays_text_in_every_place() -> None:
    cited = Citation(
        marker=1,
        document_id="0123456789abcdef",
        title=HOSTILE,
        uri=HOSTILE,
        published=None,
        page=None,
        span=Span(0, 3),
        quote=HOSTILE,
    )
    whole = answer(question=HOSTILE, searched_for=HOSTILE + "x", as_of=HOSTILE, citations=(cited,))
    shown = messages([whole], notice=HOSTILE)
    content = "".join(each["content"] for each in shown)
    assert {each.tag for each in parsed(content).iterdescendants()} == {"div", "p", "a", "ul", "li"}
    assert not set("![](){}$`*") - set("[]") & set(content)
    assert parsed(shown[0]["content"]).text_content() == HOSTILE


def test_messages_take_turns_and_end_with_the_notice() -> None:
    shown = messages([answer(), answer()], notice="the index is busy; wait")
    assert [each["role"] for each in shown] == ["user", "assistant"] * 2 + ["assistant"]
    assert lines(shown[-1]["content"]) == ["The index is busy; wait."]
