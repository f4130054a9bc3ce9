from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.remediation.environment import alarm_file, is_script_variable, script_environment
from wakeless.remediation.plan import Plan, ScriptLanguage, ScriptRef
from wakeless.remediation.template import MAX_VALUE, ValueMissing

ALARM = Alarm(
    source="cloudwatch",
    fingerprint="f",
    dedup_key="d",
    state=AlarmState.ALARM,
    previous_state=AlarmState.OK,
    name="web is down",
    changed_at=datetime(2026, 1, 1, tzinfo=UTC),
    reason="$(reboot) `x`\n'quote'",
    namespace="CustomNamespace",
    metric="webapp-uptime",
    dimensions={"InstanceId": "i-0abc", "mount point": "/"},
    labels={"severity": "critical"},
    raw={"Trigger": {"Größe": 1}},
)
PLAN = Plan(
    script=ScriptRef(key="a#b.sh", language=ScriptLanguage.SHELL, uri="file:///a", version="sha256:1", sha256="1"),
    target="web-1",
    rule="restart web",
    parameters={"service": "webapp", "Empty": ""},
)


def environment(alarm: Alarm = ALARM, plan: Plan = PLAN) -> dict[str, str]:
    return script_environment(alarm, plan, incident_id="inc-1", attempt_id="att-1", attempt_number=2)


def test_a_script_is_told_the_alarm_its_target_and_its_parameters() -> None:
    assert environment() == {
        "WAKELESS_INCIDENT_ID": "inc-1",
        "WAKELESS_ATTEMPT_ID": "att-1",
        "WAKELESS_ATTEMPT": "2",
        "WAKELESS_RULE": "restart web",
        "WAKELESS_SCRIPT": "a#b.sh",
        "WAKELESS_TARGET": "web-1",
        "WAKELESS_SOURCE": "cloudwatch",
        "WAKELESS_METRIC": "webapp-uptime",
        "WAKELESS_NAMESPACE": "CustomNamespace",
        "WAKELESS_ALARM_NAME": "web is down",
        "WAKELESS_ALARM_STATE": "ALARM",
        "WAKELESS_ALARM_CHANGED_AT": "2026-01-01T00:00:00+00:00",
        "WAKELESS_ALARM_REASON": "$(reboot) `x`\n'quote'",
        "WAKELESS_DIMENSION_INSTANCEID": "i-0abc",
        "WAKELESS_DIMENSION_MOUNT_POINT": "/",
        "WAKELESS_LABEL_SEVERITY": "critical",
        "WAKELESS_PARAM_SERVICE": "webapp",
        "WAKELESS_PARAM_EMPTY": "",
    }


def test_names_that_become_alike_are_numbered_in_alphabetical_order() -> None:
    told = environment(replace(ALARM, labels={"a_b": "3", "a-b": "1", "a.b": "2", "A_B_2": "own"}))
    labels = {name: value for name, value in told.items() if "_LABEL_" in name}
    assert labels == {
        "WAKELESS_LABEL_A_B_2": "own",
        "WAKELESS_LABEL_A_B": "1",
        "WAKELESS_LABEL_A_B_3": "2",
        "WAKELESS_LABEL_A_B_4": "3",
    }


def test_prose_is_shortened_and_cleaned_while_values_are_refused() -> None:
    told = environment(replace(ALARM, reason="x" * 100_000 + "\0", description="a\0b\ud800"))
    assert len(told["WAKELESS_ALARM_REASON"]) == 4096
    assert told["WAKELESS_ALARM_DESCRIPTION"] == "a\N{REPLACEMENT CHARACTER}b?"
    for bad in ("a\0b", "\ud800", "x" * (MAX_VALUE + 1)):
        with pytest.raises(ValueMissing, match="WAKELESS_DIMENSION_D"):
            environment(replace(ALARM, dimensions={"d": bad}))
        with pytest.raises(ValueMissing, match="WAKELESS_ALARM_NAME"):
            environment(replace(ALARM, name=bad))


def test_an_alarm_with_more_than_fits_is_refused() -> None:
    with pytest.raises(ValueMissing, match="together"):
        environment(replace(ALARM, labels={f"l{number}": "x" * 1000 for number in range(100)}))
    with pytest.raises(ValueMissing, match="too long"):
        environment(replace(ALARM, labels={"l" * 1000: "x"}))


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=10))
def test_every_label_arrives_once_under_a_name_that_a_shell_can_read(labels: dict[str, str]) -> None:
    try:
        told = environment(replace(ALARM, labels=labels))
    except ValueMissing:
        return
    ours = {name: value for name, value in told.items() if name.startswith("WAKELESS_LABEL_")}
    assert sorted(ours.values()) == sorted(labels.values())
    assert all(
        name.isascii() and name.replace("_", "").isalnum() and name == name.upper() for name in ours if name[-1] != "_"
    )


def test_every_variable_is_known_as_one_of_the_scripts() -> None:
    told = environment(
        replace(ALARM, annotations={"a": "b"}, arn="arn", account="1", region="r", url="u", description="d")
    )
    assert all(is_script_variable(name) for name in told)
    assert not is_script_variable("WAKELESS_LISTEN")
    assert not is_script_variable("WAKELESS_TARGETS")


def test_the_file_has_the_whole_alarm_as_json() -> None:
    record = json.loads(alarm_file(ALARM))
    assert record["dimensions"] == {"InstanceId": "i-0abc", "mount point": "/"}
    assert record["raw"] == {"Trigger": {"Größe": 1}}
    assert record["previous_state"] == "OK"
    assert alarm_file(replace(ALARM, name="\ud800")).isascii()
