"""The parts of the window around the conversation: its head, its first words, its tools."""

from collections.abc import Iterable

from rag import wording
from rag.errors import RagError
from rag.selection import SeenIndex
from rag.types import Fault
from ui import filters
from ui.inert import inert, told
from ui.login import Visitor
from ui.trouble import notice
from ui.words import LANGUAGES, NAMES, count, dates

TITLE = "Visit Desk"


def top(language: str, who: Visitor | None, recorded_days: int | None = None) -> str:
    """Return the name of the window, its views, its language and the earlier conversations.

    `recorded_days` is how long the server keeps what is answered: None for not at all, 0 for ever.
    """
    views = "".join(
        f'<button type="button" data-do="view" data-view="{view}"{current}>'
        f"{told(language, view)}</button>"
        for view, current in (("conversation", ' aria-current="page"'), ("documents", ""))
    )
    options = "".join(
        f'<option value="{each}" lang="{each}"{" selected" if each == language else ""}>'
        f"{NAMES[each]}</option>"
        for each in LANGUAGES
    )
    return (
        f'<a class="skip" href="#box" data-do="skip">{told(language, "skip")}</a><h1>{TITLE}</h1>'
        f'<nav aria-label="{told(language, "views")}">{views}</nav>{_past(language, recorded_days)}'
        f'<label class="language"><span class="unseen">{told(language, "language")}</span>'
        f'<select name="language">{options}</select></label>{_user(language, who)}'
        f'<p id="said" role="status" data-busy="{told(language, "busy")}"></p>'
    )


def _user(language: str, who: Visitor | None) -> str:
    """Return who is logged in, and a way out if there is one."""
    if who is None or not who.user:
        return ""
    out = f'<button type="button" data-do="logout">{told(language, "logout")}</button>'
    return (
        f'<p class="who">{told(language, "logged_in", user=who.user)} {out if who.leaves else ""}'
        "</p>"
    )


def welcome(language: str, examples: Iterable[str]) -> str:
    """Return what stands there before the first question."""
    return f'<div class="welcome"><h2>{told(language, "welcome")}</h2>{questions(examples)}</div>'


def follow(language: str, proposed: Iterable[str], *, after: str) -> str:
    """Return what could be asked after an answer, hidden until the page has seen that it is last.

    It may come when that is no longer so. Nothing is returned when there are no questions.
    """
    listed = questions(proposed)
    begin = f'<div data-after="{inert(after)}" hidden><h2>{told(language, "follow")}</h2>'
    return f"{begin}{listed}</div>" if listed else ""


def questions(listed: Iterable[str]) -> str:
    """Return questions as a list of buttons that ask them."""
    items = "".join(
        f'<li><button type="button" class="example" data-ask="{inert(each)}" dir="auto">'
        f"{inert(each)}</button></li>"
        for each in listed
    )
    return f'<ul class="examples">{items}</ul>' if items else ""


def tools(index: SeenIndex, language: str) -> str:
    """Return the choice of documents, and how the whole conversation is taken away."""
    try:
        with index.reading() as generation:
            chooser = filters.form(generation, language)
    except RagError:  # said by the status line
        chooser = ""
    label = told(language, "whole")
    buttons = "".join(
        f'<button type="button" data-do="{do}" data-n="all" aria-label="{label}: {words}">'
        f"{words}</button>"
        for do, words in (("markdown", "Markdown"), ("docx", "Word"))
    )
    return f'{chooser}<div class="whole"><span>{label}</span> {buttons}</div>'


def attachment(language: str, name: str = "", failed: str = "") -> str:
    """Return the button that adds a file, or the file that is asked too."""
    if name:
        return (
            f'<p class="attached" role="status">{told(language, "attached", name=name)} '
            f'<button type="button" data-do="detach">{told(language, "detach")}</button></p>'
        )
    problem = f'<p class="notice" role="status">{inert(failed)}</p>' if failed else ""
    hint = told(language, "attach_hint")
    return (
        f'<label class="attach" title="{hint}">'
        f'<input type="file" name="own" aria-describedby="attach-hint" '
        f'data-reading="{told(language, "attaching")}"> <span>{told(language, "attach")}</span>'
        f'</label><span id="attach-hint" class="unseen">{hint}</span>{problem}'
    )


def status(index: SeenIndex, writing: tuple[str, Fault], language: str = "en") -> str:
    """Return the status line: what is in the dossier now, and how answers are made of it.

    `writing` is the language model that is set and why it writes nothing, as `Pipeline.writing`.
    """
    try:
        with index.reading() as generation:
            held = generation.summary()
    except RagError as error:
        return notice(language, error)
    what = f"{count(held.documents, language)}, {dates(held.first, held.last, language)}."
    return f"<p>{inert(what)} {_mode(*writing, language)}</p>"


def _mode(model: str, fault: Fault, language: str) -> str:
    if fault:
        return inert(wording.fault(language, model, fault, standing=True))
    return told(language, "mode_written", model=model) if model else told(language, "mode")


def _past(language: str, recorded_days: int | None) -> str:
    key = "not_recorded" if recorded_days is None else "recorded"
    key = "recorded_always" if recorded_days == 0 else key
    where = f"{told(language, 'past_where')} {told(language, key, n=recorded_days)}"
    return (
        f'<details id="past"><summary>{told(language, "past")}</summary><div>'
        f'<p class="small">{where}</p>'
        f'<ul data-delete="{told(language, "delete")}" data-none="{told(language, "past_none")}">'
        f'</ul><button type="button" data-do="past-clear">{told(language, "delete_all")}</button>'
        "</div></details>"
    )
