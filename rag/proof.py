"""A written sentence beside the sentences it cites: what of it they hold, and which prove it."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rag.claims import Claim, Token, groups, read
from rag.evidence import nearest_tokens
from rag.figures import Day, Figure, Quantity, Relative, is_numeral
from rag.language import akin, fold, glossary, stem
from rag.models import Tokens
from rag.persons import resolved, titles
from rag.query import QueryTokens
from rag.store import Embedding, Vector
from rag.types import Sentence, Source, Span

MOST_PROOF = 4  # sentences that together prove one
WORTH = 0.1  # share of a sentence that another one of the proof has to add
FIGURE, NAME, WORD, LIGHT = 2.0, 1.5, 1.0, 0.4  # what a token counts
COUNTED = 0.95  # what a number counts that is the number of things listed
LARGEST_COUNT = 12
LIKE_MEANING, AKIN, LIKELY = 0.9, 0.8, 0.75  # another word of its set, of its family, or near it
COMMA = 2  # words that a comma between two counts as
UNLIKE, ALIKE = 0.35, 0.85  # similarity of two tokens that says nothing, and that says the same
QUOTATION_MARKS = '“”„‟«»‹›"‘‚‛'
_NO_MARKS = str.maketrans(dict.fromkeys(QUOTATION_MARKS, ""))

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Line:
    """A sentence of the evidence, read."""

    marker: int
    sentence: Sentence
    source: Source
    claim: Claim
    cosine: float
    code: bytes

    @cached_property
    def stems(self) -> frozenset[str]:
        """Return the stems of its words and what its names are called by."""
        language = self.claim.language
        tokens = [each for each in self.claim.tokens if each.kind != "figure"]
        return frozenset(key for each in tokens for key in (each.key, stem(each.text, language)))

    @cached_property
    def plain(self) -> frozenset[str]:
        """Return its words without case and accents."""
        return frozenset(plain(each) for each in self.claim.tokens)

    @cached_property
    def alone(self) -> frozenset[str]:
        """Return its names of one word, and those that it stands in for."""
        names = (name[0].key for name in groups(self.claim) if len(name) == 1)
        return self.claim.meant.union(names)

    @cached_property
    def meanings(self) -> frozenset[str]:
        """Return the stems of all words that mean much the same as one of its own."""
        sets = glossary()
        return frozenset[str]().union(*(sets.get(each, ()) for each in self.stems))

    def has(self, token: Token) -> bool:
        """Tell whether it has a word or name itself."""
        meant = token.kind == "name" and token.key in self.claim.meant
        return meant or token.key in self.stems or plain(token) in self.plain


def lines(
    marker: int, source: Source, embedding: Embedding, vector: Vector | None
) -> Iterator[Line]:
    """Yield the sentences of a source with how similar each is to a vector."""
    chunk = source.chunk
    none = np.zeros(len(chunk.sentences))
    cosines = none if vector is None else np.vecdot(embedding.vectors[1:], vector)
    read_ones = [read(unquoted(each.text), chunk.language) for each in chunk.sentences]
    claims = resolved(read_ones, read(f"{chunk.title}. {chunk.heading}", chunk.language))
    for sentence, claim, cosine, code in zip(
        chunk.sentences, claims, cosines, embedding.codes, strict=True
    ):
        yield Line(marker, sentence, source, claim, float(cosine), code)


def unquoted(text: str) -> str:
    """Return a text on one line and without quotation marks, which may stand anywhere in it."""
    return " ".join(text.translate(_NO_MARKS).split())


def plain(token: Token) -> str:
    """Return a token without case, accents and dots."""
    return fold(token.text).replace(".", "")


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """How alike each token of a sentence and the nearest of each line are."""

    offsets: npt.NDArray[np.int64]
    nearest: Mapping[str, Numbers]

    @classmethod
    def to(cls, tokens: Tokens | None, of: Sequence[Line]) -> "Likeness":
        """Return the likeness of a sentence's tokens to those of the lines."""
        if tokens is None or not len(tokens.vectors):
            return cls(np.zeros((0, 2), np.int64), {})
        vectors = tokens.vectors / np.linalg.norm(tokens.vectors, axis=1, keepdims=True)
        query = QueryTokens(vectors, np.ones(len(vectors), np.float32))
        codes = {line.sentence.id: line.code for line in of}
        return cls(tokens.offsets, nearest_tokens(query, codes))

    def of(self, span: Span, line: Line) -> float:
        """Return how alike the tokens of a part of the sentence and a line are."""
        row = self.nearest.get(line.sentence.id)
        inside = (self.offsets[:, 0] < span.end) & (self.offsets[:, 1] > span.start)
        return float(row[inside].mean()) if row is not None and inside.any() else 0.0

    def mean(self, line: Line) -> float:
        """Return how alike the whole sentence and a line are."""
        row = self.nearest.get(line.sentence.id)
        return line.cosine if row is None else min(1.0, max(0.0, float(row.mean())))


