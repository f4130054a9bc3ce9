"""The walk of a runbook: a pure state machine (see `wakeless.runbooks.walk.engine`)."""

from wakeless.runbooks.walk.engine import begin, outstanding, waits_for, walk

__all__ = ["begin", "outstanding", "waits_for", "walk"]
