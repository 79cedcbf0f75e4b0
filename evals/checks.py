"""What is asked of one answer, each a pure function of case, prediction and documents."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from babel.dates import format_date

from evals.cases import Case, Documents, Gold, one_line
from rag.language import detect
from rag.types import Document, Span

Prediction = Mapping[str, Any]
Check = Callable[[Case, Prediction, Documents], bool | None]

MARKED = re.compile(r"(?P<text>.*?)(?P<markers>(?:\s*\[\d+\])+)", re.DOTALL)
MARKER = re.compile(r"\[(\d+)\]")
NUMBER = re.compile(r"([$€£]?)\s?(\d+(?:[.,\u202f ]\d{3})*(?:[.,]\d+)?)(?:[\s-]*(%|[^\W\d_]+))?")
NAME = re.compile(r"\b[^\W\d_a-zà-ÿ][\w’'-]+")
WORD = re.compile(r"\w+")
ALIKE = str.maketrans("“”„«»‘’‚–—‑−\u00a0\u202f", '"""""\'\'\'----  ')
SUPPORTED = 0.5  # share of the words of a sentence that its quotes must have, if not word for word
LONG = 4  # letters from which on a word carries meaning


@dataclass(frozen=True, slots=True)
class Marked:
    """A sentence of an answer as the reader sees it, with the numbers of its citations."""

    text: str
    markers: tuple[int, ...]


def status(case: Case, made: Prediction, _: Documents) -> bool:
    """Tell whether it was answered or refused as it should."""
    return is_answered(made) if case.answerable else bool(made["status"] == "refused")


def gold_cited(case: Case, made: Prediction, _: Documents) -> bool | None:
    """Tell whether a gold passage of each part of the answer is cited."""
    if not case.answerable:
        return None
    return parts_cited(case, made) == len(case.parts)


def must_contain(case: Case, made: Prediction, _: Documents) -> bool | None:
    """Tell whether the answer has every word that the case asks for, in whatever case."""
    if not case.must_contain:
        return None
    text = made["text"].casefold()
    return is_answered(made) and all(word.casefold() in text for word in case.must_contain)


def must_not_contain(case: Case, made: Prediction, _: Documents) -> bool | None:
    """Tell whether an answer has no word that the case forbids; what is refused says nothing."""
    if not case.must_not_contain or not is_answered(made):
        return None
    text = made["text"].casefold()
    return not any(word.casefold() in text for word in case.must_not_contain)


def quotes_exact(_: Case, made: Prediction, documents: Documents) -> bool | None:
    """Tell whether every quote equals its slice of its document, and its document is the named."""
    if not made["citations"]:
        return None
    return all(_is_slice(each, documents.get(each["uri"])) for each in made["citations"])


def citations_support(_: Case, made: Prediction, __: Documents) -> bool | None:
    """Tell whether every sentence has citations that support it (ALCE citation recall is 1)."""
    return alce(made)[0] == 1 if is_answered(made) else None


def numbers_exact(_: Case, made: Prediction, __: Documents) -> bool | None:
    """Tell whether every number of an answer is in what is cited for it, with the same unit."""
    if not is_answered(made):
        return None
    quotes = _quotes(made)
    return all(
        numbers(each.text) <= numbers(" ".join(quotes.get(m, "") for m in each.markers))
        for each in sentences(made["text"])
    )


def dates_exact(_: Case, made: Prediction, documents: Documents) -> bool | None:
    """Tell whether each citation has its document's date and the as-of line the latest of them."""
    if not made["citations"]:
        return None
    dates = [(each["published"], documents.get(each["uri"])) for each in made["citations"]]
    known = [document.published for _, document in dates if document and document.published]
    named = format_date(max(known), "long", locale=made["language"]) if known else ""
    return named in made["as_of"] and all(
        document is not None
        and given == (document.published.isoformat() if document.published else None)
        for given, document in dates
    )


def language(case: Case, made: Prediction, _: Documents) -> bool:
    """Tell whether what the desk itself says is in the language of the question."""
    own = made["coverage"] or made["as_of"]
    return bool(made["language"] == case.lang) and (not own or detect(own) == case.lang)


CHECKS: Mapping[str, Check] = {
    each.__name__: each
    for each in (
        status,
        gold_cited,
        must_contain,
        must_not_contain,
        citations_support,
        quotes_exact,
        numbers_exact,
        dates_exact,
        language,
    )
}


def checked(case: Case, made: Prediction, documents: Documents) -> dict[str, bool | None]:
    """Return what each check says of an answer, None where it does not apply."""
    return {name: check(case, made, documents) for name, check in CHECKS.items()}


