"""What may happen to an execution, and what is to be done about it.

A host gives the walk one event and gets the next state, the step executions that changed, and the asks. An attempt of a
step is known by its step execution's id and its number: results of attempts that are over are passed over in silence,
because a host that recovers may tell twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue

from wakeless.runbooks.walk.state import ExecutionState, ExecutionStatus, Failure, StepExecution, StopKind

# -- events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The execution leaves the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired:
    """The moment that the last walk named has come, or the host calls again after a rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """An attempt that the host was asked to run has succeeded."""

    step_execution_id: str
    attempt: int
    #: The raw answer: the response of an API call, ``{"Payload": …}`` of a script, else the predefined outputs.
    raw: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed:
    """An attempt that the host was asked to run, or to prepare, has failed."""

    step_execution_id: str
    attempt: int
    failure: Failure
    #: What the action gave before it failed; later steps may read it.
    raw: Mapping[str, JsonValue] = field(default_factory=dict)
    #: Whether another attempt may be made, if the document allows more; never after an unknown outcome.
    retry: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimedOut:
    """The action itself found that its time is over, for example by a limit of its own."""

    step_execution_id: str
    attempt: int
    message: str = ""
    raw: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStopped:
    """An attempt that the host was asked to stop does not run any more."""

    step_execution_id: str
    attempt: int
    raw: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStarted:
    """The child that was asked for exists."""

    step_execution_id: str
    attempt: int
    execution_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnded:
    """The child that was asked for has come to its end."""

    step_execution_id: str
    attempt: int
    execution_id: str
    status: ExecutionStatus
    #: The values of the child document's outputs, flattened in the order in which it lists them.
    outputs: tuple[str, ...] = ()
    failure_message: str | None = None


class SignalType(StrEnum):
    """What people and programs may tell a running execution."""

    APPROVE = "Approve"
    REJECT = "Reject"
    REVOKE = "Revoke"
    RESUME = "Resume"
    START_STEP = "StartStep"
    STOP_STEP = "StopStep"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalCame:
    """Somebody sent a signal."""

    type: SignalType
    #: ``Comment``, ``StepName`` or ``StepExecutionId``, each a list of text.
    payload: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: The ARN (or name) of who sent it.
    principal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested:
    """Somebody asked to stop the execution."""

    kind: StopKind = StopKind.CANCEL


Event = (
    Started
    | TimerFired
    | StepFinished
    | StepFailed
    | StepTimedOut
    | StepStopped
    | ChildStarted
    | ChildEnded
    | SignalCame
    | StopRequested
)

# -- asks --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAction:
    """Run an action; answer StepFinished, StepFailed, StepTimedOut or StepStopped."""

    step: str
    action: str
    step_execution_id: str
    attempt: int
    attempt_id: str
    #: Resolved.
    inputs: Mapping[str, JsonValue]
    #: The walk asks to stop the attempt then; for the action's own limits.
    deadline: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartChild:
    """Start an execution of another document; answer ChildStarted and ChildEnded, or StepFailed."""

    step: str
    step_execution_id: str
    attempt: int
    #: Of the start, so that it happens once.
    attempt_id: str
    document_name: str
    #: None: the default version at that moment.
    document_version: str | None
    parameters: Mapping[str, tuple[str, ...]]
    #: Of the child.
    depth: int
    #: Targets, TargetParameterName, TargetMaps, TargetLocations, MaxConcurrency, MaxErrors and Tags, as given.
    fields: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskApproval:
    """Tell the approvers that they are waited for; their answers come as signals.

    A notice that cannot be sent may be answered with StepFailed.
    """

    step: str
    step_execution_id: str
    attempt: int
    attempt_id: str
    approvers: tuple[str, ...]
    required: int
    message: str
    #: The topic to publish to, None: nobody is told.
    topic: str | None
    deadline: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAction:
    """Stop an attempt, or the child it started.

    A cancelled attempt is waited for: answer StepStopped (or how it ended). An attempt that ran out of time is not.
    """

    step: str
    action: str
    step_execution_id: str
    attempt: int
    attempt_id: str
    child_execution_id: str | None
    #: Whether an answer is waited for.
    awaited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The execution is over; a parent may be waiting for this."""

    status: ExecutionStatus
    outputs: Mapping[str, tuple[str, ...]]
    failure_message: str | None


Ask = RunAction | StartChild | AskApproval | StopAction | Finish


class Waiting(StrEnum):
    """What an execution that is not over waits for."""

    #: Its turn (Started).
    START = "start"
    ACTION = "action"
    CHILD = "child"
    TIME = "time"
    APPROVAL = "approval"
    #: The signal Resume.
    RESUME = "resume"
    #: The signal StartStep, or a stop.
    OPERATOR = "operator"
    #: To be called again at once.
    TURN = "turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What one event led to."""

    state: ExecutionState
    #: New and changed step executions, in the order in which they first changed; the host keeps them as rows.
    changed: tuple[StepExecution, ...] = ()
    asks: tuple[Ask, ...] = ()
    #: What is waited for now, None when the execution is over.
    waits_for: Waiting | None = None
    #: When to come back with TimerFired; this replaces what an earlier walk said. None: no timer.
    wake_at: datetime | None = None
