"""Drafts that readers' notes left in the inbox -> cases, by questions to a person."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals.cases import CLASSES, SCHEMA, CaseError, Dossiers, parse, read_cases
from rag.records import DRAFT_SCHEMA

KEPT_IN = "from-chat.jsonl"
REJECTED = "rejected"

Ask = Callable[[str], str]
Show = Callable[[str], None]


class StopReview(Exception):  # noqa: N818  # a wish, not an error
    """The reviewer has had enough."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A question, the answer it got and a reader's note, as `rag.records.draft_case` wrote."""

    path: Path
    row: dict[str, Any]

    def lines(self) -> list[str]:
        """Return what the reviewer has to know, on lines of their own that control nothing."""
        answer = self.row["answer"]
        shown = [
            f"question ({self.row['lang']}): {self.row['question']}",
            *(f"asked before: {turn['question']}" for turn in self.row["turns"]),
            f"note: {self.row['note']}",
            f"answer ({answer['status']}): {answer['text']}",
            *(f"cited: {each['uri']}: {each['quote']}" for each in answer["citations"]),
        ]
        return ["".join(c if c.isprintable() else " " for c in line) for line in shown]


def drafts(inbox: Path) -> Iterator[Draft]:
    """Yield the drafts of an inbox, oldest first.

    Raises:
        CaseError: a file holds no draft.
    """
    for path in sorted(inbox.glob("*.jsonl")):
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            known = row["schema_version"] == DRAFT_SCHEMA and Draft(path, row).lines()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CaseError(
                f"{str(path)!r} holds no draft of a case: {error!r}; take the file away"
            ) from error
        if not known:
            raise CaseError(f"{str(path)!r} is a draft of another version; take the file away")
        yield Draft(path, row)


def review(inbox: Path, folder: Path, dossiers: Dossiers, *, ask: Ask, show: Show) -> int:
    """Ask a person what becomes of each draft, and return how many became cases."""
    kept = 0
    try:
        for draft in drafts(inbox):
            show("\n" + "\n".join(draft.lines()))
            match _choice("keep, reject, skip or stop? ", ("keep", "reject", "skip", "stop"), ask):
                case "keep":
                    kept += _keep(draft, folder, dossiers, ask, show)
                case "reject":
                    (inbox / REJECTED).mkdir(exist_ok=True)
                    draft.path.rename(inbox / REJECTED / draft.path.name)
                case "stop":
                    break
    except StopReview:
        show("stopped; what was not decided stays in the inbox")
    return kept


def _keep(draft: Draft, folder: Path, dossiers: Dossiers, ask: Ask, show: Show) -> bool:
    """Make a case of a draft with the reviewer's answers; ask again while it is none."""
    while True:
        line = json.dumps(_row(draft, ask), ensure_ascii=False)
        try:
            others = read_cases(folder, dossiers) if any(folder.glob("*.jsonl")) else ()
            known = [(each.id, each.line) for each in others]
            parse([*known, ("your answers", line)], dossiers)
        except CaseError as error:
            show(str(error))
            if _choice("again or skip? ", ("again", "skip"), ask) == "skip":
                return False
            continue
        with (folder / KEPT_IN).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        draft.path.unlink()
        return True


def _row(draft: Draft, ask: Ask) -> dict[str, Any]:
    status = _choice("should it be answered or refused? ", ("answered", "refused"), ask)
    row: dict[str, Any] = {
        "schema_version": SCHEMA,
        "id": _line("a short name for the case: ", ask),
        "question": draft.row["question"],
        "lang": draft.row["lang"],
        "class": _choice(f"class, one of {', '.join(CLASSES)}: ", CLASSES, ask),
        "expected_status": status,
    }
    if draft.row["turns"]:
        row["turns"] = draft.row["turns"]
    if status == "answered":
        row["gold"] = list(_gold(ask))
        words = _line("words a right answer has, with commas between (may be empty): ", ask)
        row["must_contain"] = [word.strip() for word in words.split(",") if word.strip()]
    return {
        **row,
        "author": "chat",
        "reviewed_by": _line("your name: ", ask),
        "added": datetime.now(UTC).date().isoformat(),
        "why": _line("what the case is about: ", ask) or draft.row["note"],
    }


def _gold(ask: Ask) -> Iterator[dict[str, str]]:
    while uri := _line("document that answers (empty when there is no further one): ", ask):
        yield {"uri": uri, "quote": _line("its sentence, copied exactly: ", ask)}


def _choice(prompt: str, known: tuple[str, ...], ask: Ask) -> str:
    while True:
        given = _line(prompt, ask)
        fitting = [each for each in known if given and each.startswith(given)]
        if given in known or len(fitting) == 1:
            return given if given in known else fitting[0]


def _line(prompt: str, ask: Ask) -> str:
    try:
        return ask(prompt).strip()
    except (EOFError, KeyboardInterrupt) as error:
        raise StopReview from error
