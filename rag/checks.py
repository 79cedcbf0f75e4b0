"""What must be so for a written sentence to be shown as fact: each check names what is wrong."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations, pairwise

from rag.claims import Claim, Cue, Speaker, Token, is_role, read
from rag.figures import Day, Figure, Quantity, Relative
from rag.language import akin, fold, glossary
from rag.proof import AKIN, COUNTED, QUOTATION_MARKS, Line, Proof, plain, same, told
from rag.roles import Role, roles

SAME = (
    0.999  # share of what the best line has of the words around a fact, for another to do as well
)
CONTEXT = 0.3  # the same where the best line has nothing that contradicts
COPY = 0.6  # share of a sentence's tokens that stand in the order of its evidence's: nearly a copy
NAMED = 0.75  # what a name counts beside a word when two sentences are aligned
WHOLE_COPY = 0.8  # the same of both sentences: but for a word or two a copy
AROUND = 5  # names and words beside a word, among which a name stands beside it, too
NEAR = 3  # the same of one in whose place another stands
TWO = 2  # steps from one neighbour of an item to the other
NEW = 0.35  # up to how far a word is had that is new
MOST_NEW = 0.5  # share of the words of a sentence that may be new
TRANSLATED_PART = 0.3  # the same of one in another language
PART = 0.5  # share of each part of a sentence that its evidence must have

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
    return next(filter(None, (_of_group(proof, each) for each in named)), "")


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
    if len(group) == 1 or whole or not parts_known:
        return ""
    name = " ".join(each.text for each in group)
    return f"“{name}” is no name in the evidence; write each name as it is there."


def _of_opening(proof: Proof, token: Token) -> str:
    """Return what is wrong with a first word that stands for whom the evidence begins with."""
    column = proof.tokens.index(token)
    if not proof.chosen or proof.having[:, column].max(initial=0) >= AKIN:
        return ""
    line = proof.chosen[0]
    first = next((each for each in line.claim.tokens if each.kind != "stop"), None)
    rival = _rival(proof, token, line)
    return _missing(token) if first and first.kind == "name" and first.text in rival else ""


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
    if having[best] and not _is_said_twice(proof, token, line):
        return ""
    rival = _rival(proof, token, line)
    if not rival:
        near = having[best] or token.kind == "name"
        well = near or float(around[having].max()) >= CONTEXT * around[best]
        return "" if well else f"“{token.text}” is not said of this in the evidence."
    tied = [i for i in having.nonzero()[0] if i != best and around[i] >= SAME * around[best]]
    if any(proof.lines[i].cosine > line.cosine for i in tied):
        return ""
    return f"The evidence has “{rival}” where you wrote “{token.text}”."


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
    known = _is_acronym(token, proof) or any(head.has(token) for head in _heads(proof))
    return known and not _rival(proof, token, best)


def _heads(proof: Proof) -> Iterator[Line]:
    for source in {line.source.chunk.id: line.source for line in proof.lines}.values():
        chunk = source.chunk
        line = next(line for line in proof.lines if line.source is source)
        yield replace(line, claim=read(f"{chunk.title}. {chunk.heading}", chunk.language))


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
    if isinstance(figure, Quantity) and not figure.unit:
        return figure.loose
    return False


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


def _rival(proof: Proof, token: Token, line: Line) -> str:
    """Return what a line has where a fact of the sentence should stand, and the sentence lacks."""
    if token.kind == "figure":
        kinds = {each.kind for each in proof.figures[token.span]}
        told = [each for each in line.claim.figures if each.kind in kinds]
        rivals = [each for each in told if not _is_loose(each) and _is_lost(each, proof, told)]
        return rivals[0].span.of(line.claim.text) if rivals else ""
    keys = {each.key for each in proof.tokens} | {plain(each) for each in proof.tokens}
    if token.place and _counts_things(proof, line):
        return ""
    for group in groups(line.claim):
        if _may_be_left_out(group, line, token, proof):
            continue
        if not any(each.key in keys or plain(each) in keys for each in group):
            return " ".join(each.text for each in group)
    return ""


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
    speaking = {each.span for speaker in proof.claim.speakers for each in speaker.words}
    acting = [each for each in proof.claim.names if each.span not in speaking]
    begins = token.opens or token in acting[:1]
    return other and group[0] is first and not begins


def _counts_things(proof: Proof, line: Line) -> bool:
    """Tell whether the sentence gives the number of what the line lists."""
    row = proof.lines.index(line)
    return bool((proof.having[row] == COUNTED).any())


def groups(claim: Claim) -> Iterator[list[Token]]:
    """Yield the names of a sentence, each with all of its words, such as first and last name."""
    group: list[Token] = []
    for token in claim.tokens:
        if token.kind != "name":
            if group:
                yield group
            group = []
            continue
        gap = claim.text[group[-1].span.end : token.span.start] if group else ""
        if group and (gap not in (" ", "-", ". ") or token.place or group[-1].place):
            yield group
            group = []
        group.append(token)
    if group:
        yield group


def places(_: str, proof: Proof) -> str:
    """Check that each name and figure stands where it does in the evidence, if the words do."""
    own = _items(proof.claim)
    for number, line in enumerate(proof.chosen):
        other = _items(line.claim)
        slots = list(_beside(own, other))
        pairs = _aligned(own, other)
        if not number and len(pairs) >= COPY * len(own):
            slots += [(own[i], other[j]) for i, j in pairs if own[i].lacks(other[j])]
            slots += _in_place_of(own, other, pairs)
        for one, two in slots:
            if not _is_agent(two, proof.claim):
                return f"The evidence has “{two.text}” where you wrote “{one.text}”."
    return ""


def standing(_: str, proof: Proof) -> str:
    """Check that each name stands where the evidence has it, and not where it has another one."""
    own = roles(proof.claim, _named(proof))
    theirs = [roles(line.claim, list(groups(line.claim))) for line in proof.chosen]
    for one, two in combinations(own, 2):
        if _have_changed(one, two, theirs):
            return f"The evidence has “{two.text}” where you wrote “{one.text}”."
    for line in theirs:
        lost = [each for each in line if _named_less(each, own, line)]
        for one in own:
            new = _named_less(one, line, own)
            for two in lost:
                if _is_instead(one, two, theirs, new=new):
                    return f"The evidence has “{two.text}” where you wrote “{one.text}”."
    return ""


def _named(proof: Proof) -> list[Sequence[Token]]:
    """Return the names of the sentence; a first word is one if no line has it as a word."""
    known = {plain(each) for line in proof.chosen for each in line.claim.words}
    found: list[Sequence[Token]] = [
        each for each in groups(proof.claim) if not each[0].opens or plain(each[0]) not in known
    ]
    first = proof.tokens[0] if proof.tokens else None
    new = first and first.kind == "word" and proof.having[:, 0].max(initial=0) < AKIN
    if first and first.opens and new:
        found.insert(0, [first])
    return found


def _have_changed(one: Role, two: Role, theirs: Sequence[Sequence[Role]]) -> bool:
    """Tell whether two names stand rather each in the other's place."""
    both = any(
        any(each.keys & one.keys for each in line) and any(each.keys & two.keys for each in line)
        for line in theirs
    )
    if one.keys & two.keys or not both:
        return False
    swapped = _fit(one, two, theirs) + _fit(two, one, theirs)
    return swapped > _fit(one, one, theirs) + _fit(two, two, theirs)


