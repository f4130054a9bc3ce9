"""Whatever a document says, it is a document or problems; no exception but our own, and no hang."""

from __future__ import annotations

import contextlib
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.runbooks.documents import runbook

from wakeless.runbooks.actions import ACTIONS
from wakeless.runbooks.document import Json, Operator, ParameterType
from wakeless.runbooks.errors import InvalidDocument, InvalidExecutionParameters
from wakeless.runbooks.load import Loaded, load, read_document
from wakeless.runbooks.parameters import start_parameters

WORDS = st.sampled_from(
    [
        *("a", "b", "loop1", "Abort", "Continue", "step:a", "step:", "true", "{{ P }}", "{{ a.x }}", "{{ssm:p}}"),
        *("{{ variable:v }}", "{{ global:DATE }}", "$.Payload.x", "String", "Integer", "0.3", "", "{{", "}}", "12"),
        *ACTIONS,
        *(str(kind) for kind in ParameterType),
    ]
)
KEYS = st.sampled_from(
    [
        *("name", "action", "inputs", "outputs", "onFailure", "onCancel", "nextStep", "isEnd", "isCritical"),
        *(
            "maxAttempts",
            "timeoutSeconds",
            "Choices",
            "Default",
            "NextStep",
            "Variable",
            "And",
            "Or",
            "Not",
            *(str(operator) for operator in Operator),
        ),
        *("Steps", "Iterators", "LoopCondition", "MaxIterations", "IteratorDataType", "Name", "Selector", "Type"),
        *(
            "type",
            "default",
            "allowedValues",
            "allowedPattern",
            "minChars",
            "maxItems",
            "checksums",
            "sha256",
            "P",
            "v",
        ),
        *("schemaVersion", "description", "assumeRole", "parameters", "variables", "mainSteps", "files", "Value", "a"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text(max_size=8)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=4),
    max_leaves=25,
)
NAMES = st.sampled_from(["a", "b", "c", "a b", ""])
STEPS = st.fixed_dictionaries(
    {"name": NAMES, "action": st.sampled_from([*ACTIONS, "aws:nope"])},
    optional={
        "inputs": st.dictionaries(KEYS, VALUES, max_size=5),
        "nextStep": NAMES,
        "onFailure": WORDS,
        "onCancel": WORDS,
        "isEnd": st.booleans() | WORDS,
        "timeoutSeconds": LEAVES,
        "maxAttempts": LEAVES,
        "outputs": VALUES,
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {"schemaVersion": st.just("0.3") | LEAVES, "mainSteps": st.lists(STEPS, max_size=5) | VALUES},
    optional={
        "parameters": st.dictionaries(st.sampled_from(["P", "Q", "x_y"]), VALUES, max_size=3),
        "variables": st.dictionaries(st.sampled_from(["v", "w"]), VALUES, max_size=2),
        "outputs": VALUES,
        "files": VALUES,
        "assumeRole": VALUES,
    },
)


def check(loaded: Loaded) -> None:
    assert (loaded.document is None) is bool(loaded.problems)
    for problem in (*loaded.problems, *loaded.advice):
        assert str(problem)
        assert "\n" not in problem.message


@given(DOCUMENTS)
def test_any_mapping(content: dict[str, object]) -> None:
    loaded = load(content)
    check(loaded)
    if loaded.document is not None:
        with contextlib.suppress(InvalidExecutionParameters):
            start_parameters(loaded.document, {}, exempt=list(loaded.document.parameters))


@given(DOCUMENTS)
def test_yaml_and_json_say_the_same_as_the_mapping(content: dict[str, object]) -> None:
    loaded = load(content)
    as_json = load(json.dumps(content))
    as_yaml = load(yaml.safe_dump(content))
    assert as_json.document == loaded.document
    told = sorted((problem.path, problem.message) for problem in loaded.problems)
    assert sorted((problem.path, problem.message) for problem in as_json.problems) == told
    assert all(problem.line and problem.column for problem in (*as_json.problems, *as_yaml.problems))
    assert (as_yaml.document is None) is (loaded.document is None)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text(content: str | bytes) -> None:
    check(load(content))


_YAML_PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "mainSteps:",
                "schemaVersion: '0.3'",
                "\n",
                "\n- ",
                "\n  ",
                "\n    ",
                "&a ",
                "*a",
                "<<: *a",
                "!!str ",
                "!Ref ",
            ),
            *(
                "{",
                "}",
                "[",
                "]",
                ": ",
                ", ",
                "name: a",
                "action: aws:loop",
                "inputs:",
                "|",
                ">-",
                "'",
                '"',
                "#",
                "---",
            ),
            *("? ", "{{ P }}", "%YAML 1.1", "\t", "~", "\ufeff", "\x00", "é", "\u2028", "..."),
        ]
    ),
    max_size=40,
).map("".join)


@given(_YAML_PIECES)
def test_any_pieces_of_yaml(content: str) -> None:
    check(load(content))


@given(VALUES, st.data())
def test_a_valid_document_with_one_value_changed(value: Json, data: st.DataObject) -> None:
    content = runbook(
        {"name": "a", "action": "aws:approve", "inputs": {"Approvers": ["x"]}}, outputs=["a.ApprovalStatus"]
    )
    spot = data.draw(st.sampled_from(["schemaVersion", "mainSteps", "outputs", "name", "action", "inputs"]))
    steps = content["mainSteps"]
    assert isinstance(steps, list)
    assert isinstance(steps[0], dict)
    (content if spot in content else steps[0])[spot] = value
    loaded = load(content)
    if loaded.problems:
        with pytest.raises(InvalidDocument) as caught:
            read_document(content)
        assert caught.value.problems == loaded.problems
    else:
        assert read_document(content) == loaded.document
