from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.types import Document, Sentence, Span


def document(text: str, **more: object) -> Document:
    return Document(title="A title", uri="a.txt", text=text, blocks=(), **more)  # type: ignore[arg-type]  # a builder


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (4, 3), (-2, -1)])
def test_a_span_runs_forward_from_zero(start: int, end: int) -> None:
    with pytest.raises(ValueError, match=f"not {start}:{end}"):
        Span(start, end)


def test_a_span_is_half_open() -> None:
    assert Span(2, 5).of("abcdefg") == "cde"


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        pytest.param(Span(2, 8), True, id="itself"),
        pytest.param(Span(4, 4), True, id="empty-inside"),
        pytest.param(Span(1, 3), False, id="starts-before"),
        pytest.param(Span(7, 9), False, id="ends-after"),
    ],
)
def test_a_span_contains_what_lies_wholly_inside(inner: Span, expected: bool) -> None:
    assert Span(2, 8).contains(inner) is expected


def test_values_can_not_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Span(1, 2).start = 0  # type: ignore[misc]  # what is tested


@given(st.text(), st.text())
def test_the_same_text_is_the_same_document_whatever_it_is_called(text: str, title: str) -> None:
    one = Document(title=title, uri="a.txt", text=text, blocks=())
    other = Document(title="B", uri="b/c.md", text=text, blocks=(), language="fr")
    assert one.id == other.id


def test_another_text_is_another_document() -> None:
    assert document("one").id != document("one ").id


def test_a_text_with_half_a_surrogate_pair_has_an_id() -> None:
    assert len(document("\ud800").id) == 16


def test_a_document_without_pages_has_no_page_numbers() -> None:
    assert document("text").page_of(0) is None


@pytest.mark.parametrize(("offset", "page"), [(0, 1), (9, 1), (10, 3), (25, 3)])
def test_the_page_of_a_character_is_the_last_that_starts_before_it(offset: int, page: int) -> None:
    pages = (Span(0, 10), Span(10, 10), Span(10, 26))
    assert document("x" * 26, pages=pages).page_of(offset) == page


def test_what_stands_before_the_first_page_is_on_page_one() -> None:
    assert document("x" * 9, pages=(Span(4, 9),)).page_of(0) == 1


def test_a_sentence_is_addressed_by_document_and_span() -> None:
    assert Sentence("0123", Span(4, 9), "words").id == "0123:4-9"
