"""Reading the resolved inputs of the actions that the walk does itself."""

from __future__ import annotations

from collections.abc import Mapping

from wakeless.core.errors import Refused
from wakeless.runbooks.coerce import to_integer, to_string_list
from wakeless.runbooks.document import Json, Step
from wakeless.runbooks.interpolate import Answer, resolve, resolve_leniently
from wakeless.runbooks.outputs import SCRIPT


class BadInput(Refused):
    """An input is missing or not what the action takes."""

    code = "bad_input"


def resolved(step: Step, answer: Answer, leave: frozenset[str] = frozenset()) -> dict[str, Json]:
    """Return the step's inputs with all references replaced, without those named in ``leave``.

    Raises:
        Unresolved: a reference has no value.
        NotJson: an input is nested deeper than anything real.
    """
    values: dict[str, Json] = {}
    for name, written in step.inputs.items():
        if name in leave:
            continue
        if step.action == SCRIPT and name == "Script" and isinstance(written, str):
            values[name] = resolve_leniently(written, answer)
        else:
            values[name] = resolve(written, answer)
    return values


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


def whole_number(inputs: Mapping[str, Json], name: str, default: int) -> int:
    """Return a whole number, from decimal text too; raises `Mismatch`."""
    value = inputs.get(name)
    return default if value is None else to_integer(value)


def text_list(inputs: Mapping[str, Json], name: str) -> tuple[str, ...]:
    """Return a list of text, of one item when a single text is given; raises `Mismatch` or `BadInput`."""
    value = inputs.get(name)
    if value is None:
        return ()
    items = to_string_list(value)
    return tuple(item for item in items if isinstance(item, str))
