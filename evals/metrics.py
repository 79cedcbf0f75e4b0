"""The measures as pure functions, named as in the literature."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
