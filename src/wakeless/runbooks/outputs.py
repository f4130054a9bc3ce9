"""The outputs of a step: what its action gives by itself, and what the author selects from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wakeless.runbooks.coerce import Mismatch, NotJson, compact, parse_json, text, to_type
from wakeless.runbooks.document import Json, Step, StepOutput
from wakeless.runbooks.selectors import MISSING, InvalidSelector, Missing, select

#: What the document's outputs say of a step that did not succeed, word for word as the service does.
NOT_AVAILABLE = "No output available yet because the step is not successfully executed"

#: The output that holds the whole raw answer of an action as JSON text.
PAYLOAD_TEXT = "OutputPayload"

API_CALL = "aws:executeAwsApi"
SCRIPT = "aws:executeScript"
LAMBDA = "aws:invokeLambdaFunction"
COMMAND = "aws:runCommand"

#: Actions whose steps show their raw answer as an output.
_WITH_PAYLOAD_TEXT = frozenset({API_CALL, SCRIPT, LAMBDA, COMMAND})


@dataclass(frozen=True, slots=True)
class Extracted:
    """The outputs of a step by name, and why one of them could not be had."""

    values: Mapping[str, Json]
    #: None: all is well. A selected value did not fit its declared type, or a selector is none.
    trouble: str | None = None


def extract(step: Step, raw: Mapping[str, Json]) -> Extracted:
    """Return the outputs of a step whose action answered ``raw``.

    ``raw`` is the response of aws:executeAwsApi, ``{"Payload": value}`` of aws:executeScript, and the object of
    predefined outputs of every other action. A selector that finds nothing makes no output and no trouble: scripts
    return now one key, now another, and documents declare both.
    """
    values: dict[str, Json] = (
        {} if step.action == API_CALL else {name: value for name, value in raw.items() if value is not None}
    )
    trouble: str | None = None
    if step.action in _WITH_PAYLOAD_TEXT and PAYLOAD_TEXT not in values:
        values[PAYLOAD_TEXT] = compact(dict(raw))
    documents = _documents(step, raw) if step.outputs else ()
    for declared in step.outputs:
        try:
            value = _select(declared, documents)
            if value is not MISSING and value is not None:
                values[declared.name] = to_type(value, declared.type)
        except (Mismatch, NotJson, InvalidSelector) as error:
            values.pop(declared.name, None)
            trouble = trouble or f"The output {declared.name} cannot be had as {declared.type}: {error}"
    return Extracted(values, trouble)


def _documents(step: Step, raw: Mapping[str, Json]) -> tuple[Json, ...]:
    """Return where selectors look, the next one when the path leads nowhere in the one before."""
    if step.action != LAMBDA:
        return (dict(raw),)
    payload = raw.get("Payload")
    if not isinstance(payload, str):
        return (dict(raw), payload)
    try:
        payload = parse_json(payload)
    except NotJson:
        return (dict(raw),)
    return ({**raw, "Payload": payload}, payload)


def _select(declared: StepOutput, documents: tuple[Json, ...]) -> Json | Missing:
    value: Json | Missing = MISSING
    for document in documents:
        value = select(declared.selector, document)
        if value is not MISSING and value != []:
            return value
    return value


def payload_text(values: Mapping[str, Json]) -> str:
    """Return the outputs of an action as one JSON text: what ``step.OutputPayload`` is where the action gave none."""
    return text(values.get(PAYLOAD_TEXT)) if PAYLOAD_TEXT in values else compact(dict(values))
