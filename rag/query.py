"""A question as it is compared with the documents: its vector and its words."""

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA

from rag.aliases import namesakes
from rag.index import Generation
from rag.language import (
    LANGUAGES,
    LIGHT_WORDS,
    STOP_WORDS,
    WORD,
    asked_about,
    detect,
    fold,
    is_short,
    like,
    meant_by,
    stand_alone,
    stem,
    stemmed_apart,
    stems,
    words,
)
from rag.models import Encoder, Products, Tokens, integer_product
from rag.store import Vector, Vectors
from rag.types import Turn

BORROWED = 0.5  # what a word counts that a question has from those before it
SHORTEST_MISTYPED = 4  # letters; shorter words are one error from too many others
LIGHT = 0.3  # what a word counts that no document has and many a sentence can do without
SAID = (0.6, 0.3)  # what their vectors count beside that of the question, the last one first
ANSWER = 200  # characters of an answer that are read with its question
MARKER = re.compile(r"\s?\[\d+\]")
MODEL_READS = "en"  # the language whose words the packaged model has whole
# What English puts before and after a word to make another.
BEGINNINGS = ("", "un", "re", "dis", "mis", "non", "over", "under", "out", "pre", "in", "im")
ENDINGS = (
    "", "s", "es", "d", "ed", "er", "ers", "or", "y", "ly", "ing", "ness", "able", "ment", "ments",
    "ion", "ions", "less", "ful", "ize", "ized", "izing", "ise", "ised", "ising",
)  # fmt: skip
DOUBLED = re.compile(r"([^ls])\1$")  # "begin", "beginning"
STOP = 0.3  # what a token counts, as a rarity, that is of no word that carries meaning
LARGEST = 127  # number of one byte, with its sign
LIKE = 0.7  # what a word counts that is not the question's own but one like it

_LONG_STOP_WORDS = {
    language: [each for each in sorted(found) if len(each) >= SHORTEST_MISTYPED]
    for language, found in STOP_WORDS.items()
}


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a question as it is compared with the documents.

    Attributes:
        terms: the index terms that stand for it.
        related: the terms that mean much the same.
        rarity: inverse document frequency, as in BM25.
        certainty: 1 when some document has the word itself, `LIKE` when the terms are those of a
            related word or of one spelled nearly the same, 0 when no document has any.
    """

    text: str
    terms: frozenset[str]
    related: frozenset[str]
    rarity: float
    certainty: float


@dataclass(frozen=True, eq=False)
class QueryTokens:
    """The vectors of a question's tokens, one row each, and what each counts.

    Attributes:
        telling: what each counts by the rarity of the word it is of; they add up to 1.
    """

    vectors: Vectors
    telling: npt.NDArray[np.float32]

    _known: dict[str, Products] = field(default_factory=dict, init=False, repr=False)

    def products(self, codes: Mapping[str, bytes]) -> dict[str, Products]:
        """Return the products with the signs of tokens, for texts by their ids, one row a token.

        Those of texts that were asked for before are remembered: an id has one code always.
        """
        new = {each: code for each, code in codes.items() if each not in self._known}
        if new:
            size = self.vectors.shape[1] // 8
            joined = np.frombuffer(b"".join(new.values()), np.uint8).reshape(-1, size)
            found = integer_product(np.unpackbits(joined, axis=1), self._whole)
            ends = itertools.accumulate((len(code) // size for code in new.values()), initial=0)
            rows = (found[start:end] for start, end in itertools.pairwise(ends))
            self._known.update(zip(new, rows, strict=True))
        return {each: self._known[each] for each in codes}

    def cosines(self, products: Products) -> npt.NDArray[np.float64]:
        """Return what products say of the cosines: a sign stands for a coordinate."""
        signed = 2 * products - self._whole.sum(axis=0, dtype=np.int32)  # of 0 and 1, -1 and 1
        found: npt.NDArray[np.float64] = signed * (math.pi / 2 / len(self._whole)) ** 0.5
        return found / self._scale

    @cached_property
    def _scale(self) -> Vectors:
        scale: Vectors = LARGEST / np.abs(self.vectors).max(axis=1)
        return scale

    @cached_property
    def _whole(self) -> npt.NDArray[np.int8]:
        """Return each vector as a column of whole numbers up to `LARGEST`.

        The signs are less exact by far.
        """
        whole = np.rint(self.vectors * self._scale[:, None]).astype(np.int8)
        return np.ascontiguousarray(whole.T)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said before a question, as far as it may tell what is meant.

    Attributes:
        last: the turns just before, the last one first; none where the question says enough.
        first: the first turn of those that are looked back on.
        turns: each turn, whole.
    """

    last: tuple[str, ...] = ()
    first: str = ""
    turns: tuple[str, ...] = ()


