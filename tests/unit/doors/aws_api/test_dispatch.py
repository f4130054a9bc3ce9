"""The whole door, from ASGI messages to ASGI messages, with monitoring played by a recorder."""

from __future__ import annotations

import gzip
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlencode
from xml.etree import ElementTree

import cbor2
import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ServiceModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wakeless.alarms.errors import UnknownAlarm
from wakeless.core.clock import ManualClock
from wakeless.core.errors import Refused, Unavailable
from wakeless.core.secret import Secret
from wakeless.doors.aws_api import AcceptUnsigned, AwsApi, Caller, Credential, RequireSignature, is_aws_request
from wakeless.doors.aws_api.dispatch import Facade
from wakeless.doors.aws_api.sigv4 import Verifier, known_keys
from wakeless.monitoring.service import Monitoring

KEY = Credential(
    access_key_id="AKIDTEST",
    secret_access_key=Secret("secret"),
    caller=Caller(arn="arn:aws:iam::000000000000:user/tester", user_id="AIDATEST", account="000000000000"),
)
FORM = "application/x-www-form-urlencoded; charset=utf-8"
JSON = "application/x-amz-json-1.0"
TARGET = "GraniteServiceVersion20100801."


class Recorder:
    """Plays `Monitoring`: remembers what it was asked, answers what it was told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Callable[[Mapping[str, Any]], Awaitable[Any]]:
        async def operation(request: Mapping[str, Any]) -> Any:
            self.asked.append((name, request))
            answer = self.answers.get(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return operation


@dataclass
class Got:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def xml(self) -> ElementTree.Element:
        return ElementTree.fromstring(re.sub(rb' xmlns="[^"]*"', b"", self.body))

    def code(self) -> str | None:
        """Return the error's code, whatever the protocol."""
        kind = self.headers.get("content-type", "")
        if kind == "text/xml":
            return self.xml.findtext("Error/Code")
        if kind == "application/cbor":
            return str(cbor2.loads(self.body)["__type"]).partition("#")[2]
        return str(self.json["__type"]).partition("#")[2]


