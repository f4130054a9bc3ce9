"""Alarms in the journal: what is put comes back, and a state change is kept with its report or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.alarms.definitions import (
    Actions,
    AlarmRecord,
    AlarmStatus,
    AlarmType,
    Comparison,
    CompositeAlarm,
    EvaluationState,
    HistoryItem,
    HistoryType,
    MetricAlarm,
    MetricQuery,
    MetricRef,
    MetricStat,
    MissingData,
    SuppressedBy,
)
from wakeless.monitoring.ports import HistoryQuery
from wakeless.store.alarm_store import ALARM_SCHEMA, SqliteAlarmStore
from wakeless.store.sqlite import Database

AT = datetime(2026, 1, 1, 0, 4, 12, 301_000, tzinfo=UTC)
STAT = MetricStat(metric=MetricRef("App", "load", (("Z", "1"), ("A", "é/“2”"))), period=60, stat="p99", unit="Count")
STATUS = AlarmStatus(state=AlarmState.ALARM, reason="why", reason_data='{"a": 1}', updated_at=AT, transitioned_at=AT)
SINGLE = MetricAlarm(
    name="single",
    description="",
    actions=Actions(enabled=False, ok=("arn:a",), alarm=("arn:b", "arn:c")),
    stat=STAT,
    extended=True,
    evaluation_periods=3,
    datapoints_to_alarm=2,
    threshold=-1.5,
    comparison=Comparison.LESS,
    treat_missing_data=MissingData.NOT_BREACHING,
    low_sample_percentile="ignore",
    extra={"EvaluationWindow": {"SlidingWindow": {}}},
)
MATH = MetricAlarm(
    name="math",
    queries=(MetricQuery(id="m1", stat=STAT, return_data=False), MetricQuery(id="e1", expression="m1*2", label="x")),
    evaluation_periods=1,
    threshold=1e300,
    comparison=Comparison.GREATER_OR_EQUAL,
)
COMPOSITE = CompositeAlarm(name="top", rule="ALARM(single)", suppressor="math", wait_period=0, extension_period=60)
RECORDS = [
    AlarmRecord(arn=f"arn:{alarm.name}", definition=alarm, status=status, configured_at=AT, tags=tags)
    for alarm, status, tags in (
        (MATH, replace(STATUS, evaluation_state=EvaluationState.EVALUATION_ERROR, reason_data=None), {}),
        (SINGLE, STATUS, {"k": "v", "empty": ""}),
        (COMPOSITE, replace(STATUS, suppressed_by=SuppressedBy.WAIT_PERIOD, hold_until=AT + timedelta(1)), {}),
    )
]


def item(number: int, name: str = "single", kind: HistoryType = HistoryType.STATE_UPDATE) -> HistoryItem:
    return HistoryItem(
        alarm_name=name,
        alarm_type=AlarmType.METRIC,
        at=AT + timedelta(seconds=number),
        type=kind,
        summary=f"item {number}",
        data="{}",
    )


def report(name: str = "single") -> Alarm:
    return Alarm(
        source="embedded",
        fingerprint=f"embedded:arn:{name}",
        dedup_key=f"embedded:arn:{name}|ALARM",
        state=AlarmState.ALARM,
        name=name,
        changed_at=AT,
    )


class Intake:
    """A sink that writes into the same transaction, and may fail after that."""

    def __init__(self) -> None:
        self.fail = False
        self.woken: list[Sequence[Alarm]] = []

    def __call__(self, transaction: sqlite3.Connection, alarms: Sequence[Alarm]) -> None:
        transaction.executemany("INSERT INTO intake VALUES (?)", [(alarm.dedup_key,) for alarm in alarms])
        if self.fail:
            raise RuntimeError("the intake refuses")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Database]:
    schema = {"alarms": ALARM_SCHEMA, "intake": ["CREATE TABLE intake (key TEXT PRIMARY KEY)"]}
    database = Database(tmp_path / "wakeless.db", schema=schema)
    yield database
    database.close()


@pytest.fixture
def intake() -> Intake:
    return Intake()


@pytest.fixture
def store(journal: Database, intake: Intake) -> SqliteAlarmStore:
    return SqliteAlarmStore(journal, intake, intake.woken.append)


def taken(journal: Database) -> list[str]:
    return [row[0] for row in journal.read(lambda db: db.execute("SELECT key FROM intake").fetchall())]


async def test_every_kind_of_alarm_comes_back_as_it_was(store: SqliteAlarmStore) -> None:
    await store.commit_transitions(RECORDS, (), ())
    assert list(store.load()) == RECORDS
    changed = replace(RECORDS[1], status=replace(STATUS, state=AlarmState.OK))
    await store.commit_transitions([changed], (), ())
    assert store.load()[1] == changed


async def test_a_state_change_its_history_and_its_report_are_kept_together(
    store: SqliteAlarmStore, journal: Database, intake: Intake
) -> None:
    await store.commit_transitions(RECORDS[:1], [item(1)], [report()])
    assert taken(journal) == [report().dedup_key]
    assert intake.woken == [[report()]]
    assert len(store.history(HistoryQuery())[0]) == 1


async def test_a_report_that_is_refused_undoes_the_state_change(
    store: SqliteAlarmStore, journal: Database, intake: Intake
) -> None:
    intake.fail = True
    with pytest.raises(RuntimeError, match="the intake refuses"):
        await store.commit_transitions(RECORDS, [item(1)], [report()])
    assert store.load() == []
    assert taken(journal) == []
    assert store.history(HistoryQuery()) == ([], None)
    assert intake.woken == []


async def test_nobody_is_woken_without_a_report(store: SqliteAlarmStore, intake: Intake) -> None:
    await store.commit_transitions(RECORDS, [item(1)], ())
    assert intake.woken == []


async def test_history_goes_both_ways_in_pages(store: SqliteAlarmStore) -> None:
    await store.commit_transitions((), [item(number) for number in range(5)], ())
    seen: list[str] = []
    query = HistoryQuery(alarm_name="single", limit=2)
    while True:
        page, after = store.history(query)
        seen.extend(one.summary for one in page)
        if after is None:
            break
        query = replace(query, after=after)
    assert seen == [f"item {number}" for number in (4, 3, 2, 1, 0)]
    page, after = store.history(HistoryQuery(newest_first=False, limit=3))
    assert [one.summary for one in page] == ["item 0", "item 1", "item 2"]
    page, after = store.history(HistoryQuery(newest_first=False, limit=3, after=after))
    assert [one.summary for one in page] == ["item 3", "item 4"]
    assert after is None


async def test_history_is_filtered(store: SqliteAlarmStore) -> None:
    items = [item(1), item(2, "other"), item(3, kind=HistoryType.ACTION)]
    await store.commit_transitions((), items, ())

    def found(**asked: object) -> list[str]:
        return [one.summary for one in store.history(replace(HistoryQuery(), **asked))[0]]  # type: ignore[arg-type]

    assert found() == ["item 3", "item 2", "item 1"]
    assert found(alarm_name="single") == ["item 3", "item 1"]
    assert found(item_type=HistoryType.ACTION) == ["item 3"]
    assert found(start=items[1].at) == ["item 3", "item 2"]
    assert found(end=items[1].at) == ["item 2", "item 1"]
    assert found(alarm_types=(AlarmType.COMPOSITE,)) == []
    assert store.history(HistoryQuery(alarm_name="single"))[0][0] == items[2]


async def test_deleted_alarms_leave_their_history(store: SqliteAlarmStore) -> None:
    await store.commit_transitions(RECORDS, [item(1)], ())
    await store.delete(["single"], [item(2)])
    assert [record.name for record in store.load()] == ["math", "top"]
    assert len(store.history(HistoryQuery(alarm_name="single"))[0]) == 2
    assert await store.prune_history(AT + timedelta(seconds=2)) == 1
    assert [one.summary for one in store.history(HistoryQuery())[0]] == ["item 2"]


async def test_alarms_are_there_after_a_restart(tmp_path: Path) -> None:
    schema = {"alarms": ALARM_SCHEMA}
    first = Database(tmp_path / "again.db", schema=schema)
    await SqliteAlarmStore(first, lambda transaction, alarms: None).commit_transitions(RECORDS, (), ())
    first.close()
    second = Database(tmp_path / "again.db", schema=schema)
    try:
        assert list(SqliteAlarmStore(second, lambda transaction, alarms: None).load()) == RECORDS
    finally:
        second.close()
