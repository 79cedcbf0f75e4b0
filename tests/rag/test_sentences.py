import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sentences import Sentences, plain

CUT = [
    pytest.param(
        "en",
        "Mr. Carney met Ms. Sheinbaum at 3.30 p.m. on Sept. 18 [1]. It cost $56.2 billion [2][3].",
        ["Mr. Carney met Ms. Sheinbaum at 3.30 p.m. on Sept. 18 [1].",
         "It cost $56.2 billion [2][3]."],
        id="abbreviations-and-numbers",
    ),
    pytest.param(
        "en",
        "He said “We agree. It is done.” [1] The U.S. is next [2].\n\nMISSING",
        ["He said “We agree. It is done.” [1]", "The U.S. is next [2].", "MISSING"],
        id="quotation-and-markers-after-the-full-stop",
    ),
    pytest.param(
        "fr",
        "M. Carney a dit : « Oui. Nous signerons. » [1] Le commerce vaut 56,2 milliards [2].",
        ["M. Carney a dit : « Oui. Nous signerons. » [1]",
         "Le commerce vaut 56,2 milliards [2]."],
        id="french",
    ),
    pytest.param(
        "es",
        "El Sr. Ebrard viajó el 18 de sept. a las 9.00 h [1]. ¿Qué dijo? «Nada.» [2]",
        ["El Sr. Ebrard viajó el 18 de sept. a las 9.00 h [1].", "¿Qué dijo?", "«Nada.» [2]"],
        id="spanish",
    ),
    pytest.param("zh", "贸易增长了[1]。会议取消。[2]他来了。",
                 ["贸易增长了[1]。", "会议取消。[2]", "他来了。"], id="no-spaces"),
    pytest.param("en", "- Trade [1]\n- Mining [2, 3]\n", ["- Trade [1]", "- Mining [2][3]"],
                 id="list"),
    pytest.param("en", "<think>Is it? Yes. It is.</think>Trade grew 【1】.", ["Trade grew [1]."],
                 id="thought"),
    pytest.param("en", "Trade grew [1-3].", ["Trade grew [1][2][3]."], id="range"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "sentences"), CUT)
@pytest.mark.parametrize("size", [2, 5, 1000])
def test_sentences_are_cut_alike_however_they_arrive(
    language: str, text: str, sentences: list[str], size: int
) -> None:
    cutter = Sentences(language)
    pieces = (text[start : start + size] for start in range(0, len(text), size))
    found = [sentence for piece in pieces for sentence in cutter.feed(piece)]
    assert [*found, *filter(None, [cutter.rest()])] == sentences


def test_a_marked_sentence_is_whole_with_its_full_stop() -> None:
    assert list(Sentences("en").feed("Trade grew [1].")) == ["Trade grew [1]."]


def test_a_full_stop_waits_for_its_markers() -> None:
    cutter = Sentences("en")
    assert list(cutter.feed("Trade grew. [1]")) == []
    assert list(cutter.feed(" [2] It")) == ["Trade grew. [1] [2]"]


def test_a_thought_whose_beginning_was_not_sent_is_left_out() -> None:
    cutter = Sentences("en")
    assert [*cutter.feed("So it is</think>"), *cutter.feed("Trade grew [1].")] == [
        "Trade grew [1]."
    ]


def test_what_is_thought_and_not_finished_is_never_said() -> None:
    cutter = Sentences("en")
    assert list(cutter.feed("<think>Trade grew [1]. It fell [2]. ")) == []
    assert cutter.rest() == ""


def test_a_sentence_without_end_is_noticed() -> None:
    cutter = Sentences("en")
    assert list(cutter.feed("and so on " * 200)) == []
    assert cutter.goes_on


@given(st.text(max_size=200))
def test_what_is_plain_stays_as_it_is(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert not set(once) & set("\x00\u200b\u202e\U000e0041")
    assert "http://" not in once


@given(st.text(alphabet='ab .[]1\n“”"<>/think!', max_size=80))
def test_no_letter_is_lost_between_the_sentences(text: str) -> None:
    cutter = Sentences("en")
    found = [each for letter in text for each in cutter.feed(letter)]
    letters = [c for c in "".join([*found, cutter.rest()]) if c in "ab1"]
    if "think>" not in text:
        assert letters == [c for c in text if c in "ab1"]
