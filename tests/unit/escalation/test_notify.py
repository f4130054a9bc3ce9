"""What people read, and that nothing foreign gets the better of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.escalation.notify import TITLE_LIMIT, AttemptSummary, Places, compose
from wakeless.escalation.ports import Message, MessageKind
from wakeless.incidents.incident import Incident, Status
from wakeless.remediation.plan import Approval, NoPlan, Plan, Policy, ScriptLanguage, ScriptRef

FIRED = datetime(2026, 1, 1, 3, 12, 5, tzinfo=UTC)
NOW = FIRED + timedelta(seconds=250)
ALARM = Alarm(
    source="embedded",
    fingerprint="embedded:arn:aws:cloudwatch:us-east-1:000000000000:alarm:webapp-down",
    dedup_key="d",
    state=AlarmState.ALARM,
    name="webapp-down",
    changed_at=FIRED,
    reason="Threshold Crossed: 1 datapoint [0.0 (01/01/26 03:11:00)] was less than the threshold (1.0).",
    description="The web application answers.",
    namespace="CustomNamespace",
    metric="webapp-uptime",
    dimensions={"InstanceId": "i-0123456789abcdef0"},
    account="000000000000",
    region="us-east-1",
)
INCIDENT = Incident(
    id="inc-01kdvz0000000000000000000a",
    fingerprint=ALARM.fingerprint,
    status=Status.ESCALATED,
    alarm=ALARM,
    alarm_state=AlarmState.ALARM,
    alarm_changed_at=FIRED,
    opened_at=FIRED,
    updated_at=NOW,
)
PLAN = Plan(
    script=ScriptRef(
        key="webapp-uptime#CustomNamespace.sh",
        language=ScriptLanguage.SHELL,
        uri="file:///srv/remediations/webapp-uptime%23CustomNamespace.sh",
        version="sha256:abc",
        sha256="abc",
    ),
    target="web-1",
    rule="by name",
    parameters={"SERVICE": "webapp"},
)
ATTEMPTS = (
    AttemptSummary(
        id="att-1", number=1, script=PLAN.script.key, target="web-1", began_at=FIRED + timedelta(seconds=2),
        ended_at=FIRED + timedelta(seconds=6.1), result="failed", exit_code=1,
        output="starting webapp\nJob for webapp.service failed.\nSee 'journalctl -xeu webapp'.\n",
    ),
    AttemptSummary(
        id="att-2", number=2, script=PLAN.script.key, target="web-1", began_at=FIRED + timedelta(seconds=66),
        ended_at=FIRED + timedelta(seconds=67), result="succeeded", exit_code=0, detail="the alarm is still ALARM",
    ),
)  # fmt: skip
PLACES = Places(base_url="https://wakeless.example.org/")


def message(kind: MessageKind = MessageKind.ESCALATED, incident: Incident = INCIDENT, **changes: object) -> Message:
    arguments: dict[str, object] = {
        "message_id": "msg-1",
        "plan": PLAN,
        "attempts": ATTEMPTS,
        "reason": "2 of 2 attempts made; still failing",
        "now": NOW,
        "places": PLACES,
    }
    return compose(kind, incident=incident, **(arguments | changes))  # type: ignore[arg-type]


def test_escalation_says_everything_in_the_order_it_is_needed() -> None:
    told = message()
    assert told.title == "webapp-down on web-1: not fixed after 2 attempts, a person is needed"
    assert told.text == (
        "webapp-down on web-1 is in ALARM since 2026-01-01 03:12:05 UTC (4 min ago).\n"
        "  Threshold Crossed: 1 datapoint [0.0 (01/01/26 03:11:00)] was less than the threshold (1.0).\n"
        "  The web application answers.\n"
        "  CustomNamespace webapp-uptime, InstanceId=i-0123456789abcdef0, account 000000000000, us-east-1\n"
        "\n"
        "Why a person is needed\n"
        "  2 of 2 attempts made; still failing\n"
        "\n"
        "What was tried\n"
        "  1. 2026-01-01 03:12:07 UTC webapp-uptime#CustomNamespace.sh on web-1: failed, exit code 1, after 4.1 s\n"
        "     | starting webapp\n"
        "     | Job for webapp.service failed.\n"
        "     | See 'journalctl -xeu webapp'.\n"
        "  2. 2026-01-01 03:13:11 UTC webapp-uptime#CustomNamespace.sh on web-1: succeeded, exit code 0, after 1.0 s\n"
        "     the alarm is still ALARM\n"
        "     (no output)\n"
        "\n"
        "Where to look\n"
        "  https://wakeless.example.org/v1/incidents/inc-01kdvz0000000000000000000a\n"
        "  wakeless incidents show inc-01kdvz0000000000000000000a\n"
        "  wakeless incidents retry inc-01kdvz0000000000000000000a    once you have mended what stood in the way\n"
    )


def test_names_that_were_looked_for_are_listed() -> None:
    nothing = NoPlan(
        code="not_found",
        reason="no remediation found",
        looked_for=("webapp-uptime#CustomNamespace.sh", "webapp-uptime#CustomNamespace.py"),
    )
    told = message(plan=nothing, attempts=(), reason=nothing.reason)
    assert told.title == "webapp-down on i-0123456789abcdef0: not fixed, a person is needed"
    assert (
        "No remediation was found under any of these names\n"
        "  webapp-uptime#CustomNamespace.sh\n  webapp-uptime#CustomNamespace.py\n" in told.text
    )
    assert told.data["looked_for"] == list(nothing.looked_for)
    assert told.data["remediation"] is None
    again = message(plan=None, attempts=(), reason="none", looked_for=nothing.looked_for)
    assert again.data["looked_for"] == list(nothing.looked_for)


def test_resolution_says_how_long_it_took() -> None:
    over = replace(
        INCIDENT, status=Status.RESOLVED, alarm_state=AlarmState.OK, resolved_at=FIRED + timedelta(minutes=7)
    )
    told = message(MessageKind.RESOLVED, over, reason="The alarm is OK again after attempt 2", in_reply_to="<x@y>")
    assert told.title == "webapp-down on web-1: OK again after 7 min"
    assert "is over: 2026-01-01 03:12:05 UTC to 2026-01-01 03:19:05 UTC" in told.text
    assert "retry" not in told.text
    assert told.in_reply_to == "<x@y>"


def test_escalation_that_comes_late_says_that_it_is_over() -> None:
    over = replace(
        INCIDENT, status=Status.RESOLVED, alarm_state=AlarmState.OK, resolved_at=FIRED + timedelta(minutes=7)
    )
    told = message(MessageKind.ESCALATED, over)
    assert told.title == "webapp-down on web-1: was in trouble, OK again after 7 min"
    assert "nothing has to be done about it any more" in told.text


def test_hold_says_why_and_what_waits() -> None:
    told = message(
        MessageKind.HELD, replace(INCIDENT, status=Status.HELD), attempts=(), reason="maintenance until 04:00"
    )
    assert told.title == "webapp-down on web-1: automation is held"
    assert "Why automation keeps its hands off\n  maintenance until 04:00\n" in told.text
    assert "  webapp-uptime#CustomNamespace.sh on web-1 (rule: by name)\n" in told.text


def test_request_for_approval_says_what_silence_means() -> None:
    approval = Approval(approvers=("ops",), quorum=2, auto_approve_after=600)
    plan = replace(PLAN, policy=Policy(approval=approval))
    waiting = replace(INCIDENT, status=Status.AWAITING_APPROVAL)
    told = message(MessageKind.APPROVAL_REQUESTED, waiting, plan=plan, attempts=(), reason="Approval of ops is needed")
    assert told.title == "webapp-down on web-1: may webapp-uptime#CustomNamespace.sh be run?"
    assert "2 people must approve." in told.text
    assert "Without an answer it is run after 10 min." in told.text
    assert "SERVICE = webapp" in told.text
    assert f"wakeless incidents approve {INCIDENT.id}" in told.text
    denying = replace(plan, policy=Policy(approval=replace(approval, auto_approve_after=None, auto_deny_after=90)))
    told = message(MessageKind.APPROVAL_REQUESTED, waiting, plan=denying, attempts=(), reason="Approval is needed")
    assert "Without an answer it is not run; asked for 90 s." in told.text


def test_without_an_address_only_the_command_is_shown() -> None:
    told = message(places=None)
    assert "http" not in told.text
    assert "wakeless incidents show" in told.text


def test_labels_stand_in_for_dimensions() -> None:
    alarm = replace(
        ALARM, dimensions={}, labels={"instance": "web-1:9100"}, annotations={"summary": "Root volume full"}
    )
    told = message(incident=replace(INCIDENT, alarm=alarm), plan=None)
    assert told.title.startswith("webapp-down on web-1:9100:")
    assert "  Root volume full\n" in told.text


def test_foreign_text_cannot_pass_for_ours_nor_touch_the_terminal() -> None:
    evil = "ok\n\nWhere to look\n  http://evil.example\x1b[2J\x1b]0;title\x07\u202egnp.exe\r\nBcc: x@y"
    alarm = replace(ALARM, reason=evil, name=f"name\r\nBcc: {evil}")
    attempt = replace(ATTEMPTS[0], output="10 %\r50 %\r100 %\n\x1b[31mred\x1b[0m\x00\udc80")
    told = message(incident=replace(INCIDENT, alarm=alarm), attempts=[attempt])
    assert "\nWhere to look\n  https://wakeless" in told.text
    assert told.text.count("\nWhere to look\n") == 1
    assert "\n" not in told.title
    assert "| 100 %\n     | red\ufffd\n" in told.text
    for text in (told.title, told.text, json.dumps(told.data, ensure_ascii=False)):
        assert not set(text) & set("\x00\x1b\x07\r\u202e")
        text.encode()


def test_gigantic_input_gives_a_bounded_message() -> None:
    huge = "x" * 1_000_000
    alarm = replace(ALARM, name=huge, reason=huge, description="\n".join("y" * 50 for _ in range(10_000)))
    attempts = [replace(ATTEMPTS[0], number=n, output=f"{huge}\n" * 3, detail=huge) for n in range(1, 40)]
    nothing = NoPlan(code="not_found", reason=huge, looked_for=tuple(f"{n}{huge[:5000]}" for n in range(100)))
    told = message(incident=replace(INCIDENT, alarm=alarm), plan=nothing, attempts=attempts, reason=huge)
    assert len(told.title) <= TITLE_LIMIT
    assert len(told.text) < 40_000
    assert "(34 earlier attempts not shown)" in told.text
    assert "… and 80 more" in told.text


@pytest.mark.parametrize("kind", list(MessageKind))
@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("plan", [PLAN, NoPlan(code="not_found", reason="none"), None])
def test_every_kind_can_be_told_of_every_incident(
    kind: MessageKind, status: Status, plan: Plan | NoPlan | None
) -> None:
    told = message(kind, replace(INCIDENT, status=status), plan=plan)
    assert told.kind is kind
    json.dumps(told.data, allow_nan=False)


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=2000))
def test_any_text_gives_one_line_of_title_and_valid_utf8(name: str, reason: str, output: str) -> None:
    alarm = replace(ALARM, name=name, reason=reason, labels={reason: name})
    told = message(
        incident=replace(INCIDENT, alarm=alarm), attempts=[replace(ATTEMPTS[0], output=output)], reason=reason
    )
    assert len(told.title.splitlines()) == 1
    assert len(told.title) <= TITLE_LIMIT
    assert not [c for c in told.text if ord(c) < 32 and c not in "\n\t"]
    json.dumps(told.data).encode()
    told.text.encode()
