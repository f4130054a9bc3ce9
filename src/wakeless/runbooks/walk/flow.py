"""What follows when a step has its final status (reference 4.2 to 4.4)."""

from __future__ import annotations

from dataclasses import replace

from wakeless.runbooks.document import FailureRule, Step
from wakeless.runbooks.walk import limits
from wakeless.runbooks.walk.state import ExecutionStatus, Mode, StepExecution, StepStatus, StopKind
from wakeless.runbooks.walk.work import Enter, LevelEnd, Move, Over, Rest, Settled, Work

CANCELLED = Over(ExecutionStatus.CANCELLED, None, StepStatus.CANCELLED)


def after(work: Work, settled: Settled) -> Move:
    """Decide what follows a step."""
    step = work.document.by_name[settled.step]
    execution = work.steps[settled.step]
    if execution.status in (StepStatus.FAILED, StepStatus.TIMED_OUT):
        work.count_failure(step, execution)
    if work.stopping is not None:
        return _while_stopping(work, step, execution, settled.jump)
    if execution.status is StepStatus.CANCELLED:
        return _stopped_by_hand(work, step)
    return _onward(work, step, execution, settled.jump)


def _onward(work: Work, step: Step, execution: StepExecution, jump: str | None) -> Move:
    if execution.status is StepStatus.SUCCESS:
        return _after_success(work, step, jump)
    if step.on_failure.rule is FailureRule.CONTINUE:
        return _after_success(work, step, None)
    if step.on_failure.rule is FailureRule.STEP and step.on_failure.target is not None:
        return Enter(step.on_failure.target)
    timed_out = execution.status is StepStatus.TIMED_OUT
    message = execution.failure.message if execution.failure else None
    return Over(ExecutionStatus.TIMED_OUT if timed_out else ExecutionStatus.FAILED, message)


def _after_success(work: Work, step: Step, jump: str | None) -> Move:
    if jump is not None:
        return Enter(jump)
    if step.is_end:
        return LevelEnd()
    if step.next_step is not None:
        return Enter(step.next_step)
    following = work.document.following(step)
    return Enter(following.name) if following is not None else LevelEnd()


def _while_stopping(work: Work, step: Step, execution: StepExecution, jump: str | None) -> Move:
    assert work.stopping is not None
    if work.stopping.kind is StopKind.COMPLETE:
        onward = _onward(work, step, execution, jump) if execution.status is not StepStatus.CANCELLED else None
        return onward if isinstance(onward, Over) else work.outcome()
    if work.stopping.workflow:
        onward = _onward(work, step, execution, jump) if execution.status is not StepStatus.CANCELLED else None
        # The end of an iteration ends the workflow too: nothing is repeated while stopping.
        return onward if isinstance(onward, Enter) else CANCELLED
    if step.on_cancel is None:
        return CANCELLED
    work.stopping = replace(work.stopping, workflow=True, deadline=work.now + limits.CANCELLATION)
    return Enter(step.on_cancel)


def _stopped_by_hand(work: Work, step: Step) -> Move:
    """After StopStep: the same step, or what would have followed it, may be started."""
    while work.rounds:
        step = work.document.by_name[work.rounds[0].step]
        work.close_round(StepStatus.CANCELLED)
    following = _after_success(work, step, None)
    work.choices = (step.name, following.step) if isinstance(following, Enter) else (step.name,)
    return Rest()


def waits_for_operator(work: Work, target: Step | None) -> bool:
    """Say whether somebody must start what follows; inside loops steps follow by themselves."""
    return (
        work.origin.mode is Mode.INTERACTIVE
        and work.stopping is None
        and not work.rounds
        and (target is None or not target.within)
    )
