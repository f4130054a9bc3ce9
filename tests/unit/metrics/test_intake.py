from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.metrics.bucket import Bucket
from wakeless.metrics.errors import (
    InvalidParameterCombination,
    InvalidParameterValue,
    MetricsRefused,
    MissingParameter,
)
from wakeless.metrics.intake import read_put_metric_data
from wakeless.metrics.series import UNITS, MetricId, Sample

NOW = datetime(2026, 1, 1, 12, 0, 42, tzinfo=UTC)
MINUTE = int(NOW.timestamp()) // 60 * 60


def request(*data: dict[str, Any], namespace: str = "CustomNamespace", **more: Any) -> dict[str, Any]:
    return {"Namespace": namespace, "MetricData": list(data), **more}


def datum(**members: Any) -> dict[str, Any]:
    return {"MetricName": "webapp-uptime", "Value": 1.0, **members}


def read(*data: dict[str, Any], **more: Any) -> list[Sample]:
    return list(read_put_metric_data(request(*data, **more), NOW).samples)


def bare(**members: Any) -> dict[str, Any]:
    return {"MetricName": "m", **members}


def test_a_value_becomes_a_sample_of_its_minute() -> None:
    [sample] = read(datum(Dimensions=[{"Name": "InstanceId", "Value": "i-1"}]))
    metric = MetricId("CustomNamespace", "webapp-uptime", (("InstanceId", "i-1"),))
    assert sample == Sample(metric, "None", MINUTE, 60, Bucket(1.0, 1.0, 1.0, 1.0))


def test_high_resolution_keeps_the_second_and_the_timestamp_is_truncated() -> None:
    stamp = NOW - timedelta(milliseconds=300)
    [sample] = read(datum(StorageResolution=1, Timestamp=stamp, Unit="Seconds"))
    assert (sample.at, sample.resolution, sample.unit) == (int(NOW.timestamp()) - 1, 1, "Seconds")


def test_the_order_of_dimensions_means_nothing() -> None:
    one, other = ({"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"})
    first, second = read(datum(Dimensions=[one, other]), datum(Dimensions=[other, one]))
    assert first.metric == second.metric


def test_values_count_once_without_counts() -> None:
    [sample] = read(bare(Values=[1.0, 3, 3]))
    assert sample.bucket == Bucket(3.0, 7.0, 1.0, 3.0, {1.0: 1.0, 3.0: 2.0})
    [sample] = read(bare(Values=[1.0, 3.0], Counts=[0.5, 2]))
    assert sample.bucket == Bucket(2.5, 6.5, 1.0, 3.0, {1.0: 0.5, 3.0: 2.0})


def test_values_that_all_count_zero_times_are_accepted_and_say_nothing() -> None:
    assert read(bare(Values=[1.0], Counts=[0.0])) == []


def test_a_statistic_set_is_kept_as_it_is_and_wins_over_values() -> None:
    given_set = {"SampleCount": 3.0, "Sum": 99.0, "Minimum": 1.0, "Maximum": 4.0}
    [sample] = read(bare(StatisticValues=given_set))
    assert sample.bucket == Bucket(3.0, 99.0, 1.0, 4.0)
    assert read(bare(StatisticValues=given_set, Values=[7.0])) == [sample]


