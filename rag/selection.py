"""The documents that a reader may see, or a filter admits, as a generation of nothing else."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from rag import store
from rag.access import Clearance
from rag.draft import Refusal
from rag.index import SMALL_KEPT, Generation, Index, Kept, Listed
from rag.store import DESCRIPTION, Vector
from rag.types import EVERYWHERE, Document, Filter

COMPARED_ALL = 5000  # chunks; the vectors of so many are compared in less time than Chroma takes
ROOM = 4  # times more neighbours than would hold enough if the documents lay evenly among them
WITHIN = "and c.document_id in (select value from json_each(?))"
OF_DOCUMENTS = {  # whose ids are given, in an order that SQLite keeps
    "chunks": "from json_each(:ids) cross join chunks t on t.document_id = value",
    "sentences": "from json_each(:ids) cross join chunks c on c.document_id = value "
    "cross join sentences t on t.chunk = c.number",
}
VECTORS = (  # that of the chunk is stored first, then those of its sentences
    "select t.vector_id, substr(e.vectors, 1, :size) "
    f"{OF_DOCUMENTS['chunks']} cross join embeddings e on e.chunk = t.number"
)
ADMITTED = """
(:documents = '[]' or uri in (select value from json_each(:documents))
                   or document_id in (select value from json_each(:documents)))
