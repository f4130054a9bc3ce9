"""A whole monitoring on real SQLite files, with the clock in the test's hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from wakeless.alarms.alarm import Alarm
from wakeless.alarms.describe import describe
from wakeless.core.clock import ManualClock
from wakeless.monitoring.service import Monitoring
from wakeless.monitoring.settings import MonitoringSettings
from wakeless.store.alarm_store import ALARM_SCHEMA, SqliteAlarmStore
from wakeless.store.metric_store import MetricStore
from wakeless.store.sqlite import Database

START = datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)


class Scene:
    """Monitoring and what it told the incident intake."""

    def __init__(self, folder: Path, clock: ManualClock, settings: MonitoringSettings) -> None:
        self.clock = clock
        self.settings = settings
        self.reported: list[Alarm] = []
        self.woken: list[Sequence[Alarm]] = []
        #: Raised for every report, and for those of one alarm.
        self.refuse: Exception | None = None
        self.poison = ""
        self._folder = folder
        self._open()

    def _open(self) -> None:
        self._journal = Database(self._folder / "wakeless.db", schema={"alarms": ALARM_SCHEMA})
        self._metrics = MetricStore.open(self._folder / "metrics.db")
        store = SqliteAlarmStore(self._journal, self._take, self.woken.append)
        self.monitoring = Monitoring(self._metrics, store, self.clock, self.settings)

    def _take(self, transaction: Any, alarms: Sequence[Alarm]) -> None:
        if self.refuse is not None:
            raise self.refuse
        if self.poison in {alarm.name for alarm in alarms}:
            raise RuntimeError(f"{self.poison} is refused")
        self.reported.extend(alarms)

    def close(self) -> None:
        self._metrics.close()
        self._journal.close()

    def restart(self) -> None:
        self.close()
        self._open()

    async def alarm(self, name: str = "load", **changes: Any) -> None:
        """Put a metric alarm on the metric ``App/load``; P = 60, 1 of 1, above 10."""
        base: dict[str, Any] = {
            "AlarmName": name,
            "Namespace": "App",
            "MetricName": "load",
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 10,
            "ComparisonOperator": "GreaterThanThreshold",
        }
        request = {key: value for key, value in (base | changes).items() if value is not None}
        await self.monitoring.put_metric_alarm(request)

    async def composite(self, name: str, rule: str, **changes: Any) -> None:
        await self.monitoring.put_composite_alarm({"AlarmName": name, "AlarmRule": rule} | changes)

    async def sample(self, value: float, ago: float = 0, metric: str = "load", **changes: Any) -> None:
        """Put one sample dated ``ago`` seconds before now."""
        at = datetime.fromtimestamp(self.clock.now().timestamp() - ago, UTC)
        datum = {"MetricName": metric, "Value": value, "Timestamp": at, "StorageResolution": 1} | changes
        await self.monitoring.put_metric_data({"Namespace": "App", "MetricData": [datum]})

    async def set_state(self, name: str, state: str, reason: str = "by hand", **changes: Any) -> None:
        request = {"AlarmName": name, "StateValue": state, "StateReason": reason} | changes
        await self.monitoring.set_alarm_state(request)

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass, running what is due as the loop would."""
        end = self.clock.now().timestamp() + seconds
        while (now := self.clock.now().timestamp()) < end:
            self.clock.advance(min(step, end - now))
            await self.monitoring.run_due(self.clock.now())

    def state(self, name: str = "load") -> str:
        record = self.monitoring.alarm(name)
        assert record is not None
        return str(record.status.state)

    def described(self, name: str) -> dict[str, Any]:
        record = self.monitoring.alarm(name)
        assert record is not None
        return describe(record)

    async def history(self, name: str, kind: str | None = None) -> list[str]:
        """Return the summaries of an alarm's history, oldest first."""
        request: dict[str, Any] = {
            "AlarmName": name,
            "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
            "ScanBy": "TimestampAscending",
        }
        if kind is not None:
            request["HistoryItemType"] = kind
        answer = await self.monitoring.describe_alarm_history(request)
        return [item["HistorySummary"] for item in answer["AlarmHistoryItems"]]

    def told(self) -> list[tuple[str, str]]:
        """Return (name, state) of everything that was reported."""
        return [(alarm.name, str(alarm.state)) for alarm in self.reported]


@pytest.fixture
def settings() -> MonitoringSettings:
    return MonitoringSettings()


@pytest.fixture
async def scene(tmp_path: Path, settings: MonitoringSettings) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path, ManualClock(START), settings)
    yield scene
    scene.close()
