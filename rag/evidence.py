"""How far each sentence of some chunks answers a question."""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rag.index import Generation
from rag.language import SHORTEST_AKIN, akin, lacks, misses, names, stem, terms
from rag.query import LIKE, Query, QueryTokens
from rag.store import Embedding, Vector, Vectors
from rag.types import Chunk, Hit, Sentence

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
    """A sentence with what speaks for its being the answer, each from 0 to 1.

    A share of words counts each by its rarity in the documents, and in part where only one like it
    is there.

    Attributes:
        cosine: similarity in meaning of the question and the sentence.
        nearest: the same for the sentence of the chunk that is nearest to the question.
        tokens: similarity of each token of the question and the one of the sentence that is nearest
            to it, on average ("late interaction", arXiv:2004.12832); the cosine where the
            embedding model has no vectors of tokens.
        telling_tokens: the same, counting a token by the rarity of its word.
        before_tokens: what the sentence before would add to that.
        passage_tokens: the same again, with the nearest token of the chunk.
        coverage: share of the question's words that the sentence has.
        plain: the same of those that name nothing.
        telling: the same, counting a word more the fewer of the sentences at hand have it.
        before: what the sentence before would add to the coverage.
        together: share of the question's neighbouring words that stand together in the sentence.
        passage: the chunk's score in retrieval.
        context: the coverage by the chunk, its title and its heading.
        named: share of the names and numbers of the question that the context has.
        size: how many chunks there are, as a logarithm that ends at `MANY`.
        absent: share of the question's words that no document has, times the size: it says less
            where there are few chunks that could have them.
        lacking: the question asks for a kind of thing that the sentence does not have, gives a
            number that its context does not have, or a year where the sentence has another.
        missing: the sentence can be no answer, as `rag.language.misses` tells.
        foreign: the sentence is in another language than the question.
        english: the question is compared in the language that the embedding model reads best.
    """

    sentence: Sentence
    hit: Hit
    cosine: float
    nearest: float
    tokens: float
    telling_tokens: float
    before_tokens: float
    passage_tokens: float
    coverage: float
    plain: float
    telling: float
    before: float
    together: float
    passage: float
    context: float
    named: float
    size: float
    absent: float
    lacking: bool
    missing: bool
    foreign: bool
    english: bool
    vector: Vector

    @property
    def score(self) -> float:
        """Return how well the sentence answers, among the sentences at hand; 1 at most."""
        return self._sum(ENGLISH if self.english else OTHER)

    @property
    def probability(self) -> float:
        """Return how likely it is that the sentence answers at all."""
        logit = OFFSET + self._sum(ANSWERS)
        return 1 / (1 + math.exp(-logit))

    def _sum(self, weights: Mapping[str, float]) -> float:
        return sum(weight * float(getattr(self, name)) for name, weight in weights.items())


def weigh(query: Query, hits: Sequence[Hit], generation: Generation) -> list[Evidence]:
    """Return every sentence of the hits as evidence, best first."""
    embedded = generation.embeddings([hit.chunk.id for hit in hits])
    evidence = [
        each
        for reading in query.readings(hit.chunk.language for hit in hits)
        for each in _read(query, reading, hits, embedded, generation.whole.chunks)
    ]
    return sorted(evidence, key=lambda each: -each.score)


def _read(
    query: Query,
    reading: Query,
    hits: Sequence[Hit],
    embedded: Mapping[str, Embedding],
    chunks: int,
) -> Iterator[Evidence]:
    """Yield the sentences of those hits that are compared with one reading of the question.

    What a word of it tells among the sentences at hand is told by all of them.
    """
    own = {hit.chunk.id for hit in hits if query.reading(hit.chunk.language) is reading}
    codes = {
        sentence.id: code
        for hit in hits
        if hit.chunk.id in own
        for sentence, code in zip(hit.chunk.sentences, embedded[hit.chunk.id].codes, strict=True)
    }
    nearest = nearest_tokens(reading.tokens, codes) if reading.tokens else {}
    passages = [_Passage(hit, embedded[hit.chunk.id].vectors[1:], reading.vector) for hit in hits]
    words = _Words(reading, {term for each in passages for term in each.context}, chunks)
    rows = [words.rows(passage.sequences) for passage in passages]
    words.compare(rows)
    for passage, having in zip(passages, rows, strict=True):
        if passage.hit.chunk.id in own:
            yield from _of_passage(reading, words, passage, having, nearest)