class Proof:
    """A sentence before its evidence.

    Attributes:
        tokens: those that carry meaning, each with its weight.
        having: how far each line (a row) has each token (a column), from 0 to 1.
        rows, chosen: the fewest lines that hold what of the sentence any line holds, best first.
    """

    def __init__(
        self, claim: Claim, of: Sequence[Line], likeness: Likeness, around: Sequence[Claim] = ()
    ) -> None:
        known = _known_names([claim, *(line.claim for line in of)]) | _names_alone(around)
        claim = _with_their_names(_with_names(claim, known), [line.claim for line in of])
        of = [replace(line, claim=_with_names(line.claim, known)) for line in of]
        self.claim = claim
        self.lines = of
        self.likeness = likeness
        self.tokens = [each for each in claim.tokens if each.kind != "stop"]
        self.weights = np.array([_weight(each) for each in self.tokens])
        self.figures: dict[Span, list[Figure]] = {}
        for each in claim.figures:
            self.figures.setdefault(each.span, []).append(each)
        self._titles = titles(claim)
        self._surnames = _surnames(claim, [*around, *(line.claim for line in of)])
        rows = [[self._has(line, token) for token in self.tokens] for line in of]
        self.having = np.array(rows, np.float64).reshape(len(of), len(self.tokens))
        self.chosen = self._choose()

    def _has(self, line: Line, token: Token) -> float:
        if token.kind == "figure":
            told = line.claim.figures
            own = self.figures[token.span]
            if all(any(same(each, other) for other in told) for each in own):
                return 1.0
            return COUNTED if any(_is_count(each, line.claim) for each in own) else 0.0
        if line.has(token):
            return 1.0
        if token.kind == "name":
            return float(self._surnames.get(token.span, "") in line.alone)
        if token.key in line.meanings:
            return LIKE_MEANING
        if any(akin(token.key, each) for each in line.stems):
            return AKIN
        alike = (self.likeness.of(token.span, line) - UNLIKE) / (ALIKE - UNLIKE)
        return min(LIKELY, max(0.0, alike))

    def _choose(self) -> list[Line]:
        if not self.lines or not self.tokens:
            self.rows = list(range(len(self.lines[:1])))
            return list(self.lines[:1])
        gains = self.having @ self.weights + [line.cosine for line in self.lines]
        rows = [int(gains.argmax())]
        while len(rows) < MOST_PROOF:
            covered = self.having[rows].max(axis=0)
            more = np.maximum(self.having - covered, 0) @ self.weights
            if more.max() < WORTH * self.weights.sum():
                break
            rows.append(int(more.argmax()))
        self.rows = rows
        return [self.lines[each] for each in rows]

    @property
    def covered(self) -> Numbers:
        """Return how far the chosen lines together have each token."""
        if not self.lines or not self.tokens:
            return np.zeros(len(self.tokens))
        covered: Numbers = self.having[self.rows].max(axis=0)
        return covered

    def coverage(self, start: int = 0, end: int | None = None) -> float:
        """Return what share of a part of the sentence the chosen lines have."""
        stop = len(self.claim.text) if end is None else end
        inside = np.array([start <= each.span.start < stop for each in self.tokens], bool)
        total = self.weights[inside].sum() if inside.any() else 0.0
        return float(self.covered[inside] @ self.weights[inside] / total) if total else 1.0

    def best(self, part: Span) -> Line | None:
        """Return the chosen line that has most of a part of the sentence; the first of equals."""
        inside = np.array([part.start <= each.span.start < part.end for each in self.tokens], bool)
        if not self.chosen:
            return None
        if not inside.any():
            return self.chosen[0]
        return self.chosen[int((self.having[self.rows][:, inside] @ self.weights[inside]).argmax())]

    def around(self, token: Token) -> Numbers:
        """Return how far each line has what stands around a token, what is near counting more."""
        part = self._part(token)
        own = next((each for each in groups(self.claim) if token in each), [token])
        whole = Span(own[0].span.start, own[-1].span.end)
        here = self.tokens.index(token)
        near = [
            1 / (abs(i - here) + COMMA * self._commas(each, token))
            if each in part
            and each not in own
            and each.span != token.span
            and self._titles.get(each.span, whole) == whole
            else 0.0
            for i, each in enumerate(self.tokens)
        ]
        weights = self.weights * np.array(near)
        total = weights.sum()
        shares: Numbers = self.having @ weights / total if total else np.zeros(len(self.lines))
        return shares

    @property
    def is_translation(self) -> bool:
        """Tell whether the sentence is in another language than its proof."""
        return any(line.claim.language != self.claim.language for line in self.chosen)

    def heads(self) -> Iterator[Line]:
        """Yield what each source stands under, its title and its heading, as a line."""
        first = {line.source.chunk.id: line for line in reversed(self.lines)}
        for line in first.values():
            chunk = line.source.chunk
            yield replace(line, claim=read(f"{chunk.title}. {chunk.heading}", chunk.language))

    def _commas(self, one: Token, two: Token) -> int:
        """Return how many commas stand between two tokens."""
        first, last = sorted((one.span, two.span))
        return self.claim.text[first.end : last.start].count(",")

    def _part(self, token: Token) -> list[Token]:
        """Return the tokens of the part of the sentence that a token stands in."""
        bounds = [0, *self.claim.breaks, len(self.claim.text)]
        start = max(each for each in bounds if each <= token.span.start)
        end = min((each for each in bounds if each > token.span.start), default=bounds[-1])
        part = [each for each in self.tokens if start <= each.span.start < end]
        content = [each for each in part if each.kind == "word" and each is not token]
        return part if len(content) > 1 else self.tokens


