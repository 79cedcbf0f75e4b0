"""The chat window: where things stand, what they are called, and which click does what."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from rag.errors import RagError
from rag.index import Index
from rag.pipeline import MAX_HISTORY, MAX_QUESTION, Pipeline, Question
from rag.types import Answer, Turn
from ui import api
from ui.answer import messages
from ui.inert import inert
from ui.source import DOSSIER, address, view
from ui.words import dates, sentence

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
ABOUT = "What do the documents say about {title}?"  # where the examples do not fit the documents
MOST_EXAMPLES = 7
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
        opens: the link that the source viewer follows by itself.
    """

    session: Session
    busy: bool = False
    draft: str | None = None
    notice: str = ""
    opens: str = ""


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
            if not each.busy:
                changes[status] = describe(pipeline.index)
            if each.opens:
                changes[source] = view(pipeline.index, each.opens)
            return changes

        def typed(question: str, before: Session) -> Iterator[dict[Any, Any]]:
            yield from map(show, converse(pipeline, question, before))

        def example(event: gr.SelectData, before: Session) -> Iterator[dict[Any, Any]]:
            yield from typed(str(event.value["text"]), before)

        def stop(before: Session) -> dict[Any, Any]:
            return show(stopped(before))

        def open_source(event: gr.EventData) -> str:
            return view(pipeline.index, event.address)

        shown = [session, chatbot, box, source, status]
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        asking: list[dict[str, Any]] = [
            box.submit(typed, [box, session], shown, **private),
            chatbot.example_select(example, [session], shown, **private),
        ]
        box.stop(stop, [session], shown, cancels=asking, **private)
        fresh.click(
            lambda: show(View((), draft="", opens=DOSSIER)), None, shown, cancels=asking, **private
        )
        source.click(open_source, None, source, trigger_mode="always_last", **private)
        demo.load(
            lambda: {
                status: describe(pipeline.index),
                chatbot: gr.Chatbot(examples=[{"text": each} for each in examples(pipeline)]),
            },
            None,
            [status, chatbot],
            **private,
        )
        api.add(pipeline)
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


def examples(pipeline: Pipeline) -> tuple[str, ...]:
    """Return questions to begin with that the documents at hand do answer."""
    try:
        with pipeline.index.reading() as generation:
            titles = [document.title for document in generation.documents(MOST_EXAMPLES)]
        candidates = (*EXAMPLES, *(ABOUT.format(title=title) for title in titles))
        fitting = (
            each
            for each in candidates
            if len(each) <= MAX_QUESTION
            and pipeline.invoke(Question(each, recorded=False)).status == "answered"
        )
        return tuple(itertools.islice(fitting, MOST_EXAMPLES))
    except RagError:  # said by the status line and again at the first question
        return ()


def converse(pipeline: Pipeline, question: str, before: Session) -> Iterator[View]:
    """Yield the window as an answer grows; an error leaves the question in the box."""
    turns = tuple(Turn(each.question, each.text) for each in before)
    draft: str | None = ""
    try:
        for answer in pipeline.stream(Question(question, turns[-MAX_HISTORY:])):
            yield View(
                (*before, replace(answer, hits=())),
                busy=answer.status == "searching",
                draft=draft,
                opens=_first_source(answer),
            )
            draft = None
    except RagError as error:
        yield View(before, draft=question, notice=str(error))


def stopped(session: Session) -> View:
    """Return the window after an answer was stopped: its question is in the box again."""
    if not session or session[-1].status != "searching":
        return View(session)
    return View(session[:-1], draft=session[-1].question, notice=STOPPED)


def describe(index: Index) -> str:
    """Return the status line: how answers are made, and what is in the dossier now."""
    try:
        with index.reading() as generation:
            held = generation.summary()
    except RagError as error:
        return f'<p class="notice" role="status">{inert(sentence(str(error)))}</p>'
    count = "1 document" if held.documents == 1 else f"{held.documents:,} documents"
    return f"<p>{inert(f'{count}, {dates(held.first, held.last)}. {MODE}')}</p>"


def _first_source(answer: Answer) -> str:
    """Return the link to what proves a finished answer; nothing proves a refusal."""
    if answer.status not in ("answered", "partial") or not answer.citations:
        return ""
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
