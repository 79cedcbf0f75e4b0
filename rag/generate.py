"""An answer that a language model writes: sentence by sentence, each proved before it is shown."""

import re
import time
from collections.abc import Generator, Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date

from rag import prompts
from rag.chat_models import BEAT_SECONDS, Asking, ChatModel, waited
from rag.errors import ChatModelError
from rag.extract import ENOUGH
from rag.index import Generation
from rag.language import LANGUAGES, STOP_WORDS, WORD, detect, differs, fold, identify, names, stem
from rag.orders import without_orders
from rag.prompts import MISSING
from rag.retrieve import Found
from rag.sentences import Sentences, plain
from rag.types import Answer, Check, Fault, Sentence, Source, Turn
from rag.verify import Verdict, Verifier

MOST_REPAIRS = 5  # of one answer; beyond, what fails is quoted or dropped
MOST_SENTENCES = 20  # an answer that goes on is no answer
MOST_PROOFS = 4  # passages cited for one sentence
TELLING = 3  # small words of a language that tell it, and how many times those of another
MUCH_LONGER = 3  # times, that a question made to stand alone may be longer than it was

_MARKER = re.compile(r"\[(\d{1,3})\]")
_QUOTED = re.compile(r"[“«\"][^”»\"]*[”»\"]")
_MISSING = re.compile(rf"\W*{MISSING}\W*")
_SILENT = re.compile(  # a model says in its own words that the evidence does not say
    r"\b(?:documents?|evidence|sources?|passages?|texts?|context|information) (?:provided |given )?"
    r"(?:do(?:es)? not|don't|doesn't) (?:say|mention|contain|provide|specify|state|answer|indicate"
    r"|include|give|name)\b|"
    r"\b(?:documents?|sources?|passages?|extraits?|textes?|éléments?)(?: fournis)? ne (?:le )?"
    r"(?:dis|mentionn|précis|contien|indiqu|fourni|permet|donn)\w+ pas\b|"
    r"\b(?:documentos?|fuentes?|pasajes?|textos?|evidencias?) no (?:lo )?"
    r"(?:dice|menciona|contiene|indica|especifica|permite|proporciona)n?\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A sentence that may be shown, with what proves it."""

    text: str
    check: Check
    proof: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a model has written so far.

    Attributes:
        shown: the sentences that are proved, or quoted in place of one that is not.
        dropped: how many are not shown.
        silent: the model said that the evidence does not answer all of the question.
        fault: what ended the answer before its time.
        first: seconds until the first sentence.
    """

    shown: tuple[Shown, ...] = ()
    dropped: int = 0
    silent: bool = False
    fault: Fault = ""
    first: float | None = None

    @property
    def written(self) -> bool:
        """Tell whether a sentence of the model itself is proved."""
        return any(each.check in ("verified", "repaired") for each in self.shown)


@dataclass(frozen=True, slots=True)
class Author:
    """A language model with what judges its sentences, and how much evidence it is given."""

    model: ChatModel
    verifier: Verifier
    context_tokens: int = 4_000

    def write(
        self, asking: Asking, answer: Answer, found: Found, generation: Generation
    ) -> Iterator[Draft]:
        """Yield the answer to what is searched for as it grows; the last draft is final."""
        evidence = [
            Source(part, _published(generation, part.document_id))
            for hit in found.hits
            for part in without_orders(hit.chunk)
        ]
        quotable = {e.sentence.id for e in found.evidence if e.probability >= ENOUGH}
        writer = Writer(
            asking,
            self.verifier,
            answer.searched_for,
            answer.language,
            pack(evidence, self.context_tokens),
            quotable,
        )
        return writer.write()


def _published(generation: Generation, document_id: str) -> date | None:
    document = generation.document(document_id)
    return document.published if document else None


@dataclass(slots=True)
class Writer:
    """Lets a model write one answer from evidence.

    Attributes:
        quotable: ids of the sentences that may be quoted in place of one without proof.
    """

    asking: Asking
    verifier: Verifier
    question: str
    language: str
    evidence: Sequence[Source]
    quotable: Set[str] = frozenset()
    _draft: Draft = field(default_factory=Draft)
    _repairs: int = 0
    _considered: set[str] = field(default_factory=set)

    def write(self) -> Iterator[Draft]:
        """Yield the draft as it grows, and again while nothing comes; the last one is final."""
        yielded, at = None, 0.0
        try:
            for draft in self._write():
                if draft is not yielded or time.monotonic() - at > BEAT_SECONDS:
                    yield draft
                    yielded, at = draft, time.monotonic()
        except ChatModelError as error:
            self._draft = replace(self._draft, fault=error.fault)
        yield self._draft

    def _write(self) -> Iterator[Draft]:
        messages = prompts.to_write(self.question, self.language, self.evidence)
        cutter = Sentences(self.language)
        with closing(self.asking.stream(messages)) as stream:
            for piece in stream:
                for sentence in cutter.feed(piece):
                    yield from self._consider(sentence)
                if cutter.goes_on or len(self._considered) > MOST_SENTENCES:
                    raise ChatModelError(self.asking.model.name, "endless")
                yield self._draft
        if cutter.rest():
            yield from self._consider(cutter.rest())

    def _consider(self, sentence: str) -> Iterator[Draft]:
        """Show a sentence, or what stands in for it, or count it as dropped."""
        if _MISSING.fullmatch(sentence):
            self._draft = replace(self._draft, silent=True)
            return
        text = plain(sentence)
        words = _without_markers(text)
        if not WORD.search(words) or fold(words) in self._considered:
            return
        self._considered.add(fold(words))
        if self._is_foreign(words):
            if not self._draft.shown:
                raise ChatModelError(self.asking.model.name, "wrong_language")
            self._draft = replace(self._draft, dropped=self._draft.dropped + 1)
            return
        verdict = self.verifier.judge(text, self.evidence)
        if verdict.supported:
            self._show(verdict, "verified")
        elif _SILENT.search(words):
            self._draft = replace(self._draft, silent=True)
        else:
            yield from self._mend(verdict)
        yield self._draft

    def _mend(self, failed: Verdict) -> Iterator[Draft]:
        """Show a sentence that failed in other words, or the quote that is nearest to it."""
        better = self._with_marker(failed)
        if better is None and self._repairs < MOST_REPAIRS:
            self._repairs += 1
            better = yield from self._repaired(failed)
        if better is not None:
            self._show(better, "repaired")
            return
        cited = {each.id for shown in self._draft.shown for each in shown.proof}
        for _, each in failed.proof:
            if each.id in self.quotable and each.id not in cited:
                self._add(Shown(" ".join(each.text.split()), "replaced", (each,)))
                return
        self._draft = replace(self._draft, dropped=self._draft.dropped + 1)

    def _with_marker(self, failed: Verdict) -> Verdict | None:
        """Return the sentence as proved by the evidence nearest to it, where it names none."""
        if failed.markers or not failed.proof:
            return None
        found = self.verifier.judge(f"{failed.text} [{failed.proof[0][0]}]", self.evidence)
        return found if found.supported else None

    def _repaired(self, failed: Verdict) -> Generator[Draft, None, Verdict | None]:
        numbers = sorted({number for number, _ in failed.proof} | set(failed.markers))
        evidence = [(number, self.evidence[number - 1]) for number in numbers]
        if not evidence:
            return None
        marked = failed.text + "".join(f" [{each}]" for each in failed.markers)
        messages = prompts.to_repair(marked, failed.reason, self.language, evidence)
        try:
            reply = yield from waited(self.asking.reply(messages), self._draft)
        except ChatModelError as error:
            if error.fault == "timed_out":
                raise
            return None
        cutter = Sentences(self.language)
        first = next(cutter.feed(reply), "") or cutter.rest()
        text = plain(first)
        if not _without_markers(text) or self._is_foreign(_without_markers(text)):
            return None
        verdict = self.verifier.judge(text, self.evidence)
        return verdict if verdict.supported else None

    def _show(self, verdict: Verdict, check: Check) -> None:
        proof = (sentence for number, sentence in verdict.proof if number in verdict.markers)
        self._add(Shown(verdict.text, check, tuple(dict.fromkeys(proof))[:MOST_PROOFS]))

    def _add(self, shown: Shown) -> None:
        draft = self._draft
        first = draft.first if draft.first is not None else self.asking.seconds()
        self._draft = replace(draft, shown=(*draft.shown, shown), first=first)

    def _is_foreign(self, text: str) -> bool:
        """Tell whether a sentence is clearly in another language than the question."""
        own = _QUOTED.sub(" ", text)
        other = differs(own, self.language) or _by_stop_words(own, self.language)
        return other is not None and other != identify(self.question)


def _by_stop_words(text: str, language: str) -> str | None:
    """Return the language whose small words a text has, where it has next to none of its own.

    >>> _by_stop_words("He met her at the airport with the ministers.", "fr")
    'en'
    """
    words = [each.casefold() for each in WORD.findall(text)]
    counts = {each: sum(word in STOP_WORDS[each] for word in words) for each in LANGUAGES}
    best = max(LANGUAGES, key=lambda each: counts[each])
    clear = counts[best] >= TELLING and counts[best] > TELLING * counts.get(language, 0)
    return best if clear else None


def stand_alone(
    asking: Asking, question: str, history: Sequence[Turn]
) -> Generator[None, None, str | None]:
    """Return the question as a model rewrites it for the turns before, None where that is no use.

    It yields while the model is waited for. What changes nothing is no use, nor what names or
    counts anything that neither the question nor the conversation does, or loses something that
    the question names.

    Raises:
        ChatModelError: as `Asking.stream`.
    """
    reply = yield from asking.reply(prompts.to_rewrite(question, history))
    text = plain(reply.strip().strip('"“”«»').strip())
    same = is_same_question(text, question, history)
    return text if same and fold(text) != fold(question) else None


def is_same_question(text: str, question: str, history: Sequence[Turn]) -> bool:
    """Tell whether a text can be the question with what it leans on put in.

    >>> before = [Turn("Who is Ana Ruiz?", "Ana Ruiz is the minister of ports.")]
    >>> is_same_question("What did Ana Ruiz say of ports?", "What did she say of ports?", before)
    True
    >>> is_same_question("What did Tom Lee say of ports?", "What did she say of ports?", before)
    False
    """
    told = " ".join([question, *(f"{turn.question} {turn.answer}" for turn in history)])
    language = detect(question)
    known = {stem(each, language) for each in WORD.findall(told)}
    named = {stem(each, language) for each in names(text, language)}
    kept = {stem(each, language) for each in WORD.findall(text)}
    wanted = {stem(each, language) for each in names(question, language)}
    longest = MUCH_LONGER * len(question) + max(len(turn.question) for turn in history)
    return (
        bool(text)
        and "\n" not in text
        and len(text) <= longest
        and differs(text, language) in (None, identify(question))
        and named <= known
        and wanted <= kept
    )


def pack(sources: Sequence[Source], budget: int) -> list[Source]:
    """Return the first of some evidence that fits a number of tokens, at least one piece."""
    kept: list[Source] = []
    left = budget
    for each in sources:
        size = prompts.tokens(f"{each.chunk.title} {each.chunk.heading} {each.chunk.text}") + 20
        if size <= left or not kept:
            kept.append(each)
            left -= size
    return kept


def _without_markers(text: str) -> str:
    return " ".join(_MARKER.sub(" ", text).split())
