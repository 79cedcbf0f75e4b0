"""How numbers and dates are written in English, French and Spanish, and what they stand for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from itertools import zip_longest
from typing import Literal

from rag.language import WORD, fold
from rag.types import Span

Bound = Literal["", "about", "nearly", "over", "under", "least", "most"]

MONTHS_OF_YEAR = 12
FIRST_YEAR, LAST_YEAR = 1400, 2199  # a bare number between them is taken for a year
TEN, HUNDRED, NOTHING_BELOW = 10, 100, 10**18
BOTH_WAYS = 2  # "two-way" counts nothing


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with what it counts.

    Attributes:
        unit: of money, measure or time, under one name in all languages; empty for other things.
        bound: how exact it is said to be.
        ordinal: it tells a place in an order.
        loose: a word such as "one" or "first" that need not count anything.
    """

    span: Span
    value: Fraction
    unit: str = ""
    bound: Bound = ""
    ordinal: bool = False
    loose: bool = False

    @property
    def kind(self) -> str:
        """Return what it can be mistaken for: money for money, a share for a share."""
        if self.ordinal:
            return "ordinal"
        return next((kind for kind, units in KINDS.items() if self.unit in units), self.unit)


@dataclass(frozen=True, slots=True)
class Day:
    """A date as far as it is told: a year, a month, a day of the month or of the week."""

    span: Span
    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None

    @property
    def kind(self) -> str:
        """Return what all dates share."""
        return "date"

    @property
    def exact(self) -> date | None:
        """Return the day if it is told which, and there is one."""
        if self.year is None or self.month is None or self.day is None:
            return None
        try:
            return date(self.year, self.month, self.day)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Relative:
    """A time told from another day, such as "last month": `shift` units from it."""

    span: Span
    unit: str
    shift: int

    @property
    def kind(self) -> str:
        """Return what all dates share."""
        return "date"

    def day_after(self, published: date) -> Day | None:
        """Return the time for a text of a certain day, None where it is no calendar time."""
        if self.unit == "year":
            return Day(self.span, published.year + self.shift)
        if self.unit == "month":
            months = published.year * MONTHS_OF_YEAR + published.month - 1 + self.shift
            return Day(self.span, months // MONTHS_OF_YEAR, months % MONTHS_OF_YEAR + 1)
        if self.unit == "day":
            try:
                found = published + timedelta(days=self.shift)
            except OverflowError:
                return None
            return Day(self.span, found.year, found.month, found.day)
        return None


Figure = Quantity | Day | Relative


def _table(text: str) -> dict[str, str]:
    """Return for each word, folded, the name at the beginning of its line."""
    lines = (line.split(":") for line in text.strip().splitlines())
    return {fold(word): name.strip() for name, words in lines for word in words.split()}


_UNITS = _table("""
    percent: % percent pourcent pct
    point: pp
    day: day days jour jours día días journée journées
    week: week weeks semaine semaines semana semanas
    month: month months mois mes meses
    year: year years an ans année années año años
    hour: hour hours heure heures hora horas hrs
    minute: minute minutes minuto minutos min
    century: century centuries siècle siècles siglo siglos
    decade: decade decades décennie décennies década décadas
    kilometre: km kilometre kilometres kilometer kilometers kilomètre kilomètres
    kilometre: kilómetro kilómetros
    metre: m metre metres meter meters mètre mètres metro metros
    mile: mile miles mille millas milla
    tonne: t tonne tonnes toneladas tonelada
    ton: ton tons
    kilogram: kg kilogram kilograms kilogramme kilogrammes kilo kilos kilogramo kilogramos
    pound_weight: lb lbs
    hectare: ha hectare hectares hectárea hectáreas
    acre: acre acres
    litre: l litre litres liter liters litro litros
    barrel: barrel barrels baril barils barril barriles bbl
    kilowatt: kW kilowatt kilowatts
    megawatt: MW megawatt megawatts mégawatt mégawatts megavatio megavatios
    gigawatt: GW gigawatt gigawatts gigavatio gigavatios
    degree: ° °C degree degrees degré degrés grado grados
    dollar: $ dollar dollars dólar dólares
    usd: US$ USD $US
    cad: C$ CA$ CAD CDN$ $CA
    aud: A$ AU$ AUD
    nzd: NZ$ NZD
    hkd: HK$ HKD
    mxn: MX$ MXN Mex$
    peso: peso pesos
    euro: € EUR euro euros
    pound: £ GBP livre livres libra libras pound pounds
    cent: cent cents centavo centavos
    yen: ¥ JPY yen yens yenes
    yuan: yuan yuans yuanes renminbi RMB CNY
    rupee: ₹ INR rupee rupees roupie roupies rupia rupias
    real: R$ BRL reais real reales
    franc: franc francs franco francos CHF
    rouble: ₽ RUB rouble roubles ruble rubles rublo rublos
    crown: crown crowns couronne couronnes corona coronas
""")  # "m" and "mille" are scales as well; where both are possible, the scale is tried first
_CURRENCIES = frozenset(
    "dollar usd cad aud nzd hkd mxn peso euro pound cent yen yuan rupee real franc rouble "  # noqa: SIM905  # reads as the list it is
    "crown".split()
)
_OF_COUNTRIES = {  # (currency word, country's adjective or initials) -> currency
    "dollar": _table("""
        usd: us usa u.s. american américain américains estadounidense estadounidenses
        usd: americano americanos
        cad: canadian canadien canadiens canadiense canadienses
        aud: australian australien australiens australiano australianos
    """),
    "peso": _table("mxn: mexican mexicain mexicains mexicano mexicanos"),
}
KINDS: Mapping[str, frozenset[str]] = {
    "money": _CURRENCIES,
    "share": frozenset({"percent", "point", "basis point"}),
    "length of time": frozenset(
        {"day", "week", "month", "year", "hour", "minute", "century", "decade"}
    ),
    "length": frozenset({"kilometre", "metre", "mile"}),
    "weight": frozenset({"tonne", "ton", "kilogram", "pound_weight"}),
}

_THOUSAND, _MILLION, _BILLION, _TRILLION = 10**3, 10**6, 10**9, 10**12
_SCALES: Mapping[str, Mapping[str, int]] = {
    "en": {
        "thousand": _THOUSAND, "thousands": _THOUSAND, "million": _MILLION, "millions": _MILLION,
        "mn": _MILLION, "billion": _BILLION, "billions": _BILLION, "bn": _BILLION,
        "trillion": _TRILLION, "trillions": _TRILLION, "tn": _TRILLION, "hundred": 100,
    },
    "fr": {
        "mille": _THOUSAND, "millier": _THOUSAND, "milliers": _THOUSAND, "million": _MILLION,
        "millions": _MILLION, "milliard": _BILLION, "milliards": _BILLION, "md": _BILLION,
        "mds": _BILLION, "mrd": _BILLION, "billion": _TRILLION, "billions": _TRILLION,
    },
    "es": {
        "mil": _THOUSAND, "miles": _THOUSAND, "millon": _MILLION, "millones": _MILLION,
        "mdd": _MILLION, "millardo": _BILLION, "millardos": _BILLION, "billon": _TRILLION,
        "billones": _TRILLION,
    },
}  # fmt: skip
_BESIDE_MONEY = {"k": _THOUSAND, "m": _MILLION, "b": _BILLION, "g": _BILLION, "md": _BILLION}


def _numerals(text: str) -> dict[str, int]:
    pairs = (each.split("=") for each in text.split())
    return {fold(word): int(value) for word, value in pairs}


_NUMERALS = {
    "en": _numerals("""
        zero=0 two=2 three=3 four=4 five=5 six=6 seven=7 eight=8 nine=9 ten=10 eleven=11 twelve=12
        thirteen=13 fourteen=14 fifteen=15 sixteen=16 seventeen=17 eighteen=18 nineteen=19 twenty=20
        thirty=30 forty=40 fifty=50 sixty=60 seventy=70 eighty=80 ninety=90 dozen=12 one=1"""),
    "fr": _numerals("""
        zéro=0 deux=2 trois=3 quatre=4 cinq=5 six=6 sept=7 huit=8 neuf=9 dix=10 onze=11 douze=12
        treize=13 quatorze=14 quinze=15 seize=16 vingt=20 vingts=20 trente=30 quarante=40
        cinquante=50 soixante=60 cent=100 cents=100 dizaine=10 douzaine=12 vingtaine=20 centaine=100
        une=1 un=1"""),
    "es": _numerals("""
        cero=0 dos=2 tres=3 cuatro=4 cinco=5 seis=6 siete=7 ocho=8 nueve=9 diez=10 once=11 doce=12
        trece=13 catorce=14 quince=15 dieciséis=16 diecisiete=17 dieciocho=18 diecinueve=19
        veinte=20 veintiuno=21 veintidós=22 veintitrés=23 veinticuatro=24 veinticinco=25
        veintiséis=26 veintisiete=27 veintiocho=28 veintinueve=29 treinta=30 cuarenta=40
        cincuenta=50 sesenta=60 setenta=70 ochenta=80 noventa=90 cien=100 ciento=100 doscientos=200
        doscientas=200 trescientos=300 trescientas=300 cuatrocientos=400 quinientos=500
        seiscientos=600 setecientos=700 ochocientos=800 novecientos=900 docena=12 decena=10
        centenar=100 un=1 una=1 uno=1"""),
}
_ORDINALS = {
    "en": _numerals("""
        first=1 second=2 third=3 fourth=4 fifth=5 sixth=6 seventh=7 eighth=8 ninth=9 tenth=10
        eleventh=11 twelfth=12"""),
    "fr": _numerals("""
        premier=1 première=1 premiers=1 premières=1 deuxième=2 second=2 seconde=2 troisième=3
        quatrième=4 cinquième=5 sixième=6 septième=7 huitième=8 neuvième=9 dixième=10"""),
    "es": _numerals("""
        primero=1 primer=1 primera=1 segundo=2 segunda=2 tercero=3 tercer=3 tercera=3 cuarto=4
        cuarta=4 quinto=5 quinta=5 sexto=6 sexta=6 séptimo=7 séptima=7 octavo=8 noveno=9
        décimo=10"""),
}
_FRACTIONS = {
    fold(word): Fraction(1, of)
    for of, words in ((2, "half moitié mitad"), (3, "third thirds tiers tercio tercios"),
                      (4, "quarter quarters quart quarts"))
    for word in words.split()
}  # fmt: skip
_LOOSE = frozenset({"one", "un", "une", "uno", "una", "second", "seconde", "segundo"})

_JOINTS = {"and": HUNDRED, "et": 2 * TEN, "y": 2 * TEN}  # and the least number before them
_WAYS = re.compile(r"[- ](?:way|sided|fold)\b")
_NO_NUMERALS = frozenset({"un", "une", "uno", "una"})  # unless a unit or a scale comes after them
_ALONE = frozenset({"mil", "mille"})
_ARTICLES = frozenset({"a", "un", "one"})


def _numbered(first: int, text: str) -> dict[str, int]:
    """Return for each word, folded, the number of its line, counted from the first."""
    lines = enumerate(text.strip().splitlines(), first)
    return {fold(word): number for number, line in lines for word in line.split()}


_MONTHS = _numbered(
    1,
    """
    january jan janvier janv enero ene
    february feb février févr fév febrero
    march mar mars marzo
    april apr avril avr abril abr
    may mai mayo
    june jun juin junio
    july jul juillet juil julio
    august aug août agosto ago
    september sept sep septembre septiembre setiembre
    october oct octobre octubre
    november nov novembre noviembre
    december dec décembre déc diciembre dic
""",
)
_WORDS_TOO = frozenset(
    {"may", "march", "mar", "mars", "ago", "sep", "sept", "jan", "dec", "jun", "ene"}
)
_WEEKDAYS = _numbered(
    0,
    """
    monday lundi lunes
    tuesday mardi martes
    wednesday mercredi miércoles
    thursday jeudi jueves
    friday vendredi viernes
    saturday samedi sábado
    sunday dimanche domingo
""",
)

_SPACES = " \u00a0\u202f\u2009"
_NUMBER = re.compile(
    rf"(?<![\w.,])(?:\d{{1,3}}(?:[{_SPACES}'’]\d{{3}})+(?![\d{_SPACES}]?\d)(?:[.,]\d+)?"
    rf"|\d+(?:[.,]\d+)*)"
)
_SIGNS = (
    r"\$ ?US\b|\$ ?CA\b|US\$|\$US|CDN\$|CA\$|C\$|\$CA|MX\$|AU\$|A\$|NZ\$|HK\$|R\$|[$€£¥₹₽]|"
    r"(?:USD|CAD|MXN|EUR|GBP|JPY)\b"
)
_BEFORE = re.compile(rf"(?:^|(?<![A-Za-z]))({_SIGNS})[{_SPACES}]?$")
_GAP = rf"[{_SPACES}]?-?"
_AFTER_SIGN = re.compile(rf"{_GAP}({_SIGNS}|%|°C?)(?![\w$])")
_AFTER_WORD = re.compile(
    rf"[{_SPACES}\n]*(?:-|(?:de |d['’]|of |por |pour )(?=\D))?((?!\w['’])[^\W\d_]+\.?)(?:\b|$)",
    re.IGNORECASE,
)
_PERCENT = re.compile(
    rf"[{_SPACES}]*(?:%|per ?cent\b|pour ?cent\b|por ?ciento\b|pct\b)", re.IGNORECASE
)
_POINTS = re.compile(
    r"[\s-]*(?:percentage[\s-]points?|points? de pourcentage|puntos? porcentual(?:es)?|pp\b|"
    r"(?P<basis>basis points?|points? de base|puntos? b[aá]sicos?))",
    re.IGNORECASE,
)
_AND_A_HALF = re.compile(r"\s+(?:and a half|et demie?|y medi[oa])\b", re.IGNORECASE)
_ORDINAL_END = re.compile(r"(?:st|nd|rd|th|er|re|ère|e|ème|nde?|\.?[ºª])\b|\.?[ºª°](?!C)")
_DECADE = re.compile(r"['’]?s\b")

_BOUNDS: tuple[tuple[Bound, str, str], ...] = (
    ("least", r"at least|no (?:less|fewer) than|a minimum of|(?:au|du) moins|au minimum|"
     r"al menos|por lo menos|como m[ií]nimo|no menos de", r"or more|ou plus|o m[aá]s"),
    ("most", r"at most|no more than|up to|as (?:much|many) as|a maximum of|au plus|"
     "jusqu['’]?[àa]u?|"
     r"tout au plus|au maximum|hasta|a lo sumo|como m[aá]ximo|no m[aá]s de", r"or less|or fewer"),
    ("nearly", r"nearly|almost|close to|just (?:under|below|short of)|not quite|près de|presque|"
     r"quasiment|pas loin de|casi|cerca de|poco menos de|un peu moins de", r"nearly"),
    ("over", r"(?:well |just |slightly |a little )?(?:over|above)|(?:slightly )?more than|"
     "upwards of|"
     r"exceed(?:s|ed|ing)?|"
     r"(?:un peu )?plus de|au-dessus de|dépass\w+|"
     r"(?:un poco )?m[aá]s de|por encima de|super\w+(?: los| las)?", r"and more|plus"),
    ("under", r"under|below|less than|fewer than|moins de|en dessous de|inférieure?s? à|menos de|"
     r"por debajo de", ""),
    ("about", r"about|around|approximately|roughly|some|circa|or so|in the region of|"
     r"environ|quelque|autour de|à peu près|approximativement|"
     r"alrededor de|unos|unas|aproximadamente|en torno a|~|≈", r"or so|environ|aproximadamente"),
)  # fmt: skip
_BOUND_BEFORE = tuple(
    (name, re.compile(rf"(?:^|(?<=\W))(?:{before})(?:\s+(?:the|le|la|les|el|los|las|a|an|un|une|"
                      rf"another))?"
                      r"[\s\W]{0,2}$", re.IGNORECASE))
    for name, before, _ in _BOUNDS
)  # fmt: skip
_BOUND_AFTER = tuple(
    (name, re.compile(rf"\W{{0,2}}(?:{after})\b", re.IGNORECASE))
    for name, _, after in _BOUNDS
    if after
)
_LOOKED_BACK = 24  # characters before a number in which its bound can stand

_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})"
_WEEKDAY = "|".join(_WEEKDAYS)
_DAY_END = r"(?:st|nd|rd|th|er|º|°|\.º)?"
_YEAR = r"(?P<year>[12]\d{3})"
# The text is folded first, character for character, so that accents and case do not matter.
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<![\d-])(?P<year>[12]\d{3})-(?P<number>0[1-9]|1[0-2])-(?P<day>[0-3]\d)(?![\d-])",
        r"(?<![\d/])(?P<day>[0-3]?\d)/(?P<number>[01]?\d)/(?P<year>[12]\d{3})(?![\d/])",
        rf"(?<![\d.,$])(?P<day>[0-3]?\d){_DAY_END}(?:\s*(?:and|et|y|e|to|a|au|al|-|–)\s*(?:the |"
        rf"el |le )?"
        rf"(?P<last>[0-3]?\d){_DAY_END})?\s+(?:of |de |d')?{_MONTH}\b\.?(?:,?\s+(?:de |del |"
        rf"of )?{_YEAR})?\b",
        rf"\b{_MONTH}\b\.?\s+(?:the )?(?P<day>[0-3]?\d){_DAY_END}(?:\s*(?:and|to|-|–)\s*"
        rf"(?P<last>[0-3]?\d){_DAY_END})?(?![\d.,]*\d)(?:,?\s+{_YEAR})?\b",
        rf"\b{_MONTH}\b\.?(?:,?\s+(?:de |del |of )?{_YEAR})?\b",
    )
)
_WEEKDAY_BEFORE = re.compile(rf"\b({_WEEKDAY})\b,?\s+(?:the |le |el )?$")
_WEEKDAY_AFTER = re.compile(rf"\s*[,(]\s*(?:a |un )?({_WEEKDAY})\b")
_ANY_WEEKDAY = re.compile(rf"\b({_WEEKDAY})s?\b")
_BARE_YEAR = re.compile(
    rf"(?<![\w.,$€£-]){_YEAR}(?:\s?[-–/]\s?(?P<to>\d{{4}}|\d{{2}}))?(?![\w%€$]|[.,]\d)"
)
_RELATIVES: tuple[tuple[str, int, str], ...] = (
    ("day", -1, r"yesterday|hier|ayer"),
    ("day", 0, r"today|tonight|aujourd.hui|hoy"),
    ("day", 1, r"tomorrow|demain"),
    ("week", -1, r"last week|la semaine (?:derniere|passee)|la semana pasada"),
    ("week", 0, r"this week|cette semaine|esta semana"),
    (
        "week",
        1,
        r"next week|la semaine prochaine|la (?:proxima semana|semana (?:proxima|que viene))",
    ),
    ("month", -1, r"last month|le mois (?:dernier|passe)|el mes pasado"),
    ("month", 0, r"this month|ce mois-ci|este mes"),
    ("month", 1, r"next month|le mois prochain|el (?:proximo mes|mes (?:proximo|que viene))"),
    ("year", -1, r"last year|l.an(?:nee)? (?:derniere?|passee?)|el ano pasado"),
    ("year", 0, r"this year|cette annee|este ano"),
    ("year", 1, r"next year|l.an(?:nee)? prochaine?|el (?:proximo ano|ano (?:proximo|que viene))"),
)
_RELATIVE = tuple(
    (unit, shift, re.compile(rf"\b(?:{words})\b")) for unit, shift, words in _RELATIVES
)


