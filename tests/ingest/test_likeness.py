import random
from pathlib import Path

import pytest

from ingest.likeness import clusters, signature
from ingest.sync import sync
from rag.index import Index
from rag.models import Encoder

WORDS = [f"{a}{b}" for a in ("bro", "cle", "dra", "fni", "gul", "hes") for b in "abcdeilmnorstu"]


def text(seed: int, length: int = 200) -> list[str]:
    chance = random.Random(seed)  # noqa: S311  # any words will do
    return chance.choices(WORDS, k=length)


def changed(words: list[str], share: float) -> list[str]:
    chance = random.Random(1)  # noqa: S311  # any words will do
    return [f"{word}x" if chance.random() < share else word for word in words]


def grouped(**texts: list[str]) -> dict[str, str]:
    return clusters({name: signature(" ".join(words), "en") for name, words in texts.items()})


def test_texts_of_their_own_stand_for_themselves() -> None:
    assert grouped(a=text(1), b=text(2), c=text(3)) == {"a": "a", "b": "b", "c": "c"}


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_a_copy_with_a_few_words_changed_stands_with_its_original(share: float) -> None:
    assert grouped(a=text(1), b=text(2), c=changed(text(1), share)) == {
        "a": "a", "b": "b", "c": "a"
    }  # fmt: skip


def test_a_copy_with_a_paragraph_more_stands_with_its_original() -> None:
    assert grouped(a=text(1), b=text(1) + text(2, 40))["b"] == "a"


def test_half_the_text_is_no_copy() -> None:
    assert grouped(a=text(1), b=text(1)[:100] + text(2)[:100])["b"] == "b"


def test_copies_of_a_copy_have_one_original() -> None:
    first = text(1)
    second = changed(first, 0.1)
    assert set(grouped(a=first, b=second, c=changed(second, 0.1)).values()) == {"a"}


def test_short_texts_are_not_compared() -> None:
    assert grouped(a=["yes", "indeed"], b=["yes", "indeed"]) == {"a": "a", "b": "b"}


def test_the_index_knows_which_documents_are_near_copies(
    tmp_path: Path, bag_of_words: Encoder
) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, words in (("a", text(1)), ("b", changed(text(1), 0.05)), ("c", text(2))):
        (folder / f"{name}.txt").write_text(" ".join(words))
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [folder])
    with index.reading() as generation:
        assert [each.near_copy_of for each in generation.listing()] == [None, "a.txt", None]
    (folder / "a.txt").unlink()
    sync(index, bag_of_words, [folder])
    with index.reading() as generation:
        assert [each.near_copy_of for each in generation.listing()] == [None, None]
    index.close()
