"""What readers are told when something fails, in their language; all of it goes to the log."""

import logging

from rag.errors import (
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    IndexServerError,
    QuestionError,
    RagError,
)
from ui.inert import inert
from ui.words import say

WORDS = (
    (IndexMissingError, "dossier_missing"),
    ((IndexMismatchError, IndexDamagedError), "dossier_unusable"),
    (IndexServerError, "dossier_away"),
)

log = logging.getLogger(__name__)


def in_words(language: str, error: RagError) -> str:
    """Return one sentence about an error, without what only operators should read."""
    if isinstance(error, QuestionError):
        return say(language, "too_long", n=error.most) if error.most else say(language, "empty")
    found = (key for kind, key in WORDS if isinstance(error, kind))
    return say(language, next(found, "trouble"))


def notice(language: str, error: RagError) -> str:
    """Return a sentence about an error as HTML, having logged the whole of it."""
    log.warning("the window can not show the dossier: %s", error)
    return f'<p class="notice" role="status">{inert(in_words(language, error))}</p>'
