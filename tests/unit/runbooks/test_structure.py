"""The top level, parameters, variables, outputs and files (reference 1.1 to 1.8)."""

from __future__ import annotations

import pytest
from tests.unit.runbooks.documents import accepted, advice, judged, messages, step

from wakeless.runbooks.document import DocumentOutput, Json, ParameterType, ValueType


class TestTopLevel:
    """1.1"""

    @pytest.mark.parametrize("key", ["runtimeConfig", "precondition", "executableRunBooks", "Parameters"])
    def test_unknown_keys_are_refused(self, key: str) -> None:
        assert messages(judged(**{key: {}})) == [f'Unknown property "{key}" in the document']

    def test_nothing_may_stand_for_what_is_optional(self) -> None:
        document = accepted(description=None, parameters=None, variables=None, outputs=None, files=None)
        assert (document.parameters, document.outputs, document.assume_role) == ({}, (), "")

    @pytest.mark.parametrize(
        ("key", "value", "words"),
        [
            ("parameters", [], '"parameters" must be a mapping, not a list'),
            ("outputs", {}, '"outputs" must be a list, not a mapping'),
            ("mainSteps", {}, '"mainSteps" must be a list, not a mapping'),
            ("description", [], '"description" must be text, not a list'),
            ("assumeRole", {"x": None}, '"assumeRole" must be text, not a mapping'),
        ],
    )
    def test_wrong_kinds_are_named(self, key: str, value: Json, words: str) -> None:
        assert messages(judged(**{key: value})) == [words]

    def test_the_role_may_be_made_of_references(self) -> None:
        role = "arn:{{global:AWS_PARTITION}}:iam::{{global:ACCOUNT_ID}}:role/x"
        assert accepted(assumeRole=role).assume_role == role
        assert messages(judged(assumeRole="{{ Role }}")) == ['Parameter "Role" is not declared']
        assert messages(judged(assumeRole="{{ ssm:role }}")) == ["{{ssm:role}} cannot stand here"]


class TestParameters:
    """1.2 and 1.3"""

    @pytest.mark.parametrize("kind", list(ParameterType))
    def test_every_type_is_known(self, kind: ParameterType) -> None:
        assert accepted(parameters={"P": {"type": str(kind)}}).parameters["P"].type is kind

    @pytest.mark.parametrize("kind", ["string", "Text", "Int", "List<String>", "AWS::EC2::Image::Id", ""])
    def test_other_types_are_refused(self, kind: str) -> None:
        assert messages(judged(parameters={"P": {"type": kind}})) == [f"Parameter type: {kind} is invalid"]

    def test_a_parameter_needs_a_type(self) -> None:
        assert messages(judged(parameters={"P": {}})) == ['Missing "type" in parameter definition']

    @pytest.mark.parametrize("name", ["x_y", "x-y", "x y", "", "é"])
    def test_names_are_letters_and_digits(self, name: str) -> None:
        assert messages(judged(parameters={name: {"type": "String"}})) == [
            f'Parameter name "{name}" is not alpha-numeric'
        ]

    @pytest.mark.parametrize(
        ("kind", "written", "meaning"),
        [
            ("String", "x", "x"),
            ("String", "", ""),
            ("String", 3600, "3600"),
            ("String", "{{ ssm:/a/b }}", "{{ ssm:/a/b }}"),
            ("AWS::IAM::Role::Arn", "", ""),
            ("Integer", 3, 3),
            ("Integer", "3", 3),
            ("Boolean", True, True),
            ("StringList", ["a"], ["a"]),
            ("StringList", [], []),
            ("StringList", "{{ssm:list}}", "{{ssm:list}}"),
            ("StringMap", {"a": "b"}, {"a": "b"}),
            ("StringMap", {"a": ["b", {"c": 1}]}, {"a": ["b", {"c": 1}]}),
            ("StringMap", "{}", {}),
            ("StringMap", '{"a": 1}', {"a": 1}),
            ("MapList", [{"a": 1}], [{"a": 1}]),
            ("MapList", "[]", []),
            ("List<AWS::EC2::Instance::Id>", [], []),
        ],
    )
    def test_defaults_mean_a_value_of_their_type(self, kind: str, written: Json, meaning: Json) -> None:
        parameter = accepted(parameters={"P": {"type": kind, "default": written}}).parameters["P"]
        assert parameter.default == meaning
        assert parameter.has_default

    @pytest.mark.parametrize(
        ("kind", "written"),
        [
            ("String", ["a"]),
            ("String", {}),
            ("Integer", "x"),
            ("Integer", 1.5),
            ("Integer", True),
            ("Boolean", "true"),
            ("Boolean", 0),
            ("StringList", "a"),
            ("StringList", [{}]),
            ("StringList", [["a"]]),
            ("StringMap", "x"),
            ("StringMap", "[]"),
            ("StringMap", []),
            ("MapList", {}),
            ("MapList", ["a"]),
        ],
    )
    def test_defaults_of_another_type_are_refused(self, kind: str, written: Json) -> None:
        assert messages(judged(parameters={"P": {"type": kind, "default": written}})) == [
            f'Wrong default value for a "{kind}" parameters'
        ]

    def test_a_null_default_is_none(self) -> None:
        parameter = accepted(parameters={"P": {"type": "String", "default": None}}).parameters["P"]
        assert not parameter.has_default
        assert parameter.required

    @pytest.mark.parametrize("written", ["{{ Other }}", "x-{{ssm:a}}", "{{ a.Output }}"])
    def test_defaults_refer_to_nothing_but_parameter_store(self, written: str) -> None:
        parameters: Json = {"P": {"type": "String", "default": written}, "Other": {"type": "String"}}
        assert len(messages(judged(parameters=parameters))) == 1

    def test_a_default_may_break_its_own_pattern(self) -> None:
        parameter: Json = {"type": "AWS::EC2::Instance::Id", "default": "", "allowedPattern": "^i-[a-f0-9]{17}$"}
        assert accepted(parameters={"P": parameter}).parameters["P"].default == ""

    def test_a_pattern_must_be_one(self) -> None:
        loaded = judged(parameters={"P": {"type": "String", "allowedPattern": "(["}})
        assert "allowedPattern is not a regular expression" in messages(loaded)[0]

    def test_every_field_is_kept(self) -> None:
        written: Json = {
            "type": "String",
            "description": "what",
            "allowedValues": ["a", "b"],
            "allowedPattern": "^[ab]$",
            "displayType": "textarea",
            "minChars": 1,
            "maxChars": "5",
            "minItems": 0,
            "maxItems": 9,
            "interpolationType": "ENV_VAR",
        }
        parameter = accepted(parameters={"P": written}).parameters["P"]
        assert parameter.allowed_values == ("a", "b")
        assert (parameter.min_chars, parameter.max_chars, parameter.min_items, parameter.max_items) == (1, 5, 0, 9)
        assert parameter.display_type == "textarea"

    def test_unknown_fields_are_worth_a_warning(self) -> None:
        loaded = judged(parameters={"P": {"type": "String", "allowedPatern": "x"}})
        assert loaded.document is not None
        assert advice(loaded) == ['the property "allowedPatern" of a parameter means nothing']
        assert loaded.advice[0].hint == 'did you mean "allowedPattern"?'


