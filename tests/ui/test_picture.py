from pathlib import Path

import pypdfium2
import pytest

from rag.index import Index
from rag.types import Span
from ui.original import original
from ui.picture import draw
from ui.source import address, view

PASSAGE = "The leaders of Canada, Mexico and the United States last held a North American summit"


@pytest.fixture(scope="module")
def pdf(request: pytest.FixtureRequest) -> bytes:
    return (Path(request.config.rootpath) / "seeds" / "05-north-american-pact.pdf").read_bytes()


def letters_in(pdf: bytes, page: int, spot: object) -> str:
    """Return the text of the page within a spot, as pdfium itself reads it there."""
    with pypdfium2.PdfDocument(pdf) as document:
        sheet = document[page - 1]
        width, height = sheet.get_size()
        left, top = spot.left * width, (1 - spot.top) * height
        right, bottom = left + spot.width * width, top - spot.height * height
        return str(sheet.get_textpage().get_text_bounded(left, bottom, right, top))


def test_a_passage_is_marked_where_it_stands(pdf: bytes) -> None:
    picture = draw(pdf, 3, PASSAGE)
    assert picture
    assert picture.width > 1000
    words = " ".join(letters_in(pdf, 3, spot) for spot in picture.spots)
    assert words.split() == PASSAGE.split()


def test_the_second_of_two_equal_passages_is_marked(pdf: bytes) -> None:
    first, second = draw(pdf, 3, "summit", 0), draw(pdf, 3, "summit", 1)
    assert first
    assert second
    assert first.spots[0].top < second.spots[0].top


@pytest.mark.parametrize(
    ("page", "data"),
    [
        pytest.param(99, None, id="no-such-page"),
        pytest.param(1, b"%PDF-1.7 damaged", id="damaged"),
        pytest.param(1, b"", id="empty"),
    ],
)
def test_a_page_that_can_not_be_drawn_is_none(pdf: bytes, page: int, data: bytes | None) -> None:
    assert draw(pdf if data is None else data, page, PASSAGE) is None


@pytest.fixture
def found(index: Index) -> tuple[str, Span]:
    """Return the address of the passage."""
    with index.reading() as generation:
        (document,) = [each for each in generation.documents() if each.uri.endswith(".pdf")]
    start = document.text.index(PASSAGE)
    return document.id, Span(start, start + len(PASSAGE))


def test_the_viewer_shows_the_page_with_the_passage(index: Index, found: tuple[str, Span]) -> None:
    shown = view(index, address(*found), drawn=True)
    assert 'alt="Page 3 of The North American' in shown.replace("&#32;", " ")
    assert shown.count('class="spot"') == 2
    assert "<img" not in view(index, address(*found))


def test_the_file_of_a_document_is_found_where_it_was_ingested(index: Index, pdf: bytes) -> None:
    with index.reading() as generation:
        by_uri = {each.uri: each for each in generation.documents()}
        assert original(generation, by_uri["05-north-american-pact.pdf"]) == pdf


def test_a_changed_removed_or_outlying_file_is_not_shown(
    tmp_path: Path, seeds: Path, encoder: object
) -> None:
    from ingest.sync import sync

    folder, outside = tmp_path / "documents", tmp_path / "outside.pdf"
    folder.mkdir()
    file = folder / "pact.pdf"
    file.write_bytes((seeds / "05-north-american-pact.pdf").read_bytes())
    index = Index(tmp_path / "index", encoder.fingerprint)
    sync(index, encoder, [folder])
    with index.reading() as generation:
        (document,) = generation.documents()
        start = document.text.index(PASSAGE)
        link = address(document.id, Span(start, start + len(PASSAGE)))
        assert original(generation, document) == file.read_bytes()
        file.rename(outside)
        assert original(generation, document) is None
        file.symlink_to(outside)
        assert original(generation, document) is None
        file.unlink()
        file.write_bytes(outside.read_bytes() + b"\n")
        assert original(generation, document) is None
    shown = view(index, link, drawn=True)
    assert "The file was changed or moved" in shown
    assert PASSAGE.split()[1] in shown
    index.close()
