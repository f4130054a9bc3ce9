"""Clocks: always UTC, and the one for tests moves only when told to."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from wakeless.core.clock import ManualClock, SystemClock

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_machines_clock_is_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(T0)
    assert clock.now() == clock.now() == T0
    assert clock.advance(1.5) == clock.now() == T0 + timedelta(seconds=1.5)
    assert clock.advance(0) == T0 + timedelta(seconds=1.5)


def test_it_tells_utc_whatever_zone_it_was_set_in() -> None:
    berlin = timezone(timedelta(hours=1))
    clock = ManualClock(datetime(2026, 1, 1, 1, tzinfo=berlin))
    assert clock.now() == T0
    assert clock.now().tzinfo is UTC


def test_it_refuses_a_start_without_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        ManualClock(datetime(2026, 1, 1))  # noqa: DTZ001


def test_it_does_not_run_backward() -> None:
    clock = ManualClock(T0)
    with pytest.raises(ValueError, match="backward"):
        clock.advance(-1)
    assert clock.now() == T0
