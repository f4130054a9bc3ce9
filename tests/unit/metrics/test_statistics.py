from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.metrics.bucket import Bucket, merge, of_value, of_values
from wakeless.metrics.errors import InvalidParameterValue
from wakeless.metrics.statistics import PLAIN, check_alarm_statistic, parse_statistic

ONE_TO_TEN = merge([of_value(float(value)) for value in range(1, 11)])
values = st.lists(st.integers(min_value=0, max_value=50), min_size=1, max_size=80)


def over(text: str, bucket: Bucket = ONE_TO_TEN) -> float | None:
    return parse_statistic(text).of(bucket)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SampleCount", 10.0),
        ("Sum", 55.0),
        ("Average", 5.5),
        ("Minimum", 1.0),
        ("Maximum", 10.0),
        ("p0", 1.0),
        ("p0.0", 1.0),
        ("p10", 1.0),
        ("p50", 5.0),
        ("p90", 9.0),
        ("p95.5", 10.0),
        ("p100", 10.0),
        ("tm90", 5.0),
        ("TM(:90%)", 5.0),
        ("TM(10%:)", 6.0),
        ("TM(10%:90%)", 5.5),
        ("TM(2:5)", 4.0),
        ("TM(:2)", 1.5),
        ("TM(9:)", 10.0),
        ("tc90", 9.0),
        ("TC(10%:90%)", 8.0),
        ("TC(2:5)", 3.0),
        ("ts90", 45.0),
        ("TS(80%:)", 19.0),
        ("TS(2:5)", 12.0),
        ("wm90", 5.4),
        ("WM(10%:90%)", 5.5),
        ("WM(2:5)", 4.1),
        ("IQM", 5.5),
        ("PR(:3)", 30.0),
        ("PR(3:5)", 20.0),
        ("PR(5:)", 50.0),
        ("PR(100:)", 0.0),
        ("TC(100:200)", 0.0),
        ("TS(100:200)", 0.0),
        ("TM(100:200)", None),
    ],
)
def test_statistics_of_one_to_ten(text: str, expected: float | None) -> None:
    assert over(text) == (pytest.approx(expected) if expected is not None else None)


def test_the_number_of_decimals_does_not_move_a_percentile() -> None:
    thousand = merge([of_value(float(value)) for value in range(1, 1001)])
    assert over("p99.9", thousand) == 999.0
    assert over("p99.9000000000", thousand) == 999.0
    assert over("p99.91", thousand) == 1000.0


def test_extended_statistics_need_raw_values_and_none_below_zero() -> None:
    from_a_set = Bucket(3.0, 9.0, 1.0, 5.0)
    negative = merge([of_value(-1.0), of_value(5.0)])
    for text in ("p50", "tm90", "TC(10%:90%)", "PR(:3)", "IQM", "WM(1:2)"):
        assert over(text, from_a_set) is None
        assert over(text, negative) is None
    assert over("Average", from_a_set) == 3.0


def test_fractional_counts_weigh_what_they_say() -> None:
    bucket = of_values([(1.0, 0.5), (2.0, 1.5)])
    assert bucket is not None
    assert over("SampleCount", bucket) == 2.0
    assert over("Average", bucket) == 1.75
    assert over("p25", bucket) == 1.0
    assert over("p26", bucket) == 2.0
    assert over("PR(:1)", bucket) == 25.0


@given(values, st.decimals(min_value=0, max_value=100, places=3))
def test_percentiles_are_the_nearest_rank(given_values: list[int], percent: object) -> None:
    ordered = sorted(given_values)
    rank = max(1, math.ceil(Fraction(str(percent)) * len(ordered) / 100))
    bucket = merge([of_value(float(value)) for value in given_values])
    assert over(f"p{percent:f}", bucket) == ordered[rank - 1]


