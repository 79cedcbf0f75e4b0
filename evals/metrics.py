"""The measures as pure functions, named as in the literature."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2_000
Z = 1.959963984540054  # 97.5 % of a normal distribution lie below


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
        share, n = self.count / self.total, self.total
        centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
        return (max(0.0, centre - half), min(1.0, centre + half))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed.

    >>> percentile([5, 1, 3, 2, 4], 0.5)
    3
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def bootstrap_interval(
    values: Sequence[float], clusters: Sequence[Hashable], *, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a mean, drawing whole clusters (Efron 1979).

    Values of one cluster, such as the turns of a conversation, are not independent.

    >>> bootstrap_interval([1.0, 1.0, 1.0], "aab")
    (1.0, 1.0)
    """
    groups: dict[Hashable, list[float]] = {}
    for value, each in zip(values, clusters, strict=True):
        groups.setdefault(each, []).append(value)
    sums = np.array([sum(group) for group in groups.values()])
    sizes = np.array([len(group) for group in groups.values()])
    drawn = np.random.default_rng(seed).integers(0, len(groups), (RESAMPLES, len(groups)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
