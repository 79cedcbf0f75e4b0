"""How far each sentence of some chunks answers a question."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress, pairwise

import numpy as np
import numpy.typing as npt

from rag.index import Generation
from rag.language import SHORTEST_AKIN, akin, lacks, misses, names, stem, terms
from rag.models import Products
from rag.query import LIKE, Query, QueryTokens
from rag.store import Embedding, Vector
from rag.types import Hit, Sentence

AKIN = 0.5  # what a word counts that only begins like the question's
MANY = 100  # chunks from which on that no document has a word says all that it can
NEARBY = 2  # words from one to the next that still stand together
# How much each kind of evidence counts in the order of the sentences, in English and in languages
# that the embedded model reads less well: conditional logistic models, fitted on public questions
# whose answers are known and scaled to sum up to 1; docs/answering.md has the figures.
ENGLISH = {
    "cosine": 0.12, "nearest": 0.08, "tokens": 0.14, "telling_tokens": 0.14, "before_tokens": 0.02,
    "passage_tokens": 0.09, "plain": 0.09, "telling": 0.12, "before": 0.07, "together": 0.07,
    "context": 0.08, "named": 0.05, "lacking": -0.07, "foreign": -0.15,
}  # fmt: skip
OTHER = {
    "cosine": 0.05, "nearest": 0.04, "tokens": 0.09, "telling_tokens": 0.09, "before_tokens": 0.03,
    "passage_tokens": 0.07, "plain": 0.12, "telling": 0.18, "before": 0.06, "together": 0.05,
    "context": 0.19, "named": 0.1, "lacking": -0.07, "foreign": -0.15,
}  # fmt: skip
# A logistic model of whether a sentence answers at all, fitted on the regression set, on questions
# about other things, and on public questions with and without an answer.
ANSWERS = {
    "cosine": 3.2, "nearest": 2.4, "telling_tokens": 3.5, "plain": 2.4, "named": 1.6,
    "absent": -4.8, "lacking": -2.5, "english": -0.7, "size": -1.1,
}  # fmt: skip
OFFSET = -4.1

YEAR = re.compile(r"[12]\d{3}")

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A sentence with what speaks for its being the answer.

    Attributes:
        vector: of the sentence.
        score: how well it answers, among the sentences at hand; 1 at most.
        probability: how likely it is that it answers at all.
        question: its reading that the sentence was compared with.
        measures: of all sentences that were read with it, by their names in `measure`.
        row: its own among them.
    """

    sentence: Sentence
    hit: Hit
    vector: Vector
    score: float
    probability: float
    question: str
    measures: Mapping[str, Numbers]
    row: int

    @property
    def missing(self) -> bool:
        """Tell whether it can be no answer, as `rag.language.misses` does."""
        return misses(self.question, self.sentence.text)

    def measured(self, name: str) -> float:
        """Return one of its measures."""
        return float(self.measures[name][self.row])


def weigh(query: Query, hits: Sequence[Hit], generation: Generation) -> list[Evidence]:
    """Return every sentence of the hits as evidence, best first."""
    embedded = generation.embeddings([hit.chunk.id for hit in hits])
    passages = [_Passage(hit, embedded[hit.chunk.id]) for hit in hits]
    evidence = [
        each
        for reading in query.readings(hit.chunk.language for hit in hits)
        for each in _read(query, reading, passages, generation.whole.chunks)
    ]
    return sorted(evidence, key=lambda each: -each.score)


def _read(
    query: Query, reading: Query, passages: Sequence["_Passage"], chunks: int
) -> Iterator[Evidence]:
    """Yield the sentences of those passages that are compared with one reading of the question."""
    words = _Words(reading, {term for each in passages for term in each.context}, chunks)
    rows = [words.rows(each.sequences) for each in passages]
    words.compare(rows)  # of all, whatever they are read in
    read = [query.reading(each.hit.chunk.language) is reading for each in passages]
    own = [*compress(passages, read)]
    if not own:
        return
    found = measure(reading, words, own, np.concatenate([*compress(rows, read)]))
    score = _weighted(found, ENGLISH if reading.read_well else OTHER).tolist()
    probability = (1 / (1 + np.exp(-OFFSET - _weighted(found, ANSWERS)))).tolist()
    places = ((each, number) for each in own for number in range(len(each.sequences)))
    for row, (passage, number) in enumerate(places):
        sentence = passage.hit.chunk.sentences[number]
        yield Evidence(
            sentence,
            passage.hit,
            passage.vectors[number],
            score[row],
            probability[row],
            reading.text,
            found,
            row,
        )


def _weighted(measured: Mapping[str, Numbers], weights: Mapping[str, float]) -> Numbers:
    rows = np.array([measured[name] for name in weights]).T
    # Not by matmul: OpenBLAS may flag finite products of small matrices as invalid
    found: Numbers = np.vecdot(rows, [*weights.values()])
    return found


