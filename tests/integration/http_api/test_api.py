from __future__ import annotations

import asyncio
from typing import Any

import pytest

import wakeless
from wakeless.core.errors import Refused
from wakeless.core.secret import Secret
from wakeless.doors.http_api import Account, Permission
from wakeless.incidents.incident import IllegalMove
from wakeless.pipeline.machine import NotAnApprover, NotNow

OPS = Account(
    name="ops", tokens=(Secret("ops-token"),), groups=frozenset({"sre", "dba"}), may=frozenset({Permission.OPERATE})
)
BOSS = Account(name="boss", tokens=(Secret("boss-token"),), may=frozenset({Permission.ADMIN}))
OWNER = Account(
    name="owner", tokens=(Secret("owner-token"),), groups=frozenset({"sre", "dba"}), may=frozenset({Permission.APPROVE})
)
VIEWER = Account(name="viewer", tokens=(Secret("viewer-token"),))


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}-token"}


async def test_the_root_says_what_this_is(door: Any) -> None:
    answer = (await door.client.get("/")).json()
    assert (answer["name"], answer["version"]) == ("wakeless", wakeless.__version__)
    for link in answer["links"].values():
        if link != "/v1/events":
            assert (await door.client.get(link)).status_code == 200


async def test_incidents_are_listed_in_pages(door: Any) -> None:
    door.service.incidents = {f"inc-{n}": {"id": f"inc-{n}", "status": "open"} for n in range(5)}
    first = (await door.client.get("/v1/incidents?limit=3")).json()
    rest = (await door.client.get(f"/v1/incidents?limit=3&before={first['next']}&status=open")).json()
    assert [incident["id"] for incident in first["incidents"]] == ["inc-4", "inc-3", "inc-2"]
    assert [incident["id"] for incident in rest["incidents"]] == ["inc-1", "inc-0"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("stauts=open", "stauts"),
    ],
)
async def test_wrong_parameters_are_named(door: Any, query: str, parameter: str) -> None:
    answer = await door.client.get(f"/v1/incidents?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["problems"][0]["path"] == parameter


async def test_too_many_parameters_are_refused(door: Any) -> None:
    assert (await door.client.get("/v1/incidents?" + "a=b&" * 200)).status_code == 400


async def test_an_unknown_incident_is_not_found(door: Any) -> None:
    for path in ("/v1/incidents/inc-9", "/v1/incidents/..%2f..%2fetc", "/v1/incidents/%00"):
        answer = await door.client.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("verb", "body", "call"),
    [
        ("approve", '{"comment": "go"}', ("decide", "inc-1", "local", True, "go", ())),
        ("approve", "", ("decide", "inc-1", "local", True, "", ())),
        ("deny", '{"comment": null}', ("decide", "inc-1", "local", False, "", ())),
        ("retry", "{}", ("retry", "inc-1", "local")),
        ("close", '{"reason": "known"}', ("close", "inc-1", "local", "known")),
        ("cancel", '{"reason": "stop"}', ("cancel", "inc-1", "local", "stop")),
    ],
)
async def test_decisions_are_handed_over_and_answered_with_the_incident(
    door: Any, verb: str, body: str, call: tuple[Any, ...]
) -> None:
    door.service.incidents["inc-1"] = {"id": "inc-1", "status": "open"}
    answer = await door.post(f"/v1/incidents/inc-1/{verb}", body)
    assert answer.status_code == 200
    assert answer.json()["id"] == "inc-1"
    assert door.service.calls == [call]


