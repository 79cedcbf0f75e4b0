import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.kinds import READERS, kind_of

MAIL = b"Received: from a\r\nFrom: a@b.c\r\nSubject: x\r\nDate: y\r\n\r\nHi.\r\n"
MEMO = b"From: The Minister\nTo: Staff\nSubject: The visit\n\nThey met.\n"
OLE_START = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def zip_bytes(*names: str, mimetype: str = "") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        if mimetype:
            packed.writestr("mimetype", mimetype)
        for name in names:
            packed.writestr(name, b"x")
    return stream.getvalue()


def ole_bytes(*names: str) -> bytes:
    """Return an OLE file with empty streams of those names."""
    entries = [("Root Entry", 5, 0xFFFFFFFF, 1 if names else 0xFFFFFFFF)]
    last = len(names)
    entries += [
        (name, 2, number + 1 if number < last else 0xFFFFFFFF, 0xFFFFFFFF)
        for number, name in enumerate(names, 1)
    ]
    directory = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0")
        + (2 * len(name) + 2).to_bytes(2, "little") + bytes([kind, 1]) + b"\xff" * 4
        + right.to_bytes(4, "little") + child.to_bytes(4, "little") + bytes(36)
        + b"\xfe\xff\xff\xff" + bytes(8)
        for name, kind, right, child in entries
    )  # fmt: skip
    sectors = -(-len(directory) // 512)
    words = [0x3E | 3 << 16, 0xFFFE | 9 << 16, 6, 0, 0, 1, sectors, 0, 4096, 0xFFFFFFFE, 0,
             0xFFFFFFFE, 0, 0]  # fmt: skip
    words[5:7] = [0, 1]
    fat = [*range(2, sectors + 1), 0xFFFFFFFE]
    fat = [0xFFFFFFFD, *fat]
    header = OLE_START + bytes(16) + b"".join(
        word.to_bytes(4, "little")
        for word in (0x0003003E, 0x0009FFFE, 6, 0, 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0,
                     0, *[0xFFFFFFFF] * 108)
    )  # fmt: skip
    table = b"".join(word.to_bytes(4, "little") for word in fat).ljust(512, b"\xff")
    return header + table + directory.ljust(sectors * 512, b"\0")


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        pytest.param("a.txt", b"They met.", ".txt", id="text"),
        pytest.param("a.text", b"They met.", ".txt", id="text-by-another-name"),
        pytest.param("README", b"They met.", ".txt", id="no-suffix"),
        pytest.param("a.MD", b"# They met.", ".md", id="upper-case"),
        pytest.param("a.markdown", b"# They met.", ".md", id="markdown"),
        pytest.param("day 1/a.htm", b"<p>They met.", ".html", id="html"),
        pytest.param("a.tsv", b"a\tb\n", ".csv", id="table"),
        pytest.param("a.ndjson", b'{"a": 1}\n', ".jsonl", id="json-lines"),
        pytest.param("a.json", b"{", ".json", id="damaged-json"),
        pytest.param("a.eml", b"Nothing of a mail", ".eml", id="mail"),
        pytest.param("a.eml", b"From: a\n\nx\0y", ".eml", id="mail-with-nul"),
        pytest.param("a.txt", "They met à Québec.".encode("cp1252"), ".txt", id="cp1252"),
        pytest.param("a.txt", "They met.".encode("utf-16"), ".txt", id="utf-16"),
        pytest.param("a.txt", "é".encode() * 60_000, ".txt", id="long"),
        pytest.param("a.txt", "aé".encode() * 40_000, ".txt", id="long-cut-in-a-character"),
    ],
)  # fmt: skip
def test_the_name_decides_among_kinds_of_text(name: str, data: bytes, kind: str) -> None:
    assert kind_of(name, data) == kind


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        pytest.param("a.txt", b"%PDF-1.7\n", ".pdf", id="pdf"),
        pytest.param("a.docx", b"\xef\xbb\xbf%PDF-1.7\n", ".pdf", id="pdf-named-docx"),
        pytest.param("a.pdf", b"junk before\n%PDF-1.7\n", ".pdf", id="pdf-after-junk"),
        pytest.param("a.pdf", b"1 0 obj\n<<>>\nendobj\n", ".pdf", id="pdf-without-its-mark"),
        pytest.param("a.txt", b"{\\rtf1 x}", ".rtf", id="rtf"),
        pytest.param("a.doc", b"{\\rtf1 x}", ".rtf", id="rtf-named-doc"),
        pytest.param("a.pdf", b"<!DOCTYPE html><p>Not found", ".html", id="html-named-pdf"),
        pytest.param("a.xls", b"\n <html><table>", ".html", id="html-named-xls"),
        pytest.param("a.xml", b"<?xml version='1.0'?>\n<!-- x -->\n<!DOCTYPE html PUBLIC 'x'>",
                     ".html", id="xhtml"),
        pytest.param("a.html", b"<?xml version='1.0'?><div>They met.</div>", ".html",
                     id="html-with-xml-declaration"),
        pytest.param("a.txt", MAIL, ".eml", id="mail"),
        pytest.param("note", MEMO, ".eml", id="mail-without-a-name"),
        pytest.param("a.txt", MEMO, ".txt", id="memo"),
        pytest.param("a.txt", b'{"text": "They met."}', ".json", id="json"),
        pytest.param("a.md", b'[{"text": "They met."}]', ".json", id="json-list"),
        pytest.param("a.txt", b'{"a": 1}\n{"a": 2}\n', ".jsonl", id="json-lines"),
        pytest.param("a.txt", b"[1]", ".txt", id="a-mark-in-brackets"),
        pytest.param("a.txt", b"{They met.}", ".txt", id="braces"),
        pytest.param("a.txt", b"[" * 100_000, ".txt", id="brackets-without-end"),
        pytest.param("a.docx", b"They met.", ".txt", id="text-named-docx"),
        pytest.param("a.zip", zip_bytes("[Content_Types].xml", "word/document.xml"), ".docx",
                     id="docx"),
        pytest.param("a", zip_bytes("[Content_Types].xml", "xl/workbook.xml"), ".xlsx", id="xlsx"),
        pytest.param("a", zip_bytes("[Content_Types].xml", "ppt/presentation.xml"), ".pptx",
                     id="pptx"),
        pytest.param("a", zip_bytes("[Content_Types].xml", "xl/workbook.bin"), ".xlsb", id="xlsb"),
        pytest.param("a", ole_bytes("Workbook"), ".xls", id="xls"),
        pytest.param("a", zip_bytes(mimetype="application/vnd.oasis.opendocument.presentation"),
                     ".odp", id="odp"),
        pytest.param("a.zip", zip_bytes("word/report.docx", "xl/table.xlsx"), ".zip",
                     id="folders-of-those-names"),
        pytest.param("a", zip_bytes(mimetype="application/vnd.oasis.opendocument.text"), ".odt",
                     id="odt"),
        pytest.param("a", zip_bytes(mimetype="application/vnd.oasis.opendocument.spreadsheet\n"),
                     ".ods", id="ods"),
        pytest.param("a.odt", zip_bytes("content.xml"), ".odt", id="odt-without-its-mark"),
        pytest.param("a", zip_bytes(mimetype="application/epub+zip"), ".epub", id="epub"),
        pytest.param("a", zip_bytes("META-INF/container.xml"), ".epub", id="epub-without-its-mark"),
        pytest.param("a.docx", b"PK\3\4 cut short", ".docx", id="damaged-docx"),
        pytest.param("a.docm", b"PK\3\4 cut short", ".docx", id="damaged-docm"),
        pytest.param("a", b"PK\3\4 cut short", ".zip", id="damaged-zip"),
        pytest.param("a.txt", ole_bytes("x", "__properties_version1.0"), ".msg", id="msg"),
        pytest.param("a.msg", OLE_START + b"cut short", ".msg", id="damaged-msg"),
        pytest.param("a.docx", b"\1\2\3\4", ".docx", id="garbage-named-docx"),
    ],
)  # fmt: skip
def test_the_content_decides_where_it_tells(name: str, data: bytes, kind: str) -> None:
    assert kind_of(name, data) == kind


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "it is a PNG picture; supported are .csv", id="png"),
        pytest.param(b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG picture", id="jpeg"),
        pytest.param(b"GIF89a", "a GIF picture", id="gif"),
        pytest.param(b"BM\x36\0\0\0\0\0\0\0", "a BMP picture", id="bmp"),
        pytest.param(b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP picture", id="webp"),
        pytest.param(b"\0\0\0\x18ftypheic", "a HEIC or AVIF picture", id="heic"),
        pytest.param(b"<svg xmlns='x'><text>x</text></svg>", "an SVG picture", id="svg"),
        pytest.param(b"ID3\x04\0\0", "an MP3 recording", id="mp3"),
        pytest.param(b"RIFF\x24\0\0\0WAVEfmt ", "a sound recording", id="wav"),
        pytest.param(b"\0\0\0\x18ftypM4A ", "a sound recording", id="m4a"),
        pytest.param(b"\0\0\0\x18ftypmp42", "a video", id="mp4"),
        pytest.param(b"\x1a\x45\xdf\xa3", "a video", id="mkv"),
        pytest.param(b"\x1f\x8b\x08", "a GZIP archive; pack it as ZIP", id="gzip"),
        pytest.param(b"7z\xbc\xaf\x27\x1c", "a 7z archive; pack it as ZIP", id="7z"),
        pytest.param(b"Rar!\x1a\x07\1\0", "a RAR archive; pack it as ZIP", id="rar"),
        pytest.param(b"a.txt".ljust(257, b"\0") + b"ustar\x0000", "a TAR archive", id="tar"),
        pytest.param(b"MZ\x90\0\3", "a program", id="exe"),
        pytest.param(b"\x7fELF\2", "a program", id="elf"),
        pytest.param(zip_bytes("META-INF/MANIFEST.MF"), "a program", id="jar"),
        pytest.param(b"SQLite format 3\0", "a database", id="sqlite"),
        pytest.param(b"\0\1\0\0Standard ACE DB", "a database", id="access"),
        pytest.param(b"!BDN", r"an Outlook mailbox \(PST\)", id="pst"),
        pytest.param(b"From a Mon Mar 2 10:00:00 2026\nA: b\n\nx\n\nFrom b Mon Mar 2 10:01 2026\n",
                     r"a mailbox of several mails \(mbox\)", id="mbox"),
        pytest.param(b"%!PS-Adobe", "PostScript; save it as PDF", id="postscript"),
        pytest.param(b"<?xml version='1.0'?><feed/>", "an XML file", id="xml"),
        pytest.param(b"BEGIN:VCALENDAR\r\n", "a calendar", id="calendar"),
        pytest.param(ole_bytes("WordDocument"), r"\(DOC\); save it as DOCX\Z", id="doc"),
        pytest.param(ole_bytes("PowerPoint Document"), r"\(PPT\); save it as PPTX\Z", id="ppt"),
        pytest.param(ole_bytes("EncryptionInfo", "EncryptedPackage"),
                     "an Office document with a password; save it without one", id="password"),
        pytest.param(ole_bytes("Other"), "an OLE file of an unknown program", id="ole"),
        pytest.param(OLE_START + b"cut short", "an OLE file of an unknown program", id="cut-ole"),
        pytest.param(zip_bytes("Index/Document.iwa"), "a Pages, Keynote or Numbers", id="pages"),
        pytest.param(b"\1\2\3\4\5", "of no known type; supported are", id="garbage"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        kind_of("file.bin", data)


def test_plain_text_of_an_unknown_type_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match=r"it is of the unsupported type '\.xyz'; supported are"):
        kind_of("minutes.xyz", b"They met.")


def test_program_code_is_known_by_its_name() -> None:
    with pytest.raises(ValueError, match="it is a file of program code or settings"):
        kind_of("sync.py", b"import os\n")


@pytest.mark.parametrize(
    "text",
    ["BMW met the minister.", "MZ is short for Mozambique.", "OTTO von Bismarck", "ID3 is a tag.",
     "PAR1 is a file.", "Rar! he said.", "GIF89 is old.", "RIFF-RAFF", "OggS", "fLaC", "FORM 12"],
)  # fmt: skip
def test_a_text_that_begins_like_a_signature_is_a_text(text: str) -> None:
    assert kind_of("a.txt", text.encode()) == ".txt"


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["a", "a.txt", "a.docx", "a.msg", "a.eml", "a.json", "a.pdf"]),
    st.sampled_from([
        b"", b"%PDF-", b"PK\3\4", OLE_START, MAIL, b"{", b'{"a": 1}\n{', b"<?xml ", b"<html",
        zip_bytes("[Content_Types].xml", "word/document.xml"), ole_bytes("WordDocument"),
    ]),
    st.data(),
)  # fmt: skip
def test_any_bytes_are_of_a_supported_type_or_refused(
    name: str, seed: bytes, data: st.DataObject
) -> None:
    source = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(source)))
        end = start + data.draw(st.integers(0, 4))
        source[start:end] = data.draw(st.binary(max_size=40))
    with suppress(ValueError):
        assert kind_of(name, bytes(source)) in READERS
