from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from langchain_tests.integration_tests import RetrieversIntegrationTests

from ingest.sync import sync
from rag.index import Generation, Index
from rag.language import fold
from rag.models import Encoder
from rag.query import in_conversation, understand
from rag.retrieve import Retriever, fuse, retrieve
from rag.types import Hit, Turn

SCORES = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-100, 100), max_size=8)
LISTS = st.lists(st.tuples(SCORES, st.floats(0.01, 1)), max_size=5)


def ask(text: str, generation: Generation, encoder: Encoder, *, top_k: int = 8) -> tuple[Hit, ...]:
    return retrieve(understand(text, generation, encoder), generation, top_k=top_k)


@given(LISTS, st.randoms())
def test_fusion_does_not_depend_on_the_order_of_its_lists(
    weighted: list[tuple[dict[str, float], float]], random: Any
) -> None:
    shuffled = random.sample(weighted, len(weighted))
    one = fuse([scores for scores, _ in weighted], [weight for _, weight in weighted])
    other = fuse([scores for scores, _ in shuffled], [weight for _, weight in shuffled])
    assert one == pytest.approx(other)


@example([({"a": 0.0, "b": 5e-324}, 1.0)])
@given(LISTS)
def test_fused_scores_lie_between_nothing_and_the_sum_of_the_weights(
    weighted: list[tuple[dict[str, float], float]],
) -> None:
    fused = fuse([scores for scores, _ in weighted], [weight for _, weight in weighted])
    assert fused.keys() == set().union(*(scores for scores, _ in weighted))
    total = sum(weight for _, weight in weighted)
    assert all(0 <= score <= total + 1e-9 for score in fused.values())


@given(LISTS, st.floats(0.1, 10), st.floats(-10, 10))
def test_fusion_does_not_depend_on_the_scale_of_a_list(
    weighted: list[tuple[dict[str, float], float]], factor: float, shift: float
) -> None:
    lists = [{k: round(v) for k, v in scores.items()} for scores, _ in weighted]
    scaled = [{k: factor * v + shift for k, v in scores.items()} for scores in lists]
    weights = [weight for _, weight in weighted]
    assert fuse(lists, weights) == pytest.approx(fuse(scaled, weights))


def test_what_is_first_in_every_list_is_first() -> None:
    fused = fuse([{"a": 2, "b": 1}, {"a": 0.3, "c": 0.1}], [0.4, 0.6])
    assert fused == pytest.approx({"a": 1, "b": 0, "c": 0})


def test_what_all_of_a_list_have_alike_counts_whole() -> None:
    assert fuse([{"a": 2.0}, {"a": 3.0, "b": 3.0}], [0.5, 0.25]) == {"a": 0.75, "b": 0.25}


