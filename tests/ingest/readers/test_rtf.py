import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers import rtf
from ingest.reading import Found, Reading

Blocks = Callable[[Reading], list[tuple[str, str]]]
Spoil = Callable[[bytes, Random], bytes]

FONTS = r"{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}{\f2\fcharset128 Gothic;}}"


def document(body: str) -> bytes:
    return rf"{{\rtf1\ansi\ansicpg1252\deff0{FONTS}{body}}}".encode("latin-1")


def read(body: str) -> Reading:
    return rtf.read(document(body))


def test_paragraphs_stay_paragraphs(blocks: Blocks) -> None:
    reading = read("\\pard They met\nin Lima.\\par\n{\\b They} spoke.\\line And left.\\par")
    assert blocks(reading) == [
        ("paragraph", "They metin Lima."),  # a line end of the file is none of the text
        ("paragraph", "They spoke. And left."),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(r"\'c9lys\'e9e", "Élysée", id="code-page"),
        pytest.param("Élysée", "Élysée", id="raw-bytes"),
        pytest.param(r"\f1\'cc\'ee\'f1\'ea\'e2\'e0", "Москва", id="font"),
        pytest.param(r"\f2\'93\'fa\'83A{\f0 \'e9}", "日アé", id="wide"),
        pytest.param(r"\u201\'3flys\u233?e", "Élysée", id="unicode"),
        pytest.param(r"\uc2\u201 ab\uc0\u233 e", "Éée", id="fallbacks"),
        pytest.param(r"\u-10179?\u-8704?", "😀", id="pair"),
        pytest.param(r"a\~b\-c\_d\{e\}\\f", "a bc-d{e}\\f", id="symbols"),
        pytest.param(r"\ldblquote a\rdblquote\emdash b\rquote s", "“a”—b’s", id="words"),
        pytest.param(r"\ansicpg99999\'e9", "é", id="unknown-code-page"),
    ],
)
def test_characters_are_read_however_they_are_written(body: str, expected: str) -> None:
    assert read(body + " a").text == f"{expected} a"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(r"{\v no}", id="hidden"),
        pytest.param(r"\v no\v0 ", id="hidden-and-shown"),
        pytest.param(r"{\deleted no}", id="deleted"),
        pytest.param(r"{\header no\par}{\footerf no\par}", id="header"),
        pytest.param(r"{\annotation no}", id="comment"),
        pytest.param(r"{\pict\pngblip 89504e47}", id="picture"),
        pytest.param("{\\pict\\bin5 }}}}}}", id="binary-picture"),
        pytest.param(r"{\object{\*\objdata 0105}{\result }}", id="object"),
        pytest.param(r"{\*\unheardof no}", id="unknown-group"),
        pytest.param(r"{\field{\*\fldinst HYPERLINK no}{\fldrslt }}", id="field-code"),
        pytest.param(r"{\xe no}{\tc no}", id="index-entry"),
        pytest.param(r"{\shp{\*\shpinst{\sp{\sn no}{\sv no}}}}", id="shape"),
        pytest.param(r"{\stylesheet{\s1 no;}}", id="styles"),
        pytest.param(r"{\upr{\title no}{\*\ud{}}}", id="two-ways"),
    ],
)
def test_what_nobody_sees_stays_out(body: str) -> None:
    assert read(f"They met{body} in Lima.").text == "They met in Lima."


def test_the_text_of_links_is_kept_without_their_addresses() -> None:
    field = r'{\field{\*\fldinst HYPERLINK "http://a.example"}{\fldrslt\ul the {\b treaty}}}'
    assert read(f"See {field}.").text == "See the treaty."


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(r"{\stylesheet{\s0 Normal;}{\s5 heading 1;}}\pard\s5 Trade", id="style"),
        pytest.param(r"{\stylesheet{\s5\outlinelevel1 Mine;}}\pard\s5 Trade", id="style-level"),
        pytest.param(r"\pard\outlinelevel0 Trade", id="level"),
        pytest.param(r"\pard{\b Trade}", id="bold"),
        pytest.param(r"\pard TRADE", id="shouted"),
    ],
)
def test_headings_are_found(body: str, blocks: Blocks) -> None:
    reading = read(rf"{body}\par\pard\plain They met.\par")
    assert [kind for kind, _ in blocks(reading)] == ["heading", "paragraph"]
    assert reading.metadata["title"].value.lower() == "trade"


def test_list_items_are_items_without_their_marks(blocks: Blocks) -> None:
    body = r"\pard{\listtext\'95\tab}\ls1 trade\par{\pntext 1.}visas\par\pard They met.\par"
    assert blocks(read(body)) == [
        ("item", "trade"),
        ("item", "visas"),
        ("paragraph", "They met."),
    ]


def row(*cells: str, more: str = "") -> str:
    return rf"\trowd{more}\pard\intbl " + "".join(rf"{cell}\cell " for cell in cells) + r"\row"


def test_rows_of_tables_are_worded(blocks: Blocks) -> None:
    body = (
        row("Year", "Trade")
        + row("2019", r"45\par bn")
        + r"\pard They met.\par"
        + row("Host", "Peru", more=r"\trhdr")
        + row("Guests", "many")
        + r"\pard Then:\par"
        + row("In a frame.")
    )
    assert blocks(read(body)) == [
        ("row", "Year: 2019; Trade: 45 bn."),
        ("paragraph", "They met."),
        ("row", "Host: Guests; Peru: many."),
        ("paragraph", "Then:"),
        ("paragraph", "In a frame."),
    ]


