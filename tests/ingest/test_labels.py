"""Which rules a document gets: from what it says of itself, from its folders, by default."""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ingest.__main__ import main
from ingest.sync import Report, sync
from rag.access import EMBARGO, INTERNAL, Rule, Rules
from rag.errors import LoadError
from rag.index import Index
from rag.models import Encoder

pytestmark = pytest.mark.usefixtures("reading_here")

DAY = date(2025, 10, 1)
OF_STAFF = Rule(frozenset([INTERNAL]))
EMBARGOED = Rule(frozenset([EMBARGO]), DAY)
OF_PRESS = Rule(frozenset(["press"]))


@pytest.fixture
def index(tmp_path: Path, bag_of_words: Encoder) -> Iterator[Index]:
    opened = Index(tmp_path / "index", bag_of_words.fingerprint)
    yield opened
    opened.close()


def write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def rules(index: Index) -> dict[str, Rules]:
    with index.reading() as generation:
        return {each.uri: each.access for each in generation.listing()}


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        pytest.param("title: A", (), id="nothing"),
        pytest.param("label: public", (), id="public"),
        pytest.param("label: INTERNAL", (OF_STAFF,), id="internal"),
        pytest.param("Label: embargo until 2025-10-01", (EMBARGOED,), id="embargo"),
        pytest.param("groups: [Press]", (OF_PRESS,), id="group"),
        pytest.param("groups:\n  - press", (OF_PRESS,), id="group-in-lines"),
        pytest.param("label: internal\ngroups: press", (OF_STAFF, OF_PRESS), id="both"),
        pytest.param("title: a: b\nlabel: internal", (OF_STAFF,), id="not-quite-yaml"),
        pytest.param("groups: {press: yes}", (Rule(frozenset(["{'press': 'yes'}"])),), id="odd"),
    ],
)
def test_a_document_says_who_may_read_it(
    tmp_path: Path, index: Index, bag_of_words: Encoder, front: str, expected: Rules
) -> None:
    write(tmp_path / "in", "a.md", f"---\n{front}\n---\n\nThe ferry sails at dawn.")
    sync(index, bag_of_words, [tmp_path / "in"])
    assert set(rules(index)["a.md"]) == set(expected)


