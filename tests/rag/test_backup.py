"""Backups made while the index is in use, cut off, altered and hostile; and what comes back."""

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.sync import sync
from rag import backup
from rag.__main__ import main
from rag.backup import restore, save
from rag.errors import (
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    IndexWriteError,
    SettingsError,
)
from rag.index import Index
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from rag.records import place
from rag.server import Server
from rag.store import current
from tests.server import ChromaServer

ROOT = Path(__file__).parents[2]
QUESTION = "Who steers the harbour ferry?"
KILLED = """
import os, signal, sys, tarfile
from pathlib import Path
from rag import backup

def killing(name, number):
    # Let the process be killed when it has called a function so many times.
    function, left = getattr(tarfile.TarFile, name), [number]
    def counted(*arguments, **named):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    setattr(tarfile.TarFile, name, counted)

doing, index, file, directory, fingerprint = sys.argv[1:]
for number in (1, 2, 5, 9):
    child = os.fork()
    if not child:
        if doing == "save":
            killing("addfile", number)
            backup.save(Path(index), Path(file))
        else:
            killing("_extract_one", number)
            backup.restore(Path(file), Path(directory), fingerprint)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""

pytestmark = pytest.mark.usefixtures("reading_here")


@pytest.fixture
def index(tmp_path: Path, folder: Path, bag_of_words: Encoder) -> Index:
    made = Index(tmp_path / "index", bag_of_words.fingerprint)
    sync(made, bag_of_words, [folder])
    return made


@pytest.fixture
def saved(index: Index, tmp_path: Path) -> Path:
    save(index.directory, tmp_path / "visit.tar")
    return tmp_path / "visit.tar"


@pytest.fixture
def back(tmp_path: Path, bag_of_words: Encoder) -> Callable[[Path], Path]:
    """Return a function that restores a backup and returns where."""

    def restored(file: Path) -> Path:
        restore(file, tmp_path / "back", bag_of_words.fingerprint)
        return tmp_path / "back"

    return restored


def ask(directory: Path, encoder: Encoder) -> str:
    opened = Index(directory, encoder.fingerprint)
    answer = Pipeline(opened, encoder).invoke(Question(QUESTION))
    opened.close()
    return answer.text


def changed(file: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> None:
    """Write an archive anew with other members."""
    with tarfile.open(file) as tar:
        members = {each.name: tar.extractfile(each).read() for each in tar}  # type: ignore[union-attr]  # of files only
    with tarfile.open(file, "w") as tar:
        for name, data in change(members).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def test_what_comes_back_answers_as_before_with_its_records_and_files(
    index: Index, tmp_path: Path, bag_of_words: Encoder, back: Callable[[Path], Path]
) -> None:
    records = place(index.directory)
    before = Pipeline(index, bag_of_words, record_to=records).invoke(Question(QUESTION))
    (index.directory / "accounts").write_text("secret")
    (index.directory / "accounts").chmod(0o600)
    report = save(index.directory, tmp_path / "visit.tar")
    assert report.generation == current(index.directory).name
    assert report.bytes == (tmp_path / "visit.tar").stat().st_size
    assert (tmp_path / "visit.tar").stat().st_mode & 0o077 == 0
    directory = back(tmp_path / "visit.tar")
    assert ask(directory, bag_of_words) == before.text
    assert place(directory).read_bytes() == records.read_bytes()
    assert (directory / "accounts").read_text() == "secret"
    for private in (directory, directory / "accounts", place(directory)):
        assert private.stat().st_mode & 0o077 == 0
    assert sorted(each.name for each in directory.iterdir()) == [
        "CURRENT", "accounts", "generations", "records",
    ]  # fmt: skip
    assert [each.name for each in tmp_path.glob("*.*-*")] == []


def test_a_backup_holds_one_state_while_ingests_and_answers_go_on(
    index: Index, folder: Path, tmp_path: Path, bag_of_words: Encoder
) -> None:
    """The ferry sails in one state, the tram in the other; never both, never neither."""
    records = place(index.directory)
    done = threading.Event()

    def work() -> None:
        desk = Pipeline(index, bag_of_words, record_to=records)
        while not done.is_set():
            (folder / "ferry.txt").rename(folder / "tram.txt")
            (folder / "tram.txt").write_text("The harbour tram runs at noon.")
            sync(index, bag_of_words, [folder])
            desk.invoke(Question(QUESTION))
            (folder / "tram.txt").rename(folder / "ferry.txt")
            (folder / "ferry.txt").write_text("The harbour ferry sails at dawn.")
            sync(index, bag_of_words, [folder])

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for number in range(6):
            save(index.directory, tmp_path / f"{number}.tar")
    finally:
        done.set()
        worker.join()
    for number in range(6):
        directory = tmp_path / f"back-{number}"
        restore(tmp_path / f"{number}.tar", directory, bag_of_words.fingerprint)
        opened = Index(directory, bag_of_words.fingerprint)
        with opened.reading() as generation:
            uris = {each.uri for each in generation.documents()}
        opened.close()
        assert len(uris & {"ferry.txt", "tram.txt"}) == 1
        if place(directory).exists():
            lines = place(directory).read_text(encoding="utf-8").splitlines()
            assert all(json.loads(line)["id"] for line in lines)


def killed(doing: str, index: Index, tmp_path: Path) -> None:
    arguments = [doing, index.directory, tmp_path / "visit.tar", tmp_path / "back"]
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-W", "ignore", "-c", KILLED, *map(str, arguments), index.fingerprint],
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0


def test_a_backup_that_is_killed_leaves_no_file_and_the_next_one_works(
    index: Index, tmp_path: Path, bag_of_words: Encoder, back: Callable[[Path], Path]
) -> None:
    killed("save", index, tmp_path)
    assert not (tmp_path / "visit.tar").exists()
    save(index.directory, tmp_path / "visit.tar")
    assert "Nadia" in ask(back(tmp_path / "visit.tar"), bag_of_words)


def test_a_restore_that_is_killed_leaves_no_index_and_the_next_one_works(
    index: Index, saved: Path, tmp_path: Path, bag_of_words: Encoder, back: Callable[[Path], Path]
) -> None:
    killed("restore", index, tmp_path)
    assert not (tmp_path / "back").exists()
    assert "Nadia" in ask(back(saved), bag_of_words)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9])
def test_a_backup_that_was_cut_off_is_refused(
    saved: Path, tmp_path: Path, share: float, back: Callable[[Path], Path]
) -> None:
    os.truncate(saved, int(saved.stat().st_size * share))
    with pytest.raises(IndexDamagedError, match=r"visit.tar' is damaged"):
        back(saved)
    assert [each.name for each in tmp_path.glob("back*")] == []


LIST = backup.LIST


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda m: {n: m[n] for n in m if n != LIST}, "its end is", id="no-list"),
        pytest.param(lambda m: {**m, LIST: b"{}"}, "its list can not be read", id="list"),
        pytest.param(lambda m: {"more": b"", **m}, "'more' is missing or is not", id="more"),
        pytest.param(lambda m: {n: m[n] for n in m if n != "CURRENT"}, "'CURRENT' is", id="less"),
        pytest.param(lambda m: {**m, "CURRENT": b"x"}, "'CURRENT' is missing or", id="other"),
        pytest.param(lambda m: {"../x": b"", **m}, "'../x' is nothing that", id="above"),
        pytest.param(lambda m: {"/tmp/x": b"", **m}, "'/tmp/x' is nothing that", id="root"),  # noqa: S108
        pytest.param(lambda m: {"records/../../x": b"", **m}, "x' is nothing that", id="within"),
    ],
)
def test_a_backup_that_was_altered_is_refused(
    saved: Path, tmp_path: Path, change: Any, why: str, back: Callable[[Path], Path]
) -> None:
    before = set(tmp_path.iterdir())
    changed(saved, change)
    with pytest.raises(IndexDamagedError, match=why):
        back(saved)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_a_backup_holds_plain_files_only(
    saved: Path, tmp_path: Path, kind: bytes, back: Callable[[Path], Path]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with tarfile.open(saved) as tar:
        last = tar.extractfile(LIST).read()  # type: ignore[union-attr]  # it is a file
    with tarfile.open(saved, "a") as tar:
        link = tarfile.TarInfo("records")
        link.type, link.linkname = kind, str(outside)
        tar.addfile(link)
        file = tarfile.TarInfo("records/x")
        tar.addfile(file, io.BytesIO())
        end = tarfile.TarInfo(LIST)
        end.size = len(last)
        tar.addfile(end, io.BytesIO(last))
    with pytest.raises(IndexDamagedError, match=r"a name comes twice|is nothing that an index has"):
        back(saved)
    assert list(outside.iterdir()) == []


def test_documents_that_are_not_what_was_ingested_are_refused(
    index: Index, tmp_path: Path, back: Callable[[Path], Path]
) -> None:
    index.close()
    with sqlite3.connect(current(index.directory) / "truth.sqlite") as truth:
        truth.execute("update documents set text = replace(text, 'Nadia', 'Ingrid')")
    truth.close()
    save(index.directory, tmp_path / "visit.tar")
    with pytest.raises(IndexDamagedError, match="is damaged"):
        back(tmp_path / "visit.tar")


def test_vectors_that_are_damaged_are_made_anew(
    index: Index, tmp_path: Path, bag_of_words: Encoder, back: Callable[[Path], Path]
) -> None:
    index.close()
    (current(index.directory) / "chroma" / "chroma.sqlite3").write_bytes(b"cut while it was read")
    save(index.directory, tmp_path / "visit.tar")
    assert "Nadia" in ask(back(tmp_path / "visit.tar"), bag_of_words)


def test_a_backup_of_another_version_or_model_is_refused(
    index: Index, saved: Path, tmp_path: Path, back: Callable[[Path], Path]
) -> None:
    with pytest.raises(IndexMismatchError, match=r"visit.tar' can not be used: .* 'other@1'"):
        restore(saved, tmp_path / "back", "other@1")
    index.close()
    with sqlite3.connect(current(index.directory) / "truth.sqlite") as truth:
        truth.execute("update manifest set value = '4' where key = 'schema'")
    truth.close()
    save(index.directory, tmp_path / "old.tar")
    with pytest.raises(IndexMismatchError, match=r"old.tar' can not be used: .* schema '4'"):
        back(tmp_path / "old.tar")
    assert not (tmp_path / "back").exists()


def test_nothing_is_overwritten(index: Index, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is a file .*visit.tar' already"):
        save(index.directory, saved)
    with pytest.raises(SettingsError, match="would lie in the index"):
        save(index.directory, index.directory / "records" / "visit.tar")
    for taken in (index.directory, saved):
        with pytest.raises(SettingsError, match="there is something in"):
            restore(saved, taken, index.fingerprint)
    with pytest.raises(SettingsError, match="there is no backup"):
        restore(tmp_path / "none.tar", tmp_path / "back", index.fingerprint)
    with pytest.raises(SettingsError, match="is a folder"):
        restore(tmp_path, tmp_path / "back", index.fingerprint)
    with pytest.raises(IndexMissingError, match="there is no index"):
        save(tmp_path / "nowhere", tmp_path / "new.tar")


def test_a_full_disk_is_said_before_it_is_filled(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: Callable[[Path], Path]
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(IndexWriteError, match="bytes and 10 are free; make room"):
        back(saved)
    assert [each.name for each in tmp_path.glob("back*")] == []


def test_an_empty_folder_is_filled(saved: Path, tmp_path: Path, bag_of_words: Encoder) -> None:
    (tmp_path / "back").mkdir()
    held = restore(saved, tmp_path / "back", bag_of_words.fingerprint)
    assert held.documents == 3


def test_the_commands_save_and_bring_back(
    own_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, directory = str(tmp_path / "visit.tar"), str(tmp_path / "back")
    assert main(["backup", file, "--index", str(own_index), "--json"]) == 0
    saved = json.loads(capsys.readouterr().out)
    assert main(["restore", file, directory, "--json"]) == 0
    restored = json.loads(capsys.readouterr().out)
    assert (saved["generation"], restored["documents"]) == (restored["generation"], 14)
    assert main(["ask", "Who is Rachel Bendayan?", "--index", directory, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "answered"
    assert main(["backup", file, "--index", str(own_index)]) == 2
    assert main(["backup", file, "--index", "nowhere"]) == 2


def test_a_copy_of_what_machines_share_comes_back_as_an_index_of_one(
    folder: Path, tmp_path: Path, bag_of_words: Encoder, back: Callable[[Path], Path]
) -> None:
    machine = ChromaServer(tmp_path / "chroma")
    machine.start()
    try:
        shared = Index(tmp_path / "copy", bag_of_words.fingerprint, Server(machine.url))
        sync(shared, bag_of_words, [folder])
        save(shared.directory, tmp_path / "visit.tar")
        shared.close()
    finally:
        machine.kill()
    assert "Nadia" in ask(back(tmp_path / "visit.tar"), bag_of_words)
