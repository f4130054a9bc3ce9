"""Reading documents: formats, places, and texts that mean harm."""

from __future__ import annotations

import datetime
import json

import pytest
from tests.unit.runbooks.documents import messages, runbook

from wakeless.runbooks.errors import (
    InvalidDocumentContent,
    InvalidDocumentSchemaVersion,
    MaxDocumentSizeExceeded,
)
from wakeless.runbooks.load import Format, load, read_document

YAML = """\
schemaVersion: '0.3'
description: Tag one instance
assumeRole: '{{ AutomationAssumeRole }}'
parameters:
  AutomationAssumeRole: {type: String, default: ''}
  InstanceId: {type: String}
mainSteps:
- name: tag
  action: aws:createTags
  inputs:
    ResourceIds: ['{{ InstanceId }}']
    Tags: [{Key: Env, Value: Test}]
"""


def test_yaml_json_bytes_and_mappings_make_the_same_document() -> None:
    mapping = json.loads(json.dumps(read_mapping()))
    document = read_document(YAML)
    assert document.steps[0].inputs["Tags"] == [{"Key": "Env", "Value": "Test"}]
    assert document == read_document(mapping)
    assert document == read_document(json.dumps(mapping))
    assert document == read_document(json.dumps(mapping, indent="\t"))
    assert document == read_document(YAML.encode())
    assert document == read_document(b"\xef\xbb\xbf" + YAML.encode())
    assert document == read_document(YAML.replace("\n", "\r\n"))


def read_mapping() -> dict[str, object]:
    return {
        "schemaVersion": "0.3",
        "description": "Tag one instance",
        "assumeRole": "{{ AutomationAssumeRole }}",
        "parameters": {
            "AutomationAssumeRole": {"type": "String", "default": ""},
            "InstanceId": {"type": "String"},
        },
        "mainSteps": [
            {
                "name": "tag",
                "action": "aws:createTags",
                "inputs": {"ResourceIds": ("{{ InstanceId }}",), "Tags": [{"Key": "Env", "Value": "Test"}]},
            }
        ],
    }


@pytest.mark.parametrize("version", ["'0.3'", '"0.3"', "0.3"])
def test_the_schema_version_may_be_a_number_in_yaml(version: str) -> None:
    assert load(YAML.replace("'0.3'", version)).document is not None


@pytest.mark.parametrize(
    ("plain", "meaning"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("012345678901", "012345678901"),
        ("000000000000", "000000000000"),
        ("0", 0),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("12:30:45", "12:30:45"),
        ("2012-10-17", "2012-10-17"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("9" * 5000, "9" * 5000),
        ("'true'", "true"),
        ('"12"', "12"),
        ("!!str 12", "12"),
        ("!!int 12", 12),
        ("!!float 12", 12),
    ],
)
def test_plain_words_of_yaml_mean_what_json_has(plain: str, meaning: object) -> None:
    document = read_document(YAML + f"    Extra: {plain}\n")
    assert document.steps[0].inputs["Extra"] == meaning
    assert type(document.steps[0].inputs["Extra"]) is type(meaning)


def test_anchors_aliases_and_merges_are_unfolded() -> None:
    text = """\
schemaVersion: "0.3"
mainSteps:
- &first
  name: a
  action: aws:sleep
  inputs: &inputs {Duration: PT1S}
- <<: *first
  name: b
- name: c
  action: aws:sleep
  inputs: *inputs
"""
    document = read_document(text)
    assert [step.name for step in document.steps] == ["a", "b", "c"]
    assert all(step.inputs == {"Duration": "PT1S"} for step in document.steps)


def bomb(levels: int) -> str:
    lines = ['a0: &a0 ["lol", "lol"]']
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        (bomb(12), "unfolds into too much", None, None),
        ("a: &x [*x]", 'contains itself by "*x"', 1, 8),
        ("a: *nowhere", "refers to an anchor that is not there", 1, 4),
        ("a: 1\nb:\n  c: 1\n  c: 2", 'the key "c" is given twice, first on line 3', 4, 3),
        ("a: !Ref x", 'has the tag "!Ref"', 1, 4),
        ("a: !!python/object/apply:os.system [x]", 'has the tag "!!python/object/apply:os.system"', 1, 4),
        ("a: !!int x", "is not what its tag", 1, 4),
        ("a: {{ x }}", "has a key that is not text", 1, 5),
        ("? [a, b]\n: c", "has a key that is not text", 1, 3),
        ("a: 1\n---\nb: 2", "begins a second document", 2, 1),
        ("a: [1, 2", "YAML not well-formed", None, None),
        ("a:\n\t- b", "YAML not well-formed", 2, 1),
        ("a: 'x", "YAML not well-formed", None, None),
        ("a: b\x01", "has a character that YAML refuses", 1, 5),
        ("a: '\ud800'", "has half a character", 1, 5),
        ("[" * 500, "is nested more than 100 deep", 1, None),
        ("- " * 500, "is nested more than 100 deep", 1, None),
        ("<<: 3\na: 1", "merges (<<) something that is not a mapping", 1, 5),
        ('{"a": 1,, }', "JSON not well-formed", 1, 9),
        ('{\n "a": 1,\n "a": 2}', 'the key "a" is given twice', 3, 2),
        ('{"a": "\\ud800"}', "has half a character", None, None),
        ('{"a":' * 500, "is nested more than 100 deep", 1, None),
        ('{"a": ' + "9" * 5000 + "}", "", None, None),
    ],
)
def test_texts_that_cannot_be_read_are_a_problem_with_its_place(
    text: str, message: str, line: int | None, column: int | None
) -> None:
    loaded = load(text, source="x.yaml")
    assert loaded.document is None
    problem = loaded.problems[0]
    assert message in problem.message
    assert problem.source == "x.yaml"
    assert line is None or problem.line == line
    assert column is None or problem.column == column


