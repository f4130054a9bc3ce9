"""Webhooks: signatures, and the addresses that nothing is sent to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from wakeless.channels.addresses import is_loopback, is_public
from wakeless.channels.build import build, check
from wakeless.channels.settings import WebhookSettings
from wakeless.channels.standard_webhooks import signer
from wakeless.channels.webhook import WebhookChannel, retry_after
from wakeless.core.clock import ManualClock
from wakeless.core.errors import InvalidInput
from wakeless.core.secret import Secret
from wakeless.escalation.ports import ChannelRefused, ChannelUnavailable, Message, MessageKind

NOW = datetime(2026, 1, 1, 0, 4, 12, tzinfo=UTC)
WHSEC = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SEED = bytes(range(32, 64))
MESSAGE = Message(
    id="msg-1",
    kind=MessageKind.RESOLVED,
    incident_id="inc-1",
    title="webapp-down",
    text="OK again",
    at=NOW,
    data={"incident": {"id": "inc-1"}},
)


def settings(url: str, **changes: Any) -> WebhookSettings:
    values: dict[str, Any] = {"url": Secret(url), "allow_private": True, "timeout": 5.0}
    return WebhookSettings(**(values | changes))


# --- signatures ----------------------------------------------------------------------------------------------------


def vector(data: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((data / "standard-webhooks-vector.json").read_text())
    return loaded


def test_shared_signature_is_that_of_the_published_vector(data: Path) -> None:
    case = vector(data)
    headers = case["http"]["headers"]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{case['body_raw']}".encode()
    sign = signer(Secret(case["verify"]["symmetric_secret"]))
    assert sign(content) == headers["webhook-signature"].split(" ")[0]


def test_ed25519_signature_verifies_like_that_of_the_vector(data: Path) -> None:
    case = vector(data)
    headers = case["http"]["headers"]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{case['body_raw']}".encode()
    published = base64.b64decode(case["verify"]["ed25519_public_key"].removeprefix("whpk_"))
    Ed25519PublicKey.from_public_bytes(published).verify(
        base64.b64decode(headers["webhook-signature"].split(" ")[1].removeprefix("v1a,")), content
    )
    ours = signer(Secret("whsk_" + base64.b64encode(SEED).decode()))(content)
    assert ours.startswith("v1a,")
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    public.verify(base64.b64decode(ours.removeprefix("v1a,")), content)


def test_key_with_its_public_half_is_the_same_key() -> None:
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
    short, long = ("whsk_" + base64.b64encode(key).decode() for key in (SEED, SEED + public))
    assert signer(Secret(short))(b"x") == signer(Secret(long))(b"x")
    with pytest.raises(InvalidInput, match="do not belong together"):
        signer(Secret("whsk_" + base64.b64encode(SEED + SEED).decode()))


@pytest.mark.parametrize(
    "secret",
    ["hush", "", "whsec_", "whsec_hush!", "whsec_aHVzaA==", "whsk_aHVzaA==", "whpk_" + "A" * 44, "whsec_" + "A" * 200],
)
def test_bad_secret_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        signer(Secret(secret))
    assert "hush" not in str(caught.value)
    assert "aHVzaA" not in str(caught.value)


def test_padding_may_be_left_out() -> None:
    assert signer(Secret(WHSEC.rstrip("=")))(b"x") == signer(Secret(WHSEC))(b"x")


async def test_every_secret_signs_the_very_bytes_that_are_sent(hook_server: Any) -> None:
    secrets = (Secret(WHSEC), Secret("whsk_" + base64.b64encode(SEED).decode()))
    clock = ManualClock(NOW)
    channel = WebhookChannel("hook", settings(hook_server.url, secrets=secrets), clock=clock)
    await channel.send(MESSAGE)
    path, headers, body = hook_server.requests[0]
    assert path == "/hooks/hush-token"
    assert headers["webhook-id"] == "msg-1"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    content = f"msg-1.{int(NOW.timestamp())}.".encode() + body
    shared, asymmetric = headers["webhook-signature"].split(" ")
    key = base64.b64decode(WHSEC.removeprefix("whsec_"))
    assert shared == "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    public.verify(base64.b64decode(asymmetric.removeprefix("v1a,")), content)
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("wakeless/")
    assert json.loads(body) == {
        "type": "incident.resolved",
        "timestamp": "2026-01-01T00:04:12Z",
        "data": {"incident": {"id": "inc-1"}, "title": "webapp-down", "text": "OK again"},
    }


async def test_each_try_has_its_own_time_and_the_same_id(hook_server: Any) -> None:
    clock = ManualClock(NOW)
    channel = WebhookChannel("hook", settings(hook_server.url, secrets=(Secret(WHSEC),)), clock=clock)
    await channel.send(MESSAGE)
    clock.advance(300)
    await channel.send(MESSAGE)
    first, second = (headers for _, headers, _ in hook_server.requests)
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 300
    assert first["webhook-signature"] != second["webhook-signature"]


async def test_without_secrets_nothing_is_signed(hook_server: Any) -> None:
    await build("hook", settings(hook_server.url)).send(MESSAGE)
    assert "webhook-signature" not in hook_server.requests[0][1]


async def test_headers_and_login_of_the_settings_are_sent(hook_server: Any) -> None:
    url = hook_server.url.replace("http://", "http://us%40er:p%C3%A4ss@")
    await build("hook", settings(url, headers={"X-Api-Key": Secret("k")})).send(MESSAGE)
    headers = hook_server.requests[0][1]
    assert headers["x-api-key"] == "k"
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == "us@er:päss".encode()
    assert headers["host"] == f"127.0.0.1:{hook_server.port}"


async def test_proxies_of_the_environment_are_not_used(hook_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    await build("hook", settings(hook_server.url)).send(MESSAGE)
    assert len(hook_server.requests) == 1


# --- answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_delivered(hook_server: Any, status: int) -> None:
    hook_server.status = status
    assert (await build("hook", settings(hook_server.url)).send(MESSAGE)).reference == "msg-1"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_what_passes_by_itself_is_tried_again_when_the_receiver_says(hook_server: Any, status: int) -> None:
    hook_server.status, hook_server.headers = status, {"Retry-After": "120"}
    with pytest.raises(ChannelUnavailable, match=f"answered {status}") as caught:
        await build("hook", settings(hook_server.url)).send(MESSAGE)
    assert caught.value.retry_after == 120


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 451])
async def test_what_does_not_pass_is_refused(hook_server: Any, status: int) -> None:
    hook_server.status = status
    with pytest.raises(ChannelRefused, match=f"answered {status}"):
        await build("hook", settings(hook_server.url)).send(MESSAGE)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(hook_server: Any, status: int) -> None:
    hook_server.status, hook_server.headers = status, {"Location": hook_server.url + "/elsewhere"}
    with pytest.raises(ChannelRefused, match="redirects are not followed"):
        await build("hook", settings(hook_server.url)).send(MESSAGE)
    assert len(hook_server.requests) == 1


async def test_answer_is_shown_in_one_bounded_line(hook_server: Any) -> None:
    hook_server.status, hook_server.answer = 400, b"bad\r\n\x1b[2Jthing\xff " * 1_000_000
    with pytest.raises(ChannelRefused) as caught:
        await build("hook", settings(hook_server.url)).send(MESSAGE)
    assert "bad thing\ufffd bad" in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("-1", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("9" * 400, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text(max_size=60) | st.from_regex(r"\w{3}, \d\d \w{3} \d{4,6} \d\d:\d\d:\d\d [+-]?\w{1,6}"))
def test_any_retry_after_is_harmless(value: str) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or seconds >= 0


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        "169.254.170.2", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::",
        "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
        "2001:db8::1", "localhost", "",
    ],
)  # fmt: skip
def test_private_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2a00:1450::5"]
)
def test_public_address_is_public(address: str) -> None:
    assert is_public(address)


def test_loopback_is_this_machine_only() -> None:
    assert [is_loopback(one) for one in ("127.0.0.1", "::1", "::ffff:127.0.0.1")] == [True] * 3
    assert [is_loopback(one) for one in ("8.8.8.8", "10.0.0.1", "localhost", "")] == [False] * 4


async def test_nothing_is_sent_to_a_private_address(hook_server: Any) -> None:
    url = hook_server.url.replace("http://", "https://")
    channel = build("hook", settings(url, allow_private=False))
    with pytest.raises(ChannelRefused, match=r"127\.0\.0\.1, which is not a public address"):
        await channel.send(MESSAGE)
    assert hook_server.requests == []


class Names:
    """A resolver whose answers change."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_name_with_one_private_address_is_refused_whole(hook_server: Any) -> None:
    channel = WebhookChannel(
        "hook", settings("https://hooks.example.test/x", allow_private=False), resolver=Names(["8.8.8.8", "10.0.0.1"])
    )
    with pytest.raises(ChannelRefused, match=r"hooks\.example\.test is 10\.0\.0\.1"):
        await channel.send(MESSAGE)


