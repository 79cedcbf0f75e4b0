"""HTML: the article of a page without the furniture around it."""

import logging
import re
from collections.abc import Iterator, Mapping

import trafilatura
from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from ingest.readers.decode import decode
from ingest.reading import Found, Part, Reading, clean, compose, first_heading, iso_date, row_text
from rag.types import BlockKind

SHORTEST_ARTICLE = 250  # characters; below, trafilatura takes the page for one without an article
SHORT_PAGE = 1500
HEAD_BYTES = 100_000  # where a page says how it is encoded
CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?([\w-]{2,40})", re.IGNORECASE)
FURNITURE = (
    "//nav|//footer|//aside|//form|//script|//style|//noscript|//template|//dialog|//button"
    "|//select|//svg|//iframe|//head|//header[not(ancestor::article or ancestor::main)]"
)
UNSEEN = "//script|//style|//template|//svg|//head|//title|//nav"
HIDDEN = (
    "//body//*[@hidden or contains(translate(@style, ' ', ''), 'display:none')"
    " or contains(translate(@style, ' ', ''), 'visibility:hidden')]"
)
# Names of HTML, and those of trafilatura's own format: head, quote, list, item, cell, lb.
BLOCKS: Mapping[BlockKind, str] = {
    "heading": "h1 h2 h3 h4 h5 h6 head",
    "item": "li dt dd item",
    "row": "datarow",
    "paragraph": "p div section article main header ul ol dl list pre blockquote quote figure"
    " figcaption address tr td th cell hr",
}
KINDS = {name: kind for kind, names in BLOCKS.items() for name in names.split()}
TIME = "(//article | //main | //body)[1]//time[not(ancestor::aside)]/@datetime"
META_KEYS = ("property", "name", "itemprop", "http-equiv")
META = {
    "title": ("og:title", "dc.title", "dcterms.title", "twitter:title"),
    "published": (
        "article:published_time", "og:published_time", "date", "dc.date", "dc.date.issued",
        "dcterms.date", "dcterms.issued", "datepublished", "publication_date", "pubdate",
    ),
    "language": ("language", "dc.language", "dcterms.language", "content-language"),
    "kind": ("kind", "dc.type", "dcterms.type"),
}  # fmt: skip
DATE_PUBLISHED = re.compile(r'"datePublished"\s*:\s*"([^"]{4,40})"')
BREAK = "\0"  # stands for <br> until the block is cut, for decoded text holds none
TWO_BREAKS = re.compile(f"{BREAK}\\s*{BREAK}")
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it warns of pages with little text


def read(data: bytes) -> Reading:
    """Read the headings, paragraphs, lists, quotes and tables of a page's article."""
    page = _page(data)
    metadata = _metadata(page)
    _drop(page, HIDDEN)
    parts = _article(page)
    return compose(parts, first_heading(parts) | metadata)


def whole_page(data: bytes) -> list[Part]:
    """Return all that a page shows: a mail or a chapter has no article to be found in it.

    Raises:
        ValueError: the bytes are not HTML.
    """
    page = _page(data)
    _drop(page, HIDDEN)
    _drop(page, UNSEEN)
    return list(_parts(page))


def _page(data: bytes) -> HtmlElement:
    charset = CHARSET.search(data[:HEAD_BYTES])
    text = clean(decode(data, declared=charset[1].decode() if charset else ""))
    try:
        return document_fromstring(
            text.encode(), parser=HTMLParser(encoding="utf-8", huge_tree=False)
        )
    except etree.ParserError as error:
        raise ValueError("it is not HTML") from error


def _article(page: HtmlElement) -> list[Part]:
    found = trafilatura.bare_extraction(page, include_comments=False, with_metadata=False)
    body = getattr(found, "body", None)
    article = list(_parts(body)) if body is not None else []
    if len(article) > 1 and _length(article) >= SHORTEST_ARTICLE:
        return article
    # Of a short page trafilatura makes one lump, furniture and all; of a long one it knows best.
    _drop(page, FURNITURE)
    whole = list(_parts(page))
    return whole if not article or _length(whole) < SHORT_PAGE else article


def _length(parts: list[Part]) -> int:
    return sum(len(part.text) for part in parts)


def _drop(page: HtmlElement, xpath: str) -> None:
    for node in page.xpath(xpath):
        if node.getparent() is not None:
            node.drop_tree()


def _parts(root: HtmlElement) -> Iterator[Part]:
    """Cut a tree where blocks begin and end; without recursion, for pages nest deeply."""
    for table in list(root.iter("table")):
        _flatten(table)
    kinds: list[BlockKind] = ["paragraph"]
    words: list[str] = []
    for event, node in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        kind = KINDS.get(node.tag)
        if kind:
            yield from _cut(words, kinds[-1])
            words = []
        if kind and event == "start":
            kinds.append(kinds[-1] if kind == "paragraph" else kind)
        elif kind:
            kinds.pop()
        elif event == "start" and node.tag in ("br", "lb"):
            words.append(BREAK)
        if event == "start" or node is not root:
            words.append((node.text if event == "start" else node.tail) or "")
    yield from _cut(words, kinds[-1])


def _cut(words: list[str], kind: BlockKind) -> Iterator[Part]:
    for text in TWO_BREAKS.split("".join(words)):
        if text.strip():
            yield Part(text.replace(BREAK, " "), kind)


def _flatten(table: HtmlElement) -> None:
    """Turn each row of a table of data into one element of text; leave a table of layout alone."""
    rows = [(row, list(row.iter("td", "th", "cell"))) for row in table.iter("tr", "row")]
    if max((len(cells) for _, cells in rows), default=0) < 2 or table.find(".//table") is not None:
        return
    headers: list[str] = []
    for row, cells in rows:
        named = [cell.tag == "th" or cell.get("role") == "head" for cell in cells]
        texts = [" ".join(part.text for part in _parts(cell)) for cell in cells]
        tail = row.tail
        row.clear()
        row.tag, row.tail = "datarow", tail
        if all(named) and not headers:
            headers = texts
        elif not headers and len(cells) == 2 and named[0]:
            row.text = clean(row_text(texts[1:], texts[:1]))
        else:
            row.text = clean(row_text(texts, headers))


def _metadata(page: HtmlElement) -> dict[str, Found]:
    metadata: dict[str, Found] = {}
    for name, value, origin in _candidates(page):
        words = iso_date(value) if name == "published" else " ".join(value.split())
        if words and name not in metadata:
            metadata[name] = Found(words, origin)
    return metadata


def _candidates(page: HtmlElement) -> Iterator[tuple[str, str, str]]:
    """Yield (field, value, origin), the most trustworthy first."""
    yield "language", page.get("lang") or "", "HTML lang"
    metas = _metas(page)
    for name, keys in META.items():
        for key in keys:
            yield name, metas.get(key, ""), "HTML meta"
    for script in page.xpath("//script[@type='application/ld+json']/text()"):
        for value in DATE_PUBLISHED.findall(script):
            yield "published", value, "JSON-LD"
    for value in page.xpath(TIME)[:1]:
        yield "published", value, "HTML time"
    titles = page.xpath("//h1")
    if len(titles) == 1:
        yield "title", titles[0].text_content(), "first heading"
    for title in page.xpath("//title/text()")[:1]:
        yield "title", title, "HTML title"


def _metas(page: HtmlElement) -> dict[str, str]:
    metas: dict[str, str] = {}
    for node in page.iter("meta"):
        key = next((node.get(each) for each in META_KEYS if node.get(each)), "")
        metas.setdefault(key.lower(), node.get("content") or "")
    return metas
