"""What each name of a sentence has to do with the words around it, read without a parser."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.claims import Claim, Token, is_role
from rag.language import akin, fold, glossary
from rag.types import Span

NEAR = (1.0, 0.5, 0.25)  # what the words to one side of a name count, from near to far
LIGHT = 0.5  # share of this that a light word counts
LOOSE = 0.25  # the same of words that follow a name inside another's part
LINK = 0.5  # what it counts more that both names are tied to a word alike
OTHERWISE = 0.5  # share of a word that a name is tied to in another way
BARE = 0.25  # what the same preposition counts where the words differ

_SENSES = {
    "of": "of de du des del d",
    "by": "by par por",
    "in": "in at dans en chez",
    "to": "to into toward towards au aux à a vers hacia hasta",
    "with": "with between among avec entre con",
    "from": "from desde depuis",
    "on": "on about over sur sobre",
    "for": "for pour para",
    "against": "against contre contra",
    "without": "without sans sin",
    "before": "before avant ante antes",
    "after": "after après tras después",
    "as": "as like comme como",
    "is": "is are was were be been being became est sont était étaient sera fut soit soient "
    "es son era fue eran sea sean",
    "the": "the a an le la les l un une los las el una unos its their his her",
    "that": "that which who whom whose what when while but than he she it they we que qui dont "
    "mais il elle ils elles quien pero ella ellos ellas",
}
_SENSE = {word: sense for sense, words in _SENSES.items() for word in fold(words).split()}
_BARE = frozenset(_SENSES) - {"of", "by", "is", "the", "that"}  # say much without a word
_OUTSIDE = (_BARE | {"by"}) - {"to", "for"}  # end what a name does, but not "is to sign"
_AND = frozenset(("and", "or", "et", "ou", "y", "e", "o"))
_NOUN_END = re.compile(r"(?<=\w{4})(?:ionship|a?ison)$")  # "relates" and "relationship"
_OWNS = re.compile(r"['’](?:s\b|(?=\s|$))")
_STOP = re.compile(r"[,;:.()–—]")
_APPOSITION = re.compile(
    r",\s(?:the|an?|who|which|le|la|une?|qui|el|los|una|que|quien)\b[^,;:.()]{2,80},(?=\s)"
)
_WHO = re.compile(r",\s(?:who|qui|quien)\b")
_PASSIVE = re.compile(r"[^,;:.]{0,30}?\b(?:by|par|por)\b")
_ALIKE = (
    {"of", "beside"},
    {"of", "near"},
    {"of", "from"},
    {"from", "beside"},
    {"in", "on"},
    {"does", "beside"},
    {"done", ""},
)


@dataclass(frozen=True, slots=True)
class Tie:
    """How a name is tied to words, each with its weight: "of" them, doing them, "to" them."""

    link: str
    heads: tuple[tuple[Token, float], ...] = ()

    @property
    def slot(self) -> tuple[str, str] | None:
        """Return the preposition and the word before it, after which there is one name."""
        return (self.link, self.heads[0][0].key) if self.heads and self.link in _BARE else None

    def fit(self, other: "Tie", *, strictly: bool = False) -> float:
        """Return how far two ties are the same.

        Args:
            other: the tie of another name.
            strictly: a word counts less where the tie is another, and nothing where one is "with":
                who is with them does what they do.
        """
        same = self.link == other.link or any({self.link, other.link} <= each for each in _ALIKE)
        shared = [
            min(near, far)
            for one, near in self.heads
            for two, far in other.heads
            if alike(one, two)
        ]
        if strictly and not same:
            return 0.0 if "with" in (self.link, other.link) else OTHERWISE * sum(shared)
        if shared:
            return sum(shared) + LINK * same * max(shared)
        return BARE * (self.link == other.link and self.link in _BARE)


@dataclass(frozen=True, slots=True)
class Role:
    """A name and what it is tied to."""

    text: str
    keys: frozenset[str]
    ties: tuple[Tie, ...]
    says: bool
    company: frozenset[str]

    def fit(self, other: "Role", *, strictly: bool = False) -> float:
        """Return how far the two stand in the same place."""
        shared = sum(
            max((a.fit(b, strictly=strictly) for b in other.ties), default=0.0) for a in self.ties
        )
        return shared + (self.says and other.says)


def alike(one: Token, two: Token) -> bool:
    """Tell whether two words say the same: one word, one family or one set of the glossary."""
    return (
        one.key == two.key
        or fold(one.text) == fold(two.text)
        or akin(one.key, two.key)
        or _NOUN_END.sub("", one.key) == _NOUN_END.sub("", two.key)
        or two.key in glossary().get(one.key, ())
    )


def roles(claim: Claim, names: Sequence[Sequence[Token]]) -> list[Role]:
    """Return the role of each name; names that "and" joins have the same."""
    places = {each.span: i for i, each in enumerate(claim.tokens)}
    found = [(places[each[0].span], places[each[-1].span]) for each in names]
    speaking = {word.span for each in claim.speakers for word in each.words}
    result = []
    meant = _meant(claim, names)
    whose = frozenset(i for each in found if _is_whose(claim, *each) for i in each)
    for chain in _chains(claim, found):
        start, end = found[chain[0]][0], found[chain[-1]][1]
        ties = tuple(_ties(claim, start, end, whose))
        for i in chain:
            ties += tuple(tie for at in meant.get(i, ()) for tie in _ties(claim, at, at, whose))
            text = " ".join(each.text for each in names[i])
            says = any(each.span in speaking for each in names[i])
            company = [_keys(names[j]) for j in chain if j != i]
            result.append(Role(text, _keys(names[i]), ties, says, frozenset[str]().union(*company)))
    return result


_PRONOUN = frozenset(("he", "she", "il", "elle", "él", "ella"))  # "el" is none


def _meant(claim: Claim, names: Sequence[Sequence[Token]]) -> dict[int, list[int]]:
    """Return for each name the places of "she" and the like after it that stand for it."""
    found: dict[int, list[int]] = {}
    for at, token in enumerate(claim.tokens):
        before = [
            i
            for i, each in enumerate(names)
            if each[-1].span.end <= token.span.start and not each[0].place
        ]
        if token.text.casefold() in _PRONOUN and len(before) == 1:
            found.setdefault(before[0], []).append(at)
    return found


def _keys(name: Iterable[Token]) -> frozenset[str]:
    return frozenset(each.key for each in name)


def _chains(claim: Claim, found: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Yield the names that "and" joins, such as "A, B and C"."""
    titles = [
        i
        for i, each in enumerate(found)
        if _is_title(claim, *each) or aside(claim, claim.tokens[each[0]])
    ]
    yield from ([i] for i in titles)
    rest = [i for i in range(len(found)) if i not in titles]
    for chain in _joined(claim, [found[i] for i in rest]):
        yield [rest[i] for i in chain]


