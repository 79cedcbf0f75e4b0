"""What must be so for a written sentence to be shown as fact: each check names what is wrong."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import pairwise, takewhile

import numpy as np

from rag.claims import Claim, Cue, Speaker, Token, groups, is_role, read
from rag.denials import SCOPE, denials, denied
from rag.figures import Day, Figure, Quantity, Relative
from rag.language import fold, unaccented
from rag.persons import titles
from rag.proof import AKIN, COUNTED, QUOTATION_MARKS, Line, Proof, plain, same, told
from rag.roles import alike, aside, roles
from rag.standing import is_beside, replaced, roles_of, standing
from rag.types import Span

# Shares of what the best line has of the words around a fact, that another line must have:
SAME = 0.999  # to do as well
NEARLY = 0.95  # the same around a place
ELSEWHERE = 0.5  # not to tell of another matter
CONTEXT = 0.3  # to have a number of it, where the best line has nothing that contradicts
NAMED = 0.4  # to have a name of it in the same way
NEW = 0.35  # up to how far a word is had that is new
MOST_NEW = 0.5  # share of the words of a sentence that may be new
MOST_NEW_TRANSLATED = 0.65  # the same of one in another language than its evidence
TELLS = 0.5  # share of what the best line has of what is said, for another to tell who says it
ALL = 0.97  # share of a sentence in its evidence from which on nothing of it is missing there
MOST_KNOWN = 0.8  # share of a sentence in its evidence from which on its new words are other words
TRANSLATED_PART = 0.3  # the same of one in another language
PART = 0.5  # share of each part of a sentence that its evidence must have
ENOUGH_WORDS = 3  # of a part, for its evidence to have some of them
LEAST_HAD = 0.2  # share of them that it must have, names and figures aside

_ALIKE = str.maketrans({"–": "-", "—": "-", "‑": "-", "‐": "-", "−": "-", "…": "..."})
_ALL_MARKS = QUOTATION_MARKS + "’'`´"
_QUOTED = re.compile(
    r"“([^”]*)”|„([^“”]*)[“”]|«([^»]*)»|\"([^\"]*)\"|‹([^›]*)›|(?<!\w)‘((?:[^’]|’(?=\w))*)’(?!\w)|"
    r"(?<!\w)'((?:[^']|'(?=\w))+)'(?!\w)"
)
_OPENED = re.compile(r"[“„«»\"‹›]|(?<!\w)‘")


def normal(text: str) -> str:
    """Return a text as quotes are compared: no quotation marks, one dash, one space.

    >>> normal("“It’s  a start” – he said")
    'Its a start - he said'
    """
    bare = "".join(c for c in text.translate(_ALIKE) if c not in _ALL_MARKS)
    return " ".join(bare.split())


def quotes(text: str, proof: Proof) -> str:
    """Check that what stands between quotation marks is in the cited chunks, word for word."""
    chunks = {normal(line.source.chunk.text) for line in proof.lines}
    for match in _QUOTED.finditer(text):
        quote = normal(next(filter(None, match.groups()), "")).strip(" ,.;:!?")
        exact = re.compile(rf"(?<!\w){re.escape(quote)}(?!\w)")
        if quote and not any(exact.search(each) for each in chunks):
            return (
                f"The words “{quote}” are not in the evidence; quote exactly or write without "
                "quotation marks."
            )
    if _OPENED.search(_QUOTED.sub(" ", text)):
        return "A quotation mark is opened and not closed; close it or leave it out."
    return ""


def facts(_: str, proof: Proof) -> str:
    """Check that each number, date and name is in the evidence, and belongs to the same there."""
    for token in proof.tokens:
        if token.kind != "word" and (reason := _of_fact(proof, token)):
            return reason
        if token.opens and (reason := _of_opening(proof, token)):
            return reason
    named = _wholes(proof.claim)
    reasons = (_of_group(proof, each) or _of_article(proof, each) for each in named)
    return next(filter(None, reasons), "")


def _wholes(claim: Claim) -> list[list[Token]]:
    """Return the names of a sentence, alone and with that of a place that ends them: "Air Peru"."""
    found = list(groups(claim))
    return [
        *found,
        *([*one, *two] for one, two in pairwise(found) if _is_whole(claim, one, two)),
    ]


def _is_whole(claim: Claim, one: Sequence[Token], two: Sequence[Token]) -> bool:
    """Tell whether two names follow each other and the second one is of a place."""
    gap = claim.text[one[-1].span.end : two[0].span.start]
    return gap == " " and two[0].place and not one[0].place


def _of_group(proof: Proof, group: Sequence[Token]) -> str:
    """Return what is wrong with a name whose words are of several names of the evidence."""
    keys = {each.key for each in group}
    whole = any(
        keys <= {t.key for t in other} for line in proof.lines for other in _wholes(line.claim)
    )
    parts_known = all(any(line.has(each) for line in proof.lines) for each in group)
    if len(group) == 1 or whole or not parts_known or _is_titled(proof, group):
        return ""
    name = " ".join(each.text for each in group)
    return f"“{name}” is no name in the evidence; write each name as it is there."


def _of_article(proof: Proof, group: Sequence[Token]) -> str:
    """Return what is wrong with a name after an article that it never has in the evidence."""
    if group[0].place or not _has_article(proof.claim, group):
        return ""
    same = [
        (line.claim, other)
        for line in proof.lines
        for other in groups(line.claim)
        if other[-1].key == group[-1].key
    ]
    if not same or any(_has_article(*each) for each in same):
        return ""
    return f"The evidence never has “{group[0].text}” after an article; write it as there."


def _has_article(claim: Claim, group: Sequence[Token]) -> bool:
    return bool(_ARTICLE.search(claim.text[: group[0].span.start]))


_ARTICLE = re.compile(  # "the Trump era" is English alone
    r"\b(?:le|la|les|el|los|las)\s$", re.IGNORECASE
)


def _is_titled(proof: Proof, group: Sequence[Token]) -> bool:
    """Tell whether a name follows that of what its bearer heads: "the premier of Ontario Ruiz"."""
    before = proof.claim.text[: group[0].span.start]
    if not _OF.search(before):
        return False
    keys = [each.key for each in group]
    return any(
        {tuple(keys[:i]), tuple(keys[i:])}
        <= {tuple(t.key for t in name) for name in groups(line.claim)}
        for line in proof.lines
        for i in range(1, len(keys))
    )


_OF = re.compile(r"\b(?:of|de|du|del)\s(?:the\s|la\s|l['’])?$")


def _of_opening(proof: Proof, token: Token) -> str:
    """Return what is wrong with a first word that stands for whom the evidence begins with."""
    column = proof.tokens.index(token)
    if not proof.chosen or proof.covered[column] >= AKIN:
        return ""
    line = proof.chosen[0]
    first = next((each for each in line.claim.tokens if each.kind != "stop"), None)
    rival = _rival(proof, token, line)
    begins = bool(first and first.kind == "name" and first.text in rival)
    return _missing(token) if begins or _is_for_nobody(proof, line) else ""


def _is_for_nobody(proof: Proof, line: Line) -> bool:
    """Tell whether the sentence leaves out whom a line tells of first, apart from who says it."""
    own = {key for each in proof.claim.tokens for key in (each.key, plain(each))}
    places = {each.key for each in line.claim.names if each.place}
    first = next((each for each in roles_of(line.claim) if not each.says), None)
    return first is not None and not first.keys & (own | places)


def _of_fact(proof: Proof, token: Token) -> str:
    """Return what is wrong with a number, date or name of the sentence."""
    column = proof.tokens.index(token)
    having = proof.having[:, column] == 1
    if _is_listed(proof, token, column):
        return ""
    if not having.any():
        return "" if _is_known(proof, token) else _missing(token)
    if token.kind == "figure" and not _as_exact(proof, token):
        return f"“{token.text}” is said more or less exactly than in the evidence; say it as there."
    around = proof.around(token)
    best = int(around.argmax())
    line = proof.lines[best]
    everywhere = having[best] or having[proof.rows].all()
    if everywhere and not _is_said_twice(proof, token, line):
        return ""
    rival = _rival(proof, token, line)
    if not rival or f" {rival} " in f" {token.text} ":  # "Mexico" is none of "Mexico City"
        loose = token.kind == "figure" and all(map(_is_loose, proof.figures[token.span]))
        near = having[best] or token.place or loose or _is_headed(proof, token, line)
        least = NAMED if token.kind == "name" else CONTEXT
        well = near or float(around[having].max()) >= least * around[best]
        return "" if well else f"“{token.text}” is not said of this in the evidence."
    least = NEARLY if token.place else SAME
    tied = [i for i in having.nonzero()[0] if i != best and around[i] >= least * around[best]]
    if any(proof.lines[i].cosine > line.cosine for i in tied):
        return ""
    return f"The evidence has “{rival}” where you wrote “{token.text}”."


def _is_headed(proof: Proof, token: Token, line: Line) -> bool:
    """Tell whether what a line stands under has a figure or name of the sentence."""
    if token.kind == "name":
        return any(head.has(token) for head in proof.heads() if head.source is line.source)
    heading = read(line.source.chunk.heading, line.source.chunk.language).figures
    return all(any(same(own, each) for each in heading) for own in proof.figures[token.span])


def _is_listed(proof: Proof, token: Token, column: int) -> bool:
    """Tell whether a number is how many things the evidence lists, and it has no other one."""
    rows = proof.rows[:1]
    return (
        token.kind == "figure"
        and bool((proof.having[rows, column] == COUNTED).any())
        and not (proof.having[proof.rows, column] == 1).any()
        and not any(_rival(proof, token, line) for line in proof.chosen)
    )


def _is_said_twice(proof: Proof, token: Token, line: Line) -> bool:
    """Tell whether the sentence has two words for what the line has one for."""
    own = {each.text for each in proof.claim.names if each.key == token.key}
    return token.place and len(own) > sum(each.key == token.key for each in line.claim.names)


def _missing(token: Token) -> str:
    if token.kind == "figure":
        return f"“{token.text}” is not in the evidence; write numbers and dates as they are there."
    return f"“{token.text}” is not in the evidence; name only who and what it names."


def _is_known(proof: Proof, token: Token) -> bool:
    """Tell whether a fact that no cited sentence tells follows from what stands around them."""
    if not proof.lines:
        return False
    if token.kind == "figure":
        return all(_follows(proof, figure) for figure in proof.figures[token.span])
    best = proof.lines[int(proof.around(token).argmax())]
    known = _is_acronym(token, proof) or any(head.has(token) for head in proof.heads())
    return known and not _rival(proof, token, best)


def _is_acronym(token: Token, proof: Proof) -> bool:
    """Tell whether a name consists of the first letters of words that follow each other."""
    letters = plain(token)
    if not token.text.replace(".", "").isupper() or len(letters) < 2:
        return False
    return any(
        letters in "".join(fold(word)[:1] for word in re.findall(r"\b[A-ZÀ-Þ]\w+", line.claim.text))
        or letters in "".join(fold(word)[:1] for word in re.findall(r"\w+", line.claim.text))
        for line in proof.lines
    )


def _follows(proof: Proof, figure: object) -> bool:
    if isinstance(figure, Day):
        return any(_dates(line, figure) for line in proof.chosen)
    if isinstance(figure, Relative) and figure.unit == "day" and not figure.shift:
        return any(_NOW.search(unaccented(line.claim.text)) for line in proof.chosen)
    return isinstance(figure, Quantity) and not figure.unit and figure.loose


_NOW = re.compile(
    r"\b(?:now|nowadays|currently|at present|maintenant|actuellement|ahora|actualmente)\b"
)


def _dates(line: Line, figure: Day) -> bool:
    """Tell whether a date follows from a line with the date of its document and its heading."""
    published = line.source.published
    heading = read(line.source.chunk.heading, line.source.chunk.language).figures
    known = [each for each in (*line.claim.figures, *heading) if isinstance(each, Day)]
    for each in list(known):
        if published and each.year is None and each.month is not None:
            known.append(replace(each, year=published.year))
    if published:
        relative = [each for each in line.claim.figures if isinstance(each, Relative)]
        known += filter(None, (each.day_after(published) for each in relative))
    return any(told(figure, each) for each in known)


def _as_exact(proof: Proof, token: Token) -> bool:
    """Tell whether "nearly", "at least" and the like are as in the evidence."""
    own = [each for each in proof.figures[token.span] if isinstance(each, Quantity)]
    return all(
        any(
            isinstance(each, Quantity) and same(figure, each) and _bounds_agree(figure, each)
            for line in proof.lines
            for each in line.claim.figures
        )
        for figure in own
    )


def _bounds_agree(figure: Quantity, other: Quantity) -> bool:
    return figure.bound == other.bound or {figure.bound, other.bound} == {"nearly", "about"}


def _counts_countries(proof: Proof, token: Token, line: Line) -> bool:
    """Tell whether a line says "the two countries" of those that its chunk names."""
    told = _COUNTRIES.search(unaccented(line.claim.text))
    chunk = [each.claim for each in proof.lines if each.source is line.source]
    named = {each.key for claim in chunk for each in claim.names if each.place}
    many = _MANY.get(told.group(1).casefold(), 2) if told else 0
    return len(named) == many and token.key in named


_MANY = {"three": 3, "trois": 3, "tres": 3}
_COUNTRIES = re.compile(
    r"\b(both|two|three|deux|trois|dos|tres|ambos) (?:countries|pays|paises)\b", re.IGNORECASE
)


def _rival(proof: Proof, token: Token, line: Line) -> str:
    """Return what a line has where a fact of the sentence should stand, and the sentence lacks."""
    if token.kind == "figure":
        kinds = {each.kind for each in proof.figures[token.span]}
        told = [each for each in line.claim.figures if each.kind in kinds]
        rivals = [each for each in told if not _is_loose(each) and _is_lost(each, proof, told)]
        return rivals[0].span.of(line.claim.text) if rivals else ""
    here = [each for each in proof.tokens if _is_said_of(proof, each, line)]
    keys = {each.key for each in here} | {plain(each) for each in here}
    if token.place and (_counts_things(proof, line) or _counts_countries(proof, token, line)):
        return ""
    for group in groups(line.claim):
        if (
            _may_be_left_out(group, line, token, proof)
            or _is_elsewhere(group, line, token, proof)
            or (_is_in_untold_aside(group, line, proof) and _is_told_elsewhere(proof, token))
            or _bears(group, token, proof)
        ):
            continue
        if not any(each.key in keys or plain(each) in keys for each in group):
            return " ".join(each.text for each in group)
    return ""


def _is_said_of(proof: Proof, token: Token, line: Line) -> bool:
    """Tell whether no other line that has a name has far more of the words around it."""
    if token.kind != "name" or any(token.span == each.span for each in _speaking(proof)):
        return True
    around, having = proof.around(token), proof.having[:, proof.tokens.index(token)] == 1
    others = [i for i in proof.rows if having[i] and proof.lines[i] is not line]
    here = float(around[proof.lines.index(line)])
    return all(ELSEWHERE * float(around[i]) <= here for i in others)


def _speaking(proof: Proof) -> Iterator[Token]:
    return (word for speaker in proof.claim.speakers for word in speaker.words)


def _is_loose(figure: Figure) -> bool:
    return isinstance(figure, Quantity) and figure.loose


def _is_lost(figure: Figure, proof: Proof, told: Sequence[Figure]) -> bool:
    """Tell whether the sentence has a figure less often than its evidence."""
    own = sum(same(each, figure) or same(figure, each) for each in proof.claim.figures)
    return own < sum(same(each, figure) and same(figure, each) for each in told)


def _may_be_left_out(group: Sequence[Token], line: Line, token: Token, proof: Proof) -> bool:
    """Tell whether a sentence that begins with something else may leave out who does it."""
    first = next((each for each in line.claim.tokens if each.kind != "stop"), None)
    other = group[0].place != token.place
    speaking = {each.span for each in _speaking(proof)}
    acting = [each for each in proof.claim.names if each.span not in speaking]
    begins = token.opens or token in acting[:1]
    return other and group[0] is first and not begins


def _bears(group: Sequence[Token], token: Token, proof: Proof) -> bool:
    """Tell whether a country only says whose minister or the like it is that the line names."""
    after = [t for t in proof.claim.tokens if t.span.start > token.span.start]
    office = [token, *takewhile(is_role, after)]
    keys = {plain(each) for each in office[1:]}
    return (
        token.place
        and bool(keys)
        and any(
            _is_one_name(whose.of(line.claim.text).split(), [each.text for each in group])
            for line in proof.lines
            for whose in [_bearer(line.claim, token.key, keys)]
            if whose
        )
    )


def _is_one_name(one: list[str], two: list[str]) -> bool:
    """Tell whether two names are the same, or one is the last name of the other."""
    return one == two or (one[-1:] == two[-1:] and 1 in (len(one), len(two)))


def _bearer(claim: Claim, place: str, office: Set[str]) -> Span | None:
    """Return the name before which a line has an office of a country."""
    borne: dict[Span, set[str]] = {}
    for span, whose in titles(claim).items():
        word = next(each for each in claim.tokens if each.span == span)
        borne.setdefault(whose, set()).update((word.key, plain(word)))
    return next((whose for whose, words in borne.items() if words >= office | {place}), None)


def _is_told_elsewhere(proof: Proof, token: Token) -> bool:
    """Tell whether some line with a fact has much of what stands around it."""
    having, around = proof.having[:, proof.tokens.index(token)] == 1, proof.around(token)
    return bool(having.any()) and float(around[having].max()) >= NAMED * float(around.max())


def _is_in_untold_aside(group: Sequence[Token], line: Line, proof: Proof) -> bool:
    """Tell whether a line says in passing who somebody is, and the sentence has no word of it."""
    within = aside(line.claim, group[0])
    words = [t for t in line.claim.words if within and within.start <= t.span.start < within.end]
    return bool(words) and not any(alike(one, two) for one in words for two in proof.tokens)


def _is_elsewhere(group: Sequence[Token], line: Line, token: Token, proof: Proof) -> bool:
    """Tell whether a line has "of" or "with" a name what the sentence has "in" it."""
    name = next((each for each in groups(proof.claim) if token in each), [token])
    (own,) = roles(proof.claim, [name])
    (other,) = roles(line.claim, [group])
    return is_beside(own, other)


def _counts_things(proof: Proof, line: Line) -> bool:
    """Tell whether the sentence gives the number of what the line names, and it does not."""
    row = proof.lines.index(line)
    unnamed = {each.key for each in line.claim.names if each.place} - {t.key for t in proof.tokens}
    return bool((proof.having[row] == COUNTED).any()) and len(unnamed) > 1


def _word(cue: Cue, claim: Claim) -> str:
    return cue.span.of(claim.text)


def _is_of(
    cue: Cue,
    claim: Claim,
    proof: Proof,
    *,
    after: int,
    before: int,
    least: int = 1,
) -> bool:
    """Tell whether the sentence has words beside a cue of its evidence."""
    start = max((each for each in claim.breaks if each <= cue.span.start), default=0)
    end = min((each for each in claim.breaks if each >= cue.span.end), default=len(claim.text))
    words = [each for each in claim.words if start <= each.span.start < end]
    later = [each for each in words if each.span.start >= cue.span.end]
    earlier = [each for each in words if each.span.end <= cue.span.start]
    about = [*later[:after], *earlier[len(earlier) - before :]]
    return sum(any(alike(each, one) for one in proof.tokens) for each in about) >= least


def _is_told_otherwise(cue: Cue, line: Line, own: Set[str], proof: Proof) -> bool:
    """Tell whether "was" stands for "used to be", or somebody's "must" for what he wants."""
    if cue.kind != "former":
        return cue.kind == "intended" and "duty" in own and bool(proof.claim.speakers)
    most = 1 if _FORMER.match(_word(cue, line.claim)) else 2
    after = [each for each in line.claim.words if each.span.start >= cue.span.end][:most]
    return any(
        alike(one, two)
        for past in proof.claim.hedges
        if past.kind == "past"
        for one in [t for t in proof.claim.words if t.span.start >= past.span.end][:SCOPE]
        for two in after
    )


