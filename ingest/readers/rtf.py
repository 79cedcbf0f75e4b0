"""RTF: its paragraphs, tables and notes, without pictures, objects and hidden text."""

import codecs
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import date
from operator import attrgetter

from ingest.readers.tables import as_note, table_parts
from ingest.reading import Found, Part, Reading, compose, first_heading
from rag.types import BlockKind

MARK = b"{\\rtf"
TOKEN = re.compile(
    rb"\\(?P<word>[A-Za-z]{1,32})(?P<number>-?\d{1,9})? ?|(?P<hex>(?:\\'[0-9A-Fa-f]{2})+)"
    rb"|\\(?P<symbol>.)|(?P<brace>[{}])|[\r\n]+|(?P<text>[^\\{}\r\n]+)",
    re.DOTALL,
)
DEEPEST = 1_000  # groups inside groups
MOST_TOKENS = 3_000_000  # the marks and runs of text of a book are a tenth of that
LONGEST_NAME = 1_000  # characters of a title or a style's name
LONGEST_HEADING = 100
ENDS = (".", ",", ";", ":", "!", "?", "…")
HEADING_STYLE = re.compile(r"(?:heading|title|subtitle|titre|título|überschrift)\b", re.IGNORECASE)
# Groups whose text is not the document's; so are all that begin with \* and are not named here.
MARGINS = {f"{name}{pages}" for name in ("footer", "header") for pages in ("", "f", "l", "r")}
SKIPPED = MARGINS | {
    "aftncn", "aftnsep", "aftnsepc", "annotation", "colortbl", "filetbl", "ftncn", "ftnsep",
    "ftnsepc", "listtext", "nonesttables", "nonshppict", "objclass", "objname", "pict", "pn",
    "pntext", "pntxta", "pntxtb", "revtbl", "rxe", "shprslt", "tc", "template", "txe", "xe",
}  # fmt: skip
VEILED = {"do", "shpinst", "upr"}  # not the document's, but for groups inside
UNVEILED = {"dptxbxtext", "shptxt", "ud"}
ASIDES = {"dptxbxtext", "footnote", "shptxt"}
TARGETS = {"fonttbl", "info", "stylesheet"}
INFO = {"creatim", "title"}
LIST_MARKS = {"listtext", "pntext"}
CHARACTERS = {
    "bullet": "•", "column": " ", "emdash": "—", "emspace": " ", "endash": "–", "enspace": " ",
    "ldblquote": "“", "line": " ", "lquote": "‘", "nestcell": " ", "page": " ", "qmspace": " ",
    "rdblquote": "”", "rquote": "’", "tab": " ",
}  # fmt: skip
SYMBOLS = {"~": " ", "_": "-", "\\": "\\", "{": "{", "}": "}"}
CODE_PAGES = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
CHARSETS = {
    0: "cp1252", 77: "mac_roman", 78: "shift_jis", 79: "big5", 80: "euc_kr", 83: "mac_greek",
    84: "mac_cyrillic", 85: "gb2312", 89: "mac_latin2", 128: "cp932", 129: "cp949", 130: "johab",
    134: "gbk", 136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255",
    178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437",
    255: "cp850",
}  # fmt: skip


@dataclass(slots=True)
class _State:
    """What holds from here to the end of a group.

    Attributes:
        target: what the text belongs to, "" for the document itself.
        veiled: the text is not the document's, but that of a group inside may be.
        aside: the group is a note or a text box, which ends with it.
        fallbacks: how many characters after one in Unicode say the same for old programs.
    """

    target: str = ""
    skipped: bool = False
    veiled: bool = False
    aside: bool = False
    fallbacks: int = 1
    font: int = -1
    hidden: bool = False
    deleted: bool = False
    bold: bool = False
    style: int = 0
    outlined: bool = False
    listed: bool = False
    in_table: bool = False

    def inner(self) -> "_State":
        """Return what holds at the beginning of a group inside."""
        inner = _State(*VALUES(self))
        inner.aside = False
        return inner

    @property
    def is_shown(self) -> bool:
        """Tell whether text that stands here is part of the document."""
        return not (self.target or self.skipped or self.veiled or self.hidden or self.deleted)


VALUES = attrgetter(*(each.name for each in fields(_State)))  # far quicker than copy()


