"""What the desk knows of each language: its words, its stop words, how it asks for something."""

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from functools import cache, lru_cache
from importlib import resources

import py3langid
import Stemmer
from rapidfuzz import process
from rapidfuzz.distance import OSA

LANGUAGES = ("en", "fr", "es")
CLEAR = 20  # logarithm of how much likelier a language must be
SAMPLE = 20_000  # characters are plenty to tell a language by
ISO_639_1 = 2  # letters
LONG_NAME = 6  # letters; from here on two errors are taken for a typing error
LONG_WORD = 8  # letters; from here on two errors are taken for typing errors in any word
FEW_WORDS = 3  # that carry meaning; so short a question may lean on what was said
SHORTEST_AKIN = 4  # letters that words of one family begin with at least
ALIKE = 0.7  # share of the longer word that they begin with at least
STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "fi": "finnish", "fr": "french", "hu": "hungarian", "it": "italian",
    "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip
_STOP_WORDS = {
    "en": """
        a about above after again all also am an and any are as at be because been before
        being below between both but by can could did do does doing done during each either
        else ever every few for from further get gets getting give given gives go goes going
        gone got had has have having he her here hers herself him himself his how i if in
        into is it its itself just let ll many may me might more most much must my no nor
        not now of off on once one only onto or other others our ours out over own per
        please re same say says said shall she should so some such tell than that the their
        theirs them then there these they this those through to too under until up upon us
        ve very was we were what when where whether which while who whom whose why will with
        within would yet you your yours don doesn didn isn aren wasn weren
        list name names show explain describe find please kind kinds sort sorts thing things
        come comes came besides supposed
        happen happens happened""",
    "fr": """
        a à afin ai aie ait alors après as au aucun aucune auquel aussi autre autres aux
        auxquels avaient avait avant avec avez avoir avons ayant c ça car ce ceci cela celle
        celles celui ces cet cette ceux chaque chez ci combien comme comment contre d dans
        de des dès depuis dit dites doit doivent donc dont du durant elle elles en encore
        entre es est et étaient était étant été être eu eux fait faire fait faut fera font
        hors il ils j je jusque l la là laquelle le lequel les lesquelles lesquels leur
        leurs lors lorsque lui m ma mais me même mêmes mes moi mon n ne ni nos notre nous on
        ont or ou où par parce pas pendant peu peut peuvent plus plusieurs pour pourquoi
        pouvez puis qu quand que quel quelle quelles quels qui quoi s sa sans se sera seront
        ses si soit son sont sous sur t ta te tel telle tels tes toi ton tous tout toute
        toutes très tu un une vers vos votre vous y
        va vont vas allait donne donnent
        liste nomme nommez cite citez montre explique décris trouve sorte chose choses""",
    "es": """
        a al algo algún alguna algunas alguno algunos ante antes aquel aquella aquello así
        aún aunque cada casi como cómo con contra cual cuál cuales cuáles cualquier cuando
        cuándo cuanta cuánta cuántas cuanto cuánto cuantos cuántos de del desde dice dicen
        dijo donde dónde dos durante e el él ella ellas ellos en entre era eran es esa esas
        ese eso esos esta está están estas este esto estos fue fueron ha hace hacer hacia
        han hasta hay he la las le les lo los más me mi mis mismo mucho muchos muy nada ni
        no nos nosotros nuestra nuestro o os otra otras otro otros para pero por porque pues
        que qué quien quién quienes quiénes se sea según ser será si sí sido sin sobre son
        su sus también tan tanto te tiene tienen toda todas todo todos tras tu tus u un una
        unas uno unos usted y ya yo
        va van vas ir iba estuvo estuvieron estaba estaban estará estarán fueron serán había habrá
        lista enumera nombra menciona muestra explica describe tipo cosa cosas""",
}
# Words that much can be said without: that no document has one says little.
_LIGHT_WORDS = {
    "en": """
        accompany accompanied achieve add affect aim allow along amount announce
        announced announcing anything appear area areas ask asked aspect around attempt
        attend become began begin behind believe best better big bigger bring broad
        called came care case cause change chance choose claim clear close come comes
        comment comments common compare compared comparison complain concern concerned
        concerns consider consist contain continue cover covered create currently deal
        decide describe described detail details develop differ difference different
        discuss discussed effect else end ensure especially event everything exactly
        example exist expect expected explain express fact feel felt find focus follow
        former found full future gain general given goal going good great group grow
        growing happening hard head help high hold hope idea impact important improve
        include included includes including interest involve involved issue issues job
        join just keep kept key kind know known large last late lead leading least left
        less level like likely link look looking lot main major manner matter matters
        mean means meant mention mentioned much near necessary need needed needs new
        next nothing number offer old open opinion order part particular past people
        person place plan point position possible present previously probably problem
        provide purpose put raise reach react reaction real reason receive recent
        recently refer regard regarded regarding related remain remark remarks reply
        respond response rest result right role same seek seem seen serve set several
        show shown side similar since single situation small something sort sought speak
        spend start started state stay step still stop strong subject suggest support
        sure table take taken taking talk talking tell term thing think thought together
        told took top topic topics toward towards tried true try trying turn type
        understand usually various via view want wanted wants way well went whether
        without word words work worry worried would year years yet""",
    "fr": """
        accompagner aider ajouter annoncer annoncé arriver attendre attendu aucunement
        besoin bon bonne but cause changer chose choisir clair commencer comparer
        comparé comprendre concerner continuer côté couvrir créer demander dernier
        dernière devenir dire discuter donner début effet ensemble essayer exactement
        exemple façon fin fois garder genre grand grande gros important inclure inquiet
        jouer lieu long longue manière meilleur meilleure mentionner mettre montrer
        nombre nouveau nouvelle obtenir parler part passer penser petit petite place
        possible premier première prendre principal principale problème proposer prévoir
        prévu question raison remarque rester répondre réponse savoir seul seule
        situation souhaiter sujet suivre tenir toujours trouver venir voir vouloir veut
        veulent""",
    "es": """
        acompañar acompañó además alcanzar anunciar añadir ayudar bueno buena buscar
        cambiar causa claro comenzar comentario comparar comparado conseguir considerar
        continuar cosa crear creer cubrir dar decir dejar detalle diferente discutir
        empezar encontrar ejemplo esperar esperado estado explicar final forma gran
        grande hablar hacer importante incluir interés intentar jugar largo lado lugar
        manera mantener mayor mejor mencionar mostrar necesitar nuevo nueva número
        objetivo obtener parte pasar pedir pensar poder poner posible preocupado
        previsto primero primera principal problema proponer propósito querer quiere
        quieren razón responder respuesta saber seguir situación solo sola tema tener
        todavía tomar tratar único usar venir ver""",
}
LIGHT_WORDS = {code: frozenset(words.split()) for code, words in _LIGHT_WORDS.items()}
STOP_WORDS = {code: frozenset(words.split()) for code, words in _STOP_WORDS.items()}
_ALL_STOP_WORDS = frozenset[str]().union(*STOP_WORDS.values())
WORD = re.compile(r"(?:[^\W\d_]\.){2,}|\d+(?:[.,]\d+)*|[^\W\d_]+")
ACRONYMS = {"usa": "us", "eeuu": "us", "eu": "eu"}


