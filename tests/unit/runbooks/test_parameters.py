"""The values an execution starts with (reference 1.2 to 1.4)."""

from __future__ import annotations

import contextlib
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.runbooks.documents import accepted

from wakeless.runbooks.document import Json
from wakeless.runbooks.errors import InvalidExecutionParameters
from wakeless.runbooks.parameters import start_parameters

ROLE = "arn:aws:iam::111122223333:role/R"


def started(declared: dict[str, Json], *given: str) -> Json:
    """Return what the only parameter's value is once it was given so."""
    return start_parameters(accepted(parameters={"P": declared}), {"P": list(given)})["P"]


@pytest.mark.parametrize(
    ("kind", "given_values", "value"),
    [
        ("String", ["x"], "x"),
        ("String", [""], ""),
        ("String", ["3"], "3"),
        ("Integer", ["3"], 3),
        ("Integer", [" -3 "], -3),
        ("Boolean", ["true"], True),
        ("Boolean", ["False"], False),
        ("StringList", ["a", "b"], ["a", "b"]),
        ("StringList", [], []),
        ("StringList", ['["a","b"]'], ["a", "b"]),
        ("StringList", ["[a"], ["[a"]),
        ("StringList", ["[1]"], ["[1]"]),
        ("StringMap", ['{"a": ["b"]}'], {"a": ["b"]}),
        ("MapList", ['{"a":1}', '{"b":2}'], [{"a": 1}, {"b": 2}]),
        ("MapList", ['[{"a":1}]'], [{"a": 1}]),
        ("MapList", [], []),
        ("AWS::EC2::Instance::Id", ["i-0123456789abcdef0"], "i-0123456789abcdef0"),
        ("AWS::EC2::Instance::Id", ["mi-01234567"], "mi-01234567"),
        ("AWS::S3::Bucket::Name", ["my.bucket-1"], "my.bucket-1"),
        ("AWS::IAM::Role::Arn", [ROLE], ROLE),
        ("List<AWS::EC2::Instance::Id>", ["i-01234567", "i-76543210"], ["i-01234567", "i-76543210"]),
    ],
)
def test_texts_become_values_of_the_declared_type(kind: str, given_values: list[str], value: Json) -> None:
    assert started({"type": kind}, *given_values) == value


@pytest.mark.parametrize(
    ("declared", "given_values", "words"),
    [
        ({"type": "String"}, ["a", "b"], "takes one value, not 2"),
        ({"type": "String"}, [], "takes one value, not 0"),
        ({"type": "Integer"}, ["x"], 'must be a whole number, not "x"'),
        ({"type": "Integer"}, ["1.5"], 'must be a whole number, not "1.5"'),
        ({"type": "Boolean"}, ["yes"], 'must be true or false, not "yes"'),
        ({"type": "StringMap"}, ["x"], 'must be JSON text, not "x"'),
        ({"type": "StringMap"}, ["[]"], "must be the JSON text of an object, not of a list"),
        ({"type": "StringMap"}, ['{"a": NaN}'], "must be JSON text"),
        ({"type": "StringMap"}, ['{"a":' * 300 + "1" + "}" * 300], "is nested more than 100 deep"),
        ({"type": "StringMap"}, ["[" * 100_000], "must be JSON text"),
        ({"type": "MapList"}, ["1"], "must be JSON texts of objects, not of a number"),
        ({"type": "AWS::EC2::Instance::Id"}, ["i-123"], "is not of the form of AWS::EC2::Instance::Id"),
        ({"type": "AWS::S3::Bucket::Name"}, ["UPPER"], "is not of the form of AWS::S3::Bucket::Name"),
        ({"type": "AWS::IAM::Role::Arn"}, ["R"], "is not of the form of AWS::IAM::Role::Arn"),
        ({"type": "List<AWS::EC2::Instance::Id>"}, ["i-01234567", "x"], "is not of the form of"),
        ({"type": "String", "allowedValues": ["a", "b"]}, ["c"], '"c" is not one of the allowed values: a, b'),
        ({"type": "StringList", "allowedValues": ["a", "b"]}, ["a", "c"], '"c" is not one of the allowed values'),
        ({"type": "Integer", "allowedValues": [1, 2]}, ["3"], '"3" is not one of the allowed values'),
        ({"type": "String", "allowedPattern": "^[a-z]+$"}, ["A"], "does not match the allowedPattern"),
        ({"type": "String", "allowedPattern": "[a-z]"}, ["ab"], "does not match the allowedPattern"),
        ({"type": "StringList", "allowedPattern": "[a-z]+"}, ["ab", "1"], '"1" does not match'),
        ({"type": "Integer", "allowedPattern": "[0-5]"}, ["6"], "does not match"),
        ({"type": "String", "allowedPattern": "(a|aa)+"}, ["a" * 4000 + "b"], "in reasonable time"),
        ({"type": "String", "minChars": 3}, ["ab"], "has 2 characters, fewer than 3"),
        ({"type": "String", "maxChars": 1}, ["ab"], "has 2 characters, more than 1"),
        ({"type": "StringList", "minItems": 1}, [], "has 0 items, fewer than 1"),
        ({"type": "StringList", "maxItems": 1}, ["a", "b"], "has 2 items, more than 1"),
        ({"type": "StringMap", "maxItems": 1}, ['{"a":1,"b":2}'], "has 2 items, more than 1"),
        ({"type": "StringList", "maxChars": 8}, ["abc", "def"], "has 13 characters, more than 8"),
    ],
)
def test_values_that_do_not_fit_start_nothing(declared: dict[str, Json], given_values: list[str], words: str) -> None:
    with pytest.raises(InvalidExecutionParameters) as caught:
        started(declared, *given_values)
    assert words in str(caught.value)
    assert caught.value.aws_code == "InvalidAutomationExecutionParametersException"


