"""Signals: approvals, pauses, and what cannot be taken (sections 3.1, 3.17 and 6.5)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.runbooks.docs import approve, call, pause, runbook
from tests.unit.runbooks.scripted import Host, Script, quiet

from wakeless.runbooks.principals import approver_for, stands_for
from wakeless.runbooks.walk.errors import InvalidSignal, StepNotFound
from wakeless.runbooks.walk.events import StepFailed
from wakeless.runbooks.walk.state import Failure, Mode

ANN = "arn:aws:iam::111122223333:user/Ann"
BOB = "arn:aws:iam::111122223333:user/team/Bob"
OPS = "arn:aws:iam::111122223333:role/Ops"
OPS_1 = "arn:aws:sts::111122223333:assumed-role/Ops/one"
OPS_2 = "arn:aws:sts::111122223333:assumed-role/Ops/two"


def go(document: dict[str, Any], script: Script = quiet, **parameters: Any) -> tuple[Host, str]:
    host = Host({"Main": document}, script)
    return host, host.start(parameters=parameters)


@pytest.mark.parametrize(
    ("approver", "caller", "covers"),
    [
        ("Ann", ANN, True),
        ("Bob", BOB, True),
        (ANN, ANN, True),
        (BOB, BOB, True),
        (OPS, OPS, True),
        (OPS, OPS_1, True),
        ("arn:aws:iam::111122223333:role/path/Ops", OPS_1, True),
        ("arn:aws-us-gov:iam::111122223333:role/Ops", "arn:aws-us-gov:sts::111122223333:assumed-role/Ops/x", True),
        (OPS_1, OPS_1, True),
        ("ann@example.com", "ann@example.com", True),
        ("ann", ANN, False),
        ("nn", ANN, False),
        ("Ann", "arn:aws:iam::999999999999:user/Ann", False),
        ("arn:aws:iam::999999999999:role/Ops", OPS_1, False),
        ("arn:aws:iam::111122223333:role/Op", OPS_1, False),
        (OPS_2, OPS_1, False),
        ("Ops", OPS_1, False),
        ("team", BOB, False),
        ("", "", False),
        ("Ann", "", False),
        ("Ann", "arn:aws:iam::111122223333:user/Ann\n", False),
    ],
)
def test_a_listed_approver_covers_a_caller(approver: str, caller: str, covers: bool) -> None:
    assert stands_for(approver, caller, "111122223333") is covers
    assert approver_for(("nobody", approver), caller, "111122223333") == (approver if covers else None)


def test_approvers_are_asked_with_everything_they_need() -> None:
    step = approve("ap", "{{ Who }}", required="{{ N }}", timeoutSeconds=60)
    step["inputs"] |= {"NotificationArn": "arn:t", "Message": "Go in {{ global:REGION }}?"}
    parameters = {"Who": {"type": "StringList"}, "N": {"type": "Integer"}}
    host, _ = go(runbook(step, parameters=parameters), Who=["Ann", "Bob", "Ann"], N=2)
    asked = host.asked[0]
    assert (asked.approvers, asked.required, asked.topic, asked.message) == (
        ("Ann", "Bob"),
        2,
        "arn:t",
        "Go in us-east-1?",
    )


def test_enough_approvals_let_the_execution_go_on() -> None:
    host, execution = go(runbook(approve("ap", "Ann", "Bob", OPS, required=2), call("b")))
    host.signal(execution, "Approve", {"Comment": ["fine"]}, ANN)
    assert (host.status(execution), host.step(execution, "ap").outputs["ApprovalStatus"]) == ("Waiting", "Waiting")
    host.signal(execution, "Approve", {}, OPS_1)
    assert host.status(execution) == "Success"
    outputs = host.step(execution, "ap").outputs
    assert outputs["ApprovalStatus"] == "Approved"
    assert [(d["Approver"], d["Principal"], d["Comment"]) for d in outputs["ApproverDecisions"]] == [  # type: ignore[union-attr,index,call-overload]
        ("Ann", ANN, "fine"),
        (OPS, OPS_1, ""),
    ]


def test_an_approver_counts_once_however_often_and_from_wherever() -> None:
    host, execution = go(runbook(approve("ap", "Ann", OPS, required=2)))
    for caller in (OPS_1, OPS_1, OPS_2):
        host.signal(execution, "Approve", {}, caller)
        assert host.status(execution) == "Waiting"


@pytest.mark.parametrize("before", [[], [("Approve", ANN)], [("Approve", BOB)]])
def test_one_rejection_ends_it(before: list[tuple[str, str]]) -> None:
    host, execution = go(runbook(approve("ap", "Ann", "Bob", required=2), call("b")))
    for kind, caller in before:
        host.signal(execution, kind, {}, caller)
    host.signal(execution, "Reject", {"Comment": ["not now"]}, ANN)
    assert (host.status(execution), host.statuses(execution)) == ("Failed", {"ap": "Failed", "b": "Pending"})
    assert host.step(execution, "ap").outputs["ApprovalStatus"] == "Rejected"
    assert "rejected by Ann: not now" in host.view(execution)["FailureMessage"]


def test_a_rejection_follows_on_failure() -> None:
    host, execution = go(runbook(approve("ap", "Ann", onFailure="step:c", isCritical=False), call("b"), call("c")))
    host.signal(execution, "Reject", {}, ANN)
    assert (host.status(execution), host.executed(execution)) == ("Success", ["ap", "c"])


def test_an_approval_can_be_revoked_by_who_gave_it() -> None:
    host, execution = go(runbook(approve("ap", "Ann", "Bob", required=2)))
    host.signal(execution, "Approve", {}, ANN)
    with pytest.raises(InvalidSignal):
        host.signal(execution, "Revoke", {}, BOB)
    host.signal(execution, "Revoke", {}, ANN)
    host.signal(execution, "Approve", {}, BOB)
    assert host.status(execution) == "Waiting"
    host.signal(execution, "Approve", {}, ANN)
    assert host.status(execution) == "Success"


@pytest.mark.parametrize("kind", ["Approve", "Reject", "Revoke"])
def test_strangers_are_refused(kind: str) -> None:
    host, execution = go(runbook(approve("ap", "Ann")))
    with pytest.raises(InvalidSignal, match="is not an approver"):
        host.signal(execution, kind, {}, "arn:aws:iam::111122223333:user/Eve")
    assert host.status(execution) == "Waiting"


@pytest.mark.parametrize(
    ("approvers", "required"),
    [([], 1), (["Ann"], 2), (["Ann"], 0), (["Ann", "Ann"], 2), ([f"u{n}" for n in range(11)], 1)],
)
def test_impossible_terms_fail_the_step_at_once(approvers: list[str], required: int) -> None:
    step = approve("ap", "{{ Who }}", required="{{ N }}")
    parameters = {"Who": {"type": "StringList"}, "N": {"type": "Integer"}}
    host, execution = go(runbook(step, parameters=parameters), Who=approvers, N=required)
    shown = host.view(execution)["StepExecutions"][0]
    assert (shown["StepStatus"], shown["FailureDetails"]["FailureStage"]) == ("Failed", "InputValidation")
    assert host.asked == []


def test_a_notice_that_cannot_be_sent_fails_the_step() -> None:
    host, execution = go(runbook(approve("ap", "Ann")))
    failure = Failure(message="no such topic")
    host.tell(execution, StepFailed(step_execution_id=host.asked[0].step_execution_id, attempt=1, failure=failure))
    assert (host.status(execution), host.view(execution)["FailureMessage"]) == ("Failed", "no such topic")


def test_resume_needs_the_name_of_the_paused_step() -> None:
    host, execution = go(runbook(pause("p"), call("b")))
    for payload, error in (
        ({}, InvalidSignal),
        ({"StepName": []}, InvalidSignal),
        ({"StepName": ["p", "p"]}, InvalidSignal),
        ({"StepName": ["b"]}, InvalidSignal),
        ({"StepName": ["nobody"]}, StepNotFound),
    ):
        with pytest.raises(error):
            host.signal(execution, "Resume", payload)
    host.signal(execution, "Resume", {"StepName": ["p"]})
    assert host.status(execution) == "Success"


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("Approve", {}),
        ("Reject", {}),
        ("Revoke", {}),
        ("Resume", {"StepName": ["a"]}),
        ("StartStep", {"StepName": ["a"]}),
        ("StopStep", {"StepExecutionId": ["x"]}),
    ],
)
def test_a_signal_that_nothing_waits_for_is_refused(kind: str, payload: dict[str, list[str]]) -> None:
    for script in (lambda ask: None, quiet):  # running, and over
        host, execution = go(runbook(call("a")), script)
        with pytest.raises(InvalidSignal):
            host.signal(execution, kind, payload, ANN)


@pytest.mark.parametrize(
    ("kind", "payload", "error"),
    [
        ("StartStep", {}, InvalidSignal),
        ("StartStep", {"StepName": ["b"]}, InvalidSignal),
        ("StartStep", {"StepName": ["nobody"]}, StepNotFound),
        ("StopStep", {}, InvalidSignal),
        ("StopStep", {"StepExecutionId": ["unknown"]}, StepNotFound),
    ],
)
def test_interactive_signals_must_fit(kind: str, payload: dict[str, list[str]], error: type[Exception]) -> None:
    host = Host({"Main": runbook(call("a"), call("b"))})
    execution = host.start(mode=Mode.INTERACTIVE)
    with pytest.raises(error):
        host.signal(execution, kind, payload)


def test_a_step_that_does_not_run_any_more_cannot_be_stopped() -> None:
    host = Host({"Main": runbook(call("a"), call("b"))})
    execution = host.start(mode=Mode.INTERACTIVE)
    host.signal(execution, "StartStep", {"StepName": ["a"]})
    with pytest.raises(InvalidSignal):
        host.signal(execution, "StopStep", {"StepExecutionId": [host.step(execution, "a").id]})
