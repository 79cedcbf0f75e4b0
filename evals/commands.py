"""The commands about the regression set: what each takes, does and returns."""

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals import gates
from evals.alter import holds, judge_all, table
from evals.cases import CaseError, Dossiers, read_cases, read_documents, read_dossiers
from evals.compare import compare
from evals.judge import judge, write_judged
from evals.mutate import CONTROL, HEAD, NEEDED_SHARE, as_json, mutate, share_caught
from evals.report import BELOW, NOT_MEASURED, PASS, VERDICTS, Report, facts, report, write
from evals.review import drafts, review
from evals.run import documents_of, read_run, run
from evals.wice import summary, wice
from rag.chat_models import load_chat_model
from rag.errors import ChatModelError, SettingsError
from rag.models import load_encoder
from rag.pipeline import open_pipeline
from rag.settings import Settings
from rag.verify import Verifier

HERE = Path(__file__).parent
CASES = HERE / "cases"
INBOX = HERE / "inbox"

Command = Callable[[argparse.Namespace], int]


def register(commands: Any) -> None:
    """Add the commands to those of `python -m evals`."""
    add = _Adder(commands)
    asked = add("run", _run, "ask the regression set, score it and compare with the thresholds")
    _add_cases(asked)
    asked.add_argument("--out", type=Path, help="folder for the predictions and the reports")
    _add_thresholds(asked)
    again = add("score", _score, "score a run again; nothing is asked")
    again.add_argument("run", type=Path, metavar="RUN")
    again.add_argument("--cases", type=Path, help="score with these cases, not those of the run")
    _add_thresholds(again)
    checked = add("check", _check, "check the cases against the documents; nothing is asked")
    _add_cases(checked)
    checked.add_argument("--documents", type=Path, help="folder of the documents, not the index")
    two = add("compare", _compare, "tell what a second run fixed and broke")
    two.add_argument("first", type=Path, metavar="A")
    two.add_argument("second", type=Path, metavar="B")
    two.add_argument("--allow-different-cases", action="store_true", help="compare the shared ones")
    two.add_argument("--json", action="store_true", help="print one JSON object")
    base = add("baseline", _baseline, "make a run what later runs are compared with")
    base.add_argument("run", type=Path, metavar="RUN")
    _add_thresholds(base)
    reviewed = add("review", _review, "make cases of what readers noted in the chat")
    _add_cases(reviewed)
    reviewed.add_argument("--inbox", type=Path, default=INBOX, help="folder of the drafts")
    reviewed.add_argument("--list", action="store_true", help="print the drafts and ask nothing")
    asks = add("judge", _judge, "let a language model judge a run, as advice")
    asks.add_argument("run", type=Path, metavar="RUN")
    _add_thresholds(asks)
    broken = add("mutate", _mutate, "break the product on purpose and see what the set catches")
    _add_cases(broken)
    broken.add_argument("--json", action="store_true", help="print one JSON array")
    _add_thresholds(broken)
    altered = add("alter", _alter, "alter true sentences and see which the verifier lets by")
    altered.add_argument("documents", type=Path, metavar="DIR", help="folder of the documents")
    altered.add_argument("--written", type=Path, help="JSONL of true sentences in other words")
    altered.add_argument("--show", action="store_true", help="print what the verifier got wrong")
    claims = add("wice", _wice, "score the claims of WiCE, beside plain cosine similarity")
    claims.add_argument("file", type=Path, metavar="FILE", help="oracle_dev.jsonl of ryokamoi/wice")


