"""Selectors, operator by operator."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.core.errors import WakelessError
from wakeless.runbooks.selectors import MISSING, InvalidSelector, parse, select

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=15,
)

RESPONSE: dict[str, Any] = {
    "Reservations": [
        {"Instances": [{"Id": "i-0", "State": {"Name": "running", "Code": 16}, "Groups": ["a"]}]},
        {"Instances": [{"Id": "i-1", "State": {"Name": "stopped", "Code": 80}, "Groups": ["b", "c"]}]},
    ],
    "Outputs": {"step.Out": ["x", "y"], "with-dash": 1},
    "Flag": True,
    "Nothing": None,
    "Empty": [],
}


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("$", RESPONSE),
        ("$.Flag", True),
        ("Flag", True),
        ("$.Nothing", None),
        ("$.Reservations[0].Instances[0].Id", "i-0"),
        ("Reservations[1].Instances[0].State.Code", 80),
        ("$.Reservations[-1].Instances[-1].Id", "i-1"),
        ("$['Flag']", True),
        ("['Flag']", True),
        ('$["Flag"]', True),
        ("$.['Flag']", True),
        ("$.Outputs.'step.Out'[0]", "x"),
        ("$.Outputs['step.Out'][1]", "y"),
        ("$.Outputs.with-dash", 1),
        ("  $.Flag  ", True),
        ("$.Reservations[ 0 ].Instances[0].Id", "i-0"),
    ],
)
def test_a_definite_path_answers_the_value_itself(selector: str, found: Any) -> None:
    assert select(selector, RESPONSE) == found


@pytest.mark.parametrize(
    "selector",
    ["$.No", "$.Flag.x", "$.Reservations[2]", "$.Reservations[-3]", "$.Empty[0]", "$.Outputs[0]", "$.Reservations.x"],
)
def test_a_definite_path_that_leads_nowhere_is_missing(selector: str) -> None:
    assert select(selector, RESPONSE) is MISSING


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("$..Id", ["i-0", "i-1"]),
        ("..Id", ["i-0", "i-1"]),
        ("$..Groups", [["a"], ["b", "c"]]),
        ("$..Groups[0]", ["a", "b"]),
        ("$..No", []),
        ("$.Reservations[*].Instances[*].Id", ["i-0", "i-1"]),
        ("$.Outputs.*", [["x", "y"], 1]),
        ("$.Reservations..Instances[?(@.State.Name != 'running')].Id", ["i-1"]),
        ("$.Reservations..Instances[?(@.State.Name == 'running')].Id", ["i-0"]),
        ('$..Instances[?(@.State.Name=="stopped")].Id', ["i-1"]),
        ("$..Instances[?@.State.Code > 16].Id", ["i-1"]),
        ("$..Instances[?(@.State.Code >= 16)].Id", ["i-0", "i-1"]),
        ("$..Instances[?(@.State.Code<80)].Id", ["i-0"]),
        ("$..Instances[?(@.State.Code <= 16)].Id", ["i-0"]),
        ("$..Instances[?(@.State.Code == 16)].Id", ["i-0"]),
        ("$..Instances[?(@.State.Code == '16')].Id", ["i-0"]),
        ("$..Instances[?(@.State.Name > 5)].Id", []),
        ("$..Instances[?(@['State']['Name'] == 'running')].Id", ["i-0"]),
        ("$..Instances[?(@.No != 'x')].Id", ["i-0", "i-1"]),
        ("$..Instances[?(@.No == 'x')].Id", []),
        ("$..Instances[?(@.Groups)].Id", ["i-0", "i-1"]),
        ("$..Instances[?(@.No)].Id", []),
        ("$.Outputs[?(@.with-dash == 1)].with-dash", [1]),
    ],
)
def test_a_path_that_may_name_several_places_answers_a_list(selector: str, found: Any) -> None:
    assert select(selector, RESPONSE) == found


@pytest.mark.parametrize(
    ("constant", "found"), [("true", [True]), ("false", [False]), ("null", [None]), ("1.5", [1.5]), ("-2", [-2])]
)
def test_filters_compare_with_other_constants_than_text(constant: str, found: list[Any]) -> None:
    data: list[Any] = [{"v": value} for value in (True, False, None, 1.5, -2, "x")]
    assert select(f"$[?(@.v == {constant})].v", data) == found


@pytest.mark.parametrize(
    "selector",
    [
        *(
            "",
            " ",
            "$.",
            "$.a.",
            "$[",
            "$[x]",
            "$[0",
            "$['a'",
            "$['a]",
            "$a",
            "a b",
            "$.a[?(@.b == )]",
            "$[?(@.b = 'x')]",
        ),
        *("$[?(@.a == 'x' && @.b == 'y')]", "$[?(@.a == 'x' || @.b == 'y')]", "$[?(b == 1)]", "$[1:2]", "$[0,1]"),
        *("$[?(@.a[?(@.b == 1)])]", "{{ x }}", "$..", "$.a..", "$[?(@.a == x)]"),
    ],
)
def test_what_is_no_selector_is_refused_with_its_place(selector: str) -> None:
    with pytest.raises(InvalidSelector, match=r"empty|at character \d+ of the selector"):
        parse(selector)


def test_a_selector_that_multiplies_is_refused_instead_of_filling_the_memory() -> None:
    data: Any = []
    for _ in range(60):
        data = [data, data[:1]]
    with pytest.raises(InvalidSelector, match="finds more than"):
        select("$..*..*..*..*..*..*", data)


def test_data_may_be_deeper_than_python_calls() -> None:
    data: Any = {"x": 1}
    for _ in range(5_000):
        data = {"a": data}
    assert select("$..x", data) == [1]


@given(st.text(alphabet="$.[]()?@*'\"=<>! ab01\\&|,:-", max_size=20), JSON)
def test_any_text_on_any_data_answers_or_is_refused(selector: str, data: Any) -> None:
    with suppress(WakelessError):
        select(selector, data)


@given(JSON)
def test_everything_below_holds_every_value_of_a_key(data: Any) -> None:
    def values(node: Any) -> list[Any]:
        inner = node if isinstance(node, list) else list(node.values()) if isinstance(node, dict) else []
        own = [node["a"]] if isinstance(node, dict) and "a" in node else []
        return own + [value for item in inner for value in values(item)]

    assert select("$..a", data) == values(data)
