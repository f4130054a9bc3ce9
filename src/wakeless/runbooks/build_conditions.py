"""Choices of branches and conditions of loops (reference 5.1 to 5.3)."""

from __future__ import annotations

import re

from wakeless.runbooks.document import (
    And,
    Branch,
    Choice,
    Comparison,
    Condition,
    Json,
    Not,
    Operator,
    Or,
    Path,
)
from wakeless.runbooks.fields import Fields
from wakeless.runbooks.interpolate import references, whole
from wakeless.runbooks.places import Notes, kind_of, nearest, one_of, shown

_GROUPS = ("And", "Or", "Not")
_NUMBER = re.compile(r"\s*[-+]?[0-9]{1,30}(?:\.[0-9]{1,30})?\s*")
#: Stands in for a condition that is none, so that reading goes on.
_NONE = Comparison("", Operator.STRING_EQUALS, "")


def build_branch(inputs: Fields) -> Branch:
    """Return the parsed inputs of an aws:branch."""
    choices = inputs.items("Choices")
    if not choices and inputs.values.get("Choices") in (None, []):
        inputs.notes.wrong(inputs.path, 'Missing "Choices" in the inputs of an aws:branch')
    default = inputs.text("Default")
    return Branch(
        tuple(
            _choice(value, (*inputs.path, "Choices", position), inputs.notes) for position, value in enumerate(choices)
        ),
        default.strip() if default is not None else None,
    )


def _choice(value: Json, path: Path, notes: Notes) -> Choice:
    if not isinstance(value, dict):
        notes.wrong(path, f"a choice is a mapping with NextStep and a condition, not {kind_of(value)}")
        return Choice(_NONE, "")
    fields = Fields(value, path, notes)
    next_step = fields.text("NextStep")
    if next_step is None and not isinstance(value.get("NextStep"), list | dict):
        notes.wrong(path, 'Missing "NextStep" in a choice')
    rest = {key: item for key, item in value.items() if key != "NextStep"}
    return Choice(build_condition(rest, path, notes), (next_step or "").strip())


def build_condition(value: Json, path: Path, notes: Notes) -> Condition:
    """Return the condition that ``value`` describes: And, Or, Not, or one comparison."""
    if not isinstance(value, dict):
        notes.wrong(path, f"a condition is a mapping, not {kind_of(value)}")
        return _NONE
    if "NextStep" in value:
        notes.wrong((*path, "NextStep"), "NextStep stands at the top of a choice only", key=True)
        value = {key: item for key, item in value.items() if key != "NextStep"}
    groups = [name for name in _GROUPS if name in value]
    if not groups:
        return _comparison(value, path, notes)
    if len(value) > 1:
        others = [name for name in value if name != groups[0]]
        notes.wrong((*path, others[0]), f"{groups[0]} cannot stand beside {shown(others[0])}", key=True)
    return _group(groups[0], value[groups[0]], (*path, groups[0]), notes)


def _group(name: str, value: Json, path: Path, notes: Notes) -> Condition:
    # A list of one for Not means what it must mean. For Or the live service was seen to want two.
    wrapped = isinstance(value, list)
    items = value if isinstance(value, list) else [value]
    if name == "Not" and len(items) != 1:
        notes.wrong(path, f"Expect one expression for operator: Not. Provided: {len(items)}")
    elif name != "Not" and len(items) < 2:
        notes.wrong(path, f"Expect at least two expressions for operator: {name}. Provided: {len(items)}")
    if not items:
        return _NONE
    conditions = tuple(
        build_condition(item, (*path, position) if wrapped else path, notes) for position, item in enumerate(items)
    )
    if name == "Not":
        return Not(conditions[0])
    return And(conditions) if name == "And" else Or(conditions)


def _comparison(value: dict[str, Json], path: Path, notes: Notes) -> Condition:
    if value.get("Variable") is None:
        notes.wrong(path, 'Missing "Variable" in a condition')
    operators = [name for name in value if name != "Variable"]
    unknown = [name for name in operators if name not in set(Operator)]
    for name in unknown:
        hint = nearest(name, [*Operator, *_GROUPS, "Variable"]) or one_of(Operator)
        notes.wrong((*path, name), f'Unsupported operator "{shown(name)}" in a choice', hint, key=True)
    if not operators:
        notes.wrong(path, "a condition needs an operator", one_of(Operator))
    if len(operators) > 1 and not unknown:
        notes.wrong((*path, operators[1]), "a condition has one operator only", "combine conditions by And or Or")
    if unknown or not operators:
        return _NONE
    operator = Operator(operators[0])
    _check_variable(value.get("Variable"), (*path, "Variable"), notes)
    _check_constant(operator, value[operators[0]], (*path, operators[0]), notes)
    return Comparison(value.get("Variable"), operator, value[operators[0]])


def _check_variable(value: Json, path: Path, notes: Notes) -> None:
    if isinstance(value, list | dict):
        notes.wrong(path, f'"Variable" must be a reference, not {kind_of(value)}', 'quote it: "{{ step.Output }}"')
    elif value is not None and not (whole(value)):
        notes.odd(path, "Variable is no reference, so this condition never changes")


def _check_constant(operator: Operator, value: Json, path: Path, notes: Notes) -> None:
    if isinstance(value, str) and any(references(value)):
        return
    if value is None or isinstance(value, list | dict):
        notes.wrong(path, f"{operator} compares with one value, not {kind_of(value)}")
    elif operator.startswith("Numeric"):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number and not (isinstance(value, str) and _NUMBER.fullmatch(value)):
            notes.wrong(path, f'{operator} compares with a number, not "{shown(value)}"')
    elif operator is Operator.BOOLEAN_EQUALS and not (
        isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() in ("true", "false"))
    ):
        notes.wrong(path, f'{operator} compares with true or false, not "{shown(value)}"')
