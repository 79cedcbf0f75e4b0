from collections.abc import Sequence

import numpy as np
import pytest

from rag.evidence import AKIN, _nearest, _Passage, _Words, nearest_tokens, weigh
from rag.index import Generation
from rag.language import terms
from rag.models import Encoder, signs
from rag.query import LIKE, Conversation, Query, QueryTokens, Word, in_conversation, understand
from rag.retrieve import Weights, _by_topic, retrieve, search
from rag.store import Vectors
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


def test_a_cosine_is_told_by_the_product_with_the_signs() -> None:
    asked, of_text = tokens([0, 1, 2]), of([3, 4, 5, 6])
    products = asked.vectors @ np.where(of_text > 0, 1, -1).T
    expected = products.max(axis=1) * np.sqrt(np.pi / 2 / 384)
    found = nearest_tokens(asked, {"text": signs(of_text)})["text"]
    assert found == pytest.approx(expected, abs=1e-3)


def test_products_with_a_text_are_those_with_its_parts() -> None:
    asked, whole = tokens([0, 1, 2]), signs(of([3, 4, 5, 6]))
    first, second = whole[:96], whole[96:]
    found = asked.products({"whole": whole, "first": first, "second": second})
    assert found["whole"].tolist() == [*found["first"].tolist(), *found["second"].tolist()]
    assert asked.products({"whole": whole})["whole"] is found["whole"]


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
        near = nearest_tokens(query, {text: signs(found.vectors)})[text]
        assert np.abs(near - exact).max() < 0.15


def test_a_question_weighs_its_rare_words_most(generation: Generation, encoder: Encoder) -> None:
    found = understand("What did Bendayan say?", generation, encoder).tokens
    assert found is not None
    assert found.telling.sum() == pytest.approx(1)
    assert found.telling.argmax() in range(2, 6)  # the pieces of the name, after "what did"


def words(text: str, *own: Word, vocabulary: str) -> _Words:
    query = Query(text, "en", np.zeros(1), np.zeros(1), None, own, frozenset())
    return _Words(query, {*vocabulary.split()}, 10)


def test_a_text_has_a_word_itself_or_one_like_it_or_one_of_its_family() -> None:
    found = words(
        "imperial fleet",
        Word("imperial", frozenset({"imperial"}), frozenset({"fleet", "royal"}), 1, 1),
        Word("fleet", frozenset({"fleet"}), frozenset({"imperial"}), 1, LIKE),
        vocabulary="imperial imperi fleet royal harbour",
    )
    rows = {
        "imperial royal imperi": [1, LIKE],
        "imperi": [AKIN, 0],
        "imperi royal": [LIKE, 0],
        "fleet": [LIKE, LIKE],
        "harbour": [0, 0],
        "": [0, 0],
    }
    assert found.rows([each.split() for each in rows]).tolist() == [*rows.values()]


def test_neighbouring_words_count_where_they_stand_together() -> None:
    found = words("harbour ferry sail dawn", vocabulary="harbour ferri sail")
    assert found.together(["harbour", "ferri", "sail"]) == pytest.approx(2 / 3)  # of three pairs
    assert found.together(["ferri", "harbour"]) == pytest.approx(1 / 3)
    assert found.together(["harbour", *["else"] * 20, "ferri"]) == 0
    assert found.together(["ferri", "dawn"]) == found.together([]) == 0
    assert words("harbour", vocabulary="harbour").together(["harbour"]) == 0


def test_a_passage_stands_under_its_title_and_heading(generation: Generation, alone: Query) -> None:
    [hit] = retrieve(alone, generation, top_k=1)
    found = _Passage(hit, generation.embeddings([hit.chunk.id])[hit.chunk.id]).context
    texts = hit.chunk.title, hit.chunk.heading, hit.chunk.text
    assert found == {term for each in texts for term in terms(each, hit.chunk.language)}
    assert not {*terms(hit.chunk.title, "en")} <= {*terms(hit.chunk.text, "en")}


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
    assert before.last == ("Who is Claudia Sheinbaum? She is Mexico's president.",)


