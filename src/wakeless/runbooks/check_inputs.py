"""Rules about the inputs of each step, by the table of its action (reference section 3).

Missing inputs refuse the document. Values that will not do are only worth a warning: the service finds them out when
the step runs, and they may be in a step that never does.
"""

from __future__ import annotations

import re

from wakeless.runbooks.actions import ACTIONS, Action, Input, Use
from wakeless.runbooks.document import Document, Json, Path, ValueType
from wakeless.runbooks.graph import placed_steps
from wakeless.runbooks.interpolate import references
from wakeless.runbooks.places import Notes, kind_of, nearest, one_of, shown

_INTEGER = re.compile(r"\s*[-+]?[0-9]{1,18}\s*")


def check_inputs(document: Document, notes: Notes) -> None:
    """Note missing inputs, and what looks wrong about the given ones."""
    for step, path in placed_steps(document):
        action = ACTIONS.get(step.action)
        if action is None:
            continue
        place: Path = (*path, "inputs")
        for name, wanted in action.inputs.items():
            value = step.inputs.get(name)
            if value is not None:
                _check_value(name, value, wanted, (*place, name), notes)
            elif wanted.required:
                hint = _misspelt(name, step.inputs)
                notes.wrong(place, f'Missing "{name}" in the inputs of an {action.name}', hint)
        _mind_unknown(action, list(step.inputs), place, notes)
        _check_timeout(action, step.timeout_seconds, (*path, "timeoutSeconds"), notes)
        action.check(Use(step=step, path=place, document=document, notes=notes))


def _misspelt(name: str, given: object) -> str:
    assert isinstance(given, dict)
    found = [key for key in given if key.lower() == name.lower()]
    return f'"{name}", not "{shown(found[0])}"' if found else ""


def _mind_unknown(action: Action, given: list[str], path: Path, notes: Notes) -> None:
    if action.open or action.name == "aws:loop":
        return
    for name in given:
        if name not in action.inputs:
            message = f'{action.name} has no input "{shown(name)}"'
            notes.odd((*path, name), message, nearest(name, action.inputs), key=True)


def _check_timeout(action: Action, seconds: int | None, path: Path, notes: Notes) -> None:
    if seconds is not None and action.longest is not None and seconds > action.longest:
        notes.odd(path, f"{action.name} takes at most {action.longest} seconds, whatever timeoutSeconds says")


def _check_value(name: str, value: Json, wanted: Input, path: Path, notes: Notes) -> None:
    if isinstance(value, str) and any(references(value)):
        return
    if wanted.words and not (isinstance(value, str) and value in wanted.words):
        notes.odd(path, f'"{name}" cannot be "{shown(value)}"', one_of(wanted.words))
    elif wanted.type is not None and not _fits(value, wanted.type):
        notes.odd(path, f'"{name}" must be a {wanted.type}, not {kind_of(value)}')
    else:
        _check_size(name, value, wanted, path, notes)


def _fits(value: Json, kind: ValueType) -> bool:
    if kind is ValueType.STRING:
        return isinstance(value, str | int | float)
    if kind is ValueType.STRING_LIST:
        return isinstance(value, str) or (
            isinstance(value, list) and not any(isinstance(item, list | dict | None) for item in value)
        )
    if kind is ValueType.INTEGER:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (isinstance(value, str) and _INTEGER.fullmatch(value) is not None)
    if kind is ValueType.BOOLEAN:
        return isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false"))
    if kind is ValueType.STRING_MAP:
        return isinstance(value, dict)
    return isinstance(value, dict | list)


def _check_size(name: str, value: Json, wanted: Input, path: Path, notes: Notes) -> None:
    if wanted.type is ValueType.INTEGER:
        assert isinstance(value, int | str)
        size, what = int(value), ""
    elif isinstance(value, str) and wanted.type is ValueType.STRING:
        size, what = len(value), " characters"
    elif isinstance(value, list):
        # A reference among the items may stand for several, or for none.
        if any(isinstance(item, str) and any(references(item)) for item in value):
            return
        size, what = len(value), " items"
    else:
        return
    if wanted.least is not None and size < wanted.least:
        notes.odd(path, f'"{name}" must be at least {wanted.least}{what}, not {size}')
    if wanted.most is not None and size > wanted.most:
        notes.odd(path, f'"{name}" must be at most {wanted.most}{what}, not {size}')
