"""How mailers write text: charsets that are declared, rightly or not, and encoded words."""

import base64
import binascii
import quopri
import re
from collections.abc import Sequence

from ingest.readers.decode import decode

ENCODED_WORD = re.compile(r"=\?([\w.:+-]{2,40})(?:\*[\w-]*)?\?([bq])\?([^?]*)\?=", re.IGNORECASE)
BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?[^?\s]+\?[bq]\?)", re.IGNORECASE)
CHARSET = re.compile(r"[\w.:+-]{2,40}", re.ASCII)
# Of these, 7-bit bytes are not ASCII, although they are valid UTF-8.
SEVEN_BIT = re.compile(r"iso-?2022-|utf-?7|hz")
# What mailers call by these names is a larger set, as web browsers know too.
WIDER = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "us-ascii": "cp1252", "gb2312": "gb18030",
         "gbk": "gb18030", "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "shift_jis": "cp932",
         "iso-8859-9": "cp1254", "iso-8859-11": "cp874", "tis-620": "cp874"}  # fmt: skip
NOT_CHARSETS = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}


def decode_declared(data: bytes, charset: str) -> str:
    """Return the text of bytes for which a mailer declared a charset, rightly or not.

    Raises:
        ValueError: the bytes are not text.
    """
    charset = charset.lower() if CHARSET.fullmatch(charset) else ""
    if SEVEN_BIT.match(charset):
        try:
            return data.decode(charset)
        except (UnicodeError, LookupError):
            charset = ""
    declared = "" if charset in NOT_CHARSETS else WIDER.get(charset, charset)
    try:
        return decode(data, declared=declared)
    except ValueError:
        return decode(data.replace(b"\0", b""), declared=declared)  # a stray one is no reason


def decode_anyhow(data: bytes, charset: str = "") -> str:
    """Return the text of bytes, with marks in the place of what is not text."""
    try:
        return decode_declared(data, charset)
    except ValueError:
        return data.decode("utf-8", "replace")


def decode_words(value: str) -> str:
    """Return a header on one line with its encoded words (RFC 2047) as text.

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
            pieces += (_join(pending, charset), between)
            pending = []
        charset, end = word[1].lower(), word.end()
        pending.append(_word_bytes(word))
    return " ".join("".join([*pieces, _join(pending, charset), joined[end:]]).split())


def _word_bytes(word: re.Match[str]) -> bytes:
    if word[2].lower() == "q":
        return quopri.decodestring(word[3].encode(), header=True)
    try:
        return base64.b64decode(word[3] + "==")
    except (binascii.Error, ValueError):
        return word[0].encode()


def _join(words: Sequence[bytes], charset: str) -> str:
    return decode_anyhow(b"".join(words), charset)
