"""STS: who am I?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeless.doors.aws_api.model import ServiceShapes
from wakeless.doors.aws_api.service import AwsService, Call


def sts() -> AwsService:
    """Return the service."""
    return AwsService(shapes=ServiceShapes("sts"), operations={"GetCallerIdentity": _get_caller_identity})


async def _get_caller_identity(call: Call) -> Mapping[str, Any]:
    caller = call.caller
    return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}
