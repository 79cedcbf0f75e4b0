"""An index that several machines share: each has a directory of its own, and all one server."""

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import numpy as np
import pytest

from ingest.sync import Report, sync
from rag import server as server_module
from rag import shared as shared_module
from rag.audit import Audit, audit, mend
from rag.blocks import BLOCK_BYTES, Blocks
from rag.errors import (
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    IndexServerError,
    SettingsError,
)
from rag.index import Index
from rag.models import Encoder
from rag.pipeline import Pipeline, Question
from rag.server import Server
from rag.settings import PREFIX, Settings
from rag.shared import Entry, Shared
from rag.store import BATCH_SIZE, current
from rag.types import Filter
from tests.server import ChromaServer

ROOT = Path(__file__).parents[2]
FERRY = "Who steers the harbour ferry?"
Machine = Callable[[str], Index]

pytestmark = pytest.mark.usefixtures("reading_here")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    """Return a server that every test has a database of its own in."""
    server = ChromaServer(tmp_path_factory.mktemp("chroma") / "data")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[ChromaServer]:
    """Return a server that the test may kill."""
    server = ChromaServer(tmp_path / "chroma")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def database(running: ChromaServer, request: pytest.FixtureRequest) -> str:
    name = f"database-{abs(hash(request.node.nodeid))}"
    address = f"{running.url}/api/v2/tenants/default_tenant/databases"
    httpx.post(address, json={"name": name}).raise_for_status()
    return name


@pytest.fixture
def machine(
    tmp_path: Path, running: ChromaServer, database: str, bag_of_words: Encoder
) -> Iterator[Machine]:
    """Return a function that returns the index of a machine."""
    with contextlib.ExitStack() as opened:

        def index(name: str) -> Index:
            server = Server(running.url, database=database)
            made = Index(tmp_path / name, bag_of_words.fingerprint, server)
            opened.callback(made.close)
            return made

        yield index


def shared(index: Index) -> Shared:
    assert index.shared is not None
    return index.shared


