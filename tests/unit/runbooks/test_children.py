"""aws:executeAutomation: the hand-off to another document (section 3.11)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.runbooks.docs import automation, call, output, pause, runbook, script
from tests.unit.runbooks.scripted import Fails, Host, Script, quiet

from wakeless.runbooks.walk.events import ChildEnded, ChildStarted
from wakeless.runbooks.walk.state import ExecutionStatus


def go(documents: dict[str, Any], script: Script = quiet, **parameters: Any) -> tuple[Host, str]:
    host = Host(documents, script)
    return host, host.start(parameters=parameters)


def test_values_are_handed_over_as_the_api_takes_them() -> None:
    parameters = {"L": {"type": "StringList"}, "I": {"type": "Integer"}, "M": {"type": "StringMap"}}
    given = {
        "s": "x",
        "l": "{{ L }}",
        "one": ["a"],
        "i": "{{ I }}",
        "b": True,
        "m": "{{ M }}",
        "ml": [{"k": 1}, {"k": 2}],
    }
    step = automation("r", "Child", given)
    step["inputs"] |= {"DocumentVersion": "{{ I }}", "Tags": [{"Key": "k", "Value": "v"}], "MaxErrors": "1"}
    host, _ = go({"Main": runbook(step, parameters=parameters)}, L=["p", "q"], I=3, M={"k": "v"})
    asked = host.children[0]
    assert asked.parameters == {
        "s": ("x",),
        "l": ("p", "q"),
        "one": ("a",),
        "i": ("3",),
        "b": ("true",),
        "m": ('{"k":"v"}',),
        "ml": ('{"k":1}', '{"k":2}'),
    }
    assert (asked.document_name, asked.document_version, asked.depth) == ("Child", "3", 1)
    assert asked.fields == {"Tags": [{"Key": "k", "Value": "v"}], "MaxErrors": "1"}


CHILD = runbook(
    script("c", outputs=[output("v", "$.Payload.v"), output("l", "$.Payload.l", "StringList")]),
    outputs=["c.l", "c.v"],
)


def test_the_outputs_of_the_child_come_as_one_list_in_its_order() -> None:
    after = script("after", ["{{ r.Status }}", "{{ r.ExecutionId }}", "{{ r.Output }}"])
    host, execution = go(
        {"Main": runbook(automation("r", "Child"), after), "Child": CHILD},
        lambda ask: {"Payload": {"v": "x", "l": ["1", "2"]}},
    )
    child = next(key for key in host.executions if key != execution)
    assert host.ran[-1].inputs["InputPayload"] == ["Success", child, "1", "2", "x"]
    assert host.view(child)["ParentAutomationExecutionId"] == execution


def test_a_parent_waits_for_its_child_however_long() -> None:
    host, execution = go({"Main": runbook(automation("r", "Child")), "Child": runbook(pause("p"))})
    host.advance(86_400)
    assert host.status(execution) == "InProgress"
    child = next(key for key in host.executions if key != execution)
    host.signal(child, "Resume", {"StepName": ["p"]})
    assert host.status(execution) == "Success"


def test_a_failed_child_fails_the_step_with_its_message_and_outputs() -> None:
    host, execution = go(
        {"Main": runbook(automation("r", "Child"), call("b")), "Child": CHILD}, lambda ask: Fails("disk full")
    )
    assert (host.status(execution), host.statuses(execution)) == ("Failed", {"r": "Failed", "b": "Pending"})
    assert "disk full" in host.view(execution)["FailureMessage"]
    assert host.step(execution, "r").outputs["Status"] == "Failed"


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
def test_a_child_that_ends_otherwise_fails_the_step_too(how: str) -> None:
    host, execution = go({"Main": runbook(automation("r", "Child")), "Child": runbook(pause("p", timeoutSeconds=9))})
    child = next(key for key in host.executions if key != execution)
    if how == "cancelled":
        host.stop(child)
    else:
        host.advance(9)
    assert (host.status(execution), host.statuses(execution)) == ("Failed", {"r": "Failed"})


def test_a_start_that_is_refused_fails_the_step() -> None:
    needy = runbook(call("c"), parameters={"P": {"type": "String"}})
    for documents in ({"Main": runbook(automation("r", "Child"))}, {"Main": runbook(automation("r", "N")), "N": needy}):
        host, execution = go(documents)
        assert host.status(execution) == "Failed"


def test_each_attempt_starts_a_child_of_its_own() -> None:
    host, execution = go(
        {"Main": runbook(automation("r", "Child", maxAttempts=3)), "Child": CHILD}, lambda ask: Fails()
    )
    assert (len(host.children), len({ask.attempt_id for ask in host.children})) == (3, 3)
    assert host.status(execution) == "Failed"


def test_a_step_that_times_out_cancels_its_child() -> None:
    documents = {"Main": runbook(automation("r", "Child", timeoutSeconds=60)), "Child": runbook(pause("p"))}
    host, execution = go(documents)
    host.advance(60)
    child = next(key for key in host.executions if key != execution)
    assert (host.status(execution), host.status(child)) == ("TimedOut", "Cancelled")


def test_five_levels_below_the_top_are_enough() -> None:
    documents: dict[str, Any] = {f"D{n}": runbook(automation("r", f"D{n + 1}")) for n in range(7)}
    documents["Main"] = runbook(automation("r", "D1"))
    host = Host(documents)
    execution = host.start()
    assert host.status(execution) == "Failed"
    assert len(host.executions) == 6
    deepest = list(host.executions)[-1]
    assert "nested deeper than 5 levels" in host.view(deepest)["FailureMessage"]


def test_the_outputs_of_executions_in_other_places_are_not_returned() -> None:
    step = automation("r", "Child")
    step["inputs"]["TargetLocations"] = [{"Accounts": ["111122223333"], "Regions": ["eu-west-1"]}]
    host, execution = go({"Main": runbook(step), "Child": CHILD}, lambda ask: {"Payload": {"v": "x", "l": []}})
    assert host.step(execution, "r").outputs["Output"] == []


def test_a_child_that_is_known_late_is_stopped_late() -> None:
    host = Host({"Main": runbook(automation("r", "Child")), "Child": runbook(pause("p"))})
    host._start_child = lambda key, ask: host.children.append(ask)  # type: ignore[method-assign]
    host.acknowledges = False
    execution = host.start()
    host.stop(execution)
    asked = host.children[0]
    of: Any = {"step_execution_id": asked.step_execution_id, "attempt": 1, "execution_id": "late"}
    host.executions["late"] = host.executions[execution]
    before = len(host.stopped)
    walked = ChildStarted(**of)
    host._stop = lambda key, ask: host.stopped.append(ask)  # type: ignore[method-assign]
    host.tell(execution, walked)
    assert [ask.child_execution_id for ask in host.stopped[before:]] == ["late"]
    host.tell(execution, ChildEnded(**of, status=ExecutionStatus.CANCELLED))
    assert host.status(execution) == "Cancelled"
