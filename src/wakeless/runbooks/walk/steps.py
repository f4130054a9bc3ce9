"""Beginning a step: what the walk does itself, and what it asks of the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from wakeless.core.errors import Refused
from wakeless.runbooks.coerce import compact, is_of_type, text, to_wire
from wakeless.runbooks.conditions import holds
from wakeless.runbooks.document import Json, Step, ValueType
from wakeless.runbooks.durations import MAX_SLEEP, parse_duration, parse_moment
from wakeless.runbooks.fit import BadInput
from wakeless.runbooks.interpolate import resolve
from wakeless.runbooks.walk import approval, limits, loops, messages
from wakeless.runbooks.walk.events import RunAction, StartChild
from wakeless.runbooks.walk.inputs import needed_text, optional_text, resolved
from wakeless.runbooks.walk.state import Origin, StepExecution, StepStatus
from wakeless.runbooks.walk.work import Move, Rest, Settled, Work

SLEEP = "aws:sleep"
PAUSE = "aws:pause"
BRANCH = "aws:branch"
UPDATE_VARIABLE = "aws:updateVariable"
CHILD = "aws:executeAutomation"
LOOP = "aws:loop"

#: Inputs of aws:executeAutomation that are handed to the start as they are.
_CHILD_FIELDS = (
    "Targets",
    "TargetParameterName",
    "TargetMaps",
    "TargetLocations",
    "MaxConcurrency",
    "MaxErrors",
    "Tags",
)


def enter(work: Work, step: Step) -> Move:
    """Begin a step."""
    return _attempt(work, step, work.begin(step))


def retry(work: Work, step: Step, execution: StepExecution) -> Move:
    """Begin the next attempt of a step; its inputs are resolved anew."""
    return _attempt(work, step, work.again(step, execution))


def _attempt(work: Work, step: Step, execution: StepExecution) -> Move:
    """Do, or ask for, what the step's action says; bad inputs fail the step and are not tried again."""
    try:
        return _INSIDE.get(step.action, _run)(work, step, execution)
    except Refused as error:
        work.end(work.steps[step.name], StepStatus.FAILED, failure=messages.bad_inputs(str(error)))
        return Settled(step.name)


def _run(work: Work, step: Step, execution: StepExecution) -> Move:
    work.ask(run_action(work.put(replace(execution, inputs=resolved(step, work.scope())))))
    return Rest()


def run_action(execution: StepExecution) -> RunAction:
    """Return what the host is asked to run for an attempt."""
    return RunAction(
        step=execution.name,
        action=execution.action,
        step_execution_id=execution.id,
        attempt=execution.attempt,
        attempt_id=execution.attempt_id,
        inputs=execution.inputs,
        deadline=execution.deadline,
    )


def _branch(work: Work, step: Step, execution: StepExecution) -> Move:
    if step.branch is None:
        raise BadInput("The input Choices is missing")
    execution = work.put(replace(execution, inputs=dict(step.inputs)))
    scope = work.scope()
    chosen = next((c.next_step for c in step.branch.choices if holds(c.condition, scope)), step.branch.default)
    work.end(execution, StepStatus.SUCCESS)
    return Settled(step.name, jump=chosen)


def _sleep(work: Work, step: Step, execution: StepExecution) -> Move:
    inputs = resolved(step, work.scope())
    execution = work.put(replace(execution, inputs=inputs))
    duration = optional_text(inputs, "Duration")
    if duration:
        try:
            wake_at = work.now + parse_duration(duration)
        except OverflowError as error:
            raise BadInput("The sleep would not end before the year 10000") from error
    else:
        wake_at = parse_moment(needed_text(inputs, "Timestamp"))
        if wake_at - work.now > MAX_SLEEP:
            raise BadInput("Timestamp is more than 604799 seconds ahead")
    if wake_at <= work.now:
        work.end(execution, StepStatus.SUCCESS)
        return Settled(step.name)
    work.put(replace(execution, wake_at=wake_at))
    return Rest()


