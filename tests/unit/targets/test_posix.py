"""What is put into a run folder, and what is read out of one."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.core.errors import InvalidInput
from wakeless.execution.ports import Command, CommandStatus, Language
from wakeless.targets.posix import Facts, environment_text, interpret, run_folder

ATTEMPT = "att-" + "0" * 26
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
NAMES = st.from_regex(r"WAKELESS_[A-Z0-9_]{1,20}", fullmatch=True)


def settings_of(script: bytes, language: Language = Language.SHELL, **more: object) -> list[str]:
    command = Command(attempt_id=ATTEMPT, name="x", language=language, script=script, **more)  # type: ignore[arg-type]
    (content,) = (file.content for file in run_folder(command, 1000) if file.path == "settings")
    return content.decode("utf-8", "surrogateescape").split("\n")


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_a_shell_reads_back_what_was_written(environment: dict[str, str]) -> None:
    show = "".join(f"printf '%s\\0' \"${name}\"\n" for name in environment)
    done = subprocess.run(["/bin/sh"], input=environment_text(environment) + show.encode(), capture_output=True)
    assert done.stderr == b""
    assert done.stdout.decode() == "".join(f"{value}\0" for value in environment.values())


@given(st.text(max_size=20))
def test_a_name_is_taken_only_if_a_shell_takes_it(name: str) -> None:
    fits = name.isascii() and name.isidentifier()
    if fits:
        assert environment_text({name: ""}) == f"export {name}=''\n".encode()
    else:
        with pytest.raises(InvalidInput):
            environment_text({name: ""})


@pytest.mark.parametrize(
    ("line", "kind", "interpreter", "argument", "program"),
    [
        (b"#!/bin/sh", "shebang", "/bin/sh", "", ""),
        (b"#! /bin/bash -eu\n", "shebang", "/bin/bash", "-eu", ""),
        (b"#!/bin/awk  -f  x \n", "shebang", "/bin/awk", "-f  x", ""),
        (b"#!\t/bin/sh\t-x\n", "shebang", "/bin/sh", "-x", ""),
        (b"#!/usr/bin/env python3\n", "shebang", "/usr/bin/env", "python3", "python3"),
        (b"#!/usr/bin/env -S A=b node --flag\n", "shebang", "/usr/bin/env", "-S A=b node --flag", "node"),
        (b"#!\n", "shebang", "", "", ""),
        (b"#!/bin/sh\r\n", "shebang", "/bin/sh\r", "", ""),
        (b"#!/bin/\xff\n", "shebang", "/bin/\udcff", "", ""),
        (b"echo\n", "sh", "sh", "", ""),
        (b"", "sh", "sh", "", ""),
    ],
)
def test_the_first_line_is_taken_apart_as_the_kernel_does(
    line: bytes, kind: str, interpreter: str, argument: str, program: str
) -> None:
    assert settings_of(line)[5:9] == [kind, interpreter, argument, program]


@given(st.binary(max_size=200))
def test_no_script_can_add_a_line_to_the_settings(script: bytes) -> None:
    lines = settings_of(b"#!" + script)
    assert len(lines) == 12
    assert lines[10:] == ["no", ""]


@pytest.mark.parametrize(
    ("timeout", "written"), [(300, "300"), (0.25, "0.25"), (1.5, "1.5"), (1e-9, "0.001"), (86400.0, "86400")]
)
def test_a_time_limit_is_written_as_sleep_takes_it(timeout: float, written: str) -> None:
    assert settings_of(b"", timeout=timeout)[2] == written


def facts(**changes: object) -> Facts:
    usual: dict[str, object] = {"same_boot": True, "taken": True, "runner_alive": False, "script_alive": False}
    return Facts(**{**usual, **changes})  # type: ignore[arg-type]


RESULT = ("exited", "3", "1700000000.5", "0 0", "")


@pytest.mark.parametrize(
    ("seen", "status", "exit_code"),
    [
        (None, CommandStatus.ABSENT, None),
        (facts(taken=False), CommandStatus.ABSENT, None),
        (facts(runner_alive=True), CommandStatus.RUNNING, None),
        (facts(script_alive=True), CommandStatus.RUNNING, None),
        (facts(), CommandStatus.LOST, None),
        (facts(same_boot=False), CommandStatus.LOST, None),
        # Whether it had begun before the power loss, no file can be trusted to say.
        (facts(same_boot=False, taken=False), CommandStatus.LOST, None),
        (facts(result=RESULT), CommandStatus.EXITED, 3),
        (facts(result=RESULT, same_boot=False), CommandStatus.EXITED, 3),
        (facts(result=RESULT, runner_alive=True), CommandStatus.EXITED, 3),
        (facts(result=("timed_out", "143", "1.0", "0 0", "")), CommandStatus.TIMED_OUT, 143),
        (facts(result=("not_started", "", "1.0", "0 0", "why")), CommandStatus.NOT_STARTED, None),
        # What a power loss may leave of a result that was not yet on the disk.
        (facts(result=("",)), CommandStatus.LOST, None),
        (facts(result=("exited", "x", "", "0 0", "")), CommandStatus.LOST, None),
        (facts(result=("\0\0\0", "0", "", "0 0", "")), CommandStatus.LOST, None),
    ],
)
def test_what_the_files_say(seen: Facts | None, status: CommandStatus, exit_code: int | None) -> None:
    observation = interpret(seen)
    assert (observation.status, observation.exit_code) == (status, exit_code)


def test_what_was_not_kept_is_counted_and_told() -> None:
    seen = interpret(facts(result=("exited", "0", "1.0", "10 0 no", ""), stdout_kept=5, stderr_kept=7))
    assert (seen.stdout_size, seen.stderr_size) == (15, 7)
    assert "10 bytes of stdout" in seen.detail
    assert "disk full" in seen.detail


@given(st.lists(st.text(max_size=10), max_size=7))
def test_no_result_file_makes_it_fail(lines: list[str]) -> None:
    assert interpret(facts(result=lines)).status is not CommandStatus.RUNNING
