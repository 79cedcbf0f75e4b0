"""The endpoints for programs: `/ask` answers a question, `/documents` tells what can be asked."""

from typing import Any

import gradio as gr
from gradio.events import api

from ingest.report import as_json as listed
from rag.errors import QuestionError, RagError
from rag.pipeline import Question
from rag.records import as_filter, as_json, as_turns
from rag.selection import only
from ui.desk import Desk
from ui.limits import LimitError
from ui.login import Visitor, visitor_of
from ui.words import say

ANSWERS = "answers"  # of the window and of programs, which are made so many at once together


def add(desk: Desk) -> None:
    """Add the endpoints to the page that is being built."""

    def ask(
        question: str,
        request: gr.Request,
        history: list[dict[str, str]] | None = None,
        where: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        return answer_as_json(desk, visitor_of(request), question, history, where)

    def documents(request: gr.Request, where: dict[str, Any] | None = None) -> dict[str, Any]:
        return documents_as_json(desk, visitor_of(request), where)

    api(
        ask,
        api_name="ask",
        api_description="Answer a question from the documents.",
        concurrency_id=ANSWERS,
    )
    api(
        documents,
        api_name="documents",
        api_description="Tell which documents there are and which files could not be read.",
        concurrency_limit=2,
    )


def answer_as_json(
    desk: Desk, who: Visitor, question: object, history: object = None, where: object = None
) -> dict[str, Any]:
    """Return the final answer for a program.

    Raises:
        gr.Error: the question, its history or its filter can not be used, or the index can not, or
            this is one question too many.
    """
    try:
        if not isinstance(question, str):
            raise QuestionError("the question must be a text")
        turns = as_turns([history] if isinstance(history, dict) else history or [])
        if any(len(turn.question) > desk.pipeline.max_question for turn in turns):
            raise QuestionError("a question of the history is too long")
        asked = Question(question, turns, where=as_filter(where), clearance=who.clearance)
        with desk.limits.asking(who.user):
            return as_json(desk.pipeline.invoke(asked))
    except LimitError as error:
        words = say("en", error.word, n=error.number)
        raise gr.Error(words, print_exception=False) from error
    except RagError as error:
        raise gr.Error(str(error), print_exception=False) from error


def documents_as_json(desk: Desk, who: Visitor, where: object) -> dict[str, Any]:
    """Return what lies in the index, as `python -m ingest --list --json` does.

    Files that could not be read are named where no filter is given, to the operator.

    Raises:
        gr.Error: the filter or the index can not be used.
    """
    try:
        chosen = as_filter(where)
        with desk.seen_by(who).reading() as generation:
            return listed(only(generation, chosen))
    except RagError as error:
        raise gr.Error(str(error), print_exception=False) from error