@pytest.mark.parametrize(
    ("declared", "given_values", "value"),
    [
        ({"type": "String", "allowedValues": ["a", "b"]}, ["b"], "b"),
        ({"type": "Integer", "allowedValues": [1, 2]}, ["2"], 2),
        ({"type": "Integer", "allowedValues": ["1", "2"]}, ["2"], 2),
        ({"type": "Boolean", "allowedValues": [True]}, ["TRUE"], True),
        ({"type": "StringList", "allowedValues": ["a", "b"]}, ["b", "a"], ["b", "a"]),
        # An explicit empty text passes where it is the default.
        ({"type": "AWS::IAM::Role::Arn", "default": "", "allowedPattern": "arn:.*"}, [""], ""),
        ({"type": "String", "default": "", "allowedValues": ["a"]}, [""], ""),
    ],
)
def test_values_that_fit(declared: dict[str, Json], given_values: list[str], value: Json) -> None:
    assert started(declared, *given_values) == value


def test_unknown_and_missing_parameters_are_told_together() -> None:
    document = accepted(parameters={"InstanceId": {"type": "String"}, "Other": {"type": "String"}})
    with pytest.raises(InvalidExecutionParameters) as caught:
        start_parameters(document, {"InstanceID": ["x"]})
    assert [(problem.path, problem.message, problem.hint) for problem in caught.value.problems] == [
        ("InstanceID", "is not a parameter of the document", 'did you mean "InstanceId"?'),
        ("InstanceId", "is missing and has no default", ""),
        ("Other", "is missing and has no default", ""),
    ]


def test_defaults_fill_in_and_need_not_fit_their_own_constraints() -> None:
    document = accepted(
        parameters={
            "A": {"type": "String", "default": "", "allowedPattern": "x+"},
            "B": {"type": "StringMap", "default": '{"k": 1}'},
            "C": {"type": "Integer", "default": "7", "allowedValues": [1]},
        }
    )
    assert start_parameters(document, {}) == {"A": "", "B": {"k": 1}, "C": 7}


def test_what_targets_fill_in_may_be_missing() -> None:
    document = accepted(parameters={"Id": {"type": "String"}})
    assert start_parameters(document, {}, exempt=["Id"]) == {}


def test_more_than_200_parameters_are_too_many() -> None:
    with pytest.raises(InvalidExecutionParameters, match="more than 200"):
        start_parameters(accepted(), {f"P{number}": ["x"] for number in range(201)})


class TestParameterStore:
    declared: ClassVar[dict[str, Json]] = {
        "One": {"type": "String", "default": "{{ ssm:/app/one }}", "allowedPattern": "[a-z]+"},
        "List": {"type": "StringList", "default": "{{ssm:list}}"},
    }

    def start(self, **stored: str | list[str]) -> dict[str, Json]:
        return start_parameters(accepted(parameters=self.declared), {}, from_store=lambda name: stored.get(name[-3:]))

    def test_defaults_are_taken_from_it_at_the_start(self) -> None:
        assert self.start(one="x", ist="a,b") == {"One": "x", "List": ["a", "b"]}
        assert self.start(one="x", ist=["a", "b"]) == {"One": "x", "List": ["a", "b"]}

    def test_what_it_does_not_have_starts_nothing(self) -> None:
        with pytest.raises(InvalidExecutionParameters, match="/app/one"):
            self.start(ist="a")
        with pytest.raises(InvalidExecutionParameters, match="which has none"):
            start_parameters(accepted(parameters=self.declared), {})

    def test_what_it_has_must_fit(self) -> None:
        with pytest.raises(InvalidExecutionParameters, match="does not match"):
            self.start(one="1", ist="a")

    def test_given_values_come_first(self) -> None:
        document = accepted(parameters=self.declared)
        assert start_parameters(document, {"One": ["y"], "List": ["z"]}) == {"One": "y", "List": ["z"]}


@given(
    st.sampled_from(["String", "Integer", "Boolean", "StringList", "StringMap", "MapList", "AWS::IAM::Role::Arn"]),
    st.lists(
        st.text(max_size=40) | st.sampled_from(['{"a":1}', "[]", "[{}]", "true", "1e9", "-0", "[" * 3000]), max_size=3
    ),
)
def test_whatever_is_given_is_a_value_or_our_own_error(kind: str, given_values: list[str]) -> None:
    with contextlib.suppress(InvalidExecutionParameters):
        started({"type": kind, "allowedPattern": "(?s).{0,30}"}, *given_values)
