"""aws:invokeWebhook (reference 3.16)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input
from wakeless.runbooks.document import ValueType

ACTION = Action(
    name="aws:invokeWebhook",
    inputs={
        "IntegrationName": Input(type=ValueType.STRING, required=True, least=1),
        "Body": Input(type=ValueType.STRING),
    },
    outputs={"Response": ValueType.STRING, "ResponseCode": ValueType.STRING},
)
