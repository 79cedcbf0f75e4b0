"""`python -m rag ask "QUESTION"` and `python -m rag model off`: on the command line."""

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from rag.errors import QuestionError, RagError, SettingsError
from rag.pipeline import Question, open_pipeline, switch
from rag.records import as_json
from rag.settings import Settings
from rag.types import Answer, Filter, Turn

BAD_USAGE, FAILED = 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Do what is asked; return 0 when done or refused, 2 for bad usage, 3 for failure."""
    given = _parser().parse_args(arguments)
    done: int = given.command(given)
    return done


def _model(given: argparse.Namespace) -> int:
    """Keep the language model from writing, or let it, from the next question on."""
    try:
        switch(Settings.read(index=given.index).index, on=given.state == "on")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return BAD_USAGE
    except (OSError, RagError) as error:
        print(error, file=sys.stderr)
        return FAILED
    return 0


def _ask(given: argparse.Namespace) -> int:
    try:
        settings = Settings.read(index=given.index)
        where = Filter(
            frozenset(given.document),
            frozenset(given.kind),
            frozenset(given.language),
            given.first,
            given.last,
        )
        question = Question(given.question, _history(given.history), where=where)
        answer = open_pipeline(settings).invoke(question)
    except (QuestionError, SettingsError) as error:
        print(error, file=sys.stderr)
        return BAD_USAGE
    except RagError as error:
        print(error, file=sys.stderr)
        if given.json:
            print(json.dumps(as_json(_failed(given.question, error)), ensure_ascii=False))
        return FAILED
    print(json.dumps(as_json(answer), ensure_ascii=False) if given.json else _readable(answer))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rag", description="Ask the documents.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    ask = commands.add_parser("ask", help="answer one question")
    ask.add_argument("question")
    ask.add_argument("--index", type=Path, help="directory of the index")
    ask.add_argument(
        "--history",
        type=Path,
        help='JSON file with the turns before: [{"question": "...", "answer": "..."}, ...]',
    )
    some = ask.add_argument_group(
        "which documents are asked", "all of them where nothing is said; each may be repeated"
    )
    several: dict[str, Any] = {"action": "append", "default": []}
    some.add_argument("--document", help="where it lies in the folder, or its id", **several)
    some.add_argument("--kind", help="such as note or programme", **several)
    some.add_argument("--language", help="two letters, such as fr", **several)
    some.add_argument("--from", dest="first", type=_day, metavar="DATE", help="earliest date")
    some.add_argument("--to", dest="last", type=_day, metavar="DATE", help="latest date")
    ask.add_argument("--json", action="store_true", help="print one JSON object")
    ask.set_defaults(command=_ask)
    model = commands.add_parser("model", help="switch the language model off or on, while it runs")
    model.add_argument("state", choices=["off", "on"])
    model.add_argument("--index", type=Path, help="directory of the index")
    model.set_defaults(command=_model)
    return parser


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2025-09-18") from None


def _history(path: Path | None) -> tuple[Turn, ...]:
    if path is None:
        return ()
    try:
        turns = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Turn(str(each["question"]), str(each.get("answer", ""))) for each in turns)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise QuestionError(
            f"the history {str(path)!r} can not be read: {error!r}; "
            'it must hold [{"question": "...", "answer": "..."}, ...]'
        ) from error


def _readable(answer: Answer) -> str:
    lines = [answer.text, ""]
    for each in answer.citations:
        page = f", page {each.page}" if each.page else ""
        day = f", {each.published}" if each.published else ""
        lines.append(f"[{each.marker}] {each.title}{day}{page} ({each.uri})")
    if answer.searched_for != answer.question:
        lines.append(f"Searched for: {answer.searched_for}")
    return "\n".join([*lines, *filter(None, [answer.notice, answer.as_of])]).strip()


def _failed(question: str, error: RagError) -> Answer:
    return Answer(
        id="", question=question, searched_for="", language="en", status="failed", text=str(error)
    )


if __name__ == "__main__":
    sys.exit(main())
