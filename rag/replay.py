"""Whether a recorded answer would be given again, and if not, what has changed since."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rag.index import Generation
from rag.pipeline import Pipeline, Question
from rag.records import as_clearance, as_filter, as_json, as_turns
from rag.types import Answer

KEPT = ("document_id", "start", "end", "quote")  # what makes two citations the same


@dataclass(frozen=True, slots=True)
class Source:
    """A document that a recorded answer cites, and what became of it."""

    uri: str
    document_id: str
    state: Literal["same", "moved", "changed", "gone"]


@dataclass(frozen=True, slots=True)
class Replay:
    """A recorded answer beside the one that its question gets now.

    Attributes:
        index: the generations that answered then and now.
        model: what embedded the question and what wrote the answer, then and now.
        sources: the documents that were cited then.
    """

    record: Mapping[str, Any]
    answer: Answer
    index: tuple[str, str]
    model: tuple[str, str]
    sources: tuple[Source, ...]

    @property
    def same(self) -> bool:
        """Tell whether a reader would be told the same, from the same places."""
        return _shown(self.record) == _shown(as_json(self.answer))

    @property
    def explained(self) -> bool:
        """Tell whether something is known to have changed that an answer depends on."""
        return self.index[0] != self.index[1] or self.model[0] != self.model[1]

    def diff(self) -> list[str]:
        """Return what the answer says less (-) and more (+) than it did, a sentence a line."""
        before, now = _sentences(self.record), _sentences(as_json(self.answer))
        return [line for line in difflib.ndiff(before, now) if line[0] in "+-"]


def replay(pipeline: Pipeline, record: Mapping[str, Any]) -> Replay:
    """Ask a recorded question again, with its history and of the same documents.

    Raises:
        QuestionError: the record holds no question that can be asked.
        IndexMissingError, IndexMismatchError, IndexDamagedError: as `Index.reading`.
    """
    turns, where = as_turns(record.get("history", [])), as_filter(record.get("where"))
    clearance = as_clearance(record.get("clearance"))
    question = Question(str(record["question"]), turns, False, where, clearance)
    answer = pipeline.invoke(question)
    with pipeline.index.reading() as generation:
        sources = tuple(_sources(record, generation))
        name = generation.name
    then = " ".join((str(record["fingerprint"]), str(record["mode"]), str(record["model"])))
    now = " ".join((pipeline.index.fingerprint, answer.mode, answer.model))
    return Replay(
        record, answer, (str(record["generation"]), name), (then.strip(), now.strip()), sources
    )


def as_report(found: Replay) -> dict[str, Any]:
    """Return what was found in the form that scripts rely on."""
    return {
        "id": found.record["id"],
        "same": found.same,
        "explained": found.explained,
        "status": [found.record["status"], found.answer.status],
        "generation": list(found.index),
        "model": list(found.model),
        "sources": [
            {"uri": each.uri, "document_id": each.document_id, "state": each.state}
            for each in found.sources
        ],
        "diff": found.diff(),
        "answer": as_json(found.answer),
    }


def lines(found: Replay) -> Iterator[str]:
    """Yield the same for a person."""
    yield "the answer is the same" if found.same else "the answer is another"
    for what, (then, now) in (("index", found.index), ("model", found.model)):
        yield f"{what}: {then}" if then == now else f"{what}: was {then}, is {now}"
    for each in found.sources:
        if each.state != "same":
            yield f"cited document {each.uri!r}: {each.state}"
    if not found.same:
        yield f"status: was {found.record['status']}, is {found.answer.status}"
        yield from found.diff()


def _sources(record: Mapping[str, Any], generation: Generation) -> Iterator[Source]:
    places = generation.uris()
    taken = {uri for uris in places.values() for uri in uris}
    cited = {each["document_id"]: each["uri"] for each in record["citations"]}
    for document_id, uri in cited.items():
        if uri in places.get(document_id, ()):
            yield Source(uri, document_id, "same")
        elif document_id in places:
            yield Source(uri, document_id, "moved")
        else:
            yield Source(uri, document_id, "changed" if uri in taken else "gone")


def _shown(answer: Mapping[str, Any]) -> tuple[object, ...]:
    citations = [tuple(each[name] for name in KEPT) for each in answer["citations"]]
    return answer["status"], answer["text"], citations


def _sentences(answer: Mapping[str, Any]) -> list[str]:
    """Return an answer as lines: each sentence with its marker, and where that points."""
    places = [f"[{each['marker']}] {each['uri']}" for each in answer["citations"]]
    return [*str(answer["text"]).replace("] ", "]\n").splitlines(), *places]
