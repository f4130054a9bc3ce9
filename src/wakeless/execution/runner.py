"""Run one attempt, or re-attach to it, and follow it to its end.

The intent is in the journal before this is called, and the target makes the run folder atomically, so calling it
again after a crash continues the same attempt and never starts a second command (DESIGN section 6).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from wakeless.core.clock import Clock
from wakeless.core.errors import Refused, Unavailable, WakelessError
from wakeless.execution.outcome import Outcome, Result, outcome_of
from wakeless.execution.ports import (
    Command,
    CommandStatus,
    Language,
    Observation,
    StartUnconfirmed,
    Target,
    TargetUnreachable,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds that one question to the target may wait for news.
POLL = 10.0
#: Bytes asked for at once, so that a flood of output never fills our memory.
CHUNK = 65536
#: Seconds for which a target that does not answer is tried again before the attempt counts as unreachable.
CONNECT_WITHIN = 30.0
#: Seconds beyond the command's own limit after which a silent target means: nobody knows.
PATIENCE = 120.0
#: Seconds that a command which outlived even that has to end after being told to stop.
LAST_CALL = 30.0
#: Seconds between tries to reach a target: first, and at most.
BACKOFF = (0.5, 10.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What an attempt is to run."""

    attempt_id: str
    #: When the target had it, where the journal knows that, else when it was decided on; by our clock.
    began_at: datetime
    name: str
    language: Language
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    #: Seconds.
    timeout: float = 300.0
    #: Whether the journal knows that the target had it: then an absent run folder means an unknown outcome.
    was_started: bool = False
    #: Whether a former process may have handed it to the target: then a target that does not answer proves nothing.
    is_resumed: bool = False


class AttemptLog(Protocol):
    """Where an attempt's progress is kept. What its methods raise ends `AttemptRunner.run`, which may be repeated."""

    async def started(self, attempt_id: str) -> None:
        """Note that the target has the command."""
        ...

    def kept(self, attempt_id: str) -> tuple[int, int]:
        """Return how many bytes of stdout and stderr are kept already."""
        ...

    async def keep(self, attempt_id: str, stdout: bytes, stderr: bytes) -> None:
        """Append output to what is kept."""
        ...


ReadScript = Callable[[], Awaitable[bytes]]
Sleep = Callable[[float], Awaitable[None]]


class _CancelledEarly(Exception):
    """It was cancelled before the target was told to begin."""


