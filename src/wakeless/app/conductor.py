"""Performs what the pipeline asks for: the server's host of `pipeline.machine`.

It holds nothing that is not in the journal. A restart asks `next_todo` of every incident again and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from wakeless.alarms.alarm import Alarm
from wakeless.app.attempts import AttemptDesk
from wakeless.app.feed import Feed
from wakeless.app.ledger import Ledger
from wakeless.app.pressure import Pressure
from wakeless.core.clock import Clock
from wakeless.core.errors import Unavailable, WakelessError
from wakeless.execution.outcome import Outcome, Result
from wakeless.pipeline.events import AttemptEnded, Due, Event, HoldMayBeOver, Planned, Probed
from wakeless.pipeline.run import Attempt, Run
from wakeless.pipeline.todo import AskGuard, FindPlan, Probe, RunAttempt, TimeIsUp, Todo, next_todo
from wakeless.remediation.plan import NoPlan, Plan
from wakeless.store import journal
from wakeless.store.sqlite import Database
from wakeless.verification.settle import NoAnswer, Observation

logger = logging.getLogger(__name__)

#: Incidents in each lane that are worked on at the same moment; attempts run beside them.
WORKERS = 16
#: Due incidents picked up at once.
PAGE = 200
#: Alarms taken out of the inbox in one commit.
CORRELATED = 20
#: Held incidents that the end of an attempt brings back before the guard at once.
RECHECKED = 10
#: Seconds before an incident whose step could not be written is picked up again.
SETBACK = 2.0
#: The same after a fault of ours.
REST = 30.0
#: Seconds within which the kill switch waits for targets that are just being given a command.
SETTLE = 5.0

FindsPlan = Callable[[Alarm], Awaitable[Plan | NoPlan]]
Observes = Callable[[Alarm], Awaitable[Observation]]


#: The lane of everything that waits for nothing but the journal.
STEPS = "steps"


def _lane_of(todo: Todo, run: Run) -> str:
    if isinstance(todo, FindPlan):
        return "plans"
    return f"probes of {run.incident.alarm.source}" if isinstance(todo, Probe) else STEPS


class Lane:
    """A queue of incidents for one kind of work, so that a slow source or store holds up nothing else."""

    def __init__(self, name: str, tasks: asyncio.TaskGroup, work: Callable[[str, str], Awaitable[None]]) -> None:
        self._name = name
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._work = work
        for _ in range(WORKERS):
            tasks.create_task(self._run())

    def add(self, incident_id: str) -> None:
        """Have the incident worked on when its turn comes."""
        self._waiting.put_nowait(incident_id)

    async def _run(self) -> None:
        while True:
            await self._work(self._name, await self._waiting.get())


class Conductor:
    """Picks incidents up, does what is to be done, and lets them go when they must wait."""

    def __init__(
        self,
        *,
        db: Database,
        ledger: Ledger,
        feed: Feed,
        clock: Clock,
        find_plan: FindsPlan,
        observe: Observes,
        attempts: AttemptDesk,
        pressure: Pressure,
    ) -> None:
        self._db = db
        self._ledger = ledger
        self._feed = feed
        self._clock = clock
        self._find_plan = find_plan
        self._observe = observe
        self._attempts = attempts
        self._pressure = pressure
        self._inbox = asyncio.Event()
        #: Incidents in a lane; those named again meanwhile are looked at once more.
        self._busy: dict[str, bool] = {}
        #: Incidents in trouble: time alone does not bring them back before `SETBACK` or `REST` is over.
        self._resting: set[str] = set()
        #: Named before `run` began.
        self._early: list[str] = []
        self._lanes: dict[str, Lane] = {}
        self._tasks: asyncio.TaskGroup | None = None
        #: By attempt.
        self._executing: dict[str, asyncio.Task[None]] = {}
        self._timer = asyncio.Event()

    def wake(self, incident_ids: Iterable[str]) -> None:
        """Say that something happened to these incidents. Call it from the event loop."""
        for incident_id in incident_ids:
            if incident_id in self._busy:
                self._busy[incident_id] = True
            else:
                self._busy[incident_id] = False
                self._enqueue(STEPS, incident_id)
        self._feed.kick()

    def correlate(self) -> None:
        """Say that there is an alarm in the inbox."""
        self._inbox.set()

    def heed(self, run: Run) -> None:
        """Stop the incident's attempt at once, if that is what is to be done; what has not begun never does."""
        todo = next_todo(run, self._clock.now())
        if isinstance(todo, RunAttempt) and todo.cancel:
            self._attempts.cancel(todo.attempt.id)

    async def settled(self) -> None:
        """Return when no target is just being given a command, and after `SETTLE` seconds at the latest."""
        await self._attempts.settled(SETTLE)

    async def run(self) -> None:
        """Go on with what a former process left, then work for ever."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            early, self._early = self._early, []
            for incident_id in early:
                self._enqueue(STEPS, incident_id)
            self.wake(self._db.read(journal.active_incidents))
            tasks.create_task(self._watch_time())
            tasks.create_task(self._watch_inbox())

    def _enqueue(self, lane: str, incident_id: str) -> None:
        if self._tasks is None:
            self._early.append(incident_id)
            return
        if lane not in self._lanes:
            self._lanes[lane] = Lane(lane, self._tasks, self._work)
        self._lanes[lane].add(incident_id)

    async def close(self) -> None:
        """Let go of running attempts; their commands go on, and a restart re-attaches."""
        tasks = list(self._executing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch_inbox(self) -> None:
        while True:
            self._inbox.clear()
            try:
                while self._ledger.has_inbox():
                    await self._pressure.calm()
                    self.wake(await self._ledger.correlate(CORRELATED))
            except Unavailable as error:
                logger.warning("The inbox cannot be worked on: %s", error, extra={"action": "inbox_setback"})
                await asyncio.sleep(SETBACK)
                continue
            except Exception:
                # The edge of the loop: alarms must go on being correlated, whatever one of them does.
                logger.exception("The inbox failed", extra={"action": "inbox_failed"})
                await asyncio.sleep(SETBACK)
                continue
            await self._inbox.wait()

    async def _watch_time(self) -> None:
        while True:
            self._timer.clear()
            try:
                wait = self._wake_due(self._clock.now())
            except Unavailable as error:
                logger.warning("What is due cannot be read: %s", error, extra={"action": "time_setback"})
                wait = SETBACK
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._timer.wait()

    def _wake_due(self, now: datetime) -> float:
        """Wake those whose time has come; return the seconds until the next look."""
        # Those in work or in trouble are still due in the journal, and must not hide the others.
        room = PAGE + len(self._busy) + len(self._resting)
        due = self._db.read(lambda db: journal.due_incidents(db, now, room))
        fresh = [one for one in due if one not in self._busy and one not in self._resting]
        if fresh:
            self.wake(fresh[:PAGE])
        return 0.2 if due else self._until_next(now)

    def _until_next(self, now: datetime) -> float:
        at = self._db.read(journal.next_wake)
        return min(max((at - now).total_seconds(), 0.005), 60.0) if at is not None else 60.0

    async def _work(self, here: str, incident_id: str) -> None:
        lane = None
        await self._pressure.calm()
        try:
            lane = await self._activate(here, incident_id)
        except Unavailable as error:
            extra = {"action": "incident_setback", "incident_id": incident_id, "error": str(error)}
            logger.warning("An incident could not be written; trying again", extra=extra)
            self._rest(incident_id, SETBACK)
        except Exception:
            # The edge of the loop: one incident's trouble must not stop the others.
            logger.exception("Incident failed", extra={"action": "incident_failed", "incident_id": incident_id})
            self._rest(incident_id, REST)
        if lane is not None:
            self._enqueue(lane, incident_id)
        elif self._busy.pop(incident_id, False):
            self.wake([incident_id])

    def _rest(self, incident_id: str, seconds: float) -> None:
        def over() -> None:
            self._resting.discard(incident_id)
            self.wake([incident_id])

        if incident_id not in self._resting:
            self._resting.add(incident_id)
            asyncio.get_running_loop().call_later(seconds, over)

    async def _activate(self, here: str, incident_id: str) -> str | None:
        """Take the incident as far as it goes in this lane; the lane where it goes on, or None when it must wait."""
        run = self._db.read(lambda db: journal.get_run(db, incident_id))
        while run is not None:
            todo = next_todo(run, self._clock.now())
            if (lane := _lane_of(todo, run)) != here:
                return lane
            if isinstance(todo, RunAttempt):
                self._execute(run, todo)
                return None
            if isinstance(todo, AskGuard):
                run = await self._ledger.ask_guard(incident_id)
                self._feed.kick()
            elif isinstance(todo, FindPlan):
                run = await self._apply(incident_id, Planned(outcome=await self._plan(run.incident.alarm)))
            elif isinstance(todo, Probe):
                seen = await self._ask_source(run.incident.alarm)
                run = await self._apply(incident_id, Probed(attempt_id=todo.attempt_id, observation=seen))
            elif isinstance(todo, TimeIsUp):
                run = await self._apply(incident_id, Due(wake_at=todo.wake_at))
            else:
                self._timer.set()
                return None
        return None

    async def _apply(self, incident_id: str, event: Event) -> Run:
        run = await self._ledger.apply(incident_id, event)
        self._feed.kick()
        return run

    async def _plan(self, alarm: Alarm) -> Plan | NoPlan:
        try:
            return await self._find_plan(alarm)
        except WakelessError as error:
            return NoPlan(code=error.code, reason=str(error), retryable=error.retryable)
        except Exception as error:
            # A fault of ours must not leave the alarm unanswered: a person is told.
            logger.exception("Planning failed", extra={"action": "plan_failed", "alarm": alarm.name})
            return NoPlan(code="internal_error", reason=f"planning failed: {error!r}")

    async def _ask_source(self, alarm: Alarm) -> Observation:
        try:
            return await self._observe(alarm)
        except Exception as error:
            logger.exception("Probe failed", extra={"action": "probe_failed", "alarm": alarm.name})
            return NoAnswer(at=self._clock.now(), detail=f"asking the source failed: {error!r}")

    def _execute(self, run: Run, todo: RunAttempt) -> None:
        attempt_id = todo.attempt.id
        if attempt_id not in self._executing:
            task = asyncio.create_task(self._attempt(run, todo.attempt), name=f"attempt {attempt_id}")
            self._executing[attempt_id] = task
            task.add_done_callback(lambda _: self._executing.pop(attempt_id, None))
        self.heed(run)

    async def _attempt(self, run: Run, attempt: Attempt) -> None:
        incident_id = run.incident.id
        outcome = await self._follow(run, attempt)
        while True:
            try:
                await self._apply(incident_id, AttemptEnded(attempt_id=attempt.id, outcome=outcome))
                break
            except Unavailable as error:
                extra = {"action": "attempt_unwritten", "attempt_id": attempt.id, "error": str(error)}
                logger.warning("The result of an attempt could not be written; trying again", extra=extra)
                await asyncio.sleep(SETBACK)
            except Exception:
                # A fault of ours: the run folder stays, and a restart re-attaches and finds the same result.
                logger.exception("A result was not taken", extra={"action": "result_failed", "attempt_id": attempt.id})
                await asyncio.sleep(REST)
        if run.plan is not None and outcome.result is not Result.UNKNOWN:
            self._attempts.forget(attempt.id, run.plan.target)
        self.wake([incident_id])
        await self._recheck_held()

    async def _follow(self, run: Run, attempt: Attempt) -> Outcome:
        """Run the attempt to its end, whatever happens to the journal meanwhile."""
        is_new = self._ledger.began(attempt.id)
        while True:
            try:
                return await self._attempts.run(run, attempt, is_new=is_new)
            except Unavailable as error:
                extra = {"action": "attempt_setback", "attempt_id": attempt.id, "error": str(error)}
                logger.warning("The journal cannot be used; the attempt goes on", extra=extra)
                is_new = False
                await asyncio.sleep(SETBACK)
            except Exception as error:
                # It may have begun: nobody may guess, so a person looks.
                logger.exception("Attempt failed", extra={"action": "attempt_failed", "attempt_id": attempt.id})
                return Outcome(result=Result.UNKNOWN, detail=f"following it failed: {error!r}")

    async def _recheck_held(self) -> None:
        """Ask the guard again about incidents that may have waited for the attempt that just ended."""
        try:
            for incident_id in self._db.read(lambda db: journal.held_incidents(db, RECHECKED)):
                if incident_id not in self._busy:
                    await self._ledger.apply(incident_id, HoldMayBeOver())
                    self.wake([incident_id])
        except Exception:
            # Their time brings them back all the same.
            logger.exception("Held incidents were not asked about", extra={"action": "recheck_failed"})
