"""Who may read which document: the rules that documents carry, and what a reader may see."""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

INTERNAL, EMBARGO = "internal", "embargo"  # labels, and the groups that may read what has them
PUBLIC = "public"
EMBARGOED = re.compile(rf"{EMBARGO} until (\d{{4}}-\d\d-\d\d)")


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition: the reader is of one of the groups, or the day has come.

    Attributes:
        until: the day from which on the rule no longer asks for a group; None for never.
    """

    groups: frozenset[str]
    until: date | None = None


Rules = tuple[Rule, ...]  # all of which must hold; none: everybody may read


@dataclass(frozen=True, slots=True)
class Clearance:
    """What a reader may see; by default what everybody may, with every embargo still on.

    Attributes:
        everything: as the operator does, whose files the documents are.
    """

    groups: frozenset[str] = frozenset()
    today: date = date.min
    everything: bool = False

    def admits(self, rules: Iterable[Rule]) -> bool:
        """Tell whether the reader may see what carries the rules."""
        return self.everything or all(
            not self.groups.isdisjoint(rule.groups)
            or (rule.until is not None and rule.until <= self.today)
            for rule in rules
        )


OPERATOR = Clearance(everything=True)


def rules_of(label: str, groups: str) -> Rules | None:
    """Return what a label and a list of groups ask for, None when nothing is said.

    >>> rules_of("Internal", "")
    (Rule(groups=frozenset({'internal'}), until=None),)
    >>> rules_of("public", ""), rules_of("", "")
    ((), None)

    Raises:
        ValueError: it is no label; a document of which nobody knows who may read it must stay out.
    """
    named = group_names(groups)
    of_groups = (Rule(named),) if named else ()
    said = " ".join(label.casefold().split())
    if not said:
        return of_groups or None
    if said == PUBLIC:
        return of_groups
    if said == INTERNAL:
        return (Rule(frozenset([INTERNAL])), *of_groups)
    return (Rule(frozenset([EMBARGO]), _lifted(said, label)), *of_groups)


def _lifted(said: str, label: str) -> date:
    found = EMBARGOED.fullmatch(said)
    try:
        return date.fromisoformat(found[1] if found else "")
    except ValueError:
        raise ValueError(
            f"its label {label!r} is none of {PUBLIC}, {INTERNAL} and {EMBARGO} until YYYY-MM-DD"
        ) from None


def group_names(listed: str) -> frozenset[str]:
    """Return the groups of a list with commas between them, alike however they are written.

    >>> sorted(group_names("[Press, ministers ,]"))
    ['ministers', 'press']
    """
    names = unicodedata.normalize("NFKC", listed).strip("[] ").casefold().split(",")
    return frozenset(filter(None, (" ".join(each.split()).strip("\"'") for each in names)))


def as_json(rules: Iterable[Rule]) -> str:
    """Return rules as the index keeps them: equal rules, equal texts."""
    stated = {
        (*sorted(rule.groups), "until", rule.until.isoformat() if rule.until else ""): rule
        for rule in rules
    }
    return json.dumps(
        [
            [sorted(rule.groups), rule.until.isoformat() if rule.until else None]
            for _, rule in sorted(stated.items())
        ]
    )


def from_json(text: str) -> Rules:
    """Return the rules that the index keeps."""
    return tuple(
        Rule(frozenset(groups), date.fromisoformat(until) if until else None)
        for groups, until in json.loads(text)
    )


def in_words(rules: Iterable[Rule]) -> str:
    """Return who may read what carries the rules, for the operator.

    >>> in_words(rules_of("embargo until 2025-10-01", "press, ministers"))
    'embargo until 2025-10-01 · groups ministers, press'
    """
    words = [
        f"{EMBARGO} until {rule.until}"
        if rule.until
        else INTERNAL
        if rule.groups == {INTERNAL}
        else f"groups {', '.join(sorted(rule.groups))}"
        for rule in rules
    ]
    return " · ".join(words) or PUBLIC
