from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.app.settings.duration import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("90", 90),
        ("0.5", 0.5),
        ("0", 0),
        (" 5m ", 300),
        ("PT10M", 600),
        ("PT0S", 0),
        ("P1D", 86400),
        ("P1DT2H", 93600),
        ("P2W", 1209600),
        ("PT1.5S", 1.5),
        ("PT90M", 5400),
    ],
)
def test_a_duration_is_read_in_all_its_forms(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "5 m",
        "5x",
        "-5s",
        "5m-",
        "1,5s",
        "P",
        "PT",
        "P1Y",
        "P1M",
        "PT5",
        "10M",
        "5S",
        "inf",
        "nan",
        "1e9",
        "٣s",
        "9" * 200,
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|ten years"):
        parse_duration(text)


def test_more_than_ten_years_is_a_slip() -> None:
    with pytest.raises(ValueError, match="ten years"):
        parse_duration("4000d")
    assert parse_duration("3650d") < LONGEST


@given(st.integers(0, int(LONGEST * 1000)))
def test_what_is_formatted_is_read_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


def test_a_duration_is_formatted_in_the_units_people_use() -> None:
    assert [format_duration(seconds) for seconds in (0, 0.25, 10, 90, 300, 5400, 86400)] == [
        "0s",
        "250ms",
        "10s",
        "1m30s",
        "5m",
        "1h30m",
        "1d",
    ]
