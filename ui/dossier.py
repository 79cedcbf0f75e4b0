"""The view of the dossier: its documents with their facts, search, and what changed last."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from babel.dates import format_datetime

from rag.access import INTERNAL, Clearance, Rule, as_json, from_json
from rag.errors import RagError
from rag.index import Generation, Index, Listed
from rag.selection import SeenIndex
from rag.types import Span
from ui.inert import inert, told
from ui.source import address
from ui.trouble import notice
from ui.words import count, dates, day, language_name, say

MOST_ROWS = 300  # of the table; the search looks at all
COLUMNS = ("title", "date", "kind", "language", "pages", "remarks")


@dataclass(frozen=True, slots=True)
class Change:
    """Places of documents that differ between two generations."""

    added: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Memory:
    """Which documents lay where in the last two generations that this window saw.

    An index keeps one generation; what changed can only be told by one who saw the one before.
    It is kept beside the records, and nothing depends on it.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._file = index.directory / "records" / "dossier.json"
        self._noted = ""  # the generation that was looked at last

    def note(self) -> None:
        """Look at the index, so that what changes next can be told."""
        try:
            with self._index.reading() as generation:
                if generation.name != self._noted:
                    self._remember(generation)
        except RagError:  # said by the status line
            return

    def _remember(self, generation: Generation) -> None:
        seen, self._noted = self._read(), generation.name
        if seen.get("name") != generation.name:
            ids = _ids(generation)
            places = {
                each.uri: [ids[each.uri], as_json(each.access)] for each in generation.listing()
            }
            before = seen.get("places")
            self._write({"name": generation.name, "places": places, "before": before})

    def change(self, generation: Generation, clearance: Clearance) -> Change | None:
        """Return what is new to a reader since the generation before, None when none was seen."""
        self.note()
        seen = self._read()
        before = _visible(seen.get("before"), clearance)
        if before is None or seen.get("name") != generation.name:
            return None
        return compare(before, _ids(generation))

    def _read(self) -> dict[str, object]:
        try:
            seen = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return seen if isinstance(seen, dict) else {}

    def _write(self, seen: Mapping[str, object]) -> None:
        unfinished = self._file.with_name(f"dossier.{os.getpid()}.new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(json.dumps(seen), encoding="utf-8")
            unfinished.replace(self._file)
        except OSError:  # a directory that can only be read: the change stays unknown
            return


def _ids(generation: Generation) -> dict[str, str]:
    """Return the id of the document that lies in each place."""
    return {uri: document_id for document_id, uris in generation.uris().items() for uri in uris}


def _visible(places: object, clearance: Clearance) -> dict[str, object] | None:
    """Return the id of the document in each place that a reader might see, None if unknown."""
    try:
        noted = {uri: (each, from_json(rules)) for uri, (each, rules) in dict(places).items()}  # type: ignore[call-overload]  # whatever the file holds
    except (TypeError, ValueError):
        return None
    return {uri: each for uri, (each, rules) in noted.items() if clearance.admits(rules)}


def compare(before: Mapping[str, object], now: Mapping[str, object]) -> Change:
    """Return what was added, changed and removed from one state to the next.

    >>> compare({"a": "1", "b": "2"}, {"b": "3", "c": "4"})
    Change(added=('c',), altered=('b',), removed=('a',))
    """
    return Change(
        tuple(sorted(now.keys() - before.keys())),
        tuple(sorted(uri for uri in now.keys() & before.keys() if now[uri] != before[uri])),
        tuple(sorted(before.keys() - now.keys())),
    )


def page(index: SeenIndex, memory: Memory, language: str, wanted: object = "") -> str:
    """Return the documents that a search finds, or one sentence about why there are none."""
    try:
        with index.reading() as generation:
            change = memory.change(generation, index.clearance)
            return _page(generation, change, language, str(wanted or ""))
    except RagError as error:
        return notice(language, error)


def matching(listed: Iterable[Listed], wanted: str, language: str) -> list[Listed]:
    """Return the places whose facts hold every word that is looked for."""
    words = wanted.casefold().split()[:20]

    def facts(each: Listed) -> str:
        named = [
            each.title,
            each.uri,
            each.kind,
            day(each.published, language),
            str(each.published),
        ]
        return " ".join([*named, language_name(each.language, language), *each.warnings]).casefold()

    return [each for each in listed if all(word in facts(each) for word in words)]


def ingested_at(name: str, language: str) -> str:
    r"""Return when a generation was made, which its name tells.

    >>> ingested_at("20251124T154200-0a1b2c3d", "en")
    'November 24, 2025, 3:42:00\u202fPM UTC'
    """
    made = datetime.strptime(name[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return str(format_datetime(made, "long", locale=language))


def _page(generation: Generation, change: Change | None, language: str, wanted: str) -> str:
    listed, held = generation.listing(), generation.summary()
    found = matching(listed, wanted, language)
    ids = _ids(generation)
    rows = "".join(_row(each, ids[each.uri], language) for each in found[:MOST_ROWS])
    heads = "".join(f'<th scope="col">{told(language, each)}</th>' for each in COLUMNS)
    more = len(found) - MOST_ROWS
    facts = f"{count(held.documents, language)}, {dates(held.first, held.last, language)}."
    return (
        f'<header><h2 tabindex="-1">{told(language, "dossier")}</h2>'
        f'<p class="facts">{inert(facts)} '
        f"{told(language, 'ingested', when=ingested_at(generation.name, language))}</p>"
        f"{_changes(change, language)}</header>"
        f'<form class="search" role="search"><label>{told(language, "search")} '
        f'<input type="search" name="wanted" maxlength="200" autocomplete="off"></label></form>'
        f'<p class="found" role="status">'
        f"{told(language, 'found', n=len(found), all=len(listed))}</p>"
        f'<div class="wide" tabindex="0" role="region" aria-label="{told(language, "documents")}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{_paragraph(say(language, 'more', n=more)) if more > 0 else ''}"
        f"{_refused(generation.refusals(), language)}"
    )


def _row(each: Listed, document_id: str, language: str) -> str:
    link = f'<a href="{address(document_id, Span(0, 0))}">{inert(each.title)}</a>'
    remarks = [
        *(_closed(rule, language) for rule in each.access),
        say(language, "same_as", uri=each.same_as) if each.same_as else "",
        say(language, "near_copy", uri=each.near_copy_of) if each.near_copy_of else "",
        *each.warnings,
    ]
    cells = [
        inert(day(each.published, language)),
        inert(each.kind.capitalize()),
        inert(language_name(each.language, language)),
        str(each.pages or ""),
        "".join(f"<p>{inert(remark)}</p>" for remark in remarks if remark),
    ]
    first = f'<th scope="row" dir="auto">{link}<span>{inert(each.uri)}</span></th>'
    return f"<tr>{first}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _closed(rule: Rule, language: str) -> str:
    """Return in words who may read what a rule closes to others."""
    if rule.until:
        return say(language, "embargo", when=day(rule.until, language))
    if rule.groups == {INTERNAL}:
        return say(language, "internal")
    return say(language, "groups", groups=", ".join(sorted(rule.groups)))


def _changes(change: Change | None, language: str) -> str:
    if change is None:
        return _paragraph(say(language, "change_unknown"))
    lines = [
        (say(language, kind), uri)
        for kind in ("added", "altered", "removed")
        for uri in getattr(change, kind)
    ]
    items = "".join(
        f'<li dir="auto">{inert(f"{kind}: {uri}")}</li>' for kind, uri in lines[:MOST_ROWS]
    )
    summary = f"{say(language, 'changed')} ({len(lines)})"
    return f"<details><summary>{inert(summary)}</summary><ul>{items}</ul></details>"


def _refused(refusals: Sequence[tuple[str, str]], language: str) -> str:
    if not refusals:
        return ""
    items = "".join(f'<li dir="auto">{inert(f"{uri}: {reason}")}</li>' for uri, reason in refusals)
    return (
        f'<section><h3>{told(language, "not_read")}</h3><ul class="refused">{items}</ul></section>'
    )


def _paragraph(words: str) -> str:
    return f'<p class="facts">{inert(words)}</p>'
