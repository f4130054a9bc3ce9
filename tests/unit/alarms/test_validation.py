from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.definitions import Comparison, MetricQuery, MissingData, is_same
from wakeless.alarms.errors import AlarmRefused
from wakeless.alarms.validation import (
    check_names,
    read_composite_alarm,
    read_metric_alarm,
    read_reason,
    read_state,
    read_tags,
)
from wakeless.core.errors import Refused

TOPIC = "arn:aws:sns:us-east-1:000000000000:ops"
EC2 = "arn:aws:automate:us-east-1:ec2:reboot"
OPS_ITEM = "arn:aws:ssm:us-east-1:000000000000:opsitem:1#CATEGORY=Availability"


def check_statistic(text: str) -> None:
    if text not in ("Average", "Sum", "p99", "p90", "TM(10%:90%)"):
        raise Refused(text)


def check_expressions(queries: Sequence[MetricQuery], evaluation_periods: int) -> None:
    if any(query.expression == "bad" for query in queries):
        raise Refused("bad")


def request(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "AlarmName": "load",
        "Namespace": "App",
        "MetricName": "load",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 10,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    return {name: value for name, value in (base | changes).items() if value is not None}


def math(**changes: Any) -> dict[str, Any]:
    single = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    return request(**single | {"Metrics": [stat("m1"), {"Id": "e1", "Expression": "m1*2"}]} | changes)


def stat(query_id: str, **changes: Any) -> dict[str, Any]:
    metric = {"Namespace": "App", "MetricName": "load", "Dimensions": [{"Name": "Service", "Value": "api"}]}
    return {
        "Id": query_id,
        "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"} | changes,
        "ReturnData": False,
    }


def read(given: dict[str, Any]) -> Any:
    return read_metric_alarm(given, statistic=check_statistic, expressions=check_expressions)


def test_a_minimal_alarm_has_the_documented_defaults() -> None:
    alarm = read(request())
    assert alarm.comparison is Comparison.GREATER
    assert alarm.needed == 3
    assert alarm.datapoints_to_alarm is None
    assert alarm.treat_missing_data is None
    assert alarm.missing_data is MissingData.MISSING
    assert alarm.actions.enabled
    assert isinstance(alarm.threshold, float)


