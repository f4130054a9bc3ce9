"""Identifiers that sort by time and are safe in a path, a URL and a shell word."""

from __future__ import annotations

import re
import secrets
import threading
from datetime import datetime
from typing import Protocol

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_SHAPE = re.compile(r"[a-z]{2,8}-[0-9a-hjkmnp-tv-z]{26}")


class Ids(Protocol):
    """Makes identifiers, so that a test can own them."""

    def new(self, prefix: str, now: datetime) -> str:
        """Return a fresh identifier ``<prefix>-<26 characters>``."""
        ...


class RandomIds:
    """Identifiers with 80 random bits behind 48 bits of milliseconds, each above the one before.

    Also within a millisecond and when the clock was set back: what is sorted by them is in the order it was made.
    """

    def __init__(self) -> None:
        self._last = 0
        self._guard = threading.Lock()

    def new(self, prefix: str, now: datetime) -> str:
        """Return a fresh identifier ``<prefix>-<26 characters>``."""
        value = _value(now, secrets.randbits(80))
        with self._guard:
            if value <= self._last:
                value = self._last + 1 + secrets.randbits(40)
            self._last = value
        return _text(prefix, value)


class CountingIds:
    """Identifiers that count from one: for rehearsals and tests."""

    def __init__(self) -> None:
        self._next = 0

    def new(self, prefix: str, now: datetime) -> str:
        """Return the next identifier."""
        self._next += 1
        return make_id(prefix, now, self._next)


def make_id(prefix: str, now: datetime, entropy: int) -> str:
    """Return ``<prefix>-<26 characters>``: 48 bits of milliseconds, then 80 bits of ``entropy``.

    The layout is ULID's, in lower case, so that identifiers sort by time.
    """
    return _text(prefix, _value(now, entropy))


def _value(now: datetime, entropy: int) -> int:
    return (int(now.timestamp() * 1000) & (1 << 48) - 1) << 80 | entropy & (1 << 80) - 1


def _text(prefix: str, value: int) -> str:
    text = "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
    return f"{prefix}-{text}"


def is_id(text: str) -> bool:
    """Say whether ``text`` has the shape that `make_id` gives."""
    return _SHAPE.fullmatch(text) is not None
