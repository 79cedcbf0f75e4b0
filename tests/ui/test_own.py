from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag.models import Encoder
from rag.pipeline import Question
from ui.own import MOST, SECONDS, NotTakenError, OwnFiles
from ui.talk import FromFile

WALRUS = b"The walrus sings at noon in the harbour."
WHEN = Question("When does the walrus sing?")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def files(bag_of_words: Encoder, clock: Clock) -> Iterator[OwnFiles]:
    opened = OwnFiles(lambda: bag_of_words, clock)
    yield opened
    opened.close()
    assert not opened._root.exists()


@pytest.fixture
def taken(files: OwnFiles) -> OwnFiles:
    assert files.take("me", files.put("mine.txt", WALRUS)) == "mine.txt"
    return files


def kept(files: OwnFiles) -> list[Path]:
    return [each for each in files._root.rglob("*") if each.is_file()]


def test_a_file_is_asked_by_its_session_alone(taken: OwnFiles) -> None:
    mine = taken.ask("me", "mine.txt", WHEN)
    assert mine
    assert mine.answer
    assert [each.quote for each in mine.answer.citations] == [WALRUS.decode()]
    assert taken.ask("you", "", WHEN) is None
    assert taken.index_of("you") is None


def test_a_file_is_taken_once_by_the_one_who_knows_the_word(files: OwnFiles) -> None:
    word = files.put("mine.txt", WALRUS)
    with pytest.raises(NotTakenError, match="did not arrive"):
        files.take("you", "another word")
    files.take("me", word)
    with pytest.raises(NotTakenError, match="did not arrive"):
        files.take("you", word)


@pytest.mark.parametrize(
    "leave",
    [
        pytest.param(lambda files, _: files.drop("me"), id="session-ends"),
        pytest.param(lambda files, clock: _later(files, clock), id="time-is-over"),
        pytest.param(lambda files, _: files.take("me", files.put("b.txt", b"Else.")), id="another"),
    ],
)
def test_a_file_is_removed(
    taken: OwnFiles, clock: Clock, leave: Callable[[OwnFiles, Clock], object]
) -> None:
    assert any(WALRUS in each.read_bytes() for each in kept(taken))
    leave(taken, clock)
    assert not [each for each in kept(taken) if b"walrus" in each.read_bytes()]


def _later(files: OwnFiles, clock: Clock) -> None:
    clock.now = SECONDS + 1
    files.sweep()


def test_a_file_whose_time_is_over_is_said_to_be_gone(taken: OwnFiles, clock: Clock) -> None:
    clock.now = SECONDS + 1
    assert taken.ask("me", "mine.txt", WHEN) == FromFile("mine.txt")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        pytest.param("a.exe", b"x", "'a.exe' is of no format", id="format"),
        pytest.param("a.txt", b"x" * 20_000_001, "larger than 20 MB", id="large"),
    ],
)
def test_a_file_that_is_not_read_is_refused(
    files: OwnFiles, name: str, data: bytes, message: str
) -> None:
    with pytest.raises(NotTakenError, match=message):
        files.put(name, data)


def test_a_file_without_text_is_refused_and_not_kept(files: OwnFiles) -> None:
    word = files.put("a.pdf", b"%PDF-1.7 damaged")
    with pytest.raises(NotTakenError, match="damaged or not a PDF"):
        files.take("me", word)
    assert kept(files) == []


def test_only_so_many_are_kept_and_those_nobody_takes_go(files: OwnFiles, clock: Clock) -> None:
    for _ in range(MOST):
        files.put("a.txt", b"x")
    with pytest.raises(NotTakenError, match="too many files"):
        files.put("a.txt", b"x")
    clock.now = SECONDS
    files.put("a.txt", b"x")
    assert len(kept(files)) == 1
