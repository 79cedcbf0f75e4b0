"""True sentences altered in one point, to see which of them the verifier shows as fact."""

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from evals.cases import CaseError, Documents, one_line
from evals.metrics import Rate
from ingest.chunk import cut
from rag.claims import read
from rag.language import WORD, fold, terms
from rag.types import Source
from rag.verify import Verdict, Verifier

SEED = 20250918
SOURCES = 8  # that a sentence's evidence consists of
SAME = 0.5  # share of a sentence's words from which on another sentence may say the same
NEAR = 0.34  # the same of a whole chunk
MOST_SHOWN = 0.05  # share of turned sentences that may be shown, such as denied ones
MOST_REJECTED = 0.03  # share of true sentences that may be rejected
EACH = 3  # alterations of one kind that are made of one sentence at most


@dataclass(frozen=True, slots=True)
class Written:
    """A true sentence with its evidence.

    Attributes:
        origin: "verbatim" for one of the documents, "paraphrase" for one that a person wrote, and
            "quoted" for one of the documents of which a part stands between quotation marks.
        markers: the numbers of the sources that prove it.
        held: it was kept back while the verifier was made.
    """

    text: str
    language: str
    sources: tuple[Source, ...]
    markers: tuple[int, ...]
    origin: str = "verbatim"
    held: bool = False

    def marked(self, text: str, markers: Sequence[int] | None = None) -> str:
        """Return a text with markers before its full stop is over."""
        shown = self.markers if markers is None else markers
        return text + " " + "".join(f"[{each}]" for each in shown)


@dataclass(frozen=True, slots=True)
class Altered:
    """A sentence that is no longer true, with what was done to it."""

    kind: str
    written: str
    of: Written


@dataclass(frozen=True, slots=True)
class Judged:
    """What the verifier said of a sentence, altered or not."""

    kind: str
    written: str
    of: Written
    verdict: Verdict

    @property
    def is_wrong(self) -> bool:
        """Tell whether a true sentence was rejected, or an altered one was not."""
        return self.verdict.supported != (self.kind == self.of.origin)


class World:
    """The documents that sentences are made from: their sources and the names in them."""

    def __init__(self, documents: Documents) -> None:
        self.sources = tuple(
            Source(chunk, document.published)
            for document in documents.values()
            for chunk in cut(document)
        )
        self.uris = {document.id: uri for uri, document in documents.items()}
        self._by_word: dict[str, set[int]] = defaultdict(set)
        for number, source in enumerate(self.sources):
            for word in _words(source.chunk.text, source.chunk.language):
                self._by_word[word].add(number)
        self._names = {
            each.chunk.language: self._names_in(each.chunk.language) for each in self.sources
        }

    def names(self, language: str) -> dict[str, int]:
        """Return the names in documents of a language, with how often each is there."""
        return self._names.get(language, {})

    def _names_in(self, language: str) -> dict[str, int]:
        """Return names of several capitals or one, never the first word, with how often each is."""
        found: dict[str, int] = defaultdict(int)
        for source in self.sources:
            if source.chunk.language != language:
                continue
            for sentence in source.chunk.sentences:
                for match in NAME.finditer(one_line(sentence.text)):
                    if match.start() and not _ROLE.search(match.group()):
                        found[match.group()] += 1
        usual = {fold(w) for s in self.sources for w in WORD.findall(s.chunk.text) if w.islower()}
        return {
            name: count for name, count in found.items() if count > 1 and fold(name) not in usual
        }

    def evidence(
        self, text: str, language: str, own: Sequence[Source], draw: random.Random
    ) -> tuple[tuple[Source, ...], tuple[int, ...]]:
        """Return a sentence's sources among those nearest to it in words, and their numbers."""
        shared: dict[int, int] = defaultdict(int)
        for word in _words(text, language):
            for number in self._by_word.get(word, ()):
                shared[number] += 1
        near = sorted(shared, key=lambda each: (-shared[each], each))
        others = [self.sources[each] for each in near if self.sources[each] not in own]
        listed = [*own, *others[: SOURCES - len(own)]]
        draw.shuffle(listed)
        return tuple(listed), tuple(listed.index(each) + 1 for each in own)


