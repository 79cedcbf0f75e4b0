from dataclasses import replace
from datetime import date

import pytest

from rag.errors import IndexDamagedError
from rag.models import Encoder
from rag.types import Chunk, Citation, Document, Sentence, Source, Span
from rag.verify import Verifier, check

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


def source(text: str, language: str = "en", published: date | None = None) -> Source:
    spans, at = [], 0
    for part in text.split(" | "):
        spans.append(Span(at, at + len(part)))
        at += len(part) + 1
    whole = text.replace(" | ", " ")
    sentences = tuple(Sentence("d", span, span.of(whole)) for span in spans)
    return Source(Chunk("d", Span(0, len(whole)), whole, "", "", language, sentences), published)


@pytest.fixture(scope="module")
def verifier(encoder: Encoder) -> Verifier:
    return Verifier(encoder)


TRADE = (
    "Ottawa puts two-way trade with Mexico at nearly $56 billion in 2024. | "
    "Direct investment in Mexico stands at US$46.4 billion, said Ana Ruiz. | "
    "The ministers are expected to sign an agreement on 18 September 2025. | "
    "“It’s a new start for both ports,” Ana Ruiz said. | "
    "Bo Lind did not promise a ferry."
)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        pytest.param("Trade came to nearly $56 billion in 2024, Ottawa says. [1]", "", id="true"),
        pytest.param("Trade came to nearly $56 billion in 2024, Ottawa says.", "cites", id="none"),
        pytest.param("Trade came to nearly $56 billion in 2024. [2]", "no evidence", id="range"),
        pytest.param("Trade came to nearly $65 billion in 2024. [1]", "65", id="number"),
        pytest.param("Trade came to nearly $56 million in 2024. [1]", "56", id="scale"),
        pytest.param("Trade came to nearly €56 billion in 2024. [1]", "€56", id="currency"),
        pytest.param("Trade came to $56 billion in 2024. [1]", "exactly", id="bound"),
        pytest.param("Trade came to nearly $56 billion in 2023. [1]", "2023", id="year"),
        pytest.param("Investment stands at $46.4 billion, said Ana Ruiz. [1]", "46", id="dollars"),
        pytest.param("The ministers will sign on 18 September 2025. [1]", "surely", id="hedge"),
        pytest.param("Ana Ruiz spoke of “a new start for both ports”. [1]", "", id="quoted"),
        pytest.param("Ana Ruiz spoke of “a new start for all ports”. [1]", "quote", id="wording"),
        pytest.param("Ana Ruiz spoke of “a new start for both ports. [1]", "closed", id="open"),
        pytest.param("Bo Lind promised a ferry. [1]", "denies", id="denied"),
        pytest.param("Bo Lind did not promise a ferry. [1]", "", id="denial"),
        pytest.param("Cy Abo did not promise a ferry. [1]", "Cy", id="name"),
    ],
)
def test_a_sentence_is_judged_by_what_it_cites(
    verifier: Verifier, written: str, reason: str
) -> None:
    verdict = verifier.judge(written, [source(TRADE)])
    assert reason in verdict.reason
    assert verdict.supported == (not reason)