ALONE = Conversation()


@dataclass(frozen=True, slots=True, eq=False)
class Topic:
    """What a conversation is about: the vector of its first turn and the index terms of all."""

    vector: Vector
    terms: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is searched for: the question, its language, its vector and its words.

    Attributes:
        vector: of the whole question.
        in_context: the same with what was said before, where that may tell what is meant; both are
            that where the question has no word of its own.
        tokens: None where the embedding model has no vectors of tokens.
        terms: the index terms of the question's own words.
        borrowed: those of words that it has from questions before it.
        read_well: its words are of the language that the embedding model reads best.
        translated: the question word by word in that language, where it is asked in another.
        topic: None where nothing was said before.
    """

    text: str
    language: str
    vector: Vector
    in_context: Vector
    tokens: QueryTokens | None
    words: tuple[Word, ...]
    terms: frozenset[str]
    borrowed: frozenset[str] = frozenset()
    read_well: bool = True
    translated: "Query | None" = None
    topic: Topic | None = None

    def reading(self, language: str) -> "Query":
        """Return the question as it is compared with passages in a language."""
        return (language == MODEL_READS and self.translated) or self

    def readings(self, languages: Iterable[str]) -> list["Query"]:
        """Return the question as it is compared with passages in any of the languages."""
        found = {id(each): each for each in map(self.reading, sorted(languages))}
        return list(found.values()) or [self]


def in_conversation(question: str, history: Sequence[Turn]) -> tuple[str, Conversation]:
    """Return what is searched for, with the words that it leans on, and what was said before."""
    if not history:
        return question, ALONE
    text = stand_alone(question, [turn.question for turn in history])
    turns = [replace(turn, answer=MARKER.sub("", turn.answer)) for turn in history]
    leans = text != question or is_short(question)
    said = [_said([turn.question, turn.answer[:ANSWER]]) for turn in turns]
    return text, Conversation(
        tuple(said[: -len(SAID) - 1 : -1]) if leans else (),
        said[0],
        tuple(_said([turn.question, turn.answer]) for turn in turns),
    )


def _said(parts: Iterable[str]) -> str:
    return " ".join(parts).strip()


def understand(
    text: str,
    generation: Generation,
    encoder: Encoder,
    *,
    own: str | None = None,
    conversation: Conversation = ALONE,
) -> Query:
    """Return the question as it is compared with the documents.

    `own` is what stands at the beginning of the text without what was borrowed from questions
    before it, which counts in part.
    """
    typed = text if own is None else own
    language = detect(text)
    own = _spelled(typed, generation, encoder) if language == MODEL_READS else typed
    text = own + text[len(typed) :]
    mine, beside = _words_of(own, text[len(own) :], language, generation)
    rarity = {word.text: word.rarity for word in mine}
    topic = _topic(conversation, generation, encoder) if conversation.turns else None
    asked = Query(
        text,
        language,
        *_embedded(encoder, own, rarity, beside=text[len(own) :], said=conversation.last),
        words=(*mine, *beside),
        terms=_terms(mine),
        borrowed=_terms(beside),
        read_well=language == MODEL_READS,
        topic=topic,
    )
    packaged = bool(encoder.words("a"))  # another model may read more languages
    if not asked.read_well and MODEL_READS in generation.languages and packaged:
        asked = replace(asked, translated=_translated(asked, mine, beside, generation, encoder))
    return asked


def _topic(conversation: Conversation, generation: Generation, encoder: Encoder) -> Topic:
    languages = stemmed_apart(generation.languages)
    said = (_terms_said(each, languages) for each in conversation.turns)
    return Topic(encoder.encode_turn(conversation.first), frozenset().union(*said))


@lru_cache(maxsize=1000)  # turns; each is looked back on by those after it
def _terms_said(turn: str, languages: tuple[str, ...]) -> frozenset[str]:
    said = {*words(turn, detect(turn))}
    return frozenset(stem(word, each) for word in said for each in languages)


def _words_of(
    own: str, borrowed: str, language: str, generation: Generation
) -> tuple[list[Word], list[Word]]:
    """Return a question's own words, and those that it borrowed beside them."""
    languages = stemmed_apart(generation.languages | {language})
    same = namesakes(own + borrowed, language)

    def found(part: str) -> dict[frozenset[str], Word]:
        parts = (
            _word(w, language, stems(w, languages), same.get(w), generation)
            for w in words(asked_about(part), language)
        )
        parts = (_lightened(word, language) for word in parts)
        return {
            word.terms: word
            for word in parts
            if word.certainty or not _is_mistyped_stop_word(word.text, language)
        }

    mine, beside = found(own), found(borrowed)
    rest = (word for key, word in beside.items() if key not in mine)
    return [*mine.values()], [replace(word, rarity=BORROWED * word.rarity) for word in rest]