_FORMER = re.compile(r"former|ex|ancien|antigu", re.IGNORECASE)  # of the next word alone


def _is_led_by(cue: Cue, claim: Claim, proof: Proof) -> bool:
    """Tell whether the sentence has the word that a hedge of its evidence is said of, if any."""
    head = next((each for each in claim.words if each.span.start >= cue.span.end), None)
    return head is None or any(alike(head, each) for each in proof.tokens)


def _is_open(cue: Cue, claim: Claim) -> bool:
    """Tell whether what is hedged is denied, or asked: "does not aim to", "asked if she would"."""
    before = claim.text[: cue.span.start].rstrip()
    denied = any(before.endswith(_word(each, claim)) for each in claim.denials)
    return denied or bool(_ASKED.search(before))


_ASKED = re.compile(r"\b(?:if|whether|si)\b[^,;:.]{0,30}$")


_KEPT = {
    "possible": {"possible"},
    "expected": {"possible", "expected", "intended", "scheduled", "opinion"},
    "intended": {"possible", "expected", "intended", "aim"},
    "former": {"former"},
    "partly": {"partly"},
    "reported": {"reported", "possible", "expected"},
    "unequalled": {"unequalled", "superlative"},
}


def hedges(_: str, proof: Proof) -> str:
    """Check that what may, should or is meant to be is not said to be."""
    if not proof.chosen:
        return ""
    claim = proof.claim
    own = {each.kind for each in claim.hedges}
    if not claim.breaks and any(each.is_sure for each in denied(claim, proof)):
        own.add("expected")  # what was kept from happening is not said to be
    for line in proof.chosen:
        for cue in line.claim.hedges:
            if _is_dropped(cue, line, own, proof):
                return f"The evidence says “{_word(cue, line.claim)}”; do not say it more surely."
    for cue in claim.hedges:
        if cue.kind == "future" and (sure := _promised(cue, proof)):
            return f"The evidence says “{sure}” where you wrote “{_word(cue, claim)}”."
    return ""


