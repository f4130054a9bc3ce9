"""What every channel promises, each against a real server."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from wakeless.core.errors import WakelessError
from wakeless.escalation.ports import ChannelRefused, ChannelUnavailable, Message, MessageKind

SECRETS = ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "hush-password", "hush-token", "hush-header")
MESSAGE = Message(
    id="msg-01kdvz0000000000000000000a",
    kind=MessageKind.ESCALATED,
    incident_id="inc-01kdvz0000000000000000000b",
    title="webapp-down on web-1: not fixed after 2 attempts, a person is needed",
    text="webapp-down on web-1 is in ALARM.\n\nWhy a person is needed\n  2 of 2 attempts made\n",
    at=datetime(2026, 1, 1, 3, 0, tzinfo=UTC),
    data={"incident": {"id": "inc-01kdvz0000000000000000000b"}},
)


def same_text(got: str, sent: str) -> bool:
    return [line.rstrip() for line in got.strip().splitlines()] == [line.rstrip() for line in sent.strip().splitlines()]


async def test_message_arrives_whole(harness: Any) -> None:
    receipt = await harness.channel.send(MESSAGE)
    (got,) = harness.received()
    assert got.title == MESSAGE.title
    assert same_text(got.text, MESSAGE.text)
    assert MESSAGE.id in receipt.reference


async def test_name_is_the_settings(harness: Any) -> None:
    assert harness.channel.name == "ops"


async def test_repetition_carries_the_same_id(harness: Any) -> None:
    first = await harness.channel.send(MESSAGE)
    second = await harness.channel.send(MESSAGE)
    assert first == second
    assert len({got.id for got in harness.received()}) == 1


async def test_every_kind_is_told(harness: Any) -> None:
    for kind in MessageKind:
        await harness.channel.send(replace(MESSAGE, kind=kind))
    assert len(harness.received()) == len(MessageKind)


async def test_any_alphabet_arrives(harness: Any) -> None:
    title = "Speicher voll auf wéb-1 — 磁盘已满 🔥"
    text = "Größe: 10 µs\n数据库\nالعربية\n🔥" + "ü" * 2000  # noqa: RUF001
    await harness.channel.send(replace(MESSAGE, title=title, text=text))
    (got,) = harness.received()
    assert got.title == title
    assert same_text(got.text, text)


async def test_newlines_in_a_title_stay_in_the_title(harness: Any) -> None:
    title = "down\r\nBcc: victim@example.org\r\n\r\n<script>\nwebhook-id: x\x00\x1b[2J"
    await harness.channel.send(replace(MESSAGE, title=title))
    (got,) = harness.received()
    assert "\x1b" not in got.title
    assert same_text(got.text, MESSAGE.text)
    for _, headers, _ in getattr(getattr(harness, "server", None), "requests", []):
        assert headers["webhook-id"] == MESSAGE.id
    for mail in getattr(getattr(harness, "server", None), "mails", []):
        assert b"\nBcc:" not in mail


async def test_broken_text_arrives_somehow(harness: Any) -> None:
    await harness.channel.send(
        replace(MESSAGE, title="\udc80\ud800", text="a\udc80b\x00c\x1b[31md", data={"x": "\udc80"})
    )
    assert len(harness.received()) == 1


async def test_empty_message_arrives(harness: Any) -> None:
    await harness.channel.send(replace(MESSAGE, title="", text=""))
    assert len(harness.received()) == 1


async def test_huge_text_arrives_or_is_cut(harness: Any) -> None:
    text = "\n".join(f"{n} " + "x" * 1000 for n in range(10_000))
    await harness.channel.send(replace(MESSAGE, text=text, title="t" * 100_000))
    (got,) = harness.received()
    assert got.text.lstrip().startswith("0 xxx")


async def test_what_passes_is_unavailable(harness: Any) -> None:
    harness.busy()
    with pytest.raises(ChannelUnavailable) as caught:
        await harness.channel.send(MESSAGE)
    assert caught.value.retryable


async def test_what_does_not_pass_is_refused(harness: Any) -> None:
    harness.refuse()
    with pytest.raises(ChannelRefused, match="we do not want it"):
        await harness.channel.send(MESSAGE)


async def test_server_that_hangs_is_unavailable_in_time(harness: Any) -> None:
    harness.hang()
    began = time.monotonic()
    with pytest.raises(ChannelUnavailable):
        await harness.channel.send(MESSAGE)
    assert time.monotonic() - began < 8


async def test_delivery_can_be_abandoned_at_once(harness: Any) -> None:
    harness.hang()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await harness.channel.send(MESSAGE)
    assert time.monotonic() - began < 1.5


async def test_secrets_are_in_no_error_log_or_repr(harness: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen = [repr(harness.channel), str(vars(harness.channel).get("_settings"))]
    await harness.channel.send(MESSAGE)
    harness.busy()
    with pytest.raises(WakelessError) as caught:
        await harness.channel.send(MESSAGE)
    error: BaseException | None = caught.value
    while error is not None:
        seen += [str(error), repr(error)]
        error = error.__cause__
    # The receiving server's own debug log shows what it was sent; only ours counts.
    seen += [f"{one.getMessage()} {vars(one)}" for one in caplog.records if one.name != "mail.log"]
    for secret in SECRETS:
        assert not [text for text in seen if secret in text]
