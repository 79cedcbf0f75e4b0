"""The source viewer's HTML: a document with the quoted passage marked, or the dossier."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rag.errors import RagError
from rag.index import Generation, Index
from rag.selection import SeenIndex
from rag.types import Block, BlockKind, Document, Span
from ui.inert import inert, told
from ui.original import original
from ui.picture import Picture, draw
from ui.trouble import notice
from ui.words import day, language_name, say

DOSSIER = "#dossier"
MAX_LISTED = 200  # documents; beyond, the list would be no help and slow to make
CONTEXT = 20_000  # characters shown on either side of a passage
AT_ONCE = 200_000  # characters of a whole document that are shown before one has to read on

_ADDRESS = re.compile(r"#source:([0-9a-f]{16}):([0-9]{1,9})-([0-9]{1,9})")
_TAGS: dict[BlockKind, tuple[str, str, str, str]] = {  # around the blocks of a kind, around each
    "heading": ("", "<h3>", "</h3>", ""),
    "paragraph": ("", "<p>", "</p>", ""),
    "item": ("<ul>", "<li>", "</li>", "</ul>"),
    "row": ('<table class="rows"><tbody>', "<tr><td>", "</td></tr>", "</tbody></table>"),
}


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link opens: a passage of a document.

    Attributes:
        own: it is of the reader's own file, not of the dossier.
        page: of the file as it was read, drawn; None when it is no PDF or was not asked for.
        lacks: why no page is drawn though one could be expected, a key of the words.
    """

    document: Document
    span: Span
    own: bool = False
    page: Picture | None = None
    lacks: str = ""


def address(document_id: str, span: Span) -> str:
    """Return the link that opens a document at a span; an empty span marks nothing."""
    return f"#source:{document_id}:{span.start}-{span.end}"


def view(
    index: SeenIndex,
    link: object,
    language: str = "en",
    *,
    own: Index | None = None,
    drawn: bool = False,
) -> str:
    """Return what a link opens, or one sentence about why it opens nothing.

    `own` is where the reader's own file lies; `drawn` asks for the page of a PDF as it looks.
    """
    try:
        if link == DOSSIER:
            with index.reading() as generation:
                return dossier(generation, language)
        found = _ADDRESS.fullmatch(str(link))
        if found is None:
            return _notice(say(language, "nowhere"))
        return _open(index, own, found, language, drawn=drawn)
    except RagError as error:
        return notice(language, error)


def dossier(generation: Generation, language: str = "en") -> str:
    """Return the list of documents, each with a link to its beginning, unless they are many."""
    held = generation.summary().documents
    entries = "".join(
        f'<li dir="auto"><a href="{address(each.id, Span(0, 0))}">{inert(each.title)}</a>'
        f"<span>{inert(_facts(each, language))}</span></li>"
        for each in generation.documents(MAX_LISTED)
    )
    many = (
        say(language, "many", n=MAX_LISTED) if held > MAX_LISTED else say(language, "source_hint")
    )
    return (
        f'<header>{_close(language)}<h2 tabindex="-1">{told(language, "dossier")}</h2>'
        f'<p class="facts">{inert(many)}</p></header><ul class="dossier">{entries}</ul>'
    )


def article(opened: Opened, language: str = "en") -> str:
    """Return a document as HTML with the text of a span inside `<mark>`, and its page if drawn."""
    document, span = opened.document, opened.span
    link = address(document.id, span)
    blocks = _shown(document, span)
    end = blocks[-1].span.end if blocks else 0
    on = address(document.id, Span(end, end))
    more = not _marks(span) and end < document.blocks[-1].span.end
    last = f'<p><a href="{on}">{told(language, "go_on")}</a></p>' if more else ""
    return (
        f"{_head(opened, language)}{_figure(opened, language)}"
        f'<article data-address="{link}" data-drawn="{str(_drawable(document, span)).lower()}" '
        f'lang="{inert(document.language)}" dir="auto">{_body(document, blocks, span)}{last}'
        "</article>"
    )


def _open(
    index: SeenIndex, own: Index | None, found: re.Match[str], language: str, *, drawn: bool
) -> str:
    span = (int(found[2]), int(found[3]))
    for place in (index, own) if own else (index,):
        with place.reading() as generation:
            document = generation.document(found[1])
            if document is None:
                continue
            if not span[0] <= span[1] <= len(document.text):
                return _notice(say(language, "nowhere"))
            opened = Opened(document, Span(*span), own=place is own)
            return article(_with_page(generation, opened) if drawn else opened, language)
    return _notice(say(language, "gone"))


