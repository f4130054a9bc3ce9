"""What the protocols have in common: requests in, answers out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from wakeless.doors.aws_api.errors import AwsError
from wakeless.doors.aws_api.model import OperationShapes, ServiceShapes

#: An operation's parameters or result, in the member names of the model.
Plain = Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What goes back to the client."""

    status: int
    body: bytes
    content_type: str | None
    headers: Mapping[str, str] = field(default_factory=dict)


class WireProtocol(Protocol):
    """One of AWS's wire protocols."""

    #: As botocore's models name it.
    name: str

    def decode(self, body: bytes) -> object:
        """Return what ``body`` holds, whatever the operation; raises `AwsError`."""
        ...

    def parse(self, operation: OperationShapes, document: object) -> dict[str, object]:
        """Return an operation's parameters from a decoded body; raises `AwsError`."""
        ...

    def answer(
        self, service: ServiceShapes, operation: OperationShapes, result: Plain | None, request_id: str
    ) -> Answer:
        """Return a successful answer."""
        ...

    def refuse(self, service: ServiceShapes | None, error: AwsError, request_id: str) -> Answer:
        """Return an error; ``service`` is none when the request names no service that is served here."""
        ...
