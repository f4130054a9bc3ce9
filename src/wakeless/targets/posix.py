"""The run folder on a POSIX machine: what is put in, who may begin, and what its files say.

One run folder per attempt, named after it. It is prepared under another name and published by one rename, so it is
there whole or not at all, and it is durable before anything runs. Its runner (``shell/runner.sh``, constant text)
begins only after it has created the file ``taken`` exclusively: of any number of starters, also of one whose
connection was cut and whose bytes arrive an hour later, exactly one runs the script. A removed attempt leaves a mark
in ``.removed`` that keeps such a latecomer out.

====================  ==============================================================================================
``boot-<id>``         the boot of the machine in which it was prepared; in a later boot, no result means `LOST`
``settings``          a value a line, read by the runner (see `_settings`)
``environment``       ``export NAME='value'`` lines, sourced by the shell that becomes the script
``work/``             the script and its files; ``WAKELESS_RUN_DIR``
``taken``             exists once somebody runs it, or ran it
``runner.id``         process number, boot and birth of the runner; ``leader``: the same of the script
``started``           seconds since 1970 by the target's clock
``stdout, stderr``    what the script wrote, up to the cap; ``*.lost`` counts the rest
``cancel, control``   a cancellation that was asked for, and the pipe that tells the runner
``result``            status, exit code, end, lost bytes, detail; written beforehand as ``result.new`` and renamed
====================  ==============================================================================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from wakeless.core.errors import InvalidInput
from wakeless.core.ids import is_id
from wakeless.execution.ports import Command, CommandStatus, Language, Observation

#: What a script gets to find programs with; nothing of our own environment reaches it.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PIPES = ("control", "news", "stdout.pipe", "stderr.pipe")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INTERPRETERS = {Language.SHELL: "sh", Language.PYTHON: "python3", Language.POWERSHELL: "pwsh powershell"}
# Longest time limit that every `sleep` takes: 100 years.
_LONGEST = 100 * 365 * 86400.0
# Characters in values from which on it is tried first whether the target's kernel takes them (Linux: 128 KiB a value).
_LARGE_VALUE = 16384
_BLANK = b" " * 127 + b"\n"
_BLANK_RESULT = b" " * 1023 + b"\n"


@cache
def runner_text() -> bytes:
    """Return the runner: the same bytes for every attempt."""
    return _shell("common.sh") + _shell("runner.sh")


@cache
def control_text() -> bytes:
    """Return the program that answers one question about one run folder over a shell; values follow on stdin."""
    return _shell("common.sh") + _shell("control.sh")


def _shell(name: str) -> bytes:
    """Return one shell text without its comments and indentation: it travels with every command."""
    lines = (files("wakeless.targets") / "shell" / name).read_bytes().splitlines()
    kept = (line.strip() for line in lines)
    return b"".join(line + b"\n" for line in kept if line and not line.startswith(b"#"))


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFile:
    """One file of a run folder."""

    #: Relative to the run folder.
    path: str
    content: bytes
    mode: int = 0o600


def run_folder(command: Command, output_cap: int) -> Sequence[RunFile]:
    """Return the files of a run folder.

    Raises `InvalidInput` for what must not reach a target: an unfit attempt id, name, value or number.
    """
    check_attempt_id(command.attempt_id)
    script = f"script.{command.language.value}"
    extras = [_extra(name, content, script) for name, content in command.files.items()]
    return [
        RunFile(path="settings", content=_settings(command, script, output_cap)),
        RunFile(path="environment", content=environment_text(_environment(command))),
        RunFile(path=f"work/{script}", content=command.script, mode=0o700),
        *extras,
        # Written beforehand, so that the runner has room for them on a disk that is full by then.
        RunFile(path="runner.id", content=_BLANK),
        RunFile(path="leader", content=_BLANK),
        RunFile(path="started", content=_BLANK),
        RunFile(path="stdout.lost", content=_BLANK),
        RunFile(path="stderr.lost", content=_BLANK),
        RunFile(path="result.new", content=_BLANK_RESULT),
    ]


def check_attempt_id(attempt_id: str) -> None:
    """Raise `InvalidInput` unless it is one of our ids: it becomes a path."""
    if not is_id(attempt_id):
        raise InvalidInput(f"not an attempt id: {attempt_id[:80]!r}")


def environment_text(environment: Mapping[str, str]) -> bytes:
    """Return ``export`` lines that any POSIX shell reads back to exactly these values.

    Single quotes make every byte literal; a single quote itself becomes ``'\\''``. Raises `InvalidInput` for a name
    that is not a shell name and for a value with NUL or without an encoding, which no environment can hold.
    """
    lines = []
    for name, value in environment.items():
        if not _NAME.fullmatch(name):
            raise InvalidInput(f"not a name for an environment variable: {name[:80]!r}")
        if "\0" in value:
            raise InvalidInput(f"the value of {name} has a NUL character in it")
        try:
            encoded = value.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(f"the value of {name} is not valid Unicode: {error.reason}") from None
        lines.append(b"export " + name.encode() + b"='" + encoded.replace(b"'", b"'\\''") + b"'\n")
    return b"".join(lines)


def _environment(command: Command) -> Mapping[str, str]:
    # Python holds its output back when it writes to a pipe, and the timeline would see nothing until the end.
    own = {"PYTHONUNBUFFERED": "1"} if command.language is Language.PYTHON else {}
    return {**own, **command.environment}


def _extra(name: str, content: bytes, script: str) -> RunFile:
    plain = name.isprintable() and "/" not in name and name.strip() == name and name not in ("", ".", "..", script)
    if not plain or len(name.encode()) > 255:
        raise InvalidInput(f"not a plain file name: {name[:80]!r}")
    return RunFile(path=f"work/{name}", content=content)


def _settings(command: Command, script: str, output_cap: int) -> bytes:
    """Return one value a line, in the order in which the runner reads them."""
    timeout, grace, values = command.timeout, command.grace, command.environment.values()
    if not (math.isfinite(timeout) and 0 < timeout <= _LONGEST):
        raise InvalidInput(f"not a time limit: {timeout!r} s")
    if not (math.isfinite(grace) and 0 <= grace <= _LONGEST):
        raise InvalidInput(f"not a time of grace: {grace!r} s")
    lines = [
        command.attempt_id,
        script,
        f"{max(timeout, 0.001):.3f}".rstrip("0").rstrip("."),
        str(math.ceil(grace * 10)),  # the runner counts tenths of a second
        str(output_cap),
        *_interpreter(command),
        "yes" if sum(map(len, values)) > _LARGE_VALUE else "no",
    ]
    return "".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape")


def _interpreter(command: Command) -> Sequence[str]:
    """Return kind, interpreter, its argument, the program that ``env`` is to find, and what to say when it is missing.

    A ``#!`` line is taken apart here, as the Linux kernel does it (one optional argument), instead of executing the
    file itself, so that a run folder on a file system mounted ``noexec`` works too.
    """
    first = command.script.split(b"\n", 1)[0]
    if not first.startswith(b"#!"):
        names = _INTERPRETERS[command.language]
        return command.language.value, names, "", "", f"missing on the target: {names.replace(' ', ' or ')}"
    line = first[2:].decode("utf-8", "surrogateescape").strip(" \t").replace("\0", "")
    interpreter, argument = re.fullmatch(r"([^ \t]*)[ \t]*(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
    program = ""
    if interpreter.rsplit("/", 1)[-1] == "env":
        words = [word for word in argument.split() if not word.startswith("-") and "=" not in word]
        program = words[0] if words else ""
    if line.endswith("\r"):
        missing = "the script's first line ends in a carriage return: save it with Unix line endings"
    else:
        missing = f"missing or not executable on the target: {program or interpreter} (first line of the script)"
    missing = "".join(c if c.isprintable() else "?" for c in missing)[:400]
    return "shebang", interpreter, argument, program, missing


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the files of a run folder and the process table say at one moment."""

    #: Whether the folder was prepared in the present boot of the machine.
    same_boot: bool
    #: Whether somebody runs it, or ran it.
    taken: bool
    runner_alive: bool
    script_alive: bool
    #: First line of ``started``, or empty.
    started: str = ""
    #: The lines of ``result`` up to ``end``, or empty when it is not there.
    result: Sequence[str] = ()
    #: Bytes in the files.
    stdout_kept: int = 0
    stderr_kept: int = 0
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return bool(self.result) or not (self.runner_alive or self.script_alive)


