"""The journal: incidents, alarms received, attempts, timeline, outbox. Rows only; what they mean is decided elsewhere.

Every function takes the connection of the transaction it belongs to.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import TypeAdapter

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.core.timeline import TimelineEntry
from wakeless.escalation.ports import MessageKind
from wakeless.pipeline.effects import EndAttempt, Tell
from wakeless.pipeline.run import Attempt, Run
from wakeless.store.sql import load_queries, load_text

#: For `Database`: the journal's migrations, oldest first.
JOURNAL_SCHEMA: Sequence[str] = (load_text("journal_schema.sql"),)
#: Above every identifier.
LAST_ID = "~"

_SQL = load_queries("journal.sql")
_RUN: TypeAdapter[Run] = TypeAdapter(Run)
_ALARM: TypeAdapter[Alarm] = TypeAdapter(Alarm)


def moment(seconds: float) -> datetime:
    """Return seconds since the Unix epoch as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptRow:
    """One attempt as the journal has it."""

    id: str
    incident_id: str
    number: int
    rule: str
    target: str
    script: str
    script_version: str
    began_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    result: str | None
    exit_code: int | None
    detail: str
    stdout_size: int
    stderr_size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One message that waits to be sent."""

    id: str
    incident_id: str
    channel: str
    kind: MessageKind
    #: Why people are told, one sentence.
    reason: str
    #: How often it was tried.
    tries: int
    created_at: datetime


#: For `Database.append` of `alarm_row`s.
RECORD_ALARM = _SQL["record_alarm"]


def alarm_row(alarm: Alarm, now: datetime) -> tuple[object, ...]:
    """Return the row of one report that came at ``now``, for `RECORD_ALARM`."""
    return (
        alarm.dedup_key,
        alarm.fingerprint,
        alarm.state,
        alarm.changed_at.timestamp(),
        now.timestamp(),
        _alarm_text(alarm),
    )


def _alarm_text(alarm: Alarm) -> str:
    try:
        return orjson.dumps(alarm).decode()
    except orjson.JSONEncodeError:
        # Numbers beyond 64 bits, which only the slower writer takes.
        return _ALARM.dump_json(alarm).decode()


def record_alarm(db: sqlite3.Connection, alarm: Alarm, now: datetime) -> bool:
    """Keep one report; False when a copy of it was there before."""
    return db.execute(RECORD_ALARM, alarm_row(alarm, now)).rowcount == 1


@dataclass(frozen=True, slots=True)
class Report:
    """One report as it waits in the inbox."""

    seq: int
    received_at: datetime
    #: The alarm as JSON, for `read_alarm`.
    text: str


def inbox(db: sqlite3.Connection, limit: int, aside: Iterable[int] = ()) -> list[Report]:
    """Return reports that have not been correlated yet, the oldest first, without those of the numbers ``aside``."""
    rows = db.execute(_SQL["inbox"], {"limit": limit, "aside": json.dumps(sorted(aside))})
    return [Report(row[0], moment(row[1]), row[2]) for row in rows]


def read_alarm(report: Report) -> Alarm:
    """Return the alarm that was reported; raises `ValueError` when it cannot be read."""
    return _ALARM.validate_json(report.text)


def join_alarm(db: sqlite3.Connection, alarm: Alarm, incident_id: str | None) -> None:
    """Say which incident a report belongs to, if any; it leaves the inbox."""
    db.execute(_SQL["join_alarm"], {"dedup_key": alarm.dedup_key, "incident_id": incident_id})


def incident_of_alarm(db: sqlite3.Connection, dedup_key: str) -> str | None:
    """Return the incident that a copy of this report belongs to, if any."""
    row = db.execute(_SQL["incident_of_alarm"], {"dedup_key": dedup_key}).fetchone()
    return row[0] if row else None


def update_latest(db: sqlite3.Connection, alarm: Alarm, received_at: datetime) -> bool:
    """Remember the alarm's newest state; False when a newer one is known already.

    A change counts as of when we heard of it at the latest: a source whose clock was ahead, and was put right, would
    not be listened to otherwise until its old future has come.
    """
    changed_at = min(alarm.changed_at, received_at)
    row = {"fingerprint": alarm.fingerprint, "state": alarm.state, "changed_at": changed_at.timestamp()}
    return db.execute(_SQL["put_latest_state"], row).rowcount == 1


def latest_state(db: sqlite3.Connection, fingerprint: str) -> tuple[AlarmState, datetime] | None:
    """Return the newest state that a source reported, and when it changed."""
    row = db.execute(_SQL["latest_state"], {"fingerprint": fingerprint}).fetchone()
    return (AlarmState(row[0]), moment(row[1])) if row else None


def open_run_of(db: sqlite3.Connection, fingerprint: str) -> Run | None:
    """Return the incident of this fingerprint that is not resolved."""
    row = db.execute(_SQL["open_incident"], {"fingerprint": fingerprint}).fetchone()
    return _RUN.validate_json(row[0]) if row else None


def get_run(db: sqlite3.Connection, incident_id: str) -> Run | None:
    """Return one incident's state."""
    row = db.execute(_SQL["get_run"], {"id": incident_id}).fetchone()
    return _RUN.validate_json(row[0]) if row else None


