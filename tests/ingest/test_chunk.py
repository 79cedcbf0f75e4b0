import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.chunk import CHUNK_SIZE, cut, in_context
from ingest.load import find, load
from ingest.reading import FROM_NAME, Part, compose
from rag.types import Block, Chunk, Document, Span

SEEDS = Path(__file__).parents[2] / "seeds"
PUNCTUATION = [". ", "! ", "? ", "… ", "; ", "\n", " U.S. ", ' "Yes." ', " « Oui ! » ", " 46.4 "]
WORDS = st.lists(
    st.sampled_from(["ferry", "sails", "Ruiz", "Dr.", "¿cómo", "été", "3,5", "贸易。"])
)
PROSE = st.lists(st.one_of(WORDS.map(" ".join), st.sampled_from(PUNCTUATION))).map("".join)
LANGUAGE = st.sampled_from(["en", "fr", "es", "de", "ar", "ja", "tlh"])
KIND = st.sampled_from(["heading", "paragraph", "item", "row"])
PARTS = st.lists(st.builds(Part, st.one_of(PROSE, st.text()), KIND), max_size=12)


def document(text: str, blocks: tuple[Block, ...] | None = None, language: str = "en") -> Document:
    whole = (Block(Span(0, len(text))),)
    return Document("Title", "a.txt", text, whole if blocks is None else blocks, language)


def assert_lawful(document: Document, chunks: tuple[Chunk, ...]) -> None:
    """Check what holds for every document, whatever its format and content."""
    sentences = [sentence for chunk in chunks for sentence in chunk.sentences]
    for each in (*chunks, *sentences):
        assert each.text == each.span.of(document.text)
        assert each.text == each.text.strip() != ""
        assert each.document_id == document.id
    for chunk in chunks:
        assert chunk.span == Span(chunk.sentences[0].span.start, chunk.sentences[-1].span.end)
        assert len(chunk.text) <= CHUNK_SIZE
    assert all(one.span.end <= other.span.start for one, other in pairwise(sentences))
    bodies = [block for block in document.blocks if block.kind != "heading"] or document.blocks
    quoted = characters(document, (each.span for each in sentences))
    assert quoted == characters(document, (block.span for block in bodies))


def characters(document: Document, spans: Iterable[Span]) -> set[int]:
    """Return where the visible characters of the spans are."""
    places = (place for span in spans for place in range(span.start, span.end))
    return {place for place in places if not document.text[place].isspace()}


@pytest.mark.parametrize(
    "path", [path for path, _ in find([SEEDS], [])], ids=lambda path: path.name
)
def test_the_laws_hold_for_every_seed(path: Path) -> None:
    (loaded,) = load(path, root=SEEDS, uri=path.name).documents
    chunks = cut(loaded)
    assert_lawful(loaded, chunks)
    assert len(chunks) > 1


@given(PARTS, LANGUAGE)
def test_the_laws_hold_for_every_document(parts: list[Part], language: str) -> None:
    reading = compose(parts)
    made = document(reading.text, reading.blocks, language)
    assert_lawful(made, cut(made))


@given(st.text(), LANGUAGE)
def test_the_laws_hold_for_texts_that_no_reader_has_cleaned(text: str, language: str) -> None:
    made = document(text, language=language)
    assert_lawful(made, cut(made))


@given(st.lists(st.integers(1, 2 * CHUNK_SIZE), min_size=1, max_size=8))
def test_no_chunk_is_cut_short_without_need(lengths: list[int]) -> None:
    made = document(" ".join(f"A{'b' * length}." for length in lengths))
    chunks = cut(made)
    assert_lawful(made, chunks)
    for one, other in pairwise(chunks):
        assert other.sentences[0].span.end - one.span.start > CHUNK_SIZE


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        pytest.param("It sails. It docks.", "en", ["It sails.", "It docks."], id="two"),
        pytest.param("It cost 46.4 bn.", "en", ["It cost 46.4 bn."], id="decimal"),
        pytest.param("Dr. Ruiz left.", "en", ["Dr. Ruiz left."], id="abbreviation"),
        pytest.param("Go! Go! Go!", "en", ["Go!", "Go!", "Go!"], id="repeated"),
        pytest.param("Elle part. Il reste.", "fr", ["Elle part.", "Il reste."], id="french"),
        pytest.param("¿Quién? Ana.", "es", ["¿Quién?", "Ana."], id="spanish"),
        pytest.param("no full stop", "en", ["no full stop"], id="open-end"),
        pytest.param(" \n ", "en", [], id="nothing-visible"),
    ],
)
def test_cuts_sentences(text: str, language: str, expected: list[str]) -> None:
    found = [each.text for chunk in cut(document(text, None, language)) for each in chunk.sentences]
    assert found == expected