async def test_connection_goes_to_the_address_that_was_checked(tls_hook_server: Any, ca_file: str) -> None:
    """The name is asked for once; certificate, SNI and Host are the name's all the same."""
    names = Names(["127.0.0.1"], ["192.0.2.1"])
    url = f"https://hooks.example.test:{tls_hook_server.port}/x?y=1"
    channel = WebhookChannel("hook", settings(url, ca_file=ca_file), resolver=names)
    await channel.send(MESSAGE)
    path, headers, _ = tls_hook_server.requests[0]
    assert path == "/x?y=1"
    assert headers["host"] == f"hooks.example.test:{tls_hook_server.port}"
    assert names.asked == [("hooks.example.test", tls_hook_server.port)]


async def test_next_address_is_tried_when_one_does_not_answer(hook_server: Any) -> None:
    url = f"http://hooks.example.test:{hook_server.port}/x"
    channel = WebhookChannel("hook", settings(url), resolver=Names(["127.0.0.2", "127.0.0.1"]))
    await channel.send(MESSAGE)
    assert len(hook_server.requests) == 1


async def test_receiver_that_cannot_prove_who_it_is_gets_nothing(
    tls_hook_server: Any, tmp_path: Path, ca_file: str
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    wrong_name = f"https://other.example.test:{tls_hook_server.port}/x"
    for url, trusted in ((tls_hook_server.url, str(other)), (tls_hook_server.url, None), (wrong_name, ca_file)):
        channel = WebhookChannel("hook", settings(url, ca_file=trusted), resolver=Names(["127.0.0.1"]))
        with pytest.raises(ChannelUnavailable, match="certificate verify failed"):
            await channel.send(MESSAGE)
    assert tls_hook_server.requests == []


async def test_receiver_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:1/hush-token", "http://no-such-host.invalid/hush-token"):
        with pytest.raises(ChannelUnavailable) as caught:
            await build("hook", settings(url)).send(MESSAGE)
        assert "hush-token" not in str(caught.value)
    with pytest.raises(ChannelUnavailable, match="no address"):
        await WebhookChannel("hook", settings("http://x/"), resolver=Names([])).send(MESSAGE)
    with pytest.raises(ChannelUnavailable, match="cannot be read"):
        await build("hook", settings("http://127.0.0.1:1/", ca_file=str(tmp_path / "none.pem"))).send(MESSAGE)


async def test_address_is_in_no_log(hook_server: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await build("hook", settings(hook_server.url)).send(MESSAGE)
    assert hook_server.requests
    assert "hush-token" not in caplog.text


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"url": Secret("hush")}, "hook.url: is not an http or https URL"),
        ({"url": Secret("ftp://hush/")}, "hook.url: is not an http or https URL"),
        ({"url": Secret("https://:port/hush")}, "hook.url: is not a URL"),
        ({"url": Secret("https:///hush")}, "hook.url: is not an http or https URL"),
        ({"url": Secret("http://example.org/hush"), "allow_private": False}, "hook.url: is not encrypted"),
        ({"secrets": (Secret(WHSEC), Secret("hush"))}, "hook.secrets[1]: a webhook's secret begins with"),
        ({"headers": {"Host": Secret("hush")}}, "hook.headers.Host: is set by the channel"),
        ({"headers": {"Webhook-Id": Secret("hush")}}, "is set by the channel"),
        ({"headers": {"Content-Length": Secret("hush")}}, "is set by the channel"),
        ({"headers": {"X Y": Secret("hush")}}, "is not a header name"),
        ({"headers": {"X": Secret("hush\r\nY: z")}}, "has a value that no header can have"),
        ({"timeout": 0}, "hook.timeout: must be more than 0"),
    ],
)
def test_wrong_settings_are_listed_and_secrets_are_not(changes: dict[str, Any], problem: str) -> None:
    wrong = replace(settings("https://example.org/"), **changes)
    problems = [str(one) for one in check("hook", wrong)]
    assert [one for one in problems if problem in one], problems
    assert "hush" not in str(problems)
    with pytest.raises(InvalidInput) as caught:
        build("hook", wrong)
    assert "hush" not in str(caught.value)


def test_good_settings_have_no_problems() -> None:
    good = settings("https://example.org/x", allow_private=False, secrets=(Secret(WHSEC),))
    assert check("hook", good) == []
    assert "example.org" not in repr(good)
