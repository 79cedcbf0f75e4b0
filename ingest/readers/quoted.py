"""The plain text of a mail: its paragraphs, with the marks of what is quoted from another mail."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ingest.readers.text import paragraphs
from ingest.reading import Part, clean

MARKS = re.compile(r"(?:>[ \t]?)+")
MAILBOX_FROM = re.compile(r">+From ")  # what a mailbox writes for a line that begins with "From "
SIGNATURE = "-- "
# What a mailer writes after a link's words when it makes plain text of HTML; nobody reads it.
TRACKING = re.compile(r"[ \t]?<https?://[^\s<>]{60,}>")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line without its marks; `depth` counts them."""

    text: str
    depth: int


def parts(text: str, *, flowed: bool = False, delete_space: bool = False) -> list[Part]:
    """Return the paragraphs, each with one ">" for every mail that it is quoted from.

    Args:
        text: the body of a mail.
        flowed: a line that ends in a blank goes on in the next (RFC 3676).
        delete_space: that blank is no part of the text.
    """
    lines = [_line(line, flowed=flowed) for line in TRACKING.sub("", clean(text)).split("\n")]
    if flowed:
        lines = list(_unfolded(lines, delete_space=delete_space))
    return [part for depth, run in groupby(lines, key=_depth) for part in _run(list(run), depth)]


def _depth(line: _Line) -> int:
    return line.depth


def _line(line: str, *, flowed: bool) -> _Line:
    if MAILBOX_FROM.match(line):
        return _Line(line[1:], 0)
    marks = MARKS.match(line)
    if flowed:
        depth = len(line) - len(line.lstrip(">"))
        return _Line(line[depth:].removeprefix(" "), depth)
    return _Line(line[marks.end() :], marks[0].count(">")) if marks else _Line(line, 0)


def _unfolded(lines: Sequence[_Line], *, delete_space: bool) -> Iterator[_Line]:
    """Yield whole paragraphs, with a blank line after each that was made of more than one line."""
    words: list[str] = []
    for number, line in enumerate(lines):
        soft = line.text.endswith(" ") and line.text != SIGNATURE
        following = lines[number + 1] if number + 1 < len(lines) else None
        goes_on = soft and following and following.depth == line.depth
        if goes_on and following and following.text != SIGNATURE:
            words.append(line.text[:-1] if delete_space else line.text)
            continue
        yield _Line("".join([*words, line.text]), line.depth)
        if words:
            yield _Line("", line.depth)
        words = []


def _run(lines: Sequence[_Line], depth: int) -> Iterator[Part]:
    """Yield the paragraphs of lines of the same depth; each line of a signature stays alone."""
    texts = [line.text for line in lines]
    ends = (number for number, words in enumerate(texts) if words.rstrip() == SIGNATURE.strip())
    end = next(ends, len(texts))
    text = "\n".join(texts[:end] + [f"\n{words}" for words in texts[end:]])
    for block in paragraphs(text):
        words = block.span.of(text)
        if not depth:
            yield Part(words, block.kind)
        else:
            yield Part(f"{'>' * depth} {words}", "item" if block.kind == "item" else "paragraph")
