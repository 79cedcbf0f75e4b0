import pytest

from rag.aliases import aliases_in, namesakes
from rag.language import detect, unaccented


@pytest.mark.parametrize(
    ("question", "word", "namesake"),
    [
        ("Will the United States join?", "States", "us"),
        ("What did Ottawa say?", "Ottawa", "canada"),
        ("What do Mexicans think?", "Mexicans", "mexico"),
        ("Que disent les États-Unis ?", "Unis", "us"),
        ("¿Qué dicen las Naciones Unidas?", "Naciones", "un"),
    ],
)
def test_a_name_has_other_names(question: str, word: str, namesake: str) -> None:
    assert namesake in namesakes(question, detect(question))[word]


@pytest.mark.parametrize("question", ["Did they unite the states?", "Who is Ana Ruiz?", ""])
def test_other_words_have_none(question: str) -> None:
    assert namesakes(question, "en") == {}


def test_a_name_is_found_where_it_stands() -> None:
    text = unaccented("Les États-Unis et le Mexique.")
    assert [span.of(text) for span, _ in aliases_in(text, "fr")] == ["Etats-Unis", "Mexique"]


def test_all_names_of_one_share_a_key() -> None:
    keys = [aliases_in(each, "en")[0][1] for each in ("USA", "U.S.", "Americans", "Washington")]
    assert len(set(keys)) == 1
