"""A machine that is reached by SSH."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wakeless.execution.ports import (
    Command,
    CommandStatus,
    Observation,
    Platform,
    StartUnconfirmed,
    TargetRefused,
    TargetUnreachable,
)
from wakeless.targets.posix import Facts, RunFile, check_attempt_id, control_text, interpret, run_folder, runner_text
from wakeless.targets.settings import SshSettings
from wakeless.targets.ssh_link import ConnectionLost, SshLink
from wakeless.targets.ssh_login import address_of

#: Reads our constant program from stdin, line by line, and leaves the rest of stdin to it: so the command line that
#: travels, and that `ps` shows, never has a value in it. One line without ``'``, ``!`` or a backslash at its end, which
#: every login shell takes as it is.
_READ_PROGRAM = 'eval "$(while IFS= read -r line && test "$line" = "${line#==end==}"; do printf "%s\\n" "$line"; done)"'
_SYSTEMS = {"Linux": Platform.LINUX, "Darwin": Platform.MACOS}
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?")
_ROOT = re.compile(r"/[^\0\n]*")
#: Seconds that one question may wait on the target, so that a lost connection is noticed and a channel comes free.
_LONGEST_WAIT = 25.0
#: Seconds that the target may take to answer beyond what it was told to wait; a start has files to receive.
_ANSWER_WITHIN = 20.0
_START_WITHIN = 120.0


class SshTarget:
    """Runs commands on one machine, detached from our connection, so that they survive it and us."""

    def __init__(self, settings: SshSettings) -> None:
        """Raises `ValueError` for a setting that must not travel: a user name or folder with other characters."""
        if settings.sudo is not None and not _USER.fullmatch(settings.sudo.user):
            raise ValueError(f"sudo of {settings.name}: not a user name: {settings.sudo.user!r}")
        if settings.runs_root and not _ROOT.fullmatch(settings.runs_root):
            raise ValueError(f"runs_root of {settings.name}: not an absolute path: {settings.runs_root!r}")
        self._settings = settings
        self._link = SshLink(settings)
        # Questions that wait must leave room for those that do not.
        self._waiting = asyncio.Semaphore(max(1, settings.channels - 3))
        #: Attempts that were handed over without an answer: from then on nobody may say that nothing ran.
        self._unconfirmed: set[str] = set()
        shell = f"/bin/sh -c '{_READ_PROGRAM}'"
        sudo = settings.sudo
        self._command = f"exec sudo -n -H -u {sudo.user} -- {shell}" if sudo else f"exec {shell}"

    @property
    def name(self) -> str:
        """The inventory's name of this target."""
        return self._settings.name

    @property
    def platform(self) -> Platform:
        """What kind of machine it is."""
        return self._settings.platform

    async def start(self, command: Command) -> Observation:
        """Begin ``command`` unless somebody runs it, or ran it; in both cases say where it stands.

        Raises `StartUnconfirmed` when it was handed over and no answer came, `InvalidInput` for a command that must not
        reach any machine, and what `Target` names.
        """
        files = [RunFile(path="runner", content=runner_text()), *run_folder(command, self._settings.output_cap)]
        values, payload = _packed(files)
        attempt_id = command.attempt_id
        try:
            reply = await self._ask("start", attempt_id, values, payload, within=_START_WITHIN)
        except ConnectionLost as error:
            self._unconfirmed.add(attempt_id)
            raise StartUnconfirmed(f"{self._where} did not confirm the start: {error}") from error
        except TargetUnreachable as error:
            if attempt_id in self._unconfirmed:
                raise StartUnconfirmed(f"an earlier start was not confirmed: {error}") from error
            raise
        self._unconfirmed.discard(attempt_id)
        if why := reply.text("folder"):
            return Observation(status=CommandStatus.NOT_STARTED, detail=why)
        if why := reply.text("absent"):
            return Observation(status=CommandStatus.ABSENT, detail=why)
        if why := reply.text("gone"):
            return Observation(status=CommandStatus.LOST, detail=why)
        observation = interpret(reply.facts())
        if observation.status is CommandStatus.ABSENT:
            return Observation(status=CommandStatus.NOT_STARTED, detail="its runner ended before it began")
        return observation

    async def observe(
        self, attempt_id: str, *, stdout_from: int = 0, stderr_from: int = 0, limit: int = 65536, wait: float = 0.0
    ) -> Observation:
        """Say where the attempt stands, as soon as there is news, and after ``wait`` seconds at the latest."""
        check_attempt_id(attempt_id)
        until = time.monotonic() + wait
        while True:
            left = until - time.monotonic()
            if self._waiting.locked() or left < 1.0:
                await asyncio.sleep(max(0.0, min(left, 1.0 if self._waiting.locked() else 0.2)))
                facts = await self._look(attempt_id, stdout_from, stderr_from, limit, 0)
            else:
                async with self._waiting:
                    longest = 1.0 if self._link.crowded else _LONGEST_WAIT
                    facts = await self._look(
                        attempt_id, stdout_from, stderr_from, limit, math.floor(min(left, longest))
                    )
            if facts is None or facts.ended or facts.stdout or facts.stderr or time.monotonic() >= until:
                return interpret(facts)

    async def cancel(self, attempt_id: str) -> None:
        """Have the attempt's process group killed; harmless if it ended."""
        check_attempt_id(attempt_id)
        await self._ask_surely("cancel", attempt_id)

    async def remove(self, attempt_id: str) -> None:
        """Delete the run folder and leave a mark that keeps the attempt from beginning again."""
        check_attempt_id(attempt_id)
        await self._ask_surely("remove", attempt_id)

    async def check(self) -> None:
        """Log in and look around: raises what a start would."""
        reply = await self._ask_surely("check", "")
        if why := reply.text("folder"):
            raise TargetRefused(f"no folder for runs on {self._where}: {why}")
        system = reply.text("system")
        if _SYSTEMS.get(system) is not self.platform:
            raise TargetRefused(f"{self._where} is {system or 'of an unknown kind'}, not {self.platform.value}")
        if reply.text("own") == "none":
            raise TargetRefused(f"{self._where} has no setsid, no perl and no shell with job control")

    async def close(self) -> None:
        """Close the connection; running commands go on."""
        await self._link.close()

    @property
    def _where(self) -> str:
        return f"{self.name} ({address_of(self._settings.server)})"

    async def _look(self, attempt_id: str, out: int, err: int, limit: int, wait: int) -> Facts | None:
        values = [str(number) for number in (out, err, limit, wait)]
        reply = await self._ask_surely("look", attempt_id, values, within=wait + _ANSWER_WITHIN)
        return None if reply.text("absent") else reply.facts()

    async def _ask_surely(
        self, order: str, attempt_id: str, values: Sequence[str] = (), within: float = _ANSWER_WITHIN
    ) -> _Reply:
        """Ask what may be asked twice; raises `TargetUnreachable` when there is still no answer."""
        try:
            try:
                return await self._ask(order, attempt_id, values, within=within)
            except ConnectionLost:
                return await self._ask(order, attempt_id, values, within=within)
        except ConnectionLost as error:
            raise TargetUnreachable(f"{self._where}: {error}") from error

    async def _ask(
        self, order: str, attempt_id: str, values: Sequence[str], payload: bytes = b"", within: float = _ANSWER_WITHIN
    ) -> _Reply:
        lines = "\n".join([order, self._settings.runs_root, attempt_id, *values, ""])
        stdin = control_text() + b"==end==\n" + lines.encode() + payload
        out, err = await self._link.run(self._command, stdin, within)
        _, mark, body = (b"\n" + out).partition(b"\nwakeless/1\n")
        if not mark:
            raise TargetRefused(self._not_ours(out, err))
        reply = _Reply.parse(body)
        if why := reply.text("refused"):
            raise TargetRefused(f"{self._where}: {why}")
        return reply

    def _not_ours(self, out: bytes, err: bytes) -> str:
        said = " ".join((err.strip() or out.strip()).decode("utf-8", "replace").split())[:300] or "nothing"
        sudo = self._settings.sudo
        if sudo is None:
            return f"{self._where} does not run our shell program; it said: {said}"
        return (
            f"sudo to {sudo.user} is refused on {self._where}: {said} "
            f"(it needs a line in sudoers: <login user> ALL=({sudo.user}) NOPASSWD: /bin/sh)"
        )


