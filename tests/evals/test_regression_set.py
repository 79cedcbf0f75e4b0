"""What must be so of the questions themselves, and of the breaks that test them."""

from collections import Counter
from pathlib import Path

import pytest

from evals.cases import CLASSES, LANGUAGES, Case, read_cases, read_documents, read_dossiers
from evals.commands import CASES
from evals.gates import BASELINE, THRESHOLDS, read_json
from evals.mutate import MUTANTS, mutate, share_caught
from rag import language
from rag.pipeline import Pipeline
from rag.settings import Settings


@pytest.fixture(scope="module")
def cases(seeds: Path) -> tuple[Case, ...]:
    return read_cases(CASES, {"": read_documents(seeds), **read_dossiers(CASES)})


def test_there_are_enough_cases_of_every_class_and_a_quarter_is_refused(
    cases: tuple[Case, ...],
) -> None:
    kinds = Counter(case.kind for case in cases)
    assert len(cases) >= 200
    assert sum(not case.answerable for case in cases) >= len(cases) / 4
    assert kinds.keys() == set(CLASSES)
    assert kinds["follow-up"] >= 20


def test_every_follow_up_has_turns_and_every_parallel_all_languages(
    cases: tuple[Case, ...],
) -> None:
    assert all(case.turns for case in cases if case.kind == "follow-up")
    parallels = Counter((case.parallel, case.lang) for case in cases if case.parallel)
    names = {name for name, _ in parallels}
    assert parallels == {(name, lang): 1 for name in names for lang in LANGUAGES}
    assert len(names) >= 20


def test_the_baseline_and_the_bounds_are_of_these_cases(cases: tuple[Case, ...]) -> None:
    assert read_json(BASELINE)["passed"].keys() == {case.id for case in cases}
    assert read_json(THRESHOLDS)["classes"].keys() == {"*", *CLASSES}


def test_no_break_outlives_its_measurement(
    cases: tuple[Case, ...], seeds_index: Path, tmp_path: Path
) -> None:
    lines = [case.line for case in cases if not case.dossier and case.lang == "en"][:8]
    (tmp_path / "few.jsonl").write_text("\n".join(lines), encoding="utf-8")
    settings = Settings.read(index=seeds_index)
    wanted = ("every question refused", "quote altered: its last two words change places")
    bounds = {"overall": {"passed": {"max_drop": 0.0}}, "classes": {}}
    before = (Pipeline.invoke, language.fold)
    found = mutate(
        tmp_path, settings, bounds, mutants=[each for each in MUTANTS if each.name in wanted]
    )
    assert [each.exit_code for each in found] == [0, 1, 1]
    assert share_caught(found) == 1.0
    assert (Pipeline.invoke, language.fold) == before


def test_the_breaks_have_names_of_their_own_and_are_enough() -> None:
    assert len({each.name for each in MUTANTS}) == len(MUTANTS) >= 12
