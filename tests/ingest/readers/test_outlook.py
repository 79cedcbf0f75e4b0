import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers import mail, outlook
from ingest.reading import Found, Member, Reading
from tests.ingest.builders import Folder, attachment, message, moment, numbers, ole_bytes, string

# A writer of OLE files, for no library has one: small streams only, as mails have.


def binary(tag: int, data: bytes) -> dict[str, bytes]:
    return {f"__substg1.0_{tag:04X}0102": data}


def blocks(reading: Reading) -> list[tuple[str, str]]:
    return [(block.kind, block.span.of(reading.text)) for block in reading.blocks]


def body(reading: Reading) -> list[str]:
    return [text for kind, text in blocks(reading) if kind != "row"]


def test_a_message_is_read_like_any_mail() -> None:
    reading = outlook.read(ole_bytes(message()))
    assert blocks(reading) == [
        ("row", "From: Zoé Bee <zoe@example.org>"),
        ("row", "To: Bob <b@example.org>"),
        ("row", "Cc: c@example.org"),
        ("row", "Date: Thu, 12 Mar 2026 09:30:00 +0000"),
        ("row", "Subject: Réunion"),
        ("paragraph", "They met."),
        ("paragraph", "They left."),
    ]
    assert reading.metadata == {
        "title": Found("Réunion", "e-mail header"),
        "published": Found("2026-03-12", "e-mail header"),
        "kind": Found("e-mail", "e-mail header"),
    }


def test_the_headers_that_were_sent_say_more_than_outlook_does() -> None:
    headers = (
        "Microsoft Mail Internet Headers Version 2.0\r\n"
        "From: =?utf-8?q?Zo=C3=A9?= <z@example.org>\r\n"
        "Date: Thu, 12 Mar 2026 23:30:00 -0500\r\n"
    )
    reading = outlook.read(ole_bytes(message(more=string(0x007D, headers))))
    assert blocks(reading)[0] == ("row", "From: Zoé <z@example.org>")
    assert reading.metadata["published"].value == "2026-03-12"


def test_html_is_read_when_there_is_no_plain_text() -> None:
    page = "<p>Ils ont <b>été</b> là.</p>".encode("cp1252")
    more = {**string(0x1000, ""), **binary(0x1013, page), **numbers(32, {0x3FDE: 1252})}
    assert body(outlook.read(ole_bytes(message(more=more)))) == ["Ils ont été là."]


def test_plain_text_is_read_beside_empty_html() -> None:
    assert body(outlook.read(ole_bytes(message(more=binary(0x1013, b"\r\n"))))) == [
        "They met.",
        "They left.",
    ]


def test_strings_of_a_code_page_are_decoded() -> None:
    more = {"__substg1.0_0037001E": "Rząd i księga".encode("cp1250"), **numbers(32, {0x3FFD: 1250})}
    source = {name: data for name, data in message(more=more).items() if "0037001F" not in name}
    assert outlook.read(ole_bytes(source)).metadata["title"].value == "Rząd i księga"


def test_files_are_members_and_pictures_in_the_body_are_not() -> None:
    more = {
        **attachment(0, **string(0x3707, "a.pdf"), **binary(0x3701, b"%PDF"),
                     **string(0x3712, "id")),
        **attachment(1, **string(0x3707, "logo.png"), **binary(0x3701, b"\x89PNG"),
                     **string(0x3712, "logo")),
        **attachment(2, **string(0x3704, "A~1.PDF"), **binary(0x3701, b"%PDF")),
    }  # fmt: skip
    reading = outlook.read(ole_bytes(message(more=more)))
    assert reading.members == (Member("a.pdf", b"%PDF"), Member("A~1.PDF", b"%PDF"))


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        pytest.param(
            {**string(0x3707, "a.pdf"), **numbers(8, {0x3705: 7})},
            "the attachment 'a.pdf' is a link to a file elsewhere, so it is not read",
            id="link",
        ),
        pytest.param(
            {**string(0x3707, "a.xls"), "__substg1.0_3701000D": {"CONTENTS": b"x"}},
            "the attachment 'a.xls' is an object of another program, so it is not read",
            id="object",
        ),
    ],
)
def test_what_can_not_be_taken_out_is_a_warning(content: Folder, warning: str) -> None:
    reading = outlook.read(ole_bytes(message(more=attachment(0, **content))))
    assert (reading.members, reading.warnings) == ((), (warning,))


def test_a_body_in_rich_text_alone_is_a_warning() -> None:
    reading = outlook.read(ole_bytes(message(more={**string(0x1000, ""), **binary(0x1009, b"x")})))
    assert body(reading) == []
    assert reading.warnings == ("the body is kept in Outlook's own form (RTF), so it is not read",)


def test_a_message_in_a_message_is_a_mail_with_its_own_attachments() -> None:
    data = bytes(range(256)) + b"\r\n--b\r\n\r"
    inner = message(
        embedded=True, more=attachment(0, **string(0x3707, "été.bin"), **binary(0x3701, data))
    )
    middle = message(embedded=True, more=attachment(0, **{"__substg1.0_3701000D": inner}))
    more = attachment(0, **{"__substg1.0_3701000D": middle})
    member = outlook.read(ole_bytes(message(more=more))).members[0]
    assert member.name == "Réunion.eml"
    reading = mail.read(mail.read(member.data).members[0].data)
    assert blocks(reading) == blocks(outlook.read(ole_bytes(message())))
    assert reading.members == (Member("été.bin", data),)


def test_an_appointment_says_when_and_where() -> None:
    names = struct.pack("<IHHIHHIHH", 0x820D, 6, 0, 0x8208, 6, 1, 0x820E, 7, 2)
    more = {
        **string(0x001A, "IPM.Appointment"),
        **numbers(32, {0x8000: moment(12, 14), 0x8001: 28}),
        **string(0x8001, "Room 4"),
        "__nameid_version1.0": binary(0x0003, names),
    }
    reading = outlook.read(ole_bytes(message(more=more)))
    assert blocks(reading)[3:5] == [
        ("row", "Start: Thu, 12 Mar 2026 14:00:00 +0000"),
        ("row", "Where: Room 4"),
    ]
    assert reading.metadata["kind"].value == "appointment"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"They met.", id="text"),
        pytest.param(ole_bytes(message())[:1000], id="cut"),
        pytest.param(ole_bytes({"WordDocument": b"x"}), id="another-program's"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="is not an Outlook message"):
        outlook.read(data)


def test_streams_that_share_their_sectors_are_refused() -> None:
    data = ole_bytes(message())
    size = struct.pack("<Q", len("They met.\r\n\r\nThey left.\r\n") * 2)
    assert data.count(size) == 1
    with pytest.raises(ValueError, match="damaged"):
        outlook.read(data.replace(size, struct.pack("<Q", 10**6)))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_message_is_read_or_refused(data: st.DataObject) -> None:
    inner = attachment(0, **{"__substg1.0_3701000D": message(embedded=True)})
    source = bytearray(ole_bytes(message(more=inner)))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(source) - 4))
        source[start : start + 4] = data.draw(
            st.binary(min_size=4, max_size=4) | st.sampled_from([b"\xff" * 4, b"\0" * 4])
        )
    with suppress(ValueError):
        outlook.read(bytes(source))
