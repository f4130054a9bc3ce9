"""An execution as GetAutomationExecution shows it (section 4.9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.unit.runbooks.docs import approve, call, each, output, runbook, script, update
from tests.unit.runbooks.scripted import CALLER, START, Fails, Host

from wakeless.runbooks.view import view
from wakeless.runbooks.walk.state import ExecutionState


def test_a_running_execution_in_full() -> None:
    document = runbook(
        call("a", {"Message": "{{ P }}"}, timeoutSeconds="20", outputs=[output("o", "$.o")]),
        approve("w", "Ann", onFailure="step:z", isCritical=False, nextStep="z"),
        call("y", isEnd=True, maxAttempts=2),
        call("z"),
        parameters={"P": {"type": "String"}, "L": {"type": "StringList", "default": ["x"]}},
        variables={"v": {"type": "Integer", "default": 1}},
        outputs=["a.o"],
    )
    host = Host({"Main": document}, lambda ask: {"o": "out"})
    execution = host.start(parameters={"P": "hi", "L": ["x", "y"]})
    shown = host.view(execution)
    a, w, y, z = shown.pop("StepExecutions")
    assert shown == {
        "AutomationExecutionId": execution,
        "DocumentName": "Main",
        "DocumentVersion": "1",
        "AutomationExecutionStatus": "Waiting",
        "ExecutionStartTime": START,
        "StepExecutionsTruncated": False,
        "Parameters": {"P": ["hi"], "L": ["x", "y"]},
        "Variables": {"v": ["1"]},
        "Outputs": {"a.o": ["out"]},
        "Mode": "Auto",
        "ExecutedBy": CALLER,
        "CurrentStepName": "w",
        "CurrentAction": "aws:approve",
        "Targets": [],
        "ResolvedTargets": {"ParameterValues": [], "Truncated": False},
        "ProgressCounters": {
            "TotalSteps": 4,
            "SuccessSteps": 1,
            "FailedSteps": 0,
            "CancelledSteps": 0,
            "TimedOutSteps": 0,
        },
    }
    assert a["Inputs"] == {"Service": '"sns"', "Api": '"Publish"', "Message": '"hi"'}
    assert a["Outputs"] == {"o": ["out"], "OutputPayload": ['{"o":"out"}']}
    assert (a["StepStatus"], a["ExecutionStartTime"], a["ExecutionEndTime"]) == ("Success", START, START)
    assert (a["TimeoutSeconds"], a["OverriddenParameters"]) == (20, {})
    assert (w["StepStatus"], w["OnFailure"], w["NextStep"], w["IsCritical"]) == ("Waiting", "step:z", "z", False)
    assert w["Inputs"] == {"Approvers": '["Ann"]'}
    assert "ExecutionEndTime" not in w
    never = {"Action": "aws:executeAwsApi", "StepStatus": "Pending"}
    assert y == {"StepName": "y", **never, "IsEnd": True, "MaxAttempts": 2}
    assert z == {"StepName": "z", **never}


def test_a_failed_execution_says_why_and_when() -> None:
    host = Host({"Main": runbook(call("a"))}, lambda ask: None)
    execution = host.start()
    host.advance(25)
    shown = host.view(execution)
    step = shown["StepExecutions"][0]
    assert shown["ExecutionEndTime"] == START + timedelta(seconds=25)
    assert shown["FailureMessage"] == step["FailureMessage"] == "Step timed out: it did not end within 25 seconds."
    assert step["FailureDetails"] == {"FailureStage": "Invocation", "FailureType": "Action", "Details": {}}
    assert not {"CurrentStepName", "CurrentAction"} & set(shown)


def test_a_command_shows_its_response_code() -> None:
    inputs = {"DocumentName": "AWS-RunShellScript", "InstanceIds": "i-0123456789abcdef0"}
    host = Host(
        {"Main": runbook({"name": "c", "action": "aws:runCommand", "inputs": inputs})},
        lambda ask: Fails(raw={"Status": "Failed", "ResponseCode": 1, "CommandId": "id"}),
    )
    step = host.view(host.start())["StepExecutions"][0]
    assert step["ResponseCode"] == "1"
    assert step["Outputs"]["Status"] == ["Failed"]
    assert step["Inputs"]["InstanceIds"] == '["i-0123456789abcdef0"]'


def test_more_than_a_hundred_steps_are_cut_off_and_rounds_stand_in_their_order() -> None:
    items = [str(n) for n in range(60)]
    loop = each("l", items, update("u", "v", "{{ l.CurrentIteratorValue }}"), call("n"))
    host = Host({"Main": runbook(loop, call("end"), variables={"v": {"type": "String"}})})
    shown = host.view(host.start())
    assert shown["StepExecutionsTruncated"] is True
    assert [step["StepName"] for step in shown["StepExecutions"]][:5] == ["l", "u", "n", "u", "n"]
    assert len(shown["StepExecutions"]) == 100
    assert shown["ProgressCounters"]["TotalSteps"] == 122


def test_the_state_grows_with_the_document_and_not_with_the_rounds() -> None:
    def size(rounds: int) -> int:
        loop = each("l", [str(n) for n in range(rounds)], call("n"))
        host = Host({"Main": runbook(loop, script("end"))}, lambda ask: None if ask.step == "end" else {})
        state: ExecutionState = host.executions[host.start()].state
        assert state.current == "end"
        return len(state.steps)

    assert size(90) == size(2) == 3


def test_fields_of_the_start_are_shown_as_they_are() -> None:
    host = Host({"Main": runbook(call("a"))})
    execution = host.executions[host.start()]
    more: dict[str, Any] = {"Target": "i-1", "MaxErrors": "0"}
    state = replace(execution.state, origin=replace(execution.state.origin, shown=more))
    shown = view(execution.document, state)
    assert (shown["Target"], shown["MaxErrors"]) == ("i-1", "0")