def _is_instead(one: Role, two: Role, theirs: Sequence[Sequence[Role]], *, new: bool) -> bool:
    """Tell whether a name stands where the evidence has one that is lost."""
    if one.keys & two.keys:
        return False
    if one.company & two.company and (new or not one.keys & two.company):
        return True
    return new and one.fit(two) > _fit(one, one, theirs)


def _fit(place: Role, name: Role, theirs: Sequence[Sequence[Role]]) -> float:
    """Return how far a name of the evidence, where it fits best, stands as one of the sentence."""
    return max(
        (place.fit(each) for line in theirs for each in line if each.keys & name.keys), default=0.0
    )


def _named_less(name: Role, one: Sequence[Role], two: Sequence[Role]) -> bool:
    """Tell whether a name stands less often in one than in two."""
    return sum(bool(each.keys & name.keys) for each in one) < sum(
        bool(each.keys & name.keys) for each in two
    )


def _in_place_of(
    own: "Sequence[_Item]", other: "Sequence[_Item]", pairs: Sequence[tuple[int, int]]
) -> "Iterator[tuple[_Item, _Item]]":
    """Yield what stands alone where something else does in the evidence."""
    copied = len(pairs) >= WHOLE_COPY * max(len(own), len(other))
    for one, two in _gaps(own, other, pairs):
        naming = two.kind != "word" and (one.kind == two.kind or one.text[:1].isupper())
        replaced = copied and naming and not one.like(two)
        if replaced or _are_rivals(one, two, own, other):
            yield one, two