def _is_dropped(cue: Cue, line: Line, own: Set[str], proof: Proof) -> bool:
    """Tell whether the sentence has what a line hedges, and no hedge of such a kind."""
    if cue.kind not in _KEPT or own & _KEPT[cue.kind] or _is_open(cue, line.claim):
        return False
    if _is_told_otherwise(cue, line, own, proof):
        return False
    first = line is proof.chosen[0]
    if not first and not _is_led_by(cue, line.claim, proof):
        return False
    least = 1 if first and cue.kind != "unequalled" else 2
    after, before = (2, 0) if cue.kind == "former" else (3, 1)
    if proof.coverage() >= ALL:
        before = 0  # where all of the sentence is told, the hedge is of something more
    return _is_of(cue, line.claim, proof, after=after, before=before, least=least)


def certainty(_: str, proof: Proof) -> str:
    """Check that nothing is said to be proved or certain that the evidence does not call so."""
    told = fold(" ".join(line.claim.text for line in proof.chosen))
    surely = _CERTAIN.search(fold(proof.claim.text))
    if surely is None or surely.group() in told:
        return ""
    return f"The evidence does not say “{surely.group()}”; do not say it more surely."


_CERTAIN = re.compile(
    r"\b(?:prov(?:es|ed)|demonstrat(?:es|ed)|guarantee[sd]?|certainly|definitely|undoubtedly|"
    r"prouv(?:e|ent|era)|demontre(?:nt)?|garanti(?:t|ra)?|certainement|assurement|"
    r"demuestran?|garantizan?|ciertamente|indudablemente|seguramente)\b"
)


