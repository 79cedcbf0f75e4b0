"""The evals' own test: the product broken on purpose, to see whether the regression set notices."""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evals.cases import Case, Dossiers
from evals.report import PASS, VERDICTS, report
from evals.run import Run, documents_of, opened, predict, read_run, run
from ingest.sync import sync
from rag import draft, language, pipeline, query, store
from rag.index import Generation, Index, ingested_paths
from rag.models import Encoder, load_encoder
from rag.pipeline import Pipeline, Question
from rag.query import ALONE
from rag.settings import Settings
from rag.store import Vector
from rag.types import Answer, Citation, Document, Span

NEEDED_SHARE = 11 / 12  # of the mutants that have to be caught
CONTROL = "nothing is broken"
DIGITS = str.maketrans("0123456789", "1234567890")
UNITS = {"billion": "million", "milliards": "millions", "percent": "points", "days": "weeks"}

Change = Callable[[Answer], Answer]
Break = Callable[["Bench", ExitStack], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a mutant may look at: the cases and their documents."""

    cases: Sequence[Case]
    dossiers: Dossiers


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to break the product, as a patch of the running code.

    `reingest` is set when what is broken is also used to build the index.
    """

    name: str
    apply: Break
    reingest: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the regression set said of one mutant."""

    name: str
    exit_code: int
    broke: int
    fixed: int
    reasons: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """Tell whether the set did not come out green."""
        return self.exit_code != PASS

    def row(self) -> str:
        """Return the row of the table in evals/README.md."""
        why = "; ".join(self.reasons) or "–"
        verdict = f"red ({self.exit_code})" if self.caught else "green"
        return f"| {self.name} | {verdict} | {self.broke} | {self.fixed} | {why} |"


HEAD = (
    "| what is broken | verdict | broke | fixed | requirements that fail, first three |\n"
    "| --- | --- | --- | --- | --- |"
)


def _patch(stack: ExitStack, owner: Any, name: str, new: Any) -> None:
    old = getattr(owner, name)
    stack.callback(setattr, owner, name, old)
    setattr(owner, name, new)


def _answers(change: Change) -> Break:
    """Return a break that changes every finished answer."""

    def apply(_: Bench, stack: ExitStack) -> None:
        ask = Pipeline.invoke

        def changed(self: Pipeline, question: Question | str, *args: Any, **kwargs: Any) -> Answer:
            return change(ask(self, question, *args, **kwargs))

        _patch(stack, Pipeline, "invoke", changed)

    return apply


def _function(owner: Any, name: str, new: Callable[..., Any]) -> Break:
    """Return a break that puts `new(old, *args, **kwargs)` in the place of a function."""

    def apply(_: Bench, stack: ExitStack) -> None:
        old = getattr(owner, name)
        _patch(stack, owner, name, lambda *args, **kwargs: new(old, *args, **kwargs))

    return apply


def _together(*breaks: Break) -> Break:
    def apply(bench: Bench, stack: ExitStack) -> None:
        for each in breaks:
            each(bench, stack)

    return apply


def _shift_markers(answer: Answer) -> Answer:
    def shifted(match: re.Match[str]) -> str:
        return f"[{int(match[1]) % max(2, len(answer.citations)) + 1}]"

    return replace(answer, text=re.sub(r"\[(\d+)\]", shifted, answer.text))


def _each_citation(change: Callable[[Citation], Citation]) -> Break:
    return _answers(lambda answer: replace(answer, citations=tuple(map(change, answer.citations))))


def _shift_span(citation: Citation) -> Citation:
    return replace(citation, span=Span(citation.span.start + 1, citation.span.end + 1))


def _alter_quote(citation: Citation) -> Citation:
    words = citation.quote.split(" ")
    return replace(citation, quote=" ".join([*words[:-2], *reversed(words[-2:])]))


def _alter_numbers(answer: Answer) -> Answer:
    marked = re.split(r"(\[\d+\])", answer.text)
    changed = (text if text[:1] == "[" else text.translate(DIGITS) for text in marked)
    return replace(answer, text="".join(changed))


def _alter_units(answer: Answer) -> Answer:
    text = answer.text
    for unit, other in UNITS.items():
        text = re.sub(rf"\b{unit}\b", other, text)
    return replace(answer, text=text)


def _swap_speakers(answer: Answer) -> Answer:
    swap = {"Sheinbaum": "Márquez", "Márquez": "Sheinbaum", "Ford": "Trump", "Trump": "Ford"}
    names = re.compile("|".join(swap))
    return replace(answer, text=names.sub(lambda found: swap[found[0]], answer.text))


def _date_of_another(bench: Bench, stack: ExitStack) -> None:
    """Give each document the date of another one of its dossier."""
    dates: dict[str, Document] = {}
    for documents in bench.dossiers.values():
        ordered = sorted(documents.values(), key=lambda each: each.uri)
        dates |= {
            each.id: other for each, other in zip(ordered, ordered[1:] + ordered[:1], strict=True)
        }
    find = Generation.document

    def wrong(self: Generation, document_id: str) -> Document | None:
        found = find(self, document_id)
        other = dates.get(document_id)
        return replace(found, published=other.published) if found and other else found

    _patch(stack, Generation, "document", wrong)


def _without_a_document(bench: Bench, stack: ExitStack) -> None:
    """Lose the document that alone has the gold of the most cases."""
    alone = Counter(
        case.gold[0].uri
        for case in bench.cases
        if not case.dossier and len({gold.uri for gold in case.gold}) == 1
    )
    uri = max(sorted(alone), key=lambda each: alone[each])
    lost = bench.dossiers[""][uri].id
    for name in ("nearest_chunks", "matching_chunks"):
        _function(
            Generation,
            name,
            lambda find, *a, **k: {
                each: score for each, score in find(*a, **k).items() if not each.startswith(lost)
            },
        )(bench, stack)


def _always_english(answer_language: Callable[[str], str], _: str) -> str:
    return answer_language("Who is the minister?")


def _reverse(search: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    found = search(*args, **kwargs)
    return replace(found, hits=found.hits[::-1], evidence=found.evidence[::-1])


def _crash(
    ask: Callable[..., Answer], self: Pipeline, question: Question | str, *a: Any, **k: Any
) -> Answer:
    text = question if isinstance(question, str) else question.text
    if len(text) % 10 == 0:
        raise RuntimeError("broken on purpose")
    return ask(self, question, *a, **k)


def _without_meaning(encode: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Vector, None]:
    vector, _ = encode(*args, **kwargs)
    return 0 * vector, None


def _accents_kept(_: Bench, stack: ExitStack) -> None:
    """Build the keyword index without the folding of accents that SQLite does itself."""
    tables = store.TABLES.replace("remove_diacritics 2", "remove_diacritics 0")
    _patch(stack, draft, "TABLES", tables)


def _none(*_: Any, **__: Any) -> dict[str, float]:
    return {}


MUTANTS = (
    Mutant("citations shifted by one: markers name the next citation", _answers(_shift_markers)),
    Mutant("citations shifted by one: each span one character late", _each_citation(_shift_span)),
    Mutant("keyword side of the search off", _function(Generation, "matching_chunks", _none)),
    Mutant(
        "meaning off: no vector counts",
        _together(
            _function(Generation, "nearest_chunks", _none),
            _function(Encoder, "encode_turn", lambda encode, *a: 0 * encode(*a)),
            _function(Encoder, "encode_question", _without_meaning),
        ),
    ),
    Mutant(
        "refusal off: what comes first is the answer",
        _function(pipeline, "choose", lambda choose, evidence, *a, **k:
                  choose(evidence, *a, **k) or list(evidence[:1])),
    ),
    Mutant("every question refused", _function(pipeline, "choose", lambda *_, **__: [])),
    Mutant("numbers altered in answers", _answers(_alter_numbers)),
    Mutant("units altered in answers", _answers(_alter_units)),
    Mutant("quote altered: its last two words change places", _each_citation(_alter_quote)),
    Mutant("speakers swapped in answers", _answers(_swap_speakers)),
    Mutant(
        "accents not folded",
        _together(
            _function(language, "fold", lambda _, text: text.casefold()),
            _function(query, "fold", lambda _, text: text.casefold()),
            _accents_kept,
        ),
        reingest=True,
    ),
    Mutant(
        "history ignored",
        _function(pipeline, "in_conversation", lambda _, text, *__: (text, ALONE)),
    ),
    Mutant("date of another document", _date_of_another),
    Mutant("chunks of one document dropped", _without_a_document),
    Mutant("order of hits and sentences reversed", _function(pipeline, "search", _reverse)),
    Mutant("desk speaks English whatever is asked", _function(pipeline, "detect", _always_english)),
    Mutant("one question in ten crashes", _function(Pipeline, "invoke", _crash)),
)  # fmt: skip


def mutate(
    cases: Path,
    settings: Settings,
    thresholds: Mapping[str, Any],
    *,
    mutants: Sequence[Mutant] = MUTANTS,
    show: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """Measure the product as it is, and then each mutant against it; the first is the control.

    Raises:
        RagError: the index can not be used, or a case does not fit it.
    """
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        run(cases, settings, folder)
        control = read_run(folder)
        before = report(control, thresholds, {})
        baseline = {
            "cases_checksum": before.summary["cases_checksum"],
            **{key: before.summary[key] for key in ("figures", "classes", "parity", "passed")},
        }
        found = [_outcome(CONTROL, control, thresholds, baseline)]
        show(found[0].row())
        with opened(cases, settings, folder) as pipelines:
            for mutant in mutants:
                with _broken(mutant, Bench(control.cases, control.dossiers)):
                    made = _again(mutant, pipelines, cases, settings, folder, control)
                found.append(_outcome(mutant.name, made, thresholds, baseline))
                show(found[-1].row())
    return found


def share_caught(outcomes: Sequence[Outcome]) -> float:
    """Return the share of the mutants that were caught."""
    mutants = [each for each in outcomes if each.name != CONTROL]
    return sum(each.caught for each in mutants) / len(mutants) if mutants else 0.0


def as_json(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes for a script."""
    rows = [
        {"mutant": each.name, "verdict": VERDICTS[each.exit_code], "caught": each.caught,
         "broke": each.broke, "fixed": each.fixed, "requirements": list(each.reasons)}
        for each in outcomes
    ]  # fmt: skip
    return json.dumps(rows, indent=2, ensure_ascii=False)


@contextmanager
def _broken(mutant: Mutant, bench: Bench) -> Iterator[None]:
    with ExitStack() as stack:
        stack.callback(_forget)
        mutant.apply(bench, stack)
        _forget()
        yield


def _forget() -> None:
    """Empty what the language module remembers, so that no mutant lives on in it."""
    for each in vars(language).values():
        with suppress(AttributeError):
            each.cache_clear()


def _again(
    mutant: Mutant,
    pipelines: Mapping[str, Pipeline],
    cases: Path,
    settings: Settings,
    folder: Path,
    control: Run,
) -> Run:
    if not mutant.reingest:
        predict(pipelines, control.cases, folder)
        return read_run(folder)
    own = settings.alone(folder / "own")
    own.index.mkdir()
    (own.index / "model").symlink_to((settings.index / "model").resolve())
    encoder = load_encoder(own, cache=own.index / "model")
    index = Index(own.index, encoder.fingerprint)
    sync(index, encoder, ingested_paths(settings.index))
    index.close()
    with opened(cases, own, folder / "of-own") as others:
        assert documents_of(others[""]).keys() == control.dossiers[""].keys()  # noqa: S101  # the files moved
        predict(others, control.cases, folder)
    return read_run(folder)


def _outcome(
    name: str, made: Run, thresholds: Mapping[str, Any], baseline: Mapping[str, Any]
) -> Outcome:
    found = report(made, thresholds, baseline)
    reasons = list(dict.fromkeys(f"{gate.where} {gate.figure}" for gate in found.failing))
    if found.summary["unmeasured"]:
        reasons.insert(0, f"{len(found.summary['unmeasured'])} cases unmeasured")
    more = [f"and {len(reasons) - 3} more"] if len(reasons) > 3 else []
    return Outcome(name, found.exit_code, len(found.broke), len(found.fixed), (*reasons[:3], *more))