_ORDINARY = re.compile(
    r"(?:ing|ed|ly|tion|sion|ment|ity|ness|ance|ence|ism|ship|[^s]s|ción|dad|miento)$"
)


def _known_names(claims: Sequence[Claim]) -> frozenset[str]:
    """Return the words that have a capital where they need not have one."""
    return frozenset(plain(each) for claim in claims for each in claim.names)


def _names_alone(claims: Sequence[Claim]) -> frozenset[str]:
    """Return the names that are never words, too."""
    usual = {plain(each) for claim in claims for each in claim.words if not each.opens}
    return _known_names(claims) - usual


def _with_names(claim: Claim, known: frozenset[str]) -> Claim:
    """Return a sentence whose first word counts as a name if it is known to be one, or looks so."""
    tokens = tuple(
        replace(each, kind="name", key=plain(each))
        if each.opens
        and each.kind == "word"
        and (plain(each) in known or _is_strange(each, claim.text))
        else each
        for each in claim.tokens
    )
    return replace(claim, tokens=tokens)


def _with_their_names(claim: Claim, evidence: Sequence[Claim]) -> Claim:
    """Return a sentence whose names that are words are those of evidence in another language.

    Such is "Palais" for "Palace", by the glossary.
    """
    theirs = {
        stem(token.text, each.language): token.key
        for each in evidence
        if each.language != claim.language
        for token in each.names
        if not token.place
    }

    def key(token: Token) -> str:
        meant = sorted(glossary().get(stem(token.text, claim.language), ()))
        return next((theirs[each] for each in meant if each in theirs), token.key)

    tokens = tuple(
        replace(each, key=key(each)) if each.kind == "name" and not each.place else each
        for each in claim.tokens
    )
    return replace(claim, tokens=tokens) if theirs else claim