def asking(_: str, proof: Proof) -> str:
    """Check that nobody is said to have been asked of whom the evidence does not say so."""
    asked = _ASKS.search(fold(proof.claim.text))
    if asked is None or any(_QUESTION.search(fold(line.claim.text)) for line in proof.lines):
        return ""
    return f"The evidence does not say “{asked.group()}”; write only what it says."


_ASKS = re.compile(
    r"\b(?:when asked|asked (?:if|whether|about)|interrogee?s?|demande a [^,;.]{1,40} si|"
    r"preguntad[oa]s?|pregunt(?:o|aron) a)\b"
)
_QUESTION = re.compile(r"\b(?:ask|question|wonder|wanted to know|interrog|demande|pregunt)")


def _promised(cue: Cue, proof: Proof) -> str:
    """Return the hedge that the evidence has before each word for what "will" be, if it has."""
    claim = proof.claim
    if not _WILL.fullmatch(_word(cue, claim)):
        return ""
    hedged = _IS_HEDGED.search(fold(claim.text[: cue.span.start]))
    if hedged and any(hedged[1] in fold(line.claim.text) for line in proof.chosen):
        return ""
    head = next(
        (each for each in proof.tokens if each.kind == "word" and each.span.end > cue.span.start),
        None,
    )
    found = [
        _hedge_of(token, line.claim)
        for line in proof.lines
        for token in line.claim.words
        if head and alike(token, head)
    ]
    if found:
        return found[0] if all(found) else ""
    return _only_hedge(cue, proof)


