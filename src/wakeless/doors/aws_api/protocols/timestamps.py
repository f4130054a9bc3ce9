"""Timestamps in every form that AWS's clients send, and in the forms that AWS answers."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def from_number(value: float) -> datetime:
    """Return the moment ``value`` seconds after the epoch; raises ValueError if there is no such moment."""
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(str(error)) from None


def from_text(text: str) -> datetime:
    """Return the moment that an ISO 8601, RFC 822 or epoch-seconds text means; without a zone it is UTC.

    Raises ValueError if the text means none.
    """
    if _NUMBER.fullmatch(text):
        return from_number(float(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, IndexError, OverflowError) as error:
            raise ValueError(str(error)) from None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def to_iso(moment: datetime) -> str:
    """Return ``2026-01-01T00:00:00.123Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def to_number(moment: datetime) -> float:
    """Return seconds since the epoch, to the millisecond as AWS answers them."""
    return round(moment.timestamp(), 3)
