import shutil
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from rag.errors import IndexDamagedError, ModelError
from rag.models import Encoder, Entailment
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
    name = sha256(text.encode()).hexdigest()  # what is known of a chunk is kept by its address
    sentences = tuple(Sentence(name, span, span.of(whole)) for span in spans)
    return Source(Chunk(name, Span(0, len(whole)), whole, "", "", language, sentences), published)


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


FERRY = (
    "Ana Ruiz said that the ferry has never lost money. | "
    "Bo Lind answered within days that Peru must repair the harbour. | "
    "Tour operators in Chile liked the new timetable. | "
    "The figures of 2024 suggest that Kenya profits from the ferry. | "
    "Cy Abo, who was then minister of Kenya, refused to close the museum."
)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        pytest.param(
            "Ana Ruiz said the ferry has never lost money, and Bo Lind answered that Peru must "
            "repair the harbour.",
            "Ana Ruiz said the ferry has lost money, and Bo Lind answered that Peru must repair "
            "the harbour.",
            id="denial-of-one-part",
        ),
        pytest.param(
            "The museum was not closed by Cy Abo.",
            "The museum was closed by Cy Abo.",
            id="denied-in-another-word",
        ),
        pytest.param(
            "Bo Lind answered that Peru must repair the harbour, and tour operators in Chile "
            "liked the timetable.",
            "Bo Lind answered that Chile must repair the harbour, and tour operators in Peru "
            "liked the timetable.",
            id="names-of-two-parts",
        ),
        pytest.param(
            "Peru must repair the harbour, Bo Lind answered.",
            "Peru and Peru must repair the harbour, Bo Lind answered.",
            id="name-beside-itself",
        ),
        pytest.param(
            "The figures of 2024 suggest that Kenya profits from the ferry.",
            "The figures of 2024 prove that Kenya profits from the ferry.",
            id="suggests",
        ),
        pytest.param(
            "The figures of 2024 suggest that Kenya gains, and Bo Lind answered that Peru must "
            "repair the harbour.",
            "The figures of 2024 guarantee that Kenya gains, and Bo Lind answered that Peru must "
            "repair the harbour.",
            id="certainty",
        ),
        pytest.param(
            "Then-minister Cy Abo refused to close the museum.",
            "Minister Cy Abo refused to close the museum.",
            id="then",
        ),
    ],
)
def test_what_is_changed_in_one_part_of_a_sentence_is_seen(
    verifier: Verifier, true: str, false: str
) -> None:
    assert verifier.judge(f"{true} [1]", [source(FERRY)]).reason == ""
    assert not verifier.judge(f"{false} [1]", [source(FERRY)]).supported


@pytest.mark.parametrize(
    ("language", "evidence", "written"),
    [
        pytest.param(
            "fr",
            "L'aide reçue par le port se chiffre à 46,4 milliards, selon Ottawa.",
            "Ottawa chiffre à 46,4 milliards l'aide reçue par le port.",
            id="elision-is-no-litre",
        ),
        pytest.param(
            "fr",
            "Les hauts fonctionnaires disent qu'Ana Ruiz veut un nouveau port.",
            "Ana Ruiz veut un nouveau port, ont indiqué les hauts fonctionnaires.",
            id="speakers-without-names",
        ),
        pytest.param(
            "fr",
            "Ana Ruiz dit que la visite ne vise pas à fermer le port.",
            "Selon Ana Ruiz, la visite n'a pas pour but de fermer le port.",
            id="aim-that-is-no-but",
        ),
        pytest.param(
            "en",
            "The ferry carries apples and pears. It carries glass, too.",
            "Beyond the apples and pears, the ferry carries glass.",
            id="first-word-that-is-no-name",
        ),
        pytest.param(
            "en",
            "The pact binds Canada, the United States, and Mexico, and Ana Ruiz praised it.",
            "The pact binds Mexico, the United States, and Canada.",
            id="list-with-an-article",
        ),
        pytest.param(
            "en",
            "A reporter asked Bo Lind at noon. | Bo Lind said that the pact binds the ports.",
            "When asked, Bo Lind said that the pact binds the ports.",
            id="asked-in-another-line",
        ),
        pytest.param(
            "en",
            "Ana Ruiz opened the fair with Bo Lind.",
            "Accordingly, Ana Ruiz opened the fair.",
            id="first-word-of-its-own",
        ),
        pytest.param(
            "en",
            "The office of Bo Lind, Canada's prime minister, announced the visit.",
            "The office of Canada's prime minister announced the visit.",
            id="whose-office",
        ),
        pytest.param(
            "en",
            "Neither Ana Ruiz nor Bo Lind signed the pact.",
            "Ana Ruiz did not sign the pact, and Bo Lind did not sign it.",
            id="neither-of-two",
        ),
        pytest.param(
            "en",
            "Ana Ruiz signs the treaty with President Bo Lind of Peru.",
            "Ana Ruiz signs the treaty with Peruvian President Bo Lind.",
            id="whose-president",
        ),
    ],
)
def test_what_is_said_in_other_words_is_no_other_fact(
    verifier: Verifier, language: str, evidence: str, written: str
) -> None:
    assert verifier.judge(f"{written} [1]", [source(evidence, language)]).reason == ""