@dataclass(slots=True)
class _Flow:
    """The paragraphs of the document, of a note or of a text box, while they are being read."""

    parts: list[Part] = field(default_factory=list)
    asides: list[Part] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    cell: list[str] = field(default_factory=list)
    row: list[str] = field(default_factory=list)
    table: list[list[str]] = field(default_factory=list)
    plain: bool = False  # some of the paragraph's letters are not bold
    listed: bool = False
    marked: bool = False  # the first row of the table is repeated on each page

    def take(self) -> str:
        """Return the paragraph, and begin another."""
        text = "".join(self.words).encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
        self.words = []
        return " ".join(text.split())

    def end_paragraph(self, kind: BlockKind) -> None:
        """Put the paragraph after the table that it ends."""
        self.end_table()
        text = self.take()
        bold, self.plain, self.listed = not self.plain, False, False
        short = 3 < len(text) <= LONGEST_HEADING and not text.endswith(ENDS)
        if kind == "paragraph" and short and (bold or text.isupper()):
            kind = "heading"
        self.parts += [Part(text, kind), *self.asides]
        self.asides = []

    def end_cell(self) -> None:
        """Put what was read since the last cell into a cell of its own."""
        self.row.append(" ".join(filter(None, [*self.cell, self.take()])))
        self.cell = []

    def end_row(self) -> None:
        """Put the cells into the table."""
        if self.cell or self.words:
            self.end_cell()
        self.table += [self.row] if self.row else []
        self.row = []

    def end_table(self) -> None:
        """Put the rows of the table among the parts, with the notes in them."""
        if self.cell or self.row or self.table:
            words, self.words = self.words, []
            self.end_row()
            self.parts += [*table_parts(self.table, marked=self.marked or None), *self.asides]
            self.words, self.table, self.asides, self.marked = words, [], [], False


def read(data: bytes) -> Reading:
    """Read what a person sees of the body, without comments; without any, headers and footers."""
    data = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not data.startswith(MARK):
        raise ValueError("it is damaged or is not RTF")
    reading = _reading(data, SKIPPED)
    return reading if reading.blocks else _reading(data, SKIPPED - MARGINS)


def _reading(data: bytes, skipped: set[str]) -> Reading:
    parser = _Parser(skipped)
    parser.feed(data)
    parts = parser.parts()
    return compose(parts, first_heading(parts) | dict(parser.metadata()))