@cache
def _stemmer(language: str) -> Stemmer.Stemmer | None:
    return Stemmer.Stemmer(STEMMERS[language]) if language in STEMMERS else None


def fold(text: str) -> str:
    """Return the text without case and accents.

    >>> fold("Márquez")
    'marquez'
    """
    small = text.casefold()
    if small.isascii():
        return small
    decomposed = unicodedata.normalize("NFKD", small)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def unaccented(text: str) -> str:
    """Return the text without accents, each character where it was, and one kind of apostrophe.

    >>> unaccented("l’Économie")
    "l'Economie"
    """
    return "".join(_bare(c) for c in text)


@cache
def _bare(character: str) -> str:
    if character in "’‘ʼ":
        return "'"
    decomposed = unicodedata.normalize("NFKD", character)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return bare if len(bare) == 1 else character


def number(word: str) -> str:
    """Return one spelling for a number however its separators are written.

    >>> number("46,4"), number("46.4"), number("2,500")
    ('46d4', '46d4', '2500')
    """
    if re.fullmatch(r"\d{1,3}([.,]\d{3})+", word) and not word.startswith("0"):
        return re.sub(r"[.,]", "", word)
    return re.sub(r"[.,]", "d", word)


def words(text: str, language: str) -> list[str]:
    """Return the words of the text that carry meaning: no stop words, no single characters.

    >>> words("What did the U.S. say about l'accord?", "en")
    ['U.S.', 'accord']
    """
    shouted = text.isupper()
    stop = STOP_WORDS.get(language, frozenset())
    kept = []
    for word in WORD.findall(text):
        acronym = "." in word or (word.isupper() and len(word) > 1 and not shouted)
        if len(word) > 1 and (word[0].isdigit() or acronym or word.casefold() not in stop):
            kept.append(word)
    return kept


