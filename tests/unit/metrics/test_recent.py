from __future__ import annotations

from wakeless.metrics.bucket import of_value
from wakeless.metrics.recent import IDLE, SLACK, RecentBuckets, Stored, Watched
from wakeless.metrics.series import MetricId
from wakeless.metrics.statistics import parse_statistic

METRIC = MetricId("N", "m")
COUNT = parse_statistic("SampleCount")
START = 6_000_000


def stored(at: int, value: float = 1.0, unit: str = "None", metric: MetricId = METRIC) -> Stored:
    return Stored(metric, unit, 60, at, of_value(value))


def counts(watched: Watched, start: int = START, slots: int = 2) -> list[float | None]:
    window = watched.window(COUNT, None, start, 60, slots)
    return [None] * slots if window is None else window.values


def filled(recent: RecentBuckets, commit: int) -> Watched:
    watched = recent.get(METRIC)
    watched.depth = 120
    return recent.fill(METRIC, START - SLACK, commit, {"None": {START: of_value(1.0)}})


def test_a_put_that_the_reading_contained_is_not_counted_twice() -> None:
    recent = RecentBuckets()
    watched = filled(recent, commit=7)
    recent.apply(6, [stored(START)])
    recent.apply(7, [stored(START)])
    assert counts(watched) == [1.0, None]


def test_later_puts_are_counted_in_whatever_order_they_arrive() -> None:
    recent = RecentBuckets()
    watched = filled(recent, commit=7)
    recent.apply(9, [stored(START), stored(START + 60)])
    recent.apply(8, [stored(START)])
    assert counts(watched) == [3.0, 1.0]


def test_what_is_not_watched_costs_nothing() -> None:
    recent = RecentBuckets()
    recent.apply(1, [stored(START)])
    assert len(recent) == 0


def test_nothing_is_taken_in_before_the_series_was_read() -> None:
    recent = RecentBuckets()
    watched = recent.get(METRIC)
    recent.apply(1, [stored(START)])
    assert counts(watched) == [None, None]


def test_old_buckets_go_as_the_window_moves_on() -> None:
    recent = RecentBuckets()
    watched = filled(recent, commit=1)
    for minute in range(60):
        recent.apply(2 + minute, [stored(START + 60 * minute)])
        counts(watched, START + 60 * minute - 60)
    assert len(watched.units["None"]) <= (watched.depth + 3 * SLACK) // 60
    assert watched.since > START


def test_a_unit_that_is_no_longer_put_goes_whole() -> None:
    recent = RecentBuckets()
    watched = filled(recent, commit=1)
    recent.apply(2, [stored(START, unit="Bytes")])
    assert set(watched.units) == {"None", "Bytes"}
    for minute in range(1, 30):
        recent.apply(2 + minute, [stored(START + 60 * minute, unit="Bytes")])
        counts(watched, START + 60 * minute - 60)
    assert set(watched.units) == {"Bytes"}


def test_idle_series_are_forgotten_and_whoever_holds_one_sees_it() -> None:
    recent = RecentBuckets()
    watched = filled(recent, commit=1)
    counts(watched)
    assert recent.sweep(START + 60) == 0
    assert recent.sweep(START + 120 + IDLE + 1) == 1
    assert len(recent) == 0
    assert watched.since == float("inf")