def is_numeral(word: str) -> bool:
    """Tell whether a word is a number in some language."""
    return any(fold(word) in known for known in (*_NUMERALS.values(), *_ORDINALS.values()))


@lru_cache(maxsize=20_000)
def figures(text: str, language: str) -> tuple[Figure, ...]:
    """Return the numbers and dates of a text in their order.

    >>> [(str(each.value), each.unit, each.bound) for each in figures("nearly $56 billion", "en")]
    [('56000000000', 'dollar', 'nearly')]
    >>> (a,), (b,) = figures("46,4 milliards de $", "fr"), figures("46.400 millones de $", "es")
    >>> a.value == b.value, a.unit == b.unit
    (True, True)
    """
    plain = _folded(text)
    taken: list[Figure] = []

    for finder in (_dates, _relatives, _digits, _years, _numerals_in, _weekdays):
        for found in finder(text, plain, language):
            if all(found.span == each.span or _apart(found.span, each.span) for each in taken):
                taken.append(found)
    return tuple(
        _with_units(text, sorted(taken, key=lambda each: (each.span.start, each.span.end)))
    )


def _with_units(text: str, found: list[Figure]) -> Iterator[Figure]:
    """Yield figures, a large one that counts nothing in the currency of the one before."""
    currency = ""
    for each in found:
        if isinstance(each, Quantity) and each.unit in _CURRENCIES:
            currency = each.unit
        if (
            isinstance(each, Quantity)
            and not each.unit
            and each.value >= _MILLION
            and _COUNTS_NOTHING.match(text, each.span.end)
        ):
            yield replace(each, unit=currency)
        else:
            yield each


