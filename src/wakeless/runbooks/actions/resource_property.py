"""aws:assertAwsResourceProperty and aws:waitForAwsResourceProperty (reference 3.2, 3.23)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input, Use
from wakeless.runbooks.document import ValueType

_INPUTS = {
    "Service": Input(type=ValueType.STRING, required=True),
    "Api": Input(type=ValueType.STRING, required=True),
    "PropertySelector": Input(type=ValueType.STRING, required=True),
    "DesiredValues": Input(required=True),
}


def _check(use: Use) -> None:
    if use.inputs.get("DesiredValues") == []:
        use.wrong("DesiredValues is empty: nothing could ever match", at="DesiredValues")


ASSERT = Action(name="aws:assertAwsResourceProperty", inputs=_INPUTS, open=True, check=_check)
WAIT_FOR = Action(name="aws:waitForAwsResourceProperty", inputs=_INPUTS, open=True, check=_check)
