"""HTML: the article of a page without the furniture around it."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import trafilatura
from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from ingest import boilerplate, lint
from ingest.readers.decode import decode
from ingest.readers.hidden import take_hidden
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
# What pages call the element that holds the article; some tear the article over several.
BODY = re.compile(r"(?:article|story|post|entry|body)[-_]*(?:body|content|text)", re.IGNORECASE)
TORN = (  # but not the teasers of other articles, whose titles are links
    "(//article | //main)//*[self::div or self::section][@class][.//p]"
    "[not(ancestor::aside or ancestor::li or ancestor::a or .//h2/a or .//h3/a)]"
)
POST_SHOWN = re.compile(r"\bpostid-(\d+)")  # how WordPress marks which post a page is about
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
    source, page = _page(data)
    metadata = _metadata(page)
    hidden = [text for text in take_hidden(page) if not boilerplate.is_site(text)]
    article = _article(page)
    site = boilerplate.flags(article)
    parts = [part for part, dropped in zip(article, site, strict=True) if not dropped]
    words = "\n".join(part.text for part in parts)  # with what the page wrote as entities
    found = (*lint.unseen_characters(source), *lint.hidden(hidden), *lint.findings(words))
    reading = compose(parts, first_heading(parts) | metadata)
    return replace(reading, warnings=tuple(dict.fromkeys(found)))


def whole_page(data: bytes) -> list[Part]:
    """Return all that a page shows: a mail or a chapter has no article to be found in it.

    Raises:
        ValueError: the bytes are not HTML.
    """
    _, page = _page(data)
    take_hidden(page)
    _drop(page, UNSEEN)
    return list(_parts(page))


def _page(data: bytes) -> tuple[str, HtmlElement]:
    """Return the source of a page, decoded, and its tree."""
    charset = CHARSET.search(data[:HEAD_BYTES])
    source = decode(data, declared=charset[1].decode() if charset else "")
    try:
        return source, document_fromstring(
            clean(source).encode(), parser=HTMLParser(encoding="utf-8", huge_tree=False)
        )
    except etree.ParserError as error:
        raise ValueError("it is not HTML") from error


def _article(page: HtmlElement) -> list[Part]:
    _mend(page)
    # With the links, trafilatura can tell a list of them from a paragraph.
    found = trafilatura.bare_extraction(
        page, include_comments=False, with_metadata=False, include_links=True
    )
    body = getattr(found, "body", None)
    article = list(_parts(body)) if body is not None else []
    if len(article) > 1 and _length(article) >= SHORTEST_ARTICLE:
        return article
    # Of a short page trafilatura makes one lump, furniture and all; of a long one it knows best.
    _drop(page, FURNITURE)
    whole = list(_parts(page))
    return whole if not article or _length(whole) < SHORT_PAGE else article


def _mend(page: HtmlElement) -> None:
    """Undo what trafilatura loses words of an article by, or takes another article for it by."""
    etree.strip_elements(page, etree.Comment, "script", "style", with_tail=False)
    etree.strip_attributes(page, "aria-hidden")  # it hides from screen readers only
    _drop_other_posts(page)
    _join_bodies(page)
    for quote in page.iter("blockquote"):
        _show_quote(quote)


def _drop_other_posts(page: HtmlElement) -> None:
    """Drop the posts that a WordPress page of one post shows below it."""
    body = page.find("body")
    shown = POST_SHOWN.search(body.get("class", "")) if body is not None else None
    here = f"article[@id='post-{shown[1]}']" if shown else ""
    if here and page.xpath(f"//{here}"):
        _drop(page, f"//article[starts-with(@id, 'post-')][not(descendant-or-self::{here})]")


def _join_bodies(page: HtmlElement) -> None:
    """Move an article that is torn over several elements of one class into the first of them."""
    bodies: dict[tuple[HtmlElement, str], list[HtmlElement]] = {}
    for node in page.xpath(TORN):
        name = node.get("class")
        if BODY.search(name) and all(name != each.get("class") for each in node.iterancestors()):
            bodies.setdefault((next(node.iterancestors("article", "main")), name), []).append(node)
    for (article, _), (first, *others) in bodies.items():
        if others and len(article.findall(".//h1")) < 2:  # else a list of articles
            for node in others:
                first.extend(list(node))


def _show_quote(quote: HtmlElement) -> None:
    """Take the links out of a quote, and the marks of an embedded post off what holds it alone."""
    etree.strip_tags(quote, "a")
    size = len(quote.text_content())
    for node in quote.iterancestors("div", "section", "figure"):
        if len(node) > 3 or len(node.text_content()) > 1.2 * size + 20:
            break  # it holds more than the quote and its script
        for name in ("class", "id"):
            node.attrib.pop(name, None)


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
        if name in metadata or not value.strip():
            continue  # to parse a date takes longer than all the rest
        words = iso_date(value) if name == "published" else " ".join(value.split())
        if words:
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
