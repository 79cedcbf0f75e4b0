"""The chat window: where things stand, what they are called, and which click does what."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.events

from rag.errors import RagError
from rag.index import Index
from rag.pipeline import MAX_HISTORY, MAX_QUESTION, Pipeline, Question
from rag.records import as_json
from rag.types import Answer, Turn
from ui.answer import messages, sentence
from ui.inert import inert
from ui.source import address, view
from ui.words import dates

TITLE = "Visit Desk"
EXAMPLES = (
    "Who takes part in the working lunch?",
    "What will the agreement cover?",
    "How large is two-way trade between Canada and Mexico?",
    "Which ministers went to Mexico in August?",
    "Why is no leaders’ summit planned?",
    "Que demande Sheinbaum aux sociétés minières canadiennes ?",
    "¿Qué acuerdo se espera firmar durante la visita?",
)
WELCOME = "### What do you need to know about the visit?"
MODE = "Answers are sentences quoted from the documents; no language model."
STOPPED = "Stopped; the question is back in the box."

Session = tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What the window shows at one moment.

    Attributes:
        draft: what the question box is to hold, None to leave it as it is.
        notice: what went wrong, in a sentence.
    """

    session: Session
    busy: bool = False
    draft: str | None = None
    notice: str = ""


def build(pipeline: Pipeline) -> gr.Blocks:
    """Return the page, to be launched."""
    demo: gr.Blocks = gr.Blocks(title=TITLE, fill_width=True, analytics_enabled=False)
    with demo:
        session = gr.State(())
        with gr.Row(elem_id="top"):
            gr.HTML(f"<h1>{TITLE}</h1>", elem_id="name")
            status = gr.HTML(elem_id="status")
            fresh = gr.Button("New conversation", size="sm", elem_id="fresh")
        with gr.Row(elem_id="desk"):
            with gr.Column(scale=11, min_width=320, elem_id="talk"):
                chatbot = _chatbot()
                box = _box()
            with gr.Column(scale=9, min_width=320, elem_id="evidence"):
                source = gr.HTML(
                    elem_id="source", js_on_load=_asset("page.js"), apply_default_css=False
                )

        def show(each: View) -> dict[Any, Any]:
            changes = {
                session: each.session,
                chatbot: messages(each.session, notice=each.notice),
                box: _buttons(each),
            }
            if each.session and each.session[-1].citations and not (each.busy or each.notice):
                changes[source] = view(pipeline.index, _first_source(each.session[-1]))
                changes[status] = describe(pipeline.index)
            return changes

        def ask(question: str, before: Session) -> Iterator[dict[Any, Any]]:
            yield from map(show, converse(pipeline, question, before))

        def ask_example(event: gr.SelectData, before: Session) -> Iterator[dict[Any, Any]]:
            yield from ask(str(event.value["text"]), before)

        def stop(before: Session) -> dict[Any, Any]:
            return show(stopped(before))

        def open_source(event: gr.EventData) -> str:
            return view(pipeline.index, event.address)

        def api(question: str, history: list[dict[str, str]] | None = None) -> dict[str, Any]:
            return answer_as_json(pipeline, question, history)

        shown = [session, chatbot, box, source, status]
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        asking: list[dict[str, Any]] = [
            box.submit(ask, [box, session], shown, **private),
            chatbot.example_select(ask_example, [session], shown, **private),
        ]
        box.stop(stop, [session], shown, cancels=asking, **private)
        fresh.click(lambda: show(View((), draft="")), None, shown, cancels=asking, **private)
        source.click(open_source, None, source, **private)
        demo.load(lambda: describe(pipeline.index), None, status, **private)
        gradio.events.api(
            api, api_name="ask", api_description="Answer a question from the documents."
        )
    demo.queue(default_concurrency_limit=8, max_size=64)
    return demo


def look() -> dict[str, Any]:
    """Return the arguments of `Blocks.launch` that say what the page looks like."""
    theme = gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        font=["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"],
        font_mono=["ui-monospace", "Consolas", "monospace"],
    )
    return {"theme": theme, "css": _asset("style.css")}


def converse(pipeline: Pipeline, question: str, before: Session) -> Iterator[View]:
    """Yield the window as an answer grows; an error leaves the question in the box."""
    turns = tuple(Turn(each.question, each.text) for each in before)
    draft: str | None = ""
    try:
        for answer in pipeline.stream(Question(question, turns[-MAX_HISTORY:])):
            busy = answer.status == "searching"
            yield View((*before, replace(answer, hits=())), busy=busy, draft=draft)
            draft = None
    except RagError as error:
        yield View(before, draft=question, notice=str(error))


def stopped(session: Session) -> View:
    """Return the window after an answer was stopped: its question is in the box again."""
    if not session or session[-1].status != "searching":
        return View(session)
    return View(session[:-1], draft=session[-1].question, notice=STOPPED)


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


def describe(index: Index) -> str:
    """Return the status line: how answers are made, and what is in the dossier now."""
    try:
        with index.reading() as generation:
            held = generation.summary()
    except RagError as error:
        return f'<p class="notice" role="status">{inert(sentence(str(error)))}</p>'
    count = "1 document" if held.documents == 1 else f"{held.documents:,} documents"
    return f"<p>{inert(f'{count}, {dates(held.first, held.last)}. {MODE}')}</p>"


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


def _first_source(answer: Answer) -> str:
    return address(answer.citations[0].document_id, answer.citations[0].span)


def _chatbot() -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="chat",
        show_label=False,
        container=False,
        height="100%",
        buttons=[],
        feedback_options=None,
        latex_delimiters=[],
        layout="bubble",
        placeholder=WELCOME,
        examples=[{"text": each} for each in EXAMPLES],
    )


def _box() -> gr.Textbox:
    return gr.Textbox(
        elem_id="box",
        label="Your question",
        show_label=False,
        container=False,
        placeholder="Ask a question in English, French or Spanish",
        autofocus=True,
        max_lines=6,
        submit_btn="Ask",
    )


def _buttons(each: View) -> gr.Textbox:
    change: dict[str, Any] = {} if each.draft is None else {"value": each.draft}
    return gr.Textbox(
        submit_btn=False if each.busy else "Ask", stop_btn="Stop" if each.busy else False, **change
    )


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
