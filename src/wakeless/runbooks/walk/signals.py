"""Signals: what people and programs tell a running execution (reference 6.5)."""

from __future__ import annotations

from wakeless.runbooks.walk import approval
from wakeless.runbooks.walk.errors import InvalidSignal, StepNotFound
from wakeless.runbooks.walk.events import SignalCame, SignalType
from wakeless.runbooks.walk.state import Mode, StepExecution, StepStatus
from wakeless.runbooks.walk.steps import PAUSE
from wakeless.runbooks.walk.stop import stop_current
from wakeless.runbooks.walk.work import Enter, Move, Rest, Settled, Work


def came(work: Work, signal: SignalCame) -> Move:
    """Take a signal.

    Raises:
        InvalidSignal: nothing waits for it, or its sender may not send it.
        StepNotFound: it names a step that is not there.
    """
    if work.status.final:
        raise InvalidSignal(f"the execution is {work.status} already")
    match signal.type:
        case SignalType.APPROVE | SignalType.REJECT | SignalType.REVOKE:
            return approval.decide(work, _waiting(work, approval.ACTION, signal), signal)
        case SignalType.RESUME:
            return _resume(work, signal)
        case SignalType.START_STEP:
            return _start_step(work, signal)
        case SignalType.STOP_STEP:
            return _stop_step(work, signal)


def _waiting(work: Work, action: str, signal: SignalCame) -> StepExecution:
    execution = work.execution
    if execution is None or execution.action != action or execution.status is not StepStatus.WAITING:
        raise InvalidSignal(f"no step waits for the signal {signal.type}")
    return execution


def _resume(work: Work, signal: SignalCame) -> Move:
    name = _named(work, signal)
    execution = _waiting(work, PAUSE, signal)
    if execution.name != name:
        raise InvalidSignal(f"the step {name} is not paused")
    work.end(execution, StepStatus.SUCCESS)
    return Settled(name)


def _start_step(work: Work, signal: SignalCame) -> Move:
    name = _named(work, signal)
    if work.origin.mode is not Mode.INTERACTIVE:
        raise InvalidSignal("the execution is not interactive")
    if name not in work.choices:
        raise InvalidSignal(f"the step {name} cannot be started now")
    return Enter(name)


def _stop_step(work: Work, signal: SignalCame) -> Move:
    wanted = _one(signal, "StepExecutionId")
    if work.origin.mode is not Mode.INTERACTIVE:
        raise InvalidSignal("the execution is not interactive")
    if wanted not in {execution.id for execution in work.steps.values()}:
        raise StepNotFound(f"there is no step execution {wanted}")
    execution = work.execution
    around = {work.steps[turn.step].id for turn in work.rounds}
    if execution is None or (execution.id != wanted and wanted not in around):
        raise InvalidSignal(f"the step execution {wanted} does not run")
    return stop_current(work) or Rest()


def _named(work: Work, signal: SignalCame) -> str:
    name = _one(signal, "StepName")
    if name not in work.document.by_name:
        raise StepNotFound(f"there is no step {name}")
    return name


def _one(signal: SignalCame, key: str) -> str:
    values = signal.payload.get(key, ())
    if len(values) != 1 or not values[0]:
        raise InvalidSignal(f"the signal {signal.type} needs one {key}")
    return values[0]
