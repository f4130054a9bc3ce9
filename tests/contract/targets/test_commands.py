"""What every target does with one command, on this machine, over a real SSH server, and on a real server."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.contract.targets.bench import Bench, a_command, follow, new_attempt, run

from wakeless.core.errors import InvalidInput
from wakeless.execution.ports import CommandStatus, Language, Target


async def test_a_script_runs_and_its_end_and_output_are_told(target: Target) -> None:
    before = time.time()
    seen = await run(target, "echo out; echo err >&2; exit 3")
    assert (seen.status, seen.exit_code) == (CommandStatus.EXITED, 3)
    assert (seen.stdout, seen.stderr, seen.stdout_size, seen.stderr_size) == (b"out\n", b"err\n", 4, 4)
    assert seen.started_at is not None
    assert seen.ended_at is not None
    assert before - 1 <= seen.started_at <= seen.ended_at <= time.time() + 1
    assert seen.detail == ""


async def test_a_target_that_is_in_order_passes_its_check(target: Target) -> None:
    await target.check()


async def test_a_script_that_kills_itself_has_the_code_of_the_signal(target: Target) -> None:
    seen = await run(target, "kill -9 $$")
    assert (seen.status, seen.exit_code) == (CommandStatus.EXITED, 137)


async def test_the_first_line_chooses_the_interpreter(target: Target) -> None:
    seen = await run(target, "#!/usr/bin/env python3\nimport sys\nprint(sys.version_info[0], sys.argv[0])")
    assert seen.stdout == b"3 ./script.sh\n"
    assert (await run(target, "#! /bin/sh -e\nfalse\necho not reached")).exit_code == 1


async def test_without_a_first_line_the_language_chooses(target: Target) -> None:
    assert (await run(target, "print(6 * 7)", language=Language.PYTHON)).stdout == b"42\n"


@pytest.mark.parametrize(
    ("script", "language", "why"),
    [
        ("#!/no/such/interpreter -x\n", Language.SHELL, "/no/such/interpreter"),
        ("#!/usr/bin/env no-such-program\n", Language.SHELL, "no-such-program"),
        ("#!/etc/passwd\n", Language.SHELL, "not executable"),
        ("#!/bin/sh\r\necho hello\r\n", Language.SHELL, "carriage return"),
        ("'hello'", Language.POWERSHELL, "pwsh or powershell"),
    ],
)
async def test_a_missing_interpreter_is_named(target: Target, script: str, language: Language, why: str) -> None:
    command = a_command(script, language=language)
    await target.start(command)
    seen = await follow(target, command.attempt_id)
    assert seen.status is CommandStatus.NOT_STARTED
    assert why in seen.detail
    assert seen.stdout == b""


AWKWARD = {
    "WAKELESS_NEWLINES": "one\ntwo\n\nthree",
    "WAKELESS_QUOTES": """it's "quoted" `date` $(touch /tmp/never) ${HOME} \\n \\""",
    "WAKELESS_UNICODE": "Ünïcödé ā Ą Ж 漢字 🚀 \u0081 \u200f",
    "WAKELESS_CONTROL": "".join(map(chr, range(1, 32))) + "\x7f",
    "WAKELESS_LONG": "x'" * 5000,
    "WAKELESS_EMPTY": "",
    "WAKELESS_DASH": "-n",
    "WAKELESS_GLOB": "* ? [a-z] ~ !! ; & | < > #",
    "_lower_1": "a=b=c",
}


async def test_values_arrive_in_the_environment_as_they_are(target: Target) -> None:
    script = "".join(f"printf '%s|' \"${name}\"\n" for name in AWKWARD)
    seen = await run(target, script, environment=AWKWARD)
    assert seen.stdout.decode() == "".join(f"{value}|" for value in AWKWARD.values())
    assert seen.stderr == b""


async def test_nothing_of_our_own_environment_reaches_a_script(
    bench: Bench, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    seen = await run(target, "env", environment={"WAKELESS_ALARM_NAME": "webapp-uptime"})
    names = {line.partition("=")[0] for line in seen.stdout.decode().splitlines()}
    ours = {"WAKELESS_ALARM_NAME", "WAKELESS_RUN_DIR"}
    # The last ones are the shell's own.
    usual = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "SHELL", "PWD", "OLDPWD", "SHLVL", "_"}
    assert ours <= names <= ours | usual


@pytest.mark.parametrize(
    "environment", [{"WAKELESS_X": "a\0b"}, {"1X": ""}, {"A B": ""}, {"": ""}, {"A;B": ""}, {"Ä": ""}, {"X": "\ud800"}]
)
async def test_what_no_environment_can_hold_is_refused(target: Target, environment: dict[str, str]) -> None:
    command = a_command("true", environment=environment)
    with pytest.raises(InvalidInput):
        await target.start(command)
    assert (await target.observe(command.attempt_id)).status is CommandStatus.ABSENT


@pytest.mark.parametrize("attempt_id", ["", "x", "../../etc", "att-" + "0" * 25 + "/", "att-" + "0" * 26 + "\n"])
async def test_an_attempt_id_that_is_none_never_becomes_a_path(target: Target, attempt_id: str) -> None:
    with pytest.raises(InvalidInput):
        await target.start(a_command("true", attempt_id=attempt_id))
    for ask in (target.observe, target.cancel, target.remove):
        with pytest.raises(InvalidInput):
            await ask(attempt_id)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf"), 1e30])