def measure(
    query: Query, words: "_Words", passages: Sequence["_Passage"], rows: Numbers
) -> dict[str, Numbers]:
    """Return what speaks for each sentence of some passages, one number a sentence, from 0 to 1.

    `rows` tell how far each sentence has each word of the question.

    A share of words counts each by its rarity in the documents, and in part where only one like it
    is there.

    cosine: similarity in meaning of the question and the sentence.
    nearest: the same for the sentence of the chunk that is nearest to the question.
    tokens: similarity of each token of the question and the one of the sentence that is nearest to
        it, on average ("late interaction", arXiv:2004.12832); the cosine where the embedding model
        has no vectors of tokens.
    telling_tokens: the same, counting a token by the rarity of its word.
    before_tokens: what the sentence before would add to that.
    passage_tokens: the same again, with the nearest token of the chunk.
    coverage: share of the question's words that the sentence has.
    plain: the same of those that name nothing.
    telling: the same, counting a word more the fewer of the sentences at hand have it.
    before: what the sentence before would add to the coverage.
    together: share of the question's neighbouring words that stand together in the sentence.
    context: the coverage by the chunk, its title and its heading.
    named: share of the names and numbers of the question that the context has.
    size: how many chunks there are, as a logarithm that ends at `MANY`.
    absent: share of the question's words that no document has, times the size: it says less where
        there are few chunks that could have them.
    lacking: the question asks for a kind of thing that the sentence does not have, gives a number
        that its context does not have, or a year where the sentence has another.
    foreign: the sentence is in another language than the question.
    english: the question is compared in the language that the embedding model reads best.
    """
    lengths = [len(each.sequences) for each in passages]
    starts = np.cumsum([0, *lengths[:-1]])
    before = np.arange(sum(lengths)) - 1
    before[starts] = starts  # the first of a passage has none but itself
    cosines = np.vecdot(np.concatenate([each.vectors for each in passages]), query.vector)
    nearest = np.maximum.reduceat(cosines, starts)
    around = words.rows(each.context for each in passages)
    coverage = words.shares(rows)
    of_passages = {
        "nearest": nearest,
        "passage_tokens": nearest,
        "context": words.shares(around),
        "named": words.shares(around, words.named),
        "foreign": np.array([each.hit.chunk.language != query.language for each in passages]),
    }
    of_tokens = _of_tokens(query.tokens, passages, starts, before)
    alike = of_tokens or {"tokens": cosines, "telling_tokens": cosines}
    sentences = [(each, number) for each in passages for number in range(len(each.sequences))]
    return {
        "before_tokens": np.zeros(len(cosines)),
        **{name: np.repeat(of_each, lengths) for name, of_each in of_passages.items()},
        **alike,
        "cosine": cosines,
        "coverage": coverage,
        "plain": words.shares(rows, words.plain),
        "telling": words.shares(rows, words.telling),
        "before": words.shares(np.maximum(rows, rows[before])) - coverage,
        "together": np.array([words.together(each.sequences[n]) for each, n in sentences]),
        "size": np.full(len(cosines), words.size),
        "absent": np.full(len(cosines), words.absent),
        "lacking": np.array([words.lacking(each, n) for each, n in sentences]),
        "english": np.full(len(cosines), query.read_well),
    }


def _of_tokens(
    query: QueryTokens | None,
    passages: Sequence["_Passage"],
    starts: npt.NDArray[np.int64],
    before: npt.NDArray[np.int64],
) -> dict[str, Numbers]:
    """Return the measures that are of tokens; none where there are no vectors of them."""
    if query is None or not any(each.code for each in passages):
        return {}
    products = query.products({each.hit.chunk.id: each.code for each in passages})
    rows = _nearest(query, [*products.values()], [n for each in passages for n in each.tokens])
    telling = np.vecdot(rows, query.telling)
    of_passages = np.vecdot(np.maximum.reduceat(rows, starts), query.telling)
    return {
        "tokens": rows.mean(axis=1),
        "telling_tokens": telling,
        "before_tokens": np.vecdot(np.maximum(rows, rows[before]), query.telling) - telling,
        "passage_tokens": np.repeat(of_passages, np.diff([*starts, len(rows)])),
    }


def nearest_tokens(query: QueryTokens, codes: Mapping[str, bytes]) -> dict[str, Numbers]:
    """Return for each text how similar the nearest of its tokens is to each of the question's.

    The cosine is estimated from the signs of a token's coordinates. Texts without tokens are left
    out. What was made of an id is remembered with the question: it names one text always.
    """
    known = {each: code for each, code in codes.items() if code}
    products = query.products(known)
    found = _nearest(query, [*products.values()], [len(each) for each in products.values()])
    return dict(zip(known, found, strict=True))


def _nearest(query: QueryTokens, products: Sequence[Products], counts: Sequence[int]) -> Numbers:
    """Return the cosines of the nearest tokens of texts with so many each; 0 of one with none."""
    found = np.zeros((len(counts), len(query.vectors)))
    some = np.array(counts) > 0
    if some.any():
        starts = np.cumsum([0, *counts[:-1]])[some]
        best = np.maximum.reduceat(np.concatenate(products), starts, axis=0)
        found[some] = query.cosines(best)
    return found


