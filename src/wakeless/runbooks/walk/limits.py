"""How long steps may take, and how much of everything there may be."""

from __future__ import annotations

from datetime import timedelta

from wakeless.runbooks.actions import ACTIONS
from wakeless.runbooks.document import Step

#: How long a cancelled step is waited for, and how long the steps of a cancellation workflow may take.
CANCELLATION = timedelta(minutes=2)
#: Levels of executions below the one that somebody started.
MAX_DEPTH = 5
MAX_ITERATIONS = 100
MAX_ITERATORS = 100
MAX_APPROVERS = 10
MAX_MAP_LIST = 200
MAX_STRING_LIST = 50
#: Steps that one walk begins before it rests, so that its moves are journalled in pieces.
MAX_MOVES = 200

#: Actions that wait for something with a clock of its own; they have no end unless the step says one (decision 0211).
_ENDLESS = frozenset({"aws:executeAutomation", "aws:executeStateMachine", "aws:loop", "aws:sleep"})
#: For actions that are not in the table.
_DEFAULT = 3_600


def timeout_of(step: Step) -> int | None:
    """Return the seconds that one attempt of the step may take, None when it may take any time."""
    action = ACTIONS.get(step.action)
    seconds = step.timeout_seconds
    if seconds is None:
        if step.action in _ENDLESS:
            return None
        seconds = action.timeout if action else _DEFAULT
    return min(seconds, action.longest) if action and action.longest is not None else seconds
