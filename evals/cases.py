"""A case of the regression set, and how JSONL files become cases that fit the documents."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ingest.load import find, load
from rag.errors import RagError
from rag.types import Document, Span, Turn

SCHEMA = 1
STATUSES = ("answered", "refused")
LANGUAGES = ("en", "fr", "es")
CLASSES = (
    "who", "what", "when", "where", "why", "how-much", "yes-no", "list", "multi-doc", "paraphrase",
    "typo", "follow-up", "attribution", "quote", "number", "ambiguous", "injection", "far", "near",
    "false-premise",
)  # fmt: skip
NEEDED = ("id", "question", "lang", "class", "expected_status", "why")
FIELDS = frozenset(NEEDED) | {
    "schema_version", "gold", "must_contain", "must_not_contain", "expected_answer", "turns",
    "reference_date", "dossier", "parallel", "author", "reviewed_by", "added",
}  # fmt: skip

Documents = Mapping[str, Document]  # by uri
Dossiers = Mapping[str, Documents]  # by name; the documents of the index itself have the name ""


class CaseError(RagError):
    """Say which line of which file is no case that can be measured, and why."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A passage that answers: the file it is in, its words, and where these stand.

    Attributes:
        part: of the answer, for questions that ask for more than one thing.
        spans: every place in the document where the quote stands, once it was looked up.
    """

    uri: str
    quote: str
    part: str = ""
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what a right answer does.

    Attributes:
        kind: its class.
        dossier: the folder of documents it is asked of; empty for those of the index.
        parallel: shared by the same question in other languages.
        line: what the file says, as JSON.
    """

    id: str
    question: str
    lang: str
    kind: str
    expected_status: str
    gold: tuple[Gold, ...] = ()
    must_contain: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    must_not_contain: tuple[str, ...] = ()
    dossier: str = ""
    parallel: str = ""
    expected_answer: str = ""
    why: str = ""
    line: str = ""

    @property
    def answerable(self) -> bool:
        """Tell whether the documents answer the question."""
        return self.expected_status == "answered"

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts that a complete answer has; one without a name when there are none."""
        return tuple(dict.fromkeys(gold.part for gold in self.gold))

    @property
    def conversation(self) -> str:
        """Return what the questions of one conversation, or one question's languages, share."""
        return self.turns[0].question if self.turns else self.parallel or self.id


def read_cases(folder: Path, dossiers: Dossiers) -> tuple[Case, ...]:
    """Return the cases of every `*.jsonl` in a folder, each checked against the documents.

    Raises:
        CaseError: a line is no case, names an unknown document, or quotes what is not in it.
    """
    cases = parse(_lines(folder), dossiers)
    if not cases:
        raise CaseError(f"there are no cases in {str(folder)!r}; name a folder with *.jsonl files")
    return cases


def parse(lines: Iterable[tuple[str, str]], dossiers: Dossiers) -> tuple[Case, ...]:
    """Return the cases of some lines, each given with where it stands.

    Raises:
        CaseError: as `read_cases`.
    """
    cases: dict[str, Case] = {}
    for where, line in lines:
        case = parse_case(where, line, dossiers)
        if case.id in cases:
            raise CaseError(f"{where}: the id {case.id!r} is taken; give the case its own")
        cases[case.id] = case
    return tuple(cases.values())


def parse_case(where: str, line: str, dossiers: Dossiers) -> Case:
    """Return the case of a line, its quotes looked up in the documents.

    Raises:
        CaseError: as `read_cases`.
    """
    case = _case(where, line)
    if case.dossier not in dossiers:
        known = sorted(filter(None, dossiers))
        raise CaseError(f"{where}: there is no dossier {case.dossier!r}; known are {known}")
    gold = tuple(_looked_up(where, each, dossiers[case.dossier]) for each in case.gold)
    return Case(**{**_fields(case), "gold": gold})


def read_dossiers(folder: Path) -> dict[str, Documents]:
    """Return the documents of each folder in `dossiers/`, read from their files, by its name."""
    return {each.name: read_documents(each) for each in sorted((folder / "dossiers").glob("*/"))}


