"""aws:createStack and aws:deleteStack (reference 3.7, 3.10)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input, Use
from wakeless.runbooks.document import ValueType

_TEXT = Input(type=ValueType.STRING)


def _check(use: Use) -> None:
    if not use.has("TemplateBody") and not use.has("TemplateURL"):
        use.wrong('Missing "TemplateBody" or "TemplateURL" in the inputs of an aws:createStack')
    for one, other in (
        ("TemplateBody", "TemplateURL"),
        ("DisableRollback", "OnFailure"),
        ("StackPolicyBody", "StackPolicyURL"),
    ):
        if use.has(one) and use.has(other):
            use.odd(f"{one} and {other} exclude each other", at=other)


CREATE = Action(
    name="aws:createStack",
    inputs={
        "StackName": Input(type=ValueType.STRING, required=True, least=1, most=128),
        "TemplateBody": Input(type=ValueType.STRING, least=1, most=51_200),
        "TemplateURL": Input(type=ValueType.STRING, least=1, most=1024),
        "Capabilities": Input(type=ValueType.STRING_LIST),
        "ClientRequestToken": Input(type=ValueType.STRING, least=1, most=128),
        "DisableRollback": Input(type=ValueType.BOOLEAN),
        "OnFailure": Input(type=ValueType.STRING, words=("DO_NOTHING", "ROLLBACK", "DELETE")),
        "NotificationARNs": Input(type=ValueType.STRING_LIST, most=5),
        "Parameters": Input(),
        "ResourceTypes": Input(type=ValueType.STRING_LIST),
        "RoleARN": Input(type=ValueType.STRING, least=20, most=2048),
        "StackPolicyBody": Input(type=ValueType.STRING, least=1, most=16_384),
        "StackPolicyURL": Input(type=ValueType.STRING, least=1, most=1350),
        "Tags": Input(most=10),
        "TimeoutInMinutes": Input(type=ValueType.INTEGER, least=1),
    },
    outputs={
        "StackId": ValueType.STRING,
        "StackStatus": ValueType.STRING,
        "StackStatusReason": ValueType.STRING,
    },
    on_cancel_target=False,
    check=_check,
)
DELETE = Action(
    name="aws:deleteStack",
    inputs={
        "StackName": Input(type=ValueType.STRING, required=True, least=1),
        "ClientRequestToken": Input(type=ValueType.STRING, least=1, most=128),
        "RoleARN": _TEXT,
        "RetainResources": Input(),
    },
    # RetainResources is documented as RetainResources.member.1 and so on.
    open=True,
)
