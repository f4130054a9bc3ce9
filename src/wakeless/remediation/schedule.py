"""Maintenance windows: when they begin and end, in whatever time zone they were written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from wakeless.remediation.rule import Globs, Match


@dataclass(frozen=True, kw_only=True, slots=True)
class Once:
    """One stretch of time, both ends timezone-aware."""

    begins_at: datetime
    #: The first moment that is outside again.
    ends_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Weekly:
    """The same hours on some days of every week, by the wall clock of a place."""

    #: Monday is 0, as in `datetime.weekday`. The day on which it begins, when it runs past midnight.
    days: frozenset[int]
    begins: time
    #: Equal to or before `begins` means on the next day.
    ends: time
    #: IANA name, for example ``Europe/Berlin``.
    timezone: str = "UTC"


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A time in which automation keeps its hands off some alarms and targets."""

    name: str
    when: Once | Weekly
    #: Alarms it is for; an empty match is for all.
    match: Match = field(default_factory=Match)
    #: Globs over inventory names of targets; empty is for all.
    targets: Globs = ()


def open_until(when: Once | Weekly, now: datetime) -> datetime | None:
    """Return the UTC moment at which the window that is open ``now`` ends, or None if it is closed.

    Weekly windows follow the wall clock: 02:00 to 04:00 on the night the clocks go forward is one hour long. Where a
    change of clocks makes a time happen twice or never, the reading that makes the window longer is taken.
    """
    occurrences = [when] if isinstance(when, Once) else _occurrences(when, now)
    ends = [once.ends_at for once in occurrences if once.begins_at <= now < once.ends_at]
    return max(ends).astimezone(UTC) if ends else None


def merged_until(windows: Iterable[Window], now: datetime) -> datetime | None:
    """Return when the last of the ``windows`` that are open ``now`` or follow without a gap ends, or None."""
    listed = list(windows)
    until: datetime | None = None
    # Two windows that touch are one: waking up between them to find the next one open helps nobody.
    for _ in range(len(listed) + 1):
        later = [end for window in listed if (end := open_until(window.when, until or now)) is not None]
        if not later or max(later) == until:
            break
        until = max(later)
    return until


def _occurrences(weekly: Weekly, now: datetime) -> Iterator[Once]:
    """Yield the occurrences that could be open ``now``."""
    zone = ZoneInfo(weekly.timezone)
    today = now.astimezone(zone).date()
    for days_ago in (2, 1, 0, -1):
        day = today - timedelta(days=days_ago)
        if day.weekday() not in weekly.days:
            continue
        last = day if weekly.ends > weekly.begins else day + timedelta(days=1)
        yield Once(
            begins_at=min(_readings(datetime.combine(day, weekly.begins, zone))),
            ends_at=max(_readings(datetime.combine(last, weekly.ends, zone))),
        )


def _readings(wall: datetime) -> tuple[datetime, datetime]:
    """Return both UTC moments that a wall-clock time can stand for; nearly always the same."""
    return wall.replace(fold=0).astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