def test_all_that_is_asked_for_is_compared_token_by_token(
    generation: Generation, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = understand("What did Canada and Mexico say on trade?", generation, encoder)
    found = retrieve(query, generation, top_k=50)
    monkeypatch.setattr("rag.retrieve.COMPARED", 50)
    assert retrieve(query, generation, top_k=50) == found


def test_as_many_weights_as_lists_are_needed() -> None:
    with pytest.raises(ValueError, match="shorter"):
        fuse([{"a": 1.0}, {}], [1.0])


@pytest.fixture
def small(tmp_path: Path, folder: Path, bag_of_words: Encoder) -> Index:
    opened = Index(tmp_path / "small", bag_of_words.fingerprint)
    sync(opened, bag_of_words, [folder])
    return opened


def test_hits_come_best_first_with_scores_that_fall(
    generation: Generation, encoder: Encoder
) -> None:
    scores = [hit.score for hit in ask("Who will sign the agreement?", generation, encoder)]
    assert len(scores) == 8
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_a_hit_is_a_slice_of_its_document(generation: Generation, encoder: Encoder) -> None:
    for hit in ask("tariffs on cars", generation, encoder, top_k=50):
        document = generation.document(hit.chunk.document_id)
        assert document is not None
        assert hit.chunk.text == hit.chunk.span.of(document.text)
        assert hit.chunk.title == document.title


@pytest.mark.parametrize("top_k", [1, 3, 50])
def test_gives_as_many_hits_as_asked_for(
    generation: Generation, encoder: Encoder, top_k: int
) -> None:
    hits = ask("trade with Mexico", generation, encoder, top_k=top_k)
    assert len({hit.chunk.id for hit in hits}) == len(hits) == top_k


def test_gives_all_there_is_when_that_is_less(small: Index, bag_of_words: Encoder) -> None:
    with small.reading() as generation:
        assert len(ask("harbour", generation, bag_of_words, top_k=20)) == 3


@pytest.mark.parametrize(
    ("question", "name"),
    [
        pytest.param("Who is Solange Márquez?", "marquez", id="accent"),
        pytest.param("Who is Solange Marquez?", "marquez", id="no-accent"),
        pytest.param("who is marquez", "marquez", id="lower-case"),
        pytest.param("WHO IS MÁRQUEZ?", "marquez", id="capitals"),
        pytest.param("Who is Marqeuz?", "marquez", id="letters-swapped"),
        pytest.param("What did Poilievere say?", "poilievre", id="letter-too-many"),
        pytest.param("What did Poilevre say?", "poilievre", id="letter-missing"),
        pytest.param("Who is Rachel Bendaian?", "bendayan", id="other-letter"),
        pytest.param("Qui est Bendayan ?", "bendayan", id="in-french"),
        pytest.param("¿Quién es LeBlanc?", "leblanc", id="in-spanish"),
    ],
)
def test_finds_a_name_however_it_is_written(
    generation: Generation, encoder: Encoder, question: str, name: str
) -> None:
    best = ask(question, generation, encoder)[0].chunk
    assert name in fold(f"{best.title} {best.heading} {best.text}")


def test_finds_by_words_alone(small: Index, bag_of_words: Encoder) -> None:
    """To the bag of words, sailing and sails are two different things."""
    with small.reading() as generation:
        meaning = generation.nearest_chunks(bag_of_words.encode_query("sailing"), 3)
        hits = ask("sailing", generation, bag_of_words)
    assert max(meaning.values()) < 1e-6
    assert hits[0].chunk.title == "Ferry"


def test_finds_by_meaning_alone(tmp_path: Path, folder: Path, encoder: Encoder) -> None:
    index = Index(tmp_path / "index", encoder.fingerprint)
    sync(index, encoder, [folder])
    with index.reading() as generation:
        query = understand("insects that make honey", generation, encoder)
        words = [term for word in query.words for term in word.terms]
        assert generation.matching_chunks(words, 10) == {}
        assert retrieve(query, generation, top_k=1)[0].chunk.title == "Orchard"


@pytest.mark.parametrize("island", ["Norvik", "Lund", "Tarn"])
def test_what_a_conversation_is_about_comes_first(
    tmp_path: Path, encoder: Encoder, island: str
) -> None:
    """Each document says the same, and the question does not say which is meant."""
    folder = tmp_path / "islands"
    folder.mkdir()
    for name in ("Lund", "Norvik", "Tarn"):
        text = f"# The ferry of {name}\n\nA ticket costs what the crossing of the day costs."
        (folder / f"{name}.md").write_text(text)
    for name in ("glass", "honey", "wool"):
        (folder / f"{name}.md").write_text(f"# The museum of {name}\n\nIt shows old {name}.")
    index = Index(tmp_path / "index", encoder.fingerprint)
    sync(index, encoder, [folder])
    history = [
        Turn(f"Tell me about the ferry of {island}.", "It sails at dawn."),
        Turn("Does it run on Sundays?", "No."),
    ]
    with index.reading() as generation:
        text, before = in_conversation(
            "How much does a ticket for the crossing of the day cost?", history
        )
        query = understand(text, generation, encoder, conversation=before)
        assert retrieve(query, generation, top_k=3)[0].chunk.title == f"The ferry of {island}"


def test_a_long_document_does_not_crowd_out_the_others(
    tmp_path: Path, bag_of_words: Encoder
) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    sections = (f"## Part {n}\n\nThe ferry, the ferry and ferry number {n}." for n in range(20))
    (folder / "long.md").write_text("\n\n".join(["# All of the ferry", *sections]))
    for name in "abcde":
        (folder / f"{name}.txt").write_text(f"Somebody called {name}{name} once saw the ferry.")
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [folder])
    with index.reading() as generation:
        hits = ask("ferry", generation, bag_of_words)
        everything = ask("ferry", generation, bag_of_words, top_k=50)
    assert len(hits) == 8
    assert len({hit.chunk.document_id for hit in hits}) == 6
    assert len(everything) == 25