PIER = (
    "Name: Ana Ruiz; Role: minister of ports. | Ruiz and Lind open the pier with Tomas Lee. | "
    "The pier was closed in May. | Lind is the deputy of Ruiz. | Bo Lind steers the ferry."
)
REGATTA = (
    "The strike kept the 2024 regatta from taking place. | Storms pushed the regatta aside. | "
    "The report does not say clearly whether the fee is still due. | "
    "Bo Lind says that the port has never sought a bridge that leaves out the village. | "
    "The mayor failed to get a new crane."
)
HARBOUR = (
    "President Ana M. Ruiz received Prime Minister Bo Lind of Peru. | "
    "She thanked the Prime Minister for the ferry. | They agreed to widen the harbour. | "
    "The President said that the harbour comes first."
)
DINNER = (
    "Bo Lind is expected at the dinner on Friday. | Tomas Lee used to be envoy to Peru. | "
    "Energy might be on the table, said Ana Ruiz."
)


@pytest.mark.parametrize(
    ("evidence", "written", "reason"),
    [
        pytest.param(PIER, "Ana Ruiz and Bo Lind open the pier.", "", id="last-names-alone"),
        pytest.param(PIER, "Ana Lind opens the pier.", "“Ana”", id="first-name-of-another"),
        pytest.param(REGATTA, "The 2024 regatta did not take place.", "", id="kept-from"),
        pytest.param(REGATTA, "The 2024 regatta took place.", "denies this", id="kept-from-lost"),
        pytest.param(
            REGATTA,
            "The strike did not keep the regatta from taking place.",
            "does not deny",
            id="denied-twice",
        ),
        pytest.param(
            REGATTA,
            "No, the port has never sought a bridge that leaves out the village.",
            "",
            id="no",
        ),
        pytest.param(
            REGATTA,
            "Bo Lind does not say that the port has never sought a bridge.",
            "does not deny",
            id="saying-denied",
        ),
        pytest.param(
            REGATTA,
            "The port sought a bridge that leaves out the village, says Bo Lind.",
            "denies this",
            id="one-of-two-denials-lost",
        ),
        pytest.param(
            REGATTA,
            "The report says clearly whether the fee is still due.",
            "denies this",
            id="denial-lost",
        ),
        pytest.param(
            REGATTA,
            "The mayor has not failed to get a new crane.",
            "does not deny",
            id="failure-denied",
        ),
        pytest.param(REGATTA, "The mayor got a new crane.", "denies this", id="failure-lost"),
        pytest.param(HARBOUR, "Ana Ruiz thanked Bo Lind for the ferry.", "", id="she-and-title"),
        pytest.param(
            HARBOUR, "Bo Lind thanked Ana Ruiz for the ferry.", "“", id="she-and-title-swapped"
        ),
        pytest.param(HARBOUR, "Ana Ruiz and Bo Lind agreed to widen the harbour.", "", id="they"),
        pytest.param(
            HARBOUR, "Ana Ruiz said that the harbour comes first.", "", id="the-president"
        ),
        pytest.param(
            HARBOUR, "Bo Lind said that the harbour comes first.", "“Bo”", id="not-the-president"
        ),
        pytest.param(DINNER, "Bo Lind is to attend the dinner on Friday.", "", id="is-to"),
        pytest.param(
            DINNER, "Bo Lind attends the dinner on Friday.", "expected", id="expected-lost"
        ),
        pytest.param(DINNER, "Tomas Lee was envoy to Peru.", "", id="used-to"),
        pytest.param(DINNER, "Tomas Lee is envoy to Peru.", "used to", id="used-to-lost"),
        pytest.param(DINNER, "Energy will come up, said Ana Ruiz.", "might", id="will-for-might"),
    ],
)
def test_what_passages_mean_is_kept(
    verifier: Verifier, evidence: str, written: str, reason: str
) -> None:
    verdict = verifier.judge(f"{written} [1]", [source(evidence)])
    assert (reason in verdict.reason) if reason else (verdict.reason == "")


