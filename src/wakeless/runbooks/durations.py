"""ISO 8601 durations and moments as aws:sleep takes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from wakeless.core.errors import Refused

#: The longest sleep.
MAX_SLEEP = timedelta(seconds=604_799)

# Years and months are left out: any of them is longer than a sleep may be.
_DURATION = re.compile(
    r"P(?=[0-9T])(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9}(?:[.,][0-9]{1,9})?)S)?)?"
)


class InvalidDuration(Refused):
    """The text is no ISO 8601 duration or moment, or the sleep would be too long."""

    code = "invalid_duration"


def parse_duration(text: str) -> timedelta:
    """Return a duration such as ``PT10M`` or ``P1DT2H``; raises `InvalidDuration`, also beyond `MAX_SLEEP`."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise InvalidDuration(f"{text!r} is not an ISO 8601 duration such as PT10M")
    weeks, days, hours, minutes = (int(part or 0) for part in found.groups()[:4])
    seconds = float((found.group(5) or "0").replace(",", "."))
    if weeks * 604_800 + days * 86_400 + hours * 3_600 + minutes * 60 + seconds > MAX_SLEEP.total_seconds():
        raise InvalidDuration(f"{text!r} is longer than 604799 seconds")
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def parse_moment(text: str) -> datetime:
    """Return an ISO 8601 moment such as ``2024-03-10T15:04:05Z``, in UTC; raises `InvalidDuration`."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidDuration(f"{text!r} is not an ISO 8601 moment such as 2024-03-10T15:04:05Z") from error
