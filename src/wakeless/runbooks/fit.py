"""Resolved inputs made to fit what their action takes (reference 2.2): the first stage of every step.

A single text is taken for a list of one, and text for the number or truth value that it says; a list is never taken
for a text. What an action has no table for goes on as it is, and whoever is called judges it.
"""

from __future__ import annotations

from collections.abc import Mapping

from wakeless.core.errors import Refused
from wakeless.runbooks.actions import ACTIONS, Input
from wakeless.runbooks.coerce import (
    Mismatch,
    NotJson,
    parse_json,
    text,
    to_boolean,
    to_integer,
    to_map_list,
    to_string_list,
    to_string_map,
)
from wakeless.runbooks.document import Json, ValueType


class BadInput(Refused):
    """An input is missing or not what the action takes."""

    code = "bad_input"


def fit(action: str, values: Mapping[str, Json]) -> dict[str, Json]:
    """Return the inputs in the types that the action takes; raises `BadInput`."""
    fitted = dict(values)
    known = ACTIONS.get(action)
    for name, wanted in (known.inputs if known else {}).items():
        value = values.get(name)
        if value is None:
            if wanted.required:
                raise BadInput(f"The input {name} is missing")
            continue
        try:
            fitted[name] = _typed(value, wanted.type)
        except (Mismatch, NotJson) as error:
            raise BadInput(f"The input {name} must be a {wanted.type}: {error}") from error
        _check(name, fitted[name], wanted)
    return fitted


def _typed(value: Json, wanted: ValueType | None) -> Json:
    match wanted:
        case None:
            return value
        case ValueType.STRING:
            if isinstance(value, list):
                raise Mismatch("a list is no text")
            return text(value)
        case ValueType.STRING_LIST:
            return to_string_list(value)
        case ValueType.INTEGER:
            return to_integer(value)
        case ValueType.BOOLEAN:
            return to_boolean(value)
        case ValueType.STRING_MAP:
            return to_string_map(_read(value))
        case ValueType.MAP_LIST:
            value = _read(value)
            return [value] if isinstance(value, dict) else to_map_list(value)


def _read(value: Json) -> Json:
    """Return what JSON text says; maps are often handed on as text."""
    return parse_json(value) if isinstance(value, str) else value


def _check(name: str, value: Json, wanted: Input) -> None:
    if wanted.words and value not in wanted.words:
        raise BadInput(f"The input {name} must be one of {', '.join(wanted.words)}, not {text(value)[:100]}")
    size = value if wanted.type is ValueType.INTEGER else len(value) if isinstance(value, str | list) else None
    if not isinstance(size, int):
        return
    if wanted.least is not None and size < wanted.least:
        raise BadInput(f"The input {name} is less than the least, {wanted.least}")
    if wanted.most is not None and size > wanted.most:
        raise BadInput(f"The input {name} is more than the most, {wanted.most}")