@pytest.mark.parametrize(
    ("verb", "body", "path"),
    [
        ("approve", '{"coment": "x"}', "coment"),
        ("approve", '{"comment": 5}', "comment"),
        ("approve", '{"comment": "' + "x" * 3_000 + '"}', "comment"),
        ("approve", "[]", "body"),
        ("retry", '{"reason": "x"}', "reason"),
    ],
)
async def test_wrong_bodies_are_refused_and_nothing_is_done(door: Any, verb: str, body: str, path: str) -> None:
    door.service.incidents["inc-1"] = {"id": "inc-1"}
    answer = await door.post(f"/v1/incidents/inc-1/{verb}", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["problems"][0]["path"] == path
    assert door.service.calls == []


async def test_who_decides_is_whoever_holds_the_token_with_its_groups(open_door: Any) -> None:
    async with open_door(accounts=(OPS, OWNER)) as door:
        door.service.incidents["inc-1"] = {"id": "inc-1"}
        answer = await door.post("/v1/incidents/inc-1/approve", **bearer("owner"))
        assert answer.status_code == 200
        assert door.service.calls == [("decide", "inc-1", "owner", True, "", ("dba", "sre"))]


PERMISSIONS = {
    "GET /v1/incidents": ("viewer", "ops", "owner", "boss"),
    "GET /v1/events": ("viewer", "ops", "owner", "boss"),
    "GET /metrics": ("viewer", "ops", "owner", "boss"),
    "POST /v1/alarms": ("ops", "boss"),
    "POST /v1/incidents/inc-1/approve": ("owner", "boss"),
    "POST /v1/incidents/inc-1/deny": ("owner", "boss"),
    "POST /v1/incidents/inc-1/retry": ("ops", "boss"),
    "POST /v1/incidents/inc-1/close": ("ops", "boss"),
    "POST /v1/incidents/inc-1/cancel": ("ops", "boss"),
    "POST /v1/automation": ("boss",),
}


@pytest.mark.parametrize("who", ["viewer", "ops", "owner", "boss", "stranger"])
async def test_nobody_does_what_it_may_not(open_door: Any, who: str) -> None:
    async with open_door(accounts=(OPS, BOSS, VIEWER, OWNER)) as door:
        door.service.incidents["inc-1"] = {"id": "inc-1"}
        for operation, allowed in PERMISSIONS.items():
            method, _, path = operation.partition(" ")
            # A HEAD answers as a GET does, and ends a stream at once.
            answer = await door.client.request(
                method.replace("GET", "HEAD"), path, headers=bearer(who), content="{}" if method == "POST" else None
            )
            refused = 401 if who == "stranger" else 403
            assert (answer.status_code == refused) is (who not in allowed), operation


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotAnApprover("you are not"), 403, "not_an_approver"),
        (NotNow("later"), 409, "not_now"),
        (IllegalMove("no"), 409, "illegal_move"),
        (Refused("no"), 409, "refused"),
        (ZeroDivisionError("secret details"), 500, "internal"),
    ],
)
async def test_errors_say_what_the_caller_may_do(door: Any, error: Exception, status: int, code: str) -> None:
    door.service.failure = error
    answer = await door.post("/v1/incidents/inc-1/approve")
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert "secret details" not in answer.text


async def test_output_is_read_from_an_offset(door: Any) -> None:
    door.service.outputs["att-1"] = b"<b>one</b>\n\xff\x00two"
    answer = await door.client.get("/v1/attempts/att-1/output")
    assert answer.content == b"<b>one</b>\n\xff\x00two"
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    offset = answer.headers["x-wakeless-next-offset"]
    rest = await door.client.get(f"/v1/attempts/att-1/output?offset={offset}")
    assert rest.status_code == 200
    assert rest.content == b""
    part = await door.client.get("/v1/attempts/att-1/output?stream=stdout&offset=3&limit=3")
    assert part.content == b"one"
    for query in ("stream=stdin", "offset=-1", "limit=0", "limit=99999999"):
        assert (await door.client.get(f"/v1/attempts/att-1/output?{query}")).status_code == 400
    assert (await door.client.get("/v1/attempts/att-2/output")).status_code == 404


async def test_the_kill_switch_is_thrown_with_a_reason(door: Any) -> None:
    answer = await door.post("/v1/automation", '{"enabled": false, "reason": "deploying"}')
    assert answer.json() == {"enabled": False}
    assert door.service.calls == [("automation", False, "local", "deploying")]
    assert (await door.client.get("/v1/automation")).json() == {"enabled": False}
    for body in ("", "{}", '{"enabled": "no"}', '{"enabled": 0}'):
        assert (await door.post("/v1/automation", body)).status_code == 400


