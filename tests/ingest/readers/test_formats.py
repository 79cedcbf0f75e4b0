from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.readers.formats import moment, plain, shown

NOON = 46093.5  # 12 March 2026


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        pytest.param(46.400000000000006, "General", "46.4", id="general"),
        pytest.param(2019.0, "General", "2019", id="whole"),
        pytest.param(1 / 3, "General", "0.3333333333", id="third"),
        pytest.param(-1e20, "General", "-100000000000000000000", id="large"),
        pytest.param(1e300, "0", "", id="absurd"),
        pytest.param(46.449, "0.0", "46.4", id="rounded"),
        pytest.param(2.5, "0", "3", id="half-up"),
        pytest.param(46.4, "0.00", "46.40", id="decimals"),
        pytest.param(46.4, "0.##", "46.4", id="decimals-if-any"),
        pytest.param(46.0, "0.##", "46", id="no-decimals"),
        pytest.param(1234567.0, "#,##0", "1234567", id="ungrouped"),
        pytest.param(0.125, "0.0%", "12.5%", id="percent"),
        pytest.param(45.0, '"$"#,##0', "$45", id="currency-before"),
        pytest.param(45.0, "#,##0.00\\ [$€-40C]", "45.00 €", id="currency-after"),
        pytest.param(-45.0, "$#,##0_);[Red]($#,##0)", "-$45", id="negative"),
        pytest.param(45e9, '0.0,,," bn"', "45.0 bn", id="scaled"),
        pytest.param(1.5, '0.0" m"', "1.5 m", id="unit-that-looks-like-a-month"),
        pytest.param(7.0, "00000", "00007", id="zeros"),
        pytest.param(45.0, "0.00E+00", "45", id="scientific"),
        pytest.param(0.5, "# ?/?", "0.5", id="fraction"),
        pytest.param(45.0, ";;;", "", id="hidden"),
        pytest.param(NOON, "m/d/yy", "2026-03-12", id="day"),
        pytest.param(NOON, "dd/mm/yyyy hh:mm", "2026-03-12 12:00", id="moment"),
        pytest.param(NOON, "[$-40C]mmmm yyyy", "2026-03", id="month"),
        pytest.param(NOON, "yyyy", "2026", id="year"),
        pytest.param(NOON, "h:mm AM/PM", "12:00", id="hour"),
        pytest.param(1.5, "[h]:mm", "36:00", id="length"),
        pytest.param(45 / 1440, "mm:ss.0", "00:45", id="minutes"),
        pytest.param(59.0, "d/m/yyyy", "1900-02-28", id="before-the-day-that-never-was"),
        pytest.param(9e9, "d/m/yyyy", "9000000000", id="no-such-day"),
    ],
)
def test_a_number_is_shown_as_its_format_says(value: float, code: str, expected: str) -> None:
    assert shown(value, code) == expected


def test_days_may_count_from_1904() -> None:
    assert shown(NOON - 1462, "d/m/yy", base=1904) == "2026-03-12"


@given(st.floats(), st.text('0#?.,%/\\"[]$hmsdyE+-;@_* a€', max_size=12))
@example(float("nan"), "d")
@example(float("inf"), "0%%%%%%%%%%%%")
@example(1e29, "0.000000000000000000000")
def test_every_number_is_shown_in_every_format(value: float, code: str) -> None:
    assert isinstance(shown(value, code), str)


@given(st.floats(-1e14, 1e14).map(lambda value: round(value, 2)))
def test_a_plain_number_keeps_its_first_ten_digits(value: float) -> None:
    assert float(plain(value)) == pytest.approx(value, rel=1e-9)


def test_a_length_of_time_may_be_negative_and_has_seconds_only_if_needed() -> None:
    assert moment(timedelta(hours=-1, minutes=-30)) == "-1:30"
    assert moment(timedelta(hours=100, seconds=5)) == "100:00:05"
    assert moment(datetime(2026, 3, 12, 9, 30, 5)) == "2026-03-12 09:30:05"
