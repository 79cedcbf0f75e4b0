"""How much of an article is read from its page, and how much that is not the article.

The measure is that of https://github.com/scrapinghub/article-extraction-benchmark: runs of four
words ("shingles") of the page that are right, wrong and missing, normalised by page.
"""

import gzip
import json
import random
import re
import time
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from evals.cases import CaseError
from evals.metrics import percentile
from ingest.readers import html

SHINGLE_WORDS = 4
RESAMPLES = 1000
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Overlap:
    """The shares of a page's shingles that are right, wrong and missing."""

    right: float
    wrong: float
    missing: float

    @property
    def precision(self) -> float | None:
        """Return the share of what was read that is right, None when nothing was read."""
        read = self.right + self.wrong
        return self.right / read if read else None

    @property
    def recall(self) -> float | None:
        """Return the share of the article that was read, None when there is no article."""
        article = self.right + self.missing
        return self.right / article if article else None


@dataclass(frozen=True, slots=True)
class PageScore:
    """What was measured of one page."""

    name: str
    overlap: Overlap
    milliseconds: float

    @property
    def loss(self) -> float:
        """Return the share of the page's shingles that are wrong or missing."""
        return self.overlap.wrong + self.overlap.missing


def extraction(data: Path) -> list[PageScore]:
    """Read every page of the set with the reader of HTML, and compare it with its article.

    Raises:
        CaseError: a file of the set is missing or can not be read.
    """
    try:
        truth = json.loads((data / "ground-truth.json").read_text(encoding="utf-8"))
        articles = {name: row.get("articleBody", "") for name, row in truth.items()}
        return [_score(name, article, _page(data, name)) for name, article in articles.items()]
    except (OSError, EOFError, zlib.error, ValueError, AttributeError) as error:
        raise CaseError(
            f"{str(data)!r} can not be read: {error}; name a copy of article-extraction-benchmark"
        ) from error


def _page(data: Path, name: str) -> bytes:
    packed = data / "html" / f"{name}.html.gz"
    plain = data / "html" / f"{name}.html"
    return gzip.decompress(packed.read_bytes()) if packed.exists() else plain.read_bytes()


def _score(name: str, article: str, page: bytes) -> PageScore:
    started = time.perf_counter()
    found = _quotable(page)
    return PageScore(name, overlap(article, found), 1000 * (time.perf_counter() - started))


def _quotable(page: bytes) -> str:
    """Return what can be quoted of a page: its blocks; nothing of one that is refused."""
    try:
        reading = html.read(page)
    except ValueError:
        return ""
    return "\n".join(block.span.of(reading.text) for block in reading.blocks)


def overlap(article: str, found: str) -> Overlap:
    """Compare the shingles of a text with those of the article.

    >>> overlap("a b c d e", "b c d e f")
    Overlap(right=0.3333333333333333, wrong=0.3333333333333333, missing=0.3333333333333333)
    """
    true, read = shingles(article), shingles(found)
    counts = (true & read).total(), (read - true).total(), (true - read).total()
    whole = sum(counts) or 1
    return Overlap(*(count / whole for count in counts))


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """Count the runs of four words; a shorter text is one run of all its words."""
    words = WORD.findall(text)
    starts = range(max(1, len(words) - SHINGLE_WORDS + 1))
    runs = (tuple(words[start : start + SHINGLE_WORDS]) for start in starts)
    return Counter(run for run in runs if run)


def averages(overlaps: Sequence[Overlap]) -> dict[str, float]:
    """Return F1, precision and recall; the last two are means over the pages that have them."""
    precision = _mean([each.precision for each in overlaps])
    recall = _mean([each.recall for each in overlaps])
    both = precision + recall
    return {
        "F1": 2 * precision * recall / both if both else 0.0,
        "precision": precision,
        "recall": recall,
    }


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return mean(known) if known else 0.0


def summarise(scores: Sequence[PageScore], *, seed: int = 0) -> Mapping[str, Any]:
    """Return the averages with their bootstrap deviations and intervals, and the time a page."""
    overlaps = [score.overlap for score in scores]
    # Which pages are drawn is no secret.
    chance = random.Random(seed)  # noqa: S311
    drawn = [averages(chance.choices(overlaps, k=len(overlaps))) for _ in range(RESAMPLES)]
    spent = [score.milliseconds for score in scores]
    summary: dict[str, Any] = {"pages": len(scores)}
    for name, value in averages(overlaps).items():
        values = [each[name] for each in drawn]
        interval = (percentile(values, 0.025), percentile(values, 0.975))
        summary[name] = {"value": value, "deviation": stdev(values), "interval": interval}
    return summary | {"ms": {"p50": percentile(spent, 0.5), "p95": percentile(spent, 0.95)}}