@lru_cache(maxsize=100_000)  # the words of a language, most of them over and over
def stem(word: str, language: str) -> str:
    """Return the form under which a word is indexed: stemmed in its language, without accents.

    >>> stem("négociations", "fr"), stem("Negotiating", "en"), stem("U.S.", "en")
    ('negoci', 'negoti', 'us')
    """
    if word[0].isdigit():
        return number(word)
    plain = word.casefold().replace(".", "")
    plain = ACRONYMS.get(plain, plain)
    stemmer = _stemmer(language)
    return fold(stemmer.stemWord(plain) if stemmer and len(plain) > 2 else plain)


def akin(term: str, other: str) -> bool:
    """Tell whether two index terms begin so much alike that their words are one family.

    >>> akin("imperi", "imperial"), akin("migrat", "migrant"), akin("port", "portug")
    (True, True, False)
    """
    shared = max(SHORTEST_AKIN, math.ceil(ALIKE * max(len(term), len(other))))
    return term[:shared] == other[:shared] and len(term) >= SHORTEST_AKIN and term[0].isalpha()


def like(word: str, others: Iterable[str]) -> list[str]:
    """Return the words that differ from one by a typing error, or two if it is long, nearest first.

    >>> like("frist", ["first", "feast", "fresh"]), like("when", ["when", "then"])
    (['first'], ['when', 'then'])
    """
    errors = 1 if len(word) < LONG_WORD else 2
    near = process.extract(word, list(others), scorer=OSA.distance, score_cutoff=errors, limit=None)
    return [each for each, _, _ in near]


def terms(text: str, language: str) -> list[str]:
    """Return the index terms of a text in the order of its words."""
    return [stem(word, language) for word in words(text, language)]


def stems(word: str, languages: Iterable[str]) -> frozenset[str]:
    """Return the forms of a word in several languages.

    A name is then found in a French document by an English question and the other way round.
    """
    return frozenset(stem(word, each) for each in languages)


def stemmed_apart(languages: Iterable[str]) -> tuple[str, ...]:
    """Return one language of each way to stem: without a stemmer all have the same forms.

    Short texts are often taken for one of many languages that nobody writes here.

    >>> stemmed_apart(["cy", "en", "la"])
    ('cy', 'en')
    """
    last_first = sorted(languages, reverse=True)
    return tuple({STEMMERS.get(each, ""): each for each in last_first}.values())


@cache
def glossary() -> Mapping[str, frozenset[str]]:
    """Return, for each stem of `glossary.txt`, those of the same meaning in all languages."""
    sets: dict[str, set[str]] = {}
    for line in _glossary_lines():
        group = set() if ">" in line else _stems_in(zip(LANGUAGES, line.split("|"), strict=True))
        for each in group:
            sets.setdefault(each, set()).update(group)
    return {each: frozenset(group) for each, group in sets.items()}


