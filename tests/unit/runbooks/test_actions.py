"""The inputs of each action (reference section 3)."""

from __future__ import annotations

import pytest
from tests.unit.runbooks.documents import accepted, advice, judged, messages, step

from wakeless.runbooks.actions import ACTIONS
from wakeless.runbooks.document import Json

SCRIPT: dict[str, Json] = {"Runtime": "python3.11", "Handler": "h", "Script": "def h(e, c): pass"}
PROPERTY: dict[str, Json] = {"Service": "ec2", "Api": "X", "PropertySelector": "$.a", "DesiredValues": ["b"]}

#: For each action, the least it needs.
LEAST: dict[str, dict[str, Json]] = {
    "aws:approve": {"Approvers": ["Ann"]},
    "aws:assertAwsResourceProperty": PROPERTY,
    "aws:branch": {"Choices": [{"NextStep": "z", "Variable": "{{ z.x }}", "StringEquals": "y"}]},
    "aws:changeInstanceState": {"InstanceIds": ["i-1"], "DesiredState": "running"},
    "aws:copyImage": {"SourceRegion": "r", "SourceImageId": "i", "ImageName": "n"},
    "aws:createImage": {"InstanceId": "i", "ImageName": "n"},
    "aws:createStack": {"StackName": "s", "TemplateBody": "b"},
    "aws:createTags": {"ResourceIds": ["i"], "Tags": [{"Key": "k", "Value": "v"}]},
    "aws:deleteImage": {"ImageId": "i"},
    "aws:deleteStack": {"StackName": "s"},
    "aws:executeAutomation": {"DocumentName": "d"},
    "aws:executeAwsApi": {"Service": "ec2", "Api": "X"},
    "aws:executeScript": SCRIPT,
    "aws:executeStateMachine": {"stateMachineArn": "a"},
    "aws:invokeLambdaFunction": {"FunctionName": "f"},
    "aws:invokeWebhook": {"IntegrationName": "w"},
    "aws:loop": {"Iterators": ["x"], "Steps": [step("inner")]},
    "aws:pause": {},
    "aws:runCommand": {"DocumentName": "d", "InstanceIds": ["i"]},
    "aws:runInstances": {"ImageId": "i"},
    "aws:sleep": {"Duration": "PT1S"},
    "aws:updateVariable": {"Name": "variable:v", "Value": 1},
    "aws:waitForAwsResourceProperty": PROPERTY,
}


def with_inputs(action: str, inputs: dict[str, Json]) -> list[Json]:
    return [step("a", action, inputs=inputs), step("z", "aws:pause")]


def test_there_are_twenty_three_actions() -> None:
    assert sorted(ACTIONS) == sorted(LEAST)
    assert len(ACTIONS) == 23


@pytest.mark.parametrize("action", list(LEAST))
def test_the_least_is_enough_and_nothing_of_it_may_be_missing(action: str) -> None:
    variables: Json = {"v": {"type": "Integer"}}
    loaded = judged(*with_inputs(action, LEAST[action]), variables=variables)
    assert loaded.document is not None, messages(loaded)
    assert not loaded.advice
    for name in LEAST[action]:
        rest = {key: value for key, value in LEAST[action].items() if key != name}
        loaded = judged(*with_inputs(action, rest), variables=variables)
        assert loaded.document is None
        assert any(f'"{name}"' in words or name in words for words in messages(loaded)), messages(loaded)


@pytest.mark.parametrize(
    ("action", "inputs", "words"),
    [
        (
            "aws:runCommand",
            {"DocumentName": "d"},
            'Missing "InstanceIds" or "Targets" in the inputs of an aws:runCommand',
        ),
        (
            "aws:createStack",
            {"StackName": "s"},
            'Missing "TemplateBody" or "TemplateURL" in the inputs of an aws:createStack',
        ),
        ("aws:updateVariable", {"Name": "variable:w", "Value": 1}, 'Variable "w" is not declared'),
        ("aws:updateVariable", {"Name": "v", "Value": 1}, 'Name must be variable:NAME, not "v"'),
        (
            "aws:assertAwsResourceProperty",
            {**PROPERTY, "DesiredValues": []},
            "DesiredValues is empty: nothing could ever match",
        ),
        (
            "aws:executeAwsApi",
            {"service": "ec2", "Api": "X"},
            'Missing "Service" in the inputs of an aws:executeAwsApi',
        ),
    ],
)
def test_refused(action: str, inputs: dict[str, Json], words: str) -> None:
    assert messages(judged(*with_inputs(action, inputs), variables={"v": {"type": "Integer"}})) == [words]


