"""What can happen to an incident."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wakeless.alarms.alarm import Alarm
from wakeless.remediation.guard import Hold
from wakeless.remediation.plan import NoPlan, Plan
from wakeless.verification.settle import Observation


class Result(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    #: The script's exit code was not 0.
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    #: It never began: no interpreter, no permission, disk full, script gone, login refused.
    NOT_STARTED = "not_started"
    #: The target did not answer, and nothing ran.
    UNREACHABLE = "unreachable"
    #: It began and nobody knows how it ended.
    UNKNOWN = "outcome_unknown"


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
    result: Result
    exit_code: int | None = None
    #: One sentence for people; for a failure, its cause.
    detail: str = ""


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
    | RetryRequested
    | CloseRequested
    | CancelRequested
)
