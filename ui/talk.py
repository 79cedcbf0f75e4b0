"""A conversation and how it goes on: what was asked, what came of it, what the window shows."""

import itertools
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from rag.access import OPERATOR, Clearance
from rag.errors import RagError
from rag.pipeline import MAX_HISTORY, Pipeline, Question
from rag.selection import SeenIndex
from rag.types import EVERYWHERE, Answer, Filter, Turn
from ui.trouble import in_words
from ui.words import say

MOST_EXCHANGES = 100  # of one conversation; what is older is let go
LONGEST_HEADING = 80  # characters of one that makes a question
MOST_TRIED = 8  # questions that are tried before three are proposed
MOST_AT_ONCE = 2  # readers for whom questions are tried; the others' own questions come first

_TRYING = threading.BoundedSemaphore(MOST_AT_ONCE)
_NUMBER = re.compile(r"^\d+(\.\d+)*[.)]?\s+")


@dataclass(frozen=True, slots=True)
class FromFile:
    """What the reader's own file says; never part of the dossier's answer.

    Attributes:
        answer: None when the file was removed before it was asked.
    """

    name: str
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and all that came of it.

    Attributes:
        where: which documents were to be asked, in words; empty for all.
        vote: "good" or "bad" once the reader said so, "asked" while it is asked what is bad,
            "lost", "early", "full" or "long" when what was said was not kept.
    """

    answer: Answer
    where: str = ""
    own: FromFile | None = None
    vote: str = ""

    @property
    def state(self) -> str:
        """Return the answer's status in more words.

        It is "unasked" where no document fitted what was chosen, "unsure" where what is quoted
        only may answer.
        """
        if self.answer.unsure:
            return "unsure"
        nothing = self.answer.status == "refused" and self.answer.text == self.answer.coverage
        return "unasked" if nothing else self.answer.status


Session = tuple[Exchange, ...]
AskFile = Callable[[Question], FromFile | None]


@dataclass(frozen=True, slots=True)
class View:
    """What the window shows at one moment.

    Attributes:
        draft: what the question box is to hold, None to leave it as it is.
        notice: what went wrong or is to be done, in a sentence.
        opens: the answer whose first source the viewer opens by itself.
    """

    session: Session
    busy: bool = False
    draft: str | None = None
    notice: str = ""
    opens: Answer | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the reader with what it is asked of.

    Attributes:
        where: the documents asked, and the same in words.
        own: asks the reader's own file, and returns None when there is none.
        clearance: which documents the reader may see.
        language: of the window, in which an error is told.
    """

    text: str
    where: Filter = EVERYWHERE
    where_in_words: str = ""
    own: AskFile = lambda _: None
    clearance: Clearance = OPERATOR
    language: str = "en"


def turns(session: Session) -> tuple[Turn, ...]:
    """Return the conversation as the pipeline is told it."""
    answers = [each.answer for each in session[-MAX_HISTORY:]]
    return tuple(Turn(each.question, each.text) for each in answers)


def converse(pipeline: Pipeline, asked: Asked, before: Session) -> Iterator[View]:
    """Yield the window as an answer grows; an error leaves the question in the box.

    What the error says in full is in the log line of the question.
    """
    before = before[1 - MOST_EXCHANGES :]
    question = Question(asked.text, turns(before), where=asked.where, clearance=asked.clearance)
    draft: str | None = ""
    try:
        for answer in pipeline.stream(question):
            done = answer.status != "searching"
            shown = Exchange(replace(answer, hits=()), asked.where_in_words)
            yield View(
                (*before, shown),
                busy=not done,
                draft=draft,
                opens=answer if answer.status in ("answered", "partial") else None,
            )
            draft = None
            own = asked.own(replace(question, recorded=False)) if done else None
            if own:
                yield View((*before, replace(shown, own=own)))
    except RagError as error:
        yield View(before, draft=asked.text, notice=in_words(asked.language, error))


def stopped(session: Session, language: str) -> View:
    """Return the window after an answer was stopped: its question is in the box again."""
    if not session or session[-1].answer.status != "searching":
        return View(session)
    question = session[-1].answer.question
    return View(session[:-1], draft=question, notice=say(language, "stopped"))


def follow_ups(
    pipeline: Pipeline, session: Session, asked: Asked, most: int = 3
) -> tuple[str, ...]:
    """Return questions that could be asked after the last one, of the same documents.

    They are made of headings of the documents it cites, and each is tried first: what the
    documents asked do not answer, or answer with what is cited already, is not proposed. Nor is
    anything while it is being tried for others: it takes longer than to answer a question.
    """
    last = session[-1].answer if session else None
    if last is None or last.status not in ("answered", "partial"):
        return ()
    if not _TRYING.acquire(blocking=False):
        return ()
    try:
        return _fitting(pipeline, session, asked, most)
    except RagError:  # said at the next question
        return ()
    finally:
        _TRYING.release()


def _fitting(pipeline: Pipeline, session: Session, asked: Asked, most: int) -> tuple[str, ...]:
    last = session[-1].answer
    cited = {each.quote for each in last.citations}
    known = {each.answer.question.casefold() for each in session}
    fitting = (
        question
        for question in _candidates(SeenIndex(pipeline.index, asked.clearance), last)
        if question.casefold() not in known and _tells_more(pipeline, question, asked, cited)
    )
    return tuple(itertools.islice(fitting, most))


def _candidates(index: SeenIndex, answer: Answer) -> list[str]:
    with index.reading() as generation:
        ids = dict.fromkeys(each.document_id for each in answer.citations)
        documents = [each for each in map(generation.document, ids) if each]
    headings = (
        _NUMBER.sub("", block.span.of(document.text)).strip(" .:")
        for document in documents
        for block in document.blocks
        if block.kind == "heading" and block.span.of(document.text) != document.title
    )
    fitting = [each for each in dict.fromkeys(headings) if 3 < len(each) <= LONGEST_HEADING]
    return [say(answer.language, "about", title=each) for each in fitting[:MOST_TRIED]]


def _tells_more(pipeline: Pipeline, question: str, asked: Asked, cited: set[str]) -> bool:
    tried = Question(question, (), False, asked.where, asked.clearance, written=False)
    answer = pipeline.invoke(tried)
    return answer.status == "answered" and not {c.quote for c in answer.citations} <= cited
