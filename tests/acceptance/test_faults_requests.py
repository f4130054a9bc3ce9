"""Requests nobody should send: each gets the error its client understands, and the server goes on."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.acceptance.conftest import StartsServer
from tests.acceptance.wakeless_server import WakelessServer, alarm_event

pytestmark = pytest.mark.xdist_group("faults: requests")

PAYLOADS = Path(__file__).parents[1] / "data" / "payloads"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SETTINGS = f"""\
log: {{level: info}}
channels: {{quiet: {{kind: console, stderr: false}}}}
escalate_to: [quiet]
targets: [{{name: here, local: {{}}}}]
default_target: here
access_keys: [{{id: {KEY}, secret: {SECRET}}}]
defaults:
  attempts: 1
  verify: {{within: 3600s, every: 600s}}
  limits: {{cooldown: 0s, per_hour: 1000, concurrent: 100, per_target: 100, flapping: 1000}}
rules:
"""
ALARM = json.dumps(alarm_event("truncated", "Faults")).encode()
DEEP = b"[" * 100_000


@pytest.fixture(scope="module")
def shared(wakeless_server: StartsServer) -> WakelessServer:
    return wakeless_server(SETTINGS)


@pytest.fixture
def server(shared: WakelessServer) -> Iterator[WakelessServer]:
    """Give the shared server, and see after each test that it goes on as if nothing had happened."""
    yield shared
    shared.remediates_an_ordinary_incident()
    log = (shared.folder / "server.log").read_text()
    assert "Traceback" not in log, log[-6000:]


@pytest.mark.parametrize("path", ["/v1/alarms", "/v1/eventbridge", "/v1/alertmanager", "/v1/sns"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        ALARM[: len(ALARM) // 2],
        ALARM.replace(b'"ALARM"', b'"ON FIRE"'),
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"7",
        b"NaN",
        b'{"version": 1e999999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        DEEP,
        b'{"alerts": [' + DEEP,
        (PAYLOADS / "alertmanager-truncated.json").read_bytes()[:200],
        b'{"Type": "Notification", "Message": "{}"}',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_not_an_alarm_is_refused_with_the_place_that_cannot_be_read(
    shared: WakelessServer, path: str, body: bytes
) -> None:
    answer = shared.post(path, body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "invalid_input"
    assert error["message"]
    assert len(answer.content) < 20_000


def test_the_server_goes_on_after_all_that(server: WakelessServer) -> None:
    assert server.get("/healthz")["status"] == "ok"


@pytest.mark.parametrize("path", ["/v1/alarms", "/v1/eventbridge", "/v1/alertmanager", "/v1/sns", "/"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused_before_it_fills_the_memory(
    server: WakelessServer, path: str, announced: bool
) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded" if path == "/" else "application/json"}

    def chunks() -> Iterator[bytes]:
        for _ in range(300):
            yield b"x" * 65536

    before = server.rss_mb()
    try:
        answer = server.client.post(path, content=b"x" * 20_000_000 if announced else chunks(), headers=headers)
        assert answer.status_code == 413, answer.text
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        pass  # it hung up while we were still sending
    assert server.rss_mb() < before + 40


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/v1/nothing", {}, 404),
        ("GET", "/v1/incidents/../../etc/passwd", {}, 404),
        ("GET", "/v1/incidents/inc-nobody", {}, 404),
        ("GET", "/v1/attempts/..%2f..%2fetc%2fpasswd/output", {}, 404),
        ("GET", "/v1/attempts/att-00000000000000000000000000/output", {}, 404),
        ("GET", "/v1/incidents?limit=-1", {}, 400),
        ("GET", "/v1/incidents?limit=1000000000000", {}, 400),
        ("GET", "/v1/incidents?status='%20OR%201=1", {}, 400),
        ("GET", "/v1/events?after=x", {}, 400),
        ("DELETE", "/v1/alarms", {}, 405),
        ("PUT", "/v1/alarms", {}, 405),
        ("POST", "/v1/alarms", {"content-encoding": "gzip"}, 415),
        ("POST", "/v1/alarms", {"origin": "https://evil.example"}, 403),
        ("POST", "/v1/automation", {"host": "evil.example"}, 403),
        ("POST", "/v1/incidents/inc-nobody/approve", {}, 404),
    ],
)
def test_wrong_addresses_and_methods_get_the_status_of_http(
    shared: WakelessServer, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = shared.client.request(method, path, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "text",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /v1/alarms HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/alarms HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"POST /v1/alarms HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/alarms HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n" + ALARM[:50],
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: [::1\r\n\r\n",
        b"BREW /v1/alarms HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=lambda text: repr(text[:60]),
)
def test_what_is_not_http_or_breaks_off_harms_nobody(server: WakelessServer, text: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        try:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        except OSError:
            answer = b""
    assert not answer.startswith(b"HTTP/1.1 2"), answer
    listed = server.get("/v1/incidents?limit=500")["incidents"]
    assert not [one for one in listed if one["title"] == "truncated"]


@pytest.mark.parametrize(
    ("head", "flood"),
    [
        (b"GET /", b"a"),
        (b"GET /healthz HTTP/1.1\r\nX: ", b"x"),
        (b"GET /healthz HTTP/1.1\r\n", b"X: y\r\n"),
        (b"POST /v1/alarms HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
        (b"POST /v1/alarms HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 100 + b"\r\n \r\n"),
    ],
    ids=["request line", "header", "headers", "trailers", "chunk extensions"],
)
def test_a_head_without_end_is_cut_off_before_it_fills_the_memory(
    server: WakelessServer, head: bytes, flood: bytes
) -> None:
    before = server.rss_mb()
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        try:
            connection.sendall(head)
            while sent < 50_000_000:
                connection.sendall(flood * (65_536 // len(flood)))
                sent += 65_536
        except OSError:
            pass
    assert sent < 50_000_000
    assert server.rss_mb() < before + 20


def test_an_alarm_that_is_replayed_is_answered_and_remediated_once(server: WakelessServer) -> None:
    event = alarm_event("replayed", "Ordinary")
    first = server.post("/v1/alarms", event).json()["received"][0]
    server.wait(first["incident_id"], "verifying")
    for path in ("/v1/alarms", "/v1/eventbridge", "/v1/alarms"):
        answer = server.post(path, event)
        assert answer.status_code == 200
        if path == "/v1/alarms":
            again = answer.json()["received"][0]
            assert (again["incident_id"], again["duplicate"]) == (first["incident_id"], True)
    assert len(server.incident(first["incident_id"])["attempts"]) == 1
    server.recover("replayed", "Ordinary")
    server.wait(first["incident_id"], "resolved")
    # The old report once more: it opens nothing, although the incident is over.
    assert server.post("/v1/alarms", event).json()["received"][0]["duplicate"] is True
    assert server.incident(first["incident_id"])["status"] == "resolved"
    assert server.marks.read_text().splitlines().count("replayed") == 1


def test_an_older_report_that_comes_late_changes_nothing(server: WakelessServer) -> None:
    late = alarm_event("late", "Ordinary", state="OK")
    incident = server.fire("late", "Ordinary")
    server.wait(incident, "verifying")
    server.report(late)
    assert server.wait_for(incident, "alarm.late")["text"] == "A report of OK came late and changes nothing"
    assert server.incident(incident)["status"] == "verifying"


CERTIFICATES: list[str] = json.loads((PAYLOADS / "sns-signing-cert-url-cases.json").read_text())["reject"]


@pytest.mark.parametrize("url", CERTIFICATES, ids=range(len(CERTIFICATES)))
def test_a_message_whose_certificate_is_not_of_sns_is_refused_unread(shared: WakelessServer, url: str) -> None:
    document = json.loads((PAYLOADS / "sns-http-metric-alarm-v2.json").read_text())
    message = json.loads(document["body"]) | {"SigningCertURL": url}
    answer = shared.post("/v1/sns", message)
    assert answer.status_code in (400, 403), answer.text
    assert not [one for one in shared.get("/v1/incidents")["incidents"] if one["title"] == "disk-full-web-1"]


# --- the AWS door ---


def aws(server: WakelessServer, key: str = KEY, secret: str = SECRET) -> Any:
    return boto3.client(
        "cloudwatch",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def sign(server: WakelessServer, body: bytes, at: datetime | None = None) -> dict[str, str]:
    """Return the headers of a query request that is signed as of ``at``."""
    request = AWSRequest("POST", f"{server.url}/", data=body)
    request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    auth = SigV4Auth(Credentials(KEY, SECRET), "monitoring", "us-east-1")
    now = at or datetime.now(UTC)
    request.context["timestamp"] = stamp = now.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = stamp
    request.headers["Host"] = f"127.0.0.1:{server.port}"
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    names = auth.signed_headers(auth.headers_to_sign(request))
    authorization = f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={names}, Signature={signature}"
    return {**dict(request.headers.items()), "Authorization": authorization}


BODY = (
    b"Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.1.MetricName=m&MetricData.member.1.Value=1"
)


def test_a_signed_request_is_taken_and_altered_unknown_or_unsigned_ones_are_refused(server: WakelessServer) -> None:
    aws(server).put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert server.client.post("/", content=BODY, headers=sign(server, BODY)).status_code == 200
    altered = server.client.post("/", content=BODY.replace(b"Value=1", b"Value=2"), headers=sign(server, BODY))
    assert altered.status_code == 403
    assert "SignatureDoesNotMatch" in altered.text
    unsigned = server.client.post("/", content=BODY, headers={"content-type": "application/x-www-form-urlencoded"})
    assert unsigned.status_code == 403
    assert "MissingAuthenticationToken" in unsigned.text
    for key, secret, code in (
        (KEY, "wrong", {"SignatureDoesNotMatch", "InvalidSignatureException"}),
        ("AKIAUNKNOWNUNKNOWN00", SECRET, {"InvalidClientTokenId", "UnrecognizedClientException"}),
    ):
        with pytest.raises(ClientError) as refused:
            aws(server, key, secret).list_metrics()
        assert refused.value.response["Error"]["Code"] in code


@pytest.mark.parametrize("off", [timedelta(minutes=-20), timedelta(days=-30), timedelta(minutes=20)])
def test_a_signature_that_was_recorded_and_is_replayed_later_has_expired(
    shared: WakelessServer, off: timedelta
) -> None:
    answer = shared.client.post("/", content=BODY, headers=sign(shared, BODY, datetime.now(UTC) + off))
    assert answer.status_code == 403
    assert "Signature" in answer.text
    assert "expired" in answer.text or "not yet current" in answer.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "MissingAction"),
        (b"Action=Nothing&Version=2010-08-01", 400, "InvalidAction"),
        (b"Action=PutMetricData&Version=2010-08-01", 400, "MissingParameter"),
        (BODY.replace(b"Value=1", b"Value=one"), 400, "MalformedInput"),
        (BODY.replace(b"Namespace=N", b"Namespace=" + b"n" * 10_000), 400, "InvalidParameterValue"),
        (b"&" * 100_000, 400, ""),
        (b"\xff\xfe%zz=%", 400, ""),
    ],
    ids=lambda part: repr(part[:50]) if isinstance(part, bytes) else "",
)
def test_a_malformed_aws_request_gets_the_error_of_aws(
    shared: WakelessServer, body: bytes, status: int, code: str
) -> None:
    answer = shared.client.post("/", content=body, headers=sign(shared, body))
    assert answer.status_code == status, answer.text
    assert "<Error>" in answer.text
    assert code in answer.text


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\x00b", "a\nb", "'; touch pwned; '", "x" * 10_000, "温度", "$(reboot)"]
)
def test_any_name_of_a_metric_is_refused_or_kept_as_data(server: WakelessServer, name: str) -> None:
    client = aws(server)
    client.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1.0}])
    for namespace, metric in ((name, "m"), ("N", name)):
        code = ""
        try:
            client.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": metric, "Value": 1.0}])
        except ClientError as refused:
            code = refused.response["Error"]["Code"]
        assert code in ("", "InvalidParameterValue", "InvalidParameterValueException")
    assert client.list_metrics()["Metrics"]
