from contextlib import suppress
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers import mail, quoted
from ingest.readers.charsets import decode_words
from ingest.reading import Found, Member, Reading

HEAD = b"From: Ann <ann@example.org>\r\nSubject: The visit\r\n"


def blocks(reading: Reading) -> list[tuple[str, str]]:
    return [(block.kind, block.span.of(reading.text)) for block in reading.blocks]


def body(reading: Reading) -> list[str]:
    return [text for kind, text in blocks(reading) if kind != "row"]


def mixed(*parts: bytes, kind: str = "mixed") -> bytes:
    head = HEAD + f"Content-Type: multipart/{kind}; boundary=b\r\n\r\n".encode()
    return head + b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


def text_part(text: str, kind: str = "plain", charset: str = "utf-8") -> bytes:
    return f"Content-Type: text/{kind}; charset={charset}\r\n\r\n{text}".encode(charset)


def file_part(kind: str, data: bytes, *headers: str) -> bytes:
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"Content-Type: {kind}\r\n{lines}\r\n".encode() + data


def full_mail() -> bytes:
    letter = EmailMessage()
    letter["From"] = "Zoé Bee <zoe@example.org>"
    letter["To"] = "Bob <bob@example.org>, carol@example.org"
    letter["Cc"] = "Dan <dan@example.org>"
    letter["Date"] = "Thu, 12 Mar 2026 23:30:00 -0500"
    letter["Subject"] = "Réunion à Québec"
    letter.set_content("They met in Québec.\n\nThey left.\n")
    letter.add_alternative("<p>They met in <b>Québec</b>.</p><p>They left.</p>", subtype="html")
    letter.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="été.pdf")
    return bytes(letter)


def test_a_mail_is_its_headers_as_rows_and_then_its_words() -> None:
    reading = mail.read(full_mail())
    assert blocks(reading) == [
        ("row", "From: Zoé Bee <zoe@example.org>"),
        ("row", "To: Bob <bob@example.org>, carol@example.org"),
        ("row", "Cc: Dan <dan@example.org>"),
        ("row", "Date: Thu, 12 Mar 2026 23:30:00 -0500"),
        ("row", "Subject: Réunion à Québec"),
        ("paragraph", "They met in Québec."),
        ("paragraph", "They left."),
    ]
    assert reading.members == (Member("été.pdf", b"%PDF-1.4"),)
    assert reading.warnings == ()


def test_a_mail_was_published_on_the_day_it_was_for_its_sender() -> None:
    assert mail.read(full_mail()).metadata == {
        "title": Found("Réunion à Québec", "e-mail header"),
        "published": Found("2026-03-12", "e-mail header"),
        "kind": Found("e-mail", "e-mail header"),
    }


@pytest.mark.parametrize(
    "date",
    [
        pytest.param("soon", id="no-date"),
        pytest.param("Fri, 30 Feb 2026 10:00:00 +0000", id="no-such-day"),
        pytest.param("(" * 10_000, id="comments-without-end"),
    ],
)
def test_a_mail_with_a_useless_date_has_none(date: str) -> None:
    assert "published" not in mail.read(HEAD + f"Date: {date}\r\n\r\nHi.".encode()).metadata


# The words of the body


def test_html_is_read_whole_when_there_is_no_plain_text() -> None:
    page = (
        "<style>p{}</style><p style='display:none'>Preview</p><p>They met.</p><footer>Ann</footer>"
    )
    assert body(mail.read(mixed(text_part(page, "html")))) == ["They met.", "Ann"]


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        pytest.param("In plain words.", "In plain words.", id="plain-first"),
        pytest.param(" \r\n", "In rich words. " * 20, id="empty-plain"),
        pytest.param("See HTML.", "In rich words. " * 20, id="stub"),
    ],
)
def test_plain_text_is_preferred_to_html_unless_it_says_nothing(plain: str, expected: str) -> None:
    rich = "<p>" + ("In rich words. " * (20 if "rich" in expected else 1))
    data = mixed(text_part(plain), text_part(rich, "html"), kind="alternative")
    assert body(mail.read(data)) == [expected.strip()]


def test_a_body_of_empty_html_is_no_words() -> None:
    reading = mail.read(mixed(text_part(" ", "html"), text_part("<!-- -->", "html")))
    assert (body(reading), reading.warnings) == ([], ())


