"""Real objects that many tests share, and builders of small ones."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from ingest.isolate import Reader, Source
from ingest.load import Loaded, load
from ingest.sync import sync
from rag.index import Generation, Index
from rag.models import Encoder, load_encoder
from rag.pipeline import Pipeline
from rag.settings import EMBEDDED_MODEL, PREFIX, Settings
from rag.types import Document
from rag.watch import OURS

ROOT = Path(__file__).parents[1]
Run = Callable[..., subprocess.CompletedProcess[str]]
Once = Callable[[str, Callable[[Path], object]], Path]
Event = tuple[int, str, tuple[str, ...]]  # process, what it did, with what

WATCH = ROOT / "tests" / "watch"
collect_ignore = ["watch"]  # runs at the start of other processes, and would watch this one
CANARY = "canary5e1f"  # a word that must not get into code

settings.register_profile(
    "desk", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("desk")


IN_MEMORY = Path("/dev/shm")  # noqa: S108  # of Linux
ENOUGH_BYTES = 4_000_000_000


def pytest_configure() -> None:
    """Keep temporary files in memory where there is room, and model libraries off the network.

    SQLite waits long for disks; and whichever test imports those libraries first decides for all.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    chosen = "TMPDIR" in os.environ or not os.access(IN_MEMORY, os.W_OK)
    if not chosen and shutil.disk_usage(IN_MEMORY).free > ENOUGH_BYTES:
        os.environ["TMPDIR"] = str(IN_MEMORY)
        tempfile.tempdir = None  # to be found anew


class BagOfWords:
    """Texts that share words are near each other: cheap, and it can be said who ranks first."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = np.zeros((len(texts), 1024), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.casefold()) or [""]:
                vector[zlib.crc32(word.encode()) % 1024] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def words(self, letter: str) -> tuple[str, ...]:
        """Say that no word is known."""
        del letter
        return ()

    def tokens(self, texts: Sequence[str], *, to_keep: bool = False) -> None:
        """Say that sentences are embedded by themselves."""


@pytest.fixture(scope="session")
def bag_of_words() -> Encoder:
    return Encoder(BagOfWords(), "bag-of-words@1", query_prompt="", document_prompt="")


def assert_steady(opened: Sequence[tuple[int, int]]) -> None:
    """Check that open files and threads, counted again and again, do not gather.

    Chroma has now more of them, now fewer, so the least of each half is what tells.
    """
    for counts in zip(*opened[1:], strict=True):
        half = len(counts) // 2
        assert min(counts[half:]) <= min(counts[:half]) + 2, opened


def read_here(reader: Reader, sources: Iterable[Source]) -> Iterator[tuple[Source, Loaded]]:
    """Do what a `Reader` does without the process, whose start takes longer than small ingests."""
    for each in sources:
        yield each, load(each.path, root=each.root, uri=each.uri, limits=reader._limits)


@pytest.fixture
def reading_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in this process: for tests of what becomes of documents after they are read."""
    monkeypatch.setattr(Reader, "read", read_here)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Return a function that returns a folder which the first process to want it has filled."""
    own = tmp_path_factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def folder(name: str, fill: Callable[[Path], object]) -> Path:
        filled = common / f"once-{name}"
        with FileLock(common / f"{name}.lock"):
            if not filled.exists():
                unfinished = Path(tempfile.mkdtemp(dir=common))
                fill(unfinished)
                unfinished.rename(filled)
        return filled

    return folder


@pytest.fixture(scope="session")
def seeds() -> Path:
    return ROOT / "seeds"


@pytest.fixture(scope="session")
def model_cache(once: Once) -> Path:
    """Return the directory that holds the graph of the packaged model, written once."""
    return once("model", packaged_model)


@pytest.fixture(scope="session")
def encoder(model_cache: Path) -> Encoder:
    return packaged_model(model_cache)


def packaged_model(cache: Path) -> Encoder:
    plain = Settings(
        embedding_model=EMBEDDED_MODEL, query_prompt="", document_prompt="", fast_ingest=False
    )
    encoder = load_encoder(plain, cache=cache)
    encoder.encode_query("written when it is first asked for")
    return encoder


@pytest.fixture(scope="session")
def seeds_index(once: Once, seeds: Path, encoder: Encoder, model_cache: Path) -> Path:
    """Return an index of the seeds with the packaged model; copy it to change it."""

    return once("seeds", partial(fill, seeds, encoder, model_cache))


def fill(folder: Path, encoder: Encoder, model_cache: Path, directory: Path) -> None:
    """Make an index of a folder, with the packaged model beside it."""
    index = Index(directory, encoder.fingerprint)
    sync(index, encoder, [folder])
    index.close()  # it is known to Chroma by a name that the directory will not keep
    (directory / "model").symlink_to(model_cache)


@pytest.fixture
def own_index(tmp_path: Path, seeds_index: Path) -> Path:
    """Return a copy of the index of the seeds that the test may change."""
    without = shutil.ignore_patterns("records")  # of what other tests asked
    return Path(shutil.copytree(seeds_index, tmp_path / "index", symlinks=True, ignore=without))


@pytest.fixture(scope="session")
def index(seeds_index: Path, encoder: Encoder) -> Iterator[Index]:
    opened = Index(seeds_index, encoder.fingerprint)
    yield opened
    opened.close()


@pytest.fixture
def generation(index: Index) -> Iterator[Generation]:
    with index.reading() as opened:
        yield opened


@pytest.fixture(scope="session")
def pipeline(index: Index, encoder: Encoder) -> Pipeline:
    return Pipeline(index, encoder)


@pytest.fixture(scope="session")
def documents(index: Index) -> tuple[Document, ...]:
    with index.reading() as opened:
        return opened.documents()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of three small documents about different things."""
    texts = {
        "ferry.txt": "The harbour ferry sails at dawn. Nadia Okafor steers the harbour ferry.",
        "orchard.txt": "Apples grow in the orchard. Tomas Lindqvist keeps bees in the orchard.",
        "museum.txt": "The museum shows glass. Entry to the museum costs 12 crowns.",
    }
    path = tmp_path / "documents"
    path.mkdir()
    for name, text in texts.items():
        (path / name).write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_model(once: Once) -> Path:
    """Return a saved sentence-transformers model: a BERT of one small layer, weights at random."""
    return once("tiny", write_tiny_model) / "model"


