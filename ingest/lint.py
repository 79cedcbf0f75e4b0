"""What in a text a person does not see, and what in it is meant for a language model."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from ingest.reading import INVISIBLE

SHOWN = 80  # characters of a passage that a finding quotes
TAGS = re.compile("[\U000e0000-\U000e007f]+")
FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a]{2,8}\U000e007f")  # Scotland's and the like
OVERRIDE = re.compile("[\u202d\u202e]")
# Between Latin letters nothing invisible has a purpose, but the soft hyphen of a word's end.
WITHIN_WORDS = re.compile("[A-Za-zÀ-ɏ][\u200b-\u200d\u2060-\u2064\ufeff]+(?=[A-Za-zÀ-ɏ])")
LONG_RUN = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff]{8,}")  # two of them can spell words

MARKS = re.compile("[\u0300-\u036f]")
BETWEEN = re.compile(r"[\s_*~-]+")
LOOKALIKES = str.maketrans("аеорсухіјѕ’", "aeopcyxijs'")  # Cyrillic letters that look Latin
MODEL = (
    r"(?:(?:an? |the |my )?(?:(?:helpful|new|different|powerful|advanced) )?(?:chatbot|llm"
    r"|(?:large )?language model|virtual assistant|unrestricted|jailbroken|uncensored"
    r"|ai(?: (?:assistant|model|agent|system|that|who|with|without|named|called)|[.,;:]))"
    r"|dan\b|in developer mode|free of restrictions)"
)
# In lower case, without accents, one blank between words.
WORDINGS = (
    r"(?:ignore|disregard|forget|override|bypass|(?:do not|don't) follow)"
    r" (?:(?:all|any|every)(?: of)? )?(?:(?:the|your|my|our|these|those) )?"
    r"(?:(?:previous|prior|above|earlier|preceding|initial|original|system)(?: \w+)?"
    r" (?:instructions?|prompts?|programming)"
    r"|(?:instructions?|prompts?) (?:above|before|given|you (?:were|have been) given))",
    r"(?:ignore|disregard|forget) (?:all |any )?(?:(?:the|your) )?"
    r"(?:previous|prior|above|preceding|system) (?:directions|directives|guidelines|commands|rules"
    r"|messages|context)",
    r"(?:ignore|disregard|forget) (?:all|any) (?:instructions|prompts)\b"
    r"|(?:ignore|disregard|forget) (?:everything|anything|all) (?:above|before this|previously"
    r"|(?:that )?you (?:were|have been) told)\b",
    rf"(?:you are now|from now on,? you (?:are|act as)|(?:act|behave) as if you are) {MODEL}",
    r"system prompts?\b",
    r"(?:if you are|attention,?|note (?:to|for)|instructions? (?:to|for)|messages? (?:to|for))"
    r" (?:an? |the |any |all )?(?:ai|ai (?:assistant|model|agent|system)s?"
    r"|(?:large )?language models?|llms?|chatbots?)\b[ ,:]+(?:you must|you should|please|do not"
    r"|don't|always|never|ignore|respond|reply|answer|say|reading|summari[sz]\w+|processing)",
    r"(?:ignore[zr]?|oublie[zr]?|ne (?:tiens|tenez) (?:pas|aucun) compte)"
    r" (?:toute?s? )?(?:(?:les|des|tes|vos|mes|ces) )?(?:instructions|consignes|directives|regles)"
    r" (?:precedentes|anterieures|ci dessus|initiales|recues|du systeme)",
    r"(?:ignore[zr]?|oublie[zr]?) (?:tout )?ce qui precede\b",
    r"(?:tu es|vous etes) (?:maintenant|desormais) (?:une? )?"
    r"(?:ia|intelligence artificielle|assistant virtuel|chatbot|modele de langage)\b",
    r"(?:ignor[ae]n?|ignorar|olvid[ae]n?|olvidar|descart[ae]n?|(?:haz|haga) caso omiso de)"
    r" (?:tod[ao]s )?(?:(?:las|los|tus|sus|mis) )?(?:instrucciones|indicaciones|directrices|reglas)"
    r" (?:anteriores|previas|precedentes|iniciales|recibidas|del sistema)",
    r"(?:ignor[ae]|olvid[ae]) todo lo anterior\b",
    r"(?:ahora eres|usted es ahora|a partir de ahora eres) (?:una? )?"
    r"(?:ia|inteligencia artificial|asistente virtual|chatbot|modelo de lenguaje)\b",
    r"(?:prompt|invite|instructions?) (?:du|de) systeme ?[:>]|prompt del sistema\b",
)
MARKUP = r"\[/?inst\]|<\|(?:im ?start|im ?end|system|user|assistant)\|>|<</?sys>>"  # of models
TO_A_MODEL = re.compile(rf"\b(?:{'|'.join(WORDINGS)})|{MARKUP}")
APART = re.compile(r"\b(?:\w ){9,}\w\b")  # letters that stand apart, as in "i g n o r e"
TO_A_MODEL_JOINED = re.compile(
    r"(?:ignore|disregard|forget)(?:all)?(?:of)?(?:the|your)?(?:previous|prior|above|preceding)"
    r"(?:instruction|prompt)|(?:ignore|oublie)[zr]?(?:toutes)?(?:les|tes|vos)?"
    r"(?:instruction|consigne)sprecedente|(?:ignor|olvid)[ae](?:todas)?(?:las|tus|sus)?"
    r"instruccionesanteriores"
)


def findings(raw: str) -> tuple[str, ...]:
    """Return a sentence for each thing in an uncleaned text that a person should know of."""
    return (*unseen_characters(raw), *_addresses(raw, "The text"))


def unseen_characters(raw: str) -> tuple[str, ...]:
    """Return a sentence for each kind of character that can hide or disguise words."""
    return tuple(_unseen_characters(raw)) if INVISIBLE.search(raw) else ()


def _unseen_characters(raw: str) -> Iterator[str]:
    tags = "".join(TAGS.findall(FLAG.sub("", raw)))
    if tags:
        words = "".join(chr(ord(each) - 0xE0000) for each in tags)
        yield f"The text held words in invisible tag characters: {_shown(words)}."
    turned = len(OVERRIDE.findall(raw))
    if turned:
        yield f"The text held characters that make letters appear in another order: {turned}."
    within = len(WITHIN_WORDS.findall(raw))
    if within:
        yield f"The text held invisible characters inside words: {within}."
    if LONG_RUN.search(raw):
        yield "The text held a run of invisible characters, in which words can be hidden."


def hidden(passages: Sequence[str]) -> tuple[str, ...]:
    """Return sentences on the passages that a reader of the document would not have seen."""
    if not passages:
        return ()
    others = f", and {len(passages) - 1} more" if len(passages) > 1 else ""
    left_out = f"Text that is hidden in the document was left out: {_shown(passages[0])}{others}."
    return (left_out, *_addresses("\n".join(passages), "The hidden text"))


def _addresses(raw: str, subject: str) -> Iterator[str]:
    text = _plain(raw)
    found = TO_A_MODEL.search(text) or next(_apart(text), None)
    if found:
        yield f"{subject} addresses a language model, not a reader: {_shown(found[0])}."


def _plain(raw: str) -> str:
    """Return a text without the disguises that a model sees through.

    >>> _plain("Ig\u200bnore  ALL\u00a0_précédentes_")
    'ignore all precedentes '
    """
    seen = unicodedata.normalize("NFKD", INVISIBLE.sub("", raw)).casefold()
    return BETWEEN.sub(" ", MARKS.sub("", seen).translate(LOOKALIKES))


def _apart(text: str) -> Iterator[re.Match[str]]:
    for run in APART.finditer(text):
        found = TO_A_MODEL_JOINED.search(run[0].replace(" ", ""))
        if found:
            yield found


def _shown(text: str) -> str:
    """Return the first words of a text, quoted."""
    words = " ".join(text.split())
    return f"“{words}”" if len(words) <= SHOWN else f"“{words[:SHOWN].rsplit(' ', 1)[0]} …”"
