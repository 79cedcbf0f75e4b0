"""Two runs -> what the second fixed and broke, and whether chance alone would do that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evals.cases import Case, CaseError, checksum
from evals.metrics import Difference, compare_means, compare_rates
from evals.report import difference_line
from evals.run import Run
from evals.score import MEANS, Result, difference_as_json, results


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a second run differs from a first.

    Attributes:
        unchanged: how many cases pass in both, and fail in both.
        new, removed: cases that only the second, or only the first run has.
        changed: cases of one name that ask or expect something else; they count as both of these.
        unmeasured: cases that one of the runs could not measure.
    """

    fixed: tuple[str, ...]
    broke: tuple[str, ...]
    unchanged: tuple[int, int]
    new: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    unmeasured: tuple[str, ...]
    passed: Difference
    classes: Mapping[str, Difference]
    means: Mapping[str, Difference]

    @property
    def is_worse(self) -> bool:
        """Tell whether fewer cases pass and chance alone would seldom do that."""
        return self.passed.value < 0 and self.passed.is_distinguishable

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            **{
                name: list(getattr(self, name))
                for name in ("fixed", "broke", "new", "removed", "changed", "unmeasured")
            },
            "unchanged": {"passed": self.unchanged[0], "failed": self.unchanged[1]},
            "passed": difference_as_json(self.passed),
            "classes": {name: difference_as_json(each) for name, each in self.classes.items()},
            "means": {name: difference_as_json(each) for name, each in self.means.items()},
        }

    def lines(self) -> list[str]:
        """Return the comparison in words."""
        lines = [f"cases that pass: {difference_line(self.passed)}"]
        for name in ("fixed", "broke", "new", "removed", "changed", "unmeasured"):
            found = getattr(self, name)
            lines.append(f"{name}: {len(found)}{': ' if found else ''}{', '.join(found)}")
        lines.append(f"unchanged: {self.unchanged[0]} pass, {self.unchanged[1]} fail")
        for name, each in self.means.items():
            low, high = each.interval
            told = "" if each.is_distinguishable else ", not distinguishable from chance"
            lines.append(f"{name}: {each.value:+.4f} ({low:+.4f} to {high:+.4f}, n={each.n}){told}")
        moved = {name: each for name, each in self.classes.items() if each.value}
        return lines + [f"class {name}: {difference_line(each)}" for name, each in moved.items()]


def compare(first: Run, second: Run, *, allow_different_cases: bool = False) -> Comparison:
    """Return how a second run differs from a first.

    Raises:
        CaseError: the two are of different cases, and that was not allowed.
    """
    if checksum(first.cases) != checksum(second.cases) and not allow_different_cases:
        raise CaseError(
            f"the runs are of different cases: {checksum(first.cases)!r} and "
            f"{checksum(second.cases)!r}; name --allow-different-cases to compare what they share"
        )
    old, new = ({each.case.id: each for each in results(run)} for run in (first, second))
    common = [name for name in old if name in new]
    changed = [n for n in common if checksum([old[n].case]) != checksum([new[n].case])]
    same = [name for name in common if name not in changed]
    unmeasured = [n for n in same if not (old[n].measured and new[n].measured)]
    shared = [name for name in same if name not in unmeasured]
    both = [(old[name].passed, new[name].passed) for name in shared]
    return Comparison(
        fixed=tuple(n for n, each in zip(shared, both, strict=True) if each == (False, True)),
        broke=tuple(n for n, each in zip(shared, both, strict=True) if each == (True, False)),
        unchanged=(both.count((True, True)), both.count((False, False))),
        new=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        changed=tuple(changed),
        unmeasured=tuple(unmeasured),
        passed=_rates(old, new, shared, lambda _: True),
        classes={
            kind: _rates(old, new, shared, lambda case, kind=kind: case.kind == kind)  # type: ignore[misc]  # mypy can not infer a lambda with a default
            for kind in sorted({old[name].case.kind for name in shared})
        },
        means={
            name: _means(name, old, new, shared)
            for name in MEANS
            if any(name in old[each].means for each in shared)
        },
    )


def _rates(
    old: Mapping[str, Result],
    new: Mapping[str, Result],
    shared: list[str],
    wanted: Callable[[Case], bool],
) -> Difference:
    names = [name for name in shared if wanted(old[name].case)]
    return compare_rates(
        {name: old[name].passed for name in names},
        {name: new[name].passed for name in names},
        {name: old[name].case.conversation for name in names},
    )


def _means(
    figure: str, old: Mapping[str, Result], new: Mapping[str, Result], shared: list[str]
) -> Difference:
    having = [name for name in shared if figure in old[name].means and figure in new[name].means]
    return compare_means(
        {name: old[name].means[figure] for name in having},
        {name: new[name].means[figure] for name in having},
        {name: old[name].case.conversation for name in having},
    )