class _Adder:
    def __init__(self, commands: Any) -> None:
        self._commands = commands

    def __call__(self, name: str, command: Command, text: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = self._commands.add_parser(name, help=text)
        parser.set_defaults(command=command)
        return parser


def _add_cases(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=Path, default=CASES, help="folder of *.jsonl files")
    parser.add_argument("--index", type=Path, help="directory of the index")


def _add_thresholds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--thresholds", type=Path, default=gates.THRESHOLDS, help="what must hold")
    parser.add_argument(
        "--baseline", type=Path, default=gates.BASELINE, help="what to compare with"
    )


def _run(given: argparse.Namespace) -> int:
    out = given.out or HERE / "runs" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    settings = Settings.read(index=given.index)
    thresholds = _thresholds(given)
    run(given.cases, settings, out)
    if settings.judge_model:
        _judged(out, settings.judge_model)
    return _reported(out, thresholds, given)


def _score(given: argparse.Namespace) -> int:
    return _reported(given.run, _thresholds(given), given, cases=given.cases)


def _reported(
    folder: Path, thresholds: dict[str, Any], given: argparse.Namespace, cases: Path | None = None
) -> int:
    found = report(read_run(folder, cases), thresholds, gates.read_json(given.baseline))
    write(found)
    _tell(found)
    return found.exit_code


def _tell(found: Report) -> None:
    for name, each in found.summary["figures"].items():
        low, high = each["interval"]
        print(f"{name:>19} {each['value']:.3f} ({low:.3f} to {high:.3f}) n={each['n']}")
    for line in facts(found):
        print(f"- {line}")
    for gate in found.failing:
        print(f"BELOW: {gate.sentence()}")
    print(f"{VERDICTS[found.exit_code]}; the report is {found.run.folder / 'report.html'}")


def _check(given: argparse.Namespace) -> int:
    cases = read_cases(given.cases, _dossiers(given))
    refused = sum(not case.answerable for case in cases)
    passages = sum(len(gold.spans) for case in cases for gold in case.gold)
    share = 100 * refused / len(cases)
    print(f"{len(cases)} cases fit the documents: {passages} gold passages were found, and "
          f"{refused} cases ({share:.0f} %) are to be refused")  # fmt: skip
    return PASS


def _dossiers(given: argparse.Namespace) -> Dossiers:
    if getattr(given, "documents", None):
        main = read_documents(given.documents)
    else:
        opened = open_pipeline(Settings.read(index=given.index), record=False)
        main = documents_of(opened)
        opened.index.close()
    return {"": main, **read_dossiers(given.cases)}


def _compare(given: argparse.Namespace) -> int:
    allowed = given.allow_different_cases
    found = compare(read_run(given.first), read_run(given.second), allow_different_cases=allowed)
    print(json.dumps(found.as_json(), indent=2) if given.json else "\n".join(found.lines()))
    return BELOW if found.is_worse else PASS


def _baseline(given: argparse.Namespace) -> int:
    found = report(read_run(given.run), _thresholds(given), {})
    if found.summary["unmeasured"] or not found.summary["measured"]:
        print("the run has unmeasured cases; only a whole run can be a baseline")
        return NOT_MEASURED
    moved = gates.renewed(_thresholds(given), found.summary)
    for path, value in (
        (given.thresholds, moved),
        (given.baseline, gates.baseline_of(found.summary)),
    ):
        text = json.dumps(value, indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    print(
        f"{given.baseline} and the bounds with a margin in {given.thresholds} are of this run now"
    )
    return PASS


def _review(given: argparse.Namespace) -> int:
    if given.list:
        for draft in drafts(given.inbox):
            print("\n".join([str(draft.path), *(f"  {line}" for line in draft.lines())]))
        return PASS
    kept = review(given.inbox, given.cases, _dossiers(given), ask=input, show=print)
    print(f"{kept} new cases; run python -m evals run and then python -m evals baseline RUN")
    return PASS


def _judge(given: argparse.Namespace) -> int:
    name = Settings.read().judge_model
    if not name:
        print("skipped: no model is set to judge; name one in VISIT_DESK_JUDGE_MODEL")
        return NOT_MEASURED
    _judged(given.run, name)
    return _reported(given.run, _thresholds(given), given)


def _judged(folder: Path, name: str) -> None:
    """Let the model judge, or write down why it could not; neither changes the verdict."""
    try:
        model = load_chat_model(name, retries=2)
    except (ChatModelError, SettingsError) as error:
        write_judged(folder, {"skipped": f"the model {name!r} can not be used: {error}"})
        return
    found = judge(read_run(folder), model, name)
    if not found["n"]:
        found = {"skipped": f"the model {name!r} gave no judgement"}
    write_judged(folder, found)


def _mutate(given: argparse.Namespace) -> int:
    settings = Settings.read(index=given.index)
    show = (lambda _: None) if given.json else (lambda row: print(row, flush=True))
    if not given.json:
        print(HEAD, flush=True)
    found = mutate(given.cases, settings, _thresholds(given), show=show)
    if given.json:
        print(as_json(found))
    else:
        caught = sum(each.caught for each in found if each.name != CONTROL)
        print(f"\n{caught} of {len(found) - 1} mutants were caught")
    if found[0].caught:
        return NOT_MEASURED  # a set that is red without a mutant tells nothing of mutants
    return PASS if share_caught(found) >= NEEDED_SHARE else BELOW


def _alter(given: argparse.Namespace) -> int:
    documents = read_documents(given.documents)
    true, altered = judge_all(_verifier(), documents, given.written)
    if not altered:
        raise CaseError(f"{str(given.documents)!r} holds no sentence that can be altered")
    for line in table(true, altered):
        print(line)
    if given.show:
        for each in (*true, *altered):
            if each.is_wrong:
                print(f"{each.kind}: {each.written}\n  {each.verdict.reason or each.of.text}")
    return PASS if holds(true, altered) else BELOW


def _wice(given: argparse.Namespace) -> int:
    for name, figure in summary(wice(given.file, _verifier())):
        print(figure.line(name))
    return PASS


def _verifier() -> Verifier:
    settings = Settings.read()
    return Verifier(load_encoder(settings, cache=settings.index / "model"))


def _thresholds(given: argparse.Namespace) -> dict[str, Any]:
    found = gates.read_json(given.thresholds)
    if not isinstance(found.get("overall"), dict) or not isinstance(found.get("classes"), dict):
        raise CaseError(f"{str(given.thresholds)!r} has no 'overall' and 'classes'; add them")
    return found
