"""What a kind of channel is: the one thing that a module offers to be a channel, ours or anybody's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wakeless.core.problems import Problem
from wakeless.escalation.ports import Channel


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelKind:
    """One kind of channel; an entry point of the group ``wakeless.channels`` names one, under the kind's name."""

    #: A dataclass; what stands in ``wakeless.yaml`` under the channel's name fills it.
    settings: type[Any]
    #: Lists everything wrong with such settings, without connecting anywhere.
    check: Callable[[Any], Sequence[Problem]]
    #: Makes the channel of the given name; `check` found nothing.
    make: Callable[[str, Any], Channel]


def problem(path: str, message: str, hint: str = "") -> Problem:
    """Return a problem with one setting of a channel; `build.check` adds whose."""
    return Problem(source="channels", line=0, column=0, path=path, message=message, hint=hint)
