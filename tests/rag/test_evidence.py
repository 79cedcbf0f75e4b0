import numpy as np
import pytest

from rag.evidence import nearest_tokens, weigh
from rag.index import Generation
from rag.models import Encoder, signs
from rag.query import Conversation, QueryTokens, in_conversation, understand
from rag.retrieve import retrieve, search
from rag.types import Turn

CODES = {"same": [0, 1, 2], "half": [0], "none": [], "other": [7, 8, 9]}


def of(rows: list[int]) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((10, 384)).astype(np.float32)[rows]


def tokens(rows: list[int]) -> QueryTokens:
    vectors = of(rows) / np.linalg.norm(of(rows), axis=1, keepdims=True)
    return QueryTokens(vectors, np.full(len(rows), 1 / len(rows), np.float32))


def test_the_nearest_token_is_the_same_one_and_others_are_far() -> None:
    found = nearest_tokens(tokens([0, 1, 2]), {k: signs(of(rows)) for k, rows in CODES.items()})
    assert found.keys() == {"same", "half", "other"}
    assert found["same"] == pytest.approx([1, 1, 1], abs=0.1)
    assert found["half"] == pytest.approx([1, 0, 0], abs=0.25)
    assert found["other"] == pytest.approx([0, 0, 0], abs=0.25)


def test_what_is_looked_up_is_the_product_with_the_signs() -> None:
    asked, of_text = tokens([0, 1, 2]), of([3, 4, 5, 6])
    products = asked.vectors @ np.where(of_text > 0, 1, -1).T
    expected = products.max(axis=1) * np.sqrt(np.pi / 2 / 384)
    found = nearest_tokens(asked, {"text": signs(of_text)})["text"]
    assert found == pytest.approx(expected, abs=1e-5)


def test_similarities_of_signs_are_close_to_those_of_the_vectors(encoder: Encoder) -> None:
    texts = ["The ferry sails at dawn.", "Trade grew by a fifth.", "Ministers met in August."]
    _, question = encoder.encode_question("When does the boat leave?")
    assert question is not None
    lengths = np.linalg.norm(question.vectors, axis=1, keepdims=True)
    query = QueryTokens(question.vectors / lengths, np.ones(len(lengths), np.float32))
    for text in texts:
        _, found = encoder.encode_question(text)
        assert found is not None
        units = found.vectors / np.linalg.norm(found.vectors, axis=1, keepdims=True)
        exact = (query.vectors @ units.T).max(axis=1)
        near = nearest_tokens(query, {"text": signs(found.vectors)})["text"]
        assert np.abs(near - exact).max() < 0.15


def test_a_question_weighs_its_rare_words_most(generation: Generation, encoder: Encoder) -> None:
    found = understand("What did Bendayan say?", generation, encoder).tokens
    assert found is not None
    assert found.telling.sum() == pytest.approx(1)
    assert found.telling.argmax() in range(2, 6)  # the pieces of the name, after "what did"


def test_a_sentence_in_the_language_of_the_question_comes_first(
    generation: Generation, encoder: Encoder
) -> None:
    for language, question in (
        ("fr", "Quelle est la valeur du commerce bilatéral en 2024 ?"),
        ("es", "¿Cuál es el valor del comercio bilateral en 2024?"),
    ):
        found = search(understand(question, generation, encoder), generation, top_k=8)
        assert found.evidence[0].hit.chunk.language == language


HISTORY = (
    Turn("Who is Claudia Sheinbaum?", "She is Mexico's president. [1]"),
    Turn("What does Canada want?", "More trade. [1]"),
)


def test_a_question_that_leans_is_read_after_what_was_said() -> None:
    text, before = in_conversation("And what did she say?", HISTORY[:1])
    assert text == "And what did she say? (Claudia Sheinbaum)"
    assert before.last == "Who is Claudia Sheinbaum? She is Mexico's president."


@pytest.mark.parametrize(
    ("question", "last"),
    [
        ("When does Rachel Bendayan travel?", ""),
        ("Which of the fields of the agreement were named by officials?", ""),
        ("How many ministers?", "Who is Claudia Sheinbaum? What does Canada want? More trade."),
        ("When is the visit?", "Who is Claudia Sheinbaum? What does Canada want? More trade."),
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question: str, last: str) -> None:
    text, before = in_conversation(question, HISTORY)
    assert text == question
    assert before.last == last
    assert before.first == "Who is Claudia Sheinbaum? She is Mexico's president."
    assert before.turns == (before.first, "What does Canada want? More trade.")


def test_without_a_conversation_nothing_was_said() -> None:
    assert in_conversation("When is the visit?", ()) == ("When is the visit?", Conversation())


def test_what_was_said_changes_what_is_meant(generation: Generation, encoder: Encoder) -> None:
    alone = understand("When was that?", generation, encoder)
    said = Conversation(last="Ministers went to Mexico.")
    after = understand("When was that?", generation, encoder, conversation=said)
    topic = encoder.encode_query("ministers travelling to Mexico")
    assert after.in_context is not None
    assert after.in_context.vector @ topic > alone.vector @ topic
    assert after.vector == pytest.approx(alone.vector)  # whether it is answered, it tells alone
    assert retrieve(after, generation, top_k=3)


def test_a_passage_is_at_least_as_like_the_question_as_its_sentences(
    generation: Generation, encoder: Encoder
) -> None:
    query = understand("Who is Rachel Bendayan?", generation, encoder)
    hits = retrieve(query, generation, top_k=3)
    for each in weigh(query, hits, generation):
        assert each.measured("tokens") <= 1.2
        assert each.measured("passage_tokens") >= each.measured("telling_tokens") - 1e-6