def aside(claim: Claim, token: Token) -> Span | None:
    """Return what between two commas says who a name is, if a token stands in it."""
    found = (_aside(claim, each.span.end) for each in claim.names)
    around = (each for each in found if each and each.start() < token.span.start < each.end())
    return next((Span(*each.span()) for each in around), None)


def _aside(claim: Claim, end: int) -> re.Match[str] | None:
    """Return what follows a name between two commas and says who it is of."""
    found = _APPOSITION.match(claim.text, end)
    told = found and (
        _WHO.match(found.group())
        or any(
            found.start() < each.span.start < found.end() and is_role(each) for each in claim.tokens
        )
    )
    return found if told else None


def _is_title(claim: Claim, start: int, end: int) -> bool:
    """Tell whether a country only says what somebody or something is of."""
    words = claim.tokens[start : end + 1]
    return words[0].place and (words[0].text.islower() or _is_whose(claim, start, end))


def _is_whose(claim: Claim, start: int, end: int) -> bool:
    """Tell whether a country only says whose president or the like the next name is."""
    words = claim.tokens[start : end + 1]
    owns = _OWNS.match(claim.text, words[-1].span.end)
    stop = owns.end() if owns else words[-1].span.end
    after = next((each for each in claim.tokens[end + 1 :] if each.span.start >= stop), None)
    joined = claim.text[: words[0].span.start].endswith(("-", "–"))
    if after is None or claim.text[stop : after.span.start] != " " or joined:
        return False
    return words[0].place and (is_role(after) or (after.kind == "name" and not owns))


