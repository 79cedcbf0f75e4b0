"""An answer or a conversation to take away: as plain text, as Markdown, and as a Word document."""

import re
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from typing import Literal, NamedTuple

from rag.types import Citation
from ui.talk import Exchange, Session
from ui.words import day, say

Style = Literal["title", "question", "part", "text", "quote", "item", "small"]
_STYLES: dict[Style, str] = {  # names that Word's own template has
    "title": "Title",
    "question": "Heading 1",
    "part": "Heading 2",
    "text": "Normal",
    "quote": "Quote",
    "item": "List Bullet",
    "small": "Normal",
}
_PREFIXES: dict[Style, str] = {
    "title": "# ", "question": "## ", "part": "### ", "text": "", "quote": "> ", "item": "- ",
    "small": "",
}  # fmt: skip
_ACTIVE = re.compile(r"[\\`*_{}\[\]<>#|$~!&^]")
_LINKED = re.compile(r":(?=//)|(?<=www)\.|@", re.IGNORECASE)
_FIRST = re.compile(r"^(\d{1,9})?([-+=.)])(?=\s|$|[-=+])|^([-+=])")
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Line(NamedTuple):
    """A paragraph of a brief."""

    style: Style
    text: str


def lines(session: Session, language: str, made: date) -> Iterator[Line]:
    """Yield a brief's paragraphs, its headings in the language of the window."""
    yield Line("title", say(language, "brief"))
    yield Line("small", say(language, "made_on", when=day(made, language)))
    for each in session:
        where = say(language, "filter_line", what=each.where) if each.where else ""
        yield from _exchange(each, where, language)
        if each.own and each.own.answer and each.own.answer.status != "refused":
            yield Line("part", say(language, "from_file", name=each.own.name))
            yield from (_quote(cited) for cited in each.own.answer.citations)
    unanswered = [each.answer for each in session if each.answer.status == "refused"]
    if unanswered:
        yield Line("question", say(language, "unanswered"))
        yield from (Line("item", _flat(f"{e.question} {e.coverage}")) for e in unanswered)


def plain(session: Session, language: str) -> str:
    """Return answers to be pasted: sentences with markers, and the sources with their dates."""
    parts = []
    for each in session:
        answer = each.answer
        sources = [_source(cited, language) for cited in answer.citations]
        notice = answer.notice if answer.unsure else ""
        parts.append("\n".join(filter(None, [notice, answer.text, answer.as_of, *sources])))
    return "\n\n".join(parts)


def markdown(session: Session, language: str, made: date) -> bytes:
    """Return a brief as Markdown in which nothing that others wrote is a link, mark or formula."""
    paragraphs = [
        _PREFIXES[each.style] + _inert(_flat(each.text)) for each in lines(session, language, made)
    ]
    return ("\n\n".join(paragraphs) + "\n").encode("utf-8", "replace")


def docx(session: Session, language: str, made: date) -> bytes:
    """Return a brief as a Word document of plain paragraphs: no fields, no links."""
    from docx import Document  # slow to import, and few ask for it
    from docx.oxml.ns import qn
    from docx.oxml.parser import OxmlElement

    document = Document()
    properties = document.core_properties
    properties.title, properties.author, properties.comments = say(language, "brief"), "", ""
    spoken = OxmlElement("w:lang")
    spoken.set(qn("w:val"), {"en": "en-CA", "fr": "fr-CA", "es": "es-MX"}.get(language, "en-CA"))
    document.styles["Normal"].element.get_or_add_rPr().append(spoken)
    for each in lines(session, language, made):
        document.add_paragraph(_NOT_XML.sub("\ufffd", _flat(each.text)), style=_STYLES[each.style])
    file = BytesIO()
    document.save(file)
    return file.getvalue()


def _exchange(exchange: Exchange, where: str, language: str) -> Iterator[Line]:
    answer = exchange.answer
    yield Line("question", answer.question)
    if answer.searched_for != answer.question:
        yield Line("small", f"{say(language, 'searched_for')} {answer.searched_for}")
    if where:
        yield Line("small", where)
    if answer.status == "refused":
        yield Line("text", f"{say(language, exchange.state)}. {answer.coverage}")
    else:
        yield Line("part", say(language, "answer"))
        if answer.unsure:
            yield Line("small", answer.notice)
        yield Line("text", answer.text)
        yield Line("small", answer.as_of)
        yield Line("part", say(language, "quotes"))
        yield from map(_quote, answer.citations)
    if answer.citations and answer.status != "refused":
        yield Line("part", say(language, "sources"))
        yield from (Line("item", _source(each, language)) for each in answer.citations)


def _quote(citation: Citation) -> Line:
    return Line("quote", f"[{citation.marker}] “{_flat(citation.quote)}”")


def _source(citation: Citation, language: str) -> str:
    facts = [citation.title, day(citation.published, language)]
    if citation.page is not None:
        facts.append(f"{say(language, 'page')} {citation.page}")
    return f"[{citation.marker}] {_flat(', '.join([*facts, citation.uri]))}"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _inert(text: str) -> str:
    r"""Return a line of Markdown that shows the text and does nothing else.

    >>> _inert("- *a* http://b.example"), _inert("1. x"), _inert("[1] 2 + 2 = 4.")
    ('\\- \\*a\\* http\\://b.example', '1\\. x', '\\[1\\] 2 + 2 = 4.')
    """
    escaped = _LINKED.sub(r"\\\g<0>", _ACTIVE.sub(r"\\\g<0>", text))
    return _FIRST.sub(lambda found: f"{found[1] or ''}\\{found[2] or found[3]}", escaped)