@pytest.mark.parametrize(
    ("members", "error", "text"),
    [
        (
            {"Value": 1.0, "Values": [1.0]},
            InvalidParameterCombination,
            "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you "
            "have specified both.",
        ),
        (
            {"Value": 1.0, "StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}},
            InvalidParameterCombination,
            "The parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues are mutually exclusive "
            "and you have specified both.",
        ),
        (
            {"Values": [1.0, 2.0], "Counts": [1.0]},
            InvalidParameterValue,
            "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size.",
        ),
        ({}, MissingParameter, "MetricData.member.1.Value"),
        (
            {"Value": math.nan},
            InvalidParameterValue,
            "The value NaN for parameter MetricData.member.1.Value is invalid.",
        ),
        ({"Value": -math.inf}, InvalidParameterValue, "The value -Infinity for parameter"),
        ({"Value": 2.0**361}, InvalidParameterValue, "MetricData.member.1.Value is invalid"),
        ({"Value": 10**400}, InvalidParameterValue, "MetricData.member.1.Value is invalid"),
        ({"Value": "1"}, InvalidParameterValue, "MetricData.member.1.Value is invalid"),
        ({"Value": True}, InvalidParameterValue, "MetricData.member.1.Value is invalid"),
        ({"Values": [1.0, math.inf]}, InvalidParameterValue, "MetricData.member.1.Values.member.2 is invalid"),
        ({"Values": [1.0], "Counts": [-1.0]}, InvalidParameterValue, "Counts.member.1 is invalid"),
        ({"Values": [1.0], "Counts": [math.nan]}, InvalidParameterValue, "Counts.member.1 is invalid"),
        ({"Values": [1.0] * 151}, InvalidParameterValue, "must not have a size greater than 150"),
        (
            {"StatisticValues": {"SampleCount": 0.0, "Sum": 0.0, "Minimum": 0.0, "Maximum": 0.0}},
            InvalidParameterValue,
            "SampleCount must be greater than 0",
        ),
        (
            {"StatisticValues": {"SampleCount": 1.0, "Sum": 0.0, "Minimum": 2.0, "Maximum": 1.0}},
            InvalidParameterValue,
            "Maximum must be greater than or equal",
        ),
        (
            {"StatisticValues": {"SampleCount": 1.0, "Sum": 0.0, "Minimum": 2.0}},
            MissingParameter,
            "Maximum is required",
        ),
        ({"Value": 1.0, "Unit": "Minutes"}, InvalidParameterValue, "MetricData.member.1.Unit is invalid"),
        ({"Value": 1.0, "StorageResolution": 30}, InvalidParameterValue, "StorageResolution must be 1 or 60"),
        ({"Value": 1.0, "Timestamp": "yesterday"}, InvalidParameterValue, "must be a timestamp"),
        (
            {"Value": 1.0, "Timestamp": NOW + timedelta(hours=2, seconds=1)},
            InvalidParameterValue,
            "two hours in the future",
        ),
        (
            {"Value": 1.0, "Timestamp": NOW - timedelta(days=14, seconds=1)},
            InvalidParameterValue,
            "two weeks in the past",
        ),
        ({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": ""}]}, MissingParameter, "Dimensions.member.1.Value"),
        ({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "  "}]}, InvalidParameterValue, "not blank"),
        ({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "x\ny"}]}, InvalidParameterValue, "control characters"),
        ({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "\nx"}]}, InvalidParameterValue, "control characters"),
        ({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "x" * 1025}]}, InvalidParameterValue, "longer than 1024"),
        ({"Value": 1.0, "Dimensions": [{"Name": ":a", "Value": "x"}]}, InvalidParameterValue, "colon"),
        ({"Value": 1.0, "Dimensions": [{"Name": "é", "Value": "x"}]}, InvalidParameterValue, "ASCII"),
        (
            {"Value": 1.0, "Dimensions": [{"Name": f"d{i}", "Value": "x"} for i in range(31)]},
            InvalidParameterValue,
            "must not have a size greater than 30",
        ),
        ({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "x"}] * 2}, InvalidParameterValue, "more than once"),
        ({"Value": 1.0, "MetricName": ""}, MissingParameter, "MetricName is required"),
        ({"Value": 1.0, "MetricName": "x" * 256}, InvalidParameterValue, "longer than 255"),
        ({"Value": 1.0, "MetricName": "nul\0"}, InvalidParameterValue, "control characters"),
        ({"Value": 1.0, "MetricName": "метрика"}, InvalidParameterValue, "ASCII"),
    ],
)
def test_what_is_wrong_with_a_datum_is_said(members: dict[str, Any], error: type[MetricsRefused], text: str) -> None:
    with pytest.raises(error) as refused:
        read(bare(**members))
    assert text in str(refused.value)
    assert refused.value.status == 400


