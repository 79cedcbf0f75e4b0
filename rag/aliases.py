"""Names that mean the same: of countries, their people and capitals, and of organisations."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

from babel import Locale

from rag.language import LANGUAGES, WORD, stem, unaccented
from rag.types import Span

LONGEST = 3  # words of a country's name that is said as it stands

Row = tuple[tuple[str, ...], ...]  # the names in each of the languages


def aliases_in(text: str, language: str) -> list[tuple[Span, str]]:
    """Return where names stand in a text without accents, each with what its namesakes share."""
    pattern, keys = _aliases(language)
    return [(Span(*each.span()), keys[_loose(each.group())]) for each in pattern.finditer(text)]


def namesakes(question: str, language: str) -> Mapping[str, frozenset[str]]:
    """Return, for each word of the names in a question, the stems of other names for the same.

    >>> "us" in namesakes("Will the United States join?", "en")["States"]
    True
    """
    return {
        word: _single(key)
        for span, key in aliases_in(unaccented(question), language)
        for word in WORD.findall(span.of(question))
    }


@cache
def _single(key: str) -> frozenset[str]:
    """Return the stems of the names of one word."""
    return frozenset(
        stem(name, language)
        for row in _rows()
        if _key(row) == key
        for language, names in zip(LANGUAGES, row, strict=True)
        for name in names
        if WORD.fullmatch(name)
    )


@cache
def _aliases(language: str) -> tuple[re.Pattern[str], Mapping[str, str]]:
    """Return a pattern of the names that a language has for what all know, and the key of each."""
    keys: dict[str, str] = {}
    for column in (LANGUAGES.index(language), 0):  # English names stand in other texts, too
        for row in _rows():
            for name in row[column]:
                keys.setdefault(name, _key(row))
    patterns = []
    for name in sorted(keys, key=len, reverse=True):
        escaped = re.escape(name).replace(r"\ ", r"[\s-]+")
        if name[0].islower():
            escaped = f"[{name[0]}{name[0].upper()}]{escaped[1:]}"
        patterns.append(escaped)
    pattern = re.compile(rf"(?<![^\W_])(?:{'|'.join(patterns)})(?![^\W_])")
    return pattern, {_loose(name): key for name, key in keys.items()}


def _loose(name: str) -> str:
    return re.sub(r"[\s-]+", " ", name).casefold()


def _key(row: Row) -> str:
    return f"@{row[0][0].casefold()}"


@cache
def _rows() -> tuple[Row, ...]:
    text = resources.files("rag").joinpath("aliases.txt").read_text(encoding="utf-8")
    rows = [
        tuple(
            tuple(unaccented(each.strip()) for each in column.split(","))
            for column in line.split("|")
        )
        for line in text.splitlines()
        if line and not line.startswith("#")
    ]
    return (*rows, *_countries({name for row in rows for name in row[0]}))


def _countries(known: set[str]) -> Iterator[Row]:
    """Yield the names of the countries that Babel knows and the file does not."""
    locales = [Locale(each).territories for each in LANGUAGES]
    for code, name in locales[0].items():
        names = tuple((unaccented(each.get(code, name)),) for each in locales)
        [english] = names[0]
        if code.isalpha() and english not in known and len(english.split(" ")) <= LONGEST:
            yield names