and (:kinds = '[]' or kind in (select value from json_each(:kinds)))
and (:languages = '[]' or language in (select value from json_each(:languages)))
and (:first is null or published >= :first)
and (:last is null or published <= :last)
and access in (select value from json_each(:satisfied))
"""  # of a place where a document lies
# Where a text lies in several, the one that most may see describes it.
PLACES = (
    f"select document_id, uri, published from places where {ADMITTED} order by access != '[]', uri"
)
MATCHING = (
    "select c.id, -bm25(keywords, 1.0, 1.0) from keywords cross join chunks c on "
    f"c.number = keywords.rowid where keywords match ? {WITHIN} order by rank limit ?"
)


def only(generation: Generation, where: Filter) -> Generation:
    """Return what the filter admits of a generation, or the generation where it admits all."""
    return generation if where == EVERYWHERE else Selection(generation, where)


def seen_by(generation: Generation, clearance: Clearance) -> Generation:
    """Return what a reader may see of a generation, as if there were nothing else."""
    if clearance.everything:
        return generation
    satisfied = frozenset(
        text for text, rules in generation.rules.items() if clearance.admits(rules)
    )
    if satisfied not in generation.seen:
        generation.seen[satisfied] = (
            Unrefused(generation)
            if len(satisfied) == len(generation.rules)
            else Seen(generation, satisfied)
        )
    return generation.seen[satisfied]


@dataclass(frozen=True, slots=True)
class SeenIndex:
    """An index as a reader may see it."""

    index: Index
    clearance: Clearance

    @contextmanager
    def reading(self) -> Iterator[Generation]:
        """Give what the reader may see of the current generation, as `Index.reading` does."""
        with self.index.reading() as generation:
            yield seen_by(generation, self.clearance)


class Selection(Generation):
    """Some documents of a generation: what is found are the best of these, and of these alone.

    What a word of the question weighs is told by all documents of that generation, for that is how
    often it occurs in the dossier: told by a few, many questions that these answer would be
    refused.
    """

    def __init__(
        self, whole: Generation, where: Filter, satisfied: frozenset[str] | None = None
    ) -> None:
        vars(self).update(vars(whole))  # the same open files; whoever opened them closes them
        self._told_by = whole
        self.satisfied = whole.satisfied if satisfied is None else satisfied
        values = {**_as_values(where), "satisfied": json.dumps(sorted(self.satisfied))}
        places = self._rows(PLACES, values)
        self._places: Mapping[str, str] = {each: uri for each, uri, _ in reversed(places)}
        self._uris = frozenset(uri for _, uri, _ in places)
        self._ids = json.dumps(list(self._places))
        days = [day for _, _, day in places if day]
        self._summary = replace(
            whole.summary(),
            documents=len(self._places),
            chunks=self._counted_within("chunks"),
            sentences=self._counted_within("sentences"),
            first=store.day(min(days, default=None)),
            last=store.day(max(days, default=None)),
        )

    def documents(self, most: int = -1) -> tuple[Document, ...]:
        """Return every document, or so many, in the order of their places in the folder."""
        ids = sorted(self._places, key=self._places.__getitem__)[: most if most >= 0 else None]
        return tuple(filter(None, map(self.document, ids)))

    def document(self, document_id: str) -> Document | None:
        """Return a document as the first admitted place of its text describes it."""
        uri = self._places.get(document_id)
        document = super().document(document_id) if uri else None
        if document is None:
            return None
        (row,) = self._rows(f"select {DESCRIPTION} from places where uri = ?", [uri])
        return store.document([*row, *map(str, store.content(document))])

    def uris(self) -> dict[str, list[str]]:
        """Return where the text of each document lies, by document id."""
        return {
            each: [uri for uri in uris if uri in self._uris]
            for each, uris in super().uris().items()
            if each in self._places
        }

    def listing(self) -> tuple[Listed, ...]:
        """Return every admitted place, in the order of the places; none tells of another."""

        def told(each: Listed) -> Listed:
            first = self._places[each.document_id]
            near = self._places.get(self.clusters.get(each.document_id, ""))
            return replace(each, same_as=first if first != each.uri else None, near_copy_of=near)

        return tuple(told(each) for each in super().listing() if each.uri in self._uris)

    def refusals(self) -> tuple[Refusal, ...]:
        """Return nothing: of what could not be read nobody knows whether it would be admitted."""
        return ()

    def document_frequencies(self, words: Iterable[str]) -> dict[str, int]:
        """Return in how many chunks of the generation each index term occurs."""
        return self._told_by.document_frequencies(words)

    def similar_terms(self, words: Iterable[str]) -> frozenset[str]:
        """Return the index terms that differ from one of the words by a typing error or two."""
        return self._told_by.similar_terms(words)

    def nearest_chunks(self, vector: Vector, top_k: int) -> dict[str, float]:
        """Return chunk ids with their cosine similarity, best first."""
        return self._admitted(super().nearest_chunks(vector, top_k))

    def matching_chunks(self, words: Iterable[str], top_k: int) -> dict[str, float]:
        """Return chunk ids with their BM25 score for any of the index terms, best first."""
        query = " OR ".join(f'"{word}"' for word in dict.fromkeys(words) if '"' not in word)
        if not query:
            return {}
        return dict(self._rows(MATCHING, [query, self._ids, top_k]))

    def _admitted(self, scores: Mapping[str, float]) -> dict[str, float]:
        return {each: score for each, score in scores.items() if _document(each) in self._places}

    def _nearest(self, vector: Vector, top_k: int) -> dict[str, float]:
        """Return the nearest of the vectors that the documents have."""
        chunks = self._summary.chunks
        if chunks > COMPARED_ALL:
            asked = math.ceil(ROOM * top_k * self.stored / chunks)
            found = super()._nearest(vector, asked)
            rows = self._by_ids("vector_id, id", "chunks", "vector_id", list(found))
            own = {vector_id for vector_id, each in rows if _document(each) in self._places}
            kept = [each for each in found if each in own][:top_k]
            if len(kept) == top_k:
                return {each: found[each] for each in kept}
        return self._compared(vector, top_k)

    def _compared(self, vector: Vector, top_k: int) -> dict[str, float]:
        """Compare a vector with every one that the documents have."""
        values = {"ids": self._ids, "size": vector.nbytes}
        blobs: dict[str, bytes] = dict(self._rows(VECTORS, values))
        if not blobs:
            return {}
        vectors = np.frombuffer(b"".join(blobs.values()), np.float32).reshape(len(blobs), -1)
        cosines = np.vecdot(vectors, vector)
        names = list(blobs)
        best = np.argsort(-cosines, kind="stable")[:top_k]
        return {names[each]: float(cosines[each]) for each in best}

    def _counted_within(self, kind: str) -> int:
        ((count,),) = self._rows(f"select count(*) {OF_DOCUMENTS[kind]}", {"ids": self._ids})
        return int(count)


class Unrefused(Generation):
    """All documents of a generation, for a reader who may see them all."""

    def __init__(self, whole: Generation) -> None:
        vars(self).update(vars(whole))

    def refusals(self) -> tuple[Refusal, ...]:
        """Return nothing: of what could not be read nobody knows who may."""
        return ()


class Seen(Selection):
    """The documents that a reader may see; of the others not even the words are known."""

    def __init__(self, whole: Generation, satisfied: frozenset[str]) -> None:
        super().__init__(whole, EVERYWHERE, satisfied)
        self.whole = self._summary
        self.languages = frozenset(
            row[0]
            for row in self._rows(
                "select distinct language from places "
                "where access in (select value from json_each(?))",
                [json.dumps(sorted(satisfied))],
            )
        )
        self.clusters = {
            each: of
            for each, of in whole.clusters.items()
            if each in self._places and of in self._places
        }
        self._frequencies = Kept(SMALL_KEPT, self._read_frequencies)

    def document_frequencies(self, words: Iterable[str]) -> dict[str, int]:
        """Return in how many chunks that the reader may see each index term occurs."""
        return Generation.document_frequencies(self, words)

    def _read_frequencies(self, words: Sequence[str]) -> dict[str, int]:
        return {word: self._chunks_with(word) for word in words}

    def _chunks_with(self, word: str) -> int:
        if '"' in word or not self._told_by.document_frequencies([word])[word]:
            return 0
        query = (
            "select count(*) from keywords cross join chunks c on c.number = keywords.rowid "
            f"where keywords match ? {WITHIN}"
        )
        ((count,),) = self._rows(query, [f'"{word}"', self._ids])
        return int(count)

    def similar_terms(self, words: Iterable[str]) -> frozenset[str]:
        """Return the terms that the reader may see and that differ by a typing error or two."""
        return Generation.similar_terms(self, words)

    def _similar_to(self, word: str) -> Iterable[str]:
        near = super()._similar_to(word)
        return (each for each in near if self.document_frequencies([each])[each])


def _document(address: str) -> str:
    """Return the id of the document that a chunk is of."""
    return address.partition(":")[0]


def _as_values(where: Filter) -> dict[str, str | None]:
    """Return a filter as the values of `ADMITTED`."""
    return {
        "documents": json.dumps(sorted(where.documents)),
        "kinds": json.dumps(sorted(where.kinds)),
        "languages": json.dumps(sorted(where.languages)),
        "first": where.first.isoformat() if where.first else None,
        "last": where.last.isoformat() if where.last else None,
    }
