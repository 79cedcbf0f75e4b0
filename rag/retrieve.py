"""How the chunks that may answer a question are found: by meaning and by words, fused."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document as LangChainDocument
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from rag.index import Generation, Index, Vector
from rag.language import asked_about, detect, fold, glossary, stems, words
from rag.models import Encoder
from rag.types import Hit

POOL = 100  # how many of each list are fused
PER_DOCUMENT = 3  # hits of one document before those of others have had their turn
# Weights of chunk meaning, sentence meaning and keywords. The embedded model reads English best.
ENGLISH_WEIGHTS = (0.25, 0.25, 0.5)
OTHER_WEIGHTS = (0.2, 0.2, 0.6)
LIKE = 0.7  # what a word counts that is not the question's own but one like it


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a question as it is compared with the documents.

    Attributes:
        terms: the index terms that stand for it.
        related: the terms that mean much the same.
        rarity: inverse document frequency, as in BM25.
        certainty: 1 when some document has the word itself, `LIKE` when the terms are those of a
            related word or of one spelled nearly the same, 0 when no document has any.
    """

    text: str
    terms: frozenset[str]
    related: frozenset[str]
    rarity: float
    certainty: float


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is searched for: the question, its language, its vector and its words."""

    text: str
    language: str
    vector: Vector
    words: tuple[Word, ...]


def understand(text: str, generation: Generation, encoder: Encoder) -> Query:
    """Return the question as it is compared with the documents."""
    language = detect(text)
    languages = sorted(generation.languages | {language})
    total = generation.summary().chunks
    found = {
        word.terms: word
        for each in words(asked_about(text), language)
        for word in [_word(each, languages, generation, total)]
    }
    return Query(text, language, encoder.encode_query(text), tuple(found.values()))


def _word(text: str, languages: Iterable[str], generation: Generation, total: int) -> Word:
    own = stems(text, languages)
    related = own.union(*(glossary().get(each, ()) for each in own))
    for terms, certainty in ((own, 1.0), (related, LIKE), (None, LIKE)):
        candidates = generation.similar_terms(own | {fold(text)}) if terms is None else terms
        counts = generation.document_frequencies(candidates)
        known = frozenset(each for each in candidates if counts[each])
        if known:
            rarity = _rarity(max(counts.values()), total)
            return Word(text, known, related, rarity, certainty)
    return Word(text, own, related, _rarity(0, total), 0.0)


def _rarity(count: int, total: int) -> float:
    return math.log(1 + (total - count + 0.5) / (count + 0.5))


def retrieve(query: Query, generation: Generation, *, top_k: int) -> tuple[Hit, ...]:
    """Return the chunks nearest in meaning and words, best first, not all of one document."""
    terms = sorted(term for word in query.words for term in word.terms)
    lists = (
        generation.nearest_chunks(query.vector, POOL),
        generation.nearest_sentences(query.vector, POOL),
        generation.matching_chunks(terms, POOL),
    )
    weights = ENGLISH_WEIGHTS if query.language == "en" else OTHER_WEIGHTS
    scores = fuse(lists, weights)
    ranked = sorted(scores, key=lambda each: (-scores[each], each))
    kept = _spread(ranked, top_k)
    chunks = generation.chunks(kept)
    return tuple(Hit(chunk, scores[chunk.id]) for chunk in chunks)


def fuse(lists: Iterable[Mapping[str, float]], weights: Iterable[float]) -> dict[str, float]:
    """Return the weighted sum of each list's scores, scaled to run from 0 to 1 within the list.

    >>> fuse([{"a": 3.0, "b": 1.0}, {"b": 7.0}], [0.25, 0.75])
    {'a': 0.25, 'b': 0.75}
    """
    fused: Counter[str] = Counter()
    for scores, weight in zip(lists, weights, strict=True):
        low, high = min(scores.values(), default=0), max(scores.values(), default=0)
        for each, score in scores.items():
            fused[each] += weight * ((score - low) / (high - low) if high > low else 1)  # type: ignore[assignment]  # Counter is typed for whole numbers
    return dict(fused)


def _spread(ranked: list[str], top_k: int) -> list[str]:
    """Return the first ids, with more than a few of one document only where there are no others."""
    seen: Counter[str] = Counter()
    first, later = list[str](), list[str]()
    for each in ranked:
        document_id = each.partition(":")[0]
        (first if seen[document_id] < PER_DOCUMENT else later).append(each)
        seen[document_id] += 1
    kept = {*first[:top_k], *later[: max(0, top_k - len(first))]}
    return [each for each in ranked if each in kept]


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