def counts(report: Report) -> tuple[int, int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged, report.embedded


def uris(index: Index) -> list[str]:
    with index.reading() as generation:
        return [each.uri for each in generation.documents()]


def held(index: Index) -> dict[str, int]:
    """Return how many rows each collection of vectors on the server has, and the log."""
    own = shared(index)
    return {
        name.rpartition(".")[0]: own.server.ask(
            lambda client, name=name: client.get_collection(name, embedding_function=None).count()
        )
        for name in own.lines()
    }


def test_what_one_machine_ingests_another_answers_from_at_its_next_question(
    machine: Machine, folder: Path, bag_of_words: Encoder
) -> None:
    a, b = machine("a"), machine("b")
    sync(a, bag_of_words, [folder])
    pipeline = Pipeline(b, bag_of_words)
    assert {each.uri for each in pipeline.invoke(FERRY).citations} == {"ferry.txt"}
    (folder / "ferry.txt").unlink()
    sync(a, bag_of_words, [folder])
    after = pipeline.invoke(FERRY)
    assert "ferry.txt" not in {each.uri for each in after.citations}
    assert all("ferry" not in hit.chunk.text for hit in after.hits)
    assert held(a) == {"visit-desk.chunks": 2}
    truths = [(current(each.directory) / "truth.sqlite").read_bytes() for each in (a, b)]
    assert truths[0] == truths[1]


def test_any_machine_ingests_and_embeds_only_what_is_new(
    machine: Machine, folder: Path, bag_of_words: Encoder
) -> None:
    for number, name in enumerate(("a", "b", "a", "c")):
        (folder / "new.txt").write_text(f"Number {number} is new.")
        report = sync(machine(name), bag_of_words, [folder])
        assert counts(report) == ((4, 0, 0, 0, 4) if not number else (0, 1, 0, 3, 1))
    assert audit(machine("a")) == Audit()
    assert counts(sync(machine("d"), bag_of_words, [folder])) == (0, 0, 0, 4, 0)


def test_no_deleted_document_is_ever_found_while_two_machines_take_turns(
    machine: Machine, folder: Path, bag_of_words: Encoder
) -> None:
    writers, reader = [machine("a"), machine("b")], machine("c")
    vector = bag_of_words.encode_query("number")
    for number in range(8):
        (folder / "new.txt").write_text(f"Number {number} is new.")
        sync(writers[number % 2], bag_of_words, [folder])
        with reader.reading() as generation:
            found = [
                *generation.nearest_chunks(vector, 9),
                *generation.matching_chunks(["number"], 9),
            ]
            numbers = {
                chunk.text for chunk in generation.chunks(list(dict.fromkeys(found)))
                if "Number" in chunk.text
            }  # fmt: skip
        assert numbers == {f"Number {number} is new."}
    assert held(reader) == {"visit-desk.chunks": 4}
    assert [each.kind for each in shared(reader).log()] == ["generation"]


def test_an_index_moves_to_the_server_without_embedding_and_answers_as_before(
    own_index: Path, running: ChromaServer, database: str, encoder: Encoder, seeds: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    questions = [
        Question("Who is Rachel Bendayan?"),
        Question("What did the two leaders agree on security?"),
        Question("¿Cuál es el valor del comercio?"),
        Question("Quels ministres étaient au Mexique ?"),
        Question("Who takes part in the working lunch?", where=Filter(kinds=frozenset(["note"]))),
        Question("How many moons does Saturn have?"),
    ]
    alone = Pipeline(Index(own_index, encoder.fingerprint), encoder)
    expected = [alone.invoke(each) for each in questions]
    alone.index.close()
    moving = Index(own_index, encoder.fingerprint, Server(running.url, database=database))
    assert counts(sync(moving, encoder, [seeds])) == (0, 0, 0, 14, 0)
    other = Index(tmp_path / "other", encoder.fingerprint, Server(running.url, database=database))
    pipeline = Pipeline(other, encoder)
    for question, before in zip(questions, expected, strict=True):
        after = pipeline.invoke(question)
        assert (after.text, after.citations) == (before.text, before.citations)
        assert [each.chunk for each in after.hits] == [each.chunk for each in before.hits]
    assert audit(other) == Audit()


def test_an_index_comes_back_from_the_server(
    machine: Machine, folder: Path, bag_of_words: Encoder
) -> None:
    sync(machine("a"), bag_of_words, [folder])
    copy = machine("b")
    assert len(uris(copy)) == 3
    alone = Index(copy.directory, bag_of_words.fingerprint)
    with pytest.raises(IndexDamagedError, match="--check"):
        uris(alone)
    mend(alone)
    assert audit(alone) == Audit()
    assert {each.uri for each in Pipeline(alone, bag_of_words).invoke(FERRY).citations} == {
        "ferry.txt"
    }
    alone.close()


def test_a_second_ingest_is_told_which_machine_writes(
    machine: Machine, folder: Path, bag_of_words: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_module, "BEAT_SECONDS", 0.1)
    with machine("a").writing("recipe"):
        with pytest.raises(
            IndexBusyError,
            match=rf"on 'http://127.+' is being written by process {os.getpid()} on '.+' since 2",
        ):
            sync(machine("b"), bag_of_words, [folder])
        with pytest.raises(
            IndexMissingError, match=r"no index on the Chroma server at 'http://127"
        ):
            uris(machine("c"))
    assert sync(machine("b"), bag_of_words, [folder]).added == 3


def test_of_many_that_want_to_write_at_once_one_does(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_module, "BEAT_SECONDS", 0.1)
    inside, together = list[int](), threading.Barrier(4)
    refused = list[IndexBusyError]()

    def take(index: Index) -> None:
        together.wait()
        try:
            with shared(index).writing():
                inside.append(1)
                together.wait()  # the others have been refused
        except IndexBusyError as error:
            refused.append(error)
            together.wait()

    threads = [threading.Thread(target=take, args=[machine(str(n))]) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(inside), len(refused)) == (1, 3)


@pytest.mark.parametrize("lost", ["here", "elsewhere"])
def test_a_writer_that_died_does_not_keep_others_from_writing(
    machine: Machine, folder: Path, bag_of_words: Encoder, lost: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    index = machine("a")
    sync(index, bag_of_words, [folder])
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:  # ours
        pass
    number = shared(index).log()[-1].number + 1
    place = shared_module._place() if lost == "here" else "another machine"
    shared(index).append(Entry(number, "writer", "t", host="h", pid=ended.pid, place=place))
    if lost == "elsewhere":
        monkeypatch.setattr(shared_module, "PATIENCE_SECONDS", 0.5)
    (folder / "ferry.txt").unlink()
    assert sync(machine("b"), bag_of_words, [folder]).removed == 1


def test_a_writer_that_was_taken_for_lost_can_not_publish(
    machine: Machine, folder: Path, bag_of_words: Encoder
) -> None:
    a, b = machine("a"), machine("b")
    sync(a, bag_of_words, [folder])
    (folder / "new.txt").write_text("Something new.")
    taken = list[Entry]()

    def take_over(*_: object) -> None:
        last = shared(b).log()[-1]
        taken.append(replace(last, number=last.number + 1, token="another"))  # noqa: S106  # no secret
        shared(b).append(taken[0])

    before = current(a.directory)
    with pytest.raises(IndexBusyError, match=r"another ingest has taken over .*; run again"):
        sync(a, bag_of_words, [folder], progress=take_over)
    assert current(a.directory) == before
    assert "new.txt" not in uris(b)
    assert shared(b).log()[-1] == taken[0]


KILLED = """
import json, os, signal, sys
from pathlib import Path
from ingest.isolate import Reader
from ingest.sync import sync
from rag.audit import audit
from rag.index import Index
from rag.server import Server
from rag.models import Encoder
from tests.conftest import BagOfWords, read_here
import ingest.likeness

Reader.read = read_here
url, database, root, folder, *points = sys.argv[1:]
encoder = Encoder(BagOfWords(), "bag-of-words@1", query_prompt="", document_prompt="")
folder = Path(folder)

def index(name):
    return Index(Path(root, name), encoder.fingerprint, Server(url, database=database))

def killed(number, point):
    (folder / "new.txt").write_text(f"Number {number} is new.")
    persist, left = Server.persist, [point]
    def counting(self, action):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return persist(self, action)
    Server.persist = counting
    sync(index("a"), encoder, [folder])

def state(name):
    own = index(name)
    with own.reading() as generation:
        new = [each.text for each in generation.documents() if each.uri == "new.txt"]
    return new, audit(own).derived, audit(own).lost

def tidied():
    own = index("b")
    sync(own, encoder, [folder])
    rows = {}
    for name in own.shared.lines():
        collection = own.shared.server.collection(name)
        rows[name.split(".")[1]] = rows.get(name.split(".")[1], 0) + collection.count()
    log = own.shared.log()
    return rows, [each.kind for each in log], log[-1].clean, *state("b")

def apart(action, *given):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, json.dumps(action(*given)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as said:
        text = said.read()
    return os.waitpid(child, 0)[1], json.loads(text) if text else None

for number, point in enumerate(points):
    ended, _ = apart(killed, number, int(point))
    print(json.dumps([number, ended, apart(state, "c")[1], apart(tidied)[1]]), flush=True)
"""


def test_an_ingest_that_is_killed_at_any_point_harms_nothing(
    machine: Machine, running: ChromaServer, database: str, folder: Path, tmp_path: Path,
    bag_of_words: Encoder,
) -> None:  # fmt: skip
    (folder / "new.txt").write_text("Number -1 is new.")
    sync(machine("a"), bag_of_words, [folder])
    sync(machine("a"), bag_of_words, [folder], rebuild=True)
    points = [1, 3, 5, 7, 8, 9, 10, 40]  # calls that change the server
    command = [sys.executable, "-c", KILLED, running.url, database, tmp_path, folder, *points]
    done = subprocess.run(  # noqa: S603  # ours
        [str(each) for each in command], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, seen = "Number -1 is new.", list[tuple[int, bool]]()
    for line in done.stdout.splitlines():
        number, ended, (found, *problems), (rows, log, clean, *last) = json.loads(line)
        new = f"Number {number} is new."
        seen.append((ended, found == [new]))
        assert found in ([before], [new])
        assert problems == [[], []]
        assert last == [[new], [], []]
        assert (rows, log[0], clean) == ({"chunks": 4}, "generation", True)
        before = new
    assert len(seen) == len(points)
    assert {(9, False), (9, True)} <= set(seen)  # before it was published, and after
    assert seen[-1] == (0, True)


def test_the_server_may_be_killed_between_questions(
    mortal: ChromaServer, tmp_path: Path, folder: Path, bag_of_words: Encoder
) -> None:
    a = Index(tmp_path / "a", bag_of_words.fingerprint, Server(mortal.url))
    b = Index(tmp_path / "b", bag_of_words.fingerprint, Server(mortal.url))
    sync(a, bag_of_words, [folder])
    pipeline = Pipeline(b, bag_of_words)
    before = pipeline.invoke(FERRY)
    mortal.kill()
    for asked in (pipeline, Pipeline(a, bag_of_words)):
        with pytest.raises(
            IndexServerError, match=rf"at '{mortal.url}' does not answer: .*; start it or correct"
        ):
            asked.invoke(FERRY)
    mortal.start()
    assert pipeline.invoke(FERRY).citations == before.citations
    (folder / "ferry.txt").unlink()
    sync(a, bag_of_words, [folder])
    assert "ferry.txt" not in {each.uri for each in pipeline.invoke(FERRY).citations}
    assert audit(b) == Audit()
    a.close()
    b.close()


def test_questions_fail_clearly_or_are_right_while_the_server_comes_and_goes(
    mortal: ChromaServer, tmp_path: Path, folder: Path, bag_of_words: Encoder
) -> None:
    index = Index(tmp_path / "a", bag_of_words.fingerprint, Server(mortal.url))
    sync(index, bag_of_words, [folder])
    pipeline, ended = Pipeline(index, bag_of_words), threading.Event()
    answered, failed = list[set[str]](), list[IndexServerError]()

    def ask() -> None:
        while not ended.is_set():
            try:
                answered.append({each.uri for each in pipeline.invoke(FERRY).citations})
            except IndexServerError as error:
                failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(2):
        wait_for_more(answered)
        mortal.kill()
        wait_for_more(failed)
        mortal.start()
    wait_for_more(answered)
    ended.set()
    asking.join()
    assert all(each == {"ferry.txt"} for each in answered)
    index.close()


def wait_for_more(seen: list[object] | list[set[str]] | list[IndexServerError]) -> None:
    before, given_up = len(seen), time.monotonic() + 60
    while len(seen) <= before:
        assert time.monotonic() < given_up
        time.sleep(0.01)


def test_an_ingest_goes_on_when_the_server_comes_back(
    mortal: ChromaServer, tmp_path: Path, folder: Path, bag_of_words: Encoder
) -> None:
    index = Index(tmp_path / "a", bag_of_words.fingerprint, Server(mortal.url))
    sync(index, bag_of_words, [folder])
    (folder / "new.txt").write_text("Something new.")
    starting = threading.Timer(1.0, mortal.start)

    def kill(*_: object) -> None:
        mortal.kill()
        starting.start()

    assert sync(index, bag_of_words, [folder], progress=kill).added == 1
    starting.join()
    other = Index(tmp_path / "b", bag_of_words.fingerprint, Server(mortal.url))
    assert "new.txt" in uris(other)
    assert audit(other) == Audit()
    other.close()
    index.close()


def test_an_ingest_ends_when_the_server_does_not_come_back(
    mortal: ChromaServer, tmp_path: Path, folder: Path, bag_of_words: Encoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(server_module, "RETRY_SECONDS", 0.3)
    index = Index(tmp_path / "a", bag_of_words.fingerprint, Server(mortal.url))
    sync(index, bag_of_words, [folder])
    before = current(index.directory)
    (folder / "new.txt").write_text("Something new.")
    with pytest.raises(IndexServerError, match="does not answer"):
        sync(index, bag_of_words, [folder], progress=lambda *_: mortal.kill())
    assert current(index.directory) == before
    mortal.start()
    assert "new.txt" not in uris(index)
    monkeypatch.setattr(shared_module, "PATIENCE_SECONDS", 0.5)
    assert sync(index, bag_of_words, [folder]).added == 1
    assert audit(index) == Audit()
    assert [each.kind for each in shared(index).log()] == ["generation"]
    index.close()


def test_a_server_that_lost_everything_gets_it_back_without_embedding(
    mortal: ChromaServer, tmp_path: Path, folder: Path, bag_of_words: Encoder
) -> None:
    index = Index(tmp_path / "a", bag_of_words.fingerprint, Server(mortal.url))
    sync(index, bag_of_words, [folder])
    mortal.kill()
    mortal.forget()
    mortal.start()
    with pytest.raises(IndexMissingError, match="no index on the Chroma server"):
        uris(index)
    assert counts(sync(index, bag_of_words, [folder])) == (0, 0, 0, 3, 0)
    other = Index(tmp_path / "b", bag_of_words.fingerprint, Server(mortal.url))
    assert len(uris(other)) == 3
    assert audit(other) == Audit()
    other.close()
    index.close()


def lose_vectors(index: Index) -> None:
    own = shared(index)
    collection = own.vectors(own.log()[-1].line)
    own.server.delete(collection, [next(own.server.ids(collection))])


def lose_collections(index: Index) -> None:
    for name in shared(index).lines():
        shared(index).server.remove(name)


def lose_a_block(index: Index) -> None:
    own = shared(index)
    blocks = own.server.collection("visit-desk.blocks")
    own.server.delete(blocks, [next(own.server.ids(blocks))])


def damage_the_copy(index: Index) -> None:
    truth = current(index.directory) / "truth.sqlite"
    data = bytearray(truth.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 5000] = bytes(5000)
    truth.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lose_vectors, "is missing in Chroma or is another"),
        (lose_collections, "does not exist"),
        (lose_a_block, "the server lacks 1 of the "),
        (damage_the_copy, "this machine's copy is not what the server has"),
    ],
)
def test_what_is_lost_is_noticed_and_mended_from_what_is_left(
    machine: Machine, folder: Path, bag_of_words: Encoder, damage: Callable[[Index], None],
    says: str,
) -> None:  # fmt: skip
    sync(machine("a"), bag_of_words, [folder])
    damage(machine("a"))
    index = machine("a")
    found = audit(index)
    assert found.lost == ()
    assert says in found.derived[0]
    mend(index)
    assert audit(index) == Audit()
    assert len(uris(machine("new"))) == 3
    assert audit(machine("new")) == Audit()


def test_a_part_that_nobody_has_any_more_is_said_and_made_anew(
    machine: Machine, folder: Path, bag_of_words: Encoder
) -> None:
    sync(machine("a"), bag_of_words, [folder])
    lose_a_block(machine("a"))
    for action in (uris, lambda index: sync(index, bag_of_words, [folder])):
        with pytest.raises(IndexDamagedError, match=r"has lost a part .* PATH --rebuild"):
            action(machine("b"))
    assert sync(machine("b"), bag_of_words, [folder], rebuild=True).added == 3
    assert len(uris(machine("c"))) == 3


def test_vectors_that_are_being_added_do_not_hide_those_that_answer(
    machine: Machine, folder: Path, bag_of_words: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = machine("a")
    sync(index, bag_of_words, [folder])
    vector = bag_of_words.encode_query(FERRY)
    with index.reading() as generation:
        best = generation.nearest_chunks(vector, 1)
    own = shared(index)
    near = {f"extra{n}": vector for n in range(300)}
    own.server.put(own.vectors(own.log()[-1].line), near)
    with index.reading() as generation:
        assert generation.nearest_chunks(vector, 1) == pytest.approx(best, abs=1e-5)
        monkeypatch.setattr(own.server, "_most", 100)  # as many as a hosted server gives
        assert generation.nearest_chunks(vector, 1) == pytest.approx(best, abs=1e-5)


def test_blocks_come_back_as_they_were_and_only_new_ones_are_sent(
    running: ChromaServer, database: str, tmp_path: Path
) -> None:
    chance = random.Random(7)  # noqa: S311  # any bytes will do
    server = Server(running.url, database=database)
    server.characters = 4096  # as a hosted server takes
    blocks, old, new = Blocks(server, "blocks"), tmp_path / "old", tmp_path / "new"
    data = bytearray(chance.randbytes(5 * BLOCK_BYTES)) + bytes(100_000) + b"end"
    old.write_bytes(data)
    first = blocks.upload(old)
    data[BLOCK_BYTES + 5] ^= 1
    data += b"more"
    new.write_bytes(data)
    tree = blocks.upload(new)
    assert len(set(tree.leaves) - set(first.leaves)) == 2
    assert server.ask(lambda client: client.get_collection("blocks").count()) == (
        len(first.every().keys() | tree.every().keys())
    )
    for like in (None, old):
        blocks.download(tree.root, tree.levels, tmp_path / "copy", like)
        assert (tmp_path / "copy").read_bytes() == data
    assert blocks.lacking(first) == 0
    blocks.keep(tree.every())
    assert blocks.lacking(tree) == 0
    assert blocks.lacking(first) == 3
    server.close()


def test_a_file_of_very_many_blocks_has_a_tree_of_more_levels(
    running: ChromaServer, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.blocks.BLOCK_BYTES", 64)
    server = Server(running.url, database=database)
    blocks, file = Blocks(server, "blocks"), tmp_path / "file"
    file.write_bytes(np.arange(300, dtype=np.int64).tobytes())
    tree = blocks.upload(file)
    assert tree.levels > 2
    blocks.download(tree.root, tree.levels, tmp_path / "copy", None)
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()
    server.close()


def test_a_server_that_takes_little_at_once_gets_little_at_once(
    running: ChromaServer, database: str
) -> None:
    server = Server(running.url, database=database)
    server.rows, server._listed = 3, 4
    collection = server.made("some", "cosine")
    vectors = {f"id{n}": row for n, row in enumerate(np.eye(10, 16, dtype=np.float32))}
    server.put(collection, vectors)
    assert sorted(server.ids(collection)) == sorted(vectors)
    assert server.has(collection, ["id3", "nope"]) == {"id3"}
    server.delete(collection, [f"id{n}" for n in range(9)])
    assert list(server.ids(collection)) == ["id9"]
    server.close()


def test_chroma_cloud_is_asked_for_no_more_than_it_gives() -> None:
    cloud, own = Server("https://api.trychroma.com", key="k"), Server("http://10.0.0.1:8000")
    assert (cloud.rows, cloud._most, cloud.characters) == (300, 300, 4096)
    assert own.rows == BATCH_SIZE
    assert Server("https://nottrychroma.com").rows == BATCH_SIZE


@pytest.mark.parametrize(
    "url",
    ["localhost:8000", "ftp://host", "http://", "http://host:x", "http://host/path", "http://h:0"],
)
def test_an_address_that_is_none_is_said(url: str) -> None:
    with pytest.raises(SettingsError, match="is no address of a server; write it like http://127"):
        Server(url)


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match=r"'\.\.\.' is no address") as caught:
        Server("http://user:secret@host:8000")
    assert "secret" not in str(caught.value)


class Stranger(BaseHTTPRequestHandler):
    """A web server that is not Chroma's; it notes what key it is shown."""

    status = 404
    keys: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.keys.append(self.headers.get("X-Chroma-Token"))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"<html>A page</html>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (404, "is no Chroma server that can be used here"),
        (200, "is no Chroma server that can be used here"),
        (502, "does not answer: Server error '502 Bad Gateway'"),
    ],
)
def test_what_is_no_chroma_server_is_said_and_no_key_is_told(
    tmp_path: Path, status: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stranger, "status", status)
    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        serving = threading.Thread(target=stranger.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{stranger.server_port}"
        with pytest.raises(IndexServerError, match=f"{url}.*{says}") as caught:
            uris(Index(tmp_path / "a", "any", Server(url, key="top-secret")))
        stranger.shutdown()
        serving.join()
    assert "top-secret" not in str(caught.value)
    assert not (tmp_path / "a").exists()


def test_the_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stranger, "status", 200)
    monkeypatch.setattr(Stranger, "keys", [])
    monkeypatch.setenv(f"{PREFIX}CHROMA_KEY", "top-secret")
    settings = Settings.read()
    assert "top-secret" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        serving = threading.Thread(target=stranger.serve_forever)
        serving.start()
        server = Server(
            f"http://127.0.0.1:{stranger.server_port}",
            key=settings.chroma_key.get_secret_value(),
        )
        with pytest.raises(IndexServerError):
            server.ask(lambda client: client.list_collections())
        stranger.shutdown()
        serving.join()
    assert "top-secret" in Stranger.keys


def test_a_database_that_is_not_there_is_said(running: ChromaServer, tmp_path: Path) -> None:
    server = Server(running.url, database="no-such-database")
    with pytest.raises(IndexServerError, match="no-such-database"):
        uris(Index(tmp_path / "a", "any", server))


def test_another_model_is_refused_on_every_machine(
    machine: Machine, folder: Path, bag_of_words: Encoder, running: ChromaServer, database: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    sync(machine("a"), bag_of_words, [folder])
    other = Index(tmp_path / "b", "other@2", Server(running.url, database=database))
    with pytest.raises(IndexMismatchError, match=r"'bag-of-words@1', not with 'other@2'"):
        uris(other)
    other.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "2"}, "has format '2', not '1'; run the same version on every machine"),
        ({"name": "../../elsewhere"}, "can not be read: .*; run the same version"),
        ({"surprise": "7"}, "can not be read: .*; run the same version"),
    ],
)
def test_what_another_version_wrote_is_refused(
    machine: Machine, folder: Path, bag_of_words: Encoder, change: dict[str, str], says: str
) -> None:
    index = machine("a")
    sync(index, bag_of_words, [folder])
    own = shared(index)
    metadata = {**shared_module._as_metadata(own.log()[-1]), **change}
    own.server.collection(own.log()[-1].collection).modify(metadata=metadata)
    with pytest.raises(IndexServerError, match=says):
        uris(index)
