"""A case of the regression set, and how JSONL files become cases that fit the documents."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import RagError
from rag.types import Document, Turn

FIELDS = frozenset(
    "id question lang class expected_status gold must_contain turns why".split()  # noqa: SIM905  # reads as the list it is
)
STATUSES = ("answered", "refused")


class CaseError(RagError):
    """Say which line of which file is no case that can be measured, and why."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A passage that answers: the file it is in and its words."""

    uri: str
    quote: str


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what a right answer does."""

    id: str
    question: str
    lang: str
    kind: str
    expected_status: str
    gold: tuple[Gold, ...]
    must_contain: tuple[str, ...]
    turns: tuple[Turn, ...]


def read_cases(folder: Path, documents: Mapping[str, Document]) -> tuple[Case, ...]:
    """Return the cases of every `*.jsonl` in a folder, each checked against the documents by uri.

    Raises:
        CaseError: a line is no case, names an unknown document, or quotes what is not in it.
    """
    cases: dict[str, Case] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            case = _case(where, line)
            if case.id in cases:
                raise CaseError(f"{where}: the id {case.id!r} is taken; give the case its own")
            for gold in case.gold:
                _check_gold(where, gold, documents)
            cases[case.id] = case
    if not cases:
        raise CaseError(f"there are no cases in {str(folder)!r}; name a folder with *.jsonl files")
    return tuple(cases.values())


def one_line(text: str) -> str:
    r"""Return the text with every run of space as one space.

    >>> one_line("a\n  b")
    'a b'
    """
    return " ".join(text.split())


def _case(where: str, line: str) -> Case:
    try:
        given: dict[str, Any] = json.loads(line)
        unknown = sorted(given.keys() - FIELDS)
        case = Case(
            id=given["id"],
            question=given["question"],
            lang=given["lang"],
            kind=given["class"],
            expected_status=given["expected_status"],
            gold=tuple(Gold(each["uri"], each["quote"]) for each in given.get("gold", [])),
            must_contain=tuple(given.get("must_contain", [])),
            turns=tuple(
                Turn(each["question"], each.get("answer", "")) for each in given.get("turns", [])
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CaseError(f"{where}: no case can be read: {error!r}; see evals/README.md") from error
    if unknown:
        raise CaseError(f"{where}: unknown field {unknown[0]!r}; known are {sorted(FIELDS)}")
    if case.expected_status not in STATUSES:
        raise CaseError(
            f"{where}: expected_status is {case.expected_status!r}; it must be one of {STATUSES}"
        )
    if case.expected_status == "answered" and not case.gold:
        raise CaseError(f"{where}: {case.id!r} must be answered but has no gold; add a quote")
    return case


def _check_gold(where: str, gold: Gold, documents: Mapping[str, Document]) -> None:
    if gold.uri not in documents:
        raise CaseError(f"{where}: there is no document {gold.uri!r} in the index; correct the uri")
    if one_line(gold.quote) not in one_line(documents[gold.uri].text):
        raise CaseError(f"{where}: {gold.uri!r} does not hold {gold.quote!r}; quote it exactly")