async def test_a_time_limit_that_is_none_is_refused(target: Target, limit: float) -> None:
    with pytest.raises(InvalidInput):
        await target.start(a_command("true", timeout=limit))


async def test_files_lie_beside_the_script(target: Target) -> None:
    files = {"alarm.json": b'{"a": "\xc3\xa4"}', "with space & quote's": b"\0\1\2", "-n": b"", "large": b"x" * 300_000}
    script = 'cd /; cat "$WAKELESS_RUN_DIR/alarm.json"; cd "$WAKELESS_RUN_DIR"; wc -c ./*; ls -la'
    seen = await run(target, script, files=files)
    out = seen.stdout.decode()
    assert out.startswith('{"a": "ä"}')
    for name, content in files.items():
        assert f"{len(content)} ./{name}\n" in out.replace("  ", "")
    assert "rwx------" in next(line for line in out.splitlines() if line.endswith(" script.sh"))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "a\nb", "script.sh", "a\0b", " a", "x" * 256])
async def test_a_file_name_that_is_not_plain_is_refused(target: Target, name: str) -> None:
    with pytest.raises(InvalidInput):
        await target.start(a_command("true", files={name: b""}))


async def test_a_run_folder_is_private(bench: Bench, target: Target) -> None:
    command = a_command("umask; pwd")
    await target.start(command)
    seen = await follow(target, command.attempt_id)
    umask, work = seen.stdout.decode().split()
    assert umask in ("0022", "022")
    modes = bench.shell(f"cd {work}/.. && stat -c '%a %n' . environment work stdout")
    assert modes.split() == ["700", ".", "600", "environment", "700", "work", "600", "stdout"]


async def test_output_is_given_from_any_offset(target: Target) -> None:
    command = a_command("printf 0123456789; printf abcdef >&2")
    await target.start(command)
    await follow(target, command.attempt_id)
    seen = await target.observe(command.attempt_id, stdout_from=4, stderr_from=2, limit=3)
    assert (seen.stdout, seen.stderr, seen.stdout_size, seen.stderr_size) == (b"456", b"cde", 10, 6)
    seen = await target.observe(command.attempt_id, stdout_from=10, stderr_from=60)
    assert (seen.stdout, seen.stderr) == (b"", b"")


async def test_output_is_told_while_the_command_runs(bench: Bench, target: Target) -> None:
    command = a_command(f"echo first; until [ -e {bench.folder}/go ]; do sleep 0.05; done; echo second")
    await target.start(command)
    seen = await target.observe(command.attempt_id, wait=20.0)
    assert (seen.status, seen.stdout) == (CommandStatus.RUNNING, b"first\n")
    asked_at = time.monotonic()
    seen = await target.observe(command.attempt_id, stdout_from=6, wait=0.5)
    assert (seen.status, seen.stdout) == (CommandStatus.RUNNING, b"")
    assert 0.4 <= time.monotonic() - asked_at < 5.0
    waiting = asyncio.create_task(target.observe(command.attempt_id, stdout_from=6, wait=20.0))
    await asyncio.to_thread(bench.shell, f"touch {bench.folder}/go")
    assert (await waiting).stdout == b"second\n"


async def test_binary_output_arrives_byte_for_byte(target: Target) -> None:
    seen = await run(target, "import sys; sys.stdout.buffer.write(bytes(range(256)) * 40)", language=Language.PYTHON)
    assert seen.stdout == bytes(range(256)) * 40


@pytest.mark.parametrize("size", [999_999, 1_000_000, 1_000_001, 3_000_000])
async def test_output_beyond_the_limit_is_counted_and_forgotten(bench: Bench, size: int) -> None:
    target = bench.target(output_cap=1_000_000)
    seen = await run(target, f"head -c {size} /dev/zero | tr '\\0' x; echo done >&2")
    assert (seen.status, seen.exit_code, seen.stderr) == (CommandStatus.EXITED, 0, b"done\n")
    assert seen.stdout_size == size
    assert seen.stdout == b"x" * min(size, 1_000_000)
    surplus = size - 1_000_000
    assert seen.detail == (f"{surplus} bytes of stdout beyond the limit were not kept" if surplus > 0 else "")


async def test_a_gigabyte_of_output_neither_fills_the_disk_nor_blocks_the_script(bench: Bench, target: Target) -> None:
    command = a_command("head -c 1000000000 /dev/zero; echo done >&2")
    await target.start(command)
    seen = await follow(target, command.attempt_id, within=60.0)
    assert (seen.status, seen.exit_code, seen.stderr) == (CommandStatus.EXITED, 0, b"done\n")
    assert seen.stdout_size == 1_000_000_000
    beyond = await target.observe(command.attempt_id, stdout_from=64 * 1024 * 1024, wait=5.0)
    assert beyond.stdout == b""
    await target.remove(command.attempt_id)


async def test_an_unknown_attempt_is_absent_and_harmless(target: Target) -> None:
    attempt_id = new_attempt()
    assert (await target.observe(attempt_id, wait=10.0)).status is CommandStatus.ABSENT
    await target.cancel(attempt_id)
    await target.remove(attempt_id)
    assert (await target.observe(attempt_id)).status is CommandStatus.ABSENT


async def test_an_environment_that_no_kernel_takes_is_told(target: Target) -> None:
    seen = await run(target, "true", environment={"WAKELESS_X": "x" * 3_000_000})
    assert seen.status is CommandStatus.NOT_STARTED
    assert "could not be executed" in seen.detail
    assert b"too long" in seen.stderr
