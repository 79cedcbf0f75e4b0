"""Which sentences answer a question, and whether any of them does."""

from collections.abc import Sequence

from rag.evidence import Evidence
from rag.language import fold, names

MOST_SENTENCES = 3
CLOSE = 0.7  # share of the best sentence's score that another needs to be cited beside it
SAME = 0.9  # cosine of two sentences from which on they say much the same
SURE = 0.5  # probability from which on the question counts as answered
ENOUGH = 0.21  # probability from which on sentences are shown that may answer it
WORTH = 0.1  # probability from which on a language model, which refuses too, is asked


def choose(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return the sentences to answer with, best first; none when none of the best may answer.

    A sentence that misses what is asked for is no answer, however alike it is.
    """
    best = [each for each in evidence[:MOST_SENTENCES] if not each.missing]
    if not any(each.probability >= ENOUGH for each in best):
        return []
    chosen = [best[0]]
    for each in best[1:]:
        new = all(_says_more(each, other) for other in chosen)
        if new and each.probability >= ENOUGH and each.score >= CLOSE * best[0].score:
            chosen.append(each)
    return chosen


def is_sure(chosen: Sequence[Evidence]) -> bool:
    """Tell whether the chosen sentences answer the question, not only may answer it."""
    return any(each.probability >= SURE for each in chosen)


def is_worth_reading(evidence: Sequence[Evidence]) -> bool:
    """Tell whether a language model may find an answer in the sentences."""
    return any(each.probability >= WORTH for each in evidence)


def _says_more(one: Evidence, other: Evidence) -> bool:
    """Tell whether a sentence says what another does not.

    A document seldom says the same twice: sentences of one that are much alike but name others,
    such as rows of a table, tell of others.
    """
    if float(one.vector @ other.vector) < SAME:
        return True
    named, known = (
        {fold(name) for name in names(each.sentence.text, each.hit.chunk.language)}
        for each in (one, other)
    )
    return one.sentence.document_id == other.sentence.document_id and not named <= known