_COUNTS_NOTHING = re.compile(r"\s*(?:[.,;:)]|$|(?:in|and|for|by|en|et|y|para|pour)\b)")


def _apart(span: Span, other: Span) -> bool:
    return span.end <= other.start or other.end <= span.start


def _folded(text: str) -> str:
    """Return the text without case and accents, each character where it was."""
    return "".join(fold(c) if len(fold(c)) == 1 else c for c in text).replace("’", "'")


def _dates(text: str, plain: str, _: str) -> Iterator[Figure]:
    taken: list[tuple[int, int]] = []
    for pattern in _DATES:
        for match in pattern.finditer(plain):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            found = match.groupdict()
            name = found.get("month")
            alone = name and not found.get("day") and not found.get("year")
            if name in _WORDS_TOO and alone and not _is_month(name, text, match.start()):
                continue
            month = int(found["number"]) if "number" in found else _MONTHS[name or ""]
            year = int(found["year"]) if found.get("year") else None
            days = [int(found[each]) for each in ("day", "last") if found.get(each)]
            if month > MONTHS_OF_YEAR and days and days[0] <= MONTHS_OF_YEAR and len(days) == 1:
                month, days = days[0], [month]
            if not 1 <= month <= MONTHS_OF_YEAR or any(not 1 <= day <= 31 for day in days):
                continue
            start, weekday = _weekday_beside(plain, match.start(), match.end())
            taken.append(match.span())
            if len(days) == 1 or not days:
                day = days[0] if days else None
                yield Day(Span(start, match.end()), year, month, day, weekday)
            else:
                last = match.start("last")
                yield Day(Span(start, last), year, month, days[0])
                yield Day(Span(last, match.end()), year, month, days[1])