def _surnames(claim: Claim, evidence: Sequence[Claim]) -> dict[Span, str]:
    """Return the last name of whoever a first name is of, where the evidence has both together.

    Another line may then have the last name alone, unless it is that of others, too.
    """
    full = {_keys(name) for each in evidence for name in groups(each) if len(name) > 1}
    whole = [name for name in full if not any({*name} < {*other} for other in full)]
    initials = {(name[-1], name[0][:1]) for name in whole}
    namesakes = Counter(last for last, _ in initials)  # "Joe" may be "Joseph"
    return {
        token.span: name[-1].key
        for name in groups(claim)
        if _keys(name) in full and namesakes[name[-1].key] == 1
        for token in name[:-1]
    }


def _keys(name: Sequence[Token]) -> tuple[str, ...]:
    return tuple(each.key for each in name)


def _is_strange(token: Token, text: str) -> bool:
    usual = token.light or token.key in glossary() or is_numeral(token.text)
    led = _LED.match(text, token.span.end)
    return not (usual or led or _ORDINARY.search(token.text))


_LED = re.compile(  # after a word that is no name: "Face à", "Compared with", "Beyond the"
    r"\s(?:of|to|with|from|by|à|au|aux|a|de|du|d['’]|del|al|par|por|con|"
    r"the|this|these|its|their|an|les?|la|l['’]|une?|ce|cet|cette|ces|ses|son|sa|leurs?|qu['’]|que|"
    r"los?|las|el|una?|est[aeo]s?|sus?|that|both)\b"
)


_THING = r"[^\s,;:.()]+(?: [^\s,;:.()]+){0,3}"
_LIST = re.compile(
    rf"(?P<first>[^,;:.()]+), (?:{_THING}, )*?{_THING}(?P<comma>,?) (?:and|et|y|e|or|ou|o) "
)
_ACCOUNT = re.compile(r"^(?:According to|In|Selon|D['’]après|Según)\b[^,]*, ")
_PAIR = re.compile(r"\b(?:and|et|y|e|both|each other|one another|bilateral\w*|two)\b")


def _is_count(figure: Figure, claim: Claim) -> bool:
    """Tell whether a small number is how many things a sentence lists."""
    if not isinstance(figure, Quantity) or figure.unit or figure.ordinal:
        return False
    return 1 < figure.value <= LARGEST_COUNT and int(figure.value) in set(_counts(claim))


def _counts(claim: Claim) -> Iterator[int]:
    text = claim.text
    for each in reversed(claim.figures):  # their commas part nothing
        text = f"{text[: each.span.start]}0{text[each.span.end :]}"
    text = _ACCOUNT.sub("", text)
    lists = [match for match in _LIST.finditer(text) if match["first"]]
    for match in lists:
        yield match.group().count(",") - len(match["comma"]) + 2
    if not lists:
        yield len({each.key for each in claim.names if each.place})
        if _PAIR.search(text):
            yield 2


def _weight(token: Token) -> float:
    if token.kind == "word":
        return LIGHT if token.light else WORD
    return FIGURE if token.kind == "figure" else NAME


def same(figure: Figure, other: Figure) -> bool:
    """Tell whether a figure of a sentence is told by one of the evidence, their bounds aside."""
    if isinstance(figure, Quantity) and isinstance(other, Quantity):
        own = (figure.value, figure.unit, figure.ordinal)
        return own == (other.value, other.unit, other.ordinal)
    if isinstance(figure, Day) and isinstance(other, Day):
        return told(figure, other)
    if isinstance(figure, Relative) and isinstance(other, Relative):
        return (figure.unit, figure.shift) == (other.unit, other.shift)
    return False


def told(figure: Day, other: Day) -> bool:
    """Tell whether a date says no more than another."""
    exact = other.exact
    weekday = exact.weekday() if exact and other.weekday is None else other.weekday
    pairs = (
        (figure.year, other.year),
        (figure.month, other.month),
        (figure.day, other.day),
        (figure.weekday, weekday),
    )
    return all(own is None or own == known for own, known in pairs)
