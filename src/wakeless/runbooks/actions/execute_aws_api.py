"""aws:executeAwsApi (reference 3.12)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input
from wakeless.runbooks.document import ValueType

ACTION = Action(
    name="aws:executeAwsApi",
    inputs={
        "Service": Input(type=ValueType.STRING, required=True, least=1),
        "Api": Input(type=ValueType.STRING, required=True, least=1),
    },
    open=True,
    outputs={"OutputPayload": ValueType.STRING},
    longest=25,
)
