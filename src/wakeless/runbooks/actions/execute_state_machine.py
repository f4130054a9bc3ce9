"""aws:executeStateMachine (reference 3.14)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input
from wakeless.runbooks.document import ValueType

ACTION = Action(
    name="aws:executeStateMachine",
    inputs={
        "stateMachineArn": Input(type=ValueType.STRING, required=True, least=1),
        "name": Input(type=ValueType.STRING),
        "input": Input(type=ValueType.STRING),
    },
    outputs={
        name: ValueType.STRING
        for name in ("executionArn", "input", "name", "output", "startDate", "stateMachineArn", "status", "stopDate")
    },
)
