"""A data set in BEIR layout -> run file, answers and scores, on the same road as the chat."""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ir_measures
from ir_measures import RR, R, nDCG

from evals.baselines import Baseline, bm25, dense, langchain, require_packages
from evals.cases import CaseError
from evals.metrics import bootstrap, percentile
from evals.spelling import SPELLINGS
from ingest.chunk import RECIPE
from ingest.isolate import Source
from ingest.sync import Writer
from rag.index import Generation, Index
from rag.language import identify
from rag.models import Encoder, load_encoder
from rag.pipeline import Pipeline, Question
from rag.query import in_conversation, understand
from rag.records import as_json
from rag.retrieve import COMPARED, retrieve
from rag.settings import Settings
from rag.types import Block, Document, Span, Turn

# Chunks a question, whose documents go into the run file. Asked for more than an answer compares,
# the search would compare more, and what is measured would not be what is answered with.
RUN_DEPTH = COMPARED
REST = 0.01  # seconds before what is timed beside another, whose threads may still spin
PERCENTILES = (50, 95, 99)
MEASURES = (nDCG @ 10, R @ 5, R @ 10, RR @ 10)
LINE = re.compile(r"\S(?:[^\n]*\S)?")


def benchmark(
    data: Path,
    out: Path,
    settings: Settings,
    *,
    limit: int | None,
    retrieval_only: bool,
    baseline: str | None = None,
    spelling: str | None = None,
    beside: Path | None = None,
) -> dict[str, Any]:
    """Index the corpus, ask the queries, and write run.trec, answers.jsonl and summary.json.

    The corpus is indexed into `out/index`, once: a second run of the same data uses it again.
    The queries are asked as one of `evals.spelling.SPELLINGS` puts them. The documents of another
    data set, which answer none of them, can stand beside those of the corpus.
    With a baseline, one of `evals.baselines.NAMES`, the summary has what that makes of the same
    queries, and how long both take when they are asked in turns.

    Raises:
        CaseError: a file of the data set is missing or has a line that can not be read.
        NotMeasuredError: packages of the baseline are missing.
    """
    if baseline == "langchain":
        require_packages()
    queries = list(lines(data / "queries.jsonl"))[:limit]
    if spelling:
        queries = [{**each, "text": SPELLINGS[spelling](each["text"])} for each in queries]
    qrels = list(_qrels(data / "qrels" / "test.tsv"))
    encoder = load_encoder(settings, cache=out / "index" / "model")
    index = Index(out / "index", encoder.fingerprint)
    _fill(index, encoder, [data, *([beside] if beside else [])])
    run, spent = _retrieve(index, encoder, queries)
    summary = {
        **_scores(queries, qrels, run),
        **_size(index),
        "retrieval_ms": _percentiles(spent),
    }
    _write_run(out / "run.trec", run)
    pipeline = Pipeline(index, encoder, top_k=settings.top_k)
    if not retrieval_only:
        summary |= _answer(pipeline, queries, out)
    if baseline:
        with index.reading() as generation:
            other = _baseline(baseline, generation, encoder, settings, data=data, out=out)
            summary["baseline"] = _beside(pipeline, other, queries, qrels)
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def _fill(index: Index, encoder: Encoder, sets: Sequence[Path]) -> None:
    with index.writing(RECIPE) as draft:
        if draft.files:
            return
        draft.begin()
        writer = Writer(draft, encoder)
        for number, data in enumerate(sets):
            for row in lines(data / "corpus.jsonl"):
                uri = f"{number}/{row['_id']}" if number else row["_id"]
                document = _document(row, uri)
                if document.blocks:
                    writer.put(Source(data / "corpus.jsonl", data, uri, ""), [document])
        writer.settle()
        draft.publish()


def _size(index: Index) -> dict[str, int]:
    with index.reading() as generation:
        return {"documents": generation.whole.documents, "chunks": generation.whole.chunks}


