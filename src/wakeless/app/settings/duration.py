"""Stretches of time as people write them."""

from __future__ import annotations

import re

#: Ten years: longer is a slip of the pen, and keeps sums with the clock within what `datetime` can hold.
LONGEST = 10 * 366 * 86400.0

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_PARTS = re.compile(rf"(?:{_PART.pattern})+")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
# ISO 8601 without years and months, whose length is not fixed.
_ISO = re.compile(
    r"P(?=[0-9T])(?:([0-9]+)W)?(?:([0-9]+)D)?"
    r"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?"
)


def parse_duration(text: str) -> float:
    """Return the seconds in ``30s``, ``5m``, ``1h30m``, ``250ms``, ``2d``, ``1w``, ``PT10M``, ``P1DT2H`` or ``90``.

    Raises `ValueError` for anything else, and for more than ten years.
    """
    text = text.strip()
    if len(text) > 100:
        raise ValueError("is too long for a duration")
    if _NUMBER.fullmatch(text):
        seconds = float(text)
    elif _PARTS.fullmatch(text):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    elif match := _ISO.fullmatch(text):
        scale = (_UNITS["w"], _UNITS["d"], _UNITS["h"], _UNITS["m"], _UNITS["s"])
        seconds = sum(float(number) * factor for number, factor in zip(match.groups(), scale, strict=True) if number)
    else:
        raise ValueError("must be a duration such as 30s, 5m, 1h30m, PT10M, or a number of seconds")
    if seconds > LONGEST:
        raise ValueError("must be at most ten years")
    return seconds


def format_duration(seconds: float) -> str:
    """Return the shortest of the forms that `parse_duration` takes: ``90s`` is ``1m30s``, ``0.25`` is ``250ms``."""
    milliseconds = round(seconds * 1000)
    if milliseconds == 0:
        return "0s"
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
