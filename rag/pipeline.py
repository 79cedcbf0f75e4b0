"""The one road of a question: make it stand alone, retrieve, extract, verify, record."""

import logging
import time
import unicodedata
import uuid
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForChainRun
from langchain_core.runnables import Runnable, RunnableConfig

from rag import records
from rag.access import OPERATOR, Clearance
from rag.chat_models import Asking, ChatModel, waited
from rag.compose import cite, growing, instead, quoted, text_of, written
from rag.errors import ChatModelError, IndexWriteError, QuestionError
from rag.extract import choose, is_worth_reading
from rag.generate import Author, Draft, stand_alone
from rag.index import Generation, Index, check_there, index_of
from rag.language import detect
from rag.models import Encoder, load_encoder
from rag.orders import without_orders
from rag.query import Conversation, in_conversation, understand
from rag.retrieve import Found, as_langchain, search
from rag.selection import only, seen_by
from rag.settings import Settings
from rag.store import current
from rag.types import EVERYWHERE, Answer, Citation, Fault, Filter, Turn
from rag.verify import Verifier
from rag.watch import Watch, open_watch

MAX_QUESTION = 1000  # characters, where no setting says otherwise
LONGEST_SHOWN = 40  # characters of a question in an error
MAX_HISTORY = 20  # turns that are looked back on
NO_MODEL = "no-model"  # a file of the index; while it is there, no language model writes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What the user typed, after the turns that went before.

    `where` says which documents are asked, `clearance` which of them the one who asks may see;
    for the command line and the evals that is all of them. `recorded` is off for questions that
    nobody asked, such as a trial of the page's examples; `written` is off where quotes are wanted
    though a language model is set.
    """

    text: str
    history: tuple[Turn, ...] = ()
    recorded: bool = True
    where: Filter = EVERYWHERE
    clearance: Clearance = OPERATOR
    written: bool = True


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
        author: Author | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.index = index
        self.max_question = max_question
        self._encoder = encoder
        self._top_k = top_k
        self._record_to = record_to
        self._author = author
        self.watch = watch or Watch()

    def invoke(
        self, input: Question | str, config: RunnableConfig | None = None, **_: Any
    ) -> Answer:
        """Return the final answer.

        Raises:
            QuestionError: the question is empty or too long.
            IndexMissingError, IndexMismatchError, IndexDamagedError, IndexServerError: as
                `Index.reading`.
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

    def writing(self) -> tuple[str, Fault]:
        """Return the language model that is set, and why it writes nothing now; empty for none."""
        if self._author is None:
            return "", ""
        off = (self.index.directory / NO_MODEL).exists()
        return self._author.model.name, "switched_off" if off else self._author.model.fault

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
        searched_for, before = in_conversation(text, question.history[-MAX_HISTORY:])
        answer = Answer(
            id=uuid.uuid4().hex,
            question=text,
            searched_for=searched_for,
            language=detect(text),
            status="searching",
        )
        yield answer
        with self.index.reading() as generation:
            seen = _searched(generation, question)
            for final in self._answers(_Asked(answer, question, before), seen, run):
                if final.status == "searching":
                    yield final
        if question.recorded:
            self._record(final, question, generation.name)
        yield final

    def _answers(
        self, asked: "_Asked", generation: Generation, run: CallbackManagerForChainRun
    ) -> Iterator[Answer]:
        """Yield the answer as it grows; the last one is final."""
        clock = _Clock()
        model, fault = self.writing() if asked.question.written else ("", "")
        asking = (
            self._author.model.start(run.get_child())
            if self._author and model and not fault
            else None
        )
        if asking and asked.question.history:
            try:
                asked = yield from _standing_alone(asked, asking)
            except ChatModelError as error:
                fault = error.fault
            clock.lap("rewrite")
        searched_for, found = self._find(asked, generation, run, clock)
        answer = replace(asked.answer, searched_for=searched_for, hits=found.hits)
        chosen = choose(found.evidence)
        draft: Draft | None = None
        if self._author and asking and not fault and is_worth_reading(found.evidence):
            for draft in self._author.write(asking, answer, found, generation):
                yield growing(answer, draft, generation, model)
            clock.lap("write")
        if draft:
            final = written(
                answer, draft, generation, model, chosen=chosen, evidence=found.evidence
            )
        else:
            final = quoted(answer, chosen, found.evidence, generation)
            yield from _one_by_one(answer, final)
            final = instead(final, model, fault) if fault else final
        clock.lap("extract")
        usage = asking.taken(draft.first if draft else None) if asking else None
        yield replace(final, timings_ms=clock.laps(), usage=usage)

    def _find(
        self,
        asked: "_Asked",
        generation: Generation,
        run: CallbackManagerForChainRun,
        clock: "_Clock",
    ) -> tuple[str, Found]:
        """Return what was searched for, its typing errors mended, and what was found."""
        searched_for = asked.answer.searched_for
        query = understand(
            searched_for, generation, self._encoder, own=asked.own, conversation=asked.before
        )
        clock.lap("understand")
        listener = run.get_child().on_retriever_start({"name": "Retriever"}, query.text)
        found = search(query, generation, top_k=self._top_k)
        if listener.handlers:
            listener.on_retriever_end([as_langchain(hit) for hit in found.hits])
        clock.lap("retrieve")
        return query.text, found

    def passages(self, question: Question, most: int) -> tuple[Citation, ...]:
        """Return the chunks that may answer a question, best first, each as its own citation.

        What in them is an order to a language model is left out.

        Raises:
            QuestionError, IndexMissingError, IndexMismatchError, IndexDamagedError: as `invoke`.
        """
        text = check_question(question.text, self.max_question)
        with self.index.reading() as generation:
            seen = _searched(generation, question)
            hits = search(understand(text, seen, self._encoder), seen, top_k=most).hits
            parts = [part for hit in hits for part in without_orders(hit.chunk)]
            return tuple(cite(seen, part, number) for number, part in enumerate(parts[:most], 1))

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
        IndexMissingError, IndexMismatchError, IndexDamagedError, IndexServerError: as
            `Index.reading`.
        ModelError: as `load_encoder`.
        SettingsError: the chat model has no provider that is known.
    """
    check_there(settings)
    encoder = load_encoder(settings, cache=settings.index / "model")
    index = index_of(settings, encoder.fingerprint)
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
        author=_author(settings, encoder) if settings.chat_model else None,
    )


def _author(settings: Settings, encoder: Encoder) -> Author:
    model = ChatModel(
        settings.chat_model,
        base_url=settings.chat_base_url,
        seconds=settings.chat_seconds,
        retries=settings.chat_retries,
        max_tokens=settings.chat_max_tokens,
        context_tokens=settings.chat_context_tokens,
    )
    verifier = Verifier(encoder, settings.entailment_model)
    return Author(model, verifier, settings.chat_context_tokens)


def switch(index: Path, *, on: bool) -> None:
    """Let the language model of an index write, or keep it from that, whoever has it open.

    Raises:
        IndexMissingError: nothing was ever ingested there.
        IndexWriteError: the directory can not be written.
    """
    current(index)
    try:
        if on:
            (index / NO_MODEL).unlink(missing_ok=True)
        else:
            (index / NO_MODEL).touch()
    except OSError as error:
        raise IndexWriteError(
            f"the file {str(index / NO_MODEL)!r} can not be changed: {error}; give permission"
        ) from error


def check_question(text: str, most: int = MAX_QUESTION) -> str:
    """Return the question without the space around it.

    Raises:
        QuestionError: it is empty or longer than so many characters.
    """
    text = " ".join("".join(filter(_is_visible, " ".join(text.split()))).split())
    if not text:
        raise QuestionError("the question is empty; type what you want to know from the documents")
    if len(text) > most:
        shown = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
        raise QuestionError(
            f"the question {shown!r} has {len(text):,} characters; shorten it to {most:,} at most",
            most,
        )
    return text


def _is_visible(character: str) -> bool:
    """Tell whether a character is one that a reader sees: no control, format or half of a pair."""
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question on its way: `own` is what is searched for without borrowed words."""

    answer: Answer
    question: Question
    before: Conversation

    @property
    def own(self) -> str:
        own = self.answer.question
        return own if self.answer.searched_for.startswith(own) else self.answer.searched_for


def _standing_alone(asked: _Asked, asking: Asking) -> Generator[Answer, None, _Asked]:
    """Let a model put into the question what it leans on; yields while it is waited for."""
    history = asked.question.history[-MAX_HISTORY:]
    rewriting = stand_alone(asking, asked.answer.question, history)
    alone = yield from waited(rewriting, asked.answer)
    if alone is None:
        return asked
    answer = replace(asked.answer, searched_for=alone)
    return replace(asked, answer=answer, before=replace(asked.before, last=()))


def _one_by_one(answer: Answer, final: Answer) -> Iterator[Answer]:
    """Yield an answer of quotes as it grows by one after the other."""
    for shown in range(1, len(final.citations) if final.status != "refused" else 0):
        cited = final.citations[:shown]
        yield replace(answer, text=text_of(cited), citations=cited)


def _searched(generation: Generation, question: Question) -> Generation:
    """Return what of a generation a question is asked of, and who asks it may see."""
    return only(seen_by(generation, question.clearance), question.where)


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
