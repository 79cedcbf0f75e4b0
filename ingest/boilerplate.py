"""Which blocks belong to the site and not to the text: newsletter boxes, cookie notices, teasers.

Told by their wording in English, French and Spanish, also once a machine has paraphrased it. Only
a block that is nothing else is told: it is short, and it begins as such a block does. A sentence
that speaks of newsletters or cookies is not one.
"""

import re
import unicodedata
from collections.abc import Sequence

from ingest.reading import Part

LONGEST = 400  # characters of a notice or an invitation
LONGEST_TEASER = 200
LONGEST_EDGE = 60
MOST = 0.5  # of the text; a document about newsletters is not a newsletter box


def _any(*wordings: str) -> str:
    return "|".join(f"(?:{wording})" for wording in wordings)


# All are met by a block from its beginning, in lower case and without accents.
LABEL = re.compile(
    _any(
        r"advertise?ments?|advert|skip to (?:main )?content|back to top|copy link|cancel reply",
        r"(?:article|story) continues (?:below|after|beneath|under)"
        r"(?: (?:(?:the|this) )?(?:ad|advertisement|commercial))?",
        r"continue reading(?: below)?|scroll (?:down )?to continue(?: reading)?",
        r"share (?:this|the) (?:article|story|post|page|text|news)(?: (?:on|via|with)\b.*)?",
        r"(?:print|e-?mail|save) this (?:article|story|page)|join the conversation",
        r"leave a (?:comment|reply)|(?:view|show|read|see) (?:all )?\d* ?comments",
        r"accept (?:all )?cookies|manage cookies|cookie (?:preferences|settings)",
        r"sponsored (?:content|post|by .{2,40})",
        r"publicite|la suite apres (?:cette|la) publicite|imprimer (?:cet |l')article",
        r"partage[rz] (?:cet |l'|cette |ce )(?:article|page|texte)(?: (?:sur|par)\b.*)?",
        r"(?:tout accepter|accepter (?:tous )?les|gerer (?:mes|les)) (?:cookies|temoins)",
        r"(?:s'inscrire|s'abonner) a (?:la|notre) (?:newsletter|infolettre)",
        r"laisser un commentaire|publicidad|dejar? un comentario|imprimir (?:este|el) articulo",
        r"compart(?:ir|e|a) (?:este|esta|el|la) (?:articulo|nota|noticia|texto|pagina)"
        r"(?: (?:en|por)\b.*)?",
        r"aceptar (?:todas )?(?:las )?cookies|la noticia continua .{0,40}publicidad",
        r"suscribirse (?:al|a nuestro) boletin",
    )
)
LISTING = _any(
    r"related(?: (?:articles?|stor(?:y|ies)|coverage|posts?|news|content))?|also read",
    r"(?:read|see|learn) (?:more|extra)|read (?:next|also)|don't miss|up next",
    r"more (?:from|on) (?:this|our) \w+|more (?:(?:great \w+|top|local) )?stories",
    r"most (?:read|viewed|shared)(?: in .{2,20} news)?|most popular(?: (?:stories|articles))?",
    r"you (?:may|might) also (?:like|be interested in)|recommended (?:for you|stories|articles)",
    r"(?:a )?lire (?:aussi|egalement)|articles? (?:lies?|similaires?|connexes?)|a ne pas manquer",
    r"(?:les )?plus (?:lus|vus)|sur le meme (?:sujet|theme)|vous aimerez (?:peut-etre )?aussi",
    r"(?:tambien )?(?:te|le) (?:puede|podria) interesar|(?:noticias|notas) relacionadas",
    r"(?:le[ea]|leer) (?:tambien|mas)|lo mas (?:leido|visto)|articulos relacionados",
)
LISTED = re.compile(LISTING)
TEASER = re.compile(rf"(?:{LISTING})\s*(?:[:|»>]|\s[-–—])\s*\S")
NEWSLETTER = _any(
    r"\b(?:e-?)?newsletters?\b|\bmailing list\b|\bin-?box\b|\b(?:breaking )?news alerts?\b",
    r"\bour (?:\w+ ){0,3}publication\b|\byoutube channel\b",
    r"\b(?:delivered|sent|straight|direct(?:ly)?|through) (?:in)?(?:to )?your"
    r" (?:e-?mail|mail-?box|letterbox|door|phone)\b",
    r"\binfolettres?\b|\blettres? d'information\b|\bdirectement dans votre\b",
    r"\bboite (?:de reception|aux lettres|mail|courriel|e-?mail)\b",
    r"\bboletin(?:es)?\b|\bbandeja de entrada\b|\b(?:en|a) (?:tu|su) (?:correo|e-?mail|buzon)\b",
)
INVITING = _any(
    r"(?:please )?(?:get|obtain|receive|sign(?:al)? up|signup|subscribe|enroll?)",
    r"(?:join|be a part of|register for)(?= .{0,40}\b(?:newsletter|list)\b)",
    r"don't miss|never miss|stay (?:up.to.date|informed|in the know|connected)|keep up",
    r"start your (?:day|morning)|want (?:more|to)|click here to (?:subscribe|sign up|get)",
    r"(?:cliquez ici pour )?(?:recevez|inscrivez-vous|abonnez-vous|vous (?:abonner|inscrire))",
    r"restez (?:informee?s?|au courant)|ne (?:manquez|ratez) (?:rien|pas)",
    r"(?:suscriba|inscriba)se|(?:suscribe|inscribe|apunta|mantengase|manten)te",
    r"no (?:te|se) pierdas?|recib[ea](?=.*(?:en|a) (?:tu|su) (?:correo|e-?mail|buzon|bandeja)"
    r"|.*nuestros? boletin)",
)
INVITATION = re.compile(rf"(?:{INVITING})\b(?=.*(?:{NEWSLETTER}))")
# What stands around an invitation; alone it may be a heading or a sentence of the text.
EDGE = re.compile(
    _any(
        rf"(?:{INVITING})\b[^.!?:;]*",
        rf".*(?:{NEWSLETTER})",
        r"(?:(?:your|enter your) )?(?:e-?mail(?: address)?|name)|submit|no,? thanks",
        r"(?:votre |adresse )?(?:courriel|e-?mail)|(?:tu |su )?correo(?: electronico)?",
        r"envoyer|enviar",
    )
)
TERMS = re.compile(
    _any(
        r"by (?:signing up|subscribing|providing your e-?mail|clicking (?:subscribe|sign up))\b",
        r"(?:you can |you may )?unsubscribe (?:at )?any ?time\b",
        r"en vous (?:inscrivant|abonnant)\b|(?:vous pouvez vous )?desinscri",
        r"al (?:suscribir|registrar|inscribir)(?:se|te)\b",
    )
)
COOKIES = re.compile(
    _any(
        r"(?:we|(?:our|this|the) (?:web ?)?site)(?: and our partners)? (?:may )?uses?"
        r" (?:\w+ ){0,2}cookies?\b(?=.*\b(?:you|your|accept|agree|consent)\b)",
        r"by (?:continuing|using|browsing|visiting|clicking|closing)\b"
        r"(?=.*\b(?:cookies?|privacy policy)\b)(?=.*\byou\b)",
        r"(?:nous utilisons|(?:ce|notre) site(?: web| internet)? utilise) (?:\w+ ){0,3}"
        r"(?:cookies?|temoins)\b(?=.*\b(?:vous|votre|vos|accept\w+)\b)",
        # Witnesses are temoins as well.
        r"en (?:poursuivant|continuant)\b(?=.*\b(?:navigation|site)\b)"
        r"(?=.*\b(?:cookies?|temoins)\b)(?=.*\bvous\b)",
        r"(?:utilizamos|usamos|(?:este|nuestro|esta|nuestra) (?:sitio|pagina|web)(?: web)?"
        r" (?:utiliza|usa)) (?:\w+ ){0,2}cookies\b(?=.*\b(?:sus?|tus?|usted|acept\w+)\b)",
        r"(?:al|si) (?:continuar|continua|sigue|navegar)\b(?=.*\bcookies\b)",
    )
)
NETWORK = r"\b(?:twitter|x|facebook|instagram|linkedin|youtube|tiktok|threads|whatsapp|telegram)\b"
FOLLOW = re.compile(
    _any(
        rf"(?:follow|like|find) (?:us|him|her|them|me|@\w+)\b.{{0,40}} on (?:our )?{NETWORK}",
        rf"follow .{{2,60}} on {NETWORK}[^.]* and {NETWORK}",
        rf"(?:retrouvez|suivez)[- ]nous\b.{{0,20}} sur {NETWORK}",
        rf"(?:siguenos|siganos)\b.{{0,20}} en {NETWORK}",
        r"(?:click here to (?:get|download)|download our)\b.{0,40}\bapp\b",
        r"(?:copyright )?(?:©|\(c\)(?= \d{4}))|copyright (?:19|20)\d\d\b",
    )
)
REPORTED = re.compile(
    r"^[\"'«“‘]|\b(?:said|says|(?<!be )told|added|according to)\b"
    r"|\b(?:a dit|a declare|selon|dijo|declaro|segun)\b"
)