@pytest.mark.parametrize(
    "label", ["secret", "embargo", "embargo until soon", "embargo until 2025-13-01", "[internal]"]
)
def test_a_document_with_a_label_that_nobody_knows_stays_out(
    tmp_path: Path, index: Index, bag_of_words: Encoder, label: str
) -> None:
    write(tmp_path / "in", "a.md", f"---\nlabel: {label}\n---\n\nThe ferry sails at dawn.")
    write(tmp_path / "in", "b.md", "Apples grow here.")
    report = sync(index, bag_of_words, [tmp_path / "in"])
    assert list(rules(index)) == ["b.md"]
    ((path, reason),) = report.refused
    assert path.endswith("a.md")
    assert "is none of public, internal and embargo until YYYY-MM-DD" in reason


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param("\n\n---\nlabel: internal\n---\n", id="blank-lines"),
        pytest.param(" ---\nlabel: internal\n ---\n", id="spaces"),
        pytest.param("\ufeff\n---\nlabel: internal\n---\n", id="mark"),
        pytest.param("---\r\nlabel: internal\r\n---\r\n", id="windows"),
        pytest.param("---\n{title: A, 'label': internal}\n---\n", id="braces"),
    ],
)
@pytest.mark.parametrize("name", ["a.md", "a.txt"])
def test_a_label_holds_however_its_front_matter_begins(
    tmp_path: Path, index: Index, bag_of_words: Encoder, begun: str, name: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(f"{begun}\nThe ferry sails at dawn.".encode())
    sync(index, bag_of_words, [tmp_path / "in"])
    assert rules(index) == {name: (OF_STAFF,)}


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param("---\ntitle: A\nlabel: internal\n", id="not-closed"),
        pytest.param("---\n\nlabel: internal\n", id="not-closed-after-a-blank-line"),
        pytest.param("----\nlabel: internal\n----\n", id="four-dashes"),
        pytest.param("---\ngroups:\n- press\n\n", id="groups-not-closed"),
        pytest.param("---\ntitle: a: b\ngroups:\n- press\n---\n", id="not-yaml"),
        pytest.param("---\n{title: A, 'label': internal\n---\n", id="broken-braces"),
        pytest.param("---\n\tlabel: internal\n---\n", id="tab"),
        pytest.param("---\nlabel:internal\n---\n", id="no-space"),
        pytest.param("---\n- label: internal\n---\n", id="list"),
        pytest.param("---\naccess:\n  label: internal\n---\n", id="nested"),
        pytest.param("---\nlabel: internal\nLabel: public\n---\n", id="twice"),
    ],
)
def test_a_document_whose_label_can_not_be_understood_stays_out(
    tmp_path: Path, index: Index, bag_of_words: Encoder, begun: str
) -> None:
    write(tmp_path / "in", "a.md", f"{begun}\nThe ferry sails at dawn.")
    report = sync(index, bag_of_words, [tmp_path / "in"])
    ((path, reason),) = report.refused
    assert path.endswith("a.md")
    assert "so nobody knows who may read it; write '" in reason


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({"label": "Internal"}, (OF_STAFF,), id="label"),
        pytest.param({"metadata": {"Label": "internal"}}, (OF_STAFF,), id="metadata"),
        pytest.param({"groups": ["press"]}, (OF_PRESS,), id="groups"),
        pytest.param({"groups": "press", "label": "public"}, (OF_PRESS,), id="both"),
        pytest.param({"label": None, "groups": []}, (), id="nothing"),
    ],
)
def test_a_document_in_json_says_who_may_read_it(
    tmp_path: Path, index: Index, bag_of_words: Encoder, said: dict[str, object], expected: Rules
) -> None:
    record = {"id": "r", "text": "The ferry sails at dawn."}
    write(tmp_path / "in", "a.jsonl", f"{json.dumps({**record, **said})}\n{json.dumps(record)}")
    write(tmp_path / "in", "b.json", json.dumps({**record, **said}))
    sync(index, bag_of_words, [tmp_path / "in"])
    assert {uri: set(each) for uri, each in rules(index).items()} == {
        "a.jsonl/r.json": set(expected),
        "a.jsonl/r (2).json": set(),
        "b.json": set(expected),
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"text": "Hi.", "label": 3}, "its label '3' is none of public"),
        ({"text": "Hi.", "label": "public", "metadata": {"label": "internal"}}, "two 'label'"),
        ({"items": [{"text": "Hi."}], "label": "internal"}, "its 'label' stands beside a list"),
    ],
)
def test_json_whose_label_can_not_be_understood_stays_out(
    tmp_path: Path, index: Index, bag_of_words: Encoder, value: object, message: str
) -> None:
    write(tmp_path / "in", "a.json", json.dumps(value))
    ((_, reason),) = sync(index, bag_of_words, [tmp_path / "in"]).refused
    assert message in reason


def labelled(folder: Path) -> None:
    write(folder, "a.md", "The ferry sails at dawn.")
    write(folder, "b/c.md", "---\nlabel: public\n---\n\nApples grow here.")
    write(folder, "b/Über Plan.md", "Glass is shown.")
    write(folder, ".labels.yaml", '"b/*": {label: internal}')
    write(folder, "b/.labels.yaml", '"über*.MD": {groups: [press]}')


def test_files_of_labels_close_what_lies_below_them(
    tmp_path: Path, index: Index, bag_of_words: Encoder
) -> None:
    labelled(tmp_path / "in")
    sync(index, bag_of_words, [tmp_path / "in"])
    found = {uri: set(each) for uri, each in rules(index).items()}
    assert found == {
        "a.md": set(),
        "b/c.md": {OF_STAFF},
        "b/Über Plan.md": {OF_STAFF, OF_PRESS},
    }


