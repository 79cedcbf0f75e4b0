"""The chat window: where things stand, and which click does what."""

import base64
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from rag import records
from rag.errors import RagError
from rag.pipeline import MAX_QUESTION, Pipeline, Question
from rag.types import EVERYWHERE, Answer, Filter
from ui import answer, api, brief, filters, library, parts, saved
from ui.own import NotTakenError, OwnFiles
from ui.source import DOSSIER, address, view
from ui.talk import Asked, Exchange, Session, View, converse, follow_ups, stopped, turns
from ui.words import say, sentence, spoken, translations

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
# What each part of the page tells the one script that all of them share.
MEET = "(window.desk ??= {{}}).{name} = {{ element, trigger, watch, props }}; window.desk.begin?.();"



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
    """What all sessions share, and what each click makes of a session.

    Attributes:
        inbox: where a reader's note becomes a draft of a case, None to keep none.
    """

    pipeline: Pipeline
    files: OwnFiles
    inbox: Path | None = None
    memory: library.Memory = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", library.Memory(self.pipeline.index))

    def ask(self, text: str, before: Session, chosen: Chosen, who: str) -> Iterator[View]:
        """Yield the window as a question is answered."""
        asked = Asked(
            text,
            chosen.where,
            chosen.words,
            lambda question: self.files.ask(who, chosen.file, question),
        )
        yield from converse(self.pipeline, asked, before[: chosen.at])

    def open(self, link: object, chosen: Chosen, who: str, *, drawn: bool = False) -> str:
        """Return what a link opens for a session."""
        own = self.files.index_of(who)
        return view(self.pipeline.index, link, chosen.language, own=own, drawn=drawn)

    def take_away(self, do: str, session: Session, language: str) -> str:
        """Return the command that gives the browser a brief, or a text to copy."""
        if do == "copy":
            words = {"done": say(language, "copied"), "failed": say(language, "not_copied")}
            return command("copy", text=brief.plain(session, language), **words)
        name, media, make = FILES[do]
        data = base64.b64encode(make(session, language, datetime.now(UTC).date())).decode()
        return command("download", name=name, type=media, data=data)

    def note(self, session: Session, number: int, note: str) -> str:
        """Keep what a reader found wrong as a draft of a case, and return the vote that shows."""
        if self.inbox is None:
            return "lost"
        try:
            records.draft_case(
                self.inbox, session[number].answer, note[:LONGEST_NOTE], turns(session[:number])
            )
        except OSError:
            return "lost"
        return "bad"


def build(
    pipeline: Pipeline, files: OwnFiles, *, inbox: Path | None = None
) -> gr.Blocks:
    """Return the page, to be launched with `look`."""
    desk = Desk(pipeline, files, inbox)
    demo: gr.Blocks = gr.Blocks(title=parts.TITLE, fill_width=True, analytics_enabled=False)
    with demo:
        page = _Page()
        page.connect(desk)
        api.add(pipeline)

        def leave(request: gr.Request) -> None:
            files.drop(_who(request))

        demo.unload(leave)
    demo.queue(default_concurrency_limit=8, max_size=64)
    return demo