def _with_page(generation: Generation, opened: Opened) -> Opened:
    """Return the same with its page drawn, or with why there is none."""
    document, span = opened.document, opened.span
    number = document.page_of(span.start)
    if number is None or not _drawable(document, span):
        return opened
    data = original(generation, document)
    if data is None:
        return Opened(document, span, opened.own, lacks="page_changed")
    page = document.pages[number - 1]
    passage = document.text[span.start : min(span.end, page.end)]
    before = document.text[page.start : span.start].count(passage) if passage else 0
    picture = draw(data, number, passage, before)
    lacks = "" if picture else "page_undrawn"
    return Opened(document, span, opened.own, page=picture, lacks=lacks)


def _drawable(document: Document, span: Span) -> bool:
    """Tell whether the page that a passage stands on could be drawn."""
    return bool(document.pages) and _marks(span) and document.uri.lower().endswith(".pdf")


def _marks(span: Span) -> bool:
    return span.start < span.end


def _head(opened: Opened, language: str) -> str:
    document, span = opened.document, opened.span
    page = document.page_of(span.start) if _marks(span) else None
    facts = _facts(document, language) + (f" · {say(language, 'page')} {page}" if page else "")
    own = f'<p class="not-dossier">{told(language, "own_file")}</p>' if opened.own else ""
    start = address(document.id, Span(0, 0))
    whole = f'<a class="whole" href="{start}">{told(language, "whole_document")}</a>'
    links = whole if _marks(span) else ""
    return (
        f"<header>{_close(language)}"
        f'<h2 tabindex="-1" dir="auto">{inert(document.title)}</h2>{own}'
        f'<p class="facts">{inert(facts)}</p><p class="file">{inert(document.uri)}</p>'
        f'<p class="links">{links}'
        f'<a class="back" href="{DOSSIER}">{told(language, "all_documents")}</a></p></header>'
    )


def _close(language: str) -> str:
    return f'<button type="button" class="close" data-do="close">{told(language, "close")}</button>'


def _figure(opened: Opened, language: str) -> str:
    """Return the page as it looks with the passage marked, or why it is not there."""
    if opened.lacks:
        return f'<figure class="page"><p class="notice">{told(language, opened.lacks)}</p></figure>'
    picture = opened.page
    if picture is None:
        return '<figure class="page"></figure>'
    number = opened.document.page_of(opened.span.start)
    alt = say(language, "page_alt", n=number, title=opened.document.title)
    spots = "".join(
        f'<span class="spot" style="left:{each.left:.2%};top:{each.top:.2%};'
        f'width:{each.width:.2%};height:{each.height:.2%}"></span>'
        for each in picture.spots
    )
    return (
        f'<figure class="page"><div><img alt="{inert(alt)}" width="{picture.width}" '
        f'height="{picture.height}" src="data:image/png;base64,{picture.png}">{spots}</div>'
        f"<figcaption>{told(language, 'as_text')}</figcaption></figure>"
    )


def _facts(document: Document, language: str) -> str:
    return " · ".join(
        [
            document.kind.capitalize(),
            day(document.published, language),
            language_name(document.language, language),
        ]
    )


def _notice(message: str) -> str:
    return f'<p class="notice" role="status">{inert(message)}</p>'


def _shown(document: Document, span: Span) -> Sequence[Block]:
    """Return the blocks around a passage, or those that begin where nothing is marked."""
    first, last = span.start, span.start + AT_ONCE
    if _marks(span):
        first, last = span.start - CONTEXT, span.end + CONTEXT
    return [each for each in document.blocks if each.span.end >= first and each.span.start <= last]


def _body(document: Document, blocks: Sequence[Block], marked: Span) -> str:
    def of_kind(kind: BlockKind, blocks: Sequence[Block]) -> Iterator[str]:
        before, opening, closing, after = _TAGS[kind]
        yield before
        for block in blocks:
            yield f"{opening}{_text(document.text, block.span, marked)}{closing}"
        yield after

    return "".join(
        piece
        for kind, group in groupby(blocks, lambda block: block.kind)
        for piece in of_kind(kind, list(group))
    )


def _text(text: str, block: Span, marked: Span) -> str:
    """Return a block's text, the part of it that is marked inside `<mark>`."""
    start = min(max(marked.start, block.start), block.end)
    end = min(max(marked.end, start), block.end)
    before, inside, after = (
        inert(text[block.start : start]),
        inert(text[start:end]),
        inert(text[end : block.end]),
    )
    return f'{before}<mark tabindex="-1">{inside}</mark>{after}' if inside else before + after
