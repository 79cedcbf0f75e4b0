import hashlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from ingest import isolate
from ingest.isolate import Reader, Source, pack, unpack
from ingest.load import Limits, Loaded, load
from rag.errors import LoadError, RagError

ROOT = Path(__file__).parents[2]
SLOW = "- word\n" * 2_000_000  # takes minutes to read as Markdown; nobody waits for its end
LARGE = "The prime minister met the president on Monday. "


def source(folder: Path, name: str, content: str | bytes = "They met.") -> Source:
    data = content if isinstance(content, bytes) else content.encode()
    path = folder / name
    path.write_bytes(data)
    uri = os.fsencode(name).decode("utf-8", "replace")
    return Source(path, folder, uri, hashlib.sha256(data).hexdigest())


def sources(folder: Path, middle: Source) -> list[Source]:
    return [source(folder, "before.txt"), middle, source(folder, "after.txt")]


def told(pairs: Iterator[tuple[Source, Loaded]]) -> dict[str, str]:
    """Return by uri what was refused and why, or the text that was read."""
    return {
        source.uri: loaded.refusals[0][1] if loaded.refusals else loaded.documents[0].text
        for source, loaded in pairs
    }


def change_process(monkeypatch: pytest.MonkeyPatch, do: str) -> None:
    """Let the other process do something else with a file `b.txt`."""
    code = (
        "from ingest import isolate\n"
        "load = isolate._load\n"
        "def changed(source, limits):\n"
        f"    if source.uri == 'b.txt': {do}\n"
        "    return load(source, limits)\n"
        "isolate._load = changed\n"
    )
    escaped = code.replace("{", "{{").replace("}", "}}")
    monkeypatch.setattr(isolate, "SERVE", escaped + isolate.SERVE)


def pid(reader: Reader) -> int:
    process = reader._process
    assert process is not None
    return process.pid


def wait_for_end(reader: Reader) -> None:
    assert reader._process is not None
    reader._process.wait(20)


