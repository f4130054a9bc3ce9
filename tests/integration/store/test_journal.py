"""The journal's rows: what is unique, what comes in which order, what is forgotten and what is not."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.core.ids import make_id
from wakeless.core.timeline import TimelineEntry
from wakeless.escalation.ports import MessageKind
from wakeless.execution.outcome import Outcome, Result
from wakeless.incidents.incident import Status
from wakeless.pipeline.effects import EndAttempt, Tell
from wakeless.pipeline.machine import open_run
from wakeless.pipeline.run import Attempt, Phase, Run
from wakeless.remediation.plan import Limits, Plan, Policy, ScriptLanguage, ScriptRef
from wakeless.remediation.schedule import Once, Window
from wakeless.store import journal
from wakeless.store.guard_facts import AUTOMATION, gather
from wakeless.store.journal import JOURNAL_SCHEMA
from wakeless.store.sqlite import Database

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SCRIPT = ScriptRef(key="a.sh", language=ScriptLanguage.SHELL, uri="u", version="v", sha256="0")
PLAN = Plan(script=SCRIPT, target="web-1", rule="r")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a journal that `Database` made."""
    Database(tmp_path / "a.db", schema={"journal": JOURNAL_SCHEMA}).close()
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    connection.execute("BEGIN")
    yield connection
    connection.close()


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def an_alarm(name: str = "a", state: AlarmState = AlarmState.ALARM, seconds: float = 0) -> Alarm:
    return Alarm(
        source="s",
        fingerprint=f"s:{name}",
        dedup_key=f"{name}|{state}|{seconds}",
        state=state,
        name=name,
        changed_at=at(seconds),
    )


def put(
    db: sqlite3.Connection,
    number: int,
    name: str | None = None,
    *,
    status: Status = Status.OPEN,
    phase: Phase = Phase.PLANNING,
    wake: float | None = None,
    opened: float = 0,
) -> Run:
    """Keep incident ``number``, as it is some time after it opened."""
    step = open_run(make_id("inc", T0, number), an_alarm(name or f"a{number}"), at(opened))
    incident = replace(step.run.incident, status=status)
    run = replace(step.run, incident=incident, phase=phase, wake_at=None if wake is None else at(wake))
    journal.insert_run(db, run)
    return run


def begin(
    db: sqlite3.Connection, run: Run, number: int, seconds: float, *, plan: Plan = PLAN, ended: bool = False
) -> str:
    attempt_id = make_id("att", T0, number)
    journal.begin_attempt(db, replace(run, plan=plan), Attempt(id=attempt_id, number=1, began_at=at(seconds)))
    if ended:
        end = EndAttempt(attempt_id=attempt_id, outcome=Outcome(result=Result.SUCCEEDED))
        journal.end_attempt(db, end, at(seconds + 1))
    return attempt_id


# --- incidents ------------------------------------------------------------------------------------------------------


def test_a_fingerprint_has_one_open_incident_at_most(db: sqlite3.Connection) -> None:
    first = put(db, 1, "a")
    with pytest.raises(sqlite3.IntegrityError):
        put(db, 2, "a")
    assert journal.open_run_of(db, "s:a") == first
    resolved = replace(first, incident=replace(first.incident, status=Status.RESOLVED), phase=Phase.RESOLVED)
    journal.update_run(db, resolved)
    assert journal.open_run_of(db, "s:a") is None
    second = put(db, 3, "a")
    assert journal.open_run_of(db, "s:a") == second
    # A resolved one cannot come back beside it.
    with pytest.raises(sqlite3.IntegrityError):
        journal.update_run(db, first)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("wake", [None, 10.0])
def test_after_a_restart_every_phase_is_either_taken_up_or_waits_for_its_time(
    db: sqlite3.Connection, phase: Phase, wake: float | None
) -> None:
    status = Status.RESOLVED if phase is Phase.RESOLVED else Status.OPEN
    run = put(db, 1, status=status, phase=phase, wake=wake)
    at_once = phase in (Phase.GUARDING, Phase.EXECUTING) or (phase is Phase.PLANNING and wake is None)
    assert journal.active_incidents(db) == ([run.incident.id] if at_once else [])
    assert journal.due_incidents(db, at(9.9), 10) == []
    assert journal.due_incidents(db, at(10), 10) == ([] if wake is None else [run.incident.id])
    assert journal.next_wake(db) == (None if wake is None else at(10))
    assert journal.executing_incidents(db) == ([run.incident.id] if phase is Phase.EXECUTING else [])
    assert journal.held_incidents(db, 10) == ([run.incident.id] if phase is Phase.HELD else [])