def _terms(words: Iterable[Word]) -> frozenset[str]:
    return frozenset(term for word in words for term in word.terms)


def _translated(
    asked: Query,
    mine: Sequence[Word],
    beside: Sequence[Word],
    generation: Generation,
    encoder: Encoder,
) -> Query:
    """Return a question in the words that stand for its own in the documents the model reads."""
    same = namesakes(asked.text, asked.language)

    def put(word: Word, share: float = 1.0) -> tuple[Word, str]:
        own = [stem(word.text, asked.language)]
        meant = same.get(word.text) or meant_by(own, asked.language, [MODEL_READS])
        counts = generation.document_frequencies(sorted(meant))
        for term in sorted(filter(counts.get, counts), key=lambda each: -counts[each]):
            for written in itertools.islice(_writings(term, generation), 1):
                known = frozenset(filter(counts.get, counts))
                rarity = share * _rarity(counts[term], generation.whole.chunks)
                return Word(word.text, known, word.related, rarity, LIKE), written
        return word, word.text

    own, written = [put(word) for word in mine], [put(word, BORROWED) for word in beside]
    text = " ".join(each for _, each in own) or asked.text
    rarity = {each: word.rarity for word, each in own}
    mine, beside = [word for word, _ in own], [word for word, _ in written]
    vector, in_context, tokens = _embedded(encoder, text, rarity)
    return replace(
        asked,
        vector=vector,
        in_context=in_context,
        tokens=tokens,
        words=(*mine, *beside),
        terms=_terms(mine),
        borrowed=_terms(beside),
        read_well=True,
    )


def _embedded(
    encoder: Encoder,
    text: str,
    rarity: Mapping[str, float],
    *,
    beside: str = "",
    said: Sequence[str] = (),
) -> tuple[Vector, Vector, QueryTokens | None]:
    """Return the vector of a text, the same in context, and its tokens."""
    vector, tokens = encoder.encode_question(text, beside=beside)
    in_context = vector
    if said:
        turns = (share * encoder.encode_turn(each) for share, each in zip(SAID, said, strict=False))
        mixed = sum(turns, vector)
        in_context = mixed / (np.linalg.norm(mixed) or 1)
    return vector if rarity else in_context, in_context, _weighted(tokens, text, rarity)


def _weighted(tokens: Tokens | None, text: str, rarity: Mapping[str, float]) -> QueryTokens | None:
    if tokens is None or not len(tokens.vectors):
        return None
    found = [(*word.span(), rarity.get(word.group(), STOP)) for word in WORD.finditer(text)]
    starts = tokens.offsets[:, 0]
    telling = [next((r for a, b, r in found if a <= start < b), STOP) for start in starts]
    return QueryTokens(
        tokens.vectors / np.linalg.norm(tokens.vectors, axis=1, keepdims=True),
        (np.array(telling) / sum(telling)).astype(np.float32),
    )


