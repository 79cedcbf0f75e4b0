import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers import records
from ingest.reading import Found, Reading

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(
        st.sampled_from([*records.TEXTS, *records.SUMMARIES, "id", "title", "date", "metadata"]),
        inside, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


def read(value: object) -> Reading:
    return records.read(json.dumps(value).encode())


def blocks(reading: Reading) -> list[tuple[str, str]]:
    return [(block.kind, block.span.of(reading.text)) for block in reading.blocks]


@pytest.mark.parametrize("field", records.TEXTS)
def test_an_object_with_words_is_a_document(field: str) -> None:
    reading = read({field: "They met.\n\n- trade\n"})
    assert reading.text == "They met.\n\n- trade\n"
    assert blocks(reading) == [("paragraph", "They met."), ("item", "- trade")]
    assert (reading.metadata, reading.members) == ({}, ())


def test_an_object_says_its_title_date_language_and_kind() -> None:
    record = {"text": "Hi.", "title": " The\nvisit ", "date": "12 March 2026", "lang": "fr",
              "kind": "readout"}  # fmt: skip
    assert read(record).metadata == {
        "title": Found("The visit", "JSON field"),
        "published": Found("2026-03-12", "JSON field"),
        "language": Found("fr", "JSON field"),
        "kind": Found("readout", "JSON field"),
    }


def test_fields_may_stand_in_an_object_called_metadata() -> None:
    record = {"text": "Hi.", "title": "A", "metadata": {"title": "B", "date": "2026-03-12"}}
    assert {name: found.value for name, found in read(record).metadata.items()} == {
        "title": "A",
        "published": "2026-03-12",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("<p>They <b>met</b>.</p><ul><li>trade</li></ul>",
                     [("paragraph", "They met."), ("item", "trade")], id="html"),
        pytest.param(["They met.", "They left."],
                     [("paragraph", "They met."), ("paragraph", "They left.")], id="paragraphs"),
        pytest.param("a < b and <c>", [("paragraph", "a < b and <c>")], id="not-html"),
        pytest.param("\ud800They met.", [("paragraph", "They met.")], id="half-a-character"),
    ],
)  # fmt: skip
def test_words_come_in_several_forms(text: object, expected: list[tuple[str, str]]) -> None:
    reading = read({"text": text})
    assert blocks(reading) == expected
    assert reading.text.encode()


def test_a_list_of_documents_is_a_member_each() -> None:
    entries: list[object] = [
        {"_id": "a/1", "text": "One."},
        {"id": 7, "text": "Two."},
        {"title": "The visit", "text": "Three."},
        {"text": "Four."},
        {"id": 7, "text": "Five."},
        {"id": "../..", "text": "Six."},
        {"id": "\ud800", "text": "Seven."},
        {"name": "no words"},
        "a string",
    ]
    reading = read(entries)
    assert [member.name for member in reading.members] == [
        "a-1.json", "7.json", "The visit.json", "4.json", "7 (2).json", "..-...json", "7 (3).json",
    ]  # fmt: skip
    assert [json.loads(member.data) for member in reading.members] == entries[:7]
    assert reading.warnings == ("2 of 9 entries hold no text",)
    assert (reading.text, reading.blocks) == ("", ())


def test_json_lines_are_a_member_each_and_broken_ones_are_counted() -> None:
    reading = records.read(
        b'\xef\xbb\xbf{"id": "a", "text": "One."}\r\n\n{"id": "b", "text": "Two."}\n{"id'
    )
    assert [member.name for member in reading.members] == ["a.json", "b.json"]
    assert reading.warnings == ("1 of 3 lines are not JSON",)


def test_the_only_line_that_is_json_is_a_member_and_the_rest_is_counted() -> None:
    reading = records.read(b'{"id": "a", "text": "One."}\n{"id')
    assert [member.name for member in reading.members] == ["a.json"]
    assert reading.warnings == ("1 of 2 lines are not JSON",)


def test_a_list_inside_an_object_is_found() -> None:
    reading = read({"page": 1, "tags": ["x"], "results": [{"id": "a", "body": "One."}]})
    assert [member.name for member in reading.members] == ["a.json"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(
            {"name": "visit-desk", "version": "1", "description": "A chatbot"}, id="config"
        ),
        pytest.param(
            {"type": "FeatureCollection", "features": [{"properties": {"name": "Ottawa"}}]},
            id="geojson",
        ),
        pytest.param({"text": ""}, id="no-words"),
        pytest.param({"text": {"en": "They met."}}, id="words-deeper"),
        pytest.param([], id="empty-list"),
        pytest.param([1, None, "text"], id="values"),
        pytest.param({"a": [{"text": "x"}], "b": [{"text": "y"}]}, id="two-lists"),
        pytest.param("They met.", id="string"),
    ],
)
def test_json_that_holds_no_documents_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="holds no documents; expected are objects with their"):
        read(value)


def test_a_description_counts_beside_a_title() -> None:
    assert read({"title": "The visit", "description": "They met."}).text == "They met."


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "not JSON: expecting value in line 1", id="empty"),
        pytest.param(b'{"text":\n"a"', "not JSON: expecting ',' delimiter in line 2", id="cut"),
        pytest.param(b"They met.", "not JSON", id="text"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="deep-lists"),
        pytest.param(b'{"a":' * 100_000, "nested too deeply", id="deep-objects"),
        pytest.param(b'{"text": "a"}\n' + b"[" * 100_000, "nested too deeply", id="deep-line"),
        pytest.param(b"\x00\x01\x02\x03" * 9, "not text", id="binary"),
    ],
)
def test_what_is_not_json_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        records.read(data)


def test_a_number_of_a_hundred_thousand_digits_is_read() -> None:
    data = b'[{"id": "a", "text": "One.", "n": ' + b"9" * 100_000 + b"}]"
    assert [member.name for member in records.read(data).members] == ["a.json"]


@pytest.mark.parametrize("between", [",", "\n"], ids=["list", "lines"])
def test_too_many_documents_are_refused(between: str) -> None:
    entries = between.join(['{"text": "a"}'] * 20_001)
    with pytest.raises(ValueError, match="holds 20001 entries, where 20000 are allowed"):
        records.read((f"[{entries}]" if between == "," else entries).encode())


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_any_json_is_read_or_refused_and_so_are_its_members(value: object) -> None:
    with suppress(ValueError):
        for member in read(value).members:
            assert records.read(member.data).blocks


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_json_is_read_or_refused(data: st.DataObject) -> None:
    source = bytearray(b'{"id": "a", "text": "One."}\n{"id": "b", "text": "\xc3\xa9t\xc3\xa9"}\n')
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(source)))
        end = start + data.draw(st.integers(0, 6))
        source[start:end] = data.draw(st.binary(max_size=4) | st.sampled_from([b'"', b"\\u", b"{"]))
    with suppress(ValueError):
        records.read(bytes(source))
