"""E-mail: who wrote to whom and when, the words of the body, and the attachments as members."""

import mimetypes
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32

from ingest.readers import quoted
from ingest.readers.charsets import decode_anyhow, decode_declared, decode_words
from ingest.readers.decode import decode
from ingest.readers.letter import ROWS, Content, best_version, compose_letter, html_parts
from ingest.readers.names import SLASH
from ingest.reading import Member, Part, Reading

KNOWN = ("From", "To", "Cc", "Subject", "Date", "Received", "Message-ID", "MIME-Version")
LONGEST_HEADER = 100_000  # characters
LONGEST_PARAMETERS = 2000  # the library's time grows with their square
MACHINES = {"application/pgp-signature", "application/pkcs7-signature", "text/calendar",
            "application/x-pkcs7-signature", "text/rfc822-headers", "text/x-amp-html",
            "message/delivery-status", "message/disposition-notification"}  # fmt: skip
SEALED = {"application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted"}
LETTERS = {"message/rfc822", "message/global", "message/news"}
TNEF = {"application/ms-tnef", "application/vnd.ms-tnef"}

# What the library is known to raise on parameters of headers that break its rules.
BROKEN = (LookupError, TypeError, AttributeError)


class _Lenient(Compat32):
    """Headers as text, no longer than can be parsed; the library's newer policy fails on many."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        has_parameters = name.lower().startswith("content-")
        return name, value[: LONGEST_PARAMETERS if has_parameters else LONGEST_HEADER]

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002  the library's
        return decode_anyhow(value.encode("ascii", "surrogateescape")).strip()


class _Letter(Message):
    """A mail that leaves the mails inside it unopened: their bytes are read in their turn."""

    def get_content_maintype(self) -> str:
        kind = super().get_content_maintype()
        return "sealed" if kind == "message" else kind


def read(data: bytes) -> Reading:
    """Read a mail: its headers as rows, its body, and what is attached to it as members."""
    letter = _parse(data)
    if not any(name in letter for name in KNOWN):
        raise ValueError("it is not an e-mail: it has no headers")
    try:
        return compose_letter(_rows(letter), list(_contents(letter)))
    except RecursionError as error:
        raise ValueError("its parts are nested too deeply") from error
    except BROKEN as error:
        raise ValueError("its headers are damaged") from error


def header_rows(data: bytes) -> dict[str, str]:
    """Return the headers of a mail that a person reads, as text."""
    return _rows(_parse(data, headers_only=True))


def _rows(letter: Message) -> dict[str, str]:
    return {name: decode_words(letter[name]) for name in ROWS if name in letter}


def _parse(data: bytes, *, headers_only: bool = False) -> Message:
    if b"\0" in data[:1000]:  # a mail that an editor saved as UTF-16
        with suppress(ValueError):
            data = decode(data).encode()
    data = data.removeprefix(BOM_UTF8)
    parser = BytesParser(_Letter, policy=_Lenient())
    try:
        return parser.parsebytes(data, headersonly=headers_only)
    except RecursionError as error:
        raise ValueError("its parts are nested too deeply") from error


def _contents(part: Message) -> Iterator[Content]:
    """Yield what a part and the parts inside it hold, in order."""
    kind = part.get_content_type()
    if kind in SEALED:
        yield "a part of the mail is encrypted or sealed, so it is not read"
    elif kind == "multipart/alternative" and part.is_multipart():
        yield from _alternatives([list(_contents(child)) for child in _children(part)])
    elif kind.startswith("multipart/") and part.is_multipart():
        for child in _children(part):
            yield from _contents(child)
    elif kind not in MACHINES or _is_attached(part):
        yield from _leaf(part, kind)


def _children(part: Message) -> Iterator[Message]:
    return (child for child in part.get_payload() if isinstance(child, Message))


def _alternatives(versions: Sequence[Sequence[Content]]) -> Iterator[Content]:
    """Yield one version of the words, and the attachments of all."""
    yield from best_version(
        [[each for each in version if isinstance(each, Part)] for version in versions]
    )
    for version in versions:
        yield from (each for each in version if not isinstance(each, Part))


def _leaf(part: Message, kind: str) -> Iterator[Content]:
    name = _file_name(part)
    if kind in TNEF or name.lower() == "winmail.dat":
        yield "an attachment is packed in winmail.dat, which only Outlook opens, so it is not read"
    elif kind in LETTERS:
        letter = _payload(part)
        yield Member(name or _letter_name(letter), letter)
    elif _is_attached(part) or (name and not kind.startswith("image/")):
        yield Member(name or f"attachment{mimetypes.guess_extension(kind) or ''}", _payload(part))
    elif kind.startswith(("text/", "multipart/")):
        yield from _words(part, kind)
    elif not kind.startswith("image/"):
        yield Member(f"attachment{mimetypes.guess_extension(kind) or ''}", _payload(part))


def _is_attached(part: Message) -> bool:
    """Tell whether a part is a file of its own; a picture with an id is shown in the body."""
    shown = part.get_content_type().startswith("image/") and "Content-ID" in part
    return part.get_content_disposition() == "attachment" and not shown


def _file_name(part: Message) -> str:
    try:
        return decode_words(part.get_filename() or "")
    except (*BROKEN, ValueError):
        return ""


def _letter_name(data: bytes) -> str:
    subject = header_rows(data[:LONGEST_HEADER]).get("Subject", "")
    return f"{SLASH.sub('-', subject) or 'message'}.eml"


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _words(part: Message, kind: str) -> Iterator[Content]:
    try:
        text = decode_declared(_payload(part), str(part.get_param("charset", "")))
    except ValueError as error:
        yield f"a part of the body can not be read: {error}"
        return
    if kind == "text/html":
        yield from html_parts(text)
        return
    flowed = str(part.get_param("format", "")).lower() == "flowed"
    delete_space = str(part.get_param("delsp", "")).lower() == "yes"
    yield from quoted.parts(text, flowed=flowed, delete_space=delete_space)
