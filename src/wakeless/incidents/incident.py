"""An incident: its states, and the moves between them (DESIGN section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.core.errors import WakelessError


class Status(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    HELD = "held"
    AWAITING_APPROVAL = "awaiting_approval"
    REMEDIATING = "remediating"
    VERIFYING = "verifying"
    RESOLVED = "resolved"
    ESCALATED = "escalated"


class IllegalMove(WakelessError):
    """An incident cannot go from the one status to the other."""

    code = "illegal_move"


_S = Status
#: Every move that may happen. `RESOLVED` is the end: the next alarm opens a new incident.
MOVES: Mapping[Status, frozenset[Status]] = {
    _S.OPEN: frozenset({_S.HELD, _S.AWAITING_APPROVAL, _S.REMEDIATING, _S.RESOLVED, _S.ESCALATED}),
    _S.HELD: frozenset({_S.OPEN, _S.RESOLVED, _S.ESCALATED}),
    _S.AWAITING_APPROVAL: frozenset({_S.OPEN, _S.REMEDIATING, _S.HELD, _S.RESOLVED, _S.ESCALATED}),
    _S.REMEDIATING: frozenset({_S.VERIFYING, _S.OPEN, _S.RESOLVED, _S.ESCALATED}),
    _S.VERIFYING: frozenset({_S.OPEN, _S.RESOLVED, _S.ESCALATED}),
    # A person may ask for another try.
    _S.ESCALATED: frozenset({_S.OPEN, _S.RESOLVED}),
    _S.RESOLVED: frozenset(),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """One trouble, from its first alarm until the alarm is OK again."""

    id: str
    #: The alarms' fingerprint; at most one incident that is not resolved has it.
    fingerprint: str
    status: Status
    #: The newest report that it is firing: what the remediation is told about.
    alarm: Alarm
    #: The newest state the source reported, and when it changed by the source's clock.
    alarm_state: AlarmState
    alarm_changed_at: datetime
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = None
    #: Reports that joined this incident, the first included.
    alarms: int = 1

    @property
    def is_closed(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status is Status.RESOLVED


def move(incident: Incident, to: Status, now: datetime) -> Incident:
    """Return the incident in its new status; raises `IllegalMove`."""
    if to is incident.status:
        return replace(incident, updated_at=now)
    if to not in MOVES[incident.status]:
        raise IllegalMove(f"{incident.id}: {incident.status} -> {to}")
    return replace(incident, status=to, updated_at=now, resolved_at=now if to is Status.RESOLVED else None)
