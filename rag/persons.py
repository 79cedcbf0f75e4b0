"""Who the sentences of a passage speak of: titles, and what stands for a name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag.claims import ROLES, Claim, Token, folded, groups, is_role
from rag.language import fold
from rag.types import Span

_ONE = frozenset(("he", "she", "il", "elle", "él", "ella"))  # "el" is an article
_MANY = re.compile(
    r"(?:[^,;:]{0,60}, )?(?:They|they|(?:[Tt]he|[Bb]oth)(?: of the)?(?: two)? [Ll]eaders|Ils|ils|"
    r"Elles|elles|[Ll]es(?: deux)? dirigeants|Ellos|ellos|[Ll]os(?: dos)? líderes)\b"
)
_BARE_TITLE = re.compile(
    rf"\b(?:the|le|la|el)\s((?:(?:{'|'.join(sorted(ROLES))})\s)*(?:{'|'.join(sorted(ROLES))}))\b"
    r"(?!\s(?:of|du|des|del?|d['’]))"
)
_LEADING = folded("of the de du des d del la le l el")
_PLURAL = folded("ministers ministres ministros leaders countries pays países sides parties")

Person = tuple[frozenset[str], str]  # the words of a title, and the key of the last name


def titles(claim: Claim) -> dict[Span, Span]:
    """Return the words that say who the bearer of a name is, each with the span of the name.

    Such are "Canadian Prime Minister" or "prime minister of Canada," before it.
    """
    found: dict[Span, Span] = {}
    for name in groups(claim):
        if name[0].place:
            continue
        whole = Span(name[0].span.start, name[-1].span.end)
        title = _title(claim, whole.start)
        if any(map(is_role, title)):
            found |= {each.span: whole for each in title}
    return found


def _title(claim: Claim, end: int) -> list[Token]:
    """Return the words of one bearer's title that end where a name starts, the last one first."""
    title, start = list[Token](), end
    for each in reversed([t for t in claim.tokens if t.span.end <= end]):
        leading = fold(each.text) in _LEADING and bool(title) and not is_role(title[-1])
        role = is_role(each) and fold(each.text) not in _PLURAL
        if not (leading or role or each.place) or claim.text[each.span.end : start].strip(" ,'’"):
            break
        title.append(each)
        start = each.span.start
    while title and fold(title[-1].text) in _LEADING:
        title.pop()
    return title


def resolved(claims: Sequence[Claim], heading: Claim) -> list[Claim]:
    """Return the sentences of a passage with names for what stands for one named elsewhere in it.

    That is "she" or "they" at the beginning, for those of the sentence before, and "the President"
    anywhere, for whom the passage or its heading gives that title. Where several may be meant, any
    of them is.
    """
    known = [each for each in _people(heading) if each[0]]
    all_known = [*known, *(each for claim in claims for each in _people(claim))]
    last = [name for _, name in known]
    found = []
    for claim in claims:
        first = next(iter(claim.tokens), None)
        meant = dict(_bearers(claim, known, all_known))
        if first is not None and first.text.casefold() in _ONE and last:
            meant[first.span] = last
        tokens = tuple(
            replace(each, kind="name", key=meant[each.span][0], light=False)
            if len(meant.get(each.span, ())) == 1
            else each
            for each in claim.tokens
        )
        several = [name for names in meant.values() if len(names) > 1 for name in names]
        told = _many(claim, known, last).union(several)
        found.append(replace(claim, tokens=tokens, meant=told))
        own = _people(found[-1])
        known = [*known, *own]
        titled = {name for title, name in (*known, *all_known) if title}
        subjects = list(dict.fromkeys([*_subjects(claim, own), *sorted(told)]))
        last = [name for name in subjects if name in titled] or subjects or last
    return found


def _people(claim: Claim) -> list[Person]:
    """Return who is named with a title before, and all others that may be people."""
    return [
        (
            frozenset(fold(t.text) for t in _title(claim, name[0].span.start) if is_role(t)),
            name[-1].key,
        )
        for name in groups(claim)
        if not name[0].place
    ]


def _subjects(claim: Claim, people: Sequence[Person]) -> list[str]:
    """Return whom a pronoun in the next sentence may stand for: who speaks here, or all."""
    names = list(dict.fromkeys(key for _, key in people))
    said = {word.key for each in claim.speakers for word in each.words}
    return [key for key in names if key in said] or names


def _bearers(
    claim: Claim, known: Sequence[Person], elsewhere: Sequence[Person]
) -> Iterator[tuple[Span, list[str]]]:
    """Yield each title without a name, with whom it may be of, by those named before first."""
    small = fold(claim.text)
    for match in _BARE_TITLE.finditer(small if len(small) == len(claim.text) else ""):
        words = frozenset(match[1].split())
        if claim.text[match.end() + 1 : match.end() + 2].isupper():
            continue  # a name follows
        token = next((each for each in claim.tokens if each.span.start == match.start(1)), None)
        before, all_named = (
            list(dict.fromkeys(name for title, name in people if title == words))
            for people in (known, elsewhere)
        )
        bearers = before or all_named
        if bearers and token is not None and not words & _PLURAL:
            yield token.span, bearers


def _many(claim: Claim, known: Sequence[Person], last: Sequence[str]) -> frozenset[str]:
    """Return whom "They" or "The two leaders" at the beginning may stand for."""
    if not _MANY.match(claim.text):
        return frozenset()
    return frozenset(last).union(name for title, name in known if title)