def test_an_attachment_inside_one_version_of_the_words_is_kept() -> None:
    inner = mixed(
        text_part("<p>Rich.", "html"), file_part("application/pdf", b"%PDF", "Content-ID: <x>")
    ).replace(b"=b", b"=c").replace(b"--b", b"--c")  # fmt: skip
    inner = inner.removeprefix(HEAD)
    reading = mail.read(mixed(text_part("Plain."), inner, kind="alternative"))
    assert body(reading) == ["Plain."]
    assert reading.members == (Member("attachment.pdf", b"%PDF"),)


def test_words_before_and_after_an_attachment_are_all_read() -> None:
    pdf = file_part("application/pdf; name=a.pdf", b"%PDF")
    reading = mail.read(mixed(text_part("Before."), pdf, text_part("After.")))
    assert body(reading) == ["Before.", "After."]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        pytest.param(
            b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\x93Oui\x94 \xe0 l\x92\xe9t\xe9",
            "“Oui” à l’été",
            id="windows-under-another-name",
        ),
        pytest.param(
            b"Content-Type: text/plain; charset=utf-8\r\n\r\nLe pr\xe9sident a \xe9t\xe9 re\xe7u.",
            "Le président a été reçu.",
            id="wrong",
        ),
        pytest.param(
            b"Content-Type: text/plain; charset=x-nobody-knows\r\n\r\n" + "Réunion".encode(),
            "Réunion",
            id="unknown",
        ),
        pytest.param(text_part("会談", charset="iso-2022-jp"), "会談", id="seven-bit"),
        pytest.param(
            b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + "Réunion".encode(),
            "Réunion",
            id="not-even-seven-bit",
        ),
        pytest.param(
            b'Content-Type: text/plain; charset="a\0b"\r\n\r\nThey\0 met.', "They met.", id="nul"
        ),
        pytest.param(
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\nThey =\r\nmet =C3=A0 9=ZZ.",
            "They met à 9=ZZ.",
            id="quoted-printable",
        ),
        pytest.param(
            b"Content-Transfer-Encoding: base64 \r\n\r\nVGhleSBtZXQu!", "They met.", id="base64"
        ),
    ],
)
def test_a_body_is_decoded_as_declared_or_as_best_guessed(part: bytes, expected: str) -> None:
    assert body(mail.read(mixed(part))) == [expected]


def test_a_part_that_is_not_text_is_a_warning_and_no_error() -> None:
    reading = mail.read(mixed(text_part("They met."), file_part("text/plain", b"\1\2\3\4" * 9)))
    assert body(reading) == ["They met."]
    assert reading.warnings == (
        "a part of the body can not be read: it holds control characters, so it is not text",
    )


def test_a_mail_saved_as_utf_16_is_read() -> None:
    data = (HEAD + b"\r\nThey met.").decode().encode("utf-16")
    assert body(mail.read(data)) == ["They met."]


QUOTED = """\
No, he did not say that, and nobody who was in the room that day has ever
claimed it.

On Monday Ann wrote:
> Can we say that the minister agrees with the proposal that was made by
> the other side?
>> - An older question
>From here on it is mine.

-- \n\
Bob Cee
Desk officer
"""


def test_quoted_words_keep_a_mark_and_a_signature_its_lines() -> None:
    assert [part.text.replace("\n", " ") for part in quoted.parts(QUOTED)] == [
        "No, he did not say that, and nobody who was in the room that day has ever claimed it.",
        "On Monday Ann wrote:",
        "> Can we say that the minister agrees with the proposal that was made by the other side?",
        ">> - An older question",
        "From here on it is mine.",
        "Bob Cee",
        "Desk officer",
    ]


@pytest.mark.parametrize(
    ("delsp", "text", "expected"),
    [
        pytest.param("no", "They met \r\nin June.\r\nBye.", ["They met in June.", "Bye."],
                     id="joined"),
        pytest.param("yes", "They m \r\net.", ["They met."], id="deleted-space"),
        pytest.param("no", "> They met \r\n> in June. \r\nNo.", ["> They met in June.", "No."],
                     id="quoted"),
        pytest.param("no", " > is more.\r\n", ["> is more."], id="stuffed"),
        pytest.param("no", "Bye. \r\n-- \r\nBob \r\nCee", ["Bye.", "Bob Cee"], id="signature"),
    ],
)  # fmt: skip
def test_flowed_lines_are_unfolded(delsp: str, text: str, expected: list[str]) -> None:
    head = f"Content-Type: text/plain; format=flowed; delsp={delsp}\r\n\r\n"
    assert body(mail.read(HEAD + (head + text).encode())) == expected