async def test_embedded_alarms_are_listed_over_all_pages(door: Any) -> None:
    door.service.monitoring.metric_alarms = [
        {
            "AlarmName": f"alarm-{n}",
            "StateValue": "OK" if n % 2 else "ALARM",
            "Namespace": "App",
            "MetricName": "up",
            "Dimensions": [{"Name": "InstanceId", "Value": f"i-{n}"}],
        }
        for n in range(5)
    ]
    alarms = (await door.client.get("/v1/alarms")).json()["alarms"]
    assert [alarm["name"] for alarm in alarms] == [f"alarm-{n}" for n in range(5)]
    assert alarms[3]["dimensions"] == {"InstanceId": "i-3"}
    assert alarms[3]["state"] == "OK"
    page = (await door.client.get("/v1/alarms?limit=2")).json()
    assert len(page["alarms"]) == 2
    after = (await door.client.get(f"/v1/alarms?limit=2&after={page['next']}")).json()
    assert [alarm["name"] for alarm in after["alarms"]] == ["alarm-2", "alarm-3"]
    firing = (await door.client.get("/v1/alarms?state=ALARM&prefix=alarm-")).json()
    assert len(firing["alarms"]) == 3


async def test_health_readiness_and_metrics(door: Any) -> None:
    assert (await door.client.get("/healthz")).json() == {"status": "ok"}
    assert (await door.client.get("/readyz")).status_code == 200
    plain = await door.client.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    open_metrics = await door.client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")
    assert open_metrics.text.rstrip().endswith("# EOF")


async def test_a_server_that_cannot_store_is_not_ready(open_door: Any) -> None:
    async with open_door() as door:
        door.service.is_ready = False
        answer = await door.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {"journal": "the disk is full"}


async def test_every_answer_has_the_headers_that_keep_browsers_out_of_trouble(door: Any) -> None:
    for path in ("/", "/healthz", "/v1/incidents/inc-9", "/nowhere", "/v1/attempts/a/output"):
        headers = (await door.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


async def test_unknown_addresses_and_methods_are_told_in_json(door: Any) -> None:
    missing = await door.client.get("/v1/incident")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = await door.client.delete("/v1/incidents")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, HEAD"
    head = await door.client.head("/healthz")
    assert (head.status_code, head.content) == (200, b"")


class Lines:
    """A stream of events as a client sees it."""

    def __init__(self, door: Any, path: str = "/v1/events", **headers: str) -> None:
        self._context = door.client.stream("GET", path, headers=headers, timeout=5)

    async def __aenter__(self) -> Lines:
        self.response = await self._context.__aenter__()
        self._lines = self.response.aiter_lines()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._context.__aexit__(*error)

    async def event(self) -> tuple[str, str]:
        found: dict[str, str] = {}
        async for line in self._lines:
            if not line and "data" in found:
                return found["id"], found["data"]
            name, _, value = line.partition(": ")
            found[name] = value
        raise AssertionError("the stream ended")


async def test_events_are_streamed_as_they_happen_and_resumed_where_it_broke(door: Any) -> None:
    await door.service.happen("one")
    async with Lines(door) as lines:
        assert lines.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        while not door.service.readers:
            await asyncio.sleep(0.001)
        await door.service.happen("two\nlines")
        assert await lines.event() == ("2", '{"seq":2,"text":"two\\nlines"}')
    async with Lines(door, **{"last-event-id": "1"}) as lines:
        assert (await lines.event())[0] == "2"
    async with Lines(door, "/v1/events?after=0") as lines:
        assert [(await lines.event())[0] for _ in range(2)] == ["1", "2"]
        await door.service.happen("three")
        assert (await lines.event())[0] == "3"
    for _ in range(500):
        if not door.service.readers:
            break
        await asyncio.sleep(0.01)
    assert door.service.readers == 0  # nobody reads for a client that is gone
    assert "wakeless_http_streams 0.0" in (await door.client.get("/metrics")).text


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30])
async def test_a_wrong_place_to_resume_is_refused(door: Any, after: str) -> None:
    assert (await door.client.get(f"/v1/events?after={after}")).status_code == 400
    assert (await door.client.get("/v1/events", headers={"last-event-id": after})).status_code == 400


async def test_streams_are_limited(open_door: Any) -> None:
    async with open_door(max_streams=1) as door, Lines(door) as lines:
        while not door.service.readers:
            await asyncio.sleep(0.001)
        answer = await door.client.get("/v1/events")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
        assert lines.response.status_code == 200
