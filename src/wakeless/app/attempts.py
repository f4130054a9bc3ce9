"""Attempts as the server runs them: the plan's script on the plan's target, the output kept and told as it comes."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wakeless.core.clock import Clock
from wakeless.core.errors import NotFound, WakelessError
from wakeless.core.ids import is_id
from wakeless.core.timeline import TimelineEntry
from wakeless.execution.outcome import Outcome, Result
from wakeless.execution.ports import Language, Target
from wakeless.execution.runner import AttemptRunner, Job
from wakeless.pipeline.run import Attempt, Run
from wakeless.remediation.environment import alarm_file, script_environment
from wakeless.remediation.ports import RemediationStore
from wakeless.store import journal
from wakeless.store.sqlite import Database, StoreUnavailable

logger = logging.getLogger(__name__)

#: Attempts that run at the same moment at most; more wait for their turn.
CONCURRENT = 100
#: Bytes of output that an attempt may put into the timeline; all of it is in the files.
TOLD = 16384
STREAMS = ("stdout", "stderr")


class OutputFiles:
    """Output of attempts, one folder each: ``<root>/<attempt id>/stdout`` and ``stderr``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, attempt_id: str, stream: str) -> Path:
        """Return where a stream is kept; raises `NotFound` for what is not an attempt or a stream."""
        if not is_id(attempt_id) or stream not in STREAMS:
            raise NotFound(f"no output {stream!r} of attempt {attempt_id!r}")
        return self._root / attempt_id / stream

    def sizes(self, attempt_id: str) -> tuple[int, int]:
        """Return how many bytes of stdout and stderr are kept."""
        out, err = (self.path(attempt_id, stream) for stream in STREAMS)
        return (out.stat().st_size if out.exists() else 0, err.stat().st_size if err.exists() else 0)

    def append(self, attempt_id: str, stdout: bytes, stderr: bytes) -> None:
        """Append to the streams; raises `StoreUnavailable`."""
        for stream, data in zip(STREAMS, (stdout, stderr), strict=True):
            if data:
                path = self.path(attempt_id, stream)
                try:
                    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                    with open(path, "ab", opener=_private) as file:
                        file.write(data)
                except OSError as error:
                    raise StoreUnavailable(f"{path}: {error.strerror or error}") from error

    def cut(self, attempt_id: str, sizes: tuple[int, int]) -> tuple[int, int]:
        """Drop what is beyond these sizes; return what is left. Raises `StoreUnavailable`."""
        found = self.sizes(attempt_id)
        for stream, has, size in zip(STREAMS, found, sizes, strict=True):
            if has > size:
                try:
                    os.truncate(self.path(attempt_id, stream), size)
                except OSError as error:
                    raise StoreUnavailable(f"output of {attempt_id}: {error.strerror or error}") from error
        return min(found[0], sizes[0]), min(found[1], sizes[1])

    def read(self, attempt_id: str, stream: str, offset: int, limit: int) -> bytes:
        """Return bytes from ``offset``; empty at the end or where nothing is kept."""
        path = self.path(attempt_id, stream)
        try:
            with path.open("rb") as file:
                file.seek(max(offset, 0))
                return file.read(limit)
        except FileNotFoundError:
            return b""

    def tail(self, attempt_id: str, limit: int = 2000) -> str:
        """Return the end of what it wrote, stderr first where there is any."""
        out, err = self.sizes(attempt_id)
        stream, size = ("stderr", err) if err else ("stdout", out)
        return self.read(attempt_id, stream, max(size - limit, 0), limit).decode("utf-8", "replace")


def _private(path: str, flags: int) -> int:
    # Outputs may hold anything: nobody but us reads them, whatever the umask says.
    return os.open(path, flags, 0o600)


@dataclass(slots=True)
class _Progress:
    incident_id: str
    told: int = 0