def insert_run(db: sqlite3.Connection, run: Run) -> None:
    """Keep a new incident."""
    incident = run.incident
    db.execute(
        _SQL["insert_incident"],
        _columns(run)
        | {
            "fingerprint": incident.fingerprint,
            "alarm_name": incident.alarm.name,
            "source": incident.alarm.source,
            "opened_at": incident.opened_at.timestamp(),
        },
    )


def update_run(db: sqlite3.Connection, run: Run) -> None:
    """Keep an incident's next state."""
    db.execute(_SQL["update_incident"], _columns(run))


def _columns(run: Run) -> dict[str, object]:
    incident = run.incident
    return {
        "id": incident.id,
        "status": incident.status,
        "phase": run.phase,
        "updated_at": incident.updated_at.timestamp(),
        "resolved_at": incident.resolved_at.timestamp() if incident.resolved_at else None,
        "wake_at": run.wake_at.timestamp() if run.wake_at else None,
        "run": _RUN.dump_json(run).decode(),
    }


def active_incidents(db: sqlite3.Connection) -> list[str]:
    """Return those that need the host at once after a restart."""
    return [row[0] for row in db.execute(_SQL["active_incidents"])]


def executing_incidents(db: sqlite3.Connection) -> list[str]:
    """Return those with a running attempt."""
    return [row[0] for row in db.execute(_SQL["executing_incidents"])]


def held_incidents(db: sqlite3.Connection, limit: int) -> list[str]:
    """Return those that are held, the oldest first."""
    return [row[0] for row in db.execute(_SQL["held_incidents"], {"limit": limit})]


def due_incidents(db: sqlite3.Connection, now: datetime, limit: int) -> list[str]:
    """Return those whose time has come, the longest waiting first."""
    return [row[0] for row in db.execute(_SQL["due_incidents"], {"now": now.timestamp(), "limit": limit})]


def next_wake(db: sqlite3.Connection) -> datetime | None:
    """Return when the next incident is due."""
    row = db.execute(_SQL["next_wake"]).fetchone()
    return moment(row[0]) if row[0] is not None else None


def add_timeline(db: sqlite3.Connection, incident_id: str, entries: Iterable[TimelineEntry]) -> None:
    """Append entries to an incident's timeline."""
    for entry in entries:
        row = {
            "incident_id": incident_id,
            "at": entry.at.timestamp(),
            "kind": entry.kind,
            "text": entry.text,
            "data": json.dumps(entry.data, ensure_ascii=False, default=str),
        }
        db.execute(_SQL["add_timeline"], row)


def timeline_of(db: sqlite3.Connection, incident_id: str) -> list[dict[str, Any]]:
    """Return an incident's timeline as JSON values."""
    rows = db.execute(_SQL["timeline_of"], {"incident_id": incident_id})
    return [_entry(incident_id, *row) for row in rows]


def timeline_after(db: sqlite3.Connection, after: int, limit: int) -> list[dict[str, Any]]:
    """Return all incidents' entries after a sequence number as JSON values."""
    rows = db.execute(_SQL["timeline_after"], {"after": after, "limit": limit})
    return [_entry(row[1], row[0], *row[2:]) for row in rows]