def read_documents(folder: Path) -> Documents:
    """Return the documents of a folder by uri, read from its files.

    Raises:
        CaseError: a file can not be read.
    """
    found: dict[str, Document] = {}
    for path, root in find([folder], []):
        loaded = load(path, root=root, uri=path.relative_to(root).as_posix())
        for where, reason in loaded.refusals:
            raise CaseError(f"{where}: the document can not be read: {reason}; mend the file")
        found |= {document.uri: document for document in loaded.documents}
    return found


def checksum(cases: Iterable[Case]) -> str:
    """Return what two sets of cases share exactly when they ask and expect the same."""
    lines = sorted(json.dumps(json.loads(case.line), sort_keys=True) for case in cases)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def one_line(text: str) -> str:
    r"""Return the text with every run of space as one space.

    >>> one_line("a\n  b")
    'a b'
    """
    return " ".join(text.split())


def places(quote: str, text: str) -> tuple[Span, ...]:
    r"""Return where a quote stands in a text, with whatever spaces and line ends.

    >>> places("they met", "Later they\nmet.")
    (Span(start=6, end=14),)
    """
    words = [re.escape(word) for word in quote.split()]
    return tuple(Span(*found.span()) for found in re.finditer(r"\s+".join(words), text))


def _lines(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.jsonl")):
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CaseError(
                f"{path}: the file can not be read: {error}; save it as UTF-8"
            ) from error
        yield from ((f"{path}:{n}", line) for n, line in enumerate(lines, 1) if line.strip())


def _fields(case: Case) -> dict[str, Any]:
    return {name: getattr(case, name) for name in Case.__dataclass_fields__}


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
            gold=tuple(
                Gold(each["uri"], each["quote"], each.get("part", ""))
                for each in given.get("gold", [])
            ),
            must_contain=_words(given, "must_contain"),
            must_not_contain=_words(given, "must_not_contain"),
            turns=tuple(
                Turn(each["question"], each.get("answer", "")) for each in given.get("turns", [])
            ),
            dossier=given.get("dossier", ""),
            parallel=given.get("parallel", ""),
            expected_answer=given.get("expected_answer", ""),
            why=given["why"],
            line=line,
        )
    except KeyError as error:
        raise CaseError(f"{where}: the field {error} is missing; a case needs {NEEDED}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CaseError(f"{where}: no case can be read: {error!r}; see evals/README.md") from error
    if unknown:
        raise CaseError(f"{where}: unknown field {unknown[0]!r}; known are {sorted(FIELDS)}")
    _check_values(where, given)
    _check_meaning(where, case)
    return case


def _words(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    words = given.get(name, [])
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise TypeError(f"{name} is {words!r}, not a list of words")
    return tuple(words)


def _check_values(where: str, given: Mapping[str, Any]) -> None:
    for name, known in (
        ("schema_version", (SCHEMA,)),
        ("lang", LANGUAGES),
        ("class", CLASSES),
        ("expected_status", STATUSES),
    ):
        value = given.get(name, SCHEMA if name == "schema_version" else None)
        if value not in known:
            raise CaseError(f"{where}: {name} is {value!r}; it must be one of {known}")
    for name in ("id", "question", "why"):
        if not isinstance(given[name], str) or not given[name].strip():
            raise CaseError(f"{where}: {name} is {given[name]!r}; write a text")
    for name in ("added", "reference_date"):
        try:
            date.fromisoformat(given.get(name, "2000-01-01"))
        except (ValueError, TypeError) as error:
            raise CaseError(
                f"{where}: {name} is {given[name]!r}; write a date such as 2026-03-31"
            ) from error


def _check_meaning(where: str, case: Case) -> None:
    if case.answerable and not case.gold:
        raise CaseError(f"{where}: {case.id!r} must be answered but has no gold; add a quote")
    if not case.answerable and (case.gold or case.must_contain):
        raise CaseError(
            f"{where}: {case.id!r} must be refused but has gold or must_contain; take them away"
        )


def _looked_up(where: str, gold: Gold, documents: Documents) -> Gold:
    if gold.uri not in documents:
        raise CaseError(f"{where}: there is no document {gold.uri!r}; correct the uri")
    spans = places(gold.quote, documents[gold.uri].text) if gold.quote.strip() else ()
    if not spans:
        raise CaseError(f"{where}: {gold.uri!r} does not hold {gold.quote!r}; quote it exactly")
    return Gold(gold.uri, gold.quote, gold.part, spans)
