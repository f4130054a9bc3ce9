from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from wakeless.core.clock import ManualClock
from wakeless.core.errors import Refused, Unavailable
from wakeless.core.secret import Secret
from wakeless.doors.http_api import Account, Permission

TOPIC = "arn:aws:sns:us-east-1:000000000000:ops-alarms"
ALARM = "sns-http-metric-alarm-v1"

Payload = Callable[[str], str]


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_signed_alarm_is_taken_in(door: Any, sns: Any, version: str) -> None:
    body, headers = sns.sign(ALARM, version=version)

    answer = await door.post("/v1/sns", body, **headers)

    assert answer.status_code == 200
    (received,) = answer.json()["received"]
    assert received["alarm"] == "disk-full-web-1"
    assert received["state"] == "ALARM"
    assert [alarm.name for alarm in door.service.alarms] == ["disk-full-web-1"]


async def test_every_retry_of_a_message_is_answered_and_nothing_new(door: Any, sns: Any) -> None:
    body, headers = sns.sign(ALARM)
    for _ in range(3):
        assert (await door.post("/v1/sns", body, **headers)).status_code == 200
    assert len(door.service.alarms) == 1
    assert len(sns.asked) == 1  # the certificate, once


async def test_fifty_messages_at_once_fetch_the_certificate_once(door: Any, sns: Any) -> None:
    signed = [sns.sign(ALARM, MessageId=f"m-{number}") for number in range(50)]
    answers = await asyncio.gather(*(door.post("/v1/sns", body, **headers) for body, headers in signed))
    assert {answer.status_code for answer in answers} == {200}
    assert len(sns.asked) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda message: message | {"Message": message["Message"].replace("web-1", "web-2")},
        lambda message: message | {"Subject": "another"},
        lambda message: message | {"Signature": "AAAA"},
        lambda message: message | {"SignatureVersion": "2"},
        lambda message: message | {"Timestamp": "2026-01-01T00:04:59.000Z"},
    ],
)
async def test_an_altered_message_is_refused(door: Any, sns: Any, change: Any) -> None:
    body, headers = sns.sign(ALARM)

    answer = await door.post("/v1/sns", json.dumps(change(json.loads(body))), **headers)

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "signature_refused"
    assert door.service.alarms == []


async def test_what_stands_unsigned_beside_the_message_is_not_believed(door: Any, sns: Any) -> None:
    body, headers = sns.sign("sns-http-plain-text-with-attributes")
    forged = json.loads(body) | {
        "AlarmName": "forged",
        "NewStateValue": "ALARM",
        "StateChangeTime": "2026-01-01T00:04:12.301+0000",
    }

    answer = await door.post("/v1/sns", json.dumps(forged), **headers)

    assert answer.status_code == 200
    assert answer.json()["ignored"][0]["code"] == "not_json"
    assert door.service.alarms == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x.pem",
        "http://sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/x.pem",
    ],
)
async def test_a_certificate_from_elsewhere_is_not_even_fetched(door: Any, sns: Any, url: str) -> None:
    body, headers = sns.sign(ALARM)
    answer = await door.post("/v1/sns", json.dumps(json.loads(body) | {"SigningCertURL": url}), **headers)
    assert answer.status_code == 403
    assert sns.asked == []


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (500, b"", 503),
        (429, b"", 503),
        (404, b"", 409),
        (302, b"", 409),
        (200, b"x" * 100_000, 409),
        (200, b"no certificate", 403),
    ],
)
async def test_a_certificate_that_cannot_be_had_makes_sns_send_again_only_where_that_may_help(
    door: Any, sns: Any, status: int, content: bytes, expected: int
) -> None:
    sns.answers["/SimpleNotificationService-test.pem"] = (status, content)
    body, headers = sns.sign(ALARM)
    assert (await door.post("/v1/sns", body, **headers)).status_code == expected
    assert door.service.alarms == []


async def test_a_failed_certificate_is_not_asked_for_with_every_message(
    door: Any, sns: Any, clock: ManualClock
) -> None:
    good = sns.answers["/SimpleNotificationService-test.pem"]
    sns.answers["/SimpleNotificationService-test.pem"] = (500, b"")
    body, headers = sns.sign(ALARM)
    for _ in range(5):
        assert (await door.post("/v1/sns", body, **headers)).status_code == 503
    assert len(sns.asked) == 1
    sns.answers["/SimpleNotificationService-test.pem"] = good
    clock.advance(11)
    assert (await door.post("/v1/sns", body, **headers)).status_code == 200


