"""Small valid files of the types that no library at hand writes, byte by byte."""

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise

from ingest.readers import outlook
from ingest.readers.package import OLE_MARK

CONTAINER = """<?xml version="1.0"?><container version="1.0"
xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>"""


PACKAGE = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">
<dc:title>The visit</dc:title><dc:language>fr-CA</dc:language>
<dc:date opf:event="creation">2020-01-01</dc:date><dc:date>2026-03-12</dc:date></metadata>
<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="two" href="text/chapter%202.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="text/one.xhtml#start" media-type="application/xhtml+xml"/>
<item id="toc" href="toc.xhtml" media-type="application/xhtml+xml"/>
<item id="map" href="map.svg" media-type="image/svg+xml"/></manifest>
<spine><itemref idref="nav"/><itemref idref="toc"/><itemref idref="one"/><itemref idref="map"/>
<itemref idref="two"/><itemref idref="one"/><itemref idref="gone"/></spine>
<guide><reference type="toc" href="toc.xhtml#top"/></guide></package>"""


def page(body: str) -> str:
    return f"""<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Title</title></head>
<body>{body}</body></html>"""


EPUB_FILES: dict[str, str | bytes] = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "OEBPS/book.opf": PACKAGE,
    "OEBPS/nav.xhtml": page("<p>Contents</p>"),
    "OEBPS/toc.xhtml": page("<p>Chapter one ..... 3</p>"),
    "OEBPS/map.svg": "<svg><text>River</text></svg>",
    "OEBPS/text/one.xhtml": page(
        "<h1>One</h1><p>They met.<a id='x'/></p><aside><p>A note.</p></aside>"
    ),
    "OEBPS/text/chapter 2.xhtml": page("<h1>Two</h1><ul><li>trade</li></ul>"),
}


def book(**changes: str | bytes | None) -> bytes:
    """Return a book with the last parts of its paths named as keywords, dots as underscores."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for path, data in EPUB_FILES.items():
            content = changes.get(path.rsplit("/", 1)[-1].replace(".", "_"), data)
            if content is not None:
                packed.writestr(path, content)
        if "encryption" in changes:
            packed.writestr("META-INF/encryption.xml", changes["encryption"] or "")
    return stream.getvalue()


ODF_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{path}:1.0"'
    for name, path in {
        "draw": "drawing", "office": "office", "presentation": "presentation", "style": "style",
        "table": "table", "text": "text",
    }.items()
)  # fmt: skip


def odf_content(body: str, *, styles: str = "", kind: str = "text") -> str:
    return (
        f"<office:document-odf_content {ODF_NAMES}><office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}>"
        "</office:body></office:document-odf_content>"
    )


Folder = Mapping[str, "bytes | Folder"]


END, FREE, NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF


SECTOR, MINI = 512, 64


