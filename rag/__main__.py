"""`python -m rag`: one question on the command line, and what an operator does beside the chat."""

import argparse
import getpass
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from rag.accounts import SHORTEST, Accounts, plain_name
from rag.backup import restore, save
from rag.errors import QuestionError, RagError, SettingsError
from rag.models import load_encoder
from rag.pipeline import Question, open_pipeline, switch
from rag.records import as_json, as_turns, find, place
from rag.replay import as_report, lines, replay
from rag.settings import Settings
from rag.types import Answer, Filter, Turn
from rag.watch import write_logs

ANSWERED, BAD_USAGE, FAILED = 0, 2, 3
DONE = 0
SAME, CHANGED, UNEXPLAINED = 0, 1, 4


def main(arguments: list[str] | None = None) -> int:
    """Do what is asked and return the exit code; see the README for what each means."""
    given = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except (QuestionError, SettingsError) as error:
        print(error, file=sys.stderr)
        return BAD_USAGE
    except RagError as error:
        print(error, file=sys.stderr)
        return FAILED


def _ask(given: argparse.Namespace) -> int:
    """Answer one question; what goes wrong is told as JSON too where that is wanted."""
    settings = Settings.read(index=given.index)
    where = Filter(
        frozenset(given.document),
        frozenset(given.kind),
        frozenset(given.language),
        given.first,
        given.last,
    )
    question = Question(given.question, _history(given.history), where=where)
    try:
        answer = open_pipeline(settings).invoke(question)
    except (QuestionError, SettingsError):
        raise
    except RagError as error:
        if given.json:
            print(json.dumps(as_json(_failed(given.question, error)), ensure_ascii=False))
        raise
    print(json.dumps(as_json(answer), ensure_ascii=False) if given.json else _readable(answer))
    return ANSWERED


def _replay(given: argparse.Namespace) -> int:
    """Ask a recorded question again and tell what is different."""
    settings = Settings.read(index=given.index)
    record = find(place(settings.index), given.id)
    found = replay(open_pipeline(settings, record=False), record)
    if given.json:
        print(json.dumps(as_report(found), ensure_ascii=False))
    else:
        print(*lines(found), sep="\n")
    if found.same:
        return SAME
    return CHANGED if found.explained else UNEXPLAINED


def _model(given: argparse.Namespace) -> int:
    """Keep the language model from writing, or let it, from the next question on."""
    switch(Settings.read(index=given.index).index, on=given.state == "on")
    return DONE


def _backup(given: argparse.Namespace) -> int:
    """Save the index in one file."""
    saved = save(Settings.read(index=given.index).index, given.file)
    if given.json:
        print(json.dumps(asdict(saved)))
    else:
        print(f"saved {saved.generation}: {saved.files} files, {saved.bytes:,} bytes")
    return DONE


def _restore(given: argparse.Namespace) -> int:
    """Bring an index back from a backup."""
    settings = Settings.read(index=given.directory)
    with tempfile.TemporaryDirectory() as made:  # what a model needs is in no backup
        model = Path(made) / "model"
        fingerprint = load_encoder(settings, cache=model).fingerprint
        held = restore(given.file, settings.index, fingerprint)
        if model.exists():
            shutil.move(model, settings.index / "model")
    counts = {name: getattr(held, name) for name in ("documents", "chunks", "sentences")}
    if given.json:
        print(json.dumps({"generation": held.generation, **counts}))
    else:
        print(
            f"restored {held.generation}:", ", ".join(f"{n} {name}" for name, n in counts.items())
        )
    return DONE


