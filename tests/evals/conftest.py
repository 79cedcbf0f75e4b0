"""Runs that are made up, so that it is known what each case should get."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from evals.cases import Dossiers, parse
from evals.run import Run, read_run, write_run
from rag.types import Block, Document, Span

TEXT = "The talks begin in May.\n\nThey cost 12 million crowns, Ana Ruiz said.\n\nThe end is open."
DOCUMENT = Document(
    "Talks", "a.txt", TEXT, (Block(Span(0, len(TEXT))),), published=date(2026, 5, 1)
)
DOSSIERS: Dossiers = {"": {"a.txt": DOCUMENT}}
START, COST, END = TEXT.split("\n\n")
AS_OF = "As of May 1, 2026: from 1 document dated May 1, 2026."

Row = dict[str, Any]
MakeRun = Callable[[Sequence[Row], Mapping[str, Row]], Run]


def asked(name: str, *quotes: str, **more: Any) -> Row:
    """Return a case that is to be answered from these quotes, or refused when there are none."""
    gold = {"gold": [{"uri": "a.txt", "quote": quote} for quote in quotes]} if quotes else {}
    return {
        "id": name,
        "question": f"What of {name}?",
        "lang": "en",
        "class": "what" if quotes else "near",
        "expected_status": "answered" if quotes else "refused",
        "why": "a reason",
        **gold,
        **more,
    }


def cited(marker: int, quote: str) -> Row:
    start = TEXT.index(quote)
    return {
        "marker": marker, "document_id": DOCUMENT.id, "title": "Talks", "uri": "a.txt",
        "published": "2026-05-01", "page": None, "start": start, "end": start + len(quote),
        "quote": quote,
    }  # fmt: skip


def made(*quotes: str, status: str = "answered", **more: Any) -> Row:
    """Return the answer that shows these quotes, found as its hits too."""
    citations = [cited(number, quote) for number, quote in enumerate(quotes, 1)]
    return {
        "searched_for": "what",
        "language": "en",
        "status": status,
        "text": " ".join(f"{each['quote']} [{each['marker']}]" for each in citations),
        "as_of": AS_OF if quotes else "",
        "coverage": "",
        "citations": citations,
        "hits": [
            {"chunk_id": f"{DOCUMENT.id}:{each['start']}-{each['end']}", "score": 1.0,
             **{name: each[name] for name in ("document_id", "start", "end")}}
            for each in citations
        ],
        **more,
    }  # fmt: skip


def refused(**more: Any) -> Row:
    return made(status="refused", coverage="Searched 1 document dated May 1, 2026.", **more)


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that writes a run of some cases and answers, and reads it again."""
    made_up: list[Path] = []

    def make(cases: Sequence[Row], answers: Mapping[str, Row]) -> Run:
        folder = tmp_path / f"run{len(made_up)}"
        made_up.append(folder)
        lines = [(f"cases:{n}", json.dumps(case)) for n, case in enumerate(cases, 1)]
        write_run(folder, parse(lines, DOSSIERS), DOSSIERS, about={"commit": "abc"})
        rows = [json.dumps({"case": name, **answer}) for name, answer in answers.items()]
        (folder / "predictions.jsonl").write_text("\n".join(rows), encoding="utf-8")
        spent = [json.dumps({"case": name, "total": 10.0}) for name in answers]
        (folder / "timings.jsonl").write_text("\n".join(spent), encoding="utf-8")
        return read_run(folder)

    return make
