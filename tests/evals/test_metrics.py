import pytest

from evals.metrics import bootstrap_interval


def test_values_of_one_conversation_are_drawn_together() -> None:
    values = [1.0] * 10 + [0.0] * 10
    apart = bootstrap_interval(values, range(20))
    together = bootstrap_interval(values, "a" * 10 + "b" * 10)
    assert together == (0.0, 1.0)
    assert apart == pytest.approx((0.5 - 0.22, 0.5 + 0.22), abs=0.04)  # 1.96 * .5 / sqrt(20)


def test_an_interval_is_the_same_at_every_run() -> None:
    values = [i**0.5 for i in range(40)]
    assert bootstrap_interval(values, range(40)) == bootstrap_interval(values, range(40))
    assert bootstrap_interval(values, range(40), seed=1) != bootstrap_interval(values, range(40))