def test_notes_and_text_boxes_follow_the_paragraph_that_they_hang_on(blocks: Blocks) -> None:
    note = r"{\super 1{\footnote\pard {\super 1} \b ALL GOODS\par And services.}}"
    box = r"{\shp{\*\shpinst{\shptxt\pard In a box.\par}}{\shprslt no}}"
    assert blocks(read(rf"\pard Trade grew{note}{box} again.\par They met.\par")) == [
        ("paragraph", "Trade grew1 again."),
        ("paragraph", "1 ALL GOODS"),
        ("paragraph", "And services."),
        ("paragraph", "In a box."),
        ("paragraph", "They met."),
    ]


def test_a_note_in_a_table_follows_it(blocks: Blocks) -> None:
    body = row("Year", "Trade", more=r"\trhdr") + row("2019", r"45{\footnote Estimate.}")
    assert blocks(read(body)) == [("row", "Year: 2019; Trade: 45."), ("paragraph", "Estimate.")]


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        pytest.param(
            r"{\title L\rquote\'e9t\'e9}{\author no}{\creatim\yr2026\mo3\dy12\hr9}",
            {
                "title": Found("L’été", "RTF properties"),
                "published": Found("2026-03-12", "RTF properties"),
            },
            id="both",
        ),
        pytest.param(r"{\creatim\yr2026\mo13\dy12}", {}, id="no-such-day"),
        pytest.param(r"{\creatim\yr2026}{\revtim\mo1\dy1}", {}, id="half-a-day"),
        pytest.param("", {}, id="none"),
    ],
)
def test_properties_give_the_metadata(info: str, expected: dict[str, Found]) -> None:
    assert read(rf"{{\info{info}}}They met.").metadata == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"They met.", "it is damaged or is not RTF", id="text"),
        pytest.param(b"{\\rtf1" + b"{" * 5000, "it is nested too deeply", id="deep"),
    ],
)
def test_what_is_no_rtf_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        rtf.read(data)


def test_marks_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtf, "MOST_TOKENS", 100)
    with pytest.raises(ValueError, match="made of more than 100 marks"):
        read(r"\b" * 200)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(r"They met.}no", id="after-the-end"),
        pytest.param("They met.", id="no-end"),
        pytest.param("{\\b They met.", id="no-end-of-a-group"),
        pytest.param("They met.{\\footnote ", id="no-end-of-a-note"),
        pytest.param("They met.\\", id="half-a-mark"),
        pytest.param("They met.\\bin99999 no", id="bytes-that-are-not-there"),
        pytest.param("They met.\\uc-1\\u99999999\\f-1\\s-1\\ansicpg\\fcharset", id="odd-numbers"),
    ],
)
def test_what_is_there_of_a_broken_file_is_read(body: str) -> None:
    assert rtf.read(document("")[:-1] + body.encode()).text.startswith("They met.")


@pytest.mark.parametrize(
    "piece", [r"{\field{\*\fldinst ", r"{\v a}", r"\'e9", r"{\info{\title a", r"a\cell ", "{\\b"]
)
def test_twice_the_file_takes_little_more_than_twice_the_time(piece: str) -> None:
    def seconds(count: int) -> float:
        started = time.process_time()
        with suppress(ValueError):
            read(piece * count)
        return time.process_time() - started

    most = 8 * seconds(10_000) + 0.5
    assert any(seconds(40_000) < most for _ in range(3))  # not while Python collects garbage


SENTENCES = st.lists(st.text("abcdéñ{}\\ 東", min_size=1, max_size=20), min_size=1, max_size=5)


@given(SENTENCES)
def test_every_word_is_given_back(sentences: list[str]) -> None:
    def written(text: str) -> str:
        return "".join(
            f"\\u{ord(each)}?" if ord(each) > 127 else f"\\{each}" if each in "{}\\" else each
            for each in text
        )

    expected = [" ".join(each.split()) for each in sentences]
    body = "".join(rf"\pard x{written(each)}\par" for each in expected)
    assert read(body).text == "\n\n".join(f"x{each}" for each in expected)


EXAMPLE = document(
    r"{\stylesheet{\s1 heading 1;}}{\info{\title A}{\creatim\yr2026\mo3\dy12}}\pard\s1 Trade\par"
    + row("Year", "2019")
    + r"\pard {\listtext 1.}trade{\footnote Note.}\u233?\'e9{\*\x y}{\pict\bin3 abc}\par"
)


@settings(max_examples=200)
@given(random=st.randoms(use_true_random=False))
def test_a_damaged_file_is_read_or_refused(spoil: Spoil, random: Random) -> None:
    with suppress(ValueError):
        rtf.read(rtf.MARK + spoil(EXAMPLE[len(rtf.MARK) :], random))


def test_headers_and_footers_are_read_where_there_is_nothing_else() -> None:
    margins = r"{\header Embargo\par}{\footer until noon\par}"
    assert read(margins + r"\par").text == "Embargo\n\nuntil noon"
    assert read(margins + r"They met.\par").text == "They met."
