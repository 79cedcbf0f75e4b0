"""What a sentence claims, read without a language model: names, denials, hedges, speakers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from rag.aliases import aliases_in
from rag.figures import Figure, figures
from rag.language import LANGUAGES, LIGHT_WORDS, STOP_WORDS, fold, stem, unaccented
from rag.types import Span

Kind = Literal["figure", "name", "word", "stop"]


@dataclass(frozen=True, slots=True)
class Token:
    """A word, name or figure of a sentence.

    Attributes:
        key: what another token shares with it when it says the same.
        place: the name is one of a country, a city or an organisation that all languages know.
        opens: it begins the sentence, where every word has a capital.
        light: a word that much can be said without.
    """

    span: Span
    text: str
    key: str
    kind: Kind
    place: bool = False
    opens: bool = False
    light: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    """Words that deny or weaken what follows them."""

    span: Span
    kind: str


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who is said to say or think something; `words` are those that name them."""

    span: Span
    words: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence as it is compared with another.

    Attributes:
        denials: that it is not so; `doubts` may say so, too, such as "without" or "refuses".
        meant: the keys of the names that "they" or "the leaders" stands for, see `rag.persons`.
    """

    text: str
    language: str
    tokens: tuple[Token, ...]
    figures: tuple[Figure, ...]
    denials: tuple[Cue, ...]
    doubts: tuple[Cue, ...]
    hedges: tuple[Cue, ...]
    speakers: tuple[Speaker, ...]
    breaks: tuple[int, ...]
    meant: frozenset[str] = frozenset()

    @property
    def words(self) -> tuple[Token, ...]:
        """Return the words that carry meaning and are neither names nor figures."""
        return tuple(each for each in self.tokens if each.kind == "word")

    @property
    def names(self) -> tuple[Token, ...]:
        """Return the names."""
        return tuple(each for each in self.tokens if each.kind == "name")


_TOKEN = re.compile(r"[^\W\d_]+\d+\b|(?:[^\W\d_]\.){2,}|[^\W_]+")
_SENTENCE_START = re.compile(
    r"(?:^|(?<!\.\w)(?<!\b[A-Z][a-z])(?<!\b[A-Z])[.?!:•]\s+|^[\s\"“«‘'(¿¡–-]+|[:;.]\s*[“«\"]\s*)$"
)


def folded(text: str) -> frozenset[str]:
    """Return the words of a text without case and accents."""
    return frozenset(fold(text).split())


ROLES = folded("""
    minister ministers ministre ministres ministro ministra president presidents président
    présidente presidente presidenta premier prime primer primera primero professor professeur
    professeure profesor profesora secretary secrétaire secretario secretaria senator ambassador
    king country countries pays país países side sides party parties parties partes
    vice deputy advisor adviser spokesperson envoy conseiller conseillère asesor asesora
    vicepresidente vicepresidenta
    chancellor queen leader leaders chef líder mr mrs ms dr mme sr sra senior foreign affairs
    finance finances hacienda trade
    commerce comercio affaires étrangères asuntos exteriores parliamentary general director chair
    chairman government
