"""A real server on a loopback port with the HTTP API on it, and a real HTTPS server that stands in for SNS's."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.alarms.inbound.signature import string_to_sign
from wakeless.alarms.inbound.sns import read_envelope
from wakeless.app.telemetry import Telemetry
from wakeless.core.clock import ManualClock
from wakeless.core.errors import NotFound
from wakeless.doors.http_api import HttpConfig, create_http_api
from wakeless.doors.http_api.fetch import HttpxFetcher

PAYLOADS = Path(__file__).parents[2] / "data" / "payloads"
#: The moment of most payloads.
NOW = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)


@asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[int]:
    """Serve an application on a free loopback port as production does; yield the port."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_level="warning",
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=1,
        **options,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        # As `Server.shutdown` does, without its pauses: there is a server for every test.
        for listener in server.servers:
            listener.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        tasks = list(server.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True)
class Received:
    incident_id: str | None
    duplicate: bool


@dataclass
class Book:
    """The embedded alarms, in DescribeAlarms' pages of two."""

    metric_alarms: list[dict[str, Any]] = field(default_factory=list)

    async def describe_alarms(self, request: Mapping[str, Any]) -> dict[str, Any]:
        found = [
            alarm
            for alarm in self.metric_alarms
            if alarm["AlarmName"].startswith(request.get("AlarmNamePrefix", ""))
            and request.get("StateValue") in (None, alarm["StateValue"])
        ]
        start = int(request.get("NextToken", 0))
        page = found[start : start + min(2, request["MaxRecords"])]
        answer: dict[str, Any] = {"MetricAlarms": page, "CompositeAlarms": []}
        if start + len(page) < len(found):
            answer["NextToken"] = str(start + len(page))
        return answer


class Recorder:
    """A facade that keeps what it was asked in memory, and fails when it is told to."""

    def __init__(self) -> None:
        self.metrics = Telemetry()
        self.monitoring = Book()
        self.alarms: list[Alarm] = []
        self.calls: list[tuple[Any, ...]] = []
        self.incidents: dict[str, dict[str, Any]] = {}
        self.outputs: dict[str, bytes] = {}
        self.enabled = True
        self.is_ready = True
        self.failure: Exception | None = None
        self.entries: list[dict[str, Any]] = []
        self.news = asyncio.Condition()
        self.readers = 0

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def expose_metrics(self, accept: str) -> tuple[bytes, str]:
        return self.metrics.expose(accept)

    async def accept(self, alarms: Sequence[Alarm]) -> None:
        await self.receive(alarms)

    async def receive(self, alarms: Sequence[Alarm]) -> Sequence[Received]:
        self._fail()
        known = {alarm.dedup_key for alarm in self.alarms}
        self.alarms += [alarm for alarm in alarms if alarm.dedup_key not in known]
        return [
            Received("inc-1" if alarm.state is AlarmState.ALARM else None, alarm.dedup_key in known) for alarm in alarms
        ]

    async def list_incidents(
        self, status: str | None = None, limit: int = 50, before: str | None = None
    ) -> list[dict[str, Any]]:
        self._fail()
        found = [
            incident
            for key, incident in sorted(self.incidents.items(), reverse=True)
            if status in (None, incident["status"]) and (before is None or key < before)
        ]
        return found[:limit]

    async def get_incident(self, incident_id: str) -> dict[str, Any]:
        self._fail()
        if incident_id not in self.incidents:
            raise NotFound(f"there is no incident {incident_id}")
        return self.incidents[incident_id]

    async def output(self, attempt_id: str, stream: str, offset: int, limit: int) -> bytes:
        if attempt_id not in self.outputs:
            raise NotFound("there is no such attempt")
        return self.outputs[attempt_id][offset : offset + limit] if stream == "stdout" else b""

    async def _act(self, *call: Any) -> dict[str, Any]:
        self._fail()
        self.calls.append(call)
        return await self.get_incident(call[1])

    async def decide(
        self, incident_id: str, principal: str, approve: bool, comment: str = "", groups: Sequence[str] = ()
    ) -> dict[str, Any]:
        return await self._act("decide", incident_id, principal, approve, comment, tuple(groups))

    async def retry(self, incident_id: str, principal: str) -> dict[str, Any]:
        return await self._act("retry", incident_id, principal)

    async def close(self, incident_id: str, principal: str, reason: str) -> dict[str, Any]:
        return await self._act("close", incident_id, principal, reason)

    async def cancel(self, incident_id: str, principal: str, reason: str = "") -> dict[str, Any]:
        return await self._act("cancel", incident_id, principal, reason)

    async def set_automation(self, enabled: bool, principal: str, reason: str = "") -> dict[str, Any]:
        self.calls.append(("automation", enabled, principal, reason))
        self.enabled = enabled
        return self.automation()

    def automation(self) -> dict[str, Any]:
        return {"enabled": self.enabled}

    async def events(self, after: int | None) -> AsyncIterator[dict[str, Any]]:
        self.readers += 1
        seen = len(self.entries) if after is None else after
        try:
            while True:
                while seen < len(self.entries):
                    seen += 1
                    yield self.entries[seen - 1]
                async with self.news:
                    while len(self.entries) <= seen:
                        await self.news.wait()
        finally:
            self.readers -= 1

    async def happen(self, text: str) -> None:
        """Add an entry, as if it had been committed just now."""
        async with self.news:
            self.entries.append({"seq": len(self.entries) + 1, "text": text})
            self.news.notify_all()

    def health(self) -> dict[str, Any]:
        return {"status": "ok"}

    async def ready(self) -> tuple[bool, dict[str, Any]]:
        return self.is_ready, {"journal": "ok" if self.is_ready else "the disk is full"}


