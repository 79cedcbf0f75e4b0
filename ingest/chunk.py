"""How a document is cut into chunks that are retrieved and sentences that are quoted."""

import re
from collections.abc import Iterable, Iterator
from functools import cache

import pysbd
from pysbd.languages import LANGUAGE_CODES

from ingest.reading import FROM_NAME
from rag.language import differs
from rag.types import Block, Chunk, Document, Passage, Sentence, Span

CHUNK_SIZE = 900  # characters; a chunk ends with the block or sentence that reaches it
FRAGMENT_WORDS = 8  # a list item up to this long is quoted with what introduces it
WINDOW = 5000  # characters; the segmenter's time grows with the square of what it is given
TELLING = 200  # characters that tell a language
BREAKS = tuple(map(re.compile, (r"[.!?…。！？][\"'”’»)\]]*\s", r"[;:,，；]\s", r"\s")))
RECIPE = f"paragraphs-{CHUNK_SIZE}-lists-2"
SEGMENTED = frozenset(LANGUAGE_CODES)


def cut(document: Document) -> tuple[Chunk, ...]:
    """Return the chunks of a document, in order: whole blocks, or whole sentences of long ones.

    A heading starts a new chunk and is named in it; it is quoted only where nothing else is there.
    """
    bodies = {block for block in document.blocks if block.kind != "heading"}
    return tuple(
        _chunk(document, heading, spans)
        for heading, section in _sections(document, bodies or set(document.blocks))
        for spans in _pack(_with_lists_whole(document, section))
    )


def in_context(chunk: Chunk, document: Document) -> Passage:
    """Return what of a chunk is embedded: its text after the title and heading it stands under.

    A title that only repeats the file's name is left out, so that a new name changes no vector.
    """
    named = dict(document.origins).get("title") == FROM_NAME
    context = f"{'' if named else chunk.title}. {chunk.heading}\n"
    shift = len(context) - chunk.span.start
    parts = (Span(s.span.start + shift, s.span.end + shift) for s in chunk.sentences)
    return Passage(context + chunk.text, tuple(parts))


def _with_lists_whole(document: Document, section: list[Block]) -> list[list[Span]]:
    """Return the sentences of each block, with short list items kept in what introduces them.

    An item such as "Trade" says nothing when it is quoted alone.
    """
    blocks: list[list[Span]] = []
    for block in section:
        spans = list(_sentences(document, block))
        introduced = blocks and blocks[-1] and block.kind == "item" and len(spans) == 1
        if introduced and _is_fragment(spans[0].of(document.text)):
            lead = blocks[-1].pop()
            whole = Span(lead.start, spans[0].end)
            if whole.end - whole.start <= CHUNK_SIZE and _leads(lead.of(document.text)):
                blocks[-1].append(whole)
                continue
            blocks[-1].append(lead)
        blocks.append(spans)
    return blocks


def _is_fragment(text: str) -> bool:
    return len(text.split()) <= FRAGMENT_WORDS and not text.endswith((".", "!", "?"))


def _leads(text: str) -> bool:
    """Tell whether a text introduces a list: it ends with a colon, or is such a list so far."""
    return text.split("\n\n")[0].rstrip().endswith(":")


def _sections(document: Document, bodies: set[Block]) -> Iterator[tuple[str, list[Block]]]:
    heading, section = "", list[Block]()
    for block in document.blocks:
        if block in bodies:
            section.append(block)
            continue
        yield heading, section
        heading, section = block.span.of(document.text), []
    yield heading, section


def _pack(blocks: Iterable[list[Span]]) -> Iterator[list[Span]]:
    """Yield the sentences of one chunk after the other; a block that fits in one is not torn."""
    chunk: list[Span] = []
    for block in blocks:
        if chunk and block and block[-1].end - chunk[0].start > CHUNK_SIZE:
            yield chunk
            chunk = []
        for sentence in block:
            if chunk and sentence.end - chunk[0].start > CHUNK_SIZE:
                yield chunk
                chunk = []
            chunk.append(sentence)
    if chunk:
        yield chunk


def _chunk(document: Document, heading: str, spans: list[Span]) -> Chunk:
    span = Span(spans[0].start, spans[-1].end)
    sentences = tuple(Sentence(document.id, each, each.of(document.text)) for each in spans)
    return Chunk(
        document.id,
        span,
        span.of(document.text),
        title=document.title,
        heading=heading,
        language=_language(document, span.of(document.text)),
        sentences=sentences,
    )


def _sentences(document: Document, block: Block) -> Iterator[Span]:
    """Yield the spans of a block's sentences, which together hold all that is visible in it.

    What is too long for a sentence is cut, best after a clause.
    """
    for window in _pieces(document.text, block.span, WINDOW):
        for sentence in _segments(document, window):
            yield from _pieces(document.text, sentence, CHUNK_SIZE)


def _segments(document: Document, window: Span) -> Iterator[Span]:
    text = window.of(document.text).replace("\n", " ")
    cursor = 0
    for segment in _segmenter(document.language).segment(text):
        start = text.find(segment.strip(), cursor)
        if not segment.strip() or text[cursor:start].strip():
            continue  # the segmenter changed the text: it stays with the sentence that follows
        cursor = start + len(segment.strip())
        yield Span(window.start + start, window.start + cursor)
    rest = text[cursor:].strip()
    if rest:
        start = window.start + text.index(rest, cursor)
        yield Span(start, start + len(rest))


def _pieces(text: str, span: Span, size: int) -> Iterator[Span]:
    """Cut a span where it is longer than a size, after a sentence, a clause or a word."""
    start = span.start
    while span.end - start > size:
        end = _break(text, start, start + size)
        yield _without_space(text, Span(start, end))
        start = end + len(text[end : span.end]) - len(text[end : span.end].lstrip())
    if start < span.end:
        yield Span(start, span.end)


def _break(text: str, start: int, end: int) -> int:
    for pattern in BREAKS:
        *_, last = (None, *pattern.finditer(text, (start + end) // 2, end))
        if last is not None:
            return last.end()
    return end


def _without_space(text: str, span: Span) -> Span:
    return Span(span.start, span.start + len(span.of(text).rstrip()))


def _language(document: Document, text: str) -> str:
    """Return the language of a passage: the document's, unless it is clearly in another."""
    if len(text) < TELLING:
        return document.language
    return differs(text, document.language) or document.language


@cache
def _segmenter(language: str) -> pysbd.Segmenter:
    return pysbd.Segmenter(language=language if language in SEGMENTED else "en", clean=False)
