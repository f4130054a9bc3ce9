"""Which step comes next, and how an execution ends (sections 4.2, 4.3, 4.5, 4.8 and 5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.runbooks.docs import approve, branch, call, output, pause, runbook, script, sleep, update, when
from tests.unit.runbooks.scripted import Fails, Host, Script, TimesOut, quiet

from wakeless.runbooks.walk.events import RunAction, StepFinished
from wakeless.runbooks.walk.state import Stage


def failing(*names: str, answer: Fails | TimesOut | None = None) -> Script:
    def script(ask: RunAction) -> Mapping[str, Any] | Fails | TimesOut:
        return (answer or Fails()) if ask.step in names else {}

    return script


def go(document: dict[str, Any], script: Script = quiet, **parameters: Any) -> tuple[Host, str]:
    host = Host({"Main": document}, script)
    return host, host.start(parameters=parameters)


@pytest.mark.parametrize(
    ("properties", "executed"),
    [
        ({}, ["a", "b", "c"]),
        ({"isEnd": True}, ["a"]),
        ({"isEnd": "true"}, ["a"]),
        ({"isEnd": "false"}, ["a", "b", "c"]),
        ({"nextStep": "c"}, ["a", "c"]),
    ],
)
def test_after_success(properties: dict[str, Any], executed: list[str]) -> None:
    host, execution = go(runbook(call("a", **properties), call("b"), call("c")))
    assert host.executed(execution) == executed
    assert host.status(execution) == "Success"


@pytest.mark.parametrize(
    ("properties", "executed", "status"),
    [
        ({}, ["a"], "Failed"),
        ({"onFailure": "Abort"}, ["a"], "Failed"),
        ({"onFailure": "Abort", "isCritical": False}, ["a"], "Failed"),
        ({"onFailure": "Continue"}, ["a", "b", "c"], "Success"),
        ({"onFailure": "Continue", "isCritical": True}, ["a", "b", "c"], "Failed"),
        ({"onFailure": "Continue", "isCritical": "true"}, ["a", "b", "c"], "Failed"),
        ({"onFailure": "Continue", "isEnd": True}, ["a"], "Success"),
        ({"onFailure": "Continue", "nextStep": "c"}, ["a", "c"], "Success"),
        ({"onFailure": "step:c"}, ["a", "c"], "Failed"),
        ({"onFailure": "step: c"}, ["a", "c"], "Failed"),
        ({"onFailure": "step:c", "isCritical": False}, ["a", "c"], "Success"),
        ({"onFailure": "step:c", "isEnd": True, "isCritical": False}, ["a", "c"], "Success"),
        ({"onFailure": "step:c", "nextStep": "b", "isCritical": False}, ["a", "c"], "Success"),
    ],
)
@pytest.mark.parametrize("answer", [Fails(), TimesOut()])
def test_after_a_failure_or_a_timeout(
    properties: dict[str, Any], executed: list[str], status: str, answer: Fails | TimesOut
) -> None:
    host, execution = go(runbook(call("a", **properties), call("b"), call("c")), failing("a", answer=answer))
    if isinstance(answer, TimesOut):
        status = status.replace("Failed", "TimedOut")
    assert host.executed(execution) == executed
    assert host.status(execution) == status


def test_a_jump_goes_on_with_the_followers_of_its_target_and_not_back() -> None:
    document = runbook(call("a", nextStep="c"), call("b"), call("c"), call("d"))
    host, execution = go(document)
    assert host.executed(execution) == ["a", "c", "d"]
    assert host.statuses(execution)["b"] == "Pending"


def test_a_jump_may_go_up_the_list() -> None:
    document = runbook(call("a", nextStep="c"), call("b", isEnd=True), call("c", nextStep="b"))
    host, execution = go(document)
    assert host.executed(execution) == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (Fails(), TimesOut(), "Failed"),
        (TimesOut(), Fails(), "Failed"),
        (TimesOut(), TimesOut(), "TimedOut"),
        (Fails(), {}, "Failed"),
        (TimesOut(), {}, "TimedOut"),
        ({}, {}, "Success"),
    ],
)
def test_critical_failures_decide_the_end(first: Any, second: Any, status: str) -> None:
    critical: dict[str, Any] = {"onFailure": "Continue", "isCritical": True}
    answers = {"a": first, "b": second}
    host, execution = go(
        runbook(call("a", **critical), call("b", **critical), call("c")), lambda ask: answers.get(ask.step, {})
    )
    assert host.status(execution) == status


def test_the_message_is_that_of_the_step_that_decided() -> None:
    document = runbook(
        call("a", onFailure="Continue"),
        call("b", onFailure="Continue", isCritical=True),
        call("c", onFailure="Continue", isCritical=True),
    )
    host, execution = go(document, lambda ask: Fails(f"{ask.step} broke"))
    assert host.view(execution)["FailureMessage"] == "b broke"


# -- branches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "default", "properties", "executed"),
    [
        ("1", "d", {}, ["b", "one", "d"]),
        ("9", "d", {}, ["b", "d"]),
        ("9", "d", {"isEnd": True}, ["b", "d"]),
        ("9", None, {"isEnd": True}, ["b"]),
        ("9", None, {"nextStep": "d"}, ["b", "d"]),
        ("9", None, {}, ["b", "one", "d"]),
        ("1", None, {"isEnd": True}, ["b", "one", "d"]),
    ],
)
def test_default_and_fall_through(
    value: str, default: str | None, properties: dict[str, Any], executed: list[str]
) -> None:
    choices = when("{{ V }}", "1", "one")
    document = runbook(
        branch("b", choices, default=default, **properties),
        call("one"),
        call("d"),
        parameters={"V": {"type": "String"}},
    )
    host, execution = go(document, V=value)
    assert host.executed(execution) == executed


def test_a_branch_at_the_end_without_a_match_ends_the_execution() -> None:
    document = runbook(
        call("a", nextStep="b"),
        call("x", isEnd=True),
        branch("b", when("{{ V }}", "1", "x")),
        parameters={"V": {"type": "String"}},
    )
    host, execution = go(document, V="9")
    assert (host.executed(execution), host.status(execution)) == (["a", "b"], "Success")


def test_a_branch_that_cannot_be_evaluated_fails_and_is_not_tried_again() -> None:
    document = runbook(
        call("skip", nextStep="b"),
        call("never"),
        branch("b", when("{{ never.X }}", "1", "z"), maxAttempts=3, onFailure="step:z"),
        call("y"),
        call("z"),
    )
    document["mainSteps"][1]["outputs"] = [output("X", "$.x")]
    host, execution = go(document)
    assert host.executed(execution) == ["skip", "b", "z"]
    step = host.view(execution)["StepExecutions"][2]
    assert (step["StepStatus"], step["FailureDetails"]["FailureStage"]) == ("Failed", "InputValidation")


def test_an_output_that_a_script_did_not_return_is_empty_in_a_choice_and_fails_an_input() -> None:
    document = runbook(
        script("s", outputs=[output("found", "$.Payload.found"), output("none", "$.Payload.none")]),
        branch("b", {"Not": {"Variable": "{{ s.none }}", "StringEquals": "yes"}, "NextStep": "use"}),
        call("skipped"),
        call("use", {"Message": "{{ s.found }}"}),
        call("bad", {"Message": "{{ s.none }}"}),
    )
    host, execution = go(document, lambda ask: {"Payload": {"found": "x"}})
    assert host.executed(execution) == ["s", "b", "use", "bad"]
    assert host.statuses(execution)["bad"] == "Failed"
    assert "succeeded without this output" in host.view(execution)["FailureMessage"]


# -- attempts and time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("attempts", "failures", "status"), [(1, 1, "Failed"), (3, 2, "Success"), (3, 3, "Failed")])
@pytest.mark.parametrize("answer", [Fails(), TimesOut()])
def test_a_step_fails_only_after_all_of_its_attempts(
    attempts: int, failures: int, status: str, answer: Fails | TimesOut
) -> None:
    tries: list[RunAction] = []

    def script(ask: RunAction) -> Any:
        tries.append(ask)
        return answer if len(tries) <= failures else {}

    host, execution = go(runbook(call("a", maxAttempts=attempts)), script)
    if isinstance(answer, TimesOut):
        status = status.replace("Failed", "TimedOut")
    assert host.status(execution) == status
    assert len(tries) == min(attempts, failures + 1)
    assert len({ask.step_execution_id for ask in tries}) == 1
    assert len({ask.attempt_id for ask in tries}) == len(tries)
    assert len(host.executed(execution)) == 1


def test_an_unknown_outcome_is_not_tried_again() -> None:
    host, execution = go(runbook(call("a", maxAttempts=3)), failing("a", answer=Fails("outcome unknown", retry=False)))
    assert (host.status(execution), len(host.ran)) == ("Failed", 1)


def test_inputs_that_cannot_be_resolved_are_not_tried_again() -> None:
    answer = Fails(stage=Stage.INPUT_VALIDATION)
    host, execution = go(runbook(call("a", maxAttempts=3)), failing("a", answer=answer))
    assert (host.status(execution), len(host.ran)) == ("Failed", 1)


def test_inputs_are_resolved_anew_for_each_attempt() -> None:
    document = runbook(call("a", {"Message": "{{ global:DATE_TIME }}"}, maxAttempts=2, timeoutSeconds=10))
    host, execution = go(document, lambda ask: None)
    host.advance(10)
    assert [ask.inputs["Message"] for ask in host.ran] == ["2024-03-10_15.04.05", "2024-03-10_15.04.15"]
    assert host.step(execution, "a").attempt == 2


@pytest.mark.parametrize(
    ("action", "inputs", "seconds"),
    [
        ("aws:runCommand", {"DocumentName": "D", "InstanceIds": ["i-1"]}, 3_600),
        ("aws:changeInstanceState", {"InstanceIds": ["i-1"], "DesiredState": "stopped"}, 3_600),
        ("aws:executeScript", {"Runtime": "python3.11", "Handler": "h", "Script": "x"}, 600),
        ("aws:invokeLambdaFunction", {"FunctionName": "f"}, 300),
        ("aws:executeAwsApi", {"Service": "s", "Api": "A"}, 25),
    ],
)
def test_the_time_of_an_attempt_without_and_with_timeout_seconds(
    action: str, inputs: dict[str, Any], seconds: int
) -> None:
    for stated, wanted in ((None, seconds), (7, 7), ("7", 7), (9_999, 9_999 if seconds == 3_600 else seconds)):
        step: dict[str, Any] = {"name": "a", "action": action, "inputs": inputs}
        if stated is not None:
            step["timeoutSeconds"] = stated
        host, execution = go(runbook(step), lambda ask: None)
        host.advance(wanted - 1)
        assert host.status(execution) == "InProgress"
        host.advance(1)
        assert host.statuses(execution) == {"a": "TimedOut"}
        assert host.status(execution) == "TimedOut"
        assert [(ask.step, ask.awaited) for ask in host.stopped] == [("a", False)]


def test_each_attempt_has_its_own_time() -> None:
    host, execution = go(runbook(call("a", timeoutSeconds=10, maxAttempts=3)), lambda ask: None)
    host.advance(29)
    assert host.status(execution) == "InProgress"
    host.advance(1)
    assert (host.status(execution), len(host.ran), len(host.stopped)) == ("TimedOut", 3, 3)


def test_a_result_of_an_attempt_that_is_over_changes_nothing() -> None:
    host, execution = go(runbook(call("a", timeoutSeconds=10, maxAttempts=2)), lambda ask: None)
    host.advance(10)
    late = StepFinished(step_execution_id=host.ran[0].step_execution_id, attempt=1)
    before = host.executions[execution].state
    host.tell(execution, late)
    assert host.executions[execution].state == before


@pytest.mark.parametrize("limit", [599, None])
def test_approvals_and_pauses_time_out_for_good(limit: int | None) -> None:
    properties: dict[str, Any] = {"maxAttempts": 5} | ({"timeoutSeconds": limit} if limit else {})
    for step in (approve("w", "Ann", **properties), pause("w", **properties)):
        host, execution = go(runbook(step))
        host.advance((limit or 604_800) - 1)
        assert host.status(execution) == "Waiting"
        host.advance(1)
        assert (host.status(execution), host.statuses(execution)) == ("TimedOut", {"w": "TimedOut"})


# -- sleeps ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "seconds"),
    [
        ({"Duration": "PT10S"}, 10),
        ({"Duration": "PT3M"}, 180),
        ({"Duration": "P1DT2H"}, 93_600),
        ({"Duration": "PT604799S"}, 604_799),
        ({"Duration": "PT0.5S"}, 0.5),
        ({"Timestamp": "2024-03-10T15:05:05Z"}, 60),
        ({"Timestamp": "2024-03-10T16:05:05+01:00"}, 60),
        ({"Duration": "PT10S", "Timestamp": "2030-01-01T00:00:00Z"}, 10),
    ],
)
def test_a_sleep_ends_at_its_moment(inputs: dict[str, str], seconds: float) -> None:
    host, execution = go(runbook({"name": "s", "action": "aws:sleep", "inputs": inputs}, call("b")))
    host.advance(seconds - 0.25)
    assert (host.status(execution), host.statuses(execution)) == ("InProgress", {"s": "InProgress", "b": "Pending"})
    host.advance(0.25)
    assert host.status(execution) == "Success"


@pytest.mark.parametrize("inputs", [{"Duration": "PT0S"}, {"Timestamp": "2020-01-01T00:00:00Z"}])
def test_a_sleep_that_is_over_already_goes_on_at_once(inputs: dict[str, str]) -> None:
    host, execution = go(runbook({"name": "s", "action": "aws:sleep", "inputs": inputs}))
    assert host.status(execution) == "Success"


@pytest.mark.parametrize(
    "inputs",
    [
        {"Duration": "{{ P }}"},
        {"Timestamp": "{{ P }}"},
    ],
)
@pytest.mark.parametrize("value", ["", "10", "PT", "-PT1S", "PT604800S", "P8D", "P1Y", "PD3", "soon", "9999-99-99"])
def test_a_bad_sleep_fails_when_it_begins(inputs: dict[str, str], value: str) -> None:
    document = runbook({"name": "s", "action": "aws:sleep", "inputs": inputs}, parameters={"P": {"type": "String"}})
    host, execution = go(document, P=value)
    assert (host.status(execution), host.executed(execution)) == ("Failed", ["s"])


def test_a_sleep_longer_than_its_timeout_times_out() -> None:
    host, execution = go(runbook(sleep("s", "PT1H", timeoutSeconds=60)))
    host.advance(60)
    assert host.status(execution) == "TimedOut"


# -- variables -------------------------------------------------------------------------------------------------------


def test_variables_begin_at_their_defaults_and_keep_their_type() -> None:
    variables = {
        "s": {"type": "String", "default": "{{ P }}"},
        "m": {"type": "StringMap", "default": '{"k":1}'},
        "l": {"type": "StringList", "default": ["a"]},
        "none": {"type": "Integer"},
    }
    payload = {"s": "{{ variable:s }}", "m": "{{ variable:m }}", "l": "{{variable:l}}"}
    document = runbook(script("a", payload), variables=variables, parameters={"P": {"type": "String"}})
    host, execution = go(document, P="p")
    assert host.ran[0].inputs["InputPayload"] == {"s": "p", "m": {"k": 1}, "l": ["a"]}
    assert host.view(execution)["Variables"] == {"s": ["p"], "m": ['{"k":1}'], "l": ["a"]}


def test_reading_a_variable_before_its_first_value_fails_the_step() -> None:
    document = runbook(call("a", {"Message": "{{ variable:v }}"}), variables={"v": {"type": "String"}})
    host, execution = go(document)
    assert host.status(execution) == "Failed"
    assert "has no value yet" in host.view(execution)["FailureMessage"]


@pytest.mark.parametrize(
    ("declared", "value", "good"),
    [
        ("String", "", True),
        ("String", 1, False),
        ("Integer", 1, True),
        ("Integer", "1", False),
        ("Boolean", True, True),
        ("Boolean", "true", False),
        ("StringList", ["a"] * 50, True),
        ("StringList", ["a"] * 51, False),
        ("StringList", "a", False),
        ("StringMap", {"k": "v"}, True),
        ("StringMap", "{}", False),
        ("MapList", [{}] * 200, True),
        ("MapList", [{}] * 201, False),
    ],
)
def test_updating_a_variable_never_changes_its_type(declared: str, value: Any, good: bool) -> None:
    document = runbook(update("u", "v", value), variables={"v": {"type": declared}})
    host, execution = go(document)
    assert host.status(execution) == ("Success" if good else "Failed")
    assert host.executions[execution].state.variables == ({"v": value} if good else {})


# -- references ------------------------------------------------------------------------------------------------------


def test_global_and_automation_references() -> None:
    names = ("global:DATE", "global:DATE_TIME", "global:REGION", "global:ACCOUNT_ID", "global:AWS_PARTITION")
    payload = {name: f"{{{{ {name} }}}}" for name in (*names, "automation:EXECUTION_ID")}
    host, execution = go(runbook(script("a", payload), sleep("s", "P1D"), script("b", payload)))
    host.advance(86_400)
    assert host.ran[0].inputs["InputPayload"] == {
        "global:DATE": "2024-03-10",
        "global:DATE_TIME": "2024-03-10_15.04.05",
        "global:REGION": "us-east-1",
        "global:ACCOUNT_ID": "111122223333",
        "global:AWS_PARTITION": "aws",
        "automation:EXECUTION_ID": execution,
    }
    assert host.ran[1].inputs["InputPayload"]["global:DATE"] == "2024-03-11"  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("inputs", "fitted"),
    [
        ({"InstanceIds": "{{ S }}"}, {"InstanceIds": ["text"]}),
        ({"InstanceIds": ["{{ L }}"]}, {"InstanceIds": ["a", "b"]}),
        ({"InstanceIds": "i-1", "Force": "{{ T }}"}, {"InstanceIds": ["i-1"], "Force": True}),
        ({"InstanceIds": "{{ M }}"}, None),
        ({"InstanceIds": "i-1", "DesiredState": "{{ L }}"}, None),
        ({"InstanceIds": "i-1", "DesiredState": "{{ S }}"}, None),
        ({"InstanceIds": "i-1", "Force": "{{ S }}"}, None),
        ({"InstanceIds": "{{ E }}"}, None),
    ],
)
def test_resolved_inputs_fit_the_action_or_fail_the_step(inputs: dict[str, Any], fitted: dict[str, Any] | None) -> None:
    document = runbook(
        {"name": "a", "action": "aws:changeInstanceState", "inputs": {"DesiredState": "stopped"} | inputs},
        parameters={
            "S": {"type": "String", "default": "text"},
            "T": {"type": "String", "default": "true"},
            "L": {"type": "StringList", "default": ["a", "b"]},
            "E": {"type": "StringList", "default": []},
            "M": {"type": "StringMap", "default": {"k": "v"}},
        },
    )
    host, execution = go(document, S="text", T="true", L=["a", "b"], E=[], M={"k": "v"})
    if fitted is None:
        step = host.view(execution)["StepExecutions"][0]
        assert step["FailureDetails"]["FailureStage"] == "InputValidation"
        assert step["FailureMessage"].startswith("Step fails when it is validating and resolving the step inputs. ")
    else:
        assert host.ran[0].inputs == {"DesiredState": "stopped", **fitted}
