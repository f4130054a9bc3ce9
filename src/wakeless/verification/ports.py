"""What verification needs from the outside: somebody who knows the alarm's present state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.core.errors import Unavailable


class SourceUnavailable(Unavailable):
    """The alarm's source could not be asked."""

    code = "source_unavailable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the alarm's own source says at one moment."""

    #: None when the source no longer knows the alarm.
    state: AlarmState | None
    #: When it entered that state, by the source's clock, where it says so.
    since: datetime | None
    #: When it was asked.
    at: datetime
    detail: str = ""


class Prober(Protocol):
    """Asks one kind of source about an alarm."""

    async def probe(self, alarm: Alarm, now: datetime) -> Reading:
        """Ask the alarm's own source for its present state; raises `SourceUnavailable`."""
        ...
