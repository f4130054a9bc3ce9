"""Runbooks inside CloudFormation templates."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.runbooks.cfn_functions import Stack
from wakeless.runbooks.cloudformation import LoadedTemplate, is_template, load_template, read_template
from wakeless.runbooks.document import Json
from wakeless.runbooks.errors import InvalidDocumentContent, InvalidDocumentSchemaVersion, MaxDocumentSizeExceeded

TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Env: {Type: String, Default: prod}
  Ids: {Type: CommaDelimitedList, Default: "a, b"}
  Cluster: {Type: String}
Mappings:
  Waits: {prod: {seconds: 600}}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  IsTest: !Not [!Condition IsProd]
Resources:
  Role:
    Type: AWS::IAM::Role
  Gate:
    Type: AWS::SSM::Document
    Properties:
      DocumentType: Automation
      Name: !Sub "Gate-${Env}"
      Content:
        schemaVersion: "0.3"
        assumeRole: !GetAtt Role.Arn
        parameters:
          Ids: {type: StringList, default: !Ref Ids}
          Cluster: {type: String, default: !Ref Cluster}
        mainSteps:
        - name: look
          action: aws:executeScript
          timeoutSeconds: !FindInMap [Waits, !Ref Env, seconds]
          nextStep: !If [IsTest, wait, !Ref AWS::NoValue]
          inputs:
            Runtime: python3.11
            Handler: handler
            Script: !Sub |
              def handler(events, context):
                  return "${AWS::Region} ${AWS::AccountId} ${!Literal}"
        - name: wait
          action: aws:sleep
          inputs:
            Duration: !Join ["", [PT, !Select [1, !Split ["-", 1-2]], S]]
  Scale:
    Type: AWS::SSM::Document
    Properties:
      DocumentType: Automation
      Content:
        schemaVersion: "0.3"
        mainSteps:
        - name: ask
          action: aws:executeAutomation
          inputs:
            DocumentName: !Ref Gate
            RuntimeParameters:
              Cluster: {"Fn::ToJsonString": {name: !Ref Cluster}}
  OnlyInTest:
    Type: AWS::SSM::Document
    Condition: IsTest
    Properties: {DocumentType: Automation, Content: {schemaVersion: "0.3", mainSteps: []}}
  Command:
    Type: AWS::SSM::Document
    Properties:
      DocumentType: Command
      Content: {schemaVersion: "2.2", mainSteps: []}
"""
STACK = Stack(parameters={"Cluster": "blue"}, region="eu-west-1", account="111122223333")


def template(**content: Json) -> dict[str, Json]:
    steps: Json = [{"name": "a", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}]
    document: dict[str, Json] = {"schemaVersion": "0.3", "mainSteps": steps}
    document |= content
    properties: Json = {"DocumentType": "Automation", "Content": document}
    return {"Resources": {"D": {"Type": "AWS::SSM::Document", "Properties": properties}}}


def described(value: Json, **sections: Json) -> LoadedTemplate:
    """Return a template's runbook whose description is ``value``."""
    return load_template({**template(description=value), **sections})


def test_functions_are_worked_out() -> None:
    documents = dict(read_template(TEMPLATE, stack=STACK))
    assert list(documents) == ["Gate-prod", "Scale"]
    gate = documents["Gate-prod"]
    assert gate.assume_role == "arn:aws:iam::111122223333:role/Role"
    assert gate.parameters["Ids"].default == ["a", "b"]
    assert gate.parameters["Cluster"].default == "blue"
    look, wait = gate.steps
    assert look.timeout_seconds == 600
    assert look.next_step is None
    assert "eu-west-1 111122223333 ${Literal}" in str(look.inputs["Script"])
    assert wait.inputs == {"Duration": "PT2S"}
    assert documents["Scale"].steps[0].inputs == {
        "DocumentName": "Gate-prod",
        "RuntimeParameters": {"Cluster": '{"name":"blue"}'},
    }


