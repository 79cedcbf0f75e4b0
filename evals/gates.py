"""Whether a run may ship: its figures against floors and against the baseline."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from evals.cases import Case, CaseError
from evals.metrics import Difference, compare_rates

THRESHOLDS = Path(__file__).parent / "thresholds.json"
BASELINE = Path(__file__).parent / "baseline.json"
EVERY_CLASS = "*"
SMALL = 1e-9  # what a figure may be off by for being rounded

Outcome = Literal["pass", "fail", "unmeasured"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One requirement and what became of it; what is unmeasured neither passes nor fails."""

    where: str
    figure: str
    rule: str
    limit: float
    value: float | None
    outcome: Outcome
    reason: str = ""

    def sentence(self) -> str:
        """Return what a person should know of it."""
        if self.value is None:
            return f"{self.where} {self.figure}, {self.rule} {self.limit:.3f}: {self.reason}"
        return (
            f"{self.where} {self.figure}: {self.rule} is {self.limit:.3f}, found {self.value:.3f}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return what is written to summary.json."""
        return asdict(self)


def gates(summary: Mapping[str, Any], thresholds: Mapping[str, Any],
          baseline: Mapping[str, Any]) -> list[Gate]:  # fmt: skip
    """Return every requirement of the thresholds, measured on a run."""
    comparable = bool(baseline) and baseline["cases_checksum"] == summary["cases_checksum"]
    before = baseline if comparable else {}
    found = list(_of_figures("all", summary, before, thresholds["overall"]))
    for kind, figures in summary["classes"].items():
        classes = thresholds["classes"]
        rules = _both(classes.get(EVERY_CLASS, {}), classes.get(kind, {}))
        inside = {"figures": figures}
        old = {"figures": before.get("classes", {}).get(kind, {})}
        found += _of_figures(kind, inside, old, rules)
    return found


def _of_figures(
    where: str,
    summary: Mapping[str, Any],
    before: Mapping[str, Any],
    rules: Mapping[str, Mapping[str, float]],
) -> Iterator[Gate]:
    for figure, bounds in rules.items():
        now, n = _value(summary, figure)
        old, _ = _value(before, figure)
        for rule, limit in bounds.items():
            if rule in ("floor", "ceiling"):
                yield bound(where, figure, rule, limit, now)
            elif rule in ("max_drop", "max_rise"):
                one_case = 1 / n if n and where != "all" else 0.0
                yield _change(where, figure, rule, max(limit, one_case), now, old)


def bound(where: str, figure: str, rule: str, limit: float, now: float | None) -> Gate:
    """Return whether a figure is on the right side of a floor or a ceiling."""
    if now is None:
        return Gate(where, figure, rule, limit, None, "unmeasured", "no case measures it")
    bad = now < limit - SMALL if rule == "floor" else now > limit + SMALL
    return Gate(where, figure, rule, limit, now, "fail" if bad else "pass")


def _change(
    where: str, figure: str, rule: str, limit: float, now: float | None, old: float | None
) -> Gate:
    if now is None or old is None:
        reason = "no case measures it" if now is None else "the baseline is of other cases"
        return Gate(where, figure, rule, limit, None, "unmeasured", reason)
    change = old - now if rule == "max_drop" else now - old
    return Gate(where, figure, rule, limit, change, "fail" if change > limit + SMALL else "pass")


def _value(summary: Mapping[str, Any], figure: str) -> tuple[float | None, int]:
    if figure == "parity_gap":
        parity = summary.get("parity") or {}
        return parity.get("gap"), parity.get("questions", 0)
    found = summary.get("figures", {}).get(figure)
    return (float(found["value"]), int(found["n"])) if found else (None, 0)


def against_baseline(
    passed: Mapping[str, bool], baseline: Mapping[str, Any], cases: Mapping[str, Case]
) -> Difference | None:
    """Return how the cases that the baseline has too differ from it; None without a baseline."""
    if not baseline:
        return None
    clusters = {name: case.conversation for name, case in cases.items()}
    return compare_rates(baseline["passed"], passed, clusters)


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file of thresholds or a baseline holds; nothing when there is none.

    Raises:
        CaseError: it can not be read.
    """
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CaseError(f"{str(path)!r} can not be read: {error}; correct it") from error
    if not isinstance(found, dict):
        raise CaseError(f"{str(path)!r} holds no JSON object; correct it")
    return found


def baseline_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what later runs are compared with."""
    figures = {name: _short(each) for name, each in summary["figures"].items()}
    return {
        "cases_checksum": summary["cases_checksum"],
        "figures": figures,
        "classes": {
            kind: {name: _short(each) for name, each in found.items()}
            for kind, found in summary["classes"].items()
        },
        "parity": {name: summary["parity"][name] for name in ("questions", "gap")}
        if summary["parity"]
        else {},
        "passed": summary["passed"],
    }


def renewed(thresholds: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the thresholds with each bound that has a `margin` moved to the figures of a run."""
    every = thresholds["classes"].get(EVERY_CLASS, {})
    classes = {EVERY_CLASS: every}
    for kind, figures in summary["classes"].items():
        own = thresholds["classes"].get(kind, {})
        moved = _moved(_both(every, own), {"figures": figures})
        classes[kind] = {
            name: own.get(name, {})
            | {rule: bound for rule, bound in bounds.items() if rule in ("floor", "ceiling")}
            for name, bounds in moved.items()
        }
    return {**thresholds, "overall": _moved(thresholds["overall"], summary), "classes": classes}


def _both(every: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the rules for every class with those of one class put over them."""
    return {name: {**every.get(name, {}), **own.get(name, {})} for name in {**every, **own}}


def _moved(
    rules: Mapping[str, Mapping[str, float]], summary: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    found = {}
    for figure, bounds in rules.items():
        value, _ = _value(summary, figure)
        moved = dict(bounds)
        if "margin" in bounds and value is not None:
            falls = "max_drop" in bounds
            bound = value - bounds["margin"] if falls else value + bounds["margin"]
            bound = math.floor(100 * bound) if falls else math.ceil(100 * bound)
            moved["floor" if falls else "ceiling"] = min(1.0, max(0.0, bound / 100))
        found[figure] = moved
    return found


def _short(figure: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": figure["value"], "n": figure["n"]}
