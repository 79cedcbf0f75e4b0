"""EPUB: the chapters of a book in the order in which they are read."""

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote

from lxml import etree
from lxml.etree import _Element

from ingest.readers.archive import Archive, entry_name
from ingest.readers.charsets import decode_declared
from ingest.readers.html import whole_page
from ingest.reading import Found, Part, Reading, clean, compose, first_heading, iso_date

CONTAINER, ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
CHAPTERS = {"application/xhtml+xml", "text/html", "application/xml", "text/xml"}
XML_ENCODING = re.compile(rb"\A\s*<\?xml[^>]{0,200}\bencoding=[\"']([\w.-]{2,40})")
DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")


class _Book:
    """An archive whose files are found by the paths that they have in it."""

    def __init__(self, data: bytes) -> None:
        self._archive = Archive(data)
        self._entries = {entry_name(entry): entry for entry in self._archive.entries()}

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def file(self, path: str) -> bytes:
        if path not in self._entries:
            raise ValueError(f"{path!r} is missing from it")
        try:
            return self._archive.unpack(self._entries[path])
        except ValueError as error:
            raise ValueError(f"{path!r} in it is {error}") from error

    def xml(self, path: str) -> _Element:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
        data = self.file(path)
        try:
            root = etree.fromstring(data, parser)
        except etree.XMLSyntaxError as error:
            raise ValueError(f"{path!r} in it is not XML") from error
        if root is None:
            raise ValueError(f"{path!r} in it is not XML")
        return root


def read(data: bytes) -> Reading:
    """Read the chapters of a book, without its navigation."""
    book = _Book(data)
    sealed = _sealed(book)
    package_path = _package_path(book)
    package = book.xml(package_path)
    parts: list[Part] = []
    warnings: list[str] = []
    for path in _chapters(package, posixpath.dirname(package_path)):
        if path in sealed:
            raise ValueError("it is protected against copying (DRM); get it without protection")
        try:
            parts += whole_page(_page(book.file(path)))
        except ValueError as error:
            warnings.append(f"a chapter is left out: {error}")
    reading = compose(parts, first_heading(parts) | _metadata(package))
    return Reading(
        reading.text, reading.blocks, metadata=reading.metadata, warnings=tuple(warnings)
    )


def _sealed(book: _Book) -> set[str]:
    """Return the files that are encrypted: often fonts alone, but not always."""
    if ENCRYPTION not in book:
        return set()
    return {unquote(str(uri)) for uri in _values(book.xml(ENCRYPTION), "CipherReference/@URI")}


def _package_path(book: _Book) -> str:
    if CONTAINER in book:
        for path in _values(book.xml(CONTAINER), "rootfile/@full-path"):
            return path
    raise ValueError("it is not an EPUB book: it names no package")


def _values(root: _Element, path: str) -> Iterator[str]:
    """Yield an attribute of all elements of a name, whatever their namespace."""
    name, attribute = path.split("/@")
    for element in root.iter(f"{{*}}{name}"):
        yield element.get(attribute) or ""


def _chapters(package: _Element, folder: str) -> Iterator[str]:
    items = {item.get("id"): item for item in package.iter("{*}item")}
    navigation = {
        _path(folder, reference.get("href") or "")
        for reference in package.iter("{*}reference")
        if (reference.get("type") or "").lower() in ("toc", "loi", "lot", "index")
    }
    seen: set[str] = set()
    for itemref in package.iter("{*}itemref"):
        item = items.get(itemref.get("idref"))
        if item is None or "nav" in (item.get("properties") or "").split():
            continue
        path = _path(folder, item.get("href") or "")
        kind = (item.get("media-type") or "").lower()
        if kind in CHAPTERS and path not in navigation and path not in seen:
            seen.add(path)
            yield path


def _path(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))


def _page(data: bytes) -> bytes:
    """Return a chapter as UTF-8: its encoding is declared as XML does, not as HTML does."""
    declared = XML_ENCODING.search(data[:1000])
    text = clean(decode_declared(data, declared[1].decode() if declared else ""))
    return DECLARATION.sub("", text).encode()


def _metadata(package: _Element) -> dict[str, Found]:
    dates = {
        element.get("{http://www.idpf.org/2007/opf}event") or "": _words(element)
        for element in reversed(list(package.iter("{http://purl.org/dc/elements/1.1/}date")))
    }
    said = {
        "title": _first(package, "title"),
        "published": iso_date(dates.get("publication") or dates.get("") or "") or "",
        "language": _first(package, "language"),
    }
    return {name: Found(value, "EPUB metadata") for name, value in said.items() if value}


def _first(package: _Element, name: str) -> str:
    elements = package.iter(f"{{http://purl.org/dc/elements/1.1/}}{name}")
    return next(filter(None, map(_words, elements)), "")


def _words(element: _Element) -> str:
    return " ".join((element.text or "").split())
