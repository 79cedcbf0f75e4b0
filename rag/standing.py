"""Where each name of a sentence stands, and whether its evidence has it there."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import combinations
from operator import ge

from rag.claims import Claim, Token, groups, is_role
from rag.proof import AKIN, Proof, plain
from rag.roles import Role, Tie, alike, roles

ALIKE = 0.6  # share of the sentence's words that a line has in the same order
LONGEST = 3  # words that a name, with its title, may take the place of
CLEARLY = 0.5  # how much better two names fit in each other's place, where one does not


def replaced(_: str, proof: Proof) -> str:
    """Check that no name stands where a line that reads much alike has another one."""
    own = _content(proof.claim)
    for line in proof.chosen:
        theirs = _content(line.claim)
        matcher = SequenceMatcher(None, _keys(theirs), _keys(own), autojunk=False)
        same = sum(block.size for block in matcher.get_matching_blocks())
        if line.claim.language != proof.claim.language or same < ALIKE * len(own):
            continue
        others = [_content(each.claim) for each in proof.chosen if each is not line]
        for change, start, end, first, last in matcher.get_opcodes():
            if change == "replace" and max(end - start, last - first) <= LONGEST:
                here = _new(own[first:last], own, [theirs, *others])
                there = _lost(theirs[start:end], line.claim, proof.claim)
                if here and there:
                    return _instead(there, here)
    return ""


def _content(claim: Claim) -> list[Token]:
    return [each for each in claim.tokens if each.kind != "stop"]


def _keys(tokens: Sequence[Token]) -> list[str]:
    return [each.key for each in tokens]


def _new(tokens: Sequence[Token], own: Sequence[Token], lines: Sequence[Sequence[Token]]) -> str:
    """Return the names among some words that the sentence has more often than each line.

    A country beside a title is none: "the Mexican president" may stand for her name.
    """
    titled = any(map(is_role, tokens))
    names = [
        each
        for each in tokens
        if each.kind == "name"
        and not (each.place and titled)
        and all(_keys(own).count(each.key) > _keys(line).count(each.key) for line in lines)
    ]
    return " ".join(each.text for each in names)


def _lost(tokens: Sequence[Token], theirs: Claim, own: Claim) -> str:
    """Return the names among some words of a line of which the sentence has no word at all."""
    known = {key for each in own.tokens for key in (each.key, plain(each))}
    names = [
        name
        for name in groups(theirs)
        if any(each in tokens for each in name)
        and not any(each.key in known or plain(each) in known for each in name)
    ]
    return " ".join(each.text for name in names for each in name)


def standing(_: str, proof: Proof) -> str:
    """Check that each name stands where the evidence has it, and not where it has another one."""
    own = roles(proof.claim, _named(proof))
    theirs = [roles_of(line.claim) for line in proof.chosen]
    return (
        _twice(own) or _exchanged(own, theirs) or _in_place_of(own, theirs) or _nobodys(own, proof)
    )


def _twice(own: Sequence[Role]) -> str:
    twice = next((each for each in own if each.keys & each.company), None)
    return (
        f"“{twice.text}” is named beside itself; write each name as the evidence has it."
        if twice
        else ""
    )


def _exchanged(own: Sequence[Role], theirs: Sequence[Sequence[Role]]) -> str:
    for one, two in combinations(own, 2):
        inside = _is_inside(one, two, theirs, own) or _is_inside(two, one, theirs, own)
        if inside or _have_changed(one, two, theirs):
            return _instead(two.text, one.text)
    return ""


def _in_place_of(own: Sequence[Role], theirs: Sequence[Sequence[Role]]) -> str:
    """Return which name stands where a line has one that the sentence lacks."""
    for line in theirs:
        lost = [each for each in line if _named_less(each, own, line)]
        for one in own:
            new = _named_less(one, line, own)
            for two in lost:
                takes = _is_instead(one, two, theirs, new=new) or _owns(one, two, theirs)
                if takes or _is_inside(one, two, theirs, own):
                    return _instead(two.text, one.text)
    return ""


def _nobodys(own: Sequence[Role], proof: Proof) -> str:
    saying = frozenset[str]().union(*(each.keys for each in own if each.says))
    found = (each for each in own if _is_nobodys(each, proof, twice=bool(each.keys & saying)))
    return next((f"The evidence does not say this of “{each.text}”." for each in found), "")


def _instead(there: str, here: str) -> str:
    return f"The evidence has “{there}” where you wrote “{here}”."


def roles_of(claim: Claim) -> list[Role]:
    """Return the role of each name of a line, and of those that it only stands in for."""
    meant = (
        Role(each, frozenset({each}), (), says=False, company=frozenset()) for each in claim.meant
    )
    return [*roles(claim, list(groups(claim))), *meant]


def _is_nobodys(name: Role, proof: Proof, *, twice: bool) -> bool:
    """Tell whether no sentence has both a name and what the written one says is its own.

    Twice means that it is the speaker, too, so that to be one in the evidence is not enough.
    """
    claims = [each.claim for each in (*proof.lines, *proof.heads())]
    beside = [each for each in claims if any(t.key in name.keys for t in _named_in(each, twice))]
    return any(
        _has_like(head, [line.claim for line in proof.chosen]) and not _has_like(head, beside)
        for tie in name.ties
        if tie.link == "of" and not name.says
        for head, _ in tie.heads[:1]
    )


def _named_in(claim: Claim, silently: bool) -> Sequence[Token]:
    said = {word.span for each in claim.speakers for word in each.words} if silently else set()
    return [each for each in claim.names if each.span not in said]


def _has_like(token: Token, claims: Iterable[Claim]) -> bool:
    return any(alike(token, each) for claim in claims for each in claim.words)


def _named(proof: Proof) -> list[Sequence[Token]]:
    """Return the names of the sentence; a first word is one if no line has it as a word."""
    known = {plain(each) for line in proof.chosen for each in line.claim.words}
    found: list[Sequence[Token]] = [
        each for each in groups(proof.claim) if not each[0].opens or plain(each[0]) not in known
    ]
    new = proof.having.max(axis=0, initial=0) < AKIN
    found += [
        [each]
        for each, unknown in zip(proof.tokens, new, strict=True)
        if each.opens and each.kind == "word" and unknown
    ]
    return sorted(found, key=lambda each: each[0].span.start)


def _have_changed(one: Role, two: Role, theirs: Sequence[Sequence[Role]]) -> bool:
    """Tell whether two names stand rather each in the other's place."""
    known = [each.keys for line in theirs for each in line]
    both = all(any(name.keys & each for each in known) for name in (one, two))
    together = one.keys & two.company  # who do the same may change places
    if one.keys & two.keys or together or not both or one.text.islower() != two.text.islower():
        return False
    if any(_fills(*pair, theirs) for pair in ((one, two), (two, one))):
        return True
    there = [_fit(*pair, theirs, strictly=True) for pair in ((one, two), (two, one))]
    here = [_fit(each, each, theirs, strictly=True) for each in (one, two)]
    return sum(there) > sum(here) + (0 if all(map(ge, there, here)) else CLEARLY)


