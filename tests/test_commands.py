import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from ingest.__main__ import main as ingest
from rag.__main__ import main as rag
from rag.index import Index
from rag.models import Encoder
from rag.settings import PREFIX
from rag.store import current
from tests.server import ChromaServer

ROOT = Path(__file__).parents[1]
Run = Callable[..., CompletedProcess[str]]
INGESTED = {
    "generation", "added", "changed", "removed", "unchanged", "refused", "documents", "chunks",
    "sentences", "embedded", "seconds",
}  # fmt: skip
ANSWERED = {
    "id", "question", "searched_for", "language", "status", "mode", "model", "text", "as_of",
    "citations", "hits", "timings_ms", "statements", "dropped", "fault", "notice", "usage",
}  # fmt: skip
CITED = {"marker", "document_id", "title", "uri", "published", "page", "start", "end", "quote"}
HIT = {"chunk_id", "document_id", "start", "end", "score"}


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run each command where no setting of this machine is seen."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def printed(done: CompletedProcess[str]) -> dict[str, Any]:
    """Return the one JSON object that a command printed."""
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_ingest_reads_a_folder(run: Run, own_index: Path, folder: Path) -> None:
    done = run("ingest", folder, "--index", own_index, "--json")
    assert done.returncode == 0
    report = printed(done)
    assert report.keys() == INGESTED
    assert report["generation"] == current(own_index).name
    assert {name: report[name] for name in report.keys() - {"generation", "seconds"}} == {
        "added": 3, "changed": 0, "removed": 14, "unchanged": 0, "refused": [], "documents": 3,
        "chunks": 3, "sentences": 6, "embedded": 3,
    }  # fmt: skip


def test_ingest_names_what_it_refuses_and_takes_in_the_rest(
    run: Run, own_index: Path, folder: Path
) -> None:
    (folder / "sound.mp3").write_bytes(b"ID3")
    (folder / "scan.pdf").write_bytes(b"%PDF-1.4 broken")
    done = run("ingest", folder, "--index", own_index, "--json")
    assert done.returncode == 1
    report = printed(done)
    assert (report["added"], report["documents"]) == (3, 3)
    scan, sound = report["refused"]
    assert scan["path"] == str(folder / "scan.pdf")
    assert sound["path"] == str(folder / "sound.mp3")
    assert sound["reason"].startswith("it is of the unsupported type '.mp3'; supported are ")


def test_ingest_waits_for_no_pipe(run: Run, own_index: Path, folder: Path) -> None:
    """A named pipe looks like a file until it is opened, which never ends."""
    os.mkfifo(folder / "pipe.txt")
    done = run("ingest", folder, "--index", own_index, "--json")
    assert done.returncode == 1
    assert [each["path"] for each in printed(done)["refused"]] == [str(folder / "pipe.txt")]


