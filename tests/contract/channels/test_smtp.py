"""E-mail: what is peculiar to it."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme

from wakeless.channels.build import build, check
from wakeless.channels.settings import SmtpSecurity, SmtpSettings
from wakeless.channels.smtp import SmtpChannel
from wakeless.core.errors import InvalidInput
from wakeless.core.secret import Secret
from wakeless.escalation.ports import ChannelRefused, ChannelUnavailable, Message, MessageKind

STARTTLS, TLS, PLAIN = SmtpSecurity.STARTTLS, SmtpSecurity.TLS, SmtpSecurity.PLAIN
MESSAGE = Message(
    id="msg-1",
    kind=MessageKind.ESCALATED,
    incident_id="inc-1",
    title="webapp-down on web-1",
    text="Größe\n",
    at=datetime(2026, 1, 1, 3, 0, tzinfo=UTC),
)


def settings(server: Any, security: SmtpSecurity, ca_file: str | None = None, **changes: Any) -> SmtpSettings:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": security,
        "sender": "Wakeless <wakeless@example.org>",
        "to": ("Ops <ops@example.org>", "boss@example.org"),
        "ca_file": ca_file,
        "timeout": 5.0,
    }
    return SmtpSettings(**(values | changes))


async def send(settings: SmtpSettings, message: Message = MESSAGE) -> str:
    return (await build("mail", settings).send(message)).reference


async def test_headers_say_what_machines_and_people_need(mail_server: Any) -> None:
    server = await mail_server(PLAIN)
    reference = await send(settings(server, PLAIN, subject_prefix="[prod]"))
    (mail,) = server.parsed()
    assert mail["Subject"] == "[prod] webapp-down on web-1"
    assert mail["From"] == "Wakeless <wakeless@example.org>"
    assert mail["To"] == "Ops <ops@example.org>, boss@example.org"
    assert mail["Message-ID"] == reference == "<msg-1@example.org>"
    assert mail["Date"].datetime == MESSAGE.at
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["X-Wakeless-Incident"] == "inc-1"
    assert mail["Importance"] == "high"
    assert mail["In-Reply-To"] is None
    assert mail.get_content().splitlines() == ["Größe"]
    assert server.mails[0].isascii()
    assert server.recipients == [["ops@example.org", "boss@example.org"]]


async def test_resolution_hangs_on_the_first_mail(mail_server: Any) -> None:
    server = await mail_server(PLAIN)
    first = await send(settings(server, PLAIN))
    await send(settings(server, PLAIN), replace(MESSAGE, id="msg-2", kind=MessageKind.RESOLVED, in_reply_to=first))
    mail = server.parsed()[1]
    assert (mail["In-Reply-To"], mail["References"]) == (first, first)
    assert mail["Message-ID"] != first
    assert mail["Importance"] is None


@pytest.mark.parametrize(
    "reference", ["<a@b>\r\nBcc: x@y", "not an id", "<a@b> <c@d>", "<@>", "", "<" + "a" * 999 + "@b>"]
)
async def test_odd_reference_is_left_out(mail_server: Any, reference: str) -> None:
    server = await mail_server(PLAIN)
    await send(settings(server, PLAIN), replace(MESSAGE, in_reply_to=reference))
    (mail,) = server.parsed()
    assert mail["In-Reply-To"] is None
    assert mail["Bcc"] is None


async def test_odd_ids_make_no_header(mail_server: Any) -> None:
    server = await mail_server(PLAIN)
    await send(settings(server, PLAIN), replace(MESSAGE, id="x>\r\nBcc: a@b", incident_id="y\r\nBcc: a@b"))
    (mail,) = server.parsed()
    assert mail["Message-ID"] == "<x___Bcc__a_b@example.org>"
    assert mail["Bcc"] is None


@pytest.mark.parametrize("security", [STARTTLS, TLS])
async def test_login_is_made_under_protection(mail_server: Any, ca_file: str, security: SmtpSecurity) -> None:
    server = await mail_server(security)
    await send(settings(server, security, ca_file, username="u", password=Secret("p")))
    assert server.logins == [("u", "p")]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [("535 5.7.8 wrong", ChannelRefused), ("454 4.7.0 directory down", ChannelUnavailable)],
)
async def test_login_that_fails_says_whether_it_will_ever_work(
    mail_server: Any, ca_file: str, reply: str, kind: type[Exception]
) -> None:
    server = await mail_server(STARTTLS)
    server.login_reply = reply
    with pytest.raises(kind, match=reply):
        await send(settings(server, STARTTLS, ca_file, username="u", password=Secret("hush")))


async def test_login_where_none_is_offered_is_refused(mail_server: Any, ca_file: str) -> None:
    server = await mail_server(TLS, auth_exclude_mechanism=["LOGIN", "PLAIN"])
    with pytest.raises(ChannelRefused, match="No suitable authentication method found"):
        await send(settings(server, TLS, ca_file, username="u", password=Secret("hush")))


async def test_nothing_is_said_in_the_clear_when_starttls_is_not_offered(mail_server: Any, ca_file: str) -> None:
    server = await mail_server(PLAIN)
    with pytest.raises(ChannelUnavailable, match="does not offer STARTTLS"):
        await send(settings(server, STARTTLS, ca_file, username="u", password=Secret("hush")))
    assert server.logins == []
    assert server.mails == []


@pytest.mark.parametrize("security", [STARTTLS, TLS])
async def test_server_that_cannot_prove_who_it_is_gets_nothing(
    mail_server: Any, security: SmtpSecurity, tmp_path: Any
) -> None:
    server = await mail_server(security)
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with pytest.raises(ChannelUnavailable, match="certificate verify failed"):
        await send(settings(server, security, str(other)))
    assert server.mails == []


@pytest.mark.parametrize("security", [STARTTLS, TLS])
async def test_certificate_for_another_name_is_not_accepted(
    mail_server: Any, authority: trustme.CA, ca_file: str, security: SmtpSecurity
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example.test").configure_cert(tls)
    server = await mail_server(security, tls)
    with pytest.raises(ChannelUnavailable, match="certificate is not valid for '127"):
        await send(settings(server, security, ca_file))
    assert server.mails == []


async def test_one_refused_recipient_does_not_keep_it_from_the_others(
    mail_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = await mail_server(PLAIN)
    server.rcpt_replies = {"boss@example.org": "550 no such user"}
    await send(settings(server, PLAIN))
    assert server.recipients == [["ops@example.org"]]
    assert "boss@example.org was refused: 550 no such user" in caplog.text


@pytest.mark.parametrize(
    ("ops", "boss", "kind"),
    [
        ("550 no such user", "551 moved", ChannelRefused),
        ("550 no such user", "450 greylisted", ChannelUnavailable),
        ("451 later", "450 greylisted", ChannelUnavailable),
    ],
)
async def test_all_recipients_refused(mail_server: Any, ops: str, boss: str, kind: type[Exception]) -> None:
    server = await mail_server(PLAIN)
    server.rcpt_replies = {"ops@example.org": ops, "boss@example.org": boss}
    with pytest.raises(kind, match=r"refused all recipients: ops@example\.org"):
        await send(settings(server, PLAIN))


async def test_mail_beyond_the_servers_size_is_refused(mail_server: Any) -> None:
    server = await mail_server(PLAIN, data_size_limit=1000)
    with pytest.raises(ChannelRefused, match="552"):
        await send(settings(server, PLAIN), replace(MESSAGE, text="x" * 50_000))


async def test_server_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for changes in ({"port": port}, {"host": "no-such-host.invalid"}):
        with pytest.raises(ChannelUnavailable):
            await send(replace(settings(type("S", (), {"port": port}), STARTTLS), **changes))


@pytest.mark.parametrize(
    "greeting",
    [b"421 too busy\r\n", b"554 go away\r\n", b"\xff\xfe\r\n", b"", b"220\r\n500 what\r\n", b"220 " + b"x" * 20_000],
)
async def test_server_that_will_not_talk_is_unavailable(greeting: bytes) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(rude, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ChannelUnavailable):
            await send(settings(type("S", (), {"port": port}), PLAIN))


async def test_unprotected_mail_goes_to_this_machine_only(monkeypatch: pytest.MonkeyPatch, mail_server: Any) -> None:
    server = await mail_server(PLAIN)
    monkeypatch.setattr("wakeless.channels.smtp.is_loopback", lambda address: address == "::1")
    with pytest.raises(ChannelRefused, match=r"127\.0\.0\.1 is 127\.0\.0\.1: without protection"):
        await send(settings(server, PLAIN))
    assert server.mails == []


async def test_missing_certificates_are_told() -> None:
    with pytest.raises(ChannelUnavailable):
        await send(settings(type("S", (), {"port": 1}), TLS, "/nonexistent.pem"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sender": "nobody"}, "mail.from: is not one address"),
        ({"sender": "a@b\r\nBcc: c@d"}, "mail.from: holds control characters"),
        ({"sender": "a@b, c@d"}, "mail.from: is not one address"),
        ({"to": ("a@b", "c@d,e@f")}, "mail.to[1]: is not one address"),
        ({"to": ("@b",)}, "mail.to[0]: is not one address"),
        ({"to": ("Team, Ops <a@b>",)}, "mail.to[0]: is not one address"),
        ({"to": ()}, "mail.to: names nobody"),
        ({"host": " "}, "mail.host: is not a host name"),
        ({"port": 70000}, "mail.port: is not between"),
        ({"timeout": 0}, "mail.timeout: must be more than 0"),
        ({"username": "u"}, "mail.username: and password belong together"),
        ({"password": Secret("hush")}, "mail.username: and password belong together"),
        ({"username": "u", "password": Secret("hüsh")}, "mail.password: can hold ASCII"),
        ({"username": "u", "password": Secret("hush"), "security": PLAIN}, "mail.password: would be sent without"),
    ],
)
def test_wrong_settings_are_listed(changes: dict[str, Any], problem: str) -> None:
    wrong = replace(settings(type("S", (), {"port": 25}), STARTTLS), **changes)
    problems = [str(one) for one in check("mail", wrong)]
    assert [one for one in problems if problem in one]
    assert "h\xfcsh" not in str(problems)
    with pytest.raises(InvalidInput, match="channel mail"):
        build("mail", wrong)


def test_all_problems_are_listed_at_once() -> None:
    wrong = SmtpSettings(host="", sender="x", to=("y", "z"), port=0, timeout=-1)
    assert len(check("mail", wrong)) == 6


def test_international_addresses_are_written_as_servers_know_them() -> None:
    channel = SmtpChannel("mail", settings(type("S", (), {"port": 25}), TLS, sender="Wächter <w@bücher.example>"))
    mail = channel.mail(MESSAGE)
    assert mail["Message-ID"] == "<msg-1@xn--bcher-kva.example>"
    parsed = email.message_from_bytes(mail.as_bytes(), policy=email.policy.default)
    assert parsed["From"] == "Wächter <w@xn--bcher-kva.example>"


@pytest.mark.parametrize(("security", "port"), [(STARTTLS, 587), (TLS, 465), (PLAIN, 25)])
def test_ports_follow_the_protection(security: SmtpSecurity, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from wakeless.channels import smtp

    assert smtp._port(settings(type("S", (), {"port": None}), security)) == port
