"""What goes into the journal comes out of it: every record, whatever it holds."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.core.ids import make_id
from wakeless.core.timeline import TimelineEntry
from wakeless.execution.outcome import Outcome, Result
from wakeless.incidents.incident import Incident, Status
from wakeless.pipeline.effects import EndAttempt
from wakeless.pipeline.run import Attempt, Decision, HoldState, Phase, Run
from wakeless.pipeline.todo import next_todo
from wakeless.remediation.plan import Approval, Limits, NoPlan, Plan, Policy, ScriptLanguage, ScriptRef, VerifyPolicy
from wakeless.store import journal
from wakeless.store.journal import JOURNAL_SCHEMA
from wakeless.verification.ports import Reading
from wakeless.verification.settle import Standing

T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def empty() -> Iterator[sqlite3.Connection]:
    """A journal in memory: what is tested here is what the rows hold."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    for step in JOURNAL_SCHEMA:
        db.executescript(step)
    yield db
    db.close()


@pytest.fixture
def db(empty: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    empty.execute("BEGIN")
    yield empty
    empty.execute("ROLLBACK")


# A moment as the journal may have to keep it: microseconds, any year.
MOMENTS = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
# Text of any alphabet; half a character never gets past the doors, and is not made here.
TEXT = st.text(max_size=10)
NAMES = st.dictionaries(TEXT, TEXT, max_size=3)
NUMBERS = st.floats(0, 1e9, allow_nan=False).map(lambda number: round(number, 6))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
COUNTS = st.integers(0, 1000)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


ALARMS = st.builds(
    Alarm,
    source=TEXT,
    fingerprint=TEXT,
    dedup_key=TEXT,
    state=st.sampled_from(AlarmState),
    name=TEXT,
    changed_at=MOMENTS,
    previous_state=maybe(st.sampled_from(AlarmState)),
    reason=TEXT,
    description=TEXT,
    arn=maybe(TEXT),
    account=maybe(TEXT),
    region=maybe(TEXT),
    namespace=maybe(TEXT),
    metric=maybe(TEXT),
    dimensions=NAMES,
    labels=NAMES,
    annotations=NAMES,
    url=maybe(TEXT),
    raw=st.dictionaries(TEXT, JSON, max_size=3),
)
READINGS = st.builds(Reading, state=maybe(st.sampled_from(AlarmState)), since=maybe(MOMENTS), at=MOMENTS, detail=TEXT)
POLICIES = st.builds(
    Policy,
    attempts=COUNTS,
    pause=NUMBERS,
    timeout=NUMBERS,
    approval=maybe(
        st.builds(
            Approval,
            approvers=st.lists(TEXT, max_size=3).map(tuple),
            quorum=COUNTS,
            auto_approve_after=maybe(NUMBERS),
            auto_deny_after=maybe(NUMBERS),
        )
    ),
    verify=st.builds(VerifyPolicy, within=NUMBERS, steady_for=NUMBERS, every=NUMBERS),
    limits=st.builds(Limits, cooldown=NUMBERS, per_hour=COUNTS, max_hold=NUMBERS),
    escalate_to=st.lists(TEXT, max_size=3).map(tuple),
)
PLANS = st.builds(
    Plan,
    script=st.builds(
        ScriptRef, key=TEXT, language=st.sampled_from(ScriptLanguage), uri=TEXT, version=TEXT, sha256=TEXT
    ),
    target=TEXT,
    rule=TEXT,
    parameters=NAMES,
    policy=POLICIES,
    because=st.lists(TEXT, max_size=3).map(tuple),
)


def runs(phase: Phase) -> st.SearchStrategy[Run]:
    incidents = st.builds(
        Incident,
        id=st.just("inc-1"),
        fingerprint=TEXT,
        status=st.sampled_from(Status),
        alarm=ALARMS,
        alarm_state=st.sampled_from(AlarmState),
        alarm_changed_at=MOMENTS,
        opened_at=MOMENTS,
        updated_at=MOMENTS,
        resolved_at=maybe(MOMENTS),
        alarms=COUNTS,
    )
    return st.builds(
        Run,
        incident=incidents,
        phase=st.just(phase),
        plan=maybe(PLANS),
        no_plan=maybe(
            st.builds(
                NoPlan,
                code=TEXT,
                reason=TEXT,
                looked_for=st.lists(TEXT, max_size=2).map(tuple),
                retryable=st.booleans(),
                escalate_to=st.lists(TEXT, max_size=2).map(tuple),
            )
        ),
        attempt=maybe(st.builds(Attempt, id=TEXT, number=COUNTS, began_at=MOMENTS, ended_at=maybe(MOMENTS))),
        spent=COUNTS,
        begun=COUNTS,
        wake_at=maybe(MOMENTS),
        hold=maybe(st.builds(HoldState, code=TEXT, reason=TEXT, since=MOMENTS, until=MOMENTS, recheck=st.booleans())),
        asked_at=maybe(MOMENTS),
        decisions=st.lists(
            st.builds(Decision, principal=TEXT, approve=st.booleans(), at=MOMENTS, comment=TEXT), max_size=2
        ).map(tuple),
        approved=st.booleans(),
        standing=st.builds(
            Standing,
            last=maybe(READINGS),
            newest_since=maybe(MOMENTS),
            asked_at=maybe(MOMENTS),
            ok_from=maybe(MOMENTS),
            ok_seen_at=maybe(MOMENTS),
            relapses=COUNTS,
            silence=TEXT,
            hears_only=st.booleans(),
        ),
        plan_tries=COUNTS,
        cancel_requested=st.booleans(),
        reason=TEXT,
        told=st.booleans(),
    )


ANY_ORDER = settings(
    deadline=None,
    # An incident has some eighty fields, which take a while to make up.
    max_examples=200 if "TORTURE_ROUNDS" in os.environ else 8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("phase", Phase)
@ANY_ORDER
@given(data=st.data())
def test_an_incident_comes_back_as_it_was(phase: Phase, data: st.DataObject, db: sqlite3.Connection) -> None:
    run = data.draw(runs(phase))
    db.execute("DELETE FROM incidents")
    journal.insert_run(db, run)
    assert journal.get_run(db, "inc-1") == run
    after = data.draw(runs(phase))
    journal.update_run(db, after)
    found = journal.get_run(db, "inc-1")
    assert found == after
    # What is to be done next is the same for whoever reads it after a restart.
    assert found is not None
    assert next_todo(found, T0) == next_todo(after, T0)


@ANY_ORDER
@given(data=st.data())
def test_a_report_comes_back_as_it_was(data: st.DataObject, db: sqlite3.Connection) -> None:
    alarm, now = data.draw(ALARMS), data.draw(MOMENTS)
    db.execute("DELETE FROM alarms_received")
    assert journal.record_alarm(db, alarm, now)
    (report,) = journal.inbox(db, 10)
    assert journal.read_alarm(report) == alarm
    assert abs(report.received_at - now) < timedelta(microseconds=2)
    assert not journal.record_alarm(db, alarm, now)


@ANY_ORDER
@given(text=TEXT, data=st.dictionaries(TEXT, JSON, max_size=3), at=MOMENTS)
def test_a_timeline_entry_comes_back_as_it_was(
    text: str, data: dict[str, object], at: datetime, db: sqlite3.Connection
) -> None:
    db.execute("DELETE FROM timeline")
    journal.add_timeline(db, "inc-1", [TimelineEntry(at=at, kind="k", text=text, data=data)])
    (entry,) = journal.timeline_of(db, "inc-1")
    assert (entry["text"], entry["kind"], entry["data"]) == (text, "k", data)
    assert abs(datetime.fromisoformat(entry["at"]) - at) < timedelta(microseconds=2)


@pytest.mark.parametrize("result", Result)
def test_an_attempt_comes_back_as_it_went(result: Result, db: sqlite3.Connection) -> None:
    plan = Plan(
        script=ScriptRef(key="a.sh", language=ScriptLanguage.SHELL, uri="u", version="v", sha256="0"),
        target="web-1",
        rule="r",
    )
    alarm = Alarm(source="s", fingerprint="f", dedup_key="d", state=AlarmState.ALARM, name="n", changed_at=T0)
    incident = Incident(
        id="inc-1",
        fingerprint="f",
        status=Status.OPEN,
        alarm=alarm,
        alarm_state=AlarmState.ALARM,
        alarm_changed_at=T0,
        opened_at=T0,
        updated_at=T0,
    )
    attempt_id = make_id("att", T0, 1)
    journal.begin_attempt(
        db,
        Run(incident=incident, phase=Phase.EXECUTING, plan=plan),
        Attempt(id=attempt_id, number=1, began_at=T0),
    )
    row = journal.get_attempt(db, attempt_id)
    assert row is not None
    assert (row.began_at, row.started_at, row.ended_at, row.result) == (T0, None, None, None)
    later = T0 + timedelta(seconds=1)
    journal.attempt_started(db, attempt_id, later)
    journal.attempt_started(db, attempt_id, later + timedelta(hours=1))
    journal.attempt_output(db, attempt_id, 10, 20)
    ended = Outcome(result=result, exit_code=None if result is Result.UNKNOWN else 1, detail="d")
    journal.end_attempt(db, EndAttempt(attempt_id=attempt_id, outcome=ended), later)
    (row,) = journal.attempts_of(db, "inc-1")
    # The first note counts: a restart notes it again.
    assert (row.started_at, row.ended_at) == (later, later)
    assert (row.result, row.exit_code, row.detail) == (result, ended.exit_code, "d")
    assert (row.stdout_size, row.stderr_size) == (10, 20)
    assert (row.script, row.script_version, row.target, row.rule) == ("a.sh", "v", "web-1", "r")
    # Of what nobody knows, the run folder is left for a person to look at.
    left = [] if result is Result.UNKNOWN else [(attempt_id, "web-1")]
    assert journal.attempts_left(db, 10) == left
    journal.attempt_removed(db, attempt_id)
    assert journal.attempts_left(db, 10) == []


def test_there_is_no_such_attempt(db: sqlite3.Connection) -> None:
    assert journal.get_attempt(db, "att-x") is None
    assert journal.get_run(db, "inc-x") is None
    assert journal.get_switch(db, "automation") is None
    assert journal.latest_state(db, "f") is None
