import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingest.load import limits_of
from rag.models import Encoder
from rag.pipeline import Question
from rag.settings import Settings
from rag.store import Embedding
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
    with pytest.raises(NotTakenError, match="file_late"):
        files.take("you", "another word")
    files.take("me", word)
    with pytest.raises(NotTakenError, match="file_late"):
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


def test_a_file_whose_time_is_over_can_not_be_looked_into(taken: OwnFiles, clock: Clock) -> None:
    assert taken.index_of("me")
    clock.now = SECONDS + 1
    assert taken.index_of("me") is None


def test_a_file_whose_time_is_over_is_removed_though_nobody_asks(
    bag_of_words: Encoder, clock: Clock
) -> None:
    with closing(OwnFiles(lambda: bag_of_words, clock, sweep_seconds=0.01)) as files:
        files.put("mine.txt", WALRUS)
        clock.now = SECONDS
        for _ in range(6000):
            if not list(files._root.iterdir()):
                break
            time.sleep(0.01)
        assert list(files._root.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        pytest.param("a.exe", b"x", "it is of the unsupported type '.exe'; supported", id="type"),
        pytest.param("a.pdf", b"%PDF-1.7 damaged", "damaged or not a PDF", id="damaged"),
    ],
)
def test_a_file_that_is_not_read_is_refused_as_an_ingest_refuses_it_and_not_kept(
    files: OwnFiles, name: str, data: bytes, message: str
) -> None:
    with pytest.raises(NotTakenError, match=message):
        files.take("me", files.put(name, data))
    assert list(files._root.iterdir()) == []


@pytest.mark.parametrize("name", ["README.txt", "a.tsv"])
def test_whatever_an_ingest_reads_can_be_asked(files: OwnFiles, name: str) -> None:
    assert files.take("me", files.put(name, WALRUS)) == name


def test_a_file_beyond_the_operators_limits_is_refused(bag_of_words: Encoder, clock: Clock) -> None:
    settings = Settings(max_characters=1000)
    limited = OwnFiles(
        lambda: bag_of_words, clock, most_bytes=2000, limits=lambda: limits_of(settings)
    )
    with closing(limited) as files:
        with pytest.raises(NotTakenError, match="1,001 characters, where 1,000 are allowed"):
            files.take("me", files.put("a.txt", b"x" * 1001))
        with pytest.raises(NotTakenError, match="file_large"):
            files.put("a.txt", b"x" * 2001)


@pytest.mark.parametrize(
    "name",
    [f"{'𐐷' * 80}.txt", f"{'é' * 300}.{'𐐷' * 80}", "𐐷" * 300],
    ids=["stem", "suffix", "bare"],
)
def test_a_name_of_many_bytes_is_cut_to_what_a_file_system_takes(
    files: OwnFiles, name: str
) -> None:
    assert files.put(name, b"x")
    (path,) = kept(files)
    assert 100 < len(path.name.encode()) < 143


def test_a_file_that_can_not_be_written_leaves_nothing(files: OwnFiles) -> None:
    files._root.rmdir()
    files._root.write_bytes(b"")  # no folder can be made in it
    with pytest.raises(NotTakenError, match="file_unread"):
        files.put("a.txt", b"x")
    assert files._waiting == {}
    files._root.unlink()


class BrokenEncoder:
    """Fails as no error of ours does."""

    fingerprint = "broken"
    processes = 1

    def encode_passages(self, _: object) -> list[Embedding]:
        raise ZeroDivisionError


def test_whatever_goes_wrong_while_a_file_is_read_leaves_nothing(clock: Clock) -> None:
    broken: Any = BrokenEncoder()
    with closing(OwnFiles(lambda: broken, clock)) as files:
        with pytest.raises(ZeroDivisionError):
            files.take("me", files.put("mine.txt", WALRUS))
        assert list(files._root.iterdir()) == []


def test_of_two_files_that_a_session_takes_at_once_one_is_left(
    bag_of_words: Encoder, clock: Clock
) -> None:
    both = threading.Barrier(2)

    def encoder() -> Encoder:
        both.wait(60)  # until the other is about to be read as well
        return bag_of_words

    with closing(OwnFiles(encoder, clock)) as files, ThreadPoolExecutor(2) as threads:
        words = [files.put(name, WALRUS) for name in ("a.txt", "b.txt")]
        taken = [threads.submit(files.take, "me", word) for word in words]
        assert sorted(each.result() for each in taken) == ["a.txt", "b.txt"]
        assert len(list(files._root.iterdir())) == 1
        assert files.ask("me", "", WHEN)


def test_only_so_many_are_kept_and_those_nobody_takes_go(files: OwnFiles, clock: Clock) -> None:
    for _ in range(MOST):
        files.put("a.txt", b"x")
    with pytest.raises(NotTakenError, match="file_many"):
        files.put("a.txt", b"x")
    clock.now = SECONDS
    files.put("a.txt", b"x")
    assert len(kept(files)) == 1
