"""aws:approve (reference 3.1)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input
from wakeless.runbooks.document import ValueType

ACTION = Action(
    name="aws:approve",
    inputs={
        "Approvers": Input(type=ValueType.STRING_LIST, required=True, least=1, most=10),
        "MinRequiredApprovals": Input(type=ValueType.INTEGER, least=1, most=10),
        "NotificationArn": Input(type=ValueType.STRING),
        "Message": Input(type=ValueType.STRING, most=4096),
        "EnhancedApprovals": Input(type=ValueType.STRING_MAP),
    },
    outputs={"ApprovalStatus": ValueType.STRING, "ApproverDecisions": ValueType.MAP_LIST},
    timeout=604_800,
    longest=2_592_000,
    on_cancel_target=False,
)