def _is_month(name: str, text: str, start: int) -> bool:
    """Tell whether a word that means other things, too, is the month."""
    return name in ("may", "march") and text[start].isupper() and start > 0


def _weekday_beside(plain: str, start: int, end: int) -> tuple[int, int | None]:
    before = _WEEKDAY_BEFORE.search(plain[:start])
    if before:
        return before.start(1), _WEEKDAYS[before.group(1)]
    after = _WEEKDAY_AFTER.match(plain, end)
    return start, _WEEKDAYS[after.group(1)] if after else None


def _relatives(_: str, plain: str, __: str) -> Iterator[Figure]:
    for unit, shift, pattern in _RELATIVE:
        for match in pattern.finditer(plain):
            yield Relative(Span(*match.span()), unit, shift)


def _weekdays(_: str, plain: str, __: str) -> Iterator[Figure]:
    for match in _ANY_WEEKDAY.finditer(plain):
        yield Day(Span(*match.span()), weekday=_WEEKDAYS[match.group(1)])


def _years(text: str, plain: str, _: str) -> Iterator[Figure]:
    for match in _BARE_YEAR.finditer(plain):
        year = int(match["year"])
        if not FIRST_YEAR <= year <= LAST_YEAR or _BEFORE.search(text[: match.start()]):
            continue
        span = Span(*match.span())
        yield Day(span, year)
        if match["to"]:
            yield Day(span, int(match["year"][: 4 - len(match["to"])] + match["to"]))