@pytest.mark.parametrize(
    ("language", "evidence", "written"),
    [
        ("en", "Instead the port signed the pact.", "The port did not sign the pact."),
        ("en", "The port signed a different pact.", "The port did not sign the pact."),
        ("en", "The port did not sign with Chile but signed with Peru.",
         "The port did not sign with Peru."),
        ("en", "Bo Lind signed the pact.", "Bo Lind refused to sign the pact."),
        ("en", "Bo Lind was unable to attend the dinner.", "Bo Lind attended the dinner."),
        ("en", "The regatta took place and storms kept Ana Ruiz from attending.",
         "The regatta did not take place."),
        ("en", "Bo Lind is considering raising the fee.", "Bo Lind must raise the fee."),
        ("en", "A former envoy of Peru was received in Lima.",
         "The envoy of Peru was received in Lima."),
        ("es", "Tras las negociaciones el puerto firmó el pacto.",
         "Tras las negociaciones el puerto no firmó el pacto."),
        ("es", "Ana Ruiz habló ayer en Lima. | El acuerdo abarca el puerto viejo.",
         "El acuerdo de Ruiz abarca el puerto viejo."),
        ("fr", "Rien n'est décidé sur le port.", "Tout est décidé sur le port."),
        ("fr", "Selon Lima, le commerce bilatéral avec le Chili grandit. | Bo Lind salue le Chili.",
         "Selon Lima, le commerce bilatéral entre le Lind et le Chili grandit."),
        ("en", "Ottawa puts trade between Canada and Chile at $56 billion in 2024. | "
         "Ana Ruiz said that the port is old.",
         "Trade between Canada and Chile came to $56 billion in 2024, according to Ana Ruiz."),
        ("en", "The island ports have old cranes — Lima pays them — and Ana Ruiz does not count "
         "on the island ports for help.",
         "The island ports have not old cranes — Lima pays them — and Ana Ruiz does not count "
         "on the island ports for help."),
        ("en", "Ana Ruiz told Canada and Mexico that the visit is not to undo the pact of islands.",
         "The visit is not to undo the pact of islands, and they were welcomed by singers from "
         "Canadian and Mexican villages."),
        ("en", "In May 2024 two Canadian ministers, Bo Lind (ports) and Cy Abo (cranes), talked of "
         "tolls, fees and growth in Mexico. | The visit of Prime Minister Ana Ruiz takes place "
         "while Canada and Mexico get ready for a deal.",
         "In May 2024 two Ruiz ministers, Bo Lind (ports) and Cy Abo (cranes), talked of tolls, "
         "fees and growth in Mexico."),
        ("en", "Three are named for the dinner: Minister Bo Lind, Tomas Lee, who is deputy to "
         "Ruiz, and Cy Abo, the ports minister. | Ana Ruiz speaks first.",
         "Ana Ruiz, Tomas Lee and Cy Abo are to attend the dinner."),
        ("en", "Bo Lind greeted Ana Ruiz before the talks on the coming bridge.",
         "Ana Ruiz was asked if the coming bridge would be a subject of the talks with Bo Lind."),
        ("en", "Cy Abo said that Ana Ruiz might be in the old palace for much of her time.",
         "Shopkeepers might be in the old palace for much of her time, Cy Abo said."),
        ("en", "Energy is none of the fields that officials named. | Tomas Lee said that Peru "
         "waits. | Ana Ruiz: energy might come up.",
         "Peru said energy might come up, but energy is none of the fields named."),
        ("en", "The visit begins on Thursday, 18 May 2024, which makes Friday, 19 May 2024 its "
         "second day. | Bo Lind's visit to Mexico lasts two days and takes place in Mexico City.",
         "Mexican's visit takes place in Mexico City on 18 and 19 May 2024."),
        ("en", "The pact binds Canada, the United States, and Mexico, and Ruiz of Peru likes it.",
         "The pact binds Canada, Peru and Mexico."),
        ("en", "The leaders of Peru and the United States met in the United States.",
         "The leaders of Peru and the United States met in the White House."),
        ("fr", "Le port accueille mieux les navires qu'il ne le faisait.",
         "Le port n'accueille pas mieux les navires qu'il le faisait."),
    ],
)  # fmt: skip
def test_what_is_turned_round_is_rejected(
    verifier: Verifier, language: str, evidence: str, written: str
) -> None:
    sources = [source(evidence, language)]
    told = evidence.partition(" | ")[0]
    assert verifier.judge(f"{told} [1]", sources).reason == ""
    assert verifier.judge(f"{written} [1]", sources).reason


