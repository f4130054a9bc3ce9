"""The installed boto3 against a real server, in each of the three protocols."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

PROTOCOLS = ["json", "query", "smithy-rpc-v2-cbor"]
MakeClient = Callable[..., Any]


@pytest.fixture(params=PROTOCOLS)
def cloudwatch(request: pytest.FixtureRequest, make_client: MakeClient) -> Any:
    return make_client("cloudwatch", request.param)


@pytest.fixture
def unique() -> str:
    return uuid4().hex[:12]


def code_of(call: Callable[..., Any], **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    answer = refused.value.response
    assert answer["ResponseMetadata"]["RequestId"]
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def put_alarm(client: Any, name: str, **more: Any) -> None:
    client.put_metric_alarm(
        **{
            "AlarmName": name,
            "Namespace": "CustomNamespace",
            "MetricName": f"m-{name}",
            "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "LessThanThreshold",
            **more,
        }
    )


def text(value: str | bytes | None) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def test_protocols_are_really_three(make_client: MakeClient) -> None:
    seen = []
    for protocol in PROTOCOLS:
        client = make_client("cloudwatch", protocol)
        client.meta.events.register(
            "before-send.cloudwatch.*", lambda request, **_: seen.append(text(request.headers["Content-Type"]))
        )
        client.describe_alarms(AlarmNames=["x"])
    assert seen == [
        "application/x-amz-json-1.0",
        "application/x-www-form-urlencoded; charset=utf-8",
        "application/cbor",
    ]


def test_metric_travels_there_and_back(cloudwatch: Any, unique: str) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=2)
    dimensions = [{"Name": "InstanceId", "Value": "i-1"}, {"Name": "path", "Value": "/a b&c=+%41"}]
    cloudwatch.put_metric_data(
        Namespace=unique,
        MetricData=[
            {"MetricName": "m", "Dimensions": dimensions, "Timestamp": now, "Value": 2, "Unit": "Percent"},
            {
                "MetricName": "m",
                "Dimensions": dimensions,
                "Timestamp": now,
                "Values": [4.0, 6],
                "Counts": [1, 2.0],
                "Unit": "Percent",
            },
            {
                "MetricName": "m",
                "Dimensions": dimensions,
                "Timestamp": now,
                "StatisticValues": {"SampleCount": 1, "Sum": 7.0, "Minimum": 7.0, "Maximum": 7.0},
                "Unit": "Percent",
                "StorageResolution": 60,
            },
        ],
    )
    answer = cloudwatch.get_metric_statistics(
        Namespace=unique,
        MetricName="m",
        Dimensions=dimensions,
        StartTime=now - timedelta(minutes=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum", "SampleCount", "Minimum", "Maximum", "Average"],
    )
    assert answer["Label"] == "m"
    assert answer["Datapoints"] == [
        {
            "Timestamp": now,
            "SampleCount": 5.0,
            "Sum": 25.0,
            "Minimum": 2.0,
            "Maximum": 7.0,
            "Average": 5.0,
            "Unit": "Percent",
        }
    ]
    data = cloudwatch.get_metric_data(
        StartTime=now - timedelta(minutes=1),
        EndTime=now + timedelta(minutes=1),
        MetricDataQueries=[
            {
                "Id": "a",
                "MetricStat": {
                    "Metric": {"Namespace": unique, "MetricName": "m", "Dimensions": dimensions},
                    "Period": 60,
                    "Stat": "Maximum",
                },
                "ReturnData": True,
            },
            {"Id": "b", "Expression": "a * 2", "Label": "twice"},
        ],
    )["MetricDataResults"]
    assert [(each["Id"], each["Timestamps"], each["Values"], each["StatusCode"]) for each in data] == [
        ("a", [now], [7.0], "Complete"),
        ("b", [now], [14.0], "Complete"),
    ]
    (metric,) = cloudwatch.list_metrics(Namespace=unique)["Metrics"]
    assert metric["Dimensions"] == dimensions


def test_large_call_is_compressed_and_counted(cloudwatch: Any, unique: str) -> None:
    encodings: list[str | None] = []
    cloudwatch.meta.events.register(
        "before-send.cloudwatch.PutMetricData",
        lambda request, **_: encodings.append(text(request.headers.get("Content-Encoding"))),
    )
    data = [
        {"MetricName": "m", "Value": index, "Dimensions": [{"Name": "InstanceId", "Value": f"i-{index}"}]}
        for index in range(1000)
    ]
    cloudwatch.put_metric_data(Namespace=unique, MetricData=data)
    assert encodings == ["gzip"]
    pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace=unique))
    assert len(pages) == 2
    assert sum(len(page["Metrics"]) for page in pages) == 1000


def test_alarm_lives_and_is_told_of(cloudwatch: Any, unique: str) -> None:
    topic = "arn:aws:sns:us-east-1:000000000000:topic"
    put_alarm(
        cloudwatch,
        unique,
        AlarmDescription="watches <the> & app\nline two",
        AlarmActions=[topic],
        TreatMissingData="breaching",
        Tags=[{"Key": "team", "Value": "web"}],
    )
    cloudwatch.get_waiter("alarm_exists").wait(AlarmNames=[unique], WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[unique])["MetricAlarms"]
    assert alarm["AlarmDescription"] == "watches <the> & app\nline two"
    assert alarm["AlarmActions"] == [topic]
    assert alarm["OKActions"] == []
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    assert alarm["StateReason"] == "Unchecked: Initial alarm creation"
    assert alarm["Threshold"] == 1.0
    assert abs(alarm["AlarmConfigurationUpdatedTimestamp"] - datetime.now(UTC)) < timedelta(minutes=1)
    assert "Unit" not in alarm
    assert "DatapointsToAlarm" not in alarm
    arn = alarm["AlarmArn"]
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "web"}]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "env", "Value": ""}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "env", "Value": ""}]
    cloudwatch.disable_alarm_actions(AlarmNames=[unique])
    assert cloudwatch.describe_alarms(AlarmNames=[unique])["MetricAlarms"][0]["ActionsEnabled"] is False
    cloudwatch.enable_alarm_actions(AlarmNames=[unique])
    cloudwatch.set_alarm_state(
        AlarmName=unique, StateValue="ALARM", StateReason="by hand", StateReasonData='{"by": "hand"}'
    )
    for_metric = cloudwatch.describe_alarms_for_metric(
        Namespace="CustomNamespace", MetricName=f"m-{unique}", Dimensions=[{"Name": "InstanceId", "Value": "i-1"}]
    )["MetricAlarms"]
    assert [(each["AlarmName"], each["StateValue"], each["StateReason"]) for each in for_metric] == [
        (unique, "ALARM", "by hand")
    ]
    history = cloudwatch.describe_alarm_history(AlarmName=unique, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history] == ["Alarm updated from INSUFFICIENT_DATA to ALARM"]
    cloudwatch.delete_alarms(AlarmNames=[unique])
    assert cloudwatch.describe_alarms(AlarmNames=[unique])["MetricAlarms"] == []


def test_composite_alarm_follows_its_child(cloudwatch: Any, unique: str) -> None:
    put_alarm(cloudwatch, unique)
    cloudwatch.put_composite_alarm(AlarmName=f"{unique}-all", AlarmRule=f'ALARM("{unique}") OR FALSE')
    cloudwatch.get_waiter("composite_alarm_exists").wait(
        AlarmNames=[f"{unique}-all"], AlarmTypes=["CompositeAlarm"], WaiterConfig={"Delay": 1, "MaxAttempts": 1}
    )
    cloudwatch.set_alarm_state(AlarmName=unique, StateValue="ALARM", StateReason="by hand")
    (composite,) = cloudwatch.describe_alarms(AlarmNames=[f"{unique}-all"], AlarmTypes=["CompositeAlarm"])[
        "CompositeAlarms"
    ]
    assert composite["StateValue"] == "ALARM"
    assert code_of(cloudwatch.delete_alarms, AlarmNames=[unique]) == ("ValidationError", 400)
    cloudwatch.delete_alarms(AlarmNames=[f"{unique}-all"])
    cloudwatch.delete_alarms(AlarmNames=[unique])


def test_math_alarm_is_told_as_it_was_given(cloudwatch: Any, unique: str) -> None:
    metrics = [
        {
            "Id": "m1",
            "MetricStat": {
                "Metric": {"Namespace": "N", "MetricName": "M", "Dimensions": [{"Name": "a", "Value": "b"}]},
                "Period": 60,
                "Stat": "Sum",
            },
            "ReturnData": False,
        },
        {"Id": "e1", "Expression": "m1 / 60", "Label": "rate", "ReturnData": True},
    ]
    cloudwatch.put_metric_alarm(
        AlarmName=unique, Metrics=metrics, EvaluationPeriods=3, DatapointsToAlarm=2, Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[unique])["MetricAlarms"]
    assert alarm["Metrics"] == metrics
    assert (alarm["DatapointsToAlarm"], "Period" in alarm) == (2, False)
    cloudwatch.delete_alarms(AlarmNames=[unique])


def test_every_paginator_turns_its_pages(cloudwatch: Any, unique: str) -> None:
    names = [f"{unique}-{number:02}" for number in range(7)]
    for name in names:
        put_alarm(cloudwatch, name)
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="by hand")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=unique, PaginationConfig={"PageSize": 3}
    )
    assert [[alarm["AlarmName"] for alarm in page["MetricAlarms"]] for page in pages] == [
        names[:3],
        names[3:6],
        names[6:],
    ]
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName=names[0], PaginationConfig={"PageSize": 1}
    )
    assert [len(page["AlarmHistoryItems"]) for page in pages] == [1, 1]
    now = datetime.now(UTC)
    cloudwatch.put_metric_data(
        Namespace=unique,
        MetricData=[
            {"MetricName": "m", "Value": number, "Timestamp": now - timedelta(minutes=number)} for number in range(1, 8)
        ],
    )
    stat = {"Metric": {"Namespace": unique, "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[{"Id": "a", "MetricStat": stat}],
        StartTime=now - timedelta(minutes=20),
        EndTime=now,
        MaxDatapoints=3,
    )
    values = [value for page in pages for result in page["MetricDataResults"] for value in result["Values"]]
    assert values == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    for name in names:
        cloudwatch.delete_alarms(AlarmNames=[name])


def test_error_codes_are_those_that_scripts_look_for(cloudwatch: Any, unique: str) -> None:
    client = cloudwatch
    state = {"AlarmName": f"{unique}-ghost", "StateValue": "OK", "StateReason": "r"}
    assert code_of(client.set_alarm_state, **state) == ("ResourceNotFound", 404)
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.set_alarm_state(**state)
    assert code_of(client.set_alarm_state, **{**state, "StateValue": "BAD"}) == ("ValidationError", 400)
    put_alarm(client, unique)
    broken = {"AlarmName": unique, "StateValue": "OK", "StateReason": "r", "StateReasonData": "{"}
    assert code_of(client.set_alarm_state, **broken) == ("InvalidFormat", 400)
    client.delete_alarms(AlarmNames=[unique])
    both = {"MetricName": "m", "Value": 1.0, "Values": [1.0]}
    assert code_of(client.put_metric_data, Namespace=unique, MetricData=[both]) == ("InvalidParameterCombination", 400)
    uneven = {"MetricName": "m", "Values": [1.0], "Counts": [1.0, 2.0]}
    assert code_of(client.put_metric_data, Namespace=unique, MetricData=[uneven]) == ("InvalidParameterValue", 400)
    bad = {"MetricName": "m", "Value": float("nan")}
    assert code_of(client.put_metric_data, Namespace=unique, MetricData=[bad]) == ("InvalidParameterValue", 400)
    assert code_of(client.put_metric_data, Namespace=unique) == ("MissingParameter", 400)
    assert code_of(client.describe_alarms, NextToken="nonsense") == ("InvalidNextToken", 400)
    assert code_of(client.describe_alarms, StateValue="BAD") == ("ValidationError", 400)
    assert code_of(client.put_composite_alarm, AlarmName=unique, AlarmRule="nonsense(") == ("ValidationError", 400)
    missing = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:ghost"
    assert code_of(client.list_tags_for_resource, ResourceARN=missing)[0] in (
        "ResourceNotFoundException", "ResourceNotFound",
    )  # fmt: skip
    now = datetime.now(UTC)
    span = {"Namespace": "N", "MetricName": "m", "Period": 60, "Statistics": ["Sum"], "EndTime": now}
    assert code_of(client.get_metric_statistics, StartTime=now - timedelta(days=60), **span) == (
        "InvalidParameterCombination", 400,
    )  # fmt: skip
    assert code_of(client.get_metric_statistics, StartTime=now + timedelta(1), **span)[0] in (
        "InvalidParameterValue", "InvalidParameterCombination",
    )  # fmt: skip
    assert code_of(client.list_dashboards)[0] in ("InvalidAction", "UnknownOperationException")


def test_signatures_are_demanded(make_client: MakeClient) -> None:
    for protocol in PROTOCOLS:
        forged = make_client("cloudwatch", protocol, aws_secret_access_key="guess")
        assert code_of(forged.list_metrics)[0] == "SignatureDoesNotMatch"
        stranger = make_client("cloudwatch", protocol, aws_access_key_id="AKIDSTRANGER")
        assert code_of(stranger.list_metrics)[0] == "InvalidClientTokenId"
        unsigned = make_client("cloudwatch", protocol, config=Config(signature_version=UNSIGNED))
        assert code_of(unsigned.list_metrics)[0] == "MissingAuthenticationToken"


def test_temporary_credentials_are_known_by_their_token(make_client: MakeClient) -> None:
    keys = {"aws_access_key_id": "ASIAWAKELESSTEST0001", "aws_secret_access_key": "temporary/secret"}
    identity = make_client("sts", aws_session_token="a+session/token==", **keys).get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::000000000000:user/tester"
    assert code_of(make_client("sts", **keys).get_caller_identity)[0] == "InvalidClientTokenId"


def test_other_services_are_told_that_they_are_not_here(make_client: MakeClient) -> None:
    assert code_of(make_client("ec2").describe_instances)[0] == "InvalidAction"
    assert code_of(make_client("dynamodb").list_tables)[0] == "UnknownOperationException"
    assert code_of(make_client("s3").list_buckets)[0]


def test_unsigned_requests_are_welcome_where_nobody_else_can_connect(
    make_client: MakeClient, open_endpoint: Any
) -> None:
    for protocol in PROTOCOLS:
        client = make_client(
            "cloudwatch", protocol, endpoint_url=open_endpoint.url, config=Config(signature_version=UNSIGNED)
        )
        assert client.describe_alarms(AlarmNames=["nobody"])["MetricAlarms"] == []
    sts = make_client("sts", endpoint_url=open_endpoint.url, config=Config(signature_version=UNSIGNED))
    assert sts.get_caller_identity()["Account"] == "000000000000"