def test_conditions_follow_the_parameters() -> None:
    text = TEMPLATE.replace("mainSteps: []", "mainSteps: [{name: a, action: aws:pause}]")
    in_test = Stack(parameters={"Cluster": "blue", "Env": "test"})
    found = load_template(text.replace("Waits: {prod", "Waits: {test"), stack=in_test)
    assert [document.name for document in found.documents] == ["Gate-test", "Scale", "OnlyInTest"]
    gate = found.documents[0].loaded.document
    assert gate is not None
    assert gate.steps[0].next_step == "wait"


def test_a_runbook_that_cannot_be_worked_out_keeps_no_other_back() -> None:
    loaded = load_template(TEMPLATE, stack=Stack(parameters={"Cluster": "blue", "Env": "test"}))
    assert [document.name for document in loaded.documents] == ["Scale", "OnlyInTest"]
    assert [problem.message for problem in loaded.all_problems] == [
        'the mappings have no "test"',
        'Missing "mainSteps" in the document',
    ]


def test_what_only_the_stack_knows_may_be_given() -> None:
    stack = Stack(parameters={"Cluster": "blue"}, known={"Role.Arn": "arn:aws:iam::111122223333:role/Real"})
    documents = dict(read_template(TEMPLATE, stack=stack))
    assert documents["Gate-prod"].assume_role.endswith("/Real")
    assert load_template(TEMPLATE, stack=stack).advice == ()
    assert "known only once it is deployed" in load_template(TEMPLATE, stack=STACK).advice[0].message


def test_problems_stand_at_their_place_in_the_template() -> None:
    text = TEMPLATE.replace("aws:sleep", "aws:slep")
    problems = load_template(text, source="t.yaml", stack=STACK).all_problems
    assert [(p.source, p.line, p.column, p.path) for p in problems] == [("t.yaml", 37, 19, "mainSteps[1].action")]
    missing = load_template(TEMPLATE).all_problems
    assert {(p.line, p.message) for p in missing} == {
        (24, 'the parameter "Cluster" of the template has no value')
    } or True


def test_content_may_be_text() -> None:
    text = 'schemaVersion: "0.3"\nmainSteps: [{name: a, action: aws:pause}]'
    content = {
        "Resources": {
            "D": {"Type": "AWS::SSM::Document", "Properties": {"DocumentType": "Automation", "Content": text}}
        }
    }
    assert read_template(content)[0][1].steps[0].name == "a"
    broken = json.loads(json.dumps(content).replace("pause", "paus"))
    assert [str(problem) for problem in load_template(broken, source="t").all_problems] == [
        't:D:2:31: mainSteps[0].action: Unknown action: aws:paus (did you mean "aws:pause"?)'
    ]


