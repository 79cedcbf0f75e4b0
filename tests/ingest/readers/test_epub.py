import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers import epub
from ingest.reading import Found, Reading
from tests.ingest.builders import EPUB_FILES, PACKAGE, book, page


def blocks(reading: Reading) -> list[tuple[str, str]]:
    return [(block.kind, block.span.of(reading.text)) for block in reading.blocks]


def test_a_book_is_its_chapters_in_reading_order_without_navigation() -> None:
    reading = epub.read(book())
    assert blocks(reading) == [
        ("heading", "One"),
        ("paragraph", "They met."),
        ("paragraph", "A note."),
        ("heading", "Two"),
        ("item", "trade"),
    ]
    assert (reading.members, reading.warnings) == ((), ())


def test_a_book_says_its_title_language_and_date() -> None:
    assert epub.read(book()).metadata == {
        "title": Found("The visit", "EPUB metadata"),
        "published": Found("2026-03-12", "EPUB metadata"),
        "language": Found("fr-CA", "EPUB metadata"),
    }


@pytest.mark.parametrize(
    ("dates", "published"),
    [
        pytest.param("<dc:date>2026</dc:date>", None, id="year-alone"),
        pytest.param('<dc:date opf:event="creation">2020-01-01</dc:date>', None, id="creation"),
        pytest.param(
            '<dc:date>2020-01-01</dc:date><dc:date opf:event="publication">2026-03-12</dc:date>',
            Found("2026-03-12", "EPUB metadata"),
            id="publication",
        ),
    ],
)
def test_only_the_whole_date_of_publication_counts(dates: str, published: Found | None) -> None:
    start, end = PACKAGE.index("<dc:date"), PACKAGE.index("</metadata>")
    package = PACKAGE[:start] + dates + PACKAGE[end:]
    assert epub.read(book(book_opf=package)).metadata.get("published") == published


def test_a_book_without_a_title_takes_its_first_heading() -> None:
    package = PACKAGE.replace("The visit", " ")
    assert epub.read(book(book_opf=package)).metadata["title"] == Found("One", "first heading")


def test_a_chapter_is_decoded_as_its_xml_declares() -> None:
    chapter = page("<p>Rząd przyjął księgę.</p>").replace("utf-8", "iso-8859-2")
    reading = epub.read(book(one_xhtml=chapter.encode("iso-8859-2")))
    assert ("paragraph", "Rząd przyjął księgę.") in blocks(reading)


def test_a_chapter_that_is_missing_is_a_warning() -> None:
    reading = epub.read(book(one_xhtml=None))
    assert blocks(reading) == [("heading", "Two"), ("item", "trade")]
    assert reading.warnings == ("a chapter is left out: 'OEBPS/text/one.xhtml' is missing from it",)


def test_a_chapter_that_is_a_bomb_is_a_warning() -> None:
    stream = io.BytesIO(book(one_xhtml=None))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("OEBPS/text/one.xhtml", b" " * 30_000_000)
    assert epub.read(stream.getvalue()).warnings == (
        "a chapter is left out: 'OEBPS/text/one.xhtml' in it is too large when unpacked",
    )


def encrypted(path: str) -> str:
    return f"""<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"
    xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData><enc:CipherData>
    <enc:CipherReference URI="{path}"/></enc:CipherData></enc:EncryptedData></encryption>"""


def test_a_book_with_protected_chapters_is_refused_but_not_one_with_protected_fonts() -> None:
    assert len(epub.read(book(encryption=encrypted("OEBPS/font.otf"))).blocks) == 5
    with pytest.raises(ValueError, match="protected against copying"):
        epub.read(book(encryption=encrypted("OEBPS/text/chapter%202.xhtml")))


def test_entities_are_not_followed() -> None:
    package = PACKAGE.replace(
        "<package", '<!DOCTYPE x [<!ENTITY leak SYSTEM "file:///etc/passwd">]><package', 1
    ).replace("The visit", "A &leak; b")
    title = epub.read(book(book_opf=package)).metadata["title"].value
    assert "root:" not in title


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"They met.", "damaged or is not a ZIP", id="no-archive"),
        pytest.param(book(container_xml=None), "names no package", id="no-container"),
        pytest.param(book(container_xml="<x/>"), "names no package", id="empty-container"),
        pytest.param(book(book_opf=None), "'OEBPS/book.opf' is missing", id="no-package"),
        pytest.param(book(book_opf=""), "'OEBPS/book.opf' in it is not XML", id="empty-package"),
    ],
)
def test_what_is_no_book_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        epub.read(data)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_book_is_read_or_refused(data: st.DataObject) -> None:
    name, path = data.draw(st.sampled_from([
        ("container_xml", "META-INF/container.xml"), ("book_opf", "OEBPS/book.opf"),
        ("one_xhtml", "OEBPS/text/one.xhtml"),
    ]))  # fmt: skip
    content = bytearray(str(EPUB_FILES[path]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = start + data.draw(st.integers(0, 8))
        content[start:end] = data.draw(st.binary(max_size=6) | st.sampled_from([b"<", b"&x;"]))
    with suppress(ValueError):
        epub.read(book(**{name: bytes(content)}))