def _is_agent(item: "_Item", claim: Claim) -> bool:
    """Tell whether a name stands in the sentence as who does what is done, after "by"."""
    return bool(re.search(rf"\b(?:by|par|por) (?:\w+ )?{re.escape(item.text)}\b", claim.text))


def _gaps(
    own: "Sequence[_Item]", other: "Sequence[_Item]", pairs: Sequence[tuple[int, int]]
) -> "Iterator[tuple[_Item, _Item]]":
    """Yield what stands alone between the same neighbours in both."""
    ends = [(-1, -1), *pairs, (len(own), len(other))]
    for (i, j), (k, m) in pairwise(ends):
        if k - i == m - j == TWO:
            yield own[i + 1], other[j + 1]


def _apart(one: "_Item", two: "_Item") -> bool:
    """Tell whether a comma or the like stands between two items."""
    first, last = sorted((one, two), key=lambda each: each.start)
    return bool(re.search(r"[,;:.()]", one.whole[first.end : last.start]))


def _beside(own: "Sequence[_Item]", other: "Sequence[_Item]") -> "Iterator[tuple[_Item, _Item]]":
    """Yield a name beside a word for which the evidence has one that the sentence lacks."""
    for i, item in enumerate(own):
        found = [j for j, each in enumerate(other) if item.telling and item.like(each)]
        if len(found) != 1 or other[found[0]].kind != "word":
            continue
        for step in (-1, 1):
            one, two = _next(own, i, step), _next(other, found[0], step)
            if one is None or two is None or one.kind != "name" or two.kind != "name":
                continue
            side = other[: found[0]][-AROUND:] if step < 0 else other[found[0] + 1 :][:AROUND]
            fewer = _count(two, own) < _count(two, other)
            lost = fewer and not (_count(two, own) and _count(one, other))
            if lost and not any(one.like(each) for each in side) and not one.shares(two):
                yield one, two


def _next(items: "Sequence[_Item]", at: int, step: int) -> "_Item | None":
    """Return what stands beside an item, with no comma or the like between them."""
    if not 0 <= at + step < len(items):
        return None
    return None if _apart(items[at], items[at + step]) else items[at + step]


_AND = re.compile(r",|&|\b(?:and|et|y|e)\b")


class _Item:
    """A word, or names that stand together, or a figure, as they are aligned."""

    def __init__(self, tokens: Sequence[Token], claim: Claim) -> None:
        self.keys = {each.key for each in tokens} | {plain(each) for each in tokens}
        self.names = {each.key for each in tokens}
        self.size = len(tokens)
        self.place = tokens[0].place
        self.whole = claim.text
        self.start, self.end = tokens[0].span.start, tokens[-1].span.end
        self.kind: str = tokens[0].kind
        self.telling = self.kind == "word" and not is_role(tokens[0])
        self.text = claim.text[self.start : self.end]
        self.joined = self.kind == "name" and bool(_AND.search(self.text))
        self.figures = [each for each in claim.figures if each.span == tokens[0].span]

    def like(self, other: "_Item") -> bool:
        """Tell whether two items say the same, or may."""
        if self.keys & other.keys:
            return True
        if self.kind != other.kind or self.kind == "name":
            return False
        if self.kind == "figure":
            pairs = [(one, two) for one in self.figures for two in other.figures]
            return any(same(one, two) or same(two, one) for one, two in pairs)
        sets = glossary()
        return any(
            akin(one, two) or two in sets.get(one, ()) for one in self.keys for two in other.keys
        )

    def shares(self, other: "_Item") -> bool:
        """Tell whether a word is in both, as in "Mexico" and "Mexico City"."""
        return bool(set(fold(self.text).split()) & set(fold(other.text).split()))

    def lacks(self, other: "_Item") -> bool:
        """Tell whether as many names stand together here, and another one is among them."""
        both = self.joined and other.joined and self.size == other.size
        return both and self.names != other.names


