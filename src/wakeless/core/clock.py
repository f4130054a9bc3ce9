"""Time, so that a test can own it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, always timezone-aware UTC."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to: for rehearsals and tests."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock's start needs a time zone")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment it was last set to."""
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move forward by ``seconds`` and return the new moment; never backward."""
        if seconds < 0:
            raise ValueError("time does not run backward")
        self._now += timedelta(seconds=seconds)
        return self._now