def ole_bytes(root: Folder) -> bytes:
    entries: list[list[object]] = []
    minis = b""
    mini_fat: list[int] = []

    def add(name: str, content: "bytes | Folder") -> int:
        nonlocal minis
        number = len(entries)
        entry: list[object] = [name, 2, NONE, NONE, END, 0]  # name type right child start size
        entries.append(entry)
        if isinstance(content, bytes):
            if content:
                entry[4], entry[5] = len(minis) // MINI, len(content)
                sectors = -(-len(content) // MINI)
                first = len(mini_fat)
                mini_fat.extend([*range(first + 1, first + sectors), END])
                minis += content.ljust(sectors * MINI, b"\0")
        else:
            entry[1], entry[4] = (5 if name == "Root Entry" else 1), 0
            children = [add(child, inside) for child, inside in content.items()]
            entry[3] = children[0] if children else NONE
            for left, right in pairwise(children):
                entries[left][2] = right
        return number

    add("Root Entry", root)
    directory = b"".join(
        struct.pack(
            "<64sHBBIII36xIQ", str(name).encode("utf-16-le"), 2 * len(str(name)) + 2, kind, 1,
            NONE, right, child, start, size,
        )
        for name, kind, right, child, start, size in entries
    )  # fmt: skip
    contents = [directory, struct.pack(f"<{len(mini_fat)}I", *mini_fat), minis]
    fat, starts, body = [], [], b""
    for content in contents:
        sectors = -(-len(content) // SECTOR)
        starts.append(len(fat) if sectors else END)
        fat += [*range(len(fat) + 1, len(fat) + sectors), END] if sectors else []
        body += content.ljust(sectors * SECTOR, b"\xff" if content is contents[1] else b"\0")
    fat_sectors = 1 + len(fat) // 120
    fat_start = len(fat)
    fat += [0xFFFFFFFD] * fat_sectors
    root_entry = struct.pack("<IQ", starts[2], len(minis))
    body = body[:116] + root_entry + body[128:]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack(
        "<16xHHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, fat_sectors, starts[0], 0, 4096,
        starts[1], -(-len(contents[1]) // SECTOR), END, 0,
    )  # fmt: skip
    places = [*range(fat_start, fat_start + fat_sectors)] + [FREE] * (109 - fat_sectors)
    fat += [FREE] * (fat_sectors * 128 - len(fat))
    return header + struct.pack("<109I", *places) + body + struct.pack(f"<{len(fat)}I", *fat)


def string(tag: int, text: str) -> dict[str, bytes]:
    return {f"__substg1.0_{tag:04X}001F": text.encode("utf-16-le")}


def numbers(header_bytes: int, values: Mapping[int, int]) -> dict[str, bytes]:
    rows = (struct.pack("<HHIQ", 3, tag, 6, value) for tag, value in values.items())
    return {"__properties_version1.0": bytes(header_bytes) + b"".join(rows)}


def moment(day: int, hour: int, minute: int = 0) -> int:
    """Return a time in March 2026 as Outlook counts."""
    since = datetime(2026, 3, day, hour, minute, tzinfo=UTC) - outlook.EPOCH
    return int(since.total_seconds()) * 10**7


def message(*, embedded: bool = False, more: Folder | None = None) -> dict[str, "bytes | Folder"]:
    sent = {0x0039: moment(12, 9, 30)}
    return {
        **numbers(24 if embedded else 32, sent),
        **string(0x001A, "IPM.Note"),
        **string(0x0037, "Réunion"),
        **string(0x0C1A, "Zoé Bee"),
        **string(0x0C1F, "/O=EXCHANGE/CN=ZBEE"),
        **string(0x5D01, "zoe@example.org"),
        **string(0x1000, "They met.\r\n\r\nThey left.\r\n"),
        "__recip_version1.0_#00000000": {
            **numbers(8, {0x0C15: 1}), **string(0x3001, "Bob"), **string(0x39FE, "b@example.org"),
        },
        "__recip_version1.0_#00000001": {
            **numbers(8, {0x0C15: 2}), **string(0x3001, "c@example.org"),
            **string(0x3003, "c@example.org"),
        },
        **(more or {}),
    }  # fmt: skip


def attachment(number: int, **content: "bytes | Folder") -> dict[str, "bytes | Folder"]:
    return {f"__attach_version1.0_#{number:08X}": content}


Cell = tuple[int, int, str | float]


def record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def xls(cells: Iterable[Cell], *, state: int = 0) -> bytes:
    """Return a workbook of one sheet in the format of Excel 97."""

    def written(row: int, column: int, value: str | float) -> bytes:
        place = struct.pack("<HHH", row, column, 0)
        if isinstance(value, str):
            return record(0x204, place + struct.pack("<HB", len(value), 0) + value.encode())
        return record(0x203, place + struct.pack("<d", value))

    start = [record(0x809, struct.pack("<HHHHII", 0x600, kind, 0, 0, 0, 6)) for kind in (5, 16)]
    name, end = b"Trade", record(10)
    at = len(start[0]) + 4 + 8 + len(name) + len(end)
    listed = record(0x85, struct.pack("<IBBBB", at, state, 0, len(name), 0) + name)
    body = b"".join(written(*each) for each in cells)
    return ole(start[0] + listed + end + start[1] + body + end)


def ole(stream: bytes) -> bytes:
    """Return a compound file whose only stream is a workbook."""
    free, last = 0xFFFFFFFF, 0xFFFFFFFE
    stream = stream.ljust(4096, b"\0")
    count = len(stream) // 512
    table = [0xFFFFFFFD, last, *range(3, count + 2), last]
    table += [free] * (128 - len(table))

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        words = name.encode("utf-16-le") + b"\0\0"
        head = struct.pack("<64sHBBIII", words, len(words), kind, 1, free, free, child)
        return head + bytes(36) + struct.pack("<IQ", start, size)

    folder = entry("Root Entry", 5, 1, last, 0) + entry("Workbook", 2, free, 2, len(stream))
    head = OLE_MARK + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<10I", 0, 1, 1, 0, 4096, last, 0, last, 0, 0)
    head += struct.pack("<108I", *[free] * 108)
    return head + struct.pack("<128I", *table) + folder.ljust(512, b"\0") + stream


TRADE: list[Cell] = [(0, 0, "Year"), (0, 1, "Trade"), (1, 0, 2019.0), (1, 1, 46.400000000000006)]


def piece(kind: int, body: bytes = b"") -> bytes:
    return (
        bytes([kind & 0x7F | 0x80, kind >> 7] if kind > 127 else [kind]) + bytes([len(body)]) + body
    )


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb(cells: Iterable[Cell], *, apart: int = 1) -> dict[str, bytes]:
    """Return the files of a workbook of one sheet in the binary format of Excel 2007."""

    def written(row: int, column: int, value: str | float) -> bytes:
        start = piece(0, struct.pack("<IIHHBI", row * apart, 0, 300, 0, 0, 0))
        place = struct.pack("<II", column * apart, 0)
        if isinstance(value, str):
            return start + piece(6, place + wide(value))
        return start + piece(5, place + struct.pack("<d", value))

    listed = piece(156, struct.pack("<II", 0, 1) + wide("1") + wide("Trade"))
    body = b"".join(written(*each) for each in cells)
    size = piece(148, struct.pack("<4I", 0, apart, 0, apart))
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    related = f'<x><Relationship Id="1" Type="{kinds}/%s" Target="%s"/></x>'.encode()
    return {
        "_rels/.rels": related % (b"officeDocument", b"xl/workbook.bin"),
        "xl/_rels/workbook.bin.rels": related % (b"worksheet", b"worksheets/sheet1.bin"),
        "xl/workbook.bin": piece(131) + piece(143) + listed + piece(144) + piece(132),
        "xl/worksheets/sheet1.bin": b"".join(
            [piece(129), size, piece(145), body, piece(146), piece(130)]
        ),
    }


PDF = b"""%PDF-1.4
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Count 1 /Kids [3 0 R] >> endobj
3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R
/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >> endobj
4 0 obj << /Length 39 >> stream
BT /F1 11 Tf 72 700 Td (They met.) Tj ET
endstream endobj
trailer << /Root 1 0 R /Size 5 >>"""
