"""Run one attempt, or re-attach to it, and follow it to its end.

The intent is in the journal before this is called, and the target makes the run folder atomically, so calling it
again after a crash continues the same attempt and never starts a second command (DESIGN section 6).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

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

#: Seconds that one question to the target may wait for news.
POLL = 10.0
#: Bytes asked for at once, so that a flood of output never fills our memory.
CHUNK = 65536
#: Seconds for which a target that does not answer is tried again before the attempt counts as unreachable.
CONNECT_WITHIN = 30.0
#: Seconds beyond the command's own limit after which a silent target means: nobody knows.
PATIENCE = 120.0
#: Seconds between tries to reach a target: first, and at most.
BACKOFF = (0.5, 10.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What an attempt is to run."""

    attempt_id: str
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
    """Where an attempt's progress is kept."""

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


class AttemptRunner:
    """One attempt on one target."""

    def __init__(self, job: Job, target: Target, read_script: ReadScript, log: AttemptLog, clock: Clock) -> None:
        self._job = job
        self._target = target
        self._read_script = read_script
        self._log = log
        self._clock = clock
        self._cancelled = asyncio.Event()
        self._give_up_at = job.began_at + timedelta(seconds=job.timeout + PATIENCE)

    def cancel(self) -> None:
        """Have the command killed; `run` then answers with what the target says of it."""
        self._cancelled.set()

    async def run(self) -> Outcome:
        """Start or re-attach, follow, and answer how it ended. Never raises for what a target or script does."""
        try:
            observation = await self._attach()
        except TargetUnreachable as error:
            if self._job.was_started:
                return Outcome(result=Result.UNKNOWN, detail=f"it began, and the target does not answer: {error}")
            if self._job.is_resumed or isinstance(error, StartUnconfirmed):
                return Outcome(
                    result=Result.UNKNOWN, detail=f"it may have begun, and the target does not answer: {error}"
                )
            return Outcome(result=Result.UNREACHABLE, detail=str(error))
        except WakelessError as error:
            return Outcome(result=Result.NOT_STARTED, detail=str(error))
        return await self._follow(observation)

    async def _attach(self) -> Observation:
        job = self._job
        if job.was_started:
            return await self._patiently(lambda: self._target.observe(job.attempt_id), until=self._give_up_at)
        until = self._clock.now() + timedelta(seconds=CONNECT_WITHIN)
        try:
            script = await self._read_script()
        except WakelessError:
            # A crash between the start and its note in the journal: the target may have it although the script is gone.
            observation = await self._patiently(lambda: self._target.observe(job.attempt_id), until=until)
            if observation.status is CommandStatus.ABSENT:
                raise
            return observation
        command = Command(
            attempt_id=job.attempt_id,
            name=job.name,
            language=job.language,
            script=script,
            environment=job.environment,
            files=job.files,
            timeout=job.timeout,
        )
        observation = await self._patiently(lambda: self._target.start(command), until=until)
        await self._log.started(job.attempt_id)
        return observation

    async def _follow(self, observation: Observation) -> Outcome:
        job = self._job
        out, err = self._log.kept(job.attempt_id)
        asked_to_stop = False
        while True:
            ended = observation.status is not CommandStatus.RUNNING
            if ended and out >= observation.stdout_size and err >= observation.stderr_size:
                return outcome_of(observation, job.timeout)
            if self._cancelled.is_set() and not asked_to_stop and not ended:
                asked_to_stop = True
                await self._stop()
            if not ended and self._clock.now() > self._give_up_at:
                return Outcome(result=Result.UNKNOWN, detail="it did not end within its limit, nor when told to stop")
            observed = await self._observe(out, err, wait=0.0 if ended else POLL)
            if observed is None:
                return Outcome(result=Result.UNKNOWN, detail="it began, and the target does not answer any more")
            if observed.stdout or observed.stderr:
                await self._log.keep(job.attempt_id, observed.stdout, observed.stderr)
                out, err = out + len(observed.stdout), err + len(observed.stderr)
            elif ended:
                # The target promised more than it gives: what there is, is kept.
                return outcome_of(observed, job.timeout)
            observation = observed

    async def _observe(self, out: int, err: int, wait: float) -> Observation | None:
        """Ask once, patiently; None when the target stays silent beyond the command's limit."""

        def ask() -> Awaitable[Observation]:
            return self._target.observe(self._job.attempt_id, stdout_from=out, stderr_from=err, limit=CHUNK, wait=wait)

        question = asyncio.ensure_future(self._patiently(ask, until=self._give_up_at))
        stop = asyncio.ensure_future(self._cancelled.wait())
        try:
            if wait and not self._cancelled.is_set():
                # A cancellation must not wait for news.
                await asyncio.wait({question, stop}, return_when=asyncio.FIRST_COMPLETED)
                if not question.done():
                    await self._stop()
            return await question
        except WakelessError as error:
            logger.warning(
                "Attempt lost",
                extra={"action": "attempt_lost", "attempt_id": self._job.attempt_id, "error": str(error)},
            )
            return None
        finally:
            stop.cancel()
            if not question.done():
                question.cancel()

    async def _stop(self) -> None:
        try:
            await self._target.cancel(self._job.attempt_id)
        except WakelessError as error:
            extra = {"action": "cancel_failed", "attempt_id": self._job.attempt_id, "error": str(error)}
            logger.warning("Could not cancel", extra=extra)

    async def _patiently(self, ask: Callable[[], Awaitable[Observation]], until: datetime) -> Observation:
        """Ask until there is an answer; raises the last `Unavailable` at ``until``, and what is final at once."""
        pause, most = BACKOFF
        while True:
            try:
                return await ask()
            except Refused:
                raise
            except Unavailable as error:
                if self._clock.now() + timedelta(seconds=pause) > until:
                    raise
                extra = {"action": "target_retry", "attempt_id": self._job.attempt_id, "error": str(error)}
                logger.info("Target does not answer yet", extra=extra)
            await asyncio.sleep(pause)
            pause = min(pause * 2, most)
