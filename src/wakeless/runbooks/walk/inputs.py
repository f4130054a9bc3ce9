"""The resolved inputs of a step, and reading them for the actions that the walk does itself."""

from __future__ import annotations

from collections.abc import Mapping

from wakeless.runbooks.document import Json, Step
from wakeless.runbooks.fit import BadInput, fit
from wakeless.runbooks.interpolate import Answer, resolve, resolve_leniently
from wakeless.runbooks.outputs import SCRIPT


def resolved(step: Step, answer: Answer) -> dict[str, Json]:
    """Return the step's inputs with all references replaced, in the types that its action takes.

    Raises:
        Unresolved: a reference has no value.
        NotJson: an input is nested deeper than anything real.
        BadInput: an input is missing or not what the action takes.
    """
    values: dict[str, Json] = {}
    for name, written in step.inputs.items():
        if step.action == SCRIPT and name == "Script" and isinstance(written, str):
            values[name] = resolve_leniently(written, answer)
        else:
            values[name] = resolve(written, answer)
    return fit(step.action, values)


def needed_text(inputs: Mapping[str, Json], name: str) -> str:
    """Return a required text; raises `BadInput`."""
    value = optional_text(inputs, name)
    if not value:
        raise BadInput(f"The input {name} is missing")
    return value


def optional_text(inputs: Mapping[str, Json], name: str) -> str | None:
    """Return a text, None when there is none; raises `BadInput` for anything else."""
    value = inputs.get(name)
    if value is None or isinstance(value, str):
        return value
    raise BadInput(f"The input {name} must be a String")
