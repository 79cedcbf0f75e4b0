"""The chat window: where things stand, and which event does what."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.state_holder import StateHolder

from rag.pipeline import Pipeline
from ui import answer, api, dossier, parts, saved
from ui.desk import (
    FILES,
    LONGEST_NOTE,
    VOTES,
    Chosen,
    Desk,
    command,
    examples,
    first_source,
    keep,
    last_source,
    take_away,
)
from ui.limits import Limits
from ui.login import visitor_of
from ui.own import REASONS, NotTakenError, OwnFiles
from ui.talk import Asked, Session, View, follow_ups, stopped
from ui.words import say, sentence, spoken, translations

# What each part of the page tells the one script that all of them share.
MEET = (
    "(window.desk ??= {{}}).{name} = {{ element, trigger, watch, props }}; window.desk.begin?.();"
)
CLOSED = timedelta(minutes=5)  # for a page whose connection comes back
Changes = dict[Any, Any]


def build(
    pipeline: Pipeline,
    files: OwnFiles,
    *,
    inbox: Path | None = None,
    limits: Limits | None = None,
    recorded_days: int | None = None,
) -> gr.Blocks:
    """Return the page, to be launched with `look`; see `Desk` for what it takes."""
    demo: gr.Blocks = gr.Blocks(title=parts.TITLE, fill_width=True, analytics_enabled=False)
    with demo:
        desk = Desk(pipeline, files, inbox, limits or Limits(), recorded_days)
        page = _Page(desk)
        page.connect()
        api.add(desk)

        def leave(request: gr.Request) -> None:
            files.drop(visitor_of(request).key)
            page.left.pop(request.session_hash, None)
            forget_closed(demo.state_holder, datetime.now())  # local, as Gradio notes it

        demo.unload(leave)
    demo.queue(
        default_concurrency_limit=desk.limits.answers,
        max_size=desk.limits.waiting,
        api_open=False,  # else POST /run/ask would not wait for its turn
    )
    return demo


def forget_closed(holder: StateHolder, now: datetime) -> None:
    """Let go of sessions whose page was closed a while ago.

    Gradio would keep all that each one showed until there are too many sessions, and the names of
    its events for ever.
    """
    queue = holder.blocks._queue
    kept = (queue.pending_messages_per_session, queue.pending_event_ids_session)
    for name, session in list(holder.session_data.items()):
        if session.is_closed and now - holder.time_last_used[name] > CLOSED:
            for each in (holder.session_data, holder.time_last_used, *kept):
                each.pop(name, None)


def look() -> dict[str, Any]:
    """Return the arguments of `Blocks.launch` that say what the page looks like."""
    theme = gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        font=["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"],
        font_mono=["ui-monospace", "Consolas", "monospace"],
    )
    return {"theme": theme, "css": _asset("style.css"), "i18n": gr.I18n(**translations())}


@dataclass(slots=True)
class Tried:
    """After which answer of a window questions were tried last: others are done too late."""

    after: str = ""


class _Page:
    """The components of the page in their places, and what their events change.

    Attributes:
        left: what was shown when an answer was stopped or left, until the next question; by page.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.left: dict[str | None, Changes] = {}
        self.session, self.chosen = gr.State(()), gr.State(Chosen())
        self.tried = gr.State(Tried())
        with gr.Row(elem_id="top"):
            self.top = _html("top", parts.top("en", None, desk.recorded_days), elem_id="head")
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
            self.dossier = _html("dossier")
            with gr.Column(scale=9, min_width=320, elem_id="evidence"):
                self.source = _html("source")
        self.wire = _html("wire", template="<i hidden></i>")

    def connect(self) -> None:
        """Say which event does what."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        # "always_last" would send what the first of several events held.
        each_one: dict[str, Any] = {"trigger_mode": "multiple", **private}
        together: dict[str, Any] = {"concurrency_id": api.ANSWERS}
        state = [self.session, self.chosen]
        shown = [*state, self.chat, self.box, self.source, self.status, self.follow]
        everything = [*shown, self.fresh, self.top, self.tools, self.attach, self.wire]
        asking: list[Any] = [
            self.box.submit(self.typed, [self.box, *state], shown, **together, **private),
            self.chat.submit(self.pressed, state, shown, **together, **private),
        ]
        for each in asking:
            each.then(self.settle, None, everything, **each_one)
            kept = each.then(self.kept, [self.session], self.wire, **each_one)
            kept.then(self.propose, [*state, self.tried], self.follow, **each_one)
        leaving: dict[str, Any] = {"cancels": asking, **private}  # Gradio cancels them after it
        self.box.stop(self.stop, state, shown, **leaving)
        self.top.submit(self.begin, [self.chosen], everything, **private)
        self.fresh.click(self.restart, [self.chosen], everything, **leaving)
        self.chat.click(self.act, state, [*state, self.chat, self.box, self.wire], **each_one)
        self.tools.input(self.choose, [self.chosen], [self.chosen], **each_one)
        self.attach.upload(self.take, [self.chosen], [self.chosen, self.attach], **private)
        self.attach.clear(self.detach, [self.chosen], [self.chosen, self.attach], **private)
        self.source.click(self.open, [self.chosen], self.source, **each_one)
        self.source.select(self.draw, [self.chosen], self.source, concurrency_limit=2, **each_one)
        self.dossier.input(self.find, [self.chosen], self.dossier, **each_one)

    def typed(
        self, question: str, before: Session, chosen: Chosen, request: gr.Request
    ) -> Iterator[Changes]:
        self.left.pop(request.session_hash, None)
        for each in self.desk.ask(question, before, chosen, visitor_of(request)):
            if request.session_hash in self.left:
                return
            yield self._show(each, replace(chosen, at=None), request)

    def pressed(
        self, event: gr.EventData, before: Session, chosen: Chosen, request: gr.Request
    ) -> Iterator[Changes]:
        number = _number(event, before)
        again = before[number].answer.question if number is not None else ""
        text = again or _text(event, "text", self.desk.pipeline.max_question + 1)
        yield from self.typed(text, before, replace(chosen, at=number), request)

    def stop(self, before: Session, chosen: Chosen, request: gr.Request) -> Changes:
        changes = self._show(stopped(before, chosen.language), chosen, request)
        return self._leave(changes, chosen.language, request)

    def _leave(self, changes: Changes, language: str, request: gr.Request) -> Changes:
        """Remember what is shown instead of an answer, all but what is put into the box."""
        box = gr.Textbox(**_buttons(language))
        self.left[request.session_hash] = {**changes, self.box: box}
        return changes

    def settle(self, request: gr.Request) -> Changes:
        """Show once more what was shown when an answer was left, now that no more of it comes.

        What it had sent by then may have been shown, and kept as the conversation, since.
        """
        nothing: Changes = gr.skip()
        return self.left.get(request.session_hash, nothing)

    def kept(self, session: Session) -> str:
        """Let the browser keep the conversation."""
        return keep(session) if _is_over(session) else command("none")

    def propose(
        self, session: Session, chosen: Chosen, tried: Tried, request: gr.Request
    ) -> str | dict[str, Any]:
        """Propose what could be asked next; the page shows it beside the answer that it is for."""
        if not _is_over(session):
            return ""
        tried.after = session[-1].answer.id
        asked = Asked("", chosen.where, clearance=visitor_of(request).clearance)
        proposed = follow_ups(self.desk.pipeline, session, asked)
        if tried.after != session[-1].answer.id:
            nothing: dict[str, Any] = gr.skip()
            return nothing
        return parts.follow(chosen.language, proposed, after=session[-1].answer.id)

    def begin(self, event: gr.EventData, chosen: Chosen, request: gr.Request) -> Changes:
        """Fill the page in the browser's language, with the conversation that it kept."""
        session = saved.unpack(_sent(event, "conversation"))
        chosen = replace(chosen, language=spoken(_sent(event, "language")))
        return self._whole(session, chosen, request)

    def restart(self, chosen: Chosen, request: gr.Request) -> Changes:
        self.desk.files.drop(visitor_of(request).key)
        changes = self._whole((), Chosen(language=chosen.language), request)
        box = gr.Textbox(value="", **_words(chosen.language))
        return self._leave({**changes, self.box: box}, chosen.language, request)

    def act(
        self, event: gr.EventData, session: Session, chosen: Chosen, request: gr.Request
    ) -> Changes:
        """Do what a button of an answer says."""
        do, number = str(_sent(event, "do")), _number(event, session)
        if do in (*FILES, "copy"):
            part = session if number is None else session[number : number + 1]
            return {self.wire: take_away(do, part, chosen.language) if part else command("none")}
        if number is None or not _is_over(session):
            return {self.wire: command("none")}
        if do == "edit":
            return self._edit(session, number, chosen)
        vote = self._noted(event, session, number, request) if do == "note" else VOTES.get(do)
        if vote is None:
            return {self.wire: command("none")}
        session = self.desk.vote(session, number, vote)
        words = answer.conversation(session, chosen.language)
        return {
            self.session: session,
            self.chat: _log(words, chosen.language),
            self.wire: keep(session, form=vote == "asked"),
        }

    def choose(self, event: gr.EventData, chosen: Chosen, request: gr.Request) -> Chosen:
        return self.desk.choose(_sent(event, "where"), chosen, visitor_of(request))

    def take(self, event: gr.EventData, chosen: Chosen, request: gr.Request) -> tuple[Chosen, str]:
        """Take the file that the browser sent, to be asked too."""
        language = chosen.language
        try:
            name = self.desk.files.take(visitor_of(request).key, _sent(event, "word"))
        except NotTakenError as error:
            said = _text(event, "reason", 20)  # by the answer to what the browser sent
            word = said if said in REASONS else error.word
            most = self.desk.files.most_bytes // 1_000_000
            reason = say(language, word, n=most) if word else error.reason
            words = say(language, "attach_failed", name=_text(event, "name", 100), reason=reason)
            return replace(chosen, file=""), parts.attachment(language, failed=sentence(words))
        return replace(chosen, file=name), parts.attachment(language, name)

    def detach(self, chosen: Chosen, request: gr.Request) -> tuple[Chosen, str]:
        self.desk.files.drop(visitor_of(request).key)
        return replace(chosen, file=""), parts.attachment(chosen.language)

    def open(self, event: gr.EventData, chosen: Chosen, request: gr.Request) -> str:
        return self.desk.open(_sent(event, "address"), chosen, visitor_of(request))

    def draw(self, event: gr.EventData, chosen: Chosen, request: gr.Request) -> str:
        link = _sent(event, "address")
        return self.desk.open(link, chosen, visitor_of(request), drawn=True)

    def find(self, event: gr.EventData, chosen: Chosen, request: gr.Request) -> str:
        index, wanted = self.desk.seen_by(visitor_of(request)), _text(event, "wanted", 200)
        return dossier.page(index, self.desk.memory, chosen.language, wanted)

    def _show(self, each: View, chosen: Chosen, request: gr.Request) -> Changes:
        language = chosen.language
        words = answer.conversation(each.session, language, notice=each.notice)
        change: dict[str, Any] = {} if each.draft is None else {"value": each.draft}
        changes: Changes = {
            self.session: each.session,
            self.chosen: chosen,
            self.chat: _log(words, language),
            self.box: gr.Textbox(**_buttons(language, busy=each.busy), **change),
            self.follow: "",
        }
        if not each.busy:
            changes[self.status] = self._status(language, request)
        if each.opens:
            changes[self.source] = self.desk.open(
                first_source(each.opens), chosen, visitor_of(request)
            )
        return changes

    def _whole(self, session: Session, chosen: Chosen, request: gr.Request) -> Changes:
        """Return all of the page in a language, with a conversation or none."""
        language, who = chosen.language, visitor_of(request)
        self.desk.memory.note()
        proposed = () if session else examples(self.desk.pipeline, language, who.clearance)
        words = answer.conversation(session, language) or parts.welcome(language, proposed)
        return {
            self.session: session,
            self.chosen: chosen,
            self.chat: _log(words, language),
            self.follow: "",
            self.box: gr.Textbox(**_words(language)),
            self.fresh: gr.Button(say(language, "fresh")),
            self.top: parts.top(language, who, self.desk.recorded_days),
            self.status: self._status(language, request),
            self.tools: parts.tools(self.desk.seen_by(who), language),
            self.attach: parts.attachment(language, chosen.file),
            self.source: self.desk.open(last_source(session), chosen, who),
            self.wire: command("begun"),
        }

    def _status(self, language: str, request: gr.Request) -> str:
        seen = self.desk.seen_by(visitor_of(request))
        return parts.status(seen, self.desk.pipeline.writing(), language)

    def _edit(self, session: Session, number: int, chosen: Chosen) -> Changes:
        notice = say(chosen.language, "editing", n=number + 1)
        words = answer.conversation(session, chosen.language, notice=notice)
        return {
            self.chosen: replace(chosen, at=number),
            self.chat: _log(words, chosen.language),
            self.box: gr.Textbox(value=session[number].answer.question),
            self.wire: command("focus"),
        }

    def _noted(
        self, event: gr.EventData, session: Session, number: int, request: gr.Request
    ) -> str:
        reason = _text(event, "reason", 40)
        words = say("en", reason) if reason in answer.REASONS else ""
        note = _text(event, "note", LONGEST_NOTE).strip()
        said = ": ".join(filter(None, [words, note]))
        return self.desk.note(session, number, said, visitor_of(request))