@pytest.mark.parametrize(
    ("language", "evidence", "true", "false"),
    [
        pytest.param(
            "en",
            "Ana Ruiz, an expert in ferries, said that Lind is now seen in Peru as a builder.",
            "Ana Ruiz, a ferry expert, said Lind is now seen in Peru as a builder.",
            "Bo Lind, a ferry expert, said Ruiz is now seen in Peru as a builder.",
            id="speaker-with-an-aside",
        ),
        pytest.param(
            "en",
            "The port raised its fees not long before the regatta, under pressure from Peru.",
            "Under pressure from Peru the port raised its fees shortly before the regatta.",
            "The port raised its fees long before the regatta, under pressure from Peru.",
            id="not-long-before",
        ),
        pytest.param(
            "en",
            "Traders observed that Chile did not get any quick gains from Lima after the fee.",
            "Traders saw no quick gains for Chile from Lima after the fee.",
            "Traders saw quick gains for Chile from Lima after the fee.",
            id="no-gains-for",
        ),
        pytest.param(
            "en",
            "Remarks made in Chile upset Peru at first. | "
            "Officials call the relationship good since Ruiz took office.",
            "Although remarks in Chile upset Peru at first, officials call the relationship good.",
            "Although remarks in Peru upset Chile at first, officials call the relationship good.",
            id="although",
        ),
        pytest.param(
            "en",
            "The regatta was pushed aside by storms in Chile and in Peru. | "
            "The illness of Bo Lind, who was then mayor of Lima, kept the regatta from taking "
            "place.",
            "The regatta did not take place because of storms in Chile and Peru and the illness of "
            "Bo Lind.",
            "The regatta took place because of storms in Chile and Peru and the illness of "
            "Bo Lind.",
            id="said-in-passing",
        ),
        pytest.param(
            "en",
            "Bo Lind said in May that the guild had failed to get a new crane for Peru. | "
            "The Ruiz office says that it never wanted a crane from which Chile is excluded.",
            "While Lind said the guild had failed to get a new crane for Peru, the Ruiz office "
            "says it never wanted one that excluded Chile.",
            "While Ruiz said the guild had failed to get a new crane for Peru, the Lind office "
            "says it never wanted one that excluded Chile.",
            id="speakers-of-two-parts",
        ),
        pytest.param(
            "en",
            "The time in the harbour suggests to Ruiz that Lind wants to bargain.",
            "To Ruiz the time in the harbour is a sign that Lind wants to bargain.",
            "To Ruiz the time in the harbour is proof that Lind bargains.",
            id="sign-that",
        ),
        pytest.param(
            "en",
            "Safety was a subject when Ruiz travelled with Lind. | "
            "Ruiz and Lind also discussed cranes and fees.",
            "Ruiz and Lind discussed not only safety but also cranes and fees.",
            "Ruiz and Lind did not discuss safety but cranes and fees.",
            id="not-only",
        ),
        pytest.param(
            "en",
            "Angry words came out of Chile after the collision, and Peru noticed them.",
            "Angry words came out of Chile after the collision and did not go unnoticed in Peru.",
            "Angry words came out of Chile after the collision and went unnoticed in Peru.",
            id="unnoticed",
        ),
        pytest.param(
            "en",
            "President Ana Ruiz of Peru told a harbour meeting on a Monday that Lind brings cod.",
            "At a Monday harbour meeting, the Peruvian president said that Lind brings cod.",
            "At a Monday harbour meeting, the Chilean president said that Lind brings cod.",
            id="day-that-is-no-speaker",
        ),
        pytest.param(
            "en",
            "Neither cod nor crab is among the goods that the harbour officials named.",
            "Cod and crab are absent from the goods that the harbour officials named.",
            "Cod and crab are among the goods that the harbour officials named.",
            id="absent-from",
        ),
        pytest.param(
            "en",
            "Bo Lind, who was mayor then, spoke of his worry about nets from Chile. | "
            "Ana Ruiz said that the quay is old.",
            "Lind, who was then mayor, voiced his worry about nets from Chile.",
            "Ruiz, who was then mayor, voiced her worry about nets from Chile.",
            id="spoke-of",
        ),
        pytest.param(
            "en",
            "Peruvian Minister Bo Lind opens the week. | "
            "The result would be a pact, which Bo Lind would sign with Ana Ruiz of Chile.",
            "The result would be a pact, which the Peruvian minister would sign with Ana Ruiz "
            "of Chile.",
            "The result would be a pact, which the Nordic minister would sign with Ana Ruiz "
            "of Chile.",
            id="office-of-whom-it-names",
        ),
        pytest.param(
            "en",
            "The treaty on cranes is expected to be signed during the regatta.",
            "It is expected that the treaty on cranes will be signed during the regatta.",
            "The treaty on cranes will be signed during the regatta.",
            id="expected-that-it-will",
        ),
        pytest.param(
            "en",
            "The Lind office is trying to lure boat builders with lower fees for Chile.",
            "The Lind office uses lower fees for Chile in an effort to lure boat builders.",
            "The Lind office lures boat builders with lower fees for Chile.",
            id="in-an-effort-to",
        ),
        pytest.param(
            "en",
            "Bo Lind is a former harbour envoy to the Nordic Council.",
            "Bo Lind once served as harbour envoy to the Nordic Council.",
            "Bo Lind serves as harbour envoy to the Nordic Council.",
            id="once",
        ),
        pytest.param(
            "en",
            "Bo Lind said that being compared with Lima was the worst insult he had ever heard.",
            "Bo Lind said that he had never heard a worse insult than the comparison with Lima.",
            "Bo Lind said that he had never heard the comparison with Lima.",
            id="never-a-worse-one",
        ),
        pytest.param(
            "en",
            "Tomas Lee is the minister for fishing between Chile and Peru. | "
            "Bo Lind is the minister of health.",
            "The fishing minister is Tomas Lee.",
            "The tourism minister is Tomas Lee.",
            id="of-what-minister",
        ),
        pytest.param(
            "en",
            "Bo Lind accused both Chile and Peru in 2024 of closing their eyes to cod theft. | "
            "Tomas Lee said in November 2024 that he likes Chile and Peru.",
            "In 2024 Bo Lind accused Chile and Peru of shutting their eyes to the theft of cod.",
            "In 2024 Tomas Lee accused Chile and Peru of shutting their eyes to the theft of cod.",
            id="who-accuses-after-a-year",
        ),
        pytest.param(
            "fr",
            "De hauts fonctionnaires ont dit qu'aucune régate n'est prévue, faute d'intérêt des "
            "trois ports.",
            "Aucune régate n'est prévue parce que les trois ports n'ont pas d'intérêt, ont dit de "
            "hauts fonctionnaires.",
            "Une régate est prévue faute d'intérêt des trois ports, ont dit de hauts "
            "fonctionnaires.",
            id="faute-de",
        ),
    ],
)
def test_a_plain_paraphrase_is_shown_and_its_like_is_not(
    verifier: Verifier, language: str, evidence: str, true: str, false: str
) -> None:
    assert verifier.judge(f"{true} [1]", [source(evidence, language)]).reason == ""
    assert not verifier.judge(f"{false} [1]", [source(evidence, language)]).supported