class AttemptRunner:
    """One attempt on one target."""

    def __init__(
        self,
        job: Job,
        target: Target,
        read_script: ReadScript,
        log: AttemptLog,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._job = job
        self._target = target
        self._read_script = read_script
        self._log = log
        self._clock = clock
        self._sleep = sleep
        self._cancelled = asyncio.Event()
        self._stop_heard = False
        #: From when on "nothing ran" may not be said any more.
        self._may_run = job.was_started or job.is_resumed
        self._give_up_at = job.began_at + timedelta(seconds=job.timeout + PATIENCE)
        #: Not set while a command is being handed over.
        self._settled = asyncio.Event()
        self._settled.set()

    def cancel(self) -> None:
        """Have the command killed; `run` then answers with what the target says of it. Nothing is begun any more."""
        self._cancelled.set()

    async def settled(self) -> None:
        """Return when no command is being handed over: after `cancel`, nothing begins from then on."""
        await self._settled.wait()

    async def run(self) -> Outcome:
        """Start or re-attach, follow, and answer how it ended. Never raises for what a target or script does.

        What the log raises is raised: the attempt goes on where it runs, and a new runner re-attaches.
        """
        # However long ago it began: a target that was away as long as we were gets its chance.
        self._give_up_at = max(self._give_up_at, self._in(CONNECT_WITHIN))
        try:
            observation = await self._attach()
        except _CancelledEarly:
            return Outcome(result=Result.CANCELLED, detail="it was cancelled before it began")
        except WakelessError as error:
            if self._may_run:
                return Outcome(result=Result.UNKNOWN, detail=f"it may have begun, and cannot be seen: {error}")
            unreachable = isinstance(error, TargetUnreachable)
            return Outcome(result=Result.UNREACHABLE if unreachable else Result.NOT_STARTED, detail=str(error))
        self._may_run = True
        if not self._job.was_started and observation.status not in (CommandStatus.NOT_STARTED, CommandStatus.ABSENT):
            # It may have waited long for its turn: its limit counts from here.
            self._give_up_at = max(self._give_up_at, self._in(self._job.timeout + PATIENCE))
            await self._log.started(self._job.attempt_id)
        return await self._follow(observation)

    def _in(self, seconds: float) -> datetime:
        return self._clock.now() + timedelta(seconds=seconds)

    async def _attach(self) -> Observation:
        job = self._job
        if job.was_started:
            return await self._patiently(self._look, self._give_up_at)
        try:
            script = await self._unless_cancelled(self._read_script)
        except (WakelessError, _CancelledEarly) as error:
            return await self._find(error)
        command = Command(
            attempt_id=job.attempt_id,
            name=job.name,
            language=job.language,
            script=script,
            environment=job.environment,
            files=job.files,
            timeout=job.timeout,
        )
        try:
            return await self._patiently(lambda: self._start(command), self._in(CONNECT_WITHIN))
        except _CancelledEarly as error:
            return await self._find(error)

    async def _find(self, error: Exception) -> Observation:
        """Return where it stands although it cannot be started; raises ``error``, which says why, if it never began."""
        # A crash between the start and its note in the journal: the target may have it all the same.
        if not self._may_run:
            raise error
        observation = await self._patiently(self._look, self._give_up_at)
        if observation.status is CommandStatus.ABSENT:
            self._may_run = False
            raise error
        return observation

    async def _look(self) -> Observation:
        return await self._target.observe(self._job.attempt_id)

    async def _start(self, command: Command) -> Observation:
        return await self._unless_cancelled(lambda: self._hand_over(command))

    async def _hand_over(self, command: Command) -> Observation:
        self._settled.clear()
        try:
            return await self._target.start(command)
        except StartUnconfirmed:
            self._may_run = True
            raise
        finally:
            self._settled.set()

    async def _unless_cancelled(self, act: Callable[[], Awaitable[T]]) -> T:
        if self._cancelled.is_set():
            raise _CancelledEarly
        return await act()

    async def _follow(self, observation: Observation) -> Outcome:
        job = self._job
        out, err = self._log.kept(job.attempt_id)
        last_call = False
        while True:
            ended = observation.status is not CommandStatus.RUNNING
            if ended and out >= observation.stdout_size and err >= observation.stderr_size:
                return outcome_of(observation, job.timeout)
            overdue = not ended and self._clock.now() > self._give_up_at
            if overdue and last_call:
                return Outcome(result=Result.UNKNOWN, detail="it did not end within its limit, nor when told to stop")
            if overdue:
                last_call = True
                self._give_up_at = self._in(LAST_CALL)
            if (overdue or self._cancelled.is_set()) and not self._stop_heard and not ended:
                await self._stop()
            try:
                observed = await self._observe(out, err, wait=0.0 if ended else POLL)
            except WakelessError as error:
                logger.warning(
                    "Attempt lost", extra={"action": "attempt_lost", "attempt_id": job.attempt_id, "error": str(error)}
                )
                if ended:
                    return _without_rest(outcome_of(observation, job.timeout))
                why = "it began, and the target does not answer any more"
                return Outcome(result=Result.UNKNOWN, detail=f"{why}: {error}")
            if observed.stdout or observed.stderr:
                await self._log.keep(job.attempt_id, observed.stdout, observed.stderr)
                out, err = out + len(observed.stdout), err + len(observed.stderr)
            elif ended:
                # The target promised more than it gives: what there is, is kept.
                return outcome_of(observed, job.timeout)
            observation = observed

    async def _observe(self, out: int, err: int, wait: float) -> Observation:
        """Ask once, patiently; a cancellation does not wait for news."""

        def ask() -> Awaitable[Observation]:
            return self._target.observe(self._job.attempt_id, stdout_from=out, stderr_from=err, limit=CHUNK, wait=wait)

        until = self._give_up_at if wait else max(self._give_up_at, self._in(CONNECT_WITHIN))
        question = asyncio.ensure_future(self._patiently(ask, until))
        stop = asyncio.ensure_future(self._cancelled.wait())
        try:
            if wait and not self._cancelled.is_set():
                await asyncio.wait({question, stop}, return_when=asyncio.FIRST_COMPLETED)
                if not question.done():
                    await self._stop()
            return await question
        finally:
            stop.cancel()
            question.cancel()

    async def _stop(self) -> None:
        try:
            await self._target.cancel(self._job.attempt_id)
            self._stop_heard = True
        except WakelessError as error:
            # It is told again with the next question.
            extra = {"action": "cancel_failed", "attempt_id": self._job.attempt_id, "error": str(error)}
            logger.warning("Could not cancel", extra=extra)

    async def _patiently(self, ask: Callable[[], Awaitable[Observation]], until: datetime) -> Observation:
        """Ask until there is an answer; raises the last `Unavailable` at ``until``, and what is final at once.

        What may be running is waited for as long as it may run.
        """
        pause, most = BACKOFF
        while True:
            try:
                return await ask()
            except Refused:
                raise
            except Unavailable as error:
                if self._in(pause) > (max(until, self._give_up_at) if self._may_run else until):
                    raise
                extra = {"action": "target_retry", "attempt_id": self._job.attempt_id, "error": str(error)}
                logger.info("Target does not answer yet", extra=extra)
            await self._pause(pause)
            pause = min(pause * 2, most)

    async def _pause(self, seconds: float) -> None:
        """Wait; a cancellation of what cannot have begun ends it."""
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._sleep(seconds))]
        if not self._may_run:
            waits.append(asyncio.ensure_future(self._cancelled.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _without_rest(outcome: Outcome) -> Outcome:
    lost = "the target went away before all of its output was fetched"
    return replace(outcome, detail=f"{outcome.detail}; {lost}" if outcome.detail else lost)
