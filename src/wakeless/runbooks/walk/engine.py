"""The walk: the one place that knows the order.

`begin` makes the state of a new execution; `walk` takes one event and answers the next state, the step executions that
changed and what the host is asked to do. No clock, no network, no randomness: the moment is an argument, and ids follow
from the execution's id. A host that lost an answer gives the same event again and gets the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from wakeless.runbooks.coerce import NotJson, parse_json
from wakeless.runbooks.document import Document, Json, ValueType
from wakeless.runbooks.interpolate import Unresolved, resolve
from wakeless.runbooks.walk import approval, finish, flow, loops, results, signals, steps, stop, timers
from wakeless.runbooks.walk.events import (
    Ask,
    Event,
    SignalCame,
    SignalType,
    Started,
    StopRequested,
    TimerFired,
    Waiting,
    Walked,
)
from wakeless.runbooks.walk.limits import MAX_MOVES
from wakeless.runbooks.walk.scope import Scope
from wakeless.runbooks.walk.state import ExecutionState, ExecutionStatus, Mode, Origin, StepExecution, StepStatus
from wakeless.runbooks.walk.work import Enter, LevelEnd, Move, Over, Rest, Settled, Work, stop_action


def begin(document: Document, origin: Origin, now: datetime) -> ExecutionState:
    """Return the state of an execution that waits for its turn, its variables at their defaults."""
    scope = Scope(document, origin, {}, {}, (), now)
    variables: dict[str, Json] = {}
    for name, variable in document.variables.items():
        if not variable.has_default:
            continue
        try:
            value = resolve(variable.default, scope)
            if variable.type in (ValueType.STRING_MAP, ValueType.MAP_LIST) and isinstance(value, str):
                value = parse_json(value)
            variables[name] = value
        except (Unresolved, NotJson):
            # Left without a value: whoever reads it fails, and says so.
            continue
    return ExecutionState(origin=origin, variables=variables)


def walk(document: Document, state: ExecutionState, event: Event, now: datetime) -> Walked:
    """Return what the event leads to.

    Raises:
        InvalidSignal, StepNotFound, InvalidStatusUpdate: a signal or a stop cannot be taken; nothing changed.
    """
    work = Work(document, state, now)
    _run(work, _move(work, event), explicit=isinstance(event, SignalCame) and event.type is SignalType.START_STEP)
    waiting = _waiting(work.status, work.execution, work.next, work.started_at)
    if not work.status.final and work.status is not ExecutionStatus.CANCELLING:
        work.status = _STATUS.get(waiting, ExecutionStatus.IN_PROGRESS)
    after = work.state()
    return Walked(
        state=after,
        changed=tuple(work.changed.values()),
        asks=tuple(work.asks),
        waits_for=waiting,
        wake_at=now if waiting is Waiting.TURN else timers.next_due(after),
    )


_STATUS: Mapping[Waiting | None, ExecutionStatus] = {
    Waiting.START: ExecutionStatus.PENDING,
    Waiting.APPROVAL: ExecutionStatus.WAITING,
    Waiting.RESUME: ExecutionStatus.WAITING,
    Waiting.OPERATOR: ExecutionStatus.WAITING,
}
_WAITS: Mapping[str, Waiting] = {
    approval.ACTION: Waiting.APPROVAL,
    steps.PAUSE: Waiting.RESUME,
    steps.SLEEP: Waiting.TIME,
    steps.CHILD: Waiting.CHILD,
}


def waits_for(state: ExecutionState) -> Waiting | None:
    """Return what an execution waits for, None when it is over."""
    execution = state.steps[state.current] if state.current is not None else None
    return _waiting(state.status, execution, state.next, state.started_at)


def _waiting(
    status: ExecutionStatus, execution: StepExecution | None, following: str | None, started_at: datetime | None
) -> Waiting | None:
    if status.final:
        return None
    if execution is not None:
        return _WAITS.get(execution.action, Waiting.ACTION)
    if following is not None:
        return Waiting.TURN
    return Waiting.OPERATOR if started_at is not None else Waiting.START


def outstanding(state: ExecutionState) -> tuple[Ask, ...]:
    """Return what the host was asked for and has not answered: after a restart, whatever may have been lost."""
    execution = state.steps[state.current] if state.current is not None else None
    if execution is None or state.status.final or execution.action in (steps.SLEEP, steps.PAUSE):
        return ()
    if execution.status is StepStatus.CANCELLING:
        return (stop_action(execution, awaited=True),)
    if execution.action == approval.ACTION:
        return (approval.request(execution),)
    if execution.action == steps.CHILD:
        return (steps.start_child(state.origin, execution),)
    return (steps.run_action(execution),)


def _move(work: Work, event: Event) -> Move:
    match event:
        case Started():
            return _start(work)
        case TimerFired():
            return timers.fired(work)
        case SignalCame():
            return signals.came(work, event)
        case StopRequested():
            return stop.request(work, event.kind)
        case _:
            return results.came(work, event)


def _start(work: Work) -> Move:
    if work.status is not ExecutionStatus.PENDING:
        return Rest()
    work.status = ExecutionStatus.IN_PROGRESS
    work.started_at = work.now
    return Enter(work.document.steps[0].name) if work.document.steps else LevelEnd()


def _run(work: Work, move: Move, *, explicit: bool) -> None:
    """Follow the moves until the walk must rest or the execution is over."""
    entered = 0
    while True:
        match move:
            case Rest():
                return
            case Over():
                finish.finish(work, move)
                return
            case Settled(step):
                move = flow.after(work, move)
                _show_choices(work, step, move)
            case LevelEnd() if work.rounds:
                move = loops.next_round(work)
            case LevelEnd():
                move = Rest() if flow.waits_for_operator(work, None) else work.outcome()
            case Enter(name) if entered == MAX_MOVES:
                work.next = name
                return
            case Enter(name):
                move = _enter(work, name, explicit=explicit)
                explicit = False
                entered += 1


def _enter(work: Work, name: str, *, explicit: bool) -> Move:
    target = work.document.by_name.get(name)
    left = StepStatus.EXITED if work.stopping is None else StepStatus.CANCELLED
    if target is None or not loops.leave(work, target, left):
        return Over(ExecutionStatus.FAILED, f"The step {name} cannot be reached from here.")
    if not explicit and flow.waits_for_operator(work, target):
        work.choices = (name,)
        return Rest()
    return steps.enter(work, target)


def _show_choices(work: Work, step: str, move: Move) -> None:
    """Let the settled step of an interactive execution show which steps may be started next."""
    if work.origin.mode is not Mode.INTERACTIVE or work.rounds:
        return
    choices = work.choices or ((move.step,) if isinstance(move, Enter) else ())
    if choices:
        work.put(replace(work.steps[step], valid_next_steps=choices))
