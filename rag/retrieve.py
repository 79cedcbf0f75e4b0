"""How the chunks that may answer a question are found: by meaning and by words, fused."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document as LangChainDocument
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from rag.evidence import Evidence, nearest_tokens, weigh
from rag.index import Generation, Index, ranked
from rag.language import terms
from rag.models import Encoder
from rag.orders import sentences_for_readers
from rag.query import Query, Topic, understand
from rag.store import Embedding
from rag.types import Hit

POOL = 100  # how many of each list are fused
COMPARED = 35  # of the fused chunks at least, whose tokens are compared with the question's
OWN_KEYWORDS = 0.5  # what a question's own words count alone, where it borrowed others
PER_DOCUMENT = 3  # hits of one document before those of others have had their turn
FIRST_WEIGHTS = (0.4, 0.6)  # of meaning and keywords


@dataclass(frozen=True, slots=True)
class Weights:
    """What counts how much when the chunks are put in order; the lists' weights add up to 1.

    To those come `TOPIC`'s within a conversation.

    Attributes:
        read: of how many chunks the sentences are weighed to put them in order.
    """

    meaning: float
    keywords: float
    telling_tokens: float
    tokens: float
    best_sentence: float
    read: int = 12


# The embedded model reads English best. Fitted on public questions; docs/answering.md has figures.
ENGLISH = Weights(0.32, 0.1, 0.32, 0.26, best_sentence=0.3)
CONVERSATION = Weights(0.44, 0.08, 0.24, 0.24, best_sentence=0.3, read=8)  # in English
OTHER = Weights(0.11, 0.55, 0.17, 0.17, best_sentence=0.6)
# What is added where something was said before: how alike a chunk and the first turn are, the share
# of its title's words that were said, and how long it is. Short rests of a text seldom answer.
TOPIC = (0.1, 0.1, 0.1)


@dataclass(frozen=True, slots=True)
class Found:
    """The chunks that may answer a question and the sentences of them, both best first."""

    hits: tuple[Hit, ...]
    evidence: tuple[Evidence, ...]


def search(query: Query, generation: Generation, *, top_k: int) -> Found:
    """Return the chunks nearest in meaning and words, in the end those with the best sentences."""
    readings = query.readings(generation.languages)
    in_english = CONVERSATION if query.topic else ENGLISH
    weights = in_english if all(each.read_well for each in readings) else OTHER
    keywords = _best(_by_keywords(each, generation) for each in readings)
    meaning = _best(generation.nearest_chunks(each.in_context, POOL) for each in readings)
    pool = ranked(fuse((meaning, keywords), FIRST_WEIGHTS))[: max(COMPARED, top_k)]
    embedded = generation.embeddings(pool)
    by_tokens = [_by_tokens(each, embedded) for each in readings]
    telling, plain = (_best(each) for each in zip(*by_tokens, strict=True))
    fused = fuse(
        (meaning, keywords, telling, plain, *_by_topic(query.topic, embedded, generation)),
        (weights.meaning, weights.keywords, weights.telling_tokens, weights.tokens, *TOPIC),
    )
    first = _spread(ranked(fused), max(top_k, weights.read), generation.clusters)
    hits = {each.id: Hit(each, fused[each.id]) for each in generation.chunks(first)}
    read = [hits[each] for each in first[: weights.read]]
    for_readers = {hit.chunk.id: sentences_for_readers(hit.chunk) for hit in read}
    weighed = weigh(query, read, generation)
    evidence = [each for each in weighed if each.sentence in for_readers[each.hit.chunk.id]]
    scores = _with_best_sentence(fused, first, evidence, weights.best_sentence)
    kept = _spread(ranked(scores), top_k, generation.clusters)
    return Found(
        tuple(Hit(hits[each].chunk, scores[each]) for each in kept),
        tuple(each for each in evidence if each.hit.chunk.id in kept),
    )


def retrieve(query: Query, generation: Generation, *, top_k: int) -> tuple[Hit, ...]:
    """Return the chunks that may answer a question, best first, not all of one document."""
    return search(query, generation, top_k=top_k).hits


def _by_keywords(query: Query, generation: Generation) -> Mapping[str, float]:
    """Return chunks with the question's words, and with those it borrowed beside them."""
    own = generation.matching_chunks(sorted(query.terms), POOL)
    if not query.borrowed:
        return own
    beside = generation.matching_chunks(sorted(query.terms | query.borrowed), POOL)
    weights = (OWN_KEYWORDS, 1 - OWN_KEYWORDS)
    return fuse((own, beside), weights) if query.terms else beside