def _pause(work: Work, step: Step, execution: StepExecution) -> Move:
    work.put(replace(execution, status=StepStatus.WAITING, inputs=resolved(step, work.scope())))
    return Rest()


def _update_variable(work: Work, step: Step, execution: StepExecution) -> Move:
    inputs = resolved(step, work.scope())
    execution = work.put(replace(execution, inputs=inputs))
    prefix, _, name = needed_text(inputs, "Name").strip().partition(":")
    variable = work.document.variables.get(name)
    if prefix != "variable" or variable is None:
        raise BadInput(f"The variable {name or prefix} is not declared")
    if "Value" not in inputs:
        raise BadInput("The input Value is missing")
    value = inputs["Value"]
    if not is_of_type(value, variable.type):
        raise BadInput(f"The variable {name} is a {variable.type}, and the value is not")
    most = _MOST_ITEMS.get(variable.type)
    if most is not None and isinstance(value, list) and len(value) > most:
        raise BadInput(f"A {variable.type} holds at most {most} items")
    work.variables[name] = value
    work.end(execution, StepStatus.SUCCESS)
    return Settled(step.name)


_MOST_ITEMS: Mapping[ValueType, int] = {
    ValueType.MAP_LIST: limits.MAX_MAP_LIST,
    ValueType.STRING_LIST: limits.MAX_STRING_LIST,
}


def _child(work: Work, step: Step, execution: StepExecution) -> Move:
    work.ask(start_child(work.origin, work.put(replace(execution, inputs=resolved(step, work.scope())))))
    return Rest()


def start_child(origin: Origin, execution: StepExecution) -> StartChild:
    """Return the child that the host is asked to start for an attempt; raises `BadInput`."""
    inputs = execution.inputs
    depth = origin.depth + 1
    if depth > limits.MAX_DEPTH:
        raise BadInput(f"Automations are nested deeper than {limits.MAX_DEPTH} levels")
    version = inputs.get("DocumentVersion")
    parameters = inputs.get("RuntimeParameters") or {}
    if not isinstance(parameters, dict):
        raise BadInput("The input RuntimeParameters must be a map")
    return StartChild(
        step=execution.name,
        step_execution_id=execution.id,
        attempt=execution.attempt,
        attempt_id=execution.attempt_id,
        document_name=needed_text(inputs, "DocumentName"),
        document_version=text(version) if isinstance(version, int | str) and version != "" else None,
        parameters={name: tuple(to_wire(value)) for name, value in parameters.items()},
        depth=depth,
        fields={name: inputs[name] for name in _CHILD_FIELDS if inputs.get(name) is not None},
    )


def _approve(work: Work, step: Step, execution: StepExecution) -> Move:
    inputs = resolved(step, work.scope())
    return approval.begin(work, work.put(replace(execution, inputs=inputs)))


def _loop(work: Work, step: Step, execution: StepExecution) -> Move:
    if step.loop is None:
        raise BadInput("The input Steps is missing")
    loop = step.loop
    scope = work.scope()
    iterators = resolve(loop.iterators, scope) if loop.iterators is not None else None
    most = resolve(loop.max_iterations, scope)
    # The steps themselves are in the document; what was resolved is what belongs to this execution.
    shown: dict[str, Json] = {"MaxIterations": most}
    if loop.iterators is not None:
        shown |= {"Iterators": iterators, "IteratorDataType": loop.iterator_type.value}
    elif "LoopCondition" in step.inputs:
        shown["LoopCondition"] = compact(step.inputs["LoopCondition"])
    return loops.begin(work, loop, work.put(replace(execution, inputs=shown)), iterators, most)


_INSIDE: Mapping[str, Callable[[Work, Step, StepExecution], Move]] = {
    BRANCH: _branch,
    SLEEP: _sleep,
    PAUSE: _pause,
    UPDATE_VARIABLE: _update_variable,
    CHILD: _child,
    approval.ACTION: _approve,
    LOOP: _loop,
}
