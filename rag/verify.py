"""Whether an answer is in its evidence: quotes to the letter, written sentences in fact."""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.checks import CHECKS
from rag.claims import read
from rag.errors import IndexDamagedError
from rag.language import detect, differs
from rag.models import Encoder, Entailment
from rag.proof import Likeness, Proof, lines, unquoted
from rag.store import Embedding
from rag.types import Chunk, Citation, Document, Passage, Sentence, Source, Span

MARKERS = re.compile(r"\s*[\[【]\s*(\d+(?:\s*[,;–-]\s*\d+)*)\s*[\]】]")
REMEMBERED = 1000  # chunks whose vectors are kept
ENOUGH = 0.62  # score from which on a sentence counts as supported
ENTAILED = 0.5  # probability of a named model from which on it does
TRANSLATED = 0.36  # the same of one in another language than its evidence


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a sentence that a model wrote.

    Attributes:
        text: the sentence without its markers, and without the "Yes," or "No," that it began with:
            what was asked is not known here.
        markers: those that it carries and that exist.
        reason: what is wrong, as one sentence that tells the model; empty when it is supported.
        proof: (marker, sentence of its chunk) that prove it, best first; when nothing does, those
            that come nearest.
        score: how much of the sentence its evidence holds, from 0 to 1.
        cosine: similarity of the sentence and the nearest of its proof.
    """

    text: str
    markers: tuple[int, ...]
    supported: bool
    reason: str
    proof: tuple[tuple[int, Sentence], ...]
    score: float
    cosine: float = 0.0


class Verifier:
    """Judges sentences by the evidence that they cite.

    `entailment` names a CrossEncoder that then gives the score, after the same checks.
    """

    def __init__(self, encoder: Encoder, entailment: str = "") -> None:
        self._encoder = encoder
        self._entailment = Entailment(entailment) if entailment else None
        self._known: OrderedDict[str, Embedding] = OrderedDict()
        self._lock = threading.Lock()

    def judge(self, written: str, evidence: Sequence[Source]) -> Verdict:
        """Return whether the sources that a sentence cites prove it."""
        told, numbers = without_markers(written)
        text = without_reply(told)
        markers = tuple(each for each in numbers if 1 <= each <= len(evidence))
        proof = self._proof(text, markers, evidence)
        reason = _of_markers(numbers, markers, len(evidence)) or next(
            filter(None, (check(text, proof) for check in CHECKS)), ""
        )
        score = self._score(proof)
        if not reason and score < self._enough(proof):
            reason = "The cited evidence does not say this; write only what it says."
        found = tuple((line.marker, line.sentence) for line in proof.chosen)
        cosine = max((line.cosine for line in proof.lines), default=0.0)
        return Verdict(text, markers, not reason, reason, found, score, cosine)

    def _score(self, proof: Proof) -> float:
        if self._entailment is None:
            return _score(proof)
        text = " ".join(line.claim.text for line in proof.chosen)
        return self._entailment.probability(text, proof.claim.text) if text else 0.0

    def _enough(self, proof: Proof) -> float:
        if self._entailment:
            return ENTAILED
        return TRANSLATED if proof.is_translation else ENOUGH

    def _proof(self, text: str, markers: Sequence[int], evidence: Sequence[Source]) -> Proof:
        cited = markers or range(1, len(evidence) + 1)
        sources = {each: evidence[each - 1] for each in cited}
        embeddings = self._embeddings([source.chunk for source in sources.values()])
        plain = unquoted(text)
        vector, tokens = self._encoder.encode_question(plain) if plain else (None, None)
        found = [
            line
            for (marker, source), embedding in zip(sources.items(), embeddings, strict=True)
            for line in lines(marker, source, embedding, vector)
        ]
        around = [
            read(unquoted(sentence.text), source.chunk.language)
            for source in evidence
            for sentence in source.chunk.sentences
        ]
        claim = read(plain, _language(plain, sources.values()))
        return Proof(claim, found, Likeness.to(tokens, found), around)

    def _embeddings(self, chunks: Sequence[Chunk]) -> list[Embedding]:
        """Return the embedding of each chunk; those seen lately are remembered."""
        with self._lock:
            found = {each.id: self._known[each.id] for each in chunks if each.id in self._known}
        new = {each.id: each for each in chunks if each.id not in found}
        for name, made in zip(
            new,
            self._encoder.encode_passages([_passage(each) for each in new.values()]),
            strict=True,
        ):
            found[name] = made
        with self._lock:
            for name in found:
                self._known[name] = found[name]
                self._known.move_to_end(name)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return [found[each.id] for each in chunks]


def check(citation: Citation, document: Document | None) -> Citation:
    """Return the citation if its quote is exactly the document's text at its span.

    Raises:
        IndexDamagedError: it is not, so the index contradicts itself and nothing of it is shown.
    """
    found = citation.span.of(document.text) if document is not None else None
    if found != citation.quote or not citation.quote:
        raise IndexDamagedError(
            f"the quote {citation.quote!r} is not at {citation.span.start}:{citation.span.end} of "
            f"{citation.uri!r}; run python -m ingest --check"
        )
    return citation


def without_markers(written: str) -> tuple[str, tuple[int, ...]]:
    """Return a sentence without its markers, and their numbers.

    >>> without_markers("They met [1], they left [2, 4-5].")
    ('They met, they left.', (1, 2, 4, 5))
    """
    numbers: list[int] = []
    for match in MARKERS.finditer(written):
        for part in re.split(r"\s*[,;]\s*", match.group(1)):
            first, *last = (int(each) for each in re.split(r"\s*[–-]\s*", part))
            numbers += range(first, min(last[0], first + 99) + 1) if last else [first]
    return MARKERS.sub("", written).strip(), tuple(dict.fromkeys(numbers))


def without_reply(text: str) -> str:
    """Return a sentence without the "Yes," or "No," that it may begin with.

    >>> without_reply("No, the summit was not held.")
    'The summit was not held.'
    """
    bare = _REPLY.sub("", text)
    return bare if bare == text else bare[:1].upper() + bare[1:]


_REPLY = re.compile(
    r"^\s*(?:yes|no|oui|non|sí|si)\s*(?:[,:;–—]|\.(?=\s[^\W\d_]))\s*", re.IGNORECASE
)


def _language(text: str, sources: Iterable[Source]) -> str:
    """Return the language of a sentence: that of its sources unless it clearly is another."""
    own = detect(text)
    told = {each.chunk.language for each in sources}
    if own in told or len(told) != 1:
        return own
    (language,) = told
    return own if differs(text, language) else language


def _of_markers(numbers: Sequence[int], markers: Sequence[int], total: int) -> str:
    missing = [each for each in numbers if each not in markers]
    if missing:
        return f"There is no evidence [{missing[0]}]; the numbers run from 1 to {total}."
    if not markers:
        return "The sentence cites nothing; end it with the number of its evidence in brackets."
    return ""


def _passage(chunk: Chunk) -> Passage:
    start = chunk.span.start
    return Passage(
        chunk.text,
        tuple(Span(each.span.start - start, each.span.end - start) for each in chunk.sentences),
    )


def _score(proof: Proof) -> float:
    """Return how much of a sentence its evidence holds, in words and in meaning."""
    if not proof.chosen or not proof.tokens:
        return 0.0
    cosine = max(line.cosine for line in proof.chosen)
    alike = max(proof.likeness.mean(line) for line in proof.chosen)
    return 0.5 * proof.coverage() + 0.25 * max(0.0, cosine) + 0.25 * alike