def _spelled(text: str, generation: Generation, encoder: Encoder) -> str:
    """Return an English question with each word that seems mistyped as it may have been meant.

    It seems so when neither the documents nor the embedded model know it. It may be a word of
    questions, one that both know, or a name that the documents have.
    """
    shouted, opening = text.isupper(), WORD.search(text)

    def meant(found: re.Match[str]) -> str:
        word = found.group()
        if len(word) < SHORTEST_MISTYPED or not word.isalpha() or (word.isupper() and not shouted):
            return word
        small = word.casefold()
        known = encoder.words(small[0])
        if not known or small in known or _are_there(stems(word, (MODEL_READS,)), generation):
            return word
        if _is_made_of(small, encoder):
            return word
        opens = opening is not None and found.span() == opening.span()
        asking = like(small, _LONG_STOP_WORDS[MODEL_READS]) if opens or word.islower() else []
        both = (w for w in like(small, known) if _are_there(stems(w, (MODEL_READS,)), generation))
        spelled = next(itertools.chain(asking, both, _written(small, generation)), word)
        return spelled.capitalize() if word[0].isupper() and spelled.islower() else spelled

    return WORD.sub(meant, text)


def _is_made_of(word: str, encoder: Encoder) -> bool:
    """Tell whether a word is one that the model has whole, with another beginning or ending."""
    for begin, end in itertools.product(BEGINNINGS, ENDINGS):
        if (begin or end) and word.startswith(begin) and word.endswith(end):
            root = DOUBLED.sub(r"\1", word[len(begin) : len(word) - len(end)])
            if len(root) >= SHORTEST_MISTYPED:
                known = encoder.words(root[0])
                if root in known or (end and f"{root}e" in known):
                    return True
    return False


def _are_there(terms: Iterable[str], generation: Generation) -> bool:
    return any(generation.document_frequencies(terms).values())


def _written(word: str, generation: Generation) -> Iterator[str]:
    """Yield words of the documents that are spelled nearly as one."""
    terms = generation.similar_terms([word, stem(word, MODEL_READS)])
    for term in sorted(terms):
        yield from _writings(term, generation)


def _writings(term: str, generation: Generation) -> Iterator[str]:
    """Yield how the chunk where an index term counts most writes it."""
    for chunk in generation.chunks([*generation.matching_chunks([term], 1)]):
        written = WORD.findall(f"{chunk.text} {chunk.heading} {chunk.title}")
        yield from (each for each in written if stem(each, chunk.language) == term)


def _word(
    text: str,
    language: str,
    own: frozenset[str],
    same: frozenset[str] | None,
    generation: Generation,
) -> Word:
    """Return a word as it is compared; `same` are the terms of other names for what it names."""
    into = [each for each in LANGUAGES if each in generation.languages]
    known_word = bool(meant_by(own, language, LANGUAGES))
    related = own | (same or meant_by(own, language, into))
    total = generation.whole.chunks
    for terms, certainty in ((own, 1.0), (related, LIKE), (None, LIKE)):
        if terms is None and (known_word or text.casefold() in LIGHT_WORDS[language]):
            continue  # no typing error
        candidates = generation.similar_terms(own | {fold(text)}) if terms is None else terms
        counts = generation.document_frequencies(candidates)
        known = frozenset(each for each in candidates if counts[each])
        if known:
            rarity = _rarity(max(counts.values()), total)
            return Word(text, known, related, rarity, certainty)
    return Word(text, own, related, _rarity(0, total), 0.0)


def _lightened(word: Word, language: str) -> Word:
    light = word.certainty < 1 and word.text.casefold() in LIGHT_WORDS[language]
    return replace(word, rarity=LIGHT * word.rarity) if light else word


def _is_mistyped_stop_word(text: str, language: str) -> bool:
    if len(text) < SHORTEST_MISTYPED or not text.islower():
        return False
    return any(OSA.distance(text, w, score_cutoff=1) <= 1 for w in _LONG_STOP_WORDS[language])


def _rarity(count: int, total: int) -> float:
    return math.log(1 + (total - count + 0.5) / (count + 0.5))
