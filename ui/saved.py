"""A conversation as the reader's browser keeps it, where it survives a restart of the server.

The server keeps none: a browser sends one back when its reader opens it again, and what it sends
is taken for nothing but text.
"""

from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from ui.talk import Session

MOST_CHARACTERS = 400_000  # of one conversation

_SESSION: TypeAdapter[Session] = TypeAdapter(Session)


def pack(session: Session) -> str:
    """Return a conversation as JSON; the oldest exchanges are left out of one that is too long."""
    kept = tuple(replace(each, own=None) for each in session if each.answer.status != "searching")
    while len(packed := _SESSION.dump_json(kept).decode()) > MOST_CHARACTERS and kept:
        kept = kept[1:]
    return packed


def unpack(packed: object) -> Session:
    """Return the conversation that a browser kept, empty when it can not be used."""
    if not isinstance(packed, str) or len(packed) > 2 * MOST_CHARACTERS:
        return ()
    try:
        session = _SESSION.validate_json(packed)
    except ValidationError:
        return ()
    return tuple(each for each in session if each.answer.status != "searching")
