"""What may happen to an ingest while it runs, and to the files around it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Self

import numpy as np
import pytest

from ingest.load import Limits, load
from ingest.sync import sync
from rag import store
from rag.index import Generation, Index
from rag.models import Encoder
from rag.store import current
from tests.conftest import assert_steady

ROOT = Path(__file__).parents[2]
NOBODY = 65534
KILLS = 54
ISOLATED_KILLS = 6  # the first of them, which read in a process as every ingest does
FILES = 5
DISK_BYTES = 8_000_000
GENERATIONS = 12
WRITER = """
import json, os, resource, signal, sys, tempfile, time
from pathlib import Path
from ingest import isolate
from ingest.load import find, load
from ingest.sync import sync
from rag import store
from rag.errors import RagError
from rag.index import Index
from rag.models import Encoder
from tests.conftest import BagOfWords, read_here

encoder = Encoder(BagOfWords(), "bag-of-words@1", query_prompt="", document_prompt="")
folder, directory = map(Path, sys.argv[1:])

def ingest(directory, rebuild=False):
    return sync(Index(directory, encoder.fingerprint), encoder, [folder], rebuild=rebuild)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def child(told):
    if told["user"]:
        with tempfile.TemporaryDirectory() as scratch:  # what is imported late, another may not see
            ingest(Path(scratch))
        os.setgroups([])
        os.setgid(told["user"])
        os.setuid(told["user"])
    if not told["isolated"]:  # the start of a reading process takes longer than all the rest
        isolate.Reader.read = read_here
    point = store.point
    if told["kill_at"] == "before":
        store.point = die
    elif told["kill_at"] == "after":
        store.point = lambda *new: die(point(*new))
    if told["file_bytes"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (told["file_bytes"], told["file_bytes"]))
    try:
        report = ingest(directory, told["rebuild"])
    except RagError as error:
        return f"{type(error).__name__}: {error}"
    return json.dumps([
        [report.added, report.changed, report.removed, report.unchanged], report.refused,
    ])

for path, root in find([folder], []):
    load(path, root=root, uri=path.name)
print("ready", flush=True)
for line in sys.stdin:  # each is done in a copy of this process, which has imported all by then
    told = json.loads(line)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = "it did not come back"
        try:
            said = child(told)
        except BaseException as error:
            said = f"escaped: {error!r}"
        finally:
            os.write(writing, said.encode())
            os._exit(0)
    os.close(writing)
    started = time.monotonic()
    if told["kill_after"] is not None:
        time.sleep(told["kill_after"])
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    seconds = time.monotonic() - started
    with os.fdopen(reading) as said:
        print(json.dumps({"said": said.read() or "killed", "seconds": seconds}), flush=True)
"""
READER = """
import json, sys
from pathlib import Path
from rag.index import Index
from rag.models import Encoder
from tests.conftest import BagOfWords

encoder = Encoder(BagOfWords(), "bag-of-words@1", query_prompt="", document_prompt="")
index = Index(Path(sys.argv[1]), encoder.fingerprint)
print("ready", flush=True)
for line in sys.stdin:
    with index.reading() as generation:
        vector = encoder.encode_query(line)
        chunks = generation.chunks(list(generation.nearest_chunks(vector, 99)))
        known = generation.uris()
        opened = {each: len(list(Path("/proc/self", each).iterdir())) for each in ("fd", "task")}
        print(json.dumps({
            "uris": sorted({uri for chunk in chunks for uri in known[chunk.document_id]}),
            "texts": sorted({chunk.text for chunk in chunks}), "generation": generation.name,
            **opened,
        }), flush=True)
"""


FULL_DISK = """
import shutil, subprocess, sys
from pathlib import Path
from ingest.sync import sync
from rag.errors import IndexWriteError
from rag.index import Index
from rag.models import Encoder
from tests.conftest import BagOfWords
from tests.ingest.test_safety import state, write