_IS_HEDGED = re.compile(  # "it is expected that they will", where it is so in the evidence
    r"\b(expected|planned|hoped|prevu|attendu|previsto|se espera) (?:that|que|qu['’])"
    r"(?:(?!\b(?:and|et|y)\b)[^,;])*$"
)


def _only_hedge(cue: Cue, proof: Proof) -> str:
    """Return the hedge of the line that tells of a part, where nothing "will" be for sure there."""
    claim = proof.claim
    start = max((each for each in claim.breaks if each <= cue.span.start), default=0)
    end = min((each for each in claim.breaks if each > cue.span.start), default=len(claim.text))
    line = proof.best(Span(start, end))
    own = {each.kind for each in claim.hedges if start <= each.span.start < end}
    told = line.claim.hedges if line else ()
    unsure = [each for each in told if each.kind in _UNSURE]
    sure = own & _UNSURE or any(each.kind in ("future", "scheduled") for each in told)
    return _word(unsure[0], line.claim) if line and unsure and not sure else ""


_UNSURE = {"possible", "expected", "intended"}


_WILL = re.compile(
    r"will|shall|vas?|vont|va a|van a|\w+(?:ra|ront|rá|rán)", re.IGNORECASE
)  # not "is to", which is said of plans, too
_CLOSE = 2  # words between a hedge and what it is said of