def test_near_copies_of_a_document_do_not_crowd_out_the_others(
    tmp_path: Path, bag_of_words: Encoder
) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    words = [f"{a}{b}" for a in ("bro", "cle", "dra", "fni") for b in "abcdeilmnorst"]
    for number in range(9):
        text = f"The ferry, the ferry. {' '.join(words)} {number}."
        (folder / f"copy{number}.txt").write_text(text)
    for name in "abcde":
        (folder / f"{name}.txt").write_text(f"Somebody called {name}{name} once saw the ferry.")
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [folder])
    with index.reading() as generation:
        assert len(generation.clusters) == 8
        titles = [hit.chunk.title for hit in ask("ferry", generation, bag_of_words)]
    assert sum(title.startswith("Copy") for title in titles) == 3


def test_one_document_may_fill_the_hits_when_there_is_no_other(
    tmp_path: Path, bag_of_words: Encoder
) -> None:
    sections = (f"## Part {n}\n\nThe ferry number {n}." for n in range(9))
    path = tmp_path / "long.md"
    path.write_text("\n\n".join(["# All of the ferry", *sections]))
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [path])
    with index.reading() as generation:
        assert len(ask("ferry", generation, bag_of_words)) == 8


@pytest.mark.parametrize(
    "question",
    [
        '"trade',
        '""',
        "'; drop table chunks; --",
        "trade AND (",
        "NEAR(trade, 3) OR NOT",
        "trade * ^ : {text} - + ~",
        "text: trade",
        "trade\x00deal",
        "100 % of _",
        "🙂",
        "?",
    ],
)
def test_a_question_in_the_syntax_of_the_search_engine_is_harmless(
    generation: Generation, encoder: Encoder, question: str
) -> None:
    before = generation.summary()
    assert len(ask(question, generation, encoder)) == 8
    assert generation.summary() == before


@given(text=st.text(max_size=60))
def test_any_text_can_be_searched_for(index: Index, encoder: Encoder, text: str) -> None:
    with index.reading() as generation:
        assert len(ask(text, generation, encoder)) == 8


class TestLangChainRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def over_the_seeds(self, index: Index, encoder: Encoder) -> None:
        self._parameters = {"index": index, "encoder": encoder}

    @property
    def retriever_constructor(self) -> type[Retriever]:
        return Retriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return self._parameters

    @property
    def retriever_query_example(self) -> str:
        return "Which ministers went to Mexico in August?"


def test_a_langchain_document_carries_its_address(index: Index, encoder: Encoder) -> None:
    found = Retriever(index=index, encoder=encoder, k=2).invoke("Who is Rachel Bendayan?")
    with index.reading() as generation:
        for each in found:
            document = generation.document(each.metadata["document_id"])
            assert document is not None
            start, end = each.metadata["start"], each.metadata["end"]
            assert each.page_content == document.text[start:end]
            assert each.id == f"{document.id}:{start}-{end}"
