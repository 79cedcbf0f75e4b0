"""Whether an answer is in its evidence: quotes to the letter, written sentences in fact."""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rag.claims import Claim, Token, read
from rag.errors import IndexDamagedError
from rag.evidence import nearest_tokens
from rag.figures import Day, Figure, Quantity, Relative
from rag.language import akin, detect, fold, glossary, stem
from rag.models import Encoder, Tokens
from rag.query import QueryTokens
from rag.store import Embedding, Vector
from rag.types import Chunk, Citation, Document, Passage, Sentence, Source, Span

MARKERS = re.compile(r"\s*[\[【]\s*(\d+(?:\s*[,;–-]\s*\d+)*)\s*[\]】]")
REMEMBERED = 1000  # chunks whose vectors are kept
MOST_PROOF = 4  # sentences that together prove one
ENOUGH = 0.5  # score from which on a sentence counts as supported


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a sentence that a model wrote.

    Attributes:
        text: the sentence without its markers.
        markers: those that it carries and that exist.
        reason: what is wrong, as one sentence that tells the model; empty when it is supported.
        proof: (marker, sentence of its chunk) that prove it, best first; when nothing does, those
            that come nearest.
        score: how much of the sentence its evidence holds, from 0 to 1.
    """

    text: str
    markers: tuple[int, ...]
    supported: bool
    reason: str
    proof: tuple[tuple[int, Sentence], ...]
    score: float


class Verifier:
    """Judges sentences by the evidence that they cite."""

    def __init__(self, encoder: Encoder, entailment: str = "") -> None:
        self._encoder = encoder
        self._entailment = entailment
        self._known: OrderedDict[str, Embedding] = OrderedDict()
        self._lock = threading.Lock()

    def judge(self, written: str, evidence: Sequence[Source]) -> Verdict:
        """Return whether the sources that a sentence cites prove it."""
        text, numbers = without_markers(written)
        markers = tuple(each for each in numbers if 1 <= each <= len(evidence))
        case = self._case(text, markers, evidence)
        reason = _of_markers(numbers, markers, len(evidence)) or case.fault()
        score = case.score
        if not reason and score < ENOUGH:
            reason = "The cited evidence does not say this; write only what it says."
        proof = tuple((line.marker, line.sentence) for line in case.proof)
        return Verdict(text, markers, not reason, reason, proof, score)

    def _case(self, text: str, markers: Sequence[int], evidence: Sequence[Source]) -> "_Case":
        cited = markers or range(1, len(evidence) + 1)
        sources = {each: evidence[each - 1] for each in cited}
        embeddings = self._embeddings([source.chunk for source in sources.values()])
        vector, tokens = self._encoder.encode_question(text) if text else (None, None)
        lines = [
            line
            for (marker, source), embedding in zip(sources.items(), embeddings, strict=True)
            for line in _lines(marker, source, embedding, vector)
        ]
        return _Case(read(text, detect(text)), lines, _likenesses(tokens, lines))

    def _embeddings(self, chunks: Sequence[Chunk]) -> list[Embedding]:
        """Return the embedding of each chunk; those seen lately are remembered."""
        with self._lock:
            found = {each.id: self._known[each.id] for each in chunks if each.id in self._known}
        new = {each.id: each for each in chunks if each.id not in found}
        for name, made in zip(
            new,
            self._encoder.encode_passages([_passage(each) for each in new.values()]),
            strict=True,
        ):
            found[name] = made
        with self._lock:
            for name in found:
                self._known[name] = found[name]
                self._known.move_to_end(name)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return [found[each.id] for each in chunks]


def check(citation: Citation, document: Document | None) -> Citation:
    """Return the citation if its quote is exactly the document's text at its span.

    Raises:
        IndexDamagedError: it is not, so the index contradicts itself and nothing of it is shown.
    """
    found = citation.span.of(document.text) if document is not None else None
    if found != citation.quote or not citation.quote:
        raise IndexDamagedError(
            f"the quote {citation.quote!r} is not at {citation.span.start}:{citation.span.end} of "
            f"{citation.uri!r}; run python -m ingest --check"
        )
    return citation


def without_markers(written: str) -> tuple[str, tuple[int, ...]]:
    """Return a sentence without its markers, and their numbers.

    >>> without_markers("They met [1], they left [2, 4-5].")
    ('They met, they left.', (1, 2, 4, 5))
    """
    numbers: list[int] = []
    for match in MARKERS.finditer(written):
        for part in re.split(r"\s*[,;]\s*", match.group(1)):
            first, *last = (int(each) for each in re.split(r"\s*[–-]\s*", part))
            numbers += range(first, min(last[0], first + 99) + 1) if last else [first]
    return MARKERS.sub("", written).strip(), tuple(dict.fromkeys(numbers))


def _of_markers(numbers: Sequence[int], markers: Sequence[int], total: int) -> str:
    missing = [each for each in numbers if each not in markers]
    if missing:
        return f"There is no evidence [{missing[0]}]; the numbers run from 1 to {total}."
    if not markers:
        return "The sentence cites nothing; end it with the number of its evidence in brackets."
    return ""


def _passage(chunk: Chunk) -> Passage:
    start = chunk.span.start
    return Passage(
        chunk.text,
        tuple(Span(each.span.start - start, each.span.end - start) for each in chunk.sentences),
    )


@dataclass(frozen=True, eq=False)
class _Line:
    """A sentence of the evidence, read."""

    marker: int
    sentence: Sentence
    source: Source
    claim: Claim
    cosine: float
    code: bytes

    @cached_property
    def stems(self) -> frozenset[str]:
        """Return the stems of all its words and of what its names are called by."""
        return frozenset(each.key for each in self.claim.tokens) | frozenset(
            stem(each.text, self.claim.language)
            for each in self.claim.tokens
            if each.kind != "figure"
        )

    @cached_property
    def folded(self) -> frozenset[str]:
        return frozenset(fold(each.text).replace(".", "") for each in self.claim.tokens)

    @cached_property
    def meanings(self) -> frozenset[str]:
        sets = glossary()
        return frozenset().union(*(sets.get(each, ()) for each in self.stems))


def _lines(
    marker: int, source: Source, embedding: Embedding, vector: Vector | None
) -> Iterator[_Line]:
    chunk = source.chunk
    cosines = (
        np.vecdot(embedding.vectors[1:], vector)
        if vector is not None
        else np.zeros(len(chunk.sentences))
    )
    for sentence, cosine, code in zip(chunk.sentences, cosines, embedding.codes, strict=True):
        yield _Line(
            marker, sentence, source, read(sentence.text, chunk.language), float(cosine), code
        )


def _likenesses(tokens: Tokens | None, lines: Sequence[_Line]) -> "_Likeness":
    codes = {line.sentence.id: line.code for line in lines}
    if tokens is None or not len(tokens.vectors):
        return _Likeness(np.zeros((0, 2), np.int64), {})
    vectors = tokens.vectors / np.linalg.norm(tokens.vectors, axis=1, keepdims=True)
    query = QueryTokens(vectors, np.ones(len(vectors), np.float32))
    return _Likeness(tokens.offsets, nearest_tokens(query, codes))


@dataclass(frozen=True, slots=True, eq=False)
class _Likeness:
    """How alike each token of a sentence and the nearest of each line are."""

    offsets: np.ndarray
    nearest: dict[str, np.ndarray]

    def of(self, span: Span, line: _Line) -> float:
        row = self.nearest.get(line.sentence.id)
        if row is None:
            return 0.0
        inside = (self.offsets[:, 0] < span.end) & (self.offsets[:, 1] > span.start)
        return float(row[inside].mean()) if inside.any() else 0.0

    def mean(self, line: _Line) -> float:
        row = self.nearest.get(line.sentence.id)
        return float(row.mean()) if row is not None else line.cosine


class _Case:
    """A written sentence before its evidence."""

    def __init__(self, claim: Claim, lines: Sequence[_Line], likeness: _Likeness) -> None:
        self.claim = claim
        self.lines = lines
        self._likeness = likeness
        self.tokens = [each for each in claim.tokens if each.kind != "stop"]
        self.weights = np.array([_weight(each) for each in self.tokens])
        self.having = np.array(
            [[self._has(line, token) for token in self.tokens] for line in lines], np.float64
        ).reshape(len(lines), len(self.tokens))
        self.proof = self._prove()

    def _has(self, line: _Line, token: Token) -> float:
        """Return how far a line has a token of the sentence, from 0 to 1."""
        if token.kind == "figure":
            return float(
                any(
                    _same(each, other)
                    for each in self._figures(token)
                    for other in line.claim.figures
                )
            )
        plain = fold(token.text).replace(".", "")
        if token.key in line.stems or plain in line.folded:
            return 1.0
        if token.kind == "name":
            return 0.0
        if token.key in line.meanings:
            return 0.9
        if any(akin(token.key, each) for each in line.stems):
            return 0.8
        return min(0.8, max(0.0, (self._likeness.of(token.span, line) - 0.35) / 0.5))

    def _figures(self, token: Token) -> list[Figure]:
        return [each for each in self.claim.figures if each.span == token.span]

    def _prove(self) -> list[_Line]:
        """Return the fewest lines that hold what of the sentence any holds."""
        if not self.lines:
            return []
        gains = self.having @ self.weights + 0.5 * np.array([line.cosine for line in self.lines])
        first = int(gains.argmax())
        chosen, covered = [first], self.having[first]
        while len(chosen) < MOST_PROOF:
            more = np.maximum(self.having - covered, 0) @ self.weights
            best = int(more.argmax())
            if more[best] < 0.1 * self.weights.sum():
                break
            chosen.append(best)
            covered = np.maximum(covered, self.having[best])
        return [self.lines[each] for each in chosen]

    @property
    def score(self) -> float:
        """Return how much of the sentence its evidence holds."""
        if not self.proof or not self.tokens:
            return 0.0
        rows = [self.lines.index(line) for line in self.proof]
        covered = self.having[rows].max(axis=0)
        coverage = float(covered @ self.weights / self.weights.sum())
        cosine = max(line.cosine for line in self.proof)
        alike = max(self._likeness.mean(line) for line in self.proof)
        return 0.5 * coverage + 0.25 * max(0.0, cosine) + 0.25 * max(0.0, min(1.0, alike))

    def fault(self) -> str:
        """Return what the first check that fails finds, empty when none does."""
        return next(filter(None, (check(self) for check in _CHECKS)), "")


def _weight(token: Token) -> float:
    return {"figure": 2.0, "name": 1.5}.get(token.kind, 0.4 if token.light else 1.0)


def _same(figure: Figure, other: Figure) -> bool:
    """Tell whether a figure of a sentence is told by one of the evidence."""
    if isinstance(figure, Quantity) and isinstance(other, Quantity):
        return (figure.value, figure.unit, figure.ordinal) == (
            other.value,
            other.unit,
            other.ordinal,
        )
    if isinstance(figure, Day) and isinstance(other, Day):
        return _told(figure, other)
    if isinstance(figure, Relative) and isinstance(other, Relative):
        return (figure.unit, figure.shift) == (other.unit, other.shift)
    return False


def _told(figure: Day, other: Day) -> bool:
    """Tell whether a date says no more than another."""
    exact = other.exact
    weekday = exact.weekday() if exact and other.weekday is None else other.weekday
    return all(
        own is None or own == known
        for own, known in (
            (figure.year, other.year),
            (figure.month, other.month),
            (figure.day, other.day),
            (figure.weekday, weekday),
        )
    )


# Checks --------------------------------------------------------------------------------------

_QUOTE_MARKS = "“”„‟«»‹›\"‘’‚‛'`´"
_ALIKE = str.maketrans({"–": "-", "—": "-", "‑": "-", "‐": "-", "−": "-", "…": "..."})
_QUOTED = re.compile(
    r"“([^”]*)”|„([^“”]*)[“”]|«([^»]*)»|\"([^\"]*)\"|‹([^›]*)›|(?<!\w)‘((?:[^’]|’(?=\w))*)’(?!\w)|"
    r"(?<!\w)'((?:[^']|'(?=\w))+)'(?!\w)"
)
_OPENED = re.compile(r"[“„«»\"‹›]|(?<!\w)‘")


def normal(text: str) -> str:
    """Return a text as quotes are compared: no quotation marks, one dash, one space.

    >>> normal("“It’s  a start” – he said")
    'Its a start - he said'
    """
    plain = "".join(c for c in text.translate(_ALIKE) if c not in _QUOTE_MARKS)
    return " ".join(plain.split())


def _quotes(case: _Case) -> str:
    """Check that what stands between quotation marks is in the cited chunks, word for word."""
    text = case.claim.text
    rest = text
    chunks = {line.source.chunk.id: normal(line.source.chunk.text) for line in case.lines}
    for match in _QUOTED.finditer(text):
        rest = rest.replace(match.group(), " ", 1)
        quote = normal(next(filter(None, match.groups()), "")).rstrip(" ,.;:!?").lstrip()
        if quote and not any(
            re.search(rf"(?<!\w){re.escape(quote)}(?!\w)", each) for each in chunks.values()
        ):
            return (
                f"The words “{quote}” are not in the evidence; quote exactly or write without "
                "quotation marks."
            )
    if _OPENED.search(rest):
        return "A quotation mark is opened and not closed; close it or leave it out."
    return ""


def _figures(case: _Case) -> str:
    """Check that each number and date is told by the evidence, of the same thing."""
    for figure in case.claim.figures:
        if reason := _of_figure(case, figure):
            return reason
    return ""


def _of_figure(case: _Case, figure: Figure) -> str:
    written = figure.span.of(case.claim.text)
    having = [
        line for line in case.lines if any(_same(figure, each) for each in line.claim.figures)
    ]
    if isinstance(figure, Quantity) and figure.loose and not having:
        return ""
    if not having:
        if isinstance(figure, Day) and _dated(case, figure):
            return ""
        return f"“{written}” is not in the evidence; write numbers and dates as they are there."
    if isinstance(figure, Quantity) and not any(
        isinstance(each, Quantity) and _same(figure, each) and each.bound == figure.bound
        for line in having
        for each in line.claim.figures
    ):
        return f"“{written}” is not said as exactly, or is said more exactly, in the evidence."
    return ""


def _dated(case: _Case, figure: Day) -> bool:
    return any(
        line.source.published is not None
        and any(
            isinstance(each, Day) and _told(figure, replace(each, year=line.source.published.year))
            for each in line.claim.figures
        )
        for line in case.proof
    )


def _names(case: _Case) -> str:
    """Check that each name is in the evidence."""
    for token in case.claim.names:
        if not any(case._has(line, token) for line in case.lines) and not _in_heading(case, token):
            return f"“{token.text}” is not in the evidence; name only who and what it names."
    return ""


def _in_heading(case: _Case, token: Token) -> bool:
    heads = {
        f"{line.source.chunk.title}. {line.source.chunk.heading}": line.source.chunk.language
        for line in case.lines
    }
    return any(
        token.key in {each.key for each in read(head, language).tokens}
        or fold(token.text) in fold(head)
        for head, language in heads.items()
    )


def _denials(case: _Case) -> str:
    """Check that the sentence denies when its evidence denies."""
    if not case.proof:
        return ""
    claim, best = case.claim, case.proof[0].claim
    if claim.denials and not any(line.claim.denials or line.claim.doubts for line in case.proof):
        return "The evidence does not deny this; keep to what it says."
    if best.denials and not claim.denials and not claim.doubts:
        return "The evidence denies this; keep its “not”."
    return ""


_KEPT = {
    "possible": {"possible"},
    "expected": {"possible", "expected", "intended"},
    "intended": {"possible", "expected", "intended"},
    "former": {"former"},
    "partly": {"partly"},
    "reported": {"reported", "possible"},
}


def _hedges(case: _Case) -> str:
    """Check that what the evidence says may or should be is not said to be."""
    if not case.proof:
        return ""
    own = {each.kind for each in case.claim.hedges}
    for cue in case.proof[0].claim.hedges:
        if cue.kind in _KEPT and not own & _KEPT[cue.kind]:
            word = cue.span.of(case.proof[0].sentence.text)
            return f"The evidence says “{word}”; do not say it more surely than the evidence."
    return ""


def _speakers(case: _Case) -> str:
    """Check that who says it in the sentence says it in the evidence."""
    if not case.proof:
        return ""
    said = [each for each in case.claim.speakers if any(word.kind == "name" for word in each.words)]
    spoken = {
        word.key for line in case.proof for each in line.claim.speakers for word in each.words
    }
    if not spoken:
        return ""
    for speaker in said:
        if not any(word.key in spoken for word in speaker.words if word.kind == "name"):
            name = speaker.span.of(case.claim.text).strip()
            return f"The evidence does not say that {name} said this."
    return ""


_CHECKS: tuple[Callable[[_Case], str], ...] = (
    _quotes,
    _figures,
    _names,
    _denials,
    _hedges,
    _speakers,
)
