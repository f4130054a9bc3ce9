"""The walk of a runbook: a pure state machine (see `wakeless.runbooks.walk.engine`)."""

from wakeless.runbooks.walk.engine import begin, outstanding, waits_for, walk
from wakeless.runbooks.walk.state import rebuilt
from wakeless.runbooks.walk.timers import next_due

__all__ = ["begin", "next_due", "outstanding", "rebuilt", "waits_for", "walk"]
