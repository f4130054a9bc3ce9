"""A host for the walk that does nothing by itself: asks are answered by a script, time moves when told to.

Every state goes through JSON and back before it is used again, and every event is walked twice: whatever a test does
with this host, it also shows that states survive a restart and that the walk has no hidden inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from wakeless.core.errors import NotFound
from wakeless.runbooks.document import Document
from wakeless.runbooks.errors import InvalidExecutionParameters
from wakeless.runbooks.load import read_document
from wakeless.runbooks.parameters import start_parameters
from wakeless.runbooks.view import step_views, view
from wakeless.runbooks.walk import begin, next_due, outstanding, rebuilt, waits_for, walk
from wakeless.runbooks.walk.events import (
    AskApproval,
    ChildEnded,
    ChildStarted,
    Event,
    Finish,
    RunAction,
    SignalCame,
    SignalType,
    StartChild,
    Started,
    StepFailed,
    StepFinished,
    StepStopped,
    StepTimedOut,
    StopAction,
    StopRequested,
    TimerFired,
    Waiting,
)
from wakeless.runbooks.walk.state import ExecutionState, Failure, Mode, Origin, Stage, StepExecution, StopKind

START = datetime(2024, 3, 10, 15, 4, 5, tzinfo=UTC)
CALLER = "arn:aws:iam::111122223333:user/Starter"

STATES: TypeAdapter[ExecutionState] = TypeAdapter(ExecutionState)
ROWS: TypeAdapter[StepExecution] = TypeAdapter(StepExecution)


@dataclass(frozen=True)
class Fails:
    """The answer of an action that failed."""

    message: str = "boom"
    raw: Mapping[str, Any] = field(default_factory=dict)
    stage: Stage = Stage.INVOCATION
    retry: bool = True


@dataclass(frozen=True)
class TimesOut:
    """The answer of an action that gave up by itself."""


#: Answers what an action gives, `Fails`, `TimesOut`, or None: it never ends by itself.
Script = Callable[[RunAction], Mapping[str, Any] | Fails | TimesOut | None]


def quiet(ask: RunAction) -> Mapping[str, Any]:
    """Every action succeeds and gives nothing."""
    return {"Payload": None} if ask.action == "aws:executeScript" else {}


@dataclass
class Execution:
    """One execution of the host."""

    document: Document
    state: ExecutionState
    rows: dict[str, StepExecution] = field(default_factory=dict)
    wake_at: datetime | None = None
    waits_for: Waiting | None = None
    finish: Finish | None = None
    #: The asking step of the parent: its execution, step execution and attempt.
    parent: tuple[str, str, int] | None = None


class Host:
    """Runs executions in virtual time."""

    def __init__(self, documents: Mapping[str, Any], script: Script = quiet) -> None:
        self.documents = {name: _document(content) for name, content in documents.items()}
        self.script = script
        self.now = START
        self.executions: dict[str, Execution] = {}
        self.ran: list[RunAction] = []
        self.asked: list[AskApproval] = []
        self.stopped: list[StopAction] = []
        self.children: list[StartChild] = []
        #: Whether a stopped action says so.
        self.acknowledges = True
        self._events: list[tuple[str, Event]] = []

    def start(
        self,
        name: str = "Main",
        parameters: Mapping[str, Any] | None = None,
        *,
        mode: Mode = Mode.AUTO,
        depth: int = 0,
        parent: tuple[str, str, int] | None = None,
        run: bool = True,
    ) -> str:
        execution_id = f"00000000-0000-0000-0000-{len(self.executions) + 1:012}"
        origin = Origin(
            execution_id=execution_id,
            document_name=name,
            parameters=parameters or {},
            mode=mode,
            caller=CALLER,
            account="111122223333",
            region="us-east-1",
            depth=depth,
            parent_execution_id=parent[0] if parent else None,
        )
        document = self.documents[name]
        self.executions[execution_id] = Execution(document, begin(document, origin, self.now), parent=parent)
        self._events.append((execution_id, Started()))
        if run:
            self.run()
        return execution_id

    def tell(self, execution_id: str, event: Event) -> None:
        """Give one event and everything that follows at once."""
        self._walk(execution_id, event)
        self.run()

    def run(self) -> None:
        """Deliver what is waiting to be delivered."""
        while self._events:
            self._walk(*self._events.pop(0))

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        until = self.now + timedelta(seconds=seconds)
        while due := min(
            ((e.wake_at, key) for key, e in self.executions.items() if e.wake_at and e.wake_at <= until), default=None
        ):
            self.now = max(self.now, due[0])
            self.tell(due[1], TimerFired())
        self.now = until

    def signal(
        self, execution_id: str, kind: str, payload: Mapping[str, list[str]] | None = None, principal: str = CALLER
    ) -> None:
        given = {key: tuple(values) for key, values in (payload or {}).items()}
        self.tell(execution_id, SignalCame(type=SignalType(kind), payload=given, principal=principal))

    def stop(self, execution_id: str, kind: str = "Cancel") -> None:
        self.tell(execution_id, StopRequested(kind=StopKind(kind)))

    # -- looking ------------------------------------------------------------------------------------------------------

    def view(self, execution_id: str) -> dict[str, Any]:
        execution = self.executions[execution_id]
        return view(execution.document, execution.state, execution.rows.values())

    def status(self, execution_id: str) -> str:
        return self.executions[execution_id].state.status.value

    def statuses(self, execution_id: str) -> dict[str, str]:
        """Return the status of the latest execution of each step; Pending for those that never ran."""
        execution = self.executions[execution_id]
        return {str(s["StepName"]): str(s["StepStatus"]) for s in step_views(execution.document, execution.state)}

    def executed(self, execution_id: str) -> list[str]:
        """Return the names of the steps in the order in which they began."""
        rows = self.executions[execution_id].rows.values()
        return [row.name for row in sorted(rows, key=lambda row: row.ordinal)]

    def step(self, execution_id: str, name: str) -> StepExecution:
        return self.executions[execution_id].state.steps[name]

    # -- working ------------------------------------------------------------------------------------------------------

    def _walk(self, execution_id: str, event: Event) -> None:
        execution = self.executions[execution_id]
        walked = walk(execution.document, execution.state, event, self.now)
        assert walk(execution.document, execution.state, event, self.now) == walked
        state = STATES.validate_json(STATES.dump_json(walked.state))
        assert state == walked.state
        execution.state, execution.wake_at, execution.waits_for = state, walked.wake_at, walked.waits_for
        for row in walked.changed:
            execution.rows[row.id] = ROWS.validate_json(ROWS.dump_json(row))
        # As a host does it: a small head beside rows.
        head = STATES.validate_json(STATES.dump_json(replace(state, steps={})))
        assert rebuilt(head, execution.rows.values()) == state
        if walked.waits_for is not Waiting.TURN:
            assert (waits_for(state), next_due(state)) == (walked.waits_for, walked.wake_at)
        assert state.status.final == (walked.waits_for is None)
        if walked.waits_for in (Waiting.ACTION, Waiting.CHILD, Waiting.APPROVAL):
            assert outstanding(state)
        for ask in walked.asks:
            self._do(execution_id, execution, ask)
        if walked.waits_for is Waiting.TURN:
            self._events.append((execution_id, TimerFired()))

    def _do(
        self, key: str, execution: Execution, ask: RunAction | StartChild | AskApproval | StopAction | Finish
    ) -> None:
        match ask:
            case RunAction():
                self.ran.append(ask)
                event = _answer(ask, self.script(ask))
                if event is not None:
                    self._events.append((key, event))
            case StartChild():
                self._start_child(key, ask)
            case AskApproval():
                self.asked.append(ask)
            case StopAction():
                self._stop(key, ask)
            case Finish():
                execution.finish = ask
                self._tell_parent(key, execution, ask)

    def _start_child(self, key: str, ask: StartChild) -> None:
        self.children.append(ask)
        step, attempt = ask.step_execution_id, ask.attempt
        try:
            if ask.document_name not in self.documents:
                raise NotFound(f"there is no document {ask.document_name}")
            values = start_parameters(self.documents[ask.document_name], ask.parameters)
        except (NotFound, InvalidExecutionParameters) as error:
            failure = Failure(message=str(error))
            self._events.append((key, StepFailed(step_execution_id=step, attempt=attempt, failure=failure)))
            return
        child = self.start(ask.document_name, values, depth=ask.depth, parent=(key, step, attempt), run=False)
        started = ChildStarted(step_execution_id=step, attempt=attempt, execution_id=child)
        self._events.insert(0, (key, started))

    def _tell_parent(self, key: str, execution: Execution, finish: Finish) -> None:
        if execution.parent is not None:
            parent, step_execution_id, attempt = execution.parent
            ended = ChildEnded(
                step_execution_id=step_execution_id,
                attempt=attempt,
                execution_id=key,
                status=finish.status,
                outputs=tuple(value for values in finish.outputs.values() for value in values),
                failure_message=finish.failure_message,
            )
            self._events.append((parent, ended))

    def _stop(self, key: str, ask: StopAction) -> None:
        self.stopped.append(ask)
        if ask.child_execution_id is not None:
            self._events.append((ask.child_execution_id, StopRequested()))
        elif ask.awaited and self.acknowledges:
            self._events.append((key, StepStopped(step_execution_id=ask.step_execution_id, attempt=ask.attempt)))


def _answer(ask: RunAction, answer: Mapping[str, Any] | Fails | TimesOut | None) -> Event | None:
    match answer:
        case None:
            return None
        case Fails(message, raw, stage, retry):
            failure = Failure(message=message, stage=stage)
            return StepFailed(
                step_execution_id=ask.step_execution_id, attempt=ask.attempt, failure=failure, raw=raw, retry=retry
            )
        case TimesOut():
            return StepTimedOut(step_execution_id=ask.step_execution_id, attempt=ask.attempt)
        case _:
            return StepFinished(step_execution_id=ask.step_execution_id, attempt=ask.attempt, raw=answer)


def _document(content: Any) -> Document:
    return content if isinstance(content, Document) else read_document(content)