@dataclass
class Door:
    verifier: Verifier
    monitoring: Recorder = field(default_factory=Recorder)
    clock: ManualClock = field(default_factory=lambda: ManualClock(datetime.now(UTC)))

    def __post_init__(self) -> None:
        self.app = AwsApi(cast(Facade, Facading(cast(Monitoring, self.monitoring))), self.verifier, self.clock)

    async def send(
        self,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        path: str = "/",
        query: bytes = b"",
        chunks: int = 1,
    ) -> Got:
        sent: list[dict[str, Any]] = []
        size = max(1, -(-len(body) // chunks))
        parts = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
        messages = [
            {"type": "http.request", "body": part, "more_body": index < len(parts) - 1}
            for index, part in enumerate(parts)
        ]

        async def receive() -> dict[str, Any]:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
        }
        await self.app(scope, receive, send)
        head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Got(status=sent[0]["status"], headers=head, body=sent[1]["body"])

    async def json(self, operation: str, parameters: object, **headers: str) -> Got:
        body = parameters if isinstance(parameters, bytes) else orjson.dumps(parameters)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.send(body, headers={"X-Amz-Target": TARGET + operation, "Content-Type": JSON, **fields})

    async def form(self, **parameters: str) -> Got:
        return await self.send(urlencode(parameters).encode(), headers={"Content-Type": FORM})

    async def cbor(self, operation: str, parameters: object, service: str = TARGET[:-1]) -> Got:
        body = parameters if isinstance(parameters, bytes) else cbor2.dumps(parameters)
        head = {"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"}
        return await self.send(body, headers=head, path=f"/service/{service}/operation/{operation}")


@dataclass
class Facading:
    monitoring: Monitoring


@pytest.fixture
def door() -> Door:
    return Door(AcceptUnsigned())


@pytest.fixture
def locked() -> Door:
    return Door(RequireSignature(known_keys([KEY])))


def sign(
    body: bytes, headers: Mapping[str, str], service: str = "monitoring", secret: str = "secret"
) -> dict[str, str]:
    request = AWSRequest("POST", "http://127.0.0.1:4747/", headers={"Host": "127.0.0.1:4747", **headers}, data=body)
    SigV4Auth(Credentials("AKIDTEST", secret), service, "eu-central-1").add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


DATUM = {
    "Namespace": "N",
    "MetricData": [{"MetricName": "M", "Value": 1.5, "Dimensions": [{"Name": "a", "Value": "b"}]}],
}


async def test_three_protocols_ask_the_same(door: Door) -> None:
    assert (await door.json("PutMetricData", DATUM)).json == {}
    form = await door.form(
        **{
            "Action": "PutMetricData",
            "Version": "2010-08-01",
            "Namespace": "N",
            "MetricData.member.1.MetricName": "M",
            "MetricData.member.1.Value": "1.5",
            "MetricData.member.1.Dimensions.member.1.Name": "a",
            "MetricData.member.1.Dimensions.member.1.Value": "b",
        }
    )
    request_id = form.xml.findtext("ResponseMetadata/RequestId")
    assert request_id == form.headers["x-amzn-requestid"]
    binary = await door.cbor("PutMetricData", DATUM)
    assert (binary.status, binary.body, binary.headers["smithy-protocol"]) == (200, b"", "rpc-v2-cbor")
    assert "content-type" not in binary.headers
    assert door.monitoring.asked == [("put_metric_data", DATUM)] * 3


async def test_result_goes_back_in_the_protocol_of_the_question(door: Door) -> None:
    at = datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC)
    door.monitoring.answers["describe_alarms"] = {
        "MetricAlarms": [{"AlarmName": "a", "StateUpdatedTimestamp": at, "Dimensions": []}],
        "CompositeAlarms": [],
    }
    assert (await door.json("DescribeAlarms", {})).json["MetricAlarms"][0]["StateUpdatedTimestamp"] == 1767225600.123
    xml = (await door.form(Action="DescribeAlarms", Version="2010-08-01")).xml
    alarm = xml.find("DescribeAlarmsResult/MetricAlarms/member")
    assert alarm is not None
    assert alarm.findtext("StateUpdatedTimestamp") == "2026-01-01T00:00:00.123Z"
    assert alarm.find("Dimensions") is not None
    assert cbor2.loads((await door.cbor("DescribeAlarms", b"")).body)["MetricAlarms"][0]["StateUpdatedTimestamp"] == at


async def test_body_may_come_in_pieces_and_compressed(door: Door) -> None:
    body = gzip.compress(orjson.dumps(DATUM))
    head = {"X-Amz-Target": TARGET + "PutMetricData", "Content-Type": JSON, "Content-Encoding": "gzip"}
    assert (await door.send(body, headers=head, chunks=7)).status == 200
    assert (await door.send(body + gzip.compress(b" "), headers=head)).status == 200
    assert door.monitoring.asked == [("put_metric_data", DATUM)] * 2


@pytest.mark.parametrize(
    ("body", "encoding", "code", "status"),
    [
        (b"nonsense", "gzip", "SerializationException", 400),
        (gzip.compress(b"{}" * 500)[:-6], "gzip", "SerializationException", 400),
        (gzip.compress(b" " * 20_000_000), "gzip", "RequestEntityTooLargeException", 413),
        (b"{}", "br", "UnsupportedMediaTypeException", 415),
        (gzip.compress(b"") * 50_000, "gzip", "SerializationException", 400),
        (
            gzip.compress(b'{"Namespace":"N","MetricData":[' + b"{}," * 3_000_000 + b"{}]}"),
            "gzip",
            "SerializationException",
            400,
        ),
    ],
    ids=["not gzip", "truncated", "a bomb", "brotli", "very many parts", "very many members"],
)
async def test_damaged_or_exploding_compression_is_refused(
    door: Door, body: bytes, encoding: str, code: str, status: int
) -> None:
    began = time.process_time()
    got = await door.json("PutMetricData", body, content_encoding=encoding)
    assert (got.code(), got.status) == (code, status)
    # Nobody else is answered meanwhile: before there were limits the last two took 1.2 and 7.7 s.
    assert time.process_time() - began < 1


