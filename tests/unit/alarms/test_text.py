from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.text import decimal, long_date, milliseconds, plural, short_date, timestamp


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (90, "90.0"),
        (93.5, "93.5"),
        (0, "0.0"),
        (-0.25, "-0.25"),
        (99.93333333333334, "99.93333333333334"),
        (9_999_999.5, "9999999.5"),
        (1e7, "1.0E7"),
        (12_345_678.9, "1.23456789E7"),
        (0.001, "0.001"),
        (5e-4, "5.0E-4"),
        (1.25e-5, "1.25E-5"),
        (-2e22, "-2.0E22"),
        (float("inf"), "Infinity"),
        (float("nan"), "NaN"),
    ],
)
def test_numbers_are_written_as_java_writes_them(value: float, text: str) -> None:
    assert decimal(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_written_number_reads_back_as_itself(value: float) -> None:
    text = decimal(value)
    assert float(text) == value
    mantissa = text.partition("E")[0]
    assert "." in mantissa
    assert ("E" in text) is not (value == 0 or 1e-3 <= abs(value) < 1e7)


def test_dates_are_written_in_three_ways() -> None:
    moment = datetime(2026, 1, 1, 0, 4, 12, 295_999, tzinfo=UTC)
    assert short_date(moment) == "01/01/26 00:04:12"
    assert long_date(moment) == "Thursday 01 January, 2026 00:04:12 UTC"
    assert timestamp(moment) == "2026-01-01T00:04:12.295+0000"
    assert milliseconds(moment).microsecond == 295_000


def test_one_is_singular() -> None:
    assert [plural(count, "period") for count in (0, 1, 2)] == ["0 periods", "1 period", "2 periods"]
