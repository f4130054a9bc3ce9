"""Ask our own evaluator, which lives in the same process."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.verification.ports import Reading, SourceUnavailable


class AlarmStates(Protocol):
    """Whoever knows the present state of our own alarms; `monitoring` does."""

    def state_of(self, alarm_arn: str) -> tuple[AlarmState, datetime] | None:
        """Return the state and when it was entered; None if there is no such alarm."""
        ...


class EmbeddedProber:
    """Asks the evaluator about alarms whose source is ``embedded``."""

    def __init__(self, states: AlarmStates) -> None:
        self._states = states

    async def probe(self, alarm: Alarm, now: datetime) -> Reading:
        """Return the alarm's state; raises `SourceUnavailable` for an alarm without an ARN."""
        if alarm.arn is None:
            raise SourceUnavailable(f"alarm {alarm.name!r} has no ARN, so it cannot be looked up")
        known = self._states.state_of(alarm.arn)
        if known is None:
            return Reading(state=None, since=None, at=now, detail=f"there is no alarm {alarm.arn}")
        state, since = known
        return Reading(state=state, since=since, at=now)
