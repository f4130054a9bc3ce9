"""Time: what is due, and what is due next."""

from __future__ import annotations

from datetime import datetime

from wakeless.runbooks.walk import messages, steps
from wakeless.runbooks.walk.flow import CANCELLED
from wakeless.runbooks.walk.limits import timeout_of
from wakeless.runbooks.walk.state import ExecutionState, ExecutionStatus, Failure, StepExecution, StepStatus, StopKind
from wakeless.runbooks.walk.stop import WAITS, abandon_current
from wakeless.runbooks.walk.work import Enter, Move, Rest, Settled, Work


def fired(work: Work) -> Move:
    """Do what is due; nothing, when the timer came early."""
    if work.stopping is not None and _due(work.stopping.deadline, work.now):
        abandon_current(work, StepStatus.CANCELLED)
        return CANCELLED
    for level, turn in enumerate(work.rounds):
        if _due(work.steps[turn.step].deadline, work.now):
            return _loop_timed_out(work, level)
    execution = work.execution
    if execution is not None:
        return _step_due(work, execution)
    if work.next is not None:
        return Enter(work.next)
    return Rest()


def next_due(state: ExecutionState) -> datetime | None:
    """Return when the walk wants to be called again, None when no moment matters."""
    if state.status.final or state.status is ExecutionStatus.PENDING:
        return None
    moments = [state.steps[turn.step].deadline for turn in state.rounds]
    if state.stopping is not None:
        moments.append(state.stopping.deadline)
    if state.current is not None:
        execution = state.steps[state.current]
        moments += [execution.deadline, execution.wake_at]
    return min((moment for moment in moments if moment is not None), default=None)


def time_out(work: Work, execution: StepExecution, message: str | None = None) -> Move:
    """End an attempt that took too long, and begin the next one if there is one."""
    step = work.document.by_name[execution.name]
    if execution.attempt < step.max_attempts and execution.action not in WAITS and not no_more_attempts(work):
        return steps.retry(work, step, execution)
    failure = Failure(message=message) if message else messages.timed_out(timeout_of(step))
    work.end(execution, StepStatus.TIMED_OUT, failure=failure)
    return Settled(execution.name)


def _step_due(work: Work, execution: StepExecution) -> Move:
    wake_at, deadline = execution.wake_at, execution.deadline
    if _due(wake_at, work.now) and (deadline is None or wake_at is None or wake_at <= deadline):
        work.end(execution, StepStatus.SUCCESS)
        return Settled(execution.name)
    if not _due(deadline, work.now):
        return Rest()
    if execution.status is StepStatus.CANCELLING:
        # Nobody answered that it has stopped; the execution does not wait for ever.
        work.end(execution, StepStatus.CANCELLED)
        return Settled(execution.name)
    if execution.action not in WAITS:
        work.ask_stop(execution, awaited=False)
    return time_out(work, execution)


def _loop_timed_out(work: Work, level: int) -> Move:
    abandon_current(work, StepStatus.CANCELLED)
    while len(work.rounds) > level + 1:
        work.close_round(StepStatus.CANCELLED)
    name = work.rounds[level].step
    work.next = None
    work.close_round(StepStatus.TIMED_OUT, messages.timed_out(timeout_of(work.document.by_name[name])))
    return Settled(name)


def no_more_attempts(work: Work) -> bool:
    """Say whether no further attempt is made; the steps of a cancellation workflow have theirs."""
    return work.stopping is not None and not (work.stopping.kind is StopKind.CANCEL and work.stopping.workflow)


def _due(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now
