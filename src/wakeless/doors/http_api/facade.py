"""What this door needs from the facade behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from wakeless.alarms.alarm import Alarm
from wakeless.app.telemetry import Telemetry


class Received(Protocol):
    """What became of one reported alarm."""

    @property
    def incident_id(self) -> str | None:
        """The incident it opened or joined."""
        ...

    @property
    def duplicate(self) -> bool:
        """Whether a copy of this very report came before."""
        ...


class AlarmBook(Protocol):
    """The embedded alarms."""

    async def describe_alarms(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """List alarms as CloudWatch's DescribeAlarms does."""
        ...


class Facade(Protocol):
    """Everything that can be asked of Wakeless; JSON values in and out."""

    @property
    def metrics(self) -> Telemetry:
        """Counts and times."""
        ...

    @property
    def monitoring(self) -> AlarmBook:
        """The embedded alarms."""
        ...

    async def expose_metrics(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics as they are now, and their content type."""
        ...

    async def accept(self, alarms: Sequence[Alarm]) -> None:
        """Take alarms in; returns after the commit, before they are correlated."""
        ...

    async def receive(self, alarms: Sequence[Alarm]) -> Sequence[Received]:
        """Take alarms in; returns after the commit."""
        ...

    async def list_incidents(
        self, status: str | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return incidents, the newest first."""
        ...

    async def get_incident(self, incident_id: str) -> Mapping[str, Any]:
        """Return one incident with all that happened to it; raises `NotFound`."""
        ...

    async def output(self, attempt_id: str, stream: str, offset: int, limit: int) -> bytes:
        """Return a part of what an attempt wrote; raises `NotFound`."""
        ...

    async def decide(
        self, incident_id: str, principal: str, approve: bool, comment: str = "", groups: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """Approve or deny; return the incident."""
        ...

    async def retry(self, incident_id: str, principal: str) -> Mapping[str, Any]:
        """Ask for another try; return the incident."""
        ...

    async def close(self, incident_id: str, principal: str, reason: str) -> Mapping[str, Any]:
        """Call an incident done; return it."""
        ...

    async def cancel(self, incident_id: str, principal: str, reason: str = "") -> Mapping[str, Any]:
        """Stop what is running; return the incident."""
        ...

    async def set_automation(self, enabled: bool, principal: str, reason: str = "") -> Mapping[str, Any]:
        """Throw the kill switch, either way; return how it stands."""
        ...

    def automation(self) -> Mapping[str, Any]:
        """Say how the kill switch stands."""
        ...

    def events(self, after: int | None) -> AsyncIterator[Mapping[str, Any]]:
        """Yield timeline entries above ``after`` and those to come; None means only those to come."""
        ...

    def health(self) -> Mapping[str, Any]:
        """Say how the process does."""
        ...

    async def ready(self) -> tuple[bool, Mapping[str, Any]]:
        """Say whether alarms can be taken in now, and why not."""
        ...
