"""The product over the cases -> a folder that holds all that scoring needs: asking is done once."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evals.cases import (
    Case,
    CaseError,
    Documents,
    Dossiers,
    checksum,
    parse,
    read_cases,
)
from ingest.sync import sync
from rag.index import Index
from rag.models import load_encoder
from rag.pipeline import Pipeline, Question, open_pipeline
from rag.records import as_json
from rag.settings import Settings
from rag.store import make
from rag.types import Answer, Document, Usage

Prediction = Mapping[str, Any]
PACKAGES = ("chromadb", "langchain-core", "numpy", "onnxruntime", "scipy", "ir-measures")
NOT_COMPARED = ("id", "timings_ms", "usage")  # differ from run to run whatever the product does


@dataclass(frozen=True, slots=True)
class Run:
    """What a folder holds of a run: all that its scores are made from.

    Attributes:
        timings: milliseconds of each stage, by case; kept apart, as no two runs agree on them.
        about: what was run: settings, model, checksums, commit, versions.
    """

    folder: Path
    cases: tuple[Case, ...]
    dossiers: Dossiers
    predictions: Mapping[str, Prediction]
    timings: Mapping[str, Mapping[str, float]]
    about: Mapping[str, Any]

    def documents_of(self, case: Case) -> Documents:
        """Return the documents that a case is asked of, by uri."""
        return self.dossiers[case.dossier]


@contextmanager
def opened(cases: Path, settings: Settings, folder: Path) -> Iterator[dict[str, Pipeline]]:
    """Give the product over the index, named "", and over each dossier of the cases.

    Raises:
        RagError: the index can not be used.
    """
    pipelines = {"": open_pipeline(settings, record=False)}
    try:
        for dossier in sorted((cases / "dossiers").glob("*/")):
            own = settings.alone(folder / "dossiers" / dossier.name)
            _ingest(dossier, own, model=settings.index / "model")
            pipelines[dossier.name] = open_pipeline(own, record=False)
        yield pipelines
    finally:
        for pipeline in pipelines.values():
            pipeline.index.close()


def _ingest(dossier: Path, settings: Settings, *, model: Path) -> None:
    """Make an index of a dossier that shares the model of the main one."""
    make(settings.index)
    if not (settings.index / "model").exists():
        (settings.index / "model").symlink_to(model.resolve(), target_is_directory=True)
    encoder = load_encoder(settings, cache=settings.index / "model")
    index = Index(settings.index, encoder.fingerprint)
    sync(index, encoder, [dossier])
    index.close()


def documents_of(pipeline: Pipeline) -> Documents:
    """Return the documents of an index under each uri they came from."""
    with pipeline.index.reading() as generation:
        documents = {document.id: document for document in generation.documents()}
        return {
            uri: documents[each] for each, uris in sorted(generation.uris().items()) for uri in uris
        }


def run(cases_folder: Path, settings: Settings, folder: Path) -> None:
    """Ask every case and write what was asked, of what, and what was answered, into a folder.

    Raises:
        CaseError: the cases can not be measured.
        RagError: the index can not be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with opened(cases_folder, settings, folder) as pipelines:
        dossiers = {name: documents_of(each) for name, each in pipelines.items()}
        cases = read_cases(cases_folder, dossiers)
        write_run(folder, cases, dossiers, about=_about(settings, pipelines[""]))
        predict(pipelines, cases, folder)


