"""What was found or written, as an answer: numbered citations, text, as-of line, status."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rag import wording
from rag.errors import IndexDamagedError
from rag.evidence import Evidence
from rag.extract import is_sure
from rag.generate import Draft, Shown
from rag.index import Generation
from rag.types import Answer, Chunk, Citation, Fault, Sentence, Statement, Status
from rag.verify import check

NEAR = 0.2  # cosine below which a passage is not worth showing with a refusal


def quoted(
    answer: Answer, chosen: Sequence[Evidence], evidence: Sequence[Evidence], generation: Generation
) -> Answer:
    """Return the answer that quotes the chosen sentences, or a refusal when there are none.

    An answer by sentences that only may answer is partial, and says so.
    """
    if not chosen:
        return _refused(answer, evidence, generation)
    cited = [cite(generation, each.sentence, number) for number, each in enumerate(chosen, 1)]
    sure = is_sure(chosen)
    return replace(
        answer,
        status="answered" if sure else "partial",
        notice="" if sure else wording.unsure(answer.language),
        text=text_of(cited),
        citations=tuple(cited),
        as_of=wording.as_of(answer.language, cited, generation.whole),
    )


def instead(answer: Answer, model: str, fault: Fault) -> Answer:
    """Return an answer made without a language model, with the reason why."""
    notices = (answer.notice, wording.fault(answer.language, model, fault))
    return replace(answer, fault=fault, notice=" ".join(filter(None, notices)))


def growing(answer: Answer, draft: Draft, generation: Generation, model: str) -> Answer:
    """Return an answer as far as it is written."""
    return _stating(answer, draft.shown, generation, model)


def written(
    answer: Answer,
    draft: Draft,
    generation: Generation,
    model: str,
    *,
    chosen: Sequence[Evidence],
    evidence: Sequence[Evidence],
) -> Answer:
    """Return the answer that a model has written, or what stands in for it.

    A model that breaks off leaves what was verified, completed by quotes; one that wrote nothing
    that is proved leaves the quotes; one that says that nothing answers leaves a refusal.
    """
    answer = replace(answer, dropped=draft.dropped)
    if draft.written:
        shown = draft.shown + tuple(_left(draft, chosen) if draft.fault else ())
        found = _stating(answer, shown, generation, model)
        as_of = wording.as_of(answer.language, found.citations, generation.whole)
        notice = _notice(answer.language, model, draft)
        status: Status = "partial" if draft.fault or draft.silent else "answered"
        return replace(found, status=status, as_of=as_of, fault=draft.fault, notice=notice)
    if draft.silent and not (draft.shown or draft.dropped or draft.fault):
        refused = _refused(answer, evidence, generation)
        return replace(refused, mode="generative", model=model)
    without = quoted(answer, chosen, evidence, generation)
    return instead(without, model, draft.fault or "unverified")


def _left(draft: Draft, chosen: Iterable[Evidence]) -> Iterable[Shown]:
    """Return what would be quoted without a model and is not cited yet."""
    cited = {each.id for shown in draft.shown for each in shown.proof}
    for each in chosen:
        if each.sentence.id not in cited:
            yield Shown(" ".join(each.sentence.text.split()), "quoted", (each.sentence,))


def _notice(language: str, model: str, draft: Draft) -> str:
    if draft.fault:
        return wording.fault(language, model, draft.fault, partly=True)
    return wording.silent(language) if draft.silent else ""


def _stating(answer: Answer, shown: Iterable[Shown], generation: Generation, model: str) -> Answer:
    """Return the answer with sentences and the passages that prove them, numbered as they come."""
    citations: dict[str, Citation] = {}
    statements = []
    for each in shown:
        for sentence in each.proof:
            if sentence.id not in citations:
                citations[sentence.id] = cite(generation, sentence, len(citations) + 1)
        markers = tuple(citations[sentence.id].marker for sentence in each.proof)
        statements.append(Statement(each.text, markers, each.check))
    return replace(
        answer,
        mode="generative",
        model=model,
        text=" ".join(_marked(each) for each in statements),
        citations=tuple(citations.values()),
        statements=tuple(statements),
    )


def _marked(statement: Statement) -> str:
    return " ".join([statement.text, *(f"[{marker}]" for marker in statement.markers)])


def _refused(answer: Answer, evidence: Sequence[Evidence], generation: Generation) -> Answer:
    """Say that the documents do not answer, what was searched, and what came nearest."""
    best = max(evidence, key=lambda each: each.measured("cosine"), default=None)
    near = [cite(generation, best.sentence, 1)] if best and best.measured("cosine") >= NEAR else []
    searched = generation.summary()
    coverage = wording.coverage(answer.language, searched, generation.whole)
    refusal, nearest = (
        wording.refusal(answer.language),
        wording.nearest(answer.language, text_of(near)),
    )
    lines = (refusal, coverage, nearest) if searched.documents else (coverage,)
    return replace(
        answer,
        status="refused",
        text=" ".join(lines),
        coverage=coverage,
        citations=tuple(near),
        as_of=wording.as_of(answer.language, near, generation.whole),
    )


def cite(generation: Generation, sentence: Sentence | Chunk, marker: int) -> Citation:
    """Return the citation of a piece of a document, checked against it."""
    document = generation.document(sentence.document_id)
    if document is None:
        raise IndexDamagedError(
            f"the text {sentence.id!r} has no document in {generation.name!r}; "
            "run python -m ingest --check"
        )
    citation = Citation(
        marker=marker,
        document_id=document.id,
        title=document.title,
        uri=document.uri,
        published=document.published,
        page=document.page_of(sentence.span.start),
        span=sentence.span,
        quote=sentence.text,
    )
    return check(citation, document)


def text_of(cited: Sequence[Citation]) -> str:
    """Return the quotes on one line each, with their markers."""
    return " ".join(f"{' '.join(each.quote.split())} [{each.marker}]" for each in cited)