def write_tiny_model(folder: Path) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789:.,?"
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary += [*letters, *(f"##{each}" for each in letters)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those libraries warn of each other
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
        from transformers import BertConfig, BertModel, BertTokenizerFast

        torch.manual_seed(7)
        words = {word: number for number, word in enumerate(vocabulary)}
        BertTokenizerFast(vocab=words).save_pretrained(folder / "bert")
        config = BertConfig(
            vocab_size=len(words),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
        )
        BertModel(config).save_pretrained(folder / "bert")
        transformer = Transformer(str(folder / "bert"))
        model = SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu")
        model.save(str(folder / "model"))


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """Put back, after a test, how this process logs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs `python -m ...` where no setting of this machine is seen."""
    environment = {name: value for name, value in os.environ.items() if PREFIX not in name}

    def start(
        *arguments: str | Path, timeout: int = 60, **variables: str | Path
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  # our own commands
            [sys.executable, "-m", *map(str, arguments)],
            cwd=tmp_path,
            env={
                **environment,
                "PYTHONPATH": str(ROOT),
                **{k: str(v) for k, v in variables.items()},
            },
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return start


class Listener(BaseHTTPRequestHandler):
    heard: list[str]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.heard.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST  # noqa: N815  # the name that http.server looks for


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[str]]]:
    """Return the address of a server on this machine, and the paths that it was asked for."""
    heard: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Listener,), {"heard": heard}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def watching(folder: Path) -> dict[str, str]:
    """Return the variables with which a Python process tells what it does."""
    shutil.copy(WATCH / "sitecustomize.py", folder)
    (folder / "canary.txt").write_text(CANARY, encoding="ascii")
    path = os.pathsep.join([str(folder), str(ROOT)])
    return {"PYTHONPATH": path, "VISIT_WATCH": "what nobody outside may read"}


def watched(folder: Path) -> list[Event]:
    lines = (folder / "watch.jsonl").read_text(encoding="utf-8").splitlines()
    return [(pid, event, tuple(what)) for pid, event, *what in map(json.loads, lines)]