def _hedge_of(token: Token, claim: Claim) -> str:
    """Return the hedge that stands closely before a word in its part of a sentence."""
    start = max((each for each in claim.breaks if each <= token.span.start), default=0)
    for cue in claim.hedges:
        between = [
            each for each in claim.words if cue.span.end <= each.span.start < token.span.start
        ]
        if (
            cue.kind in _UNSURE
            and start <= cue.span.start < token.span.start
            and len(between) < _CLOSE
        ):
            return _word(cue, claim)
    return ""


def speakers(_: str, proof: Proof) -> str:
    """Check that whoever says it in the sentence says it in the evidence."""
    for speaker in proof.claim.speakers:
        telling = _telling(proof, speaker)
        spoken = (_spoken(telling) | _meant(proof)) or _spoken(proof.lines)
        named = [each for each in _naming(speaker) if each.kind == "name" or each.opens]
        known = any(each.key in spoken or plain(each) in spoken for each in named)
        if spoken and named and not known and not _is_office(speaker, spoken, proof):
            name = " ".join(each.text for each in named)
            return f"The evidence does not say that {name} said this."
    return ""


def _spoken(lines: Iterable[Line]) -> frozenset[str]:
    """Return who says anything in some lines."""
    return frozenset(
        key
        for line in lines
        for speaker in line.claim.speakers
        for word in (*_naming(speaker), *_within(speaker.span, line.claim.names))
        for key in (word.key, plain(word))
    )


