"""Metric alarms from sample to report."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from wakeless.monitoring.settings import MonitoringSettings

TOPIC = "arn:aws:sns:us-east-1:000000000000:ops"
OK_TOPIC = "arn:aws:sns:us-east-1:000000000000:ok"
EC2 = "arn:aws:automate:us-east-1:ec2:reboot"


#: conftest's Scene.
Scene = Any


async def test_a_new_alarm_has_no_data_and_says_so(scene: Scene) -> None:
    await scene.alarm()
    described = scene.described("load")
    assert described["StateValue"] == "INSUFFICIENT_DATA"
    assert described["StateReason"] == "Unchecked: Initial alarm creation"
    assert "StateReasonData" not in described
    assert await scene.history("load") == ['Alarm "load" created']
    assert scene.reported == []


async def test_an_alarm_fires_recovers_and_tells_of_both(scene: Scene) -> None:
    await scene.alarm(AlarmActions=[TOPIC], OKActions=[OK_TOPIC])
    await scene.sample(50.0)
    await scene.pass_time(75)
    assert scene.state() == "ALARM"
    await scene.sample(1.0, ago=20)
    await scene.pass_time(60)
    assert scene.state() == "OK"
    assert scene.told() == [("load", "ALARM"), ("load", "OK")]
    assert await scene.history("load") == [
        'Alarm "load" created',
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        f"Successfully executed action {TOPIC}",
        "Alarm updated from ALARM to OK",
        f"Successfully executed action {OK_TOPIC}",
    ]
    assert [len(alarms) for alarms in scene.woken] == [1, 1]


async def test_samples_older_than_the_alarm_count(scene: Scene) -> None:
    await scene.sample(50.0, ago=120)
    await scene.alarm()
    await scene.pass_time(60)
    assert scene.state() == "ALARM"


async def test_a_period_is_looked_at_only_when_it_has_been_over_for_the_delay(scene: Scene) -> None:
    """Its offset lies in the seconds 10 to 19 of the minute, and the sample's minute ends at 00:01:00."""
    await scene.alarm()
    await scene.sample(50.0)
    await scene.pass_time(60)
    assert scene.state() == "INSUFFICIENT_DATA"
    await scene.pass_time(15)
    assert scene.state() == "ALARM"
    changed = scene.described("load")["StateUpdatedTimestamp"]
    assert 10 <= changed.second <= 19


async def test_late_data_is_taken_at_the_next_tick(scene: Scene) -> None:
    await scene.alarm()
    await scene.sample(1.0)
    await scene.pass_time(80)
    assert scene.state() == "OK"
    await scene.sample(99.0, ago=80)
    await scene.pass_time(60)
    assert scene.state() == "ALARM"


async def test_nothing_fires_twice(scene: Scene) -> None:
    await scene.alarm(AlarmActions=[TOPIC])
    for _ in range(4):
        await scene.sample(50.0)
        await scene.pass_time(60)
    assert scene.told() == [("load", "ALARM")]


async def test_a_restart_keeps_the_state_and_fires_nothing(scene: Scene) -> None:
    await scene.alarm(AlarmActions=[TOPIC])
    await scene.sample(50.0)
    await scene.pass_time(75)
    before = scene.described("load")
    scene.restart()
    await scene.pass_time(60)
    assert scene.described("load") == before
    assert scene.told() == [("load", "ALARM")]


async def test_a_metric_that_falls_silent_leaves_the_alarm_without_data(scene: Scene) -> None:
    await scene.alarm(EvaluationPeriods=3)
    await scene.sample(1.0)
    await scene.pass_time(80)
    assert scene.state() == "OK"
    await scene.pass_time(600, step=5)
    assert scene.described("load")["StateReason"] == "Insufficient Data: 3 datapoints were unknown."
    assert scene.told() == [("load", "OK"), ("load", "INSUFFICIENT_DATA")]


