from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.remediation.schedule import Once, Weekly, Window, merged_until, open_until


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


ONCE = Once(begins_at=utc("2026-03-01T02:00"), ends_at=utc("2026-03-01T04:00"))
NIGHTS = Weekly(days=frozenset({5, 6}), begins=time(22), ends=time(4), timezone="UTC")


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-03-01T01:59:59", False),
        ("2026-03-01T02:00:00", True),
        ("2026-03-01T03:59:59", True),
        ("2026-03-01T04:00:00", False),
    ],
)
def test_a_single_window_is_open_from_its_beginning_until_its_end(now: str, is_open: bool) -> None:
    assert open_until(ONCE, utc(now)) == (ONCE.ends_at if is_open else None)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-07T21:59", None),
        ("2026-03-07T22:00", "2026-03-08T04:00"),  # Saturday night
        ("2026-03-08T03:59", "2026-03-08T04:00"),
        ("2026-03-08T04:00", None),
        ("2026-03-08T23:00", "2026-03-09T04:00"),  # Sunday night, ends on Monday
        ("2026-03-09T02:00", "2026-03-09T04:00"),
        ("2026-03-09T22:30", None),
    ],
)
def test_a_weekly_window_runs_past_midnight_of_the_day_it_begins_on(now: str, until: str | None) -> None:
    assert open_until(NIGHTS, utc(now)) == (utc(until) if until else None)


def test_the_same_begin_and_end_is_a_whole_day() -> None:
    day = Weekly(days=frozenset({6}), begins=time(0), ends=time(0))
    assert open_until(day, utc("2026-03-08T00:00")) == utc("2026-03-09T00:00")
    assert open_until(day, utc("2026-03-09T00:00")) is None


def test_weekly_windows_follow_the_wall_clock_of_their_place() -> None:
    berlin = Weekly(days=frozenset(range(7)), begins=time(2), ends=time(4), timezone="Europe/Berlin")
    assert open_until(berlin, utc("2026-01-10T01:00")) == utc("2026-01-10T03:00")
    assert open_until(berlin, utc("2026-07-10T00:00")) == utc("2026-07-10T02:00")
    assert open_until(berlin, utc("2026-07-10T02:30")) is None


def test_the_night_the_clocks_go_forward_is_shorter_and_the_other_longer() -> None:
    berlin = Weekly(days=frozenset({6}), begins=time(1), ends=time(4), timezone="Europe/Berlin")
    # 29 March 2026: 02:00 becomes 03:00. 01:00 CET to 04:00 CEST is 00:00 to 02:00 UTC.
    assert open_until(berlin, utc("2026-03-29T00:00")) == utc("2026-03-29T02:00")
    # 25 October 2026: 03:00 becomes 02:00. 01:00 CEST to 04:00 CET is 23:00 to 03:00 UTC.
    assert open_until(berlin, utc("2026-10-24T23:00")) == utc("2026-10-25T03:00")


def test_an_end_that_the_change_of_clocks_skips_or_repeats_is_never_early() -> None:
    berlin = Weekly(days=frozenset({6}), begins=time(1), ends=time(2, 30), timezone="Europe/Berlin")
    assert open_until(berlin, utc("2026-03-29T00:30")) == utc("2026-03-29T01:30")
    assert open_until(berlin, utc("2026-10-25T00:15")) == utc("2026-10-25T01:30")


def test_windows_that_touch_count_as_one() -> None:
    def window(name: str, begins: str, ends: str) -> Window:
        return Window(name=name, when=Once(begins_at=utc(begins), ends_at=utc(ends)))

    windows = [
        window("b", "2026-03-01T04:00", "2026-03-01T06:00"),
        window("a", "2026-03-01T02:00", "2026-03-01T04:00"),
        window("later", "2026-03-01T07:00", "2026-03-01T08:00"),
    ]
    assert merged_until(windows, utc("2026-03-01T03:00")) == utc("2026-03-01T06:00")
    assert merged_until(windows, utc("2026-03-01T06:30")) is None
    assert merged_until([], utc("2026-03-01T03:00")) is None


_YEARS = (datetime(2025, 1, 1), datetime(2027, 1, 1))  # noqa: DTZ001 - hypothesis wants them naive


@given(
    st.frozensets(st.integers(0, 6), min_size=1),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.datetimes(*_YEARS),
)
def test_an_open_window_ends_later_and_within_a_day_and_the_hours_a_clock_can_move(
    days: frozenset[int], begins: time, ends: time, timezone: str, at: datetime
) -> None:
    now = at.replace(tzinfo=UTC)
    until = open_until(Weekly(days=days, begins=begins, ends=ends, timezone=timezone), now)
    if until is not None:
        assert now < until <= now + timedelta(hours=26)


def test_a_window_that_is_open_all_week_has_an_end_all_the_same() -> None:
    always = Window(name="always", when=Weekly(days=frozenset(range(7)), begins=time(0), ends=time(0)))
    until = merged_until([always], utc("2026-03-01T03:00"))
    assert until is not None
    assert until > utc("2026-03-01T03:00")
