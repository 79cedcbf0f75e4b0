"""What an answer looks like in the chat: quotes with links to their sources, and small print."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rag.types import Answer, Citation
from ui.inert import inert
from ui.source import address
from ui.words import day, sentence, words

Message = dict[str, str]


def messages(answers: Iterable[Answer], *, notice: str = "") -> list[Message]:
    """Return the conversation as the chatbot takes it, with what went wrong last, if anything."""
    shown = [message for answer in answers for message in _turn(answer)]
    if notice:
        shown.append(_message("assistant", f'<p class="notice">{inert(sentence(notice))}</p>'))
    return shown


def html(answer: Answer) -> str:
    """Return an answer, finished or growing, as HTML on one line."""
    parts = _refusal(answer) if answer.status == "refused" else map(_quote, answer.citations)
    return "".join([*parts, *_small_print(answer)])


def _turn(answer: Answer) -> Iterator[Message]:
    yield _message("user", f'<p dir="auto">{inert(answer.question)}</p>')
    yield _message("assistant", html(answer))


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": f'<div class="{role}">{content}</div>'}


def _quote(citation: Citation) -> str:
    return f'<p class="quote" dir="auto">{inert(_flat(citation.quote))}&#160;{_link(citation)}</p>'


def _link(citation: Citation) -> str:
    target = address(citation.document_id, citation.span)
    title = inert(f"Open source {citation.marker}: {citation.title}")
    return f'<a class="cite" href="{target}" title="{title}">[{citation.marker}]</a>'


def _refusal(answer: Answer) -> Iterator[str]:
    refusal, _, label = answer.text.partition(answer.coverage)
    yield f'<p class="refusal">{inert(refusal)}</p><p class="coverage">{inert(answer.coverage)}</p>'
    if answer.citations:
        label, _, _ = label.partition(_flat(answer.citations[0].quote))
    quotes = "".join(map(_quote, answer.citations))
    yield f'<div class="nearest"><p class="label">{inert(label)}</p>{quotes}</div>'


def _small_print(answer: Answer) -> Iterator[str]:
    own = words(answer.language)
    if answer.status == "searching":
        yield f'<p class="searching">{inert(own.searching)}</p>'
        return
    if answer.as_of and answer.status != "refused":
        yield f'<p class="small">{inert(answer.as_of)}</p>'
    if answer.searched_for != answer.question:
        yield (
            f'<p class="small searched" dir="auto">{inert(own.searched_for)} '
            f"{inert(answer.searched_for)}</p>"
        )
    if answer.citations:
        yield f'<p class="small label">{inert(own.sources)}</p><ul class="sources">'
        by_page = sorted(answer.citations, key=_page)
        pages = [list(group) for _, group in groupby(by_page, _page)]
        yield from (_source(cited, answer.language) for cited in sorted(pages, key=_first))
        yield "</ul>"


def _page(citation: Citation) -> tuple[str, int]:
    return citation.document_id, citation.page or 0


def _first(cited: Sequence[Citation]) -> int:
    return cited[0].marker


def _source(cited: Sequence[Citation], language: str) -> str:
    """Return one line for the citations of one page, or of one document without pages."""
    first, own = cited[0], words(language)
    facts = [first.title, day(first.published, language)]
    if first.page is not None:
        facts.append(f"{own.page} {first.page}")
    return f'<li dir="auto">{" ".join(map(_link, cited))} {inert(" · ".join(facts))}</li>'


def _flat(quote: str) -> str:
    return " ".join(quote.split())
