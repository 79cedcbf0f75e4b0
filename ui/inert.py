"""How text that others wrote is put into a page so that it stays text."""

from ui.words import say

# Every ASCII character that HTML, Markdown or the templates of gr.HTML could act on.
_REFERENCES = {
    code: f"&#{code};" for code in range(1, 128) if not chr(code).isalnum() and chr(code) != " "
}
_REFERENCES[0] = "\ufffd"


def inert(text: str) -> str:
    """Return HTML, valid inside Markdown too, that shows the text and does nothing else.

    >>> inert("<b>$x$</b>")
    '&#60;b&#62;&#36;x&#36;&#60;&#47;b&#62;'
    """
    return text.encode("utf-8", "replace").decode().translate(_REFERENCES)


def told(language: str, key: str, **values: object) -> str:
    """Return words of the window as HTML, with what stands in them made inert."""
    return inert(say(language, key, **values))