class _Parser:
    """Takes the tokens one after the other; groups are a stack, so that none is too deep."""

    def __init__(self, skipped: set[str]) -> None:
        self.skipped = skipped
        self.state = _State()
        self.stack: list[_State] = []
        self.flows = [_Flow()]
        self.starred = False
        self.fallbacks = 0  # characters still to pass over
        self.code_page = "cp1252"
        self.fonts: dict[int, str] = {}
        self.raw = bytearray()
        self.title = ""
        self.style_names: defaultdict[int, str] = defaultdict(str)
        self.outlined: set[int] = set()
        self.created: dict[str, int] = {}

    def feed(self, data: bytes) -> None:
        """Read to the end of the outermost group; what follows is none of the document's."""
        at = count = 0
        while match := TOKEN.match(data, at):
            at, count = match.end(), count + 1
            if count > MOST_TOKENS:
                raise ValueError(f"it is made of more than {MOST_TOKENS} marks")
            if match["word"] == b"bin":  # raw bytes, among which anything may look like a token
                at += max(0, int(match["number"] or 0))
            elif match["text"] or match["hex"]:
                self._bytes(
                    match["text"] or bytes.fromhex(match["hex"].decode().replace("\\'", ""))
                )
            else:
                self._flush()
                self._control(match)
            if not self.stack:
                break
        self._flush()

    def parts(self) -> list[Part]:
        """Return all that was read, also when the groups have no end."""
        while len(self.flows) > 1:
            self._end_aside()
        flow = self.flows[0]
        flow.end_paragraph(self._kind(flow))
        return flow.parts

    def metadata(self) -> Iterator[tuple[str, Found]]:
        """Yield what the file says of itself."""
        title = " ".join(self.title.split())
        if title:
            yield "title", Found(title, "RTF properties")
        try:
            day = date(*(self.created.get(each, 0) for each in ("yr", "mo", "dy")))
        except ValueError:
            return
        yield "published", Found(day.isoformat(), "RTF properties")

    def _control(self, match: re.Match[bytes]) -> None:
        if match["brace"] == b"{":
            self._open()
        elif match["brace"] == b"}":
            self._close()
        elif match["word"]:
            number = match["number"]
            self._word(match["word"].decode(), int(number) if number else None)
            self.starred = False
        elif match["symbol"]:
            self._symbol(match["symbol"].decode("latin-1"))

    def _open(self) -> None:
        if len(self.stack) >= DEEPEST:
            raise ValueError("it is nested too deeply")
        self.stack.append(self.state)
        self.state = self.state.inner()
        self.fallbacks, self.starred = 0, False

    def _close(self) -> None:
        self.fallbacks, self.starred = 0, False
        if self.state.aside and len(self.flows) > 1:
            self._end_aside()
        self.state = self.stack.pop()

    def _end_aside(self) -> None:
        flow = self.flows.pop()
        flow.end_paragraph("paragraph")
        self.flows[-1].asides += map(as_note, flow.parts)

    def _symbol(self, symbol: str) -> None:
        self.fallbacks = 0
        self.starred = symbol == "*"
        if symbol in "\r\n":
            self._word("par", None)
        elif symbol in SYMBOLS:
            self._add(SYMBOLS[symbol])

    def _bytes(self, data: bytes) -> None:
        """Keep bytes until all of a character in a wide encoding are there."""
        passed = min(self.fallbacks, len(data))
        self.fallbacks -= passed
        self.raw += data[passed:]

    def _flush(self) -> None:
        if self.raw:
            encoding = self.fonts.get(self.state.font, self.code_page)
            self._add(self.raw.decode(encoding, "replace"))
            self.raw.clear()

    def _add(self, text: str) -> None:
        if self.state.is_shown:
            flow = self.flows[-1]
            flow.words.append(text)
            flow.plain |= not self.state.bold and bool(text.strip())
        elif self.state.target == "stylesheet" and not self.state.skipped:
            name = self.style_names[self.state.style]
            self.style_names[self.state.style] = (name + text)[:LONGEST_NAME]
        elif self.state.target == "title" and not self.state.skipped:
            self.title = (self.title + text)[:LONGEST_NAME]

    def _word(self, word: str, number: int | None) -> None:
        self.fallbacks = 0
        if word in CHARACTERS:
            self._add(CHARACTERS[word])
        elif word == "u":
            self._add(chr((number or 0) & 0xFFFF))
            self.fallbacks = self.state.fallbacks
        elif not (
            self._begin(word)
            or self._set_character(word, number)
            or self._set_paragraph(word, number)
            or self._set_document(word, number)
        ):
            self._end(word)
            self.state.skipped |= self.starred

    def _begin(self, word: str) -> bool:
        """Begin a group of the kind that the word names, if it names one."""
        state = self.state
        if word in LIST_MARKS and state.is_shown:
            self.flows[-1].listed = True
        if word in self.skipped:
            state.skipped = True
        elif word in VEILED:
            state.veiled = True
        elif word in TARGETS or (word in INFO and state.target == "info"):
            state.target = word
        elif word not in UNVEILED | ASIDES:
            return False
        if word in UNVEILED:
            state.veiled = False
        if word in ASIDES and state.is_shown:
            self.flows.append(_Flow())
            state.aside = True
            self._reset_paragraph()
        return True

    def _set_character(self, word: str, number: int | None) -> bool:
        """Change how letters look, or how they are written down."""
        state, on = self.state, number != 0
        match word:
            case "b":
                state.bold = on
            case "v":
                state.hidden = on
            case "deleted":
                state.deleted = on
            case "plain":
                state.bold = state.hidden = state.deleted = False
            case "f":
                state.font = number or 0
            case "uc":
                state.fallbacks = max(0, number or 0)
            case _:
                return False
        return True

    def _set_paragraph(self, word: str, number: int | None) -> bool:
        """Change what kind of a paragraph this is."""
        state = self.state
        match word:
            case "pard":
                self._reset_paragraph()
            case "s":
                state.style = number or 0
            case "outlinelevel":
                state.outlined = number is not None and number < 9
                if state.outlined and state.target == "stylesheet":
                    self.outlined.add(state.style)
            case "ls":
                state.listed = bool(number)
            case "intbl":
                state.in_table = True
            case "trhdr" if state.is_shown and not self.flows[-1].table:
                self.flows[-1].marked = True
            case _:
                return False
        return True

    def _reset_paragraph(self) -> None:
        self.state.style, self.state.outlined = 0, False
        self.state.listed, self.state.in_table = False, False

    def _set_document(self, word: str, number: int | None) -> bool:
        """Change what holds for the whole document: encodings, and the day it was made."""
        if word in CODE_PAGES:
            self.code_page = CODE_PAGES[word]
        elif word == "ansicpg":
            self.code_page = _known(f"cp{number}") or self.code_page
        elif word == "fcharset" and self.state.target == "fonttbl":
            self.fonts[self.state.font] = CHARSETS.get(number or 0, self.code_page)
        elif self.state.target == "creatim" and number is not None:
            self.created[word] = number
        else:
            return False
        return True

    def _end(self, word: str) -> None:
        """End a paragraph, a cell or a row."""
        flow = self.flows[-1]
        if not self.state.is_shown:
            return
        match word:
            case "par" | "sect" if self.state.in_table:
                flow.cell.append(flow.take())
            case "par" | "sect":
                flow.end_paragraph(self._kind(flow))
            case "cell":
                flow.end_cell()
            case "row":
                flow.end_row()

    def _kind(self, flow: _Flow) -> BlockKind:
        style = self.state.style
        named = HEADING_STYLE.match(self.style_names[style].strip())
        if self.state.outlined or named or style in self.outlined:
            return "heading"
        return "item" if flow.listed or self.state.listed else "paragraph"


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return ""
