"""The documents that a filter admits, as a generation of which nothing else is seen."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from rag import store
from rag.draft import Refusal
from rag.index import Generation, Listed
from rag.store import DESCRIPTION, Vector
from rag.types import EVERYWHERE, Document, Filter

COMPARED_ALL = 5000  # chunks; the vectors of so many are compared in less time than Chroma takes
ROOM = 2  # times more neighbours than would hold enough if the documents lay evenly among them
WITHIN = "and c.document_id in (select value from json_each(?))"
OF_DOCUMENTS = {  # whose ids are given, in an order that SQLite keeps
    "chunks": "from json_each(:ids) cross join chunks t on t.document_id = value",
    "sentences": "from json_each(:ids) cross join chunks c on c.document_id = value "
    "cross join sentences t on t.chunk = c.number",
}
VECTORS = {  # that of the chunk is stored first, then those of its sentences
    "chunks": "select t.vector_id, substr(e.vectors, 1, :size) "
    f"{OF_DOCUMENTS['chunks']} cross join embeddings e on e.chunk = t.number",
    "sentences": "select t.vector_id, substr(e.vectors, 1 + :size * "
    "row_number() over (partition by t.chunk order by t.start), :size) "
    f"{OF_DOCUMENTS['sentences']} cross join embeddings e on e.chunk = t.chunk",
}
ADMITTED = """
(:documents = '[]' or uri in (select value from json_each(:documents))
                   or document_id in (select value from json_each(:documents)))
and (:kinds = '[]' or kind in (select value from json_each(:kinds)))
and (:languages = '[]' or language in (select value from json_each(:languages)))
and (:first is null or published >= :first)
and (:last is null or published <= :last)"""  # of a place where a document lies


def only(generation: Generation, where: Filter) -> Generation:
    """Return what the filter admits of a generation, or the generation where it admits all."""
    return generation if where == EVERYWHERE else Selection(generation, where)


class Selection(Generation):
    """Some documents of a generation: what is found are the best of these, and of these alone.

    What a word of the question weighs is told by all documents, for that is how often it occurs in
    the dossier: told by a few, many questions that these answer would be refused.
    """

    def __init__(self, whole: Generation, where: Filter) -> None:
        vars(self).update(vars(whole))  # the same open files; whoever opened them closes them
        query = f"select document_id, uri, published from places where {ADMITTED} order by uri"
        places = self._rows(query, _as_values(where))
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

    def document(self, document_id: str) -> Document | None:
        """Return a document as the first admitted place of its text describes it."""
        document = super().document(document_id)
        uri = self._places.get(document_id)
        if document is None or uri is None:
            return None
        (row,) = self._rows(f"select {DESCRIPTION} from places where uri = ?", [uri])
        return store.document([*row, *map(str, store.content(document))])

    def listing(self) -> tuple[Listed, ...]:
        """Return every admitted place, in the order of the places; none tells of another."""

        def known(uri: str | None) -> str | None:
            return uri if uri in self._uris else None

        return tuple(
            replace(each, same_as=known(each.same_as), near_copy_of=known(each.near_copy_of))
            for each in super().listing()
            if each.uri in self._uris
        )

    def refusals(self) -> tuple[Refusal, ...]:
        """Return nothing: of what could not be read nobody knows whether it would be admitted."""
        return ()

    def nearest_chunks(self, vector: Vector, top_k: int) -> dict[str, float]:
        """Return chunk ids with their cosine similarity, best first."""
        return self._admitted(super().nearest_chunks(vector, top_k))

    def nearest_sentences(self, vector: Vector, top_k: int) -> dict[str, float]:
        """Return chunk ids with the cosine similarity of their nearest sentence, best first."""
        return self._admitted(super().nearest_sentences(vector, top_k))

    def matching_chunks(self, words: Iterable[str], top_k: int) -> dict[str, float]:
        """Return chunk ids with their BM25 score for any of the index terms, best first."""
        return self._matching(words, top_k, WITHIN, self._ids)

    def _admitted(self, scores: Mapping[str, float]) -> dict[str, float]:
        return {each: score for each, score in scores.items() if _document(each) in self._places}

    def _nearest(self, kind: str, vector: Vector, top_k: int) -> dict[str, float]:
        """Return the nearest of the vectors that the documents have."""
        chunks = self._summary.chunks
        if chunks > COMPARED_ALL:
            asked = math.ceil(ROOM * top_k * self.whole.chunks / chunks)
            found = super()._nearest(kind, vector, asked)
            rows = self._by_ids("vector_id, id", kind, "vector_id", list(found))
            own = {vector_id for vector_id, each in rows if _document(each) in self._places}
            kept = [each for each in found if each in own][:top_k]
            if len(kept) == top_k:
                return {each: found[each] for each in kept}
        return self._compared(kind, vector, top_k)

    def _compared(self, kind: str, vector: Vector, top_k: int) -> dict[str, float]:
        """Compare a vector with every one that the documents have."""
        values = {"ids": self._ids, "size": vector.nbytes}
        blobs: dict[str, bytes] = dict(self._rows(VECTORS[kind], values))
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


def _document(address: str) -> str:
    """Return the id of the document that a chunk or sentence is of."""
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
