"""What references mean at one moment of an execution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from wakeless.runbooks.coerce import iterator_item, text
from wakeless.runbooks.document import Document, IteratorType, Json
from wakeless.runbooks.interpolate import Reference, ReferenceKind, Unresolved
from wakeless.runbooks.outputs import PAYLOAD_TEXT, payload_text
from wakeless.runbooks.walk.state import Origin, Round, StepExecution, StepStatus

ITERATION = "CurrentIteration"
ITERATOR_VALUE = "CurrentIteratorValue"

_GLOBALS: Mapping[str, Callable[[Origin, datetime], str]] = {
    "DATE": lambda _, now: now.strftime("%Y-%m-%d"),
    "DATE_TIME": lambda _, now: now.strftime("%Y-%m-%d_%H.%M.%S"),
    "REGION": lambda origin, _: origin.region,
    "ACCOUNT_ID": lambda origin, _: origin.account,
    "AWS_PARTITION": lambda origin, _: origin.partition,
}


class Scope:
    """Answers references; dates are those of the moment ``now``, in UTC."""

    def __init__(
        self,
        document: Document,
        origin: Origin,
        steps: Mapping[str, StepExecution],
        variables: Mapping[str, Json],
        rounds: tuple[Round, ...],
        now: datetime,
    ) -> None:
        self._document = document
        self._origin = origin
        self._steps = steps
        self._variables = variables
        self._rounds = rounds
        self._now = now

    def __call__(self, reference: Reference) -> Json:
        """Return the value; raises `Unresolved`."""
        match reference.kind:
            case ReferenceKind.PARAMETER:
                return _get(self._origin.parameters, reference, "there is no such parameter")
            case ReferenceKind.VARIABLE:
                return _get(self._variables, reference, "the variable has no value yet")
            case ReferenceKind.OUTPUT:
                return self._output(reference)
            case ReferenceKind.GLOBAL if reference.name in _GLOBALS:
                return _GLOBALS[reference.name](self._origin, self._now)
            case ReferenceKind.AUTOMATION if reference.name == "EXECUTION_ID":
                return self._origin.execution_id
            case ReferenceKind.PARAMETER_STORE:
                raise Unresolved(reference, "Parameter Store is read in the defaults of parameters only")
        raise Unresolved(reference, "there is no such value")

    def _output(self, reference: Reference) -> Json:
        for turn in self._rounds:
            if turn.step == reference.name:
                return self._of_round(reference, turn)
        execution = self._steps.get(reference.name)
        if execution is None:
            known = reference.name in self._document.by_name
            raise Unresolved(reference, "the step has not run" if known else "there is no such step")
        if reference.output in execution.outputs:
            return execution.outputs[reference.output]
        if reference.output == PAYLOAD_TEXT and execution.outputs:
            return payload_text(execution.outputs)
        if execution.status is StepStatus.SUCCESS:
            raise Unresolved(reference, "the step succeeded without this output", absent=True)
        raise Unresolved(reference, f"the step is {execution.status} and has no such output")

    def _of_round(self, reference: Reference, turn: Round) -> Json:
        outputs = round_outputs(turn)
        if reference.output in outputs:
            return outputs[reference.output]
        raise Unresolved(reference, "a loop has no such output")


def round_outputs(turn: Round) -> dict[str, Json]:
    """Return the outputs of a loop in, or after, one of its rounds."""
    outputs: dict[str, Json] = {ITERATION: turn.iteration}
    if turn.items is not None:
        outputs[ITERATOR_VALUE] = turn.value
    return outputs


def item_text(turn: Round) -> str | None:
    """Return the item of a round as text, None in a do-while."""
    return text(turn.value) if turn.items is not None else None


def typed_items(items: list[Json], wanted: IteratorType) -> tuple[Json, ...]:
    """Return the items of a for-each in their declared type; raises `Mismatch` or `NotJson`."""
    return tuple(iterator_item(item, wanted) for item in items)


def _get(values: Mapping[str, Json], reference: Reference, otherwise: str) -> Json:
    if reference.name in values:
        return values[reference.name]
    raise Unresolved(reference, otherwise)
