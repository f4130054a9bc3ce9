"""Globs over names: ``*``, ``?``, ``[abc]``, ``[!abc]``; the whole value, case and all, ``*`` crosses ``/``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache

_SIGNS = frozenset("*?[")


def is_literal(glob: str) -> bool:
    """Say whether only the very same text matches."""
    return _SIGNS.isdisjoint(glob)


def matches(glob: str, value: str) -> bool:
    """Say whether the glob matches the whole value."""
    if is_literal(glob):
        return glob == value
    return glob == "*" or _compiled(glob).fullmatch(value) is not None


def any_match(globs: Iterable[str], value: str) -> bool:
    """Say whether one of the globs matches the whole value."""
    return any(matches(glob, value) for glob in globs)


# `fnmatch` keeps 256 patterns; an inventory has more, and compiling one costs as much as a hundred matches.
@lru_cache(maxsize=65536)
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))