def nearest_tokens(query: QueryTokens, codes: Mapping[str, bytes]) -> dict[str, Numbers]:
    """Return for each text how similar the nearest of its tokens is to each of the question's.

    The cosine is estimated from the signs of a token's coordinates. Texts without tokens are left
    out.
    """
    known = {each: code for each, code in codes.items() if code}
    if not known:
        return {}
    size = query.vectors.shape[1]
    joined = np.frombuffer(b"".join(known.values()), np.uint8).reshape(-1, size // 8)
    products = np.zeros((len(joined), len(query.vectors)), np.float32)
    part = np.empty_like(products)
    for table, column in zip(_tables(query.vectors), np.ascontiguousarray(joined.T), strict=True):
        np.take(table, column, axis=0, out=part, mode="clip")
        products += part
    lengths = [len(code) // (size // 8) for code in known.values()]
    starts = np.cumsum([0, *lengths[:-1]])
    best = np.maximum.reduceat(products, starts, axis=0) * (math.pi / 2 / size) ** 0.5
    return dict(zip(known, best, strict=True))


def _tables(vectors: Vectors) -> Vectors:
    """Return for each byte of a code and each of its values the product with each of the vectors.

    The product with a whole code is then a sum of looked-up numbers, one a byte, as in product
    quantization (Jégou et al. 2011, doi:10.1109/TPAMI.2010.57).
    """
    eights = 2 * vectors.reshape(len(vectors), -1, 8).transpose(1, 2, 0)  # byte, bit, vector
    tables: Vectors = (
        -eights.sum(axis=1, keepdims=True) / 2
    )  # of the value 0: every sign is a minus
    for bit in range(7, -1, -1):  # the last is worth 1
        tables = np.concatenate([tables, tables + eights[:, [bit]]], axis=1)
    return tables


def _of_passage(
    query: Query,
    words: "_Words",
    passage: "_Passage",
    rows: Numbers,
    nearest: Mapping[str, Numbers],
) -> Iterator[Evidence]:
    sentences, cosines = passage.hit.chunk.sentences, passage.cosines
    alike = _Alike(query.tokens, nearest, passage.hit.chunk, cosines)
    coverage = words.shares(rows)
    plain, telling = words.shares(rows, words.plain), words.shares(rows, words.telling)
    before = words.shares(np.maximum(rows, rows[[0, *range(len(rows) - 1)]])) - coverage
    around = words.rows([passage.context])
    context, named = words.shares(around), words.shares(around, words.named)
    for number, (sentence, terms_of) in enumerate(zip(sentences, passage.sequences, strict=True)):
        yield Evidence(
            sentence,
            passage.hit,
            cosine=cosines[number],
            nearest=max(cosines),
            tokens=alike.tokens[number],
            telling_tokens=alike.telling[number],
            before_tokens=alike.before[number],
            passage_tokens=alike.passage,
            coverage=float(coverage[number]),
            plain=float(plain[number]),
            telling=float(telling[number]),
            before=float(before[number]),
            together=words.together(terms_of),
            passage=passage.hit.score,
            context=float(context[0]),
            named=float(named[0]),
            size=words.size,
            absent=words.absent,
            lacking=lacks(query.text, sentence.text)
            or not words.numbers <= passage.context
            or words.of_another_year(terms_of),
            missing=misses(query.text, sentence.text),
            foreign=passage.hit.chunk.language != query.language,
            english=query.read_well,
            vector=passage.vectors[number],
        )


class _Alike:
    """How alike the tokens of a question and of a chunk's sentences are."""

    def __init__(
        self,
        query: QueryTokens | None,
        nearest: Mapping[str, Numbers],
        chunk: Chunk,
        cosines: Sequence[float],
    ) -> None:
        if query is None or not nearest:
            self.tokens = self.telling = cosines
            self.before = [0.0] * len(cosines)
            self.passage = max(cosines)
            return
        none = np.zeros(len(query.vectors))  # of a sentence that is one sign, such as a dash
        rows = np.stack([nearest.get(each.id, none) for each in chunk.sentences])
        self.tokens = rows.mean(axis=1).tolist()
        # Not by matmul: OpenBLAS may flag finite products of small matrices as invalid
        telling = np.vecdot(rows, query.telling)
        with_before = np.vecdot(np.maximum(rows[1:], rows[:-1]), query.telling)
        self.telling = telling.tolist()
        self.before = [0.0, *(with_before - telling[1:]).tolist()]
        self.passage = float(np.vecdot(rows.max(axis=0), query.telling))


class _Passage:
    """A chunk as it is weighed.

    Attributes:
        vectors, cosines: of each sentence, the latter with the question.
        sequences: the index terms of each sentence in their order.
        context: those of all sentences and of what the chunk stands under.
    """

    def __init__(self, hit: Hit, vectors: Vectors, question: Vector) -> None:
        chunk = hit.chunk
        self.hit = hit
        self.vectors = vectors
        self.cosines: list[float] = np.vecdot(vectors, question).tolist()
        self.sequences = [_sequence(each.text, chunk.language) for each in chunk.sentences]
        head = terms(f"{chunk.title} {chunk.heading}", chunk.language)
        self.context = frozenset(head).union(*self.sequences)


@lru_cache(maxsize=10_000)  # sentences; those of a small dossier are weighed over and over
def _sequence(text: str, language: str) -> tuple[str, ...]:
    return tuple(terms(text, language))


class _Words:
    """The words of a question: what each weighs, and how far a text has it.

    Attributes:
        plain, named: the weights of those that name nothing, and of names and numbers.
        telling: the weights once the sentences at hand were compared.
        numbers: the terms of the question's numbers.
        size, absent: as in `Evidence`.
    """

    def __init__(self, query: Query, vocabulary: Collection[str], chunks: int) -> None:
        naming = set(names(query.text, query.language))
        naming_words = np.array([word.text in naming for word in query.words], dtype=bool)
        self._words = query.words
        beginning: dict[str, list[str]] = {}  # akin words begin alike: the rest need no look
        for each in vocabulary:
            beginning.setdefault(each[:SHORTEST_AKIN], []).append(each)
        self._akin = [
            {
                each
                for own in word.terms
                for each in beginning.get(own[:SHORTEST_AKIN], ())
                if akin(each, own)
            }
            for word in query.words
        ]
        self._rarity = np.array([word.rarity for word in query.words])
        self.plain = self._rarity * ~naming_words
        self.named = self._rarity * naming_words
        self.telling = self._rarity
        self.numbers = {stem(each, query.language) for each in naming if each[0].isdigit()}
        known = np.array([[word.certainty for word in query.words]])
        self.size = min(1.0, math.log(1 + chunks, 1 + MANY))
        self.absent = self.size * (1 - float(self.shares(known)[0])) if query.words else 1.0
        self._pairs = list(pairwise(terms(query.text, query.language)))

    def rows(self, sequences: Iterable[Iterable[str]]) -> Numbers:
        """Return how far some terms have each word, from 0 to 1: a row each, a column a word."""
        rows = [self._row(frozenset(each)) for each in sequences]
        return np.array(rows, np.float64).reshape(len(rows), len(self._words))

    def _row(self, of: frozenset[str]) -> list[float]:
        return [
            word.certainty if word.terms & of
            else LIKE if word.related & of
            else AKIN if akin_terms & of
            else 0.0
            for word, akin_terms in zip(self._words, self._akin, strict=True)
        ]  # fmt: skip

    def compare(self, rows: Sequence[Numbers]) -> None:
        """Weigh each word more the fewer of the sentences have it."""
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

    def of_another_year(self, sequence: Sequence[str]) -> bool:
        """Tell whether the question names a year and a sentence only other years."""
        asked, given = (set(filter(YEAR.fullmatch, each)) for each in (self.numbers, sequence))
        return bool(asked and given and not asked & given)

    def together(self, sequence: Sequence[str]) -> float:
        """Return the share of the neighbouring words that stand together in a sentence."""
        near = {
            pair
            for ahead in range(1, NEARBY + 1)
            for pair in zip(sequence, sequence[ahead:], strict=False)
        }
        kept = [pair in near or pair[::-1] in near for pair in self._pairs]
        return sum(kept) / len(kept) if kept else 0.0
