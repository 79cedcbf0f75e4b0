"""Which blocks belong to the site and not to the text: newsletter boxes, cookie notices, teasers.

Told by their wording in English, French and Spanish. Only a block that is nothing else is told: it
is short and it begins as such a block does. What speaks of newsletters or cookies is not one.
"""

import re
import unicodedata
from collections.abc import Sequence

from ingest.reading import Part

LONGEST = 400  # characters of a notice or an invitation
LONGEST_TEASER = 200
LONGEST_EDGE = 60
MOST = 0.5  # of the text; a document about newsletters is not a newsletter box


def _any(*wordings: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{wording})" for wording in wordings))


# All are matched in lower case, without accents, from the beginning of a block.
LABEL = _any(
    r"advertise?ments?|advert|article continues (?:below|after|beneath)(?: (?:this )?ad\w*)?",
    r"(?:story|article) continues below(?: advertisement)?|continue reading(?: below)?",
    r"scroll (?:down )?to continue(?: reading)?|(?:this )?advertisement has not loaded yet.*",
    r"share (?:this|the) (?:article|story|post|page|text|news)(?: (?:on|via|with)\b.*)?",
    r"(?:print|email|e-mail|save|bookmark) this (?:article|story|page)|copy link|back to top",
    r"leave a (?:comment|reply)|(?:view|show|read|see) (?:all )?\d* ?comments|cancel reply",
    r"join the conversation|skip to (?:main )?content|accept (?:all )?cookies|cookie settings",
    r"(?:manage|cookie) (?:cookies|preferences|settings)|sponsored (?:content|post|by .{2,40})",
    r"publicite|la suite apres (?:cette|la) publicite|partager (?:cet|l')\s?(?:article|page|texte)",
    r"partagez cet article.*|imprimer (?:cet|l')\s?article|laisser un commentaire",
    r"(?:tout )?accepter(?: (?:tous )?les (?:cookies|temoins))?|gerer (?:mes|les) cookies",
    r"publicidad|compart(?:ir|e|a) (?:este|esta|el) (?:articulo|nota|noticia|texto|pagina).*",
    r"imprimir (?:este|el) articulo|deja(?:r)? un comentario|aceptar (?:todas )?(?:las )?cookies",
    r"(?:la noticia|el articulo) continua (?:abajo|despues de la publicidad)",
)
LISTING = _any(
    r"related(?: (?:articles?|stor(?:y|ies)|coverage|posts?|news|content))?",
    r"read (?:more|next|also)|also read|more (?:great )?(?:\w+ )?stories",
    r"more (?:from|on) (?:this|our) (?:\w+)|you (?:may|might) also (?:like|be interested in)",
    r"(?:most|popular) (?:read|viewed|popular|shared)\b.{0,30}|(?:recommended|picked) for you",
    r"recommended (?:stories|articles)|trending (?:now|stories|articles)|up next",
    r"(?:a )?lire (?:aussi|egalement)|articles? (?:lies?|similaires?|connexes?)|les plus (?:lus?|vus)",
    r"sur le meme (?:sujet|theme)|vous (?:aimerez|pourriez) aussi.{0,30}|a ne pas manquer",
    r"(?:tambien )?(?:te|le) (?:puede|podria) interesar|(?:noticias|notas) relacionad[ao]s",
    r"(?:le[ea]|leer) (?:tambien|mas)|lo mas (?:leido|visto)|articulos relacionados",
)
TEASER = re.compile(
    rf"(?:{LISTING.pattern}|related(?: \w+)?|don't miss|sur ce sujet)\s*(?:[:|»>]|\s[-–—])\s*\S"
)
NEWSLETTER = (
    r"\b(?:e-?)?newsletters?\b|\bmailing list\b|\bin-?box\b|\binfolettres?\b|\bboletin(?:es)?\b"
    r"|\blettres? d'information\b|\bboite (?:de reception|aux lettres|mail|courriel|e-mail)\b"
    r"|\bbandeja de entrada\b|\b(?:breaking )?news alerts?\b|\bour (?:\w+ ){0,3}publication\b"
    r"|\b(?:delivered|sent|straight|direct(?:ly)?) (?:in)?to your (?:e-?mail|mail-?box|phone)\b"
    r"|\bdirectement dans votre\b|\b(?:en|a) (?:tu|su) (?:correo|e-?mail|buzon)\b"
)
INVITING = (
    r"(?:please )?(?:get|obtain|receive|sign(?:al)? up|signup|subscribe|enroll?"
    r"|(?:join|be a part of|register for)(?= .{0,40}\b(?:newsletter|list))|don't miss|never miss|stay (?:up.to.date|informed|in the know|connected)"
    r"|keep up|start your (?:day|morning)|want (?:more|to)|click here to (?:subscribe|sign up|get))"
    r"|(?:cliquez ici pour )?(?:recev(?:ez|oir)|inscrivez-vous|s'inscrire|abonnez-vous|s'abonner"
    r"|vous (?:abonner|inscrire)|restez (?:informe|au courant)|ne (?:manquez|ratez) (?:rien|pas))"
    r"|(?:reciba|recibe|recibir|suscribase|suscribete|suscribirse|inscribase|inscribete|apuntate"
    r"|no te pierdas|no se pierda|mantente|mantengase)"
)
INVITATION = re.compile(rf"(?:{INVITING})\b(?=.*(?:{NEWSLETTER}))")
# What stands around an invitation, and alone may be a heading or a sentence of the text.
EDGE = re.compile(
    rf"(?:{INVITING})\b[^.!?:;]*|.*(?:{NEWSLETTER})|(?:your )?e-?mail(?: address)?"
    r"|(?:your|enter your|first|last) (?:e-?mail|e-?mail address|name)|submit|no,? thanks"
    r"|(?:votre |adresse )?(?:courriel|e-?mail)|(?:tu |su )?correo(?: electronico)?|enviar|envoyer"
)
TERMS = _any(
    r"by (?:signing up|subscribing|providing your e-?mail|clicking (?:subscribe|sign up))\b.*",
    r"(?:you can |you may )?unsubscribe (?:at )?any ?time.*|(?:a|the) \w+ e-?mail will (?:soon )?be.*",
    r"en (?:vous inscrivant|vous abonnant)\b.*|(?:vous pouvez vous )?desinscri.*",
    r"al (?:suscribirse|suscribirte|registrarte|registrarse)\b.*",
)
COOKIES = _any(
    r"(?:we|our (?:web ?)?site|this (?:web ?)?site|the (?:web ?)?site)(?: and our partners)?"
    r" (?:may )?uses? (?:\w+ ){0,2}cookies?\b(?=.*\b(?:you|your|accept|agree|consent)\b)",
    r"by (?:continuing|using|browsing|visiting|clicking|closing)\b"
    r"(?=.*\b(?:cookies?|privacy policy)\b)(?=.*\b(?:you|your)\b)",
    r"(?:nous utilisons|(?:ce|notre) site(?: web| internet)? utilise) (?:\w+ ){0,3}"
    r"(?:cookies?|temoins)\b(?=.*\b(?:vous|votre|vos|accept\w+)\b)",
    r"en (?:poursuivant|continuant|cliquant|naviguant)\b(?=.*\b(?:cookies?|temoins)\b)",
    r"(?:utilizamos|usamos|(?:este|nuestro|esta|nuestra) (?:sitio|pagina|web)(?: web)?"
    r" (?:utiliza|usa)) (?:\w+ ){0,2}cookies\b(?=.*\b(?:su|sus|tu|tus|usted|acept\w+)\b)",
    r"(?:al|si) (?:continuar?|continua|sigue|navegar|hacer clic)\b(?=.*\bcookies\b)",
)
FOLLOW = _any(
    r"(?:follow|like|find) (?:us|him|her|them|me|@\w+)\b.{0,40} on (?:our )?"
    r"(?:twitter|x\b|facebook|instagram|linkedin|youtube|tiktok|threads|bluesky|whatsapp|telegram)",
    r"(?:retrouvez|suivez)[- ]nous\b.{0,20} sur\b|sigu?e?(?:nos|anos|enos)\b.{0,20} en\b",
    r"(?:click here to (?:get|download)|download our)\b.{0,40}\bapp\b",
    r"(?:copyright )?(?:©|\(c\)(?= \d{4}))|copyright (?:19|20)\d\d\b",
)
REPORTED = re.compile(
    r"""^["'«“‘]|\b(?:said|says|told|added|according to|a dit|a declare|selon|dijo|declaro|segun)\b"""
)


