"""Conversions of values, type by type (section 2.4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.runbooks.test_selectors import JSON

from wakeless.core.errors import WakelessError
from wakeless.runbooks.coerce import (
    Mismatch,
    NotJson,
    admit,
    compact,
    is_of_type,
    iterator_item,
    parse_json,
    to_type,
    to_wire,
)
from wakeless.runbooks.document import IteratorType, ValueType

S, L, I, B, M, ML = (  # noqa: E741
    ValueType.STRING,
    ValueType.STRING_LIST,
    ValueType.INTEGER,
    ValueType.BOOLEAN,
    ValueType.STRING_MAP,
    ValueType.MAP_LIST,
)


@pytest.mark.parametrize(
    ("value", "wanted", "found"),
    [
        ("a", S, "a"),
        (16, S, "16"),
        (True, S, "true"),
        (1.5, S, "1.5"),
        (["only"], S, "only"),
        ([4], S, "4"),
        (["a", "b"], S, '["a","b"]'),
        ([], S, "[]"),
        ({"k": [1, True]}, S, '{"k":[1,true]}'),
        ([{"k": 1}], S, '[{"k":1}]'),
        ('ä"', S, 'ä"'),
        ("a", L, ["a"]),
        (3, L, ["3"]),
        (False, L, ["false"]),
        (["a", "b"], L, ["a", "b"]),
        ([1, True, {"k": 1}, ["x"]], L, ["1", "true", '{"k":1}', '["x"]']),
        ([], L, []),
        (5, I, 5),
        ("5", I, 5),
        (" -7 ", I, -7),
        (5.0, I, 5),
        ([4], I, 4),
        (["4"], I, 4),
        (True, B, True),
        ("TRUE", B, True),
        ("false", B, False),
        ([False], B, False),
        ({"k": 1, "b": True}, M, {"k": 1, "b": True}),
        ([{"a": 1}], ML, [{"a": 1}]),
        ([], ML, []),
    ],
)
def test_an_allowed_conversion_gives(value: Any, wanted: ValueType, found: Any) -> None:
    converted = to_type(value, wanted)
    assert converted == found
    assert type(converted) is type(found)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"k": 1}, L),
        (None, L),
        ("five", I),
        ("5.5", I),
        ("", I),
        (5.5, I),
        (True, I),
        ([1, 2], I),
        ({}, I),
        ("9" * 5000, I),
        ("yes", B),
        (1, B),
        (None, B),
        ("{}", M),
        ([{}], M),
        ({}, ML),
        (["a"], ML),
        ("[]", ML),
    ],
)
def test_any_other_conversion_is_a_mismatch(value: Any, wanted: ValueType) -> None:
    with pytest.raises(Mismatch, match=f"cannot be converted to {wanted}"):
        to_type(value, wanted)


@pytest.mark.parametrize(
    ("value", "wanted", "found"),
    [
        ("a", IteratorType.STRING, "a"),
        (1, IteratorType.STRING, "1"),
        ("3", IteratorType.INTEGER, 3),
        ("true", IteratorType.BOOLEAN, True),
        ({"k": "v"}, IteratorType.STRING_MAP, {"k": "v"}),
        ('{"k":"v"}', IteratorType.STRING_MAP, {"k": "v"}),
    ],
)
def test_items_of_a_loop_take_their_declared_type(value: Any, wanted: IteratorType, found: Any) -> None:
    assert iterator_item(value, wanted) == found


@pytest.mark.parametrize(
    ("value", "wanted", "fits"),
    [
        *(("a", S, True), (1, S, False), (1, I, True), (True, I, False), ("1", I, False), (True, B, True)),
        *((["a"], L, True), ([1], L, False), ("a", L, False), ({}, M, True), ("{}", M, False), ([{}], ML, True)),
        *(([1], ML, False), ([], ML, True), ([], L, True), (None, S, False)),
    ],
)
def test_variables_take_their_own_type_only(value: Any, wanted: ValueType, fits: bool) -> None:
    assert is_of_type(value, wanted) is fits


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("a", ["a"]),
        (1, ["1"]),
        (True, ["true"]),
        (["a", "b"], ["a", "b"]),
        ([], []),
        ({"k": 1}, ['{"k":1}']),
        ([{"k": 1}, {"k": 2}], ['{"k":1}', '{"k":2}']),
    ],
)
def test_the_wire_form_is_a_list_of_text(value: Any, wire: list[str]) -> None:
    assert to_wire(value) == wire


def test_data_from_outside_becomes_json() -> None:
    given = {1: (1, float("nan"), float("-inf")), "b": {"c": None}, "\ud800": "ä\udfff"}
    assert admit(given) == {"1": [1, "nan", "-inf"], "b": {"c": None}, "?": "ä?"}


@pytest.mark.parametrize("value", [object(), {"k": b"bytes"}, {1, 2}, 10**4000])
def test_what_cannot_be_a_value_is_refused(value: object) -> None:
    with pytest.raises(NotJson):
        admit(value)


def test_depth_and_size_without_end_are_refused() -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    with pytest.raises(NotJson, match="nested deeper"):
        admit(deep)
    with pytest.raises(NotJson, match="cannot be written"):
        compact(10**5000)
    with pytest.raises(NotJson, match="is not JSON"):
        parse_json("[" * 100_000)
    while deep:  # taken apart by hand: Python frees nested lists by calls within calls
        deep = deep[0]


@given(JSON, st.sampled_from(ValueType))
def test_any_value_converts_or_is_refused_and_converts_only_once(value: Any, wanted: ValueType) -> None:
    try:
        converted = to_type(value, wanted)
    except WakelessError:
        return
    assert is_of_type(converted, wanted)
    assert to_type(converted, wanted) == converted