def test_long_links_that_only_repeat_where_words_lead_are_left_out() -> None:
    link = "<https://example.org/" + "x" * 60 + ">"
    parts = quoted.parts(f"Read the statement {link} or <https://example.org>.")
    assert [part.text for part in parts] == ["Read the statement or <https://example.org>."]


# Attachments


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        pytest.param(['Content-Disposition: attachment; filename="a b.pdf"'], "a b.pdf", id="name"),
        pytest.param(
            ["Content-Disposition: attachment; filename*=utf-8''%C3%A9t%C3%A9.pdf"], "été.pdf",
            id="rfc-2231",
        ),
        pytest.param(
            ['Content-Disposition: attachment; filename="=?utf-8?q?=C3=A9t=C3=A9.pdf?="'],
            "été.pdf", id="encoded-word",
        ),
        pytest.param(
            ["Content-Disposition: attachment; filename=../../etc/x.pdf"], "etc/x.pdf", id="path"
        ),
        pytest.param(
            ["Content-Disposition: attachment; filename*=a; filename*0=b"], "attachment.pdf",
            id="both-ways",
        ),
        pytest.param([], "attachment.pdf", id="none"),
    ],
)  # fmt: skip
def test_an_attachment_keeps_its_name(headers: list[str], name: str) -> None:
    part = file_part("application/pdf", b"%PDF-1.4\r\nbytes", *headers)
    reading = mail.read(mixed(text_part("They met."), part))
    assert reading.members == (Member(name, b"%PDF-1.4\r\nbytes"),)


def test_two_attachments_of_one_name_get_two_names() -> None:
    part = file_part("application/pdf; name=a.pdf", b"%PDF")
    assert [member.name for member in mail.read(mixed(part, part)).members] == [
        "a.pdf",
        "a (2).pdf",
    ]


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        pytest.param(["Content-Disposition: inline; filename=logo.png"], [], id="inline"),
        pytest.param(
            ["Content-Disposition: attachment; filename=logo.png", "Content-ID: <logo>"], [],
            id="shown-by-its-id",
        ),
        pytest.param(["Content-Disposition: attachment; filename=map.png"], ["map.png"], id="file"),
    ],
)  # fmt: skip
def test_pictures_in_the_body_are_no_members(headers: list[str], names: list[str]) -> None:
    reading = mail.read(mixed(file_part("image/png", b"\x89PNG", *headers)))
    assert [member.name for member in reading.members] == names


def test_a_mail_in_a_mail_is_a_member_with_its_very_bytes() -> None:
    inner = b"Subject: =?utf-8?q?D=C3=A9jeuner?= 1/2\r\nX-Odd:\xff\r\n\r\n\xe9t\xe9\n\r\n"
    reading = mail.read(mixed(text_part("See below."), file_part("message/rfc822", inner)))
    assert body(reading) == ["See below."]
    assert reading.members == (Member("Déjeuner 1-2.eml", inner),)


@pytest.mark.parametrize(
    ("kind", "warning"),
    [
        pytest.param("application/ms-tnef; name=winmail.dat", "packed in winmail.dat", id="tnef"),
        pytest.param("application/pkcs7-mime; name=smime.p7m", "encrypted or sealed", id="smime"),
    ],
)
def test_what_only_other_programs_open_is_a_warning(kind: str, warning: str) -> None:
    reading = mail.read(mixed(text_part("They met."), file_part(kind, b"x")))
    assert reading.members == ()
    assert [warning in each for each in reading.warnings] == [True]


@pytest.mark.parametrize(
    "kind",
    [
        "application/pgp-signature",
        "text/calendar",
        "message/delivery-status",
        "text/rfc822-headers",
    ],
)
def test_what_machines_add_is_left_out(kind: str) -> None:
    reading = mail.read(mixed(text_part("They met."), file_part(kind, b"a: b\r\n")))
    assert (body(reading), reading.members, reading.warnings) == (["They met."], (), ())


