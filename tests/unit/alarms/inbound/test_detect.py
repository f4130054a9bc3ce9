from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.inbound import Hints, decode, parse, read, read_text
from wakeless.core.errors import InvalidInput

Body = Callable[[str], str]
Message = Callable[[str], dict[str, Any]]

ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"
DISK = ("CWAgent", "disk_used_percent", {"InstanceId": "i-0abc1234def567890", "path": "/"})

#: name → alarm name, state, previous state, (namespace, metric, dimensions), moment of the change
ALARMS: dict[str, tuple[str, str, str | None, tuple[str | None, str | None, dict[str, str]], str]] = {
    "sns-http-metric-alarm-v1": ("disk-full-web-1", "ALARM", "OK", DISK, "00:04:12.301"),
    "sns-http-metric-alarm-v2": ("disk-full-web-1", "ALARM", "OK", DISK, "00:04:12.301"),
    "sns-http-raw-delivery": ("disk-full-web-1", "ALARM", "OK", DISK, "00:04:12.301"),
    "sns-http-metric-ok": ("disk-full-web-1", "OK", "ALARM", DISK, "00:13:12.288"),
    "sns-http-metric-insufficient-data": ("disk-full-web-1", "INSUFFICIENT_DATA", "OK", DISK, "00:40:12.290"),
    "sns-http-percentile-alarm": ("api-p99", "ALARM", "OK", ("App", "Latency", {"Service": "api"}), "00:04:20.001"),
    "sns-http-math-alarm": (
        "api-error-rate",
        "ALARM",
        "INSUFFICIENT_DATA",
        ("App", None, {"Service": "api"}),
        "00:04:33.120",
    ),
    "sns-http-anomaly-alarm": (
        "api-traffic-anomaly",
        "ALARM",
        "OK",
        ("App", "Requests", {"Service": "api"}),
        "00:04:40.440",
    ),
    "sns-http-composite-alarm": ("web-tier", "ALARM", "OK", (None, None, {}), "00:04:12.900"),
    "sns-http-contributor-alarm": (
        "load-per-service",
        "ALARM",
        "OK",
        (None, None, {"Service": "checkout"}),
        "00:04:55.100",
    ),
    "sns-http-synthetics-canary-alarm": (
        "Synthetics-Alarm-checkout-flow-1",
        "ALARM",
        "OK",
        ("CloudWatchSynthetics", "SuccessPercent", {"CanaryName": "checkout-flow"}),
        "00:06:01.010",
    ),
    "lambda-event-sns": ("disk-full-web-1", "ALARM", "OK", DISK, "00:04:12.301"),
    "lambda-event-sqs-from-sns": ("disk-full-web-1", "ALARM", "OK", DISK, "00:04:12.301"),
    "sqs-receive-message-sns-envelope": ("disk-full-web-1", "ALARM", "OK", DISK, "00:04:12.301"),
    "sqs-receive-message-raw-delivery": ("disk-full-web-1", "ALARM", "OK", DISK, "00:04:12.301"),
    "sqs-receive-message-eventbridge": ("disk-full-web-1", "ALARM", "OK", DISK, "00:04:12.301"),
    "eventbridge-alarm-state-change-metric": ("disk-full-web-1", "ALARM", "OK", DISK, "00:04:12.301"),
    "eventbridge-alarm-state-change-back-to-ok": ("disk-full-web-1", "OK", "ALARM", DISK, "00:13:12.288"),
    "eventbridge-alarm-state-change-math": (
        "api-error-rate",
        "ALARM",
        "INSUFFICIENT_DATA",
        ("App", None, {"Service": "api"}),
        "00:04:33.120",
    ),
    "eventbridge-alarm-state-change-anomaly": (
        "api-traffic-anomaly",
        "ALARM",
        "OK",
        ("App", "Requests", {"Service": "api"}),
        "00:04:40.440",
    ),
    "eventbridge-alarm-contributor-state-change": (
        "load-per-service",
        "ALARM",
        None,
        (None, None, {"Service": "checkout"}),
        "00:04:55.100",
    ),
    "eventbridge-alarm-state-change-multi-series": (
        "load-per-service",
        "ALARM",
        "INSUFFICIENT_DATA",
        (None, None, {}),
        "00:04:55.100",
    ),
    "eventbridge-synthetics-alarm": (
        "Synthetics-Alarm-checkout-flow-1",
        "ALARM",
        "OK",
        ("CloudWatchSynthetics", "SuccessPercent", {"CanaryName": "checkout-flow"}),
        "00:06:01.010",
    ),
    "lambda-event-alarm-direct-metric": ("disk-full-web-1", "ALARM", "OK", DISK, "00:04:12.301"),
    "lambda-event-alarm-direct-composite": ("web-tier", "ALARM", "ALARM", (None, None, {}), "00:05:12.900"),
    "lambda-event-alarm-direct-set-alarm-state": ("disk-full-web-1", "ALARM", "OK", DISK, "03:00:00.100"),
}