def _telling(proof: Proof, speaker: Speaker) -> Sequence[Line]:
    """Return the chosen lines that have what somebody says, apart from who says it."""
    speaking = {each.span for each in _speaking(proof)}
    bounds = [0, *proof.claim.breaks, len(proof.claim.text)]
    start, end = next(
        (each for each in pairwise(bounds) if speaker.span.start < each[1]), (0, bounds[-1])
    )
    said = np.array([each.span not in speaking for each in proof.tokens], bool)
    part = np.array([start <= each.span.start < end for each in proof.tokens], bool)
    weights = proof.weights * (said & part if (said & part).any() else said)
    shares = proof.having[proof.rows] @ weights
    most = float(shares.max(initial=0))
    return [line for line, share in zip(proof.chosen, shares, strict=True) if share >= TELLS * most]


def _meant(proof: Proof) -> frozenset[str]:
    """Return who may have said what "they" or "the President" says."""
    return frozenset(
        name
        for line in proof.chosen
        if any(all(w.kind != "name" for w in each.words) for each in line.claim.speakers)
        for name in line.claim.meant
    )


def _within(span: Span, tokens: Iterable[Token]) -> Iterator[Token]:
    return (t for t in tokens if span.start <= t.span.start < span.end and not t.place)


def _is_office(speaker: Speaker, spoken: frozenset[str], proof: Proof) -> bool:
    """Tell whether "the Mexican president" is who speaks, as a line with both tells."""
    office = [each for each in speaker.words if each.place or is_role(each)]
    people = [each for each in speaker.words if each.kind == "name" and not each.place]
    return (
        any(map(is_role, office))
        and not people
        and any(
            any(each.key in spoken for each in line.claim.names) and all(map(line.has, office))
            for line in proof.lines
        )
    )


