"""However often and by whomever an attempt is started, its script runs once, and survives whoever started it."""

from __future__ import annotations

import asyncio
import os
import random

from tests.contract.targets.bench import Bench, a_command, controller, follow

from wakeless.execution.ports import Command, CommandStatus, Target


def counted(bench: Bench, then: str = "") -> Command:
    return a_command(f"echo x >>{bench.folder}/count; {then}")


async def test_starting_again_re_attaches(bench: Bench, target: Target) -> None:
    command = counted(bench, f"until [ -e {bench.folder}/go ]; do sleep 0.05; done; exit 4")
    assert (await target.start(command)).status is CommandStatus.RUNNING
    assert (await target.start(command)).status is CommandStatus.RUNNING
    assert (await bench.target().start(command)).status is CommandStatus.RUNNING
    bench.shell(f"touch {bench.folder}/go")
    assert (await follow(target, command.attempt_id)).exit_code == 4
    again = await target.start(command)
    assert (again.status, again.exit_code) == (CommandStatus.EXITED, 4)
    assert bench.count("count") == 1


async def test_of_many_starts_at_once_one_runs_it(bench: Bench) -> None:
    targets = [bench.target() for _ in range(3)]
    for _ in range(3):
        command = counted(bench, "sleep 0.2")
        seen = await asyncio.gather(*(target.start(command) for target in targets for _ in range(3)))
        assert {one.status for one in seen} <= {CommandStatus.RUNNING, CommandStatus.EXITED}
        assert (await follow(targets[0], command.attempt_id)).exit_code == 0
    assert bench.count("count") == 3


async def test_a_removed_attempt_never_begins_again(bench: Bench, target: Target) -> None:
    command = counted(bench)
    await target.start(command)
    await follow(target, command.attempt_id)
    await target.remove(command.attempt_id)
    assert (await target.observe(command.attempt_id)).status is CommandStatus.ABSENT
    # As bytes do that a broken network delivers late.
    assert (await bench.target().start(command)).status is CommandStatus.ABSENT
    assert (await target.observe(command.attempt_id)).status is CommandStatus.ABSENT
    await target.remove(command.attempt_id)
    assert bench.count("count") == 1


async def test_a_killed_controller_neither_ends_nor_repeats_it(bench: Bench, target: Target) -> None:
    command = counted(bench, f"until [ -e {bench.folder}/go ]; do sleep 0.05; done; echo late; exit 6")
    process = controller(bench, command)
    with process:
        assert process.stdout is not None
        while (line := await asyncio.to_thread(process.stdout.readline)) != "running\n":
            assert line, "the controller ended before it began"
        process.kill()
    assert (await target.observe(command.attempt_id)).status is CommandStatus.RUNNING
    # The next controller does what the first one did.
    assert (await target.start(command)).status is CommandStatus.RUNNING
    bench.shell(f"touch {bench.folder}/go")
    seen = await follow(target, command.attempt_id)
    assert (seen.status, seen.exit_code, seen.stdout) == (CommandStatus.EXITED, 6, b"late\n")
    assert bench.count("count") == 1


async def test_a_controller_killed_at_any_moment_of_the_start_leaves_exactly_one_run(
    bench: Bench, target: Target
) -> None:
    moments = random.Random(4)
    for number in range(1, 5):
        command = counted(bench, "sleep 0.1")
        process = controller(bench, command)
        with process:
            assert process.stdout is not None
            while (await asyncio.to_thread(process.stdout.readline)) != "starting\n":
                pass
            await asyncio.sleep(moments.uniform(0.0, 0.03))
            process.kill()
        await target.start(command)
        assert (await follow(target, command.attempt_id)).exit_code == 0
        assert bench.count("count") == number


async def test_closing_the_target_leaves_its_commands_running(bench: Bench) -> None:
    target = bench.target()
    command = counted(bench, f"until [ -e {bench.folder}/go ]; do sleep 0.05; done; exit 7")
    await target.start(command)
    await target.close()
    bench.shell(f"touch {bench.folder}/go")
    assert (await follow(bench.target(), command.attempt_id)).exit_code == 7


async def test_many_commands_at_once_do_not_get_into_each_others_way(bench: Bench, target: Target) -> None:
    commands = [a_command(f"sleep 0.1; echo {n}; exit {n}") for n in range(12)]
    await asyncio.gather(*(target.start(command) for command in commands))
    seen = await asyncio.gather(*(follow(target, command.attempt_id) for command in commands))
    assert [(one.exit_code, one.stdout) for one in seen] == [(n, b"%d\n" % n) for n in range(12)]
    await asyncio.gather(*(target.remove(command.attempt_id) for command in commands))


async def test_nothing_is_left_of_a_command_that_ended(bench: Bench, target: Target) -> None:
    mark = f"5{os.getpid()}"  # ours alone: others may run this on the same machine
    command = a_command(f"sleep {mark}.7 & kill $!; echo hello", timeout=float(f"{mark}.8"))
    await target.start(command)
    await follow(target, command.attempt_id)
    await target.remove(command.attempt_id)
    bench.eventually(f"! ps -A -o stat= -o args= | grep -v '^Z' | grep -q 'sleep {mark}[.]'")
    bench.eventually(f"[ -z \"$(ps -A -o args= | grep '{command.attempt_id}' | grep -v grep)\" ]")
    assert bench.shell(f"ls -d {bench.run_folder(command.attempt_id)} 2>/dev/null || echo gone") == "gone\n"