def is_running(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def is_busy(process: int) -> bool:
    """Tell whether a process computes; one that waits for a file to read sleeps."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "R"


def test_a_file_that_takes_too_long_is_refused_and_the_others_are_in(tmp_path: Path) -> None:
    with Reader(Limits(seconds=3)) as reader:
        found = told(reader.read(sources(tmp_path, source(tmp_path, "slow.md", SLOW))))
    assert found == {
        "before.txt": "They met.",
        "slow.md": "reading it took longer than 3 seconds",
        "after.txt": "They met.",
    }


def test_a_file_that_takes_too_much_memory_is_refused_and_the_others_are_in(
    tmp_path: Path,
) -> None:
    large = source(tmp_path, "large.txt", LARGE * 1_000_000)
    with Reader(Limits(memory_bytes=600_000_000)) as reader:
        found = told(reader.read(sources(tmp_path, large)))
        before = pid(reader)
        assert told(reader.read([source(tmp_path, "again.txt")])) == {"again.txt": "They met."}
        assert pid(reader) == before
    assert found == {
        "before.txt": "They met.",
        "large.txt": "reading it takes more than 600 MB of memory",
        "after.txt": "They met.",
    }


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_dies_while_it_reads_costs_only_the_file_it_read(
    tmp_path: Path, number: signal.Signals
) -> None:
    files = sources(tmp_path, source(tmp_path, "slow.md", SLOW))
    with Reader(Limits()) as reader:
        reading = reader.read(files)
        assert next(reading)[0].uri == "before.txt"  # and the next one is being read
        wait_for(lambda: is_busy(pid(reader)))
        os.kill(pid(reader), number)
        assert told(reading) == {
            "slow.md": f"the process that read it was ended by {number.name}",
            "after.txt": "They met.",
        }


def test_a_process_that_a_signal_without_a_name_ends_costs_only_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = signal.SIGRTMIN + 6
    change_process(monkeypatch, f"import os; os.kill(os.getpid(), {number})")
    with Reader(Limits()) as reader:
        found = told(reader.read(sources(tmp_path, source(tmp_path, "b.txt"))))
    assert found == {
        "before.txt": "They met.",
        "b.txt": f"the process that read it was ended by signal {number}",
        "after.txt": "They met.",
    }


def test_a_process_that_reads_files_knows_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "VISIT_DESK_CHROMA_KEY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "sk-nobody-may-know")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    tell = "import os; return isolate.pack(isolate.Loaded((), (('b', str(os.environ)),)))"
    change_process(monkeypatch, tell)
    with Reader(Limits()) as reader:
        ((_, loaded),) = reader.read([source(tmp_path, "b.txt")])
    ((_, known),) = loaded.refusals
    assert "sk-nobody-may-know" not in known
    assert str(tmp_path) in known


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_dies_while_it_is_idle_costs_no_file(
    tmp_path: Path, number: signal.Signals
) -> None:
    with Reader(Limits()) as reader:
        assert told(reader.read([source(tmp_path, "before.txt")])) == {"before.txt": "They met."}
        first = pid(reader)
        os.kill(first, number)
        wait_for_end(reader)
        found = told(reader.read(sources(tmp_path, source(tmp_path, "next.txt"))))
        assert set(found.values()) == {"They met."}
        assert pid(reader) != first


def test_a_process_that_exits_costs_only_the_file_it_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_process(monkeypatch, "raise RuntimeError(source.uri)")
    with Reader(Limits()) as reader:
        found = told(reader.read(sources(tmp_path, source(tmp_path, "b.txt"))))
    assert found == {
        "before.txt": "They met.",
        "b.txt": "the process that read it ended with exit code 1",
        "after.txt": "They met.",
    }


def test_many_files_keep_one_process(tmp_path: Path) -> None:
    files = [source(tmp_path, f"{number}.txt", f"They met {number}.") for number in range(50)]
    used = set()
    with Reader(Limits()) as reader:
        for number, (_, loaded) in enumerate(reader.read(files)):
            assert loaded.documents[0].text == f"They met {number}."
            used.add(pid(reader))
    assert len(used) == 1


@pytest.mark.parametrize("content", ["They met.", SLOW], ids=["idle", "reading"])
def test_closing_leaves_no_process(tmp_path: Path, content: str) -> None:
    reader = Reader(Limits())
    reading = reader.read([source(tmp_path, "a.txt"), source(tmp_path, "b.md", content)])
    next(reading)
    process = pid(reader)
    reader.close()
    assert not is_running(process)
    assert not Path(f"/proc/{process}").exists()


def test_a_process_takes_those_it_started_with_it(tmp_path: Path) -> None:
    with Reader(Limits(seconds=1)) as reader:
        reading = reader.read([source(tmp_path, "a.txt"), source(tmp_path, "b.md", SLOW)])
        next(reading)
        group = os.getpgid(pid(reader))
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE,
                                 process_group=group)  # fmt: skip
        assert next(reading)[1].refusals
        assert child.wait(10) == -signal.SIGKILL
        assert child.stdin is not None
        child.stdin.close()


PARENT = """
import sys
from pathlib import Path
from ingest.isolate import Reader, Source
from ingest.load import Limits
folder = Path(sys.argv[1])
with Reader(Limits()) as reader:
    names = ["before.txt", *sys.argv[2:]]
    for source, _ in reader.read(Source(folder / name, folder, name, "") for name in names):
        print(reader._process.pid, flush=True)
        sys.stdin.readline()
"""


@pytest.mark.parametrize("names", [[], ["slow.md"]], ids=["idle", "reading"])
def test_a_parent_that_is_killed_leaves_no_child_behind(tmp_path: Path, names: list[str]) -> None:
    source(tmp_path, "before.txt")
    source(tmp_path, "slow.md", SLOW)
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", PARENT, str(tmp_path), *names],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        if names:
            wait_for(lambda: is_busy(child))
        assert is_running(child)
        parent.kill()
        parent.wait(10)
    wait_for(lambda: not is_running(child), 5)


def test_the_next_file_is_read_while_the_caller_works_on_the_one_before(tmp_path: Path) -> None:
    with Reader(Limits()) as reader:
        reading = reader.read([source(tmp_path, "a.txt"), source(tmp_path, "b.txt")])
        next(reading)
        connection = reader._connection
        assert connection is not None
        assert connection.poll(20)  # the answer is there although nobody has asked for it


def test_an_answer_that_nobody_waited_for_is_not_taken_for_another(tmp_path: Path) -> None:
    with Reader(Limits()) as reader:
        reading = reader.read(
            [source(tmp_path, "a.txt", "One."), source(tmp_path, "b.txt", "Two.")]
        )
        next(reading)
        reading.close()  # type: ignore[attr-defined]  # it is a generator
        assert told(reader.read([source(tmp_path, "c.txt", "Three.")])) == {"c.txt": "Three."}


def test_documents_larger_than_a_pipe_come_through_whole(tmp_path: Path) -> None:
    texts = [f"{number}. {LARGE * 60_000}".strip() for number in range(3)]
    files = [source(tmp_path, f"{number}.txt", text) for number, text in enumerate(texts)]
    with Reader(Limits()) as reader:
        assert list(told(reader.read(files)).values()) == texts


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("n" * 251 + ".txt", id="255-bytes"),
        pytest.param("é" * 125 + "a.txt", id="255-bytes-of-unicode"),
        pytest.param(os.fsdecode(b"caf\xe9.txt"), id="not-unicode"),
        pytest.param("two\nlines.txt", id="newline"),
        pytest.param("-rf *; echo $HOME '\".txt", id="shell"),
        pytest.param("\u202egnp.txt", id="backwards"),
    ],
)
def test_any_name_that_a_file_can_have_is_read(tmp_path: Path, name: str) -> None:
    with Reader(Limits()) as reader:
        ((_, loaded),) = reader.read([source(tmp_path, name)])
    (document,) = loaded.documents
    assert document.text == "They met."
    assert document.title.isprintable()


def test_the_time_that_the_process_needs_to_start_is_no_files(tmp_path: Path) -> None:
    with Reader(Limits(seconds=0.001)) as reader:
        process = next(reader.read([source(tmp_path, "slow.md", SLOW)]))[1]
    assert process.refusals == (("slow.md", "reading it took longer than 0.001 seconds"),)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        pytest.param("raise SystemExit(7)", "it ended with exit code 7", id="exits"),
        pytest.param("import os; os.abort()", "it was ended by SIGABRT", id="dies"),
        pytest.param("import time; time.sleep(60)", "did not start within 3 seconds", id="hangs"),
    ],
)
def test_a_process_that_does_not_start_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, reason: str
) -> None:
    monkeypatch.setattr(isolate, "SERVE", f"{command}  # {{}} {{}}")
    monkeypatch.setattr(isolate, "START_SECONDS", 3)
    with Reader(Limits()) as reader, pytest.raises(LoadError, match=reason):
        next(reader.read([source(tmp_path, "a.txt")]))


@pytest.mark.parametrize("executable", ["/nowhere/python3", "/etc/hostname"])
def test_a_machine_that_can_not_start_a_process_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executable: str
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    reader = Reader(Limits())
    with pytest.raises(RagError, match=r"a\.txt: no process can be started to read it in: .*again"):
        next(reader.read([source(tmp_path, "a.txt")]))
    assert reader._process is None


def test_processes_that_come_and_go_leave_no_open_files(tmp_path: Path) -> None:
    opened = []
    with Reader(Limits()) as reader:
        for number in count():
            list(reader.read([source(tmp_path, "a.txt")]))
            os.kill(pid(reader), signal.SIGKILL)
            wait_for_end(reader)
            opened.append(len(list(Path("/proc/self/fd").iterdir())))
            if number == 3:
                break
    assert opened[0] == opened[-1]


@pytest.mark.parametrize("name", ["05-north-american-pact.pdf", "01-overview.md"])
def test_what_is_read_arrives_as_it_was(seeds: Path, name: str) -> None:
    loaded = load(seeds / name, root=seeds, uri=name)
    assert loaded.documents
    assert unpack(pack(loaded)) == loaded


@pytest.mark.parametrize(
    "front", ["label: public", "label: embargo until 2025-10-01\ngroups: press", "title: x"]
)
def test_what_a_document_says_of_its_readers_arrives(tmp_path: Path, front: str) -> None:
    (tmp_path / "a.md").write_text(f"---\n{front}\n---\n\nThe ferry sails at dawn.")
    loaded = load(tmp_path / "a.md", root=tmp_path, uri="a.md")
    assert (loaded.documents[0].access is None) == (front == "title: x")
    assert unpack(pack(loaded)) == loaded


def test_half_a_surrogate_pair_arrives_too() -> None:
    loaded = Loaded(refusals=(("caf\udce9.txt", "it is no text"),))
    assert unpack(pack(loaded)) == loaded


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(pickle.dumps(os.getcwd), id="pickle"),
        pytest.param(b"[" * 100_000, id="nested"),
        pytest.param(b"\xff", id="bytes"),
        pytest.param(b"null", id="nothing"),
        pytest.param(b'[[{"id": "0"}], []]', id="another-object"),
        pytest.param(b'[[{"text": "x", "blocks": [[9, 1, "item"]]}], []]', id="lacking"),
    ],
)
def test_a_process_that_was_taken_over_runs_nothing_in_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """What it sends instead of a document costs its own file alone."""
    change_process(monkeypatch, f"return {sent!r}")
    with Reader(Limits()) as reader:
        found = told(reader.read(sources(tmp_path, source(tmp_path, "b.txt"))))
    assert found == {
        "before.txt": "They met.",
        "b.txt": "the process that read it sent what is no document",
        "after.txt": "They met.",
    }
