"""Time limits, cancellation and everything a script may leave behind."""

from __future__ import annotations

import asyncio
import os
import time

import pytest
from tests.contract.targets.bench import Bench, a_command, follow

from wakeless.execution.ports import CommandStatus, Target

# Processes are marked by an unlikely length of sleep, so that a test can look for them; each worker has its own marks,
# since several may run this on one machine at the same moment.
MARK = f"5{os.getpid()}"
FORKS_AND_HANGS = "sleep {n} & sleep {n} & (sleep {n}; true) & echo $$; sleep {n}"
IGNORES_TERM = "trap '' TERM; " + FORKS_AND_HANGS


async def end_of(target: Target, attempt_id: str) -> CommandStatus:
    return (await follow(target, attempt_id)).status


@pytest.mark.parametrize(("script", "n"), [(FORKS_AND_HANGS, ".1"), (IGNORES_TERM, ".2")])
async def test_the_time_limit_ends_the_whole_group(bench: Bench, target: Target, script: str, n: str) -> None:
    command = a_command(script.format(n=MARK + n), timeout=0.6, grace=0.4)
    began = time.monotonic()
    await target.start(command)
    seen = await follow(target, command.attempt_id)
    assert seen.status is CommandStatus.TIMED_OUT
    assert time.monotonic() - began < 10
    assert not _left(bench, n)
    assert seen.ended_at is not None
    assert seen.started_at is not None
    assert seen.ended_at - seen.started_at >= 0.5


@pytest.mark.parametrize(("script", "n"), [(FORKS_AND_HANGS, ".3"), (IGNORES_TERM, ".4")])
async def test_a_cancellation_ends_the_whole_group(bench: Bench, target: Target, script: str, n: str) -> None:
    command = a_command(script.format(n=MARK + n), grace=0.4)
    await target.start(command)
    await target.observe(command.attempt_id, wait=10.0)
    await target.cancel(command.attempt_id)
    assert await end_of(target, command.attempt_id) is CommandStatus.CANCELLED
    assert not _left(bench, n)
    await target.cancel(command.attempt_id)
    assert await end_of(target, command.attempt_id) is CommandStatus.CANCELLED


def _left(bench: Bench, n: str) -> str:
    """Living processes that sleep for our mark and this fraction."""
    return bench.shell(f"ps -A -o stat= -o args= | grep -v '^Z' | grep 'sleep {MARK}{n}$' || true")


async def test_a_script_may_tidy_up_before_it_is_killed(bench: Bench, target: Target) -> None:
    script = f"trap 'echo tidied >>{bench.folder}/tidied; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    command = a_command(script, grace=10.0)
    await target.start(command)
    await target.observe(command.attempt_id, wait=10.0)
    await target.cancel(command.attempt_id)
    seen = await follow(target, command.attempt_id)
    assert (seen.status, seen.exit_code) == (CommandStatus.CANCELLED, 9)
    assert bench.count("tidied") == 1


async def test_cancelling_after_the_end_changes_nothing(target: Target) -> None:
    command = a_command("exit 5")
    await target.start(command)
    await follow(target, command.attempt_id)
    await target.cancel(command.attempt_id)
    seen = await target.observe(command.attempt_id)
    assert (seen.status, seen.exit_code) == (CommandStatus.EXITED, 5)


async def test_a_daemon_left_behind_does_not_hold_the_attempt_up_and_lives_on(bench: Bench, target: Target) -> None:
    beat = f"{bench.folder}/beat"
    daemon = (
        f"while [ ! -e {bench.folder}/stop ]; do echo beat; echo x >>{beat}; sleep 0.1; done; echo end >>{beat}.end"
    )
    command = a_command(f"({daemon}) & echo started", timeout=300.0)
    await target.start(command)
    began = time.monotonic()
    seen = await follow(target, command.attempt_id)
    assert (seen.status, seen.exit_code) == (CommandStatus.EXITED, 0)
    assert seen.stdout.startswith(b"started\n") or b"started\n" in seen.stdout
    assert time.monotonic() - began < 8
    await target.remove(command.attempt_id)
    so_far = await asyncio.to_thread(bench.count, "beat")
    # It writes to the same pipe as ever, and must not be killed by that.
    bench.eventually(f"[ $(wc -l <{beat}) -gt {so_far + 3} ]")
    bench.shell(f"touch {bench.folder}/stop")
    bench.eventually(f"[ -e {beat}.end ]")


async def test_a_script_starts_with_the_usual_signals(target: Target) -> None:
    command = a_command("grep -E 'SigIgn|SigBlk' /proc/self/status")
    await target.start(command)
    seen = await follow(target, command.attempt_id)
    words = seen.stdout.decode().split()
    assert words[0] == "SigBlk:"
    # HUP, INT, QUIT, PIPE and TERM must reach a daemon that it starts.
    wanted = {1, 2, 3, 13, 15}
    for mask in (words[1], words[3]):
        assert not {n for n in wanted if int(mask, 16) >> (n - 1) & 1}


async def test_a_killed_runner_is_told_and_its_script_can_still_be_stopped(bench: Bench, target: Target) -> None:
    command = a_command(f"echo ready; sleep {MARK}.5")
    await target.start(command)
    await target.observe(command.attempt_id, wait=10.0)
    _kill_runner(bench, command.attempt_id)
    seen = await target.observe(command.attempt_id)
    assert seen.status is CommandStatus.RUNNING
    assert "runner was killed" in seen.detail
    await target.cancel(command.attempt_id)
    assert await end_of(target, command.attempt_id) is CommandStatus.LOST
    assert not _left(bench, ".5")


async def test_a_killed_runner_does_not_lift_the_time_limit(bench: Bench, target: Target) -> None:
    command = a_command(f"echo ready; sleep {MARK}.6", timeout=4.0)
    await target.start(command)
    await target.observe(command.attempt_id, wait=10.0)
    _kill_runner(bench, command.attempt_id)
    assert await end_of(target, command.attempt_id) is CommandStatus.LOST
    assert not _left(bench, ".6")


def _kill_runner(bench: Bench, attempt_id: str) -> None:
    bench.kill(bench.pid_in(attempt_id, "runner.id"))


async def test_a_reused_process_number_is_not_mistaken_for_the_runner(bench: Bench, target: Target) -> None:
    command = a_command(f"echo ready; sleep {MARK}.7")
    await target.start(command)
    await target.observe(command.attempt_id, wait=10.0)
    runner, leader = (bench.pid_in(command.attempt_id, name) for name in ("runner.id", "leader"))
    # A process of this test that has nothing to do with the attempt: only itself would be hit by a mistake.
    stranger = int(bench.shell(f"setsid sleep {MARK}.8 >/dev/null 2>&1 </dev/null & echo $!"))
    try:
        run = bench.run_folder(command.attempt_id)
        for name in ("runner.id", "leader"):
            bench.shell(f"sed -i 's/^[0-9]* /{stranger} /' {run}/{name}")
        bench.kill(runner)
        bench.kill(leader)
        assert await end_of(target, command.attempt_id) is CommandStatus.LOST
        await target.cancel(command.attempt_id)
        assert bench.shell(f"kill -0 {stranger} && echo alive") == "alive\n"
    finally:
        bench.kill(stranger)
