"""Alarm definitions, states and history, in the journal beside the incidents."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import TypeAdapter

from wakeless.alarms.alarm import Alarm
from wakeless.alarms.definitions import AlarmRecord, AlarmType, HistoryItem, HistoryType
from wakeless.monitoring.ports import AfterCommit, AlarmSink, HistoryQuery
from wakeless.store.sql import load_queries, load_text
from wakeless.store.sqlite import Database

#: For `Database`: the alarms' migrations, oldest first.
ALARM_SCHEMA: Sequence[str] = (load_text("alarms_schema.sql"),)

_SQL = load_queries("alarms.sql")
_RECORD: TypeAdapter[AlarmRecord] = TypeAdapter(AlarmRecord)
#: Beyond every sequence number and moment.
_LAST = 2**62


def _nothing(alarms: Sequence[Alarm]) -> None:
    """Tell nobody."""


class SqliteAlarmStore:
    """Implements `monitoring.ports.AlarmStore`; state changes reach ``sink`` in the same transaction."""

    def __init__(self, database: Database, sink: AlarmSink, after_commit: AfterCommit = _nothing) -> None:
        self._db = database
        self._sink = sink
        self._after_commit = after_commit

    def load(self) -> Sequence[AlarmRecord]:
        """Return every alarm, by name; raises `StoreUnavailable`."""
        rows = self._db.read(lambda db: db.execute(_SQL["load_alarms"]).fetchall())
        return [_RECORD.validate_json(row[0]) for row in rows]

    async def commit_transitions(
        self, records: Sequence[AlarmRecord], history: Sequence[HistoryItem], alarms: Sequence[Alarm]
    ) -> None:
        """Keep it all in one transaction, then tell whoever waits for alarms; raises `StoreUnavailable`."""
        rows = [(record.name, _RECORD.dump_json(record).decode()) for record in records]

        def commit(db: sqlite3.Connection) -> None:
            db.executemany(_SQL["put_alarm"], rows)
            _add_history(db, history)
            if alarms:
                self._sink(db, alarms)

        await self._db.write(commit)
        if alarms:
            self._after_commit(alarms)

    async def delete(self, names: Sequence[str], history: Sequence[HistoryItem]) -> None:
        """Forget alarms and write that down; raises `StoreUnavailable`."""

        def commit(db: sqlite3.Connection) -> None:
            db.executemany(_SQL["delete_alarm"], [(name,) for name in names])
            _add_history(db, history)

        await self._db.write(commit)

    def history(self, query: HistoryQuery) -> tuple[Sequence[HistoryItem], int | None]:
        """Return a page of history and where the next one goes on; raises `StoreUnavailable`."""
        of = "history" if query.alarm_name is None else "history_of_alarm"
        order = "newest_first" if query.newest_first else "oldest_first"
        question = {
            "alarm_name": query.alarm_name,
            "alarm_types": json.dumps([str(kind) for kind in query.alarm_types]),
            "type": None if query.item_type is None else str(query.item_type),
            "start": -_LAST if query.start is None else query.start.timestamp(),
            "end": _LAST if query.end is None else query.end.timestamp(),
            "before": _LAST if query.after is None else query.after,
            "after": 0 if query.after is None else query.after,
            "limit": query.limit + 1,
        }
        rows = self._db.read(lambda db: db.execute(_SQL[f"{of}_{order}"], question).fetchall())
        page = rows[: query.limit]
        return [_item(row) for row in page], page[-1][0] if len(rows) > query.limit else None

    async def prune_history(self, before: datetime) -> int:
        """Delete history older than ``before``; raises `StoreUnavailable`."""
        return await self._db.write(lambda db: db.execute(_SQL["prune_history"], (before.timestamp(),)).rowcount)


def _add_history(db: sqlite3.Connection, history: Sequence[HistoryItem]) -> None:
    db.executemany(
        _SQL["add_history"],
        [
            (item.alarm_name, str(item.alarm_type), item.at.timestamp(), str(item.type), item.summary, item.data)
            for item in history
        ],
    )


def _item(row: tuple[int, str, str, float, str, str, str]) -> HistoryItem:
    _, name, kind, at, what, summary, data = row
    return HistoryItem(
        alarm_name=name,
        alarm_type=AlarmType(kind),
        at=datetime.fromtimestamp(at, UTC),
        type=HistoryType(what),
        summary=summary,
        data=data,
    )
