"""How a document is cut into chunks that are retrieved and sentences that are quoted."""

from collections.abc import Iterable, Iterator
from functools import cache

import pysbd
from pysbd.languages import LANGUAGE_CODES

from rag.types import Block, Chunk, Document, Passage, Sentence, Span

CHUNK_SIZE = 900  # characters; a chunk ends with the block or sentence that reaches it
FRAGMENT_WORDS = 8  # a list item up to this long is quoted with what introduces it
RECIPE = f"paragraphs-{CHUNK_SIZE}-lists"
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


def in_context(chunk: Chunk) -> Passage:
    """Return what of a chunk is embedded: its text after the title and heading it stands under."""
    context = f"{chunk.title}. {chunk.heading}\n"
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
        language=document.language,
        sentences=sentences,
    )


def _sentences(document: Document, block: Block) -> Iterator[Span]:
    """Yield the spans of a block's sentences, which together hold all that is visible in it."""
    text = block.span.of(document.text).replace("\n", " ")
    cursor = 0
    for segment in _segmenter(document.language).segment(text):
        start = text.find(segment.strip(), cursor)
        if not segment.strip() or text[cursor:start].strip():
            continue  # the segmenter changed the text: it stays with the sentence that follows
        cursor = start + len(segment.strip())
        yield Span(block.span.start + start, block.span.start + cursor)
    rest = text[cursor:].strip()
    if rest:
        start = block.span.start + text.index(rest, cursor)
        yield Span(start, start + len(rest))


@cache
def _segmenter(language: str) -> pysbd.Segmenter:
    return pysbd.Segmenter(language=language if language in SEGMENTED else "en", clean=False)