def flags(parts: Sequence[Part]) -> list[bool]:
    """Tell of each block whether it belongs to the site; of none when it would be most of them."""
    texts = [_plain(part.text) if len(part.text) <= LONGEST else "" for part in parts]
    found = [_is_told(text) for text in texts]
    _tell_around(found, texts)
    _tell_listed(found, texts, parts)
    lengths = [len(part.text) for part in parts]
    lost = sum(length for length, each in zip(lengths, found, strict=True) if each)
    return found if lost <= MOST * sum(lengths) else [False] * len(parts)


def is_site(text: str) -> bool:
    """Tell whether a block belongs to the site, whatever stands around it.

    >>> is_site("Read more: How the summit went"), is_site("We read more about the summit.")
    (True, False)
    """
    return len(text) <= LONGEST and _is_told(_plain(text))


def _plain(text: str) -> str:
    """Return a text as the wordings are written.

    >>> _plain(" À lire  aussi\u00a0: l’accord")
    "a lire aussi : l'accord"
    """
    spelled = unicodedata.normalize("NFKD", text.replace("’", "'"))
    letters = "".join(each for each in spelled if not unicodedata.combining(each))
    return " ".join(letters.casefold().split())


def _is_told(text: str) -> bool:
    bare = text.strip(" .!…:>»→*-–—[]()|")
    if LABEL.fullmatch(bare) or LISTED.fullmatch(bare):
        return True
    if REPORTED.search(text):
        return False
    if len(text) <= LONGEST_TEASER and (TEASER.match(text) or FOLLOW.match(text)):
        return True
    return bool(INVITATION.match(text) or COOKIES.match(text))


def _tell_around(found: list[bool], texts: Sequence[str]) -> None:
    """Tell also the title, the fields and the terms that stand around an invitation."""
    for number, text in enumerate(texts):
        if not found[number] or not INVITATION.match(text):
            continue
        for step in (-1, 1):
            other = number + step
            while 0 <= other < len(texts) and _is_edge(texts[other]):
                found[other] = True
                other += step


def _is_edge(text: str) -> bool:
    if TERMS.match(text):
        return True
    return len(text) <= LONGEST_EDGE and bool(EDGE.fullmatch(text.rstrip("!")))


def _tell_listed(found: list[bool], texts: Sequence[str], parts: Sequence[Part]) -> None:
    """Tell also the items of a list that "Related articles" and the like stand above."""
    listing = False
    for number, text in enumerate(texts):
        if listing and parts[number].kind == "item" and len(text) <= LONGEST_TEASER:
            found[number] = True
        else:
            listing = bool(text and LISTED.fullmatch(text.strip(" .!…:>»")))
