from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from ingest.sync import sync
from rag.evidence import Evidence, weigh
from rag.extract import MOST_SENTENCES, SAME, choose
from rag.index import Generation, Index
from rag.models import Encoder
from rag.query import understand
from rag.retrieve import retrieve

FITTING = "Who is Rachel Bendayan?"
UNFITTING = "How many moons does Saturn have?"


def evidence(text: str, generation: Generation, encoder: Encoder) -> list[Evidence]:
    query = understand(text, generation, encoder)
    return weigh(query, retrieve(query, generation, top_k=8), generation)


def test_every_sentence_of_the_hits_is_weighed_once(
    generation: Generation, encoder: Encoder
) -> None:
    query = understand(FITTING, generation, encoder)
    hits = retrieve(query, generation, top_k=5)
    weighed = weigh(query, hits, generation)
    expected = sorted(sentence.id for hit in hits for sentence in hit.chunk.sentences)
    assert sorted(each.sentence.id for each in weighed) == expected


@pytest.mark.parametrize("question", [FITTING, UNFITTING, "?", "46,4", "¿Y Canadá?"])
def test_evidence_is_measured_from_zero_to_one(
    generation: Generation, encoder: Encoder, question: str
) -> None:
    for each in evidence(question, generation, encoder):
        shares = map(each.measured, ("coverage", "context", "named", "absent"))
        assert all(-1e-6 <= share <= 1 + 1e-6 for share in shares)
        assert -1 - 1e-5 <= each.measured("cosine") <= 1 + 1e-5
        assert 0 < each.probability < 1


def test_evidence_comes_best_first(generation: Generation, encoder: Encoder) -> None:
    scores = [each.score for each in evidence(FITTING, generation, encoder)]
    assert scores == sorted(scores, reverse=True)


def test_a_sentence_with_the_words_of_the_question_beats_one_without(
    tmp_path: Path, folder: Path, bag_of_words: Encoder
) -> None:
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [folder])
    with index.reading() as generation:
        best = evidence("Who steers the harbour ferry?", generation, bag_of_words)[0]
    assert best.sentence.text == "Nadia Okafor steers the harbour ferry."


def test_chooses_nothing_from_nothing() -> None:
    assert choose([]) == []


def test_chooses_nothing_when_nothing_fits(generation: Generation, encoder: Encoder) -> None:
    assert choose(evidence(UNFITTING, generation, encoder)) == []


def test_chooses_a_few_of_the_best_in_their_order(generation: Generation, encoder: Encoder) -> None:
    weighed = evidence(FITTING, generation, encoder)
    chosen = choose(weighed)
    assert 1 <= len(chosen) <= MOST_SENTENCES
    places = [weighed.index(each) for each in chosen]
    assert places == sorted(places)
    assert "Bendayan" in chosen[0].sentence.text


def test_the_same_sentence_of_several_documents_is_chosen_once(
    tmp_path: Path, encoder: Encoder
) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number, other in enumerate(("Rain fell.", "Bells rang.", "Doors closed.")):
        text = f"Nadia Okafor steers the harbour ferry.\n\n{other}"
        (folder / f"{number}.txt").write_text(text)
    index = Index(tmp_path / "index", encoder.fingerprint)
    sync(index, encoder, [folder])
    with index.reading() as generation:
        chosen = choose(evidence("Who steers the harbour ferry?", generation, encoder))
    assert [each.sentence.text for each in chosen] == ["Nadia Okafor steers the harbour ferry."]


def test_a_sentence_without_what_is_asked_for_does_not_answer(
    generation: Generation, encoder: Encoder
) -> None:
    best = evidence("Who is Rachel Bendayan?", generation, encoder)
    assert choose(best)
    assert not best[0].missing
    without = [replace(each, question="At what time did she come?") for each in best]
    assert without[0].missing
    assert choose(without) == []


def test_rows_that_name_others_are_each_quoted(generation: Generation, encoder: Encoder) -> None:
    chosen = choose(evidence("Who takes part in the working lunch?", generation, encoder))
    said = " ".join(each.sentence.text for each in chosen)
    assert all(name in said for name in ("Anand", "Bendayan", "LeBlanc"))
    cosines = [float(one.vector @ other.vector) for one, other in combinations(chosen, 2)]
    assert max(cosines) > SAME
