"""Periods, where they begin, and how long data of each fineness is kept (CloudWatch's API reference).

Times are whole seconds since the Unix epoch.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

MINUTE = 60
HOUR = 3600
DAY = 86400
#: Periods below a minute that can be read; above, any multiple of a minute.
FINE_PERIODS = (1, 5, 10, 20, 30)
#: A metric without data for so long is no longer listed; older samples are refused.
LISTED_FOR = 14 * DAY
#: Samples may be dated so far ahead.
AHEAD = 2 * HOUR


class Level(NamedTuple):
    """One fineness of stored data."""

    #: Seconds that one stored bucket covers.
    seconds: int
    #: Seconds that it is kept; then it is rolled up into the next level, or deleted from the last.
    kept: int


LEVELS = (Level(1, 3 * HOUR), Level(MINUTE, 15 * DAY), Level(300, 63 * DAY), Level(HOUR, 455 * DAY))


def epoch(moment: datetime) -> float:
    """Return a moment as seconds since the epoch; one without a time zone is taken as UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def moment(at: float) -> datetime:
    """Return seconds since the epoch as an aware moment."""
    return datetime.fromtimestamp(at, UTC)


def is_period(seconds: int) -> bool:
    """Say whether data can be read with this period."""
    return seconds in FINE_PERIODS or (seconds > 0 and seconds % MINUTE == 0)


def floor(at: float, step: int) -> int:
    """Return the newest multiple of ``step`` that is not after ``at``."""
    return int(at // step) * step


def ceil(at: float, step: int) -> int:
    """Return the oldest multiple of ``step`` that is not before ``at``."""
    return -int(-at // step) * step


def round_start(start: float, period: int, now: float) -> int:
    """Return where the first period of a read begins.

    To the grid of a period below a minute; else to the minute, five minutes or the hour, as fine as data of that
    age is kept. The periods follow from there: period 300 from 12:07 gives 12:07, 12:12, ….
    """
    if period < MINUTE:
        return floor(start, period)
    age = now - start
    if age < LEVELS[1].kept:
        return floor(start, MINUTE)
    if age < LEVELS[2].kept:
        return floor(start, 300)
    return floor(start, HOUR)


def readable_from(period: int, now: float) -> int:
    """Return since when data can be read with ``period``: what is older is kept too coarsely, or not at all."""
    finest = 0
    for level in LEVELS:
        if level.seconds == 1 or period % level.seconds == 0:
            finest = level.kept
    # A period of several seconds below a minute reads the one-second level only.
    return ceil(now - finest, MINUTE) - MINUTE


def slot_count(start: int, end: float, period: int) -> int:
    """Return how many periods begin in [start, end)."""
    return max(0, -int(-(end - start) // period))
