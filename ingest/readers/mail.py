"""E-mail: who wrote to whom and when, the words of the body, and the attachments as members."""

import base64
import binascii
import mimetypes
import quopri
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from email.utils import parsedate_to_datetime

from ingest.readers import quoted
from ingest.readers.decode import decode
from ingest.readers.html import whole_page
from ingest.readers.names import distinct
from ingest.reading import Found, Member, Part, Reading, compose, iso_date

ROWS = ("From", "To", "Cc", "Date", "Subject")
KNOWN = (*ROWS, "Received", "Message-ID", "MIME-Version", "Content-Type")
MAX_MEMBERS = 1000
LONGEST_HEADER = 100_000  # characters
LONGEST_PARAMETERS = 2000  # the library's time grows with their square
LONGEST_DATE = 100
LONGEST_ROW = 2000
STUB = 10  # a plain text that many times shorter than its HTML only says that there is HTML
ENCODED_WORD = re.compile(r"=\?([\w.:+-]{2,40})(?:\*[\w-]*)?\?([bq])\?([^?]*)\?=", re.IGNORECASE)
BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?[^?\s]+\?[bq]\?)", re.IGNORECASE)
# Of these, 7-bit bytes are not ASCII, although they are valid UTF-8.
SEVEN_BIT = re.compile(r"iso-?2022-|utf-?7|hz", re.IGNORECASE)
SLASH = re.compile(r"[/\\]")
CHARSET = re.compile(r"[\w.:+-]{2,40}", re.ASCII)
# What mailers call by these names is a larger set, as web browsers know too.
WIDER = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "us-ascii": "cp1252", "gb2312": "gb18030",
         "gbk": "gb18030", "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "shift_jis": "cp932",
         "iso-8859-9": "cp1254", "iso-8859-11": "cp874", "tis-620": "cp874"}  # fmt: skip
NOT_TEXT = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
MACHINES = {"application/pgp-signature", "application/pkcs7-signature", "text/calendar",
            "application/x-pkcs7-signature", "text/rfc822-headers", "text/x-amp-html",
            "message/delivery-status", "message/disposition-notification"}  # fmt: skip
SEALED = {"application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted"}
LETTERS = {"message/rfc822", "message/global", "message/news"}
TNEF = {"application/ms-tnef", "application/vnd.ms-tnef"}

# What the library is known to raise on parameters of headers that break its rules.
BROKEN = (LookupError, TypeError, AttributeError)

Content = Part | Member | str  # of a mail: words of its body, an attachment, a warning


