"""aws:changeInstanceState (reference 3.4)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input
from wakeless.runbooks.document import ValueType

ACTION = Action(
    name="aws:changeInstanceState",
    inputs={
        "InstanceIds": Input(type=ValueType.STRING_LIST, required=True, least=1),
        "DesiredState": Input(type=ValueType.STRING, required=True, words=("running", "stopped", "terminated")),
        "CheckStateOnly": Input(type=ValueType.BOOLEAN),
        "Force": Input(type=ValueType.BOOLEAN),
        "FailOnUnexpectedStopped": Input(type=ValueType.BOOLEAN),
        "AdditionalInfo": Input(type=ValueType.STRING),
    },
    # Documented as none, but seen in captured answers of the service.
    outputs={"InstanceStates": ValueType.STRING_LIST},
)
