import json
from datetime import date

import pytest

from rag.types import Answer, Citation, Span, Statement
from ui.saved import MOST_CHARACTERS, pack, unpack
from ui.talk import Exchange, FromFile

CITED = Citation(1, "0123456789abcdef", "T", "u", date(2025, 9, 18), 2, Span(0, 2), "It")
ANSWER = Answer(
    "1", "When?", "When?", "fr", "answered", text="It [1]", citations=(CITED,),
    statements=(Statement("It", (1,), "repaired"),), dropped=1, notice="n", as_of="Now.",
)  # fmt: skip


def test_a_conversation_comes_back_as_it_was() -> None:
    session = (Exchange(ANSWER, where="notes", vote="bad"), Exchange(ANSWER))
    assert unpack(pack(session)) == session


def test_what_the_readers_file_said_is_not_kept() -> None:
    session = (Exchange(ANSWER, own=FromFile("mine.txt", ANSWER)),)
    assert "mine.txt" not in pack(session)
    assert unpack(pack(session)) == (Exchange(ANSWER),)


def test_an_unfinished_answer_is_not_kept() -> None:
    assert unpack(pack((Exchange(Answer("1", "q", "q", "en", "searching")),))) == ()


def test_of_a_conversation_that_is_too_long_the_newest_stay() -> None:
    long = [Exchange(Answer(str(n), "q" * 90_000, "q", "en", "refused")) for n in range(8)]
    packed = pack(tuple(long))
    assert len(packed) <= MOST_CHARACTERS
    assert [each.answer.id for each in unpack(packed)] == ["4", "5", "6", "7"]


@pytest.mark.parametrize(
    "packed",
    [
        None,
        {"path": "/etc/passwd"},
        "",
        "[",
        "{}",
        '[{"answer": 1}]',
        "x" * (3 * MOST_CHARACTERS),
        pack((Exchange(ANSWER),)).replace("answered", "owned"),
        pack((Exchange(ANSWER),)).replace('"start":0', '"start":-5'),
        json.dumps([{"answer": {"id": "1"}}]),
    ],
)
def test_what_is_no_conversation_is_none(packed: object) -> None:
    assert unpack(packed) == ()
