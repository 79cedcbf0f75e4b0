import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest

from ingest.readers import docx, odt, package, sheets, slides
from ingest.readers.package import parse_xml, properties, repack, unpack
from ingest.reading import Found, Reading


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def lying(content: bytes, declared: int) -> bytes:
    """Return a package whose only file unpacks to more than its headers say."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packed.compress(content) + packed.flush()
    crc, name = zlib.crc32(content[:declared]), b"content.xml"
    sizes = struct.pack("<HIIIHH", 0, crc, len(body), declared, len(name), 0)
    local = b"PK\x03\x04" + struct.pack("<HHHH", 20, 0, 8, 0) + sizes + name + body
    central = b"PK\x01\x02" + struct.pack("<HHHHH", 20, 20, 0, 8, 0) + sizes
    central += struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + b"PK\x05\x06" + end


def test_a_package_gives_its_xml_and_only_names_the_rest() -> None:
    data = zipped({"a.xml": b"<a/>", "b.RELS": b"<b/>", "c.png": b"picture"})
    assert unpack(data, what="x") == {"a.xml": b"<a/>", "b.RELS": b"<b/>", "c.png": b""}


def test_a_package_is_the_same_after_packing_it_again() -> None:
    files = {"a.xml": b"<a/>", "folder/b.xml": b"<b/>"}
    assert unpack(repack(files).getvalue(), what="x") == files


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(docx.read, id="docx"),
        pytest.param(odt.read, id="odt"),
        pytest.param(sheets.read, id="sheets"),
        pytest.param(slides.read, id="slides"),
    ],
)
def test_a_package_that_says_it_unpacks_without_end_is_refused(
    read: Callable[[bytes], Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(ValueError, match="unpacks to more than 1000 bytes"):
        read(zipped({"a.xml": bytes(600), "b.xml": bytes(600)}))


def test_a_file_is_unpacked_no_further_than_it_says() -> None:
    data = lying(b"<a/>" + b" " * 50_000_000, declared=4)
    assert len(data) < 100_000
    assert unpack(data, what="x") == {"content.xml": b"<a/>"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "it is damaged or is not a song", id="empty"),
        pytest.param(b"PK\x03\x04 and so on", "it is damaged or is not a song", id="no-zip"),
        pytest.param(zipped({"a.xml": b"<a/>" * 99})[:-30], "it is damaged or", id="cut"),
        pytest.param(
            zipped({"a.xml": b"<a/>"}, zipfile.ZIP_BZIP2), "do not know", id="other-compression"
        ),
        pytest.param(package.OLE_MARK + bytes(99), "in the format of before 2007", id="old"),
        pytest.param(
            package.OLE_MARK + package.ENCRYPTED_STREAM, "it is encrypted", id="encrypted-file"
        ),
        pytest.param(
            zipped({"a.xml": b"<a/>"}).replace(b"PK\x01\x02\x14\x03\x14\x00\x00",
                                               b"PK\x01\x02\x14\x03\x14\x00\x01"),
            "it is encrypted", id="encrypted-entry",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_unpacked_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        unpack(data, what="a song")


LAUGHS = '<!ENTITY l0 "ha">' + "".join(
    f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 10)
)


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param('"ha"', id="text"),
        pytest.param('"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"', id="endless"),
        pytest.param('SYSTEM "file:///etc/passwd"', id="file"),
    ],
)
def test_a_package_that_declares_entities_is_refused(declared: str) -> None:
    xml = f"<!DOCTYPE a [<!ENTITY b {declared}>]><a>&b;</a>".encode()
    with pytest.raises(ValueError, match="declares entities"):
        unpack(zipped({"a.xml": xml}), what="x")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"<a>", id="no-end"),
        pytest.param(b"", id="empty"),
        pytest.param(b"<a>" * 300 + b"</a>" * 300, id="deep"),
        pytest.param(f'<!DOCTYPE a [{LAUGHS}]><a b="&l9;"/>'.encode(), id="billion-laughs"),
    ],
)
def test_xml_that_breaks_rules_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="it holds XML that is damaged"):
        parse_xml(data)


def test_xml_names_files_that_are_never_read() -> None:
    root = parse_xml(b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>')
    assert root.xpath("string()") == ""


def test_xml_is_read_without_its_comments_and_may_name_its_document_type() -> None:
    root = parse_xml(b'<!DOCTYPE a SYSTEM "Manifest.dtd"><a><!-- no -->b<?no no?></a>')
    assert root.xpath("string()") == "b"
    assert len(root) == 0


CORE = b"""<p xmlns:d="dc"><d:title> The
 visit</d:title><d:created>%s</d:created><d:language>fr-CA</d:language></p>"""


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        pytest.param(b"2026-03-12T09:30:00Z", "2026-03-12", id="made"),
        pytest.param(b"2006-09-16T00:00:00Z", None, id="template"),
        pytest.param(b"soon", None, id="no-day"),
    ],
)
def test_properties_give_the_metadata(day: bytes, expected: str | None) -> None:
    found = properties({"core.xml": CORE % day}, "core.xml", origin="here")
    assert found.pop("published", None) == (Found(expected, "here") if expected else None)
    assert found == {"title": Found("The visit", "here"), "language": Found("fr-CA", "here")}


def test_properties_that_are_missing_or_damaged_say_nothing() -> None:
    assert properties({}, "core.xml", origin="here") == {}
    assert properties({"core.xml": b"<p>"}, "core.xml", origin="here") == {}
