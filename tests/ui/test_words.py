import string

import pytest

from ui.words import LANGUAGES, TABLE, say, translations


@pytest.mark.parametrize("key", TABLE)
def test_all_languages_say_the_same_with_the_same_values(key: str) -> None:
    fields = [
        {name for _, name, _, _ in string.Formatter().parse(words) if name} for words in TABLE[key]
    ]
    assert fields == [fields[0]] * len(LANGUAGES)
    assert all(words.strip() == words != "" for words in TABLE[key])


def test_french_puts_its_own_space_before_its_marks() -> None:
    french = [row[1] for row in TABLE.values()]
    assert not [
        each for each in french for mark in ":;?!" if mark in each and f" {mark}" not in each
    ]


def test_gradio_is_given_every_word_in_every_language() -> None:
    assert {code: set(words) for code, words in translations().items()} == {
        code: set(TABLE) for code in LANGUAGES
    }


def test_an_unknown_language_is_answered_in_english() -> None:
    assert say("zz", "ask") == "Ask"
