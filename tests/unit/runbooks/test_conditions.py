"""Conditions, operator by operator and operand by operand (section 5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.runbooks.test_selectors import JSON

from wakeless.core.errors import WakelessError
from wakeless.runbooks.conditions import CannotCompare, holds
from wakeless.runbooks.document import And, Comparison, Condition, Not, Operator, Or
from wakeless.runbooks.interpolate import Reference, Unresolved


def with_value(value: Any) -> Any:
    def answer(reference: Reference) -> Any:
        match str(reference):
            case "V":
                return value
            case "five":
                return 5
            case "s.Absent":
                raise Unresolved(reference, "absent", absent=True)
        raise Unresolved(reference, "never ran")

    return answer


def compare(value: Any, operator: str, constant: Any) -> bool:
    return holds(Comparison("{{ V }}", Operator(operator), constant), with_value(value))


@pytest.mark.parametrize(
    ("value", "operator", "constant", "true"),
    [
        ("Linux", "StringEquals", "Linux", True),
        ("linux", "StringEquals", "Linux", False),
        ("linux", "EqualsIgnoreCase", "LINUX", True),
        ("abcde", "StartsWith", "abc", True),
        ("abcde", "StartsWith", "Abc", False),
        ("abcde", "EndsWith", "de", True),
        ("abcde", "EndsWith", "d", False),
        ("abcde", "Contains", "bcd", True),
        ("abcde", "Contains", "x", False),
        ("abcde", "Contains", "", True),
        (5, "NumericEquals", 5, True),
        (5, "NumericGreater", 5, False),
        (6, "NumericGreater", 5, True),
        (4, "NumericLesser", 5, True),
        (5, "NumericLesser", 5, False),
        (5, "NumericGreaterOrEquals", 5, True),
        (4, "NumericGreaterOrEquals", 5, False),
        (5, "NumericLesserOrEquals", 5, True),
        (6, "NumericLesserOrEquals", 5, False),
        (True, "BooleanEquals", True, True),
        (True, "BooleanEquals", False, False),
    ],
)
def test_operators_on_their_own_types(value: Any, operator: str, constant: Any, true: bool) -> None:
    assert compare(value, operator, constant) is true


@pytest.mark.parametrize(
    ("value", "operator", "constant"),
    [
        (True, "StringEquals", "true"),
        (5, "StringEquals", "5"),
        ("5", "NumericEquals", 5),
        ("5.5", "NumericGreater", 5),
        (5, "NumericEquals", "5.0"),
        (5.5, "NumericLesser", 6),
        ("true", "BooleanEquals", True),
        ("True", "BooleanEquals", "true"),
        (False, "BooleanEquals", "false"),
        (5, "NumericEquals", "{{ five }}"),
        ("a5", "StringEquals", "a{{ five }}"),
    ],
)
def test_other_types_and_referring_constants_are_taken_where_they_make_sense(
    value: Any, operator: str, constant: Any
) -> None:
    assert compare(value, operator, constant)


@pytest.mark.parametrize(
    ("value", "operator", "constant"),
    [
        (["a"], "StringEquals", "a"),
        ({}, "Contains", "a"),
        (None, "StringEquals", ""),
        ("five", "NumericEquals", 5),
        ("1_0", "NumericEquals", 10),
        (True, "NumericEquals", 1),
        ([5], "NumericEquals", 5),
        ("yes", "BooleanEquals", True),
        ([True], "BooleanEquals", True),
        (1, "BooleanEquals", True),
    ],
)
def test_what_makes_no_sense_is_refused(value: Any, operator: str, constant: Any) -> None:
    with pytest.raises(CannotCompare):
        compare(value, operator, constant)


@pytest.mark.parametrize(
    ("operator", "constant", "true"),
    [
        ("StringEquals", "", True),
        ("StringEquals", "x", False),
        ("StartsWith", "x", False),
        ("BooleanEquals", False, False),
        ("NumericEquals", 0, False),
        ("NumericLesser", 5, False),
    ],
)
def test_an_output_that_a_successful_step_did_not_produce_is_an_empty_text(
    operator: str, constant: Any, true: bool
) -> None:
    leaf = Comparison("{{ s.Absent }}", Operator(operator), constant)
    assert holds(leaf, with_value(None)) is true
    assert holds(Not(leaf), with_value(None)) is not true


def test_a_step_that_never_ran_cannot_be_compared() -> None:
    with pytest.raises(Unresolved):
        holds(Comparison("{{ s.Never }}", Operator.STRING_EQUALS, ""), with_value(None))


YES = Comparison("{{ V }}", Operator.STRING_EQUALS, "v")
NO = Comparison("{{ V }}", Operator.STRING_EQUALS, "w")


@pytest.mark.parametrize(
    ("condition", "true"),
    [
        (And((YES, YES)), True),
        (And((YES, NO)), False),
        (Or((NO, YES)), True),
        (Or((NO, NO)), False),
        (Not(NO), True),
        (Not(And((YES, Or((NO, Not(NO)))))), False),
        (And((YES, Not(Or((NO, NO))), Not(NO))), True),
    ],
)
def test_conditions_combine_at_any_depth(condition: Condition, true: bool) -> None:
    assert holds(condition, with_value("v")) is true


def test_conditions_without_end_are_refused() -> None:
    condition: Condition = YES
    for _ in range(5_000):
        condition = Not(condition)
    with pytest.raises(CannotCompare, match="nested deeper"):
        holds(condition, with_value("v"))


@given(JSON, st.sampled_from(Operator), JSON)
def test_any_values_compare_or_are_refused(value: Any, operator: Operator, constant: Any) -> None:
    try:
        answer = compare(value, operator.value, constant)
    except WakelessError:
        return
    assert isinstance(answer, bool)
