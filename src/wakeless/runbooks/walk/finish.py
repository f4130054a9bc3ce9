"""The end of an execution and what it shows of itself."""

from __future__ import annotations

from collections.abc import Mapping

from wakeless.runbooks.coerce import to_wire
from wakeless.runbooks.document import Document
from wakeless.runbooks.outputs import NOT_AVAILABLE, PAYLOAD_TEXT, payload_text
from wakeless.runbooks.walk.events import Finish
from wakeless.runbooks.walk.state import Failure, StepExecution, StepStatus
from wakeless.runbooks.walk.work import Over, Work


def finish(work: Work, over: Over) -> None:
    """End the execution."""
    # A failure inside a loop is the loop's too.
    failed = over.open_loops is StepStatus.FAILED
    failure = Failure(message=over.message or "A step inside the loop failed.") if failed else None
    while work.rounds:
        work.close_round(over.open_loops, failure)
    work.current = None
    work.next = None
    work.choices = ()
    work.stopping = None
    work.status = over.status
    work.failure_message = over.message
    work.ended_at = work.now
    outputs = document_outputs(work.document, work.steps)
    work.ask(Finish(status=over.status, outputs=outputs, failure_message=over.message))


def document_outputs(document: Document, steps: Mapping[str, StepExecution]) -> dict[str, tuple[str, ...]]:
    """Return the document's outputs as the API shows them; one sentence stands for what is not there."""
    shown: dict[str, tuple[str, ...]] = {}
    for output in document.outputs:
        execution = steps.get(output.step)
        values: list[str] = []
        if execution is not None and execution.status in (StepStatus.SUCCESS, StepStatus.EXITED):
            if output.output in execution.outputs:
                values = to_wire(execution.outputs[output.output])
            elif output.output == PAYLOAD_TEXT and execution.outputs:
                values = [payload_text(execution.outputs)]
        shown[str(output)] = tuple(values) or (NOT_AVAILABLE,)
    return shown
