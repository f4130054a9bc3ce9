"""The rest of CloudWatch's operations: listing, paging, history, tags, states by hand, metrics."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wakeless.alarms.errors import AlarmRefused
from wakeless.core.errors import Refused
from wakeless.monitoring.settings import MonitoringSettings

#: conftest's Scene.
Scene = Any
TOPIC = "arn:aws:sns:us-east-1:000000000000:ops"
ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"
BOTH = ["MetricAlarm", "CompositeAlarm"]


async def names(scene: Scene, **request: Any) -> list[str]:
    answer = await scene.monitoring.describe_alarms(request)
    return [alarm["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for alarm in answer[kind]]


async def some_alarms(scene: Scene) -> None:
    for name in ("web-2", "web-1", "db-1"):
        await scene.alarm(name, MetricName="silent", TreatMissingData="ignore")
    await scene.alarm("told", MetricName="silent", TreatMissingData="ignore", OKActions=[TOPIC])
    await scene.composite("web", "ALARM(web-1) OR ALARM(web-2)")
    await scene.set_state("web-1", "ALARM")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, ["db-1", "told", "web-1", "web-2"]),
        ({"AlarmTypes": BOTH}, ["db-1", "told", "web-1", "web-2", "web"]),
        ({"AlarmTypes": ["CompositeAlarm"]}, ["web"]),
        ({"AlarmTypes": ["LogAlarm"]}, []),
        ({"AlarmNamePrefix": "web-"}, ["web-1", "web-2"]),
        ({"AlarmNamePrefix": "web", "AlarmTypes": BOTH}, ["web-1", "web-2", "web"]),
        ({"AlarmNames": ["web-2", "ghost", "db-1", "web-2"]}, ["db-1", "web-2"]),
        ({"AlarmNames": ["web"]}, []),
        ({"AlarmNames": ["web-1", "db-1"], "AlarmNamePrefix": "web"}, ["web-1"]),
        ({"StateValue": "ALARM"}, ["web-1"]),
        ({"StateValue": "ALARM", "AlarmTypes": BOTH}, ["web-1", "web"]),
        ({"ActionPrefix": "arn:aws:sns:us-east-1:0"}, ["told"]),
        ({"ChildrenOfAlarmName": "web"}, ["web-1", "web-2"]),
        ({"ParentsOfAlarmName": "web-1"}, ["web"]),
        ({"ParentsOfAlarmName": "db-1"}, []),
    ],
)
async def test_alarms_are_found_by_every_filter(scene: Scene, request_: dict[str, Any], expected: list[str]) -> None:
    await some_alarms(scene)
    assert await names(scene, **request_) == expected


async def test_pages_go_on_where_the_last_ended(scene: Scene) -> None:
    for number in range(7):
        await scene.alarm(f"alarm-{number}")
    request: dict[str, Any] = {"MaxRecords": 3}
    seen: list[list[str]] = []
    while True:
        answer = await scene.monitoring.describe_alarms(request)
        seen.append([alarm["AlarmName"] for alarm in answer["MetricAlarms"]])
        if "NextToken" not in answer:
            break
        request["NextToken"] = answer["NextToken"]
    assert [len(page) for page in seen] == [3, 3, 1]
    assert [name for page in seen for name in page] == [f"alarm-{number}" for number in range(7)]


@pytest.mark.parametrize("token", ["invalid-token", "é", "W10=", "bnVsbA=="])
async def test_foreign_tokens_are_refused(scene: Scene, token: str) -> None:
    for operation in (scene.monitoring.describe_alarms, scene.monitoring.describe_alarm_history):
        with pytest.raises(AlarmRefused) as refusal:
            await operation({"NextToken": token})
        assert refusal.value.aws_code == "InvalidNextToken"
        assert str(refusal.value) == f"Invalid NextToken : {token}"


async def test_a_token_answers_one_question_only(scene: Scene) -> None:
    for number in range(3):
        await scene.alarm(f"alarm-{number}")
    token = (await scene.monitoring.describe_alarms({"MaxRecords": 1}))["NextToken"]
    with pytest.raises(AlarmRefused, match="Invalid NextToken"):
        await scene.monitoring.describe_alarms({"MaxRecords": 1, "AlarmNamePrefix": "a", "NextToken": token})


@pytest.mark.parametrize(
    "wrong",
    [
        {"MaxRecords": 0},
        {"MaxRecords": 101},
        {"StateValue": "FINE"},
        {"AlarmNames": ["a"] * 101},
        {"ChildrenOfAlarmName": "web", "StateValue": "OK"},
    ],
)
async def test_impossible_filters_are_refused(scene: Scene, wrong: dict[str, Any]) -> None:
    await some_alarms(scene)
    with pytest.raises(AlarmRefused) as refusal:
        await scene.monitoring.describe_alarms(wrong)
    assert refusal.value.aws_code == "ValidationError"


async def test_alarms_for_a_metric_match_its_exact_dimensions(scene: Scene) -> None:
    one, other = {"Name": "Z", "Value": "last"}, {"Name": "A", "Value": "first"}
    await scene.alarm("bare")
    await scene.alarm("dimensioned", Dimensions=[one, other], Statistic="Sum", Period=120)

    async def found(**changes: Any) -> list[str]:
        request = {"Namespace": "App", "MetricName": "load"} | changes
        answer = await scene.monitoring.describe_alarms_for_metric(request)
        return [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]

    assert await found() == ["bare"]
    assert await found(Dimensions=[other, one]) == ["dimensioned"]
    assert await found(Dimensions=[one]) == []
    assert await found(Dimensions=[one, other], Statistic="Average") == []
    assert await found(Dimensions=[one, other], Statistic="Sum", Period=120) == ["dimensioned"]
    assert await found(Dimensions=[one, other], Unit="Count") == []
    assert scene.described("dimensioned")["Dimensions"] == [one, other], "the order is given back"


async def test_history_is_filtered_ordered_and_paged(scene: Scene) -> None:
    await some_alarms(scene)
    scene.clock.advance(60)
    later = scene.clock.now()
    await scene.set_state("web-1", "OK")

    async def summaries(**request: Any) -> list[str]:
        answer = await scene.monitoring.describe_alarm_history(request)
        return [item["HistorySummary"] for item in answer["AlarmHistoryItems"]]

    assert await summaries(AlarmName="web-1") == [
        "Alarm updated from ALARM to OK",
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        'Alarm "web-1" created',
    ]
    assert await summaries(AlarmName="web-1", HistoryItemType="ConfigurationUpdate") == ['Alarm "web-1" created']
    assert await summaries(AlarmName="web-1", StartDate=later) == ["Alarm updated from ALARM to OK"]
    assert len(await summaries(AlarmName="web-1", EndDate=later - timedelta(seconds=1))) == 2
    assert await summaries(AlarmName="web") == [], "metric alarms only, unless asked otherwise"
    assert len(await summaries(AlarmName="web", AlarmTypes=["CompositeAlarm"])) == 4
    assert await summaries(AlarmName="never") == []

    request: dict[str, Any] = {"AlarmName": "web-1", "MaxRecords": 2, "ScanBy": "TimestampAscending"}
    first = await scene.monitoring.describe_alarm_history(request)
    second = await scene.monitoring.describe_alarm_history(request | {"NextToken": first["NextToken"]})
    assert [len(page["AlarmHistoryItems"]) for page in (first, second)] == [2, 1]
    assert "NextToken" not in second
    with pytest.raises(AlarmRefused, match="historyItemType"):
        await scene.monitoring.describe_alarm_history({"HistoryItemType": "Gossip"})


async def test_history_outlives_the_alarm_and_is_pruned_after_a_month(scene: Scene) -> None:
    await scene.alarm()
    await scene.monitoring.delete_alarms({"AlarmNames": ["load", "ghost"]})
    await scene.monitoring.delete_alarms({"AlarmNames": ["load"]})
    assert await scene.history("load") == ['Alarm "load" created', 'Alarm "load" deleted']
    assert await scene.monitoring.prune_history(scene.clock.now() + timedelta(days=29)) == 0
    assert await scene.monitoring.prune_history(scene.clock.now() + timedelta(days=31)) == 2


async def test_a_state_set_by_hand_acts_as_a_real_change_and_falls_back(scene: Scene) -> None:
    await scene.alarm(AlarmActions=[TOPIC])
    await scene.sample(1.0)
    await scene.pass_time(75)
    scene.reported.clear()
    await scene.set_state("load", "ALARM", "a test", StateReasonData='{ "z": 2 }')
    assert scene.described("load")["StateReason"] == "a test"
    assert scene.described("load")["StateReasonData"] == '{ "z": 2 }'
    assert scene.told() == [("load", "ALARM")]
    await scene.pass_time(60)
    assert scene.state() == "OK"
    assert scene.told() == [("load", "ALARM"), ("load", "OK")]


async def test_setting_the_same_state_changes_nothing_at_all(scene: Scene) -> None:
    await scene.alarm(AlarmActions=[TOPIC])
    await scene.set_state("load", "ALARM", "first", StateReasonData="{}")
    before, items = scene.described("load"), await scene.history("load")
    scene.clock.advance(5)
    await scene.set_state("load", "ALARM", "second", StateReasonData="[]")
    await scene.set_state("load", "ALARM", "third")
    assert scene.described("load") == before
    assert await scene.history("load") == items
    assert scene.told() == [("load", "ALARM")]


async def test_a_state_without_data_has_none(scene: Scene) -> None:
    await scene.alarm()
    await scene.set_state("load", "ALARM", StateReasonData="null")
    assert scene.described("load")["StateReasonData"] == "null"
    await scene.set_state("load", "OK")
    assert "StateReasonData" not in scene.described("load")


@pytest.mark.parametrize(
    ("request_", "code", "status", "text"),
    [
        ({"AlarmName": "ghost", "StateValue": "OK", "StateReason": ""}, "ResourceNotFound", 404, ""),
        (
            {"AlarmName": "load", "StateValue": "INVALID", "StateReason": ""},
            "ValidationError",
            400,
            "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: "
            "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]",
        ),
        (
            {"AlarmName": "load", "StateValue": "OK", "StateReason": "", "StateReasonData": "{"},
            "InvalidFormat",
            400,
            "",
        ),
    ],
)
async def test_states_that_cannot_be_set_are_refused(
    scene: Scene, request_: dict[str, str], code: str, status: int, text: str
) -> None:
    await scene.alarm()
    with pytest.raises(AlarmRefused) as refusal:
        await scene.monitoring.set_alarm_state(request_)
    assert (refusal.value.aws_code, refusal.value.status, str(refusal.value)) == (code, status, text)
    assert scene.state() == "INSUFFICIENT_DATA"


async def test_a_put_replaces_the_whole_configuration_and_keeps_the_state(scene: Scene) -> None:
    await scene.alarm(AlarmDescription="rich", DatapointsToAlarm=1, TreatMissingData="ignore", Unit="Count")
    await scene.set_state("load", "ALARM", "kept")
    scene.clock.advance(60)
    await scene.alarm()
    described = scene.described("load")
    assert described["StateReason"] == "kept"
    for member in ("AlarmDescription", "DatapointsToAlarm", "TreatMissingData", "Unit"):
        assert member not in described
    assert described["AlarmConfigurationUpdatedTimestamp"] == scene.clock.now()
    assert (await scene.history("load"))[-1] == 'Alarm "load" updated'


async def test_an_identical_put_changes_nothing(scene: Scene) -> None:
    one, other = {"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}
    await scene.alarm(Dimensions=[one, other])
    before, items = scene.described("load"), await scene.history("load")
    scene.clock.advance(60)
    await scene.alarm(Dimensions=[other, one], Threshold=10.0)
    assert scene.described("load") == before
    assert await scene.history("load") == items


async def test_a_refused_put_changes_nothing(scene: Scene) -> None:
    await scene.alarm(AlarmDescription="before")
    with pytest.raises(AlarmRefused):
        await scene.alarm(AlarmDescription="after", AlarmActions=["not-an-arn"])
    with pytest.raises(AlarmRefused):
        await scene.alarm("new", Tags=[{"Key": "aws:x", "Value": ""}])
    assert scene.described("load")["AlarmDescription"] == "before"
    assert scene.monitoring.alarm("new") is None


async def test_a_name_has_one_type(scene: Scene) -> None:
    await scene.alarm("metric")
    await scene.composite("composite", "FALSE")
    for put in (scene.alarm("composite"), scene.composite("metric", "FALSE")):
        with pytest.raises(AlarmRefused, match=r"is already used by another alarm of a different type$"):
            await put


async def test_bad_expressions_and_statistics_are_refused_before_anything_is_kept(scene: Scene) -> None:
    single = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    for expression in ("m1 +", "SEARCH('x', 'Sum', 60)", "nothing", "[m1, m1]", "5"):
        stat = {"Metric": {"Namespace": "App", "MetricName": "x"}, "Period": 60, "Stat": "Sum"}
        metrics = [{"Id": "m1", "MetricStat": stat, "ReturnData": False}, {"Id": "e1", "Expression": expression}]
        with pytest.raises(Refused) as refusal:
            await scene.alarm("math", Metrics=metrics, **single)
        assert getattr(refusal.value, "aws_code", "") == "ValidationError", expression
    for statistic in ("p101", "TM(5%:95%)", "median"):
        with pytest.raises(AlarmRefused) as wrong:
            await scene.alarm(Statistic=None, ExtendedStatistic=statistic)
        assert wrong.value.aws_code == "InvalidParameterValue"
        assert str(wrong.value) == f"The value {statistic} for parameter ExtendedStatistic is not supported."
    assert scene.monitoring.alarms() == []


class TestWithALimit:
    @pytest.fixture
    def settings(self) -> MonitoringSettings:
        return MonitoringSettings(max_alarms=2)

    async def test_more_alarms_are_refused(self, scene: Scene) -> None:
        await scene.alarm("one")
        await scene.alarm("two")
        await scene.alarm("two", Threshold=11)
        with pytest.raises(AlarmRefused) as refusal:
            await scene.alarm("three")
        assert refusal.value.aws_code == "LimitExceeded"


async def test_tags_are_set_at_creation_and_changed_by_their_own_operations(scene: Scene) -> None:
    arn = {"ResourceARN": ARN + "load"}

    async def tags() -> dict[str, str]:
        answer = await scene.monitoring.list_tags_for_resource(arn)
        return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}

    await scene.alarm(Tags=[{"Key": "create", "Value": "original"}, {"Key": "keep", "Value": "yes"}])
    await scene.alarm(Threshold=11, Tags=[{"Key": "create", "Value": "ignored"}])
    assert await tags() == {"create": "original", "keep": "yes"}
    await scene.monitoring.tag_resource(
        arn | {"Tags": [{"Key": "create", "Value": "replaced"}, {"Key": "added", "Value": ""}]}
    )
    with pytest.raises(AlarmRefused) as refusal:
        await scene.monitoring.tag_resource(
            arn | {"Tags": [{"Key": "no", "Value": ""}, {"Key": "aws:no", "Value": ""}]}
        )
    assert (refusal.value.aws_code, refusal.value.status) == ("AccessDenied", 403)
    await scene.monitoring.untag_resource(arn | {"TagKeys": ["keep", "never"]})
    assert await tags() == {"create": "replaced", "added": ""}
    scene.restart()
    assert await tags() == {"create": "replaced", "added": ""}
    with pytest.raises(AlarmRefused, match="50 user tags"):
        await scene.monitoring.tag_resource(arn | {"Tags": [{"Key": f"k{n}", "Value": ""} for n in range(49)]})


async def test_tags_of_what_is_not_there_are_refused(scene: Scene) -> None:
    for operation, more in (
        (scene.monitoring.tag_resource, {"Tags": [{"Key": "k", "Value": "v"}]}),
        (scene.monitoring.untag_resource, {"TagKeys": ["k"]}),
        (scene.monitoring.list_tags_for_resource, {}),
    ):
        with pytest.raises(AlarmRefused) as refusal:
            await operation({"ResourceARN": ARN + "ghost"} | more)
        assert (refusal.value.aws_code, refusal.value.status) == ("ResourceNotFoundException", 404)


async def test_actions_are_enabled_and_disabled_with_history(scene: Scene) -> None:
    await scene.alarm()
    scene.clock.advance(1)
    await scene.monitoring.disable_alarm_actions({"AlarmNames": ["load", "ghost"]})
    await scene.monitoring.disable_alarm_actions({"AlarmNames": ["load"]})
    assert scene.described("load")["ActionsEnabled"] is False
    assert scene.described("load")["AlarmConfigurationUpdatedTimestamp"] == scene.clock.now()
    answer = await scene.monitoring.describe_alarm_history({"AlarmName": "load", "MaxRecords": 1})
    data = json.loads(answer["AlarmHistoryItems"][0]["HistoryData"])
    assert data["originalUpdatedFields"]["actionsEnabled"] is True
    assert len(await scene.history("load")) == 2


async def test_metrics_are_put_listed_and_read(scene: Scene) -> None:
    await scene.sample(1.0)
    await scene.sample(3.0)
    listed = await scene.monitoring.list_metrics({"Namespace": "App"})
    assert listed["Metrics"] == [{"Namespace": "App", "MetricName": "load", "Dimensions": []}]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    span = {"StartTime": start, "EndTime": start + timedelta(minutes=1)}
    metric = {"Namespace": "App", "MetricName": "load"}
    read = await scene.monitoring.get_metric_statistics(metric | span | {"Period": 60, "Statistics": ["Average"]})
    assert [point["Average"] for point in read["Datapoints"]] == [2.0]
    query = {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    data = await scene.monitoring.get_metric_data({"MetricDataQueries": [query]} | span)
    assert data["MetricDataResults"][0]["Values"] == [4.0]


async def test_alarms_are_found_by_name_and_by_arn(scene: Scene) -> None:
    await scene.alarm("a:b")
    assert scene.monitoring.alarm("a:b") is scene.monitoring.alarm(ARN + "a:b")
    assert scene.monitoring.alarm("a:b") is not None
    assert scene.monitoring.alarm("ghost") is None
    assert [record.name for record in scene.monitoring.alarms()] == ["a:b"]
