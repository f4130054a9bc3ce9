from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from wakeless.alarms.alarm import AlarmState
from wakeless.core.errors import Refused, Unavailable
from wakeless.core.secret import Secret
from wakeless.doors.http_api import Account, Permission

Payload = Callable[[str], str]

EVENT = "eventbridge-alarm-state-change-metric"


@pytest.mark.parametrize(
    ("path", "name", "alarms"),
    [
        ("/v1/alarms", EVENT, 1),
        ("/v1/alarms", "alertmanager-firing", 2),
        ("/v1/alarms", "sns-http-metric-alarm-v1", 1),
        ("/v1/alarms", "lambda-event-sqs-from-sns", 1),
        ("/v1/eventbridge", EVENT, 1),
        ("/v1/alertmanager", "alertmanager-partly-resolved", 2),
    ],
)
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json"])
async def test_alarms_are_taken_at_their_address_whatever_their_content_type(
    door: Any, payload: Payload, path: str, name: str, alarms: int, content_type: str | None
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await door.post(path, payload(name), **headers)
    assert answer.status_code == 200
    assert len(answer.json()["received"]) == len(door.service.alarms) == alarms


async def test_the_answer_says_what_became_of_each_alarm(door: Any, payload: Payload) -> None:
    first = (await door.post("/v1/alarms", payload(EVENT))).json()
    again = (await door.post("/v1/alarms", payload(EVENT))).json()
    assert first == {
        "received": [
            {
                "alarm": "disk-full-web-1",
                "state": "ALARM",
                "fingerprint": "cloudwatch:arn:aws:cloudwatch:us-east-1:000000000000:alarm:disk-full-web-1",
                "incident_id": "inc-1",
                "duplicate": False,
            }
        ]
    }
    assert again["received"][0]["duplicate"] is True


async def test_what_is_left_alone_is_told(door: Any, payload: Payload) -> None:
    answer = await door.post("/v1/eventbridge", payload("eventbridge-alarm-state-change-muted"))
    assert answer.status_code == 200
    assert answer.json()["received"] == []
    assert answer.json()["ignored"][0]["code"] == "muted"
    assert door.service.alarms == []


async def test_one_bad_alert_is_told_and_the_others_are_taken(door: Any, payload: Payload) -> None:
    group = json.loads(payload("alertmanager-firing"))
    group["alerts"][0]["status"] = "?"
    answer = await door.post("/v1/alertmanager", json.dumps(group))
    assert answer.status_code == 200
    assert [alarm.labels["instance"] for alarm in door.service.alarms] == ["web-2:9100"]
    assert answer.json()["problems"][0]["path"] == "alerts[0].status"


async def test_a_resolve_without_an_end_gets_the_time_it_came(door: Any, payload: Payload, clock: Any) -> None:
    group = json.loads(payload("alertmanager-resolved"))
    del group["alerts"][0]["endsAt"]
    await door.post("/v1/alertmanager", json.dumps(group))
    assert door.service.alarms[0].state is AlarmState.OK
    assert door.service.alarms[0].changed_at == clock.now()


@pytest.mark.parametrize(("path", "name"), [("/v1/eventbridge", "alertmanager-firing"), ("/v1/alertmanager", EVENT)])
async def test_alarms_of_one_source_are_not_taken_at_anothers_address(
    door: Any, payload: Payload, path: str, name: str
) -> None:
    answer = await door.post(path, payload(name))
    assert answer.status_code == 400
    assert door.service.alarms == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_input"),
        (b"not json", 400, "invalid_input"),
        (b"\xff\xfe", 400, "invalid_input"),
        (b"[" * 100_000, 400, "invalid_input"),
        (b"{}", 400, "invalid_input"),
        (b'{"AlarmName":"x","NewStateValue":"ALARM"', 400, "invalid_input"),
        (b" " * 1_048_577, 413, "too_large"),
    ],
)
async def test_bad_bodies_are_refused_with_the_place_and_the_server_goes_on(
    door: Any, payload: Payload, body: bytes, status: int, code: str
) -> None:
    answer = await door.post("/v1/alarms", body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert bool(error["problems"]) is (status == 400)
    assert (await door.post("/v1/alarms", payload(EVENT))).status_code == 200


async def test_a_body_without_a_length_is_cut_off_at_the_limit(door: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(b"POST /v1/alarms HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(17):
        writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        await writer.drain()
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    writer.close()


async def test_a_body_in_small_pieces_is_put_together(door: Any, payload: Payload) -> None:
    body = payload(EVENT).encode()

    async def pieces() -> Any:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]
            await asyncio.sleep(0)

    assert (await door.client.post("/v1/alarms", content=pieces())).status_code == 200


async def test_a_compressed_body_is_refused(door: Any, payload: Payload) -> None:
    body = gzip.compress(payload(EVENT).encode())
    answer = await door.post("/v1/alarms", body, **{"content-encoding": "gzip"})
    assert answer.status_code == 415


async def test_a_connection_that_breaks_in_the_middle_leaves_nothing(door: Any, payload: Payload) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(b"POST /v1/alarms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await door.post("/v1/alarms", payload(EVENT))).status_code == 200
    assert len(door.service.alarms) == 1
    assert reader is not None


@pytest.mark.parametrize(
    "failure", [Unavailable("the disk is full"), Refused("locked"), OSError(28, "No space left on device"), KeyError(1)]
)
@pytest.mark.parametrize("path", ["/v1/alarms", "/v1/eventbridge"])
async def test_a_sender_is_told_to_send_again_what_is_not_on_disk(
    door: Any, payload: Payload, failure: Exception, path: str
) -> None:
    door.service.failure = failure
    answer = await door.post(path, payload(EVENT))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "Traceback" not in answer.text
    assert "device" not in answer.text


ACCOUNTS = (
    Account(name="am", tokens=(Secret("am-token"),), may=frozenset({Permission.SEND}), source="alertmanager"),
    Account(name="eb", tokens=(Secret("eb-token"),), may=frozenset({Permission.SEND}), source="eventbridge"),
    Account(name="ops", tokens=(Secret("ops-token"), Secret("next-token")), may=frozenset({Permission.OPERATE})),
    Account(name="viewer", tokens=(Secret("viewer-token"),)),
)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/alertmanager", {}, 401),
        ("/v1/alertmanager", {"authorization": "Bearer am-token"}, 200),
        ("/v1/alertmanager", {"authorization": "bearer   am-token"}, 200),
        ("/v1/alertmanager", {"authorization": "Basic YW06YW0tdG9rZW4="}, 200),
        ("/v1/alertmanager", {"authorization": "Basic %%%"}, 401),
        ("/v1/alertmanager", {"authorization": "Basic YW0="}, 401),
        ("/v1/alertmanager", {"authorization": "Digest am-token"}, 401),
        ("/v1/alertmanager", {"authorization": "Bearer"}, 401),
        ("/v1/alertmanager", {"authorization": "Bearer eb-token"}, 401),
        ("/v1/alertmanager", {"authorization": "Bearer next-token"}, 200),
        ("/v1/alertmanager", {"authorization": "Bearer viewer-token"}, 403),
        ("/v1/eventbridge", {"x-api-key": "eb-token"}, 200),
        ("/v1/eventbridge", {"x-api-key": "am-token"}, 401),
        ("/v1/eventbridge", {"x-api-key": ""}, 401),
        ("/v1/alarms", {"authorization": "Bearer am-token"}, 401),
        ("/v1/alarms", {"authorization": "Bearer ops-token"}, 200),
    ],
)
@pytest.mark.parametrize("loopback", [True, False])
async def test_whoever_sends_alarms_must_be_known_once_somebody_is(
    open_door: Any, payload: Payload, path: str, headers: dict[str, str], status: int, loopback: bool
) -> None:
    body = payload("alertmanager-firing" if path == "/v1/alertmanager" else EVENT)
    async with open_door(loopback=loopback, accounts=ACCOUNTS) as door:
        assert (await door.post(path, body, **headers)).status_code == status
        assert bool(door.service.alarms) is (status == 200)


async def test_a_sources_token_guards_its_address_and_locks_nobody_out_of_the_rest(
    open_door: Any, payload: Payload
) -> None:
    async with open_door(accounts=ACCOUNTS[:1]) as door:
        assert (await door.post("/v1/alertmanager", payload("alertmanager-firing"))).status_code == 401
        assert (await door.post("/v1/alarms", payload(EVENT))).status_code == 200
        assert (await door.client.get("/v1/incidents")).status_code == 200


async def test_beyond_loopback_nobody_is_let_in_without_a_token(open_door: Any, payload: Payload) -> None:
    async with open_door(loopback=False) as door:
        for path in ("/v1/alarms", "/v1/eventbridge", "/v1/alertmanager"):
            assert (await door.post(path, payload(EVENT))).status_code == 401
        for path in ("/", "/metrics", "/v1/incidents", "/v1/events", "/v1/automation", "/v1/alarms"):
            assert (await door.client.get(path)).status_code == 401
        for path in ("/healthz", "/readyz"):
            assert (await door.client.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:4747"}, 200),
        ({"host": "[::1]:4747"}, 200),
        ({"origin": "http://127.0.0.1:4747", "sec-fetch-site": "same-origin"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example:4747"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"x-forwarded-for": "203.0.113.7"}, 403),
        ({"forwarded": "for=203.0.113.7"}, 403),
    ],
)
async def test_a_foreign_web_page_cannot_use_the_browser_of_whoever_runs_this(
    door: Any, payload: Payload, headers: dict[str, str], status: int
) -> None:
    assert (await door.post("/v1/alarms", payload(EVENT), **headers)).status_code == status
    assert bool(door.service.alarms) is (status == 200)


async def test_a_name_that_was_rebound_to_loopback_cannot_read(door: Any) -> None:
    answer = await door.client.get("/v1/incidents", headers={"host": "evil.example:4747"})
    assert answer.status_code == 403


async def test_what_came_in_is_counted(door: Any, payload: Payload) -> None:
    await door.post("/v1/alarms", payload(EVENT))
    await door.post("/v1/alarms", "nonsense")
    await door.post("/v1/alarms", "[]")
    await door.post("/v1/eventbridge", payload("eventbridge-alarm-state-change-muted"))
    await door.client.request("PROPFIND", "/v1/alarms")
    await door.client.get("/v1/no/such/thing")
    text = (await door.client.get("/metrics")).text
    assert 'wakeless_http_requests_total{method="POST",route="/v1/alarms",status="200"} 1.0' in text
    assert 'wakeless_http_requests_total{method="POST",route="/v1/alarms",status="400"} 2.0' in text
    assert 'wakeless_http_requests_total{method="OTHER",route="/v1/alarms",status="405"} 1.0' in text
    assert 'wakeless_http_requests_total{method="GET",route="(unknown)",status="404"} 1.0' in text
    assert 'wakeless_alarms_refused_total{code="not_json"} 1.0' in text
    assert 'wakeless_alarms_refused_total{code="invalid"} 1.0' in text
    assert 'wakeless_alarms_ignored_total{code="muted"} 1.0' in text