def meant_by(terms: Iterable[str], language: str, others: Collection[str]) -> frozenset[str]:
    """Return the stems, in other languages, of words that mean much the same as one of a language.

    Words for kinds of what a general word names are among them. Where the glossary has none of the
    stems in the language itself, one that it has in another will do: many words are akin.

    >>> meant_by(["sommet"], "fr", ["es"])
    frozenset({'cumbr'})
    >>> [stem("August", "en") in meant_by([stem(w, "en")], "en", ["en"]) for w in ("summer", "war")]
    [True, False]
    """
    for asked_in in ((language,), LANGUAGES):
        sets = [_meanings(each, other) for each in asked_in for other in others]
        if found := {meant for each in sets for term in terms for meant in each.get(term, ())}:
            return frozenset(found)
    return frozenset()


@cache
def _meanings(language: str, other: str) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in _glossary_lines():
        columns = dict(zip(LANGUAGES, line.split("|"), strict=True))
        group = _stems_in([(other, columns[other])])
        for each in _stems_in([(language, columns[language].split(">")[0])]):
            found.setdefault(each, set()).update(group)
    return {each: frozenset(group) for each, group in found.items()}


def _glossary_lines() -> list[str]:
    text = resources.files("rag").joinpath("glossary.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _stems_in(columns: Iterable[tuple[str, str]]) -> set[str]:
    return {stem(word, each) for each, column in columns for word in WORD.findall(column)}


@lru_cache(maxsize=1000)  # questions and turns; each is looked at several times
def detect(question: str) -> str:
    """Return the language of a question, one of `LANGUAGES`.

    >>> [detect(q) for q in ("Who is she?", "Qui est le ministre ?", "¿Quién es la presidenta?")]
    ['en', 'fr', 'es']
    """
    found = [word.casefold() for word in WORD.findall(question)]
    counts = {each: sum(word in STOP_WORDS[each] for word in found) for each in LANGUAGES}
    best = max(counts.values())
    winners = [each for each in LANGUAGES if counts[each] == best]
    if len(winners) == 1:
        return winners[0]
    ranked = dict(py3langid.rank(question))
    return max(winners, key=lambda each: ranked.get(each, float("-inf")))


def identify(text: str) -> str:
    """Return the ISO 639-1 code of the language that a text most likely is in.

    >>> identify("Die Minister trafen sich im August in Mexiko."), identify("")
    ('de', 'en')
    """
    codes = (code for code, _ in py3langid.rank(text[:SAMPLE]) if len(code) == ISO_639_1)
    return next(codes, "en") if text.strip() else "en"


def differs(text: str, language: str) -> str | None:
    """Return the language of a text if it is clearly in another one that has a stemmer.

    >>> differs("Les deux ministres ont parlé du commerce et de la sécurité à Mexico.", "en")
    'fr'
    """
    ranked = dict(py3langid.rank(text[:SAMPLE]))
    best = max(STEMMERS, key=lambda code: ranked.get(code, -math.inf))
    return best if ranked[best] - ranked.get(language, 0) > CLEAR else None


# What a question asks for, and what a sentence must hold to offer it.
_ASKS = {
    "count": re.compile(r"\bhow (?:many|much)\b|\bcombien\b|\bcu[aá]nt[oa]s?\b", re.IGNORECASE),
    "number": re.compile(
        r"\bhow (?:many|much|large|big|often|long|old|far)\b|\b(?:what|which) (?:percentage|share|"
        r"number|amount|proportion|percent|population)\b|\bcombien\b|\bquel(?:le)? (?:pourcentage|"
        r"part|nombre|montant|somme)\b|\bcu[aá]nt[oa]s?\b|\bqué (?:porcentaje|cantidad|número)\b",
        re.IGNORECASE,
    ),
    "time": re.compile(
        r"^\W*(?:and |since |until )?when\b|\band when\b|\bwhen\W*$|\b(?:what|which) (?:year|date|"
        r"day|month|century|decade)\b|"
        r"^\W*(?:et |depuis |jusqu.à )?quand\b|\bet quand\b|\bquand\W*$|"
        r"\bquel(?:le)? (?:date|année|jour|mois)\b|\bcuándo\b|^\W*cuando\b|"
        r"\b(?:qué|cuál) (?:fecha|año|día|mes)\b",
        re.IGNORECASE,
    ),
    "place": re.compile(
        r"^\W*where\b|\b(?:what|which) (?:city|country|place|town|state)\b|^\W*où\b|"
        r"\bquel(?:le)? (?:ville|pays|lieu|endroit)\b|^\W*d[oó]nde\b|"
        r"\b(?:qué|cuál) (?:ciudad|país|lugar)\b",
        re.IGNORECASE,
    ),
    "age": re.compile(r"\bhow old\b|\bquel âge\b|\bqué edad\b|\bcuántos años tiene", re.IGNORECASE),
    "hour": re.compile(r"\bwhat (?:time|hour)\b|\bquelle heure\b|\bqué hora\b", re.IGNORECASE),
    "percentage": re.compile(
        r"\bpercent|\bper cent\b|\bpourcentage\b|\bporcentaje\b", re.IGNORECASE
    ),
    "money": re.compile(
        r"\bhow much\b.*\b(?:cost|paid|pay|spen[dt]|invested|worth)\b|\bcombien (?:coûte|vaut)|"
        r"\bcuánto (?:cuesta|costó|vale)",
        re.IGNORECASE,
    ),
    "year": re.compile(r"\b(?:what|which) year\b|\bquelle année\b|\bqué año\b", re.IGNORECASE),
    "month": re.compile(r"\b(?:what|which) month\b|\bquel mois\b|\bqué mes\b", re.IGNORECASE),
    "person": re.compile(
        r"^\W*(?:who|whom|whose|with whom|by whom)\b|^\W*(?:avec |par |de |à )?qui\b|"
        r"^\W*(?:con |por |de |a )?qui[eé]n(?:es)?\b",
        re.IGNORECASE,
    ),
}
_MONTHS = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december|"
    r"janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre|enero|"
    r"febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre)"
)
_DATE = re.compile(
    rf"\b(?:\d{{1,2}}(?:st|nd|rd|th|er)? (?:de |of )?)?{_MONTHS}\b(?: \d{{1,2}}\b(?!,?\d))?"
    r"(?:,? (?:de |del )?[12]\d{3}\b)?|\b(?:19|20)\d\d\b",
    re.IGNORECASE,
)
_OFFERS = {
    "number": re.compile(
        r"\d+(?:[.,]\d+)*|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|"
        r"thousand|million|billion|half|third|quarter|deux|"
        r"trois|quatre|cinq|sept|huit|neuf|dix|douze|cent|mille|milliard|moitié|tiers|dos|tres|"
        r"cuatro|cinco|seis|siete|ocho|nueve|diez|cien|mil|millón|millones|mitad)s?\b",
        re.IGNORECASE,
    ),
    "time": re.compile(
        r"\d+(?:[.,]\d+)*|\b(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]*\b|\b\w+day\b|\b(?:ago|"
        r"century|decade|year|month|week|yesterday|today|tomorrow|hier|aujourd.hui|demain|année|mois|"
        r"semaine|siècle|hoy|ayer|mañana|año|semana|siglo|janvier|février|mars|avril|mai|juin|juillet|"
        r"août|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|"
        r"septiembre|octubre|noviembre|diciembre|lundi|mardi|mercredi|jeudi|vendredi|lunes|martes|"
        r"miércoles|jueves|viernes)s?\b",
        re.IGNORECASE,
    ),
    "age": re.compile(r"\d+.{0,2}(?:year|ans\b|años)|\b(?:aged|born|née?|nació)\b", re.IGNORECASE),
    "hour": re.compile(
        r"\d+(?:[:.]\d\d| ?h\b| ?[ap]\.?m\b)|\b(?:o.clock|noon|midnight|midi|minuit|mediodía|"
        r"medianoche)\b",
        re.IGNORECASE,
    ),
    "percentage": re.compile(
        r"%|\b(?:per ?cent|pour cent|por ciento|half|third|quarter|tiers|moitié|mitad)\b",
        re.IGNORECASE,
    ),
    "money": re.compile(
        r"[$€£¥]|\b(?:dollar|euro|peso|pound|franc|cent|million|billion|milliard|millone)s?\b",
        re.IGNORECASE,
    ),
    "year": re.compile(r"\b[12]\d{3}\b"),
    "month": re.compile(rf"\b{_MONTHS}\b", re.IGNORECASE),
    "place": re.compile(r"\b[A-ZÀ-Þ][^\W\d_]+"),
    "person": re.compile(
        r"\b[A-ZÀ-Þ][^\W\d_]+|\b(?:minister|official|leader|ministre|ministr[oa])s?\b"
    ),
}
_OFFERS["count"] = _OFFERS["number"]