@pytest.mark.parametrize(
    ("missing", "state"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "INSUFFICIENT_DATA"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
async def test_no_data_at_all_is_treated_as_the_alarm_says(scene: Scene, missing: str, state: str) -> None:
    await scene.alarm(TreatMissingData=missing)
    await scene.pass_time(75)
    assert scene.state() == state


async def test_high_resolution_alarms_are_evaluated_every_ten_seconds(scene: Scene) -> None:
    await scene.alarm(Period=10)
    await scene.sample(50.0)
    await scene.pass_time(16)
    assert scene.state() == "ALARM"
    data = json.loads(scene.described("load")["StateReasonData"])
    assert data["period"] == 10
    assert data["startDate"] == "2026-01-01T00:00:00.000+0000"


async def test_disabled_actions_are_not_run_and_not_reported_but_the_state_changes(scene: Scene) -> None:
    await scene.alarm(AlarmActions=[TOPIC], ActionsEnabled=False)
    await scene.sample(50.0)
    await scene.pass_time(75)
    assert scene.state() == "ALARM"
    assert scene.told() == []
    await scene.monitoring.enable_alarm_actions({"AlarmNames": ["load", "no such alarm"]})
    await scene.pass_time(60)
    assert scene.told() == []
    assert await scene.history("load", "Action") == []
    assert scene.described("load")["ActionsEnabled"] is True


async def test_actions_of_other_services_are_written_down_as_failed(scene: Scene) -> None:
    await scene.alarm(
        Dimensions=[{"Name": "InstanceId", "Value": "i-1"}], TreatMissingData="breaching", AlarmActions=[EC2, TOPIC]
    )
    await scene.pass_time(75)
    assert await scene.history("load", "Action") == [
        f'Failed to execute action {EC2}. Received error: "The embedded evaluator does not run actions of the '
        'service automate; only SNS topics are told."',
        f"Successfully executed action {TOPIC}",
    ]
    assert scene.told() == [("load", "ALARM")]


async def test_an_alarm_without_actions_is_reported_unless_a_composite_alarm_speaks_for_it(scene: Scene) -> None:
    await scene.alarm("alone", TreatMissingData="breaching")
    await scene.alarm("child", TreatMissingData="breaching")
    await scene.composite("parent", "ALARM(child)")
    scene.reported.clear()
    await scene.pass_time(75)
    assert sorted(scene.told()) == [("alone", "ALARM"), ("parent", "ALARM")]


async def test_metric_math_is_evaluated(scene: Scene) -> None:
    def metric(query_id: str, name: str) -> dict[str, Any]:
        stat = {"Metric": {"Namespace": "App", "MetricName": name}, "Period": 60, "Stat": "Sum"}
        return {"Id": query_id, "MetricStat": stat, "ReturnData": False}

    metrics = [metric("m1", "errors"), metric("m2", "requests"), {"Id": "e1", "Expression": "100*m1/m2"}]
    single = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    await scene.alarm("rate", Metrics=metrics, Threshold=5, **single)
    await scene.sample(10.0, metric="errors")
    await scene.sample(100.0, metric="requests")
    await scene.pass_time(75)
    assert scene.state("rate") == "ALARM"
    assert scene.described("rate")["StateReason"] == (
        "Threshold Crossed: 1 datapoint [10.0 (01/01/26 00:00:00)] was greater than the threshold (5.0)."
    )
    # Division by zero leaves no datapoint.
    await scene.sample(-100.0, ago=70, metric="requests")
    await scene.pass_time(60)
    assert scene.state("rate") == "INSUFFICIENT_DATA"


async def test_percentiles_of_few_samples_keep_the_state_where_asked(scene: Scene) -> None:
    async def put(count: int) -> None:
        await scene.sample(0, Value=None, Values=[50.0], Counts=[count])

    await scene.alarm(Statistic=None, ExtendedStatistic="p90", EvaluateLowSampleCountPercentile="ignore")
    await put(99)
    await scene.pass_time(75)
    assert scene.state() == "INSUFFICIENT_DATA"
    await put(100)
    await scene.pass_time(60)
    assert scene.state() == "ALARM"


async def test_a_report_that_cannot_be_kept_leaves_the_state_as_it_was(scene: Scene) -> None:
    await scene.alarm(AlarmActions=[TOPIC])
    await scene.sample(50.0)
    scene.refuse = RuntimeError("no room")
    with pytest.raises(RuntimeError, match="no room"):
        await scene.pass_time(75)
    assert scene.state() == "INSUFFICIENT_DATA"
    assert await scene.history("load") == ['Alarm "load" created']
    scene.refuse = None
    await scene.sample(50.0)
    await scene.pass_time(60)
    assert scene.state() == "ALARM"
    assert scene.told() == [("load", "ALARM")]


async def test_every_report_has_its_own_key_even_when_the_clock_stands_still(scene: Scene) -> None:
    await scene.alarm(AlarmActions=[TOPIC])
    for state in ("ALARM", "OK", "ALARM", "OK"):
        await scene.set_state("load", state)
    keys = [alarm.dedup_key for alarm in scene.reported]
    assert len(set(keys)) == 4
    moments = [alarm.changed_at for alarm in scene.reported]
    assert moments == sorted(moments)


class TestWithAnotherDelay:
    @pytest.fixture
    def settings(self) -> MonitoringSettings:
        return MonitoringSettings(evaluation_delay=1.0, evaluation_extra=1)

    async def test_a_laptop_need_not_wait_ten_seconds(self, scene: Scene) -> None:
        await scene.alarm(Period=10)
        await scene.sample(50.0)
        await scene.pass_time(7)
        assert scene.state() == "ALARM"

    async def test_the_range_can_be_set(self, scene: Scene) -> None:
        await scene.alarm(Period=10, TreatMissingData="missing")
        await scene.sample(50.0)
        await scene.pass_time(7)
        await scene.pass_time(20)
        assert scene.state() == "INSUFFICIENT_DATA"


async def test_a_replaced_alarm_is_evaluated_as_it_is_now(scene: Scene) -> None:
    await scene.alarm(AlarmActions=[TOPIC])
    await scene.sample(50.0)
    await scene.alarm(Threshold=100)
    await scene.pass_time(75)
    assert scene.state() == "OK"
    await scene.monitoring.delete_alarms({"AlarmNames": ["load"]})
    assert await scene.monitoring.run_due(scene.clock.now()) == 0
    assert scene.monitoring.next_due() is None


async def test_one_alarm_that_cannot_be_kept_does_not_hold_up_the_others(scene: Scene) -> None:
    for name in ("a", "bad", "z"):
        await scene.alarm(name, TreatMissingData="breaching", AlarmActions=[TOPIC])
    scene.poison = "bad"
    with pytest.raises(RuntimeError, match="bad"):
        await scene.pass_time(75, step=75)
    assert [scene.state(name) for name in ("a", "bad", "z")] == ["ALARM", "INSUFFICIENT_DATA", "ALARM"]
    scene.poison = ""
    await scene.pass_time(60, step=60)
    assert sorted(scene.told()) == [("a", "ALARM"), ("bad", "ALARM"), ("z", "ALARM")]


async def test_who_gives_up_waiting_does_not_undo_what_was_committed(scene: Scene) -> None:
    await scene.alarm(AlarmActions=[TOPIC])
    task = asyncio.create_task(scene.set_state("load", "ALARM"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scene.told() == [("load", "ALARM")]
    assert scene.state() == "ALARM"
    assert len(scene.woken) == 1
