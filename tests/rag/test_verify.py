from dataclasses import replace

import pytest

from rag.errors import IndexDamagedError
from rag.types import Citation, Document, Span
from rag.verify import check

TEXT = "The ferry sails. The ferry sails. It sails at dawn."
DOCUMENT = Document(title="Ferry", uri="ferry.txt", text=TEXT, blocks=())
CITATION = Citation(
    1, DOCUMENT.id, "Ferry", "ferry.txt", None, None, Span(17, 33), "The ferry sails."
)


def test_a_citation_that_is_exact_is_given_back() -> None:
    assert check(CITATION, DOCUMENT) is CITATION


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"span": Span(16, 33)}, id="starts-one-early"),
        pytest.param({"span": Span(18, 33)}, id="starts-one-late"),
        pytest.param({"span": Span(17, 32)}, id="ends-one-early"),
        pytest.param({"span": Span(17, 34)}, id="ends-one-late"),
        pytest.param({"quote": "The ferry sails!"}, id="one-character"),
        pytest.param({"quote": "the ferry sails."}, id="case"),
        pytest.param({"quote": "The  ferry sails."}, id="space"),
        pytest.param({"span": Span(90, 106)}, id="after-the-end"),
        pytest.param({"span": Span(17, 17), "quote": ""}, id="empty"),
    ],
)
def test_a_citation_that_is_off_by_a_character_is_an_error(changed: dict[str, object]) -> None:
    citation = replace(CITATION, **changed)  # type: ignore[arg-type]  # a table of fields
    with pytest.raises(IndexDamagedError, match=rf"{citation.span.start}:{citation.span.end}"):
        check(citation, DOCUMENT)


def test_a_citation_of_no_document_is_an_error() -> None:
    with pytest.raises(IndexDamagedError, match=r"'ferry\.txt'; run python -m ingest"):
        check(CITATION, None)
