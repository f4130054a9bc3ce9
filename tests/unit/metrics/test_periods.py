from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from wakeless.metrics.periods import (
    DAY,
    HOUR,
    ceil,
    epoch,
    floor,
    is_period,
    moment,
    readable_from,
    round_start,
    slot_count,
)

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC).timestamp()


def at(hour: int, minute: int, second: int = 0, days_ago: int = 0) -> float:
    return (datetime(2026, 3, 1, hour, minute, second, tzinfo=UTC) - timedelta(days=days_ago)).timestamp()


@pytest.mark.parametrize("seconds", [1, 5, 10, 20, 30, 60, 120, 300, 86400])
def test_periods_that_can_be_read(seconds: int) -> None:
    assert is_period(seconds)


@pytest.mark.parametrize("seconds", [0, -60, 2, 15, 45, 61, 90])
def test_periods_that_cannot(seconds: int) -> None:
    assert not is_period(seconds)


@pytest.mark.parametrize(
    ("start", "period", "expected"),
    [
        (at(11, 7, 41), 60, at(11, 7)),
        (at(11, 7, 41), 300, at(11, 7)),
        (at(11, 7, 41), 10, at(11, 7, 40)),
        (at(11, 7, 41), 20, at(11, 7, 40)),
        (at(11, 7, 41), 30, at(11, 7, 30)),
        (at(11, 7, 41), 5, at(11, 7, 40)),
        (at(11, 7, 41), 1, at(11, 7, 41)),
        (at(11, 7, 41, days_ago=14), 60, at(11, 7, days_ago=14)),
        (at(11, 7, 41, days_ago=16), 300, at(11, 5, days_ago=16)),
        (at(11, 7, 41, days_ago=62), 3600, at(11, 5, days_ago=62)),
        (at(11, 7, 41, days_ago=64), 3600, at(11, 0, days_ago=64)),
    ],
)
def test_a_read_begins_on_the_grid_of_its_age(start: float, period: int, expected: float) -> None:
    assert round_start(start, period, NOW) == expected


@pytest.mark.parametrize(
    ("period", "kept"),
    [
        (1, 3 * HOUR),
        (10, 3 * HOUR),
        (60, 15 * DAY),
        (120, 15 * DAY),
        (300, 63 * DAY),
        (900, 63 * DAY),
        (3600, 455 * DAY),
    ],
)
def test_how_far_back_a_period_reads(period: int, kept: int) -> None:
    assert 0 <= NOW - kept - readable_from(period, NOW) <= 60


def test_floor_and_ceil_meet_on_the_grid() -> None:
    assert (floor(119.9, 60), ceil(119.9, 60), floor(120, 60), ceil(120, 60)) == (60, 120, 120, 120)
    assert (floor(-1, 60), ceil(-61, 60)) == (-60, -60)


def test_a_moment_without_a_time_zone_is_utc() -> None:
    assert epoch(datetime(2026, 1, 1)) == epoch(datetime(2026, 1, 1, tzinfo=UTC))  # noqa: DTZ001  # the point
    assert epoch(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == epoch(
        datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert moment(0) == datetime(1970, 1, 1, tzinfo=UTC)


def test_slots_are_counted_to_the_end_exclusive() -> None:
    assert [slot_count(0, end, 60) for end in (0, 1, 60, 61, 120)] == [0, 1, 1, 2, 2]
    assert slot_count(120, 0, 60) == 0