async def test_request_beyond_one_megabyte_is_refused_announced_or_not(door: Door) -> None:
    announced = await door.json("PutMetricData", b"{}", content_length=str(1024 * 1024 + 1))
    streamed = await door.send(
        b" " * (1024 * 1024 + 1), headers={"X-Amz-Target": TARGET + "PutMetricData", "Content-Type": JSON}, chunks=9
    )
    assert announced.status == streamed.status == 413
    assert announced.json["message"] == "Request size 1048577 exceeded 1048576 bytes"


async def test_errors_have_the_names_of_each_protocol(door: Door) -> None:
    door.monitoring.answers["set_alarm_state"] = UnknownAlarm("")
    parameters = {"AlarmName": "ghost", "StateValue": "OK", "StateReason": "r"}
    plain = await door.json("SetAlarmState", parameters)
    assert (plain.status, plain.json["__type"]) == (404, "com.amazonaws.cloudwatch.v2010_08_01#ResourceNotFound")
    assert "x-amzn-query-error" not in plain.headers
    compatible = await door.json("SetAlarmState", parameters, x_amzn_query_mode="true")
    assert compatible.headers["x-amzn-query-error"] == "ResourceNotFound;Sender"
    form = await door.form(Action="SetAlarmState", Version="2010-08-01", **parameters)
    assert (form.status, form.code(), form.xml.findtext("Error/Type")) == (404, "ResourceNotFound", "Sender")
    binary = await door.cbor("SetAlarmState", parameters)
    assert (binary.status, binary.code(), binary.headers["smithy-protocol"]) == (404, "ResourceNotFound", "rpc-v2-cbor")


async def test_violated_constraint_keeps_its_old_code_for_clients_that_ask(door: Door) -> None:
    got = await door.json("SetAlarmState", {"AlarmName": "a", "StateValue": "BAD"}, x_amzn_query_mode="true")
    assert got.json["__type"] == "com.amazon.coral.validate#ValidationException"
    assert got.headers["x-amzn-query-error"] == "ValidationError;Sender"
    missing = await door.json("PutMetricData", {}, x_amzn_query_mode="true")
    assert missing.json["__type"] == "com.amazon.coral.service#MissingRequiredParameterException"
    assert missing.headers["x-amzn-query-error"] == "MissingParameter;Sender"


@pytest.mark.parametrize("operation", ["PutDashboard", "PutInsightRule", "PutAlarmMuteRule"])
async def test_operation_that_is_not_served_is_told_so(door: Door, operation: str) -> None:
    got = await door.json(operation, {})
    assert (got.status, got.code()) == (400, "UnknownOperationException")
    assert operation in got.json["message"]
    form = await door.form(Action=operation, Version="2010-08-01")
    assert (form.status, form.code()) == (400, "InvalidAction")
    assert (await door.cbor(operation, {})).status == 404


async def test_operation_that_does_not_exist_is_told_so(door: Door) -> None:
    assert (await door.json("Nonsense", {})).code() == "UnknownOperationException"
    assert (await door.json("", {})).code() == "UnknownOperationException"
    form = await door.form(Action="Nonsense", Version="2010-08-01")
    assert form.xml.findtext("Error/Message") == "Could not find operation Nonsense for version 2010-08-01"
    assert (await door.form(Version="2010-08-01")).code() == "MissingAction"


