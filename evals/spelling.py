"""Questions as people type them in haste: with errors, in capitals, without accents."""

import random
from collections.abc import Callable, Mapping

from rag.language import WORD, unaccented

SHORTEST = 4  # letters of a word that an error is made in


def mistyped(question: str) -> str:
    """Return the question with an error in one word of three, the same each time.

    A letter is left out, doubled, or has changed places with the next one, within the word.
    """
    chance = random.Random(question)  # noqa: S311  # no secret
    spans = [m.span() for m in WORD.finditer(question) if m.end() - m.start() >= SHORTEST]
    wrong = sorted(chance.sample(spans, -(-len(spans) // 3)), reverse=True)
    for start, end in wrong:
        word = _misspelt(question[start:end], chance)
        question = question[:start] + word + question[end:]
    return question


def _misspelt(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word) - 1)  # the first letter is seldom wrong
    a, b = word[place], word[place + 1]
    written = chance.choice((b, a + a + b, b + a))
    return word[:place] + written + word[place + 2 :]


SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "typos": mistyped,
    "capitals": str.upper,
    "unaccented": lambda question: unaccented(question).lower(),
}