def test_a_sentence_goes_on_over_the_end_of_a_line() -> None:
    ((sentence,),) = (chunk.sentences for chunk in cut(document("The ferry\nsails at dawn.")))
    assert sentence.text == "The ferry\nsails at dawn."


def test_repeated_sentences_have_their_own_places() -> None:
    (chunk,) = cut(document("It sails. It sails. It sails."))
    assert [each.span for each in chunk.sentences] == [Span(0, 9), Span(10, 19), Span(20, 29)]


def test_a_heading_names_the_chunks_below_it_and_is_in_none() -> None:
    reading = compose(
        [Part("Before."), Part("Sea", "heading"), Part("It sails."), Part("Land", "heading"),
         Part("It rolls."), Part("It stops.", "item")]
    )  # fmt: skip
    chunks = cut(document(reading.text, reading.blocks))
    assert [(chunk.heading, chunk.text) for chunk in chunks] == [
        ("", "Before."),
        ("Sea", "It sails."),
        ("Land", "It rolls.\n\nIt stops."),
    ]


def test_a_short_list_item_is_quoted_with_what_introduces_it() -> None:
    reading = compose(
        [Part("They meet. They will discuss:"), Part("Trade", "item"), Part("Bees", "item"),
         Part("The ferry sails.", "item"), Part("Glass", "item")]
    )  # fmt: skip
    (chunk,) = cut(document(reading.text, reading.blocks))
    assert [each.text for each in chunk.sentences] == [
        "They meet.",
        "They will discuss:\n\nTrade\n\nBees",
        "The ferry sails.",
        "Glass",
    ]


def test_headings_are_quoted_where_there_is_nothing_else() -> None:
    reading = compose([Part("Sea", "heading"), Part("Land", "heading")])
    (chunk,) = cut(document(reading.text, reading.blocks))
    assert [each.text for each in chunk.sentences] == ["Sea", "Land"]


def test_a_paragraph_that_fits_in_a_chunk_is_not_torn() -> None:
    paragraph = " ".join(["The ferry sails at dawn."] * 24)
    reading = compose([Part(paragraph), Part(paragraph)])
    assert [chunk.text for chunk in cut(document(reading.text, reading.blocks))] == [paragraph] * 2


def test_a_document_without_blocks_has_no_chunks() -> None:
    assert cut(document("text", ())) == ()


def test_a_sentence_without_end_is_cut_after_a_clause() -> None:
    text = "The list names apples, " * 60 + "and pears"
    sentences = [each.text for chunk in cut(document(text)) for each in chunk.sentences]
    assert [len(each) <= CHUNK_SIZE for each in sentences] == [True] * 2
    assert sentences[0].endswith("apples,")


def test_a_very_long_paragraph_is_cut_in_linear_time() -> None:
    text = "The ferry sails at dawn. " * 20_000
    started = time.process_time()
    chunks = cut(document(text))
    assert time.process_time() - started < 20  # quadratic, it took minutes
    assert {each.text for chunk in chunks for each in chunk.sentences} == {text[:24]}


def test_a_chunk_in_another_language_than_its_document_says_so() -> None:
    english = "The prime minister met the president on Monday and they talked about trade. " * 9
    french = (
        "Le premier ministre a rencontré la présidente lundi et ils ont parlé du commerce. " * 6
    )
    reading = compose([Part(english), Part(french)])
    chunks = cut(document(reading.text, reading.blocks))
    assert [chunk.language for chunk in chunks] == ["en", "fr"]


def test_a_title_that_is_the_name_of_the_file_is_not_embedded() -> None:
    text = "It sails."
    for origin, context in (("front matter", "Title. \n"), (FROM_NAME, ". \n")):
        made = replace(document(text), origins=(("title", origin),))
        (chunk,) = cut(made)
        passage = in_context(chunk, made)
        assert passage.text == context + text
        assert [part.of(passage.text) for part in passage.parts] == [text]
