"""The state of one incident on its way through the pipeline: all that must be kept between two events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from wakeless.incidents.incident import Incident
from wakeless.remediation.plan import NoPlan, Plan
from wakeless.verification.settle import Standing


class Phase(StrEnum):
    """What the incident is waiting for; each phase has exactly one thing to be done (`todo.next_todo`)."""

    #: A remediation is to be found.
    PLANNING = "planning"
    #: There is a plan; the guard has not yet been asked.
    GUARDING = "guarding"
    #: The guard said no for now.
    HELD = "held"
    #: People were asked.
    ASKING = "asking"
    #: An attempt is running, or about to.
    EXECUTING = "executing"
    #: The attempt ended; the alarm's source is being asked.
    VERIFYING = "verifying"
    #: The attempt failed; the next one comes after a pause.
    PAUSING = "pausing"
    #: A person was told; only the alarm or a person moves it on.
    ESCALATED = "escalated"
    #: The alarm is OK again.
    RESOLVED = "resolved"


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """The attempt that is running or ran last."""

    id: str
    #: 1 for the first attempt of the incident.
    number: int
    began_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldState:
    """Why automation keeps its hands off."""

    code: str
    reason: str
    since: datetime
    #: When somebody is told if it is still in ALARM then.
    until: datetime
    #: Whether the guard is asked again before that.
    recheck: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What one approver said."""

    principal: str
    approve: bool
    at: datetime
    comment: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One incident and where it is in the pipeline."""

    incident: Incident
    phase: Phase
    plan: Plan | None = None
    #: Why there is none, after the last search for one; None once there is one.
    no_plan: NoPlan | None = None
    attempt: Attempt | None = None
    #: Attempts that count against the policy's limit: all since the incident opened or a person asked for another try.
    spent: int = 0
    #: Attempts begun in all.
    begun: int = 0
    #: When the host must send `Due`; None when only something from outside moves it on.
    wake_at: datetime | None = None
    hold: HoldState | None = None
    asked_at: datetime | None = None
    decisions: tuple[Decision, ...] = ()
    #: Whether approval was given for this incident: asked once, not before every attempt.
    approved: bool = False
    #: What the source said since the attempt began amounts to; after an escalation, since then.
    standing: Standing = field(default_factory=Standing)
    #: How often finding a plan failed because the store did not answer.
    plan_tries: int = 0
    #: A person or the kill switch asked the running attempt to stop.
    cancel_requested: bool = False
    #: Why a person is needed, where one is.
    reason: str = ""
    #: Whether people were told of this incident, so that they are told of its end too.
    told: bool = False
