"""Which sentences answer a question, and whether any of them does."""

from collections.abc import Sequence

from rag.evidence import Evidence

MOST_SENTENCES = 3
CLOSE = 0.75  # share of the best sentence's score that another needs to be cited beside it
SAME = 0.9  # cosine of two sentences from which on the second adds nothing
ENOUGH = 0.24  # probability from which on the question counts as answered


def choose(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return the sentences to answer with, best first; none when none of the best answers.

    A sentence that misses what is asked for is no answer, however alike it is.
    """
    best = [each for each in evidence[:MOST_SENTENCES] if not each.missing]
    if not any(each.probability >= ENOUGH for each in best):
        return []
    chosen = [best[0]]
    for each in best[1:]:
        new = all(float(each.vector @ other.vector) < SAME for other in chosen)
        if new and each.probability >= ENOUGH and each.score >= CLOSE * best[0].score:
            chosen.append(each)
    return chosen
