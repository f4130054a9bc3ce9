"""What a contract test needs of a machine besides the target itself."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from wakeless.core.ids import RandomIds
from wakeless.execution.ports import Command, CommandStatus, Language, Observation, Target
from wakeless.targets.build import build_target
from wakeless.targets.settings import LocalSettings, SshHop, SshSettings, Sudo, TargetSettings

HERE = Path(__file__).parent
_ids = RandomIds()


def new_attempt() -> str:
    return _ids.new("att", datetime.now(UTC))


def a_command(script: str | bytes, **more: object) -> Command:
    fields: dict[str, object] = {"attempt_id": new_attempt(), "name": "test", "language": Language.SHELL, **more}
    return Command(script=script.encode() if isinstance(script, str) else script, **fields)  # type: ignore[arg-type]


async def follow(target: Target, attempt_id: str, within: float = 30.0) -> Observation:
    """Wait for the end and return it with all output."""
    until = time.monotonic() + within
    size = 1 << 50
    while True:
        seen = await target.observe(attempt_id, stdout_from=size, stderr_from=size, wait=5.0)
        if seen.status is not CommandStatus.RUNNING:
            return await target.observe(attempt_id, limit=1 << 20)
        assert time.monotonic() < until, f"still {seen.status} after {within} s"


async def run(target: Target, script: str | bytes, **more: object) -> Observation:
    command = a_command(script, **more)
    await target.start(command)
    return await follow(target, command.attempt_id)


@dataclass(kw_only=True)
class Bench:
    """A machine, how to make targets that speak to it, and a way to look at it from beside."""

    settings: TargetSettings
    #: Run a shell command on the machine, as the user that the scripts run as, and return its stdout.
    shell: Callable[[str], str]
    #: A folder on the machine for what the scripts leave behind.
    folder: str
    made: list[Target] = field(default_factory=list)

    @property
    def runs_root(self) -> str:
        return str(self.settings.runs_root)

    def target(self, **changes: object) -> Target:
        """Another adapter for the same machine."""
        target = build_target(replace(self.settings, **changes))  # type: ignore[arg-type]
        self.made.append(target)
        return target

    def run_folder(self, attempt_id: str) -> str:
        return f"{self.runs_root or '/var/tmp/wakeless-root/runs'}/{attempt_id}"

    def pid_in(self, attempt_id: str, name: str) -> int:
        """The process number that a file of the run folder begins with."""
        return int(self.shell(f"cat {self.run_folder(attempt_id)}/{name}").split()[0])

    def kill(self, pid: int) -> None:
        """Kill one process; never a number that would mean many."""
        assert pid > 1
        self.shell(f"kill -9 {pid}; sleep 0.2")

    def count(self, name: str) -> int:
        """How many lines a file in the folder has."""
        return int(self.shell(f"cat {self.folder}/{name} 2>/dev/null | wc -l"))

    def eventually(self, condition: str, within: float = 10.0) -> None:
        """Wait until a shell condition holds on the machine."""
        until = time.monotonic() + within
        while self.shell(f"if {condition}; then echo yes; fi").strip() != "yes":
            assert time.monotonic() < until, f"not within {within} s: {condition}"
            time.sleep(0.05)

    @contextlib.asynccontextmanager
    async def closing(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            for target in self.made:
                await target.close()


def controller(bench: Bench, command: Command) -> subprocess.Popen[str]:
    """Start a process that starts ``command`` and follows it; it prints what it sees, a status a line."""
    task = {
        "settings": to_json(bench.settings),
        "attempt_id": command.attempt_id,
        "script": command.script.decode(),
        "timeout": command.timeout,
    }
    return subprocess.Popen(
        [sys.executable, str(HERE / "controller.py"), json.dumps(task)], stdout=subprocess.PIPE, text=True
    )


def to_json(settings: TargetSettings) -> Mapping[str, object]:
    if isinstance(settings, LocalSettings):
        return {"runs_root": str(settings.runs_root)}
    hop = settings.server
    return {
        "name": settings.name,
        "runs_root": settings.runs_root,
        "sudo": settings.sudo.user if settings.sudo else None,
        "host": hop.host,
        "port": hop.port,
        "user": hop.user,
        "key_file": str(hop.key_files[0]),
        "known_hosts": str(hop.known_hosts),
    }


def from_json(task: Mapping[str, str | int | None]) -> TargetSettings:
    if "host" not in task:
        return LocalSettings(runs_root=Path(str(task["runs_root"])))
    hop = SshHop(
        host=str(task["host"]),
        port=int(task["port"] or 22),
        user=str(task["user"]),
        key_files=(Path(str(task["key_file"])),),
        known_hosts=Path(str(task["known_hosts"])),
        agent=False,
    )
    sudo = Sudo(user=str(task["sudo"])) if task["sudo"] else None
    return SshSettings(name=str(task["name"]), server=hop, sudo=sudo, runs_root=str(task["runs_root"]))