# Who is asked about in "what did Ana Ruiz say": the answer must name them.
_SPEAKER = re.compile(
    r"\b(?:what|how) (?:did|does|do|has) (?P<name>[^?]+?) (?:say|said|tell|told|promise|promised|"
    r"answer|reply|respond|react|accuse|think)\b|\b(?:que|qu.)\W?(?:dit|a dit|a promis|pense) "
    r"(?P<nom>[A-ZÀ-Þ]\w+)|\bqué (?:dijo|dice|prometió|piensa|respondió) (?P<nombre>[A-ZÀ-Þ]\w+)",
    re.IGNORECASE,
)

# Whose words or view a sentence gives: named beside a verb of saying, or by "according to".
_NAME = (
    r"(?P<name>(?!(?:She|He|They|We|It|The|A|An|Her|His|Their|Elles?|Ils?|Le|La|Les|Un|Une|Ellas?|"
    r"Él|Ellos|El|Los|Las|Una)\b)[A-ZÀ-Þ][\w’'.-]+(?: (?:[A-ZÀ-Þ][\w’'.-]+|d[aeu]l?|von|van))*)"
)
_SAYING = (
    r"(?:said|says|told|tells|stated?s?|added|argue[sd]|warn(?:s|ed)|noted|notes|announce[sd]|"
    r"voiced?s?|express(?:es|ed)|call(?:s|ed)|describe[sd]|suggest(?:s|ed)|confirm(?:s|ed)|"
    r"denie[sd]|complain(?:s|ed)|criticised?|criticized?|acknowledge[sd]|explain(?:s|ed)|"
    r"point(?:s|ed) (?:out|to)|shot back|spoke|speaks|"
    r"accuse[sd]|promise[sd]|replie[sd]|answer(?:s|ed)|insist(?:s|ed)|think(?:s)?|thought|"
    r"believe[sd]?|(?:a |ont )?(?:dit|affirmé|déclaré|estimé|annoncé|répondu|ajouté|promis)|"
    r"affirme|déclare|estime|dijo|dice|afirm[aó]|declar[aó]|anunci[aó]|respondió|añadió|prometió|"
    r"considera|acusó)"
)
_VIEW = (
    r"(?:[Aa]ccording to|[Ii]n the (?:view|reading|words|opinion|eyes) of|[Ss]elon|[Dd].après|"
    r"[Ss]egún|[Aa] juicio de|[Ee]n palabras de|[Pp]our)"
)
_SPEAKERS = (
    re.compile(rf"{_NAME}(?P<also>,[^,.;]{{1,80}})?,?(?: [a-zà-þ]+){{0,2}} {_SAYING}\b"),
    re.compile(rf"\b(?!told|tells|accus|promis|promet|acus){_SAYING} {_NAME}"),
    re.compile(rf"\b{_VIEW} (?:[a-zà-þ]+ ){{0,3}}{_NAME}"),
)