@pytest.mark.parametrize(
    ("evidence", "false"),
    [
        (
            "Chile never agreed to take more cod from Peru, Ruiz said.",
            "Chile agreed to take more cod from Peru.",
        ),
        ("Ruiz said that Lind did not meet Lee.", "Lind did not meet Ruiz."),
        (
            "Ruiz, who is the president of Chile, will travel on Monday. | Peru buys cod.",
            "Ruiz will travel to Peru on Monday.",
        ),
        (
            "Chilean Minister Bo Lind opens the week. | Lind's wife, Ana Lind, visited Lima.",
            "The Chilean minister visited Lima.",
        ),
        (
            "The talks were only about cod, Lind said, and Ruiz left.",
            "The talks were not only about cod, Lind said, but Ruiz left.",
        ),
        ("Ruiz got no further than Lima on her tour.", "Ruiz got further than Lima on her tour."),
        ("If Peru pays for it, Chile will leave.", "Unless Peru pays for it, Chile will leave."),
        ("Ruiz was absent from the summit in Lima.", "Ruiz was at the summit in Lima."),
        (
            "Lind hopes to sign the pact on cod.",
            "It is likely that Lind will sign the pact on cod.",
        ),
        ("Ruiz hinted that Chile will leave the pact.", "Chile will leave the pact."),
    ],
)
def test_what_only_looks_like_a_paraphrase_is_rejected(
    verifier: Verifier, evidence: str, false: str
) -> None:
    assert not verifier.judge(f"{false} [1]", [source(evidence)]).supported


