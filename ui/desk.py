"""What a click makes of a session, with nothing of Gradio: questions, votes, briefs, own files."""

import base64
import itertools
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from rag import records
from rag.access import Clearance
from rag.errors import DraftsFullError, DraftTooLongError, RagError
from rag.pipeline import Pipeline, Question
from rag.selection import SeenIndex
from rag.types import EVERYWHERE, Answer, Filter
from ui import brief, dossier, filters, saved
from ui.limits import LimitError, Limits
from ui.login import Visitor
from ui.own import OwnFiles
from ui.source import DOSSIER, address, view
from ui.talk import Asked, Exchange, FromFile, Session, View, converse, turns
from ui.words import say

EXAMPLES = {
    "en": (
        "Who takes part in the working lunch?",
        "What will the agreement cover?",
        "How large is two-way trade between Canada and Mexico?",
        "Which ministers went to Mexico in August?",
        "Why is no leaders’ summit planned?",
    ),
    "fr": (
        "Que demande Sheinbaum aux sociétés minières canadiennes ?",
        "Qui participe au déjeuner de travail ?",
    ),
    "es": (
        "¿Qué acuerdo se espera firmar durante la visita?",
        "¿Quiénes participan en el almuerzo de trabajo?",
    ),
}
MOST_EXAMPLES = 7
LONGEST_NOTE = 1000  # characters
FILES = {  # what is taken away: file name, media type, how it is made
    "markdown": ("visit-desk.md", "text/markdown;charset=utf-8", brief.markdown),
    "docx": (
        "visit-desk.docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        brief.docx,
    ),
}
VOTES = {"good": "good", "bad": "asked", "unvote": ""}

_turn = itertools.count()

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a session has set beside its conversation.

    Attributes:
        where, words: the documents that are asked, and the same in words.
        file: the name of the reader's own file, empty when there is none.
        at: the number of the question that is being changed.
    """

    language: str = "en"
    where: Filter = EVERYWHERE
    words: str = ""
    file: str = ""
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What all sessions share.

    Attributes:
        inbox: where a reader's note becomes a draft of a case, None to keep none.
        limits: what one user may ask.
        recorded_days: as `ui.parts.top` is told it.
    """

    pipeline: Pipeline
    files: OwnFiles
    inbox: Path | None = None
    limits: Limits = field(default_factory=Limits)
    recorded_days: int | None = None
    memory: dossier.Memory = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", dossier.Memory(self.pipeline.index))

    def seen_by(self, who: Visitor) -> SeenIndex:
        """Return the index as a visitor may see it."""
        return SeenIndex(self.pipeline.index, who.clearance)

    def ask(self, text: str, before: Session, chosen: Chosen, who: Visitor) -> Iterator[View]:
        """Yield the window as a question is answered."""

        def own(question: Question) -> FromFile | None:
            return self.files.ask(who.key, chosen.file, question)

        asked = Asked(text, chosen.where, chosen.words, own, who.clearance, chosen.language)
        try:
            with self.limits.asking(who.user):
                yield from converse(self.pipeline, asked, before[: chosen.at])
        except LimitError as error:
            words = say(chosen.language, error.word, n=error.number)
            yield View(before, draft=text, notice=words)

    def open(self, link: object, chosen: Chosen, who: Visitor, *, drawn: bool = False) -> str:
        """Return what a link opens for a visitor."""
        own = self.files.index_of(who.key)
        return view(self.seen_by(who), link, chosen.language, own=own, drawn=drawn)

    def choose(self, sent: object, chosen: Chosen, who: Visitor) -> Chosen:
        """Return what a session has set, with the documents that a form chose."""
        where = filters.chosen(sent)
        try:
            with self.seen_by(who).reading() as generation:
                titles = {each.uri: each.title for each in generation.listing()}
        except RagError:  # said by the status line
            titles = {}
        words = filters.in_words(where, titles, chosen.language)
        return replace(chosen, where=where, words=words)

    def vote(self, session: Session, number: int, vote: str) -> Session:
        """Return the conversation with what the reader said of an answer."""
        changed: Exchange = replace(session[number], vote=vote)
        return (*session[:number], changed, *session[number + 1 :])

    def note(self, session: Session, number: int, note: str, who: Visitor) -> str:
        """Keep what a reader found wrong as a draft of a case, and return the vote that shows."""
        if self.inbox is None:
            return "lost"
        if self.limits.noting(who.user):
            return "early"
        answer, before = session[number].answer, turns(session[:number])
        where = session[number].where
        asked_of = f" ({say(answer.language, 'filter_line', what=where)})" if where else ""
        try:
            records.draft_case(self.inbox, answer, note[:LONGEST_NOTE] + asked_of, before)
        except (DraftsFullError, DraftTooLongError) as error:
            log.warning("a reader's note was not kept: %s", error)
            return "full" if isinstance(error, DraftsFullError) else "long"
        except OSError as error:
            log.warning("a reader's note could not be kept in %s: %s", self.inbox, error)
            return "lost"
        return "bad"


