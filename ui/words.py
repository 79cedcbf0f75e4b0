"""Every word of the window, in each of its languages side by side."""

from collections.abc import Mapping
from datetime import date

from babel import Locale
from babel.dates import format_date

LANGUAGES = ("en", "fr", "es")  # in the order of the table
NAMES = {"en": "English", "fr": "Français", "es": "Español"}

TABLE: Mapping[str, tuple[str, str, str]] = {
    # the frame
    "skip": ("Skip to the question box", "Aller à la question", "Ir a la pregunta"),
    "views": ("Views", "Vues", "Vistas"),
    "conversation": ("Conversation", "Conversation", "Conversación"),
    "documents": ("Documents", "Documents", "Documentos"),
    "language": ("Language", "Langue", "Idioma"),
    "fresh": ("New conversation", "Nouvelle conversation", "Conversación nueva"),
    "past": ("Earlier conversations", "Conversations précédentes", "Conversaciones anteriores"),
    "past_none": ("None yet.", "Aucune pour l’instant.", "Ninguna todavía."),
    "past_where": (
        "This list is kept in this browser, at most 30, and deleted here.",
        "Cette liste est conservée dans ce navigateur, 30 au plus, et s’efface ici.",
        "Esta lista se guarda en este navegador, 30 como máximo, y se borra aquí.",
    ),
    "recorded": (
        "The server also records each question, its answer and the turns before, for {n} days.",
        "Le serveur enregistre aussi chaque question, sa réponse et les échanges d’avant, "
        "pendant {n} jours.",
        "El servidor registra además cada pregunta, su respuesta y lo anterior durante {n} días.",
    ),
    "recorded_always": (
        "The server also records each question, its answer and the turns before, without a limit.",
        "Le serveur enregistre aussi chaque question, sa réponse et les échanges d’avant, "
        "sans limite de durée.",
        "El servidor registra además cada pregunta, su respuesta y lo anterior, sin límite de "
        "tiempo.",
    ),
    "not_recorded": (
        "The server keeps no record of questions and answers.",
        "Le serveur ne garde pas trace des questions ni des réponses.",
        "El servidor no guarda registro de preguntas ni respuestas.",
    ),
    "delete": ("Delete", "Supprimer", "Eliminar"),
    "delete_all": ("Delete all", "Tout supprimer", "Eliminar todas"),
    "mode": (
        "Answers are sentences quoted from the documents; no language model.",
        "Les réponses sont des phrases citées des documents, sans modèle de langue.",
        "Las respuestas son frases citadas de los documentos, sin modelo de lenguaje.",
    ),
    "mode_written": (
        "Answers are written by {model}, each sentence checked against its source.",
        "Les réponses sont rédigées par {model}, chaque phrase vérifiée avec sa source.",
        "Las respuestas las redacta {model}; cada frase se comprueba con su fuente.",
    ),
    "count_one": ("1 document", "1 document", "1 documento"),
    "count": ("{n} documents", "{n} documents", "{n} documentos"),
    "dated": ("dated {first}", "en date du {first}", "con fecha del {first}"),
    "dated_between": (
        "dated {first} to {last}",
        "datés du {first} au {last}",
        "con fechas del {first} al {last}",
    ),
    "no_dates": ("without dates", "sans date", "sin fecha"),
    "login": ("Log in", "Se connecter", "Iniciar sesión"),
    "login_name": ("Name", "Nom", "Nombre"),
    "login_password": ("Password", "Mot de passe", "Contraseña"),
    "login_failed": (
        "The name or the password is not right. Type both again.",
        "Le nom ou le mot de passe est incorrect. Saisissez-les de nouveau.",
        "El nombre o la contraseña no es correcto. Escríbalos de nuevo.",
    ),
    "login_later": (
        "Too many tries. Try again in {n} min, or ask whoever keeps the accounts.",
        "Trop d’essais. Réessayez dans {n} min ou demandez à qui tient les comptes.",
        "Demasiados intentos. Pruebe en {n} min o pregunte a quien lleva las cuentas.",
    ),
    "logout": ("Log out", "Se déconnecter", "Cerrar sesión"),
    "logged_in": ("Logged in as {user}", "Connecté : {user}", "Sesión de {user}"),
    "too_many": (
        "{n} of your questions are being answered already; wait for one of them.",
        "{n} de vos questions sont déjà en cours ; attendez une réponse.",
        "Ya se responden {n} de sus preguntas; espere una respuesta.",
    ),
    "too_fast": (
        "You asked many questions at once; go on in {n} s.",
        "Vous avez posé beaucoup de questions d’un coup ; reprenez dans {n} s.",
        "Hizo muchas preguntas seguidas; continúe en {n} s.",
    ),
    "busy": (
        "Too many wait just now; try again in a moment.",
        "Trop de demandes attendent ; réessayez dans un instant.",
        "Hay demasiadas peticiones en espera; pruebe en un momento.",
    ),
    "too_long": (
        "The question is too long; shorten it to {n} characters.",
        "La question est trop longue ; abrégez-la à {n} caractères.",
        "La pregunta es demasiado larga; acórtela a {n} caracteres.",
    ),
    "empty": (
        "The question is empty; type what you want to know from the documents.",
        "La question est vide ; saisissez ce que vous voulez savoir des documents.",
        "La pregunta está vacía; escriba lo que quiere saber de los documentos.",
    ),
    "dossier_missing": (
        "There is no dossier to ask yet; tell whoever runs Visit Desk.",
        "Il n’y a pas encore de dossier à interroger ; prévenez qui gère Visit Desk.",
        "Todavía no hay dossier que consultar; avise a quien administra Visit Desk.",
    ),
    "dossier_unusable": (
        "The dossier can not be used until it is read in again; tell whoever runs Visit Desk.",
        "Le dossier est inutilisable tant qu’il n’est pas relu ; prévenez qui gère Visit Desk.",
        "El dossier no se puede usar hasta que se lea de nuevo; avise a quien administra "
        "Visit Desk.",
    ),
    "dossier_away": (
        "The dossier can not be reached just now; try again in a moment.",
        "Le dossier est inaccessible pour l’instant ; réessayez dans un moment.",
        "No se puede acceder al dossier por ahora; pruebe en un momento.",
    ),
    "trouble": (
        "This did not work; try again, and tell whoever runs Visit Desk if it stays so.",
        "Cela n’a pas marché ; réessayez et, si cela dure, prévenez qui gère Visit Desk.",
        "No ha funcionado; pruebe de nuevo y, si sigue así, avise a quien administra Visit Desk.",
    ),
    # before the first question
    "welcome": (
        "What do you need to know about the visit?",
        "Que voulez-vous savoir de la visite ?",
        "¿Qué necesita saber de la visita?",
    ),
    "about": (
        "What do the documents say about “{title}”?",
        "Que disent les documents sur « {title} » ?",
        "¿Qué dicen los documentos sobre «{title}»?",
    ),
    # the question box
    "question": ("Your question", "Votre question", "Su pregunta"),
    "placeholder": (
        "Ask a question in English, French or Spanish",
        "Posez une question en français, en anglais ou en espagnol",
        "Haga una pregunta en español, inglés o francés",
    ),
    "ask": ("Ask", "Demander", "Preguntar"),
    "stop": ("Stop", "Arrêter", "Detener"),
    "stopped": (
        "Stopped; the question is back in the box.",
        "Arrêté ; la question est de nouveau dans la zone de saisie.",
        "Detenido; la pregunta está de nuevo en el cuadro.",
    ),
    "editing": (
        "Change the question in the box and send it: it replaces question {n} and what follows it.",
        "Modifiez la question dans la zone de saisie et envoyez-la : "
        "elle remplace la question {n} et ce qui la suit.",
        "Modifique la pregunta en el cuadro y envíela: "
        "sustituye la pregunta {n} y lo que le sigue.",
    ),
    # filters and the reader's own file
    "filters": ("Choose documents", "Choisir les documents", "Elegir documentos"),
    "filters_on": ("Documents chosen", "Documents choisis", "Documentos elegidos"),
    "filter_line": (
        "Asked only of: {what}",
        "Demandé uniquement à : {what}",
        "Consultado solo en: {what}",
    ),
    "kinds": ("Kinds", "Types", "Tipos"),
    "languages": ("Languages", "Langues", "Idiomas"),
    "dates": ("Dates", "Dates", "Fechas"),
    "first": ("From", "Du", "Desde"),
    "last": ("To", "Au", "Hasta"),
    "dates_hint": (
        "Documents without a date then stay out.",
        "Les documents sans date sont alors exclus.",
        "Los documentos sin fecha quedan fuera.",
    ),
    "clear": ("Ask all documents", "Interroger tous les documents", "Todos los documentos"),
    "attach": ("Ask a file of yours too", "Interroger aussi un fichier", "Consultar un archivo"),
    "attach_hint": (
        "Only in this tab: never part of the dossier, removed when the tab is closed or "
        "after an hour.",
        "Dans cet onglet seulement : jamais ajouté au dossier, supprimé à la fermeture de "
        "l’onglet ou au bout d’une heure.",
        "Solo en esta pestaña: nunca se añade al dossier y se elimina al cerrarla o "
        "al cabo de una hora.",
    ),
    "attached": ("Also asked: {name}", "Aussi interrogé : {name}", "También se consulta: {name}"),
    "attaching": ("Reading {name}…", "Lecture de {name}…", "Leyendo {name}…"),
    "attach_failed": (
        "{name} can not be asked: {reason}.",
        "{name} ne peut pas être interrogé : {reason}.",
        "No se puede consultar {name}: {reason}.",
    ),
    "file_late": (
        "it did not arrive; choose it again",
        "il n’est pas arrivé ; choisissez-le de nouveau",
        "no llegó; elíjalo de nuevo",
    ),
    "file_many": (
        "too many files are kept just now; try again later",
        "trop de fichiers sont gardés en ce moment ; réessayez plus tard",
        "ya se guardan demasiados archivos; pruebe más tarde",
    ),
    "file_large": ("it is larger than {n} MB", "il dépasse {n} Mo", "supera {n} MB"),
    "file_unread": (
        "it could not be read just now; try again later",
        "il n’a pas pu être lu ; réessayez plus tard",
        "no se pudo leer ahora; pruebe más tarde",
    ),
    "detach": ("Remove the file", "Retirer le fichier", "Quitar el archivo"),
    "from_file": (
        "From your file {name}, which is not in the dossier:",
        "De votre fichier {name}, qui n’est pas dans le dossier :",
        "De su archivo {name}, que no está en el dossier:",
    ),
    "file_silent": (
        "Your file {name} does not say.",
        "Votre fichier {name} ne le dit pas.",
        "Su archivo {name} no lo dice.",
    ),
    "file_gone": (
        "Your file {name} was removed after an hour; attach it again to ask it.",
        "Votre fichier {name} a été supprimé au bout d’une heure ; joignez-le de nouveau.",
        "Su archivo {name} se eliminó al cabo de una hora; adjúntelo de nuevo.",
    ),
    # an answer
    "you_asked": ("You asked", "Votre question", "Su pregunta"),
    "searching": (
        "Searching the documents…",
        "Recherche dans les documents…",
        "Buscando en los documentos…",
    ),
    "searched_for": ("Searched for:", "Question recherchée :", "Pregunta buscada:"),
    "sources": ("Sources", "Sources", "Fuentes"),
    "page": ("page", "page", "página"),
    "undated": ("undated", "sans date", "sin fecha"),
    "open_source": ("Open source {n}: {title}", "Ouvrir la source {n} : {title}",
                    "Abrir la fuente {n}: {title}"),
    "answered": ("Answered", "Réponse", "Respondida"),
    "partial": ("Partly answered", "Réponse partielle", "Respuesta parcial"),
    "unsure": ("Perhaps answered", "Réponse incertaine", "Respuesta incierta"),
    "refused": ("Not in the documents", "Absent des documents", "No está en los documentos"),
    "unasked": (
        "No document was asked",
        "Aucun document interrogé",
        "Ningún documento consultado",
    ),
    "failed": ("Failed", "Échec", "Error"),
    "extractive": ("quoted sentences", "phrases citées", "frases citadas"),
    "generative": ("written by {model}", "rédigé par {model}", "redactada por {model}"),
    "verified": (
        "Written by the model, checked against its source",
        "Rédigé par le modèle, vérifié avec sa source",
        "Redactada por el modelo y comprobada con su fuente",
    ),
    "repaired": (
        "Corrected: the model’s first wording had no proof",
        "Corrigé : la première formulation du modèle n’était pas prouvée",
        "Corregida: la primera redacción del modelo no tenía prueba",
    ),
    "replaced": (
        "Quoted instead: the model’s wording had no proof",
        "Cité à la place : la formulation du modèle n’était pas prouvée",
        "Citada en su lugar: la redacción del modelo no tenía prueba",
    ),
    "dropped_one": (
        "1 sentence was left out because nothing proves it.",
        "1 phrase a été écartée, faute de preuve.",
        "Se omitió 1 frase porque nada la prueba.",
    ),
    "dropped": (
        "{n} sentences were left out because nothing proves them.",
        "{n} phrases ont été écartées, faute de preuve.",
        "Se omitieron {n} frases porque nada las prueba.",
    ),
    "follow": ("You could also ask", "Vous pourriez aussi demander", "También podría preguntar"),
    # what can be done with an answer
    "actions": ("This answer", "Cette réponse", "Esta respuesta"),
    "edit": ("Edit question", "Modifier la question", "Modificar la pregunta"),
    "retry": ("Ask again", "Redemander", "Preguntar de nuevo"),
    "copy": ("Copy with sources", "Copier avec les sources", "Copiar con fuentes"),
    "copied": ("Copied.", "Copié.", "Copiado."),
    "not_copied": (
        "The browser does not allow copying; download instead.",
        "Le navigateur ne permet pas la copie ; téléchargez plutôt.",
        "El navegador no permite copiar; descárguelo.",
    ),
    "as_markdown": ("Markdown", "Markdown", "Markdown"),
    "as_docx": ("Word", "Word", "Word"),
    "download": ("Download", "Télécharger", "Descargar"),
    "whole": ("Whole conversation", "Toute la conversation", "Toda la conversación"),
    "good": ("Helpful", "Utile", "Útil"),
    "bad": ("Not helpful", "Pas utile", "No es útil"),
    "reason": ("What is wrong?", "Qu’est-ce qui ne va pas ?", "¿Qué falla?"),
    "reason_wrong": ("Wrong", "Faux", "Errónea"),
    "reason_missing": ("Something is missing", "Incomplet", "Falta algo"),
    "reason_source": ("Wrong source", "Mauvaise source", "Fuente equivocada"),
    "reason_refusal": ("It should have answered", "Il fallait répondre", "Debió responder"),
    "note": ("In your words", "En vos mots", "Con sus palabras"),
    "send": ("Send", "Envoyer", "Enviar"),
    "cancel": ("Cancel", "Annuler", "Cancelar"),
    "kept": (
        "What is kept: this question, its answer, the turns before and your note. Nothing else.",
        "Sont gardés : la question, sa réponse, les échanges d’avant et votre note. Rien d’autre.",
        "Se guarda: la pregunta, su respuesta, lo anterior y su nota. Nada más.",
    ),
    "thanks": (
        "Noted. Thank you.",
        "C’est noté, merci.",
        "Anotado, gracias.",
    ),
    "not_kept": (
        "The note could not be kept on this machine.",
        "La note n’a pas pu être conservée sur cette machine.",
        "No se pudo guardar la nota en este equipo.",
    ),
    "note_early": (
        "The note was not kept, as many came within a minute; send it again in a moment.",
        "La note n’a pas été conservée : trop de notes en une minute ; renvoyez-la bientôt.",
        "La nota no se guardó: hubo muchas en un minuto; envíela de nuevo en un momento.",
    ),
    "note_full": (
        "The note was not kept, as too many wait to be read; tell whoever runs Visit Desk.",
        "La note n’a pas été conservée : trop de notes attendent d’être lues ; "
        "prévenez qui gère Visit Desk.",
        "La nota no se guardó: hay demasiadas por leer; avise a quien administra Visit Desk.",
    ),
    "note_long": (
        "The note was not kept, as its answer is too long; ask again and send it then.",
        "La note n’a pas été conservée : sa réponse est trop longue ; "
        "reposez la question, puis renvoyez-la.",
        "La nota no se guardó: su respuesta es demasiado larga; "
        "pregunte de nuevo y envíela entonces.",
    ),
    # the source
    "source": ("Source", "Source", "Fuente"),
    "close": ("Close", "Fermer", "Cerrar"),
    "all_documents": ("All documents", "Tous les documents", "Todos los documentos"),
    "whole_document": ("Open the whole document", "Ouvrir le document entier",
                       "Abrir el documento entero"),
    "go_on": ("Read on", "Lire la suite", "Seguir leyendo"),
    "page_alt": ("Page {n} of {title}, as it looks", "Page {n} de {title}, telle quelle",
                 "Página {n} de {title}, tal cual"),
    "page_changed": (
        "The file was changed or moved since it was read; this is its text at that time.",
        "Le fichier a été modifié ou déplacé depuis sa lecture ; voici son texte d’alors.",
        "El archivo cambió o se movió después de leerse; este es su texto de entonces.",
    ),
    "page_undrawn": (
        "The page can not be drawn; this is its text.",
        "La page ne peut pas être dessinée ; voici son texte.",
        "La página no se puede dibujar; este es su texto.",
    ),
    "as_text": ("Text", "Texte", "Texto"),
    "own_file": ("Your own file, not in the dossier", "Votre fichier, hors du dossier",
                 "Su archivo, fuera del dossier"),
    "gone": (
        "This document is no longer in the dossier. Ask the question again for a current source.",
        "Ce document n’est plus dans le dossier. Reposez la question pour une source actuelle.",
        "Este documento ya no está en el dossier. Pregunte de nuevo para una fuente actual.",
    ),
    "nowhere": (
        "This link points at no passage of a document. Follow a link [n] of an answer.",
        "Ce lien ne mène à aucun passage. Suivez un lien [n] d’une réponse.",
        "Este enlace no lleva a ningún pasaje. Siga un enlace [n] de una respuesta.",
    ),
    "source_hint": (
        "Ask a question, and its source opens here at the quoted sentence.",
        "Posez une question : sa source s’ouvre ici, à la phrase citée.",
        "Haga una pregunta y su fuente se abre aquí, en la frase citada.",
    ),
    "dossier": ("The dossier", "Le dossier", "El dossier"),
    "many": (
        "Only the first {n} are listed; search among all under Documents.",
        "Seuls les {n} premiers sont listés ; cherchez parmi tous sous Documents.",
        "Solo se listan los primeros {n}; busque entre todos en Documentos.",
    ),
    # the documents
    "search": ("Search the documents", "Chercher dans les documents", "Buscar en los documentos"),
    "found": ("{n} of {all} documents", "{n} documents sur {all}", "{n} de {all} documentos"),
    "more": ("and {n} more; search to narrow", "et {n} de plus ; précisez la recherche",
             "y {n} más; precise la búsqueda"),
    "title": ("Title", "Titre", "Título"),
    "date": ("Date", "Date", "Fecha"),
    "kind": ("Kind", "Type", "Tipo"),
    "pages": ("Pages", "Pages", "Páginas"),
    "file": ("File", "Fichier", "Archivo"),
    "remarks": ("Remarks", "Remarques", "Observaciones"),
    "same_as": ("the same text as {uri}", "même texte que {uri}", "el mismo texto que {uri}"),
    "near_copy": ("nearly the same text as {uri}", "presque le même texte que {uri}",
                  "casi el mismo texto que {uri}"),
    "internal": ("internal", "interne", "interno"),
    "embargo": ("under embargo until {when}", "sous embargo jusqu’au {when}",
                "bajo embargo hasta el {when}"),
    "groups": ("only for {groups}", "réservé à {groups}", "solo para {groups}"),
    "not_read": ("Could not be read", "N’ont pas pu être lus", "No se pudieron leer"),
    "ingested": (
        "Last changed by an ingest on {when}.",
        "Dernière ingestion avec changement : {when}.",
        "Última ingesta con cambios: {when}.",
    ),
    "changed": ("What changed then", "Ce qui a changé alors", "Qué cambió entonces"),
    "change_unknown": (
        "What changed then is not known: this window was not opened on the dossier before.",
        "Ce qui a changé alors est inconnu : cette fenêtre n’avait pas encore vu le dossier.",
        "No se sabe qué cambió: esta ventana no había visto antes el dossier.",
    ),
    "added": ("added", "ajouté", "añadido"),
    "altered": ("changed", "modifié", "modificado"),
    "removed": ("removed", "retiré", "retirado"),
    # a brief that is taken away
    "brief": ("Brief", "Note", "Nota"),
    "answer": ("Answer", "Réponse", "Respuesta"),
    "quotes": ("Quotes", "Citations", "Citas"),
    "unanswered": ("Not answered by the documents", "Sans réponse dans les documents",
                   "Sin respuesta en los documentos"),
    "made_on": ("Made on {when}", "Établie le {when}", "Elaborada el {when}"),
}  # fmt: skip


