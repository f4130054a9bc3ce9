"""The door through which channels come, ours and others'; and the console."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from wakeless.channels import build as door
from wakeless.channels.build import build, check, kinds
from wakeless.channels.console import ConsoleChannel
from wakeless.channels.kind import ChannelKind, problem
from wakeless.channels.settings import BUILTIN_SETTINGS, ConsoleSettings
from wakeless.core.errors import InvalidInput
from wakeless.core.problems import Problem
from wakeless.escalation.ports import ChannelUnavailable, Message, MessageKind, Receipt

MESSAGE = Message(
    id="msg-1",
    kind=MessageKind.ESCALATED,
    incident_id="inc-1",
    title="webapp-down",
    text="one\ntwo\n",
    at=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_every_builtin_kind_says_which_settings_it_takes() -> None:
    assert set(BUILTIN_SETTINGS) <= set(kinds())
    for name, settings in BUILTIN_SETTINGS.items():
        assert door.kind(name).settings is settings


def test_http_and_mail_clients_are_not_loaded_before_they_are_needed() -> None:
    code = (
        "import sys; from wakeless.channels.build import build; from wakeless.channels.settings import *;"
        "build('ops', ConsoleSettings()); sys.exit(any(name in sys.modules for name in ('httpx', 'smtplib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@dataclass(frozen=True, kw_only=True, slots=True)
class PigeonSettings:
    loft: str


class PigeonChannel:
    def __init__(self, name: str, settings: PigeonSettings) -> None:
        self._name, self._loft = name, settings.loft

    @property
    def name(self) -> str:
        return self._name

    async def send(self, message: Message) -> Receipt:
        return Receipt(reference=f"{self._loft}/{message.id}")


def check_pigeon(settings: PigeonSettings) -> list[Problem]:
    return [] if settings.loft else [problem("loft", "is empty")]


PIGEON = ChannelKind(settings=PigeonSettings, check=check_pigeon, make=PigeonChannel)


@pytest.fixture
def third_party(monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("pigeon_post")
    module.__dict__.update(KIND=PIGEON, WRONG=object())
    monkeypatch.setitem(sys.modules, "pigeon_post", module)
    points = [
        EntryPoint(name="pigeon", value="pigeon_post:KIND", group=door.GROUP),
        EntryPoint(name="wrong", value="pigeon_post:WRONG", group=door.GROUP),
        EntryPoint(name="console", value="pigeon_post:KIND", group=door.GROUP),
    ]
    monkeypatch.setattr(door, "entry_points", lambda group: points if group == door.GROUP else [])


@pytest.mark.usefixtures("third_party")
async def test_channel_of_a_third_party_is_built_like_ours() -> None:
    channel = build("roof", PigeonSettings(loft="north"), "pigeon")
    assert channel.name == "roof"
    assert await channel.send(MESSAGE) == Receipt("north/msg-1")
    assert [str(one) for one in check("roof", PigeonSettings(loft=""), "pigeon")] == ["channels: roof.loft: is empty"]
    with pytest.raises(InvalidInput, match=r"roof\.loft: is empty"):
        build("roof", PigeonSettings(loft=""), "pigeon")


@pytest.mark.usefixtures("third_party")
def test_builtin_kind_cannot_be_replaced() -> None:
    assert isinstance(build("ops", ConsoleSettings()), ConsoleChannel)


@pytest.mark.usefixtures("third_party")
def test_what_is_no_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is not a kind of channel"):
        build("x", object(), "wrong")
    with pytest.raises(InvalidInput, match="there is no kind of channel 'smoke'; known: console, pigeon"):
        build("x", object(), "smoke")
    with pytest.raises(InvalidInput, match="belongs to no built-in kind"):
        build("x", PigeonSettings(loft="x"))


# --- console -------------------------------------------------------------------------------------------------------


async def test_console_logs_one_record_and_prints_the_whole(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stream = io.StringIO()
    await ConsoleChannel("ops", ConsoleSettings(), stream).send(MESSAGE)
    assert stream.getvalue() == "=== webapp-down\n    one\n    two\n"
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.WARNING, "webapp-down")
    said: dict[str, Any] = vars(record)
    assert (said["action"], said["channel"], said["incident_id"]) == ("told", "ops", "inc-1")


async def test_console_without_stderr_only_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stream = io.StringIO()
    await ConsoleChannel("ops", ConsoleSettings(stderr=False), stream).send(MESSAGE)
    assert stream.getvalue() == ""
    assert len(caplog.records) == 1


async def test_console_prints_what_its_terminal_can_show() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    await ConsoleChannel("ops", ConsoleSettings(), stream).send(MESSAGE)
    stream.flush()
    await ConsoleChannel("ops", ConsoleSettings(), stream).send(
        Message(id="m", kind=MessageKind.HELD, incident_id="i", title="Größe", text="ü", at=MESSAGE.at)
    )
    assert b"=== Gr\\xf6\\xdfe\n    \\xfc\n" in raw.getvalue()


async def test_console_uses_the_stderr_of_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    await ConsoleChannel("ops", ConsoleSettings()).send(MESSAGE)
    assert "=== webapp-down" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
async def test_full_console_is_unavailable() -> None:
    with io.TextIOWrapper(open("/dev/full", "wb", buffering=0), write_through=True) as full:
        channel = ConsoleChannel("ops", ConsoleSettings(), full)
        with pytest.raises(ChannelUnavailable, match="No space left"):
            await channel.send(MESSAGE)
