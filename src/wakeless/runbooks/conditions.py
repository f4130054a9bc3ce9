"""Conditions: the choices of aws:branch and the condition of a do-while (reference, section 5)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from wakeless.core.errors import Refused
from wakeless.runbooks.coerce import Mismatch, text, to_boolean
from wakeless.runbooks.document import And, Comparison, Condition, Json, Not, Operator, Or
from wakeless.runbooks.interpolate import Answer, Unresolved, resolve

_NUMBER = re.compile(r"[+-]?[0-9]{1,4000}(\.[0-9]{1,4000})?")

#: Deeper than anybody writes by hand.
MAX_DEPTH = 100


class CannotCompare(Refused):
    """A condition compares values of kinds that its operator does not know."""

    code = "cannot_compare"


class _Absent:
    """An output that its successful step did not produce."""


_ABSENT = _Absent()


def holds(condition: Condition, answer: Answer) -> bool:
    """Say whether the condition is true.

    Raises:
        Unresolved: a reference has no value (an output that a *successful* step did not produce is an empty text).
        CannotCompare: a value does not fit its operator.
        NotJson: a value is nested deeper than anything real.
    """
    return _holds(condition, answer, MAX_DEPTH)


def _holds(condition: Condition, answer: Answer, depth: int) -> bool:
    if depth == 0:
        raise CannotCompare(f"conditions are nested deeper than {MAX_DEPTH} levels")
    match condition:
        case And(conditions):
            return all(_holds(part, answer, depth - 1) for part in conditions)
        case Or(conditions):
            return any(_holds(part, answer, depth - 1) for part in conditions)
        case Not(part):
            return not _holds(part, answer, depth - 1)
        case Comparison():
            return _compare(condition, answer)


def _compare(comparison: Comparison, answer: Answer) -> bool:
    left = _operand(comparison.variable, answer)
    right = _operand(comparison.constant, answer)
    operator = comparison.operator
    if operator in _ON_TEXT:
        return _ON_TEXT[operator](_text(left, operator), _text(right, operator))
    if isinstance(left, _Absent) or isinstance(right, _Absent):
        return False
    if operator is Operator.BOOLEAN_EQUALS:
        return _truth(left) == _truth(right)
    return _ON_NUMBERS[operator](_number(left, operator), _number(right, operator))


def _operand(written: Json, answer: Answer) -> Json | _Absent:
    try:
        return resolve(written.strip() if isinstance(written, str) and "{{" in written else written, answer)
    except Unresolved as error:
        if error.absent:
            return _ABSENT
        raise


def _text(value: Json | _Absent, operator: Operator) -> str:
    if isinstance(value, _Absent):
        return ""
    if isinstance(value, str | bool | int | float):
        return text(value)
    raise CannotCompare(f"{operator} compares text, not a list, a map or nothing")


def _truth(value: Json) -> bool:
    if isinstance(value, list):
        raise CannotCompare(f"{Operator.BOOLEAN_EQUALS} compares true and false, not a list")
    try:
        return to_boolean(value)
    except Mismatch as error:
        raise CannotCompare(f"{Operator.BOOLEAN_EQUALS} compares true and false: {error}") from error


def _number(value: Json, operator: Operator) -> Decimal:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, float) and math.isfinite(value):
        return Decimal(value)
    raise CannotCompare(f"{operator} compares whole numbers")


_ON_TEXT: Mapping[Operator, Callable[[str, str], bool]] = {
    Operator.STRING_EQUALS: lambda left, right: left == right,
    Operator.EQUALS_IGNORE_CASE: lambda left, right: left.casefold() == right.casefold(),
    Operator.STARTS_WITH: lambda left, right: left.startswith(right),
    Operator.ENDS_WITH: lambda left, right: left.endswith(right),
    Operator.CONTAINS: lambda left, right: right in left,
}
_ON_NUMBERS: Mapping[Operator, Callable[[Decimal, Decimal], bool]] = {
    Operator.NUMERIC_EQUALS: lambda left, right: left == right,
    Operator.NUMERIC_GREATER: lambda left, right: left > right,
    Operator.NUMERIC_LESSER: lambda left, right: left < right,
    Operator.NUMERIC_GREATER_OR_EQUALS: lambda left, right: left >= right,
    Operator.NUMERIC_LESSER_OR_EQUALS: lambda left, right: left <= right,
}
