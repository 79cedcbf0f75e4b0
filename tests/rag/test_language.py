import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.language import (
    LANGUAGES,
    STOP_WORDS,
    detect,
    fold,
    glossary,
    identify,
    lacks,
    meant_by,
    misses,
    names,
    number,
    stand_alone,
    stem,
    stems,
    terms,
    words,
)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Which ministers travelled in August?", "en"),
        ("Quels ministres ont voyagé en août ?", "fr"),
        ("¿Qué ministros viajaron en agosto?", "es"),
        ("What is the résumé of Señora Ibáñez?", "en"),
        ("WHO SIGNED THE AGREEMENT?", "en"),
        ("QUI A SIGNÉ L'ACCORD ?", "fr"),
    ],
)
def test_detects_the_language_of_a_question(question: str, language: str) -> None:
    assert detect(question) == language


@given(st.text())
def test_every_question_has_one_of_the_languages(question: str) -> None:
    assert detect(question) in LANGUAGES


@given(st.text())
def test_every_text_has_a_language_of_two_letters(text: str) -> None:
    assert len(identify(text)) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_stop_words_are_no_words_in_their_language(language: str) -> None:
    assert words(" ".join(sorted(STOP_WORDS[language])), language) == []


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        pytest.param("It asked IT of the US.", "en", ["asked", "IT", "US"], id="acronyms"),
        pytest.param("U.S. and E.U.", "en", ["U.S.", "E.U."], id="dotted"),
        pytest.param("qu'a-t-il signé ?", "fr", ["signé"], id="elided"),
        pytest.param("a 5 % cut of 46.4", "en", ["cut", "46.4"], id="numbers"),
        pytest.param("", "en", [], id="empty"),
    ],
)
def test_words_are_those_that_carry_meaning(text: str, language: str, expected: list[str]) -> None:
    assert words(text, language) == expected


@pytest.mark.parametrize("spelling", ["46.4", "46,4"])
def test_a_decimal_number_has_one_form(spelling: str) -> None:
    assert number(spelling) == number("46.4")


@pytest.mark.parametrize("spelling", ["1,234,567", "1.234.567", "1234567"])
def test_a_grouped_number_has_one_form(spelling: str) -> None:
    assert number(spelling) == "1234567"


@pytest.mark.parametrize(
    ("one", "other"),
    [("46.4", "464"), ("2,500", "2.5"), ("56", "5.6"), ("0.500", "500")],
)
def test_different_numbers_have_different_forms(one: str, other: str) -> None:
    assert number(one) != number(other)


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        pytest.param("Márquez", "marquez", "en", id="accents"),
        pytest.param("negotiating", "NEGOTIATED", "en", id="endings-and-case"),
        pytest.param("négociations", "négociation", "fr", id="french-plural"),
        pytest.param("acuerdos", "acuerdo", "es", id="spanish-plural"),
        pytest.param("U.S.", "USA", "en", id="acronyms"),
        pytest.param("Straße", "STRASSE", "de", id="sharp-s"),
    ],
)
def test_forms_of_one_word_have_one_stem(one: str, other: str, language: str) -> None:
    assert stem(one, language) == stem(other, language)


def test_a_language_without_a_stemmer_keeps_the_word() -> None:
    assert stem("Obertura", "xx") == "obertura"


@given(
    st.from_regex(r"[A-Za-zÀ-ÖØ-öø-ÿŒœŁłŠšŽž]+", fullmatch=True),
    st.sampled_from(["en", "fr", "xx"]),
)
def test_a_stem_has_no_case_and_no_accents(word: str, language: str) -> None:
    found = stem(word, language)
    assert found == fold(found)


@given(st.text(), st.sampled_from(LANGUAGES))
def test_there_is_one_term_a_word(text: str, language: str) -> None:
    assert terms(text, language) == [stem(word, language) for word in words(text, language)]


def test_a_word_has_a_form_in_each_language() -> None:
    assert stems("nations", ["en", "fr", "xx"]) == {
        stem("nations", "en"),
        stem("nations", "fr"),
        "nations",
    }


def test_the_glossary_goes_both_ways() -> None:
    sets = glossary()
    assert len(sets) > 100
    assert all(each in sets[other] for each, group in sets.items() for other in group)


def test_the_glossary_joins_words_over_languages() -> None:
    assert {stem("trade", "en"), stem("commerce", "fr"), stem("comercio", "es")} <= glossary()[
        stem("trade", "en")
    ]


def test_a_general_word_stands_for_its_kinds_and_not_the_other_way_round() -> None:
    summer, august = stem("summer", "en"), stem("August", "en")
    kinds = meant_by([summer], "en", ("en", "fr", "es"))
    assert {august, stem("août", "fr"), stem("agosto", "es")} <= kinds
    assert summer not in meant_by([august], "en", ("en", "fr", "es"))
    assert august not in glossary()


def test_a_word_is_looked_up_in_its_own_language_first() -> None:
    assert stem("sign", "en") in meant_by([stem("firmar", "es")], "es", ["en"])
    assert stem("sign", "en") not in meant_by([stem("firms", "en")], "en", ["en"])
    assert stem("company", "en") in meant_by([stem("firms", "en")], "en", ["en"])


