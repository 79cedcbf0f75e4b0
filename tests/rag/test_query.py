import pytest

from rag.index import Generation
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from rag.query import understand


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
