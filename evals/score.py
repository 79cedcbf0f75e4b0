"""A run's predictions -> what each case got and the figures over all of them; nothing is asked."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ir_measures
from ir_measures import RR, R, Success, nDCG

from evals.cases import LANGUAGES, Case, Documents, checksum
from evals.checks import CHECKS, Prediction, alce, checked, is_answered, parts_cited
from evals.metrics import (
    Rate,
    bootstrap,
    compare_rates,
    detectable,
    fewest_to_tell,
    percentile,
)
from evals.run import Run

RETRIEVAL = {"R@5": R @ 5, "R@10": R @ 10, "MRR": RR, "nDCG@10": nDCG @ 10,
             "success@1": Success @ 1, "success@5": Success @ 5}  # fmt: skip
MEANS = (*RETRIEVAL, "citation_recall", "citation_precision")
SHOWN_AS = ("quoted", "verified", "repaired", "replaced")


@dataclass(frozen=True, slots=True)
class Result:
    """What one case got.

    Attributes:
        checks: by name, None where a check does not apply; empty when the case is unmeasured.
        means: what is averaged: retrieval and citations.
        error: why the case could not be measured.
    """

    case: Case
    checks: Mapping[str, bool | None]
    means: Mapping[str, float]
    error: str = ""

    @property
    def measured(self) -> bool:
        """Tell whether there is an answer to judge."""
        return not self.error

    @property
    def failing(self) -> tuple[str, ...]:
        """Return the names of the checks that failed."""
        return tuple(name for name, passed in self.checks.items() if passed is False)

    @property
    def passed(self) -> bool:
        """Tell whether the case was measured and every check that applies holds."""
        return self.measured and not self.failing

    def as_json(self) -> dict[str, Any]:
        """Return what is written to results.jsonl."""
        return {
            "case": self.case.id,
            "class": self.case.kind,
            "lang": self.case.lang,
            "outcome": "unmeasured" if self.error else "passed" if self.passed else "failed",
            "failing": list(self.failing),
            "checks": dict(self.checks),
            "means": {name: round(value, 6) for name, value in self.means.items()},
            **({"error": self.error} if self.error else {}),
        }


def results(run: Run) -> tuple[Result, ...]:
    """Return what each case of a run got, in the order of the cases."""
    found = _retrieval(run)
    return tuple(_result(run, case, found.get(case.id, {})) for case in run.cases)


def _result(run: Run, case: Case, retrieval: Mapping[str, float]) -> Result:
    made = run.predictions.get(case.id)
    if made is None:
        return Result(case, {}, {}, "the run holds no answer to it")
    if "error" in made:
        return Result(case, {}, {}, made["error"] or "it failed without a reason")
    means = dict(retrieval)
    if is_answered(made):
        recall, precision = alce(made)
        means["citation_recall"] = recall
        if precision is not None:
            means["citation_precision"] = precision
    return Result(case, checked(case, made, run.documents_of(case)), means)


def summary(found: Sequence[Result], run: Run) -> dict[str, Any]:
    """Return the figures over all cases, by class, language and parallel; latency is not in it."""
    measured = [each for each in found if each.measured]
    return {
        "cases": len(found),
        "cases_checksum": checksum(run.cases),
        "measured": len(measured),
        "unmeasured": {each.case.id: each.error for each in found if each.error},
        "failed": [each.case.id for each in measured if not each.passed],
        "figures": figures(measured, run.predictions),
        "classes": _grouped(measured, run.predictions, lambda case: case.kind),
        "languages": _grouped(measured, run.predictions, lambda case: case.lang),
        "parity": parity(measured),
        "sentences": _sentences(measured, run.predictions),
        "faults": _faults(measured, run.predictions),
        "detectable": {
            "cases_one_way": fewest_to_tell(),
            "change": round(detectable(len(measured)), 4),
        },
        "passed": {each.case.id: each.passed for each in measured},
    }


def figures(found: Sequence[Result], predictions: Mapping[str, Prediction]) -> dict[str, Any]:
    """Return the rates and means over some results; what was not measured is not among them."""
    answerable = [each for each in found if each.case.answerable]
    others = [each for each in found if not each.case.answerable]

    def ended(of: Iterable[Result], status: str) -> list[bool]:
        return [predictions[each.case.id]["status"] == status for each in of]

    rates = {
        "passed": [each.passed for each in found],
        "false_answer": [not each for each in ended(others, "refused")],
        "unwarned": ended(others, "answered"),
        "false_refusal": ended(answerable, "refused"),
        "partial": ended(answerable, "partial"),
        "gold_first": [
            parts_cited(each.case, predictions[each.case.id], 1) > 0 for each in answerable
        ],
        **{
            name: [bool(each.checks[name]) for each in found if each.checks[name] is not None]
            for name in CHECKS
            if name != "status"  # false_answer and false_refusal are its two sides
        },
    }
    shown = {name: _rate(values) for name, values in rates.items() if values}
    for name in MEANS:
        having = [each for each in found if name in each.means]
        if having:
            shown[name] = _mean(name, having)
    return shown


def parity(found: Sequence[Result]) -> dict[str, Any]:
    """Return how many of the questions that are asked in every language pass in each, and the gap.

    Measured are only those of which the run has all languages.
    """
    groups: dict[str, dict[str, Result]] = {}
    for each in found:
        if each.case.parallel:
            groups.setdefault(each.case.parallel, {})[each.case.lang] = each
    whole = {name: each for name, each in groups.items() if each.keys() == set(LANGUAGES)}
    if not whole:
        return {}
    passed = {lang: {name: each[lang].passed for name, each in whole.items()} for lang in LANGUAGES}
    shares = [sum(each.values()) / len(whole) for each in passed.values()]
    english = passed[LANGUAGES[0]]
    return {
        "questions": len(whole),
        "languages": {lang: _rate(list(each.values())) for lang, each in passed.items()},
        "gap": round(max(shares) - min(shares), 6),
        "against_english": {
            lang: difference_as_json(
                compare_rates(english, passed[lang], {each: each for each in whole})
            )
            for lang in LANGUAGES[1:]
        },
    }


def latency(run: Run) -> dict[str, Any]:
    """Return the milliseconds an answer took; empty when none was timed."""
    spent = [each["total"] for each in run.timings.values() if "total" in each]
    if not spent:
        return {}
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    percentiles = {k: round(percentile(spent, v), 1) for k, v in shares.items()}
    return {"n": len(spent), **percentiles, **_usage(run)}


def _usage(run: Run) -> dict[str, Any]:
    """Return what a language model took for an answer; empty when none was asked."""
    asked = [each for each in run.timings.values() if each.get("calls")]
    if not asked:
        return {}
    names = ("calls", "input_tokens", "output_tokens")
    means = {name: round(sum(e[name] for e in asked) / len(asked), 1) for name in names}
    first = [each["first_sentence"] for each in asked if "first_sentence" in each]
    half = {"first_sentence_p50": round(percentile(first, 0.5), 1)} if first else {}
    return {"model": {"n": len(asked), **means, **half}}


def difference_as_json(found: Any) -> dict[str, Any]:
    """Return a difference for a report."""
    return {
        "change": round(found.value, 6),
        "interval": [round(each, 6) for each in found.interval],
        "n": found.n,
        "p": None if found.p is None else round(found.p, 6),
        "distinguishable": found.is_distinguishable,
    }


def _grouped(
    found: Sequence[Result], predictions: Mapping[str, Prediction], key: Callable[[Case], str]
) -> dict[str, Any]:
    groups: dict[str, list[Result]] = {}
    for each in found:
        groups.setdefault(key(each.case), []).append(each)
    return {name: figures(groups[name], predictions) for name in sorted(groups)}


def _rate(values: Sequence[bool]) -> dict[str, Any]:
    rate = Rate(sum(values), len(values))
    low, high = rate.interval
    value = rate.count / rate.total
    return {
        "value": round(value, 6),
        "interval": [round(low, 6), round(high, 6)],
        "count": rate.count,
        "n": rate.total,
    }


def _mean(name: str, having: Sequence[Result]) -> dict[str, Any]:
    values = [each.means[name] for each in having]
    low, high = bootstrap(values, [each.case.conversation for each in having])
    value = sum(values) / len(values)
    return {
        "value": round(value, 6),
        "interval": [round(low, 6), round(high, 6)],
        "n": len(values),
    }


def _sentences(found: Sequence[Result], predictions: Mapping[str, Prediction]) -> dict[str, Any]:
    """Return how the sentences of a language model came to be shown; empty without a model."""
    made = [predictions[each.case.id] for each in found]
    shown = [each["check"] for one in made for each in one.get("statements", [])]
    dropped = sum(one.get("dropped", 0) for one in made)
    if not dropped and set(shown) <= {"quoted"}:
        return {}
    total = len(shown) + dropped
    counts = {name: shown.count(name) for name in SHOWN_AS} | {"dropped": dropped}
    return {
        name: {"count": count, "share": round(count / total, 6)} for name, count in counts.items()
    }


def _faults(found: Sequence[Result], predictions: Mapping[str, Prediction]) -> dict[str, int]:
    """Return why a language model wrote nothing or not all, and how often."""
    return dict(Counter(filter(None, (predictions[e.case.id].get("fault") for e in found))))


def _retrieval(run: Run) -> dict[str, dict[str, float]]:
    """Return the measures of retrieval of each answerable case.

    What is to be found is a gold passage in every document that has one: a hit counts for its
    document when it holds part of a gold passage, and only the first such hit of a document does.
    """
    asked = [c for c in run.cases if c.answerable and "hits" in run.predictions.get(c.id, {})]
    qrels = [
        ir_measures.Qrel(case.id, uri, 1) for case in asked for uri in {g.uri for g in case.gold}
    ]
    ranked = [
        ir_measures.ScoredDoc(case.id, name, -rank)
        for case in asked
        for rank, name in enumerate(
            ranking(case, run.predictions[case.id], run.documents_of(case)), 1
        )
    ]
    names = {measure: name for name, measure in RETRIEVAL.items()}
    found: dict[str, dict[str, float]] = {case.id: {} for case in asked}
    for each in ir_measures.iter_calc(list(names), qrels, ranked):
        found[each.query_id][names[each.measure]] = float(each.value)
    return found


def ranking(case: Case, made: Prediction, documents: Documents) -> list[str]:
    """Return the hits as names: the document's for the first with gold of it, else its own."""
    uris = {documents[gold.uri].id: gold.uri for gold in case.gold}
    names: list[str] = []
    for hit in made["hits"]:
        uri = uris.get(hit["document_id"], "")
        holds = any(
            gold.uri == uri and hit["start"] < span.end and span.start < hit["end"]
            for gold in case.gold
            for span in gold.spans
        )
        names.append(uri if holds and uri not in names else f"hit {hit['chunk_id']}")
    return names


def write_results(found: Iterable[Result], run: Run) -> None:
    """Write one line a case beside the predictions."""
    lines = (json.dumps(each.as_json(), ensure_ascii=False) + "\n" for each in found)
    with (run.folder / "results.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(lines)