async def test_an_untrusted_https_server_is_not_believed(open_door: Any, sns: Any) -> None:
    body, headers = sns.sign(ALARM)
    elsewhere = sns.origin.replace("localhost", "127.0.0.1")  # the certificate is for localhost
    async with open_door(sns_trusted_origins=frozenset({elsewhere})) as door:
        message = sns.signed(json.loads(body) | {"SigningCertURL": f"{elsewhere}/SimpleNotificationService-test.pem"})
        answer = await door.post("/v1/sns", json.dumps(message), **headers)
    assert answer.status_code == 503
    assert sns.asked == []


async def test_a_message_older_than_an_hour_is_refused(door: Any, sns: Any, clock: ManualClock) -> None:
    body, headers = sns.sign(ALARM)
    clock.advance(3_600)
    answer = await door.post("/v1/sns", body, **headers)
    assert answer.status_code == 403
    assert "older" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-amz-sns-message-type", "SubscriptionConfirmation"),
        ("x-amz-sns-message-id", "another"),
        ("x-amz-sns-topic-arn", TOPIC + "-2"),
    ],
)
async def test_headers_that_disagree_with_the_message_are_refused(door: Any, sns: Any, header: str, value: str) -> None:
    body, headers = sns.sign(ALARM)
    answer = await door.post("/v1/sns", body, **headers | {header: value})
    assert answer.status_code == 400
    assert answer.json()["error"]["problems"][0]["path"] == header


@pytest.mark.parametrize(
    ("loopback", "topics", "status"),
    [
        (True, (), 200),
        (False, (), 403),
        (True, (TOPIC,), 200),
        (False, (TOPIC,), 200),
        (False, ("arn:aws:sns:*:000000000000:ops-*",), 200),
        (True, (TOPIC + "-2",), 403),
    ],
)
async def test_only_topics_on_the_list_are_listened_to(
    open_door: Any, sns: Any, loopback: bool, topics: tuple[str, ...], status: int
) -> None:
    body, headers = sns.sign(ALARM)
    async with open_door(loopback=loopback, sns_topics=topics) as door:
        assert (await door.post("/v1/sns", body, **headers)).status_code == status
        assert bool(door.service.alarms) is (status == 200)
    if status == 403:
        assert sns.asked == []  # nothing is fetched for strangers


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ({}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"host": "evil.example"}, 403),
        ({"x-forwarded-for": "203.0.113.7"}, 403),
    ],
)
async def test_a_signature_alone_opens_no_loopback_without_topics_to_pages_and_proxies(
    open_door: Any, sns: Any, extra: dict[str, str], status: int
) -> None:
    body, headers = sns.sign(ALARM)
    async with open_door() as door:
        assert (await door.post("/v1/sns", body, **headers, **extra)).status_code == status
    async with open_door(sns_topics=(TOPIC,)) as door:
        assert (await door.post("/v1/sns", body, **headers, **extra)).status_code == 200


async def test_with_principals_and_without_topics_a_message_needs_a_token(open_door: Any, sns: Any) -> None:
    body, headers = sns.sign(ALARM)
    async with open_door(accounts=ACCOUNTS) as door:
        assert (await door.post("/v1/sns", body, **headers)).status_code == 401
        assert (await door.post("/v1/sns", body, **headers, authorization="Bearer viewer-token")).status_code == 403
        assert (await door.post("/v1/sns", body, **headers, authorization="Bearer topic-token")).status_code == 200


@pytest.mark.parametrize("failure", [Unavailable("disk full"), Refused("locked"), OSError(28, "No space left")])
async def test_sns_sends_again_what_could_not_be_stored(door: Any, sns: Any, failure: Exception) -> None:
    body, headers = sns.sign(ALARM)
    door.service.failure = failure
    answer = await door.post("/v1/sns", body, **headers)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "space" not in answer.text

    door.service.failure = None
    assert (await door.post("/v1/sns", body, **headers)).json()["received"][0]["state"] == "ALARM"


async def test_a_subscription_is_confirmed_after_it_was_verified(door: Any, sns: Any) -> None:
    body, headers = sns.sign("sns-http-subscription-confirmation", Timestamp="2026-01-01T00:04:00.000Z")

    for _ in range(2):
        answer = await door.post("/v1/sns", body, **headers)
        assert answer.status_code == 200

    assert len(sns.asked) == 2
    assert sns.asked[1].startswith("?Action=ConfirmSubscription&TopicArn=")


@pytest.mark.parametrize(("status", "expected"), [(500, 503), (400, 409), (302, 409)])
async def test_a_confirmation_that_did_not_get_through_is_told_to_sns(
    door: Any, sns: Any, status: int, expected: int
) -> None:
    sns.answers["/"] = (status, b"")
    body, headers = sns.sign("sns-http-subscription-confirmation", Timestamp="2026-01-01T00:04:00.000Z")
    assert (await door.post("/v1/sns", body, **headers)).status_code == expected