class _Page:
    """The components of the page, in their places."""

    def __init__(self) -> None:
        self.session, self.chosen = gr.State(()), gr.State(Chosen())
        with gr.Row(elem_id="top"):
            self.top = _html("top", parts.top("en"), elem_id="head")
            self.status = gr.HTML(elem_id="status", apply_default_css=False)
            self.fresh = gr.Button(gr.I18n()("fresh"), size="sm", elem_id="fresh")
        with gr.Row(elem_id="desk"):
            with gr.Column(scale=11, min_width=320, elem_id="talk"):
                with gr.Column(elem_id="flow"):
                    self.chat = _html("chat", _log("", "en"), script=_asset("page.js"))
                    self.follow = _html("follow")
                self.box = _box()
                with gr.Row(elem_id="beside"):
                    self.attach, self.tools = _html("attach"), _html("tools")
            self.library = _html("library")
            with gr.Column(scale=9, min_width=320, elem_id="evidence"):
                self.source = _html("source")
        self.wire = _html("wire", template="<i hidden></i>")

    def connect(self, desk: Desk) -> None:
        """Say which event does what."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        state = [self.session, self.chosen]
        shown = [*state, self.chat, self.box, self.source, self.status, self.follow]

        def show(each: View, chosen: Chosen, who: str) -> dict[Any, Any]:
            return self._show(desk, each, chosen, who)

        def typed(
            question: str, before: Session, chosen: Chosen, request: gr.Request
        ) -> Iterator[dict[Any, Any]]:
            for each in desk.ask(question, before, chosen, _who(request)):
                yield show(each, replace(chosen, at=None), _who(request))

        def pressed(
            event: gr.EventData, before: Session, chosen: Chosen, request: gr.Request
        ) -> Iterator[dict[Any, Any]]:
            number = _number(event, before)
            if number is not None:  # asked again
                chosen = replace(chosen, at=number)
                text = before[number].answer.question
            else:
                chosen, text = replace(chosen, at=None), _text(event, "text", MAX_QUESTION + 1)
            yield from typed(text, before, chosen, request)

        def stop(before: Session, chosen: Chosen, request: gr.Request) -> dict[Any, Any]:
            return show(stopped(before, chosen.language), chosen, _who(request))

        def finish(session: Session, chosen: Chosen) -> dict[Any, Any]:
            return self._finish(desk, session, chosen)

        def act(event: gr.EventData, session: Session, chosen: Chosen) -> dict[Any, Any]:
            return self._act(desk, event, session, chosen)

        def begin(event: gr.EventData, chosen: Chosen, request: gr.Request) -> dict[Any, Any]:
            language = spoken(getattr(event, "language", None))
            chosen = replace(chosen, language=language)
            session = saved.unpack(getattr(event, "conversation", None))
            return self._begin(desk, session, chosen, _who(request))

        def restart(chosen: Chosen, request: gr.Request) -> dict[Any, Any]:
            desk.files.drop(_who(request))
            chosen = Chosen(language=chosen.language)
            begun = self._begin(desk, (), chosen, _who(request))
            return {**begun, self.box: _worded(chosen.language, value="")}

        def choose(event: gr.EventData, chosen: Chosen) -> Chosen:
            return self._choose(desk, event, chosen)

        def open_source(event: gr.EventData, chosen: Chosen, request: gr.Request) -> str:
            return desk.open(getattr(event, "address", None), chosen, _who(request))

        def draw(event: gr.EventData, chosen: Chosen, request: gr.Request) -> str:
            link = getattr(event, "address", None)
            return desk.open(link, chosen, _who(request), drawn=True)

        def find(event: gr.EventData, chosen: Chosen) -> str:
            wanted = _text(event, "wanted", 200)
            return library.library(desk.pipeline.index, desk.memory, chosen.language, wanted)

        def attach(event: gr.EventData, chosen: Chosen, request: gr.Request) -> tuple[Chosen, str]:
            return _attach(desk, event, chosen, _who(request))

        def detach(chosen: Chosen, request: gr.Request) -> tuple[Chosen, str]:
            desk.files.drop(_who(request))
            return replace(chosen, file=""), parts.attachment(chosen.language)

        asking: list[dict[str, Any]] = [
            self.box.submit(typed, [self.box, *state], shown, **private),
            self.chat.submit(pressed, state, shown, **private),
        ]
        for each in asking:
            each.then(finish, state, [self.follow, self.wire], concurrency_limit=2, **private)
        self.box.stop(stop, state, shown, cancels=asking, **private)
        everything = [*shown, self.fresh, self.top, self.tools, self.attach, self.wire]
        self.chat.load(begin, [self.chosen], everything, **private)
        self.fresh.click(restart, [self.chosen], everything, cancels=asking, **private)
        self.chat.click(act, state, [*state, self.chat, self.box, self.wire], **private)
        self.tools.input(choose, [self.chosen], [self.chosen], **private)
        self.attach.upload(attach, [self.chosen], [self.chosen, self.attach], **private)
        self.attach.clear(detach, [self.chosen], [self.chosen, self.attach], **private)
        latest: dict[str, Any] = {"trigger_mode": "always_last", **private}
        self.source.click(open_source, [self.chosen], self.source, **latest)
        self.source.select(draw, [self.chosen], self.source, concurrency_limit=2, **latest)
        self.library.input(find, [self.chosen], self.library, **latest)

    def _show(self, desk: Desk, each: View, chosen: Chosen, who: str) -> dict[Any, Any]:
        words = answer.conversation(each.session, chosen.language, notice=each.notice)
        changes = {
            self.session: each.session,
            self.chosen: chosen,
            self.chat: _log(words, chosen.language),
            self.box: _buttons(each, chosen.language),
            self.follow: "",
        }
        if not each.busy:
            changes[self.status] = parts.status(desk.pipeline.index, chosen.language)
        if each.opens:
            changes[self.source] = desk.open(_first_source(each.opens), chosen, who)
        return changes

    def _begin(self, desk: Desk, session: Session, chosen: Chosen, who: str) -> dict[Any, Any]:
        """Return the page in a language, with a conversation that the browser kept or none."""
        language = chosen.language
        proposed = () if session else examples(desk.pipeline, language)
        words = answer.conversation(session, language) or parts.welcome(language, proposed)
        return {
            self.session: session,
            self.chosen: chosen,
            self.chat: _log(words, language),
            self.follow: "",
            self.box: _worded(language),
            self.fresh: gr.Button(say(language, "fresh")),
            self.top: parts.top(language),
            self.status: parts.status(desk.pipeline.index, language),
            self.tools: parts.tools(desk.pipeline.index, language),
            self.attach: parts.attachment(language, chosen.file),
            self.source: desk.open(DOSSIER, chosen, who),
            self.wire: command("begun"),
        }

    def _finish(self, desk: Desk, session: Session, chosen: Chosen) -> dict[Any, Any]:
        """Let the browser keep the conversation, and propose what could be asked next."""
        done = bool(session) and session[-1].answer.status != "searching"
        if not done:
            return {}
        proposed = follow_ups(desk.pipeline, session)
        title = session[0].answer.question
        return {
            self.follow: parts.follow(chosen.language, proposed),
            self.wire: command("save", title=title, session=saved.pack(session)),
        }

    def _act(
        self, desk: Desk, event: gr.EventData, session: Session, chosen: Chosen
    ) -> dict[Any, Any]:
        """Do what a button of an answer says."""
        do, number = getattr(event, "do", None), _number(event, session)
        if do in (*FILES, "copy"):
            part = session if number is None else session[number : number + 1]
            return {self.wire: desk.take_away(do, part, chosen.language)} if part else {}
        if number is None or session[-1].answer.status == "searching":
            return {}
        if do == "edit":
            notice = say(chosen.language, "editing", n=number + 1)
            words = answer.conversation(session, chosen.language, notice=notice)
            return {
                self.chosen: replace(chosen, at=number),
                self.chat: _log(words, chosen.language),
                self.box: gr.Textbox(value=session[number].answer.question),
                self.wire: command("focus"),
            }
        voted = {"good": "good", "bad": "asked", "unvote": ""}.get(str(do))
        if do == "note":
            reason = _text(event, "reason", 40)
            words = say("en", reason) if reason in answer.REASONS else ""
            note = ": ".join(filter(None, [words, _text(event, "note", LONGEST_NOTE).strip()]))
            voted = desk.note(session, number, note)
        if voted is None:
            return {}
        return self._voted(session, number, voted, chosen)

    def _voted(self, session: Session, number: int, vote: str, chosen: Chosen) -> dict[Any, Any]:
        changed = replace(session[number], vote=vote)
        session = (*session[:number], changed, *session[number + 1 :])
        title = session[0].answer.question
        return {
            self.session: session,
            self.chat: _log(answer.conversation(session, chosen.language), chosen.language),
            self.wire: command("save", title=title, session=saved.pack(session), form=vote == "asked"),
        }

    def _choose(self, desk: Desk, event: gr.EventData, chosen: Chosen) -> Chosen:
        where = filters.chosen(getattr(event, "where", None))
        try:
            with desk.pipeline.index.reading() as generation:
                titles = {each.uri: each.title for each in generation.listing()}
        except RagError:  # said by the status line
            titles = {}
        words = filters.in_words(where, titles, chosen.language)
        return replace(chosen, where=where, words=words)


def look() -> dict[str, Any]:
    """Return the arguments of `Blocks.launch` that say what the page looks like."""
    theme = gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        font=["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"],
        font_mono=["ui-monospace", "Consolas", "monospace"],
    )
    return {
        "theme": theme,
        "css": _asset("style.css"),
        "i18n": gr.I18n(**translations()),
    }


def examples(pipeline: Pipeline, language: str) -> tuple[str, ...]:
    """Return questions to begin with that the documents at hand do answer."""
    try:
        with pipeline.index.reading() as generation:
            name = generation.name
        return _examples(pipeline, language, name)
    except RagError:  # said by the status line and again at the first question
        return ()


@lru_cache(16)
def _examples(pipeline: Pipeline, language: str, _generation: str) -> tuple[str, ...]:
    with pipeline.index.reading() as generation:
        titles = [document.title for document in generation.documents(MOST_EXAMPLES)]
    own = EXAMPLES.get(language, ())
    others = [each for code, listed in EXAMPLES.items() if code != language for each in listed]
    about = (say(language, "about", title=title) for title in titles)
    fitting = (
        each
        for each in (*own, *others, *about)
        if len(each) <= MAX_QUESTION
        and pipeline.invoke(Question(each, recorded=False)).status == "answered"
    )
    return tuple(itertools.islice(fitting, MOST_EXAMPLES))


_turn = itertools.count()


def command(do: str, **values: object) -> str:
    """Return what the script of the page is to do, as JSON that no page takes for markup."""
    return json.dumps({"do": do, "turn": next(_turn), **values}).replace("<", "\\u003c")


def _attach(desk: Desk, event: gr.EventData, chosen: Chosen, who: str) -> tuple[Chosen, str]:
    try:
        name = desk.files.take(who, getattr(event, "word", None))
    except NotTakenError as error:
        failed = _text(event, "reason", 300) or str(error)
        words = say(chosen.language, "attach_failed", name=_text(event, "name", 100), reason=failed)
        return replace(chosen, file=""), parts.attachment(chosen.language, failed=sentence(words))
    return replace(chosen, file=name), parts.attachment(chosen.language, name)


def _first_source(given: Answer) -> str:
    """Return the link to what proves a finished answer."""
    first = given.citations[0] if given.citations else None
    return address(first.document_id, first.span) if first else DOSSIER


def _who(request: gr.Request) -> str:
    return str(request.session_hash)


def _number(event: gr.EventData, session: Session) -> int | None:
    """Return which exchange a button belongs to, None when it is none of the conversation."""
    sent = getattr(event, "n", None)
    number = int(sent) if isinstance(sent, str) and sent.isdecimal() and len(sent) < 5 else -1
    return number if 0 <= number < len(session) else None


def _text(event: gr.EventData, name: str, most: int) -> str:
    sent = getattr(event, name, None)
    return sent[:most] if isinstance(sent, str) else ""


def _log(words: str, language: str) -> str:
    """Return the region of the conversation, which screen readers read as it grows."""
    label = say(language, "conversation")
    return f'<div class="log" role="log" aria-live="polite" aria-label="{label}">{words}</div>'


def _html(
    name: str, value: str = "", *, script: str = "", template: str = "${value}", elem_id: str = ""
) -> gr.HTML:
    return gr.HTML(
        value,
        html_template=template,
        elem_id=elem_id or name,
        js_on_load=f"{MEET.format(name=name)}\n{script}",
        apply_default_css=False,
    )


def _box() -> gr.Textbox:
    words = gr.I18n()
    return gr.Textbox(
        elem_id="box",
        label=words("question"),
        show_label=False,
        container=False,
        placeholder=words("placeholder"),
        autofocus=True,
        max_lines=6,
        submit_btn=words("ask"),
    )


def _buttons(each: View, language: str) -> gr.Textbox:
    change: dict[str, Any] = {} if each.draft is None else {"value": each.draft}
    return gr.Textbox(
        submit_btn=False if each.busy else say(language, "ask"),
        stop_btn=say(language, "stop") if each.busy else False,
        **change,
    )


def _worded(language: str, **change: str) -> gr.Textbox:
    """Return the question box with its words in a language that may not be the browser's."""
    return gr.Textbox(
        label=say(language, "question"),
        placeholder=say(language, "placeholder"),
        submit_btn=say(language, "ask"),
        stop_btn=False,
        **change,
    )


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