@dataclass
class Door:
    """A running server, what is behind it, and a client of it."""

    service: Recorder
    client: httpx.AsyncClient
    port: int

    async def post(self, path: str, body: str | bytes = b"", **headers: str) -> httpx.Response:
        return await self.client.post(path, content=body, headers=headers)


#: Starts a server with the given members of `HttpConfig`.
Open = Callable[..., AbstractAsyncContextManager[Door]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def open_door(clock: ManualClock, sns: StandIn) -> Open:
    @asynccontextmanager
    async def start(**config: Any) -> AsyncIterator[Door]:
        service = Recorder()
        members: dict[str, Any] = {"loopback": True, "sns_trusted_origins": frozenset({sns.origin})}
        settings = HttpConfig(**members | config)
        fetcher = HttpxFetcher(verify=sns.client_context, seconds=2.0)
        api = create_http_api(service, settings, clock=clock, fetcher=fetcher)
        async with (
            serving(api) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client,
        ):
            yield Door(service, client, port)

    return start


@pytest.fixture
async def door(open_door: Open) -> AsyncIterator[Door]:
    """A server on loopback where nobody is configured."""
    async with open_door() as door:
        yield door


def read_payload(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return value


@pytest.fixture(scope="session")
def payload() -> Callable[[str], str]:
    """The body of a payload, by its name without ending."""
    return lambda name: read_payload(name)["body"]


@dataclass
class StandIn:
    """SNS's own address: certificates, and confirmations of subscriptions."""

    key: rsa.RSAPrivateKey
    origin: str
    client_context: ssl.SSLContext
    #: What it answers, by path.
    answers: dict[str, tuple[int, bytes]]
    #: What it was asked.
    asked: list[str] = field(default_factory=list)

    @property
    def certificate_url(self) -> str:
        return f"{self.origin}/SimpleNotificationService-test.pem"

    def sign(self, name: str, *, version: str | None = None, **changes: Any) -> tuple[str, dict[str, str]]:
        """Return a payload's body and headers, signed by this stand-in; ``changes`` come before the signature."""
        stored = read_payload(name)
        message: dict[str, Any] = json.loads(stored["body"])
        message["SigningCertURL"] = self.certificate_url
        if "SubscribeURL" in message:
            message["SubscribeURL"] = message["SubscribeURL"].replace(
                "https://sns.us-east-1.amazonaws.com", self.origin
            )
        message |= {"SignatureVersion": version or message["SignatureVersion"], **changes}
        headers = {key: value for key, value in stored["headers"].items() if key.startswith("x-amz")}
        for header, member in (("message-id", "MessageId"), ("topic-arn", "TopicArn"), ("message-type", "Type")):
            headers[f"x-amz-sns-{header}"] = message[member]
        return json.dumps(self.signed(message), indent=2), headers | {"content-type": "text/plain; charset=UTF-8"}

    def signed(self, message: dict[str, Any]) -> dict[str, Any]:
        envelope = replace(read_envelope(message), signature=b"")
        algorithm = hashes.SHA1() if envelope.signature_version == "1" else hashes.SHA256()
        signature = self.key.sign(string_to_sign(envelope), padding.PKCS1v15(), algorithm)
        return {**message, "Signature": base64.b64encode(signature).decode()}


@pytest.fixture(scope="session")
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def signing_certificate(signing_key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(signing_key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(NOW - timedelta(days=9)).not_valid_after(NOW + timedelta(days=9))
    )
    return builder.sign(signing_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The stand-in's certificate chain and key."""
    certificate = authority.issue_cert("localhost")
    folder = tmp_path_factory.mktemp("sns")
    chain, key = folder / "chain.pem", folder / "key.pem"
    certificate.private_key_pem.write_to_path(key)
    for part in certificate.cert_chain_pems:
        part.write_to_path(chain, append=True)
    return str(chain), str(key)


@pytest.fixture
async def sns(
    signing_key: rsa.RSAPrivateKey,
    signing_certificate: bytes,
    authority: trustme.CA,
    server_files: tuple[str, str],
) -> AsyncIterator[StandIn]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    chain, key = server_files
    stand_in = StandIn(signing_key, "", context, {"/SimpleNotificationService-test.pem": (200, signing_certificate)})
    stand_in.answers["/"] = (200, b"<ConfirmSubscriptionResponse/>")

    async def answer(request: Request) -> Response:
        stand_in.asked.append(str(request.url).partition("/" * 2)[2].partition("/")[2])
        status, body = stand_in.answers.get(request.url.path, (404, b""))
        return Response(body, status, {"location": "https://127.0.0.1:1/"} if status == 302 else None)

    app = Starlette(routes=[Route("/{path:path}", answer)])
    async with serving(app, ssl_certfile=chain, ssl_keyfile=key) as port:
        stand_in.origin = f"https://localhost:{port}"
        yield stand_in
