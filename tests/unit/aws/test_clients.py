"""Clients are made as the settings say, and the SDK's errors become ours."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wakeless.aws.clients import AwsClients, from_client_error
from wakeless.aws.errors import AwsRefused, AwsUnavailable
from wakeless.aws.settings import AssumeRole, AwsSettings, RetryMode
from wakeless.core.secret import Secret

Make = Callable[..., AwsClients]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[AwsClients] = []

    def make(**settings: object) -> AwsClients:
        made.append(AwsClients(AwsSettings(**settings)))  # type: ignore[arg-type]  # a test names what it needs
        return made[-1]

    yield make
    for clients in made:
        clients.close()


def test_sdk_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys; from wakeless.aws.clients import AwsClients; AwsClients();"
        "sys.exit(any(name.split('.')[0] in ('boto3', 'botocore') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_calls_go_to_the_endpoint(make: Make, moto_url: str) -> None:
    clients = make(endpoint_url=moto_url)
    answer = await clients.call("sts", "get_caller_identity")
    assert answer["Account"] == "123456789012"
    assert "ResponseMetadata" not in answer


async def test_one_service_can_have_its_own_endpoint(make: Make, moto_url: str) -> None:
    clients = make(endpoint_url="http://127.0.0.1:1", endpoints={"sts": moto_url}, max_attempts=1)
    await clients.call("sts", "get_caller_identity")
    with pytest.raises(AwsUnavailable) as caught:
        await clients.call("cloudwatch", "describe_alarms")
    assert caught.value.aws_code == "EndpointConnectionError"


async def test_region_is_the_settings_or_the_calls(make: Make, moto_url: str) -> None:
    clients = make(endpoint_url=moto_url, region="eu-central-1")
    await clients.call("sqs", "create_queue", QueueName="here")
    await clients.call("sqs", "create_queue", QueueName="there", region="eu-west-1")
    assert clients.region() == "eu-central-1"
    assert [url.split("/")[-1] for url in (await clients.call("sqs", "list_queues"))["QueueUrls"]] == ["here"]
    elsewhere = await clients.call("sqs", "list_queues", region="eu-west-1")
    assert [url.split("/")[-1] for url in elsewhere["QueueUrls"]] == ["there"]


def test_region_falls_back_to_the_environment_and_then_to_the_default(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make().region() == "us-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    assert make().region() == "ap-south-1"


def test_client_is_made_once_whoever_asks(make: Make, moto_url: str) -> None:
    clients = make(endpoint_url=moto_url)
    gate = threading.Barrier(8)

    def get(_: int) -> int:
        gate.wait()
        return id(clients.client("sts"))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(get, range(8)))) == 1


def test_limits_reach_the_sdk(make: Make) -> None:
    clients = make(retry_mode=RetryMode.ADAPTIVE, max_attempts=7, connect_timeout=1.5, read_timeout=2.5)
    config = clients.client("ssm").meta.config
    assert config.retries["mode"] == "adaptive"
    assert config.retries["total_max_attempts"] == 7
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (1.5, 2.5, 10)


async def test_event_loop_goes_on_while_a_call_waits(make: Make) -> None:
    clients = make()
    release = threading.Event()
    waiting = asyncio.create_task(clients.run(release.wait))
    await asyncio.sleep(0)
    assert not waiting.done()
    release.set()
    assert await waiting


async def test_role_is_assumed_and_used(make: Make, moto_url: str) -> None:
    clients = make(
        endpoint_url=moto_url,
        assume_role=AssumeRole(arn="arn:aws:iam::210987654321:role/Remediator", external_id=Secret("sesame")),
    )
    identity = await clients.call("sts", "get_caller_identity")
    assert "assumed-role/Remediator/wakeless" in identity["Arn"]
    assert identity["Account"] == "210987654321"


def _assumed(key: str, expires_at: datetime) -> bytes:
    return (
        "<AssumeRoleResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleResult><Credentials>"
        f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        f"<Expiration>{expires_at:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    ).encode()


async def test_role_is_renewed_before_its_session_ends(make: Make, scripted: Any) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    later = datetime.now(UTC) + timedelta(hours=1)
    first, second = _assumed("ASIAFIRST", soon), _assumed("ASIASECOND", later)
    scripted.answers = [(200, first), (200, b"{}"), (200, second), (200, b"{}")]
    clients = make(endpoint_url=scripted.url, assume_role=AssumeRole(arn="arn:aws:iam::210987654321:role/R"))
    await clients.call("ssm", "list_commands")
    await clients.call("ssm", "list_commands")
    signed = [headers["Authorization"] for headers in scripted.headers]
    assert "Credential=testing/" in signed[0]
    assert "Credential=ASIAFIRST/" in signed[1]
    assert "Credential=ASIASECOND/" in signed[3]


async def test_role_that_may_not_be_assumed_is_refused(make: Make, scripted: Any) -> None:
    error = b"<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>"
    scripted.answers = [(403, b"<ErrorResponse>" + error + b"</ErrorResponse>")]
    clients = make(endpoint_url=scripted.url, assume_role=AssumeRole(arn="arn:aws:iam::210987654321:role/R"))
    with pytest.raises(AwsRefused, match=r"AssumeRole: AccessDenied: no \(HTTP 403\)"):
        await clients.call("ssm", "list_commands")


async def test_busy_service_is_asked_again_by_the_sdk(make: Make, scripted: Any) -> None:
    scripted.answers = [(400, b'{"__type":"ThrottlingException"}'), (200, b'{"Commands":[]}')]
    clients = make(endpoint_url=scripted.url)
    assert await clients.call("ssm", "list_commands") == {"Commands": []}
    assert len(scripted.asked) == 2


async def test_service_that_stays_busy_is_unavailable(make: Make, scripted: Any) -> None:
    scripted.answers = [(400, b'{"__type":"ThrottlingException","message":"Rate exceeded"}')]
    clients = make(endpoint_url=scripted.url, max_attempts=2)
    with pytest.raises(AwsUnavailable, match="Rate exceeded") as caught:
        await clients.call("ssm", "list_commands")
    assert caught.value.aws_code == "ThrottlingException"
    assert caught.value.retryable
    assert len(scripted.asked) == 2


@pytest.mark.parametrize("answer", [(500, b"<html>"), (502, b""), (503, b"{}")])
async def test_broken_answers_are_unavailable(make: Make, scripted: Any, answer: tuple[int, bytes]) -> None:
    scripted.answers = [answer]
    with pytest.raises(AwsUnavailable):
        await make(endpoint_url=scripted.url, max_attempts=1).call("ssm", "list_commands")


async def test_refusal_carries_its_code(make: Make, scripted: Any) -> None:
    scripted.answers = [(400, b'{"__type":"com.amazonaws.ssm#InvalidInstanceId","message":"no such instance"}')]
    with pytest.raises(AwsRefused, match="no such instance") as caught:
        await make(endpoint_url=scripted.url).call("ssm", "list_commands")
    assert (caught.value.aws_code, caught.value.status) == ("InvalidInstanceId", 400)
    assert len(scripted.asked) == 1


async def test_server_that_never_answers_is_unavailable(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(AwsUnavailable) as caught:
            await make(endpoint_url=url, max_attempts=1, read_timeout=0.2).call("ssm", "list_commands")
    assert caught.value.aws_code == "ReadTimeoutError"


@pytest.mark.parametrize(
    ("settings", "service", "params", "code"),
    [
        ({"profile": "nobody"}, "ssm", {}, "ProfileNotFound"),
        ({}, "no-such-service", {}, "UnknownServiceError"),
        ({}, "ssm", {"MaxResults": "many"}, "ParamValidationError"),
        ({"endpoint_url": "not a url"}, "ssm", {}, "InvalidEndpoint"),
        ({"region": "not a region"}, "ssm", {}, "InvalidRegionError"),
    ],
)
async def test_mistakes_are_refused_before_anything_is_sent(
    make: Make, settings: dict[str, str], service: str, params: dict[str, str], code: str
) -> None:
    with pytest.raises(AwsRefused) as caught:
        await make(**settings).call(service, "list_commands", **params)
    assert caught.value.aws_code == code


async def test_missing_credentials_may_appear_later(make: Make, monkeypatch: pytest.MonkeyPatch, moto_url: str) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AwsUnavailable) as caught:
        await make(endpoint_url=moto_url).call("ssm", "list_commands")
    assert caught.value.aws_code == "NoCredentialsError"


async def test_our_own_mistakes_are_not_dressed_up(make: Make) -> None:
    with pytest.raises(ZeroDivisionError):
        await make().run(lambda: 1 // 0)


def test_secrets_do_not_print() -> None:
    settings = AwsSettings(
        access_key_id="AKIA",
        secret_access_key=Secret("hush"),
        session_token=Secret("hush"),
        assume_role=AssumeRole(arn="arn", external_id=Secret("hush")),
    )
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("Throttling", 400, AwsUnavailable),
        ("ExpiredTokenException", 400, AwsUnavailable),
        ("Anything", 503, AwsUnavailable),
        ("Anything", 429, AwsUnavailable),
        ("NotImplemented", 501, AwsRefused),
        ("AccessDenied", 403, AwsRefused),
        ("NoSuchKey", 404, AwsRefused),
        ("", 0, AwsRefused),
    ],
)
def test_error_answers_say_whether_to_come_back(code: str, status: int, kind: type) -> None:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    assert type(from_client_error(response, "GetObject")) is kind
