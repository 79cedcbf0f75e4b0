"""The zip file that an office document is: unpacked and parsed within limits."""

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from io import BytesIO

from lxml import etree

from ingest.reading import Found

MAX_UNPACKED_BYTES = 60_000_000  # of XML, which takes up to forty times as much once parsed
OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack without bound
XML = (".xml", ".rels")
ENTITY = b"<!ENTITY"  # no office format has any, and words after one would be lost
ENCRYPTED_ENTRY = 0x1
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, OSError,
              OverflowError, RuntimeError, UnicodeError, ValueError)  # fmt: skip
PROPERTIES = {
    "title": ("title",),
    "published": ("created", "creation-date"),
    "language": ("language",),
    "kind": ("category",),
}
# The days on which the templates of Excel, PowerPoint, python-pptx and python-docx were made.
TEMPLATE_DAYS = {
    "1996-10-14", "1996-12-17", "2006-08-16", "2006-09-16", "2013-01-27", "2013-12-23",
    "2015-06-05",
}  # fmt: skip

Files = Mapping[str, bytes]


def unpack(
    data: bytes, *, what: str, suffixes: tuple[str, ...] = XML, spared: tuple[str, ...] = ()
) -> dict[str, bytes]:
    """Return the files of a package by name; those of other suffixes, such as pictures, empty.

    A damaged file in a folder that is `spared` is empty too, and does not hurt the others.

    Raises:
        ValueError: it is encrypted, damaged, declares entities, or unpacks to too much.
    """
    if data.startswith(OLE_MARK):
        encrypted = ENCRYPTED_STREAM in data
        raise ValueError("it is encrypted" if encrypted else "it is in the format of before 2007")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            wanted = [each for each in entries if each.filename.lower().endswith(suffixes)]
            problem = _problem(wanted)
            files = {each.filename: b"" for each in entries}
            if not problem:
                files |= {each.filename: _content(archive, each, spared) for each in wanted}
    except BROKEN_ZIP as error:
        raise ValueError(damaged(what)) from error
    if problem:
        raise ValueError(problem)
    if any(ENTITY in content for name, content in files.items() if name.lower().endswith(XML)):
        raise ValueError("it holds XML that declares entities")
    return files


def damaged(what: str) -> str:
    """Return the reason for refusing a file that breaks the rules of its format."""
    return f"it is damaged or is not {what}"


def left_out(count: int, what: str) -> str:
    """Return the warning that some of what a document has is not in its text.

    >>> left_out(1, "hidden slide")
    '1 hidden slide was left out'
    """
    return f"{count} {what} was left out" if count == 1 else f"{count} {what}s were left out"


def repack(files: Files) -> BytesIO:
    """Return files as a package again, stored as they are, so that opening it is safe."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    stream.seek(0)
    return stream


def _problem(entries: Iterable[zipfile.ZipInfo]) -> str:
    if any(each.flag_bits & ENCRYPTED_ENTRY for each in entries):
        return "it is encrypted"
    if any(each.compress_type not in METHODS for each in entries):
        return "it is compressed in a way that office formats do not know"
    if sum(each.file_size for each in entries) > MAX_UNPACKED_BYTES:
        return f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes"
    return ""


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, spared: tuple[str, ...]) -> bytes:
    """Return a file as large as it says it is; ZipFile.read() would unpack all that is there."""
    try:
        with archive.open(entry) as file:
            return file.read(entry.file_size)
    except BROKEN_ZIP:
        if entry.filename.startswith(spared):
            return b""
        raise


def parse_xml(data: bytes) -> etree._Element:
    """Return the root of an XML file without comments; nothing is fetched or expanded.

    Raises:
        ValueError: it is not XML.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError("it holds XML that is damaged") from error


def local_name(element: etree._Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def properties(files: Files, name: str, *, origin: str) -> dict[str, Found]:
    """Return what a file of properties, in the words of Dublin Core, says of the document."""
    if name not in files:
        return {}
    try:
        root = parse_xml(files[name])
    except ValueError:  # the text can be read all the same
        return {}
    values: dict[str, str] = {}
    for element in root.iter():
        values.setdefault(local_name(element), " ".join((element.text or "").split()))
    return dict(_found(values, origin))


def _found(values: Mapping[str, str], origin: str) -> Iterator[tuple[str, Found]]:
    for name, keys in PROPERTIES.items():
        value = next((values[key] for key in keys if values.get(key)), "")
        if name == "published":
            value = "" if value[:10] in TEMPLATE_DAYS or not _is_day(value[:10]) else value[:10]
        if value:
            yield name, Found(value, origin)


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False
