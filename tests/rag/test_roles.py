import pytest

from rag.claims import read
from rag.models import Encoder
from rag.roles import roles
from rag.types import Chunk, Sentence, Source, Span
from rag.verify import Verifier


@pytest.fixture(scope="module")
def verifier(encoder: Encoder) -> Verifier:
    return Verifier(encoder)


def source(text: str, language: str = "en") -> Source:
    span = Span(0, len(text))
    chunk = Chunk("d", span, text, "", "", language, (Sentence("d", span, text),))
    return Source(chunk, None)


def ties(text: str, name: str) -> set[tuple[str, str]]:
    """Return how each word is tied to a name of one word."""
    claim = read(text, "en")
    names = [[each] for each in claim.names]
    [role] = [each for each in roles(claim, names) if each.text == name]
    return {(tie.link, head.text) for tie in role.ties for head, _ in tie.heads}


@pytest.mark.parametrize(
    ("text", "tie"),
    [
        pytest.param("The ferry of Peru sails.", ("of", "ferry"), id="of"),
        pytest.param("The harbour likes Peru's ferry.", ("of", "ferry"), id="owns"),
        pytest.param("Ferries sail to Peru.", ("to", "sail"), id="to"),
        pytest.param("Ships were sold by Peru.", ("does", "sold"), id="by"),
        pytest.param("Then Peru bought ships.", ("beside", "bought"), id="subject"),
        pytest.param("Then Peru was visited by ships.", ("done", "visited"), id="passive"),
        pytest.param(
            "Then Peru, a country of ports, bought ships.", ("does", "bought"), id="aside"
        ),
        pytest.param("Then Peru and Chile bought ships.", ("beside", "bought"), id="joined"),
        pytest.param("The Peru-Chile treaty holds.", ("beside", "treaty"), id="hyphen"),
    ],
)
def test_a_name_is_tied_to_what_it_has_to_do_with(text: str, tie: tuple[str, str]) -> None:
    assert tie in ties(text, "Peru")


def test_names_that_are_joined_have_each_other_for_company() -> None:
    claim = read("Then Peru, Chile and Bolivia met in Kenya.", "en")
    found = {each.text: len(each.company) for each in roles(claim, [[n] for n in claim.names])}
    assert found == {"Peru": 2, "Chile": 2, "Bolivia": 2, "Kenya": 0}


@pytest.mark.parametrize(
    ("evidence", "true", "false"),
    [
        pytest.param(
            "Remarks made in Norway in 2024 upset Kenya.",
            "Kenya was upset by remarks made in Norway in 2024.",
            "Norway was upset by remarks made in Kenya in 2024.",
            id="passive",
        ),
        pytest.param(
            "Ana Ruiz is the mayor of Toledo.",
            "Toledo's mayor is Ana Ruiz.",
            "Ana Ruiz's mayor is Toledo.",
            id="owner",
        ),
        pytest.param(
            "A treaty between Norway and Kenya that shuts out Peru was never sought.",
            "A treaty of Norway with Kenya that excludes Peru was never sought.",
            "A treaty of Norway with Peru that excludes Kenya was never sought.",
            id="preposition",
        ),
        pytest.param(
            "The storm facing Lind was one of the causes that kept Ruiz from opening the harbour.",
            "The storm facing Lind was one of the reasons why Ruiz did not open the harbour.",
            "The storm facing Ruiz was one of the reasons why Lind did not open the harbour.",
            id="clause",
        ),
        pytest.param(
            "A delegation of sailors joined Lind and Ruiz, and Norway paid for the ships.",
            "Lind and Ruiz were joined by a delegation of sailors.",
            "Lind and Norway were joined by a delegation of sailors.",
            id="company",
        ),
        pytest.param(
            "Lind noted that Kenya knows the importance of harbours.",
            "Kenya knows how important harbours are, Lind noted.",
            "Academy knows how important harbours are, Lind noted.",
            id="first-word",
        ),
        pytest.param(
            "The visit of Bo Lind to Kenya begins on Monday.",
            "Bo Lind's visit to Kenya begins on Monday.",
            "Kenya's visit to Bo Lind begins on Monday.",
            id="visit",
        ),
        pytest.param(
            "The U.S. Treasury prohibited ships of Norway, and the U.S. Senate agreed.",
            "The U.S. Treasury prohibited Norway's ships.",
            "The U.S. Academy prohibited Norway's ships.",
            id="after-an-abbreviation",
        ),
    ],
)
def test_a_name_stands_where_the_evidence_has_it(
    verifier: Verifier, evidence: str, true: str, false: str
) -> None:
    assert verifier.judge(f"{true} [1]", [source(evidence)]).supported
    wrong = verifier.judge(f"{false} [1]", [source(evidence)])
    assert not wrong.supported
    assert "where you wrote" in wrong.reason or "not in the evidence" in wrong.reason


@pytest.mark.parametrize(
    ("evidence", "written"),
    [
        ("Bo Lind and Ana Ruiz met in Kenya.", "In Kenya, Ana Ruiz and Bo Lind met."),
        (
            "Norway and Kenya see each other as friends.",
            "Kenya and Norway see each other as friends.",
        ),
    ],
)
def test_names_that_do_the_same_may_change_places(
    verifier: Verifier, evidence: str, written: str
) -> None:
    assert verifier.judge(f"{written} [1]", [source(evidence)]).supported


def test_who_meets_whom_counts_as_said(verifier: Verifier) -> None:
    turned = verifier.judge("Ruiz met Lind in Kenya. [1]", [source("Lind met Ruiz in Kenya.")])
    assert "“Lind” where you wrote “Ruiz”" in turned.reason or "“Ruiz”" in turned.reason
