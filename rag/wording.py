"""Every sentence the desk itself says in an answer, in each of its languages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from babel.dates import format_date

from rag.index import Summary
from rag.types import Citation, Fault


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
    wrote_nothing: str
    wrote_partly: str
    writes_not: str
    silent: str
    unsure: str


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
        wrote_nothing=(
            "The language model {model} did not answer: {reason}. This answer is made without it."
        ),
        wrote_partly=(
            "The language model {model} did not finish: {reason}. What is proved is shown."
        ),
        writes_not="Answers are quoted without the language model {model}: {reason}.",
        silent="The passages that were found do not answer a part of the question.",
        unsure="This may not answer the question; it is what comes nearest in the documents.",
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
        wrote_nothing=(
            "Le modèle de langue {model} n’a pas répondu : {reason}. "
            "Cette réponse est faite sans lui."
        ),
        wrote_partly=(
            "Le modèle de langue {model} n’a pas terminé : {reason}. Ce qui est prouvé est affiché."
        ),
        writes_not="Les réponses sont citées sans le modèle de langue {model} : {reason}.",
        silent="Les passages trouvés ne répondent pas à une partie de la question.",
        unsure=(
            "Ceci ne répond peut-être pas à la question ; c’est ce qui s’en approche le plus dans "
            "les documents."
        ),
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
        wrote_nothing=(
            "El modelo de lenguaje {model} no respondió: {reason}. Esta respuesta se hizo sin él."
        ),
        wrote_partly="El modelo de lenguaje {model} no terminó: {reason}. Se muestra lo probado.",
        writes_not="Las respuestas se citan sin el modelo de lenguaje {model}: {reason}.",
        silent="Los pasajes encontrados no responden a una parte de la pregunta.",
        unsure="Puede que esto no responda a la pregunta; es lo más cercano en los documentos.",
    ),
}

_FAULTS: dict[str, dict[Fault, str]] = {
    "en": {
        "switched_off": "it is switched off",
        "no_package": "its package is not installed",
        "no_key": "its key is missing",
        "misconfigured": "its settings can not be used",
        "unauthorized": "its key was not accepted",
        "unknown_model": "its server does not know it",
        "rate_limited": "it is asked too often",
        "rejected": "its server did not accept the request",
        "server_error": "its server reports an error",
        "unreachable": "its server can not be reached",
        "timed_out": "it took too long",
        "cut_off": "its reply broke off",
        "too_long": "its reply was too long",
        "empty": "its reply was empty",
        "malformed": "its reply can not be read",
        "endless": "its reply did not end",
        "wrong_language": "it replied in another language",
        "unverified": "nothing proves what it wrote",
    },
    "fr": {
        "switched_off": "il est désactivé",
        "no_package": "son module n’est pas installé",
        "no_key": "sa clé manque",
        "misconfigured": "ses réglages sont inutilisables",
        "unauthorized": "sa clé n’a pas été acceptée",
        "unknown_model": "son serveur ne le connaît pas",
        "rate_limited": "il est trop sollicité",
        "rejected": "son serveur n’a pas accepté la demande",
        "server_error": "son serveur signale une erreur",
        "unreachable": "son serveur est injoignable",
        "timed_out": "il a mis trop de temps",
        "cut_off": "sa réponse s’est interrompue",
        "too_long": "sa réponse était trop longue",
        "empty": "sa réponse était vide",
        "malformed": "sa réponse est illisible",
        "endless": "sa réponse ne finissait pas",
        "wrong_language": "il a répondu dans une autre langue",
        "unverified": "rien ne prouve ce qu’il a écrit",
    },
    "es": {
        "switched_off": "está desactivado",
        "no_package": "su paquete no está instalado",
        "no_key": "falta su clave",
        "misconfigured": "sus ajustes no se pueden usar",
        "unauthorized": "su clave no fue aceptada",
        "unknown_model": "su servidor no lo conoce",
        "rate_limited": "recibe demasiadas consultas",
        "rejected": "su servidor no aceptó la petición",
        "server_error": "su servidor comunica un error",
        "unreachable": "no se puede contactar con su servidor",
        "timed_out": "tardó demasiado",
        "cut_off": "su respuesta se interrumpió",
        "too_long": "su respuesta era demasiado larga",
        "empty": "su respuesta estaba vacía",
        "malformed": "su respuesta no se puede leer",
        "endless": "su respuesta no terminaba",
        "wrong_language": "respondió en otro idioma",
        "unverified": "nada prueba lo que escribió",
    },
}


def fault(
    language: str, model: str, fault: Fault, *, partly: bool = False, standing: bool = False
) -> str:
    """Return the sentence that says why a language model wrote nothing, not all, or never does.

    >>> fault("en", "o:m", "empty")
    'The language model o:m did not answer: its reply was empty. This answer is made without it.'
    """
    words = _of(language)
    line = words.wrote_partly if partly else words.writes_not if standing else words.wrote_nothing
    return line.format(model=model, reason=_FAULTS[language if language in _WORDS else "en"][fault])


def unsure(language: str) -> str:
    """Return the sentence that says that what is quoted may not answer the question."""
    return _of(language).unsure


def silent(language: str) -> str:
    """Return the sentence that says a part of the question is not answered."""
    return _of(language).silent


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