async def test_service_that_is_not_served_is_told_so(door: Door) -> None:
    head = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": JSON}
    got = await door.send(b"{}", headers=head)
    assert (got.status, got.code()) == (400, "UnknownOperationException")
    assert "DynamoDB_20120810" in got.json["message"]
    assert (await door.cbor("X", {}, service="Other")).status == 404
    assert (await door.form(Action="DescribeInstances", Version="2016-11-15")).code() == "InvalidAction"
    body = b"Action=DescribeInstances&Version=2016-11-15"
    signed = await door.send(body, headers=sign(body, {"Content-Type": FORM}, service="ec2"))
    assert signed.xml.findtext("Error/Message") == "The service 'ec2' is not served by this endpoint."


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({"X-Amz-Target": TARGET + "ListMetrics", "Content-Type": "text/plain"}, "/"),
        ({"X-Amz-Target": TARGET + "ListMetrics"}, "/"),
        ({"smithy-protocol": "rpc-v2-cbor", "Content-Type": JSON}, f"/service/{TARGET[:-1]}/operation/ListMetrics"),
        ({"Content-Type": "multipart/form-data"}, "/"),
    ],
)
async def test_wrong_content_type_is_refused(door: Door, headers: dict[str, str], path: str) -> None:
    assert (await door.send(b"{}", headers=headers, path=path)).status == 415


