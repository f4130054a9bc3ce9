"""A storm: every alarm changes its state in the same round, each with its history and its message, many to a commit.

Nothing was promised; the figure is watched. Baseline: the round after it, in which nothing changes.
Run: python benchmarks/storm.py [ALARMS]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from evaluate import CALL, START, make_records, one_round, put_all

from wakeless.alarms.alarm import AlarmState
from wakeless.core.clock import ManualClock
from wakeless.monitoring.service import Monitoring
from wakeless.store.alarm_store import ALARM_SCHEMA, SqliteAlarmStore
from wakeless.store.metric_store import MetricStore
from wakeless.store.sqlite import Database


async def run(count: int, folder: Path) -> tuple[float, float]:
    clock = ManualClock(START)
    journal = Database(folder / "wakeless.db", schema={"alarms": ALARM_SCHEMA})
    metrics = MetricStore.open(folder / "metrics.db")
    store = SqliteAlarmStore(journal, lambda transaction, alarms: None)
    try:
        records = make_records(count, AlarmState.INSUFFICIENT_DATA)
        for first in range(0, count, CALL):
            await store.commit_transitions(records[first : first + CALL], (), ())
        monitoring = Monitoring(metrics, store, clock)
        rounds = []
        for title in ("all change to OK", "nothing changes"):
            await put_all(metrics, count, clock, 1.0)
            rounds.append(await one_round(monitoring, clock, title, count))
        return rounds[0], rounds[1]
    finally:
        metrics.close()
        journal.close()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(f"{count} alarms (P = 60, 2 of 3), each on a metric of its own")
    with tempfile.TemporaryDirectory() as folder:
        storm, quiet = asyncio.run(run(count, Path(folder)))
    print(
        f"storm: {count / storm:,.0f} changes of state per second of one core; ratio {storm / quiet:.0f} to no change"
    )


if __name__ == "__main__":
    main()
