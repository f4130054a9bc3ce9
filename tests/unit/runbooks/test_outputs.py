"""What a step gives: predefined outputs, selected outputs, and outputs of the document (sections 1.7 and 2.4)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.runbooks.docs import automation, call, output, runbook, script
from tests.unit.runbooks.scripted import Fails, Host

from wakeless.runbooks.document import Step, StepOutput, ValueType
from wakeless.runbooks.outputs import NOT_AVAILABLE, extract


def step(action: str, *outputs: StepOutput) -> Step:
    return Step(name="s", action=f"aws:{action}", outputs=outputs)


def values(raw: dict[str, Any], action: str, *outputs: StepOutput) -> dict[str, Any]:
    extracted = extract(step(action, *outputs), raw)
    assert extracted.trouble is None
    return {name: value for name, value in extracted.values.items() if name != "OutputPayload"}


OUT = StepOutput(name="o", selector="$.a.b")


def test_an_api_call_gives_what_its_author_selects_and_the_whole_response_as_text() -> None:
    extracted = extract(step("executeAwsApi", OUT), {"a": {"b": "x"}, "c": 1})
    assert extracted.values == {"o": "x", "OutputPayload": '{"a":{"b":"x"},"c":1}'}


def test_a_script_gives_its_payload() -> None:
    selected = StepOutput(name="o", selector="$.Payload.n", type=ValueType.INTEGER)
    extracted = extract(step("executeScript", selected), {"Payload": {"n": 5}})
    assert extracted.values == {"o": 5, "Payload": {"n": 5}, "OutputPayload": '{"Payload":{"n":5}}'}


def test_other_actions_give_their_predefined_outputs_without_the_missing_ones() -> None:
    raw = {"InstanceIds": ["i-1"], "InstanceStates": ["running"], "Nothing": None}
    first = StepOutput(name="Id", selector="InstanceIds[0]")
    assert values(raw, "runInstances", first) == {
        "InstanceIds": ["i-1"],
        "InstanceStates": ["running"],
        "Id": "i-1",
    }


@pytest.mark.parametrize(
    ("payload", "selector", "found"),
    [
        ('{"Retry":true}', "$.Retry", "true"),
        ('{"Retry":true}', "$.Payload.Retry", "true"),
        ('{"a":1}', "$.Payload", '{"a":1}'),
        ("vol-1", "$.Payload", "vol-1"),
        ('{"a":[{"b":2}]}', "$..b", "2"),
    ],
)
def test_a_function_may_be_asked_at_its_root_or_below_its_payload(payload: str, selector: str, found: str) -> None:
    raw = {"StatusCode": 200, "Payload": payload}
    assert values(raw, "invokeLambdaFunction", StepOutput(name="o", selector=selector))["o"] == found


@pytest.mark.parametrize("raw", [{}, {"a": {}}, {"a": None}, {"a": {"b": None}}, {"a": []}])
def test_a_path_that_leads_nowhere_gives_no_output_and_no_trouble(raw: dict[str, Any]) -> None:
    assert values(raw, "executeAwsApi", OUT) == {}


@pytest.mark.parametrize(
    "declared",
    [
        StepOutput(name="o", selector="$.a", type=ValueType.INTEGER),
        StepOutput(name="o", selector="$.a[", type=ValueType.STRING),
    ],
)
def test_a_value_of_another_type_is_trouble_and_the_other_outputs_stay(declared: StepOutput) -> None:
    extracted = extract(step("executeAwsApi", declared, OUT), {"a": {"b": "x"}})
    assert extracted.trouble is not None
    assert extracted.trouble.startswith("The output o cannot be had as")


def test_a_step_whose_output_has_the_wrong_type_fails_once_with_the_stage_that_says_so() -> None:
    document = runbook(call("a", outputs=[output("n", "$.n", "Integer")], maxAttempts=3))
    host = Host({"Main": document}, lambda ask: {"n": "many"})
    execution = host.start()
    step = host.view(execution)["StepExecutions"][0]
    assert (step["StepStatus"], step["FailureDetails"]["FailureStage"]) == ("Failed", "PostVerification")
    assert len(host.ran) == 1


def test_a_result_that_is_nested_without_end_fails_the_step() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    host = Host({"Main": runbook(script("a"))}, lambda ask: {"Payload": deep})
    execution = host.start()
    assert host.statuses(execution) == {"a": "Failed"}
    assert "nested deeper" in host.view(execution)["FailureMessage"]


def test_text_with_half_a_character_can_be_kept() -> None:
    host = Host({"Main": runbook(script("a"), script("b"))}, lambda ask: {"Payload": "\ud800"})
    execution = host.start()
    assert host.step(execution, "a").outputs["Payload"] == "?"
    host = Host({"Main": runbook(script("a"))}, lambda ask: Fails("\udfff"))
    assert host.view(host.start())["FailureMessage"] == "?"


def test_outputs_of_the_document_are_lists_of_text() -> None:
    outputs = [output("s", "$.s"), output("l", "$.l", "StringList"), output("m", "$.m", "StringMap")]
    outputs += [output("ml", "$.ml", "MapList"), output("b", "$.b", "Boolean"), output("no", "$.no")]
    named = ["a.s", "a.l", "a.m", "a.ml", "a.b", "a.no", "a.OutputPayload", "z.x"]
    document = runbook(call("a", outputs=outputs, isEnd=True), call("z"), outputs=named)
    response = {"s": 1, "l": ["x", "y"], "m": {"k": 1}, "ml": [{"k": 1}, {"k": 2}], "b": True}
    host = Host({"Main": document}, lambda ask: response)
    shown = host.view(host.start())["Outputs"]
    assert json.loads(shown.pop("a.OutputPayload")[0]) == response
    assert shown == {
        "a.s": ["1"],
        "a.l": ["x", "y"],
        "a.m": ['{"k":1}'],
        "a.ml": ['{"k":1}', '{"k":2}'],
        "a.b": ["true"],
        "a.no": [NOT_AVAILABLE],
        "z.x": [NOT_AVAILABLE],
    }


def test_a_failed_step_has_no_output_in_the_document_and_still_gives_them_to_its_followers() -> None:
    command = {"name": "c", "action": "aws:runCommand", "onFailure": "Continue"}
    command["inputs"] = {"DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-0123456789abcdef0"]}  # type: ignore[assignment]
    document = runbook(command, script("after", "{{ c.Status }}/{{ c.Output }}"), outputs=["c.Status"])

    def answer(ask: Any) -> Any:
        return Fails(raw={"Status": "Failed", "Output": "oh"}) if ask.step == "c" else {"Payload": 1}

    host = Host({"Main": document}, answer)
    execution = host.start()
    assert host.ran[1].inputs["InputPayload"] == "Failed/oh"
    assert host.view(execution)["Outputs"] == {"c.Status": [NOT_AVAILABLE]}


def test_a_child_without_outputs_gives_an_empty_list_and_the_sentence_in_the_document() -> None:
    documents = {"Main": runbook(automation("r", "Child"), outputs=["r.Output"]), "Child": runbook(call("c"))}
    host = Host(documents)
    execution = host.start()
    assert host.step(execution, "r").outputs["Output"] == []
    assert host.view(execution)["Outputs"] == {"r.Output": [NOT_AVAILABLE]}