def flags(parts: Sequence[Part]) -> list[bool]:
    """Tell of each block whether it belongs to the site; of none when it would be most of them."""
    texts = [_plain(part.text) for part in parts]
    found = [_is_site(text) for text in texts]
    _spread(found, texts, parts)
    lengths = [len(part.text) for part in parts]
    lost = sum(length for length, each in zip(lengths, found, strict=True) if each)
    return found if lost <= MOST * sum(lengths) else [False] * len(parts)


def _plain(text: str) -> str:
    """Return a text as the wordings are written.

    >>> _plain(" À lire  aussi\u00a0: l’accord")
    "a lire aussi : l'accord"
    """
    spelled = unicodedata.normalize("NFKD", text.replace("’", "'"))
    letters = "".join(each for each in spelled if not unicodedata.combining(each))
    return " ".join(letters.casefold().split())


def _is_site(text: str) -> bool:
    bare = text.strip(" .!…:>»→*-–—[]()|")
    if LABEL.fullmatch(bare) or LISTING.fullmatch(bare):
        return True
    if REPORTED.search(text):
        return False
    if len(text) <= LONGEST_TEASER and (TEASER.match(text) or FOLLOW.match(text)):
        return True
    return len(text) <= LONGEST and bool(INVITATION.match(text) or COOKIES.match(text))


def _spread(found: list[bool], texts: Sequence[str], parts: Sequence[Part]) -> None:
    """Find also what stands around an invitation, and the items below "Related articles"."""
    invited = [each and bool(INVITATION.match(text)) for each, text in zip(found, texts, strict=True)]
    for number in (number for number, each in enumerate(invited) if each):
        for step in (-1, 1):
            other = number + step
            while 0 <= other < len(texts) and _is_edge(texts[other]):
                found[other] = True
                other += step
    for number in range(1, len(parts)):
        listed = found[number - 1] and parts[number].kind == "item"
        if listed and len(texts[number]) <= LONGEST_TEASER:
            found[number] = True


def _is_edge(text: str) -> bool:
    if TERMS.fullmatch(text):
        return len(text) <= LONGEST
    return len(text) <= LONGEST_EDGE and bool(EDGE.fullmatch(text.rstrip("!")))
