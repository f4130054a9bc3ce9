"""How long steps may take, and how much of everything there may be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from wakeless.runbooks.document import Step

#: How long a cancelled step is waited for, and how long the steps of a cancellation workflow may take.
CANCELLATION = timedelta(minutes=2)
#: Levels of executions below the one that somebody started.
MAX_DEPTH = 5
MAX_ITERATIONS = 100
MAX_ITERATORS = 100
MAX_APPROVERS = 10
MAX_MESSAGE = 4096
MAX_MAP_LIST = 200
MAX_STRING_LIST = 50
#: Steps that one walk begins before it rests, so that its moves are journalled in pieces.
MAX_MOVES = 200

_WEEK = 604_800
_MONTH = 2_592_000
#: Seconds; None: no end. What waits for something with a clock of its own has none (decision 0211).
_DEFAULTS: Mapping[str, int | None] = {
    "aws:approve": _WEEK,
    "aws:pause": _WEEK,
    "aws:executeScript": 600,
    "aws:invokeLambdaFunction": 300,
    "aws:executeAwsApi": 25,
    "aws:assertAwsResourceProperty": 25,
    "aws:executeAutomation": None,
    "aws:executeStateMachine": None,
    "aws:sleep": None,
    "aws:loop": None,
}
_OTHERS = 3_600
#: Seconds; a longer ``timeoutSeconds`` is cut to this.
_MOST: Mapping[str, int] = {
    "aws:approve": _MONTH,
    "aws:pause": _MONTH,
    "aws:executeScript": 600,
    "aws:invokeLambdaFunction": 300,
    "aws:executeAwsApi": 25,
    "aws:assertAwsResourceProperty": 25,
}


def timeout_of(step: Step) -> int | None:
    """Return the seconds that one attempt of the step may take, None when it may take any time."""
    if step.timeout_seconds is None:
        return _DEFAULTS.get(step.action, _OTHERS)
    # Four hundred years are as good as no end, and Python's dates can hold them.
    most = _MOST.get(step.action, _MONTH * 12 * 400)
    return min(step.timeout_seconds, most)
