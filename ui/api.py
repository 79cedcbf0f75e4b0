"""The endpoint `/ask` for programs: a question in, the answer out in the form of the records."""

from typing import Any

import gradio as gr
from gradio.events import api

from rag.errors import RagError
from rag.pipeline import Question
from rag.records import as_json
from rag.types import Turn
from ui.desk import Desk
from ui.limits import LimitError
from ui.login import Visitor, visitor_of
from ui.words import say


def add(desk: Desk) -> None:
    """Add the endpoint to the page that is being built."""

    def ask(
        question: str, request: gr.Request, history: list[dict[str, str]] | None = None
    ) -> dict[str, Any]:
        return answer_as_json(desk, question, history, visitor_of(request))

    api(ask, api_name="ask", api_description="Answer a question from the documents.")


def answer_as_json(desk: Desk, question: object, history: object, who: Visitor) -> dict[str, Any]:
    """Return the final answer for a program.

    Raises:
        gr.Error: the question or the history can not be used, or the index can not, or this is
            one question too many.
    """
    try:
        if not isinstance(question, str):
            raise gr.Error("the question must be a text", print_exception=False)
        turns = _turns(history, desk.pipeline.max_question)
        with desk.limits.asking(who.counted_as):
            asked = Question(question, turns, clearance=who.clearance)
            return as_json(desk.pipeline.invoke(asked))
    except LimitError as error:
        words = say("en", error.word, n=error.number)
        raise gr.Error(words, print_exception=False) from error
    except RagError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _turns(history: object, most: int) -> tuple[Turn, ...]:
    turns: list[Any] = history if isinstance(history, list) else [history] if history else []
    for each in turns:
        if not isinstance(each, dict) or not isinstance(each.get("question"), str):
            raise gr.Error(
                'the history must be a list of {"question": "...", "answer": "..."}',
                print_exception=False,
            )
        if len(each["question"]) > most:
            raise gr.Error("a question of the history is too long", print_exception=False)
    return tuple(Turn(each["question"], str(each.get("answer", ""))) for each in turns)
