"""What escalation needs from the outside: ways to reach people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from wakeless.core.errors import Refused, Unavailable


class MessageKind(StrEnum):
    """Why somebody is told."""

    ESCALATED = "incident.escalated"
    RESOLVED = "incident.resolved"
    HELD = "incident.held"
    APPROVAL_REQUESTED = "approval.requested"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One thing to tell, the same through every channel."""

    #: Unique per delivery and constant over its retries: the idempotency key.
    id: str
    kind: MessageKind
    incident_id: str
    #: One line: what is wrong, or what became of it.
    title: str
    #: Plain text of a few lines: the alarm, what was tried, why a person is needed.
    text: str
    at: datetime
    #: The incident as JSON values, for channels that send structure.
    data: Mapping[str, object] = field(default_factory=dict)
    #: Receipt of the first message about this incident through this channel, for threads and updates.
    in_reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The channel has it."""

    #: The channel's own id of it (Message-ID, ts, issue key); kept to reply, update or resolve.
    reference: str = ""


class ChannelUnavailable(Unavailable):
    """Not delivered now; worth trying again, after `retry_after` seconds if the channel said so."""

    code = "channel_unavailable"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ChannelRefused(Refused):
    """The channel will never take this message."""

    code = "channel_refused"


class Channel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str:
        """Its name in the settings."""
        ...

    async def send(self, message: Message) -> Receipt:
        """Deliver ``message``; raises `ChannelUnavailable` or `ChannelRefused`."""
        ...
