"""Which documents are near copies of each other, such as the same agency text in two papers."""

from collections.abc import Iterable
from functools import cache

import numpy as np
from datasketch import MinHash, MinHashLSH

from rag.draft import Draft
from rag.language import terms

PERMUTATIONS = 128
SCHEME = "affine32"
SHINGLE = 2  # words; a re-worded copy shares few longer runs
ALIKE = 0.5  # Jaccard similarity of the shingles from which on two documents count as copies
SHORTEST = 20  # words; below, equal wording says little


def cluster(draft: Draft) -> None:
    """Note in the draft which document stands for each group of near copies: the first of it."""
    likenesses = draft.likenesses()
    for document_id, found in likenesses.items():
        if found is None:
            likenesses[document_id] = signature(*draft.text(document_id))
            draft.set_likeness(document_id, likenesses[document_id] or b"")
    draft.set_clusters(clusters({each: found or b"" for each, found in likenesses.items()}))


def signature(text: str, language: str) -> bytes:
    """Return what a text is compared by, empty for one too short to compare."""
    words = terms(text, language)
    if len(words) < SHORTEST:
        return b""
    shingles = {" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}
    minhash = _empty().copy()
    minhash.update_batch(shingle.encode() for shingle in shingles)
    values: bytes = minhash.hashvalues.tobytes()
    return values


def clusters(signatures: dict[str, bytes]) -> dict[str, str]:
    """Return for each document the first of its group, itself when it has no near copy."""
    index = MinHashLSH(threshold=ALIKE, num_perm=PERMUTATIONS)
    of: dict[str, str] = {}
    kept: dict[str, MinHash] = {}
    for document_id, found in signatures.items():
        of[document_id] = document_id
        if not found:
            continue
        minhash = _minhash(found)
        of[document_id] = of[_nearest(minhash, index.query(minhash), kept) or document_id]
        index.insert(document_id, minhash)
        kept[document_id] = minhash
    return of


def _nearest(minhash: MinHash, candidates: Iterable[str], kept: dict[str, MinHash]) -> str | None:
    likeness = {each: minhash.jaccard(kept[each]) for each in candidates}
    best = max(sorted(likeness), key=lambda each: likeness[each], default=None)
    return best if best is not None and likeness[best] >= ALIKE else None


def _minhash(found: bytes) -> MinHash:
    values = np.frombuffer(found, np.uint32)
    return MinHash(hashvalues=values, permutations=_empty().permutations, scheme=SCHEME)


@cache
def _empty() -> MinHash:
    return MinHash(num_perm=PERMUTATIONS, scheme=SCHEME)
