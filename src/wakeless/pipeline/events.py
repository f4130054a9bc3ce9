"""What can happen to an incident."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wakeless.alarms.alarm import Alarm
from wakeless.execution.outcome import Outcome
from wakeless.remediation.guard import Hold
from wakeless.remediation.plan import NoPlan, Plan
from wakeless.verification.settle import Observation


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmReported:
    """The alarm's source reported again."""

    alarm: Alarm


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """The search for a remediation ended."""

    outcome: Plan | NoPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class Guarded:
    """The guard answered; `attempt_id` names the attempt that begins if it let us."""

    hold: Hold | None
    attempt_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """An approver answered."""

    principal: str
    #: Groups of the principal; approvers may be named by group.
    groups: frozenset[str]
    approve: bool
    comment: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptEnded:
    """An attempt ended, one way or another."""

    attempt_id: str
    outcome: Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """The alarm's source was asked."""

    #: As in the `Probe` that is answered.
    attempt_id: str
    observation: Observation


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """The moment `Run.wake_at` has come."""

    wake_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldMayBeOver:
    """What held it may have ended: another attempt has; the guard is asked again before its time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryRequested:
    """A person wants another try."""

    principal: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseRequested:
    """A person says it is over."""

    principal: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelRequested:
    """A person, or the kill switch, wants the running attempt stopped and nothing new begun."""

    principal: str
    reason: str


Event = (
    AlarmReported
    | Planned
    | Guarded
    | Decided
    | AttemptEnded
    | Probed
    | Due
    | HoldMayBeOver
    | RetryRequested
    | CloseRequested
    | CancelRequested
)
