"""A data set in BEIR layout -> run file, answers and scores, on the same road as the chat."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ir_measures
from ir_measures import RR, R, nDCG

from evals.cases import CaseError
from evals.metrics import percentile
from ingest.chunk import RECIPE
from ingest.isolate import Source
from ingest.sync import Writer
from rag.index import Index
from rag.language import identify, stand_alone
from rag.models import Encoder, load_encoder
from rag.pipeline import Pipeline, Question
from rag.records import as_json
from rag.retrieve import retrieve, understand
from rag.settings import Settings
from rag.types import Block, Document, Span, Turn

RUN_DEPTH = 50  # chunks a question; the documents they are of go into the run file
MEASURES = (nDCG @ 10, R @ 5, R @ 10, RR @ 10)
LINE = re.compile(r"\S(?:[^\n]*\S)?")


def benchmark(
    data: Path, out: Path, settings: Settings, *, limit: int | None, retrieval_only: bool
) -> dict[str, Any]:
    """Index the corpus, ask the queries, and write run.trec, answers.jsonl and summary.json.

    The corpus is indexed into `out/index`, once: a second run of the same data uses it again.

    Raises:
        CaseError: a file of the data set is missing or has a line that can not be read.
    """
    queries = list(lines(data / "queries.jsonl"))[:limit]
    qrels = list(_qrels(data / "qrels" / "test.tsv"))
    encoder = load_encoder(settings, cache=out / "index" / "model")
    index = Index(out / "index", encoder.fingerprint)
    _fill(index, encoder, data / "corpus.jsonl")
    run, spent = _retrieve(index, encoder, queries)
    asked = {query["_id"] for query in queries}
    judged = [each for each in qrels if each.query_id in asked]
    summary: dict[str, Any] = {
        "queries": len(queries),
        "judged": len({each.query_id for each in judged}),
        **{str(m): v for m, v in ir_measures.calc_aggregate(MEASURES, judged, run).items()},
        "retrieval_ms": {"p50": percentile(spent, 0.5), "p95": percentile(spent, 0.95)},
    }
    _write_run(out / "run.trec", run)
    if not retrieval_only:
        summary |= _answer(Pipeline(index, encoder, top_k=settings.top_k), queries, out)
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def _fill(index: Index, encoder: Encoder, corpus: Path) -> None:
    with index.writing(RECIPE) as draft:
        if draft.files:
            return
        draft.begin()
        writer = Writer(draft, encoder)
        for row in lines(corpus):
            document = _document(row)
            if document.blocks:
                source = Source(corpus, corpus.parent, row["_id"], "")
                writer.put(source, [document])
        writer.settle()
        draft.publish()


def _document(row: dict[str, Any]) -> Document:
    text = row["text"]
    return Document(
        title=row.get("title") or "",
        uri=row["_id"],
        text=text,
        blocks=tuple(Block(Span(*found.span())) for found in LINE.finditer(text)),
        language=identify(text),
    )


def _retrieve(
    index: Index, encoder: Encoder, queries: list[dict[str, Any]]
) -> tuple[list[ir_measures.ScoredDoc], list[float]]:
    """Return the ranked documents of every query and the milliseconds each search took."""
    run: list[ir_measures.ScoredDoc] = []
    spent = []
    with index.reading() as generation:
        uris = generation.uris()
        for query in queries:
            started = time.perf_counter()
            searched_for = stand_alone(query["text"], [turn.question for turn in _history(query)])
            found = understand(searched_for, generation, encoder)
            hits = retrieve(found, generation, top_k=RUN_DEPTH)
            spent.append(1000 * (time.perf_counter() - started))
            best: dict[str, float] = {}
            for hit in hits:
                for uri in uris[hit.chunk.document_id]:
                    best.setdefault(uri, hit.score)
            run += [ir_measures.ScoredDoc(query["_id"], uri, each) for uri, each in best.items()]
    return run, spent


def _answer(pipeline: Pipeline, queries: list[dict[str, Any]], out: Path) -> dict[str, Any]:
    """Write an answer a query; return how often there was one and whether it holds the gold."""
    answered, refused, first, cited, spent = [], [], [], [], []
    with (out / "answers.jsonl").open("w", encoding="utf-8") as file:
        for query in queries:
            answer = pipeline.invoke(Question(query["text"], _history(query)))
            line = {**as_json(answer), "_id": query["_id"]}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            spent.append(dict(answer.timings_ms)["total"])
            if not query.get("answerable", True):
                answered.append(answer.status != "refused")
                continue
            refused.append(answer.status == "refused")
            shown = () if answer.status == "refused" else answer.citations
            quotes = [each.quote.casefold() for each in shown]
            golds = [gold.casefold() for gold in query.get("answers", [])]
            first.append(any(gold in quote for gold in golds for quote in quotes[:1]))
            cited.append(any(gold in quote for gold in golds for quote in quotes))
    rates = {
        "false_answer": answered,
        "false_refusal": refused,
        "gold_in_first_citation": first,
        "gold_in_any_citation": cited,
    }
    return {
        **{name: sum(each) / len(each) for name, each in rates.items() if each},
        "answer_ms": {"p50": percentile(spent, 0.5), "p95": percentile(spent, 0.95)},
    }


def _history(query: dict[str, Any]) -> tuple[Turn, ...]:
    """Return the turns before a query, whichever of the usual forms they have."""
    turns = []
    for each in query.get("history", []):
        if isinstance(each, str):
            turns.append(Turn(each))
        elif "question" in each:
            turns.append(Turn(each["question"], each.get("answer", "")))
        elif each.get("speaker", each.get("role")) == "user":
            turns.append(Turn(each.get("text", each.get("content", ""))))
    return tuple(turns)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of a data set, each with `_id` and `text`.

    Raises:
        CaseError: the file is missing or has a line that can not be read.
    """
    for number, line in enumerate(_read(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield {**row, "_id": row["_id"], "text": row["text"]}
        except (ValueError, KeyError, TypeError) as error:
            raise CaseError(f"{path}:{number}: no row with _id and text: {error!r}") from error


def _qrels(path: Path) -> Iterator[ir_measures.Qrel]:
    for number, line in enumerate(_read(path).splitlines()[1:], 2):
        try:
            query_id, document_id, relevance = line.split("\t")
            yield ir_measures.Qrel(query_id, document_id, int(relevance))
        except ValueError as error:
            raise CaseError(
                f"{path}:{number}: {line!r} is not query, document and relevance"
            ) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CaseError(
            f"{str(path)!r} can not be read: {error}; name a folder in BEIR layout"
        ) from error


def _write_run(path: Path, run: list[ir_measures.ScoredDoc]) -> None:
    ranks: dict[str, int] = {}
    with path.open("w", encoding="utf-8") as file:
        for each in run:
            ranks[each.query_id] = ranks.get(each.query_id, 0) + 1
            rank = ranks[each.query_id]
            file.write(f"{each.query_id} Q0 {each.doc_id} {rank} {each.score:.6f} visit-desk\n")