encoder = Encoder(BagOfWords(), "bag-of-words@1", query_prompt="", document_prompt="")
place = Path(sys.argv[1])
folder, disk = place / "documents", place / "disk"
disk.mkdir()
options = ["-t", "tmpfs", "-o", f"size={sys.argv[2]}", "tmpfs", str(disk)]
subprocess.run([shutil.which("mount") or "mount", *options], check=True)
index = Index(disk / "index", encoder.fingerprint)

def answers(expected):
    with index.reading() as generation:
        assert state(generation) == expected

old = write(folder, 1)
sync(index, encoder, [folder])
new = write(folder, 2)
needed = sum(path.stat().st_size for path in index.directory.rglob("*") if path.is_file())
for left in (0, needed // 4, needed // 2, needed * 3 // 4):
    filler = disk / "filler"
    filler.write_bytes(bytes(max(0, shutil.disk_usage(disk).free - left)))
    try:
        sync(index, encoder, [folder])
        raise AssertionError(f"{left} bytes were enough")
    except IndexWriteError as error:
        assert "make room or give permission and run again" in str(error), error
    answers(old)
    assert len(list((index.directory / "generations").iterdir())) == 1
    filler.unlink()
sync(index, encoder, [folder])
answers(new)
print("each time")
"""


class Other:
    """A process that answers each line it is told with a line."""

    def __init__(self, script: str, *arguments: Path) -> None:
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", script, *map(str, arguments)], cwd=ROOT, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def ask(self, line: str) -> Any:
        self.tell(line)
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ingest(
        self, *, kill_after: float | None = None, file_bytes: int = 0, user: int = 0,
        rebuild: bool = False, isolated: bool = False, kill_at: str = "",
    ) -> Any:  # fmt: skip
        told = {"kill_after": kill_after, "file_bytes": file_bytes, "user": user}
        return self.ask(
            json.dumps({**told, "rebuild": rebuild, "isolated": isolated, "kill_at": kill_at})
        )


def done(told: Any) -> bool:
    """Tell whether an ingest ended and refused nothing."""
    return bool(told["said"].startswith("[") and json.loads(told["said"])[1] == [])


def text(number: int, version: int) -> str:
    return f"House {number} has {version} rooms. It was painted {number * version} times."


def write(folder: Path, version: int, *, files: int = FILES) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    texts = {f"{number:02}.txt": text(number, version) for number in range(files)}
    for name, content in texts.items():
        (folder / name).write_text(content)
    return texts


def state(generation: Generation) -> dict[str, str]:
    """Return the texts by uri; what is searched has to be what they say, and nothing besides."""
    held = generation.summary()
    documents = generation.documents()
    axis = np.eye(1, 1024, dtype=np.float32)[0]
    everything = generation.nearest_chunks(axis, 1000)
    assert len(everything) == held.chunks
    for chunk in generation.chunks(list(everything)):
        owner = generation.document(chunk.document_id)
        assert owner is not None
        assert chunk.text == chunk.span.of(owner.text)
    return {document.uri: document.text for document in documents}


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, Path]:
    """Return a folder of documents and the directory of its index."""
    write(tmp_path / "documents", 1)
    return tmp_path / "documents", tmp_path / "index"


def test_an_ingest_killed_at_any_moment_leaves_the_old_state_or_the_new(
    place: tuple[Path, Path], bag_of_words: Encoder
) -> None:
    folder, directory = place
    chance = Random(7)  # noqa: S311
    seen = {"old": 0, "new": 0}
    with Other(WRITER, folder, directory) as writer:
        assert done(writer.ingest())
        for number in range(KILLS):
            if number % ISOLATED_KILLS == 0:
                isolated = not number
                old = write(folder, KILLS + number + 2)
                whole = writer.ingest(isolated=isolated)["seconds"]
            new = write(folder, number + 2)
            told = writer.ingest(kill_after=chance.random() * 1.3 * whole, isolated=isolated)
            assert told["said"] == "killed" or done(told)
            index = Index(directory, bag_of_words.fingerprint)
            with index.reading() as generation:
                found = state(generation)
            index.close()
            assert found in (old, new)
            seen["new" if found == new else "old"] += 1
            old = found
        new = write(folder, 0)
        assert done(writer.ingest())
    index = Index(directory, bag_of_words.fingerprint)
    with index.reading() as generation:
        assert state(generation) == new
    index.close()
    assert min(seen.values()) >= 3, seen  # kills came early and late
    assert {each.name for each in directory.iterdir()} == {"CURRENT", "generations", "lock"}
    assert len(list((directory / "generations").iterdir())) <= 2


def test_a_generation_is_whole_from_the_moment_it_answers(
    place: tuple[Path, Path], bag_of_words: Encoder
) -> None:
    folder, directory = place
    expected = write(folder, 1)
    with Other(WRITER, folder, directory) as writer:
        assert done(writer.ingest())
        for version, moment in enumerate(("before", "after"), 2):
            new = write(folder, version)
            assert writer.ingest(kill_at=moment)["said"] == "killed"
            expected = new if moment == "after" else expected
            index = Index(directory, bag_of_words.fingerprint)
            with index.reading() as generation:
                assert state(generation) == expected
            index.close()


def test_a_full_disk_is_said_and_what_was_there_still_answers(
    place: tuple[Path, Path], bag_of_words: Encoder
) -> None:
    """No file may grow beyond so many bytes: what is written fails as on a full disk."""
    folder, directory = place
    old = write(folder, 1)
    with Other(WRITER, folder, directory) as writer:
        assert done(writer.ingest())
        write(folder, 2)
        largest = max(path.stat().st_size for path in directory.rglob("*.sqlite*"))
        for file_bytes in (1, largest // 2):
            for rebuild in (False, True):
                said = writer.ingest(file_bytes=file_bytes, rebuild=rebuild)["said"]
                assert said.startswith("IndexWriteError: the index "), (file_bytes, rebuild, said)
                assert "make room or give permission and run again" in said
                index = Index(directory, bag_of_words.fingerprint)
                with index.reading() as generation:
                    assert state(generation) == old
                index.close()
                assert len(list((directory / "generations").iterdir())) == 1
        assert done(writer.ingest())


def test_a_disk_without_room_is_said_and_what_was_there_still_answers(tmp_path: Path) -> None:
    """The disk is mounted where no other process sees it, and goes with the one that fills it."""
    unshare = shutil.which("unshare") or "unshare"
    apart = [unshare, "--mount", "--propagation", "private"]
    script = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(DISK_BYTES)]
    done = subprocess.run(  # noqa: S603  # our own code
        [*apart, *script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if "Operation not permitted" in done.stderr or "permission denied" in done.stderr:
        pytest.skip("only root can mount a disk")
    assert (done.stdout, done.stderr) == ("each time\n", "")


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Return a folder that every user can reach, which those of pytest are not."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    path = Path(tempfile.mkdtemp(prefix="safety-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_an_index_that_may_not_be_written_is_said_and_goes_on_answering(
    open_place: Path, bag_of_words: Encoder
) -> None:
    folder, directory = open_place / "documents", open_place / "index"
    old = write(folder, 1)
    with Other(WRITER, folder, directory) as writer:
        assert done(writer.ingest())
        write(folder, 2)
        said = writer.ingest(user=NOBODY)["said"]
        assert said.startswith("IndexWriteError: the index ")
        assert "Permission denied" in said
        index = Index(directory, bag_of_words.fingerprint)
        with index.reading() as generation:
            assert state(generation) == old
        index.close()
        assert done(writer.ingest())


def test_a_second_ingest_is_refused_and_names_the_first(
    place: tuple[Path, Path], run: Callable[..., subprocess.CompletedProcess[str]],
    seeds_index: Path, encoder: Encoder, tmp_path: Path,
) -> None:  # fmt: skip
    folder, _ = place
    directory = Path(shutil.copytree(seeds_index, tmp_path / "busy", symlinks=True))
    with Index(directory, encoder.fingerprint).writing("any"):
        done = run("ingest", folder, "--index", directory)
    assert done.returncode == 3
    assert f"is being written by process {os.getpid()}; wait" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_in_another_process_sees_no_deleted_text_over_many_generations(
    place: tuple[Path, Path],
) -> None:
    folder, directory = place
    question = "How many rooms has house 3? How often was it painted?"
    opened: list[tuple[int, int]] = []
    with Other(WRITER, folder, directory) as writer:
        writer.ingest()
        with Other(READER, directory) as reader:
            for number in range(GENERATIONS):
                texts = write(folder, number + 2)
                if number % 2:
                    (folder / "03.txt").unlink()
                    del texts["03.txt"]
                reader.tell(question)  # while the next generation is written
                assert done(writer.ingest())
                assert reader.process.stdout is not None
                reader.process.stdout.readline()
                seen = reader.ask(question)
                assert seen["uris"] == sorted(texts)
                assert seen["texts"] == sorted(texts.values())
                assert seen["generation"] == current(directory).name
                opened.append((seen["fd"], seen["task"]))
                assert len(list((directory / "generations").iterdir())) <= 2
    assert_steady(opened)


def test_a_generation_that_another_process_reads_stays_until_that_process_is_gone(
    place: tuple[Path, Path],
) -> None:
    folder, directory = place
    with Other(WRITER, folder, directory) as writer:
        writer.ingest()
        with Other(READER, directory) as reader:
            held = directory / "generations" / reader.ask("rooms")["generation"]
            for version in (2, 3):
                write(folder, version)
                writer.ingest()
                assert store.is_held(held)
                assert {each.name for each in (directory / "generations").iterdir()} == {
                    held.name, current(directory).name,
                }  # fmt: skip
            reader.process.send_signal(signal.SIGKILL)
            reader.process.wait(10)
        assert not store.is_held(held)
        write(folder, 5)
        writer.ingest()
    assert list((directory / "generations").iterdir()) == [current(directory)]


def damaged_truth(directory: Path) -> None:
    path = current(directory) / "truth.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


def cut_vectors(directory: Path) -> None:
    for path in (current(directory) / "chroma").rglob("*"):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda index: (index / "CURRENT").write_bytes(b"\xff"), id="pointer"),
        pytest.param(damaged_truth, id="corrupt-truth"),
        pytest.param(cut_vectors, id="cut-vectors"),
    ],
)  # fmt: skip
def test_the_next_ingest_repairs_an_index_that_is_damaged(
    place: tuple[Path, Path], bag_of_words: Encoder, harm: Callable[[Path], object]
) -> None:
    """Nobody has to know that it is damaged: the same command is enough."""
    folder, directory = place
    index = Index(directory, bag_of_words.fingerprint)
    sync(index, bag_of_words, [folder])
    index.close()
    harm(directory)
    assert sync(index, bag_of_words, [folder]).refused == ()
    with index.reading() as generation:
        assert state(generation) == write(folder, 1)
    index.close()
    assert len(list((directory / "generations").iterdir())) == 1


def test_files_of_a_folder_that_can_not_be_listed_stay_in_the_index(
    open_place: Path, bag_of_words: Encoder
) -> None:
    folder, directory = open_place / "documents", open_place / "index"
    write(folder, 1, files=3)
    write(folder / "closed", 2, files=3)
    write(folder / "closed but not so named", 3, files=1)
    index = Index(directory, bag_of_words.fingerprint)
    assert sync(index, bag_of_words, [folder]).added == 7
    index.close()
    for path in (directory, *directory.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    (folder / "closed").chmod(0o700)
    shutil.rmtree(folder / "closed but not so named")
    (folder / "00.txt").unlink()
    with Other(WRITER, folder, directory) as writer:
        counts, refused = json.loads(writer.ingest(user=NOBODY)["said"])
        assert counts == [0, 0, 2, 2]
        reason = "the folder can not be listed: Permission denied"
        assert refused == [[str(folder / "closed"), reason]]
        with contextlib.closing(store.connect(current(directory), "mode=ro")) as truth:
            uris = {uri for (uri,) in truth.execute("select uri from documents")}
            assert truth.execute("select uri, reason from refusals").fetchall() == [
                ("closed", reason)
            ]
        assert uris == {"01.txt", "02.txt", "closed/00.txt", "closed/01.txt", "closed/02.txt"}
        (folder / "closed").chmod(0o755)
        again = json.loads(writer.ingest(user=NOBODY)["said"])
    assert again == [[0, 0, 0, 5], []]


SECRET = "The secret word is xyzzy."  # noqa: S105


def tricks(folder: Path, outside: Path) -> Mapping[str, str]:
    """Make what may lead out of a folder or round in it; return what is refused, and why."""
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "relative.txt").symlink_to("../outside/secret.txt")
    (folder / "over.txt").symlink_to("link.txt")
    (folder / "folder").symlink_to(outside)
    (folder / "round.txt").symlink_to("round.txt")
    (folder / "self").symlink_to(folder)
    (folder / "nothing.txt").symlink_to("nowhere.txt")
    (folder / "device.txt").symlink_to("/dev/zero")
    (folder / "process.txt").symlink_to("/proc/self/environ")
    os.mkfifo(folder / "pipe.txt")
    leaves = f"it is a link that leaves {str(folder)!r}"
    return {
        "link.txt": leaves,
        "relative.txt": leaves,
        "over.txt": leaves,
        "process.txt": leaves,
        "device.txt": "it is no regular file",
        "pipe.txt": "it is no regular file",
        "nothing.txt": "the file can not be read: No such file or directory",
        "round.txt": "the file can not be read: Too many levels of symbolic links",
    }


def test_nothing_outside_the_folder_is_read(
    place: tuple[Path, Path], bag_of_words: Encoder, tmp_path: Path
) -> None:
    folder, directory = place
    refused = tricks(folder, tmp_path / "outside")
    index = Index(directory, bag_of_words.fingerprint)
    report = sync(index, bag_of_words, [folder])
    assert {Path(path).name: reason for path, reason in report.refused} == refused
    with index.reading() as generation:
        assert state(generation) == write(folder, 1)
        assert dict(generation.refusals()) == refused  # and are listed, as what is broken is
    again = sync(index, bag_of_words, [folder])
    assert (again.refused, again.index) == (report.refused, report.index)
    (folder / "pipe.txt").unlink()
    assert "pipe.txt" not in {
        Path(path).name for path, _ in sync(index, bag_of_words, [folder]).refused
    }
    with index.reading() as generation:
        assert "pipe.txt" not in dict(generation.refusals())
    index.close()
    assert all(b"xyzzy" not in path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_names_that_a_file_can_have_do_no_harm(
    place: tuple[Path, Path], bag_of_words: Encoder
) -> None:
    folder, directory = place
    names = ["two\nlines.txt", "n" * 251 + ".txt", os.fsdecode(b"caf\xe9.txt"),
             os.fsdecode(b"caf\xe8.txt"), "caf\\xe8.txt", "..txt.txt"]  # fmt: skip
    for number, name in enumerate(names):
        (folder / name).write_text(f"Garden {number} has roses.")
    with zipfile.ZipFile(folder / "packed.zip", "w") as archive:
        for name in (
            "../../escaped.txt",
            "/srv/escaped.txt",
            "a/../../b.txt",
            "C:\\c.txt",
            "e\ng.txt",
        ):
            archive.writestr(name, f"Packed as {name!r}.")
    index = Index(directory, bag_of_words.fingerprint)
    report = sync(index, bag_of_words, [folder])
    assert [Path(path).name for path, _ in report.refused] == []
    assert report.added == FILES + 5 + 1  # a name with a dot in front is passed over
    again = sync(index, bag_of_words, [folder])
    assert (again.added, again.unchanged, again.embedded) == (0, FILES + 6, 0)
    with index.reading() as generation:
        uris = [document.uri for document in generation.documents()]
    index.close()
    packed = [uri for uri in uris if uri.startswith("packed.zip/")]
    assert len(packed) == 5
    assert all(uri.encode() and "\n" not in uri for uri in packed)
    assert not list(folder.parent.rglob("*escaped*"))


def test_a_path_that_can_not_be_looked_at_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / ("n" * 300 + ".txt"), tmp_path / "a\0b.txt"):
        loaded = load(path, root=tmp_path, uri="x", limits=Limits())
        assert loaded.documents == ()
        assert loaded.refusals
