"""What an attempt needs from the outside: a target that runs commands which survive us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from wakeless.core.errors import Refused, Unavailable


class Platform(StrEnum):
    """What kind of machine a target is."""

    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"


class Language(StrEnum):
    """What a script is written in; decides the interpreter when the script has no ``#!`` line."""

    SHELL = "sh"
    POWERSHELL = "ps1"
    PYTHON = "py"


class CommandStatus(StrEnum):
    """Where a command is in its life."""

    RUNNING = "running"
    #: It ended by itself; `Observation.exit_code` says how.
    EXITED = "exited"
    #: Its time limit passed and its whole process group was killed.
    TIMED_OUT = "timed_out"
    #: It was cancelled and its whole process group was killed.
    CANCELLED = "cancelled"
    #: It could not be started (missing interpreter, no permission, disk full); `Observation.detail` says why.
    NOT_STARTED = "not_started"
    #: It began and is gone without a result (the machine lost power): nobody knows what it did.
    LOST = "lost"
    #: The target has no trace of such an attempt: it never began there.
    ABSENT = "absent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One script to run once on one target."""

    #: Names the run folder on the target; who finds the folder there re-attaches and starts nothing.
    attempt_id: str
    #: The remediation's name, for people.
    name: str
    language: Language
    script: bytes
    #: Values travel here and nowhere else; never spliced into a command line.
    environment: Mapping[str, str] = field(default_factory=dict)
    #: File name (a plain name, no folder) to content, put beside the script; its folder is ``WAKELESS_RUN_DIR``.
    files: Mapping[str, bytes] = field(default_factory=dict)
    #: Seconds from the start until the whole process group is killed.
    timeout: float = 300.0
    #: Seconds between the polite signal (TERM) and the final one (KILL).
    grace: float = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What a target says about an attempt at one moment."""

    status: CommandStatus
    exit_code: int | None = None
    #: Bytes of stdout from the offset asked for, at most the limit asked for.
    stdout: bytes = b""
    stderr: bytes = b""
    #: How many bytes the command has written in all so far.
    stdout_size: int = 0
    stderr_size: int = 0
    #: Seconds since the Unix epoch by the target's clock, where known.
    started_at: float | None = None
    ended_at: float | None = None
    detail: str = ""


class TargetUnreachable(Unavailable):
    """No connection could be made; nothing new ran on the target."""

    code = "target_unreachable"


class StartUnconfirmed(TargetUnreachable):
    """The connection broke while a command was handed over: it may have begun.

    Starting it again under the same attempt id is safe, and so is observing it; saying that nothing ran is not.
    """

    code = "start_unconfirmed"


class HostKeyChanged(Refused):
    """The target shows another host key than the one we know: it may be an impostor."""

    code = "host_key_changed"


class TargetRefused(Refused):
    """The target answered and will not run it: login refused, sudo refused, wrong platform."""

    code = "target_refused"


class Target(Protocol):
    """A machine on which a command runs detached from us, under a run folder named after its attempt.

    Every method may raise `TargetUnreachable`, `HostKeyChanged` or `TargetRefused`.
    """

    @property
    def name(self) -> str:
        """The inventory's name of this target."""
        ...

    @property
    def platform(self) -> Platform:
        """What kind of machine it is."""
        ...

    async def start(self, command: Command) -> Observation:
        """Begin ``command`` unless its run folder is there already; in both cases say where it stands.

        Calling it again with the same attempt id never starts a second process.
        """
        ...

    async def observe(
        self, attempt_id: str, *, stdout_from: int = 0, stderr_from: int = 0, limit: int = 65536, wait: float = 0.0
    ) -> Observation:
        """Say where the attempt stands, with its output from the given offsets.

        Returns as soon as it has ended or has new output, and after ``wait`` seconds at the latest.
        """
        ...

    async def cancel(self, attempt_id: str) -> None:
        """Ask that the attempt's whole process group be killed; `observe` tells when it is. Harmless if it ended."""
        ...

    async def remove(self, attempt_id: str) -> None:
        """Delete the run folder; call it only when the result is journalled. Harmless if it is gone."""
        ...

    async def check(self) -> None:
        """Connect and do nothing: raises what a start would."""
        ...

    async def close(self) -> None:
        """Let go of connections; running commands go on."""
        ...
