"""When an alarm is evaluated: at a constant offset in every minute, ten seconds or hour."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

from wakeless.alarms.evaluate import HOUR, MINUTE, is_hourly

#: Alarms of the same cadence are spread over this many offsets, and those of one offset are read together.
_SPREAD = 10
_FAST = 10


@dataclass(frozen=True, slots=True)
class Beat:
    """The moments ``k * every + offset`` (seconds since the epoch)."""

    #: Seconds between two evaluations.
    every: int
    #: Seconds after a multiple of `every`; less than `every`.
    offset: float


def beat_of(name: str, period: int, evaluation_periods: int, *, delay: float) -> Beat:
    """Return when the alarm ``name`` is evaluated.

    Once a minute; every ten seconds for periods below a minute; once an hour for alarms that span more than a
    day. The offset is a constant hash of the name, behind ``delay`` (seconds until a slot may be looked at), so
    that each slot is seen at the first chance.
    """
    share = zlib.crc32(name.encode()) % _SPREAD
    if is_hourly(period, evaluation_periods):
        return Beat(HOUR, (delay + share) % HOUR)
    if period >= MINUTE:
        return Beat(MINUTE, (delay + share) % MINUTE)
    return Beat(_FAST, round((delay + share / _SPREAD) % _FAST, 3))


def next_due(beat: Beat, after: float) -> float:
    """Return the first moment of ``beat`` that is later than ``after``."""
    due = math.floor((after - beat.offset) / beat.every) * beat.every + beat.offset
    while due <= after:
        due += beat.every
    return due