@pytest.mark.parametrize(
    ("evidence", "written"),
    [
        ("Ministers joined Lind in Arica.", "Several ministers joined Lind in Arica. [1]"),
        ("The quay is old, according to Lee.", "The quay is old, according to [1]"),
    ],
)
def test_a_word_before_ministers_is_no_office_and_a_speaker_may_be_missing(
    verifier: Verifier, evidence: str, written: str
) -> None:
    assert verifier.judge(written, [source(evidence)]).reason == ""


def test_a_name_that_is_a_word_is_known_in_another_language(verifier: Verifier) -> None:
    evidence = [source("Lind said that Ruiz might be in the Harbour Palace for part of the day.")]
    written = "Selon Lind, Ruiz pourrait passer une partie de la journée au Palais du port. [1]"
    assert "Palais" not in verifier.judge(written, evidence).reason
    assert "Musée" in verifier.judge(written.replace("Palais", "Musée"), evidence).reason


@pytest.mark.parametrize("reply", ["Yes,", "No:", "Oui,", "Sí –", "No."])
def test_yes_and_no_are_not_shown_for_nobody_can_tell_them(verifier: Verifier, reply: str) -> None:
    verdict = verifier.judge(f"{reply} the strike kept the regatta from taking place. [1]", [
        source(REGATTA)
    ])  # fmt: skip
    assert verdict.supported
    assert verdict.text == "The strike kept the regatta from taking place."
    number = verifier.judge("No. 10 has a pier. [1]", [source("No. 10 has a pier.")])
    assert number.text == "No. 10 has a pier."


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model that has learned nothing, in the layout of one that tells entailment."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("cross-encoder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "ferry", "sails"]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=8, id2label={0: "contradiction", 1: "entailment", 2: "neutral"},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_a_named_model_gives_the_score_and_the_checks_stay(
    encoder: Encoder, cross_encoder: Path
) -> None:
    verifier = Verifier(encoder, str(cross_encoder))
    verdict = verifier.judge("The ferry sails. [1]", [source("The ferry sails.")])
    assert 0.2 < verdict.score < 0.5  # of three labels, by a model that knows nothing
    assert "does not say this" in verdict.reason
    assert "60" in verifier.judge("60 ferries sail. [1]", [source("The ferry sails.")]).reason


def test_a_model_of_other_labels_is_refused(cross_encoder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(cross_encoder, folder)
    config = folder / "config.json"
    named = config.read_text(encoding="utf-8").replace("entailment", "other")
    config.write_text(named, encoding="utf-8")
    with pytest.raises(ModelError, match=r"other.*ENTAILMENT_MODEL"):
        Entailment(str(folder))


def test_a_model_that_is_nowhere_is_refused_by_name() -> None:
    with pytest.raises(ModelError, match=r"(?s)'nowhere'.*ENTAILMENT_MODEL"):
        Entailment("nowhere")