def _joined(claim: Claim, found: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    joints = [_joint(claim, one[1], two[0]) for one, two in pairwise(found)]
    chain: list[int] = []
    for i in range(len(found)):
        chain.append(i)
        joint = joints[i] if i < len(joints) else ""
        if joint == "," and next((each for each in joints[i:] if each != ","), "") == "":
            joint = ""
        if joint == ", and" and (len(chain) == 1 or joints[i - 1] != ","):
            joint = ""
        if joint != "-" and "-" in joints[max(0, i - 1) : i + 2]:
            joint = ""  # "Peru-Chile" stands for itself
        if not joint:
            yield chain
            chain = []


def _joint(claim: Claim, end: int, start: int) -> str:
    who = _aside(claim, claim.tokens[end].span.end)
    after = who.end() - 1 if who else claim.tokens[end].span.end
    gap = claim.text[after : claim.tokens[start].span.start]
    words = [
        fold(each.text)
        for each in claim.tokens[end + 1 : start]
        if each.span.start >= after and not (is_role(each) or each.kind == "name")
    ]
    comma = "," if gap.startswith(",") else ""
    if gap in ("-", "–"):
        return "-"
    if re.search(r"[;:.()–—]", gap):
        return ""
    rest = words[1:] if words[:1] in ([each] for each in _AND) else words
    if not all(_SENSE.get(each) in ("the", "of") for each in rest):  # "du Pérou et du Chili"
        return ""
    return f"{comma} and".strip() if rest != words else comma


def _ties(claim: Claim, start: int, end: int, whose: Collection[int]) -> Iterator[Tie]:
    """Yield what a name is tied to; `whose` are the places of titles' countries."""
    link, before = ("", ()) if start in whose else _before(claim, start, whose)
    after = _after(claim, end)
    if after:
        forward = _forward(claim, end, after[0][0], inside=bool(link and before))
        share = LOOSE if forward == "near" else 1.0
        yield Tie(forward, tuple((each, share * weight) for each, weight in after))
    if before or link in _BARE:
        yield Tie("does" if link in ("by", "is") else link, before)


def _forward(claim: Claim, end: int, head: Token, *, inside: bool) -> str:
    """Return how a name is tied to a word after it; inside another's part loosely."""
    text, stop = claim.text, claim.tokens[end].span.end
    if _OWNS.match(text, stop):
        return "of"
    if inside:
        return "near"
    if text[stop : head.span.start] in (" ", "-"):
        return "beside"
    return "done" if _PASSIVE.match(text, head.span.end) else "does"


def _before(
    claim: Claim, start: int, whose: Collection[int]
) -> tuple[str, tuple[tuple[Token, float], ...]]:
    """Return the preposition before a name and the words before that, from near to far."""
    link, found, titled = "", list[Token](), True
    for i in range(start - 1, -1, -1):
        token = claim.tokens[i]
        if titled and i in whose:
            continue
        if _ends_before(claim, i, link, found):
            break
        if token.kind == "stop":
            titled = False
            if not found and not link:
                link = _sense(claim, token) if _sense(claim, token) != "the" else ""
        elif token.kind == "name":
            found += [token] if link == "of" else []
        elif token.kind == "word" and not (titled and is_role(token)):
            found.append(token)
    return link, _weighted(found)


def _ends_before(claim: Claim, i: int, link: str, found: Sequence[Token]) -> bool:
    token, sense = claim.tokens[i], _sense(claim, claim.tokens[i])
    gap = claim.text[token.span.end : claim.tokens[i + 1].span.start]
    if _STOP.search(gap) or sense == "that":
        return True
    if found and found[-1].kind == "name":
        return token.kind != "name" or gap != " "
    if token.kind == "name":
        return bool(found) or not (link == "of" or _is_of(claim, i))
    return bool(found) and sense in _BARE


def _is_of(claim: Claim, end: int) -> bool:
    """Tell whether a name stands after "of", as in "the visit of Ana Ruiz to Peru"."""
    start = end
    while start >= 0 and claim.tokens[start].kind == "name":
        start -= 1
    return start >= 0 and _sense(claim, claim.tokens[start]) == "of"


def _after(claim: Claim, end: int) -> tuple[tuple[Token, float], ...]:
    """Return the words after a name, from near to far, past what stands between two commas."""
    found, stop = list[Token](), claim.tokens[end].span.end
    who = _APPOSITION.match(claim.text, stop)
    last = who.end() if who else stop
    for i in range(end + 1, len(claim.tokens)):
        token = claim.tokens[i]
        if token.span.start < last:
            continue
        if _STOP.search(claim.text[last : token.span.start]) or _ends_after(claim, i, found):
            if token.kind == "name" and not found and _sense(claim, claim.tokens[i - 1]) == "of":
                found.append(token)
            break
        last = token.span.end
        if token.kind == "word":
            found.append(token)
    return _weighted(found)


def _ends_after(claim: Claim, i: int, found: Sequence[Token]) -> bool:
    token, sense = claim.tokens[i], _sense(claim, claim.tokens[i])
    if token.kind == "name":
        return not _OWNS.match(claim.text, token.span.end)
    if sense == "the":
        return bool(found) or _sense(claim, claim.tokens[i - 1]) != "is"
    doing = i + 1 < len(claim.tokens) and claim.tokens[i + 1].text.endswith("ing")
    return sense == "that" or (sense in _OUTSIDE and not doing) or (sense == "is" and bool(found))


def _sense(claim: Claim, token: Token) -> str:
    word = fold(token.text)
    if word == "a" and claim.language != "en":
        return "is" if claim.language == "fr" and token.text == "a" else "to"
    return _SENSE.get(word, "")


def _weighted(found: Sequence[Token]) -> tuple[tuple[Token, float], ...]:
    """Return words with what each counts; the words of a title, such as "prime minister", alike."""
    weights: list[float] = []
    steps = iter(NEAR)
    for i, token in enumerate(found):
        title = i and is_role(token) and is_role(found[i - 1])
        weight = weights[-1] if title else next(steps, 0.0)
        weights.append(weight if title or is_role(token) or not token.light else weight * LIGHT)
    return tuple((each, weight) for each, weight in zip(found, weights, strict=True) if weight)