@pytest.mark.parametrize(
    ("action", "inputs", "words"),
    [
        (
            "aws:changeInstanceState",
            {"InstanceIds": "i-1", "DesiredState": "Running"},
            '"DesiredState" cannot be "Running"',
        ),
        (
            "aws:changeInstanceState",
            {"InstanceIds": {}, "DesiredState": "running"},
            '"InstanceIds" must be a StringList, not a mapping',
        ),
        ("aws:approve", {"Approvers": [str(n) for n in range(11)]}, '"Approvers" must be at most 10 items, not 11'),
        (
            "aws:approve",
            {"Approvers": ["a"], "Message": "x" * 4097},
            '"Message" must be at most 4096 characters, not 4097',
        ),
        (
            "aws:approve",
            {"Approvers": ["a"], "MinRequiredApprovals": 0},
            '"MinRequiredApprovals" must be at least 1, not 0',
        ),
        (
            "aws:runCommand",
            {"DocumentName": "d", "InstanceIds": ["i"] * 51},
            '"InstanceIds" must be at most 50 items, not 51',
        ),
        (
            "aws:runCommand",
            {"DocumentName": "d", "InstanceIds": ["i"], "comment": "x"},
            'aws:runCommand has no input "comment"',
        ),
        ("aws:executeScript", {**SCRIPT, "Runtime": "node"}, '"Runtime" cannot be "node"'),
        (
            "aws:executeScript",
            {**SCRIPT, "Attachment": "x.zip"},
            'the attachment "x.zip" is not among the files of the document',
        ),
        ("aws:executeScript", {**SCRIPT, "Runtime": "PowerShell 7.4"}, "PowerShell scripts have no Handler"),
        (
            "aws:createStack",
            {"StackName": "s", "TemplateBody": "b", "TemplateURL": "u"},
            "TemplateBody and TemplateURL exclude each other",
        ),
        (
            "aws:executeAutomation",
            {"DocumentName": "d", "Targets": []},
            "Targets and TargetParameterName belong together",
        ),
        (
            "aws:sleep",
            {"Duration": "PT1S", "Timestamp": "2030-01-01T00:00:00Z"},
            "Duration holds, Timestamp is not looked at",
        ),
        (
            "aws:loop",
            {"Iterators": ["x"] * 101, "Steps": [step("i")]},
            "101 Iterators are more than the 100 that a loop takes",
        ),
    ],
)
def test_what_fails_only_when_it_runs_is_worth_a_warning(action: str, inputs: dict[str, Json], words: str) -> None:
    loaded = judged(*with_inputs(action, inputs))
    assert loaded.document is not None, messages(loaded)
    assert words in advice(loaded)


@pytest.mark.parametrize(
    ("action", "inputs"),
    [
        ("aws:pause", {"Message": "look at it"}),
        ("aws:executeScript", {"Runtime": "PowerShell 7.4", "Script": "1"}),
        ("aws:executeScript", {**SCRIPT, "InputPayload": "text"}),
        ("aws:executeScript", {"Runtime": "python3.6", "Handler": "f.h", "Attachment": "x.zip"}),
        ("aws:runCommand", {"DocumentName": "d", "Targets": [{"Key": "tag:a", "Values": ["b"]}], "Comment": "c"}),
        ("aws:executeAwsApi", {"Service": "EC2", "Api": "describe_instances", "Anything": {"At": ["all"]}}),
        ("aws:approve", {"Approvers": ["{{ P }}"] * 11, "MinRequiredApprovals": "{{ N }}"}),
        ("aws:runInstances", {"ImageId": "i", "MinInstanceCount": "1", "MaxInstanceCount": 2}),
        ("aws:deleteStack", {"StackName": "s", "RetainResources.member.1": "x"}),
        ("aws:sleep", {"Timestamp": "2020-01-01T01:00:00Z"}),
        ("aws:invokeLambdaFunction", {"FunctionName": "f", "Payload": {"a": 1}}),
    ],
)
def test_as_documents_of_aws_have_it(action: str, inputs: dict[str, Json]) -> None:
    parameters: Json = {"P": {"type": "StringList"}, "N": {"type": "Integer"}}
    files: Json = {"x.zip": {"checksums": {"sha256": "0" * 64}}}
    loaded = judged(*with_inputs(action, inputs), parameters=parameters, files=files)
    assert loaded.document is not None, messages(loaded)
    assert not loaded.advice, advice(loaded)


def test_limits_and_outputs_stand_in_the_table() -> None:
    assert ACTIONS["aws:approve"].timeout == 604_800
    assert ACTIONS["aws:executeScript"].longest == 600
    assert ACTIONS["aws:executeAwsApi"].longest == 25
    assert ACTIONS["aws:invokeLambdaFunction"].longest == 300
    assert ACTIONS["aws:changeInstanceState"].timeout == 3600
    assert set(ACTIONS["aws:runCommand"].outputs) >= {"CommandId", "Status", "ResponseCode", "Output"}
    slow = step("a", "aws:executeAwsApi", inputs=LEAST["aws:executeAwsApi"], timeoutSeconds=60)
    assert advice(judged(slow)) == ["aws:executeAwsApi takes at most 25 seconds, whatever timeoutSeconds says"]
    assert accepted(slow).steps[0].timeout_seconds == 60