_JOINED = re.compile(r"(?:,? ?(?:and|et|y|e|&) ?(?:the |le |la |les |los |las |el )?| |-)")
_AND_LATER = re.compile(
    r"(?:(?:the |le |la |les |los |las |el )?[A-ZÀ-Þ][\w.’'-]*,? ?)+"
    r"(?:and|et|y|e) (?:the |le |la |les |los |las |el )?[A-ZÀ-Þ]"
)


def _are_joined(text: str, end: int, start: int) -> bool:
    """Tell whether two names stand together: "Ana Ruiz", "Ana and Bo", "Ana, Bo and Cy"."""
    gap = text[end:start]
    return bool(_JOINED.fullmatch(gap) or (gap == ", " and _AND_LATER.match(text, start)))


def _items(claim: Claim) -> list[_Item]:
    found: list[list[Token]] = []
    for token in claim.tokens:
        if token.kind == "stop" or (token.kind == "word" and token.light and not is_role(token)):
            continue
        before = found[-1][-1] if found else None
        if (
            before
            and token.kind == before.kind == "name"
            and _are_joined(claim.text, before.span.end, token.span.start)
        ):
            found[-1].append(token)
        else:
            found.append([token])
    return [_Item(each, claim) for each in found]


def _aligned(own: Sequence[_Item], other: Sequence[_Item]) -> list[tuple[int, int]]:
    """Return which items stand in the same order in both, as many as can be."""
    table = [[0.0] * (len(other) + 1) for _ in range(len(own) + 1)]
    like = [
        [one.like(two) * (1.0 if one.kind == "word" else NAMED) for two in other] for one in own
    ]
    for i in range(len(own) - 1, -1, -1):
        for j in range(len(other) - 1, -1, -1):
            skip = max(table[i + 1][j], table[i][j + 1])
            table[i][j] = max(skip, like[i][j] + table[i + 1][j + 1]) if like[i][j] else skip
    pairs, i, j = [], 0, 0
    while i < len(own) and j < len(other):
        if like[i][j] and table[i][j] == like[i][j] + table[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif table[i + 1][j] >= table[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _are_rivals(one: _Item, two: _Item, own: Sequence[_Item], other: Sequence[_Item]) -> bool:
    """Tell whether a name stands for another, or a figure for another."""
    if one.kind != two.kind or one.kind == "word" or one.like(two):
        return False
    at = next(j for j, each in enumerate(other) if each is two)
    near = other[max(0, at - NEAR) : at + NEAR + 1]
    more = _count(one, own) > _count(one, other) or not any(one.like(each) for each in near)
    return more and not any(two.like(each) for each in own)


def _count(item: _Item, of: Sequence[_Item]) -> int:
    return sum(item.like(each) for each in of)


def denials(_: str, proof: Proof) -> str:
    """Check that the sentence denies exactly when its evidence does."""
    if not proof.chosen:
        return ""
    claim, best = proof.claim, proof.chosen[0].claim
    doubts = _doubting(claim, best) - _doubting(best, claim)  # denials in other words
    more = len(claim.denials) - len(best.denials)
    elsewhere = any(line.claim.denials for line in proof.chosen[1:])
    if more > 0 and (doubts >= 0 or best.denials) and (not elsewhere or more > 1):
        return "The evidence does not deny this; keep to what it says."
    lost: Sequence[Cue] = ()
    if more < 0 and doubts <= 0:
        lost = best.denials
    elif not more and doubts < 0 and not claim.denials and not claim.doubts:
        lost = [each for each in best.doubts if _STRONG.match(_word(each, best))]
    for cue in lost:
        if _is_of(cue, best, proof):
            return f"The evidence denies this with “{_word(cue, best)}”; do so, too."
    return ""


_STRONG = re.compile(
    r"fail|refus|den|reject|prevent|kept|keep|échou|empêch|impid|rechaz", re.IGNORECASE
)


def _doubting(of: Claim, than: Claim) -> int:
    """Return how many words of doubt the other sentence has not got."""
    other = fold(than.text)
    return sum(fold(_word(cue, of)) not in other for cue in of.doubts)


def _word(cue: Cue, claim: Claim) -> str:
    return cue.span.of(claim.text)


def _is_of(cue: Cue, claim: Claim, proof: Proof, *, closely: bool = False) -> bool:
    """Tell whether the sentence has what a cue of its evidence is about: the words around it.

    Closely means the next word alone.
    """
    start = max((each for each in claim.breaks if each <= cue.span.start), default=0)
    end = min((each for each in claim.breaks if each >= cue.span.end), default=len(claim.text))
    words = [each for each in claim.words if start <= each.span.start < end]
    after = [each for each in words if each.span.start >= cue.span.end]
    before = [each for each in words if each.span.end <= cue.span.start]
    about = after[:1] if closely else [*after[:3], *before[-2:]]
    own = [_Item([each], proof.claim) for each in proof.tokens]
    return any(_Item([each], claim).like(one) for each in about for one in own)


_KEPT = {
    "possible": {"possible"},
    "expected": {"possible", "expected", "intended"},
    "intended": {"possible", "expected", "intended"},
    "former": {"former"},
    "partly": {"partly"},
    "reported": {"reported", "possible", "expected"},
}


def hedges(_: str, proof: Proof) -> str:
    """Check that what may, should or is meant to be is not said to be."""
    if not proof.chosen:
        return ""
    own = {each.kind for each in proof.claim.hedges}
    first = proof.chosen[0]
    for line in proof.chosen:
        for cue in line.claim.hedges:
            kept = cue.kind not in _KEPT or own & _KEPT[cue.kind]
            if not kept and _is_of(cue, line.claim, proof, closely=line is not first):
                return f"The evidence says “{_word(cue, line.claim)}”; do not say it more surely."
    return ""


def speakers(_: str, proof: Proof) -> str:
    """Check that whoever says it in the sentence says it in the evidence."""
    spoken = {
        key
        for line in proof.chosen
        for each in line.claim.speakers
        for word in _naming(each)
        for key in (word.key, plain(word))
    }
    if not spoken:
        return ""
    for speaker in proof.claim.speakers:
        named = [each for each in _naming(speaker) if each.kind == "name" or each.opens]
        if named and not any(each.key in spoken or plain(each) in spoken for each in named):
            name = " ".join(each.text for each in named)
            return f"The evidence does not say that {name} said this."
    return ""


def _naming(speaker: Speaker) -> Sequence[Token]:
    """Return the words that name a speaker: for "Ana Ruiz of Canada" not the country."""
    people = [each for each in speaker.words if each.kind == "name" and not each.place]
    return [each for each in speaker.words if not each.place] if people else speaker.words


def words(_: str, proof: Proof) -> str:
    """Check that hardly a word says what no word of the evidence says."""
    if proof.is_translation:
        return ""
    telling = [i for i, each in enumerate(proof.tokens) if each.kind == "word" and not each.light]
    new = [proof.tokens[i].text for i in telling if proof.covered[i] < NEW]
    if len(new) > max(1, MOST_NEW * len(telling)):
        return f"The evidence does not say “{'”, “'.join(new)}”."
    return ""


def parts(_: str, proof: Proof) -> str:
    """Check that each part of the sentence is in the evidence."""
    bounds = [0, *proof.claim.breaks, len(proof.claim.text)]
    for start, end in pairwise(bounds):
        if proof.coverage(start, end) < (TRANSLATED_PART if proof.is_translation else PART):
            part = proof.claim.text[start:end].strip(" ,;:")
            return f"The evidence does not say “{part}”."
    return ""


Check = Callable[[str, Proof], str]

CHECKS: tuple[Check, ...] = (
    quotes,
    facts,
    places,
    standing,
    speakers,
    denials,
    hedges,
    words,
    parts,
)
