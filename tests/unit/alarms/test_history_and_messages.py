"""The shapes that were recorded from CloudWatch: history data, SNS messages, and the report made of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from wakeless.alarms import history
from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.definitions import (
    Actions,
    AlarmRecord,
    AlarmStatus,
    AlarmType,
    Comparison,
    CompositeAlarm,
    Definition,
    HistoryType,
    MetricAlarm,
    MetricQuery,
    MetricRef,
    MetricStat,
    MissingData,
    SuppressedBy,
)
from wakeless.alarms.describe import describe
from wakeless.alarms.message import Triggering, alarm_message, to_alarm

OK, ALARM, NO_DATA = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
TOPIC = "arn:aws:sns:us-east-1:000000000000:ops-alarms"
ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:disk-full-web-1"
PLACE = {"account": "000000000000", "region": "us-east-1"}
CONFIGURED = datetime(2025, 12, 20, 9, 15, 1, 100_000, tzinfo=UTC)
CHANGED = datetime(2026, 1, 1, 0, 4, 12, 301_000, tzinfo=UTC)
REASON = "Threshold Crossed: …"

DISK = MetricAlarm(
    name="disk-full-web-1",
    description="Root volume above 90 percent",
    actions=Actions(ok=(TOPIC,), alarm=(TOPIC,)),
    evaluation_periods=3,
    datapoints_to_alarm=2,
    threshold=90.0,
    comparison=Comparison.GREATER,
    treat_missing_data=MissingData.MISSING,
    stat=MetricStat(
        metric=MetricRef("CWAgent", "disk_used_percent", (("InstanceId", "i-0abc1234def567890"), ("path", "/"))),
        period=60,
        stat="Average",
    ),
)
ERRORS = MetricAlarm(
    name="api-error-rate",
    evaluation_periods=2,
    threshold=5.0,
    comparison=Comparison.GREATER_OR_EQUAL,
    queries=(
        MetricQuery(id="e1", expression="100*m1/m2", label="ErrorRate"),
        MetricQuery(
            id="m1",
            stat=MetricStat(metric=MetricRef("App", "Errors", (("Service", "api"),)), period=60, stat="Sum"),
            return_data=False,
        ),
        MetricQuery(
            id="m2",
            stat=MetricStat(metric=MetricRef("App", "Requests", (("Host", "h1"),)), period=60, stat="Sum"),
            return_data=False,
        ),
    ),
)
WEB = CompositeAlarm(
    name="web-tier", rule='ALARM("disk-full-web-1")', suppressor="m", wait_period=1, extension_period=2
)


def record(definition: Definition, state: AlarmState = ALARM, **status: Any) -> AlarmRecord:
    return AlarmRecord(
        arn=ARN.replace("disk-full-web-1", definition.name),
        definition=definition,
        status=AlarmStatus(state=state, reason=REASON, updated_at=CHANGED, transitioned_at=CHANGED, **status),
        configured_at=CONFIGURED,
    )


def message_of(one: AlarmRecord, previous: AlarmState, triggering: Triggering = ()) -> dict[str, Any]:
    return alarm_message(one, previous, account="000000000000", region="us-east-1", triggering=triggering)


def test_the_message_is_what_an_sns_subscriber_would_find() -> None:
    assert message_of(record(DISK), OK) == {
        "AlarmName": "disk-full-web-1",
        "AlarmDescription": "Root volume above 90 percent",
        "AWSAccountId": "000000000000",
        "AlarmConfigurationUpdatedTimestamp": "2025-12-20T09:15:01.100+0000",
        "NewStateValue": "ALARM",
        "NewStateReason": REASON,
        "StateChangeTime": "2026-01-01T00:04:12.301+0000",
        "Region": "US East (N. Virginia)",
        "AlarmArn": ARN,
        "OldStateValue": "OK",
        "ActionExecutedAfterMuteWindow": False,
        "OKActions": [TOPIC],
        "AlarmActions": [TOPIC],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "disk_used_percent",
            "Namespace": "CWAgent",
            "StatisticType": "Statistic",
            "Statistic": "AVERAGE",
            "Unit": None,
            "Dimensions": [
                {"value": "i-0abc1234def567890", "name": "InstanceId"},
                {"value": "/", "name": "path"},
            ],
            "Period": 60,
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": 2,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 90.0,
            "TreatMissingData": "missing",
            "EvaluateLowSampleCountPercentile": "",
        },
    }


def test_a_metric_math_message_has_its_metrics() -> None:
    trigger = message_of(record(ERRORS), NO_DATA)["Trigger"]
    assert trigger["Metrics"][0] == {
        "Expression": "100*m1/m2",
        "Id": "e1",
        "Label": "ErrorRate",
        "ReturnData": True,
    }
    assert trigger["Metrics"][1]["MetricStat"] == {
        "Metric": {
            "Dimensions": [{"value": "api", "name": "Service"}],
            "MetricName": "Errors",
            "Namespace": "App",
        },
        "Period": 60,
        "Stat": "Sum",
    }
    assert "DatapointsToAlarm" not in trigger
    assert "MetricName" not in trigger


def test_a_percentile_message_names_its_statistic() -> None:
    stat = MetricStat(metric=MetricRef("App", "Latency"), period=60, stat="p99", unit="Milliseconds")
    trigger = message_of(record(replace(DISK, stat=stat, extended=True)), OK)["Trigger"]
    assert trigger["StatisticType"] == "ExtendedStatistic"
    assert trigger["ExtendedStatistic"] == "p99"
    assert trigger["Unit"] == "Milliseconds"
    assert "Statistic" not in trigger


def test_a_composite_message_names_at_most_ten_children() -> None:
    children = [(f"{ARN}-{number}", ALARM, CHANGED) for number in range(12)]
    message = message_of(record(WEB), OK, children)
    assert "Trigger" not in message
    assert "AlarmConfigurationUpdatedTimestamp" not in message
    assert message["AlarmRule"] == WEB.rule
    assert len(message["TriggeringChildren"]) == 10
    assert message["TriggeringChildren"][0] == {
        "Arn": f"{ARN}-0",
        "State": {"Value": "ALARM", "Timestamp": "2026-01-01T00:04:12.301+0000"},
    }


def test_the_report_carries_the_message_and_the_metric() -> None:
    one = record(DISK)
    message = message_of(one, OK)
    alarm = to_alarm(one, OK, message, **PLACE)
    assert alarm.source == "embedded"
    assert alarm.fingerprint == f"embedded:{ARN}"
    assert alarm.dedup_key == f"embedded:{ARN}|ALARM|2026-01-01T00:04:12.301000+00:00"
    assert (alarm.namespace, alarm.metric) == ("CWAgent", "disk_used_percent")
    assert alarm.dimensions == {"InstanceId": "i-0abc1234def567890", "path": "/"}
    assert alarm.previous_state is OK
    assert alarm.raw is message


def test_the_report_of_metric_math_collects_all_dimensions() -> None:
    alarm = to_alarm(record(ERRORS), OK, {}, **PLACE)
    assert (alarm.namespace, alarm.metric) == ("App", "Errors")
    assert alarm.dimensions == {"Service": "api", "Host": "h1"}


def test_configuration_history_has_the_recorded_shape() -> None:
    item = history.created(record(DISK, NO_DATA))
    assert item.type is HistoryType.CONFIGURATION_UPDATE
    assert item.alarm_type is AlarmType.METRIC
    assert item.at == CONFIGURED
    assert item.summary == 'Alarm "disk-full-web-1" created'
    data = json.loads(item.data)
    assert data["type"] == "Create"
    assert list(data["createdAlarm"]) == [
        *("alarmName", "alarmDescription", "alarmArn", "alarmConfigurationUpdatedTimestamp"),
        *("namespace", "metricName", "extendedStatistic", "period", "dimensions", "threshold", "comparisonOperator"),
        *("evaluationPeriods", "datapointsToAlarm", "treatMissingData", "stateValue", "stateUpdatedTimestamp"),
        *("actionsEnabled", "alarmActions", "insufficientDataActions", "okactions"),
    ]
    assert data["createdAlarm"]["extendedStatistic"] == "AVERAGE"


def test_an_update_keeps_the_former_values() -> None:
    before = record(DISK)
    after = replace(before, definition=replace(DISK, threshold=95.0), configured_at=CHANGED)
    data = json.loads(history.updated(after, before).data)
    assert data["updatedAlarm"]["threshold"] == 95.0
    assert data["originalUpdatedFields"] == {
        "alarmConfigurationUpdatedTimestamp": "2025-12-20T09:15:01.100+0000",
        "threshold": 90.0,
    }


def test_a_deleted_composite_alarm_is_told_whole() -> None:
    data = json.loads(history.deleted(record(WEB), CHANGED).data)
    assert data["deletedAlarm"]["alarmRule"] == WEB.rule
    assert data["deletedAlarm"]["childStates"] == []


def test_a_state_update_tells_both_states_with_their_data_as_it_was_written() -> None:
    before = record(DISK, OK, reason_data='{ "z": 2, "a": [1] }').status
    item = history.state_changed(record(DISK, ALARM), before)
    assert item.summary == "Alarm updated from OK to ALARM"
    assert item.data == (
        '{"version":"1.0","oldState":{"stateValue":"OK","stateReason":"Threshold Crossed: …",'
        '"stateReasonData":{ "z": 2, "a": [1] }},'
        '"newState":{"stateValue":"ALARM","stateReason":"Threshold Crossed: …"}}'
    )


def test_history_data_never_exceeds_its_limit() -> None:
    long = json.dumps(["x" * 3_900])
    before = record(DISK, OK, reason_data=long).status
    for after in (record(DISK, ALARM, reason_data=long), record(DISK, ALARM, reason_data=json.dumps(["y" * 3_990]))):
        item = history.state_changed(after, before)
        assert len(item.data) <= history.MAX_DATA
        assert json.loads(item.data)["newState"]["stateValue"] == "ALARM"
    huge = replace(DISK, description="x" * 1024, actions=Actions(ok=tuple(TOPIC + "y" * 900 for _ in range(5))))
    assert len(history.created(record(huge)).data) <= history.MAX_DATA


@pytest.mark.parametrize("service", ["automate", "lambda", "autoscaling"])
def test_actions_that_are_not_run_here_say_so(service: str) -> None:
    arn = f"arn:aws:{service}:us-east-1:000000000000:thing"
    item = history.action(record(DISK), arn, CHANGED, "{}")
    data = json.loads(item.data)
    assert item.summary.startswith(f"Failed to execute action {arn}. Received error: ")
    assert data["actionState"] == "Failed"
    assert service in data["error"]


def test_topics_are_told() -> None:
    item = history.action(record(DISK), TOPIC, CHANGED, '{"AlarmName":"disk-full-web-1"}')
    assert item.summary == f"Successfully executed action {TOPIC}"
    assert json.loads(item.data) == {
        "actionState": "Succeeded",
        "stateUpdateTimestamp": 1767225852301,
        "notificationResource": TOPIC,
        "publishedMessage": '{"default":"{\\"AlarmName\\":\\"disk-full-web-1\\"}"}',
        "error": None,
        "muteWindowEndTimestamp": None,
    }


def test_what_was_not_set_is_not_described() -> None:
    described = describe(record(replace(DISK, description=None, treat_missing_data=None, datapoints_to_alarm=None)))
    for member in ("AlarmDescription", "TreatMissingData", "DatapointsToAlarm", "Unit", "StateReasonData", "Metrics"):
        assert member not in described
    assert described["InsufficientDataActions"] == []
    assert described["Statistic"] == "Average"


def test_a_composite_alarm_shows_what_holds_its_actions_back() -> None:
    described = describe(
        record(WEB, suppressed_by=SuppressedBy.WAIT_PERIOD, suppressed_reason="Actions suppressed by WaitPeriod")
    )
    assert described["ActionsSuppressedBy"] == "WaitPeriod"
    assert described["ActionsSuppressedReason"] == "Actions suppressed by WaitPeriod"
    assert described["ActionsSuppressorExtensionPeriod"] == 2
    assert "Dimensions" not in described
