"""`python -m evals COMMAND`: measure answers, extraction and speed; see `evals/README.md`."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals.baselines import NAMES
from evals.benchmark import benchmark
from evals.cases import CaseError, read_cases
from evals.extraction import extraction, summarise
from evals.ingest_speed import HEADER, ingest_speed
from evals.run import predict, read_predictions, score
from rag.errors import QuestionError, RagError, SettingsError
from rag.pipeline import open_pipeline
from rag.settings import Settings

HERE = Path(__file__).parent
PASS, BELOW, BAD_USAGE, NOT_MEASURED = 0, 1, 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Measure and return the exit code: 0 pass, 1 below a threshold, 2 bad data, 3 not measured."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.command(given))
    except (CaseError, SettingsError, QuestionError) as error:
        print(error, file=sys.stderr)
        return BAD_USAGE
    except RagError as error:
        print(error, file=sys.stderr)
        return NOT_MEASURED


def _run(given: argparse.Namespace) -> int:
    out = given.out or HERE / "runs" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    pipeline = open_pipeline(Settings.read(index=given.index), record=False)
    with pipeline.index.reading() as generation:
        documents = {document.uri: document for document in generation.documents()}
    cases = read_cases(given.cases, documents)
    predict(pipeline, cases, out / "predictions.jsonl")
    summary = score(cases, read_predictions(out / "predictions.jsonl"))
    thresholds = json.loads((HERE / "thresholds.json").read_text(encoding="utf-8"))
    summary["below"] = _below(summary["rates"], thresholds)
    (out / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    _tell(summary, out)
    return BELOW if summary["below"] else PASS


def _below(rates: dict[str, Any], thresholds: dict[str, dict[str, float]]) -> list[str]:
    """Return a sentence for each rate that is on the wrong side of its threshold."""
    found = []
    for side, wrong in (("floor", float.__lt__), ("ceiling", float.__gt__)):
        for name, bound in thresholds[side].items():
            if name in rates and wrong(float(rates[name]["value"]), bound):
                found.append(f"{name} is {rates[name]['value']:.3f}, its {side} is {bound:.3f}")
    return found


def _tell(summary: dict[str, Any], out: Path) -> None:
    for kind, rates in {**summary["classes"], "ALL": summary["rates"]}.items():
        shown = (f"{name} {rate['value']:.3f} (n={rate['n']})" for name, rate in rates.items())
        print(f"{kind:>14}: {', '.join(shown)}")
    print(f"latency ms: {summary['latency_ms']}; details in {out}")
    for line in summary["below"]:
        print(f"BELOW THE THRESHOLD: {line}", file=sys.stderr)


def _benchmark(given: argparse.Namespace) -> int:
    summary = benchmark(
        given.data,
        given.out,
        Settings.read(),
        limit=given.limit,
        retrieval_only=given.retrieval_only,
        baseline=given.baseline,
    )
    print(json.dumps(summary, indent=2))
    return PASS


def _extraction(given: argparse.Namespace) -> int:
    scores = extraction(given.data)
    if not scores:
        raise CaseError(f"{str(given.data)!r} holds no pages")
    summary = summarise(scores)
    for name in ("F1", "precision", "recall"):
        found = summary[name]
        low, high = found["interval"]
        spread = f"± {found['deviation']:.3f}, 95 % between {low:.3f} and {high:.3f}"
        print(f"{name:>9} {found['value']:.3f} {spread}")
    spent = summary["ms"]
    print(f"{summary['pages']} pages; ms a page: p50 {spent['p50']:.1f}, p95 {spent['p95']:.1f}")
    print("worst pages, with the shares of their shingles that are wrong and missing:")
    for page in sorted(scores, key=lambda page: -page.loss)[: given.worst]:
        print(f"  {page.overlap.wrong:.3f} {page.overlap.missing:.3f} {page.name}")
    return PASS


def _ingest_speed(given: argparse.Namespace) -> int:
    sizes = given.sizes or [None]
    baseline = given.baseline is not None
    print(HEADER)
    for found in ingest_speed(
        given.data, Settings.read(), sizes=sizes, limit=given.limit, baseline=baseline
    ):
        print(found.line(), flush=True)
    return PASS


def _sizes(text: str) -> list[int]:
    sizes = [int(each) for each in text.split(",")]
    if min(sizes) < 1:
        raise ValueError(text)
    return sizes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals", description="Measure the answers.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="ask the regression set and compare with the thresholds")
    run.add_argument("--cases", type=Path, default=HERE / "cases", help="folder of *.jsonl files")
    run.add_argument("--index", type=Path, help="directory of the index")
    run.add_argument("--out", type=Path, help="folder for predictions.jsonl and summary.json")
    run.set_defaults(command=_run)
    bench = commands.add_parser("benchmark", help="measure on a data set in BEIR layout")
    bench.add_argument("data", type=Path, metavar="DIR")
    bench.add_argument("--out", type=Path, required=True, help="folder for the results")
    bench.add_argument("--limit", type=int, help="ask only the first questions")
    bench.add_argument("--retrieval-only", action="store_true", help="do not answer")
    bench.add_argument("--baseline", choices=NAMES, help="measure what others would use, too")
    bench.set_defaults(command=_benchmark)
    pages = commands.add_parser("extraction", help="measure what is read out of web pages")
    pages.add_argument("data", type=Path, metavar="DIR", help="article-extraction-benchmark")
    pages.add_argument("--worst", type=int, default=10, help="how many of the worst to name")
    pages.set_defaults(command=_extraction)
    speed = commands.add_parser("ingest-speed", help="measure how fast documents are taken in")
    speed.add_argument("data", type=Path, metavar="DIR", help="BEIR layout, or a folder of files")
    speed.add_argument("--limit", type=int, help="take only the first documents")
    speed.add_argument("--sizes", type=_sizes, help="measure at about so many chunks: 1000,10000")
    speed.add_argument("--baseline", choices=["langchain"], help="measure what others build, too")
    speed.set_defaults(command=_ingest_speed)
    return parser


if __name__ == "__main__":
    sys.exit(main())