""")


@lru_cache(maxsize=20_000)
def read(text: str, language: str) -> Claim:
    """Return what a sentence claims."""
    found = figures(text, language)
    flat = unaccented(text)
    small = flat.casefold()
    hedges = tuple(_hedges(text, small, language))
    return Claim(
        text,
        language,
        tuple(_tokens(text, flat, found, language)),
        found,
        tuple(each for each in _denials(small, language) if not _compares(each, hedges)),
        tuple(_cues({"": _DOUBTS[_known(language)]}, small)),
        hedges,
        tuple(_speakers(text, flat, language, found)),
        tuple(_breaks(small)),
    )


def groups(claim: Claim) -> Iterator[list[Token]]:
    """Yield the names of a sentence, each with all of its words, such as first and last name."""
    group: list[Token] = []
    for token in claim.tokens:
        if group and len(token.text) == 1 and token.text.isupper():
            continue  # the initial of a name
        if token.kind != "name":
            if group:
                yield group
            group = []
            continue
        gap = claim.text[group[-1].span.end : token.span.start] if group else ""
        if group and (not _JOINED.fullmatch(gap) or token.place or group[-1].place):
            yield group
            group = []
        group.append(token)
    if group:
        yield group


_JOINED = re.compile(r"[ -]|\. | [A-Z]\.? ")
_BREAK = re.compile(
    r"[;:—–]\s|,\s(?:and|but|while|whereas|although|though|et|mais|tandis que|alors que|y|e|pero|"
    r"mientras|aunque)\b|\s(?:and that\b|et qu(?:e\b|['’])|y que\b)\s?|"
    r"(?<!\bpour)(?<!\ba)(?<!\bcomme)\s(?:but|while|whereas|although|though|mais|tandis que|"
    r"alors que|pero|mientras|aunque)\s"
)


_OPENING = re.compile(  # "While some went, others stayed": no aside stands before the comma
    r"(?:while|whereas|although|though|bien que|tandis que|alors que|aunque|mientras)\s[^;:]+?"
    r"(?P<comma>,)\s(?!(?:an?|who|which|une?|qui|quien|que|including|according|selon|segun|and|et|y|"
    r"said|dit|dijo)\b)"
)


def _breaks(small: str) -> list[int]:
    """Return where a sentence falls in parts."""
    opening = _OPENING.match(small)
    places = {match.start() for match in _BREAK.finditer(small)}
    return sorted(places | ({opening.start("comma")} if opening else set()))


def _known(language: str) -> str:
    return language if language in LANGUAGES else "en"


def _tokens(text: str, flat: str, found: tuple[Figure, ...], language: str) -> Iterator[Token]:
    taken = {each.span: _figure_key(each) for each in found}
    spans: list[tuple[Span, str, Kind]] = [(span, key, "figure") for span, key in taken.items()]
    known = aliases_in(flat, _known(language))
    spans += [(span, key, "name") for span, key in known if _is_free(span, taken)]
    busy = {span for span, _, _ in spans}
    shouted = text.isupper()
    for match in _TOKEN.finditer(text):
        span = Span(*match.span())
        if _is_free(span, busy):
            spans.append((span, "", "word"))
    for span, key, kind in sorted(spans):
        written = span.of(text)
        if kind != "word":
            yield Token(span, written, key, kind, place=kind == "name")
            continue
        opens = bool(_SENTENCE_START.search(text[: span.start]))
        small, role = written.casefold(), fold(written) in ROLES
        if small in STOP_WORDS[_known(language)] or small in _CUE_WORDS or len(written) == 1:
            yield Token(span, written, fold(written), "stop", opens=opens)
        elif (
            written[0].isupper()
            and not role
            and not shouted
            and (not opens or written[1:].lower() != written[1:])
        ):
            yield Token(span, written, _name_key(written), "name", opens=opens)
        else:
            light = small in LIGHT_WORDS[_known(language)] or role
            yield Token(
                span,
                written,
                stem(written, language),
                "word",
                opens=opens and written[0].isupper() and not role,
                light=light,
            )


def _name_key(written: str) -> str:
    return fold(written).replace(".", "")


def is_role(token: Token) -> bool:
    """Tell whether a word says what somebody is, such as "minister"."""
    return fold(token.text) in ROLES


def _is_free(span: Span, taken: Mapping[Span, str] | set[Span]) -> bool:
    return all(span.end <= each.start or each.end <= span.start for each in taken)


def _figure_key(figure: Figure) -> str:
    """Return what two figures share when they are the same, their bounds aside."""
    values = [
        getattr(figure, each) for each in figure.__slots__ if each not in ("span", "bound", "loose")
    ]
    return f"{type(figure).__name__}:" + ",".join(map(str, values))


_DENIALS = {
    "en": re.compile(
        r"\b(?:not(?! only\b[^.;]*\bbut also\b| go(?:ne|ing)? unnoticed)|never|"
        r"no(?! doubt| less| fewer| more than)|nobody|none|nothing(?! like)|nowhere|"
        r"neither|nor|cannot)\b|n't\b(?! only\b[^.;]*\bbut also\b| go(?:ne)? unnoticed)|"
        r"(?<!not go )(?<!n't go )(?<!not gone )(?<!not going )\bunnoticed\b"
    ),
    "fr": re.compile(
        r"\b(?:ne(?!\s\w+\s(?:\w+\s)?que\b)\b|n'|aucune?s?\b|jamais\b|pas\b|nullement\b|ni\b|"
        r"non\b(?!-| seulement))"
    ),
    "es": re.compile(r"\b(?:no(?! solo)|nunca|jamas|ningun[oa]?s?|nadie|nada|tampoco|ni)\b"),
}
_DOUBTS = {
    "en": re.compile(
        r"\b(?:without|unlikely|fail\w*|refus\w*|den(?:y|ies|ied|ial)|reject\w*|rul\w+ out|lack\w*|"
        r"absen(?:ce|t)|missing|doubt\w*|exclud\w*|shut\w* out|le(?:aves?|aving|ft) out|"
        r"avoid\w*|prevent\w*|ke(?:pt|ep\w*) (?:[\w'’]+ ){1,5}from|instead|rather than|"
        r"far from|hardly|scarcely|barely|little|few|"
        r"yet to|unable|unwilling|impossible|unclear|unreliable|sidelined|"
        r"push\w* (?:[\w']+ ){0,4}aside|(?:is|are|was|were) over|(?:belong\w* to|of) the past|"
        r"different\w*|differs?|nothing like)\b"
    ),
    "fr": re.compile(
        r"\b(?:sans|refus\w+|echou\w+|rejet\w+|nie\w*|dement\w*|exclu\w*|manqu\w+|faute d(?:e\b|')|"
        r"absen\w+|dout\w+|improbable|peu|empech\w+|evit\w+|plutot que|au lieu|impossible|hors|"
        r"renonc\w+|ecart\w+|inconnu\w*|(?:au|du) passe|different\w*)\b"
    ),
    "es": re.compile(
        r"\b(?:sin|rechaz\w+|neg(?:o|aron|ar\w*|ab\w+|ad[oa]s?)|nieg\w+|descart\w+|falt\w+|fracas\w+|exclu\w+|dud\w+|"
        r"improbable|"
        r"impid\w+|imped\w+|frustr\w+|evit\w+|en vez|en lugar|imposible|carec\w+|poco|ausencia|"
        r"(?:al|del) pasado|diferente\w*|distint\w+|ausentes?)\b"
    ),
}  # what is taken for a denial only where the evidence denies in other words


def _denials(small: str, language: str) -> Iterator[Cue]:
    """Yield each denial once: "ne … pas" and "no … nunca" are one."""
    end, before = -ONE_DENIAL, ""
    for cue in _cues({"": _DENIALS[_known(language)]}, small):
        word = cue.span.of(small)
        pair = word in _SECOND or (word in _FIRST and before in _SECOND and before != "pas")
        alone = word in ("ne", "n'") and not (
            _DENIED.search(small, cue.span.end)
            or _DENIED.search(small, max(0, cue.span.start - ONE_DENIAL), cue.span.start)
        )
        if not alone and not (pair and cue.span.start - end < ONE_DENIAL):
            yield cue
        end, before = cue.span.end, word


def _compares(denial: Cue, hedges: tuple[Cue, ...]) -> bool:
    """Tell whether a denial only compares: "never heard anything as good" denies nothing."""
    return any(
        each.kind == "unequalled" and each.span.start <= denial.span.start < each.span.end
        for each in hedges
    )


_DENIED = re.compile(
    r"\b(?:pas|jamais|aucune?|rien|plus|guere|nullement|ni|nul(?:le)?|personne|point|non)\b"
)  # what "ne" denies with; alone, as in "mieux qu'ils ne le font", it denies nothing
ONE_DENIAL = 40  # characters within which "ne" and "pas" belong together
_FIRST = frozenset({"ne", "n'", "no"})
_SECOND = frozenset(
    {"pas", "jamais", "aucun", "aucune", "ni", "nor", "nunca", "nada", "nadie", "ningun", "ninguna"}
    | {"ninguno", "tampoco", "non"}
)


def _cues(patterns: Mapping[str, re.Pattern[str]], small: str) -> Iterator[Cue]:
    for kind, pattern in patterns.items():
        for match in pattern.finditer(small):
            yield Cue(Span(*match.span()), kind)


_HEDGES: Mapping[str, Mapping[str, re.Pattern[str]]] = {
    language: {kind: re.compile(rf"\b(?:{words})\b") for kind, words in kinds.items()}
    for language, kinds in {
        "en": {
            "possible": r"might|may|could|possibly|perhaps|maybe|potentially|possible|possibility",
            "expected": r"expect\w*|unlikely|likely|probabl[ey]|probability|should|would|"
            "due to (?=\\w+\b(?<!the))|"
            r"set to|anticipat\w+|forecasts?|projected|predict\w*|estimat\w+|supposed to|meant to|"
            r"slated|believed to|thought to",
            "intended": r"plan(?:s|ned|ning)?|hop(?:e|es|ed|ing)|wants?|wanted|wish(?:es|ed)?|"
            "aim(?:s|ed|ing)?|"
            r"intend(?:s|ed|ing)?|intention|seek(?:s|ing)?|sought|tr(?:y|ies|ied|ying)|propos\w+|"
            r"consider(?:s|ed|ing)?|looking (?:to|for|at)|would like|keen|eager|anxious|desires?|"
            r"goals?|purpose|objectives?|intent|trying|efforts? to|bids? to|attempt\w*|"
            r"ambition|aspir\w+|ask\w* for",
            "scheduled": r"(?:is|are|was|were) to (?=\w)(?!the\b)|scheduled",
            "duty": r"must|ought to|(?:need|has|have) to",
            "future": r"will|shall|going to|about to|upcoming|coming|approach\w*|draws near|next|"
            r"ahead|later",
            "past": r"(?:was|were|had been|(?:has|have|having) been)",
            "former": r"former(?:ly)?|ex-|used to|once (?:was|were|served|worked|held|led)|"
            r"previous(?:ly)?|then[ -](?=prime|president|minister)",
            "partly": r"partly|in part|largely|mostly|mainly|partial(?:ly)?",
            "reported": r"suggests?|hint(?:s|ed)|signs? that|appears? to|seems?|"
            r"reportedly|allegedly|apparently|alleged",
            "opinion": r"thinks?|thought|believ\w+|doubt\w*",
            "aim": r"points? of|ideas?|in order to|so as to|so that|designed|on the agenda",
            "unequalled": r"(?:never|nothing|nobody|no \w+)\b[^.;]{0,60}?\b(?:as|so) (?=\w)|"
            r"(?:never|nobody) (?:heard|seen|known|felt|met|read)\b[^.,;]{0,30}?"
            r"\b(?:worse|better|greater|more \w+)\b[^.,;]{0,30}?\bthan\b|"
            r"nowhere\b[^.;]{0,60}?\bmore",
            "superlative": r"most|worst|best|greatest|biggest|largest|highest",
        },
        "fr": {
            "possible": r"pourrai(?:t|ent)|peut-etre|peu(?:t|vent)|possible(?:ment)?|possibilite|"
            r"eventuel\w*|semble\w*|suggere\w*|laisse\w* penser",
            "expected": r"devrai(?:t|ent)|attend\w*|probable\w*|prev(?:u|ue|us|ues|oit|oient|"
            r"ision\w*)|"
            r"cense\w*|estim\w+|devait|serai(?:t|ent)|aurai(?:t|ent)|improbable",
            "intended": r"veu(?:t|lent)|vouloir|voulait|voulu|souhait\w*|volonte|espere\w*|"
            r"esperai\w*|vise\w*|"
            r"entend(?:ent)?|cherch\w+|tent\w+|propos\w+|compten?t?|projet\w*|envisag\w+|"
            r"objectif\w*|but|desir\w*|aspir\w+|essai\w+|demand\w+|reclam\w+",
            "future": r"\w{3,}(?:era|eront|ira|iront|dra|dront|ura|uront)|va|vont|prochain\w*|"
            r"a venir|approch\w+",
            "duty": r"doi(?:t|vent)|(?:faut|faudra)",
            "past": r"etai(?:t|ent)|fu(?:t|rent)|(?:a|ont|ayant|avait|avaient) ete|alors",
            "former": r"ancien\w*|ex-|precedent\w*|autrefois",
            "partly": r"en partie|partiellement|principalement|essentiellement",
            "reported": r"pretendument|semble-t-il|apparemment",
            "opinion": r"pens\w+|croi\w+|dout\w+",
            "aim": r"afin|en vue|pour que|idee",
            "unequalled": r"n(?:e |')[^.;]{0,40}?(?:jamais|rien)\b[^.;]{0,40}?\b(?:aussi|si) ",
            "superlative": r"l[ea]s? plus|l[ea]s? pires?",
        },
        "es": {
            "possible": r"podri\w+|pued[ae]n?|poder|quiza\w*|tal vez|posible\w*|posibilidad|acaso|"
            r"parece\w*|sugiere\w*",
            "expected": r"se espera|esper[ao]n?|esperaban?|deberi\w+|previst[oa]s?|preve\w*|"
            r"probable\w*|"
            r"estima\w*|se calcula|iban? a|debia\w*|seri\w+|habri\w+|improbable",
            "intended": r"quier\w+|querer|busc\w+|dese\w+|pretend\w+|intent\w+|propon\w+|propuso|"
            r"plane\w+|"
            r"aspir\w+|proposito|objet(?:iv)?o\w*|meta|procura\w*|pid\w+|trata\w* de (?=\w+[aei]r)",
            "future": r"va a|van a|proxim\w*|venider\w*|\w{3,}ra[n]?(?<!era)(?<!eran)",
            "duty": r"deben?|ha[ny]? (?:de|que)|tienen? que",
            "past": r"era[n]?|fue(?:ron)?|(?:ha|han|habia[n]?|habiendo) sido|entonces",
            "former": r"ex\w*presidente\w*|ex|ex-|antigu\w+|anterior\w*",
            "partly": r"en parte|parcialmente|principalmente",
            "reported": r"supuestamente|presuntamente|aparentemente",
            "opinion": r"cree\w*|opin\w+|piens\w+|dud\w+",
            "aim": r"fin de|para que|idea",
            "unequalled": r"(?:nunca|nada|jamas)\b[^.;]{0,40}?\btan ",
            "superlative": r"(?:el|la|lo|los|las) (?:mas|peor)",
        },
    }.items()
}  # fmt: skip
_CUE_WORDS = frozenset(
    {"might", "may", "could", "possibly", "perhaps", "maybe", "expected", "expects", "expect"}
    | {
        "will",
        "shall",
        "would",
        "should",
        "likely",
        "selon",
        "según",
        "according",
        "not",
        "never",
        "no",
        "cannot",
        "former",
    }
    | folded(
        "although though whereas whilst among amid alongside throughout following thus "
        "hence subsequently concerning notably lastly finally similarly tandis puisque quoique "
        "outre parmi mientras debido"
    )
    | {"neither", "none", "nobody", "nothing", "nowhere", "ambos", "ambas", "ello"}
    | {"nevertheless", "nonetheless", "however", "moreover", "meanwhile", "therefore", "likewise"}
    | {
        "despite",
        "malgré",
        "pese",
        "additionally",
        "furthermore",
        "overall",
        "specifically",
        "separately",
        "besides",
        "also",
    }
    | {"además", "también", "igualmente", "asimismo", "finalmente", "actuellement", "enfin"}
    | {"ensuite", "également", "notamment"}
    | {"toutefois", "cependant", "néanmoins", "ainsi", "malgré", "asimismo", "tampoco"}
)


def _hedges(text: str, small: str, language: str) -> Iterator[Cue]:
    for cue in _cues(_HEDGES[_known(language)], small):
        if cue.span.start and cue.span.of(text) in ("May", "Will", "Plan", "Plans", "Hope"):
            continue  # a month, a first name, the "Plan of Action"
        if not (language == "es" and cue.kind == "future" and _NO_FUTURE.search(cue.span.of(text))):
            yield cue


_NO_FUTURE = re.compile(r"ran?$")  # the accent makes the tense: "firmará", not "firmara"


_SAYING = {
    "en": r"sa(?:y|ys|id|ying)|sp(?:oke|eaks?) (?:of|about)|t(?:akes?|ook) the view|"
    r"(?:finds?|sees?|found) that|told|tells?|add(?:s|ed)|announc(?:es|ed)|argu(?:es|ed)|"
    r"warn(?:s|ed)|believ(?:es|ed?)|"
    r"thinks?|thought|noted|notes that|observ(?:es|ed)|remarked|repl(?:ies|ied)|answered|"
    r"answers that|"
    r"claimed|claims that|"
    r"insist(?:s|ed)|stated|states that|explain(?:s|ed)|mention(?:s|ed)|describ(?:es|ed?)|called|"
    r"calls|"
    r"accus(?:es|ed)|"
    r"point(?:s|ed) (?:out|to)|puts?|voic(?:es|ed)|express(?:es|ed)|reported|reports that|"
    r"declar(?:es|ed)|"
    r"confirm(?:s|ed)|estimates that|den(?:ies|ied)|suggest(?:s|ed)|maintain(?:s|ed)|"
    r"stressed|stresses that|"
    r"emphasi[sz](?:es|ed)|charged|blam(?:es|ed)|criti[cs]i[sz](?:es|ed)|complain(?:s|ed)|"
    r"admit(?:s|ted)|"
    r"acknowledg(?:es|ed)|recalled|calls|responded|cited|cites|hit back|objected|"
    r"reproach(?:es|ed)",
    "fr": r"dit|disent|disait|declaren?t?|declare|affirmen?t?|affirme|estiment?|estime|croit|pense|"
    r"ajoute|ajouter|annonce|explique|repond|repondent|repondu|souligne|assure|avertit|averti|note|"
    r"accuse|accusait|reproche|precise|rappelle|indiquen?t?|juge|observe|soutient|chiffre|evalue|"
    r"critique|evoque|demande|demandent|remarque",
    "es": r"dice\w?|dijo|dijeron|declar\w+|afirm\w+|cree\w*|opina\w*|piensa\w*|anadi\w+|agreg\w+|"
    r"anunci\w+|explic\w+|"
    r"respond\w+|subray\w+|asegur\w+|advirti\w+|senal\w+|acus\w+|reproch\w+|indic\w+|cifr\w+|"
    r"record\w+|critic\w+|"
    r"sostien\w+|consider\w+|apunt\w+|coment\w+",
}
_ACCORDING = {
    "en": r"according to|in the (?:view|opinion|judge?ment|reading|account|words|eyes) of|as per|"
    "in the estimation of|"
    r"(?P<own>in (?=[A-Z]))|for (?=[A-Z])",
    "fr": r"selon|d'apres|pour (?=[A-Z])|de l'avis d[eu]|aux yeux d[eu]|au dire d[eu]",
    "es": r"segun|a juicio de|en opinion de|para (?=[A-Z])|de acuerdo con|en palabras de",
}
_VIEWS = {
    "en": re.compile(
        r"^in\s+(?P<who>[^,.;]{2,50}?)'s?\s+(?:view|account|opinion|judge?ment|reading|words|"
        r"telling|eyes)\b",
        re.IGNORECASE,
    )
}
_SPEAKER_END = re.compile(r"[,.;:]|$")
_SPEAKING = {
    each: re.compile(
        rf"(?<![\w-])(?:(?:a|ont|avait|avaient|ha|han) )?(?:{words})(?![\w-])", re.IGNORECASE
    )
    for each, words in _SAYING.items()
}
_BY_ACCOUNT = {
    each: re.compile(rf"(?<!\w)(?:{words})\s*", re.IGNORECASE) for each, words in _ACCORDING.items()
}


def _speakers(text: str, flat: str, language: str, found: tuple[Figure, ...]) -> Iterator[Speaker]:
    """Yield whoever stands before or after a word of saying, or after "according to"."""
    known, dates = _known(language), {each.span for each in found}
    for match in _account_starts(flat, known):
        start = match.end()
        end = _SPEAKER_END.search(flat, start)
        stop = end.start() if end else len(flat)
        yield _speaker(text, flat, Span(start, stop), language, dates)
    if known in _VIEWS and (own := _VIEWS[known].search(flat)):
        yield _speaker(text, flat, Span(*own.span("who")), language, dates)
    for match in _SPEAKING[known].finditer(flat):
        if _UNSAID.search(flat[: match.start()]):
            if agent := _AGENT.match(flat, match.end()):
                yield _speaker(text, flat, Span(*agent.span(1)), language, dates)
            continue
        inverted = _INVERTED.match(flat, match.end()) or _UNNAMED.match(flat, match.end())
        comma = flat[: match.start()].rstrip().endswith((",", "”", '"'))
        if inverted and comma and not _NAMED_BEFORE.search(flat[: match.start()]):
            yield _speaker(text, flat, Span(*inverted.span(1)), language, dates)
        else:
            yield _speaker(text, flat, _before(flat, match.start()), language, dates)


_UNSAID = re.compile(  # before a word of saying: it is said of what stands there, not by it
    r"\b(?:(?:am|is|are|was|were|be|been|being|est|sont|etait|etaient|ete|etre|es|son|era|eran|fue|"
    r"fueron|ser|sido)\s(?:\w+\s){0,2}|se\s)$",
    re.IGNORECASE,
)
_AGENT = re.compile(r"[^,;:.]{0,60}?\b(?:by|par|por)\s+([^,;:.]+)")
_INVERTED = re.compile(
    r"\s+((?:(?!in|on|at|that|en|le|que|el|last|as|to|by)[a-z]+\s)?[A-Z][\w'-]*[^,.;:]{0,50})"
)  # "…, said Professor Ruiz"

_NAMED_BEFORE = re.compile(  # "Ana Ruiz, an expert, said Peru …"
    r"(?:^|[.;:]\s|,\s(?:and|but|while)\s)(?:[A-Z][\w'-]*\s){0,3}[A-Z][\w'-]*,\s"
    r"(?:an?|the|who|une?|la|le|qui|el|una?|quien)\s[^,.;:]+,\s$"
)
_UNNAMED = re.compile(  # "…, ont indiqué les hauts fonctionnaires"
    r"\s+((?:[a-z]+\s|l['’]){0,3}(?:officials?|experts?|government|fonctionnaires?|ministres?|"
    r"gouvernement|funcionari[oa]s?|expert[oa]s?|gobierno))(?=[,.;:]|$)"
)


def _account_starts(flat: str, language: str) -> Iterator[re.Match[str]]:
    pattern = _BY_ACCOUNT[language]
    for match in pattern.finditer(flat):
        words = match.group().strip().casefold()
        if words in ("in", "for", "pour", "para"):
            continue
        yield match


def _before(flat: str, end: int) -> Span:
    """Return what stands before a word of saying in its part of the sentence."""
    opening = _OPENING.match(flat.casefold())
    start = opening.end() if opening and opening.end() <= end else 0
    for match in re.finditer(
        r"[.;:]\s|,\s(?:and|but|while|et|mais|y|pero)\s|\s(?:but|while|that|mais|que|pero)\s",
        flat[:end],
    ):
        start = match.end()
    before = flat[start:end]
    cut = max(before.rfind(", ", 0, len(before.rstrip(" ,"))), 0)
    tail = before[cut:]
    if (
        cut and re.match(r", (?:a|an|the|who|which|une?|la|le|el|un)\b", tail)
    ) or before.rstrip().endswith(","):
        return Span(start, end)
    return Span(start + cut, end)


def _speaker(text: str, flat: str, span: Span, language: str, dates: set[Span]) -> Speaker:
    """Return who is named in a part of a sentence; a date is nobody."""
    words = (
        replace(each, span=Span(each.span.start + span.start, each.span.end + span.start))
        for each in _tokens(span.of(text), span.of(flat), (), language)
        if each.kind in ("name", "word")
    )
    return Speaker(
        span,
        tuple(w if _is_free(w.span, dates) else replace(w, kind="figure") for w in words),
    )
