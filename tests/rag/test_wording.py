from dataclasses import replace
from datetime import date

import pytest

from rag import wording
from rag.index import Summary
from rag.types import Citation, Span

SPRING, SUMMER, AUTUMN = date(2024, 4, 2), date(2024, 7, 1), date(2024, 10, 30)


def cited(published: date | None, document_id: str = "a") -> Citation:
    return Citation(1, document_id, "Title", "a.txt", published, None, Span(0, 3), "abc")


def holding(first: date | None, last: date | None, documents: int = 5) -> Summary:
    return Summary("name", documents, 9, 30, first, last)


@pytest.mark.parametrize("language", ["en", "fr", "es"])
def test_the_line_says_the_newest_date_of_what_is_cited(language: str) -> None:
    line = wording.as_of(language, [cited(SPRING), cited(SUMMER, "b")], holding(SPRING, AUTUMN))
    newest = {"en": "July 1, 2024", "fr": "1 juillet 2024", "es": "1 de julio de 2024"}[language]
    assert line.index(newest) < line.index(":")


@pytest.mark.parametrize(
    ("citations", "summary", "expected"),
    [
        pytest.param(
            [cited(SPRING)],
            holding(SPRING, SPRING),
            "As of April 2, 2024: from 1 document dated April 2, 2024. "
            "Nothing in the documents is later.",
            id="one",
        ),
        pytest.param(
            [cited(SPRING), cited(SPRING), cited(SUMMER, "b")],
            holding(SPRING, AUTUMN),
            "As of July 1, 2024: from 2 documents dated April 2, 2024 to July 1, 2024. "
            "The documents go up to October 30, 2024.",
            id="two-and-later-ones",
        ),
    ],
)
def test_the_line_counts_documents_and_names_later_ones(
    citations: list[Citation], summary: Summary, expected: str
) -> None:
    assert wording.as_of("en", citations, summary) == expected


def test_there_is_no_line_when_nothing_is_cited() -> None:
    assert wording.as_of("en", [], holding(SPRING, AUTUMN)) == ""


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "No date is known: from 1 document without dates."),
        ("fr", "Aucune date connue : d’après 1 document, sans date."),
        ("es", "Fecha desconocida: según 1 documento, sin fecha."),
    ],
)
def test_the_line_says_when_no_date_is_known(language: str, expected: str) -> None:
    assert wording.as_of(language, [cited(None)], holding(SPRING, AUTUMN)) == expected


def test_the_line_says_how_many_documents_have_no_date() -> None:
    citations = [cited(SPRING), replace(cited(None), document_id="other")]
    assert wording.as_of("en", citations, holding(SPRING, SPRING)).startswith(
        "As of April 2, 2024: from 2 documents dated April 2, 2024 (1 of them without a date)."
    )


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Searched 5 documents dated April 2, 2024 to October 30, 2024."),
        ("fr", "Recherche dans 5 documents, datés du 2 avril 2024 au 30 octobre 2024."),
        (
            "es",
            "Se buscó en 5 documentos, "
            "con fechas del 2 de abril de 2024 al 30 de octubre de 2024.",
        ),
        ("de", "Searched 5 documents dated April 2, 2024 to October 30, 2024."),
    ],
)  # fmt: skip
def test_says_what_was_searched(language: str, expected: str) -> None:
    searched = holding(SPRING, AUTUMN)
    assert wording.coverage(language, searched, searched) == expected


def test_says_when_one_document_without_a_date_was_searched() -> None:
    searched = holding(None, None, 1)
    assert wording.coverage("en", searched, searched) == "Searched 1 document without dates."


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Searched 1 document dated April 2, 2024 (of 5 in all)."),
        ("fr", "Recherche dans 1 document, en date du 2 avril 2024 (sur 5 au total)."),
        ("es", "Se buscó en 1 documento, con fecha del 2 de abril de 2024 (de 5 en total)."),
    ],
)
def test_says_of_how_many_documents_some_were_searched(language: str, expected: str) -> None:
    some = holding(SPRING, SPRING, 1)
    assert wording.coverage(language, some, holding(SPRING, AUTUMN)) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Nothing was searched: no document fits what was chosen (of 5 in all)."),
        (
            "fr",
            "Rien n’a été cherché : aucun document ne correspond au choix fait (sur 5 au total).",
        ),
        ("es", "No se buscó nada: ningún documento corresponde a lo elegido (de 5 en total)."),
    ],
)
def test_says_when_no_document_was_chosen(language: str, expected: str) -> None:
    none = holding(None, None, 0)
    assert wording.coverage(language, none, holding(SPRING, AUTUMN)) == expected


@pytest.mark.parametrize("language", ["en", "fr", "es"])
def test_offers_the_nearest_passage_word_for_word(language: str) -> None:
    assert wording.nearest(language, "“As it stands.” [1]").endswith(" “As it stands.” [1]")


def test_every_language_has_its_own_words() -> None:
    said = {
        each: {wording.refusal(each), wording.nearest(each, ""), wording.nearest(each, "x")}
        for each in ("en", "fr", "es")
    }
    assert len(set.union(*said.values())) == 9