_UNNAMED = re.compile(  # a speaker who was named before
    r"\b(?:she|he|they|(?:the|her|his) \w+|elles?|ils?|l[ea] \w+|ellas?|él|ellos|el \w+)\b"
    rf"(?:,[^,.]+,)?(?: \w+){{0,2}} {_SAYING}\b|"
    rf"\b{_SAYING} (?:she|he|they|-?t-(?:il|elle))\b|^\W*{_SAYING}\b",
    re.IGNORECASE,
)

_ASKING = re.compile(
    r"\bhow (?:many|much|long)\b|\b(?:what|which) (?:year|date|day|month)\b|"
    r"\bcombien(?: de temps)?\b|\bquel(?:le)? (?:date|année|jour|mois)\b|"
    r"\bcu[aá]nt[oa]s?(?: tiempo)?\b|\bqué (?:fecha|año|día|mes)\b",
    re.IGNORECASE,
)


def asked_about(question: str) -> str:
    """Return the question without the words that only say what kind of thing it asks for.

    >>> asked_about("How long is the visit?"), asked_about("In which year was it?")
    ('  is the visit?', 'In   was it?')
    """
    return _ASKING.sub(" ", question)


def lacks(question: str, sentence: str) -> bool:
    """Tell whether a question asks for a number, time, place or person that a sentence has not got.

    What the question itself names does not count.

    >>> lacks("How many came?", "They came by bus."), lacks("When was it?", "It was in May.")
    (True, False)
    >>> lacks("Who met Ana Ruiz?", "They met Ana Ruiz."), lacks("Who is Ana?", "Ana, an official.")
    (True, False)
    """
    return any(_kinds_lacking(question, sentence)) or not _has_any_of(_asked(question), sentence)


