from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.evaluate import window_end
from wakeless.alarms.schedule import beat_of, next_due

MIDNIGHT = 1_767_225_600.0


def test_alarms_are_spread_over_ten_offsets_behind_the_delay() -> None:
    offsets = {beat_of(f"alarm-{number}", 60, 1, delay=10).offset for number in range(200)}
    assert offsets == {10.0 + share for share in range(10)}


def test_an_alarm_keeps_its_offset() -> None:
    assert beat_of("webapp", 60, 1, delay=10) == beat_of("webapp", 300, 3, delay=10)


def test_high_resolution_alarms_are_evaluated_within_the_first_second_of_every_ten() -> None:
    for number in range(100):
        beat = beat_of(f"alarm-{number}", 10, 3, delay=10)
        assert beat.every == 10
        assert 0 <= beat.offset < 1


def test_alarms_over_more_than_a_day_are_evaluated_hourly() -> None:
    assert beat_of("slow", 3600, 25, delay=10).every == 3600
    assert beat_of("slow", 3600, 24, delay=10).every == 60


@pytest.mark.parametrize("delay", [0.0, 1.0, 10.0, 59.0])
@pytest.mark.parametrize("period", [10, 30, 60, 300])
def test_every_period_is_seen_at_the_first_chance(delay: float, period: int) -> None:
    """At each beat the newest slot ended no longer ago than the delay, the spread and one step of the grid."""
    beat = beat_of("webapp", period, 1, delay=delay)
    due = next_due(beat, MIDNIGHT)
    for _ in range(20):
        ended = due - window_end(due, period, delay=delay)
        assert delay <= ended < delay + 10 + (period if period < 60 else 0)
        due = next_due(beat, due)


@given(st.text(min_size=1), st.floats(MIDNIGHT, MIDNIGHT + 1e7), st.sampled_from([10, 60, 3600]))
def test_the_next_beat_is_later_and_within_one_step(name: str, after: float, period: int) -> None:
    beat = beat_of(name, period, 30, delay=10)
    due = next_due(beat, after)
    assert after < due <= after + beat.every + 1e-3
    assert next_due(beat, due) - due == pytest.approx(beat.every)