def _is_over(session: Session) -> bool:
    """Tell whether the last question of a conversation has its whole answer."""
    return bool(session) and session[-1].answer.status != "searching"


def _number(event: gr.EventData, session: Session) -> int | None:
    """Return which exchange a button belongs to, None when it is none of the conversation."""
    sent = _text(event, "n", 5)
    number = int(sent) if sent.isascii() and sent.isdigit() else -1
    return number if 0 <= number < len(session) else None


def _sent(event: gr.EventData, name: str) -> object:
    """Return what an event of the page holds by a name, whatever that is."""
    return event._data.get(name) if isinstance(event._data, dict) else None


def _text(event: gr.EventData, name: str, most: int) -> str:
    sent = _sent(event, name)
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
    ask: Any = words("ask")  # Gradio translates it as any other word
    return gr.Textbox(
        elem_id="box",
        label=words("question"),
        show_label=False,
        container=False,
        placeholder=words("placeholder"),
        autofocus=True,
        max_lines=6,
        submit_btn=ask,
    )


def _words(language: str) -> dict[str, Any]:
    """Return the question box's words in a language that may not be the browser's."""
    named = {"label": say(language, "question"), "placeholder": say(language, "placeholder")}
    return {**named, **_buttons(language)}


def _buttons(language: str, *, busy: bool = False) -> dict[str, Any]:
    return {
        "submit_btn": False if busy else say(language, "ask"),
        "stop_btn": say(language, "stop") if busy else False,
    }


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