@pytest.mark.parametrize("name", ALARMS)
def test_every_shape_becomes_the_same_record(name: str, body: Body) -> None:
    alarm_name, state, previous, watched, changed_at = ALARMS[name]

    (alarm,) = parse(decode(body(name), name))

    assert alarm.source == "cloudwatch"
    assert (alarm.name, alarm.state, alarm.previous_state) == (alarm_name, state, previous)
    assert (alarm.namespace, alarm.metric, dict(alarm.dimensions)) == watched
    assert alarm.changed_at == datetime.fromisoformat(f"2026-01-01T{changed_at}+00:00")
    assert alarm.changed_at.tzinfo is UTC
    assert (alarm.account, alarm.region, alarm.arn) == ("000000000000", "us-east-1", ARN + alarm_name)
    contributor = "#6d442278dba546f6" if "contributor" in name else ""
    assert alarm.fingerprint == f"cloudwatch:{ARN}{alarm_name}{contributor}"
    assert alarm.dedup_key == f"{alarm.fingerprint}|{state}|{alarm.changed_at.isoformat()}"
    assert alarm.reason
    assert alarm.url is not None
    assert alarm.url.startswith("https://us-east-1.console.aws.amazon.com/")
    assert alarm.raw


@pytest.mark.parametrize("name", ALARMS)
def test_reading_text_finds_what_reading_its_value_finds(name: str, body: Body) -> None:
    assert read_text(body(name)) == read(json.loads(body(name)))


def test_the_same_change_by_every_way_has_the_same_keys(body: Body) -> None:
    ways = [name for name, expected in ALARMS.items() if expected[4] == "00:04:12.301"]
    assert len(ways) >= 9

    alarms = [parse(decode(body(name), name))[0] for name in ways]

    assert len({alarm.dedup_key for alarm in alarms}) == 1
    assert len({alarm.fingerprint for alarm in alarms}) == 1


@pytest.mark.parametrize(
    ("name", "path", "code"),
    [
        ("eventbridge-alarm-configuration-change", "", "configuration_change"),
        ("eventbridge-alarm-state-change-muted", "detail", "muted"),
        ("eventbridge-alarm-state-change-composite-suppressed", "detail", "suppressed"),
        ("eventbridge-ssm-command-invocation", "", "other_event"),
        ("sns-http-plain-text-with-attributes", "Message", "not_json"),
        ("sns-http-subscription-confirmation", "", "subscription"),
        ("sns-http-unsubscribe-confirmation", "", "subscription"),
    ],
)
def test_what_is_no_alarm_to_act_on_is_left_alone_with_the_reason(name: str, path: str, code: str, body: Body) -> None:
    reading = read_text(body(name))

    assert reading.alarms == ()
    assert reading.problems == ()
    (ignored,) = reading.ignored
    assert (ignored.path, ignored.code) == (path, code)
    assert ignored.reason


def test_a_muted_alarm_that_is_ok_again_still_ends_its_incident(message: Message) -> None:
    event = message("eventbridge-alarm-state-change-muted")
    event["detail"]["state"]["value"] = "OK"

    (alarm,) = parse(event)

    assert alarm.state is AlarmState.OK


def test_a_suppression_that_ended_opens_the_incident_it_had_held_back(message: Message) -> None:
    event = message("eventbridge-alarm-state-change-composite-suppressed")
    event["detail"]["previousState"] = event["detail"]["state"].copy()
    del event["detail"]["state"]["actionsSuppressedBy"]

    (alarm,) = parse(event)

    assert (alarm.state, alarm.previous_state) == (AlarmState.ALARM, AlarmState.ALARM)


