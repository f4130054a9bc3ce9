from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wakeless.alarms.alarm import Alarm
from wakeless.alarms.inbound import Hints, parse
from wakeless.alarms.inbound.cloudwatch import Watched, combine, split_arn
from wakeless.alarms.inbound.regions import partition_of, region_by_long_name
from wakeless.core.errors import InvalidInput

Message = Callable[[str], dict[str, Any]]


@pytest.fixture
def metric_alarm(message: Message) -> dict[str, Any]:
    return message("sns-http-metric-alarm-v1")


def one(payload: object, **hints: Any) -> Alarm:
    (alarm,) = parse(payload, Hints(**hints))
    return alarm


@pytest.mark.parametrize(
    "absent",
    [
        "AlarmDescription",
        "AlarmConfigurationUpdatedTimestamp",
        "NewStateReason",
        "OldStateValue",
        "ActionExecutedAfterMuteWindow",
        "OKActions",
        "AlarmActions",
        "InsufficientDataActions",
        "AWSAccountId",
        "Region",
        "Trigger",
    ],
)
@pytest.mark.parametrize("null", [False, True])
def test_what_older_messages_lack_may_be_absent_or_null(metric_alarm: dict[str, Any], absent: str, null: bool) -> None:
    if null:
        metric_alarm[absent] = None
    else:
        del metric_alarm[absent]

    assert one(metric_alarm).name == "disk-full-web-1"


@pytest.mark.parametrize(
    "trigger",
    [
        {"Statistic": "SAMPLE_COUNT"},
        {"StatisticType": "ExtendedStatistic", "Statistic": "p99"},
        {"Unit": "Percent"},
        {"DatapointsToAlarm": None},
        {"TreatMissingData": "- TreatMissingData:                    missing"},
        {"TreatMissingData": ""},
        {"Threshold": None, "Period": "60"},
    ],
)
def test_what_is_not_needed_is_not_looked_at(metric_alarm: dict[str, Any], trigger: dict[str, Any]) -> None:
    metric_alarm["Trigger"].update(trigger)
    assert one(metric_alarm).raw["Trigger"] == metric_alarm["Trigger"]


@pytest.mark.parametrize("keys", [("name", "value"), ("Name", "Value")])
def test_dimensions_are_a_list_of_pairs_in_either_spelling(metric_alarm: dict[str, Any], keys: tuple[str, str]) -> None:
    metric_alarm["Trigger"]["Dimensions"] = [dict(zip(keys, ("InstanceId", "i-1"), strict=True))]
    assert one(metric_alarm).dimensions == {"InstanceId": "i-1"}


@pytest.mark.parametrize("dimensions", [[], None, {}])
def test_a_metric_may_have_no_dimensions(metric_alarm: dict[str, Any], dimensions: object) -> None:
    metric_alarm["Trigger"]["Dimensions"] = dimensions
    assert one(metric_alarm).dimensions == {}