def misses(question: str, sentence: str) -> bool:
    """Tell whether a sentence can be no answer, however alike it is.

    A count or an hour is asked for and it has none; or somebody's words, and it gives those of
    another or of nobody.

    >>> misses("How many came?", "They came on 4 May."), misses("When was it?", "It was fun.")
    (True, False)
    >>> [misses("What did Ruiz say?", said) for said in ("Sato said no.", "She said no.")]
    [True, False]
    """
    if not {"count", "hour"}.isdisjoint(_kinds_lacking(question, sentence)):
        return True
    asked = _asked(question, by_name=True)
    if not asked:
        return False
    speakers = " ".join(
        part or ""
        for pattern in _SPEAKERS
        for found in pattern.finditer(sentence)
        for part in found.groups()
    )
    unnamed = not speakers and _UNNAMED.search(sentence)
    return not (unnamed or _has_any_of(asked, speakers or sentence))


def _kinds_lacking(question: str, sentence: str) -> Iterator[str]:
    """Yield what kinds of things a question asks for and a sentence does not have."""
    kinds, known = _kinds(question)
    undated = _undated(sentence) if "count" in kinds else sentence
    offered = {"count": undated}  # a date counts nothing
    return (each for each in kinds if not _offers(each, offered.get(each, sentence), known))


@lru_cache(10_000)  # sentences
def _undated(sentence: str) -> str:
    return _DATE.sub(" ", sentence)


