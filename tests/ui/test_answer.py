from datetime import date

import lxml.html
import pytest

from rag.types import Answer, Check, Citation, Span, Statement
from ui.answer import conversation, turn
from ui.answer import html as html_of
from ui.talk import Exchange, FromFile

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


def html(given: Answer) -> str:
    return html_of(Exchange(given))


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
        "Answered · quoted sentences",
        "It rains. [1]",
        "It rains. [2]",
        "It rains. [3]",
        "As of today.",
        "Searched for: q (weather)",
        "Sources",
        "[1] [3] Weather report · September 18, 2025 · page 2",
        "[2] Weather report · September 18, 2025 · page 3",
    ]


def test_quotes_that_only_may_answer_say_so_first() -> None:
    whole = answer(status="partial", notice="this may not answer", citations=(citation(1),))
    assert lines(html(whole))[:3] == [
        "Perhaps answered · quoted sentences",
        "This may not answer.",
        "It rains. [1]",
    ]


def test_a_link_carries_the_document_and_the_span() -> None:
    link = parsed(html(answer(citations=(citation(1),)))).xpath("//a")[0]
    assert link.get("href") == "#source:0123456789abcdef:1-10"
    assert link.get("title") == "Open source 1: Weather report"


def test_the_words_beside_an_answer_follow_its_language() -> None:
    whole = answer(language="fr", searched_for="r", citations=(citation(1),))
    assert lines(html(whole)) == [
        "Réponse · phrases citées",
        "It rains. [1]",
        "Question recherchée : r",
        "Sources",
        "[1] Weather report · 18 septembre 2025",
    ]


@pytest.mark.parametrize(
    ("check", "line", "kind"),
    [
        ("quoted", "It pours. [1]", "quote quoted"),
        (
            "verified",
            "It pours. [1] Written by the model, checked against its source",
            "stated verified",
        ),
        (
            "repaired",
            "It pours. [1] Corrected: the model’s first wording had no proof",
            "stated repaired",
        ),
        (
            "replaced",
            "It pours. [1] Quoted instead: the model’s wording had no proof",
            "quote replaced",
        ),
    ],
)
def test_how_a_sentence_came_to_be_shown_is_said(check: Check, line: str, kind: str) -> None:
    statement = Statement("It pours.", (1, 7), check)
    whole = answer(citations=(citation(1),), statements=(statement,), dropped=2, notice="slow")
    assert lines(html(whole))[1:4] == [
        line,
        "2 sentences were left out because nothing proves them.",
        "Slow.",
    ]
    assert parsed(html(whole)).xpath("//p[2]")[0].get("class") == kind


def test_the_model_that_wrote_an_answer_is_named() -> None:
    whole = answer(mode="generative", model="llama", status="partial")
    assert lines(html(whole))[0] == "Partly answered · written by llama"


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
    assert lines(html(refused))[:3] == [
        "Not in the documents · quoted sentences",
        "The documents do not say.",
        "Searched 1 document.",
    ]
    assert "As of today." not in lines(html(refused))


def test_a_refusal_without_a_passage_says_so() -> None:
    refused = answer(
        status="refused",
        text="The documents do not say. Searched 1 document. No passage comes near.",
        coverage="Searched 1 document.",
    )
    assert lines(html(refused))[1:] == [
        "The documents do not say.",
        "Searched 1 document.",
        "No passage comes near.",
    ]


def test_it_is_said_when_no_document_fits_what_was_chosen() -> None:
    nothing = "Nothing was searched: no document fits what was chosen (of 9 in all)."
    refused = answer(status="refused", text=nothing, coverage=nothing)
    assert lines(html(refused)) == ["No document was asked · quoted sentences", nothing]


def test_an_answer_that_is_being_made_says_so() -> None:
    growing = answer(status="searching", language="es", citations=(citation(1),))
    assert lines(html(growing)) == ["It rains. [1]", "Buscando en los documentos…"]
    assert "<button" not in turn(Exchange(growing), 0, "es", last=True)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (
            FromFile("a.txt", answer(citations=(citation(1),))),
            ["From your file a.txt, which is not in the dossier:", "It rains. [1]"],
        ),
        (
            FromFile(
                "a.txt", answer(status="partial", notice="not sure", citations=(citation(1),))
            ),
            ["From your file a.txt, which is not in the dossier:", "Not sure.", "It rains. [1]"],
        ),
        (FromFile("a.txt", answer(status="refused")), ["Your file a.txt does not say."]),
        (
            FromFile("a.txt"),
            ["Your file a.txt was removed after an hour; attach it again to ask it."],
        ),
    ],
)
def test_what_the_readers_file_says_is_set_apart(own: FromFile, expected: list[str]) -> None:
    shown = parsed(html_of(Exchange(answer(), own=own))).xpath("//div[@class='own']")[0]
    found = [" ".join(each.text_content().split()) for each in shown.xpath(".//p")]
    assert found == expected


def test_only_the_last_question_is_asked_again_and_a_vote_shows() -> None:
    shown = parsed(conversation((Exchange(answer(), vote="good"), Exchange(answer())), "en"))
    assert [each.get("data-n") for each in shown.xpath("//*[@data-do='retry']")] == ["1"]
    pressed = shown.xpath("//*[@aria-pressed='true']")
    assert [each.text_content() for each in pressed] == ["Helpful"]
    form = parsed(conversation((Exchange(answer(), vote="asked"),), "fr")).xpath("//form")[0]
    assert form.xpath(".//legend")[0].text_content() == "Qu’est-ce qui ne va pas ?"


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
    whole = answer(
        question=HOSTILE,
        searched_for=HOSTILE + "x",
        as_of=HOSTILE,
        citations=(cited,),
        statements=(Statement(HOSTILE, (1,), "repaired"),),
        notice=HOSTILE,
        mode="generative",
        model=HOSTILE,
    )
    own = FromFile(HOSTILE, whole)
    content = conversation((Exchange(whole, where=HOSTILE, own=own),), "en", notice=HOSTILE)
    assert {each.tag for each in parsed(content).iterdescendants()} == {
        "section", "div", "h2", "span", "p", "a", "ul", "li", "button", "strong",
    }  # fmt: skip
    assert not set("![](){}$`*") - set("[]") & set(content)
    assert HOSTILE in parsed(content).xpath("//h2")[0].text_content()


def test_the_conversation_ends_with_the_notice() -> None:
    shown = conversation((Exchange(answer()),), "en", notice="the index is busy; wait")
    assert lines(shown)[-1] == "The index is busy; wait."