@dataclass(frozen=True, slots=True)
class _Reply:
    """What the control program answered."""

    values: Mapping[str, Sequence[str]]
    body: bytes

    @classmethod
    def parse(cls, answer: bytes) -> _Reply:
        head, _, body = answer.partition(b"\n\n") if not answer.startswith(b"\n") else (b"", b"", answer[1:])
        values: dict[str, list[str]] = {}
        for line in head.decode("utf-8", "replace").split("\n"):
            key, _, value = line.partition(" ")
            values.setdefault(key, []).append(value)
        return cls(values, body)

    def text(self, key: str) -> str:
        return " ".join(line.strip() for line in self.values.get(key, ())).strip()

    def facts(self) -> Facts:
        out_size, out_count = self._counts("stdout")
        err_size, err_count = self._counts("stderr")
        if len(self.body) < out_count + err_count:
            raise TargetUnreachable("the answer was cut off")
        return Facts(
            same_boot=self.text("boot") == "same",
            taken=self.text("taken") == "yes",
            runner_alive=self.text("runner") == "yes",
            script_alive=self.text("script") == "yes",
            started=self.text("started"),
            result=self.values.get("result", ()),
            stdout=self.body[:out_count],
            stderr=self.body[out_count : out_count + err_count],
            stdout_kept=out_size,
            stderr_kept=err_size,
        )

    def _counts(self, key: str) -> tuple[int, int]:
        """Return a stream's size and how many of its bytes follow."""
        with contextlib.suppress(ValueError):
            size, count = self.text(key).split()
            return int(size), int(count)
        return 0, 0


def _packed(files: Sequence[RunFile]) -> tuple[Sequence[str], bytes]:
    """Return the two lengths that announce them, and the files behind their list."""
    listing = "".join(f"{file.mode:o} {len(file.content)} {file.path}\n" for file in files).encode()
    payload = listing + b"".join(file.content for file in files)
    return [str(len(payload)), str(len(listing))], payload
