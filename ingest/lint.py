"""What in a text a person does not see, and what in it is meant for a language model."""

import re
from collections.abc import Iterator, Sequence

from rag.orders import INVISIBLE, order

SHOWN = 80  # characters of a passage that a finding quotes
TAGS = re.compile("[\U000e0000-\U000e007f]+")
FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a]{2,8}\U000e007f")  # Scotland's and the like
OVERRIDE = re.compile("[\u202d\u202e]")
# Between Latin letters nothing invisible has a purpose, but the soft hyphen of a word's end.
WITHIN_WORDS = re.compile("[A-Za-zÀ-ɏ][\u200b-\u200d\u2060-\u2064\ufeff]+(?=[A-Za-zÀ-ɏ])")
LONG_RUN = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff]{8,}")  # two of them can spell words


def findings(raw: str) -> tuple[str, ...]:
    """Return a sentence for each thing in an uncleaned text that a person should know of."""
    return (*unseen_characters(raw), *_addresses(raw, "The text"))


def unseen_characters(raw: str) -> tuple[str, ...]:
    """Return a sentence for each kind of character that can hide or disguise words."""
    return tuple(_unseen_characters(raw)) if INVISIBLE.search(raw) else ()


def _unseen_characters(raw: str) -> Iterator[str]:
    tags = "".join(TAGS.findall(FLAG.sub("", raw)))
    if tags:
        words = "".join(chr(ord(each) - 0xE0000) for each in tags)
        yield f"The text held words in invisible tag characters: {_shown(words)}."
    turned = len(OVERRIDE.findall(raw))
    if turned:
        yield f"The text held characters that make letters appear in another order: {turned}."
    within = len(WITHIN_WORDS.findall(raw))
    if within:
        yield f"The text held invisible characters inside words: {within}."
    if LONG_RUN.search(raw):
        yield "The text held a run of invisible characters, in which words can be hidden."


def hidden(passages: Sequence[str]) -> tuple[str, ...]:
    """Return sentences on the passages that a reader of the document would not have seen."""
    if not passages:
        return ()
    others = f", and {len(passages) - 1} more" if len(passages) > 1 else ""
    left_out = f"Text that is hidden in the document was left out: {_shown(passages[0])}{others}."
    return (left_out, *_addresses("\n".join(passages), "The hidden text"))


def _addresses(raw: str, subject: str) -> Iterator[str]:
    found = order(raw, mentions=True)
    if found:
        yield f"{subject} addresses a language model, not a reader: {_shown(found)}."


def _shown(text: str) -> str:
    """Return the first words of a text, quoted."""
    words = " ".join(text.split())
    return f"“{words}”" if len(words) <= SHOWN else f"“{words[:SHOWN].rsplit(' ', 1)[0]} …”"