# What is changed of a valid request, the error's code and its text (its beginning where it is ours).
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"Metrics": [stat("m1")]}, "ValidationError", "MetricName should not be set if list of Metrics is set."),
    ({"ExtendedStatistic": "p90"}, "ValidationError", "PutMetricAlarm request can not be made with both Statistic and "
     "ExtendedStatistic parameters. Only one of them should be present"),
    ({"Statistic": None, "ExtendedStatistic": "p101"}, "InvalidParameterValue",
     "The value p101 for parameter ExtendedStatistic is not supported."),
    ({"AlarmActions": ["not-an-arn"]}, "ValidationError", "Invalid arn syntax: not-an-arn"),
    ({"AlarmName": "a\x07"}, "ValidationError", "AlarmName must not contain ASCII Control characters"),
    ({"AlarmName": "a" * 256}, "ValidationError", "1 validation error detected: Value "),
    ({"AlarmName": None}, "ValidationError", "1 validation error detected: Value null at 'alarmName' "),
    ({"AlarmDescription": "a" * 1025}, "ValidationError", "1 validation error detected: Value "),
    ({"Statistic": None}, "ValidationError", "PutMetricAlarm request should have a Statistic"),
    ({"Statistic": "Median"}, "ValidationError", "1 validation error detected: Value 'Median' at 'statistic' "),
    ({"Period": None}, "ValidationError", "PutMetricAlarm request should have a Period"),
    ({"Period": 15}, "ValidationError", "Period must be 10, 20, 30 or a multiple of 60"),
    ({"Period": 90}, "ValidationError", "Period must be 10, 20, 30 or a multiple of 60"),
    ({"Period": 300, "EvaluationPeriods": 289}, "ValidationError", "Metrics cannot be checked across more than a day"),
    ({"Period": 3600, "EvaluationPeriods": 169}, "ValidationError",
     "Metrics cannot be checked across more than a week"),
    ({"EvaluationPeriods": None}, "ValidationError", "1 validation error detected: Value null at 'evaluationPeriods' "),
    ({"EvaluationPeriods": 0}, "ValidationError", "1 validation error detected: Value '0' at 'evaluationPeriods' "),
    ({"DatapointsToAlarm": 4}, "ValidationError", "DatapointsToAlarm must be less than or equal to EvaluationPeriods"),
    ({"Threshold": None}, "ValidationError", "PutMetricAlarm request should have valid Threshold parameter"),
    ({"Threshold": float("nan")}, "ValidationError", "PutMetricAlarm request should have valid Threshold parameter"),
    ({"ComparisonOperator": "Near"}, "ValidationError", "1 validation error detected: Value 'Near' at "),
    ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ValidationError", "Threshold should not be set"),
    ({"ComparisonOperator": "GreaterThanUpperThreshold", "Threshold": None}, "ValidationError", "ThresholdMetricId "),
    ({"ThresholdMetricId": "b1"}, "ValidationError", "ThresholdMetricId should not be set"),
    ({"TreatMissingData": "bad"}, "ValidationError",
     "Supported values for TreatMissingData are breaching, notBreaching, ignore, and missing."),
    ({"EvaluateLowSampleCountPercentile": "ignore"}, "ValidationError",
     "Option evaluateLowSampleCountPercentile can not be applied with statistic Average. "),
    ({"Statistic": None, "ExtendedStatistic": "p90", "EvaluateLowSampleCountPercentile": "maybe"}, "ValidationError",
     "Supported options for EvaluateLowSampleCountPercentile are evaluate and ignore."),
    ({"OKActions": [TOPIC] * 6}, "ValidationError", "1 validation error detected: Value "),
    ({"OKActions": [OPS_ITEM]}, "ValidationError", f"The action {OPS_ITEM} can only be used for the ALARM state"),
    ({"AlarmActions": [EC2]}, "ValidationError", f"The action {EC2} needs a metric with the dimension InstanceId"),
    ({"Namespace": None}, "ValidationError", "1 validation error detected: Value null at 'namespace' "),
    ({"Namespace": ":App"}, "ValidationError", "1 validation error detected: Value ':App' at 'namespace' "),
    ({"MetricName": "a" * 256}, "ValidationError", "1 validation error detected: Value "),
    ({"MetricName": "a\nb"}, "ValidationError", "MetricName must not contain ASCII Control characters"),
    ({"Dimensions": [{"Name": "a", "Value": "1"}] * 2}, "InvalidParameterValue", "No two dimensions "),
    ({"Dimensions": [{"Name": "a", "Value": " "}]}, "InvalidParameterValue", "The value "),
    ({"Dimensions": [{"Name": ":a", "Value": "1"}]}, "InvalidParameterValue", "The value "),
    ({"Dimensions": [{"Name": f"d{n}", "Value": "1"} for n in range(31)]}, "ValidationError", "1 validation error "),
    ({"EvaluationCriteria": {"PromQLCriteria": {"Query": "up"}}}, "InvalidParameterValue", "PromQL "),
    ({"EvaluationWindow": {"WallClockWindow": {}}}, "InvalidParameterValue", "Wall clock windows "),
    ({"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 5}}, "InvalidParameterValue", "Warm-up "),
]  # fmt: skip

REFUSED_MATH: list[tuple[dict[str, Any], str, str]] = [
    ({"Metrics": [stat("M1"), {"Id": "e1", "Expression": "M1"}]}, "ValidationError", "The value M1 for parameter id "),
    ({"Metrics": [stat("m1"), stat("m1")]}, "ValidationError", "The values for parameter id "),
    ({"Metrics": [stat("m1")]}, "ValidationError", "Exactly one element of the metrics list should return data."),
    ({"Metrics": [{"Id": "e1", "Expression": "1"}, {"Id": "e2", "Expression": "2"}]}, "ValidationError",
     "Exactly one element of the metrics list should return data."),
    ({"Metrics": [{"Id": "e1"}]}, "ValidationError", "The query e1 must have exactly one of "),
    ({"Metrics": [stat("m1"), stat("m2", Period=300), {"Id": "e1", "Expression": "m1"}]}, "ValidationError",
     "All metrics of an alarm must have the same Period."),
    ({"Metrics": [stat("m1", Stat="Median"), {"Id": "e1", "Expression": "m1"}]}, "InvalidParameterValue",
     "The value Median for parameter Stat is not supported."),
    ({"Metrics": [*(stat(f"m{n}") for n in range(11)), {"Id": "e1", "Expression": "m1"}]}, "ValidationError",
     "An alarm may have at most 10 metrics."),
    ({"Metrics": [stat("m1", Period=7), {"Id": "e1", "Expression": "m1"}]}, "ValidationError", "Period must be 10, "),
    ({"AlarmActions": [EC2]}, "ValidationError", f"The action {EC2} cannot be used with a metric math alarm"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code", "text"), REFUSED)
def test_what_cannot_be_an_alarm_is_refused(changes: dict[str, Any], code: str, text: str) -> None:
    with pytest.raises(AlarmRefused) as refusal:
        read(request(**changes))
    assert refusal.value.aws_code == code
    assert str(refusal.value).startswith(text)


@pytest.mark.parametrize(("changes", "code", "text"), REFUSED_MATH)
def test_what_cannot_be_a_metric_math_alarm_is_refused(changes: dict[str, Any], code: str, text: str) -> None:
    with pytest.raises(AlarmRefused) as refusal:
        read(math(**changes))
    assert refusal.value.aws_code == code
    assert str(refusal.value).startswith(text)


def test_mistakes_in_expressions_are_told_by_whoever_knows_expressions() -> None:
    with pytest.raises(Refused, match="bad"):
        read(math(Metrics=[stat("m1"), {"Id": "e1", "Expression": "bad"}]))


def test_anomaly_detection_is_refused_in_plain_words() -> None:
    metrics = [stat("m1") | {"ReturnData": True}, {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)"}]
    with pytest.raises(AlarmRefused, match="Anomaly detection is not available here"):
        read(math(Metrics=metrics, Threshold=None, ThresholdMetricId="ad1",
                  ComparisonOperator="LessThanLowerOrGreaterThanUpperThreshold"))  # fmt: skip


def test_a_metric_math_alarm_is_read() -> None:
    alarm = read(math())
    assert alarm.stat is None
    assert alarm.period == 60
    assert [query.id for query in alarm.queries] == ["m1", "e1"]
    assert alarm.stats[0].metric.dimensions == (("Service", "api"),)


@pytest.mark.parametrize(
    ("namespaces", "given", "expected"),
    [
        (["AWS/DynamoDB"], None, MissingData.IGNORE),
        (["AWS/DynamoDB", "AWS/DynamoDB"], None, MissingData.IGNORE),
        (["AWS/DynamoDB", "App"], None, MissingData.MISSING),
        (["AWS/DynamoDB"], "missing", MissingData.MISSING),
        (["App"], None, MissingData.MISSING),
    ],
)
def test_alarms_on_dynamodb_alone_ignore_missing_data_by_default(
    namespaces: list[str], given: str | None, expected: MissingData
) -> None:
    metrics = [
        stat(f"m{number}", Metric={"Namespace": namespace, "MetricName": "x"})
        for number, namespace in enumerate(namespaces)
    ]
    changes = {"TreatMissingData": given} if given else {}
    alarm = read(math(Metrics=[*metrics, {"Id": "e1", "Expression": "m0"}], **changes))
    assert alarm.missing_data is expected


def test_the_order_of_dimensions_makes_no_other_alarm() -> None:
    one, other = {"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}
    assert is_same(read(request(Dimensions=[one, other])), read(request(Dimensions=[other, one])))
    assert not is_same(read(request(Dimensions=[one])), read(request(Dimensions=[other])))


def test_ec2_actions_are_taken_with_an_instance() -> None:
    alarm = read(request(AlarmActions=[EC2], Dimensions=[{"Name": "InstanceId", "Value": "i-1"}]))
    assert alarm.actions.alarm == (EC2,)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"AlarmRule": None}, "1 validation error detected: Value null at 'alarmRule' "),
        ({"AlarmRule": "true"}, "Error in AlarmRule [Unsupported token 'true' at char 0"),
        ({"ActionsSuppressor": "m"}, "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod are required "),
        (
            {"ActionsSuppressorWaitPeriod": 1},
            "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod cannot ",
        ),
        (
            {"ActionsSuppressor": "m", "ActionsSuppressorWaitPeriod": -1, "ActionsSuppressorExtensionPeriod": 1},
            "ActionsSuppressorWaitPeriod must not be negative",
        ),
        ({"AlarmActions": [EC2]}, f"The action {EC2} cannot be used with a composite alarm"),
    ],
)
def test_what_cannot_be_a_composite_alarm_is_refused(changes: dict[str, Any], text: str) -> None:
    given = {"AlarmName": "top", "AlarmRule": "TRUE"} | changes
    with pytest.raises(AlarmRefused) as refusal:
        read_composite_alarm({name: value for name, value in given.items() if value is not None})
    assert refusal.value.aws_code == "ValidationError"
    assert str(refusal.value).startswith(text)


def test_set_alarm_state_is_checked() -> None:
    assert read_state("ALARM") is AlarmState.ALARM
    with pytest.raises(AlarmRefused) as refusal:
        read_state("INVALID")
    assert str(refusal.value) == (
        "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: "
        "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
    )
    assert read_reason({"StateReason": "", "StateReasonData": "[1,2]"}) == ("", "[1,2]")
    assert read_reason({"StateReason": "why"}) == ("why", None)
    for wrong, code in (
        ({}, "ValidationError"),
        ({"StateReason": "a" * 1024}, "ValidationError"),
        ({"StateReason": "", "StateReasonData": '{"unfinished":'}, "InvalidFormat"),
        ({"StateReason": "", "StateReasonData": "[" * 3999}, "InvalidFormat"),
        ({"StateReason": "", "StateReasonData": " " * 4001}, "ValidationError"),
    ):
        with pytest.raises(AlarmRefused) as refusal:
            read_reason(wrong)
        assert refusal.value.aws_code == code


def test_tags_are_checked() -> None:
    assert read_tags([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}, {"Key": "b"}]) == {"a": "2", "b": ""}
    for tags, code, text in (
        (
            [{"Key": "AWS:x", "Value": ""}],
            "AccessDenied",
            'The provided tag keys must not start with any case of "aws:"',
        ),
        (
            [{"Key": f"k{n}", "Value": ""} for n in range(51)],
            "ValidationError",
            "The resultant tag set must not have more than 50 user tags.",
        ),
        ([{"Key": "", "Value": ""}], "ValidationError", "A tag needs a key"),
    ):
        with pytest.raises(AlarmRefused) as refusal:
            read_tags(tags)
        assert refusal.value.aws_code == code
        assert str(refusal.value).startswith(text)


def test_names_are_checked() -> None:
    check_names(["a"] * 100)
    for names in (["a"] * 101, ["a" * 256], [""]):
        with pytest.raises(AlarmRefused, match=r"^1 validation error detected: Value "):
            check_names(names)


@given(st.sampled_from(sorted(request())), st.text(max_size=300))
def test_any_text_in_a_text_member_is_taken_or_refused(member: str, text: str) -> None:
    if member in ("Period", "EvaluationPeriods", "Threshold"):
        return
    with contextlib.suppress(AlarmRefused):
        read(request(**{member: text}))