NAME = re.compile(
    r"[A-ZÀ-Þ][\w’'-]*[a-zà-ÿ](?: (?:de |la |von |bin )?[A-ZÀ-Þ][\w’'-]*[a-zà-ÿ])*(?<!['’]s)"
)
_ROLE = re.compile(
    r"\b(?:Minister|President|Premier|Prime|Professor|Senior|Leader|Secretary|January|February|"
    r"March|April|May|June|July|August|September|October|November|December|Monday|Tuesday|"
    r"Wednesday|Thursday|Friday|Saturday|Sunday|Mr|Mrs|Ms|Dr|The|When|What|Role|Part|Name|Speaker|"
    r"Substance)\b"
)


def written(documents: Documents, path: Path | None, draw: random.Random) -> list[Written]:
    """Return every sentence of the documents, some with a quote in them, and those of a file."""
    world = World(documents)
    found: list[Written] = []
    for source in world.sources:
        for sentence in source.chunk.sentences:
            text = one_line(sentence.text)
            if len(WORD.findall(text)) < 5 or not text.endswith((".", "!", "?")):
                continue
            sources, markers = world.evidence(text, source.chunk.language, [source], draw)
            found.append(Written(text, source.chunk.language, sources, markers))
    if path is not None:
        found += _from_file(path, world, draw)
    quoted = [_with_quote(each, draw) for each in found if each.origin == "verbatim"]
    return found + [each for each in quoted if each]


def _from_file(path: Path, world: World, draw: random.Random) -> Iterator[Written]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        row: Mapping[str, Any] = json.loads(line)
        own = []
        for gold in row["evidence"]:
            holding = [
                each
                for each in world.sources
                if world.uris[each.chunk.document_id] == gold["uri"]
                and any(one_line(s.text) == one_line(gold["quote"]) for s in each.chunk.sentences)
            ]
            if not holding:
                raise CaseError(
                    f"{path.name}:{number}: {gold['quote']!r} is no sentence of {gold['uri']!r}; "
                    "quote one as a reader sees it"
                )
            if holding[0] not in own:
                own.append(holding[0])
        sources, markers = world.evidence(row["text"], row["lang"], own, draw)
        yield Written(
            row["text"], row["lang"], sources, markers, "paraphrase", bool(row.get("held"))
        )


def _with_quote(of: Written, draw: random.Random) -> Written | None:
    words = of.text.split()
    if len(words) < 9 or re.search(r"[“”«»\"]", of.text):
        return None
    size = draw.randint(4, min(8, len(words) - 3))
    start = draw.randint(2, len(words) - size)
    opening, closing = {"fr": ("« ", " »")}.get(of.language, draw.choice((("“", "”"), ('"', '"'))))
    part = words[start : start + size]
    tail = ""
    if part[-1][-1] in ".,;:":
        part[-1], tail = part[-1][:-1], part[-1][-1]
    text = " ".join(
        [*words[:start], opening + " ".join(part) + closing + tail, *words[start + size :]]
    )
    return replace(of, text=text, origin="quoted")


Alter = Callable[[Written, "World", random.Random], Iterator[str]]

_UNITS = {
    "en": {
        "billion": "million",
        "million": "billion",
        "trillion": "billion",
        "thousand": "million",
        "percent": "points",
        "days": "weeks",
        "day": "week",
        "weeks": "months",
        "months": "years",
        "years": "months",
        "km": "miles",
        "kilometres": "miles",
        "tonnes": "barrels",
        "hours": "days",
        "hectares": "acres",
        "barrels": "tonnes",
        "minutes": "hours",
    },
    "fr": {
        "milliards": "millions",
        "millions": "milliards",
        "jours": "semaines",
        "semaines": "mois",
        "mois": "ans",
        "ans": "mois",
        "km": "milles",
        "kilomètres": "milles",
        "tonnes": "barils",
        "heures": "jours",
    },
    "es": {
        "millones": "miles",
        "días": "semanas",
        "semanas": "meses",
        "meses": "años",
        "años": "meses",
        "km": "millas",
        "kilómetros": "millas",
        "toneladas": "barriles",
        "horas": "días",
    },
}
_AFTER_NUMBER = re.compile(
    r"(?:\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|deux|trois|quatre|cinq|six|sept|"
    r"huit|dix|dos|tres|cuatro|cinco|seis|siete|ocho|diez))(?:[\s-]|\u00a0|\u202f)*(?:(?:mil|"
    r"million|millions|billion|milliards|millones|de|d['’])(?:\s|\u00a0))*$"
)


