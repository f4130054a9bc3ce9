from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.remediation.guard import GuardFacts, Hold, HoldReason, guard
from wakeless.remediation.plan import Limits, Plan, Policy, ScriptLanguage, ScriptRef
from wakeless.remediation.rule import Match
from wakeless.remediation.schedule import Once, Window

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALARM = Alarm(
    source="embedded",
    fingerprint="f",
    dedup_key="d",
    state=AlarmState.ALARM,
    name="n",
    changed_at=NOW,
    namespace="CustomNamespace",
    metric="webapp-uptime",
)
LIMITS = Limits(cooldown=300, target_cooldown=60, per_hour=3, concurrent=2, flapping=4, flapping_window=3600)
PLAN = Plan(
    script=ScriptRef(key="a#b.sh", language=ScriptLanguage.SHELL, uri="file:///a", version="sha256:1", sha256="1"),
    target="web-1",
    rule="restart",
    policy=Policy(attempts=2, limits=LIMITS),
)
FACTS = GuardFacts(alarm=ALARM)


def ago(**kwargs: float) -> datetime:
    return NOW - timedelta(**kwargs)


def window(begins: datetime, ends: datetime, **kwargs: Any) -> Window:
    return Window(name="upgrade", when=Once(begins_at=begins, ends_at=ends), **kwargs)


OPEN = (ago(hours=1), NOW + timedelta(hours=1))


def ask(**facts: Any) -> Hold | None:
    return guard(PLAN, replace(FACTS, **facts), NOW)


def test_nothing_holds_an_alarm_that_comes_alone() -> None:
    assert ask() is None


@pytest.mark.parametrize(
    ("facts", "code", "until", "recheck"),
    [
        ({"automation_enabled": False}, HoldReason.KILL_SWITCH, None, True),
        ({"attempts_begun": 2}, HoldReason.ATTEMPTS_SPENT, None, False),
        ({"incidents_opened_at": (ago(minutes=5),) * 4}, HoldReason.FLAPPING, None, False),
        ({"windows": (window(*OPEN),)}, HoldReason.MAINTENANCE, OPEN[1], False),
        ({"alarm_last_began_at": ago(seconds=100)}, HoldReason.COOLDOWN, NOW + timedelta(seconds=200), False),
        ({"target_last_began_at": ago(seconds=20)}, HoldReason.TARGET_COOLDOWN, NOW + timedelta(seconds=40), False),
        ({"target_busy_with": ("inc-1",)}, HoldReason.TARGET_BUSY, None, True),
        ({"rule_running": 2}, HoldReason.CONCURRENT, None, True),
    ],
)
def test_each_reason_holds_and_says_until_when(
    facts: dict[str, Any], code: HoldReason, until: datetime | None, recheck: bool
) -> None:
    hold = ask(**facts)
    assert hold is not None
    assert (hold.code, hold.until, hold.recheck) == (code, until, recheck)
    assert hold.is_final == (until is None and not recheck)
    assert hold.reason


@pytest.mark.parametrize(
    "facts",
    [
        {"attempts_begun": 1},
        {"incidents_opened_at": (ago(minutes=5),) * 3},
        {"incidents_opened_at": (ago(minutes=5),) * 3 + (ago(hours=1),) * 3},
        {"windows": (window(NOW, NOW),)},
        {"windows": (window(ago(hours=2), NOW),)},
        {"windows": (window(NOW + timedelta(seconds=1), NOW + timedelta(hours=1)),)},
        {"windows": (window(*OPEN, targets=("db-*",)),)},
        {"windows": (window(*OPEN, match=Match(metric=("disk*",))),)},
        {"alarm_last_began_at": ago(seconds=300)},
        {"target_last_began_at": ago(seconds=60)},
        {"rule_began_at": (ago(minutes=5),) * 2 + (ago(hours=1),) * 9},
        {"rule_running": 1},
    ],
)
def test_what_is_over_or_concerns_others_does_not_hold(facts: dict[str, Any]) -> None:
    assert ask(**facts) is None


def test_the_hourly_limit_ends_when_there_is_room_for_one_more() -> None:
    hold = ask(rule_began_at=(ago(minutes=10), ago(minutes=50), ago(minutes=30), ago(minutes=40)))
    assert hold is not None
    assert hold.code is HoldReason.PER_HOUR
    # At most 3: when the attempts of 50 and 40 minutes ago are older than an hour, two are left.
    assert hold.until == NOW + timedelta(minutes=20)


def test_of_several_holds_the_one_that_ends_last_is_told() -> None:
    hold = ask(
        alarm_last_began_at=ago(seconds=1), windows=(window(*OPEN),), target_busy_with=("inc-1",), rule_running=2
    )
    assert hold is not None
    assert hold.code is HoldReason.MAINTENANCE


def test_what_waiting_cannot_change_is_told_at_once_even_while_automation_is_off() -> None:
    hold = ask(attempts_begun=2, automation_enabled=False, windows=(window(*OPEN),))
    assert hold is not None
    assert hold.is_final


def test_a_target_may_be_allowed_more_than_one_remediation_at_once() -> None:
    policy = replace(PLAN.policy, limits=replace(LIMITS, per_target=2))
    roomy = replace(PLAN, policy=policy)
    assert guard(roomy, replace(FACTS, target_busy_with=("inc-1",)), NOW) is None
    hold = guard(roomy, replace(FACTS, target_busy_with=("inc-1", "inc-2")), NOW)
    assert hold is not None
    assert hold.code is HoldReason.TARGET_BUSY


def test_the_kill_switch_comes_before_everything_that_only_waits() -> None:
    hold = ask(automation_enabled=False, automation_reason="alice: storm", windows=(window(*OPEN),))
    assert hold is not None
    assert hold.code is HoldReason.KILL_SWITCH
    assert "alice: storm" in hold.reason


moments = st.integers(-7200, 0).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(
    st.builds(
        GuardFacts,
        alarm=st.just(ALARM),
        automation_enabled=st.booleans(),
        attempts_begun=st.integers(0, 3),
        alarm_last_began_at=st.none() | moments,
        target_last_began_at=st.none() | moments,
        rule_began_at=st.lists(moments, max_size=8).map(tuple),
        rule_running=st.integers(0, 3),
        target_busy_with=st.sampled_from([(), ("inc-1",)]),
        incidents_opened_at=st.lists(moments, max_size=8).map(tuple),
        windows=st.lists(st.tuples(moments, st.integers(1, 20_000)), max_size=3).map(
            lambda spans: tuple(window(begins, begins + timedelta(seconds=length)) for begins, length in spans)
        ),
    )
)
def test_a_hold_ends_in_the_future_and_at_its_end_that_reason_is_gone(facts: GuardFacts) -> None:
    hold = guard(PLAN, facts, NOW)
    if hold is None or hold.until is None:
        return
    assert hold.until > NOW
    after = guard(PLAN, facts, hold.until)
    assert after is None or after.until is None or after.until > hold.until
    assert after is None or after.code is not hold.code