@pytest.mark.parametrize(
    ("dimensions", "place"),
    [
        ("InstanceId", "Trigger.Dimensions"),
        ([1], "Trigger.Dimensions[0]"),
        ([{"name": "InstanceId"}], "Trigger.Dimensions[0].InstanceId"),
        ([{"name": "a", "value": "b"}, {"name": "", "value": "x"}], "Trigger.Dimensions[1]"),
        ([{"name": "a", "value": "x" * 20_000}], "Trigger.Dimensions[0].a"),
        ([{"name": "a", "value": 7}], "Trigger.Dimensions[0].a"),
        ([{"name": str(n), "value": "v"} for n in range(300)], "Trigger.Dimensions"),
    ],
)
def test_dimensions_of_another_shape_are_refused(metric_alarm: dict[str, Any], dimensions: object, place: str) -> None:
    metric_alarm["Trigger"]["Dimensions"] = dimensions
    with pytest.raises(InvalidInput) as refused:
        parse(metric_alarm)
    assert [problem.path for problem in refused.value.problems] == [place]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("AlarmName", "", "is missing"),
        ("AlarmName", 7, "must be a string, is a number"),
        ("AlarmName", "x" * 3_000, "is longer than 2,048 characters"),
        ("NewStateValue", "alarm", "must be one of OK, ALARM, INSUFFICIENT_DATA"),
        ("NewStateValue", None, "is missing"),
        ("StateChangeTime", "yesterday", "must be a time"),
        ("StateChangeTime", 1767225852, "must be a time"),
        ("StateChangeTime", "0001-01-01T00:00:00.000+1400", "must be a time"),
        ("AlarmArn", "disk-full", "must be an ARN"),
        ("NewStateReason", ["a"], "must be a string, is a list"),
        ("OldStateValue", {}, "must be a string, is an object"),
        ("Trigger", "x", "must be an object, is a string"),
        ("AlarmContributorAttributes", {"Service": 1}, "must be a string, is a number"),
        ("AlarmContributorId", False, "must be a string, is true or false"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(
    metric_alarm: dict[str, Any], key: str, value: object, words: str
) -> None:
    metric_alarm[key] = value
    with pytest.raises(InvalidInput) as refused:
        parse(metric_alarm)
    (problem,) = refused.value.problems
    assert problem.path.startswith(key)
    assert words in problem.message


def test_every_problem_is_told_at_once(metric_alarm: dict[str, Any]) -> None:
    metric_alarm |= {"AlarmName": None, "NewStateValue": "X", "StateChangeTime": "Y", "Trigger": 5}
    with pytest.raises(InvalidInput) as refused:
        parse(metric_alarm)
    assert {problem.path for problem in refused.value.problems} == {
        "AlarmName",
        "NewStateValue",
        "StateChangeTime",
        "Trigger",
    }


def test_an_unknown_state_before_is_no_obstacle(metric_alarm: dict[str, Any]) -> None:
    metric_alarm["OldStateValue"] = "UNHEARD_OF"
    assert one(metric_alarm).previous_state is None


def test_long_words_are_cut_and_the_raw_payload_keeps_them(metric_alarm: dict[str, Any]) -> None:
    metric_alarm["NewStateReason"] = "x" * 50_000
    alarm = one(metric_alarm)
    assert len(alarm.reason) == 16_384
    assert alarm.raw["NewStateReason"] == "x" * 50_000


@pytest.mark.parametrize(
    ("topic_arn", "long_name", "arn"),
    [
        ("arn:aws:sns:eu-west-1:1:t", "nonsense", "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:disk-full-web-1"),
        (None, "US East (N. Virginia)", "arn:aws:cloudwatch:us-east-1:000000000000:alarm:disk-full-web-1"),
        (None, "EU (Ireland)", "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:disk-full-web-1"),
        (None, "China (Beijing)", "arn:aws-cn:cloudwatch:cn-north-1:000000000000:alarm:disk-full-web-1"),
    ],
)
def test_an_old_message_gets_the_arn_it_would_have_carried(
    metric_alarm: dict[str, Any], topic_arn: str | None, long_name: str, arn: str
) -> None:
    del metric_alarm["AlarmArn"]
    metric_alarm["Region"] = long_name

    alarm = one(metric_alarm, topic_arn=topic_arn)

    assert alarm.arn == arn
    assert alarm.fingerprint == f"cloudwatch:{arn}"


def test_an_old_message_from_nowhere_is_still_told_apart(metric_alarm: dict[str, Any]) -> None:
    del metric_alarm["AlarmArn"]
    metric_alarm["Region"] = "Atlantis"
    alarm = one(metric_alarm)
    assert alarm.arn is None
    assert alarm.url is None
    assert alarm.fingerprint == "cloudwatch:000000000000//disk-full-web-1"


def test_the_envelope_tells_the_time_when_the_message_does_not(metric_alarm: dict[str, Any]) -> None:
    del metric_alarm["StateChangeTime"]
    envelope = {
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:t",
        "Timestamp": "2026-01-01T00:04:12.345Z",
        "Message": json.dumps(metric_alarm),
    }
    assert one(envelope).changed_at == datetime(2026, 1, 1, 0, 4, 12, 345_000, UTC)
    assert one(metric_alarm, at=datetime(2026, 2, 1, tzinfo=UTC)).changed_at == datetime(2026, 2, 1, tzinfo=UTC)


def test_the_subject_is_never_read(message: Message) -> None:
    assert len(one(message("sns-http-long-name-subject")).name) > 100


@pytest.mark.parametrize(
    ("metrics", "watched"),
    [
        ([], Watched()),
        ([("App", "Errors", {"S": "a"})], Watched(namespace="App", metric="Errors", dimensions={"S": "a"})),
        # The resource may stand in any of the metrics.
        (
            [("App", "Errors", {"S": "a"}), ("App", "Requests", {"S": "a", "Host": "h"})],
            Watched(namespace="App", dimensions={"S": "a", "Host": "h"}),
        ),
        # Which of two machines is meant is not guessed.
        (
            [("App", "Errors", {"Id": "i-1", "S": "a"}), ("App", "Errors", {"Id": "i-2", "S": "a"})],
            Watched(namespace="App", metric="Errors", dimensions={"S": "a"}),
        ),
        ([("A", "x", {}), ("B", "x", {})], Watched()),
    ],
)
def test_a_math_alarm_watches_what_its_metrics_agree_on(
    metrics: list[tuple[str, str, dict[str, str]]], watched: Watched
) -> None:
    assert combine(Watched(namespace=n, metric=m, dimensions=d) for n, m, d in metrics) == watched


def test_problems_inside_a_math_alarms_metrics_are_found(message: Message) -> None:
    alarm = message("sns-http-math-alarm")
    alarm["Trigger"]["Metrics"][1]["MetricStat"]["Metric"]["MetricName"] = 7
    alarm["Trigger"]["Metrics"].append("x")
    with pytest.raises(InvalidInput) as refused:
        parse(alarm)
    assert {problem.path for problem in refused.value.problems} == {
        "Trigger.Metrics[1].MetricStat.Metric.MetricName",
        "Trigger.Metrics[3]",
    }


def test_the_console_address_is_the_partitions_own_and_holds_any_name(metric_alarm: dict[str, Any]) -> None:
    metric_alarm["AlarmName"] = "a/b #1 <ü>"
    for arn, host in (
        ("arn:aws-cn:cloudwatch:cn-north-1:1:alarm:x", "cn-north-1.console.amazonaws.cn"),
        ("arn:aws-us-gov:cloudwatch:us-gov-west-1:1:alarm:x", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ):
        metric_alarm["AlarmArn"] = arn
        url = one(metric_alarm).url
        assert url is not None
        assert url.startswith(f"https://{host}/cloudwatch/home?region=")
        assert url.endswith("#alarmsV2:alarm/a%2Fb%20%231%20%3C%C3%BC%3E")


@pytest.mark.parametrize("text", ["", "arn", "arn:aws:cloudwatch:evil.com/:1:x", "arn:aws:x", "xarn:aws:sns:r:1:t"])
def test_what_is_no_arn_has_no_parts(text: str) -> None:
    assert split_arn(text) is None


def test_regions_are_known_by_long_name_and_by_code() -> None:
    assert region_by_long_name("Europe (Frankfurt)") == region_by_long_name("EU (Frankfurt)") == "eu-central-1"
    assert region_by_long_name("sa-east-1") == "sa-east-1"
    assert region_by_long_name("") is None
    assert [partition_of(region) for region in ("us-east-1", "cn-north-1", "us-gov-west-1")] == [
        "aws",
        "aws-cn",
        "aws-us-gov",
    ]
