"""aws:pause (reference 3.17); documents of AWS add a Message now and then."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input

ACTION = Action(
    name="aws:pause",
    inputs={"Message": Input()},
    timeout=604_800,
    longest=2_592_000,
    on_cancel_target=False,
)