def test_the_longest_waiting_is_due_first_and_pages_are_bounded(db: sqlite3.Connection) -> None:
    made = {wake: put(db, number, wake=wake).incident.id for number, wake in enumerate((5, 1, 9, 3, 7))}
    assert journal.due_incidents(db, at(7), 10) == [made[1], made[3], made[5], made[7]]
    assert journal.due_incidents(db, at(7), 2) == [made[1], made[3]]
    assert journal.next_wake(db) == at(1)


def test_pages_hold_every_incident_once_newest_first(db: sqlite3.Connection) -> None:
    made = [put(db, number).incident.id for number in range(25)]
    found: list[str] = []
    before = None
    while page := journal.list_runs(db, None, before, 10):
        found += [run.incident.id for run in page]
        before = found[-1]
        put(db, 100 + len(found))  # what is new meanwhile does not move the pages
    assert found == made[::-1]


def test_lists_by_status_hold_that_status_alone(db: sqlite3.Connection) -> None:
    for number in range(9):
        put(db, number, status=(Status.OPEN, Status.RESOLVED, Status.ESCALATED)[number % 3])

    def numbers(status: str | None) -> list[int]:
        return [int(run.incident.alarm.name[1:]) for run in journal.list_runs(db, status, None, 100)]

    assert numbers("escalated") == [8, 5, 2]
    assert numbers("unresolved") == [8, 6, 5, 3, 2, 0]
    assert numbers("held") == []
    assert numbers(None) == list(range(8, -1, -1))
    assert journal.count_by_status(db) == {"open": 3, "resolved": 3, "escalated": 3}


# --- reports --------------------------------------------------------------------------------------------------------


def test_a_copy_of_a_report_is_kept_once_and_knows_its_incident(db: sqlite3.Connection) -> None:
    alarm = an_alarm()
    assert journal.record_alarm(db, alarm, T0)
    assert not journal.record_alarm(db, replace(alarm, reason="said otherwise"), at(1))
    assert journal.incident_of_alarm(db, alarm.dedup_key) is None
    journal.join_alarm(db, alarm, "inc-1")
    assert journal.incident_of_alarm(db, alarm.dedup_key) == "inc-1"
    assert journal.inbox(db, 10) == []


def test_the_inbox_is_read_in_the_order_in_which_reports_came(db: sqlite3.Connection) -> None:
    for seconds in (3, 1, 2):  # by the source's clock: the order in which they came counts
        journal.record_alarm(db, an_alarm(seconds=seconds), at(100 - seconds))
    found = [journal.read_alarm(one).dedup_key for one in journal.inbox(db, 10)]
    assert found == ["a|ALARM|3", "a|ALARM|1", "a|ALARM|2"]
    assert [one.seq for one in journal.inbox(db, 2)] == [1, 2]
    assert [one.seq for one in journal.inbox(db, 2, aside={1, 3})] == [2]


async def test_a_flood_is_kept_whole_however_it_is_shared_out_over_commits(tmp_path: Path) -> None:
    database = Database(tmp_path / "flood.db", schema={"journal": JOURNAL_SCHEMA})
    rows = [journal.alarm_row(an_alarm(f"a{number % 90}"), T0) for number in range(200)]
    await asyncio.gather(*(database.append(journal.RECORD_ALARM, rows[at : at + 7]) for at in range(0, 200, 7)))
    assert len(database.read(lambda one: journal.inbox(one, 1000))) == 90
    database.close()


