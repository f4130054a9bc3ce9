"""The parts of the server, joined as a test needs them, over a real journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.app.attempts import AttemptDesk, OutputFiles
from wakeless.app.conductor import Conductor
from wakeless.app.feed import Feed
from wakeless.app.ledger import Ledger
from wakeless.app.pressure import Pressure
from wakeless.app.service import Service
from wakeless.app.telemetry import Telemetry
from wakeless.core.clock import Clock, SystemClock
from wakeless.core.ids import CountingIds, Ids
from wakeless.execution.ports import Command, CommandStatus, Observation, Platform
from wakeless.pipeline.run import Run
from wakeless.remediation.plan import NoPlan, Plan, Policy, ScriptLanguage, ScriptRef
from wakeless.store import journal
from wakeless.store.sqlite import Database
from wakeless.verification.ports import Reading
from wakeless.verification.settle import Observation as Seen

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SCRIPT = ScriptRef(key="fix.sh", language=ScriptLanguage.SHELL, uri="file:///fix.sh", version="v1", sha256="0")
#: A deadline for what takes milliseconds.
SOON = 10.0


def make_alarm(name: str = "a", state: AlarmState = AlarmState.ALARM, at: float = 0, **fields: Any) -> Alarm:
    values: dict[str, Any] = {
        "source": "cloudwatch",
        "fingerprint": f"cloudwatch:{name}",
        "dedup_key": f"{name}|{state}|{at}",
        "state": state,
        "name": name,
        "changed_at": T0 + timedelta(seconds=at),
        "namespace": "CustomNamespace",
        "metric": "webapp-uptime",
    }
    return Alarm(**(values | fields))


def make_plan(target: str = "web-1", **policy: Any) -> Plan:
    return Plan(script=SCRIPT, target=target, rule="test", policy=Policy(**policy))


async def until(condition: Callable[[], object], *, what: str = "") -> None:
    """Return once ``condition`` holds."""
    deadline = asyncio.get_running_loop().time() + SOON
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"never came: {what or condition}"
        await asyncio.sleep(0.005)


class Machine:
    """A target in memory that outlives whoever uses it: commands run until the test ends them."""

    platform = Platform.LINUX

    def __init__(self, name: str = "web-1") -> None:
        self.name = name
        self.commands: dict[str, Command] = {}
        self.ends: dict[str, tuple[CommandStatus, int | None]] = {}
        self.starts: list[str] = []
        self.observed: list[str] = []
        self.cancelled: list[str] = []
        self.removed: list[str] = []
        #: What every command ends with at once; None: it runs on.
        self.exits_with: int | None = 0
        self.stdout = b""
        #: Cleared, a start takes until it is set again.
        self.takes_commands = asyncio.Event()
        self.takes_commands.set()
        self.starting = 0

    async def start(self, command: Command) -> Observation:
        self.starting += 1
        await self.takes_commands.wait()
        self.starting -= 1
        if command.attempt_id not in self.commands:
            self.commands[command.attempt_id] = command
            self.starts.append(command.attempt_id)
            if self.exits_with is not None:
                self.ends[command.attempt_id] = (CommandStatus.EXITED, self.exits_with)
        return self._observation(command.attempt_id, 0, 0)

    async def observe(
        self, attempt_id: str, *, stdout_from: int = 0, stderr_from: int = 0, limit: int = 65536, wait: float = 0.0
    ) -> Observation:
        self.observed.append(attempt_id)
        deadline = asyncio.get_running_loop().time() + wait
        while attempt_id not in self.ends and len(self.stdout) <= stdout_from:
            if asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(0.005)
        return self._observation(attempt_id, stdout_from, limit)

    def _observation(self, attempt_id: str, out: int, limit: int) -> Observation:
        if attempt_id not in self.commands:
            return Observation(status=CommandStatus.ABSENT)
        status, code = self.ends.get(attempt_id, (CommandStatus.RUNNING, None))
        size = len(self.stdout)
        return Observation(status=status, exit_code=code, stdout=self.stdout[out : out + limit], stdout_size=size)

    def end(self, exit_code: int = 0) -> None:
        for attempt_id in self.commands:
            self.ends.setdefault(attempt_id, (CommandStatus.EXITED, exit_code))

    async def cancel(self, attempt_id: str) -> None:
        self.cancelled.append(attempt_id)
        if attempt_id in self.commands:
            self.ends.setdefault(attempt_id, (CommandStatus.CANCELLED, 143))

    async def remove(self, attempt_id: str) -> None:
        self.removed.append(attempt_id)

    async def check(self) -> None:
        return

    async def close(self) -> None:
        return


class Scripts:
    """A store with one script."""

    root = "file:///"

    async def read(self, script: ScriptRef) -> bytes:
        return b"#!/bin/sh\n"

    async def find(self, keys: Sequence[str]) -> Sequence[ScriptRef]:
        return [SCRIPT]

    async def keys(self) -> Sequence[str]:
        return [SCRIPT.key]


@dataclass
class House:
    """Everything but channels and doors; what surrounds it is decided by the test."""

    db: Database
    folder: Path
    machine: Machine
    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=CountingIds)
    policy: dict[str, Any] = field(default_factory=dict)
    #: What the alarms' sources say now, by the alarm's name.
    says: dict[str, Callable[[], Any]] = field(default_factory=dict)
    plans: dict[str, Plan | NoPlan | Exception] = field(default_factory=dict)
    planned: list[str] = field(default_factory=list)
    probed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.feed = Feed(self.db)
        self.ledger = Ledger(self.db, self.clock, self.ids, windows=(), default_channels=("console",))
        self.output = OutputFiles(self.folder / "output")
        self.desk = AttemptDesk(
            db=self.db,
            clock=self.clock,
            scripts=Scripts(),
            targets={self.machine.name: self.machine},
            output=self.output,
        )
        self.pressure = Pressure()
        self.conductor = Conductor(
            db=self.db,
            ledger=self.ledger,
            feed=self.feed,
            clock=self.clock,
            find_plan=self.find_plan,
            observe=self.observe,
            attempts=self.desk,
            pressure=self.pressure,
        )
        self.service = Service(
            db=self.db,
            ledger=self.ledger,
            conductor=self.conductor,
            feed=self.feed,
            monitoring=None,  # type: ignore[arg-type]
            output=self.output,
            telemetry=Telemetry(),
            clock=self.clock,
            pressure=self.pressure,
        )

    async def find_plan(self, alarm: Alarm) -> Plan | NoPlan:
        self.planned.append(alarm.name)
        plan = self.plans.get(alarm.name)
        if isinstance(plan, Exception):
            raise plan
        return plan or make_plan(**self.policy)

    async def observe(self, alarm: Alarm) -> Seen:
        self.probed.append(alarm.name)
        says = self.says.get(alarm.name)
        if says is not None:
            found = says()
            return await found if asyncio.iscoroutine(found) else found  # type: ignore[no-any-return]
        return Reading(state=AlarmState.ALARM, since=alarm.changed_at, at=self.clock.now())

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[House]:
        """Run the conductor and the feed while the block lasts; ends as the server does."""
        tasks = [asyncio.create_task(self.conductor.run()), asyncio.create_task(self.feed.run())]
        try:
            yield self
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.conductor.close()
            await self.desk.close()

    def incidents(self, name: str = "a") -> list[Run]:
        runs = self.db.read(lambda db: journal.list_runs(db, None, None, 500))
        return [run for run in runs if run.incident.alarm.name == name]

    def status(self, name: str = "a") -> str | None:
        found = self.incidents(name)
        return found[0].incident.status.value if found else None

    def incident(self, name: str = "a") -> str:
        return self.incidents(name)[0].incident.id

    def timeline(self, name: str = "a") -> list[dict[str, Any]]:
        ids = [run.incident.id for run in self.incidents(name)]
        return self.db.read(lambda db: journal.timeline_of(db, ids[0])) if ids else []

    def kinds(self, name: str = "a") -> list[str]:
        return [entry["kind"] for entry in self.timeline(name)]