def _by_tokens(
    query: Query, embedded: Mapping[str, Embedding]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return how alike the tokens of the question and of chunks are, by rarity and on average."""
    if query.tokens is None:
        return {}, {}
    nearest = nearest_tokens(query.tokens, {each: of.code for each, of in embedded.items()})
    if not nearest:
        return {}, {}
    rows = np.stack(list(nearest.values()))
    of_each = np.vecdot(rows, query.tokens.telling), rows.mean(axis=1)
    telling, plain = (dict(zip(nearest, each.tolist(), strict=True)) for each in of_each)
    return telling, plain


def _by_topic(
    topic: Topic | None, embedded: Mapping[str, Embedding], generation: Generation
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return how like its beginning chunks are, how far their titles were said, and their length.

    The length is the logarithm of the size of its code; none has it without vectors of tokens.
    """
    if topic is None or not embedded:
        return {}, {}, {}
    cosines = np.vecdot(np.stack([each.vectors[0] for each in embedded.values()]), topic.vector)
    titles = generation.titles([*embedded])
    titled = {each: _share(_terms(*title), topic.terms) for each, title in titles.items()}
    lengths = {each: math.log(len(of.code)) for each, of in embedded.items() if of.code}
    return dict(zip(embedded, cosines.tolist(), strict=True)), titled, lengths


@lru_cache(maxsize=10_000)  # titles
def _terms(title: str, language: str) -> frozenset[str]:
    return frozenset(terms(title, language))


def _share(of: Set[str], among: Set[str]) -> float:
    return len(of & among) / len(of) if of else 0.0


def _best(lists: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the best score of each chunk in any of the lists."""
    first, *others = lists
    best = dict(first)
    for scores in others:
        for each, score in scores.items():
            best[each] = max(score, best.get(each, score))
    return best


def _with_best_sentence(
    fused: Mapping[str, float], ids: Iterable[str], evidence: Iterable[Evidence], weight: float
) -> dict[str, float]:
    """Return the score of each chunk with that of its best sentence."""
    best: dict[str, float] = {}
    for each in evidence:
        best.setdefault(each.hit.chunk.id, max(0.0, each.score))
    return {each: (1 - weight) * fused[each] + weight * best.get(each, 0.0) for each in ids}


def fuse(lists: Iterable[Mapping[str, float]], weights: Iterable[float]) -> dict[str, float]:
    """Return the weighted sum of each list's scores, scaled to run from 0 to 1 within the list.

    >>> fuse([{"a": 3.0, "b": 1.0}, {"b": 7.0}], [0.25, 0.75])
    {'a': 0.25, 'b': 0.75}
    """
    fused: dict[str, float] = {}
    for scores, weight in zip(lists, weights, strict=True):
        low, high = min(scores.values(), default=0), max(scores.values(), default=0)
        for each, score in scores.items():
            share = (score - low) / (high - low) if high > low else 1.0
            fused[each] = fused.get(each, 0.0) + weight * share
    return fused


def _spread(ids: list[str], top_k: int, clusters: Mapping[str, str]) -> list[str]:
    """Return the first ids, with more than a few of one document only where there are no others.

    Near copies of a document count as it does.
    """
    seen: Counter[str] = Counter()
    first, later = list[str](), list[str]()
    for each in ids:
        document_id = each.partition(":")[0]
        original = clusters.get(document_id, document_id)
        (first if seen[original] < PER_DOCUMENT else later).append(each)
        seen[original] += 1
        if len(first) == top_k:
            break
    kept = {*first, *later[: top_k - len(first)]}
    return [each for each in ids if each in kept]


class Retriever(BaseRetriever):
    """The same search as a LangChain retriever: documents with their chunk's address and score."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: Index
    encoder: Encoder
    k: int = Field(8, ge=1)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[LangChainDocument]:
        del run_manager
        with self.index.reading() as generation:
            found = understand(query, generation, self.encoder)
            hits = retrieve(found, generation, top_k=k or self.k)
        return [as_langchain(hit) for hit in hits]


def as_langchain(hit: Hit) -> LangChainDocument:
    """Return a hit as LangChain's callbacks and chains know it."""
    metadata: dict[str, Any] = {
        "document_id": hit.chunk.document_id,
        "start": hit.chunk.span.start,
        "end": hit.chunk.span.end,
        "heading": hit.chunk.heading,
        "score": hit.score,
    }
    return LangChainDocument(page_content=hit.chunk.text, id=hit.chunk.id, metadata=metadata)
