"""What a reader sees of an index is what an index of those documents alone would show."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sync import sync
from rag.access import OPERATOR, Clearance, Rule, as_json, from_json, group_names, in_words
from rag.index import Generation, Index
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from rag.selection import SeenIndex, only
from rag.types import Filter

pytestmark = pytest.mark.usefixtures("reading_here")

DAY = date(2025, 10, 1)
BEFORE, AFTER = date(2025, 9, 30), DAY
FERRY = "Nadia Okafor steers the harbour ferry."
DOSSIER = {  # name: front matter, text
    "open.md": ("title: Open\ndate: 2025-09-01", FERRY),
    "staff.md": ("title: Staff\nlabel: internal\ndate: 2025-09-05\nlang: fr", "Le zirconium."),
    "later.md": ("title: Later\nlabel: embargo until 2025-10-01", "Quixotic pelicans arrive."),
    "press.md": ("title: Press\ngroups: press\nkind: note", "The gazebo opens at noon."),
    "both.md": ("title: Both\nlabel: internal\ngroups: [press]", "Kumquat tarts are served."),
    "twin-a.md": ("title: Marmalade\ngroups: press", "Twins share one walnut text."),
    "twin-b.md": ("title: Tangerine\nlabel: internal", "Twins share one walnut text."),
    "near-a.md": ("title: Near", "A long paragraph about boats and the sea and their old sails."),
    "near-b.md": (
        "title: Nearly\nlabel: internal",
        "A long paragraph about boats and the sea and their old ropes.",
    ),
}
READERS = {
    "guest": (Clearance(today=BEFORE), {"open", "near-a"}),
    "later": (Clearance(today=AFTER), {"open", "near-a", "later"}),
    "early": (Clearance(frozenset(["embargo"]), BEFORE), {"open", "near-a", "later"}),
    "staff": (
        Clearance(frozenset(["internal"]), BEFORE),
        {"open", "near-a", "near-b", "staff", "twin-b"},
    ),
    "press": (Clearance(frozenset(["press"]), BEFORE), {"open", "near-a", "press", "twin-a"}),
    "all": (
        Clearance(frozenset(["internal", "press", "embargo"]), BEFORE),
        {name.removesuffix(".md") for name in DOSSIER},
    ),
}
WORDS = "okafor zirconium quixotic pelican gazebo kumquat walnut marmalade tangerine nearli rope"
MISTYPED = "zirconiun gazebbo kumquatt walnutt marmalede quixotyc okafer"


def written(folder: Path, names: set[str]) -> Path:
    folder.mkdir()
    for name in names:
        front, text = DOSSIER[f"{name}.md"]
        (folder / f"{name}.md").write_text(f"---\n{front}\n---\n\n{text}\n", encoding="utf-8")
    return folder


@pytest.fixture
def dossier(tmp_path: Path, bag_of_words: Encoder) -> Iterator[Index]:
    index = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(index, bag_of_words, [written(tmp_path / "in", READERS["all"][1])])
    yield index
    index.close()


def shown(generation: Generation) -> dict[str, object]:
    """Return all that a generation tells but its name."""
    held = generation.summary()
    return {
        "counts": (held.documents, held.chunks, held.sentences, held.first, held.last),
        "languages": generation.languages,
        "words": generation.document_frequencies(WORDS.split()),
        "similar": generation.similar_terms(MISTYPED.split()),
        "listed": [
            (each.uri, each.title, each.same_as, each.near_copy_of) for each in generation.listing()
        ],
        "documents": [(each.uri, each.title, each.text) for each in generation.documents()],
        "places": sorted(uri for uris in generation.uris().values() for uri in uris),
        "titled": {
            chunk.title
            for chunk in generation.chunks(
                list(generation.matching_chunks(["walnut", "okafor", "boat"], 20))
            )
        }
        - {FIRST_WORDS},
    }


FIRST_WORDS = "Twins share one walnut text."


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_sees_what_an_index_of_those_documents_alone_shows(
    tmp_path: Path, dossier: Index, bag_of_words: Encoder, reader: str
) -> None:
    clearance, names = READERS[reader]
    with closing(Index(tmp_path / "other", bag_of_words.fingerprint)) as alone:
        sync(alone, bag_of_words, [written(tmp_path / "alone", names)])
        with alone.reading() as expected, SeenIndex(dossier, clearance).reading() as seen:
            told, wanted = shown(seen), shown(expected)
            assert len(told["documents"]) >= 2
            if not {"twin-a", "twin-b"} & names or reader == "all":
                assert told == wanted
            else:  # under a title that is not for all who read the text, it is found by its words
                hidden = {"titled", "words", "similar"}
                assert {k: v for k, v in told.items() if k not in hidden} == {
                    k: v for k, v in wanted.items() if k not in hidden
                }
                assert told["words"]["walnut"] == wanted["words"]["walnut"] == 1
                assert told["similar"] <= wanted["similar"]


@pytest.mark.parametrize("reader", ["guest", "staff", "press"])
def test_answers_are_those_of_the_documents_that_may_be_seen(
    tmp_path: Path, dossier: Index, bag_of_words: Encoder, reader: str
) -> None:
    clearance, names = READERS[reader]
    desk = Pipeline(dossier, bag_of_words, record_to=tmp_path / "records.jsonl")
    for word in WORDS.split():
        answer = desk.invoke(Question(f"What about the {word}?", clearance=clearance))
        cited = {each.uri.removesuffix(".md") for each in answer.citations}
        assert cited <= names
        if answer.status == "refused":
            assert f"Searched {len(names)} documents" in answer.coverage
    (first, *_) = map(json.loads, (tmp_path / "records.jsonl").read_text().splitlines())
    assert first["clearance"] == {"groups": sorted(clearance.groups), "today": "2025-09-30"}


def test_a_filter_chooses_among_what_may_be_seen(dossier: Index) -> None:
    clearance, names = READERS["staff"]
    with SeenIndex(dossier, clearance).reading() as seen:
        chosen = only(seen, Filter(documents=frozenset(["press.md", "staff.md", "open.md"])))
        assert chosen.summary().documents == 2
        assert chosen.whole.documents == len(names)
        assert chosen.document_frequencies(["gazebo", "boat"]) == {"gazebo": 0, "boat": 2}
        assert chosen.similar_terms(["gazebbo"]) == frozenset()
        assert not chosen.matching_chunks(["gazebo"], 5)


def test_the_operator_sees_the_generation_itself(dossier: Index) -> None:
    with dossier.reading() as whole, SeenIndex(dossier, OPERATOR).reading() as seen:
        assert seen is whole


def test_what_could_not_be_read_is_for_the_operator(
    tmp_path: Path, dossier: Index, bag_of_words: Encoder
) -> None:
    (tmp_path / "in" / "secret-name.pdf").write_bytes(b"%PDF-1.7")
    sync(dossier, bag_of_words, [tmp_path / "in"])
    clearance, _ = READERS["all"]
    with dossier.reading() as whole, SeenIndex(dossier, clearance).reading() as seen:
        assert whole.refusals()
        assert not seen.refusals()
        assert seen.summary() == whole.summary()


RULES = st.lists(
    st.builds(
        Rule,
        st.frozensets(st.sampled_from(["internal", "press", "embargo"]), min_size=1),
        st.none() | st.dates(date(2025, 9, 28), date(2025, 10, 3)),
    ),
    max_size=4,
).map(tuple)
GROUPS = st.frozensets(st.sampled_from(["internal", "press", "other"]))


@given(rules=RULES, groups=GROUPS, more=GROUPS, days=st.integers(0, 5))
def test_rules_are_kept_whole_and_more_groups_and_later_days_only_open(
    rules: tuple[Rule, ...], groups: frozenset[str], more: frozenset[str], days: int
) -> None:
    assert set(from_json(as_json(rules))) == set(rules)
    assert as_json(reversed(rules)) == as_json(rules)
    today = date(2025, 9, 28)
    if Clearance(groups, today).admits(rules):
        assert Clearance(groups | more, today.replace(day=28 + min(days, 2))).admits(rules)
    assert Clearance(groups, today).admits(rules) == all(
        bool(groups & rule.groups) or bool(rule.until and rule.until <= today) for rule in rules
    )


def test_groups_are_alike_however_they_are_written() -> None:
    assert group_names("Press , ＰＲＥＳＳ,  press ") == frozenset(["press"])
    assert in_words(()) == "public"
