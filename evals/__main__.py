"""`python -m evals COMMAND`: measure answers, extraction and speed; see `evals/README.md`."""

import argparse
import json
import sys
from pathlib import Path

from evals.baselines import NAMES
from evals.benchmark import benchmark
from evals.cases import CaseError
from evals.commands import register
from evals.extraction import extraction, summarise
from evals.ingest_speed import HEADER, ingest_speed
from evals.report import BAD_USAGE, NOT_MEASURED, PASS
from evals.spelling import SPELLINGS
from rag.errors import QuestionError, RagError, SettingsError
from rag.settings import Settings


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


def _benchmark(given: argparse.Namespace) -> int:
    summary = benchmark(
        given.data,
        given.out,
        Settings.read(),
        limit=given.limit,
        retrieval_only=given.retrieval_only,
        baseline=given.baseline,
        spelling=given.spelling,
        beside=given.beside,
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
    register(commands)
    bench = commands.add_parser("benchmark", help="measure on a data set in BEIR layout")
    bench.add_argument("data", type=Path, metavar="DIR")
    bench.add_argument("--out", type=Path, required=True, help="folder for the results")
    bench.add_argument("--limit", type=int, help="ask only the first questions")
    bench.add_argument("--retrieval-only", action="store_true", help="do not answer")
    bench.add_argument("--baseline", choices=NAMES, help="measure what others would use, too")
    bench.add_argument("--spelling", choices=SPELLINGS, help="ask them typed in haste")
    bench.add_argument(
        "--beside", type=Path, metavar="DIR", help="documents of another data set go in, too"
    )
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