def test_old_reports_are_forgotten_but_never_one_that_nobody_took_up(db: sqlite3.Connection) -> None:
    for number in range(10):
        alarm = an_alarm(f"a{number}")
        journal.record_alarm(db, alarm, at(number))
        if number != 2:
            journal.join_alarm(db, alarm, None)
    assert journal.prune_alarms(db, at(5), 3) == 3
    assert journal.prune_alarms(db, at(5), 3) == 1
    assert journal.prune_alarms(db, at(5), 3) == 0
    (left,) = journal.inbox(db, 10)
    assert journal.read_alarm(left).name == "a2"


def test_the_newest_state_of_an_alarm_is_remembered_whatever_comes_late(db: sqlite3.Connection) -> None:
    now = at(100)
    assert journal.update_latest(db, an_alarm(seconds=10), now)
    assert not journal.update_latest(db, an_alarm(state=AlarmState.OK, seconds=5), now)
    assert journal.latest_state(db, "s:a") == (AlarmState.ALARM, at(10))
    assert journal.update_latest(db, an_alarm(state=AlarmState.OK, seconds=10), now)
    assert journal.latest_state(db, "s:a") == (AlarmState.OK, at(10))


# --- timeline -------------------------------------------------------------------------------------------------------


def test_the_timeline_is_numbered_without_gaps_over_all_incidents(db: sqlite3.Connection) -> None:
    assert journal.timeline_last(db) == 0
    for number in range(6):
        entry = TimelineEntry(at=at(-number), kind=f"k{number}", text="t")
        journal.add_timeline(db, f"inc-{number % 2}", [entry])
    assert [one["seq"] for one in journal.timeline_of(db, "inc-1")] == [2, 4, 6]
    assert [one["kind"] for one in journal.timeline_after(db, 2, 3)] == ["k2", "k3", "k4"]
    assert [one["incident_id"] for one in journal.timeline_after(db, 4, 3)] == ["inc-0", "inc-1"]
    assert journal.timeline_after(db, 6, 3) == []
    assert journal.timeline_last(db) == 6


# --- outbox ---------------------------------------------------------------------------------------------------------

ESCALATED, RESOLVED = MessageKind.ESCALATED, MessageKind.RESOLVED


def message(
    db: sqlite3.Connection,
    number: int,
    incident: str = "inc-1",
    channel: str = "pager",
    kind: MessageKind = ESCALATED,
) -> str:
    message_id = make_id("msg", T0, number)
    journal.put_message(db, message_id, incident, channel, Tell(kind=kind, channels=(), reason="r"), at(number))
    return message_id


def due(db: sqlite3.Connection, seconds: float, channel: str = "pager", limit: int = 10) -> list[str]:
    return [one.id for one in journal.due_messages(db, channel, at(seconds), limit)]


def test_messages_are_due_in_the_order_in_which_they_were_made(db: sqlite3.Connection) -> None:
    made = [message(db, number, f"inc-{number}") for number in (3, 1, 2)]
    assert due(db, 10) == [made[1], made[2], made[0]]
    assert due(db, 10, limit=1) == [made[1]]
    assert due(db, 1.5) == [made[1]]
    assert due(db, 10, "chat") == []
    assert journal.next_message(db, at(1)) == at(2)
    assert journal.next_message(db, at(3)) is None
    assert journal.waiting_channels(db) == ["pager"]


def test_a_later_message_about_an_incident_waits_for_the_earlier_one(db: sqlite3.Connection) -> None:
    first, second = message(db, 1), message(db, 2, kind=RESOLVED)
    elsewhere, another = message(db, 3, channel="chat", kind=RESOLVED), message(db, 4, "inc-2")
    assert due(db, 10) == [first, another]
    assert due(db, 10, "chat") == [elsewhere]
    journal.message_later(db, first, at(100), "busy")
    assert due(db, 10) == [another]
    assert due(db, 100) == [another, first]
    journal.message_sent(db, first, "ref-1", at(101))
    assert due(db, 102) == [second, another]
    assert journal.first_reference(db, "inc-1", "pager") == "ref-1"
    assert journal.first_reference(db, "inc-1", "chat") is None