def test_one_bad_datum_refuses_the_whole_call_and_is_named_by_its_number() -> None:
    with pytest.raises(InvalidParameterValue, match=r"MetricData\.member\.3\.Value"):
        read(datum(), datum(), datum(Value=math.nan))


@pytest.mark.parametrize("namespace", ["AWS/EC2", "AWS/", ":x"])
def test_reserved_namespaces_are_refused(namespace: str) -> None:
    with pytest.raises(InvalidParameterValue, match="for parameter Namespace is invalid"):
        read(datum(), namespace=namespace)


def test_amazons_namespaces_are_let_in_on_request() -> None:
    intake = read_put_metric_data(request(datum(), namespace="AWS/EC2"), NOW, allow_aws_namespaces=True)
    assert intake.samples[0].metric.namespace == "AWS/EC2"


@pytest.mark.parametrize("namespace", ["../../etc", "a'b\"c", "x y", "AWS", "aws/x", "AWSomething/x"])
def test_odd_namespaces_are_only_names(namespace: str) -> None:
    assert read(datum(), namespace=namespace)[0].metric.namespace == namespace


@pytest.mark.parametrize("namespace", ["", None, "x" * 256, "a\nb", "\x00", "   ", "名前", 7])
def test_namespaces_that_no_metric_can_have(namespace: Any) -> None:
    with pytest.raises(MetricsRefused):
        read(datum(), namespace=namespace)


def test_a_call_has_at_most_a_thousand_data() -> None:
    assert len(read(*[datum()] * 1000)) == 1000
    with pytest.raises(InvalidParameterValue, match="size greater than 1000"):
        read(*[datum()] * 1001)
    with pytest.raises(MissingParameter, match="MetricData is required"):
        read()


def test_samples_of_entities_are_samples() -> None:
    entity = {"KeyAttributes": {"Type": "Service", "Name": "shop"}}
    intake = read_put_metric_data(
        {"Namespace": "N", "EntityMetricData": [{"Entity": entity, "MetricData": [datum()]}]}, NOW
    )
    assert len(intake.samples) == 1
    assert intake.entity_problem is None


def test_a_bad_entity_is_only_mentioned_unless_validation_is_strict() -> None:
    given_request = {"Namespace": "N", "EntityMetricData": [{"Entity": {}, "MetricData": [datum()]}]}
    intake = read_put_metric_data(given_request, NOW)
    assert len(intake.samples) == 1
    assert "KeyAttributes" in (intake.entity_problem or "")
    with pytest.raises(InvalidParameterValue, match="KeyAttributes"):
        read_put_metric_data({**given_request, "StrictEntityValidation": True}, NOW)


def test_there_are_27_units() -> None:
    assert len(set(UNITS)) == 27
    assert [read(datum(Unit=unit))[0].unit for unit in UNITS] == list(UNITS)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
sets = st.dictionaries(st.sampled_from(["SampleCount", "Sum", "Minimum", "Maximum"]), anything)
data = st.fixed_dictionaries(
    {},
    optional={
        "MetricName": anything,
        "Value": anything,
        "Values": st.lists(anything, max_size=3),
        "Counts": st.lists(anything, max_size=3),
        "StatisticValues": sets,
        "Unit": anything,
        "Timestamp": anything,
        "StorageResolution": anything,
        "Dimensions": st.lists(st.dictionaries(st.sampled_from(["Name", "Value"]), anything), max_size=2),
    },
)


@given(anything, st.lists(data, max_size=3))
def test_whatever_comes_is_taken_or_refused(namespace: Any, given_data: list[dict[str, Any]]) -> None:
    try:
        intake = read_put_metric_data({"Namespace": namespace, "MetricData": given_data}, NOW)
    except MetricsRefused:
        return
    for sample in intake.samples:
        assert all(math.isfinite(number) for number in sample.bucket[:4])
        hash(sample.metric)
