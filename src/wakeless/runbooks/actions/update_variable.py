"""aws:updateVariable (reference 3.22)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input, Use
from wakeless.runbooks.document import ValueType
from wakeless.runbooks.places import nearest, shown

_PREFIX = "variable:"


def _check(use: Use) -> None:
    name = use.inputs.get("Name")
    if not isinstance(name, str) or "{{" in name:
        return
    if not name.strip().startswith(_PREFIX):
        use.wrong(f'Name must be variable:NAME, not "{shown(name)}"', at="Name")
        return
    variable = name.strip().removeprefix(_PREFIX).strip()
    if variable not in use.document.variables:
        use.wrong(f'Variable "{shown(variable)}" is not declared', nearest(variable, use.document.variables), at="Name")


ACTION = Action(
    name="aws:updateVariable",
    inputs={"Name": Input(type=ValueType.STRING, required=True), "Value": Input(required=True)},
    on_cancel=False,
    check=_check,
)