async def test_internal_failure_has_an_id_that_the_log_knows(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    door.monitoring.answers["list_metrics"] = RuntimeError("disk on fire")
    with caplog.at_level(logging.ERROR):
        got = await door.json("ListMetrics", {}, x_amzn_query_mode="true")
    assert (got.status, got.json["__type"]) == (500, "com.amazonaws.cloudwatch.v2010_08_01#InternalServiceFault")
    assert got.headers["x-amzn-query-error"] == "InternalServiceError;Receiver"
    assert "disk on fire" not in got.body.decode()
    assert [getattr(record, "request_id", None) for record in caplog.records] == [got.headers["x-amzn-requestid"]]


async def test_what_may_succeed_later_is_503(door: Door) -> None:
    door.monitoring.answers["list_metrics"] = Unavailable("the disk is full")
    assert (await door.json("ListMetrics", {})).status == 503


async def test_other_refusals_are_validation_errors(door: Door) -> None:
    door.monitoring.answers["list_metrics"] = Refused("not today")
    got = await door.form(Action="ListMetrics", Version="2010-08-01")
    assert (got.status, got.code(), got.xml.findtext("Error/Message")) == (400, "ValidationError", "not today")


async def test_sts_says_who_asks(locked: Door) -> None:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    got = await locked.send(body, headers=sign(body, {"Content-Type": FORM}, service="sts"))
    result = got.xml.find("GetCallerIdentityResult")
    assert result is not None
    assert [result.findtext(name) for name in ("Arn", "UserId", "Account")] == [
        "arn:aws:iam::000000000000:user/tester",
        "AIDATEST",
        "000000000000",
    ]


async def test_unsigned_request_finds_its_service_by_version(door: Door) -> None:
    got = await door.form(Action="GetCallerIdentity", Version="2011-06-15")
    assert got.xml.findtext("GetCallerIdentityResult/Arn") == "arn:aws:iam::000000000000:user/local"


async def test_locked_door_opens_for_signed_requests_only(locked: Door) -> None:
    head = {"X-Amz-Target": TARGET + "ListMetrics", "Content-Type": JSON}
    assert (await locked.send(b"{}", headers=sign(b"{}", head))).status == 200
    unsigned = await locked.send(b"{}", headers=head)
    assert (unsigned.status, unsigned.code()) == (400, "MissingAuthenticationTokenException")
    forged = await locked.send(b"{}", headers=sign(b"{}", head, secret="guess"))
    assert (forged.status, forged.code()) == (400, "InvalidSignatureException")
    form = await locked.send(b"Action=ListMetrics&Version=2010-08-01", headers={"Content-Type": FORM})
    assert (form.status, form.code()) == (403, "MissingAuthenticationToken")
    assert len(locked.monitoring.asked) == 1


async def test_old_request_cannot_be_replayed(locked: Door) -> None:
    head = sign(b"{}", {"X-Amz-Target": TARGET + "ListMetrics", "Content-Type": JSON})
    locked.clock.advance(301)
    got = await locked.send(b"{}", headers=head)
    assert got.code() == "InvalidSignatureException"
    assert got.json["message"].startswith("Signature expired")


async def test_signed_get_of_a_query_operation_is_answered(locked: Door) -> None:
    url = "http://127.0.0.1:4747/?Action=ListMetrics&Version=2010-08-01&Namespace=N"
    request = AWSRequest("GET", url, headers={"Host": "127.0.0.1:4747"})
    SigV4Auth(Credentials("AKIDTEST", "secret"), "monitoring", "us-east-1").add_auth(request)
    headers = {name: str(value) for name, value in request.headers.items()}
    got = await locked.send(method="GET", query=url.partition("?")[2].encode(), headers=headers)
    assert got.status == 200
    assert locked.monitoring.asked == [("list_metrics", {"Namespace": "N"})]


async def test_client_that_leaves_gets_no_answer(door: Door) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
    await door.app(scope, receive, send)
    assert sent == []


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "expected"),
    [
        ("POST", "/", b"", {b"x-amz-target": b"A.B"}, True),
        ("POST", "/", b"", {b"content-type": b"application/x-www-form-urlencoded"}, True),
        ("POST", "/", b"", {b"authorization": b"AWS4-HMAC-SHA256 Credential=x"}, True),
        ("PUT", "/bucket/key", b"", {b"authorization": b"AWS4-HMAC-SHA256 Credential=x"}, True),
        ("POST", "/prefix/service/X/operation/Y", b"", {}, True),
        ("POST", "/anything", b"", {b"smithy-protocol": b"rpc-v2-cbor"}, True),
        ("GET", "/", b"Action=ListMetrics&Version=2010-08-01", {}, True),
        ("GET", "/", b"X-Amz-Algorithm=AWS4-HMAC-SHA256", {}, True),
        ("GET", "/", b"", {}, False),
        ("POST", "/", b"", {b"content-type": b"application/json"}, False),
        ("POST", "/login", b"", {b"content-type": b"application/x-www-form-urlencoded"}, False),
        ("GET", "/incidents", b"Action=x", {b"authorization": b"Bearer x"}, False),
    ],
)
def test_aws_requests_are_told_from_others(
    method: str, path: str, query: bytes, headers: dict[bytes, bytes], expected: bool
) -> None:
    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": list(headers.items())}
    assert is_aws_request(scope) is expected
    assert not is_aws_request({"type": "websocket"})


FUZZ = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
OPERATIONS = ["PutMetricData", "PutMetricAlarm", "GetMetricData", "DescribeAlarms", "TagResource", "SetAlarmState"]
HEAD_TEXT = st.text(st.characters(max_codepoint=255), max_size=40)


@FUZZ
@given(
    operation=st.sampled_from(OPERATIONS),
    body=st.binary(max_size=300),
    protocol=st.sampled_from(["json", "cbor", "form"]),
)
async def test_random_bytes_are_answered_never_with_a_500(
    door: Door, operation: str, body: bytes, protocol: str
) -> None:
    got = await _send_as(door, protocol, operation, body)
    assert got.status < 500


MEMBERS = st.sampled_from(
    ["Namespace", "MetricData", "MetricName", "Dimensions", "Name", "Value", "Values", "Counts", "Timestamp", "Unit",
     "StatisticValues", "EntityMetricData", "Entity", "KeyAttributes", "AlarmName", "Metrics", "MetricStat", "Id",
     "Period", "EvaluationPeriods", "StartTime", "MetricDataQueries", "Tags", "ResourceARN", "StateValue"]
)  # fmt: skip
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=12,
)


