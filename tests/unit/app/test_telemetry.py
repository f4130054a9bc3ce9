from __future__ import annotations

import threading
from datetime import UTC, datetime

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.app.telemetry import Telemetry
from wakeless.incidents.incident import Status

ALARM = Alarm(
    source="cloudwatch",
    fingerprint="cloudwatch:x",
    dedup_key="cloudwatch:x|ALARM|now",
    state=AlarmState.ALARM,
    name="x",
    changed_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(name, labels)


def test_every_status_is_there_from_the_start() -> None:
    telemetry = Telemetry()
    for status in Status:
        assert value(telemetry, "wakeless_incidents", status=status) == 0.0


def test_incidents_are_counted_where_they_stand() -> None:
    telemetry = Telemetry()
    telemetry.incidents_are({Status.OPEN: 3})
    telemetry.incident_moved(None, Status.OPEN)
    telemetry.incident_moved(Status.OPEN, Status.REMEDIATING)
    telemetry.incident_moved(Status.REMEDIATING, Status.REMEDIATING)
    assert value(telemetry, "wakeless_incidents", status="open") == 3.0
    assert value(telemetry, "wakeless_incidents", status="remediating") == 1.0


def test_alarms_are_counted_by_source_and_state() -> None:
    telemetry = Telemetry()
    telemetry.alarm_received(ALARM)
    telemetry.alarm_received(ALARM)
    telemetry.alarm_duplicate(ALARM)
    telemetry.alarm_refused("not_json")
    telemetry.alarm_ignored("muted")
    assert value(telemetry, "wakeless_alarms_received_total", source="cloudwatch", state="ALARM") == 2.0
    assert value(telemetry, "wakeless_alarms_duplicate_total", source="cloudwatch") == 1.0
    assert value(telemetry, "wakeless_alarms_refused_total", code="not_json") == 1.0
    assert value(telemetry, "wakeless_alarms_ignored_total", code="muted") == 1.0


def test_seconds_are_timed_and_never_negative() -> None:
    telemetry = Telemetry()
    telemetry.action_began(0.02)
    telemetry.action_began(-5.0)
    telemetry.recovered(42.0)
    assert value(telemetry, "wakeless_alarm_to_action_seconds_count") == 2.0
    assert value(telemetry, "wakeless_alarm_to_action_seconds_sum") == 0.02
    assert value(telemetry, "wakeless_alarm_to_action_seconds_bucket", le="0.025") == 2.0
    assert value(telemetry, "wakeless_alarm_to_recovery_seconds_sum") == 42.0


def test_attempts_deliveries_evaluations_requests_and_streams_are_counted() -> None:
    telemetry = Telemetry()
    telemetry.attempt_ended("succeeded")
    telemetry.delivery("mail", "delivered")
    telemetry.evaluated(100, lag_seconds=0.5)
    telemetry.evaluated(10)
    telemetry.request_answered("GET", "/v1/incidents/{incident_id}", 200, 0.004)
    telemetry.stream_opened()
    telemetry.stream_opened()
    telemetry.stream_closed()
    assert value(telemetry, "wakeless_attempts_total", result="succeeded") == 1.0
    assert value(telemetry, "wakeless_deliveries_total", channel="mail", result="delivered") == 1.0
    assert value(telemetry, "wakeless_evaluations_total") == 110.0
    assert value(telemetry, "wakeless_evaluator_lag_seconds") == 0.0
    route = "/v1/incidents/{incident_id}"
    assert value(telemetry, "wakeless_http_requests_total", method="GET", route=route, status="200") == 1.0
    assert value(telemetry, "wakeless_http_request_seconds_count", route=route) == 1.0
    assert value(telemetry, "wakeless_http_streams") == 1.0


def test_two_servers_in_one_process_do_not_share() -> None:
    one, other = Telemetry(), Telemetry()
    one.attempt_ended("failed")
    assert value(other, "wakeless_attempts_total", result="failed") is None


def test_threads_lose_nothing() -> None:
    telemetry = Telemetry()

    def work() -> None:
        for _ in range(1_000):
            telemetry.alarm_received(ALARM)
            telemetry.request_answered("POST", "/v1/alarms", 200, 0.001)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(telemetry, "wakeless_alarms_received_total", source="cloudwatch", state="ALARM") == 4_000.0
    assert value(telemetry, "wakeless_http_request_seconds_count", route="/v1/alarms") == 4_000.0


def test_prometheus_can_read_it() -> None:
    body, content_type = Telemetry().expose()
    assert content_type.startswith("text/plain")
    assert b"wakeless_build_info{version=" in body
    assert b"process_resident_memory_bytes" in body or b"process_" not in body
