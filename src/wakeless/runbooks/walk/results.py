"""How the attempts that the host runs end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wakeless.runbooks.coerce import NotJson, admit, whole_text
from wakeless.runbooks.document import Json, Step
from wakeless.runbooks.outputs import extract
from wakeless.runbooks.walk import messages, steps, timers
from wakeless.runbooks.walk.events import ChildEnded, ChildStarted, StepFailed, StepFinished, StepStopped, StepTimedOut
from wakeless.runbooks.walk.state import ExecutionStatus, Failure, FailureType, Stage, StepExecution, StepStatus
from wakeless.runbooks.walk.work import Move, Rest, Settled, Work

Result = StepFinished | StepFailed | StepTimedOut | StepStopped | ChildStarted | ChildEnded


def came(work: Work, result: Result) -> Move:
    """Take a result; one of an attempt that is over changes nothing."""
    execution = work.execution
    if execution is None or (execution.id, execution.attempt) != (result.step_execution_id, result.attempt):
        return Rest()
    step = work.document.by_name[execution.name]
    match result:
        case StepFinished():
            return _finished(work, step, execution, result.raw)
        case StepFailed():
            return _failed(work, step, _with_outputs(work, step, execution, result.raw), result)
        case StepTimedOut():
            execution = _with_outputs(work, step, execution, result.raw)
            if execution.status is StepStatus.CANCELLING:
                return _cancelled(work, execution)
            return timers.time_out(work, execution, whole_text(result.message))
        case StepStopped():
            return _cancelled(work, _with_outputs(work, step, execution, result.raw))
        case ChildStarted():
            return _child_started(work, execution, result)
        case ChildEnded():
            return _child_ended(work, step, execution, result)


def _finished(work: Work, step: Step, execution: StepExecution, raw: Mapping[str, Json]) -> Move:
    try:
        extracted = extract(step, _admitted(raw))
    except NotJson as error:
        work.end(execution, StepStatus.FAILED, failure=_bad_result(f"The result {error}"))
        return Settled(step.name)
    if extracted.trouble is not None:
        # Doing it again would give the same, and do again what was done.
        work.end(execution, StepStatus.FAILED, extracted.values, _bad_result(extracted.trouble))
    else:
        work.end(execution, StepStatus.SUCCESS, extracted.values)
    return Settled(step.name)


def _failed(work: Work, step: Step, execution: StepExecution, result: StepFailed) -> Move:
    if execution.status is StepStatus.CANCELLING:
        return _cancelled(work, execution)
    again = result.retry and result.failure.stage is not Stage.INPUT_VALIDATION
    if again and execution.attempt < step.max_attempts and not timers.no_more_attempts(work):
        return steps.retry(work, step, execution)
    failure = replace(result.failure, message=whole_text(result.failure.message))
    work.end(execution, StepStatus.FAILED, failure=failure)
    return Settled(step.name)


def _cancelled(work: Work, execution: StepExecution) -> Move:
    work.end(execution, StepStatus.CANCELLED)
    return Settled(execution.name)


def _child_started(work: Work, execution: StepExecution, result: ChildStarted) -> Move:
    outputs = {**execution.outputs, "ExecutionId": result.execution_id}
    execution = work.put(replace(execution, child_execution_id=result.execution_id, outputs=outputs))
    if execution.status is StepStatus.CANCELLING:
        # It was asked to stop before it was known.
        work.ask_stop(execution, awaited=True)
    return Rest()


def _child_ended(work: Work, step: Step, execution: StepExecution, result: ChildEnded) -> Move:
    outputs: dict[str, Json] = {
        "ExecutionId": result.execution_id,
        "Status": result.status.value,
        "Output": [] if execution.inputs.get("TargetLocations") else list(result.outputs),
    }
    execution = work.put(replace(execution, child_execution_id=result.execution_id))
    if result.status is ExecutionStatus.SUCCESS:
        return _finished(work, step, execution, outputs)
    because = f": {result.failure_message}" if result.failure_message else ""
    message = messages.worded(f"The automation execution {result.execution_id} ended as {result.status}{because}")
    failed = StepFailed(
        step_execution_id=execution.id, attempt=execution.attempt, failure=Failure(message=message), raw=outputs
    )
    return _failed(work, step, _with_outputs(work, step, execution, outputs), failed)


def _with_outputs(work: Work, step: Step, execution: StepExecution, raw: Mapping[str, Json]) -> StepExecution:
    """Keep what an action gave before it failed: later steps may read it."""
    if not raw:
        return execution
    try:
        values = extract(step, _admitted(raw)).values
    except NotJson:
        return execution
    return work.put(replace(execution, outputs={**execution.outputs, **values}))


def _admitted(raw: Mapping[str, Json]) -> dict[str, Json]:
    admitted = admit(raw)
    return admitted if isinstance(admitted, dict) else {}


def _bad_result(detail: str) -> Failure:
    stage = Stage.POST_VERIFICATION
    return Failure(message=messages.worded(detail, stage), stage=stage, type=FailureType.VERIFICATION)
