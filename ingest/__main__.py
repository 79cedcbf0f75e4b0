"""`python -m ingest PATH...`: make the index hold exactly the documents under the paths."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ingest.sync import Report, sync
from rag.errors import RagError, SettingsError
from rag.index import Index
from rag.models import load_encoder
from rag.settings import Settings

ALL_READ, SOME_REFUSED, BAD_USAGE, NOTHING_DONE = 0, 1, 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Ingest the paths and return the exit code; see the README for what each means."""
    given = _parser().parse_args(arguments)
    missing = [path for path in given.paths if not path.exists()]
    if missing:
        print(
            f"there is no file or folder {str(missing[0])!r}; name one that holds documents",
            file=sys.stderr,
        )
        return BAD_USAGE
    try:
        report = _ingest(Settings.read(index=given.index), given.paths, rebuild=given.rebuild)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return BAD_USAGE
    except RagError as error:
        print(error, file=sys.stderr)
        return NOTHING_DONE
    _tell(report, as_json=given.json)
    if not report.added + report.changed + report.unchanged:
        places = ", ".join(repr(str(path)) for path in given.paths)
        print(
            f"nothing could be read in {places}; put documents there and run again; "
            f"the index {'is as it was' if report.index else 'is not there yet'}",
            file=sys.stderr,
        )
        return NOTHING_DONE
    return SOME_REFUSED if report.refused else ALL_READ


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ingest", description="Make the index hold exactly what the paths hold."
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder")
    parser.add_argument("--index", type=Path, help="directory of the index")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rebuild", action="store_true", help="start from nothing")
    return parser


def _ingest(settings: Settings, paths: list[Path], *, rebuild: bool) -> Report:
    encoder = load_encoder(settings, cache=settings.index / "model")
    with tqdm(unit=" files", disable=None, file=sys.stderr) as bar:

        def progress(uri: str, done: int, total: int) -> None:
            bar.total = total
            bar.set_postfix_str(uri, refresh=False)
            bar.update(done - bar.n)

        index = Index(settings.index, encoder.fingerprint)
        return sync(index, encoder, paths, rebuild=rebuild, progress=progress)


def _tell(report: Report, *, as_json: bool) -> None:
    counts = {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
    }
    if as_json:
        print(json.dumps({**counts, **_more(report)}, ensure_ascii=False))
        return
    for path, reason in report.refused:
        print(f"refused {path}: {reason}", file=sys.stderr)
    print(", ".join(f"{count} {name}" for name, count in counts.items()), end="; ")
    print(f"{len(report.refused)} refused; {report.embedded} embedded in {report.seconds:.1f} s")
    if report.index is not None:
        held = report.index
        print(f"the index holds {held.documents} documents, {held.sentences} sentences")


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


if __name__ == "__main__":
    sys.exit(main())
