"""`python -m ingest PATH...`: make the index hold exactly the documents under the paths."""

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ingest import report as reporting
from ingest.load import limits_of
from ingest.spread import spread
from ingest.sync import Report, sync
from rag import records
from rag.access import Rules, rules_of
from rag.audit import Audit, audit, mend
from rag.errors import IndexMissingError, RagError, SettingsError
from rag.index import Summary, check_there, index_of, ingested_paths
from rag.models import load_encoder
from rag.settings import Settings

ALL_READ, SOME_REFUSED, BAD_USAGE, NOTHING_DONE = 0, 1, 2, 3
MOST_WORKERS = 256  # on one machine
SOUND, MENDED, NOT_MENDED = 0, 1, 3
STOPPED = 130  # by Ctrl-C, as shells have it


def main(arguments: list[str] | None = None) -> int:
    """Do what is asked and return the exit code; see the README for what each means."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.paths and (given.check or given.list or given.report):
        parser.error("--check, --list and --report look at the index and take no PATH")
    try:
        settings = Settings.read(index=given.index)
        if given.check:
            return _check(settings, as_json=given.json)
        if given.list or given.report:
            return _show(settings, as_json=given.json, page=given.report)
        return _ingest(settings, given)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return BAD_USAGE
    except RagError as error:
        print(error, file=sys.stderr)
        return NOTHING_DONE
    except KeyboardInterrupt:
        print("stopped; the index is as it was before, or as new as it gets", file=sys.stderr)
        return STOPPED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ingest", description="Make the index hold exactly what the paths hold."
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="a file or a folder; none: as last time"
    )
    parser.add_argument("--index", type=Path, help="directory of the index")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--first", type=Path, metavar="PATH", help="what to ingest when there is no index yet"
    )
    parser.add_argument(
        "--workers", type=_workers, default=0, metavar="N", help="embed in N processes"
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--rebuild", action="store_true", help="start from nothing")
    other.add_argument("--check", action="store_true", help="verify the index and mend it")
    other.add_argument("--list", action="store_true", help="print what is in and what is not")
    other.add_argument("--report", type=Path, metavar="FILE", help="write that as an HTML page")
    return parser


def _workers(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MOST_WORKERS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST_WORKERS}")


def _ingest(settings: Settings, given: argparse.Namespace) -> int:
    paths = given.paths or _paths(settings, given.first)
    problem = next(filter(None, map(_problem, paths)), "")
    if problem:
        print(f"{problem}; name one that holds documents", file=sys.stderr)
        return BAD_USAGE
    default = _default(settings.default_label)
    encoder = load_encoder(settings, cache=settings.index / "model")
    index = index_of(settings, encoder.fingerprint)
    with tqdm(unit=" files", disable=None, file=sys.stderr) as bar:

        def progress(uri: str, done: int, total: int) -> None:
            bar.total = total
            bar.set_postfix_str(uri, refresh=False)
            bar.update(done - bar.n)

        limits = limits_of(settings)
        with spread(settings, encoder, given.workers) as embeds:
            report = sync(
                index,
                embeds,
                paths,
                limits=limits,
                default=default,
                rebuild=given.rebuild,
                progress=progress,
            )
    _tell(report, as_json=given.json)
    _forget(settings)
    if not report.added + report.changed + report.unchanged:
        places = ", ".join(repr(str(path)) for path in paths)
        print(
            f"nothing could be read in {places}; put documents there and run again; "
            f"the index {'is as it was' if report.index else 'is not there yet'}",
            file=sys.stderr,
        )
        return NOTHING_DONE
    return SOME_REFUSED if report.refused else ALL_READ


def _default(label: str) -> Rules:
    """Return the rules of documents of which nothing says who may read them.

    Raises:
        SettingsError: it is no label.
    """
    try:
        return rules_of(label, "") or ()
    except ValueError as error:
        raise SettingsError(
            f"the setting VISIT_DESK_DEFAULT_LABEL can not be used: {error}; correct it"
        ) from error


def _forget(settings: Settings) -> None:
    """Remove the records that are older than the settings want."""
    try:
        records.forget(records.place(settings.index), settings.records_days)
    except OSError as error:
        print(f"records that are too old could not be removed: {error}", file=sys.stderr)


def _paths(settings: Settings, first: Path | None) -> list[Path]:
    """Return the paths of the last ingest, or the one to begin with.

    Raises:
        SettingsError: neither is known.
    """
    if settings.chroma_url:
        with contextlib.suppress(IndexMissingError):
            check_there(settings)
    paths = [*ingested_paths(settings.index)] or [*filter(None, [first])]
    if not paths:
        raise SettingsError(
            f"there is no index in {str(settings.index)!r} that tells what to read; name a PATH"
        )
    return paths


def _problem(path: Path) -> str:
    try:
        return "" if path.exists() else f"there is no file or folder {str(path)!r}"
    except OSError as error:
        return f"{str(path)!r} can not be looked at: {error.strerror}"


def _tell(report: Report, *, as_json: bool) -> None:
    counts = {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
    }
    if as_json:
        print(_printable(json.dumps({**counts, **_more(report)}, ensure_ascii=False)))
        return
    for path, reason in report.refused:
        print(_printable(f"refused {path}: {reason}"), file=sys.stderr)
    print(", ".join(f"{count} {name}" for name, count in counts.items()), end="; ")
    print(f"{len(report.refused)} refused; {report.embedded} embedded in {report.seconds:.1f} s")
    if report.index is not None:
        held = report.index
        print(f"the index holds {held.documents} documents, {held.sentences} sentences")


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # a name may be any bytes


def _more(report: Report) -> dict[str, Any]:
    held = report.index
    return {
        "generation": held.generation if held else None,
        "refused": [{"path": path, "reason": reason} for path, reason in report.refused],
        "documents": held.documents if held else 0,
        "chunks": held.chunks if held else 0,
        "sentences": held.sentences if held else 0,
        "embedded": report.embedded,
        "seconds": round(report.seconds, 2),
    }


def _show(settings: Settings, *, as_json: bool, page: Path | None) -> int:
    """Print what is in the index, or write it as a page."""
    encoder = load_encoder(settings, cache=settings.index / "model")
    with index_of(settings, encoder.fingerprint).reading() as generation:
        if page is not None:
            return _write(page, reporting.page(generation))
        if as_json:
            print(json.dumps(reporting.as_json(generation), ensure_ascii=False))
        else:
            print(*reporting.lines(generation), sep="\n")
    return ALL_READ


def _write(path: Path, text: str) -> int:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        print(
            f"the report {str(path)!r} can not be written: {error.strerror}; name another file",
            file=sys.stderr,
        )
        return BAD_USAGE
    print(f"written to {path}")
    return ALL_READ


def _check(settings: Settings, *, as_json: bool) -> int:
    """Compare the index with its documents and mend what can be mended from them."""
    encoder = load_encoder(settings, cache=settings.index / "model")
    with contextlib.closing(index_of(settings, encoder.fingerprint)) as index:
        found = audit(index)
        code = SOUND
        if found.lost:
            code = NOT_MENDED
        elif found.derived:
            mend(index)
            code = MENDED if audit(index) == Audit() else NOT_MENDED
        held = None
        if code != NOT_MENDED:
            with index.reading() as generation:
                held = generation.summary()
    if as_json:
        print(json.dumps(_verdict(found, held)))
    else:
        _tell_verdict(found, held)
    return code


def _verdict(found: Audit, held: Summary | None) -> dict[str, Any]:
    """Return what a check found in the form that scripts rely on."""
    problems = [*found.lost, *found.derived]
    return {
        "state": "lost" if held is None else "mended" if problems else "sound",
        "problems": problems,
        "generation": held.generation if held else None,
        "documents": held.documents if held else 0,
        "chunks": held.chunks if held else 0,
        "sentences": held.sentences if held else 0,
    }


def _tell_verdict(found: Audit, held: Summary | None) -> None:
    for problem in (*found.lost, *found.derived):
        print(problem, file=sys.stderr)
    if held is None:
        print("read the files again: run python -m ingest PATH --rebuild", file=sys.stderr)
        return
    state = "mended" if found.derived else "sound"
    print(f"{state}: {held.documents} documents, {held.chunks} chunks, {held.sentences} sentences")


if __name__ == "__main__":
    sys.exit(main())
