"""Evaluating 100,000 alarms with one new datapoint each: budget 3 s on one core.

Real stores on disk, the clock by hand. Run: python benchmarks/evaluate.py [ALARMS]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from _server import verdict

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.definitions import (
    INITIAL_REASON,
    AlarmRecord,
    Comparison,
    MetricAlarm,
    MetricRef,
    MetricStat,
    MissingData,
)
from wakeless.alarms.evaluate import next_state
from wakeless.core.clock import ManualClock
from wakeless.metrics.bucket import of_value
from wakeless.metrics.series import MetricId, Sample
from wakeless.monitoring.changes import first_status
from wakeless.monitoring.service import Monitoring
from wakeless.monitoring.settings import MonitoringSettings
from wakeless.store.alarm_store import ALARM_SCHEMA, SqliteAlarmStore
from wakeless.store.metric_store import MetricStore
from wakeless.store.sqlite import Database

BUDGET = 3.0
START = datetime(2026, 1, 1, tzinfo=UTC)
#: Datapoints in one put: what a call of PutMetricData may carry.
CALL = 1000


def make_records(count: int, state: AlarmState = AlarmState.OK) -> list[AlarmRecord]:
    settings = MonitoringSettings()
    return [
        AlarmRecord(
            arn=settings.arn_of(f"alarm-{number}"),
            definition=MetricAlarm(
                name=f"alarm-{number}",
                evaluation_periods=3,
                datapoints_to_alarm=2,
                comparison=Comparison.GREATER,
                threshold=90.0,
                stat=MetricStat(metric=metric_of(number), period=60, stat="Average"),
            ),
            status=replace(first_status(START, INITIAL_REASON), state=state),
            configured_at=START,
        )
        for number in range(count)
    ]


def metric_of(number: int) -> MetricRef:
    return MetricRef("Bench", "load", (("InstanceId", f"i-{number:08x}"),))


async def put_all(store: MetricStore, count: int, clock: ManualClock, value: float) -> float:
    now = clock.now()
    at = int(now.timestamp()) // 60 * 60
    samples = [Sample(MetricId(*metric_of(number).key), "None", at, 60, of_value(value)) for number in range(count)]
    began = time.perf_counter()
    for first in range(0, count, CALL):
        await store.put(samples[first : first + CALL], now)
    return time.perf_counter() - began


async def one_round(monitoring: Monitoring, clock: ManualClock, title: str, expected: int) -> float:
    # A moment at which every alarm's beat of this minute has passed.
    clock.advance(60 - clock.now().timestamp() % 60 + 30)
    wall, cpu = time.perf_counter(), time.process_time()
    evaluated = await monitoring.run_due(clock.now())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if evaluated != expected:
        raise SystemExit(f"{evaluated} alarms were evaluated, not {expected}")
    print(f"  {title:<46} {wall:6.2f} s   {cpu:6.2f} s CPU   {cpu / expected * 1e6:6.1f} us an alarm")
    return cpu


async def run(count: int, folder: Path) -> float:
    clock = ManualClock(START)
    journal = Database(folder / "wakeless.db", schema={"alarms": ALARM_SCHEMA})
    metrics = MetricStore.open(folder / "metrics.db")
    store = SqliteAlarmStore(journal, lambda transaction, alarms: None)
    try:
        records = make_records(count)
        for first in range(0, count, CALL):
            await store.commit_transitions(records[first : first + CALL], (), ())
        began = time.perf_counter()
        monitoring = Monitoring(metrics, store, clock)
        print(f"  {'loading the alarms at start-up':<46} {time.perf_counter() - began:6.2f} s")
        await put_all(metrics, count, clock, 1.0)
        await one_round(monitoring, clock, "first round: all read from disk", count)
        figure = 0.0
        # Until the window of three periods and the five before them are full of datapoints.
        for _ in range(8):
            seconds = await put_all(metrics, count, clock, 1.0)
            figure = max(figure, await one_round(monitoring, clock, "one new datapoint each, no state changes", count))
        print(f"  {'(putting those datapoints)':<46} {seconds:6.2f} s")
        await put_all(metrics, count // 100, clock, 99.0)
        await one_round(monitoring, clock, "one in a hundred breaches", count)
        return figure
    finally:
        metrics.close()
        journal.close()


def baseline(count: int) -> float:
    """Apply the rule alone to as many windows in memory: no store, no schedule, no alarms."""
    windows = [[False] * 8 for _ in range(count)]
    began = time.process_time()
    for window in windows:
        next_state(window, 3, 2, MissingData.MISSING, AlarmState.OK)
    return time.process_time() - began


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print(f"evaluating {count} alarms (P = 60, 2 of 3), each on a metric of its own")
    with tempfile.TemporaryDirectory() as folder:
        figure = asyncio.run(run(count, Path(folder)))
    floor = baseline(count)
    print(f"  {'baseline: the rule alone, windows in memory':<46} {floor:6.2f} s CPU   ratio {figure / floor:.1f}")
    budget = BUDGET * count / 100_000
    met = verdict(figure <= budget)
    print(f"evaluate: {figure:.2f} s of one core for {count} alarms (wanted {budget:.2f}: {met})")


if __name__ == "__main__":
    main()
