"""aws:createTags (reference 3.8)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input
from wakeless.runbooks.document import ValueType

ACTION = Action(
    name="aws:createTags",
    inputs={
        "ResourceIds": Input(type=ValueType.STRING_LIST, required=True, least=1),
        "Tags": Input(type=ValueType.MAP_LIST, required=True, least=1),
        "ResourceType": Input(
            type=ValueType.STRING, words=("EC2", "ManagedInstance", "MaintenanceWindow", "Parameter")
        ),
    },
    on_cancel_target=False,
)
