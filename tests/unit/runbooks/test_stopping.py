"""Cancelling and completing (section 4.4)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.runbooks.docs import approve, automation, branch, call, each, pause, runbook, sleep, when
from tests.unit.runbooks.scripted import Fails, Host, Script, quiet

from wakeless.runbooks.walk.errors import InvalidStatusUpdate
from wakeless.runbooks.walk.events import StepFinished
from wakeless.runbooks.walk.state import Mode


def go(document: dict[str, Any], script: Script = quiet, **documents: Any) -> tuple[Host, str]:
    host = Host({"Main": document, **documents}, script)
    return host, host.start()


def never(*names: str) -> Script:
    return lambda ask: None if ask.step in names else {}


@pytest.mark.parametrize("step", [sleep("w"), pause("w"), approve("w", "Ann"), call("w")])
def test_cancel_ends_the_running_step_and_leaves_the_others_pending(step: dict[str, Any]) -> None:
    host, execution = go(runbook(step, call("b")), never("w"))
    host.stop(execution)
    assert host.status(execution) == "Cancelled"
    assert host.statuses(execution) == {"w": "Cancelled", "b": "Pending"}
    assert [ask.awaited for ask in host.stopped] == [True] * (step["action"] == "aws:executeAwsApi")


def test_an_action_that_does_not_say_that_it_has_stopped_is_waited_for_two_minutes() -> None:
    host, execution = go(runbook(call("a")), never("a"))
    host.acknowledges = False
    host.stop(execution)
    assert (host.status(execution), host.statuses(execution)) == ("Cancelling", {"a": "Cancelling"})
    host.advance(119)
    assert host.status(execution) == "Cancelling"
    host.advance(1)
    assert (host.status(execution), host.statuses(execution)) == ("Cancelled", {"a": "Cancelled"})


def test_cancelling_twice_is_cancelling_once_and_a_finished_execution_cannot_be_stopped() -> None:
    host, execution = go(runbook(call("a")), never("a"))
    host.acknowledges = False
    host.stop(execution)
    host.stop(execution)
    assert len(host.stopped) == 1
    with pytest.raises(InvalidStatusUpdate):
        host.stop(execution, "Complete")
    host.advance(120)
    for kind in ("Cancel", "Complete"):
        with pytest.raises(InvalidStatusUpdate):
            host.stop(execution, kind)


def test_an_execution_that_has_not_begun_can_be_cancelled() -> None:
    host = Host({"Main": runbook(call("a"))})
    execution = host.start(run=False)
    host._events.clear()
    host.stop(execution)
    assert (host.status(execution), host.statuses(execution)) == ("Cancelled", {"a": "Pending"})


def test_on_cancel_begins_a_workflow_that_ends_as_cancelled() -> None:
    document = runbook(
        sleep("w", onCancel="step:clean"), call("b", isEnd=True), call("clean"), call("more"), outputs=[]
    )
    host, execution = go(document)
    host.stop(execution)
    assert host.executed(execution) == ["w", "clean", "more"]
    assert host.status(execution) == "Cancelled"
    assert host.statuses(execution)["clean"] == "Success"


def test_a_cancellation_workflow_has_two_minutes() -> None:
    inputs = {"InstanceIds": ["i-1"], "DesiredState": "stopped"}
    clean = {"name": "clean", "action": "aws:changeInstanceState", "inputs": inputs}
    host, execution = go(runbook(sleep("w", onCancel="step:clean"), clean, call("more")), never("clean"))
    host.stop(execution)
    host.advance(119)
    assert (host.status(execution), host.statuses(execution)["clean"]) == ("Cancelling", "InProgress")
    host.advance(1)
    assert (host.status(execution), host.statuses(execution)["clean"]) == ("Cancelled", "Cancelled")
    assert [ask.awaited for ask in host.stopped] == [False]


def test_a_failure_in_a_cancellation_workflow_ends_it() -> None:
    host, execution = go(
        runbook(sleep("w", onCancel="step:clean"), call("clean"), call("more")),
        lambda ask: Fails() if ask.step == "clean" else {},
    )
    host.stop(execution)
    assert host.executed(execution) == ["w", "clean"]
    assert host.status(execution) == "Cancelled"


def test_a_workflow_branches_and_goes_on_after_failures_as_its_steps_say() -> None:
    document = runbook(
        sleep("w", onCancel="step:clean"),
        call("clean", onFailure="Continue"),
        branch("which", when("{{ automation:EXECUTION_ID }}", "x", "no"), default="yes"),
        call("no", isEnd=True),
        call("yes"),
    )
    host, execution = go(document, lambda ask: Fails() if ask.step == "clean" else {})
    host.stop(execution)
    assert host.executed(execution) == ["w", "clean", "which", "yes"]
    assert host.status(execution) == "Cancelled"


def test_a_step_that_ends_well_while_it_is_being_cancelled_has_succeeded() -> None:
    host, execution = go(runbook(call("a"), call("b")), never("a"))
    host.acknowledges = False
    host.stop(execution)
    host.tell(execution, StepFinished(step_execution_id=host.ran[0].step_execution_id, attempt=1))
    assert (host.status(execution), host.statuses(execution)) == ("Cancelled", {"a": "Success", "b": "Pending"})


def test_loops_around_the_running_step_are_cancelled_too() -> None:
    host, execution = go(runbook(each("l", ["x", "y"], sleep("w"))))
    host.stop(execution)
    assert host.statuses(execution) == {"l": "Cancelled", "w": "Cancelled"}


@pytest.mark.parametrize("inside", [True, False])
def test_a_workflow_may_begin_inside_the_loop_or_outside_and_repeats_nothing(inside: bool) -> None:
    inner = [sleep("w", onCancel="step:clean"), *([call("clean")] if inside else [])]
    document = runbook(each("l", ["x", "y"], *inner), *([] if inside else [call("clean")]))
    host, execution = go(document)
    host.stop(execution)
    assert host.executed(execution) == ["l", "w", "clean"]
    assert host.statuses(execution) == {"l": "Cancelled", "w": "Cancelled", "clean": "Success"}
    assert host.status(execution) == "Cancelled"


def test_children_are_cancelled_with_their_parent() -> None:
    host, execution = go(runbook(automation("r", "Child")), Child=runbook(sleep("w")))
    host.stop(execution)
    child = next(key for key in host.executions if key != execution)
    assert host.status(child) == "Cancelled"
    assert (host.status(execution), host.statuses(execution)) == ("Cancelled", {"r": "Cancelled"})


def test_complete_cuts_waiting_short_and_succeeds() -> None:
    for step in (sleep("w"), pause("w"), approve("w", "Ann")):
        host, execution = go(runbook(step, call("b")))
        host.stop(execution, "Complete")
        assert host.status(execution) == "Success"
        assert host.statuses(execution) == {"w": "Cancelled", "b": "Pending"}


def test_complete_lets_a_running_action_come_to_its_end() -> None:
    host, execution = go(runbook(call("a"), call("b")), never("a"))
    host.stop(execution, "Complete")
    assert host.status(execution) == "InProgress"
    host.tell(execution, StepFinished(step_execution_id=host.ran[0].step_execution_id, attempt=1))
    assert (host.status(execution), host.statuses(execution)) == ("Success", {"a": "Success", "b": "Pending"})


def test_complete_after_a_critical_failure_fails() -> None:
    host, execution = go(
        runbook(call("a", onFailure="Continue", isCritical=True), pause("w")),
        lambda ask: Fails("the reason"),
    )
    host.stop(execution, "Complete")
    assert (host.status(execution), host.view(execution)["FailureMessage"]) == ("Failed", "the reason")


def test_cancel_may_follow_complete() -> None:
    host, execution = go(runbook(call("a")), never("a"))
    host.stop(execution, "Complete")
    host.stop(execution, "Cancel")
    assert host.status(execution) == "Cancelled"


# -- interactive mode (section 4.6) ----------------------------------------------------------------------------------


def interactive(document: dict[str, Any], script: Script = quiet) -> tuple[Host, str]:
    host = Host({"Main": document}, script)
    return host, host.start(mode=Mode.INTERACTIVE)


def test_an_interactive_execution_waits_before_each_step_and_says_which_may_be_started() -> None:
    host, execution = interactive(runbook(call("a"), call("b")))
    assert (host.status(execution), host.statuses(execution)) == ("Waiting", {"a": "Pending", "b": "Pending"})
    host.signal(execution, "StartStep", {"StepName": ["a"]})
    assert host.status(execution) == "Waiting"
    assert host.view(execution)["StepExecutions"][0]["ValidNextSteps"] == ["b"]
    host.signal(execution, "StartStep", {"StepName": ["b"]})
    assert host.status(execution) == "Waiting"
    host.stop(execution, "Complete")
    assert (host.status(execution), host.executed(execution)) == ("Success", ["a", "b"])


def test_an_interactive_branch_offers_the_step_it_chose() -> None:
    document = runbook(branch("b", when("{{ global:REGION }}", "us-east-1", "z")), call("y"), call("z"))
    host, execution = interactive(document)
    host.signal(execution, "StartStep", {"StepName": ["b"]})
    assert host.view(execution)["StepExecutions"][0]["ValidNextSteps"] == ["z"]


def test_an_interactive_loop_runs_its_rounds_by_itself() -> None:
    host, execution = interactive(runbook(each("l", ["x", "y"], call("in")), call("b")))
    host.signal(execution, "StartStep", {"StepName": ["l"]})
    assert host.executed(execution) == ["l", "in", "in"]
    assert host.view(execution)["StepExecutions"][0]["ValidNextSteps"] == ["b"]


def test_an_interactive_step_that_waits_goes_back_to_waiting_for_the_operator() -> None:
    host, execution = interactive(runbook(pause("p"), call("b")))
    host.signal(execution, "StartStep", {"StepName": ["p"]})
    host.signal(execution, "Resume", {"StepName": ["p"]})
    assert (host.status(execution), host.statuses(execution)) == ("Waiting", {"p": "Success", "b": "Pending"})


@pytest.mark.parametrize("step", [sleep("w"), call("w")])
def test_stop_step_cancels_the_step_which_may_then_be_started_again(step: dict[str, Any]) -> None:
    host, execution = interactive(runbook(step, call("b")), never("w"))
    host.signal(execution, "StartStep", {"StepName": ["w"]})
    running = host.step(execution, "w").id
    host.signal(execution, "StopStep", {"StepExecutionId": [running]})
    assert (host.status(execution), host.statuses(execution)["w"]) == ("Waiting", "Cancelled")
    assert host.executions[execution].state.choices == ("w", "b")
    host.signal(execution, "StartStep", {"StepName": ["w"]})
    assert host.step(execution, "w").id != running


def test_an_abort_ends_an_interactive_execution() -> None:
    host, execution = interactive(runbook(call("a"), call("b")), lambda ask: Fails())
    host.signal(execution, "StartStep", {"StepName": ["a"]})
    assert host.status(execution) == "Failed"


def test_an_interactive_execution_can_be_cancelled_between_steps() -> None:
    host, execution = interactive(runbook(call("a")))
    host.stop(execution)
    assert host.status(execution) == "Cancelled"
