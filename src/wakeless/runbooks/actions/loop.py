"""aws:loop (reference 3.18); its steps and its condition are parsed with the document."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input, Use
from wakeless.runbooks.document import ValueType

#: Items that a for-each may have.
MAX_ITERATORS = 100


def _check(use: Use) -> None:
    iterators = use.inputs.get("Iterators")
    if isinstance(iterators, list) and len(iterators) > MAX_ITERATORS:
        use.odd(f"{len(iterators)} Iterators are more than the {MAX_ITERATORS} that a loop takes", at="Iterators")


ACTION = Action(
    name="aws:loop",
    inputs={name: Input() for name in ("Steps", "Iterators", "IteratorDataType", "LoopCondition", "MaxIterations")},
    outputs={"CurrentIteration": ValueType.INTEGER, "CurrentIteratorValue": ValueType.STRING},
    on_cancel_target=False,
    on_cancel=False,
    check=_check,
)
