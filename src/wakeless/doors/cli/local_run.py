"""What `wakeless run` does: one script, once, on one target, as a remediation would be run."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from wakeless.app.settings import Settings, load_settings
from wakeless.core.clock import SystemClock
from wakeless.core.errors import WakelessError
from wakeless.core.ids import RandomIds
from wakeless.doors.cli.exits import CommandFailed, Exit
from wakeless.doors.cli.files import read_file
from wakeless.doors.cli.show import console, print_json, seconds
from wakeless.execution.outcome import Outcome, Result
from wakeless.execution.ports import Language, Target
from wakeless.execution.runner import AttemptRunner, Job
from wakeless.remediation.catalogue import language_of
from wakeless.targets.build import build_target

_EXITS: Mapping[Result, Exit] = {
    Result.SUCCEEDED: Exit.OK,
    Result.TIMED_OUT: Exit.TIMED_OUT,
    Result.CANCELLED: Exit.INTERRUPTED,
    Result.NOT_STARTED: Exit.NOT_STARTED,
    Result.UNREACHABLE: Exit.NOT_RUN,
    Result.UNKNOWN: Exit.NOT_RUN,
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def run(
    config: Path | None, script: Path, *, target: str, parameters: Sequence[str], timeout: float, as_json: bool
) -> int:
    """Run ``script`` and show what it writes; return the exit status."""
    settings = load_settings(config, os.environ)
    job = _job(script, target, parameters, timeout)
    content = read_file(script)
    return asyncio.run(_run(job, content, _target(settings, target), as_json))


def _job(script: Path, target: str, parameters: Sequence[str], timeout: float) -> Job:
    language = language_of(script.name)
    if language is None:
        raise CommandFailed(f"{script} is no script: its name must end in .sh, .py or .ps1", Exit.USAGE)
    now = SystemClock().now()
    attempt_id = RandomIds().new("att", now)
    environment = {
        "WAKELESS_ATTEMPT_ID": attempt_id,
        "WAKELESS_ATTEMPT": "1",
        "WAKELESS_SCRIPT": script.name,
        "WAKELESS_TARGET": target,
    }
    for given in parameters:
        name, equals, value = given.partition("=")
        if not equals or not _NAME.fullmatch(name) or "\0" in value:
            raise CommandFailed(f"--param {given!r} is not NAME=VALUE", Exit.USAGE)
        environment[f"WAKELESS_PARAM_{name.upper()}"] = value
    return Job(
        attempt_id=attempt_id,
        began_at=now,
        name=script.name,
        language=Language(language.value),
        environment=environment,
        timeout=timeout,
    )


def _target(settings: Settings, name: str) -> Target:
    known = {one.name: one for one in settings.connections()}
    if name not in known:
        raise CommandFailed(
            f"the settings have no target {name!r}",
            Exit.USAGE,
            code="unknown_target",
            hint=f"They have: {', '.join(known)}.",
        )
    try:
        return build_target(known[name])
    except ValueError as error:
        raise CommandFailed(f"target {name}: {error}", Exit.USAGE, code="invalid_target") from error


class _Terminal:
    """Shows output as it comes; the runner's log of an attempt that no journal knows."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._sizes = [0, 0]

    async def started(self, attempt_id: str) -> None:
        """Nothing is kept."""

    def kept(self, attempt_id: str) -> tuple[int, int]:
        """Return how many bytes were shown already."""
        return self._sizes[0], self._sizes[1]

    async def keep(self, attempt_id: str, stdout: bytes, stderr: bytes) -> None:
        """Show what is new, byte by byte as the script wrote it."""
        for number, (stream, file, data) in enumerate((("stdout", sys.stdout, stdout), ("stderr", sys.stderr, stderr))):
            self._sizes[number] += len(data)
            if not data:
                continue
            if self._as_json:
                print_json({"stream": stream, "text": data.decode("utf-8", "replace")}, compact=True)
            else:
                file.buffer.write(data)
                file.buffer.flush()


async def _run(job: Job, script: bytes, target: Target, as_json: bool) -> int:
    async def content() -> bytes:
        return script

    await _connect(target)
    clock = SystemClock()
    runner = AttemptRunner(job, target, content, _Terminal(as_json=as_json), clock)
    task = asyncio.create_task(runner.run())
    _cancel_on_signals(runner, task)
    try:
        outcome = await task
        await _tidy(target, job.attempt_id, outcome)
    except asyncio.CancelledError:
        console(stderr=True).print(f"left running on {target.name}: {job.attempt_id}", markup=False)
        return Exit.INTERRUPTED
    finally:
        await target.close()
    return _report(job, target, outcome, (clock.now() - job.began_at).total_seconds(), as_json)


async def _connect(target: Target) -> None:
    """Fail at once when the target cannot be had: a person waits, and can try again."""
    try:
        await target.check()
    except WakelessError as error:
        await target.close()
        message = f"target {target.name}: {error}"
        raise CommandFailed(message, Exit.NOT_RUN, code=error.code, hint="Nothing was run.") from error


def _cancel_on_signals(runner: AttemptRunner, task: asyncio.Task[Outcome]) -> None:
    """Ctrl-C kills the script on the target; a second one stops waiting for that."""
    asked = False

    def stop() -> None:
        nonlocal asked
        if asked:
            task.cancel()
            return
        asked = True
        runner.cancel()
        console(stderr=True).print("cancelling on the target; Ctrl-C again leaves it running", style="yellow")

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)


async def _tidy(target: Target, attempt_id: str, outcome: Outcome) -> None:
    """Delete the run folder, unless a person has to look at it."""
    if outcome.result in (Result.UNKNOWN, Result.UNREACHABLE):
        return
    try:
        await target.remove(attempt_id)
    except WakelessError as error:
        console(stderr=True).print(f"the run folder is left on {target.name}: {error}", style="yellow", markup=False)


def _report(job: Job, target: Target, outcome: Outcome, took: float, as_json: bool) -> int:
    status = _EXITS.get(outcome.result)
    code = int(status) if status is not None else min(abs(outcome.exit_code or 1), 255)
    if as_json:
        document = {
            "result": outcome.result.value,
            "exit_code": outcome.exit_code,
            "detail": outcome.detail,
            "seconds": round(took, 3),
            "target": target.name,
            "attempt_id": job.attempt_id,
        }
        print_json(document, compact=True)
    else:
        words = f"{job.name} on {target.name}: {outcome.result.value.replace('_', ' ')} after {seconds(took)}"
        if outcome.detail:
            words += f" ({outcome.detail})"
        style = "green" if outcome.result is Result.SUCCEEDED else "red"
        console(stderr=True).print(words, style=style, markup=False)
    return code
