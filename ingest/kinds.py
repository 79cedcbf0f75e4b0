"""Which type a file is of: by its content where that tells, by its name among kinds of text."""

import codecs
import json
import re
import struct
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import PurePosixPath

import olefile  # type: ignore[import-untyped]  # it ships no types

from ingest.readers.archive import Archive, entry_name
from ingest.readers.decode import decode

# The types that are read, each with a function of a module of `ingest.readers`. That is imported
# when the first file needs it: the libraries that read all formats take longer to import than most
# folders take to read.
READERS: Mapping[str, str] = {
    ".csv": "sheets.read_csv",
    ".docx": "docx.read",
    ".eml": "mail.read",
    ".epub": "epub.read",
    ".html": "html.read",
    ".json": "records.read",
    ".jsonl": "records.read",
    ".md": "markdown.read",
    ".msg": "outlook.read",
    ".odp": "odt.read",
    ".ods": "sheets.read",
    ".odt": "odt.read",
    ".pdf": "pdf.read",
    ".pptx": "slides.read",
    ".rtf": "rtf.read",
    ".txt": "text.read",
    ".xls": "sheets.read",
    ".xlsb": "sheets.read",
    ".xlsx": "sheets.read",
    ".zip": "archive.read",
}
SAMPLE_BYTES = 100_000
START = 4000  # characters in which a text shows what it is
BY_NAME = {
    ".csv": ".csv", ".tab": ".csv", ".tsv": ".csv",
    ".eml": ".eml", ".mht": ".eml", ".mhtml": ".eml",
    ".htm": ".html", ".html": ".html", ".shtml": ".html", ".xht": ".html", ".xhtml": ".html",
    ".geojson": ".json", ".ipynb": ".json", ".json": ".json",
    ".jsonl": ".jsonl", ".ndjson": ".jsonl",
    ".markdown": ".md", ".md": ".md", ".mdown": ".md", ".mkd": ".md",
    **dict.fromkeys(
        (".bat", ".c", ".cfg", ".conf", ".cpp", ".css", ".go", ".h", ".ini", ".java", ".js", ".php",
         ".pl", ".ps1", ".py", ".r", ".rb", ".rs", ".sh", ".sql", ".toml", ".ts", ".yaml", ".yml"),
        "a file of program code or settings",
    ),
}  # fmt: skip
TEXTUAL = {"", ".adoc", ".asc", ".log", ".rst", ".text", ".txt"}
SETTLED = {".eml", ".html", ".json", ".jsonl"}
# What each type begins with; a type that is not supported is named as a person would name it.
SIGNATURES = tuple(
    (re.compile(pattern, re.DOTALL), kind)
    for pattern, kind in (
        (rb"\s*%PDF-\d", ".pdf"),
        (rb"\s*\{\\rtf", ".rtf"),
        (rb"\x89PNG", "a PNG picture"),
        (rb"\xff\xd8\xff", "a JPEG picture"),
        (rb"GIF8[79]a", "a GIF picture"),
        (rb"BM.{4}\x00\x00", "a BMP picture"),
        (rb"II\*\x00|MM\x00\*", "a TIFF picture"),
        (rb"RIFF.{4}WEBP", "a WebP picture"),
        (rb".{4}ftyp(?:hei|hev|mif1|msf1|avi)", "a HEIC or AVIF picture"),
        (rb"8BPS\x00", "a Photoshop picture"),
        (rb"\x00\x00[\x01\x02]\x00[^\x00]", "an icon"),
        (rb"\x01\x00\x00\x00.{36} EMF|\xd7\xcd\xc6\x9a", "a Windows metafile picture"),
        (rb"AT&TFORM", "a DjVu scan"),
        (rb"ID3[\x00-\x0f]|\xff[\xfb\xf3\xf2]", "an MP3 recording"),
        (rb"RIFF.{4}WAVE|fLaC\x00|OggS\x00|MThd\x00|FORM.{4}AIF|#!AMR|\xff[\xf1\xf9]|.{4}ftypM4A",
         "a sound recording"),
        (rb".{4}ftyp|.{4}moov|\x1a\x45\xdf\xa3|RIFF.{4}AVI |FLV\x01|\x00\x00\x01[\xb3\xba]"
         rb"|\x30\x26\xb2\x75", "a video"),
        (rb"\x1f\x8b", "a GZIP archive; pack it as ZIP"),
        (rb"7z\xbc\xaf\x27\x1c", "a 7z archive; pack it as ZIP"),
        (rb"Rar!\x1a\x07", "a RAR archive; pack it as ZIP"),
        (rb".{257}ustar[\x00 ]", "a TAR archive; pack it as ZIP"),
        (rb"BZh[1-9]1AY&SY|\xfd7zXZ\x00|\x28\xb5\x2f\xfd|\x1f\x9d|MSCF\x00|xar!\x00",
         "an archive other than ZIP; pack it as ZIP"),
        (rb"MZ.{0,200}\x00|\x7fELF|\xca\xfe\xba\xbe|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe"
         rb"|\x00asm", "a program"),
        (rb"SQLite format 3\x00|\x00\x01\x00\x00Standard (?:Jet|ACE) DB|PAR1.*\x00|Obj\x01",
         "a database"),
        (rb"!BDN", "an Outlook mailbox (PST); save its mails as MSG"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript; save it as PDF"),
        (rb".{60}BOOKMOBI", "a Kindle book; save it as EPUB"),
        (rb"wOF[F2][\x00\x01Ot]|OTTO\x00|\x00\x01\x00\x00\x00", "a font"),
    )
)  # fmt: skip
LATE_PDF = re.compile(rb"%PDF-\d|\bendobj\b")
ZIP_MARKS = (b"PK\3\4", b"PK\5\6", b"PK\7\x08")
OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MIMETYPES = {
    "application/epub+zip": ".epub",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.text-template": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.spreadsheet-template": ".ods",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/vnd.oasis.opendocument.presentation-template": ".odp",
    "application/vnd.oasis.opendocument.graphics": "an OpenDocument drawing; save it as PDF",
}  # fmt: skip
CONTENT_TYPES = "[Content_Types].xml"
# What a file of Microsoft Office has inside, beside its content types.
INSIDE_OFFICE = (
    (re.compile("xl/workbook.bin"), ".xlsb"),
    (re.compile("word/"), ".docx"),
    (re.compile("xl/"), ".xlsx"),
    (re.compile("ppt/"), ".pptx"),
    (re.compile("visio/"), "a Visio drawing; save it as PDF"),
)
INSIDE_ZIP = (
    (re.compile(r"META-INF/container\.xml\Z"), ".epub"),
    (re.compile(r"(?:.*/)?Index(?:/.*\.iwa|\.zip)\Z"),
     "a Pages, Keynote or Numbers document; save it as DOCX, PPTX, XLSX or PDF"),
    (re.compile(r"AndroidManifest\.xml\Z|META-INF/MANIFEST\.MF\Z"), "a program"),
)  # fmt: skip
ZIPPED = {".docx", ".docm", ".dotx", ".epub", ".odp", ".odt", ".ott", ".ods", ".pptx", ".pptm",
          ".ppsx", ".xlsb", ".xlsx", ".xlsm"}  # fmt: skip
CANONICAL = {".docm": ".docx", ".dotx": ".docx", ".ott": ".odt", ".pptm": ".pptx",
             ".ppsx": ".pptx", ".xlsm": ".xlsx"}  # fmt: skip
INSIDE_OLE = {
    "__properties_version1.0": ".msg",
    "encryptedpackage": "an Office document with a password; save it without one",
    "worddocument": "a Word document from before 2007 (DOC); save it as DOCX",
    "workbook": ".xls",
    "book": ".xls",
    "powerpoint document": "a PowerPoint presentation from before 2007 (PPT); save it as PPTX",
    "visiodocument": "a Visio drawing; save it as PDF",
    "quill": "a Publisher document; save it as PDF",
    "hwpsummaryinformation": "a Hangul document (HWP); save it as DOCX",
}
BROKEN_OLE = (OSError, LookupError, TypeError, AttributeError, ValueError, OverflowError,
              RecursionError, struct.error)  # fmt: skip
PROLOG = r"\A\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,2000}?-->\s*){0,9}"
HTML = re.compile(rf"{PROLOG}<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
TEXTS = (
    (HTML, ".html"),
    (re.compile(rf"{PROLOG}(?:<!doctype svg[^>]*>\s*)?<svg\b", re.I | re.S), "an SVG picture"),
    (re.compile(r"\A\s*<\?xml.*progid=.Word\.Document", re.S),
     "a Word 2003 XML document; save it as DOCX"),
    (re.compile(r"\A\s*<\?xml\b", re.I), "an XML file"),
    (re.compile(r"\A\s*BEGIN:VCALENDAR"), "a calendar; save it as text"),
    (re.compile(r"\A\s*BEGIN:VCARD"), "an address card"),
)  # fmt: skip
HEADERS = re.compile(r"(?:From [^\n]*\n)?((?:[\w-]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+)")
HEADER = re.compile(r"^([\w-]+):", re.MULTILINE)
WRITTEN = {"from", "to", "subject", "date"}
SENT = {"message-id", "mime-version", "received", "return-path", "delivered-to", "content-type"}
MAILBOX = re.compile(r"\AFrom \S+ .*\d\d:\d\d.*\n\r?\nFrom \S+ [^\n]*\d\d:\d\d", re.DOTALL)


def kind_of(name: str, data: bytes) -> str:
    """Return the suffix of a file's type, as `READERS` lists them.

    Raises:
        ValueError: the type is not supported; the reason names it, and what to do if one can.
    """
    if not data:
        raise ValueError("it is empty")
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    kind = _binary(data, suffix) or _text(data, suffix)
    if kind not in READERS:
        raise ValueError(f"it is {kind}" + ("" if ";" in kind else f"; {_supported()}"))
    return kind


def _supported() -> str:
    return f"supported are {' '.join(READERS)}"


def _binary(data: bytes, suffix: str) -> str | None:
    if data.startswith(ZIP_MARKS):
        return _zipped(data, suffix)
    if data.startswith(OLE_MARK):
        return _ole(data, suffix)
    start = data[:SAMPLE_BYTES].removeprefix(codecs.BOM_UTF8)
    for signature, kind in SIGNATURES:
        if signature.match(start):
            return kind
    if suffix == ".pdf" and LATE_PDF.search(start):
        return ".pdf"
    return None


def _zipped(data: bytes, suffix: str) -> str:
    mimetype = b""
    try:
        archive = Archive(data)
        names = {entry_name(entry): entry for entry in archive.entries()}
        if "mimetype" in names:
            mimetype = archive.unpack(names["mimetype"])[:100]
    except ValueError:  # the reader says what is wrong with it
        return CANONICAL.get(suffix, suffix) if suffix in ZIPPED else ".zip"
    said = MIMETYPES.get(mimetype.decode("ascii", "replace").strip())
    if said:
        return said
    table = INSIDE_OFFICE if CONTENT_TYPES in names else INSIDE_ZIP
    inside = (kind for pattern, kind in table if any(map(pattern.match, names)))
    return next(inside, CANONICAL.get(suffix, suffix) if suffix in ZIPPED else ".zip")


def _ole(data: bytes, suffix: str) -> str:
    try:
        with olefile.OleFileIO(BytesIO(data)) as ole:
            names = {kid.name.lower() for kid in ole.root.kids}
    except BROKEN_OLE:
        names = set()
    found = (kind for name, kind in INSIDE_OLE.items() if name in names)
    if suffix == ".msg" and not names:
        return ".msg"
    return next(found, "an OLE file of an unknown program")


def _text(data: bytes, suffix: str) -> str:
    text = _sample(data)
    if text is None:
        known = suffix in ZIPPED or suffix in (".eml", ".msg", ".pdf", ".zip")
        return CANONICAL.get(suffix, suffix) if known else "of no known type"
    text = text.removeprefix("\ufeff")
    for pattern, kind in TEXTS:
        if pattern.match(text[:START]):
            return ".html" if BY_NAME.get(suffix) == ".html" else kind
    by_name = BY_NAME.get(suffix)
    if MAILBOX.match(text):
        return "a mailbox of several mails (mbox); save each as EML"
    if by_name in SETTLED:
        return by_name
    if _is_mail(text, named=bool(suffix)):
        return ".eml"
    return _json(data) or by_name or _plain(suffix)


def _plain(suffix: str) -> str:
    """Return what plain text under a name is: of another type's name, some program's own."""
    known = suffix in TEXTUAL or suffix in READERS or suffix in ZIPPED
    return ".txt" if known else f"of the unsupported type {suffix!r}"


def _sample(data: bytes) -> str | None:
    """Return how a text begins, None if the file is no text."""
    sample = data[:SAMPLE_BYTES]
    with suppress(UnicodeDecodeError):  # leaves out a character that the sample's end cuts
        sample = codecs.getincrementaldecoder("utf-8")().decode(sample).encode()
    try:
        return decode(sample)
    except ValueError:
        return None


def _is_mail(text: str, *, named: bool) -> bool:
    """Tell whether a text begins as a mail does; a memo begins alike but was never sent."""
    block = HEADERS.match(text.replace("\r\n", "\n"))
    names = {name.lower() for name in HEADER.findall(block[1])} if block else set()
    return len(names & WRITTEN) >= 2 and (bool(names & SENT) or not named)


def _json(data: bytes) -> str | None:
    """Return the type of a text that is JSON although its name does not say so."""
    start = data[:100].lstrip(codecs.BOM_UTF8 + b" \t\r\n")
    if not start.startswith((b"{", b"[")):
        return None
    try:
        text = decode(data).removeprefix("\ufeff")
        return ".json" if _holds_objects(json.loads(text)) else None
    except json.JSONDecodeError as error:
        return ".jsonl" if error.msg == "Extra data" and start.startswith(b"{") else None
    except (ValueError, RecursionError):
        return None


def _holds_objects(value: object) -> bool:
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, dict) for item in items)