@dataclass(frozen=True, slots=True)
class _Sight:
    """What some readers see, and one of them: all who see the same are alike."""

    generation: str
    satisfied: frozenset[str]
    clearance: Clearance = field(compare=False)


def examples(pipeline: Pipeline, language: str, clearance: Clearance) -> tuple[str, ...]:
    """Return questions to begin with that the documents that a reader may see do answer."""
    try:
        with SeenIndex(pipeline.index, clearance).reading() as generation:
            sight = _Sight(generation.name, generation.satisfied, clearance)
        return _examples(pipeline, language, sight)
    except RagError:  # said by the status line and again at the first question
        return ()


@lru_cache(64)
def _examples(pipeline: Pipeline, language: str, sight: _Sight) -> tuple[str, ...]:
    with SeenIndex(pipeline.index, sight.clearance).reading() as generation:
        titles = [document.title for document in generation.documents(MOST_EXAMPLES)]
    own = EXAMPLES.get(language, ())
    others = [each for code, listed in EXAMPLES.items() if code != language for each in listed]
    about = (say(language, "about", title=title) for title in titles)
    fitting = (
        each
        for each in (*own, *others, *about)
        if len(each) <= pipeline.max_question
        and pipeline.invoke(
            Question(each, recorded=False, clearance=sight.clearance, written=False)
        ).status
        == "answered"
    )
    return tuple(itertools.islice(fitting, MOST_EXAMPLES))


def first_source(answer: Answer) -> str:
    """Return the link to what proves a finished answer first."""
    first = answer.citations[0] if answer.citations else None
    return address(first.document_id, first.span) if first else DOSSIER


def last_source(session: Session) -> str:
    """Return the link to the first source of the last answer that has one, or to the dossier."""
    found = (first_source(each.answer) for each in reversed(session) if each.answer.citations)
    return next(found, DOSSIER)


def take_away(do: str, session: Session, language: str) -> str:
    """Return the command that gives the browser a brief, or a text to copy."""
    if do == "copy":
        words = {"done": say(language, "copied"), "failed": say(language, "not_copied")}
        return command("copy", text=brief.plain(session, language), **words)
    name, media, make = FILES[do]
    data = base64.b64encode(make(session, language, datetime.now(UTC).date())).decode()
    return command("download", name=name, type=media, data=data)


def keep(session: Session, *, form: bool = False) -> str:
    """Return the command that lets the browser keep a conversation; `form` moves into the form."""
    title = session[0].answer.question
    return command("save", title=title, session=saved.pack(session), form=form)


def command(do: str, **values: object) -> str:
    """Return what the script of the page is to do, as JSON that no page takes for markup."""
    return json.dumps({"do": do, "turn": next(_turn), **values}).replace("<", "\\u003c")