def _naming(speaker: Speaker) -> Sequence[Token]:
    """Return the words that name a speaker: for "Ana Ruiz of Canada" not the country."""
    people = [each for each in speaker.words if each.kind == "name" and not each.place]
    if any(each.text.islower() and each.place for each in speaker.words) and not people:
        return ()  # "la présidente mexicaine": who that is, the evidence may not say
    return [each for each in speaker.words if not each.place] if people else speaker.words


def offices(_: str, proof: Proof) -> str:
    """Check that the evidence has of what somebody is the minister, in the sentence's language."""
    had = proof.having.max(axis=0, initial=0)
    for match in _OFFICE.finditer(fold(proof.claim.text)):
        for token, share in zip(proof.tokens, had, strict=True):
            known = share >= NEW or proof.is_translation
            if (
                fold(token.text) == match[match.lastindex or 0]
                and token.kind == "word"
                and not known
            ):
                return f"The evidence does not say “{token.text}”; name each office as it does."
    return ""


_OFFICE = re.compile(
    r"\b(finance|affairs|trade|commerce|health|defen[cs]e|justice|energy|environment|transport|"
    r"labou?r|education|agriculture|immigration|interior|housing|tourism|culture|fisheries|"
    r"fishing|industry|economy|mining|security|science) ministers?\b|"
    r"\bministres? (?:de la |de l['’]|des |du |de )(finances|commerce|sante|defense|justice|"
    r"energie|environnement|transports|travail|education|agriculture|immigration|interieur|tourisme|"
    r"culture|industrie|economie|securite)\b|"
    r"\bministr[oa]s? (?:de la |de los |de las |del |de )(finanzas|hacienda|comercio|salud|defensa|"
    r"justicia|energia|ambiente|transporte|trabajo|educacion|agricultura|interior|turismo|cultura|"
    r"industria|economia|seguridad)\b"
)


def words(_: str, proof: Proof) -> str:
    """Check that hardly a word says what no word of the evidence says."""
    if proof.coverage() >= MOST_KNOWN:
        return ""
    telling = [i for i, each in enumerate(proof.tokens) if each.kind == "word" and not each.light]
    cues = (*proof.claim.doubts, *proof.claim.hedges)  # may stand for "not" and "may"
    doubts = {each.span.start for each in cues}
    new = [
        proof.tokens[i].text
        for i in telling
        if proof.covered[i] < NEW and proof.tokens[i].span.start not in doubts
    ]
    most = MOST_NEW_TRANSLATED if proof.is_translation else MOST_NEW
    if len(new) > max(1, most * len(telling)):
        return f"The evidence does not say “{'”, “'.join(new)}”."
    return ""


def parts(_: str, proof: Proof) -> str:
    """Check that each part of the sentence is in the evidence."""
    bounds = [0, *proof.claim.breaks, len(proof.claim.text)]
    for start, end in pairwise(bounds):
        least = TRANSLATED_PART if proof.is_translation else PART
        if proof.coverage(start, end) < least or _is_new(proof, start, end):
            part = proof.claim.text[start:end].strip(" ,;:")
            return f"The evidence does not say “{part}”."
    return ""


def _is_new(proof: Proof, start: int, end: int) -> bool:
    """Tell whether a part of a sentence has the evidence's names, but hardly a word of it."""
    had = [
        share
        for each, share in zip(proof.tokens, proof.covered, strict=True)
        if start <= each.span.start < end and each.kind == "word"
    ]
    few = sum(had) < LEAST_HAD * len(had)
    return few and len(had) >= ENOUGH_WORDS and not proof.is_translation


Check = Callable[[str, Proof], str]

CHECKS: tuple[Check, ...] = (
    quotes,
    facts,
    replaced,
    standing,
    speakers,
    denials,
    hedges,
    certainty,
    asking,
    offices,
    words,
    parts,
)
