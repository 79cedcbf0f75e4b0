"""The measures as pure functions, named as in the literature."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, norm

Z = 1.959963984540054  # 97.5 % of a normal distribution lie below
SIGNIFICANT = 0.05
POWER = 0.8
RESAMPLES = 2000
SEED = 20250918


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of how many."""

    count: int
    total: int

    @property
    def value(self) -> float | None:
        """Return the share, None when nothing was measured."""
        return self.count / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval (Wilson 1927).

        >>> [round(each, 3) for each in Rate(9, 10).interval]
        [0.596, 0.982]
        """
        if not self.total:
            return (0.0, 1.0)
        found = binomtest(self.count, self.total).proportion_ci(method="wilson")
        return (float(found.low), float(found.high))


@dataclass(frozen=True, slots=True)
class Difference:
    """How a second run differs from a first on the cases they share, and whether it may be chance.

    Attributes:
        interval: 95 %, by a paired bootstrap over conversations.
        p: of the exact McNemar test, for what passes or fails; else None.
    """

    value: float
    interval: tuple[float, float]
    n: int
    p: float | None = None

    @property
    def is_distinguishable(self) -> bool:
        """Tell whether chance alone would seldom bring such a difference."""
        if self.p is not None:
            return self.p < SIGNIFICANT
        low, high = self.interval
        return low > 0 or high < 0


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed.

    >>> percentile([5, 1, 3, 2, 4], 0.5)
    3
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def bootstrap(values: Sequence[float], clusters: Sequence[str]) -> tuple[float, float]:
    """Return the 95 % interval of a mean, drawing whole clusters, the same each time.

    >>> bootstrap([1.0, 1.0, 1.0], ["a", "a", "b"])
    (1.0, 1.0)
    """
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster][0] += value
        sums[cluster][1] += 1
    table = np.array([sums[each] for each in sorted(sums)])
    drawn = np.random.default_rng(SEED).integers(len(table), size=(RESAMPLES, len(table)))
    totals = table[drawn].sum(axis=1)
    low, high = np.percentile(totals[:, 0] / totals[:, 1], [2.5, 97.5])
    return (float(low), float(high))


def mcnemar(fixed: int, broke: int) -> float:
    """Return the probability of so uneven a split by chance (McNemar 1947, exact).

    >>> [round(each, 4) for each in (mcnemar(0, 6), mcnemar(2, 3))]
    [0.0312, 1.0]
    """
    return float(binomtest(broke, fixed + broke).pvalue) if fixed + broke else 1.0


def compare_rates(
    before: Mapping[str, bool], after: Mapping[str, bool], clusters: Mapping[str, str]
) -> Difference:
    """Return how what passes differs on the cases that both runs measured."""
    shared = [each for each in before if each in after]
    fixed = sum(after[each] and not before[each] for each in shared)
    broke = sum(before[each] and not after[each] for each in shared)
    found = compare_means(
        {each: float(before[each]) for each in shared},
        {each: float(after[each]) for each in shared},
        clusters,
    )
    return Difference(found.value, found.interval, found.n, mcnemar(fixed, broke))


def compare_means(
    before: Mapping[str, float], after: Mapping[str, float], clusters: Mapping[str, str]
) -> Difference:
    """Return how a mean differs on the cases that both runs measured."""
    shared = [each for each in before if each in after]
    if not shared:
        return Difference(0.0, (0.0, 0.0), 0)
    changes = [after[each] - before[each] for each in shared]
    interval = bootstrap(changes, [clusters[each] for each in shared])
    return Difference(sum(changes) / len(changes), interval, len(shared))


def fewest_to_tell() -> int:
    """Return how many cases must change one way, none the other, to tell it from chance.

    >>> fewest_to_tell()
    6
    """
    return next(n for n in range(1, 100) if mcnemar(0, n) < SIGNIFICANT)


def detectable(n: int, unstable: float = 0.1) -> float:
    """Return the smallest change of a rate that n paired cases show four times in five.

    Connor 1987, where a share of the cases, `unstable`, comes out otherwise in the second run.

    >>> round(detectable(300), 3)
    0.051
    """
    if not n:
        return 1.0
    power = float(norm.ppf(POWER))
    return min(1.0, (Z + power) * math.sqrt(unstable / n))
