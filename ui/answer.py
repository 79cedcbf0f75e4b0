"""What a conversation looks like: each question, its answer with links, and what can be done."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rag.types import Answer, Citation, Statement
from ui.inert import inert, told
from ui.source import address
from ui.talk import Exchange, FromFile, Session
from ui.words import day, say, sentence

REASONS = ("reason_wrong", "reason_missing", "reason_source", "reason_refusal")
THANKS = {  # what is said of each vote
    "good": "thanks",
    "bad": "thanks",
    "lost": "not_kept",
    "early": "note_early",
    "full": "note_full",
    "long": "note_long",
}


def conversation(session: Session, language: str, *, notice: str = "") -> str:
    """Return the conversation as HTML, with what went wrong last, if anything."""
    last = len(session) - 1
    turns = [
        turn(each, number, language, last=number == last) for number, each in enumerate(session)
    ]
    if notice:
        turns.append(f'<p class="notice" role="status">{inert(sentence(notice))}</p>')
    return "".join(turns)


def turn(exchange: Exchange, number: int, language: str, *, last: bool) -> str:
    """Return a question with its answer, finished or growing."""
    answer = exchange.answer
    done = answer.status != "searching"
    tools = _tools(exchange, number, language, last=last) if done else ""
    edit = _button("edit", number, say(language, "edit")) if done else ""
    return (
        f'<section class="turn" aria-labelledby="asked-{number}" data-answer="{inert(answer.id)}">'
        '<div class="user">'
        f'<h2 id="asked-{number}" dir="auto"><span class="unseen">{told(language, "you_asked")}'
        f": </span>{inert(answer.question)}</h2>{edit}</div>"
        f'<div class="assistant" lang="{inert(answer.language)}">{html(exchange)}</div>'
        f"{tools}</section>"
    )


def html(exchange: Exchange) -> str:
    """Return an answer, finished or growing, and what the reader's own file says."""
    answer = exchange.answer
    body = _refusal(answer) if answer.status == "refused" else _sentences(answer)
    chosen = say(answer.language, "filter_line", what=exchange.where)
    where = _line(chosen, "where") if exchange.where else ""
    own = _own(exchange.own, answer.language) if exchange.own else ""
    return "".join([_badge(answer, exchange.state), *body, *_small_print(answer), where, own])


def _badge(answer: Answer, state: str) -> str:
    """Return what kind of answer it is; while it is being made, that it is."""
    if answer.status == "searching":
        return ""
    own = answer.language
    mode = (
        say(own, "generative", model=answer.model)
        if answer.mode == "generative"
        else say(own, "extractive")
    )
    return (
        f'<p class="badge {answer.status}"><strong>{told(own, state)}</strong>'
        f"{inert(f' · {mode}')}</p>"
    )


def _sentences(answer: Answer) -> Iterator[str]:
    """Yield what is stated, sentence by sentence, or what is quoted as long as that is all."""
    by_marker = {each.marker: each for each in answer.citations}
    if answer.unsure:
        yield _line(sentence(answer.notice), "notice")
    if answer.statements:
        yield from (_statement(each, by_marker, answer.language) for each in answer.statements)
    elif answer.citations:
        yield from (_quote(each, answer.language) for each in answer.citations)
    elif answer.text:  # of a failure
        yield f'<p class="stated" dir="auto">{inert(answer.text)}</p>'
    if answer.dropped:
        key = "dropped_one" if answer.dropped == 1 else "dropped"
        yield _line(say(answer.language, key, n=answer.dropped), "dropped")
    if answer.notice and not answer.unsure:
        yield _line(sentence(answer.notice), "notice")


def _statement(each: Statement, by_marker: dict[int, Citation], language: str) -> str:
    links = " ".join(_link(by_marker[n], language) for n in each.markers if n in by_marker)
    label = ""
    if each.check != "quoted":
        label = f' <span class="check">{told(language, each.check)}</span>'
    kind = "quote" if each.check in ("quoted", "replaced") else "stated"
    text = inert(_flat(each.text))
    return f'<p class="{kind} {each.check}" dir="auto">{text}&#160;{links}{label}</p>'


def _quote(citation: Citation, language: str) -> str:
    return (
        f'<p class="quote" dir="auto">{inert(_flat(citation.quote))}'
        f"&#160;{_link(citation, language)}</p>"
    )


def _link(citation: Citation, language: str) -> str:
    target = address(citation.document_id, citation.span)
    label = told(language, "open_source", n=citation.marker, title=citation.title)
    return f'<a class="cite" href="{target}" title="{label}">[{citation.marker}]</a>'


