"""Numbers and times as CloudWatch writes them in reasons, history and messages."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

# Made once: `json.dumps` makes an encoder for every call that has options.
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def decimal(value: float) -> str:
    """Return ``value`` as Java prints a double: ``90.0``, ``1.0E7``, ``5.0E-4``."""
    value = float(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        if "e" not in text:
            return text
    # The shortest digits that read back as the same number, as repr has them.
    sign, digits, exponent = _scientific(value)
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def _scientific(value: float) -> tuple[str, str, int]:
    text = repr(abs(value))
    mantissa, _, power = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole) - 1 if whole.strip("0") else -(len(fraction) - len(fraction.lstrip("0"))) - 1
    return ("-" if value < 0 else ""), (digits.rstrip("0") or "0"), leading + int(power or 0)


def short_date(moment: datetime) -> str:
    """Return ``01/01/26 00:03:00``: day, month, year."""
    m = moment.astimezone(UTC)
    return f"{m.day:02}/{m.month:02}/{m.year % 100:02} {m.hour:02}:{m.minute:02}:{m.second:02}"


def long_date(moment: datetime) -> str:
    """Return ``Thursday 01 January, 2026 00:04:12 UTC``."""
    m = moment.astimezone(UTC)
    return (
        f"{_DAYS[m.weekday()]} {m.day:02} {_MONTHS[m.month - 1]}, {m.year:04} "
        f"{m.hour:02}:{m.minute:02}:{m.second:02} UTC"
    )


def timestamp(moment: datetime) -> str:
    """Return ``2026-01-01T00:04:12.295+0000``: milliseconds, no colon in the offset."""
    m = moment.astimezone(UTC)
    return (
        f"{m.year:04}-{m.month:02}-{m.day:02}T{m.hour:02}:{m.minute:02}:{m.second:02}.{m.microsecond // 1000:03}+0000"
    )


def compact(value: object) -> str:
    """Return ``value`` as JSON without blanks."""
    return _JSON.encode(value)


def plural(count: int, noun: str) -> str:
    """Return ``1 period``, ``2 periods``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def milliseconds(moment: datetime) -> datetime:
    """Return ``moment`` cut to milliseconds, which is all that CloudWatch keeps."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