def _document(row: dict[str, Any], uri: str) -> Document:
    text = row["text"]
    return Document(
        title=row.get("title") or "",
        uri=uri,
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
            text, before = in_conversation(query["text"], _history(query))
            found = understand(text, generation, encoder, own=query["text"], conversation=before)
            hits = retrieve(found, generation, top_k=RUN_DEPTH)
            spent.append(1000 * (time.perf_counter() - started))
            best: dict[str, float] = {}
            for hit in hits:
                for uri in uris[hit.chunk.document_id]:
                    best.setdefault(uri, hit.score)
            run += [ir_measures.ScoredDoc(query["_id"], uri, each) for uri, each in best.items()]
    return run, spent


def _scores(
    queries: list[dict[str, Any]],
    qrels: list[ir_measures.Qrel],
    run: list[ir_measures.ScoredDoc],
) -> dict[str, Any]:
    """Return the measures over the queries that are judged, with 95 % intervals.

    The questions of one conversation count as one draw.
    """
    conversations = {query["_id"]: _conversation(query) for query in queries}
    judged = [each for each in qrels if each.query_id in conversations]
    of_queries: dict[str, dict[str, float]] = {str(each): {} for each in MEASURES}
    for metric in ir_measures.iter_calc(MEASURES, judged, run):
        of_queries[str(metric.measure)][metric.query_id] = metric.value
    found: dict[str, Any] = {
        "queries": len(queries),
        "judged": len({each.query_id for each in judged}),
    }
    for name, values in of_queries.items():
        found[name] = sum(values.values()) / len(values) if values else None
    found["intervals"] = {
        name: bootstrap([*values.values()], [conversations[each] for each in values])
        for name, values in of_queries.items()
        if values
    }
    return found


def _conversation(query: dict[str, Any]) -> str:
    """Return the question that a query's conversation began with."""
    return next((turn.question for turn in _history(query)), str(query["text"]))


def _percentiles(milliseconds: list[float]) -> dict[str, float]:
    return {f"p{share}": percentile(milliseconds, share / 100) for share in PERCENTILES}


def _baseline(
    name: str,
    generation: Generation,
    encoder: Encoder,
    settings: Settings,
    *,
    data: Path,
    out: Path,
) -> Baseline:
    if name == "dense":
        return dense(generation, encoder)
    if name == "bm25":
        return bm25(generation)
    rows = lines(data / "corpus.jsonl")
    documents = [
        (str(row["_id"]), f"{row.get('title') or ''}\n\n{row['text']}".strip()) for row in rows
    ]
    return langchain(documents, out / "langchain", settings, encoder)


def _beside(
    pipeline: Pipeline,
    other: Baseline,
    queries: list[dict[str, Any]],
    qrels: list[ir_measures.Qrel],
) -> dict[str, Any]:
    """Return what a baseline finds, and how long it and our whole answers take in turns.

    A baseline is asked the last question alone, as a tutorial does.
    """
    run = [
        ir_measures.ScoredDoc(query["_id"], uri, score)
        for query in queries
        for uri, score in other.rank(query["text"], RUN_DEPTH).items()
    ]
    ours, theirs = [], []
    for query in queries:
        question = Question(query["text"], _history(query))
        time.sleep(REST)
        ours.append(_milliseconds(lambda: pipeline.invoke(question)))  # noqa: B023  # called at once
        time.sleep(REST)
        theirs.append(_milliseconds(lambda: other.search(query["text"])))  # noqa: B023
    mine, its = _percentiles(ours), _percentiles(theirs)
    return {
        "name": other.name,
        **_scores(queries, qrels, run),
        "search_ms": its,
        "our_answer_ms": mine,
        "ratio": {name: mine[name] / its[name] for name in its},
    }


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


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
        "answer_ms": _percentiles(spent),
    }


def _history(query: dict[str, Any]) -> tuple[Turn, ...]:
    """Return the turns before a query, whichever of the usual forms they have."""
    turns: list[Turn] = []
    for each in query.get("history", []):
        if isinstance(each, str):
            turns.append(Turn(each))
        elif "question" in each:
            turns.append(Turn(each["question"], each.get("answer", "")))
        elif each.get("speaker", each.get("role")) == "user":
            turns.append(Turn(each.get("text", each.get("content", ""))))
        elif turns:
            turns[-1] = replace(turns[-1], answer=each.get("text", each.get("content", "")))
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
