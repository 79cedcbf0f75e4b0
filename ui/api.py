"""The endpoint `/ask` for programs: a question in, the answer out in the form of the records."""

from typing import Any

import gradio as gr
from gradio.events import api

from rag.errors import RagError
from rag.pipeline import MAX_QUESTION, Pipeline, Question
from rag.records import as_json
from rag.types import Turn


def add(pipeline: Pipeline) -> None:
    """Add the endpoint to the page that is being built."""

    def ask(question: str, history: list[dict[str, str]] | None = None) -> dict[str, Any]:
        return answer_as_json(pipeline, question, history)

    api(ask, api_name="ask", api_description="Answer a question from the documents.")


def answer_as_json(pipeline: Pipeline, question: object, history: object) -> dict[str, Any]:
    """Return the final answer for a program.

    Raises:
        gr.Error: the question or the history can not be used, or the index can not.
    """
    try:
        if not isinstance(question, str):
            raise gr.Error("the question must be a text", print_exception=False)
        return as_json(pipeline.invoke(Question(question, _turns(history))))
    except RagError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _turns(history: object) -> tuple[Turn, ...]:
    turns: list[Any] = history if isinstance(history, list) else [history] if history else []
    for each in turns:
        if not isinstance(each, dict) or not isinstance(each.get("question"), str):
            raise gr.Error(
                'the history must be a list of {"question": "...", "answer": "..."}',
                print_exception=False,
            )
        if len(each["question"]) > MAX_QUESTION:
            raise gr.Error("a question of the history is too long", print_exception=False)
    return tuple(Turn(each["question"], str(each.get("answer", ""))) for each in turns)