@pytest.mark.parametrize(
    "change",
    [
        ("ConfirmSubscription", "Unsubscribe"),
        ("ops-alarms", "another"),
        ("https://localhost", "https://127.0.0.1"),
    ],
)
async def test_a_subscribe_url_that_does_something_else_is_not_followed(
    door: Any, sns: Any, change: tuple[str, str]
) -> None:
    body, headers = sns.sign("sns-http-subscription-confirmation", Timestamp="2026-01-01T00:04:00.000Z")
    message = json.loads(body)
    message["SubscribeURL"] = message["SubscribeURL"].replace(*change)
    answer = await door.post("/v1/sns", json.dumps(sns.signed(message)), **headers)
    assert answer.status_code == 403
    assert len(sns.asked) == 1


async def test_an_ended_subscription_is_noted_and_not_taken_up_again(
    door: Any, sns: Any, caplog: pytest.LogCaptureFixture
) -> None:
    body, headers = sns.sign("sns-http-unsubscribe-confirmation", Timestamp="2026-01-01T00:04:00.000Z")
    answer = await door.post("/v1/sns", body, **headers)
    assert answer.json()["unsubscribed"] == TOPIC
    assert len(sns.asked) == 1
    assert "sns_unsubscribed" in {getattr(record, "action", "") for record in caplog.records}


RAW = {
    "x-amz-sns-message-type": "Notification",
    "x-amz-sns-message-id": "raw-1",
    "x-amz-sns-topic-arn": TOPIC,
    "x-amz-sns-rawdelivery": "true",
}


async def test_raw_delivery_is_taken_on_loopback(door: Any, payload: Payload) -> None:
    for _ in range(2):
        answer = await door.post("/v1/sns", payload("sns-http-raw-delivery"), **RAW)
        assert answer.status_code == 200
    assert len(door.service.alarms) == 1
    assert answer.json()["duplicate"] is True


ACCOUNTS = (
    Account(name="topic", tokens=(Secret("topic-token"),), may=frozenset({Permission.SEND}), source="sns"),
    Account(name="viewer", tokens=(Secret("viewer-token"),)),
    Account(name="hook", tokens=(Secret("hook-token"),), may=frozenset({Permission.SEND}), source="alertmanager"),
)


@pytest.mark.parametrize(
    ("path", "authorization", "status"),
    [
        ("/v1/sns", None, 401),
        ("/v1/sns/wrong", None, 401),
        ("/v1/sns/topic-token", None, 200),
        ("/v1/sns", "Bearer topic-token", 200),
        ("/v1/sns", "Basic dG9waWM6dG9waWMtdG9rZW4=", 200),
        ("/v1/sns", "Basic b3RoZXI6dG9waWMtdG9rZW4=", 401),
        ("/v1/sns/hook-token", None, 401),
        ("/v1/sns/viewer-token", None, 403),
    ],
)
async def test_raw_delivery_beyond_loopback_needs_a_token(
    open_door: Any, payload: Payload, path: str, authorization: str | None, status: int
) -> None:
    async with open_door(loopback=False, accounts=ACCOUNTS, sns_topics=(TOPIC,)) as door:
        headers = RAW | ({"authorization": authorization} if authorization else {})
        answer = await door.post(path, payload("sns-http-raw-delivery"), **headers)
        assert answer.status_code == status
        if status == 401:
            schemes = {value.split()[0] for value in answer.headers.get_list("www-authenticate")}
            assert schemes == {"Bearer", "Basic"}


async def test_the_subscriptions_secret_is_asked_for_even_with_a_signature(open_door: Any, sns: Any) -> None:
    body, headers = sns.sign(ALARM)
    async with open_door(loopback=False, sns_topics=(TOPIC,), sns_secret=Secret("open-sesame")) as door:
        assert (await door.post("/v1/sns", body, **headers)).status_code == 401
        assert (await door.post("/v1/sns/another", body, **headers)).status_code == 401
        assert (await door.post("/v1/sns/open-sesame", body, **headers)).status_code == 200
        answer = await door.client.get("/metrics")
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [("", 400), ("hello", 400), ("[]", 400), ("{}", 400), ('{"Type":"Notification"}', 400), ("x" * 262_145, 413)],
)
async def test_nonsense_is_refused_and_the_server_goes_on(door: Any, sns: Any, body: str, status: int) -> None:
    assert (await door.post("/v1/sns", body)).status_code == status
    good, headers = sns.sign(ALARM)
    assert (await door.post("/v1/sns", good, **headers)).status_code == 200


async def test_an_alarm_of_another_source_does_not_come_through_sns(door: Any, sns: Any, payload: Payload) -> None:
    body, headers = sns.sign(ALARM, Message=payload("alertmanager-firing"))
    answer = await door.post("/v1/sns", body, **headers)
    assert answer.status_code == 400
    assert door.service.alarms == []
