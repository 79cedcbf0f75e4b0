import struct
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers import mail, outlook
from ingest.reading import Found, Member, Reading

Folder = Mapping[str, "bytes | Folder"]
END, FREE, NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF
SECTOR, MINI = 512, 64


# A writer of OLE files, for no library has one: small streams only, as mails have.


def ole_bytes(root: Folder) -> bytes:
    entries: list[list[object]] = []
    minis = b""
    mini_fat: list[int] = []

    def add(name: str, content: "bytes | Folder") -> int:
        nonlocal minis
        number = len(entries)
        entry: list[object] = [name, 2, NONE, NONE, END, 0]  # name type right child start size
        entries.append(entry)
        if isinstance(content, bytes):
            if content:
                entry[4], entry[5] = len(minis) // MINI, len(content)
                sectors = -(-len(content) // MINI)
                first = len(mini_fat)
                mini_fat.extend([*range(first + 1, first + sectors), END])
                minis += content.ljust(sectors * MINI, b"\0")
        else:
            entry[1], entry[4] = (5 if name == "Root Entry" else 1), 0
            children = [add(child, inside) for child, inside in content.items()]
            entry[3] = children[0] if children else NONE
            for left, right in pairwise(children):
                entries[left][2] = right
        return number

    add("Root Entry", root)
    directory = b"".join(
        struct.pack(
            "<64sHBBIII36xIQ", str(name).encode("utf-16-le"), 2 * len(str(name)) + 2, kind, 1,
            NONE, right, child, start, size,
        )
        for name, kind, right, child, start, size in entries
    )  # fmt: skip
    contents = [directory, struct.pack(f"<{len(mini_fat)}I", *mini_fat), minis]
    fat, starts, body = [], [], b""
    for content in contents:
        sectors = -(-len(content) // SECTOR)
        starts.append(len(fat) if sectors else END)
        fat += [*range(len(fat) + 1, len(fat) + sectors), END] if sectors else []
        body += content.ljust(sectors * SECTOR, b"\xff" if content is contents[1] else b"\0")
    fat_sectors = 1 + len(fat) // 120
    fat_start = len(fat)
    fat += [0xFFFFFFFD] * fat_sectors
    root_entry = struct.pack("<IQ", starts[2], len(minis))
    body = body[:116] + root_entry + body[128:]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack(
        "<16xHHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, fat_sectors, starts[0], 0, 4096,
        starts[1], -(-len(contents[1]) // SECTOR), END, 0,
    )  # fmt: skip
    places = [*range(fat_start, fat_start + fat_sectors)] + [FREE] * (109 - fat_sectors)
    fat += [FREE] * (fat_sectors * 128 - len(fat))
    return header + struct.pack("<109I", *places) + body + struct.pack(f"<{len(fat)}I", *fat)


def string(tag: int, text: str) -> dict[str, bytes]:
    return {f"__substg1.0_{tag:04X}001F": text.encode("utf-16-le")}


def binary(tag: int, data: bytes) -> dict[str, bytes]:
    return {f"__substg1.0_{tag:04X}0102": data}


def numbers(header_bytes: int, values: Mapping[int, int]) -> dict[str, bytes]:
    rows = (struct.pack("<HHIQ", 3, tag, 6, value) for tag, value in values.items())
    return {"__properties_version1.0": bytes(header_bytes) + b"".join(rows)}


def moment(day: int, hour: int, minute: int = 0) -> int:
    """Return a time in March 2026 as Outlook counts."""
    since = datetime(2026, 3, day, hour, minute, tzinfo=UTC) - outlook.EPOCH
    return int(since.total_seconds()) * 10**7


def message(*, embedded: bool = False, more: Folder | None = None) -> dict[str, "bytes | Folder"]:
    sent = {0x0039: moment(12, 9, 30)}
    return {
        **numbers(24 if embedded else 32, sent),
        **string(0x001A, "IPM.Note"),
        **string(0x0037, "Réunion"),
        **string(0x0C1A, "Zoé Bee"),
        **string(0x0C1F, "/O=EXCHANGE/CN=ZBEE"),
        **string(0x5D01, "zoe@example.org"),
        **string(0x1000, "They met.\r\n\r\nThey left.\r\n"),
        "__recip_version1.0_#00000000": {
            **numbers(8, {0x0C15: 1}), **string(0x3001, "Bob"), **string(0x39FE, "b@example.org"),
        },
        "__recip_version1.0_#00000001": {
            **numbers(8, {0x0C15: 2}), **string(0x3001, "c@example.org"),
            **string(0x3003, "c@example.org"),
        },
        **(more or {}),
    }  # fmt: skip


def attachment(number: int, **content: "bytes | Folder") -> dict[str, "bytes | Folder"]:
    return {f"__attach_version1.0_#{number:08X}": content}


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