class AttemptDesk:
    """Runs attempts for the conductor, and keeps their output."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        scripts: RemediationStore,
        targets: Mapping[str, Target],
        output: OutputFiles,
    ) -> None:
        self._db = db
        self._clock = clock
        self._scripts = scripts
        self._targets = targets
        self._output = output
        self._turns = asyncio.Semaphore(CONCURRENT)
        self._running: dict[str, AttemptRunner] = {}
        self._cancelled: set[str] = set()
        self._progress: dict[str, _Progress] = {}
        self._cleaning: set[asyncio.Task[None]] = set()

    async def run(self, run: Run, attempt: Attempt, *, is_new: bool) -> Outcome:
        """Start or re-attach to an attempt, and answer how it ended.

        ``is_new`` says that nobody can have started it before. Raises `StoreUnavailable`: it goes on where it runs,
        and calling this again re-attaches.
        """
        plan = run.plan
        assert plan is not None
        target = self._targets.get(plan.target)
        row = self._db.read(lambda db: journal.get_attempt(db, attempt.id))
        started_at = row.started_at if row is not None else None
        unseen = Result.NOT_STARTED if is_new else Result.UNKNOWN
        if target is None:
            return Outcome(result=unseen, detail=f"the inventory has no target {plan.target} any more")
        try:
            environment = script_environment(
                run.incident.alarm,
                plan,
                incident_id=run.incident.id,
                attempt_id=attempt.id,
                attempt_number=attempt.number,
            )
        except WakelessError as error:
            return Outcome(result=unseen, detail=str(error))
        job = Job(
            attempt_id=attempt.id,
            began_at=started_at or attempt.began_at,
            name=plan.script.key,
            language=Language(plan.script.language),
            environment=environment,
            files={"alarm.json": alarm_file(run.incident.alarm)},
            timeout=plan.policy.timeout,
            was_started=started_at is not None,
            is_resumed=not is_new,
        )
        runner = AttemptRunner(job, target, lambda: self._scripts.read(plan.script), self, self._clock)
        self._progress[attempt.id] = _Progress(run.incident.id, told=sum(self.kept(attempt.id)))
        self._running[attempt.id] = runner
        if attempt.id in self._cancelled:
            runner.cancel()
        try:
            async with self._turns:
                return await runner.run()
        finally:
            self._running.pop(attempt.id, None)
            self._cancelled.discard(attempt.id)
            self._progress.pop(attempt.id, None)

    def cancel(self, attempt_id: str) -> None:
        """Have an attempt killed; one that has not begun to run is told as soon as it does."""
        self._cancelled.add(attempt_id)
        if (runner := self._running.get(attempt_id)) is not None:
            runner.cancel()

    async def settled(self, within: float) -> None:
        """Return when no command is being handed over to a target, and after ``within`` seconds at the latest."""
        handing_over = [runner.settled() for runner in self._running.values()]
        try:
            async with asyncio.timeout(within):
                await asyncio.gather(*handing_over)
        except TimeoutError:
            logger.warning("A target is still being given a command", extra={"action": "start_unsettled"})

    def forget(self, attempt_id: str, target_name: str) -> None:
        """Delete the run folder of an attempt whose result is in the journal."""
        task = asyncio.create_task(self._remove(attempt_id, target_name))
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)

    async def sweep(self) -> None:
        """Delete the run folders that a former process left."""
        for attempt_id, target_name in self._db.read(lambda db: journal.attempts_left(db, 1000)):
            await self._remove(attempt_id, target_name)

    async def close(self) -> None:
        """Finish deleting, then let go of every target."""
        await asyncio.gather(*self._cleaning, return_exceptions=True)
        for target in self._targets.values():
            await target.close()

    async def _remove(self, attempt_id: str, target_name: str) -> None:
        target = self._targets.get(target_name)
        try:
            if target is not None:
                await target.remove(attempt_id)
            await self._db.write(lambda db: journal.attempt_removed(db, attempt_id))
        except WakelessError as error:
            # The next sweep tries again; a leftover folder harms nobody.
            extra = {"action": "run_folder_left", "attempt_id": attempt_id, "error": str(error)}
            logger.info("A run folder could not be deleted yet", extra=extra)

    # --- execution.runner.AttemptLog ---

    async def started(self, attempt_id: str) -> None:
        """Note that the target has the command."""
        now = self._clock.now()
        await self._db.write(lambda db: journal.attempt_started(db, attempt_id, now))

    def kept(self, attempt_id: str) -> tuple[int, int]:
        """Return how many bytes of stdout and stderr are kept already."""
        row = self._db.read(lambda db: journal.get_attempt(db, attempt_id))
        # What the journal does not know of is fetched again, so that the timeline tells all of it, once.
        return self._output.cut(attempt_id, (row.stdout_size, row.stderr_size) if row is not None else (0, 0))

    async def keep(self, attempt_id: str, stdout: bytes, stderr: bytes) -> None:
        """Append output to the files and, while there is room, to the timeline."""
        self._output.append(attempt_id, stdout, stderr)
        progress = self._progress.get(attempt_id)
        entries = [] if progress is None else self._tell(progress, attempt_id, stdout, stderr)
        out, err = self._output.sizes(attempt_id)

        def unit(db: sqlite3.Connection) -> None:
            journal.attempt_output(db, attempt_id, out, err)
            if progress is not None:
                journal.add_timeline(db, progress.incident_id, entries)

        await self._db.write(unit)

    def _tell(self, progress: _Progress, attempt_id: str, stdout: bytes, stderr: bytes) -> list[TimelineEntry]:
        entries = []
        for stream, data in zip(STREAMS, (stdout, stderr), strict=True):
            room = TOLD - progress.told
            if not data or room <= 0:
                continue
            text = data[:room].decode("utf-8", "replace")
            progress.told += min(len(data), room)
            if progress.told >= TOLD:
                text += "\n(more is in the attempt's output)"
            details = {"attempt_id": attempt_id, "stream": stream}
            entries.append(TimelineEntry(at=self._clock.now(), kind="attempt.output", text=text, data=details))
        return entries