def say(language: str, key: str, **values: object) -> str:
    """Return the words in a language, or in English when there are none.

    >>> say("fr", "count", n=3), say("zz", "ask")
    ('3 documents', 'Ask')
    """
    words = TABLE[key][LANGUAGES.index(language) if language in LANGUAGES else 0]
    return words.format(**values) if values else words


def translations() -> dict[str, dict[str, str]]:
    """Return the table as Gradio's i18n takes it: by language, then by key."""
    return {
        language: {key: row[place] for key, row in TABLE.items()}
        for place, language in enumerate(LANGUAGES)
    }


def spoken(tag: object) -> str:
    """Return the window's language for what a browser prefers.

    >>> spoken("fr-CA"), spoken("de"), spoken(None)
    ('fr', 'en', 'en')
    """
    code = str(tag)[:2].lower()
    return code if code in LANGUAGES else "en"


def day(published: date | None, language: str = "en") -> str:
    """Return a date written out, or that there is none.

    >>> day(None), day(date(2025, 9, 18), "fr")
    ('undated', '18 septembre 2025')
    """
    if published is None:
        return say(language, "undated")
    return format_date(published, "long", locale=language if language in LANGUAGES else "en")


def dates(first: date | None, last: date | None, language: str = "en") -> str:
    """Return from when to when documents date, for the status line.

    >>> dates(date(2025, 9, 17), date(2025, 9, 18))
    'dated September 17, 2025 to September 18, 2025'
    """
    if first is None or last is None:
        return say(language, "no_dates")
    if first == last:
        return say(language, "dated", first=day(first, language))
    return say(language, "dated_between", first=day(first, language), last=day(last, language))


def count(documents: int, language: str = "en") -> str:
    """Return how many documents there are.

    >>> count(1), count(1200)
    ('1 document', '1,200 documents')
    """
    return (
        say(language, "count_one") if documents == 1 else say(language, "count", n=f"{documents:,}")
    )


def language_name(code: str, language: str = "en") -> str:
    """Return the name of a language, or its code when it has none.

    >>> language_name("fr"), language_name("en", "fr"), language_name("zz")
    ('French', 'anglais', 'zz')
    """
    return str(Locale(language if language in LANGUAGES else "en").languages.get(code, code))


def sentence(message: str) -> str:
    """Return an error's message as a sentence for a person.

    >>> sentence("the index is busy; wait")
    'The index is busy; wait.'
    """
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "…")) else ".")
