"""Dates are those of the documents, wherever the machine stands and whatever its clock says."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.load import load
from ingest.reading import iso_date
from rag.pipeline import Pipeline, Question
from rag.records import as_json

ZONES = (
    "UTC",
    "Pacific/Kiritimati",  # 14 hours before London
    "Pacific/Pago_Pago",  # 11 hours after it
    "America/St_Johns",  # half an hour off, with summer time
    "Africa/Casablanca",  # summer time that pauses for a month
    "Australia/Lord_Howe",  # summer time of half an hour
)
DATED = {
    "leap.md": ("---\ndate: 2024-02-29\n---\n\nThey met.", "2024-02-29"),
    "gap.md": ("---\ndate: 2026-03-29T02:30:00\n---\n\nThey met.", "2026-03-29"),  # no such hour
    "twice.md": ("---\ndate: 2026-10-25T02:30:00+01:00\n---\n\nThey met.", "2026-10-25"),
    "midnight.html": (
        '<html><head><meta property="article:published_time" content="2025-12-31T23:59:59-10:00">'
        "</head><body><p>They met in the harbour on the last day of the year.</p></body></html>",
        "2025-12-31",
    ),
    "mail.eml": ("Subject: M\nDate: Thu, 29 Feb 2024 23:30:00 -1100\n\nThey met.", "2024-02-29"),
    "20240229-named.txt": ("They met.", "2024-02-29"),
    "no-such-day.md": ("---\ndate: 2023-02-29\n---\n\nThey met.", None),
}
QUESTIONS = ("When does the visit begin?", "What is planned for September 18?")


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_a_document_has_its_own_date(tmp_path: Path) -> None:
    for name, (text, expected) in DATED.items():
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        (document,) = load(path, root=tmp_path, uri=name).documents
        assert (name, str(document.published)) == (name, str(expected))


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("29 February 2024", "2024-02-29"),
        ("29 de febrero de 2024", "2024-02-29"),
        ("29 février 2024", "2024-02-29"),
        ("29 February 2023", None),
        ("2024-02-29T23:59:59-11:00", "2024-02-29"),
        ("2026-03-29T02:30:00", "2026-03-29"),
    ],
)
def test_a_date_is_read_the_same(written: str, expected: str | None) -> None:
    iso_date.cache_clear()
    assert iso_date(written) == expected


@pytest.fixture(scope="module")
def in_london(pipeline: Pipeline) -> list[str]:
    return [told(pipeline, each) for each in QUESTIONS]


def told(pipeline: Pipeline, question: str) -> str:
    answer = as_json(pipeline.invoke(Question(question, recorded=False)))
    return json.dumps({k: v for k, v in answer.items() if k not in ("id", "timings_ms")})


@pytest.mark.usefixtures("zone")
def test_an_answer_and_its_as_of_line_are_the_same(
    pipeline: Pipeline, in_london: list[str]
) -> None:
    assert [told(pipeline, each) for each in QUESTIONS] == in_london
