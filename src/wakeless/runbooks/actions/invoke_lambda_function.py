"""aws:invokeLambdaFunction (reference 3.15)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input
from wakeless.runbooks.document import ValueType

_TEXT = Input(type=ValueType.STRING)

ACTION = Action(
    name="aws:invokeLambdaFunction",
    inputs={
        "FunctionName": Input(type=ValueType.STRING, required=True, least=1),
        "Qualifier": _TEXT,
        "InvocationType": Input(type=ValueType.STRING, words=("RequestResponse", "Event", "DryRun")),
        "LogType": Input(type=ValueType.STRING, words=("None", "Tail")),
        "ClientContext": _TEXT,
        "InputPayload": Input(),
        # JSON text; written as a mapping in some public documents.
        "Payload": Input(),
    },
    outputs={
        "StatusCode": ValueType.STRING,
        "FunctionError": ValueType.STRING,
        "LogResult": ValueType.STRING,
        "Payload": ValueType.STRING,
        "OutputPayload": ValueType.STRING,
    },
    timeout=300,
    longest=300,
)
