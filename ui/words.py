"""The words of the window that stand beside an answer, in each of its languages."""

from dataclasses import dataclass
from datetime import date

from babel import Locale
from babel.dates import format_date


@dataclass(frozen=True, slots=True)
class Words:
    """The words that follow the language of the question."""

    searching: str
    searched_for: str
    sources: str
    page: str
    undated: str


_WORDS = {
    "en": Words("Searching the documents…", "Searched for:", "Sources", "page", "undated"),
    "fr": Words(
        "Recherche dans les documents…", "Question recherchée :", "Sources", "page", "sans date"
    ),
    "es": Words(
        "Buscando en los documentos…", "Pregunta buscada:", "Fuentes", "página", "sin fecha"
    ),
}


def words(language: str) -> Words:
    """Return the words in a language, or in English when there are none."""
    return _WORDS.get(language, _WORDS["en"])


def day(published: date | None, language: str = "en") -> str:
    """Return a date written out, or that there is none.

    >>> day(None), day(date(2025, 9, 18), "fr")
    ('undated', '18 septembre 2025')
    """
    if published is None:
        return words(language).undated
    return format_date(published, "long", locale=language if language in _WORDS else "en")


def dates(first: date | None, last: date | None) -> str:
    """Return from when to when documents date, for the status line.

    >>> dates(date(2025, 9, 17), date(2025, 9, 18))
    'dated September 17, 2025 to September 18, 2025'
    """
    if first is None or last is None:
        return "without dates"
    return f"dated {day(first)}" if first == last else f"dated {day(first)} to {day(last)}"


def language_name(code: str) -> str:
    """Return the English name of a language, or its code when it has none.

    >>> language_name("fr"), language_name("zz")
    ('French', 'zz')
    """
    return str(Locale("en").languages.get(code, code))


def sentence(message: str) -> str:
    """Return an error's message as a sentence for a person.

    >>> sentence("the index is busy; wait")
    'The index is busy; wait.'
    """
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "…")) else ".")
