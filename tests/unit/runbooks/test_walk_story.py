"""Story B: a service is scaled up behind an approval gate that opens by itself when nobody says no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.runbooks.docs import automation, call, runbook, script, sleep
from tests.unit.runbooks.scripted import CALLER, Fails, Host

from wakeless.runbooks.walk.events import RunAction

OWNER = "arn:aws:iam::111122223333:role/Owner"
SESSION = "arn:aws:sts::111122223333:assumed-role/Owner/ann"

TIMER = runbook(
    sleep("SleepTimer", "{{ Timer }}"),
    call(
        "ApproveAutomation",
        {
            "Service": "ssm",
            "Api": "SendAutomationSignal",
            "AutomationExecutionId": "{{ AutomationExecutionId }}",
            "SignalType": "Approve",
        },
    ),
    parameters={"AutomationExecutionId": {"type": "String"}, "Timer": {"type": "String"}},
)
APPROVE = {"Approvers": ["{{ ApproverArn }}", CALLER], "NotificationArn": "{{ Topic }}", "Message": "{{ Message }}"}
GATE_PARAMETERS = {name: {"type": "String"} for name in ("Timer", "Topic", "Message", "ApproverArn")}
GATE = runbook(
    script("executeAutoApproveTimer", {"id": "{{ automation:EXECUTION_ID }}", "timer": "{{ Timer }}"}),
    {"name": "ApproveOrDeny", "action": "aws:approve", "onFailure": "Abort", "inputs": APPROVE},
    parameters=GATE_PARAMETERS,
)
UPDATE = {"Service": "ecs", "Api": "UpdateService", "desiredCount": "{{ Count }}", "forceNewDeployment": True}
SCALE = runbook(
    automation("executeApprovalGate", "Gate", {name: f"{{{{ {name} }}}}" for name in GATE_PARAMETERS}),
    call("updateECSServiceDesiredCount", UPDATE),
    parameters={**GATE_PARAMETERS, "Timer": {"type": "String", "default": "PT10M"}, "Count": {"type": "Integer"}},
)


class World:
    """Starts the timer's execution when the script asks for it, and sends the timer's signal."""

    def __init__(self) -> None:
        self.host = Host({"Main": SCALE, "Gate": GATE, "Timer": TIMER}, self)
        self.ecs: Any = {"service": {}}

    def __call__(self, ask: RunAction) -> Mapping[str, Any] | Fails:
        if ask.step == "executeAutoApproveTimer":
            given: Any = ask.inputs["InputPayload"]
            parameters = {"AutomationExecutionId": given["id"], "Timer": given["timer"]}
            return {"Payload": self.host.start("Timer", parameters, run=False)}
        if ask.step == "ApproveAutomation":
            self.host.signal(str(ask.inputs["AutomationExecutionId"]), "Approve", {}, CALLER)
            return {}
        return self.ecs  # type: ignore[no-any-return]

    def start(self) -> str:
        parameters = {"Timer": "PT10M", "Topic": "arn:t", "Message": "more?", "ApproverArn": OWNER, "Count": 100}
        return self.host.start(parameters=parameters)

    @property
    def gate(self) -> str:
        return list(self.host.executions)[1]


def test_silence_is_approval_when_the_timer_lapses() -> None:
    world = World()
    execution = world.start()
    assert [ask.approvers for ask in world.host.asked] == [(OWNER, CALLER)]
    world.host.advance(599)
    assert world.host.status(execution) == "InProgress"
    world.host.advance(1)
    assert world.host.status(execution) == "Success"
    update = world.host.ran[-1]
    assert (update.inputs["desiredCount"], update.inputs["forceNewDeployment"]) == (100, True)


def test_the_owner_may_approve_at_once() -> None:
    world = World()
    execution = world.start()
    world.host.signal(world.gate, "Approve", {}, SESSION)
    assert world.host.status(execution) == "Success"


def test_a_denial_fails_the_gate_and_nothing_is_changed() -> None:
    world = World()
    execution = world.start()
    world.host.signal(world.gate, "Reject", {"Comment": ["too dear"]}, SESSION)
    assert world.host.status(world.gate) == world.host.status(execution) == "Failed"
    assert "too dear" in world.host.view(execution)["FailureMessage"]
    assert all(ask.step != "updateECSServiceDesiredCount" for ask in world.host.ran)


def test_a_refused_call_fails_the_runbook() -> None:
    world = World()
    world.ecs = Fails("AccessDeniedException")
    execution = world.start()
    world.host.advance(600)
    assert world.host.status(execution) == "Failed"
    assert world.host.statuses(execution)["executeApprovalGate"] == "Success"


@pytest.mark.parametrize("stop", ["Cancel", "Complete"])
def test_stopping_the_runbook(stop: str) -> None:
    world = World()
    execution = world.start()
    world.host.stop(execution, stop)
    if stop == "Cancel":
        assert world.host.status(world.gate) == world.host.status(execution) == "Cancelled"
    else:
        world.host.signal(world.gate, "Approve", {}, SESSION)
        assert (world.host.status(execution), len(world.host.executed(execution))) == ("Success", 1)