@lru_cache(100)
def _kinds(question: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the kinds of things that a question asks for, and the words it has itself."""
    kinds = tuple(kind for kind, asks in _ASKS.items() if asks.search(question))
    return kinds, frozenset(WORD.findall(fold(question)) if kinds else ())


@lru_cache(100)
def _asked(question: str, *, by_name: bool = False) -> Sequence[str]:
    """Return the names of those whose words a question asks for, and who may be described too."""
    parts = (part for found in _SPEAKER.finditer(question) for part in found.groups() if part)
    spoken_of = [WORD.findall(part) for part in parts]
    return [
        fold(word)
        for each in spoken_of
        if not by_name or all(word[0].isupper() for word in each)
        for word in each
        if word[0].isupper()
    ]


def _has_any_of(named: Sequence[str], text: str) -> bool:
    """Tell whether a text has one of the names, if there are any."""
    found = WORD.findall(fold(text)) if named else []
    return not named or any(_like_any_of(each, found) for each in named)


def _like_any_of(name: str, found: list[str]) -> bool:
    """Tell whether a name is there, be it with a typing error or with another ending."""
    begins, errors = name[:SHORTEST_AKIN], 2 if len(name) >= LONG_NAME else 0
    return any(
        each.startswith(begins) or OSA.distance(name, each, score_cutoff=errors) <= errors
        for each in found
    )


def _offers(kind: str, sentence: str, known: Set[str]) -> bool:
    return not _offered(kind, sentence) <= known


@lru_cache(10_000)  # sentences, for each kind of thing
def _offered(kind: str, sentence: str) -> frozenset[str]:
    """Return the words of a sentence that may be a thing of some kind, folded."""
    words_of = [match.group() for match in _OFFERS[kind].finditer(sentence)]
    if kind in ("person", "place"):
        words_of = [each for each in words_of if each.casefold() not in _ALL_STOP_WORDS]
    return frozenset(map(fold, words_of))


def names(text: str, language: str) -> list[str]:
    """Return the words of a question that name or count something: capitals and digits.

    The first word counts only where it is no ordinary word of the language's questions.

    >>> names("What did Ana Ruiz sign in 2024?", "en")
    ['Ana', 'Ruiz', '2024']
    """
    if text.isupper():
        return [word for word in words(text, language) if word[0].isdigit()]
    first = WORD.search(text)
    return [
        word
        for word in words(text, language)
        if word[0].isdigit() or (word[0].isupper() and (not first or word != first.group()))
    ]


# Words with which a question leans on the one before it.
_OPENERS = re.compile(
    r"^\W*(?:and|but|so|also|what about|how about|et|mais|alors|y|e|pero|entonces)\b", re.IGNORECASE
)
# Words that point at something said before. "There are", "it is true that" and "this year" do not.
_POINTERS = re.compile(
    r"(?<!-)\b(?:he|she|it|they|him|her|them|his|hers|its|their|theirs|then|else|others|ones|same|"
    r"il|elle|ils|elles|lui|leur|leurs|cela|ça|ceci|celui|celle|él|ella|ellos|ellas|eso|esto|"
    r"aquello|ahí|allí|entonces)\b|"
    r"\b(?:this|these|those)\b(?! (?:year|month|week|season|morning|afternoon|time))|"
    r"\b(?:to|about|of|with|after|before|by|on|in|for|from|is|was|does|did) that\b|\bthat\W*$|"
    r"(?<!\bis )(?<!\bare )\bthere\W*$",
    re.IGNORECASE,
)
# A pronoun that is a subject's companion: in "how did Ana answer him" he is not Ana.
_OBJECTS = re.compile(r"\b(?:him|them|lui)\b", re.IGNORECASE)


def stand_alone(question: str, earlier: list[str]) -> str:
    """Return the question with the words it leans on from the questions before it.

    >>> stand_alone("And what did she say about mining?", ["Who is Claudia Sheinbaum?"])
    'And what did she say about mining? (Claudia Sheinbaum)'
    >>> stand_alone("When is the visit?", ["Who is Claudia Sheinbaum?"])
    'When is the visit?'
    """
    if not earlier or not _leans(question):
        return question
    before = stand_alone(earlier[-1], earlier[:-1])
    language = detect(question)
    own = set(terms(question, language))
    added = [word for word in words(before, detect(before)) if stem(word, language) not in own]
    return f"{question} ({' '.join(dict.fromkeys(added))})" if added else question


def is_short(question: str) -> bool:
    """Tell whether a question has so few words that what was said before may tell what it means.

    >>> is_short("How many ministers?"), is_short("How many ministers does Peru have?")
    (True, False)
    """
    language = detect(question)
    return len(words(question, language)) <= FEW_WORDS and not names(question, language)


def _leans(question: str) -> bool:
    language = detect(question)
    if _OPENERS.search(question) or not words(question, language):
        return True
    pointer = _POINTERS.search(question)
    if pointer is None:
        return False
    named_before = names(question[: pointer.start()], language)
    return not named_before or bool(_OBJECTS.search(question) and not named_before[1:])
