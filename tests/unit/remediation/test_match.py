from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.remediation.match import covers, first_match, mismatch
from wakeless.remediation.rule import Match, Rule

ALARM = Alarm(
    source="cloudwatch",
    fingerprint="f",
    dedup_key="d",
    state=AlarmState.ALARM,
    name="web-is-down",
    changed_at=datetime(2026, 1, 1, tzinfo=UTC),
    reason="Threshold Crossed: 1 datapoint",
    namespace="AWS/EC2",
    metric="CPUUtilization",
    dimensions={"InstanceId": "i-0abc"},
    labels={"severity": "critical"},
)


@pytest.mark.parametrize(
    "match",
    [
        Match(),
        Match(source=("cloudwatch",)),
        Match(source=("embedded", "cloudwatch")),
        Match(namespace=("AWS/*",)),
        Match(namespace=("*",)),
        Match(metric=("CPU*",), namespace=("AWS/EC2",)),
        Match(metric=("CPU?tilization",)),
        Match(alarm=("web-[a-i]s-down",)),
        Match(reason=("Threshold*",)),
        Match(dimensions={"InstanceId": ("i-*",)}),
        Match(labels={"severity": ("warning", "critical")}),
    ],
)
def test_an_alarm_matches_when_every_condition_holds(match: Match) -> None:
    assert mismatch(match, ALARM) is None


@pytest.mark.parametrize(
    ("match", "why"),
    [
        (Match(source=("embedded",)), "source 'cloudwatch' is not embedded"),
        (Match(metric=("CPU",)), "metric"),
        (Match(metric=("cpuutilization",)), "metric"),
        (Match(metric=("CPU*",), namespace=("CustomNamespace",)), "namespace"),
        (Match(dimensions={"Missing": ("*",)}), "the alarm has no dimension Missing"),
        (Match(dimensions={"InstanceId": ("i-0",)}), "dimension InstanceId"),
        (Match(labels={"severity": ("crit",)}), "label severity"),
    ],
)
def test_one_condition_that_fails_is_enough_and_is_named(match: Match, why: str) -> None:
    assert why in (mismatch(match, ALARM) or "")


def test_the_first_rule_that_matches_decides() -> None:
    rules = [
        Rule(name="other", match=Match(metric=("Disk*",))),
        Rule(name="narrow", match=Match(metric=("CPUUtilization",))),
        Rule(name="wide", match=Match()),
    ]
    found = first_match(rules, ALARM)
    assert found is not None
    assert found.name == "narrow"
    assert first_match(rules[:1], ALARM) is None


def test_a_wider_match_covers_a_narrower_one() -> None:
    narrow = Match(metric=("CPUUtilization",), namespace=("AWS/EC2",), dimensions={"InstanceId": ("i-1",)})
    assert covers(Match(), narrow)
    assert covers(Match(metric=("CPU*",)), narrow)
    assert covers(Match(dimensions={"InstanceId": ("*",)}), narrow)
    assert not covers(narrow, Match(metric=("CPU*",)))
    assert not covers(Match(labels={"a": ("*",)}), narrow)
    assert not covers(Match(metric=("*",)), Match(namespace=("AWS/EC2",)))


glob = st.text(alphabet="ab*?", min_size=1, max_size=3)
globs = st.lists(glob, max_size=2).map(tuple)
some_globs = st.lists(glob, min_size=1, max_size=2).map(tuple)
values = st.text(alphabet="ab", max_size=3)
matches = st.builds(
    Match,
    metric=globs,
    namespace=globs,
    dimensions=st.dictionaries(st.sampled_from("xy"), some_globs, max_size=2),
)


@given(matches, matches, values, values, st.dictionaries(st.sampled_from("xy"), values))
def test_what_is_covered_is_matched_by_the_first_too(
    first: Match, second: Match, metric: str, namespace: str, dimensions: dict[str, str]
) -> None:
    alarm = Alarm(
        source="embedded",
        fingerprint="f",
        dedup_key="d",
        state=AlarmState.ALARM,
        name="n",
        changed_at=datetime(2026, 1, 1, tzinfo=UTC),
        metric=metric,
        namespace=namespace,
        dimensions=dimensions,
    )
    if covers(first, second) and mismatch(second, alarm) is None:
        assert mismatch(first, alarm) is None
