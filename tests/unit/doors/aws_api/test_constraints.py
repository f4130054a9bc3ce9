"""A violated constraint is told in AWS's own words."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from wakeless.doors.aws_api.errors import AwsError
from wakeless.doors.aws_api.model import ServiceShapes
from wakeless.doors.aws_api.routing import JSON_1_0, JSON_1_1

CLOUDWATCH = ServiceShapes("cloudwatch")


def refusal(operation: str, parameters: dict[str, Any]) -> AwsError:
    shapes = CLOUDWATCH.operation(operation)
    assert shapes is not None
    with pytest.raises(AwsError) as refused:
        JSON_1_0.parse(shapes, JSON_1_0.decode(orjson.dumps(parameters)))
    return refused.value


def test_enum_as_recorded_from_aws() -> None:
    error = refusal("SetAlarmState", {"AlarmName": "a", "StateValue": "INVALID", "StateReason": ""})
    assert error.aws_code == "ValidationError"
    assert error.message == (
        "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: "
        "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
    )


def test_all_violations_are_named_at_once() -> None:
    error = refusal("SetAlarmState", {"AlarmName": "", "StateReason": "x" * 1024})
    assert error.message == (
        "3 validation errors detected: "
        "Value '' at 'alarmName' failed to satisfy constraint: Member must have length greater than or equal to 1; "
        f"Value '{'x' * 1024}' at 'stateReason' failed to satisfy constraint: "
        "Member must have length less than or equal to 1023; "
        "Value null at 'stateValue' failed to satisfy constraint: Member must not be null"
    )


@pytest.mark.parametrize(
    ("operation", "parameters", "words"),
    [
        (
            "DescribeAlarms",
            {"MaxRecords": 0},
            "Value '0' at 'maxRecords' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            "DescribeAlarms",
            {"MaxRecords": 101},
            "at 'maxRecords' failed to satisfy constraint: Member must have value less than or equal to 100",
        ),
        (
            "DescribeAlarms",
            {"AlarmNames": ["a", ""]},
            "Value '' at 'alarmNames.2.member' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
        (
            "DescribeAlarms",
            {"AlarmNames": ["a"] * 101},
            "at 'alarmNames' failed to satisfy constraint: Member must have length less than or equal to 100",
        ),
        (
            "GetMetricData",
            {
                "StartTime": 0,
                "EndTime": 1,
                "MetricDataQueries": [{"Id": "a", "MetricStat": {"Metric": {}, "Stat": "x"}}],
            },
            "Value null at 'metricDataQueries.1.member.metricStat.period' failed to satisfy constraint: "
            "Member must not be null",
        ),
    ],
)
def test_constraint_phrasing(operation: str, parameters: dict[str, Any], words: str) -> None:
    error = refusal(operation, parameters)
    assert error.aws_code == "ValidationError"
    assert words in error.message


@pytest.mark.parametrize(
    ("parameters", "aws_code", "message"),
    [
        ({}, "MissingParameter", "The parameter Namespace is required."),
        (
            {"Namespace": "N", "MetricData": [{}, {"MetricName": "m", "Dimensions": [{"Name": "a"}]}]},
            "MissingParameter",
            "The parameter MetricData.member.1.MetricName is required.\n"
            "The parameter MetricData.member.2.Dimensions.member.1.Value is required.",
        ),
        (
            {"Namespace": "N", "MetricData": [{"MetricName": "m" * 256}]},
            "InvalidParameterValue",
            "The parameter MetricData.member.1.MetricName must be shorter than 256 characters.",
        ),
        (
            {"Namespace": "N", "MetricData": [{"MetricName": "m", "Dimensions": [{"Name": "a", "Value": ""}]}]},
            "InvalidParameterValue",
            "The parameter MetricData.member.1.Dimensions.member.1.Value must be longer than 0 characters.",
        ),
        (
            {"Namespace": "N", "MetricData": [{"MetricName": "m", "Dimensions": [{"Name": "a", "Value": "b"}] * 31}]},
            "InvalidParameterValue",
            "The collection MetricData.member.1.Dimensions must not have a size greater than 30.",
        ),
        (
            {"Namespace": "N", "MetricData": [{"MetricName": "m", "StorageResolution": 0}]},
            "InvalidParameterValue",
            "The parameter MetricData.member.1.StorageResolution must be greater than or equal to 1.",
        ),
        (
            {"Namespace": ":N"},
            "InvalidParameterValue",
            "The value :N for parameter Namespace is invalid.",
        ),
    ],
)
def test_older_operations_speak_of_parameters(parameters: dict[str, Any], aws_code: str, message: str) -> None:
    error = refusal("PutMetricData", parameters)
    assert (error.aws_code, error.message) == (aws_code, message)


def test_unit_phrase_as_aws_users_quote_it() -> None:
    error = refusal("PutMetricData", {"Namespace": "N", "MetricData": [{"MetricName": "m", "Unit": "Furlongs"}]})
    assert error.message.startswith("The parameter MetricData.member.1.Unit must be a value in the set [ Seconds, ")
    assert error.message.endswith(", None ].")


def test_long_values_and_many_violations_are_cut_short() -> None:
    error = refusal("DescribeAlarms", {"AlarmNames": ["x" * 100_000] * 100})
    assert error.message.startswith("100 validation errors detected")
    assert len(error.message) < 40_000


def test_shapes_left_to_the_operation_are_checked_for_their_types_only() -> None:
    lenient = ServiceShapes("cloudwatch", unchecked={"Entity"}).operation("PutMetricData")
    assert lenient is not None
    data = {"Namespace": "N", "EntityMetricData": [{"Entity": {"KeyAttributes": {"Type": ""}}}]}
    assert JSON_1_1.parse(lenient, data) == data
    with pytest.raises(AwsError) as refused:
        JSON_1_1.parse(lenient, {"EntityMetricData": [{"Entity": {"KeyAttributes": {"Type": 1}}}]})
    assert refused.value.aws_code == "MalformedInput"
    assert refusal("PutMetricData", data).aws_code == "InvalidParameterValue"