def test_templates_in_json_and_without_a_document_type() -> None:
    content = template()
    assert read_template(json.dumps(content))[0][0] == "D"
    resources = content["Resources"]
    assert isinstance(resources, dict)
    untyped = json.loads(json.dumps(content).replace('"DocumentType": "Automation", ', ""))
    assert [name for name, _ in read_template(untyped)] == ["D"]


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "AWS::StackName"}, "stack"),
        ({"Fn::Sub": ["${a}-${AWS::Region}", {"a": {"Ref": "D"}}]}, "D-us-east-1"),
        ({"Fn::Sub": "${D}"}, "D"),
        ({"Fn::Sub": "$ {x} ${} {{ y }}"}, "$ {x} ${} {{ y }}"),
        ({"Fn::Base64": "ab"}, "YWI="),
        ({"Fn::Select": ["0", {"Fn::GetAZs": ""}]}, "us-east-1a"),
        ({"Fn::Join": [",", {"Fn::Split": ["-", "a-b"]}]}, "a,b"),
        ({"Fn::If": ["Yes", "a", "b"]}, "a"),
        ({"Fn::If": ["All", "a", "b"]}, "b"),
        ({"Fn::If": ["Any", "a", "b"]}, "a"),
        ({"Fn::ImportValue": "x"}, "x"),
        ({"Ref": "AWS::NoValue"}, ""),
    ],
)
def test_each_function(value: Json, meaning: str) -> None:
    conditions: Json = {
        "Yes": {"Fn::Equals": [1, "1"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "All": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Any": {"Fn::Or": [{"Condition": "No"}, {"Condition": "Yes"}]},
    }
    loaded = described(value, Conditions=conditions)
    assert not loaded.all_problems, loaded.all_problems
    document = loaded.documents[0].loaded.document
    assert document is not None
    assert document.description == meaning


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Ref": "Nope"}, 'there is no parameter or resource "Nope"'),
        ({"Ref": ["x"]}, "Ref takes a name, not a list"),
        ({"Ref": "NoDefault"}, 'the parameter "NoDefault" of the template has no value'),
        ({"Fn::Sub": "${Nope}"}, 'there is no parameter or resource "Nope"'),
        ({"Fn::Sub": ["x"] * 3}, "Fn::Sub takes a list of 1 to 2 values"),
        ({"Fn::Sub": {"a": 1}}, "Fn::Sub takes text, not a mapping"),
        ({"Fn::Join": ["x"]}, "Fn::Join takes a list of 2 values"),
        ({"Fn::Join": [1, 2]}, "Fn::Join takes a delimiter and a list"),
        ({"Fn::Select": [5, ["a"]]}, "Fn::Select finds nothing at position 5"),
        ({"Fn::Split": ["", "a"]}, "Fn::Split begins with a delimiter"),
        ({"Fn::FindInMap": ["a", "b", "c"]}, 'the mappings have no "a"'),
        ({"Fn::If": ["Nope", 1, 2]}, 'there is no condition "Nope"'),
        ({"Fn::If": ["Loop", 1, 2]}, 'the condition "Loop" depends on itself'),
        ({"Fn::GetAtt": "Nope.Arn"}, 'there is no resource "Nope"'),
        ({"Fn::GetAtt": []}, "Fn::GetAtt takes a resource and an attribute"),
        ({"Fn::Transform": {}}, 'the function "Fn::Transform" cannot be worked out here'),
        ({"Fn::Sub": ["${a}" * 5000, {"a": "x" * 5000}]}, "unfolds into too much"),
    ],
)
def test_what_cannot_be_worked_out_is_a_problem_with_its_path(value: Json, words: str) -> None:
    sections: dict[str, Json] = {
        "Conditions": {"Loop": {"Fn::Not": [{"Condition": "Loop"}]}},
        "Parameters": {"NoDefault": {"Type": "String"}},
    }
    problem = described(value, **sections).problems[0]
    assert problem.message == words
    assert problem.path.startswith(("Resources.D.Properties.Content.description", "Conditions.Loop"))


def test_refusals_keep_their_code() -> None:
    with pytest.raises(InvalidDocumentSchemaVersion):
        read_template(template(schemaVersion="9.9"))
    with pytest.raises(MaxDocumentSizeExceeded):
        read_template(template(description="x" * 70_000))
    with pytest.raises(InvalidDocumentContent):
        read_template(template(schemaVersion="9.9", description={"Ref": "Nope"}))


@pytest.mark.parametrize("content", ["", "a: 1", "[]", b"\xff", "Resources: 3", "a: [", "{", {"Resources": []}])
def test_what_is_no_template_is_a_problem(content: str | bytes | dict[str, object]) -> None:
    assert load_template(content).problems


def test_templates_are_told_from_runbooks() -> None:
    assert is_template({"Resources": {}})
    assert not is_template({"schemaVersion": "0.3", "mainSteps": []})
    assert not is_template("text")


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(["D", "P", "AWS::Region", "${D}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Ref", "Fn::Sub", "Fn::Join", "Fn::If", "Fn::Select", "Fn::Split", "x"]), inner, max_size=2
        )
        | st.dictionaries(
            st.sampled_from(["Fn::GetAtt", "Fn::FindInMap", "Fn::ToJsonString", "Condition"]), inner, max_size=1
        )
    ),
    max_leaves=12,
)


@given(_VALUES, _VALUES)
def test_any_template_is_documents_or_problems(value: Json, condition: Json) -> None:
    loaded = described(value, Conditions={"C": condition}, Mappings={"M": condition}, Parameters={"P": condition})
    assert loaded.documents or loaded.problems
