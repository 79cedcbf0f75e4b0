"""What a sentence denies, and whether its evidence denies the same.

Each word that denies or doubts is taken with the words that it is said of; those of the sentence
and of its evidence are paired, and what is left over on either side is an error.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.claims import Claim, Cue, Token
from rag.language import fold
from rag.proof import Line, Proof
from rag.roles import alike
from rag.types import Span

SCOPE = 3  # words that a denial is said of
STEM = 4  # letters by which words that deny are the same
AGAIN = 0.5  # share of what is denied from which on it is denied once more
TOLD = 0.5  # the same from which on a sentence has it

_STRONG = re.compile(
    r"absent|fail|refus|den|reject|prevent|ke(?:pt|ep)|sidelined|push|unable|unwilling|rul|avoid|"
    r"échou|empêch|dément|renonc|impid|frustr|descart|rechaz|nie|neg",
    re.IGNORECASE,
)
_WEAK = re.compile(  # another thing is done, or by few: it is not said that it is not done
    r"instead|differ|few|au lieu|diff[ée]r|en vez|en lugar|distint", re.IGNORECASE
)
_PUT_OFF = re.compile(
    r"sidelin|push|ke(?:pt|ep)|prevent|unclear|.*\bpast|.*\bpass[ée]|.*\bpasado|"
    r"(?:is|are|was|were) over|écart|empêch|impid|imped|frustr",
    re.IGNORECASE,
)
_HAPPENS = re.compile(
    r"\s(?:\w+\s)?(?:take place|took place|happen|occur|held|go ahead|eu lieu|tenue?|tuvo lugar|"
    r"celebr)",
    re.IGNORECASE,
)
_IT = re.compile(r"\b(?:l[oa]s?\s|l['’](?:a|ont|avait|avaient)\s)$", re.IGNORECASE)
_NEITHER = re.compile(r"neither|nor|ni", re.IGNORECASE)  # of two: what is denied comes later
_SAID = re.compile(
    r"(?:\s\w+){0,2}?\s(?:say|says|said|saying|tell|told|announce|reply|claim|dit|dire|disent|dicho|"
    r"dijo|dijeron|decir|dicen?)\b(?=[^,;]{0,40}?\b(?:that|que|qu['’]))",
    re.IGNORECASE,
)

_LONG = re.compile(r"\slong(?=\s(?:before|after|ago)\b)")  # "not long before the visit": soon


def denials(_: str, proof: Proof) -> str:
    """Check that what the sentence denies is denied in its evidence, and the other way round."""
    own = denied(proof.claim, proof)
    told = [each for line in proof.chosen for each in denied(line.claim, proof, line)]
    mine, theirs = list(own), list(told)
    for fits in _FITS:
        _pair(mine, theirs, fits)
    for one in mine:
        if one.is_sure and not any(one.is_again(two, own) for two in told):
            return "The evidence does not deny this; keep to what it says."
    for two in theirs:
        if two.is_sure and two.is_told(proof) and not any(two.is_again(one, told) for one in own):
            return f"The evidence denies this with “{two.text}”; do so, too."
    return ""


def _pair(mine: list["Denied"], theirs: list["Denied"], fits: "_Fits") -> None:
    """Take out of both lists what denies the same, the likest first."""
    pairs = [(one.share(two), one, two) for one in mine for two in theirs if fits(one, two)]
    for _, one, two in sorted(pairs, key=lambda each: -each[0]):
        if one in mine and two in theirs:
            mine.remove(one)
            theirs.remove(two)


def denied(claim: Claim, proof: Proof, line: Line | None = None) -> list["Denied"]:
    """Return what a sentence denies, or says that it is hardly so."""
    bounds = [0, *claim.breaks, len(claim.text)]
    found = []
    for start, end in pairwise(bounds):
        words = [
            each
            for each in claim.tokens
            if each.kind in ("word", "name") and start <= each.span.start < end
        ]
        best = line or proof.best(Span(start, end))
        for doubts, cues in ((False, claim.denials), (True, claim.doubts)):
            found += [
                Denied(
                    cue.span.of(claim.text),
                    claim.language,
                    tuple(words),
                    tuple(_led_to(cue, words)),
                    tuple(_reached(cue, words, claim))[:SCOPE],
                    doubts,
                    start,
                    best,
                    _is_before(cue, claim.doubts, words),
                    bool(_HAPPENS.match(claim.text, cue.span.end)),
                    bool(
                        _IT.search(claim.text[: cue.span.start])
                        or " it " in cue.span.of(claim.text)
                    ),
                )
                for cue in cues
                if start <= cue.span.start < end
            ]
    return found


def _led_to(cue: Cue, words: Iterable[Token]) -> Iterator[Token]:
    """Yield the words before a cue and within it, such as those between "kept" and "from"."""
    return (t for t in words if t.span.start < cue.span.end and t.span.start != cue.span.start)


def _reached(cue: Cue, words: Iterable[Token], claim: Claim) -> Iterator[Token]:
    """Yield the words after a cue in its clause, none but that of saying where it is denied."""
    said = _SAID.match(claim.text, cue.span.end) or _LONG.match(claim.text, cue.span.end)
    comma = claim.text.find(", ", cue.span.end)
    end = said.end() if said else comma if comma > 0 else len(claim.text)
    yield from (each for each in words if cue.span.end <= each.span.start < end)


def _is_before(cue: Cue, others: Iterable[Cue], words: Sequence[Token]) -> bool:
    """Tell whether a few words after a cue there is another one."""
    return any(
        cue.span.end <= each.span.start
        and sum(cue.span.end <= w.span.start < each.span.start for w in words) < SCOPE
        for each in others
    )


@dataclass(frozen=True, slots=True, eq=False)
class Denied:
    """Words that deny, or doubt, with the words around them in their part of a sentence.

    Attributes:
        words: all words of the part that it stands in; `earlier` are those before it, `before`
            those next to it.
        part: where the part begins.
        line: the line of the evidence that it stands in, or that is best for the part.
        denies_doubt: a word of doubt follows, as in "did not fail".
        happens: what is denied is that it takes place.
        is_of_it: it is said of "it", which stands for something in another part.
    """

    text: str
    language: str
    words: tuple[Token, ...]
    earlier: tuple[Token, ...]
    after: tuple[Token, ...]
    doubts: bool
    part: int
    line: Line | None
    denies_doubt: bool
    happens: bool
    is_of_it: bool

    @property
    def before(self) -> tuple[Token, ...]:
        """Return the words next before it."""
        return self.earlier[-SCOPE:]

    @property
    def is_sure(self) -> bool:
        """Tell whether it says that something is not so."""
        return not self.doubts or bool(_STRONG.match(self.text))

    @property
    def of(self) -> tuple[Token, ...]:
        """Return what is denied: what follows, and what stands before where nothing does."""
        suffers = not self.after or _PUT_OFF.match(self.text)
        return (*self.after, *(self.before if suffers else ()))

    def share(self, other: "Denied") -> float:
        """Return what share of the words that it denies the other one does, too."""
        return _shared(self.of, other.of) / len(self.of) if self.of else 0.0

    def names_as(self, other: "Denied") -> bool:
        """Tell whether it names nobody, or somebody that the other one names, if it does at all."""
        ones, twos = ([t for t in each.of if t.kind == "name"] for each in (self, other))
        named = _shared(ones, other.words) > 0 and _shared(twos, self.words) > 0
        return not (ones and twos) or named

    def may_be(self, other: "Denied") -> bool:
        """Tell whether "not" and a word of doubt may say the same."""
        if not self.names_as(other):
            return False
        weak = self.doubts != other.doubts and any(
            each.doubts and _WEAK.match(each.text) for each in (self, other)
        )
        return not (weak or self.denies_doubt)

    def is_said_as(self, other: "Denied") -> bool:
        """Tell whether both deny with the same word."""
        return fold(self.text)[:STEM] == fold(other.text)[:STEM]

    def is_of(self, other: "Denied") -> bool:
        """Tell whether both deny something of the same."""
        if self.language != other.language:
            return self.line is other.line
        if self.happens and _PUT_OFF.match(other.text):
            told = other.line.claim.tokens if other.line and other.is_of_it else other.after
            return _shared(self.earlier, (*other.before, *told)) > 0
        return self.share(other) > 0 or not (self.of or other.of)

    def is_near(self, other: "Denied") -> bool:
        """Tell whether two words around both are the same."""
        return _shared((*self.before, *self.after), (*other.before, *other.after)) > 1

    def is_again(self, other: "Denied", beside: Sequence["Denied"]) -> bool:
        """Tell whether what is denied in another part, or line, is denied here once more."""
        if _PUT_OFF.match(self.text) and (other.happens or _PUT_OFF.match(other.text)):
            return True
        alone = not (self.doubts or other.doubts) and all(
            each is self or each.part != self.part or each.line is not self.line for each in beside
        )
        said = (*other.before, *other.after)
        head = self.after[:1]
        both = _NEITHER.fullmatch(other.text)
        if head and not (self.doubts or both or _shared(head, said)):
            return False
        parts = [each for each in (self.of, self.before) if each]
        most = max((_shared(each, said) / len(each) for each in parts), default=0)
        alike_named = self.language == other.language and self.names_as(other)
        return alone and alike_named and most >= AGAIN

    def is_told(self, proof: Proof) -> bool:
        """Tell whether the sentence has what is denied."""
        if self.language != proof.claim.language:
            return self.line is proof.chosen[0] and not proof.claim.denials
        return bool(self.of) and _shared(self.of, proof.tokens) >= TOLD * len(self.of)


def _shared(ones: Iterable[Token], twos: Sequence[Token]) -> int:
    """Return how many words are among others, too."""
    return sum(any(alike(one, two) for two in twos) for one in ones)


_Fits = Callable[[Denied, Denied], bool]
_FITS: tuple[_Fits, ...] = (  # what is taken first for the denial of the same
    lambda one, two: one.doubts and two.doubts and one.is_said_as(two),
    lambda one, two: not (one.doubts or two.doubts) and one.names_as(two) and one.is_of(two),
    lambda one, two: one.doubts and two.doubts and one.is_sure == two.is_sure,
    lambda one, two: one.doubts != two.doubts and one.may_be(two) and one.is_of(two),
    lambda one, two: not (one.doubts and two.doubts) and one.may_be(two) and one.is_near(two),
)
