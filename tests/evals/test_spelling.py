from hypothesis import given
from hypothesis import strategies as st

from evals.spelling import SPELLINGS, mistyped
from rag.language import WORD

QUESTION = "When did Señora Ruiz leave the old station?"


def test_typing_errors_are_the_same_each_time_and_spare_the_first_letter() -> None:
    wrong = mistyped(QUESTION)
    assert wrong != QUESTION
    assert wrong == mistyped(QUESTION)
    words = list(zip(WORD.findall(QUESTION), WORD.findall(wrong), strict=True))
    assert all(right[0] == written[0] for right, written in words)
    assert 1 <= sum(right != written for right, written in words) <= 3


@given(st.text())
def test_any_question_can_be_mistyped(question: str) -> None:
    assert abs(len(mistyped(question)) - len(question)) <= len(question)


def test_other_spellings_change_letters_alone() -> None:
    assert SPELLINGS["capitals"](QUESTION) == "WHEN DID SEÑORA RUIZ LEAVE THE OLD STATION?"
    assert SPELLINGS["unaccented"](QUESTION) == "when did senora ruiz leave the old station?"