def _unit(of: Written, _: World, __: random.Random) -> Iterator[str]:
    for match in re.finditer(r"[^\W\d_]+|%", of.text):
        new = (
            "points" if match.group() == "%" else _UNITS[of.language].get(match.group().casefold())
        )
        if new and _AFTER_NUMBER.search(of.text[: match.start()].casefold()):
            yield of.text[: match.start()] + new + of.text[match.end() :]
            if match.group() == "millones" or match.group() == "billion":
                yield of.text[: match.start()].rstrip() + of.text[match.end() :]


_MONEY = re.compile(
    r"(US|C|CA|MX|A)?([$€£¥])(?=\s?\d)|(?<=\d )([$€£¥])|\b(dollars?|d[oó]lares|pesos|euros|pounds|"
    r"livres|libras)\b",
    re.IGNORECASE,
)
_OTHER_MONEY = {
    "en": ["pesos", "euros", "pounds"],
    "fr": ["pesos", "euros", "livres"],
    "es": ["pesos", "euros", "libras"],
}


def _currency(of: Written, _: World, draw: random.Random) -> Iterator[str]:
    for match in _MONEY.finditer(of.text):
        if match.group(4):
            others = [
                each
                for each in _OTHER_MONEY[of.language]
                if each[:4] != match.group()[:4].casefold()
            ]
        else:
            others = [each for each in ("€", "£", "US$", "C$", "MX$") if each != match.group()]
        for new in draw.sample(others, 2):
            yield of.text[: match.start()] + new + of.text[match.end() :]


