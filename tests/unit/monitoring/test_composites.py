"""Composite alarms and action suppression, through the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wakeless.alarms.errors import AlarmRefused

#: conftest's Scene.
Scene = Any
TOPIC = "arn:aws:sns:us-east-1:000000000000:ops"
ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"
SUPPRESSION = {
    "ActionsSuppressor": "maintenance",
    "ActionsSuppressorWaitPeriod": 20,
    "ActionsSuppressorExtensionPeriod": 30,
}


async def alarms(scene: Scene, **states: str) -> None:
    """Put metric alarms that never see data, each in a state."""
    for name, state in states.items():
        await scene.alarm(name, MetricName="silent", TreatMissingData="ignore", ActionsEnabled=False)
        await scene.set_state(name, state)


async def test_a_new_composite_alarm_is_evaluated_at_once(scene: Scene) -> None:
    await alarms(scene, a="ALARM", b="OK")
    await scene.composite("top", 'ALARM("a") OR ALARM(b)')
    described = scene.described("top")
    assert described["StateValue"] == "ALARM"
    assert described["StateReason"] == f"{ARN}top was created and its alarm rule evaluates to ALARM"
    triggering = json.loads(described["StateReasonData"])["triggeringAlarms"]
    assert [alarm["arn"] for alarm in triggering] == [f"{ARN}a"]
    assert described["StateTransitionedTimestamp"] == described["AlarmConfigurationUpdatedTimestamp"]
    assert await scene.history("top") == [
        'Alarm "top" created',
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
    ]


async def test_a_constant_rule_has_nobody_to_name(scene: Scene) -> None:
    await scene.composite("top", "FALSE")
    assert scene.described("top")["StateReasonData"] == '{"triggeringAlarms":[]}'
    assert scene.state("top") == "OK"


async def test_a_composite_alarm_moves_when_a_child_does(scene: Scene) -> None:
    await alarms(scene, a="OK", b="OK")
    await scene.composite("top", "ALARM(a) OR ALARM(b)", AlarmActions=[TOPIC])
    scene.reported.clear()
    await scene.set_state("a", "ALARM")
    described = scene.described("top")
    assert described["StateReason"] == (f"{ARN}a transitioned to ALARM at Thursday 01 January, 2026 00:00:05 UTC")
    # Only its own change counts: the other child changes nothing.
    await scene.set_state("b", "ALARM")
    assert scene.described("top") == described
    assert scene.told() == [("top", "ALARM")]
    alarm = scene.reported[0]
    assert alarm.raw["TriggeringChildren"][0]["Arn"] == f"{ARN}a"
    assert alarm.fingerprint == f"embedded:{ARN}top"


async def test_changes_climb_from_composite_to_composite_in_one_go(scene: Scene) -> None:
    await alarms(scene, a="OK")
    await scene.composite("one", "ALARM(a)")
    await scene.composite("two", "ALARM(one)")
    await scene.composite("three", "ALARM(one) AND ALARM(two)")
    scene.reported.clear()
    await scene.set_state("a", "ALARM")
    assert [scene.state(name) for name in ("one", "two", "three")] == ["ALARM"] * 3
    assert scene.told() == [("three", "ALARM")], "the others have a parent that speaks for them"
    assert (await scene.history("three"))[-1] == "Alarm updated from OK to ALARM"
    assert len(scene.woken[-1]) == 1


async def test_a_diamond_moves_its_top_once(scene: Scene) -> None:
    await alarms(scene, a="OK")
    await scene.composite("left", "ALARM(a)")
    await scene.composite("right", "NOT ALARM(a)")
    await scene.composite("top", "ALARM(left) AND ALARM(right) OR NOT ALARM(left) AND NOT ALARM(right)")
    before = await scene.history("top")
    await scene.set_state("a", "ALARM")
    assert await scene.history("top") == before, "one of the two always holds"


async def test_a_state_set_by_hand_stays_until_a_child_changes(scene: Scene) -> None:
    await alarms(scene, a="OK")
    await scene.composite("top", "ALARM(a)")
    await scene.set_state("top", "ALARM")
    await scene.pass_time(120, step=10)
    assert scene.state("top") == "ALARM"
    await scene.set_state("a", "INSUFFICIENT_DATA")
    assert scene.state("top") == "OK"


async def test_an_update_evaluates_the_new_rule(scene: Scene) -> None:
    await alarms(scene, a="ALARM")
    await scene.composite("top", "FALSE")
    await scene.composite("top", "ALARM(a)")
    assert scene.described("top")["StateReason"] == f"{ARN}top was updated and its new alarm rule evaluates to ALARM"
    reason = scene.described("top")["StateReason"]
    updated = scene.described("top")["StateUpdatedTimestamp"]
    scene.clock.advance(10)
    await scene.composite("top", "TRUE")
    assert scene.described("top")["StateReason"] == reason
    assert scene.described("top")["StateUpdatedTimestamp"] == updated
    assert scene.described("top")["AlarmConfigurationUpdatedTimestamp"] > updated


async def test_an_identical_put_changes_nothing(scene: Scene) -> None:
    await alarms(scene, a="ALARM")
    await scene.composite("top", "ALARM(a)")
    before, items = scene.described("top"), await scene.history("top")
    scene.clock.advance(60)
    await scene.composite("top", "ALARM(a)")
    assert scene.described("top") == before
    assert await scene.history("top") == items


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            "ALARM(ghost)",
            f"Could not save the composite alarm as alarms [{ARN}ghost] in the alarm rule do not exist",
        ),
        (
            "ALARM(top)",
            "A composite alarm cannot have a child relation with itself via its AlarmRule, as it would introduce "
            "a circular dependency",
        ),
        (
            "ALARM(arn:aws:cloudwatch:us-east-1:111111111111:alarm:a)",
            "A composite alarm cannot have a child relation with alarms from another AWS account",
        ),
        (
            "ALARM(arn:aws:cloudwatch:us-west-2:000000000000:alarm:a)",
            "Error in AlarmRule [Wrong ARN region, it was us-west-2 but us-east-1 was expected instead]",
        ),
    ],
)
async def test_rules_name_alarms_that_are_here(scene: Scene, rule: str, text: str) -> None:
    with pytest.raises(AlarmRefused) as refusal:
        await scene.composite("top", rule)
    assert str(refusal.value) == text
    assert scene.monitoring.alarm("top") is None


async def test_children_and_suppressors_cannot_be_deleted(scene: Scene) -> None:
    await alarms(scene, a="OK", maintenance="OK")
    await scene.composite("top", "ALARM(a)", **SUPPRESSION)
    for name in ("a", "maintenance"):
        with pytest.raises(AlarmRefused) as refusal:
            await scene.monitoring.delete_alarms({"AlarmNames": [name, "top"]})
        assert str(refusal.value) == f"Cannot delete {name} as there are composite alarm(s) depending on it."
    await scene.monitoring.delete_alarms({"AlarmNames": ["top"]})
    await scene.monitoring.delete_alarms({"AlarmNames": ["a", "maintenance"]})
    assert scene.monitoring.alarms() == []


async def test_longer_cycles_stop_evaluation_and_block_deletion_until_they_are_broken(scene: Scene) -> None:
    await alarms(scene, a="OK")
    await scene.composite("one", "ALARM(a)")
    await scene.composite("two", "ALARM(one)")
    await scene.composite("one", "ALARM(two) OR ALARM(a)")
    await scene.set_state("a", "ALARM")
    assert [scene.state(name) for name in ("one", "two")] == ["OK", "OK"]
    with pytest.raises(AlarmRefused):
        await scene.monitoring.delete_alarms({"AlarmNames": ["one"]})
    await scene.composite("one", "FALSE")
    await scene.composite("one", "ALARM(a)")
    assert [scene.state(name) for name in ("one", "two")] == ["ALARM", "ALARM"]


async def test_actions_wait_for_the_suppressor_and_then_run(scene: Scene) -> None:
    await alarms(scene, a="OK", maintenance="OK")
    await scene.composite("top", "ALARM(a)", AlarmActions=[TOPIC], **SUPPRESSION)
    await scene.pass_time(60)
    scene.reported.clear()
    await scene.set_state("a", "ALARM")
    described = scene.described("top")
    assert described["ActionsSuppressedBy"] == "WaitPeriod"
    assert described["ActionsSuppressedReason"] == "Actions suppressed by WaitPeriod"
    assert scene.told() == []
    await scene.pass_time(19)
    assert scene.told() == []
    await scene.pass_time(1)
    assert scene.told() == [("top", "ALARM")]
    after = scene.described("top")
    assert "ActionsSuppressedBy" not in after
    assert after["StateUpdatedTimestamp"] > after["StateTransitionedTimestamp"] == described["StateUpdatedTimestamp"]
    assert scene.reported[0].raw["OldStateValue"] == scene.reported[0].raw["NewStateValue"] == "ALARM"
    assert await scene.history("top", "Action") == [f"Successfully executed action {TOPIC}"]


async def test_a_suppressor_in_alarm_holds_until_its_extension_is_over(scene: Scene) -> None:
    await alarms(scene, a="OK", maintenance="OK")
    await scene.composite("top", "ALARM(a)", AlarmActions=[TOPIC], **SUPPRESSION)
    await scene.pass_time(60)
    scene.reported.clear()
    await scene.set_state("a", "ALARM")
    await scene.pass_time(5)
    await scene.set_state("maintenance", "ALARM")
    assert scene.described("top")["ActionsSuppressedBy"] == "Alarm"
    assert scene.described("top")["ActionsSuppressedReason"].startswith(f"Actions suppressed by {ARN}maintenance ")
    await scene.pass_time(100)
    await scene.set_state("maintenance", "OK")
    assert scene.described("top")["ActionsSuppressedBy"] == "ExtensionPeriod"
    await scene.pass_time(29)
    assert ("top", "ALARM") not in scene.told()
    await scene.pass_time(1)
    assert ("top", "ALARM") in scene.told()


async def test_a_hold_outlives_a_restart(scene: Scene) -> None:
    await alarms(scene, a="OK", maintenance="OK")
    await scene.composite("top", "ALARM(a)", AlarmActions=[TOPIC], **SUPPRESSION)
    await scene.pass_time(60)
    await scene.set_state("a", "ALARM")
    scene.restart()
    scene.reported.clear()
    await scene.pass_time(20)
    assert scene.told() == [("top", "ALARM")]


async def test_another_suppressor_discards_what_was_held(scene: Scene) -> None:
    await alarms(scene, a="OK", maintenance="OK", other="ALARM")
    await scene.composite("top", "ALARM(a)", AlarmActions=[TOPIC], **SUPPRESSION)
    await scene.pass_time(60)
    await scene.set_state("a", "ALARM")
    await scene.composite("top", "ALARM(a)", AlarmActions=[TOPIC], **SUPPRESSION | {"ActionsSuppressor": "other"})
    assert scene.described("top")["ActionsSuppressedBy"] == "Alarm"
    scene.reported.clear()
    await scene.composite("top", "ALARM(a)", AlarmActions=[TOPIC])
    assert scene.told() == [("top", "ALARM")]


async def test_recovery_is_reported_even_while_actions_are_held(scene: Scene) -> None:
    await alarms(scene, a="ALARM", maintenance="OK")
    await scene.composite("top", "ALARM(a)", AlarmActions=[TOPIC], OKActions=[TOPIC], **SUPPRESSION)
    await scene.pass_time(60)
    scene.reported.clear()
    await scene.set_state("a", "OK")
    assert ("top", "OK") in scene.told()
    assert await scene.history("top", "Action") == [f"Successfully executed action {TOPIC}"]
    await scene.pass_time(20)
    assert len(await scene.history("top", "Action")) == 2
    assert scene.told().count(("top", "OK")) == 1


async def test_a_long_chain_of_composite_alarms_is_no_trouble(scene: Scene) -> None:
    await alarms(scene, a="OK")
    below = "a"
    for number in range(300):
        await scene.composite(f"c{number}", f"ALARM({below})")
        below = f"c{number}"
    await scene.set_state("a", "ALARM")
    assert scene.state(below) == "ALARM"
