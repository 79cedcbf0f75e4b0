import html
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.inert import inert


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_shows_the_text_itself(text: str) -> None:
    assert html.unescape(inert(text)) == text


@given(st.text())
def test_leaves_no_ascii_punctuation_but_that_of_its_references(text: str) -> None:
    ours = set(string.ascii_letters + string.digits + " &#;")
    assert {char for char in inert(text) if ord(char) < 128} <= ours


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![](http://evil.example/x.png)",
        "[x](javascript:alert(1))",
        "https://evil.example www.evil.example me@evil.example",
        "$$x$$ \\(x\\) `code` # heading\n    code",
        "${alert(1)} {{alert}}",
    ],
)
def test_hostile_text_has_nothing_left_to_act_on(hostile: str) -> None:
    assert not set("<>[](){}!`$*_@:/.\\\n") & set(inert(hostile))


def test_half_a_surrogate_pair_and_a_null_are_replaced() -> None:
    assert inert("a\ud800b\0") == "a&#63;b\ufffd"
