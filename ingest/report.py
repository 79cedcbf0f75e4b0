"""What lies in the dossier and what could not be read, as lines, as JSON and as a page."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from rag.access import in_words
from rag.index import Generation, Listed

STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;"
    "padding:.35rem .6rem;border-bottom:1px solid #ccc}"
    "caption{text-align:left;font-weight:600;padding:.6rem 0}.note{color:#8a4b00}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}.note{color:#ffb866}}"
)
HEADS = ("File", "Title", "Date", "Kind", "Language", "Pages", "Characters", "Chunks", "Remarks")


def lines(generation: Generation) -> Iterator[str]:
    """Yield a line a document and a line a refusal, for a terminal."""
    for each in generation.listing():
        facts = [str(each.published or "undated"), each.language, each.kind]
        facts += [f"{each.pages} pages"] if each.pages else []
        facts += [f"{each.characters:,} characters", f"{each.chunks} chunks"]
        yield f"{each.uri}: {each.title} ({', '.join(facts)})"
        yield from (f"    {remark}" for remark in remarks(each))
    for uri, reason in generation.refusals():
        yield f"refused {uri}: {reason}"


def as_json(generation: Generation) -> dict[str, Any]:
    """Return all of it in the form that scripts rely on."""
    documents = [
        {
            **asdict(each),
            "published": each.published.isoformat() if each.published else None,
            "access": in_words(each.access),
        }
        for each in generation.listing()
    ]
    refused = [{"path": uri, "reason": reason} for uri, reason in generation.refusals()]
    return {"generation": generation.name, "documents": documents, "refused": refused}


def page(generation: Generation) -> str:
    """Return an HTML page that loads nothing and runs nothing."""
    held = generation.summary()
    documents = [_row(each) for each in generation.listing()]
    refused = [[escape(uri), escape(reason)] for uri, reason in generation.refusals()]
    title = f"Dossier: {held.documents} documents, {len(refused)} refused"
    return "".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'\">",
            f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>",
            f"<p>Generation {generation.name}; {held.chunks:,} chunks, ",
            f"{held.sentences:,} sentences.</p>",
            _table("Read", HEADS, documents),
            _table("Refused", ("File", "Reason"), refused) if refused else "",
            "</html>\n",
        ]
    )


def remarks(each: Listed) -> list[str]:
    """Return what is to be known of a document besides its facts."""
    same = [f"the same text as {each.same_as}"] if each.same_as else []
    near = [f"nearly the same text as {each.near_copy_of}"] if each.near_copy_of else []
    closed = [in_words(each.access)] if each.access else []
    return [*closed, *same, *near, *each.warnings]


def _row(each: Listed) -> list[str]:
    values = [each.uri, each.title, str(each.published or ""), each.kind, each.language]
    numbers = [each.pages or "", f"{each.characters:,}", each.chunks]
    said = "<br>".join(f'<span class="note">{escape(remark)}</span>' for remark in remarks(each))
    return [*map(escape, values), *map(str, numbers), said]


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
