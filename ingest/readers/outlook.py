"""Outlook's MSG files, read as the e-mails and appointments that they hold."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from urllib.parse import quote

import olefile  # type: ignore[import-untyped]  # it ships no types

from ingest.readers import quoted
from ingest.readers.charsets import decode_anyhow
from ingest.readers.letter import MAX_MEMBERS, Content, best_version, compose_letter, html_parts
from ingest.readers.mail import header_rows
from ingest.readers.names import SLASH
from ingest.reading import Member, Reading, clean

# All that olefile is known to raise on files that break its rules.
BROKEN = (OSError, LookupError, TypeError, AttributeError, OverflowError, ValueError, struct.error)
STRING, STRING_8_BIT, BINARY, STORAGE = 0x1F, 0x1E, 0x102, 0x0D
MESSAGE_HEADER_BYTES, EMBEDDED_HEADER_BYTES, OTHER_HEADER_BYTES = 32, 24, 8
EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
CODE_PAGES = {65001: "utf-8", 20127: "ascii", 20866: "koi8-r", 21866: "koi8-u", 51932: "euc-jp",
              50220: "iso-2022-jp", 50221: "iso-2022-jp", 50222: "iso-2022-jp", 51949: "euc-kr",
              **{28590 + number: f"iso-8859-{number}" for number in range(1, 16)}}  # fmt: skip
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".emf", ".wmf")
ROLES = {1: "To", 2: "Cc"}
EXCHANGE_HEADERS = "Microsoft Mail Internet Headers Version 2.0\n"
BY_REFERENCE = {2, 3, 4, 7}  # the attachment is a path or a link
# The names that an appointment's own properties have, each with its row.
APPOINTMENT = {0x820D: "Start", 0x820E: "End", 0x8208: "Where"}


@dataclass(frozen=True)
class _Folder:
    """A storage of the file, which holds a message, a recipient or an attachment."""

    ole: olefile.OleFileIO
    path: tuple[str, ...]
    header_bytes: int
    code_page: str = ""

    def stream(self, name: str) -> bytes:
        path = [*self.path, name]
        return bytes(self.ole.openstream(path).read()) if self.ole.exists(path) else b""

    def binary(self, tag: int) -> bytes:
        return self.stream(f"__substg1.0_{tag:04X}{BINARY:04X}")

    def string(self, tag: int) -> str:
        data = self.stream(f"__substg1.0_{tag:04X}{STRING:04X}")
        if data:
            return clean(data.decode("utf-16-le", "replace"))
        return clean(
            decode_anyhow(self.stream(f"__substg1.0_{tag:04X}{STRING_8_BIT:04X}"), self.code_page)
        )

    def line(self, tag: int) -> str:
        return " ".join(self.string(tag).split())

    @cached_property
    def numbers(self) -> Mapping[int, int]:
        """The value of every property that is of a fixed size."""
        stream = self.stream("__properties_version1.0")[self.header_bytes :]
        whole = stream[: len(stream) // 16 * 16]
        return {tag: value for _, tag, _, value in struct.iter_unpack("<HHIQ", whole)}

    def number(self, tag: int) -> int:
        return self.numbers.get(tag, 0) & 0xFFFFFFFF

    def moment(self, tag: int) -> str:
        """Return a date and time as e-mails write it."""
        if not self.numbers.get(tag):
            return ""
        try:
            return format_datetime(EPOCH + timedelta(seconds=self.numbers[tag] // 10**7))
        except OverflowError:
            return ""

    def folders(self, prefix: str) -> Iterator["_Folder"]:
        """Yield the folders of recipients or attachments, at most as many as are read."""
        node = self.ole.root
        for name in self.path:
            node = node.kids_dict[name.lower()]
        names = [kid.name for kid in node.kids if kid.name.lower().startswith(prefix)]
        for name in names[:MAX_MEMBERS]:
            yield _Folder(self.ole, (*self.path, name), OTHER_HEADER_BYTES, self.code_page)


@dataclass(frozen=True, slots=True)
class _Letter:
    """What a message says of itself and what it contains."""

    rows: Mapping[str, str]
    plain: str
    html: str
    members: tuple[Member, ...]
    warnings: tuple[str, ...]


def read(data: bytes) -> Reading:
    """Read a message that Outlook saved; one that is attached to it becomes an EML member."""
    try:
        with olefile.OleFileIO(BytesIO(data)) as ole:
            _check_sizes(ole, len(data))
            letter = _letter(_Folder(ole, (), MESSAGE_HEADER_BYTES))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except BROKEN as error:
        raise ValueError("it is damaged or is not an Outlook message") from error
    if not letter.rows and not letter.plain and not letter.html:
        raise ValueError("it is not an Outlook message")
    return compose_letter(letter.rows, [*_words(letter), *letter.members, *letter.warnings])


def _check_sizes(ole: olefile.OleFileIO, size: int) -> None:
    """Refuse a file whose streams share their sectors: they would fill the memory."""
    streams = (entry for entry in ole.direntries if entry and entry.entry_type == 2)
    if sum(entry.size for entry in streams) > size:
        raise ValueError("it is damaged")


def _words(letter: _Letter) -> Sequence[Content]:
    return best_version([quoted.parts(letter.plain), html_parts(letter.html)])


def _letter(folder: _Folder) -> _Letter:
    page = folder.number(0x3FFD) or folder.number(0x3FDE)
    folder = _Folder(folder.ole, folder.path, folder.header_bytes, _encoding(page))
    plain = folder.string(0x1000)
    html_page = _encoding(folder.number(0x3FDE) or page)
    html = clean(decode_anyhow(folder.binary(0x1013), html_page)) or folder.string(0x1013)
    warnings = []
    if not html and not plain.strip() and folder.binary(0x1009):
        warnings.append("the body is kept in Outlook's own form (RTF), so it is not read")
    members = []
    for attachment in folder.folders("__attach_version1.0_"):
        member = _member(attachment)
        if isinstance(member, Member):
            members.append(member)
        elif member:
            warnings.append(member)
    rows = {**_rows(folder), **_appointment(folder)}
    found = {name: value for name, value in rows.items() if value}
    return _Letter(found, plain, html, tuple(members), tuple(warnings))


def _encoding(code_page: int) -> str:
    return CODE_PAGES.get(code_page, f"cp{code_page}") if code_page else ""


def _rows(folder: _Folder) -> dict[str, str]:
    """Return the headers of the mail that was sent, or else what Outlook knows of it."""
    headers = header_rows(folder.string(0x007D).removeprefix(EXCHANGE_HEADERS).encode())
    people = _recipients(folder)
    rows = {
        "From": _person(folder.line(0x0C1A) or folder.line(0x0042),
                        folder.line(0x5D01) or folder.line(0x0C1F)),
        "To": people["To"] or folder.line(0x0E04),
        "Cc": people["Cc"] or folder.line(0x0E03),
        "Date": folder.moment(0x0039) or folder.moment(0x0E06),
        "Subject": folder.line(0x0037),
    }  # fmt: skip
    sent = {name: headers.get(name) or value for name, value in rows.items()}
    return {**sent, "Subject": rows["Subject"] or sent["Subject"]}


def _recipients(folder: _Folder) -> dict[str, str]:
    people: dict[str, list[str]] = {"To": [], "Cc": []}
    for recipient in folder.folders("__recip_version1.0_"):
        address = recipient.line(0x39FE) or recipient.line(0x3003)
        role = ROLES.get(recipient.number(0x0C15) & 0xF)
        if role:
            people[role].append(_person(recipient.line(0x3001), address))
    return {role: ", ".join(filter(None, named)) for role, named in people.items()}


def _person(name: str, address: str) -> str:
    """Return a name with its address, unless that is one of Exchange's own long ones."""
    if "@" not in address or name.lower() == address.lower():
        return name or address
    return f"{name} <{address}>" if name and address not in name else name or address


