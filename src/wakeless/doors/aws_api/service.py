"""What a service is to this door: its shapes and the functions that do its operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wakeless.doors.aws_api.model import ServiceShapes
from wakeless.doors.aws_api.sigv4 import Caller


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request, parsed and allowed."""

    operation: str
    #: In the model's member names; timestamps are aware, blobs are bytes.
    parameters: Mapping[str, Any]
    caller: Caller
    #: The region in the credential's scope; our own when there is none.
    region: str
    now: datetime
    request_id: str
    #: Headers that the answer carries besides its usual ones.
    answer_headers: dict[str, str] = field(default_factory=dict)


#: Does one operation; answers its result in the model's member names, or None when it has none.
Handler = Callable[[Call], Awaitable[Mapping[str, Any] | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsService:
    """One service and the operations of it that are served."""

    shapes: ServiceShapes
    operations: Mapping[str, Handler]