def timeline_last(db: sqlite3.Connection) -> int:
    """Return the newest sequence number; 0 when there is none."""
    return int(db.execute(_SQL["timeline_last"]).fetchone()[0])


def _entry(incident_id: str, seq: int, at: float, kind: str, text: str, data: str) -> dict[str, Any]:
    return {
        "seq": seq,
        "incident_id": incident_id,
        "at": moment(at).isoformat(),
        "kind": kind,
        "text": text,
        "data": json.loads(data),
    }


def begin_attempt(db: sqlite3.Connection, run: Run, attempt: Attempt) -> None:
    """Write the intent."""
    plan = run.plan
    assert plan is not None
    row = {
        "id": attempt.id,
        "incident_id": run.incident.id,
        "number": attempt.number,
        "fingerprint": run.incident.fingerprint,
        "rule": plan.rule,
        "target": plan.target,
        "script": plan.script.key,
        "script_version": plan.script.version,
        "began_at": attempt.began_at.timestamp(),
    }
    db.execute(_SQL["begin_attempt"], row)


def attempt_started(db: sqlite3.Connection, attempt_id: str, now: datetime) -> None:
    """Note that the target has the command."""
    db.execute(_SQL["attempt_started"], {"id": attempt_id, "at": now.timestamp()})


def end_attempt(db: sqlite3.Connection, end: EndAttempt, now: datetime) -> None:
    """Write the result."""
    row = {
        "id": end.attempt_id,
        "ended_at": now.timestamp(),
        "result": end.outcome.result,
        "exit_code": end.outcome.exit_code,
        "detail": end.outcome.detail,
    }
    db.execute(_SQL["end_attempt"], row)


def attempt_output(db: sqlite3.Connection, attempt_id: str, stdout_size: int, stderr_size: int) -> None:
    """Note how much output was kept."""
    row = {"id": attempt_id, "stdout_size": stdout_size, "stderr_size": stderr_size}
    db.execute(_SQL["attempt_output"], row)


def attempt_removed(db: sqlite3.Connection, attempt_id: str) -> None:
    """Note that the run folder on the target is gone."""
    db.execute(_SQL["attempt_removed"], {"id": attempt_id})


def get_attempt(db: sqlite3.Connection, attempt_id: str) -> AttemptRow | None:
    """Return one attempt."""
    cursor = db.execute(_SQL["get_attempt"], {"id": attempt_id})
    row = cursor.fetchone()
    return _attempt(cursor, row) if row else None


def attempts_of(db: sqlite3.Connection, incident_id: str) -> list[AttemptRow]:
    """Return an incident's attempts in order."""
    cursor = db.execute(_SQL["attempts_of"], {"incident_id": incident_id})
    return [_attempt(cursor, row) for row in cursor.fetchall()]


def attempts_left(db: sqlite3.Connection, limit: int) -> list[tuple[str, str]]:
    """Return (id, target) of ended attempts whose run folder may still be there."""
    return [(row[0], row[1]) for row in db.execute(_SQL["attempts_left"], {"limit": limit})]


def _attempt(cursor: sqlite3.Cursor, row: Sequence[Any]) -> AttemptRow:
    values: dict[str, Any] = dict(zip((column[0] for column in cursor.description), row, strict=True))
    for name in ("began_at", "started_at", "ended_at"):
        if values[name] is not None:
            values[name] = moment(values[name])
    return AttemptRow(**{name: values[name] for name in AttemptRow.__dataclass_fields__})


def put_message(
    db: sqlite3.Connection, message_id: str, incident_id: str, channel: str, tell: Tell, now: datetime
) -> None:
    """Put one message for one channel into the outbox; its words are made when it is sent."""
    row = {
        "id": message_id,
        "incident_id": incident_id,
        "channel": channel,
        "kind": tell.kind,
        "reason": tell.reason,
        "now": now.timestamp(),
    }
    db.execute(_SQL["put_message"], row)


def waiting_channels(db: sqlite3.Connection) -> list[str]:
    """Return the channels that a message waits for."""
    return [row[0] for row in db.execute(_SQL["waiting_channels"])]


