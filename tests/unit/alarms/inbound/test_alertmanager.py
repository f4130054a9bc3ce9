from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.inbound import Hints, parse, read
from wakeless.alarms.inbound.alertmanager import label_fingerprint
from wakeless.core.errors import InvalidInput

Message = Callable[[str], dict[str, Any]]

STARTS = datetime(2026, 1, 1, 0, 3, 30, 101_000, UTC)


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("alertmanager-firing", ["ALARM", "ALARM"]),
        ("alertmanager-firing-old-release", ["ALARM"]),
        ("alertmanager-repeat", ["ALARM", "ALARM"]),
        ("alertmanager-partly-resolved", ["OK", "ALARM"]),
        ("alertmanager-resolved", ["OK", "OK"]),
        ("alertmanager-truncated", ["ALARM"]),
    ],
)
def test_every_alert_of_a_group_has_its_own_state(name: str, states: list[str], message: Message) -> None:
    alarms = parse(message(name))
    assert [alarm.state for alarm in alarms] == states
    for alarm in alarms:
        assert alarm.source == "alertmanager"
        assert alarm.name == "DiskFull"
        assert alarm.labels["job"] == "node"
        assert alarm.reason == f"Root volume of {alarm.labels['instance']} above 90 %"
        assert alarm.url == "http://alertmanager.example.test:9093"
        assert alarm.fingerprint == label_fingerprint(alarm.labels)
        status = "resolved" if alarm.state is AlarmState.OK else "firing"
        assert alarm.dedup_key == f"{alarm.fingerprint}|{status}|{alarm.changed_at.isoformat()}"


def test_a_reminder_is_a_copy_and_a_resolve_is_not(message: Message) -> None:
    first, again = parse(message("alertmanager-firing")), parse(message("alertmanager-repeat"))
    resolved = parse(message("alertmanager-resolved"))
    assert [alarm.dedup_key for alarm in first] == [alarm.dedup_key for alarm in again]
    assert [alarm.fingerprint for alarm in first] == [alarm.fingerprint for alarm in resolved]
    assert first[0].changed_at == STARTS
    assert resolved[0].changed_at == datetime(2026, 1, 1, 0, 12, 30, 101_000, UTC)


def test_the_fingerprint_does_not_hang_on_the_order_of_labels() -> None:
    assert label_fingerprint({"a": "1", "b": "2"}) == label_fingerprint({"b": "2", "a": "1"})
    assert label_fingerprint({"a": "1,b=2"}) != label_fingerprint({"a": "1", "b": "2"})
    assert label_fingerprint({"instance": "ü"}).startswith("alertmanager:")


def test_left_out_alerts_are_told(message: Message) -> None:
    reading = read(message("alertmanager-truncated"))
    assert [part.code for part in reading.ignored] == ["truncated"]
    assert "max_alerts" in reading.ignored[0].reason


def test_the_raw_payload_holds_its_alert_and_not_the_others(message: Message) -> None:
    payload = message("alertmanager-firing")
    _, second = parse(payload)
    assert second.raw["alerts"] == [payload["alerts"][1]]
    assert second.raw["groupKey"] == payload["groupKey"]


def test_one_unreadable_alert_does_not_cost_the_others(message: Message) -> None:
    payload = message("alertmanager-firing")
    payload["alerts"][0]["labels"] = {"alertname": 5}
    reading = read(payload)
    assert [alarm.labels["instance"] for alarm in reading.alarms] == ["web-2:9100"]
    assert [problem.path for problem in reading.problems] == ["alerts[0].labels.alertname"]


def test_nanoseconds_are_cut_and_offsets_are_understood(message: Message) -> None:
    payload = message("alertmanager-firing-old-release")
    payload["alerts"][0]["startsAt"] = "2026-01-01T01:03:30.101123456+01:00"
    (alarm,) = parse(payload)
    assert alarm.changed_at == datetime(2026, 1, 1, 0, 3, 30, 101_123, UTC)


def test_a_resolve_without_an_end_takes_the_time_it_came(message: Message) -> None:
    payload = message("alertmanager-resolved")
    payload["alerts"] = payload["alerts"][:1]
    payload["alerts"][0]["endsAt"] = "0001-01-01T00:00:00Z"
    at = datetime(2026, 1, 1, 1, tzinfo=UTC)
    (alarm,) = parse(payload, Hints(at=at))
    assert alarm.changed_at == at
    with pytest.raises(InvalidInput) as refused:
        parse(payload)
    assert refused.value.problems[0].path == "alerts[0].endsAt"


def test_an_alert_without_a_name_is_called_by_its_labels(message: Message) -> None:
    payload = message("alertmanager-firing-old-release")
    payload["alerts"][0]["labels"] = {"job": "node", "instance": "web-1"}
    (alarm,) = parse(payload)
    assert alarm.name == "instance=web-1 job=node"


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("version", "5", "version"),
        ("version", 4, "version"),
        ("alerts", {}, "alerts"),
        ("alerts", None, "alerts"),
        ("alerts", ["x"], "alerts[0]"),
        ("externalURL", 1, "externalURL"),
    ],
)
def test_a_wrong_group_is_refused_with_its_place(message: Message, key: str, value: object, place: str) -> None:
    payload = message("alertmanager-firing")
    payload[key] = value
    with pytest.raises(InvalidInput) as refused:
        parse(payload)
    assert [problem.path for problem in refused.value.problems] == [place]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("status", "pending", "must be one of firing, resolved"),
        ("status", None, "is missing"),
        ("labels", {}, "at least one label"),
        ("labels", None, "at least one label"),
        ("labels", [], "must be an object"),
        ("labels", {str(n): "x" for n in range(300)}, "more than 256"),
        ("annotations", {"summary": None}, "must be a string, is null"),
        ("startsAt", None, "is missing"),
        ("startsAt", "soon", "must be a time"),
        ("endsAt", 5, "must be a time"),
    ],
)
def test_a_wrong_alert_is_refused_with_its_place(message: Message, key: str, value: object, words: str) -> None:
    payload = message("alertmanager-firing-old-release")
    payload["alerts"][0][key] = value
    with pytest.raises(InvalidInput) as refused:
        parse(payload)
    (problem,) = refused.value.problems
    assert problem.path.startswith(f"alerts[0].{key}")
    assert words in problem.message


def test_grafanas_webhook_is_refused_by_name(message: Message) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(message("grafana-firing-signed"))
    assert "Grafana" in refused.value.problems[0].hint