@given(values, st.integers(min_value=0, max_value=49), st.integers(min_value=51, max_value=100))
def test_trimming_drops_whole_samples_from_both_ends(given_values: list[int], low: int, high: int) -> None:
    ordered = sorted(given_values)
    first, last = low * len(ordered) // 100, -(-high * len(ordered) // 100)
    kept = ordered[first:last]
    bucket = merge([of_value(float(value)) for value in given_values])
    assert over(f"TC({low}%:{high}%)", bucket) == len(kept)
    assert over(f"TS({low}%:{high}%)", bucket) == pytest.approx(sum(kept))
    assert over(f"TM({low}%:{high}%)", bucket) == pytest.approx(sum(kept) / len(kept))
    winsorized = [min(max(value, kept[0]), kept[-1]) for value in ordered]
    assert over(f"WM({low}%:{high}%)", bucket) == pytest.approx(sum(winsorized) / len(ordered))


@given(values, st.integers(min_value=-5, max_value=25), st.integers(min_value=26, max_value=60))
def test_absolute_bounds_leave_the_lower_out_and_let_the_upper_in(given_values: list[int], low: int, high: int) -> None:
    kept = [value for value in given_values if low < value <= high]
    bucket = merge([of_value(float(value)) for value in given_values])
    assert over(f"TC({low}:{high})", bucket) == len(kept)
    assert over(f"TS({low}:{high})", bucket) == sum(kept)
    assert over(f"TM({low}:{high})", bucket) == (pytest.approx(sum(kept) / len(kept)) if kept else None)
    assert over(f"PR({low}:{high})", bucket) == pytest.approx(100 * len(kept) / len(given_values))


@pytest.mark.parametrize(
    "text",
    [
        *("", "average", "Avg", "p", "p101", "p-1", "P99", "p99.12345678901", "p99%", "TM90", "tm", "tm(10%:90%)"),
        *("TM()", "TM(:)", "TM(10%)", "TM(10%:90)", "TM(90%:10%)", "TM(5:5)", "TM(-1%:90%)", "TM(0%:101%)"),
        *("PR(10%:90%)", "PR()", "iqm", "IQM()", "p99 ", " p99", "p99\n", "p9٩", "TM(1:2:3)", "TM(nan:1)", "x" * 5000),
    ],
)
def test_what_is_no_statistic_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterValue) as refused:
        parse_statistic(text)
    assert len(str(refused.value)) < 400


@given(st.text(max_size=40) | st.from_regex(r"(TM|TC|TS|WM|PR|p|tm)\(?[0-9.%:-]{0,20}\)?", fullmatch=True))
def test_parsing_raises_nothing_but_its_own_error(text: str) -> None:
    try:
        statistic = parse_statistic(text)
    except InvalidParameterValue:
        return
    assert statistic.text == text
    value = statistic.of(ONE_TO_TEN)
    assert value is None or math.isfinite(value)


def test_only_the_five_plain_statistics_do_without_a_distribution() -> None:
    assert [parse_statistic(text).extended for text in PLAIN] == [False] * 5
    assert parse_statistic("p50").extended
    assert parse_statistic("IQM").extended


@pytest.mark.parametrize(
    ("text", "limit"),
    [("p99.9", 10000), ("p99", 1000), ("p95", 200), ("p90", 100), ("p50", 20), ("p25", 40), ("p10", 100)],
)
def test_low_sample_limits_of_the_documented_percentiles(text: str, limit: float) -> None:
    assert parse_statistic(text).low_sample_limit == limit


def test_only_percentiles_have_a_low_sample_limit() -> None:
    assert parse_statistic("tm90").low_sample_limit is None
    assert parse_statistic("Average").low_sample_limit is None
    assert parse_statistic("p100").low_sample_limit == math.inf


@pytest.mark.parametrize("text", ["TM(5%:95%)", "TC(:95%)", "WM(9.9%:)"])
def test_an_alarm_takes_percentages_from_10_to_90_in_parentheses(text: str) -> None:
    with pytest.raises(InvalidParameterValue, match="between 10 and 90"):
        check_alarm_statistic(parse_statistic(text))


@pytest.mark.parametrize("text", ["TM(10%:90%)", "TM(:90%)", "TM(5:95)", "tm99", "p99.9", "IQM", "Average", "PR(:3)"])
def test_an_alarm_takes_the_rest(text: str) -> None:
    check_alarm_statistic(parse_statistic(text))