def test_json_means_json_where_it_is_declared() -> None:
    loaded = load("schemaVersion: '0.3'", format=Format.JSON)
    assert messages(loaded)[0].startswith("JSON not well-formed")
    assert load(json.dumps(runbook()), format=Format.YAML).document is not None


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": -Infinity}', '{"a": ' + "1" * 400 + "}"])
def test_numbers_that_json_has_not_are_refused(text: str) -> None:
    assert messages(load(text, format=Format.JSON))[0].startswith("JSON not well-formed")


def test_a_flow_mapping_of_yaml_may_begin_with_a_brace() -> None:
    assert load("{schemaVersion: '0.3', mainSteps: [{name: a, action: aws:pause, inputs: {}}]}").document is not None


def test_bytes_that_are_not_utf8_are_a_problem_with_its_place() -> None:
    loaded = load(b"a: 1\nb: \xff")
    assert (loaded.problems[0].line, loaded.problems[0].column) == (2, 4)
    assert "is not UTF-8 text" in loaded.problems[0].message


@pytest.mark.parametrize(
    "content",
    [
        YAML + "#" * 65_536,
        (YAML + "#" * 65_536).encode(),
        YAML + "#" + "é" * 32_700,
        runbook(description="x" * 65_536),
    ],
)
def test_more_than_64_kb_is_too_big(content: str | bytes | dict[str, object]) -> None:
    with pytest.raises(MaxDocumentSizeExceeded):
        read_document(content)


def test_64_kb_are_not_too_big() -> None:
    filled = YAML + "#" * (65_536 - len(YAML))
    assert read_document(filled).steps[0].name == "tag"


@pytest.mark.parametrize("nothing", ["", "~", "# only words", "[]", "text", "3", "- a\n- b"])
def test_what_is_no_mapping_is_no_runbook(nothing: str) -> None:
    assert "a runbook is a mapping" in messages(load(nothing))[0]


class TestMappings:
    def test_nothing_of_a_given_mapping_is_shared(self) -> None:
        content = runbook()
        document = read_document(content)
        steps = content["mainSteps"]
        assert isinstance(steps, list)
        assert isinstance(steps[0], dict)
        steps[0]["inputs"] = {"Duration": "PT9S"}
        assert document.steps[0].inputs == {"Duration": "PT1S"}

    def test_dates_as_yaml_loaders_make_them_are_text_again(self) -> None:
        content: dict[str, object] = dict(runbook())
        content["description"] = datetime.date(2012, 10, 17)
        assert read_document(content).description == "2012-10-17"

    def test_a_mapping_that_contains_itself_is_a_problem(self) -> None:
        content: dict[str, object] = {"schemaVersion": "0.3"}
        content["mainSteps"] = [content, content]
        assert load(content).problems[0].message in ("is nested more than 100 deep", "unfolds into too much")

    @pytest.mark.parametrize(
        "value", [b"x", {1, 2}, object(), float("nan"), 10**40, {None: 1}, {"1": 1, 1: 2}, "\ud800"]
    )
    def test_what_json_cannot_say_is_a_problem_with_its_path(self, value: object) -> None:
        content = dict(runbook(), extra={"deep": [value]})
        assert load(content).problems[0].path.startswith("extra.deep[0]")


def test_errors_carry_every_problem_and_the_code_of_aws() -> None:
    with pytest.raises(InvalidDocumentContent) as caught:
        read_document({"schemaVersion": "0.3", "foo": 1}, source="mine")
    assert len(caught.value.problems) == 2
    assert 'Missing "mainSteps" in the document' in str(caught.value)
    assert caught.value.aws_code == "InvalidDocumentContent"
    with pytest.raises(InvalidDocumentSchemaVersion):
        read_document(dict(runbook(), schemaVersion="7.1"))
    with pytest.raises(InvalidDocumentContent, match=r"2\.2 is not one of Automation documents"):
        read_document(dict(runbook(), schemaVersion="2.2"))


def test_problems_stand_at_their_line_and_column_in_yaml_and_in_json() -> None:
    text = YAML.replace("aws:createTags", "aws:createTag").replace("InstanceId }}", "Id }}")
    assert [(p.line, p.column, p.path) for p in load(text).problems] == [
        (9, 11, "mainSteps[0].action"),
        (11, 19, "mainSteps[0].inputs.ResourceIds[0]"),
    ]
    pretty = json.dumps(dict(runbook(), foo=1), indent=2)
    problem = load(pretty).problems[0]
    assert pretty.splitlines()[problem.line - 1][problem.column - 1 :].startswith('"foo"')
