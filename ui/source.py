"""The source viewer's HTML: a whole document with the quoted passage marked, or the dossier."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from rag.errors import RagError
from rag.index import Generation, Index
from rag.types import Block, BlockKind, Document, Span
from ui.inert import inert
from ui.words import day, language_name, sentence

DOSSIER = "#dossier"
MAX_LISTED = 200  # documents; beyond, the list would be no help and slow to make
GONE = "This document is no longer in the dossier. Ask the question again for a current source."
NOTHING_THERE = "This link points at no passage of a document. Follow a link [n] of an answer."

_ADDRESS = re.compile(r"#source:([0-9a-f]{16}):([0-9]{1,9})-([0-9]{1,9})")
_TAGS: dict[BlockKind, tuple[str, str, str, str]] = {  # around the blocks of a kind, around each
    "heading": ("", "<h3>", "</h3>", ""),
    "paragraph": ("", "<p>", "</p>", ""),
    "item": ("<ul>", "<li>", "</li>", "</ul>"),
    "row": ('<table class="rows"><tbody>', "<tr><td>", "</td></tr>", "</tbody></table>"),
}


def address(document_id: str, span: Span) -> str:
    """Return the link that opens a document at a span; an empty span marks nothing."""
    return f"#source:{document_id}:{span.start}-{span.end}"


def view(index: Index, link: object) -> str:
    """Return what a link opens, or one sentence about why it opens nothing."""
    try:
        with index.reading() as generation:
            return dossier(generation) if link == DOSSIER else _open(generation, str(link))
    except RagError as error:
        return _notice(sentence(str(error)))


def dossier(generation: Generation) -> str:
    """Return the list of the documents, each a link that opens it."""
    held = generation.summary().documents
    if held > MAX_LISTED:
        return _notice(f"{held:,} documents. Ask a question; its sources open here.")
    entries = "".join(
        f'<li><a href="{address(each.id, Span(0, 0))}" dir="auto">{inert(each.title)}</a>'
        f"<span>{inert(_facts(each))}</span></li>"
        for each in generation.documents()
    )
    return (
        '<header><h2 tabindex="-1">The dossier</h2><p class="facts">'
        "Ask a question, and its source opens here at the quoted sentence.</p></header>"
        f'<ul class="dossier">{entries}</ul>'
    )


def article(document: Document, marked: Span) -> str:
    """Return a document as HTML with the text of a span inside `<mark>`."""
    page = document.page_of(marked.start) if marked.start < marked.end else None
    facts = _facts(document) + (f" · page {page}" if page else "")
    return (
        f'<header><a class="back" href="{DOSSIER}">All documents</a>'
        f'<h2 tabindex="-1" dir="auto">{inert(document.title)}</h2>'
        f'<p class="facts">{inert(facts)}</p><p class="file">{inert(document.uri)}</p></header>'
        f'<article data-address="{address(document.id, marked)}" lang="{inert(document.language)}" '
        f'dir="auto">{_body(document, marked)}</article>'
    )


def _open(generation: Generation, link: str) -> str:
    found = _ADDRESS.fullmatch(link)
    if found is None:
        return _notice(NOTHING_THERE)
    document = generation.document(found[1])
    if document is None:
        return _notice(GONE)
    start, end = int(found[2]), int(found[3])
    if not start <= end <= len(document.text):
        return _notice(NOTHING_THERE)
    return article(document, Span(start, end))


def _facts(document: Document) -> str:
    return " · ".join(
        [document.kind.capitalize(), day(document.published), language_name(document.language)]
    )


def _notice(message: str) -> str:
    return f'<p class="notice" role="status">{inert(message)}</p>'


def _body(document: Document, marked: Span) -> str:
    def of_kind(kind: BlockKind, blocks: Sequence[Block]) -> Iterator[str]:
        before, opening, closing, after = _TAGS[kind]
        yield before
        for block in blocks:
            yield f"{opening}{_text(document.text, block.span, marked)}{closing}"
        yield after

    return "".join(
        piece
        for kind, blocks in groupby(document.blocks, lambda block: block.kind)
        for piece in of_kind(kind, list(blocks))
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