def due_messages(db: sqlite3.Connection, channel: str, now: datetime, limit: int) -> list[Delivery]:
    """Return deliveries to be tried now through one channel; none whose incident has an earlier one waiting there."""
    rows = db.execute(_SQL["due_messages"], {"channel": channel, "now": now.timestamp(), "limit": limit})
    return [
        Delivery(
            id=row[0],
            incident_id=row[1],
            channel=row[2],
            kind=MessageKind(row[3]),
            reason=row[4],
            tries=row[5],
            created_at=moment(row[6]),
        )
        for row in rows
    ]


def next_message(db: sqlite3.Connection, now: datetime) -> datetime | None:
    """Return when the next delivery becomes due that is not due yet."""
    row = db.execute(_SQL["next_message"], {"now": now.timestamp()}).fetchone()
    return moment(row[0]) if row[0] is not None else None


def message_sent(db: sqlite3.Connection, message_id: str, reference: str, now: datetime) -> None:
    """Note that the channel has it."""
    db.execute(_SQL["message_sent"], {"id": message_id, "reference": reference, "now": now.timestamp()})


def message_later(db: sqlite3.Connection, message_id: str, next_at: datetime, error: str) -> None:
    """Note when to try again."""
    db.execute(_SQL["message_later"], {"id": message_id, "next_at": next_at.timestamp(), "error": error})


def message_failed(db: sqlite3.Connection, message_id: str, error: str) -> None:
    """Note that it was given up."""
    db.execute(_SQL["message_failed"], {"id": message_id, "error": error})


def first_reference(db: sqlite3.Connection, incident_id: str, channel: str) -> str | None:
    """Return the channel's id of the first message it took about this incident."""
    row = db.execute(_SQL["first_reference"], {"incident_id": incident_id, "channel": channel}).fetchone()
    return row[0] if row else None


def is_told(db: sqlite3.Connection, incident_id: str, channel: str) -> bool:
    """Say whether the channel took a message about this incident."""
    return db.execute(_SQL["is_told"], {"incident_id": incident_id, "channel": channel}).fetchone() is not None


def told_channels(db: sqlite3.Connection, incident_id: str) -> tuple[str, ...]:
    """Return the channels that were told of this incident, or are about to be."""
    return tuple(row[0] for row in db.execute(_SQL["told_channels"], {"incident_id": incident_id}))


def messages_of(db: sqlite3.Connection, incident_id: str) -> list[dict[str, Any]]:
    """Return an incident's deliveries as JSON values."""
    cursor = db.execute(_SQL["messages_of"], {"incident_id": incident_id})
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        for name in ("created_at", "sent_at", "next_at"):
            row[name] = moment(row[name]).isoformat() if row[name] is not None else None
    return rows


def get_switch(db: sqlite3.Connection, name: str) -> Mapping[str, Any] | None:
    """Return one switch: value, principal, reason, at."""
    row = db.execute(_SQL["get_switch"], {"name": name}).fetchone()
    return {"value": row[0], "principal": row[1], "reason": row[2], "at": moment(row[3])} if row else None


def put_switch(db: sqlite3.Connection, name: str, value: str, principal: str, reason: str, now: datetime) -> None:
    """Set one switch."""
    row = {"name": name, "value": value, "principal": principal, "reason": reason, "at": now.timestamp()}
    db.execute(_SQL["put_switch"], row)


def list_runs(db: sqlite3.Connection, status: str | None, before: str | None, limit: int) -> list[Run]:
    """Return incidents, newest first; ``status`` may be ``open`` for all that are not resolved."""
    name = "list_incidents" if status is None else "list_incidents_by_status"
    if status == "unresolved":
        name = "list_open_incidents"
    row = {"status": status, "before": before or LAST_ID, "limit": limit}
    return [_RUN.validate_json(found[0]) for found in db.execute(_SQL[name], row)]


def prune_alarms(db: sqlite3.Connection, before: datetime, limit: int) -> int:
    """Forget reports that came before a moment; return how many were forgotten."""
    return db.execute(_SQL["prune_alarms"], {"before": before.timestamp(), "limit": limit}).rowcount


def count_by_status(db: sqlite3.Connection) -> dict[str, int]:
    """Return how many incidents stand where."""
    return dict(db.execute(_SQL["count_by_status"]).fetchall())