def _digits(text: str, plain: str, language: str) -> Iterator[Figure]:
    found_years = _BARE_YEAR.finditer(plain)
    years = [m.span() for m in found_years if FIRST_YEAR <= int(m["year"]) <= LAST_YEAR]
    found: list[Quantity] = []
    for match in _NUMBER.finditer(text):
        if any(start <= match.start() < end for start, end in years) and not _counts(
            text, match.end(), language
        ):
            continue
        each = _quantity(
            text, match.start(), match.end(), _value(match.group(), language), language
        )
        found.append(each)
    for each, after in zip_longest(found, found[1:]):
        if after and not each.unit and _RANGE.fullmatch(text[each.span.end : after.span.start]):
            scale = Fraction(1)
            if after.value >= _THOUSAND and each.value * _THOUSAND <= after.value:
                scale = _scale_between(after.value, each.value)
            yield Quantity(each.span, each.value * scale, after.unit, each.bound)
        else:
            yield each


_RANGE = re.compile(r"\s*(?:-|–|—|to|and|à|et|a|y|or|ou|o)\s*[$€£]?", re.IGNORECASE)


def _scale_between(after: Fraction, before: Fraction) -> Fraction:
    """Return what the second number of a range is multiplied by, for the first to be, too."""
    for scale in (_TRILLION, _BILLION, _MILLION, _THOUSAND):
        if before * scale <= after:
            return Fraction(scale)
    return Fraction(1)