def _mcp(given: argparse.Namespace) -> int:
    """Serve the tools for other programs' language models until the input ends."""
    settings = Settings.read(index=given.index)
    try:
        from rag.tools import server
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"the package {error.name!r} is not installed; run pip install -e '.[mcp]'"
        ) from error
    write_logs(settings)
    server(open_pipeline(settings)).run()
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rag", description="Ask the documents.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_ask(commands.add_parser("ask", help="answer one question"))
    again = commands.add_parser("replay", help="ask a recorded question again and compare")
    again.add_argument("id", metavar="ID", help="the id of the answer")
    again.set_defaults(command=_replay)
    tools = commands.add_parser("mcp", help="serve the tools ask and find_passages over MCP")
    tools.set_defaults(command=_mcp)
    backup = commands.add_parser("backup", help="save the index in one file, while it is used")
    backup.add_argument("file", type=Path, metavar="FILE", help="such as visit.tar; not there yet")
    backup.set_defaults(command=_backup)
    for each in commands.choices.values():
        each.add_argument("--index", type=Path, help="directory of the index")
    back = commands.add_parser("restore", help="bring an index back from such a file")
    back.add_argument("file", type=Path, metavar="FILE", help="a backup")
    back.add_argument("directory", type=Path, metavar="DIR", help="the index; not there yet")
    back.set_defaults(command=_restore)
    for each in (each for each in commands.choices.values() if each is not tools):
        each.add_argument("--json", action="store_true", help="print one JSON object")
    _add_users(commands.add_parser("users", help="who may log in to the chat"))
    model = commands.add_parser("model", help="switch the language model off or on, while it runs")
    model.add_argument("state", choices=["off", "on"])
    model.add_argument("--index", type=Path, help="directory of the index")
    model.set_defaults(command=_model)
    return parser


def _add_ask(ask: argparse.ArgumentParser) -> None:
    ask.set_defaults(command=_ask)
    ask.add_argument("question")
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


def _add_users(users: argparse.ArgumentParser) -> None:
    users.set_defaults(command=_users)
    what = users.add_subparsers(required=True, metavar="WHAT", dest="what")
    file = argparse.ArgumentParser(add_help=False)
    file.add_argument("--accounts", metavar="FILE", help="file of accounts")
    add = what.add_parser(
        "add", parents=[file], help="add one, or change password and groups; asks for the password"
    )
    add.add_argument("name", metavar="NAME")
    add.add_argument("--group", action="append", default=[], help="such as internal; repeatable")
    remove = what.add_parser("remove", parents=[file], help="take one away and end its sessions")
    remove.add_argument("name", metavar="NAME")
    what.add_parser("list", parents=[file], help="print names and groups")


def _users(given: argparse.Namespace) -> int:
    """Change or print the accounts and return the exit code."""
    print(_changed(_accounts(Settings.read(accounts=given.accounts)), given))
    return 0


def _accounts(settings: Settings) -> Accounts:
    if not settings.accounts:
        raise SettingsError(
            "no file of accounts is named; set VISIT_DESK_ACCOUNTS or give --accounts FILE"
        )
    return Accounts(Path(settings.accounts))


def _changed(accounts: Accounts, given: argparse.Namespace) -> str:
    """Do what is to be done with the accounts and return what to print."""
    if given.what == "list":
        listed = accounts.listed()
        return "\n".join(f"{each.name}: {', '.join(sorted(each.groups))}" for each in listed)
    name = plain_name(given.name)
    if given.what == "add":
        new = accounts.put(name, _password(), given.group)
        return f"{'added' if new else 'changed'} {name!r} in {accounts.file}"
    if not accounts.remove(name):
        raise SettingsError(f"there is no account {name!r}; see python -m rag users list")
    return f"removed {name!r} from {accounts.file}"


def _password() -> str:
    """Return a password typed twice on the terminal, or the line that comes in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"Password, {SHORTEST} characters or more: ")
    if getpass.getpass("The same again: ") != first:
        raise SettingsError("the two passwords differ; run it again")
    return first


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2025-09-18") from None


def _history(path: Path | None) -> tuple[Turn, ...]:
    if path is None:
        return ()
    try:
        return as_turns(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, QuestionError, RecursionError) as error:
        raise QuestionError(
            f"the history {str(path)!r} can not be read: {error}; "
            'it must hold [{"question": "...", "answer": "..."}, ...]'
        ) from error


def _readable(answer: Answer) -> str:
    lines = [answer.notice if answer.unsure else "", answer.text, ""]
    for each in answer.citations:
        page = f", page {each.page}" if each.page else ""
        day = f", {each.published}" if each.published else ""
        lines.append(f"[{each.marker}] {each.title}{day}{page} ({each.uri})")
    if answer.searched_for != answer.question:
        lines.append(f"Searched for: {answer.searched_for}")
    lines += ["" if answer.unsure else answer.notice, answer.as_of]
    return "\n".join(lines).strip()


def _failed(question: str, error: RagError) -> Answer:
    return Answer(
        id="", question=question, searched_for="", language="en", status="failed", text=str(error)
    )


if __name__ == "__main__":
    sys.exit(main())