# Headers


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("=?utf-8?q?R=C3=A9union?=", "Réunion", id="q"),
        pytest.param("=?UTF-8?B?UsOp?=\n =?UTF-8?B?dW5pb24=?=", "Réunion", id="two-words"),
        pytest.param("=?utf-8?b?a?=", "=?utf-8?b?a?=", id="not-base64"),
        pytest.param("=?utf-8?q?=C3?= =?utf-8?q?=A9t=C3=A9?=", "été", id="character-cut-in-two"),
        pytest.param("=?iso-2022-jp?b?GyRCMnFDTBsoQg==?=", "会談", id="seven-bit"),
        pytest.param(
            "=?x-none?q?visit?= on =?utf-8*en?q?Monday?=", "visit on Monday", id="unknown"
        ),
        pytest.param("=?utf-8?x?abc?=", "=?utf-8?x?abc?=", id="no-such-encoding"),
    ],
)
def test_encoded_words_are_read(value: str, expected: str) -> None:
    assert decode_words(value) == expected


def test_a_header_of_raw_bytes_is_decoded() -> None:
    subject = "Le président a été reçu à l’Élysée".encode("cp1252")
    reading = mail.read(b"Subject: " + subject + b"\r\n\r\nHi.")
    assert reading.metadata["title"].value == "Le président a été reçu à l’Élysée"


def test_a_list_of_receivers_without_end_is_cut_at_a_name() -> None:
    people = ", ".join(f"a{number}@example.org" for number in range(20_000))
    row = blocks(mail.read(f"From: a@b.c\r\nTo: {people}\r\n\r\nHi.".encode()))[1][1]
    assert len(row) < 2010
    assert row.endswith("@example.org, …")


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 100, b"They met.\n\nThey left.", b"title: x\n\nThey met."]
)
def test_what_has_no_headers_of_a_mail_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an e-mail: it has no headers"):
        mail.read(data)


# Mails that are made to do harm


def test_a_mail_of_ten_thousand_parts_is_read() -> None:
    reading = mail.read(mixed(*(text_part(f"Word {number}.") for number in range(10_000))))
    assert body(reading)[-1] == "Word 9999."


def test_a_thousand_attachments_are_read_and_the_rest_counted() -> None:
    reading = mail.read(mixed(*[file_part("application/pdf; name=a.pdf", b"%PDF")] * 1200))
    assert len(reading.members) == 1000
    assert reading.members[-1].name == "a (1000).pdf"
    assert reading.warnings == ("of 1200 attachments the first 1000 are read",)


def test_a_mail_attached_to_itself_fifty_times_opens_one_at_a_time() -> None:
    data = HEAD + b"\r\nInnermost."
    for depth in range(50):
        inner = file_part("message/rfc822", data)
        data = mixed(text_part(f"Level {depth}."), inner).replace(b"b\r\n", b"b%d\r\n" % depth)
        data = data.replace(b"--b--", b"--b%d--" % depth)
    seen = []
    while True:
        reading = mail.read(data)
        seen += body(reading)
        if not reading.members:
            break
        data = reading.members[0].data
    assert seen == [*(f"Level {depth}." for depth in reversed(range(50))), "Innermost."]


def test_parts_nested_without_end_are_refused() -> None:
    heads = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(2000)
    )
    with pytest.raises(ValueError, match="nested too deeply"):
        mail.read(HEAD + heads.encode() + b"\r\nHi.")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_mail_is_read_or_refused(data: st.DataObject) -> None:
    inner = file_part("message/rfc822", full_mail())
    source = bytearray(mixed(text_part("They met."), inner, full_mail()))
    for _ in range(data.draw(st.integers(1, 8))):
        start = data.draw(st.integers(0, len(source)))
        end = min(len(source), start + data.draw(st.integers(0, 20)))
        source[start:end] = data.draw(st.binary(max_size=12) | st.sampled_from(
            [b"\r\n", b"--b", b"=?", b"*0=", b"; charset=", b"\0", b"multipart/", b'"']
        ))  # fmt: skip
    with suppress(ValueError):
        mail.read(bytes(source))