def _counts(text: str, end: int, language: str) -> bool:
    """Tell whether a number is followed by its unit or scale, so that it is no year."""
    return bool(
        _PERCENT.match(text, end)
        or _AFTER_SIGN.match(text, end)
        or _scale(text, end, language)[1] > 1
    ) or (
        (word := _AFTER_WORD.match(text, end)) is not None
        and fold(word.group(1)) in _UNITS
        and _UNITS[fold(word.group(1))] not in KINDS["length of time"]
    )


def _value(written: str, language: str) -> Fraction:
    """Return the number that digits stand for in a language.

    >>> [str(_value(each, "en")) for each in ("2,500", "2.5", "1,234,567.8")]
    ['2500', '5/2', '6172839/5']
    >>> str(_value("2.500", "es")), str(_value("2,500", "fr"))
    ('2500', '5/2')
    """
    digits = re.sub(rf"[{_SPACES}'’]", "", written)
    marks = re.findall(r"[.,]", digits)
    if not marks:
        return Fraction(digits)
    last = marks[-1]
    tail = digits[digits.rindex(last) + 1 :]
    grouped = len(set(marks)) == 1 and len(tail) == len("000") and not digits.startswith("0")
    decimal = {"en": ".", "fr": ","}.get(language)
    if grouped and (len(marks) > 1 or last != decimal):
        return Fraction(re.sub(r"[.,]", "", digits))
    if len(marks) > 1 and len(set(marks)) == 1:
        return Fraction(digits.replace(last, ""))  # a version or a section: equal to itself alone
    head = digits[: digits.rindex(last)]
    return Fraction(re.sub(r"[.,]", "", head) + "." + tail)


