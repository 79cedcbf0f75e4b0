"""What a language model writes, as plain sentences: cut as they arrive, all markup taken out."""

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import cache

import pysbd
from pysbd.languages import LANGUAGE_CODES

LONGEST = 1_500  # characters of a sentence; what goes on is none
AHEAD = 20  # characters of what follows that help to tell whether a sentence is over

# Models write markers in many ways: [1, 2], [1-3], 【1】, [^1], [Source 1], ［1］.
_MARKER = r"\[\d{1,3}\]"
_WRITTEN_MARKER = re.compile(
    r"[\[【［]\s*\^?(?:(?:source|evidence|document|doc|ref)s?\.?\s*)?"
    r"(\d{1,3}(?:\s*(?:,|;|and|et|y|-|–)\s*\d{1,3})*)(?:†[^\]】］]{0,40})?\s*[\]】］](?![(:])",
    re.IGNORECASE,
)
_LINKED_MARKER = re.compile(r"\[{1,2}(\d{1,3})\]{1,2}\([^)\s]*\)")
_STOP = re.compile(
    rf"(?P<sign>[.!?…]+(?:[\"”’»)']|[ \u00a0\u202f]»)*|[。！？]+[”’」』）]*|\n)"
    rf"(?P<marks>(?:\s*{_MARKER})*)(?P<space>\s*)"
)
_ABBREVIATED = re.compile(
    r"\b(?:Sr|Sra|Srta|Dr|Dra|Lic|Ing|Mtro|Mtra|MM?|Mme|Mlle|Mrs?|Ms|St|Gen|Gov|Sen|Rep|Hon|Prof"
    r"|No|núm|art|vol|Uds?|[A-Z])\.$"
)
_MARKED = re.compile(rf"{_MARKER}\s*$")
_QUOTES = (("“", "”"), ("«", "»"), ("„", "“"), ("「", "」"))
_THOUGHT = re.compile(r"(?:<think(?:ing)?>|\A).*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_THINKING = re.compile(r"<think(?:ing)?>.*", re.DOTALL | re.IGNORECASE)  # aloud, and not done

_SCHEME = r"(?:https?|ftp|file|data|javascript|vbscript|mailto|tel|blob|about|ws|wss)"
_IMAGE = re.compile(r"!\[[^\]]*\](?:\([^)]*\)?|\[[^\]]*\])")
_INLINE_LINK = re.compile(r"\[([^\[\]]*)\]\([^)]*\)?")
_REFERENCE_LINK = re.compile(r"\[([^\[\]]*\D[^\[\]]*)\]\[[^\]]*\]")
_DEFINITION = re.compile(r"^\s*\[[^\]]+\]:.*$", re.MULTILINE)
_WIKI_LINK = re.compile(r"!?\[\[([^\[\]|]*\D[^\[\]|]*)(?:\|[^\[\]]*)?\]\]")
_TEX_LINK = re.compile(r"\\(?:href|url|includegraphics)\s*(?:\[[^\]]*\])?\{[^}]*\}")
_ADDRESS = re.compile(
    rf"(?:\b{_SCHEME}\s?:\s?(?://)?|//(?=\w+\.)|\bwww\.)[^\s\]\[«»“”\"]+", re.IGNORECASE
)
_MAIL = re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b")
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|</?[a-zA-Z!?][^<>]*(?:>|\Z)", re.DOTALL)
_EMPHASIS = re.compile(r"(\*{1,3}|_{2,3}|~~|`{1,3})(?=\S)(.+?)(?<=\S)\1", re.DOTALL)
_LEADING = re.compile(r"^\s*(?:#{1,6}\s+|>\s*|[-*+•–]\s+|\d{1,2}[.)]\s+(?=\S)|\|\s*)+")
_UNSEEN = ("Cc", "Cf", "Co", "Cs", "Cn")


class Sentences:
    """Cuts a text that arrives in pieces; markers after a full stop belong to the sentence."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._waiting = ""

    def feed(self, piece: str) -> Iterator[str]:
        """Yield the sentences that are whole now."""
        self._waiting = _with_plain_markers(_THOUGHT.sub("", self._waiting + piece))
        while (end := self._end()) is not None:
            sentence, self._waiting = self._waiting[:end].strip(), self._waiting[end:].lstrip()
            if sentence:
                yield sentence

    def rest(self) -> str:
        """Return what stands after the last whole sentence."""
        return self._said().strip()

    @property
    def goes_on(self) -> bool:
        """Tell whether what waits for its full stop is longer than any sentence."""
        return len(self._said()) > LONGEST

    def _said(self) -> str:
        """Return what waits, without what the model thinks aloud."""
        return _THINKING.sub("", self._waiting)

    def _end(self) -> int | None:
        """Return where the first sentence ends, None when that can not be told yet."""
        text = self._said()
        for stop in _STOP.finditer(text):
            if stop.end() == len(text) and not self._is_certain(stop):
                return None
            if _begins_marker(text[stop.end() :]):
                return None
            if self._is_end(stop):
                return stop.end()
        return None

    def _is_certain(self, stop: re.Match[str]) -> bool:
        """Tell whether nothing that follows can still belong to the sentence: "… [1]."."""
        return stop["sign"] != "\n" and bool(_MARKED.search(stop.string[: stop.start()]))

    def _is_end(self, stop: re.Match[str]) -> bool:
        text, before = stop.string, stop.string[: stop.end("sign")]
        if stop["sign"] == "\n" or stop["marks"] or self._is_certain(stop):
            return True
        if _is_open(before) or _ABBREVIATED.search(before):
            return False
        if stop["sign"][0] in "。！？":
            return True
        following = text[stop.end() : stop.end() + AHEAD]
        if not stop["space"] or following[:1].islower():
            return False
        cut = _segmenter(self._language).segment(f"{before.strip()} {following}")
        return len(cut) > 1 and len(cut[0].strip()) == len(before.strip())


def plain(written: str) -> str:
    r"""Return a sentence without links, images, markup and characters that nobody sees.

    >>> plain("**Ana** met [them](http://evil.example/?q=1) ![x](http://evil.example) [1].")
    'Ana met them [1].'
    >>> plain("<b onclick=x>Trade</b> grew\u200b &lt;img src=//evil.example&gt; [2](#a).")
    'Trade grew [2].'
    """
    text = written
    for _ in range(5):  # what is taken out may have hidden more of it
        before, text = text, _once(text)
        if text == before:
            break
    return text


def _once(text: str) -> str:
    text = "".join(c for c in html.unescape(text) if c == "\n" or _is_seen(c))
    text = _LINKED_MARKER.sub(r"[\1]", text)
    for pattern, kept in (
        (_DEFINITION, ""), (_IMAGE, ""), (_INLINE_LINK, r"\1"), (_REFERENCE_LINK, r"\1"),
        (_WIKI_LINK, r"\1"), (_TEX_LINK, ""), (_TAG, ""), (_ADDRESS, ""), (_MAIL, ""),
        (_EMPHASIS, r"\2"), (_LEADING, ""),
    ):  # fmt: skip
        text = pattern.sub(kept, text)
    return " ".join(_with_plain_markers(text).split())


def _is_seen(character: str) -> bool:
    return unicodedata.category(character) not in _UNSEEN


def _with_plain_markers(text: str) -> str:
    """Return the text with every marker written as `[1]`.

    >>> _with_plain_markers("a 【1†x】 b [2, 3] c [4-6] d [Source 7] e [^8] f [9](#x)")
    'a [1] b [2][3] c [4][5][6] d [7] e [8] f [9](#x)'
    """
    return _WRITTEN_MARKER.sub(lambda found: _numbers(found[1]), text)


def _numbers(listed: str) -> str:
    numbers: list[int] = []
    for part in re.split(r"\s*(?:,|;|and|et|y)\s*", listed, flags=re.IGNORECASE):
        first, *last = (int(each) for each in re.split(r"\s*[-–]\s*", part))
        numbers += range(first, min(last[0], first + 9) + 1) if last else [first]
    return "".join(f"[{each}]" for each in numbers)


def _begins_marker(following: str) -> bool:
    return bool(re.match(r"[\[【［][^\]】］]{0,20}$", following))


def _is_open(text: str) -> bool:
    """Tell whether a quotation is open, in which a full stop ends nothing."""
    if any(text.count(opening) > text.count(closing) for opening, closing in _QUOTES[:2]):
        return True
    return text.count('"') % 2 == 1


@cache
def _segmenter(language: str) -> pysbd.Segmenter:
    return pysbd.Segmenter(language=language if language in LANGUAGE_CODES else "en", clean=False)
