"""Stopping: a step, or the whole execution (reference 4.4)."""

from __future__ import annotations

from dataclasses import replace

from wakeless.runbooks.walk import approval, limits
from wakeless.runbooks.walk.errors import InvalidStatusUpdate
from wakeless.runbooks.walk.flow import CANCELLED
from wakeless.runbooks.walk.state import ExecutionStatus, StepExecution, StepStatus, StopKind, Stopping
from wakeless.runbooks.walk.steps import PAUSE, SLEEP
from wakeless.runbooks.walk.work import Move, Rest, Settled, Work

#: Steps that only wait: stopping them needs nobody.
WAITS = frozenset({approval.ACTION, PAUSE, SLEEP})


def request(work: Work, kind: StopKind) -> Move:
    """Begin to stop the execution.

    Raises:
        InvalidStatusUpdate: it is over, or completing what is being cancelled.
    """
    if work.status.final:
        raise InvalidStatusUpdate(f"the execution is {work.status} already")
    stopping = work.stopping
    if stopping is not None and stopping.kind is StopKind.CANCEL:
        if kind is StopKind.COMPLETE:
            raise InvalidStatusUpdate("the execution is being cancelled")
        return Rest()
    work.stopping = Stopping(kind=kind)
    work.next = None
    if kind is StopKind.CANCEL:
        work.status = ExecutionStatus.CANCELLING
        return stop_current(work) or CANCELLED
    execution = work.execution
    if execution is None:
        return work.outcome()
    # A running action comes to its end by itself; only waiting is cut short.
    return stop_current(work) or Rest() if execution.action in WAITS else Rest()


def stop_current(work: Work) -> Move | None:
    """Stop the step at the cursor; None when there is none."""
    execution = work.execution
    if execution is None:
        return None
    if execution.action in WAITS:
        work.end(execution, StepStatus.CANCELLED)
        return Settled(execution.name)
    if execution.status is not StepStatus.CANCELLING:
        work.put(replace(execution, status=StepStatus.CANCELLING, deadline=work.now + limits.CANCELLATION))
        work.ask_stop(execution, awaited=True)
    return Rest()


def abandon_current(work: Work, status: StepStatus) -> None:
    """Give the step at the cursor its final status; what it started is stopped and not waited for."""
    execution = work.execution
    if execution is not None:
        _let_go(work, execution)
        work.end(execution, status)


def _let_go(work: Work, execution: StepExecution) -> None:
    if execution.action not in WAITS and execution.status is not StepStatus.CANCELLING:
        work.ask_stop(execution, awaited=False)
