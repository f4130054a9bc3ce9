from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wakeless.alarms.inbound import parse
from wakeless.core.errors import InvalidInput

Message = Callable[[str], dict[str, Any]]

EVENT = "eventbridge-alarm-state-change-metric"
DIRECT = "lambda-event-alarm-direct-metric"


def test_optional_parts_may_be_absent(message: Message) -> None:
    event = message(EVENT)
    for key in ("account", "region", "version", "id"):
        del event[key]
    for key in ("previousState", "configuration"):
        del event["detail"][key]

    (alarm,) = parse(event)

    assert (alarm.account, alarm.region) == ("000000000000", "us-east-1")
    assert alarm.previous_state is None
    assert alarm.metric is None


def test_the_events_time_stands_in_for_the_states(message: Message) -> None:
    event = message(EVENT)
    del event["detail"]["state"]["timestamp"]
    (alarm,) = parse(event)
    assert alarm.changed_at == datetime(2026, 1, 1, 0, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("place", "value", "path"),
    [
        (("resources",), [], "resources"),
        (("resources",), ["nonsense"], "resources"),
        (("resources",), {"a": 1}, "resources"),
        (("detail",), None, "detail"),
        (("detail",), "x", "detail"),
        (("detail-type",), 5, "detail-type"),
        (("source",), None, "source"),
        (("time",), "now", "time"),
        (("detail", "alarmName"), None, "detail.alarmName"),
        (("detail", "state"), None, "detail.state"),
        (("detail", "state"), 1, "detail.state"),
        (("detail", "state", "value"), "ALERT", "detail.state.value"),
        (("detail", "state", "timestamp"), "x", "detail.state.timestamp"),
        (("detail", "state", "reason"), 1, "detail.state.reason"),
        (("detail", "previousState"), [], "detail.previousState"),
        (("detail", "alarmContributor"), {"attributes": {}}, "detail.alarmContributor.id"),
        (("detail", "configuration"), "x", "detail.configuration"),
        (("detail", "configuration", "metrics"), {}, "detail.configuration.metrics"),
        (("detail", "configuration", "metrics"), [1], "detail.configuration.metrics[0]"),
        (
            ("detail", "configuration", "metrics"),
            [{"metricStat": {"metric": {"dimensions": {"a": 1}}}}],
            "detail.configuration.metrics[0].metricStat.metric.dimensions.a",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(
    message: Message, place: tuple[str, ...], value: object, path: str
) -> None:
    event = message(EVENT)
    part = event
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value

    with pytest.raises(InvalidInput) as refused:
        parse(event)
    assert [problem.path for problem in refused.value.problems] == [path]


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [("alarmArn", None, "alarmArn"), ("alarmArn", "x", "alarmArn"), ("alarmData", None, "alarmData")],
)
def test_a_direct_invocation_needs_its_arn_and_data(message: Message, key: str, value: object, path: str) -> None:
    payload = message(DIRECT)
    payload[key] = value
    with pytest.raises(InvalidInput) as refused:
        parse(payload)
    assert [problem.path for problem in refused.value.problems] == [path]


def test_a_contributor_of_a_direct_invocation_is_told_apart(message: Message) -> None:
    payload = message(DIRECT)
    payload["alarmData"]["alarmContributor"] = {"id": "c1", "attributes": {"Service": "checkout"}}
    (alarm,) = parse(payload)
    assert alarm.fingerprint.endswith("alarm:disk-full-web-1#c1")
    assert alarm.dimensions["Service"] == "checkout"
