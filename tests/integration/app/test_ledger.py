"""Alarms become incidents in the real journal, whatever one of them holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.app.ledger import Ledger
from wakeless.core.clock import ManualClock
from wakeless.core.ids import RandomIds
from wakeless.pipeline.events import CloseRequested, Planned
from wakeless.pipeline.run import Phase, Run
from wakeless.remediation.plan import Plan, Policy, ScriptLanguage, ScriptRef
from wakeless.store import journal
from wakeless.store.journal import JOURNAL_SCHEMA
from wakeless.store.sqlite import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "wakeless.db", schema={"journal": JOURNAL_SCHEMA})
    yield database
    database.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def ledger(db: Database, clock: ManualClock) -> Ledger:
    return make(db, clock)


def make(db: Database, clock: ManualClock) -> Ledger:
    return Ledger(db, clock, RandomIds(), windows=(), default_channels=())


def alarm(name: str, state: AlarmState = AlarmState.ALARM, *, at: datetime = NOW) -> Alarm:
    fingerprint = f"cloudwatch:{name}"
    key = f"{fingerprint}|{state}|{at.isoformat()}"
    return Alarm(source="cloudwatch", fingerprint=fingerprint, dedup_key=key, state=state, name=name, changed_at=at)


async def correlate_all(ledger: Ledger) -> list[str]:
    found = []
    while ledger.has_inbox():
        found += await ledger.correlate(3)
    return found


def names(db: Database) -> set[str]:
    return {run.incident.alarm.name for run in db.read(lambda one: journal.list_runs(one, None, None, 500))}


async def test_a_report_that_cannot_be_read_holds_up_no_other(db: Database, ledger: Ledger, clock: ManualClock) -> None:
    await ledger.accept([alarm(f"a{number}") for number in range(10)])
    good = db.read(lambda one: [report.text for report in journal.inbox(one, 1)])[0]

    def spoil(text: str) -> None:
        db.submit(lambda one: one.execute("UPDATE alarms_received SET alarm = ? WHERE seq = 1", (text,))).result()

    spoil('{"name": "half a rec')
    assert len(await correlate_all(ledger)) == 10
    assert names(db) == {f"a{number}" for number in range(1, 10)} | {"Report 1 of the inbox"}

    # It is not lost: a program that can read it does so at its next start.
    spoil(good)
    assert not ledger.has_inbox()
    assert len(await correlate_all(make(db, clock))) == 1
    assert "a0" in names(db)


@pytest.mark.parametrize("fault", [OverflowError("date value out of range"), sqlite3.IntegrityError("UNIQUE")])
async def test_an_alarm_whose_incident_is_broken_costs_no_other(
    db: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    real = journal.insert_run

    def insert(one: sqlite3.Connection, run: Run) -> None:
        real(one, run)
        if run.incident.alarm.name == "poison":
            raise fault

    monkeypatch.setattr(journal, "insert_run", insert)
    await ledger.accept([alarm("first"), alarm("poison"), alarm("last")])
    await correlate_all(ledger)
    about = "Report 2 of the inbox"
    assert names(db) == {"first", "last", about}
    # By hand and from our own evaluator, in one transaction with others.
    received = await ledger.receive([alarm("hand"), alarm("poison", at=NOW + timedelta(seconds=1))])
    assert [one.incident_id is None for one in received] == [False, True]
    assert names(db) == {"first", "last", "hand", about}

    monkeypatch.setattr(journal, "insert_run", real)
    await correlate_all(make(db, ManualClock(NOW)))
    assert names(db) == {"first", "last", "hand", "poison", about}


async def test_people_are_told_of_a_report_that_was_set_aside_once_and_can_close_it(
    db: Database, clock: ManualClock
) -> None:
    def make_one() -> Ledger:
        return Ledger(db, clock, RandomIds(), windows=(), default_channels=("pager",))

    await make_one().accept([alarm("a")])
    await db.write(lambda one: one.execute("UPDATE alarms_received SET alarm = '{'"))
    for _ in range(3):  # three starts
        await correlate_all(make_one())
    (run,) = db.read(lambda one: journal.list_runs(one, None, None, 9))
    assert (run.phase, run.incident.status) == (Phase.ESCALATED, "escalated")
    told = db.read(lambda one: journal.messages_of(one, run.incident.id))
    assert [(one["channel"], one["kind"]) for one in told] == [("pager", "incident.escalated")]
    closed = await make_one().apply(run.incident.id, CloseRequested(principal="ann", reason="seen"))
    assert closed.incident.status == "resolved"


async def test_what_nobody_has_looked_at_is_never_pruned(db: Database, ledger: Ledger) -> None:
    await ledger.accept([alarm("waits")])
    await db.write(lambda one: journal.prune_alarms(one, NOW + timedelta(days=365), 1000))
    assert len(await correlate_all(ledger)) == 1


FAR = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("ahead", [FAR, NOW + timedelta(hours=14), NOW + timedelta(seconds=2)])
async def test_a_source_whose_clock_was_ahead_is_heard_once_it_is_right(
    db: Database, ledger: Ledger, clock: ManualClock, ahead: datetime
) -> None:
    await ledger.receive([alarm("skewed", at=ahead)])
    clock.advance(10)
    await ledger.receive([alarm("skewed", AlarmState.OK, at=clock.now())])
    assert [run.incident.status for run in db.read(lambda one: journal.list_runs(one, None, None, 9))] == ["resolved"]
    # An OK from the future must not silence the alarm either.
    await ledger.receive([alarm("skewed", AlarmState.OK, at=ahead)])
    clock.advance(10)
    received = await ledger.receive([alarm("skewed", at=clock.now())])
    assert received[0].incident_id is not None
    assert len(db.read(lambda one: journal.list_runs(one, None, None, 9))) == 2


@pytest.mark.parametrize("at", [datetime(1, 1, 1, tzinfo=UTC), FAR])
async def test_the_first_and_the_last_moment_there_is_are_taken_in(db: Database, ledger: Ledger, at: datetime) -> None:
    await ledger.accept([alarm("odd", at=at), alarm("odd", AlarmState.OK, at=at)])
    await correlate_all(ledger)
    assert db.read(lambda one: journal.latest_state(one, "cloudwatch:odd")) is not None


async def test_a_late_report_still_changes_nothing(db: Database, ledger: Ledger, clock: ManualClock) -> None:
    clock.advance(60)
    await ledger.receive([alarm("a", AlarmState.OK, at=NOW + timedelta(seconds=50))])
    received = await ledger.receive([alarm("a", at=NOW + timedelta(seconds=40))])
    assert received[0].incident_id is None


def planned(script: str) -> Planned:
    reference = ScriptRef(key=script, language=ScriptLanguage.SHELL, uri="file:///x", version="1", sha256="0")
    return Planned(outcome=Plan(script=reference, target=script, rule=script, policy=Policy()))


async def test_the_kill_switch_and_what_it_cancels_are_one_commit(db: Database, ledger: Ledger) -> None:
    received = await ledger.receive([alarm("a"), alarm("b"), alarm("waits")])
    ids = [one.incident_id or "" for one in received]
    for incident_id in ids[:2]:
        assert (await ledger.apply(incident_id, planned(f"{incident_id}.sh"))).phase is Phase.EXECUTING

    commits: list[str] = []
    db._writer.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)
    cancelled = await ledger.set_automation(False, "alice", "enough")
    assert len(commits) == 1
    assert [run.incident.id for run in cancelled] == ids[:2]
    assert all(run.cancel_requested for run in cancelled)
    # Decided by whom, and when, stands in both timelines.
    texts = [entry["text"] for entry in db.read(lambda one: journal.timeline_of(one, ids[0]))]
    assert "Stopped by alice: automation was stopped: enough" in texts

    # From now on the guard lets nothing through.
    run = await ledger.apply(ids[2], planned("late.sh"))
    assert (run.phase, run.hold and run.hold.code) == (Phase.HELD, "kill_switch")
    assert await ledger.set_automation(True, "alice", "") == []