def test_ingest_says_what_it_did_to_a_person(
    own_index: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sound.mp3").write_bytes(b"ID3")
    assert ingest([str(folder), "--index", str(own_index)]) == 1
    said = capsys.readouterr()
    assert "3 added, 0 changed, 14 removed, 0 unchanged; 1 refused; 3 embedded in " in said.out
    assert "the index holds 3 documents, 6 sentences" in said.out
    assert f"refused {folder / 'sound.mp3'}: it is of the unsupported type '.mp3'" in said.err


def test_ingest_of_nothing_readable_keeps_the_index(
    own_index: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = current(own_index)
    for path in folder.iterdir():
        path.write_bytes(b"")
    assert ingest([str(folder), "--index", str(own_index), "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert report.keys() == INGESTED
    assert (len(report["refused"]), report["documents"]) == (3, 14)
    assert report["generation"] == before.name == current(own_index).name


def test_ingest_removes_records_that_are_too_old(
    own_index: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["ask", "Who is Rachel Bendayan?", "--index", str(own_index)]
    assert rag(asked) == 0
    records = own_index / "records" / "answers.jsonl"
    old = {**json.loads(records.read_text(encoding="utf-8")), "id": "x"}
    old["at"] = "2001-02-03T04:05:06+00:00"
    with records.open("a", encoding="utf-8") as file:
        file.write(json.dumps(old) + "\n")
    monkeypatch.setenv("VISIT_DESK_RECORDS_DAYS", "0")
    assert ingest([str(folder), "--index", str(own_index)]) == 0
    assert len(records.read_text(encoding="utf-8").splitlines()) == 2
    monkeypatch.setenv("VISIT_DESK_RECORDS_DAYS", "1")
    assert ingest([str(folder), "--index", str(own_index)]) == 0
    (kept,) = records.read_text(encoding="utf-8").splitlines()
    assert json.loads(kept)["id"] != "x"


def test_ingest_of_an_empty_folder_keeps_the_index(
    own_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = current(own_index)
    (tmp_path / "empty").mkdir()
    assert ingest([str(tmp_path / "empty"), "--index", str(own_index)]) == 3
    said = capsys.readouterr().err
    assert "nothing could be read in" in said
    assert "the index is as it was" in said
    assert current(own_index) == before


def test_ingest_of_a_path_that_is_not_there_does_nothing(run: Run, tmp_path: Path) -> None:
    done = run("ingest", "nowhere", "--index", "index")
    assert done.returncode == 2
    assert done.stderr == ("there is no file or folder 'nowhere'; name one that holds documents\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [ingest, rag], ids=["ingest", "ask"])
def test_bad_arguments_are_bad_usage(
    command: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(["--nonsense"])
    assert "usage: python -m " in capsys.readouterr().err


def test_a_second_ingest_is_told_who_holds_the_index(
    run: Run, own_index: Path, folder: Path, encoder: Encoder
) -> None:
    with Index(own_index, encoder.fingerprint).writing("recipe"):
        done = run("ingest", folder, "--index", own_index, "--json")
    assert done.returncode == 3
    assert f"is being written by process {os.getpid()}; wait until it is done" in done.stderr
    assert "Traceback" not in done.stderr


def test_ingest_repairs_a_damaged_index(
    own_index: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_index / "CURRENT").write_text("nonsense")
    assert rag(["ask", "Who steers the ferry?", "--index", str(own_index)]) == 3
    assert "run python -m ingest --check" in capsys.readouterr().err
    assert ingest([str(folder), "--index", str(own_index), "--rebuild"]) == 0
    assert rag(["ask", "Who steers the ferry?", "--index", str(own_index)]) == 0


def test_ingest_without_a_path_reads_what_it_read_last(
    own_index: Path, folder: Path, seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = ["--index", str(own_index)]
    assert ingest([str(folder), *index]) == 0
    (folder / "ferry.txt").unlink()
    assert ingest([*index, "--first", str(seeds)]) == 0
    assert "0 added, 0 changed, 1 removed, 2 unchanged" in capsys.readouterr().out


def test_ingest_without_a_path_needs_an_index(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ingest(["--index", str(tmp_path / "none")]) == 2
    assert "there is no index in " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ingest_begins_with_the_first_path(
    model_cache: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "model").symlink_to(model_cache)
    assert ingest(["--index", str(tmp_path / "index"), "--first", str(folder)]) == 0
    assert "3 added" in capsys.readouterr().out


def test_check_says_that_a_sound_index_is(
    own_index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = current(own_index)
    assert ingest(["--check", "--index", str(own_index)]) == 0
    assert capsys.readouterr().out.startswith("sound: 14 documents, ")
    assert current(own_index) == before


def test_check_mends_lost_vectors(own_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(current(own_index) / "chroma")
    assert rag(["ask", "Who is Rachel Bendayan?", "--index", str(own_index)]) == 3
    assert ingest(["--check", "--index", str(own_index)]) == 1
    assert capsys.readouterr().out.startswith("mended: 14 documents, ")
    assert ingest(["--check", "--index", str(own_index)]) == 0
    assert rag(["ask", "Who is Rachel Bendayan?", "--index", str(own_index)]) == 0


def test_check_for_scripts(own_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def check() -> tuple[int, str, int, int]:
        code = ingest(["--check", "--json", "--index", str(own_index)])
        said = json.loads(capsys.readouterr().out)
        return code, said["state"], said["documents"], len(said["problems"])

    assert check() == (0, "sound", 14, 0)
    shutil.rmtree(current(own_index) / "chroma")
    assert check() == (1, "mended", 14, 1)
    os.truncate(current(own_index) / "truth.sqlite", 100)
    assert check() == (3, "lost", 0, 1)


def test_an_ingest_that_is_interrupted_says_so_in_a_line(
    own_index: Path, folder: Path, tmp_path: Path
) -> None:
    before = current(own_index)
    with subprocess.Popen(  # noqa: S603  # our own command; in the background SIGINT is ignored
        [sys.executable, "-m", "ingest", str(folder), "--index", str(own_index)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        while process.poll() is None and not (own_index / "writer.pid").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1].startswith("stopped; the index is as it was before")
    assert "Traceback" not in err
    assert current(own_index) == before
    assert not (own_index / "writer.pid").exists()
    assert list((own_index / "generations").iterdir()) == [before]


def test_check_says_when_the_files_have_to_be_read_again(
    own_index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.truncate(current(own_index) / "truth.sqlite", 100)
    assert ingest(["--check", "--index", str(own_index)]) == 3
    assert "run python -m ingest PATH --rebuild" in capsys.readouterr().err


def test_list_names_every_file(own_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ingest(["--list", "--index", str(own_index)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("01-overview.md: Overview: Canada's prime minister in Mexico")
    assert sum(not line.startswith(" ") for line in lines) == 14


def test_list_for_scripts(
    own_index: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sound.mp3").write_bytes(b"ID3")
    (folder / "copy.txt").write_text((folder / "ferry.txt").read_text())
    ingest([str(folder), "--index", str(own_index)])
    capsys.readouterr()
    assert ingest(["--list", "--json", "--index", str(own_index)]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(each["uri"], each["same_as"]) for each in listed["documents"]] == [
        ("copy.txt", None), ("ferry.txt", "copy.txt"), ("museum.txt", None), ("orchard.txt", None)
    ]  # fmt: skip
    assert [each["path"] for each in listed["refused"]] == ["sound.mp3"]


def test_report_is_a_page_that_runs_nothing(
    own_index: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "<script>alert(1)<script>.txt").write_text("They met <b>twice</b>.")
    (folder / "<img src=x>.mp3").write_bytes(b"ID3")
    ingest([str(folder), "--index", str(own_index)])
    page = tmp_path / "report.html"
    assert ingest(["--report", str(page), "--index", str(own_index)]) == 0
    assert capsys.readouterr().out.endswith(f"written to {page}\n")
    text = page.read_text(encoding="utf-8")
    assert "Dossier: 4 documents, 1 refused" in text
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;img src=x&gt;.mp3" in text


def test_a_report_that_can_not_be_written_says_so(
    own_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ingest(["--report", str(tmp_path), "--index", str(own_index)]) == 2
    assert "can not be written: Is a directory" in capsys.readouterr().err


def test_check_and_list_take_no_path(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        ingest([str(folder), "--check"])
    assert "--check, --list and --report look at the index" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["file", "file/index"])
def test_a_file_in_the_place_of_the_index_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    wanted = f"the index can not be in '{tmp_path / place}', for that is or lies in a file; name a "
    for command in ([str(folder)], [], ["--list"], ["--check"], ["--check", "--json"]):
        assert ingest([*command, "--index", str(tmp_path / place)]) == 2
        assert capsys.readouterr().err.startswith(wanted), command
    assert rag(["ask", "Who?", "--index", str(tmp_path / place)]) == 2
    assert wanted in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "in the way"


def test_ask_answers(run: Run, own_index: Path) -> None:
    done = run("rag", "ask", "Who is Rachel Bendayan?", "--index", own_index, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = printed(done)
    assert answer.keys() >= ANSWERED
    assert answer.keys() - ANSWERED <= {"coverage"}
    assert (answer["status"], answer["mode"]) == ("answered", "extractive")
    assert "Bendayan" in answer["citations"][0]["quote"]
    assert {frozenset(each) for each in answer["citations"]} == {frozenset(CITED)}
    assert {frozenset(each) for each in answer["hits"]} == {frozenset(HIT)}
    assert answer["timings_ms"]["total"] > 0
    assert (own_index / "records" / "answers.jsonl").exists()


def test_ask_refuses_with_success(own_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    question = "How many moons does Saturn have?"
    assert rag(["ask", question, "--index", str(own_index), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "refused"


def test_ask_looks_back_on_a_history(
    own_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "turns.json").write_text('[{"question": "What did Sheinbaum say about ports?"}]')
    asked = ["ask", "And mining?", "--index", str(own_index), "--history", "turns.json"]
    assert rag([*asked, "--json"]) == 0
    searched_for = "And mining? (Sheinbaum ports)"
    assert json.loads(capsys.readouterr().out)["searched_for"] == searched_for
    assert rag(asked) == 0
    assert f"Searched for: {searched_for}" in capsys.readouterr().out


def test_ask_shows_a_person_the_sources(
    own_index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = "When was the last summit of the leaders of Canada, Mexico and the United States?"
    assert rag(["ask", asked, "--index", str(own_index)]) == 0
    shown = capsys.readouterr().out
    assert "January 2023" in shown
    assert "\n[1] " in shown
    assert "As of September 18, 2025: " in shown


@pytest.mark.parametrize(
    ("question", "says"),
    [
        pytest.param("", "the question is empty; type what you want to know", id="empty"),
        pytest.param("x" * 2000, "has 2,000 characters; shorten it to 1,000", id="too-long"),
    ],
)
def test_ask_says_what_is_wrong_with_a_question(
    own_index: Path, capsys: pytest.CaptureFixture[str], question: str, says: str
) -> None:
    assert rag(["ask", question, "--index", str(own_index), "--json"]) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"not json",
        b"\xff\xfe",
        b'{"question": "Who?"}',
        b'["Who?"]',
        b'[{"answer": "Me."}]',
        b"[null]",
        b"7",
        b"null",
        pytest.param(b"[" * 100_000, id="nested"),
    ],
)
def test_ask_says_what_is_wrong_with_a_history(
    tmp_path: Path, seeds_index: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    path = tmp_path / "turns.json"
    if content is not None:
        path.write_bytes(content)
    assert rag(["ask", "Who?", "--index", str(seeds_index), "--history", str(path)]) == 2
    said = capsys.readouterr().err
    assert f"the history {str(path)!r} can not be read" in said
    assert 'it must hold [{"question": "...", "answer": "..."}, ...]' in said


def test_ask_where_there_is_no_index_fails_and_makes_none(run: Run, tmp_path: Path) -> None:
    done = run("rag", "ask", "Who?", "--index", "nowhere", "--json")
    assert done.returncode == 3
    assert done.stderr == (
        "there is no index in 'nowhere'; run python -m ingest PATH --index nowhere\n"
    )
    failed = printed(done)
    assert failed.keys() >= ANSWERED
    assert (failed["status"], failed["citations"]) == ("failed", [])
    assert list(tmp_path.iterdir()) == []


def test_ask_with_another_model_than_the_index_has_names_both(
    run: Run, own_index: Path, tiny_model: Path, encoder: Encoder
) -> None:
    asked = ("rag", "ask", "Who?", "--index", own_index)
    done = run(*asked, VISIT_DESK_EMBEDDING_MODEL=tiny_model)
    assert done.returncode == 3
    assert f"the index was built with the model '{encoder.fingerprint}', not with" in done.stderr
    assert f"'{tiny_model}@" in done.stderr
    assert "run python -m ingest PATH again, or set VISIT_DESK_EMBEDDING_MODEL" in done.stderr


def test_ask_with_a_model_that_is_not_there_fails(
    own_index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISIT_DESK_EMBEDDING_MODEL", "/no/such/model")
    assert rag(["ask", "Who?", "--index", str(own_index)]) == 3
    assert "the embedding model '/no/such/model' can not be loaded" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "arguments"), [(ingest, ["."]), (rag, ["ask", "Who?"])], ids=["ingest", "ask"]
)
def test_a_setting_out_of_bounds_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: Callable[[list[str]], int],
    arguments: list[str],
) -> None:
    monkeypatch.setenv("VISIT_DESK_TOP_K", "0")
    assert command([*arguments, "--index", "index"]) == 2
    said = capsys.readouterr().err
    assert "VISIT_DESK_TOP_K='0': input should be greater than or equal to 1; correct" in said


def asked(index: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """Return what is answered of some documents."""
    question = "Who takes part in the working lunch?"
    assert rag(["ask", question, "--index", str(index), "--json", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_some_documents_are_asked(own_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    programme = asked(own_index, capsys, "--kind", "programme", "--from", "2025-09-18")
    assert {each["uri"] for each in programme["citations"]} == {"02-programme.html"}
    both = asked(own_index, capsys, "--language", "fr", "--language", "es")
    listed = asked(
        own_index, capsys, "--document", "13-resume.fr.md", "--document", "14-resumen.es.html"
    )
    assert both["hits"] == listed["hits"] != []
    assert len({each["document_id"] for each in both["hits"]}) == 2
    none = asked(own_index, capsys, "--to", "2025-09-17")
    assert (none["status"], none["hits"]) == ("refused", [])
    assert none["text"] == "Nothing was searched: no document fits what was chosen (of 14 in all)."


def test_what_is_no_date_is_wrong_usage(
    seeds_index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        rag(["ask", "Who?", "--index", str(seeds_index), "--from", "18 September"])
    assert "'18 September' is no date; write 2025-09-18" in capsys.readouterr().err


def test_machines_that_name_one_server_share_an_index(
    run: Run, own_index: Path, folder: Path, tmp_path: Path, model_cache: Path
) -> None:
    server = ChromaServer(tmp_path / "chroma")
    other = tmp_path / "other"
    other.mkdir()
    (other / "model").symlink_to(model_cache)
    first = {"VISIT_DESK_CHROMA_URL": server.url, "VISIT_DESK_INDEX": own_index}
    second = {"VISIT_DESK_CHROMA_URL": server.url, "VISIT_DESK_INDEX": other}
    asked = ("rag", "ask", "Who steers the harbour ferry?", "--json")
    gone = run(*asked, **second)
    assert (gone.returncode, printed(gone)["status"]) == (3, "failed")
    assert f"the Chroma server at '{server.url}' does not answer" in gone.stderr
    server.start()
    try:
        assert run("ingest", folder, **first).returncode == 0
        citations = printed(run(*asked, **second))["citations"]
        assert {each["uri"] for each in citations} == {"ferry.txt"}
        (folder / "ferry.txt").unlink()
        again = run("ingest", "--json", **second)  # what the other machine ingested
        assert (again.returncode, printed(again)["removed"]) == (0, 1)
        checked = run("ingest", "--check", "--json", **first)
        assert (printed(checked)["state"], printed(checked)["documents"]) == ("sound", 2)
        nowhere = run(*asked, "--index", tmp_path / "own", **first)
        assert "there is no index in '" in nowhere.stderr  # it is this machine's alone
    finally:
        server.kill()