def _scale(text: str, end: int, language: str, *, money: bool = False) -> tuple[int, int]:
    """Return where the words of scale after a number end, and what they multiply it by."""
    known = _SCALES.get(language, _SCALES["en"])
    factor = 1
    while match := re.compile(rf"[{_SPACES}\n-]*([^\W\d_]+)\b").match(text, end):
        word = fold(match.group(1))
        if word in known:
            factor *= known[word]
        elif money and factor == 1 and word in _BESIDE_MONEY and match.start(1) - end <= 1:
            factor *= _BESIDE_MONEY[word]
        else:
            break
        end = match.end()
    return end, factor


def _quantity(text: str, start: int, end: int, value: Fraction, language: str) -> Quantity:
    before = _BEFORE.search(text[:start])
    unit = _UNITS[_sign(before.group(1))] if before else ""
    begin = before.start() if before else start
    ordinal = False
    if not unit and (ending := _ORDINAL_END.match(text, end)):
        end, ordinal = ending.end(), True
    elif not unit and (decade := _DECADE.match(text, end)):
        return Quantity(Span(begin, decade.end()), value, "decade")
    money = bool(unit) or bool(
        re.compile(rf"[{_SPACES}]?(?:[kmbg]|md)?[{_SPACES}]?(?:{_SIGNS})", re.IGNORECASE).match(
            text, end
        )
    )
    end, factor = _scale(text, end, language, money=money)
    value *= factor
    if half := _AND_A_HALF.match(text, end):
        value, end = value + Fraction(factor, 2), half.end()
        end, more = _scale(text, end, language, money=money)
        value *= more
    end, unit = _unit(text, end, unit)
    bound = _bound(text, begin, end)
    return Quantity(Span(begin, end), value, unit, bound, ordinal)


def _sign(written: str) -> str:
    return fold(re.sub(r"\s", "", written))


def _unit(text: str, end: int, unit: str) -> tuple[int, str]:
    """Return where a unit after a number ends, and the unit."""
    if points := _POINTS.match(text, end):
        return points.end(), "basis point" if points["basis"] else "point"
    if percent := _PERCENT.match(text, end):
        return percent.end(), "percent"
    if sign := _AFTER_SIGN.match(text, end):
        return sign.end(), _UNITS.get(_sign(sign.group(1)), sign.group(1))
    words: list[str] = []
    stop = end
    while len(words) < 2 and (match := _AFTER_WORD.match(text, stop)):  # "Canadian dollars"
        words.append(fold(match.group(1)).rstrip("."))
        stop = match.end()
        name = _UNITS.get(words[-1], "")
        if (
            name
            and (len(words) == 1 or name in _CURRENCIES)
            and not (unit and name not in _CURRENCIES)
        ):
            beside = _AFTER_WORD.match(text, stop)
            country = _OF_COUNTRIES.get(name, {})
            for word in (words[0], fold(beside.group(1)) if beside else ""):
                if word in country:
                    return (beside.end() if beside and word != words[0] else stop), country[word]
            return stop, unit or name
    return end, unit


def _bound(text: str, start: int, end: int) -> Bound:
    before = text[max(0, start - _LOOKED_BACK) : start]
    for name, pattern in _BOUND_BEFORE:
        if pattern.search(before):
            return name
    for name, pattern in _BOUND_AFTER:
        if pattern.match(text, end):
            return name
    return ""


