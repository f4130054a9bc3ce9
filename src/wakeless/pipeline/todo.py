"""What is to be done about an incident now: a pure function of its state, so a restart asks again and goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wakeless.pipeline.run import Attempt, Phase, Run


@dataclass(frozen=True, slots=True)
class FindPlan:
    """Look for the remediation; answer with `Planned`. Only reads."""


@dataclass(frozen=True, slots=True)
class AskGuard:
    """Gather the facts and ask the guard; answer with `Guarded` in the same transaction as the facts were read."""


@dataclass(frozen=True, slots=True)
class RunAttempt:
    """Start the attempt, or re-attach to it; answer with `AttemptEnded`."""

    attempt: Attempt
    #: Stop it instead of waiting for it.
    cancel: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask the alarm's source; answer with `Probed`. Only reads."""

    #: Id of the attempt being verified; empty when nothing is being verified.
    attempt_id: str


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Do nothing before that moment; then ask again."""

    at: datetime


@dataclass(frozen=True, slots=True)
class TimeIsUp:
    """Answer with `Due(wake_at)`."""

    wake_at: datetime


@dataclass(frozen=True, slots=True)
class WaitForEvent:
    """Do nothing: only the alarm or a person moves it on."""


Todo = FindPlan | AskGuard | RunAttempt | Probe | WaitUntil | TimeIsUp | WaitForEvent


def next_todo(run: Run, now: datetime) -> Todo:
    """Say what the host must do for this incident at ``now``."""
    if run.phase is Phase.RESOLVED:
        return WaitForEvent()
    if run.phase is Phase.EXECUTING and run.attempt is not None:
        return RunAttempt(run.attempt, run.cancel_requested)
    if run.wake_at is not None and now < run.wake_at:
        return WaitUntil(run.wake_at)
    if run.phase is Phase.PLANNING:
        return FindPlan()
    if run.phase is Phase.GUARDING:
        return AskGuard()
    if run.wake_at is None:
        return WaitForEvent()
    if run.phase in (Phase.VERIFYING, Phase.ESCALATED):
        return Probe(run.attempt.id if run.attempt and run.phase is Phase.VERIFYING else "")
    return TimeIsUp(run.wake_at)
