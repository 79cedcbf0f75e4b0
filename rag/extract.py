"""Which sentences of the retrieved chunks answer a question, and whether any of them does."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.index import Generation, Vector
from rag.language import lacks, names, stem, terms
from rag.retrieve import Query
from rag.types import Hit, Sentence

MOST_SENTENCES = 3
CLOSE = 0.85  # share of the best sentence's score that another needs to be cited beside it
SAME = 0.9  # cosine of two sentences from which on the second adds nothing
# A logistic model of whether the best sentence answers, fitted on public questions.
OFFSET = -4.8
COSINE, COVERAGE, CONTEXT, NAMED, LACKING = 5.3, 0.9, 1.7, 0.7, -1.3
ENOUGH = 0.15  # probability from which on the question counts as answered


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A sentence with what speaks for its being the answer, each from 0 to 1.

    Attributes:
        cosine: similarity in meaning of the question and the sentence.
        coverage: share of the question's words, weighted by rarity, that the sentence has.
        context: the same for the words of its chunk, title and heading.
        passage: the chunk's score in retrieval.
        named: share of the names and numbers of the question that the context has.
        lacking: the question asks for a kind of thing that the sentence does not have.
    """

    sentence: Sentence
    hit: Hit
    cosine: float
    coverage: float
    context: float
    passage: float
    named: float
    lacking: bool
    vector: Vector

    @property
    def probability(self) -> float:
        """Return how likely it is that the sentence answers at all."""
        logit = (
            OFFSET
            + COSINE * self.cosine
            + COVERAGE * self.coverage
            + CONTEXT * self.context
            + NAMED * self.named
            + LACKING * self.lacking
        )
        return 1 / (1 + math.exp(-logit))

    @property
    def score(self) -> float:
        """Return how well the sentence answers, among the sentences at hand."""
        return 0.35 * self.cosine + 0.35 * self.coverage + 0.3 * self.passage - 0.15 * self.lacking


def weigh(query: Query, hits: Sequence[Hit], generation: Generation) -> list[Evidence]:
    """Return every sentence of the hits as evidence, best first."""
    rarity = _rarity(query, generation)
    spelled = {stem(word, query.language) for word in names(query.text, query.language)}
    named = [word for word in query.words if word & spelled]
    vectors = generation.sentence_vectors([s.id for hit in hits for s in hit.chunk.sentences])
    found = []
    for hit in hits:
        chunk = hit.chunk
        context = frozenset(terms(f"{chunk.title} {chunk.heading} {chunk.text}", chunk.language))
        for sentence in chunk.sentences:
            own = frozenset(terms(sentence.text, chunk.language))
            evidence = Evidence(
                sentence,
                hit,
                cosine=float(query.vector @ vectors[sentence.id]),
                coverage=_share(query.words, own, rarity),
                context=_share(query.words, context, rarity),
                passage=hit.score,
                named=_share(named, context, rarity),
                lacking=lacks(query.text, sentence.text),
                vector=vectors[sentence.id],
            )
            found.append(evidence)
    return sorted(found, key=lambda each: -each.score)


def choose(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return the sentences to answer with, best first; none when the best does not answer."""
    chosen: list[Evidence] = []
    for each in evidence:
        if each.probability < ENOUGH or (chosen and each.score < CLOSE * chosen[0].score):
            break
        if all(float(each.vector @ other.vector) < SAME for other in chosen):
            chosen.append(each)
        if len(chosen) == MOST_SENTENCES:
            break
    return chosen


def _rarity(query: Query, generation: Generation) -> dict[frozenset[str], float]:
    """Return the inverse document frequency of each word of the question, as in BM25."""
    counts = generation.document_frequencies(stem for word in query.words for stem in word)
    total = generation.summary().chunks
    return {
        word: math.log(1 + (total + 0.5) / (max(counts[stem] for stem in word) + 0.5))
        for word in query.words
    }


def _share(
    words: Iterable[frozenset[str]], of: frozenset[str], rarity: dict[frozenset[str], float]
) -> float:
    """Return the weighted share of the words that are there; 1 when there are no words."""
    wanted = list(words)
    total = sum(rarity[word] for word in wanted)
    return sum(rarity[word] for word in wanted if word & of) / total if total else 1.0