class TestVariables:
    """1.6"""

    def test_defaults_are_values_or_references_or_missing(self) -> None:
        document = accepted(
            parameters={"P": {"type": "StringMap", "default": {}}},
            variables={
                "a": {"type": "Integer", "default": 1},
                "b": {"type": "StringMap", "default": "{{ P }}"},
                "c": {"type": "String"},
                "d": {"type": "StringMap", "default": "{}"},
            },
        )
        assert document.variables["a"].default == 1
        assert document.variables["b"].default == "{{ P }}"
        assert not document.variables["c"].has_default
        assert document.variables["d"].default == {}

    @pytest.mark.parametrize(
        ("name", "written", "words"),
        [
            ("x_y", {"type": "String"}, 'Variable name "x_y" is not alpha-numeric'),
            ("x", {"type": "AWS::IAM::Role::Arn"}, "Variable type: AWS::IAM::Role::Arn is invalid"),
            ("x", {}, 'Missing "type" in variable definition'),
            ("x", {"type": "Integer", "default": "a"}, 'Wrong default value for a "Integer" variable'),
            ("x", {"type": "String", "default": "{{ P }}"}, 'Parameter "P" is not declared'),
            ("x", "String", "a variable is a mapping with a type, not text"),
        ],
    )
    def test_wrong_ones_are_refused(self, name: str, written: Json, words: str) -> None:
        assert messages(judged(variables={name: written})) == [words]


class TestOutputs:
    """1.7"""

    def test_they_name_a_step_and_its_output(self) -> None:
        document = accepted(outputs=["a.Output", "a.OutputPayload"])
        assert document.outputs == (DocumentOutput("a", "Output"), DocumentOutput("a", "OutputPayload"))
        assert str(document.outputs[0]) == "a.Output"

    @pytest.mark.parametrize("written", ["b.Output", "a", "", ".x", "a.", "{{ a.Output }}"])
    def test_unknown_steps_are_refused(self, written: str) -> None:
        assert messages(judged(outputs=[written])) == [f"Unknown step name in named output: {written}"]

    def test_they_are_text(self) -> None:
        assert messages(judged(outputs=[{"Name": "x"}])) == ["an output is text such as step.Output, not a mapping"]

    def test_steps_inside_loops_count(self) -> None:
        loop = step("l", "aws:loop", inputs={"Iterators": ["x"], "Steps": [step("inner")]})
        assert accepted(loop, outputs=["inner.Output"]).outputs


class TestFiles:
    """1.8"""

    def test_checksums_are_kept(self) -> None:
        files = accepted(files={"x.zip": {"checksums": {"sha256": "AB" * 32}, "size": 12}}).files
        assert (files["x.zip"].sha256, files["x.zip"].size) == ("ab" * 32, 12)

    def test_checksums_are_hexadecimal(self) -> None:
        loaded = judged(files={"x.zip": {"checksums": {"sha256": "nope"}}})
        assert messages(loaded) == ['"nope" is not a SHA-256 checksum']


def test_values_of_types_come_down_to_six() -> None:
    assert ParameterType.ROLE_ARN.value_type is ValueType.STRING
    assert ParameterType.INSTANCE_IDS.value_type is ValueType.STRING_LIST
    assert ParameterType.MAP_LIST.value_type is ValueType.MAP_LIST