class _Lenient(Compat32):
    """Headers as text, no longer than can be parsed; the library's newer policy fails on many."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        has_parameters = name.lower().startswith("content-")
        return name, value[: LONGEST_PARAMETERS if has_parameters else LONGEST_HEADER]

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002  the library's
        return _text(value.encode("ascii", "surrogateescape")).strip()


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
    rows = {name: decode_words(letter[name] or "") for name in ROWS}
    try:
        contents = list(_contents(letter))
    except RecursionError as error:
        raise ValueError("its parts are nested too deeply") from error
    except BROKEN as error:
        raise ValueError("its headers are damaged") from error
    return letter_reading(rows, contents, published=_local_date(rows["Date"]))


def letter_reading(
    rows: Mapping[str, str], contents: Sequence[Content], *, published: str | None
) -> Reading:
    """Compose what a mail says of itself and what it contains."""
    headers = [Part(f"{name}: {_short(value)}", "row") for name, value in rows.items() if value]
    members = [content for content in contents if isinstance(content, Member)]
    warnings = [content for content in contents if isinstance(content, str)]
    if len(members) > MAX_MEMBERS:
        warnings.append(f"of {len(members)} attachments the first {MAX_MEMBERS} are read")
    found = {"title": rows.get("Subject", ""), "published": published or "", "kind": "e-mail"}
    reading = compose(
        [*headers, *(content for content in contents if isinstance(content, Part))],
        {name: Found(value, "e-mail header") for name, value in found.items() if value},
    )
    return Reading(
        reading.text,
        reading.blocks,
        metadata=reading.metadata,
        members=distinct(members[:MAX_MEMBERS]),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_ROW else f"{value[:LONGEST_ROW].rsplit(' ', 1)[0]} …"


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
        yield from _best([list(_contents(child)) for child in _children(part)])
    elif kind.startswith("multipart/") and part.is_multipart():
        for child in _children(part):
            yield from _contents(child)
    elif kind not in MACHINES or _is_attached(part):
        yield from _leaf(part, kind)


def _children(part: Message) -> Iterator[Message]:
    return (child for child in part.get_payload() if isinstance(child, Message))


def _best(versions: Sequence[Sequence[Content]]) -> Iterator[Content]:
    """Yield one version of the words, plain text before HTML, and the attachments of all."""
    words = [[each for each in version if isinstance(each, Part)] for version in versions]
    lengths = [sum(len(part.text) for part in version) for version in words]
    longest = max(lengths, default=0)
    yield from next((each for each, size in zip(words, lengths, strict=True)
                     if size * STUB > longest), [])  # fmt: skip
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
    subject = decode_words(_parse(data[:LONGEST_HEADER], headers_only=True)["Subject"] or "")
    return f"{SLASH.sub('-', subject) or 'message'}.eml"


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _words(part: Message, kind: str) -> Iterator[Content]:
    try:
        text = _decoded(_payload(part), str(part.get_param("charset", "")))
        if kind == "text/html":
            yield from whole_page(text.encode())
            return
    except ValueError as error:
        yield f"a part of the body can not be read: {error}"
        return
    flowed = str(part.get_param("format", "")).lower() == "flowed"
    delete_space = str(part.get_param("delsp", "")).lower() == "yes"
    yield from quoted.parts(text, flowed=flowed, delete_space=delete_space)


def _decoded(data: bytes, charset: str) -> str:
    """Return the text of bytes whose charset a mailer declared, rightly or not."""
    charset = charset.lower() if CHARSET.fullmatch(charset) else ""
    if charset in NOT_TEXT:
        charset = ""
    if SEVEN_BIT.match(charset):
        try:
            return data.decode(charset)
        except (UnicodeError, LookupError):
            charset = ""
    declared = WIDER.get(charset, charset)
    try:
        return decode(data, declared=declared)
    except ValueError:
        return decode(data.replace(b"\0", b""), declared=declared)  # a stray one is no reason


def _text(data: bytes) -> str:
    """Return a header that may hold 8-bit characters, which it should not."""
    try:
        return decode(data)
    except ValueError:
        return data.decode("utf-8", "replace")


def decode_words(value: str) -> str:
    """Return a header with its encoded words (RFC 2047) as text, on one line.

    >>> decode_words("=?utf-8?q?R=C3=A9?= =?utf-8?b?dW5pb24=?= at 9")
    'Réunion at 9'
    """
    pieces: list[str] = []
    pending: list[bytes] = []  # a mailer may cut a character in two words
    charset, end = "", 0
    joined = BETWEEN_WORDS.sub(r"\1", value)
    for word in ENCODED_WORD.finditer(joined):
        between = joined[end : word.start()]
        if between or word[1].lower() != charset:
            pieces += (_word(pending, charset), between)
            pending = []
        charset, end = word[1].lower(), word.end()
        pending.append(_word_bytes(word))
    return " ".join("".join([*pieces, _word(pending, charset), joined[end:]]).split())


def _word_bytes(word: re.Match[str]) -> bytes:
    if word[2].lower() == "q":
        return quopri.decodestring(word[3].encode(), header=True)
    try:
        return base64.b64decode(word[3] + "==")
    except binascii.Error:
        return word[0].encode()


def _word(pending: Iterable[bytes], charset: str) -> str:
    data = b"".join(pending)
    try:
        return _decoded(data, charset)
    except ValueError:
        return data.decode("utf-8", "replace")


def _local_date(value: str) -> str | None:
    """Return the day on the sender's calendar."""
    try:
        return parsedate_to_datetime(value[:LONGEST_DATE]).date().isoformat()
    except (ValueError, TypeError, OverflowError, IndexError):
        return iso_date(value)