class _Passage:
    """A chunk as it is weighed.

    Attributes:
        vectors: of each sentence.
        code, tokens: the codes of all tokens, joined, and how many each sentence has.
        sequences: the index terms of each sentence in their order.
        context: those of all sentences and of what the chunk stands under.
    """

    def __init__(self, hit: Hit, embedded: Embedding) -> None:
        chunk = hit.chunk
        self.hit = hit
        self.vectors, self.code = embedded.vectors[1:], embedded.code
        self.tokens = [8 * size // self.vectors.shape[1] for size in embedded.sizes]
        self.sequences = [_sequence(each.text, chunk.language) for each in chunk.sentences]
        head = _sequence(f"{chunk.title} {chunk.heading}", chunk.language)
        self.context = frozenset(head).union(*self.sequences)


@lru_cache(maxsize=10_000)  # sentences and headings; a small dossier's are weighed over and over
def _sequence(text: str, language: str) -> tuple[str, ...]:
    return tuple(terms(text, language))


class _Words:
    """The words of a question: what each weighs, and how far a text has it.

    Attributes:
        plain, named: the weights of those that name nothing, and of names and numbers.
        telling: the weights once the sentences at hand were compared.
        size, absent: as in `measure`.
    """

    def __init__(self, query: Query, vocabulary: Set[str], chunks: int) -> None:
        naming = set(names(query.text, query.language))
        naming_words = np.array([word.text in naming for word in query.words], dtype=bool)
        self._text, self._words = query.text, query.words
        beginnings = {term[:SHORTEST_AKIN] for word in query.words for term in word.terms}
        near = [each for each in vocabulary if each[:SHORTEST_AKIN] in beginnings]
        self._having: dict[str, dict[int, float]] = {}  # term: how far each word is there by it
        for number, word in enumerate(query.words):
            family = {each for each in near for own in word.terms if akin(each, own)}
            for terms_of, share in (
                (family, AKIN), (word.related, LIKE), (word.terms, word.certainty),
            ):  # fmt: skip
                for each in terms_of:
                    self._having.setdefault(each, {})[number] = share
        self._known = frozenset(self._having)
        self._rarity = np.array([word.rarity for word in query.words])
        self.plain = self._rarity * ~naming_words
        self.named = self._rarity * naming_words
        self.telling = self._rarity
        self._numbers = {stem(each, query.language) for each in naming if each[0].isdigit()}
        self._years = {*filter(YEAR.fullmatch, self._numbers)}
        known = np.array([[word.certainty for word in query.words]])
        self.size = min(1.0, math.log(1 + chunks, 1 + MANY))
        self.absent = self.size * (1 - float(self.shares(known)[0])) if query.words else 1.0
        pairs = list(pairwise(terms(query.text, query.language)))
        self._neighbours = len(pairs)
        self._pairs = [each for each in pairs if vocabulary >= {*each}]
        self._paired = frozenset(term for pair in self._pairs for term in pair)

    def rows(self, sequences: Iterable[Iterable[str]]) -> Numbers:
        """Return how far some terms have each word, from 0 to 1: a row each, a column a word."""
        sequences = list(sequences)
        rows = np.zeros((len(sequences), len(self._words)))
        for row, sequence in zip(rows, sequences, strict=True):
            for term in self._known.intersection(sequence):
                for number, share in self._having[term].items():
                    row[number] = max(row[number], share)
        return rows

    def compare(self, rows: Sequence[Numbers]) -> None:
        """Weigh each word more the fewer of the sentences at hand have it."""
        if rows:
            all_rows = np.concatenate(rows)
            having = np.count_nonzero(all_rows, axis=0)
            lacking = len(all_rows) - having
            self.telling = self._rarity * np.log(1 + (lacking + 0.5) / (having + 0.5))

    def shares(self, rows: Numbers, weights: Numbers | None = None) -> Numbers:
        """Return the share of the words that each row has; all of them where there are none."""
        weights = self._rarity if weights is None else weights
        total = weights.sum()
        return np.vecdot(rows, weights) / total if total else np.ones(len(rows))

    def lacking(self, passage: "_Passage", number: int) -> bool:
        """Tell whether a sentence lacks a kind of thing or a number that is asked for."""
        return (
            lacks(self._text, passage.hit.chunk.sentences[number].text)
            or not self._numbers <= passage.context
            or self._of_another_year(passage.sequences[number])
        )

    def _of_another_year(self, sequence: Sequence[str]) -> bool:
        """Tell whether the question names a year and a sentence only other years."""
        given = set(filter(YEAR.fullmatch, sequence)) if self._years else set()
        return bool(given) and not self._years & given

    def together(self, sequence: Sequence[str]) -> float:
        """Return the share of the question's neighbouring words that stand together."""
        found = self._paired.intersection(sequence)
        near = sum(_is_near(*each, sequence) for each in self._pairs if found.issuperset(each))
        return near / self._neighbours if self._neighbours else 0.0


def _is_near(one: str, other: str, sequence: Sequence[str]) -> bool:
    """Tell whether two terms stand in a sequence within `NEARBY` words of each other."""
    places, others = ([n for n, t in enumerate(sequence) if t == term] for term in (one, other))
    return any(0 < abs(here - there) <= NEARBY for here in places for there in others)
