"""Whether what was sampled again and again grows, by a rule that is fixed beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

WARMING = 1 / 3  # of the samples, while caches fill, say nothing
HOURS = 8  # a day at work
LARGEST_GROWTH = 0.05  # of what there is, in so many hours


@dataclass(frozen=True, slots=True)
class Trend:
    """How a quantity went, with the 95 % interval of its Theil-Sen slope.

    Attributes:
        growth, low, high: in `HOURS` hours, as a part of the median.
    """

    first: float
    median: float
    last: float
    growth: float
    low: float
    high: float

    @property
    def flat(self) -> bool:
        """Tell whether no more growth than `LARGEST_GROWTH` is sure."""
        return self.low <= LARGEST_GROWTH


def trend(seconds: Sequence[float], values: Sequence[float]) -> Trend:
    """Return how a quantity went after the first samples.

    >>> trend(range(0, 3600, 10), [100 + n % 3 for n in range(360)]).flat
    True
    >>> trend(range(0, 3600, 10), [100 + n / 60 for n in range(360)]).flat
    False
    """
    start = round(WARMING * len(values))
    times, kept = list(seconds)[start:], list(values)[start:]
    median = float(sorted(kept)[len(kept) // 2])
    slope, _, low, high = stats.theilslopes(kept, times)
    scale = HOURS * 3600 / max(median, 1)
    return Trend(
        values[0], median, values[-1], *(float(each * scale) for each in (slope, low, high))
    )