def test_a_message_that_was_given_up_holds_up_none_after_it(db: sqlite3.Connection) -> None:
    first, second = message(db, 1), message(db, 2)
    journal.message_failed(db, first, "refused")
    assert due(db, 10) == [second]
    assert not journal.is_told(db, "inc-1", "pager")
    assert [one["status"] for one in journal.messages_of(db, "inc-1")] == ["failed", "pending"]


def test_what_is_told_of_deliveries_is_whole(db: sqlite3.Connection) -> None:
    first = message(db, 1)
    journal.message_later(db, first, at(7), "busy")
    journal.message_sent(db, first, "ref", at(8))
    (told,) = journal.messages_of(db, "inc-1")
    assert (told["tries"], told["status"], told["reference"], told["error"]) == (2, "sent", "ref", "")
    assert (told["created_at"], told["sent_at"]) == (at(1).isoformat(), at(8).isoformat())


# --- switches and the guard's facts ---------------------------------------------------------------------------------


def facts(db: sqlite3.Connection, run: Run, seconds: float, plan: Plan = PLAN) -> dict[str, object]:
    window = Window(name="w", when=Once(begins_at=T0, ends_at=at(1)))
    found = gather(db, replace(run, plan=plan), plan, (window,), at(seconds))
    return {name: getattr(found, name) for name in type(found).__dataclass_fields__}


def test_without_a_past_there_is_nothing_against_it(db: sqlite3.Connection) -> None:
    run = put(db, 1)
    found = facts(db, run, 10)
    assert found["automation_enabled"] is True
    assert (found["alarm_last_began_at"], found["target_last_began_at"]) == (None, None)
    assert (found["rule_began_at"], found["rule_running"], found["target_busy_with"]) == ((), 0, ())
    assert found["incidents_opened_at"] == (T0,)
    assert found["alarm"] == run.incident.alarm


def test_the_switch_says_who_threw_it_and_why(db: sqlite3.Connection) -> None:
    run = put(db, 1)
    journal.put_switch(db, AUTOMATION, "off", "ann", "release", T0)
    assert (facts(db, run, 1)["automation_enabled"], facts(db, run, 1)["automation_reason"]) == (False, "ann: release")
    journal.put_switch(db, AUTOMATION, "off", "ann", "", T0)
    assert facts(db, run, 1)["automation_reason"] == "ann"
    journal.put_switch(db, AUTOMATION, "on", "ben", "", at(1))
    assert facts(db, run, 1)["automation_enabled"] is True
    assert journal.get_switch(db, AUTOMATION) == {"value": "on", "principal": "ben", "reason": "", "at": at(1)}


def test_attempts_of_other_incidents_count_by_alarm_by_target_and_by_rule(db: sqlite3.Connection) -> None:
    before = put(db, 1, "a", status=Status.RESOLVED, phase=Phase.RESOLVED)
    begin(db, before, 1, 10, ended=True)
    begin(db, before, 2, 20, plan=replace(PLAN, target="db-1", rule="other"), ended=True)
    running = put(db, 2, "b")
    begin(db, running, 3, 30)
    mine = put(db, 3, "a", opened=40)
    begin(db, mine, 4, 50)
    found = facts(db, mine, 60)
    # This alarm's newest in another incident, wherever it ran and under whatever rule.
    assert found["alarm_last_began_at"] == at(20)
    assert found["target_last_began_at"] == at(30)
    # Attempts of this rule within the hour, this incident's own included.
    assert found["rule_began_at"] == (at(10), at(30), at(50))
    assert found["rule_running"] == 1
    assert found["target_busy_with"] == (running.incident.id,)
    assert found["incidents_opened_at"] == (T0, at(40))


def test_what_is_long_ago_does_not_count(db: sqlite3.Connection) -> None:
    plan = replace(PLAN, policy=Policy(limits=Limits(flapping_window=60)))
    old = put(db, 1, "a", status=Status.RESOLVED, phase=Phase.RESOLVED)
    begin(db, old, 1, 0, ended=True)
    mine = put(db, 2, "a", opened=3600)
    found = facts(db, mine, 3600, plan)
    assert found["rule_began_at"] == ()
    assert found["incidents_opened_at"] == (at(3600),)
    assert facts(db, mine, 3599, plan)["rule_began_at"] == (T0,)
