"""What holds a composite alarm's actions back: a pure machine over three kinds of event.

A change of the composite's state begins an episode; once its actions have run, a later change of the suppressor
begins none. Times are seconds; the caller owns the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from wakeless.alarms.definitions import SuppressedBy
from wakeless.alarms.text import long_date


@dataclass(frozen=True, kw_only=True, slots=True)
class Suppressor:
    """The alarm that may hold actions back, as it stands now."""

    arn: str
    #: In ALARM; any other state, INSUFFICIENT_DATA too, holds nothing back.
    active: bool
    #: When it entered its present state.
    since: datetime
    #: Seconds to wait for it after the composite changed.
    wait: int
    #: Seconds to go on holding after it left ALARM.
    extension: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Why the actions of the present state have not run yet."""

    by: SuppressedBy
    reason: str
    #: When it ends by itself; None while it is the suppressor itself that holds.
    until: datetime | None = None


def on_change(suppressor: Suppressor | None, now: datetime) -> Hold | None:
    """Answer a change of the composite's own state: None means that its actions run now.

    Whatever was held for the state before is discarded.
    """
    if suppressor is None:
        return None
    if suppressor.active:
        return _by_alarm(suppressor)
    return _for(SuppressedBy.WAIT_PERIOD, suppressor.wait, now)


def on_suppressor(hold: Hold | None, suppressor: Suppressor, now: datetime) -> Hold | None:
    """Answer a change of the suppressor; None where nothing is held (any more)."""
    if hold is None:
        return None
    if suppressor.active:
        return hold if hold.by is SuppressedBy.ALARM else _by_alarm(suppressor)
    if hold.by is SuppressedBy.ALARM:
        return _for(SuppressedBy.EXTENSION_PERIOD, suppressor.extension, now)
    return hold


def on_time(hold: Hold | None, now: datetime) -> Hold | None:
    """Answer the passing of time: None once a wait or extension is over, and then the actions run."""
    if hold is None or (hold.until is not None and hold.until <= now):
        return None
    return hold


def on_replaced(hold: Hold | None, suppressor: Suppressor | None, now: datetime) -> Hold | None:
    """Answer another suppressor (or none): running periods are discarded and begin anew with the new one."""
    return None if hold is None else on_change(suppressor, now)


def _by_alarm(suppressor: Suppressor) -> Hold:
    reason = f"Actions suppressed by {suppressor.arn} that transitioned to ALARM at {long_date(suppressor.since)}"
    return Hold(SuppressedBy.ALARM, reason)


def _for(by: SuppressedBy, seconds: int, now: datetime) -> Hold | None:
    return Hold(by, f"Actions suppressed by {by}", now + timedelta(seconds=seconds)) if seconds > 0 else None