def test_a_changed_label_needs_no_changed_file_and_no_embedding(
    tmp_path: Path, index: Index, bag_of_words: Encoder
) -> None:
    folder = tmp_path / "in"
    labelled(folder)
    sync(index, bag_of_words, [folder])
    with index.reading() as generation:
        before = generation.name
    write(folder, "b/.labels.yaml", '"*": {label: embargo until 2025-10-01}')
    report = sync(index, bag_of_words, [folder])
    assert (report.changed, report.embedded, report.unchanged) == (0, 0, 3)
    assert set(rules(index)["b/c.md"]) == {OF_STAFF, EMBARGOED}
    sync(index, bag_of_words, [folder])
    (folder / "b/.labels.yaml").unlink()
    sync(index, bag_of_words, [folder], default=(OF_PRESS,))
    assert set(rules(index)["b/c.md"]) == {OF_STAFF}
    assert set(rules(index)["a.md"]) == {OF_PRESS}
    with index.reading() as generation:
        assert generation.name != before


def test_nothing_is_done_again_when_the_labels_stay(
    tmp_path: Path, index: Index, bag_of_words: Encoder
) -> None:
    labelled(tmp_path / "in")
    names = set()
    for _ in range(2):
        report = sync(index, bag_of_words, [tmp_path / "in"])
        assert report.index
        names.add(report.index.generation)
    assert len(names) == 1


def test_what_lies_in_an_archive_has_the_labels_of_the_archive(
    tmp_path: Path, index: Index, bag_of_words: Encoder
) -> None:
    write(tmp_path / "packed", "x.md", "---\ngroups: press\n---\n\nApples grow here.")
    (tmp_path / "in").mkdir()
    shutil.make_archive(str(tmp_path / "in" / "a"), "zip", tmp_path / "packed")
    write(tmp_path / "in", ".labels.yaml", "a.zip: {label: internal}")
    sync(index, bag_of_words, [tmp_path / "in"])
    assert set(rules(index)["a.zip/x.md"]) == {OF_STAFF, OF_PRESS}


def test_labels_beside_a_file_that_is_named_count(
    tmp_path: Path, index: Index, bag_of_words: Encoder
) -> None:
    labelled(tmp_path / "in")
    sync(index, bag_of_words, [tmp_path / "in" / "b" / "Über Plan.md"])
    assert set(rules(index)["Über Plan.md"]) == {OF_PRESS}


def test_a_pattern_that_fits_nothing_is_told(
    tmp_path: Path, index: Index, bag_of_words: Encoder
) -> None:
    labelled(tmp_path / "in")
    write(tmp_path / "in", ".labels.yaml", "meno.pdf: {label: internal}")

    def told(report: Report) -> list[str]:
        return [reason for _, reason in report.refused]

    expected = ["its pattern 'meno.pdf' fits no file; correct it"]
    assert told(sync(index, bag_of_words, [tmp_path / "in"])) == expected
    assert told(sync(index, bag_of_words, [tmp_path / "in"])) == expected


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("- internal", id="a-list"),
        pytest.param('"*": internal', id="no-keys"),
        pytest.param('"*": {lable: internal}', id="misspelt-key"),
        pytest.param('"*": {label: secret}', id="unknown-label"),
        pytest.param('"*": {groups: []}', id="nobody"),
        pytest.param('"*": {label: internal', id="no-yaml"),
        pytest.param("", id="empty"),
    ],
)
def test_labels_that_can_not_be_understood_stop_the_ingest(
    tmp_path: Path, index: Index, bag_of_words: Encoder, said: str
) -> None:
    labelled(tmp_path / "in")
    sync(index, bag_of_words, [tmp_path / "in"])
    before = rules(index)
    write(tmp_path / "in", "new.md", "Bees are kept.")
    write(tmp_path / "in", ".labels.yaml", said)
    with pytest.raises(LoadError, match=r"\.labels\.yaml: .*"):
        sync(index, bag_of_words, [tmp_path / "in"])
    assert rules(index) == before


def test_a_default_that_is_no_label_is_bad_usage(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VISIT_DESK_DEFAULT_LABEL", "secret")
    assert main([str(folder), "--index", str(tmp_path / "index")]) == 2
    assert "VISIT_DESK_DEFAULT_LABEL can not be used: its label 'secret'" in capsys.readouterr().err
