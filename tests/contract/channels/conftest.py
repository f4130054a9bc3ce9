"""Real servers on loopback behind every channel, and one way to talk to all of them."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import io
import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from wakeless.channels.build import build
from wakeless.channels.console import ConsoleChannel
from wakeless.channels.settings import ConsoleSettings, SmtpSecurity, SmtpSettings, WebhookSettings
from wakeless.core.secret import Secret
from wakeless.escalation.ports import Channel

SECRETS = ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "hush-password", "hush-token", "hush-header")


@dataclass(frozen=True)
class Got:
    """What arrived at the other end."""

    title: str
    text: str
    id: str


class Harness(Protocol):
    """One channel and the real thing at its other end."""

    channel: Channel

    def received(self) -> list[Got]: ...
    def busy(self) -> None: ...
    def refuse(self) -> None: ...
    def hang(self) -> None: ...


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", "hooks.example.test").configure_cert(context)
    return context


# --- mail ----------------------------------------------------------------------------------------------------------


@dataclass
class MailServer:
    """aiosmtpd, and what it was told to do."""

    port: int = 0
    mails: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    #: Reply to RCPT of addresses, and to DATA; None accepts.
    rcpt_replies: dict[str, str] = field(default_factory=dict)
    data_reply: str | None = None
    login_reply: str | None = None
    gate: asyncio.Event | None = None

    # aiosmtpd calls its hooks by these names.
    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if reply := self.rcpt_replies.get(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        if self.gate is not None:
            await self.gate.wait()
        if self.data_reply:
            return self.data_reply
        self.mails.append(envelope.content)
        self.recipients.append(envelope.rcpt_tos)
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        if self.login_reply:
            return AuthResult(success=False, handled=False, message=self.login_reply)
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)

    def parsed(self) -> list[email.message.EmailMessage]:
        return [email.message_from_bytes(one, policy=email.policy.default) for one in self.mails]

    def received(self) -> list[Got]:
        return [Got(str(mail["Subject"]), mail.get_content(), str(mail["Message-ID"])) for mail in self.parsed()]

    def busy(self) -> None:
        self.data_reply = "451 try again later"

    def refuse(self) -> None:
        self.data_reply = "554 we do not want it"

    def hang(self) -> None:
        self.gate = asyncio.Event()


MakeMailServer = Callable[..., Any]


@pytest.fixture
async def mail_server(server_tls: ssl.SSLContext) -> AsyncIterator[MakeMailServer]:
    """A factory: ``await mail_server(security)`` returns a running `MailServer`."""
    running: list[tuple[MailServer, asyncio.Server]] = []

    async def make(security: SmtpSecurity, tls: ssl.SSLContext = server_tls, **options: Any) -> MailServer:
        mail = MailServer()
        extra: dict[str, Any] = {"authenticator": mail.authenticate, "enable_SMTPUTF8": True}
        if security is SmtpSecurity.STARTTLS:
            extra |= {"tls_context": tls, "require_starttls": True}
        if security is not SmtpSecurity.STARTTLS:
            extra |= {"auth_require_tls": False}  # it does not notice TLS that began before it
        extra |= options
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(mail, hostname="mail.example.test", **extra),
            "127.0.0.1",
            0,
            ssl=tls if security is SmtpSecurity.TLS else None,
        )
        mail.port = server.sockets[0].getsockname()[1]
        running.append((mail, server))
        return mail

    yield make
    for mail, server in running:
        if mail.gate is not None:
            mail.gate.set()
        server.close()
    # Let connections that were cut notice it before the loop is closed.
    for _ in range(20):
        await asyncio.sleep(0)


@dataclass
class MailHarness:
    channel: Channel
    server: MailServer

    def received(self) -> list[Got]:
        return self.server.received()

    def busy(self) -> None:
        self.server.busy()

    def refuse(self) -> None:
        self.server.refuse()

    def hang(self) -> None:
        self.server.hang()


def smtp_settings(server: MailServer, security: SmtpSecurity, ca_file: str, **changes: Any) -> SmtpSettings:
    login = {} if security is SmtpSecurity.PLAIN else {"username": "wakeless", "password": Secret("hush-password")}
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": security,
        "sender": "Wakeless <wakeless@example.org>",
        "to": ("Ops <ops@example.org>",),
        "ca_file": ca_file,
        "timeout": 5.0,
        **login,
    }
    return SmtpSettings(**(settings | changes))


# --- webhook -------------------------------------------------------------------------------------------------------


@dataclass
class HookServer:
    """An HTTP server that keeps requests and answers as it is told to."""

    url: str = ""
    port: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    gate: threading.Event | None = None

    def received(self) -> list[Got]:
        if not 200 <= self.status < 300:
            return []
        bodies = [(json.loads(body)["data"], headers) for _, headers, body in self.requests]
        return [Got(data["title"], data["text"], headers["webhook-id"]) for data, headers in bodies]

    def busy(self) -> None:
        self.status, self.headers = 503, {"Retry-After": "7"}

    def refuse(self) -> None:
        self.status, self.answer = 403, b"we do not want it"

    def hang(self) -> None:
        self.gate = threading.Event()


def serve_hooks(tls: ssl.SSLContext | None) -> Iterator[HookServer]:
    hook = HookServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if hook.gate is not None:
                hook.gate.wait(10)
            with contextlib.suppress(OSError):  # the sender may have lost patience
                self.send_response(hook.status)
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(hook.answer)))
                self.end_headers()
                self.wfile.write(hook.answer)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that does not trust us

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hook.port = server.server_address[1]
    hook.url = f"{'https' if tls else 'http'}://127.0.0.1:{hook.port}/hooks/hush-token"
    yield hook
    if hook.gate is not None:
        hook.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hook_server() -> Iterator[HookServer]:
    yield from serve_hooks(None)


@pytest.fixture
def tls_hook_server(server_tls: ssl.SSLContext) -> Iterator[HookServer]:
    yield from serve_hooks(server_tls)


@dataclass
class HookHarness:
    channel: Channel
    server: HookServer

    def received(self) -> list[Got]:
        return self.server.received()

    def busy(self) -> None:
        self.server.busy()

    def refuse(self) -> None:
        self.server.refuse()

    def hang(self) -> None:
        self.server.hang()


def webhook_settings(server: HookServer, ca_file: str | None = None, **changes: Any) -> WebhookSettings:
    settings: dict[str, Any] = {
        "url": Secret(server.url),
        "secrets": (Secret(SECRETS[0]),),
        "headers": {"X-Api-Key": Secret("hush-header")},
        "allow_private": True,
        "ca_file": ca_file,
        "timeout": 5.0,
    }
    return WebhookSettings(**(settings | changes))


# --- console -------------------------------------------------------------------------------------------------------


class ConsoleHarness:
    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.channel: Channel = ConsoleChannel("ops", ConsoleSettings(), self.stream)

    def received(self) -> list[Got]:
        shown = self.stream.getvalue()
        blocks = [block for block in shown.split("=== ") if block]
        parts = [block.split("\n", 1) for block in blocks]
        texts = ["\n".join(line.removeprefix("    ") for line in text.split("\n")) for _, text in parts]
        return [Got(title, text, "") for (title, _), text in zip(parts, texts, strict=True)]

    def busy(self) -> None:
        self.stream.close()

    def refuse(self) -> None:
        pytest.skip("a console refuses nothing")

    def hang(self) -> None:
        pytest.skip("a console does not hang")


# --- all of them ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=["console", "smtp-starttls", "smtp-tls", "smtp-plain", "webhook-http", "webhook-https"])
async def harness(
    request: pytest.FixtureRequest, mail_server: MakeMailServer, ca_file: str, server_tls: ssl.SSLContext
) -> AsyncIterator[Harness]:
    kind, _, how = request.param.partition("-")
    if kind == "console":
        yield ConsoleHarness()
    elif kind == "smtp":
        security = SmtpSecurity(how)
        server = await mail_server(security)
        yield MailHarness(build("ops", smtp_settings(server, security, ca_file, timeout=2.0)), server)
    else:
        tls = server_tls if how == "https" else None
        with contextlib.contextmanager(serve_hooks)(tls) as hook:
            settings = webhook_settings(hook, ca_file if tls else None, timeout=2.0)
            yield HookHarness(build("ops", settings), hook)


@pytest.fixture
def data() -> Path:
    return Path(__file__).parents[2] / "data"
