"""How the bytes of a file become text when nothing reliable says how they were written."""

import codecs
import unicodedata

import py3langid
from charset_normalizer import from_bytes

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LATIN_PAGES = {
    "bs": "cp1250", "cs": "cp1250", "et": "cp1257", "hr": "cp1250", "hu": "cp1250", "lt": "cp1257",
    "lv": "cp1257", "pl": "cp1250", "ro": "cp1250", "sk": "cp1250", "sl": "cp1250", "sq": "cp1250",
    "tr": "cp1254",
}  # fmt: skip


def decode(data: bytes, *, declared: str = "") -> str:
    """Return the text: by its byte order mark, as UTF-8, as declared, or as best guessed.

    Raises:
        ValueError: the bytes are not text.
    """
    marked = next((name for mark, name in BOMS if data.startswith(mark)), "")
    for encoding in filter(None, (marked or _wide(data) or "utf-8", declared)):
        try:
            return _checked(data.decode(encoding))
        except (UnicodeError, LookupError):
            continue
    return _checked(data.decode(_guess(data), errors="replace"))


def _wide(data: bytes) -> str:
    """Return the name of UTF-16 if every second byte is mostly 0, as it is in Western text."""
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if 2 * data[offset::2].count(0) > len(data) // 2 and 0 not in data[1 - offset :: 2]:
            return encoding
    if 0 in data:
        raise ValueError("it holds NUL bytes, so it is not text")
    return ""


def _guess(data: bytes) -> str:
    guess = from_bytes(data).best()
    if guess is None:
        raise ValueError("it is not text in any known encoding")
    if not _is_latin(str(guess)):
        return guess.encoding
    # The guesser tells scripts apart but not the Latin code pages: the right one is the one that
    # makes text in a language it was made for.
    for page in sorted(set(LATIN_PAGES.values())):
        language, _ = py3langid.classify(data.decode(page, errors="replace"))
        if LATIN_PAGES.get(language) == page:
            return page
    return "cp1252"


def _is_latin(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    latin = sum("LATIN" in unicodedata.name(letter, "") for letter in letters)
    return 2 * latin >= len(letters)


def _checked(text: str) -> str:
    if "\0" in text:
        raise ValueError("it holds NUL characters, so it is not text")
    controls = sum(unicodedata.category(character) == "Cc" for character in text[:10_000])
    spaces = sum(character in "\n\r\t\f" for character in text[:10_000])
    if 10 * (controls - spaces) > len(text[:10_000]):
        raise ValueError("it holds control characters, so it is not text")
    return text
