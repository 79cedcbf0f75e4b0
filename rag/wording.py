"""Every sentence the desk itself says in an answer, in each of its languages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from babel.dates import format_date

from rag.index import Summary
from rag.types import Citation


@dataclass(frozen=True, slots=True)
class _Words:
    refusal: str
    nearest: str
    none: str
    searched: str
    nothing: str
    among: str
    document: str
    documents: str
    dated: str
    between: str
    undated: str
    partly: str
    unknown: str
    as_of: str
    latest: str
    later: str


_WORDS = {
    "en": _Words(
        refusal="The documents do not say.",
        nearest="The nearest passage, which does not answer the question:",
        none="No passage comes near the question.",
        searched="Searched {count}{dates}{among}.",
        nothing="Nothing was searched: no document fits what was chosen{among}.",
        among=" (of {n} in all)",
        document="1 document",
        documents="{n} documents",
        dated=" dated {first}",
        between=" dated {first} to {last}",
        undated=" without dates",
        partly=" ({n} of them without a date)",
        unknown="No date is known: from {count}{dates}.",
        as_of="As of {last}: from {count}{dates}.",
        latest="Nothing in the documents is later.",
        later="The documents go up to {last}.",
    ),
    "fr": _Words(
        refusal="Les documents ne le disent pas.",
        nearest="Le passage le plus proche, qui ne répond pas à la question :",
        none="Aucun passage n’approche de la question.",
        searched="Recherche dans {count}{dates}{among}.",
        nothing="Rien n’a été cherché : aucun document ne correspond au choix fait{among}.",
        among=" (sur {n} au total)",
        document="1 document",
        documents="{n} documents",
        dated=", en date du {first}",
        between=", datés du {first} au {last}",
        undated=", sans date",
        partly=" (dont {n} sans date)",
        unknown="Aucune date connue : d’après {count}{dates}.",
        as_of="En date du {last} : d’après {count}{dates}.",
        latest="Aucun document n’est plus récent.",
        later="Les documents vont jusqu’au {last}.",
    ),
    "es": _Words(
        refusal="Los documentos no lo dicen.",
        nearest="El pasaje más cercano, que no responde a la pregunta:",
        none="Ningún pasaje se acerca a la pregunta.",
        searched="Se buscó en {count}{dates}{among}.",
        nothing="No se buscó nada: ningún documento corresponde a lo elegido{among}.",
        among=" (de {n} en total)",
        document="1 documento",
        documents="{n} documentos",
        dated=", con fecha del {first}",
        between=", con fechas del {first} al {last}",
        undated=", sin fecha",
        partly=" ({n} de ellos sin fecha)",
        unknown="Fecha desconocida: según {count}{dates}.",
        as_of="A fecha del {last}: según {count}{dates}.",
        latest="Ningún documento es posterior.",
        later="Los documentos llegan hasta el {last}.",
    ),
}


def refusal(language: str) -> str:
    """Return the sentence that says the documents do not answer."""
    return _of(language).refusal


def nearest(language: str, quote: str) -> str:
    """Return the line that offers the nearest passage, or says there is none."""
    words = _of(language)
    return f"{words.nearest} {quote}" if quote else words.none


def coverage(language: str, searched: Summary, whole: Summary) -> str:
    """Return what was searched: how many documents, of which dates, of how many."""
    words = _of(language)
    among = "" if searched == whole else words.among.format(n=whole.documents)
    if among and not searched.documents:
        return words.nothing.format(among=among)
    dates = _dates(language, searched.first, searched.last)
    count = _count(words, searched.documents)
    return words.searched.format(count=count, dates=dates, among=among)


def as_of(language: str, citations: Iterable[Citation], summary: Summary) -> str:
    """Return how recent the cited documents are and whether the index holds later ones.

    Empty when no document is cited; how many of those cited have no date is said.
    """
    words = _of(language)
    published = {each.document_id: each.published for each in citations}
    dated = sorted(each for each in published.values() if each is not None)
    if not dated:
        count, dates = _count(words, len(published)), words.undated
        return words.unknown.format(count=count, dates=dates) if published else ""
    line = words.as_of.format(
        last=_day(dated[-1], language),
        count=_count(words, len(published)),
        dates=_dates(language, dated[0], dated[-1]) + _partly(words, len(published) - len(dated)),
    )
    if summary.last is None or summary.last <= dated[-1]:
        return f"{line} {words.latest}"
    return f"{line} {words.later.format(last=_day(summary.last, language))}"


def _of(language: str) -> _Words:
    return _WORDS.get(language, _WORDS["en"])


def _count(words: _Words, documents: int) -> str:
    return words.document if documents == 1 else words.documents.format(n=documents)


def _partly(words: _Words, undated: int) -> str:
    return words.partly.format(n=undated) if undated else ""


def _dates(language: str, first: date | None, last: date | None) -> str:
    words = _of(language)
    if first is None or last is None:
        return words.undated
    if first == last:
        return words.dated.format(first=_day(first, language))
    return words.between.format(first=_day(first, language), last=_day(last, language))


def _day(day: date, language: str) -> str:
    return format_date(day, "long", locale=language if language in _WORDS else "en")
