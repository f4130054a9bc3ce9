"""What is known of an execution: frozen records that round-trip through JSON.

The state holds the *latest* execution of each step, so its size depends on the document, not on how long the execution
has run: the thousandth step costs what the tenth did. Earlier rounds of a loop are rows of the host, who gets every
changed step execution with every move.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import NAMESPACE_OID, uuid5

from pydantic import JsonValue


class ExecutionStatus(StrEnum):
    """The statuses of an execution."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    WAITING = "Waiting"
    CANCELLING = "Cancelling"
    SUCCESS = "Success"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    CANCELLED = "Cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self in _FINAL_EXECUTION


_FINAL_EXECUTION = frozenset(
    {ExecutionStatus.SUCCESS, ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT, ExecutionStatus.CANCELLED}
)


class StepStatus(StrEnum):
    """The statuses of one execution of a step."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    WAITING = "Waiting"
    CANCELLING = "Cancelling"
    SUCCESS = "Success"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    CANCELLED = "Cancelled"
    #: A loop that was left by a jump from inside it.
    EXITED = "Exited"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self in _FINAL_STEP


_FINAL_STEP = frozenset(
    {StepStatus.SUCCESS, StepStatus.FAILED, StepStatus.TIMED_OUT, StepStatus.CANCELLED, StepStatus.EXITED}
)


class Mode(StrEnum):
    """Whether steps follow each other by themselves."""

    AUTO = "Auto"
    #: Somebody starts each step with the signal StartStep.
    INTERACTIVE = "Interactive"


class Stage(StrEnum):
    """The stages of a step, named by what has failed."""

    INPUT_VALIDATION = "InputValidation"
    PRE_VERIFICATION = "PreVerification"
    INVOCATION = "Invocation"
    POST_VERIFICATION = "PostVerification"


class FailureType(StrEnum):
    """The kinds of failures."""

    ACTION = "Action"
    PERMISSION = "Permission"
    THROTTLING = "Throttling"
    VERIFICATION = "Verification"
    INTERNAL = "Internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a step failed."""

    #: One sentence or more for people; `wakeless.runbooks.walk.messages` words it as the service does.
    message: str
    stage: Stage = Stage.INVOCATION
    type: FailureType = FailureType.ACTION
    #: Further facts by name, for example the error code of an API.
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is fixed when an execution starts."""

    execution_id: str
    document_name: str
    document_version: str = "1"
    #: All effective parameters, defaults included, as typed values.
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    mode: Mode = Mode.AUTO
    #: The principal in whose name it runs.
    caller: str = ""
    account: str = ""
    region: str = ""
    partition: str = "aws"
    parent_execution_id: str | None = None
    #: 0 for an execution that somebody started, one more for each aws:executeAutomation above it.
    depth: int = 0
    #: Further fields of the start that only the answer of GetAutomationExecution shows (Targets, MaxErrors, …).
    shown: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentStep:
    """In which round of which loop a step ran."""

    step_execution_id: str
    step_name: str
    iteration: int
    #: Text of the item; None in a do-while.
    iterator_value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepExecution:
    """One execution of one step with all its attempts. A step that was not reached has none."""

    id: str
    #: From 1, in the order in which steps began.
    ordinal: int
    name: str
    action: str
    status: StepStatus
    #: From 1; all attempts share this record.
    attempt: int = 1
    started_at: datetime
    ended_at: datetime | None = None
    #: Resolved when the attempt began.
    inputs: Mapping[str, JsonValue] = field(default_factory=dict)
    outputs: Mapping[str, JsonValue] = field(default_factory=dict)
    failure: Failure | None = None
    parent: ParentStep | None = None
    #: When the attempt times out; None: never.
    deadline: datetime | None = None
    #: When a sleep is over.
    wake_at: datetime | None = None
    #: The child that an aws:executeAutomation waits for, as soon as it is known.
    child_execution_id: str | None = None
    #: Which steps somebody may start next; kept for interactive executions only.
    valid_next_steps: tuple[str, ...] = ()

    @property
    def attempt_id(self) -> str:
        """The same for the same attempt after any restart: the key under which a command or an API call is known."""
        return str(uuid5(NAMESPACE_OID, f"{self.id}/{self.attempt}"))


def step_execution_id(execution_id: str, ordinal: int) -> str:
    """Return the id of the ordinal-th step of an execution: no randomness, so that a repeated walk gives it again."""
    return str(uuid5(NAMESPACE_OID, f"{execution_id}/{ordinal}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Where a loop stands."""

    step: str
    #: From 1.
    iteration: int
    #: The items of a for-each, typed; None for a do-while.
    items: tuple[JsonValue, ...] | None = None
    max_iterations: int = 100

    @property
    def value(self) -> JsonValue:
        """The item of this iteration; None in a do-while."""
        return self.items[self.iteration - 1] if self.items is not None else None


class StopKind(StrEnum):
    """The ways to stop an execution by hand."""

    CANCEL = "Cancel"
    COMPLETE = "Complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """A stop that was asked for and is not done yet."""

    kind: StopKind
    #: When waiting for the running step, or for the cancellation workflow, ends.
    deadline: datetime | None = None
    #: Whether the steps that run are those of the cancellation workflow.
    workflow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The critical failures so far; they decide how an execution that reaches its end ends."""

    failed: int = 0
    timed_out: int = 0
    #: Of the first of them.
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionState:
    """Everything that decides how an execution goes on."""

    origin: Origin
    status: ExecutionStatus = ExecutionStatus.PENDING
    #: Current values; a variable that was never set is not there.
    variables: Mapping[str, JsonValue] = field(default_factory=dict)
    #: The latest execution of each step by its name.
    steps: Mapping[str, StepExecution] = field(default_factory=dict)
    #: Of the step execution that began last.
    ordinal: int = 0
    #: The step that runs or waits inside all loops; None between steps.
    current: str | None = None
    #: The step to enter when the host calls again: the walk rested to let its moves be journalled.
    next: str | None = None
    #: The loops around the cursor, outermost first.
    rounds: tuple[Round, ...] = ()
    #: The steps that somebody may start in interactive mode.
    choices: tuple[str, ...] = ()
    stopping: Stopping | None = None
    tally: Tally = Tally()
    failure_message: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


def rebuilt(head: ExecutionState, executions: Iterable[StepExecution]) -> ExecutionState:
    """Return the state whose step executions are kept as rows.

    Args:
        head: the state with or without its `steps`; they are not looked at.
        executions: the latest of each step at least, in any order.
    """
    steps: dict[str, StepExecution] = {}
    for execution in sorted(executions, key=lambda execution: execution.ordinal):
        steps[execution.name] = execution
    return replace(head, steps=steps)
