"""Markdown: its blocks as text without markup."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingest import lint
from ingest.readers.decode import decode
from ingest.readers.front_matter import front_matter
from ingest.reading import Part, Reading, clean, compose, first_heading, row_text
from rag.types import BlockKind

# A line that its author broke where a sentence ends; one broken elsewhere is still one sentence.
SENTENCE_LINE = re.compile(r"(?:(?<=[.!?…:])|(?<=[.!?…:][\"'”’»)]))\n")
PARSER = MarkdownIt("commonmark").enable("table")


def read(data: bytes) -> Reading:
    """Read CommonMark with tables and, before it, YAML front matter."""
    raw = decode(data)
    text = clean(raw)
    metadata, start = front_matter(text)
    parts = list(_parts(PARSER.parse(text[start:])))
    reading = compose(parts, first_heading(parts) | metadata)
    return replace(reading, warnings=lint.findings(raw))


def _parts(tokens: Sequence[Token]) -> Iterator[Part]:
    inside: list[str] = []
    for index, token in enumerate(tokens):
        if token.nesting > 0:
            inside.append(token.tag)
        elif token.nesting < 0:
            inside.pop()
        if token.type == "table_open":
            yield from _rows(tokens[index:])
        elif token.type == "inline" and "table" not in inside:
            for text in SENTENCE_LINE.split(_plain(token.children or [])):
                yield Part(text, _kind(inside))
        elif token.type in ("fence", "code_block"):
            yield Part(token.content)


def _rows(tokens: Sequence[Token]) -> Iterator[Part]:
    """Yield the rows of the table that the tokens begin with; its first row names the columns."""
    rows: list[list[str]] = []
    for token in takewhile(lambda token: token.type != "table_close", tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_plain(token.children or []))
    for cells in rows[1:]:
        yield Part(row_text(cells, rows[0]), "row")


def _kind(inside: Sequence[str]) -> BlockKind:
    if inside[-1] != "p":
        return "heading"
    return "item" if "li" in inside else "paragraph"


def _plain(tokens: Sequence[Token]) -> str:
    """Return what a person would read: no markup, an image as its alternative text."""
    return "".join(map(_plain_token, tokens))


def _plain_token(token: Token) -> str:
    match token.type:
        case "text" | "code_inline":
            return token.content
        case "image":
            return _plain(token.children or [])
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case _:
            return "\n" if token.content.startswith("<br") else ""
