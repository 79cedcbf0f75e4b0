"""Which documents are asked: the form that chooses them, and what it sends."""

from collections.abc import Iterable, Mapping
from datetime import date

from rag.index import Generation, Listed
from rag.types import EVERYWHERE, Filter
from ui.inert import inert, told
from ui.words import day, language_name, say

MOST_OFFERED = 200  # documents that can be ticked one by one


def form(generation: Generation, language: str) -> str:
    """Return the form, nothing chosen."""
    listed = generation.listing()
    parts = [
        _choices(
            "documents",
            [(each.uri, each.title) for each in _texts(listed)[:MOST_OFFERED]],
            language,
        ),
        _choices(
            "kinds",
            [(kind, kind.capitalize()) for kind in sorted({each.kind for each in listed})],
            language,
        ),
        _choices(
            "languages",
            [(code, language_name(code, language)) for code in sorted(generation.languages)],
            language,
        ),
        f"<fieldset><legend>{told(language, 'dates')}</legend>"
        f"{_date('first', language)}{_date('last', language)}"
        f'<p class="small">{told(language, "dates_hint")}</p></fieldset>',
        f'<button type="reset">{told(language, "clear")}</button>',
    ]
    on = told(language, "filters_on")
    return (
        f'<details><summary><span class="off">{told(language, "filters")}</span>'
        f'<span class="on">{on}</span></summary>'
        f'<form class="filters">{"".join(parts)}</form></details>'
    )


def chosen(sent: object) -> Filter:
    """Return what a form sent, whatever it may be, as a filter.

    >>> chosen({"kinds": ["report", 3], "first": "2025-01-02", "last": "x"}).first
    datetime.date(2025, 1, 2)
    """
    given = sent if isinstance(sent, Mapping) else {}
    return Filter(
        documents=_names(given.get("documents")),
        kinds=_names(given.get("kinds")),
        languages=_names(given.get("languages")),
        first=_day(given.get("first")),
        last=_day(given.get("last")),
    )


def in_words(where: Filter, titles: Mapping[str, str], language: str) -> str:
    """Return which documents are asked, in words; empty for all of them.

    >>> in_words(Filter(kinds=frozenset(["report"])), {}, "en")
    'report'
    """
    if where == EVERYWHERE:
        return ""
    parts = [
        ", ".join(titles.get(each, each) for each in sorted(where.documents)),
        ", ".join(sorted(where.kinds)),
        ", ".join(language_name(each, language) for each in sorted(where.languages)),
        f"{say(language, 'first')} {day(where.first, language)}" if where.first else "",
        f"{say(language, 'last')} {day(where.last, language)}" if where.last else "",
    ]
    return " · ".join(filter(None, parts))


def _texts(listed: Iterable[Listed]) -> list[Listed]:
    """Return the places without those that hold the same text as another."""
    return [each for each in listed if each.same_as is None]


def _choices(name: str, offered: list[tuple[str, str]], language: str) -> str:
    boxes = "".join(
        f'<label dir="auto"><input type="checkbox" name="{name}" value="{inert(value)}"> '
        f"{inert(label)}</label>"
        for value, label in offered
    )
    return f'<fieldset class="{name}"><legend>{told(language, name)}</legend>{boxes}</fieldset>'


def _date(name: str, language: str) -> str:
    return f'<label>{told(language, name)} <input type="date" name="{name}"></label>'


def _names(sent: object) -> frozenset[str]:
    return (
        frozenset(each for each in sent if isinstance(each, str))
        if isinstance(sent, list)
        else frozenset()
    )


def _day(sent: object) -> date | None:
    try:
        return date.fromisoformat(sent) if isinstance(sent, str) else None
    except ValueError:
        return None
