"""aws:executeAutomation (reference 3.11)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input, Use
from wakeless.runbooks.document import ValueType

_TEXT = Input(type=ValueType.STRING)


def _check(use: Use) -> None:
    if use.has("Targets") != use.has("TargetParameterName") and not use.has("TargetLocations"):
        use.odd("Targets and TargetParameterName belong together")
    if use.has("Targets") and use.has("TargetMaps"):
        use.odd("Targets and TargetMaps exclude each other", at="TargetMaps")


ACTION = Action(
    name="aws:executeAutomation",
    inputs={
        "DocumentName": Input(type=ValueType.STRING, required=True, least=1),
        "DocumentVersion": _TEXT,
        "RuntimeParameters": Input(type=ValueType.STRING_MAP),
        "Targets": Input(type=ValueType.MAP_LIST),
        "TargetParameterName": _TEXT,
        "TargetMaps": Input(type=ValueType.MAP_LIST, most=300),
        "TargetLocations": Input(type=ValueType.MAP_LIST, least=1, most=100),
        "MaxConcurrency": _TEXT,
        "MaxErrors": _TEXT,
        "Tags": Input(type=ValueType.MAP_LIST, most=5),
    },
    outputs={"ExecutionId": ValueType.STRING, "Status": ValueType.STRING, "Output": ValueType.STRING_LIST},
    check=_check,
)
