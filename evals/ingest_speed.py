"""How fast and in how much memory documents are taken in, beside a plain LangChain pipeline."""

import importlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evals.baselines import NotMeasuredError, require_packages
from evals.benchmark import lines
from evals.cases import CaseError
from ingest.chunk import CHUNK_SIZE
from ingest.load import Limits, find, load
from rag.models import load_encoder, weights
from rag.settings import Settings

CHARACTERS = 750  # that a chunk has in the middle, to choose documents for a number of chunks
BASELINE = "from evals.ingest_speed import serve_baseline; serve_baseline()"
WARM = "from evals.ingest_speed import warm_up; warm_up()"
KILOBYTE = 1 if sys.platform == "darwin" else 1024  # what ru_maxrss counts in
COLUMNS = (
    "     step", "documents", "embedded", "passages", "sentences", "seconds", "passages/s",
    "characters/s", "sentences/s", "CPU s", "  MB", "ratio",
)  # fmt: skip
HEADER = " ".join(COLUMNS)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process and those that it started took, from the start to the end.

    Attributes:
        processor: seconds of all cores, which other work on the machine changes little.
        memory: the most that one of them held at once, in bytes.
    """

    processor: float
    memory: int


@dataclass(frozen=True, slots=True)
class Speed:
    """What one step took in, and what it took.

    Attributes:
        embedded: documents of which something was embedded.
        passages: what is retrieved: chunks, cut as each side cuts them.
        characters: of the texts, the same for both sides.
        seconds: without the start of the process and the loading of the model.
        ratio: passages a second by those of the baseline.
    """

    step: str
    documents: int
    embedded: int
    passages: int
    seconds: float
    cost: Cost
    sentences: int = 0
    characters: int = 0
    ratio: float | None = None

    @property
    def rate(self) -> float:
        """Return the passages a second."""
        return self.passages / self.seconds

    def line(self) -> str:
        """Return the row of a table under `HEADER`."""
        counts = (self.documents, self.embedded, self.passages, self.sentences)
        taken = (self.rate, self.characters / self.seconds, self.sentences / self.seconds)
        rates = [f"{each:.1f}" if self.characters else "" for each in taken]
        ratio = f"{self.ratio:.2f}" if self.ratio else ""
        cells = [*map(str, counts), f"{self.seconds:.1f}", *rates]
        cost = [f"{self.cost.processor:.1f}", f"{self.cost.memory / 1e6:.0f}"]
        return _row([self.step, *cells, *cost, ratio])


def _row(cells: Sequence[str]) -> str:
    return " ".join(each.rjust(len(name)) for each, name in zip(cells, COLUMNS, strict=True))


def ingest_speed(
    data: Path,
    settings: Settings,
    *,
    sizes: Sequence[int | None],
    limit: int | None,
    baseline: bool,
) -> Iterator[Speed]:
    """Yield for each size the first ingest, one without a change, one of a changed file.

    A size is about how many chunks to take, None all. With `baseline` the first ingest stands
    beside LangChain's `Chroma.from_documents`, which is given the same texts and model.

    Raises:
        CaseError: there are no documents in `data`.
        NotMeasuredError: packages of the baseline are missing, or an ingest failed.
    """
    if baseline:
        require_packages()
    with tempfile.TemporaryDirectory(prefix="ingest-speed-") as name:
        folder = Path(name) / "all"
        folder.mkdir()
        _write_out(data, folder, limit)
        warm = Path(name) / "warm"  # writes the graph of the model, which only a first start does
        _run(["-c", WARM, str(warm / "model")])
        for number, size in enumerate(sizes):
            part = Path(name) / f"{number}"
            _take(folder, part / "documents", size)
            if warm.exists():
                shutil.copytree(warm, part / "index")
            yield from _measure(part, settings, baseline=baseline)
            shutil.rmtree(part)


def warm_up() -> None:
    """Write the graph of the model into the folder that is named."""
    load_encoder(Settings.read(), cache=Path(sys.argv[1]))


def _write_out(data: Path, folder: Path, limit: int | None) -> None:
    """Write each row of a corpus as a text file, or copy the files of a folder."""
    if (data / "corpus.jsonl").exists():
        for number, row in enumerate(itertools.islice(lines(data / "corpus.jsonl"), limit)):
            text = f"{row.get('title') or ''}\n\n{row['text']}".strip()
            (folder / f"{number:06}.txt").write_text(text, encoding="utf-8")
    else:
        found = (path for path, _ in find([data], []) if path.is_file())
        for number, path in enumerate(itertools.islice(found, limit)):
            shutil.copyfile(path, folder / f"{number:06}{path.suffix}")
    if not any(folder.iterdir()):
        raise CaseError(f"{str(data)!r} holds no documents; name a folder of files or a data set")


def _take(folder: Path, part: Path, size: int | None) -> None:
    """Link the first files that make about so many chunks."""
    part.mkdir(parents=True)
    characters = 0
    for path in sorted(folder.iterdir()):
        if size is not None and characters >= size * CHARACTERS:
            return
        os.link(path, part / path.name)
        characters += path.stat().st_size


def _measure(part: Path, settings: Settings, *, baseline: bool) -> Iterator[Speed]:
    first, texts = _ingest("first", part), _texts(part / "documents")
    first = replace(first, characters=sum(map(len, texts)))
    other = _langchain(part, texts, settings) if baseline else None
    yield replace(first, ratio=first.rate / other.rate) if other else first
    if other:
        yield other
    yield _ingest("unchanged", part)
    path = min((part / "documents").iterdir())
    changed = path.read_bytes() + b"\n\nOne sentence more.\n"
    path.unlink()  # it is a link to the file that the other sizes take
    path.write_bytes(changed)
    yield _ingest("changed", part)


def _texts(folder: Path) -> list[str]:
    """Return what the files say, which is what either side embeds, each text once."""
    texts: dict[str, None] = {}
    for path in sorted(folder.iterdir()):
        read = load(path, root=folder, uri=path.name, limits=Limits())
        texts |= dict.fromkeys(document.text for document in read.documents)
    return list(texts)


def _ingest(step: str, part: Path) -> Speed:
    """Run the command that an operator runs."""
    output, cost = _run(
        ["-m", "ingest", str(part / "documents"), "--index", str(part / "index"), "--json"]
    )
    report = json.loads(output)
    return Speed(
        step,
        documents=report["documents"],
        embedded=report["embedded"],
        passages=report["chunks"],
        sentences=report["sentences"],
        seconds=report["seconds"],
        cost=cost,
    )


def _langchain(part: Path, texts: Sequence[str], settings: Settings) -> Speed:
    path = part / "texts.json"
    path.write_text(json.dumps(texts), encoding="utf-8")
    arguments = [str(path), str(part / "langchain"), weights(settings)]
    output, cost = _run(["-c", BASELINE, *arguments])
    found = json.loads(output)
    return Speed(
        "langchain",
        documents=len(texts),
        embedded=len(texts),
        characters=sum(map(len, texts)),
        passages=found["passages"],
        seconds=found["seconds"],
        cost=cost,
    )


def serve_baseline() -> None:
    """Do what a LangChain tutorial does with the texts of a file, and print what it took."""
    texts, directory, model = sys.argv[1:]
    chroma = importlib.import_module("langchain_chroma").Chroma
    splitters = importlib.import_module("langchain_text_splitters")
    huggingface = importlib.import_module("langchain_huggingface")
    embeddings = huggingface.HuggingFaceEmbeddings(model_name=model, model_kwargs={"device": "cpu"})
    documents = json.loads(Path(texts).read_text(encoding="utf-8"))
    started = time.monotonic()
    splitter = splitters.RecursiveCharacterTextSplitter(chunk_size=CHUNK_SIZE, chunk_overlap=0)
    chunks = splitter.create_documents(documents)
    chroma.from_documents(chunks, embeddings, persist_directory=directory)
    json.dump({"passages": len(chunks), "seconds": time.monotonic() - started}, sys.stdout)


def _run(arguments: Sequence[str]) -> tuple[str, Cost]:
    """Run Python and return its output and what it cost.

    Raises:
        NotMeasuredError: it did not end well.
    """
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(  # noqa: S603  # our own code
            [sys.executable, *arguments],
            stdout=output,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        if process.returncode not in (0, 1):  # 1: some files are no documents
            raise NotMeasuredError(
                f"{' '.join(arguments)} ended with exit code {process.returncode}; run it to see"
            )
        # Linux counts the memory of the parent at the start too: nothing large is loaded in it.
        cost = Cost(used.ru_utime + used.ru_stime, used.ru_maxrss * KILOBYTE)
        return output.read(), cost