def write_run(
    folder: Path, cases: Sequence[Case], dossiers: Dossiers, *, about: Mapping[str, Any]
) -> None:
    """Write what is asked of which documents."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "cases.jsonl", (json.loads(case.line) for case in cases))
    _write(
        folder / "documents.jsonl",
        (
            {
                "dossier": name,
                "uri": uri,
                "id": document.id,
                "title": document.title,
                "language": document.language,
                "published": document.published.isoformat() if document.published else None,
                "text": document.text,
            }
            for name, documents in dossiers.items()
            for uri, document in sorted(documents.items())
        ),
    )
    corpus = sorted(d.id for documents in dossiers.values() for d in documents.values())
    about = {
        **about,
        "cases": len(cases),
        "cases_checksum": checksum(cases),
        "documents": len(corpus),
        "documents_checksum": hashlib.sha256(" ".join(corpus).encode()).hexdigest()[:16],
    }
    text = json.dumps(about, indent=2, ensure_ascii=False)
    (folder / "run.json").write_text(text + "\n", encoding="utf-8")


def predict(pipelines: Mapping[str, Pipeline], cases: Sequence[Case], folder: Path) -> None:
    """Ask every case and write one answer a line; a question that fails is written as its error."""
    with (
        (folder / "predictions.jsonl").open("w", encoding="utf-8") as predictions,
        (folder / "timings.jsonl").open("w", encoding="utf-8") as timings,
    ):
        for case in cases:
            line, spent = _asked(pipelines[case.dossier], case)
            predictions.write(json.dumps(line, ensure_ascii=False) + "\n")
            timings.write(json.dumps({"case": case.id, **spent}) + "\n")


def _asked(pipeline: Pipeline, case: Case) -> tuple[dict[str, Any], Mapping[str, float]]:
    try:
        answer = pipeline.invoke(Question(case.question, case.turns, recorded=False))
    except Exception as error:  # noqa: BLE001  # whatever breaks one question, the others are asked
        return {
            "case": case.id,
            "status": "failed",
            "error": f"{type(error).__name__}: {error}",
        }, {}
    if answer.status == "failed":
        return {"case": case.id, "status": "failed", "error": answer.text or answer.notice}, {}
    return {"case": case.id, **_kept(answer)}, {**dict(answer.timings_ms), **_used(answer.usage)}


def _used(usage: Usage | None) -> dict[str, float]:
    """Return what a language model took for an answer; empty when none was asked."""
    if usage is None or not usage.calls:
        return {}
    used: dict[str, float] = {
        "calls": usage.calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
    }
    first = usage.first_sentence
    return used if first is None else {**used, "first_sentence": round(1000 * first, 1)}


def _kept(answer: Answer) -> dict[str, Any]:
    """Return what is compared of an answer, with how its sentences came to be shown."""
    return {name: value for name, value in as_json(answer).items() if name not in NOT_COMPARED}


def read_run(folder: Path, cases: Path | None = None) -> Run:
    """Return what a folder holds of a run; with other cases, when these are given.

    Raises:
        CaseError: the folder holds no run, or the cases do not fit it.
    """
    dossiers: dict[str, dict[str, Document]] = {"": {}}
    for row in _rows(folder / "documents.jsonl"):
        published = date.fromisoformat(row["published"]) if row["published"] else None
        document = Document(
            row["title"], row["uri"], row["text"], (), row["language"], published=published
        )
        dossiers.setdefault(row["dossier"], {})[row["uri"]] = document
    path = folder / "cases.jsonl"
    lines = ((f"{path}:{n}", json.dumps(row)) for n, row in enumerate(_rows(path), 1))
    return Run(
        folder,
        read_cases(cases, dossiers) if cases else parse(lines, dossiers),
        dossiers,
        {row["case"]: row for row in _rows(folder / "predictions.jsonl")},
        {row.pop("case"): row for row in _rows(folder / "timings.jsonl")},
        json.loads(_text(folder / "run.json")),
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _text(path).split("\n") if line]  # quotes hold U+2028


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CaseError(
            f"{str(path.parent)!r} holds no whole run: {path.name} can not be read; "
            "name a folder that python -m evals run wrote"
        ) from error


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _about(settings: Settings, pipeline: Pipeline) -> dict[str, Any]:
    with pipeline.index.reading() as generation:
        summary = generation.summary()
    return {
        "embedding_model": settings.embedding_model,
        "top_k": settings.top_k,
        "chat_model": settings.chat_model,
        "chunks": summary.chunks,
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """Return the commit that was run, with a sign when files differ from it; empty outside git."""
    where = Path(__file__).parent
    try:
        found = subprocess.run(  # a fixed command
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607  # as installed
            cwd=where, capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()
