"""Which documents a question is asked of, over an index of several hundred small documents."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunk import in_context
from ingest.sync import sync
from rag import selection
from rag.index import Generation, Index
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from rag.query import understand
from rag.retrieve import search
from rag.selection import Selection, only
from rag.types import EVERYWHERE, Document, Filter, Turn
from tests.conftest import read_here

COUNT = 440
KINDS = ("note", "report", "letter")
LANGUAGES = ("en", "fr", "es")
DAY = date(2024, 5, 6)
QUESTION = "Who steers the harbour ferry?"
LAST = "A sailor, Nadia Okafor, is who at times steers some ferry."
PLACE = "many.jsonl/last.json"


def record(number: int) -> dict[str, object]:
    """Return a document that is near the question: the last one is the furthest from it."""
    text = f"Captain number{number} steers the harbour ferry."
    dated = {"date": str(DAY + timedelta(days=number % 7))} if number % 5 else {}
    return {
        "_id": str(number),
        "title": f"Ferry {number}",
        "text": text,
        "kind": KINDS[number % 3],
        "language": LANGUAGES[number % 4 % 3],
        **dated,
    }


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, bag_of_words: Encoder) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("many")
    last = {"_id": "last", "title": "Crew", "text": LAST, "kind": "list", "date": "2023-04-05"}
    records = [*map(record, range(COUNT)), last]
    (folder / "many.jsonl").write_text("\n".join(map(json.dumps, records)))
    for name, kind in (("a.md", "note"), ("b.md", "speech")):
        text = f"---\ntitle: {kind}\ndate: 2022-0{len(kind)}-01\nkind: {kind}\n---\n\nOne text."
        (folder / name).write_text(text)
    index = Index(folder / "index", bag_of_words.fingerprint)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.isolate.Reader.read", read_here)
        sync(index, bag_of_words, [folder])
    yield index
    index.close()


@pytest.fixture(scope="module")
def desk(many: Index, bag_of_words: Encoder) -> Pipeline:
    return Pipeline(many, bag_of_words)


def found(
    generation: Generation, encoder: Encoder, where: Filter, *, top_k: int = 8
) -> list[Document]:
    """Return the document of each hit."""
    searched = only(generation, where)
    hits = search(understand(QUESTION, searched, encoder), searched, top_k=top_k).hits
    documents = [searched.document(hit.chunk.document_id) for hit in hits]
    return [each for each in documents if each is not None]


def admits(where: Filter, document: Document) -> bool:
    day = document.published
    return (
        (not where.documents or bool(where.documents & {document.uri, document.id}))
        and (not where.kinds or document.kind in where.kinds)
        and (not where.languages or document.language in where.languages)
        and (where.first is None or (day is not None and day >= where.first))
        and (where.last is None or (day is not None and day <= where.last))
    )


def some(values: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(values), max_size=2)


DAYS = st.none() | st.dates(DAY - timedelta(days=2), DAY + timedelta(days=9))
PLACES = st.just(frozenset[str]()) | st.frozensets(
    st.integers(0, COUNT + 9).map(lambda number: f"many.jsonl/{number}.json"),
    min_size=1,
    max_size=30,
)


@settings(max_examples=60)
@given(
    where=st.builds(
        Filter,
        documents=PLACES,
        kinds=some((*KINDS, "unheard-of")),
        languages=some(LANGUAGES),
        first=DAYS,
        last=DAYS,
    ),
    wide=st.booleans(),
)
def test_what_is_found_are_documents_of_the_filter_and_as_many_as_there_are(
    many: Index, bag_of_words: Encoder, where: Filter, wide: bool
) -> None:
    with many.reading() as generation, pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "COMPARED_ALL", 0 if wide else 5000)
        admitted = [each for each in generation.documents() if admits(where, each)]
        hits = found(generation, bag_of_words, where)
        searched = only(generation, where).summary()
    assert all(admits(where, each) for each in hits)
    assert len(hits) == min(8, len(admitted))
    assert searched.documents == searched.chunks == len(admitted)


@pytest.mark.parametrize("compared", [0, 5000], ids=["by-chroma", "all-compared"])
def test_the_nearest_of_the_chosen_come_with_their_similarity(
    many: Index, bag_of_words: Encoder, monkeypatch: pytest.MonkeyPatch, compared: int
) -> None:
    monkeypatch.setattr(selection, "COMPARED_ALL", compared)
    vector = bag_of_words.encode_query("Captain number100 and captain number101")
    with many.reading() as generation:
        letters = Selection(generation, Filter(kinds=frozenset(["letter"])))
        scores = letters.nearest_chunks(vector, 10)
        chunks = generation.chunks(list(scores))
        documents = [letters.document(each.document_id) for each in chunks]
    assert len(scores) == 10
    assert {each.kind for each in documents if each} == {"letter"}
    passages = [in_context(*of) for of in zip(chunks, filter(None, documents), strict=True)]
    cosines = [each.vectors[0] @ vector for each in bag_of_words.encode_passages(passages)]
    assert list(scores.values()) == pytest.approx(cosines, abs=1e-5)
    if compared:  # Chroma's graph may miss the nearest of many that are much alike
        assert "number101 " in chunks[0].text


@pytest.mark.parametrize(
    "question", ["Who takes part in the lunch?", "trade in 2024", "Qui est Carney ?", "¿Cuándo?"]
)
def test_a_filter_that_admits_all_finds_what_is_found_without(
    generation: Generation, encoder: Encoder, question: str
) -> None:
    everything = only(generation, Filter(documents=frozenset(generation.uris())))
    assert isinstance(everything, Selection)
    assert everything.summary() == generation.summary()
    assert only(generation, EVERYWHERE) is generation
    query = understand(question, generation, encoder)
    one, other = (search(query, each, top_k=8).hits for each in (everything, generation))
    assert {hit.chunk.id: hit.score for hit in one} == pytest.approx(
        {hit.chunk.id: hit.score for hit in other}, abs=1e-5
    )


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(Filter(documents=frozenset([PLACE])), id="document"),
        pytest.param(Filter(documents=frozenset([PLACE, "gone.txt"])), id="and-an-unknown-one"),
        pytest.param(Filter(kinds=frozenset(["list"])), id="kind"),
        pytest.param(Filter(first=date(2023, 1, 1), last=date(2023, 12, 31)), id="dates"),
    ],
)
def test_the_only_document_asked_answers_though_hundreds_are_nearer(
    desk: Pipeline, many: Index, bag_of_words: Encoder, where: Filter
) -> None:
    with many.reading() as generation:
        everything = understand(QUESTION, generation, bag_of_words)
        first = search(everything, generation, top_k=50).hits
        assert all(hit.chunk.title != "Crew" for hit in first)
        assert PLACE not in {each.uri for each in found(generation, bag_of_words, EVERYWHERE)}
    answer = desk.invoke(Question(QUESTION, where=where))
    assert [each.quote for each in answer.citations] == [LAST]
    assert (answer.status, len(answer.hits)) == ("answered", 1)


@pytest.mark.parametrize(
    ("first", "last", "admitted"),
    [
        pytest.param(date(2023, 4, 5), date(2023, 4, 5), True, id="that-day"),
        pytest.param(date(2023, 4, 5), None, True, id="from-that-day"),
        pytest.param(date(2023, 4, 6), None, False, id="from-the-day-after"),
        pytest.param(None, date(2023, 4, 5), True, id="to-that-day"),
        pytest.param(None, date(2023, 4, 4), False, id="to-the-day-before"),
        pytest.param(date(2023, 4, 6), date(2023, 4, 4), False, id="backwards"),
    ],
)
def test_both_days_of_a_range_belong_to_it(
    many: Index, first: date | None, last: date | None, admitted: bool
) -> None:
    where = Filter(documents=frozenset([PLACE]), first=first, last=last)
    with many.reading() as generation:
        assert only(generation, where).summary().documents == admitted


def test_a_document_without_a_date_is_in_no_range(many: Index) -> None:
    undated = Filter(documents=frozenset(["many.jsonl/5.json"]))
    with many.reading() as generation:
        assert only(generation, undated).summary().documents == 1
        for dates in ({"first": date.min}, {"last": date.max}):
            assert only(generation, replace(undated, **dates)).summary().documents == 0


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (QUESTION, "Nothing was searched: no document fits what was chosen (of 442 in all)."),
        (
            "Qui est le capitaine du bateau ?",
            "Rien n’a été cherché : aucun document ne correspond au choix fait (sur 442 au total).",
        ),
    ],
)
def test_a_choice_that_no_document_fits_is_refused_and_said(
    desk: Pipeline, question: str, said: str
) -> None:
    answer = desk.invoke(Question(question, where=Filter(documents=frozenset(["gone.txt"]))))
    assert (answer.status, answer.text, answer.coverage) == ("refused", said, said)
    assert (answer.hits, answer.citations, answer.as_of) == ((), (), "")


def test_a_refusal_says_of_how_many_documents_it_speaks(desk: Pipeline) -> None:
    where = Filter(documents=frozenset([PLACE]))
    answer = desk.invoke(Question("How many moons does Saturn have?", where=where))
    assert answer.status == "refused"
    assert answer.coverage == "Searched 1 document dated April 5, 2023 (of 442 in all)."


def test_the_as_of_line_still_tells_of_later_documents_that_were_not_asked(desk: Pipeline) -> None:
    answer = desk.invoke(Question(QUESTION, where=Filter(documents=frozenset([PLACE]))))
    assert answer.as_of == (
        "As of April 5, 2023: from 1 document dated April 5, 2023. "
        "The documents go up to May 12, 2024."
    )


def test_a_follow_up_is_asked_of_the_chosen_documents_too(desk: Pipeline) -> None:
    where = Filter(kinds=frozenset(["list"]))
    history = (Turn(QUESTION, LAST),)
    answer = desk.invoke(Question("And what about her ferry?", history, where=where))
    assert answer.searched_for != answer.question
    assert {hit.chunk.title for hit in answer.hits} == {"Crew"}


def test_a_text_in_two_places_is_cited_as_it_lies_in_the_one_that_was_chosen(
    many: Index,
) -> None:
    with many.reading() as generation:
        chosen = only(generation, Filter(kinds=frozenset(["speech"])))
        (document_id,) = [each.id for each in generation.documents() if each.uri == "a.md"]
        document, as_listed = chosen.document(document_id), generation.document(document_id)
        assert chosen.summary().first == date(2022, 6, 1)
        assert generation.document(document_id) == as_listed
    assert document is not None
    assert as_listed is not None
    assert (document.uri, document.kind, document.title) == ("b.md", "speech", "speech")
    assert (document.id, document.text) == (as_listed.id, as_listed.text)


def test_nothing_of_a_filter_is_taken_for_sql(many: Index) -> None:
    attack = frozenset(["') or 1=1 --", '"]', "\ud800", "%", "note' or '1'='1"])
    with many.reading() as generation:
        for where in (Filter(attack), Filter(kinds=attack), Filter(languages=attack)):
            assert only(generation, where).summary().documents == 0
        assert generation.summary().documents == COUNT + 2


def test_a_list_of_some_documents_names_no_other(tmp_path: Path, bag_of_words: Encoder) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.txt", "b.txt"):  # one text in two places
        (tmp_path / "in" / name).write_text("The harbour ferry sails at dawn.", encoding="utf-8")
    (tmp_path / "in" / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [tmp_path / "in"])
    with index.reading() as generation:
        assert [each.same_as for each in generation.listing()] == [None, "a.txt"]
        assert len(generation.refusals()) == 1
        some = only(generation, Filter(documents=frozenset(["b.txt"])))
        assert [(each.uri, each.same_as) for each in some.listing()] == [("b.txt", None)]
        assert some.refusals() == ()
    index.close()
