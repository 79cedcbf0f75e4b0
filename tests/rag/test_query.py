from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.index import Generation, Index
from rag.language import terms
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from rag.query import understand
from rag.selection import only
from rag.types import Filter
from tests.conftest import fill


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Wehn does the vsit begin?", "When does the visit begin?"),
        ("What did Shienbaum say about minning?", "What did Sheinbaum say about mining?"),
        ("how mcuh is trade betwen them", "how much is trade between them"),
        ("Who is Bendyan?", "Who is Bendayan?"),
    ],
)
def test_typing_errors_are_mended(
    generation: Generation, encoder: Encoder, typed: str, meant: str
) -> None:
    assert understand(typed, generation, encoder).text == meant


@pytest.mark.parametrize(
    "question",
    [
        "Could dragonflies move the enzyme?",  # spelled right, though no document has them
        "Did sneaky signers disclosing it get overtaken?",  # made of words that the model has
        "Who is Zbigniew Krzywonos?",
        "What did the WTOO say?",
        "¿Cuál es la capital de Francia?",
        "Qui est l’interprète de Carney ?",
    ],
)
def test_what_is_no_typing_error_is_left_alone(
    generation: Generation, encoder: Encoder, question: str
) -> None:
    assert understand(question, generation, encoder).text == question


def test_what_was_searched_for_is_told(pipeline: Pipeline) -> None:
    answer = pipeline.invoke(Question("Who is Rachel Bendyan?"))
    assert (answer.question, answer.searched_for) == (
        "Who is Rachel Bendyan?",
        "Who is Rachel Bendayan?",
    )


@pytest.fixture
def harbour(folder: Path, encoder: Encoder, model_cache: Path, tmp_path: Path) -> Iterator[Index]:
    """Open an index of the three small documents, all of them in English."""
    fill(folder, encoder, model_cache, tmp_path / "index")
    index = Index(tmp_path / "index", encoder.fingerprint)
    yield index
    index.close()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("À quelle heure part le bateau du port ?", {"ferri", "harbour"}),
        ("¿Qué frutas crecen en la granja de Lindqvist?", {"appl", "lindqvist"}),
    ],
)
def test_a_question_is_read_in_words_of_documents_of_another_language(
    harbour: Index, encoder: Encoder, question: str, expected: set[str]
) -> None:
    with harbour.reading() as generation:
        asked = understand(question, generation, encoder)
        [reading] = asked.readings(generation.languages)
        assert (asked.text, asked.read_well) == (question, False)
        assert (reading.text, reading.language) == (question, asked.language)
        assert reading.read_well
        assert expected <= reading.terms
        [(nearest, cosine)] = generation.nearest_chunks(reading.vector, 1).items()
        [chunk] = generation.chunks([nearest])
        assert expected & set(terms(chunk.text, "en"))
        assert cosine > generation.nearest_chunks(asked.vector, 1000)[nearest]


def test_a_question_in_the_language_of_the_documents_has_one_reading(
    harbour: Index, encoder: Encoder
) -> None:
    with harbour.reading() as generation:
        asked = understand("When does the ferry sail?", generation, encoder)
        assert asked.readings(generation.languages) == [asked]


def test_passages_in_the_language_of_the_question_are_read_as_it_was_asked(
    generation: Generation, encoder: Encoder
) -> None:
    asked = understand("Que contient l'accord ?", generation, encoder)
    assert asked.reading("fr") is asked
    assert asked.reading("es") is asked
    assert asked.reading("en") is asked.translated
    assert len(asked.readings(["en", "es", "fr"])) == 2


def test_a_word_that_only_documents_out_of_sight_have_is_not_put_into_the_question(
    harbour: Index, encoder: Encoder
) -> None:
    with harbour.reading() as generation:
        question = "Où est le bateau ?"
        [reading] = understand(question, generation, encoder).readings(["en"])
        museum = only(generation, Filter(documents=frozenset({"museum.txt"})))
        [unread] = understand(question, museum, encoder).readings(["en"])
        ferry, bateau = (encoder.encode_question(each)[0] for each in ("ferry", "bateau"))
        assert reading.vector == pytest.approx(ferry)
        assert unread.vector == pytest.approx(bateau)
