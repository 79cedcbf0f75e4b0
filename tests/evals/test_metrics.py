import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics import (
    Rate,
    bootstrap,
    compare_means,
    compare_rates,
    detectable,
    fewest_to_tell,
    mcnemar,
)

COUNTS = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS)
def test_a_rate_lies_in_its_interval(counts: tuple[int, int]) -> None:
    rate = Rate(*counts)
    low, high = rate.interval
    assert rate.value is not None
    assert 0 <= low <= rate.value + 1e-12
    assert rate.value - 1e-12 <= high <= 1


def test_a_rate_of_nothing_has_no_value() -> None:
    assert Rate(0, 0).value is None
    assert Rate(0, 0).interval == (0.0, 1.0)


def test_the_bootstrap_draws_whole_conversations_and_the_same_each_time() -> None:
    values = [0.0] * 10 + [1.0] * 10
    alone = bootstrap(values, [str(n) for n in range(20)])
    together = bootstrap(values, ["a"] * 10 + ["b"] * 10)
    assert alone == bootstrap(values, [str(n) for n in range(20)])
    assert 0.25 <= alone[0] < 0.5 < alone[1] <= 0.75
    assert together == (0.0, 1.0)


@pytest.mark.parametrize(
    ("fixed", "broke", "p"),
    [(0, 0, 1.0), (0, 5, 0.0625), (0, 6, 0.03125), (1, 9, 0.021484375), (4, 4, 1.0)],
)
def test_mcnemar_by_hand(fixed: int, broke: int, p: float) -> None:
    assert mcnemar(fixed, broke) == pytest.approx(p)
    assert mcnemar(broke, fixed) == pytest.approx(p)


@pytest.mark.parametrize(("broken", "told"), [(5, False), (6, True)])
def test_a_difference_is_told_from_chance_from_the_fewest_cases_on(broken: int, told: bool) -> None:
    before = {str(n): True for n in range(100)}
    after = {str(n): n >= broken for n in range(100)}
    found = compare_rates(before, after, {each: each for each in before})
    assert fewest_to_tell() == 6
    assert (found.value, found.n) == (pytest.approx(-broken / 100), 100)
    assert found.is_distinguishable is told


def test_means_are_compared_on_the_cases_that_both_have() -> None:
    found = compare_means({"a": 0.2, "b": 0.4}, {"b": 0.9, "c": 1.0}, {"b": "b"})
    assert (found.value, found.n, found.p) == (pytest.approx(0.5), 1, None)
    assert compare_means({}, {}, {}).is_distinguishable is False


def test_more_cases_show_smaller_changes() -> None:
    assert detectable(100) == pytest.approx(0.0886, abs=1e-4)
    assert detectable(400) == pytest.approx(detectable(100) / 2)
    assert detectable(0) == 1.0
