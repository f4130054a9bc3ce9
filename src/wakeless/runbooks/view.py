"""An execution as GetAutomationExecution shows it (reference 4.9 and 6.2).

Moments are aware datetimes; who sends the answer writes them as its protocol wants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from wakeless.runbooks.coerce import compact, to_wire
from wakeless.runbooks.document import Document, Json, Step
from wakeless.runbooks.walk.finish import document_outputs
from wakeless.runbooks.walk.scope import round_outputs
from wakeless.runbooks.walk.state import ExecutionState, StepExecution, StepStatus

#: More steps than these are cut off; DescribeAutomationStepExecutions shows all.
MAX_STEPS = 100


def view(
    document: Document, state: ExecutionState, executions: Iterable[StepExecution] | None = None
) -> dict[str, object]:
    """Return the AutomationExecution.

    Args:
        document: the version that is walked.
        state: the execution.
        executions: every step execution so far, those of earlier iterations included; without it the latest of each.
    """
    origin = state.origin
    steps = step_views(document, state, executions)
    shown: dict[str, object] = {
        "AutomationExecutionId": origin.execution_id,
        "DocumentName": origin.document_name,
        "DocumentVersion": origin.document_version,
        "AutomationExecutionStatus": state.status.value,
        "StepExecutions": steps[:MAX_STEPS],
        "StepExecutionsTruncated": len(steps) > MAX_STEPS,
        "Parameters": {name: to_wire(value) for name, value in origin.parameters.items()},
        "Variables": {name: to_wire(value) for name, value in state.variables.items()},
        "Outputs": {name: list(values) for name, values in document_outputs(document, state.steps).items()},
        "Mode": origin.mode.value,
        "ExecutedBy": origin.caller,
        "Targets": [],
        "ResolvedTargets": {"ParameterValues": [], "Truncated": False},
        "ProgressCounters": _counters(steps),
        **origin.shown,
    }
    current = _current(state)
    optional: Mapping[str, object] = {
        "ExecutionStartTime": state.started_at,
        "ExecutionEndTime": state.ended_at,
        "FailureMessage": state.failure_message,
        "ParentAutomationExecutionId": origin.parent_execution_id,
        "CurrentStepName": current.name if current else None,
        "CurrentAction": current.action if current else None,
    }
    shown.update({name: value for name, value in optional.items() if value is not None})
    return shown


def step_views(
    document: Document, state: ExecutionState, executions: Iterable[StepExecution] | None = None
) -> list[dict[str, object]]:
    """Return the StepExecutions in document order; a loop is followed by its steps, round by round."""
    of: dict[str, list[StepExecution]] = {}
    known = state.steps.values() if executions is None else executions
    for execution in sorted(known, key=lambda execution: execution.ordinal):
        of.setdefault(execution.name, []).append(execution)
    rounds = {turn.step: round_outputs(turn) for turn in state.rounds}
    return [_step_view(step, execution, rounds) for step, execution in _ordered(document.steps, of)]


def step_view(step: Step, execution: StepExecution | None) -> dict[str, object]:
    """Return one StepExecution; without an execution the step was not reached."""
    return _step_view(step, execution, {})


def _ordered(
    steps: Iterable[Step], of: Mapping[str, list[StepExecution]]
) -> Iterator[tuple[Step, StepExecution | None]]:
    for step in steps:
        for execution in of.get(step.name, [None]):
            yield step, execution
        if step.loop is not None:
            inner = list(_ordered(step.loop.steps, of))
            # The steps of a loop in the order in which they ran; then those that never ran.
            yield from sorted(inner, key=lambda pair: pair[1].ordinal if pair[1] else float("inf"))


def _step_view(
    step: Step, execution: StepExecution | None, rounds: Mapping[str, Mapping[str, Json]]
) -> dict[str, object]:
    shown: dict[str, object] = {"StepName": step.name, "Action": step.action, **_stated(step)}
    if execution is None:
        return {**shown, "StepStatus": StepStatus.PENDING.value}
    outputs = {**execution.outputs, **(rounds.get(step.name, {}) if not execution.status.final else {})}
    shown |= {
        "StepExecutionId": execution.id,
        "StepStatus": execution.status.value,
        "ExecutionStartTime": execution.started_at,
        "Inputs": {name: compact(value) for name, value in execution.inputs.items()},
        "Outputs": {name: to_wire(value) for name, value in outputs.items()},
        "OverriddenParameters": {},
    }
    if execution.ended_at is not None:
        shown["ExecutionEndTime"] = execution.ended_at
    if "ResponseCode" in execution.outputs:
        shown["ResponseCode"] = to_wire(execution.outputs["ResponseCode"])[0]
    if execution.valid_next_steps:
        shown["ValidNextSteps"] = list(execution.valid_next_steps)
    if execution.failure is not None:
        shown["FailureMessage"] = execution.failure.message
        shown["FailureDetails"] = {
            "FailureStage": execution.failure.stage.value,
            "FailureType": execution.failure.type.value,
            "Details": {name: [value] for name, value in execution.failure.details.items()},
        }
    if execution.parent is not None:
        shown["ParentStepDetails"] = _parent(execution)
    return shown


def _stated(step: Step) -> dict[str, object]:
    """Return the static properties that the document states itself."""
    properties: Mapping[str, tuple[str, object]] = {
        "timeoutSeconds": ("TimeoutSeconds", step.timeout_seconds),
        "onFailure": ("OnFailure", str(step.on_failure)),
        "maxAttempts": ("MaxAttempts", step.max_attempts),
        "isEnd": ("IsEnd", step.is_end),
        "nextStep": ("NextStep", step.next_step),
        "isCritical": ("IsCritical", step.is_critical),
    }
    return {shown: value for name, (shown, value) in properties.items() if name in step.stated}


def _parent(execution: StepExecution) -> dict[str, object]:
    parent = execution.parent
    assert parent is not None
    shown: dict[str, object] = {
        "StepExecutionId": parent.step_execution_id,
        "StepName": parent.step_name,
        "Action": "aws:loop",
        "Iteration": parent.iteration,
    }
    if parent.iterator_value is not None:
        shown["IteratorValue"] = parent.iterator_value
    return shown


def _current(state: ExecutionState) -> StepExecution | None:
    if state.status.final:
        return None
    name = state.current or (state.rounds[-1].step if state.rounds else None)
    return state.steps[name] if name is not None else None


def _counters(steps: list[dict[str, object]]) -> dict[str, int]:
    statuses = [step["StepStatus"] for step in steps]
    return {
        "TotalSteps": len(statuses),
        "SuccessSteps": statuses.count("Success"),
        "FailedSteps": statuses.count("Failed"),
        "CancelledSteps": statuses.count("Cancelled"),
        "TimedOutSteps": statuses.count("TimedOut"),
    }
