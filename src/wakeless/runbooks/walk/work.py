"""One walk at work: the state while it is being changed, and what was decided so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wakeless.runbooks.document import Document, Json, Step
from wakeless.runbooks.walk.events import Ask, StopAction
from wakeless.runbooks.walk.limits import timeout_of
from wakeless.runbooks.walk.scope import Scope, item_text, round_outputs
from wakeless.runbooks.walk.state import (
    ExecutionState,
    ExecutionStatus,
    Failure,
    ParentStep,
    Round,
    StepExecution,
    StepStatus,
    Tally,
    step_execution_id,
)

# -- moves: what one part of the walk tells the next -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Enter:
    """Begin this step next, leaving loops if it stands outside of them."""

    step: str


@dataclass(frozen=True, slots=True)
class Settled:
    """This step has its final status; decide what follows."""

    step: str
    #: The step that an aws:branch chose.
    jump: str | None = None


@dataclass(frozen=True, slots=True)
class LevelEnd:
    """The steps of this level are done: the iteration, or the execution, is over."""


@dataclass(frozen=True, slots=True)
class Over:
    """The execution ends with this status; loops that are open get the other one."""

    status: ExecutionStatus
    message: str | None = None
    open_loops: StepStatus = StepStatus.FAILED


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing more can be done before the next event."""


Move = Enter | Settled | LevelEnd | Over | Rest


class Work:
    """The state in the making. Everything here is a plain change; what follows from it is decided elsewhere."""

    def __init__(self, document: Document, state: ExecutionState, now: datetime) -> None:
        self.document = document
        self.now = now
        self.before = state
        self.origin = state.origin
        self.status = state.status
        self.variables: dict[str, Json] = dict(state.variables)
        self.steps: dict[str, StepExecution] = dict(state.steps)
        self.ordinal = state.ordinal
        self.current = state.current
        self.next = state.next
        self.rounds: tuple[Round, ...] = state.rounds
        self.choices = state.choices
        self.stopping = state.stopping
        self.tally = state.tally
        self.failure_message = state.failure_message
        self.started_at = state.started_at
        self.ended_at = state.ended_at
        self.asks: list[Ask] = []
        #: Changed step executions by id, in the order of their first change.
        self.changed: dict[str, StepExecution] = {}

    def state(self) -> ExecutionState:
        """Return the state as it is now."""
        return ExecutionState(
            origin=self.origin,
            status=self.status,
            variables=self.variables,
            steps=self.steps,
            ordinal=self.ordinal,
            current=self.current,
            next=self.next,
            rounds=self.rounds,
            choices=self.choices,
            stopping=self.stopping,
            tally=self.tally,
            failure_message=self.failure_message,
            started_at=self.started_at,
            ended_at=self.ended_at,
        )

    def scope(self) -> Scope:
        """Return what references mean now."""
        return Scope(self.document, self.origin, self.steps, self.variables, self.rounds, self.now)

    @property
    def execution(self) -> StepExecution | None:
        """The step execution at the cursor."""
        return self.steps[self.current] if self.current is not None else None

    def put(self, execution: StepExecution) -> StepExecution:
        """Keep a changed step execution."""
        self.steps[execution.name] = execution
        self.changed[execution.id] = execution
        return execution

    def begin(self, step: Step) -> StepExecution:
        """Begin a step: its first attempt is in progress from now on."""
        self.ordinal += 1
        parent: ParentStep | None = None
        if self.rounds:
            turn = self.rounds[-1]
            parent = ParentStep(
                step_execution_id=self.steps[turn.step].id,
                step_name=turn.step,
                iteration=turn.iteration,
                iterator_value=item_text(turn),
            )
        self.current = step.name
        self.next = None
        self.choices = ()
        return self.put(
            StepExecution(
                id=step_execution_id(self.origin.execution_id, self.ordinal),
                ordinal=self.ordinal,
                name=step.name,
                action=step.action,
                status=StepStatus.IN_PROGRESS,
                started_at=self.now,
                parent=parent,
                deadline=self.deadline_of(step),
            )
        )

    def again(self, step: Step, execution: StepExecution) -> StepExecution:
        """Begin the next attempt of a step."""
        return self.put(
            replace(
                execution,
                status=StepStatus.IN_PROGRESS,
                attempt=execution.attempt + 1,
                inputs={},
                outputs={},
                failure=None,
                deadline=self.deadline_of(step),
                wake_at=None,
                child_execution_id=None,
            )
        )

    def deadline_of(self, step: Step) -> datetime | None:
        """Return when an attempt that begins now times out."""
        seconds = timeout_of(step)
        if seconds is None:
            return None
        try:
            return self.now + timedelta(seconds=seconds)
        except OverflowError:
            return None

    def end(
        self,
        execution: StepExecution,
        status: StepStatus,
        outputs: Mapping[str, Json] | None = None,
        failure: Failure | None = None,
    ) -> StepExecution:
        """Give a step its final status."""
        if self.current == execution.name:
            self.current = None
        return self.put(
            replace(
                execution,
                status=status,
                ended_at=self.now,
                outputs=execution.outputs if outputs is None else outputs,
                failure=failure,
                deadline=None,
                wake_at=None,
            )
        )

    def ask(self, ask: Ask) -> None:
        """Let the host do something."""
        self.asks.append(ask)

    def ask_stop(self, execution: StepExecution, *, awaited: bool) -> None:
        """Let the host stop an attempt."""
        self.ask(stop_action(execution, awaited=awaited))

    def close_round(self, status: StepStatus, failure: Failure | None = None) -> StepExecution:
        """End the innermost loop; its outputs stay readable."""
        turn = self.rounds[-1]
        self.rounds = self.rounds[:-1]
        return self.end(self.steps[turn.step], status, round_outputs(turn), failure)

    def count_failure(self, step: Step, execution: StepExecution) -> None:
        """Remember a critical failure; it decides how the execution ends."""
        if step.critical:
            timed_out = execution.status is StepStatus.TIMED_OUT
            message = execution.failure.message if execution.failure else None
            self.tally = Tally(
                failed=self.tally.failed + (not timed_out),
                timed_out=self.tally.timed_out + timed_out,
                message=self.tally.message if self.tally.message is not None else message,
            )

    def outcome(self) -> Over:
        """Return how an execution ends that has reached an end."""
        if self.tally.failed:
            return Over(ExecutionStatus.FAILED, self.tally.message, StepStatus.CANCELLED)
        if self.tally.timed_out:
            return Over(ExecutionStatus.TIMED_OUT, self.tally.message, StepStatus.CANCELLED)
        return Over(ExecutionStatus.SUCCESS, None, StepStatus.CANCELLED)


def stop_action(execution: StepExecution, *, awaited: bool) -> StopAction:
    """Return the ask to stop an attempt."""
    return StopAction(
        step=execution.name,
        action=execution.action,
        step_execution_id=execution.id,
        attempt=execution.attempt,
        attempt_id=execution.attempt_id,
        child_execution_id=execution.child_execution_id,
        awaited=awaited,
    )
