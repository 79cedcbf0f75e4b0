"""What a browser would not show of a web page, by the style that its elements carry themselves.

Style sheets are not read: where one may have its say, text counts as shown.
"""

import re
from collections.abc import Iterator

from lxml import etree
from lxml.html import HtmlElement

STYLED = "//body//*[@hidden or @style or @color]"
GONE = re.compile(r";(?:display:none|visibility:(?:hidden|collapse))")
PLACED = re.compile(r";position:(?:absolute|fixed);")
AWAY = re.compile(r";(?:left|right|top|bottom):-\d{3,}(?:px|em|rem|vw|vh|%)")
OUTDENTED = re.compile(r";(?:text-indent|margin-left):-\d{3,}(?:px|em|rem|%)")
TINY = re.compile(r";font-size:(?:0*(?:\.0+)?(?:px|pt|r?em|%)?|(?:0*1|0*\.\d+)(?:px|pt));")
COLOUR = re.compile(r";color:([^;]+)")
BACKGROUND = re.compile(r";background(?:-color)?:([^;]+)")
NAMED = {"white": "255,255,255", "black": "0,0,0"}
RGB = re.compile(r"(?:rgba?\()?(\d+),(\d+),(\d+)(?:,[\d.]+)?\)?")
NEAR = 12  # of 255; a person does not see letters that differ less from what is behind them
# Menus, forms and pop-ups stay hidden until they are asked for: nobody needs to know of them.
FURNITURE = {"nav", "footer", "aside", "form", "dialog", "button", "select", "svg"}
FEWEST_WORDS = 3
SILENT = ("script", "style", "noscript", "template")

Colour = tuple[int, int, int]


def take_hidden(page: HtmlElement) -> list[str]:
    """Drop every hidden element from a page and return the sentences that they hold."""
    hidden = dict.fromkeys(node for node in page.xpath(STYLED) if _is_hidden(node))
    outermost = [node for node in hidden if hidden.keys().isdisjoint(node.iterancestors())]
    found = [text for node in outermost for text in _prose(node)]
    for node in outermost:
        node.drop_tree()
    return found


def _prose(node: HtmlElement) -> Iterator[str]:
    """Yield the text of an element, by paragraph, without links, furniture and scripts."""
    if {each.tag for each in (node, *node.iterancestors())} & FURNITURE:
        return
    etree.strip_elements(node, *FURNITURE, *SILENT, "a", with_tail=False)
    paragraphs = node.xpath("descendant-or-self::p") or [node]
    for paragraph in paragraphs:
        text = " ".join(paragraph.text_content().split())
        if len(text.split()) >= FEWEST_WORDS:
            yield text


def _is_hidden(node: HtmlElement) -> bool:
    style = _style(node)
    if node.get("hidden") is not None or GONE.search(style) or _is_outside(style):
        return True
    if not TINY.search(style) and not _is_unseen(node):
        return False
    # What is inside may be set anew, by itself or by a style sheet.
    return not node.xpath("boolean(.//*[@class or @style or @color])")


def _is_outside(style: str) -> bool:
    return bool(OUTDENTED.search(style) or (PLACED.search(style) and AWAY.search(style)))


def _style(node: HtmlElement) -> str:
    """Return the declarations without blanks, each between semicolons."""
    style = re.sub(r"/\*.*?\*/|!important|\s", "", (node.get("style") or "").lower())
    return f";{style};"


def _is_unseen(node: HtmlElement) -> bool:
    """Tell whether the letters have the colour of what is known to be behind them."""
    declared = COLOUR.search(_style(node))
    value = declared[1] if declared else (node.get("color") or "").lower()
    colour = _colour(value)
    behind = _background(node) if colour else None
    if colour is None or behind is None:
        return value == "transparent"
    return all(abs(one - other) <= NEAR for one, other in zip(colour, behind, strict=True))


def _background(node: HtmlElement) -> Colour | None:
    """Return the colour behind an element, None where a picture or a style sheet may decide."""
    for each in (node, *node.iterancestors()):
        declared = BACKGROUND.search(_style(each))
        value = declared[1] if declared else (each.get("bgcolor") or "").lower()
        if value not in ("", "transparent", "none", "inherit"):
            return _colour(value)
        if each.get("class") or each.get("id"):
            return None
    return (255, 255, 255)


def _colour(value: str) -> Colour | None:
    digits = value.removeprefix("#")
    if value.startswith("#") and len(digits) in (3, 4):
        digits = "".join(2 * digit for digit in digits)
    if re.fullmatch(r"[0-9a-f]{6}(?:[0-9a-f]{2})?", digits):
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
    numbers = RGB.fullmatch(NAMED.get(value, value))
    return (int(numbers[1]), int(numbers[2]), int(numbers[3])) if numbers else None