def _is_inside(one: Role, two: Role, theirs: Sequence[Sequence[Role]], own: Sequence[Role]) -> bool:
    """Tell whether the sentence has "in" one, where the evidence has it of the other alone."""

    def stands(name: Role, *lines: Sequence[Role]) -> bool:
        return any(tie.link in _WHERE for tie in _ties(name, lines))

    if one.keys & two.keys or one.text.islower() != two.text.islower():
        return False
    inside = any(tie.link == "in" for tie in one.ties) and not stands(one, *theirs)
    return inside and stands(two, *theirs) and not stands(two, own)


_WHERE = {"in", "to", "from", "on"}


def _owns(one: Role, two: Role, theirs: Sequence[Sequence[Role]]) -> bool:
    """Tell whether the sentence gives to one what the evidence has as the other's "to" it."""
    toward = [tie.heads[0][0] for tie in _ties(one, theirs) if tie.link == "to" and tie.heads]
    return any(
        alike(own, head) and any(alike(own, each) for each in toward)
        for own in _owned(one.ties)
        for head in _owned(two.ties)
    )


def _owned(ties: Iterable[Tie]) -> list[Token]:
    return [tie.heads[0][0] for tie in ties if tie.link == "of" and tie.heads]


def _fills(one: Role, two: Role, theirs: Sequence[Sequence[Role]]) -> bool:
    """Tell whether one stands after the preposition where the evidence has the other alone."""
    ones, twos = ({tie.slot for tie in _ties(name, theirs)} for name in (one, two))
    own = {tie.slot for tie in two.ties}
    return any(tie.slot and tie.slot in twos - ones - own for tie in one.ties)


def _ties(name: Role, lines: Iterable[Sequence[Role]]) -> Iterator[Tie]:
    """Yield what a name is tied to in some lines."""
    return (tie for line in lines for each in line if each.keys & name.keys for tie in each.ties)


def _is_instead(one: Role, two: Role, theirs: Sequence[Sequence[Role]], *, new: bool) -> bool:
    """Tell whether a name stands where the evidence has one that is lost."""
    if one.keys & two.keys or is_beside(one, two):
        return False
    if one.company & two.company and (new or not one.keys & two.company):
        return True
    return new and one.fit(two, strictly=True) > _fit(one, one, theirs)


def _fit(
    place: Role, name: Role, theirs: Sequence[Sequence[Role]], *, strictly: bool = False
) -> float:
    """Return how far a name of the evidence, where it fits best, stands as one of the sentence."""
    return max(
        (
            place.fit(each, strictly=strictly)
            for line in theirs
            for each in line
            if each.keys & name.keys
        ),
        default=0.0,
    )


def _named_less(name: Role, one: Sequence[Role], two: Sequence[Role]) -> bool:
    """Tell whether a name stands less often in one than in two."""
    return sum(bool(each.keys & name.keys) for each in one) < sum(
        bool(each.keys & name.keys) for each in two
    )


def is_beside(one: Role, two: Role) -> bool:
    """Tell whether something is "in" a name, and "of" or "with" another one at most."""
    links = {each.link for each in two.ties} - {"near"}
    links -= {""} if "beside" in links else set()
    return "in" in {each.link for each in one.ties} and bool(links) and links <= _BESIDE


_BESIDE = {"of", "beside", "with", "by", "for", "from"}