def _appointment(folder: _Folder) -> dict[str, str]:
    """Return when and where; a message gives such properties numbers of its own."""
    if not folder.line(0x001A).lower().startswith(("ipm.appointment", "ipm.schedule.meeting")):
        return {}
    root = _Folder(folder.ole, ("__nameid_version1.0",), 0)
    entries = root.binary(0x0003)
    rows = {}
    for lid, flags, number in struct.iter_unpack("<IHH", entries[: len(entries) // 8 * 8]):
        if lid in APPOINTMENT and not flags & 1:
            tag = 0x8000 + number
            rows[APPOINTMENT[lid]] = folder.line(tag) or folder.moment(tag)
    return {name: rows[name] for name in APPOINTMENT.values() if name in rows}


def _member(attachment: _Folder) -> Member | str | None:
    """Return a file or mail that is attached, a warning, or None for a picture in the body."""
    name = attachment.line(0x3707) or attachment.line(0x3704) or attachment.line(0x3001)
    embedded = (*attachment.path, f"__substg1.0_3701{STORAGE:04X}")
    if attachment.ole.exists([*embedded, "__properties_version1.0"]):
        inner = _letter(_Folder(attachment.ole, embedded, EMBEDDED_HEADER_BYTES))
        subject = SLASH.sub("-", inner.rows.get("Subject") or name or "message")
        return Member(f"{subject}.eml", _eml(inner))
    if attachment.ole.exists(list(embedded)):
        return f"the attachment {name!r} is an object of another program, so it is not read"
    if attachment.number(0x3705) in BY_REFERENCE:
        return f"the attachment {name!r} is a link to a file elsewhere, so it is not read"
    kind = attachment.line(0x370E).lower()
    picture = kind.startswith("image/") or name.lower().endswith(PICTURES)
    if picture and (attachment.line(0x3712) or attachment.number(0x7FFE)):
        return None
    return Member(name or "attachment", attachment.binary(0x3701))


def _eml(letter: _Letter) -> bytes:
    """Write a message as an EML file, for it has no file of its own."""
    parts = [_eml_part("text/html; charset=utf-8", letter.html.encode())] if letter.html else []
    if letter.plain.strip():
        parts = [_eml_part("text/plain; charset=utf-8", letter.plain.encode()), *parts]
    bodies = _eml_multipart("alternative", parts)
    files = [
        _eml_part("message/rfc822" if member.name.endswith(".eml") else "application/octet-stream",
                  member.data, name=member.name)
        for member in letter.members
    ]  # fmt: skip
    headers = "".join(f"{name}: {value}\n" for name, value in letter.rows.items())
    return headers.encode() + _eml_multipart("mixed", [bodies, *files])


def _eml_part(kind: str, data: bytes, *, name: str = "") -> bytes:
    attached = f"Content-Disposition: attachment; filename*=utf-8''{quote(name)}\n" if name else ""
    return f"Content-Type: {kind}\nContent-Transfer-Encoding: binary\n{attached}\n".encode() + data


def _eml_multipart(kind: str, parts: Sequence[bytes]) -> bytes:
    boundary = sha256(b"".join(parts)).hexdigest()
    between = f"\r\n--{boundary}\r\n".encode()
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\n'.encode()
    return between.join([head, *parts, b""])