Words = list[tuple[str, int, int]]  # each with where it starts and ends


def _numerals_in(text: str, plain: str, language: str) -> Iterator[Figure]:
    """Yield numbers that are written out."""
    words = [(match.group(), match.start(), match.end()) for match in WORD.finditer(plain)]
    i = 0
    while i < len(words):
        i, found = _numeral(text, plain, words, i, language)
        if found:
            yield found


def _numeral(
    text: str, plain: str, words: Words, i: int, language: str
) -> tuple[int, Quantity | None]:
    """Return where to go on after a word, and the number that begins with it."""
    word, start, _ = words[i]
    before = words[i - 1][0] if i else ""
    scales = _SCALES.get(language, {})
    if scales.get(word, 0) > HUNDRED and (word in _ALONE or before in _ARTICLES):
        end, factor = _scale(text, start, language)
        half = i > 1 and words[i - 2][0] == "half"
        value = Fraction(factor, 2) if half else Fraction(factor)
        return i + 1, _quantity(text, start, end, value, language)
    ordinals = _ORDINALS.get(language, {})
    if word in _FRACTIONS and not (word in ordinals and before not in _ARTICLES):
        return i + 1, _share(text, plain, words, i, language)
    if word not in _NUMERALS.get(language, {}) and word not in ordinals:
        return i + 1, None
    j, value, ordinal = _run(plain, words, i, language)
    found = _quantity(text, start, words[j - 1][2], value, language)
    loose = j == i + 1 and (word in _LOOSE or (ordinal and value == 1)) and not found.unit
    if _WAYS.match(plain, words[j - 1][2]):
        loose, found = value == BOTH_WAYS, replace(found, unit="way")
    if loose and (word in _NO_NUMERALS or found.unit == "way"):
        return j, None
    return j, replace(found, ordinal=ordinal, loose=loose)


def _share(text: str, plain: str, words: Words, i: int, language: str) -> Quantity | None:
    """Return "half" or "a third" if it is a share of something."""
    word, start, end = words[i]
    rest = re.match(r"\s+(?:of|de|des|du|del|a (?!\w*illion))\b", plain[end:])
    if not rest and word not in ("half", "moitie", "mitad"):
        return None
    if re.match(r"\s+an?\s+\w*illion", plain[end:]):
        return None
    return _quantity(text, start, end, _FRACTIONS[word], language)


def _run(plain: str, words: Words, i: int, language: str) -> tuple[int, Fraction, bool]:
    """Return where a number in words ends, its value, and whether it is an ordinal."""
    ordinals = _ORDINALS.get(language, {})
    if words[i][0] in ordinals:
        return i + 1, Fraction(ordinals[words[i][0]]), True
    value, lowest = 0, NOTHING_BELOW
    while i < len(words) and (step := _step(words, i, value, lowest, language)):
        i, value, lowest = step
        if i < len(words) and plain[words[i - 1][2] : words[i][1]].strip(" -\n"):
            break
    if i < len(words) and not plain[words[i - 1][2] : words[i][1]].strip(" -\n"):
        word = words[i][0]
        if word in _FRACTIONS and value < TEN:
            return i + 1, value * _FRACTIONS[word], False
        if lowest >= TEN and ordinals.get(word, NOTHING_BELOW) < lowest:
            return i + 1, Fraction(value + ordinals[word]), True
    return i, Fraction(value), False


def _step(
    words: Words, i: int, value: int, lowest: int, language: str
) -> tuple[int, int, int] | None:
    """Return how a number in words goes on with the next of them, None where it ends."""
    known = _NUMERALS.get(language, {})
    word = words[i][0]
    if value and word in _JOINTS and i + 1 < len(words):
        fits = known.get(words[i + 1][0], NOTHING_BELOW) < lowest and value >= _JOINTS[word]
        return (i + 1, value, lowest) if fits else None
    if value and word == "hundred":
        return i + 1, value * HUNDRED, HUNDRED
    if word not in known:
        return None
    if 1 < value < TEN and known[word] in (2 * TEN, HUNDRED):  # quatre-vingts, deux cents
        return i + 1, value * known[word], known[word]
    if known[word] < lowest:
        return i + 1, value + known[word], _lowest(known[word])
    return None


def _lowest(value: int) -> int:
    """Return below what a number must lie that can still be added to another in words."""
    return 100 if value >= 100 else 20 if value >= 20 and value % 10 == 0 else 1
