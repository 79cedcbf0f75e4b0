"""The verifier's score on WiCE: claims of Wikipedia and the pages that they cite."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evals.cases import CaseError
from evals.metrics import RESAMPLES, SEED
from rag.types import Chunk, Sentence, Source, Span
from rag.verify import Verifier

FOLDS = 10
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """A claim: whether its page supports it, and the best score over the chunks of the page.

    Attributes:
        verdict: the verifier calls it supported by one of the chunks.
    """

    supported: bool
    ours: float
    cosine: float
    verdict: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure with its 95 % interval, by a bootstrap over claims."""

    value: float
    interval: tuple[float, float]

    def line(self, name: str) -> str:
        """Return it as a line of the table."""
        return f"{name:>38} {self.value:.3f} ({self.interval[0]:.3f} to {self.interval[1]:.3f})"


def wice(path: Path, verifier: Verifier) -> list[Scored]:
    """Return each claim of a file in WiCE's oracle format with its scores.

    Raises:
        CaseError: the file is not in that format.
    """
    claims: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            claims.setdefault((row["query_id"], row["claim"]), []).append(row)
    except (OSError, ValueError, KeyError) as error:
        raise CaseError(
            f"{str(path)!r} can not be read: {error}; name oracle_dev.jsonl of ryokamoi/wice"
        ) from error
    return [_scored(claim, rows, verifier) for (_, claim), rows in claims.items()]


def _scored(claim: str, rows: Sequence[Mapping[str, Any]], verifier: Verifier) -> Scored:
    verdicts = [
        verifier.judge(f"{claim} [1]", [_source(row["evidence_sentences"])]) for row in rows
    ]
    return Scored(
        rows[0]["label"] == "supported",
        max(each.score for each in verdicts),
        max(each.cosine for each in verdicts),
        any(each.supported for each in verdicts),
    )


def _source(sentences: Sequence[str]) -> Source:
    text = "\n".join(sentences)
    spans, start = [], 0
    for each in sentences:
        spans.append(Span(start, start + len(each)))
        start += len(each) + 1
    found = tuple(Sentence("wice", span, span.of(text)) for span in spans)
    name = f"{hash(text) & 0xFFFFFFFF:x}"
    return Source(Chunk(name, Span(0, len(text)), text, "", "", "en", found), None)


def summary(scored: Sequence[Scored]) -> Iterator[tuple[str, Figure]]:
    """Yield F1, balanced accuracy and AUC of the verifier and of the cosine alone.

    A threshold is chosen on nine tenths of the claims for the best F1, and used on the last.
    """
    truth = np.array([each.supported for each in scored])
    for name in ("ours", "cosine"):
        values = np.array([getattr(each, name) for each in scored])
        called = _called(truth, values)
        yield f"{name}: F1", _figure(truth, called, _f1)
        yield f"{name}: balanced accuracy", _figure(truth, called, _balanced)
        yield f"{name}: AUC", _figure(truth, values, _auc)
    verdicts = np.array([float(each.verdict) for each in scored])
    yield "verdict as it is: F1", _figure(truth, verdicts, _f1)
    yield "verdict as it is: balanced accuracy", _figure(truth, verdicts, _balanced)


def _called(truth: npt.NDArray[np.bool_], values: Numbers) -> Numbers:
    fold = np.random.default_rng(SEED).permutation(len(values)) % FOLDS
    called = np.zeros(len(values))
    for each in range(FOLDS):
        known, asked = fold != each, fold == each
        thresholds = np.unique(values[known])
        best = max(thresholds, key=lambda t: _f1(truth[known], (values[known] >= t).astype(float)))
        called[asked] = values[asked] >= best
    return called


def _figure(truth: npt.NDArray[np.bool_], values: Numbers, measure: Any) -> Figure:
    draws = np.random.default_rng(SEED).integers(len(truth), size=(RESAMPLES, len(truth)))
    found = [measure(truth[each], values[each]) for each in draws]
    low, high = np.percentile(found, [2.5, 97.5])
    return Figure(float(measure(truth, values)), (float(low), float(high)))


def _f1(truth: npt.NDArray[np.bool_], called: Numbers) -> float:
    hits = float((called[truth] > 0).sum())
    return 2 * hits / (truth.sum() + (called > 0).sum()) if hits else 0.0


def _balanced(truth: npt.NDArray[np.bool_], called: Numbers) -> float:
    return float(((called[truth] > 0).mean() + (called[~truth] <= 0).mean()) / 2)


def _auc(truth: npt.NDArray[np.bool_], values: Numbers) -> float:
    """Return how often a supported claim scores above another (ties count half)."""
    order = values.argsort(kind="stable")
    _, places, counts = np.unique(values[order], return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    ranks = np.empty(len(values))
    ranks[order] = (ends - (counts - 1) / 2)[places]
    positive = truth.sum()
    above = ranks[truth].sum() - positive * (positive + 1) / 2
    return float(above / (positive * (len(truth) - positive)))