def _refusal(answer: Answer) -> Iterator[str]:
    refusal, _, label = answer.text.partition(answer.coverage)
    if refusal:
        yield f'<p class="refusal">{inert(refusal)}</p>'
    yield f'<p class="coverage">{inert(answer.coverage)}</p>'
    if answer.citations:
        label, _, _ = label.partition(_flat(answer.citations[0].quote))
    quotes = "".join(_quote(each, answer.language) for each in answer.citations)
    if label:
        yield f'<div class="nearest"><p class="label">{inert(label)}</p>{quotes}</div>'
    if answer.notice:
        yield _line(sentence(answer.notice), "notice")


def _small_print(answer: Answer) -> Iterator[str]:
    own = answer.language
    if answer.status == "searching":
        yield f'<p class="searching">{told(own, "searching")}</p>'
        return
    if answer.as_of and answer.status != "refused":
        yield _line(answer.as_of, "as-of")
    if answer.searched_for != answer.question:
        yield _line(f"{say(own, 'searched_for')} {answer.searched_for}", "searched")
    if answer.citations:
        yield f'<p class="small label">{told(own, "sources")}</p><ul class="sources">'
        by_page = sorted(answer.citations, key=_page)
        pages = [list(group) for _, group in groupby(by_page, _page)]
        yield from (_source(cited, own) for cited in sorted(pages, key=_first))
        yield "</ul>"


def _own(own: FromFile, language: str) -> str:
    """Return what the reader's own file says, set apart from what the dossier says."""
    if own.answer is None:
        return f'<div class="own">{_line(say(language, "file_gone", name=own.name), "label")}</div>'
    if own.answer.status not in ("answered", "partial"):
        return (
            f'<div class="own">{_line(say(language, "file_silent", name=own.name), "label")}</div>'
        )
    label = _line(say(language, "from_file", name=own.name), "label")
    if own.answer.unsure:
        label += _line(sentence(own.answer.notice), "notice")
    quotes = "".join(_quote(each, language) for each in own.answer.citations)
    return f'<div class="own">{label}{quotes}</div>'


def _tools(exchange: Exchange, number: int, language: str, *, last: bool) -> str:
    """Return what can be done with an answer."""

    def button(action: str, key: str | None = None, **more: str) -> str:
        return _button(action, number, say(language, key or action), **more)

    marks = {each: {"aria-pressed": str(exchange.vote == each).lower()} for each in ("good", "bad")}
    buttons = [
        button("copy"),
        button("markdown", "as_markdown", label=f"{say(language, 'download')}: Markdown"),
        button("docx", "as_docx", label=f"{say(language, 'download')}: Word"),
        button("retry") if last else "",
        button("good", **marks["good"]),
        button("bad", **marks["bad"]),
    ]
    name = inert(f"{say(language, 'actions')} ({number + 1})")
    return (
        f'<div class="tools" role="group" aria-label="{name}">{"".join(buttons)}</div>'
        f"{_reasons(number, language) if exchange.vote == 'asked' else ''}"
        f"{_thanks(exchange.vote, language)}"
    )


def _thanks(vote: str, language: str) -> str:
    key = THANKS.get(vote)
    return f'<p class="small thanks" role="status">{told(language, key)}</p>' if key else ""


def _reasons(number: int, language: str) -> str:
    """Return the form that asks what is wrong with an answer."""
    choices = "".join(
        f'<label><input type="radio" name="reason" value="{key}"> {told(language, key)}</label>'
        for key in REASONS
    )
    return (
        f'<form class="reasons" data-do="note" data-n="{number}"><fieldset>'
        f"<legend>{told(language, 'reason')}</legend>{choices}</fieldset>"
        f'<label>{told(language, "note")} <textarea name="note" rows="2" maxlength="1000">'
        f'</textarea></label><p class="small">{told(language, "kept")}</p>'
        f'<div><button type="submit">{told(language, "send")}</button>'
        f"{_button('unvote', number, say(language, 'cancel'))}</div></form>"
    )


def _button(action: str, number: int, words: str, *, label: str = "", **more: str) -> str:
    named = f' aria-label="{inert(label)}"' if label else ""
    others = "".join(f' {name}="{inert(value)}"' for name, value in more.items())
    return (
        f'<button type="button" data-do="{action}" data-n="{number}"{named}{others}>'
        f"{inert(words)}</button>"
    )


def _line(words: str, kind: str) -> str:
    return f'<p class="small {kind}" dir="auto">{inert(words)}</p>'


def _page(citation: Citation) -> tuple[str, int]:
    return citation.document_id, citation.page or 0


def _first(cited: Sequence[Citation]) -> int:
    return cited[0].marker


def _source(cited: Sequence[Citation], language: str) -> str:
    """Return one line for the citations of one page, or of one document without pages."""
    first = cited[0]
    facts = [first.title, day(first.published, language)]
    if first.page is not None:
        facts.append(f"{say(language, 'page')} {first.page}")
    links = " ".join(_link(each, language) for each in cited)
    return f'<li dir="auto">{links} {inert(" · ".join(facts))}</li>'


def _flat(quote: str) -> str:
    return " ".join(quote.split())
