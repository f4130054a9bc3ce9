"""What happened, in order: the words a person reads and the data a program reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineEntry:
    """One thing that happened to an incident."""

    at: datetime
    #: Dotted and stable, for example ``attempt.began``; see docs/reference/timeline.md.
    kind: str
    #: One plain sentence.
    text: str
    #: Details for programs; JSON values only.
    data: Mapping[str, object] = field(default_factory=dict)
