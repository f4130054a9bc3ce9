"""The shell programs under every shell that may be a target's /bin/sh, and on a machine without what Linux has."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.contract.targets.bench import a_command, follow, run

from wakeless.execution.ports import CommandStatus
from wakeless.targets import posix, ssh
from wakeless.targets.settings import SshHop, SshSettings
from wakeless.targets.ssh import SshTarget

SHELLS = {"dash": "dash", "bash": "bash", "busybox": "busybox sh", "mksh": "mksh", "zsh": "zsh --emulate sh"}
#: What a machine lacks, as replacements in the programs: macOS has no /proc and no setsid.
MACHINES = {
    "linux": {},
    "macos": {"/proc/": "/no/proc/", "command -v setsid": "command -v no-setsid"},
    "perl": {"command -v setsid": "command -v no-setsid", "set -m 2>/dev/null &&": "false &&"},
}


@dataclass
class ShellLink:
    """Runs the control program as an SSH server would, without one."""

    shell: str
    crowded: bool = False

    async def run(self, command: str, stdin: bytes, within: float) -> tuple[bytes, bytes]:
        assert command.startswith("exec /bin/sh -c ")
        process = await asyncio.create_subprocess_exec(
            *(*self.shell.split(), "-c", ssh._READ_PROGRAM),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        async with asyncio.timeout(within):
            return await process.communicate(stdin)

    async def close(self) -> None:
        pass


@pytest.fixture(params=[f"{shell}-{machine}" for shell in SHELLS for machine in MACHINES])
def target(request: pytest.FixtureRequest, machine_folder: Path, monkeypatch: pytest.MonkeyPatch) -> SshTarget:
    name, machine = request.param.split("-")
    shell = SHELLS[name]
    path = shutil.which(shell.split()[0])
    if path is None:
        pytest.skip(f"{name} is not installed")
    if machine == "macos" and name not in ("bash", "zsh"):
        pytest.skip("its shells are bash and zsh")
    if machine == "perl" and shutil.which("perl") is None:
        pytest.skip("perl is not installed")
    shell = " ".join([path, *shell.split()[1:]])
    changes = {"/bin/sh ./runner": f"{shell} ./runner", **MACHINES[machine]}

    def changed(text: bytes) -> bytes:
        for old, new in changes.items():
            text = text.replace(old.encode(), new.encode())
        return text

    runner, control = changed(posix.runner_text()), changed(posix.control_text())
    monkeypatch.setattr(ssh, "runner_text", lambda: runner)
    monkeypatch.setattr(ssh, "control_text", lambda: control)
    settings = SshSettings(name=name, server=SshHop(host="unused"), runs_root=str(machine_folder / "runs"))
    made = SshTarget(settings)
    monkeypatch.setattr(made, "_link", ShellLink(shell))
    return made


async def test_a_script_runs_to_its_end(target: SshTarget) -> None:
    await target.check()
    seen = await run(target, "#!/bin/sh\necho out; echo err >&2; exit 3", files={"a b": b"\0\1"})
    assert (seen.status, seen.exit_code, seen.stdout, seen.stderr) == (CommandStatus.EXITED, 3, b"out\n", b"err\n")
    assert seen.started_at is not None


async def test_values_arrive_as_they_are(target: SshTarget) -> None:
    value = "".join(map(chr, range(1, 0x180))) + "'\"$(x)`y`\\n\n\n"
    seen = await run(target, 'printf "%s" "$WAKELESS_X"', environment={"WAKELESS_X": value})
    assert seen.stdout.decode() == value


async def test_its_time_limit_ends_the_group(target: SshTarget) -> None:
    mark = f"sleep 6{os.getpid()}.5"  # ours alone: others may run this on the same machine
    seen = await run(target, f"trap '' TERM; {mark} & {mark}; {mark}", timeout=0.4, grace=0.2)
    assert seen.status is CommandStatus.TIMED_OUT
    listing = subprocess.run(["ps", "-A", "-o", "stat=", "-o", "args="], capture_output=True, text=True, check=True)
    assert not [line for line in listing.stdout.splitlines() if mark in line and not line.startswith("Z")]


async def test_it_can_be_cancelled(target: SshTarget) -> None:
    command = a_command("echo ready; sleep 61.6 & sleep 61.6", grace=0.2)
    await target.start(command)
    await target.observe(command.attempt_id, wait=10.0)
    await target.cancel(command.attempt_id)
    assert (await follow(target, command.attempt_id)).status is CommandStatus.CANCELLED


async def test_a_daemon_does_not_hold_it_up(target: SshTarget, machine_folder: Path) -> None:
    go = machine_folder / f"go-{time.monotonic_ns()}"
    daemon = f"(until [ -e {go} ]; do sleep 0.1; done; echo late) &"
    seen = await run(target, f"{daemon} echo early")
    # It ended while the daemon still waits.
    go.touch()
    assert (seen.status, seen.stdout) == (CommandStatus.EXITED, b"early\n")


async def test_it_runs_once(target: SshTarget, machine_folder: Path) -> None:
    command = a_command(f"echo x >>{machine_folder}/count; sleep 0.2")
    await asyncio.gather(*(target.start(command) for _ in range(4)))
    await follow(target, command.attempt_id)
    assert (machine_folder / "count").read_text() == "x\n"
    await target.remove(command.attempt_id)
    assert (await target.start(command)).status is CommandStatus.ABSENT


async def test_a_missing_interpreter_is_told(target: SshTarget) -> None:
    seen = await run(target, "#!/no/such/thing\n")
    assert seen.status is CommandStatus.NOT_STARTED
    seen = await run(target, "true", environment={"WAKELESS_X": "x" * 3_000_000})
    assert seen.status is CommandStatus.NOT_STARTED


async def test_output_beyond_the_limit_is_counted(target: SshTarget) -> None:
    seen = await run(target, "head -c 100000000 /dev/zero")
    assert (seen.status, seen.stdout_size) == (CommandStatus.EXITED, 100_000_000)
