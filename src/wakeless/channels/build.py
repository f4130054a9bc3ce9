"""From a name and settings to a channel. The built-in kinds come through the same door as everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from wakeless.channels.kind import ChannelKind
from wakeless.channels.settings import BUILTIN_SETTINGS
from wakeless.core.errors import InvalidInput
from wakeless.core.problems import Problem
from wakeless.escalation.ports import Channel

GROUP = "wakeless.channels"

#: Loaded when a channel of that kind is built, so that nobody carries an HTTP client for nothing.
BUILTIN = tuple(EntryPoint(name=kind, value=f"wakeless.channels.{kind}:KIND", group=GROUP) for kind in BUILTIN_SETTINGS)


def kinds() -> Mapping[str, EntryPoint]:
    """Return every kind that can be built, by its name in the settings; a built-in one cannot be replaced."""
    return {point.name: point for point in (*entry_points(group=GROUP), *BUILTIN)}


def kind(name: str) -> ChannelKind:
    """Load the kind of that name; raises `InvalidInput` if there is none, or what is there is not a kind."""
    point = kinds().get(name)
    if point is None:
        raise InvalidInput(f"there is no kind of channel {name!r}; known: {', '.join(sorted(kinds()))}")
    found = point.load()
    if not isinstance(found, ChannelKind):
        raise InvalidInput(f"{point.value} is not a kind of channel")
    return found


def check(name: str, settings: Any, kind_name: str | None = None) -> list[Problem]:
    """Return everything wrong with a channel's settings, sorted; connects nowhere."""
    found = kind(kind_name or _builtin_kind(settings)).check(settings)
    return sorted(replace(one, path=f"{name}.{one.path}" if one.path else name) for one in found)


def build(name: str, settings: Any, kind_name: str | None = None) -> Channel:
    """Return the channel ``name``; raises `InvalidInput` with all problems of its settings.

    ``kind_name`` is needed for other people's kinds only; ours are known by the type of their settings.
    """
    problems = check(name, settings, kind_name)
    if problems:
        raise InvalidInput(f"channel {name}: {'; '.join(str(one) for one in problems)}", problems)
    return kind(kind_name or _builtin_kind(settings)).make(name, settings)


def _builtin_kind(settings: Any) -> str:
    for name, known in BUILTIN_SETTINGS.items():
        if type(settings) is known:
            return name
    raise InvalidInput(f"{type(settings).__name__} belongs to no built-in kind of channel")
