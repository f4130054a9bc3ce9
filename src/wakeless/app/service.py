"""The facade behind every door: what Wakeless can be asked to do, in one place."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

from wakeless.alarms.alarm import Alarm
from wakeless.app.attempts import OutputFiles
from wakeless.app.conductor import Conductor
from wakeless.app.describe import describe_attempt, describe_incident, describe_run
from wakeless.app.feed import Feed
from wakeless.app.ledger import Ledger, Received
from wakeless.app.pressure import Pressure
from wakeless.app.telemetry import Telemetry
from wakeless.core.clock import Clock
from wakeless.core.errors import InvalidInput, NotFound, WakelessError
from wakeless.incidents.incident import Status
from wakeless.monitoring.service import Monitoring
from wakeless.pipeline.events import CancelRequested, CloseRequested, Decided, Event, RetryRequested
from wakeless.store import journal
from wakeless.store.guard_facts import AUTOMATION
from wakeless.store.sqlite import Database

T = TypeVar("T")
#: Incidents on one page at most.
MOST = 500
#: Every status by which incidents may be listed; the last means all that are not resolved.
LISTED = (*Status, "unresolved")


class Service:
    """What doors delegate to. Answers are JSON values; whatever was changed is on disk when a call returns."""

    def __init__(
        self,
        *,
        db: Database,
        ledger: Ledger,
        conductor: Conductor,
        feed: Feed,
        monitoring: Monitoring,
        output: OutputFiles,
        telemetry: Telemetry,
        clock: Clock,
        pressure: Pressure,
    ) -> None:
        self._pressure = pressure
        self._db = db
        self._ledger = ledger
        self._conductor = conductor
        self._feed = feed
        self._output = output
        self._clock = clock
        self._started_at = clock.now()
        self.monitoring = monitoring
        self.metrics = telemetry

    async def receive(self, alarms: Sequence[Alarm]) -> Sequence[Received]:
        """Take alarms in, all or none; once this returns they are never lost. Raises `StoreUnavailable`."""
        received = await self._ledger.receive(alarms)
        for alarm, answer in zip(alarms, received, strict=True):
            if answer.duplicate:
                self.metrics.alarm_duplicate(alarm)
            else:
                self.metrics.alarm_received(alarm)
        self._conductor.wake({one.incident_id for one in received if one.incident_id and not one.duplicate})
        if any(one.incident_id is None for one in received):
            # One that could not be correlated waits in the inbox.
            self._conductor.correlate()
        return received

    async def accept(self, alarms: Sequence[Alarm]) -> None:
        """Take alarms in, all or none, and correlate them afterwards: for sources that send many.

        Once this returns they are never lost. Raises `StoreUnavailable`.
        """
        with self._pressure:
            await self._ledger.accept(alarms)
        for alarm in alarms:
            self.metrics.alarm_received(alarm)
        self._conductor.correlate()

    async def expose_metrics(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics as they are now, and their content type; raises `StoreUnavailable`."""
        counts = await self._read(journal.count_by_status)
        self.metrics.incidents_are({Status(status): count for status, count in counts.items()})
        return self.metrics.expose(accept)

    async def list_incidents(
        self, status: str | None = None, limit: int = 50, before: str | None = None
    ) -> list[dict[str, Any]]:
        """Return incidents, newest first; ``before`` is the last id of the page before. Raises `InvalidInput`."""
        if status is not None and status not in LISTED:
            raise InvalidInput(f"status must be one of {', '.join(LISTED)}")
        if not 1 <= limit <= MOST:
            raise InvalidInput(f"limit must be between 1 and {MOST}")
        runs = await self._read(lambda db: journal.list_runs(db, status, before, limit))
        return [describe_incident(run) for run in runs]

    async def get_incident(self, incident_id: str) -> dict[str, Any]:
        """Return one incident with its timeline, attempts and deliveries; raises `NotFound`."""

        def unit(db: sqlite3.Connection) -> dict[str, Any] | None:
            run = journal.get_run(db, incident_id)
            if run is None:
                return None
            return describe_run(run) | {
                "timeline": journal.timeline_of(db, incident_id),
                "attempts": [describe_attempt(row) for row in journal.attempts_of(db, incident_id)],
                "deliveries": journal.messages_of(db, incident_id),
            }

        found = await self._read(unit)
        if found is None:
            raise NotFound(f"there is no incident {incident_id}")
        return found

    async def output(self, attempt_id: str, stream: str = "stdout", offset: int = 0, limit: int = 65536) -> bytes:
        """Return output of an attempt from ``offset``; raises `NotFound`."""
        row = await self._read(lambda db: journal.get_attempt(db, attempt_id))
        if row is None:
            raise NotFound(f"there is no attempt {attempt_id}")
        return await asyncio.to_thread(self._output.read, attempt_id, stream, offset, limit)

    async def decide(
        self, incident_id: str, principal: str, approve: bool, comment: str = "", groups: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Approve or deny; raises `NotFound`, `NotAnApprover`, `NotNow`."""
        event = Decided(principal=principal, groups=frozenset(groups), approve=approve, comment=comment)
        return await self._apply(incident_id, event)

    async def retry(self, incident_id: str, principal: str) -> dict[str, Any]:
        """Try a held or escalated incident again; raises `NotFound`, `NotNow`."""
        return await self._apply(incident_id, RetryRequested(principal=principal))

    async def close(self, incident_id: str, principal: str, reason: str) -> dict[str, Any]:
        """Close an incident whose alarm is no longer in ALARM or no longer known; raises `NotFound`, `NotNow`."""
        return await self._apply(incident_id, CloseRequested(principal=principal, reason=reason))

    async def cancel(self, incident_id: str, principal: str, reason: str = "") -> dict[str, Any]:
        """Stop what runs for an incident and hand it to a person; raises `NotFound`, `NotNow`."""
        return await self._apply(incident_id, CancelRequested(principal=principal, reason=reason))

    async def set_automation(self, enabled: bool, principal: str, reason: str = "") -> dict[str, Any]:
        """Throw the kill switch, or release it. Thrown, nothing new begins and what runs is cancelled."""
        cancelled = await self._ledger.set_automation(enabled, principal, reason)
        for run in cancelled:
            self._conductor.heed(run)
        self._conductor.wake([run.incident.id for run in cancelled])
        if not enabled:
            # From here on the guard lets nothing through: what may yet begin is executing already.
            await self._conductor.settled()
        return self.automation()

    def automation(self) -> dict[str, Any]:
        """Return whether automation is enabled, and who said so."""
        switch = self._db.read(lambda db: journal.get_switch(db, AUTOMATION))
        if switch is None:
            return {"enabled": True, "principal": None, "reason": "", "at": None}
        return {
            "enabled": switch["value"] == "on",
            "principal": switch["principal"],
            "reason": switch["reason"],
            "at": switch["at"].isoformat(),
        }

    def events(self, after: int | None) -> AsyncIterator[dict[str, Any]]:
        """Yield timeline entries of all incidents as they are committed, from after the sequence number ``after``.

        None means only those to come.
        """
        return self._feed.events(self._db.read(journal.timeline_last) if after is None else after)

    async def end_streams(self) -> None:
        """End every stream of events: the server is about to stop."""
        await self._feed.end_streams()

    def health(self) -> dict[str, Any]:
        """Say that the process lives."""
        return {"status": "ok", "seconds_up": round((self._clock.now() - self._started_at).total_seconds(), 1)}

    async def ready(self) -> tuple[bool, dict[str, Any]]:
        """Say whether alarms can be taken in: whether the journal takes a commit."""
        try:
            async with asyncio.timeout(5):
                # It must write something: an empty commit succeeds on a full disk too.
                await self._db.write(lambda db: db.execute("PRAGMA user_version = 0"))
        except (WakelessError, TimeoutError) as error:
            return False, {"journal": str(error) or "no commit within 5 s"}
        return True, {"journal": "ok", "automation": self.automation()["enabled"]}

    async def _apply(self, incident_id: str, event: Event) -> dict[str, Any]:
        run = await self._ledger.apply(incident_id, event)
        self._conductor.heed(run)
        self._conductor.wake([incident_id])
        return describe_incident(run)

    async def _read(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._db.read, unit)