@FUZZ
@given(operation=st.sampled_from(OPERATIONS), value=JSON_VALUES, protocol=st.sampled_from(["json", "cbor"]))
async def test_values_of_wrong_kinds_are_answered_never_with_a_500(
    door: Door, operation: str, value: object, protocol: str
) -> None:
    if protocol == "json":
        try:
            body = orjson.dumps(value)
        except TypeError:  # a number beyond 64 bits
            return
    else:
        body = cbor2.dumps(value)
    assert (await _send_as(door, protocol, operation, body)).status < 500


@FUZZ
@given(
    operation=st.sampled_from(OPERATIONS),
    names=st.lists(
        st.lists(MEMBERS | st.sampled_from(["member", "entry", "key", "value", "1", "2", "x", ""]), max_size=6).map(
            ".".join
        ),
        max_size=8,
    ),
    value=st.text(max_size=10),
)
async def test_forms_of_any_shape_are_answered_never_with_a_500(
    door: Door, operation: str, names: list[str], value: str
) -> None:
    body = urlencode([("Action", operation), ("Version", "2010-08-01"), *((name, value) for name in names)])
    assert (await _send_as(door, "form", operation, body.encode())).status < 500


@FUZZ
@given(data=st.data(), protocol=st.sampled_from(["json", "cbor", "form"]))
async def test_damaged_valid_requests_are_answered_never_with_a_500(
    door: Door,
    data: st.DataObject,
    protocol: str,
    botocore_models: Callable[[str], ServiceModel],
    shape_values: Callable[..., st.SearchStrategy[Any]],
    written_by_botocore: Callable[..., bytes],
) -> None:
    operation = data.draw(st.sampled_from(OPERATIONS))
    model = botocore_models("cloudwatch").operation_model(operation)
    wire = {"json": "json", "cbor": "smithy-rpc-v2-cbor", "form": "query"}[protocol]
    body = bytearray(written_by_botocore(wire, model, data.draw(shape_values(model.input_shape, millis=False))))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(body)))
        match data.draw(st.sampled_from(["cut", "flip", "insert", "drop"])):
            case "cut":
                del body[place:]
            case "flip" if place < len(body):
                body[place] ^= 1 << data.draw(st.integers(0, 7))
            case "insert":
                body[place:place] = data.draw(st.binary(min_size=1, max_size=4))
            case _:
                del body[place : place + 1]
    assert (await _send_as(door, protocol, operation, bytes(body))).status < 500


@FUZZ
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]),
    path=st.text(max_size=30).map(lambda text: "/" + text),
    query=st.binary(max_size=30),
    headers=st.dictionaries(
        st.sampled_from(["authorization", "x-amz-target", "content-type", "content-encoding", "x-amz-date",
                         "smithy-protocol", "content-length", "x-amzn-query-mode", "host"]),
        HEAD_TEXT | st.sampled_from(["AWS4-HMAC-SHA256 Credential=a/b/c/monitoring/aws4_request", JSON, FORM, "gzip"]),
    ),
    body=st.binary(max_size=50),
)  # fmt: skip
async def test_any_head_is_answered_never_with_a_500(
    door: Door, locked: Door, method: str, path: str, query: bytes, headers: dict[str, str], body: bytes
) -> None:
    for each in (door, locked):
        got = await each.send(body, method=method, path=path, query=query, headers=headers)
        assert got.status < 500
        assert got.headers["x-amzn-requestid"]


async def _send_as(door: Door, protocol: str, operation: str, body: bytes) -> Got:
    if protocol == "json":
        return await door.json(operation, body)
    if protocol == "cbor":
        return await door.cbor(operation, body)
    if b"Action=" not in body:
        body = f"Action={operation}&Version=2010-08-01&".encode() + body
    return await door.send(body, headers={"Content-Type": FORM})