_DIGITS = re.compile(r"(?<![\w.,])\d+(?:[.,\u202f\u00a0 ]\d{3})*(?:[.,]\d+)?(?![\w]|[.,]\d)")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "fr": [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    "es": [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
}
_WEEKDAYS = {
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "fr": ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    "es": ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
}
_COUNTS = {
    "en": [
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ],
    "fr": [
        "deux",
        "trois",
        "quatre",
        "cinq",
        "six",
        "sept",
        "huit",
        "neuf",
        "dix",
        "onze",
        "douze",
    ],
    "es": [
        "dos",
        "tres",
        "cuatro",
        "cinco",
        "seis",
        "siete",
        "ocho",
        "nueve",
        "diez",
        "once",
        "doce",
    ],
}
_ORDINALS = {
    "en": ["second", "third", "fourth", "fifth", "sixth"],
    "fr": ["deuxième", "troisième", "quatrième", "cinquième"],
    "es": ["segundo", "tercero", "cuarto", "quinto"],
}


def _in_date(of: Written, start: int, end: int) -> bool:
    around = of.text[max(0, start - 14) : end + 14].casefold()
    return bool(_YEAR.fullmatch(of.text[start:end])) or any(
        re.search(rf"\b{each.casefold()}\b", around) for each in _MONTHS[of.language]
    )


def _number(of: Written, _: World, draw: random.Random) -> Iterator[str]:
    told = " ".join(one_line(each.chunk.text) for each in of.sources)
    for match in _DIGITS.finditer(of.text):
        if _in_date(of, match.start(), match.end()):
            continue
        for new in _other_numbers(match.group(), draw):
            if not re.search(rf"(?<![\d.,]){re.escape(new)}(?![\d]|[.,]\d)", told):
                yield of.text[: match.start()] + new + of.text[match.end() :]
        own = [
            each
            for each in _DIGITS.findall(told)
            if each != match.group() and not _YEAR.fullmatch(each) and len(each) > 1
        ]
        cited = [each for each in own if each in _cited_text(of)]
        digits = re.sub(r"\D", "", match.group())
        for new in dict.fromkeys(
            each for each in cited if re.sub(r"\D", "", each) != digits
        ):  # a number of the same chunk, of another thing
            changed = of.text[: match.start()] + new + of.text[match.end() :]
            if not _told(changed, new, of):
                yield changed
    yield from _counted(of, _COUNTS, draw)
    yield from _counted(of, _ORDINALS, draw)


def _other_numbers(digits: str, draw: random.Random) -> list[str]:
    places = [i for i, c in enumerate(digits) if c.isdigit()]
    at = draw.choice(places)
    new = draw.choice([c for c in "123456789" if c != digits[at]])
    found = [digits[:at] + new + digits[at + 1 :]]
    if len(places) > 1 and digits[places[0]] != digits[places[1]] and digits[places[1]] != "0":
        swapped = list(digits)
        swapped[places[0]], swapped[places[1]] = swapped[places[1]], swapped[places[0]]
        found.append("".join(swapped))
    if digits.isdigit():
        found.append(digits + "0")
    return [each for each in dict.fromkeys(found) if each != digits]


def _counted(of: Written, words: Mapping[str, Sequence[str]], draw: random.Random) -> Iterator[str]:
    known = words[of.language]
    for match in re.finditer(r"[^\W\d_]+", of.text):
        if match.group().casefold() in known:
            new = draw.choice([each for each in known if each != match.group().casefold()])
            if new not in fold(_cited_text(of)).split() or words is _ORDINALS:
                word = new.capitalize() if match.group()[0].isupper() else new
                yield of.text[: match.start()] + word + of.text[match.end() :]


def _date(of: Written, _: World, draw: random.Random) -> Iterator[str]:
    for match in _YEAR.finditer(of.text):
        new = str(int(match.group()) + draw.choice((-2, -1, 1, 2)))
        yield _if_untold(of, match, new)
    for names in (_MONTHS, _WEEKDAYS):
        for match in re.finditer(
            rf"\b(?:{'|'.join(names[of.language])})\b",
            of.text,
            0 if of.language == "en" else re.IGNORECASE,
        ):
            new = draw.choice(
                [each for each in names[of.language] if each.casefold() != match.group().casefold()]
            )
            yield _if_untold(of, match, new)
    months = "|".join(_MONTHS[of.language])
    for match in re.finditer(
        rf"\b\d{{1,2}}(?=(?:er)?(?: and \d+| et \d+| y \d+)? (?:de )?(?:{months})\b)", of.text
    ):
        new = str(draw.choice([each for each in range(2, 28) if each != int(match.group())]))
        yield _if_untold(of, match, new)


def _if_untold(of: Written, match: re.Match[str], new: str) -> str:
    changed = of.text[: match.start()] + new + of.text[match.end() :]
    return "" if _told(changed, new, of) else changed


_SAID = re.compile(
    r"\b(?:said|says|say|told|noted|warned|believes?|finds|named|answered|replied|added|remarked|"
    r"according to|accused|charged|voiced|puts|spoke|in the (?:view|opinion|judg?ment|reading) of|"
    r"selon|d['’]après|a dit|ont dit|répond|dit|avait dit|accusé|reproché|demande|estime|"
    r"según|dijo|dijeron|dice|respondió|acusó|acusado|quiere)\b",
    re.IGNORECASE,
)


def _speaker(of: Written, world: World, draw: random.Random) -> Iterator[str]:
    for said in list(_SAID.finditer(of.text))[:1]:
        before = [
            m
            for m in NAME.finditer(of.text[: said.start()])
            if m.group() in world.names(of.language)
            or m.group().split()[-1] in world.names(of.language)
        ]
        after = [
            m
            for m in NAME.finditer(of.text, said.end())
            if m.start() - said.end() < 30
            and (
                m.group() in world.names(of.language)
                or m.group().split()[-1] in world.names(of.language)
            )
        ]
        accordingly = (
            said.group().casefold().startswith(("accord", "in the", "selon", "d'", "d’", "según"))
        )
        found = after[:1] if accordingly else before[-1:] or after[:1]
        for match in found:
            yield from _renamed(of, match, world, draw)


def _name(of: Written, world: World, draw: random.Random) -> Iterator[str]:
    matches = [
        m
        for m in NAME.finditer(of.text)
        if m.group() in world.names(of.language)
        and (m.start() or world.names(of.language)[m.group()] > 1)
    ]
    draw.shuffle(matches)
    for match in matches[:2]:
        yield from _renamed(of, match, world, draw)


def _turned(of: Written, world: World, _: random.Random) -> Iterator[str]:
    known = world.names(of.language)
    yield from _names_swapped(of, [m for m in NAME.finditer(of.text) if m.group() in known])


def _renamed(of: Written, match: re.Match[str], world: World, draw: random.Random) -> Iterator[str]:
    """Yield the text with another name in the place of one: of the same chunk, and of any."""
    size = len(match.group().split())
    others = [
        each
        for each in world.names(of.language)
        if (len(each.split()) > 1) == (size > 1)
        and not set(fold(each).split()) & set(fold(of.text).replace("'s", "").split())
        and called(each, of.language) != called(match.group(), of.language)
    ]
    near = [each for each in others if each in _cited_text(of)]
    for pool in (near, others):
        for new in draw.sample(pool, min(1, len(pool))):
            changed = of.text[: match.start()] + new + of.text[match.end() :]
            if not _told(changed, new, of):
                yield changed


def called(name: str, language: str) -> frozenset[str]:
    """Return what all languages call a name by, so that another word for it is no alteration."""
    return frozenset(each.key for each in read(f"of {name}", language).names)


def _names_swapped(of: Written, matches: Sequence[re.Match[str]]) -> Iterator[str]:
    """Yield the text with two names that do different things in each other's place."""
    for first in matches:
        for second in matches:
            between = of.text[first.end() : second.start()]
            if (
                first.end() >= second.start()
                or called(first.group(), of.language) & called(second.group(), of.language)
                or _ALIKE.search(between)
                or len(between.split()) < 2
            ):
                continue
            changed = (
                of.text[: first.start()]
                + second.group()
                + between
                + first.group()
                + of.text[second.end() :]
            )
            if not _both(of, changed):
                yield changed
                return


_ALIKE = re.compile(
    r"^(?:,| and | et | y | e | or |, and )|\b(?:and|et|y|like|between|with|avec|con|meet|"
    r"understand|both|entre|comprennent|entienden)\b"
)


def _both(of: Written, changed: str) -> bool:
    return (
        bool(
            re.search(
                r"\b(?:each other|one another|both|together|rivals?|beide|ensemble|juntos|"
                r"deux pays|dos países|relationship|relation|trade between)\b",
                of.text,
                re.IGNORECASE,
            )
        )
        or changed == of.text
    )


_HEDGES: Mapping[str, Sequence[tuple[str, str]]] = {
    "en": [
        (r"\b(?:is|are) (?:also )?expected to\b", "will"),
        (r"\b(?:might|may|could|would)\b", "will"),
        (r"\b(?:nearly|almost|about|around|approximately|roughly|at least|up to|more than|over|"
         r"less than) (?=[$€£]?\d)", ""),
        (r"\bexpects to\b", "will"),
        (r"\b(?:wants?|hopes?|plans?|aims?|seeks?|intends?) to\b", "will"),
        (r"\b(?:is|are) trying to\b", "will"),
        (r"\b(?:is|are) looking for\b", "obtained"),
        (r"\bformer \b", ""),
        (r"\bwants\b(?! to)", "gets"),
        (r"\bmay try to\b", "will"),
        (r"\bis not planning\b", "will never plan"),
        (r"\blikely to\b", "certain to"),
        (r"\bsuggests\b", "proves"),
    ],
    "fr": [
        (r"\bdevrai(?:t|ent)\b", "va"),
        (r"\bpourrai(?:t|ent)\b", "va"),
        (r"\b(?:près de|environ|au moins|plus de|presque) (?=\d)", ""),
        (r"\bveut\b", "va"),
        (r"\bveulent\b", "vont"),
        (r"\bancien(?:ne)? ", ""),
        (r"\bsouhaite\b", "va"),
        (r"\bdit vouloir\b", "va"),
        (r"\bdevait\b", "a pu"),
    ],
    "es": [
        (r"\bpodría\b", "va a"),
        (r"\bdebería\b", "va a"),
        (r"\b(?:casi|cerca de|unos|al menos|más de) (?=\d)", ""),
        (r"\bquiere\b(?! que)", "va a"),
        (r"\bSe espera que (.+?) firme\b", r"\1 firmará"),
        (r"\bSe espera que (.+?) firmen\b", r"\1 firmarán"),
        (r"\bpretende\b", "va a"),
        (r"\biba a ser\b", "fue"),
    ],
}  # fmt: skip


def _hedge(of: Written, _: World, __: random.Random) -> Iterator[str]:
    for pattern, new in _HEDGES[of.language]:
        changed = re.sub(pattern, new, of.text, count=1)
        yield changed[0].upper() + changed[1:] if changed != of.text else ""


_BASES = {
    "wants": "want",
    "says": "say",
    "expects": "expect",
    "sees": "see",
    "makes": "make",
    "gives": "give",
    "puts": "put",
    "stands": "stand",
    "begins": "begin",
    "takes": "take",
    "uses": "use",
    "lasts": "last",
    "hold": "hold",
    "understands": "understand",
    "believes": "believe",
    "knows": "know",
    "leads": "lead",
    "said": "say",
    "visited": "visit",
    "announced": "announce",
    "accused": "accuse",
    "replied": "reply",
    "went": "go",
    "voiced": "voice",
    "joined": "join",
    "reached": "reach",
    "spoke": "speak",
    "starts": "start",
    "came": "come",
    "led": "lead",
    "signed": "sign",
    "grew": "grow",
    "rose": "rise",
    "agreed": "agree",
    "met": "meet",
}
_BASE = re.compile(rf"\b(?:{'|'.join(_BASES)})\b")
_AUXILIARY = {
    "en": re.compile(
        r"\b(?:is|are|was|were|will|would|can|could|may|might|must|should|has|have|"
        r"had)\b(?! not)(?!n't)(?= \w)"
    ),
    "fr": re.compile(
        r"\b(?:est|sont|a|ont|devrait|devraient|pourrait|veut|veulent|avait|sera|seront|doit|"
        r"portera|commence|débute|se voient|souhaite|vise)\b(?! pas)"
    ),
    "es": re.compile(
        r"\b(?:es|son|ha|han|fue|quiere|quieren|podría|debe|dijo|dijeron|empieza|comienza|"
        r"abarcará|llegó|suma|viajaron|anunció|acusó|respondió|se preparan|tratarán|busca)\b"
    ),
}


_DENIED = {
    "en": r"\bnot |n't\b|\bnever |\bno (?=new|other|further|immediate)",
    "fr": r"\b(?:ne |n['’])|\bpas |\bjamais ",
    "es": r"\b(?:no|nunca) ",
}
_STILL_DENIED = re.compile(
    r"\b(?:not|never|no|neither|nor|ne|pas|aucune?|nul|ni|nunca|ningun[oa]?)\b|\bn['’]",
    re.IGNORECASE,
)


def _negation(of: Written, _: World, __: random.Random) -> Iterator[str]:
    changed = re.sub(_DENIED[of.language], "", of.text)
    if changed != of.text and not _STILL_DENIED.search(changed):
        yield changed[0].upper() + changed[1:]
    match = _AUXILIARY[of.language].search(of.text)
    if match and not _STILL_DENIED.search(of.text):
        before, verb, after = of.text[: match.start()], match.group(), of.text[match.end() :]
        ne = "n'" if verb[0] in "aeiouhé" else "ne "
        denied = {"en": f"{verb} not", "fr": f"{ne}{verb} pas", "es": f"no {verb}"}
        yield before + denied[of.language] + after
    elif of.language == "en" and (match := _BASE.search(of.text)):
        do = "does" if match.group().endswith("s") else "did"
        denial = f"{do} not {_BASES[match.group()]}"
        yield of.text[: match.start()] + denial + of.text[match.end() :]


def _quote(of: Written, _: World, draw: random.Random) -> Iterator[str]:
    match = re.search(r"([“\"«]\s?)(.+?)(\s?[”\"»])", of.text)
    if of.origin != "quoted" or not match:
        return
    words = match.group(2).split()
    at = draw.randrange(1, len(words) - 1)
    dropped = [*words[:at], *words[at + 1 :]]
    turned = [*words[: at - 1], words[at], words[at - 1], *words[at + 1 :]]
    other = [*words[:at], draw.choice(["new", "very", "most", "also"]), *words[at:]]
    for each in (dropped, turned, other):
        if each != words and " ".join(each) not in _cited_text(of):
            yield of.text[: match.start(2)] + " ".join(each) + of.text[match.end(2) :]


_INVENTED = {
    "en": [
        "{a} announced a joint satellite programme during the visit.",
        "The two sides agreed to open three new consulates next year.",
        "{a} promised a loan for a railway to the coast.",
        "Both delegations visited a school for the blind.",
        "{a} and {b} signed a fisheries treaty.",
        "The visit had been postponed twice because of storms.",
        "{a} called the results of the talks historic.",
        "A new visa regime for students takes effect in spring.",
    ],
    "fr": [
        "{a} a annoncé un programme commun de satellites.",
        "Les deux parties ouvriront trois nouveaux consulats.",
        "{a} a promis un prêt pour un chemin de fer.",
        "{a} et {b} ont signé un traité sur la pêche.",
    ],
    "es": [
        "{a} anunció un programa conjunto de satélites.",
        "Las dos partes abrirán tres consulados nuevos.",
        "{a} prometió un préstamo para un ferrocarril.",
        "{a} y {b} firmaron un tratado de pesca.",
    ],
}


def _invented(of: Written, world: World, draw: random.Random) -> Iterator[str]:
    names = (
        [name for name in world.names(of.language) if name in _cited_text(of)]
        or list(world.names(of.language))
        or ["They"]
    )
    if draw.random() < 0.25:
        yield draw.choice(_INVENTED[of.language]).format(a=draw.choice(names), b=draw.choice(names))


TEXT: Mapping[str, Alter] = {
    "negation": _negation,
    "number": _number,
    "unit": _unit,
    "currency": _currency,
    "speaker": _speaker,
    "date": _date,
    "name": _name,
    "names in each other's place": _turned,
    "quote wording": _quote,
    "dropped hedge": _hedge,
    "invented sentence": _invented,
}
FACTS = ("number", "unit", "currency", "date", "name", "names in each other's place")
HARD = (*FACTS, "quote wording", "wrong marker", "marker out of range")


def alter(of: Written, world: World, draw: random.Random) -> Iterator[Altered]:
    """Yield what a true sentence can be altered to, no longer true."""
    for kind, change in TEXT.items():
        if (of.origin == "quoted") != (kind == "quote wording"):
            continue
        changed = dict.fromkeys(
            each for each in change(of, world, draw) if each and each != of.text
        )
        for text in list(changed)[:EACH]:
            yield Altered(kind, of.marked(text), of)
    if of.origin == "quoted":
        return
    if draw.random() < 0.3:
        for number, source in enumerate(of.sources, 1):
            if number not in of.markers and not _says(source, of.text, of.language):
                yield Altered("wrong marker", of.marked(of.text, [number]), of)
                break
        outside = draw.choice((0, len(of.sources) + 1, 99))
        yield Altered("marker out of range", of.marked(of.text, [outside]), of)
        yield Altered("marker out of range", of.marked(of.text, [*of.markers, outside]), of)
        yield Altered("no marker", of.text, of)


def merged(all_of: Sequence[Written], draw: random.Random) -> Iterator[Altered]:
    """Yield pairs of true sentences made one that cites the source of the first alone."""
    for first in all_of:
        if first.origin == "quoted" or draw.random() > 0.35:
            continue
        second = draw.choice(all_of)
        cited = [first.sources[each - 1] for each in first.markers]
        if (
            second.language != first.language
            or second.origin == "quoted"
            or any(_says(each, second.text, second.language) for each in cited)
        ):
            continue
        joint = {"en": ", and ", "fr": ", et ", "es": ", y "}[first.language]
        begin = (
            second.text
            if NAME.match(second.text)
            and second.text.split()[0]
            not in ("The", "A", "In", "On", "Both", "One", "Senior", "Three")
            else second.text[0].lower() + second.text[1:]
        )
        yield Altered("merged sources", first.marked(first.text.rstrip(".") + joint + begin), first)


def _told(changed: str, new: str, of: Written) -> bool:
    """Tell whether some sentence of the sources has the new word beside half of the others."""
    own = _words(changed.replace(new, " "), of.language)
    return any(
        fold(new) in fold(sentence.text)
        and len(own & _words(sentence.text, source.chunk.language)) >= SAME * len(own)
        for source in of.sources
        for sentence in source.chunk.sentences
    )


def _says(source: Source, text: str, language: str) -> bool:
    """Tell whether a source may say the same as a sentence."""
    own = _words(text, language)
    return (
        len(own & _words(source.chunk.text, source.chunk.language)) >= NEAR * len(own)
        or source.chunk.language != language
    )


def _cited_text(of: Written) -> str:
    return " ".join(one_line(of.sources[each - 1].chunk.text) for each in of.markers)


@cache
def _words(text: str, language: str) -> frozenset[str]:
    return frozenset(terms(text, language))


def judge_all(
    verifier: Verifier, documents: Documents, path: Path | None
) -> tuple[list[Judged], list[Judged]]:
    """Return the verdicts on all true sentences, and on all altered ones."""
    draw = random.Random(SEED)  # noqa: S311  # the same each time
    world = World(documents)
    true = written(documents, path, draw)
    altered = [each for of in true for each in alter(of, world, draw)] + list(merged(true, draw))
    kept = [
        Judged(of.origin, of.marked(of.text), of, verifier.judge(of.marked(of.text), of.sources))
        for of in true
    ]
    lost = [
        Judged(each.kind, each.written, each.of, verifier.judge(each.written, each.of.sources))
        for each in altered
    ]
    return kept, lost


def table(true: Sequence[Judged], altered: Sequence[Judged]) -> Iterator[str]:
    """Yield the table by kind: how many, and how many were judged wrongly."""
    yield "| true sentences | n | wrongly rejected |\n| --- | --- | --- |"
    for kind in ("verbatim", "quoted", "paraphrase"):
        of_kind = [each for each in true if each.kind == kind]
        yield from _row(kind, [each for each in of_kind if not each.of.held])
        yield from _row(f"{kind}, held back", [each for each in of_kind if each.of.held])
    yield "\n| altered sentences | n | shown as fact |\n| --- | --- | --- |"
    for kind in dict.fromkeys(each.kind for each in altered):
        yield from _row(kind, [each for each in altered if each.kind == kind])
    yield from _row("all", altered)


def _row(name: str, judged: Sequence[Judged]) -> Iterator[str]:
    if judged:
        wrong = Rate(sum(each.is_wrong for each in judged), len(judged))
        low, high = (100 * each for each in wrong.interval)
        share = 100 * (wrong.value or 0.0)
        interval = f"{share:.1f} %; {low:.1f} to {high:.1f}"
        yield f"| {name} | {len(judged):,} | {wrong.count} ({interval}) |"


def holds(true: Sequence[Judged], altered: Sequence[Judged]) -> bool:
    """Tell whether no altered fact is shown, few turned sentences, and few true ones rejected."""
    shown: dict[str, list[bool]] = defaultdict(list)
    for each in altered:
        shown[each.kind].append(each.is_wrong)
    few = all(
        sum(of) <= (0 if kind in HARD else MOST_SHOWN * len(of)) for kind, of in shown.items()
    )
    return few and sum(each.is_wrong for each in true) <= MOST_REJECTED * len(true)