LAST_FIRST = (
    "What does Canada want? More trade.",
    "Who is Claudia Sheinbaum? She is Mexico's president.",
)


@pytest.mark.parametrize(
    ("question", "last"),
    [
        ("When does Rachel Bendayan travel?", ()),
        ("Which of the fields of the agreement were named by officials?", ()),
        ("How many ministers?", LAST_FIRST),
        ("When is the visit?", LAST_FIRST),
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question: str, last: tuple[str, ...]) -> None:
    text, before = in_conversation(question, HISTORY)
    assert text == question
    assert before.last == last
    assert before.first == "Who is Claudia Sheinbaum? She is Mexico's president."
    assert before.turns == (before.first, "What does Canada want? More trade.")


def test_the_last_two_turns_and_the_beginnings_of_their_answers_tell_what_is_meant() -> None:
    long = Turn("What else?", "word " * 60)
    before = in_conversation("When is it?", [*HISTORY, long])[1]
    assert before.last == (f"What else? {long.answer[:200]}".strip(), LAST_FIRST[0])
    assert before.turns[-1] == f"What else? {long.answer}".strip()


@pytest.fixture
def alone(generation: Generation, encoder: Encoder) -> Query:
    return understand("When is the visit?", generation, encoder)


@pytest.fixture
def within(generation: Generation, encoder: Encoder) -> Query:
    """Return the same question in a conversation."""
    said = in_conversation("When is the visit?", HISTORY)[1]
    return understand("When is the visit?", generation, encoder, conversation=said)


def test_in_a_conversation_the_length_of_a_chunk_counts(
    generation: Generation, alone: Query, within: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = retrieve(alone, generation, top_k=5)
    monkeypatch.setattr("rag.retrieve.TOPIC", (0, 0, 100))
    assert retrieve(alone, generation, top_k=5) == before
    found = [hit.chunk.id for hit in retrieve(within, generation, top_k=5)]
    sizes = [len(generation.embeddings([each])[each].code) for each in found]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


def test_in_a_conversation_the_ways_of_finding_count_otherwise(
    generation: Generation, alone: Query, within: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = retrieve(alone, generation, top_k=5)
    monkeypatch.setattr("rag.retrieve.TOPIC", (0, 0, 0))
    other = [hit.chunk.id for hit in retrieve(within, generation, top_k=5)]
    meaning = Weights(1, 0, 0, 0, best_sentence=0, read=2)
    monkeypatch.setattr("rag.retrieve.CONVERSATION", meaning)
    assert retrieve(alone, generation, top_k=5) == before
    found = search(within, generation, top_k=5)
    ids = [hit.chunk.id for hit in found.hits]
    cosines = generation.nearest_chunks(within.in_context, 100)
    assert ids == sorted(ids, key=lambda each: -cosines[each])
    assert ids != other
    assert len({each.hit.chunk.id for each in found.evidence}) == 2


def test_without_a_conversation_nothing_was_said() -> None:
    assert in_conversation("When is the visit?", ()) == ("When is the visit?", Conversation())


def test_what_was_said_changes_what_is_meant(generation: Generation, encoder: Encoder) -> None:
    alone = understand("When was that?", generation, encoder)
    said = Conversation(last=("Ministers went to Mexico.", "What else? Nothing."))
    after = understand("When was that?", generation, encoder, conversation=said)
    topic = encoder.encode_query("ministers travelling to Mexico")
    assert after.in_context @ topic > alone.in_context @ topic
    assert np.linalg.norm(after.in_context) == pytest.approx(1)
    assert after.vector == pytest.approx(after.in_context)  # it has no word of its own
    assert retrieve(after, generation, top_k=3)


def test_whether_a_question_with_words_is_answered_is_told_by_it(
    generation: Generation, encoder: Encoder
) -> None:
    alone = understand("How many ministers?", generation, encoder)
    said = Conversation(last=("Ships and ports.",))
    after = understand("How many ministers?", generation, encoder, conversation=said)
    assert after.vector == pytest.approx(alone.vector)
    assert not np.allclose(after.in_context, alone.vector, atol=0.01)


def test_a_question_that_leans_is_embedded_beside_what_it_borrowed(
    generation: Generation, encoder: Encoder
) -> None:
    text, said = in_conversation("And what did she say?", HISTORY[:1])
    own = "And what did she say?"
    found = understand(text, generation, encoder, own=own, conversation=said)
    alone = understand(own, generation, encoder)
    assert found.tokens is not None
    assert alone.tokens is not None
    assert found.tokens.vectors.shape == alone.tokens.vectors.shape  # of its own tokens alone
    assert not np.allclose(found.tokens.vectors, alone.tokens.vectors, atol=0.01)
    assert found.vector == pytest.approx(found.in_context)
    named = encoder.encode_query("Claudia Sheinbaum")
    assert found.vector @ named > alone.vector @ named + 0.2


def test_the_turn_just_before_counts_most(generation: Generation, encoder: Encoder) -> None:
    def after(*last: str) -> np.ndarray:
        said = Conversation(last=last)
        return understand("When was that?", generation, encoder, conversation=said).in_context

    mining, ports = "Mines and metals.", "Ships and ports."
    of_mining = encoder.encode_query(mining)
    assert after(mining, ports) @ of_mining > after(ports, mining) @ of_mining + 0.05


def test_what_a_conversation_is_about_is_compared_with_passages_and_titles(
    generation: Generation, encoder: Encoder
) -> None:
    said = in_conversation("When is it?", HISTORY)[1]
    topic = understand("When is it?", generation, encoder, conversation=said).topic
    assert topic is not None
    embedded = generation.embeddings([*generation.matching_chunks(["mexico"], 20)])
    cosines, titled, lengths = _by_topic(topic, embedded, generation)
    of_first = encoder.encode_query("Who is Claudia Sheinbaum? She is Mexico's president.")
    expected = {each: found.vectors[0] @ of_first for each, found in embedded.items()}
    assert cosines == pytest.approx(expected, abs=1e-5)
    own = {each: terms(*title) for each, title in generation.titles([*embedded]).items()}
    shares = {e: len({*of} & topic.terms) / len({*of}) if of else 0 for e, of in own.items()}
    assert titled == pytest.approx(shares)
    assert len({*shares.values()}) > 1
    by_length = sorted(lengths, key=lambda each: len(embedded[each].code))
    assert sorted(lengths.values()) == [lengths[each] for each in by_length]
    assert len({*lengths.values()}) > 1


def test_a_turn_is_embedded_once(
    generation: Generation, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    own = encoder._backend.encode

    def noted(texts: Sequence[str]) -> Vectors:
        seen.extend(texts)
        return own(texts)

    monkeypatch.setattr(encoder._backend, "encode", noted)
    turn = Turn("Who sells sea ice to whom?", "Nobody does.")
    for question in ("And when?", "And where?"):
        said = in_conversation(question, [turn])[1]
        understand(question, generation, encoder, conversation=said)
    assert seen == ["Who sells sea ice to whom? Nobody does."]


def test_a_sentence_without_tokens_is_like_no_question(
    generation: Generation, encoder: Encoder
) -> None:
    query = understand("Who is Rachel Bendayan?", generation, encoder)
    [hit] = retrieve(query, generation, top_k=1)
    assert query.tokens is not None
    code = generation.embeddings([hit.chunk.id])[hit.chunk.id].code
    products = query.tokens.products({"whole": code})["whole"]
    found = _nearest(query.tokens, [products], [0, len(products), 0])
    assert found[0].tolist() == found[2].tolist() == [0] * len(query.tokens.vectors)
    assert found[1] == pytest.approx(nearest_tokens(query.tokens, {"whole": code})["whole"])


def test_a_passage_is_at_least_as_like_the_question_as_its_sentences(
    generation: Generation, encoder: Encoder
) -> None:
    query = understand("Who is Rachel Bendayan?", generation, encoder)
    hits = retrieve(query, generation, top_k=3)
    for each in weigh(query, hits, generation):
        assert each.measured("tokens") <= 1.2
        assert each.measured("passage_tokens") >= each.measured("telling_tokens") - 1e-6
