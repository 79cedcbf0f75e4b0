"""Which sentences of the retrieved chunks answer a question, and whether any of them does."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.index import Generation, Vector
from rag.language import lacks, names, stem, terms
from rag.retrieve import LIKE, Query, Word
from rag.types import Hit, Sentence

MOST_SENTENCES = 3
CLOSE = 0.75  # share of the best sentence's score that another needs to be cited beside it
SAME = 0.9  # cosine of two sentences from which on the second adds nothing
# A logistic model of whether the best sentence answers, fitted on public questions with and without
# an answer and on questions about a visit; docs/answering.md has the figures.
OFFSET = -1.6
COSINE, COVERAGE, CONTEXT, NAMED, ABSENT, LACKING = 3.6, 0.5, 1.4, 1.5, -4.7, -1.8
NOT_ENGLISH = -0.7
ENOUGH = 0.45  # probability from which on the question counts as answered


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A sentence with what speaks for its being the answer, each from 0 to 1.

    Attributes:
        cosine: similarity in meaning of the question and the sentence.
        coverage: share of the question's words, weighted by rarity, that the sentence has.
        context: the same for the words of its chunk, title and heading.
        passage: the chunk's score in retrieval.
        named: share of the names and numbers of the question that the context has.
        absent: share of the question's words, weighted by rarity, that no document has.
        english: the question is in the language that the embedded model reads best; sentences in
            other languages are all near each other for it.
        lacking: the question asks for a kind of thing that the sentence does not have, or gives a
            number that its context does not have.
    """

    sentence: Sentence
    hit: Hit
    cosine: float
    coverage: float
    context: float
    passage: float
    named: float
    absent: float
    lacking: bool
    english: bool
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
            + ABSENT * self.absent
            + LACKING * self.lacking
            + (0 if self.english else NOT_ENGLISH)
        )
        return 1 / (1 + math.exp(-logit))

    @property
    def score(self) -> float:
        """Return how well the sentence answers, among the sentences at hand."""
        return 0.5 * self.cosine + 0.45 * self.coverage + 0.2 * self.passage - 0.15 * self.lacking


def weigh(query: Query, hits: Sequence[Hit], generation: Generation) -> list[Evidence]:
    """Return every sentence of the hits as evidence, best first."""
    naming = set(names(query.text, query.language))
    named = [word for word in query.words if word.text in naming]
    numbers = {stem(each, query.language) for each in naming if each[0].isdigit()}
    vectors = generation.sentence_vectors([s.id for hit in hits for s in hit.chunk.sentences])
    total = sum(word.rarity for word in query.words)
    known = sum(word.rarity * word.certainty for word in query.words)
    absent = 1 - known / total if total else 1.0
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
                coverage=_share(query.words, own),
                context=_share(query.words, context),
                passage=hit.score,
                named=_share(named, context) if named else 1.0,
                absent=absent,
                lacking=lacks(query.text, sentence.text) or not numbers <= context,
                english=query.language == "en",
                vector=vectors[sentence.id],
            )
            found.append(evidence)
    return sorted(found, key=lambda each: -each.score)


def choose(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return the sentences to answer with, best first; none when the best does not answer."""
    chosen: list[Evidence] = []
    for each in (each for each in evidence if each.probability >= ENOUGH):
        if chosen and each.score < CLOSE * chosen[0].score:
            break
        if all(float(each.vector @ other.vector) < SAME for other in chosen):
            chosen.append(each)
        if len(chosen) == MOST_SENTENCES:
            break
    return chosen


def _share(words: Iterable[Word], of: frozenset[str]) -> float:
    """Return the share of the words that are there, rare ones counting more, like ones in part."""
    total = found = 0.0
    for word in words:
        total += word.rarity
        if word.terms & of:
            found += word.rarity * word.certainty
        elif word.related & of:
            found += word.rarity * LIKE
    return found / total if total else 0.0