def interpret(facts: Facts | None) -> Observation:
    """Say where an attempt stands; None means that there is no run folder."""
    if facts is None:
        return Observation(status=CommandStatus.ABSENT)
    status, exit_code, ended_at, lost, detail = _verdict(facts)
    return Observation(
        status=status,
        exit_code=exit_code,
        stdout=facts.stdout,
        stderr=facts.stderr,
        stdout_size=facts.stdout_kept + lost[0],
        stderr_size=facts.stderr_kept + lost[1],
        started_at=_number(facts.started),
        ended_at=ended_at,
        detail=_with_losses(detail, lost),
    )


def _verdict(facts: Facts) -> tuple[CommandStatus, int | None, float | None, tuple[int, int], str]:
    nothing = (0, 0)
    if facts.result:
        try:
            name, code, ended, lost, detail = facts.result
            out, err, *broken = lost.split()
            if broken:
                detail = "; ".join(part for part in (detail, "its output could not be kept whole: disk full?") if part)
            return CommandStatus(name), int(code) if code else None, _number(ended), (int(out), int(err)), detail
        except ValueError:
            return CommandStatus.LOST, None, None, nothing, "its result cannot be read"
    if not facts.same_boot:
        return CommandStatus.LOST, None, None, nothing, "the machine was restarted before it had ended"
    if not facts.taken:
        return CommandStatus.ABSENT, None, None, nothing, "prepared, and never begun"
    if facts.runner_alive:
        return CommandStatus.RUNNING, None, None, nothing, ""
    if facts.script_alive:
        return CommandStatus.RUNNING, None, None, nothing, "its runner was killed: its exit code will not be known"
    return CommandStatus.LOST, None, None, nothing, "its runner was killed, and it left no result"


def _with_losses(detail: str, lost: tuple[int, int]) -> str:
    losses = [
        f"{count} bytes of {name} beyond the limit were not kept"
        for name, count in zip(("stdout", "stderr"), lost, strict=True)
        if count
    ]
    return "; ".join([detail, *losses] if detail else losses)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
