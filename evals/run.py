"""Cases -> predictions.jsonl -> scores; asking and scoring are apart, to score again for free."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.cases import Case, one_line
from evals.metrics import Rate, percentile
from rag.pipeline import Pipeline, Question
from rag.records import as_json

Prediction = Mapping[str, Any]


def predict(pipeline: Pipeline, cases: Sequence[Case], path: Path) -> None:
    """Ask every case and write one answer a line, with the id of its case."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for case in cases:
            answer = pipeline.invoke(Question(case.question, case.turns))
            line = {"case": case.id, **as_json(answer)}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read_predictions(path: Path) -> dict[str, Prediction]:
    """Return the predictions by the id of their case."""
    lines = path.read_text(encoding="utf-8").split("\n")  # a quote may hold other line ends
    return {each["case"]: each for each in map(json.loads, filter(None, lines))}


def score(cases: Sequence[Case], predictions: Mapping[str, Prediction]) -> dict[str, Any]:
    """Return the rates over all cases and by class, the latencies, and the failed cases."""
    kinds = sorted({case.kind for case in cases})
    total = [predictions[case.id]["timings_ms"]["total"] for case in cases]
    return {
        "cases": len(cases),
        "rates": _rates(cases, predictions),
        "classes": {
            kind: _rates([case for case in cases if case.kind == kind], predictions)
            for kind in kinds
        },
        "latency_ms": {"p50": percentile(total, 0.5), "p95": percentile(total, 0.95)},
        "failed": [case.id for case in cases if not passes(case, predictions[case.id])],
    }


def passes(case: Case, prediction: Prediction) -> bool:
    """Tell whether an answer does what the case asks of it."""
    if case.expected_status == "refused":
        return bool(prediction["status"] == "refused")
    return gold_cited(case, prediction)


def gold_cited(case: Case, prediction: Prediction, first: int | None = None) -> bool:
    """Tell whether one of the first citations of an answer is one of the gold passages."""
    if prediction["status"] not in ("answered", "partial"):
        return False
    quotes = [(each["uri"], one_line(each["quote"])) for each in prediction["citations"][:first]]
    golds = [(gold.uri, one_line(gold.quote)) for gold in case.gold]
    return any(
        uri == gold_uri and (gold in quote or quote in gold)
        for uri, quote in quotes
        for gold_uri, gold in golds
    )


def contains(case: Case, prediction: Prediction) -> bool:
    """Tell whether an answer has every word that the case asks for, in whatever case."""
    text = prediction["text"].casefold()
    return all(word.casefold() in text for word in case.must_contain)


def _rates(cases: Sequence[Case], predictions: Mapping[str, Prediction]) -> dict[str, Any]:
    answerable = [case for case in cases if case.expected_status == "answered"]
    unanswerable = [case for case in cases if case.expected_status == "refused"]
    worded = [case for case in answerable if case.must_contain]

    def count(of: Iterable[Case], test: Callable[[Case, Prediction], bool]) -> Rate:
        results = [test(case, predictions[case.id]) for case in of]
        return Rate(sum(results), len(results))

    rates = {
        "gold_cited": count(answerable, gold_cited),
        "gold_first": count(answerable, lambda case, made: gold_cited(case, made, 1)),
        "must_contain": count(worded, contains),
        "false_refusal": count(answerable, lambda _, made: made["status"] == "refused"),
        "false_answer": count(unanswerable, lambda _, made: made["status"] != "refused"),
    }
    return {
        name: {"value": rate.value, "interval": rate.interval, "n": rate.total}
        for name, rate in rates.items()
        if rate.total
    }
