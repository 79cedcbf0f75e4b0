import shutil
from pathlib import Path

import lxml.html

from ingest.sync import sync
from rag.access import OPERATOR
from rag.index import Index
from rag.models import Encoder
from rag.selection import SeenIndex
from ui.dossier import Memory, page
from ui.filters import form


def parsed(markup: str) -> lxml.html.HtmlElement:
    return lxml.html.fragment_fromstring(markup, create_parent="div")


def texts(markup: str, path: str) -> list[str]:
    return [" ".join(each.text_content().split()) for each in parsed(markup).xpath(path)]


def test_what_changed_since_the_last_ingest_is_told(
    folder: Path, tmp_path: Path, bag_of_words: Encoder
) -> None:
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [folder])
    memory = Memory(index)
    memory.note()
    assert (
        "What changed then is not known"
        in parsed(page(SeenIndex(index, OPERATOR), memory, "en")).text_content()
    )
    (folder / "ferry.txt").write_text("The ferry sails at dusk.", encoding="utf-8")
    (folder / "museum.txt").unlink()
    (folder / "new.txt").write_text("A new lighthouse shines.", encoding="utf-8")
    sync(index, bag_of_words, [folder])
    for seen_by in (memory, Memory(index)):  # as well after a restart
        shown = page(SeenIndex(index, OPERATOR), seen_by, "fr")
        assert texts(shown, "//details/summary") == ["Ce qui a changé alors (3)"]
        assert texts(shown, "//details//li") == [
            "ajouté: new.txt", "modifié: ferry.txt", "retiré: museum.txt",
        ]  # fmt: skip
    index.close()


def test_copies_warnings_and_refusals_are_told(
    folder: Path, tmp_path: Path, bag_of_words: Encoder
) -> None:
    (folder / "again.txt").write_bytes((folder / "ferry.txt").read_bytes())
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7")
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [folder])
    shown = page(SeenIndex(index, OPERATOR), Memory(index), "en")
    rows = dict(zip(texts(shown, "//tbody//th/span"), texts(shown, "//tbody//td[5]"), strict=True))
    assert rows["ferry.txt"] == "the same text as again.txt"
    assert texts(shown, "//ul[@class='refused']/li") == ["broken.pdf: it is damaged or not a PDF"]
    index.close()


def test_a_search_looks_at_titles_kinds_languages_and_dates(
    own_index: Path, encoder: Encoder
) -> None:
    index = Index(own_index, encoder.fingerprint)
    memory = Memory(index)
    for wanted, expected in (("espagnol", 1), ("brief 2025", 3), ("SECURITY", 1), ("zzz", 0)):
        assert (
            len(texts(page(SeenIndex(index, OPERATOR), memory, "fr", wanted), "//tbody/tr"))
            == expected
        )
    index.close()


def test_a_place_that_can_not_be_written_leaves_the_change_unknown(
    own_index: Path, encoder: Encoder
) -> None:
    shutil.rmtree(own_index / "records", ignore_errors=True)
    (own_index / "records").write_text("no folder", encoding="utf-8")
    index = Index(own_index, encoder.fingerprint)
    assert (
        "is not known"
        in parsed(page(SeenIndex(index, OPERATOR), Memory(index), "en")).text_content()
    )
    index.close()


def test_the_form_offers_documents_kinds_and_languages(index: Index) -> None:
    with index.reading() as generation:
        shown = parsed(form(generation, "en"))
    offered = {
        name: len(shown.xpath(f"//input[@name='{name}']"))
        for name in ("documents", "kinds", "languages", "first", "last")
    }
    assert offered["documents"] == 14
    assert offered["languages"] == 3
    assert offered["kinds"] > 3
    assert (offered["first"], offered["last"]) == (1, 1)