def test_an_event_of_somebody_else_with_the_name_of_an_alarm_is_left_alone(message: Message) -> None:
    event = message("eventbridge-alarm-state-change-metric")
    event["source"] = "my.app"

    reading = read(event)

    assert reading.alarms == ()
    assert [part.code for part in reading.ignored] == ["other_event"]


def test_every_record_of_a_batch_is_read_and_problems_name_theirs(body: Body) -> None:
    batch = json.loads(body("lambda-event-sqs-from-sns"))
    good = batch["Records"][0]
    bad = {**good, "body": '{"AlarmName": "x", "NewStateValue": "BROKEN"}'}
    batch["Records"] = [good, bad, "nonsense", good]

    reading = read(batch)

    assert len(reading.alarms) == 2
    places = {problem.path: problem.message for problem in reading.problems}
    assert places["Records[1].body.NewStateValue"] == "must be one of OK, ALARM, INSUFFICIENT_DATA"
    assert places["Records[1].body.StateChangeTime"] == "is missing"
    assert places["Records[2]"] == "must be an object, is a string"
    with pytest.raises(InvalidInput) as refused:
        parse(batch, Hints(source="batch.json"))
    assert refused.value.problems[0].source == "batch.json"


def test_a_list_of_payloads_is_read_one_by_one(body: Body) -> None:
    one = json.loads(body("eventbridge-alarm-state-change-metric"))
    assert len(parse([one, one])) == 2


@pytest.mark.parametrize(
    "payload",
    [None, 1, 1.5, True, {}, [], {"Records": []}, {"Records": None}, {"Records": [{}]}, {"Messages": 3}, {"a": "b"}],
)
def test_what_is_no_known_shape_is_refused(payload: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(payload)
    assert refused.value.problems


def test_an_unknown_shape_names_the_keys_it_has() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse({"text": "hello", "channel": "ops"})
    assert "text, channel" in refused.value.problems[0].hint


def test_envelopes_are_not_opened_for_ever(body: Body) -> None:
    envelope = json.loads(body("sns-http-metric-alarm-v1"))
    for _ in range(12):
        envelope = {**envelope, "Message": json.dumps(envelope)}

    with pytest.raises(InvalidInput, match="cannot be read") as refused:
        parse(envelope)
    assert "envelopes" in refused.value.problems[0].message


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ('{"a": 1,\n "b": }', 2, 7, "is not JSON: "),
        ('{"a": NaN}', 1, 7, "is not JSON: "),
        ('{"a": -Infinity}', 1, 8, "is not JSON: "),
        ('{"a": 9e999}', 1, 7, "infinity"),
        (b'{"a": "\xff"}', 0, 0, "is not UTF-8 at byte 7"),
        ("[" * 100_000, 1, 1026, "depth limit"),
        ("[" * 40 + "]" * 40, 0, 0, "levels deep"),
        ('{"a": "\\ud800"}', 1, 8, "surrogate"),
        ('{"a": "\ud800"}', 1, 1, "surrogate"),
        ('{"a\\u0000": 1}', 0, 0, "NUL"),
        ('{"a": ["\\u0000"]}', 0, 0, "NUL"),
        ("", 1, 1, "is not JSON"),
        ("[]x", 1, 3, "is not JSON"),
    ],
)
def test_text_that_is_not_sound_json_is_refused_with_its_place(
    text: str | bytes, line: int, column: int, words: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode(text, "request")
    (problem,) = refused.value.problems
    assert (problem.source, problem.line, problem.column) == ("request", line, column)
    assert words in problem.message


def test_escapes_that_only_look_like_nul_or_surrogates_are_fine() -> None:
    text = r'{"path": "C:\\u0000dir", "smile": "\ud83d\ude00", "amp": "a\u0026b"}'
    assert decode(text, "x") == {"path": "C:\\u0000dir", "smile": "😀", "amp": "a&b"}


def test_a_byte_order_mark_is_no_obstacle(body: Body) -> None:
    assert read_text(b"\xef\xbb\xbf" + body("sns-http-raw-delivery").encode()).alarms
