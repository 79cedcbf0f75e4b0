"""The values that every other module speaks in; all of them frozen."""

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from rag.access import Rules

BlockKind = Literal["heading", "paragraph", "item", "row"]
Status = Literal["searching", "answered", "partial", "refused", "failed"]
Check = Literal["quoted", "verified", "repaired", "replaced"]
Fault = Literal[
    "",  # none
    "switched_off", "no_package", "no_key", "misconfigured", "unauthorized", "unknown_model",
    "rate_limited", "rejected", "server_error", "unreachable", "timed_out", "cut_off", "too_long",
    "empty", "malformed", "endless", "wrong_language", "unverified",
]  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of characters of a document's text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span runs forward from 0, not {self.start}:{self.end}")

    def of(self, text: str) -> str:
        """Return the characters of the text that the span covers."""
        return text[self.start : self.end]

    def contains(self, other: "Span") -> bool:
        """Tell whether the other span lies wholly inside this one."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list item or table row of a document."""

    span: Span
    kind: BlockKind = "paragraph"


@dataclass(frozen=True, slots=True)
class Document:
    """A source text with what is known about it.

    Attributes:
        uri: where the file lies, relative to the folder that was ingested.
        language: ISO 639-1 code.
        published: the document's own date, never the file's.
        pages: one span a page, for formats that have pages.
        origins: (field, where its value came from) for title, published, language and kind.
        warnings: what a person should know of the text, one sentence each.
        access: what the document itself says of who may read it, None when it says nothing.
        id: the address of the text: same text, same document.
    """

    title: str
    uri: str
    text: str
    blocks: tuple[Block, ...]
    language: str = "en"
    kind: str = "document"
    published: date | None = None
    pages: tuple[Span, ...] = ()
    origins: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    access: Rules | None = None
    id: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()
        object.__setattr__(self, "id", digest[:16])

    def page_of(self, offset: int) -> int | None:
        """Return the number, from 1, of the page that holds a character, if there are pages."""
        starts = [page.start for page in self.pages]
        return max(1, sum(start <= offset for start in starts)) if starts else None


@dataclass(frozen=True, slots=True)
class Sentence:
    """The smallest piece of a document that is quoted."""

    document_id: str
    span: Span
    text: str

    @property
    def id(self) -> str:
        """Return the sentence's address."""
        return f"{self.document_id}:{self.span.start}-{self.span.end}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """The piece of a document that is retrieved, with the sentences inside it.

    Attributes:
        title, heading, language: those it stands under.
        id: its address, made once, as it is asked for at every comparison.
    """

    document_id: str
    span: Span
    text: str
    title: str
    heading: str
    language: str
    sentences: tuple[Sentence, ...] = ()
    id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        address = f"{self.document_id}:{self.span.start}-{self.span.end}"
        object.__setattr__(self, "id", address)


@dataclass(frozen=True, slots=True)
class Source:
    """A numbered piece of evidence: its number is its place in the list, from 1."""

    chunk: Chunk
    published: date | None


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to embed, with the spans of it that get vectors of their own."""

    text: str
    parts: tuple[Span, ...] = ()

    def pieces(self) -> tuple[str, ...]:
        """Return the text and then each part of it."""
        return (self.text, *(part.of(self.text) for part in self.parts))


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk; a higher score is better."""

    chunk: Chunk
    score: float


@dataclass(frozen=True, slots=True)
class Citation:
    """What a marker in an answer points at: `quote` is the document's text from start to end."""

    marker: int
    document_id: str
    title: str
    uri: str
    published: date | None
    page: int | None
    span: Span
    quote: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents a question is asked of; what is empty lets all pass.

    Attributes:
        documents: where they lie, as `Document.uri`, or their ids.
        first, last: the earliest and latest date of a document; those without a date then stay out.
    """

    documents: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    first: date | None = None
    last: date | None = None


EVERYWHERE = Filter()


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer, with the markers of what proves it and how it came to be shown.

    Attributes:
        text: without markers.
        check: quoted as it stands in a document; or written by a model and verified, repaired by
            it after a first try that failed, or replaced by the quote of its best evidence.
    """

    text: str
    markers: tuple[int, ...]
    check: Check = "quoted"


@dataclass(frozen=True, slots=True)
class Usage:
    """What asking a language model for one answer took.

    Attributes:
        calls: requests, those repeated or for a correction included.
        input_tokens, output_tokens: as the model counts them, 0 where it does not say.
        first_sentence: seconds until the first verified sentence was there, None without one.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    first_sentence: float | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a conversation with the answer it got."""

    question: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, or the state of one that is still being made.

    Attributes:
        text: sentences, each followed by its marker `[n]`.
        as_of: one line, computed from the dates of the cited documents.
        coverage: for a refusal, what was searched.
        statements: the sentences that `text` is made of.
        dropped: how many sentences of a model were not shown because nothing proves them.
        mode: "generative" when a language model wrote it, be it in part, else "extractive".
        model: the one that wrote it, empty when none did.
        fault: why a language model that is set wrote nothing or not all, empty when it did.
        notice: what the reader should know of how the answer was made, such as a model that failed.
        usage: what asking a language model took, None when none was asked.
        timings_ms: (stage, milliseconds) in the order they ran.
    """

    id: str
    question: str
    searched_for: str
    language: str
    status: Status
    text: str = ""
    as_of: str = ""
    coverage: str = ""
    citations: tuple[Citation, ...] = ()
    hits: tuple[Hit, ...] = ()
    mode: str = "extractive"
    model: str = ""
    timings_ms: tuple[tuple[str, float], ...] = ()
    statements: tuple[Statement, ...] = ()
    dropped: int = 0
    fault: Fault = ""
    notice: str = ""
    usage: Usage | None = None

    @property
    def unsure(self) -> bool:
        """Tell whether it quotes what only may answer the question."""
        return self.status == "partial" and self.mode == "extractive"
