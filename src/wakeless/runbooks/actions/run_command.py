"""aws:runCommand (reference 3.19)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input, Use
from wakeless.runbooks.document import ValueType

_TEXT = Input(type=ValueType.STRING)


def _check(use: Use) -> None:
    if not use.has("InstanceIds") and not use.has("Targets"):
        use.wrong('Missing "InstanceIds" or "Targets" in the inputs of an aws:runCommand')


ACTION = Action(
    name="aws:runCommand",
    inputs={
        "DocumentName": Input(type=ValueType.STRING, required=True, least=1),
        "InstanceIds": Input(type=ValueType.STRING_LIST, most=50),
        "Targets": Input(type=ValueType.MAP_LIST),
        "Parameters": Input(type=ValueType.STRING_MAP),
        "CloudWatchOutputConfig": Input(type=ValueType.STRING_MAP),
        "Comment": Input(type=ValueType.STRING, most=100),
        "DocumentVersion": _TEXT,
        "DocumentHash": _TEXT,
        "DocumentHashType": _TEXT,
        "NotificationConfig": Input(type=ValueType.STRING_MAP),
        "OutputS3BucketName": _TEXT,
        "OutputS3KeyPrefix": _TEXT,
        "OutputS3Region": _TEXT,
        "ServiceRoleArn": _TEXT,
        "TimeoutSeconds": Input(type=ValueType.INTEGER, least=30, most=2_592_000),
        "MaxConcurrency": _TEXT,
        "MaxErrors": _TEXT,
    },
    outputs={
        "CommandId": ValueType.STRING,
        "Status": ValueType.STRING,
        "ResponseCode": ValueType.STRING,
        "Output": ValueType.STRING,
        "OutputPayload": ValueType.STRING,
    },
    check=_check,
)
