"""Every change to an incident, as one transaction: load, advance, and write state, timeline and effects together."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.core.clock import Clock
from wakeless.core.errors import NotFound
from wakeless.core.ids import Ids
from wakeless.escalation.ports import MessageKind
from wakeless.pipeline.effects import BeginAttempt, EndAttempt, Tell
from wakeless.pipeline.events import AlarmReported, CancelRequested, Event, Guarded, Planned
from wakeless.pipeline.machine import Step, advance, open_run
from wakeless.pipeline.run import Run
from wakeless.pipeline.todo import AskGuard, next_todo
from wakeless.remediation.guard import guard
from wakeless.remediation.plan import NoPlan
from wakeless.remediation.schedule import Window
from wakeless.store import journal
from wakeless.store.guard_facts import AUTOMATION, gather
from wakeless.store.sqlite import Database

logger = logging.getLogger(__name__)

#: Characters of a report that could not be taken up, for the people who are told of it.
SHOWN = 500
#: How far ahead of us a source's clock may be: a day, so that one in the wrong time zone still agrees with itself.
MOST_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Received:
    """What became of one reported alarm."""

    #: None for an alarm that is not firing and has no open incident.
    incident_id: str | None
    #: A copy of this very report came before.
    duplicate: bool


class Ledger:
    """Applies events to incidents. Whatever is returned from an awaited method is on disk."""

    def __init__(
        self, db: Database, clock: Clock, ids: Ids, *, windows: tuple[Window, ...], default_channels: Sequence[str]
    ) -> None:
        self._db = db
        self._clock = clock
        self._ids = ids
        self._windows = windows
        self._default_channels = tuple(default_channels)
        #: Attempts of this process, from their intent to their end.
        self._began: set[str] = set()
        #: Numbers of reports in the inbox that could not be correlated.
        self._aside: frozenset[int] = frozenset()

    async def accept(self, alarms: Sequence[Alarm]) -> None:
        """Put alarms into the inbox: all or none; once this returns they are never lost. Raises `StoreUnavailable`.

        `correlate` must follow. Half of a flood's work can wait until after the answer.
        """
        now = self._clock.now()
        rows = [journal.alarm_row(_believable(alarm, now), now) for alarm in alarms]
        await self._db.append(journal.RECORD_ALARM, rows)

    async def correlate(self, limit: int) -> list[str]:
        """Take up to ``limit`` alarms out of the inbox; return the incidents that they opened or joined."""

        def unit(db: sqlite3.Connection) -> list[str]:
            found = [self._take_up(db, report) for report in journal.inbox(db, limit, self._aside)]
            return [incident_id for incident_id in found if incident_id is not None]

        return await self._db.write(unit)

    def has_inbox(self) -> bool:
        """Say whether an alarm waits in the inbox."""
        return bool(self._db.read(lambda db: journal.inbox(db, 1, self._aside)))

    def _take_up(self, db: sqlite3.Connection, report: journal.Report) -> str | None:
        """Correlate one report of the inbox. One that cannot be must not hold up those behind it.

        It stays in the inbox, and the next start tries again.
        """
        try:
            alarm = journal.read_alarm(report)
        except ValueError:
            found = None
        else:
            found = self._correlate_alone(db, alarm, report.received_at)
            if found is not None:
                return found.incident_id
        logger.error("A report is set aside until the next start", extra={"action": "alarm_aside", "seq": report.seq})
        # Replaced, never changed: the event loop reads it while the writer's thread is here.
        self._aside = self._aside | {report.seq}
        return self._tell_of_aside(db, report)

    def _tell_of_aside(self, db: sqlite3.Connection, report: journal.Report) -> str | None:
        """Open an incident about a report that nobody else will ever hear of, once; a person closes it."""
        now = self._clock.now()
        fingerprint = f"wakeless:report:{report.seq}"
        if journal.open_run_of(db, fingerprint) is not None:
            return None
        reason = "a report that was acknowledged could not be taken up; it is kept, and tried again at the next start"
        about = Alarm(
            source="wakeless",
            fingerprint=fingerprint,
            dedup_key=fingerprint,
            # Not in ALARM: nobody will ever say that it is OK, so that a person must be able to close it.
            state=AlarmState.INSUFFICIENT_DATA,
            name=f"Report {report.seq} of the inbox",
            changed_at=report.received_at,
            reason=f"{reason}: {report.text[:SHOWN]}",
        )
        opened = open_run(self._ids.new("inc", now), about, now)
        journal.insert_run(db, opened.run)
        run = self._write(db, opened, before=None, now=now)
        told = advance(run, Planned(outcome=NoPlan(code="report_not_taken_up", reason=reason)), now)
        return self._write(db, told, before=run, now=now).incident.id

    async def receive(self, alarms: Sequence[Alarm]) -> list[Received]:
        """Take alarms in and correlate them at once: all or none. Raises `StoreUnavailable`."""
        return await self._db.write(lambda db: self.receive_in(db, alarms))

    def receive_in(self, db: sqlite3.Connection, alarms: Sequence[Alarm]) -> list[Received]:
        """Take alarms in through a transaction that is already open."""
        now = self._clock.now()
        received = []
        for alarm in (_believable(alarm, now) for alarm in alarms):
            if journal.record_alarm(db, alarm, now):
                # What cannot be correlated waits in the inbox.
                received.append(self._correlate_alone(db, alarm, now) or Received(None, duplicate=False))
            else:
                received.append(Received(journal.incident_of_alarm(db, alarm.dedup_key), duplicate=True))
        return received

    def sink(self, db: sqlite3.Connection, alarms: Sequence[Alarm], /) -> None:
        """Take alarms of our own evaluator in, in the transaction that records their change of state."""
        self.receive_in(db, alarms)

    def _correlate_alone(self, db: sqlite3.Connection, alarm: Alarm, now: datetime) -> Received | None:
        """Do as `_correlate` does; None, and nothing changed, when a fault of ours gets in the way."""
        db.execute("SAVEPOINT report")
        try:
            received = Received(self._correlate(db, alarm, now), duplicate=False)
        except sqlite3.OperationalError:
            raise  # the disk's trouble, and everybody's
        except Exception:
            # The edge of this report: one incident's trouble must not cost the others of the same commit.
            logger.exception("An alarm cannot be correlated", extra={"action": "alarm_failed", "alarm": alarm.name})
            db.execute("ROLLBACK TO report")
            received = None
        db.execute("RELEASE report")
        return received

    def _correlate(self, db: sqlite3.Connection, alarm: Alarm, now: datetime) -> str | None:
        """Open or join the alarm's incident, and return it; None for what is not firing and has no open incident."""
        is_newest = journal.update_latest(db, alarm, now)
        run = journal.open_run_of(db, alarm.fingerprint)
        if run is not None:
            run = self._write(db, advance(run, AlarmReported(alarm=alarm), now), before=run, now=now)
        elif alarm.state is AlarmState.ALARM and is_newest:
            step = open_run(self._ids.new("inc", now), alarm, now)
            journal.insert_run(db, step.run)
            run = self._write(db, step, before=None, now=now)
        incident_id = run.incident.id if run is not None else None
        journal.join_alarm(db, alarm, incident_id)
        return incident_id

    async def apply(self, incident_id: str, event: Event) -> Run:
        """Apply one event; ask the guard in the same transaction where that comes next.

        Raises `NotFound`, `StoreUnavailable`, and what `pipeline.machine.advance` raises.
        """
        return await self._db.write(lambda db: self.apply_in(db, incident_id, event))

    def apply_in(self, db: sqlite3.Connection, incident_id: str, event: Event) -> Run:
        """Apply one event through a transaction that is already open."""
        now = self._clock.now()
        run = _existing(db, incident_id)
        run = self._write(db, advance(run, event, now), before=run, now=now)
        return self._ask_guard(db, run, now)

    async def ask_guard(self, incident_id: str) -> Run:
        """Ask the guard, where that is what the incident waits for: after a restart, or when a hold is over."""
        return await self._db.write(lambda db: self._ask_guard(db, _existing(db, incident_id), self._clock.now()))

    def _ask_guard(self, db: sqlite3.Connection, run: Run, now: datetime) -> Run:
        # The facts are read in the transaction that begins the attempt: two incidents cannot both be let through.
        if run.plan is not None and isinstance(next_todo(run, now), AskGuard):
            hold = guard(run.plan, gather(db, run, run.plan, self._windows, now), now)
            event = Guarded(hold=hold, attempt_id=self._ids.new("att", now))
            run = self._write(db, advance(run, event, now), before=run, now=now)
        return run

    def began(self, attempt_id: str) -> bool:
        """Say whether this very process decided on the attempt; else a former one may have started it already."""
        return attempt_id in self._began

    async def set_automation(self, enabled: bool, principal: str, reason: str) -> list[Run]:
        """Throw the kill switch, or release it; return the incidents whose attempts are cancelled by that.

        Switch and cancellations are one transaction: a crash in between would go on with what was to be stopped.
        Raises `StoreUnavailable`; then nothing was changed.
        """
        why = f"automation was stopped{': ' + reason if reason else ''}"

        def unit(db: sqlite3.Connection) -> list[Run]:
            journal.put_switch(db, AUTOMATION, "on" if enabled else "off", principal, reason, self._clock.now())
            running = [] if enabled else journal.executing_incidents(db)
            event = CancelRequested(principal=principal, reason=why)
            return [self.apply_in(db, incident_id, event) for incident_id in running]

        return await self._db.write(unit)

    def _write(self, db: sqlite3.Connection, step: Step, *, before: Run | None, now: datetime) -> Run:
        run = step.run
        if before is not None and run != before:
            journal.update_run(db, run)
        journal.add_timeline(db, run.incident.id, step.entries)
        for effect in step.effects:
            if isinstance(effect, BeginAttempt):
                journal.begin_attempt(db, run, effect.attempt)
                self._began.add(effect.attempt.id)
            elif isinstance(effect, EndAttempt):
                journal.end_attempt(db, effect, now)
                self._began.discard(effect.attempt_id)
            else:
                self._tell(db, run, effect, now)
        return run

    def _tell(self, db: sqlite3.Connection, run: Run, tell: Tell, now: datetime) -> None:
        """Put a message into the outbox, for each channel it is meant for."""
        channels = tell.channels or self._default_channels
        if tell.kind is MessageKind.RESOLVED:
            # Whoever was told of the trouble is told of its end, whatever the settings say by now.
            channels = journal.told_channels(db, run.incident.id)
        for channel in channels:
            journal.put_message(db, self._ids.new("msg", now), run.incident.id, channel, tell, now)


def _existing(db: sqlite3.Connection, incident_id: str) -> Run:
    run = journal.get_run(db, incident_id)
    if run is None:
        raise NotFound(f"there is no incident {incident_id}")
    return run


def _believable(alarm: Alarm, now: datetime) -> Alarm:
    """Return the report, as of now when it claims to be from the far future: no later one would ever be newer."""
    return alarm if alarm.changed_at - now <= MOST_AHEAD else replace(alarm, changed_at=now)