def test_a_word_of_the_glossary_stands_for_itself() -> None:
    assert [each for each, group in glossary().items() if each not in group] == []


@pytest.mark.parametrize(
    ("question", "without", "with_it"),
    [
        ("How many signed?", "They signed gladly.", "Seven signed."),
        ("How many signed?", "They signed on 4 May 2021.", "On 4 May 2021 some 30 signed."),
        ("Combien ont signé ?", "Ils ont signé le 4 mai 2021.", "Le 4 mai 2021, ils sont 30."),
        ("When did they sign?", "They signed gladly.", "They signed in March."),
        ("Who signed?", "it was signed gladly", "It was signed by Ana Ruiz."),
        ("Combien ont signé ?", "Ils ont signé volontiers.", "Ils sont 14."),
        ("Quand ont-ils signé ?", "Ils signent volontiers.", "Ils ont signé en mars."),
        ("Qui a signé ?", "c'est signé", "C'est Ana Ruiz qui a signé."),
        ("¿Cuántos firmaron?", "Firmaron con gusto.", "Firmaron 14."),
        ("¿Cuándo firmaron?", "Firmaron con gusto.", "Firmaron en marzo."),
        ("¿Quién firmó?", "se firmó con gusto", "Lo firmó Ana Ruiz."),
        ("Who signed?", "They signed gladly.", "They and Ruiz signed."),
        ("Who met José Ruiz?", "Jose Ruiz left.", "Jose Ruiz met Okafor."),
    ],
)
def test_tells_whether_a_sentence_lacks_the_kind_of_thing_asked_for(
    question: str, without: str, with_it: str
) -> None:
    assert (lacks(question, without), lacks(question, with_it)) == (True, False)


@pytest.mark.parametrize(
    ("question", "of_another", "own"),
    [
        ("What did Ruiz say?", "Ruiz had it wrong, Okafor said.", "Okafor was wrong, said Ruiz."),
        ("What did Ruiz say?", "According to Ana Okafor, Ruiz left.", "Ruiz left in silence."),
        ("What did Ruiz say?", "Ruiz is calm, in the view of Okafor.", "Ruiz, the mayor, told us."),
        (
            "What did Ruiz say?",
            "Okafor told Ruiz to go.",
            "Okafor asked; days later Ruiz answered.",
        ),
        ("What did Ruiz say, and what did Okafor reply?", "Sato said no.", "Okafor said no."),
        ("Qu'a dit Ruiz ?", "Selon Okafor, Ruiz part.", "Ana Ruiz a dit non."),
        ("¿Qué dijo Ruiz?", "Okafor dijo que Ruiz se va.", "La alcaldesa, Ana Ruiz, dijo que no."),
    ],
)
def test_the_words_of_another_speaker_do_not_answer(
    question: str, of_another: str, own: str
) -> None:
    assert (misses(question, of_another), misses(question, own)) == (True, False)


def test_who_is_described_may_be_named_in_the_answer() -> None:
    assert not misses("What did the Mexican president answer?", "Ana Ruiz answered no.")


@given(st.text())
def test_a_question_that_asks_for_no_kind_of_thing_lacks_nothing(sentence: str) -> None:
    assert lacks("Describe the agreement.", sentence) is False


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What did Ana Ruiz sign in 2024?", ["Ana", "Ruiz", "2024"]),
        ("what did ana ruiz sign in 2024?", ["2024"]),
        ("WHAT DID ANA RUIZ SIGN IN 2024?", ["2024"]),
        ("", []),
    ],
)
def test_names_are_capitals_and_digits_unless_all_is_capitals(
    question: str, expected: list[str]
) -> None:
    assert names(question, "en") == expected


@pytest.mark.parametrize(
    ("question", "earlier", "expected"),
    [
        pytest.param("Why?", [], "Why?", id="no-history"),
        pytest.param(
            "Where was the ferry built?",
            ["Who is Ana Ruiz?"],
            "Where was the ferry built?",
            id="stands-alone",
        ),
        pytest.param("And when?", ["Who met Ana Ruiz?"], "And when? (met Ana Ruiz)", id="opener"),
        pytest.param(
            "Where was she born?", ["Who is Ana Ruiz?"], "Where was she born? (Ana Ruiz)", id="she"
        ),
        pytest.param(
            "Et pourquoi ?", ["Que dit Ana Ruiz ?"], "Et pourquoi ? (Ana Ruiz)", id="french"
        ),
        pytest.param(
            "¿Y por qué?", ["¿Qué dijo Ana Ruiz?"], "¿Y por qué? (Ana Ruiz)", id="spanish"
        ),
        pytest.param(
            "And why?",
            ["Who is Ana Ruiz?", "And where?"],
            "And why? (Ana Ruiz)",
            id="through-another-follow-up",
        ),
    ],
)
def test_a_question_that_leans_on_earlier_ones_gets_their_words(
    question: str, earlier: list[str], expected: str
) -> None:
    assert stand_alone(question, earlier) == expected


@given(st.text(string.printable), st.lists(st.text(string.printable), max_size=4))
def test_a_question_keeps_its_own_words_in_front(question: str, earlier: list[str]) -> None:
    assert stand_alone(question, earlier).startswith(question)
