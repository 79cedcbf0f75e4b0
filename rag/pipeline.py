"""The one road of a question: make it stand alone, retrieve, extract, verify, record."""

import logging
import time
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForChainRun
from langchain_core.runnables import Runnable, RunnableConfig

from rag import records, wording
from rag.access import OPERATOR, Clearance
from rag.errors import IndexDamagedError, QuestionError
from rag.evidence import Evidence
from rag.extract import choose
from rag.index import Generation, Index
from rag.language import detect
from rag.models import Encoder, load_encoder
from rag.query import in_conversation, understand
from rag.retrieve import as_langchain, search
from rag.selection import only, seen_by
from rag.settings import Settings
from rag.store import current
from rag.types import EVERYWHERE, Answer, Chunk, Citation, Filter, Sentence, Turn
from rag.verify import check
from rag.watch import Watch, open_watch

MAX_QUESTION = 1000  # characters, where no setting says otherwise
MAX_HISTORY = 20  # turns that are looked back on
NEAR = 0.2  # cosine below which a passage is not worth showing with a refusal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What the user typed, after the turns that went before.

    `where` says which documents are asked, `clearance` which of them the one who asks may see;
    for the command line and the evals that is all of them. `recorded` is off for questions that
    nobody asked, such as a trial of the page's examples.
    """

    text: str
    history: tuple[Turn, ...] = ()
    recorded: bool = True
    where: Filter = EVERYWHERE
    clearance: Clearance = OPERATOR


class Pipeline(Runnable[Question | str, Answer]):
    """Answers questions from an index; a LangChain `Runnable` from a question to an `Answer`."""

    def __init__(
        self,
        index: Index,
        encoder: Encoder,
        *,
        top_k: int = 8,
        max_question: int = MAX_QUESTION,
        record_to: Path | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.index = index
        self.max_question = max_question
        self._encoder = encoder
        self._top_k = top_k
        self._record_to = record_to
        self.watch = watch or Watch()

    def invoke(
        self, input: Question | str, config: RunnableConfig | None = None, **_: Any
    ) -> Answer:
        """Return the final answer.

        Raises:
            QuestionError: the question is empty or too long.
            IndexMissingError, IndexMismatchError, IndexDamagedError: as `Index.reading`.
        """
        return self._call_with_config(self._last, input, config, run_type="chain")

    def stream(
        self,
        input: Question | str,
        config: RunnableConfig | None = None,
        **_: Any,
    ) -> Iterator[Answer]:
        """Yield the answer as it grows, each time whole; the last one is final."""
        yield from self._transform_stream_with_config(
            iter([input]), self._each, config, run_type="chain"
        )

    def _last(self, question: Question | str, run_manager: CallbackManagerForChainRun) -> Answer:
        *_, answer = self._watched(question, run_manager)
        return answer

    def _each(
        self, questions: Iterator[Question | str], run_manager: CallbackManagerForChainRun
    ) -> Iterator[Answer]:
        for question in questions:
            yield from self._watched(question, run_manager)

    def _watched(self, asked: Question | str, run: CallbackManagerForChainRun) -> Iterator[Answer]:
        question = Question(asked) if isinstance(asked, str) else asked
        if not question.recorded:
            yield from self._road(question, run)
            return
        with self.watch.question() as seen:
            for seen.answer in self._road(question, run):
                yield seen.answer

    def _road(self, question: Question, run: CallbackManagerForChainRun) -> Iterator[Answer]:
        text = check_question(question.text, self.max_question)
        searched_for, after = in_conversation(text, question.history[-MAX_HISTORY:])
        answer = Answer(
            id=uuid.uuid4().hex,
            question=text,
            searched_for=searched_for,
            language=detect(text),
            status="searching",
        )
        yield answer
        with self.index.reading() as generation:
            final = self._answer(answer, after, _searched(generation, question), run)
        for shown in range(1, len(final.citations) if final.status == "answered" else 0):
            cited = final.citations[:shown]
            yield replace(answer, hits=final.hits, text=_text(cited), citations=cited)
        if question.recorded:
            self._record(final, question, generation.name)
        yield final

    def _answer(
        self, answer: Answer, after: str, generation: Generation, run: CallbackManagerForChainRun
    ) -> Answer:
        clock = _Clock()
        query = understand(
            answer.searched_for, generation, self._encoder, own=answer.question, after=after
        )
        clock.lap("understand")
        listener = run.get_child().on_retriever_start({"name": "Retriever"}, answer.searched_for)
        found = search(query, generation, top_k=self._top_k)
        listener.on_retriever_end([as_langchain(hit) for hit in found.hits])
        clock.lap("retrieve")
        chosen = choose(found.evidence)
        answer = replace(answer, hits=found.hits)
        if chosen:
            cited = [
                _cite(generation, each.sentence, number) for number, each in enumerate(chosen, 1)
            ]
            final = _quote(answer, cited, generation)
        else:
            final = _refuse(answer, found.evidence, generation)
        clock.lap("extract")
        return replace(final, timings_ms=clock.laps())

    def passages(self, question: Question, most: int) -> tuple[Citation, ...]:
        """Return the chunks that may answer a question, best first, each as its own citation.

        Raises:
            QuestionError, IndexMissingError, IndexMismatchError, IndexDamagedError: as `invoke`.
        """
        text = check_question(question.text, self.max_question)
        with self.index.reading() as generation:
            seen = _searched(generation, question)
            hits = search(understand(text, seen, self._encoder), seen, top_k=most).hits
            return tuple(_cite(seen, hit.chunk, number) for number, hit in enumerate(hits, 1))

    def _record(self, answer: Answer, question: Question, generation: str) -> None:
        if self._record_to is None:
            return
        try:
            records.append(
                self._record_to,
                answer,
                where=question.where,
                clearance=question.clearance,
                history=question.history[-MAX_HISTORY:],
                generation=generation,
                fingerprint=self._encoder.fingerprint,
            )
        except OSError as error:
            self.watch.unrecorded = str(error)
            log.warning("the answer could not be recorded in %s: %s", self._record_to, error)
        else:
            self.watch.unrecorded = ""


def open_pipeline(settings: Settings, *, record: bool = True) -> Pipeline:
    """Return the pipeline that the settings describe, its index opened and checked.

    Raises:
        IndexMissingError, IndexMismatchError, IndexDamagedError: as `Index.reading`.
        ModelError: as `load_encoder`.
    """
    current(settings.index)
    encoder = load_encoder(settings, cache=settings.index / "model")
    index = Index(settings.index, encoder.fingerprint)
    with index.reading():
        pass
    record_to = records.place(settings.index) if record and settings.records else None
    return Pipeline(
        index,
        encoder,
        top_k=settings.top_k,
        max_question=settings.max_question,
        record_to=record_to,
        watch=open_watch(settings),
    )


def check_question(text: str, most: int = MAX_QUESTION) -> str:
    """Return the question without the space around it.

    Raises:
        QuestionError: it is empty or longer than so many characters.
    """
    text = " ".join("".join(filter(_is_visible, " ".join(text.split()))).split())
    if not text:
        raise QuestionError("the question is empty; type what you want to know from the documents")
    if len(text) > most:
        raise QuestionError(
            f"the question {text[:40] + '…'!r} has {len(text):,} characters; "
            f"shorten it to {most:,} at most"
        )
    return text


def _is_visible(character: str) -> bool:
    """Tell whether a character is one that a reader sees: no control, format or half of a pair."""
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs")


def _quote(answer: Answer, cited: Sequence[Citation], generation: Generation) -> Answer:
    return replace(
        answer,
        status="answered",
        text=_text(cited),
        citations=tuple(cited),
        as_of=wording.as_of(answer.language, cited, generation.whole),
    )


def _refuse(answer: Answer, evidence: Sequence[Evidence], generation: Generation) -> Answer:
    """Say that the documents do not answer, what was searched, and what came nearest."""
    best = max(evidence, key=lambda each: each.cosine, default=None)
    near = [_cite(generation, best.sentence, 1)] if best and best.cosine >= NEAR else []
    searched = generation.summary()
    coverage = wording.coverage(answer.language, searched, generation.whole)
    refusal, nearest = (
        wording.refusal(answer.language),
        wording.nearest(answer.language, _text(near)),
    )
    lines = (refusal, coverage, nearest) if searched.documents else (coverage,)
    return replace(
        answer,
        status="refused",
        text=" ".join(lines),
        coverage=coverage,
        citations=tuple(near),
        as_of=wording.as_of(answer.language, near, generation.whole),
    )


def _searched(generation: Generation, question: Question) -> Generation:
    """Return what of a generation a question is asked of, and who asks it may see."""
    return only(seen_by(generation, question.clearance), question.where)


def _cite(generation: Generation, sentence: Sentence | Chunk, marker: int) -> Citation:
    """Return the citation of a piece of a document, checked against it."""
    document = generation.document(sentence.document_id)
    if document is None:
        raise IndexDamagedError(
            f"the text {sentence.id!r} has no document in {generation.name!r}; "
            "run python -m ingest --check"
        )
    citation = Citation(
        marker=marker,
        document_id=document.id,
        title=document.title,
        uri=document.uri,
        published=document.published,
        page=document.page_of(sentence.span.start),
        span=sentence.span,
        quote=sentence.text,
    )
    return check(citation, document)


def _text(cited: Sequence[Citation]) -> str:
    """Return the quotes on one line each, with their markers."""
    return " ".join(f"{' '.join(each.quote.split())} [{each.marker}]" for each in cited)


class _Clock:
    """Notes how long each stage took."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self._laps: list[tuple[str, float]] = []

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._laps.append((stage, 1000 * (now - self._last)))
        self._last = now

    def laps(self) -> tuple[tuple[str, float], ...]:
        total = 1000 * (time.perf_counter() - self._started)
        return (*self._laps, ("total", total))
