"""aws:sleep (reference 3.21)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input, Use
from wakeless.runbooks.document import ValueType


def _check(use: Use) -> None:
    if not use.has("Duration") and not use.has("Timestamp"):
        use.wrong('Missing "Duration" or "Timestamp" in the inputs of an aws:sleep')
    if use.has("Duration") and use.has("Timestamp"):
        use.odd("Duration holds, Timestamp is not looked at", at="Timestamp")


ACTION = Action(
    name="aws:sleep",
    inputs={"Duration": Input(type=ValueType.STRING), "Timestamp": Input(type=ValueType.STRING)},
    # Nothing sleeps longer than 604,799 seconds.
    timeout=604_800,
    on_cancel_target=False,
    check=_check,
)