def is_answered(made: Prediction) -> bool:
    """Tell whether the product gave an answer, in part or whole."""
    return made["status"] in ("answered", "partial")


def cites(citation: Mapping[str, Any], gold: Gold) -> bool:
    """Tell whether a citation is of a gold passage: one of the two holds the other."""
    if citation["uri"] != gold.uri:
        return False
    quote, wanted = one_line(citation["quote"]), one_line(gold.quote)
    cited = Span(citation["start"], max(citation["start"], citation["end"]))
    near = any(cited.start < span.end and span.start < cited.end for span in gold.spans)
    return near and (wanted in quote or quote in wanted)


def parts_cited(case: Case, made: Prediction, first: int | None = None) -> int:
    """Return of how many parts of the answer one of the first citations is a gold passage."""
    shown = made["citations"][:first] if is_answered(made) else []
    return len({gold.part for gold in case.gold for each in shown if cites(each, gold)})


def sentences(text: str) -> tuple[Marked, ...]:
    """Return the sentences of an answer with their markers, cut where markers end.

    >>> sentences("They met. [1] They left. [2][3] And so on.")[1]
    Marked(text='They left.', markers=(2, 3))
    """
    found, end = [], 0
    for match in MARKED.finditer(text):
        markers = tuple(int(each) for each in MARKER.findall(match["markers"]))
        found.append(Marked(match["text"].strip(), markers))
        end = match.end()
    rest = text[end:].strip()
    return (*found, Marked(rest, ())) if rest else tuple(found)


def alce(made: Prediction) -> tuple[float, float | None]:
    """Return citation recall and precision of an answer (Gao et al. 2023, ALCE).

    Recall: the share of sentences that their citations support together. Precision: the share of
    citations that a supported sentence needs: alone they support it, or without them it is not.
    ALCE asks a model whether text entails a sentence; here a sentence is supported when its quotes
    hold it word for word, or all its numbers and names and at least half of its longer words.
    """
    quotes = _quotes(made)
    found = sentences(made["text"])
    supported = [_supports(each.text, each.markers, quotes) for each in found]
    needed = [
        holds and _is_needed(marker, each, quotes)
        for each, holds in zip(found, supported, strict=True)
        for marker in each.markers
    ]
    recall = sum(supported) / len(supported) if supported else 0.0
    return recall, sum(needed) / len(needed) if needed else None


def numbers(text: str) -> set[tuple[str, str]]:
    """Return the numbers of a text, each with its unit: what follows it, or a sign before it.

    >>> sorted(numbers("$56 billion in 2024, 12 %"))
    [('12', '%'), ('2024', ''), ('56', '$ billion')]
    """
    found = NUMBER.findall(text.translate(ALIKE))
    return {
        (
            re.sub(r"[\s\u202f]", "", value),
            f"{sign} {unit}".strip() if sign or _is_unit(unit) else "",
        )
        for sign, value, unit in found
    }


UNITS = frozenset(
    "billion million trillion percent per cent milliard milliards million millions mille millones "  # noqa: SIM905  # reads as the list it is
    "mil ferries days jours días crowns metres km dollars".split()
)


def _is_unit(word: str) -> bool:
    return word == "%" or word.casefold() in UNITS


def _quotes(made: Prediction) -> dict[int, str]:
    return {each["marker"]: each["quote"] for each in made["citations"]}


def _supports(text: str, markers: Sequence[int], quotes: Mapping[int, str]) -> bool:
    evidence = _plain(" ".join(quotes.get(marker, "") for marker in markers))
    sentence = _plain(text)
    if not sentence or not evidence:
        return False
    if sentence in evidence:
        return True
    words = [word for word in WORD.findall(sentence.casefold()) if len(word) >= LONG]
    known = set(WORD.findall(evidence.casefold()))
    return (
        numbers(sentence) <= numbers(evidence)
        and all(name in evidence for name in NAME.findall(sentence)[1:])
        and sum(word in known for word in words) >= SUPPORTED * len(words)
    )


def _is_needed(marker: int, sentence: Marked, quotes: Mapping[int, str]) -> bool:
    others = [each for each in sentence.markers if each != marker]
    return _supports(sentence.text, [marker], quotes) or not _supports(
        sentence.text, others, quotes
    )


def _plain(text: str) -> str:
    return one_line(text.translate(ALIKE))


def _is_slice(citation: Mapping[str, Any], document: Document | None) -> bool:
    return (
        document is not None
        and citation["document_id"] == document.id
        and bool(citation["quote"])
        and document.text[citation["start"] : citation["end"]] == citation["quote"]
    )
