"""Tell people by e-mail through a submission server.

The standard library's client runs in a thread of its own for each delivery; cancelling the delivery shuts the
connection, so a server that keeps us waiting keeps nothing else waiting. Replies of the 4xx kind are tried again and
those of the 5xx kind are final (RFC 5321, section 4.2.1). If the connection breaks after the text was sent, nobody
knows whether it was accepted: it is sent again with the same Message-ID, by which mailbox servers drop repetitions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from email import policy
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses

from wakeless.channels.addresses import is_loopback
from wakeless.channels.kind import ChannelKind, problem
from wakeless.channels.settings import SmtpSecurity, SmtpSettings
from wakeless.core.problems import Problem
from wakeless.escalation.plain import clip, one_line, plain
from wakeless.escalation.ports import ChannelRefused, ChannelUnavailable, Message, MessageKind, Receipt

logger = logging.getLogger(__name__)

_PORTS = {SmtpSecurity.STARTTLS: 587, SmtpSecurity.TLS: 465, SmtpSecurity.PLAIN: 25}
#: Seven bits: not every server that we may meet promises to carry eight.
_POLICY = policy.SMTP.clone(cte_type="7bit")
#: Characters of a text that are sent: most servers refuse mails beyond 10 to 50 MB, and nobody reads so much.
_TEXT_LIMIT = 100_000
_SUBJECT_LIMIT = 200
#: What may stand left of the @ in a Message-ID without quotes (RFC 5322, section 3.2.3: dot-atom).
_NOT_ATOM = re.compile(r"[^A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]")
_MESSAGE_ID = re.compile(r"<[^<>\s@\x00-\x1f\x7f-\uffff]{1,200}@[^<>\s@\x00-\x1f\x7f-\uffff]{1,250}>")


class SmtpChannel:
    """Mails messages to one list of people."""

    def __init__(self, name: str, settings: SmtpSettings) -> None:
        self._name = name
        self._settings = settings
        self._sender = _address(settings.sender)
        self._to = tuple(_address(one) for one in settings.to)

    @property
    def name(self) -> str:
        """Its name in the settings."""
        return self._name

    async def send(self, message: Message) -> Receipt:
        """Mail ``message``; raises `ChannelUnavailable` or `ChannelRefused`.

        It counts as delivered when the server took it for at least one recipient; the others are logged.
        """
        mail = self.mail(message)
        delivery = _Delivery(self._settings, self._sender.addr_spec, [one.addr_spec for one in self._to], mail)
        refused = await _in_thread(delivery.run, delivery.abort)
        for recipient, (code, reply) in refused.items():
            extra = {"action": "recipient_refused", "channel": self._name, "incident_id": message.incident_id}
            logger.warning("%s was refused: %s %s", recipient, code, _words(reply), extra=extra)
        return Receipt(reference=str(mail["Message-ID"]))

    def mail(self, message: Message) -> EmailMessage:
        """Return the mail that says ``message``; the same message gives the same Message-ID."""
        mail = EmailMessage(policy=_POLICY)
        mail["From"] = self._sender
        mail["To"] = self._to
        prefix = f"{self._settings.subject_prefix} " if self._settings.subject_prefix else ""
        mail["Subject"] = one_line(prefix + message.title, _SUBJECT_LIMIT)
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = f"<{_NOT_ATOM.sub('_', message.id)}@{self._sender.domain}>"
        if message.in_reply_to and _MESSAGE_ID.fullmatch(message.in_reply_to):
            mail["In-Reply-To"] = message.in_reply_to
            mail["References"] = message.in_reply_to
        # Out-of-office replies to a machine help nobody (RFC 3834; the second one for Exchange).
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail["X-Wakeless-Incident"] = _NOT_ATOM.sub("_", message.incident_id)
        if message.kind is MessageKind.ESCALATED:
            mail["Importance"] = "high"
        mail.set_content(clip(plain(message.text), _TEXT_LIMIT))
        return mail


class _Delivery:
    """One mail on its way; `run` blocks, `abort` ends it from another thread."""

    def __init__(self, settings: SmtpSettings, sender: str, to: list[str], mail: EmailMessage) -> None:
        self._settings = settings
        self._sender = sender
        self._to = to
        self._mail = mail
        self._server: smtplib.SMTP | None = None

    def run(self) -> dict[str, tuple[int, bytes]]:
        """Deliver; return who was refused, with the server's reply. Raises `ChannelUnavailable`, `ChannelRefused`."""
        place = f"{self._settings.host}:{_port(self._settings)}"
        try:
            server = self._server = self._greeted(place)
            self._log_in(server)
            refused = server.send_message(self._mail, self._sender, self._to)
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()  # it has the mail; how we part is all the same
            return refused
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            replies = "; ".join(f"{who}: {code} {_words(said)}" for who, (code, said) in error.recipients.items())
            kind = ChannelRefused if all(code >= 500 for code in codes) else ChannelUnavailable
            raise kind(f"{place} refused all recipients: {clip(replies, 500)}") from None
        except smtplib.SMTPResponseException as error:
            kind = ChannelRefused if error.smtp_code >= 500 else ChannelUnavailable
            raise kind(f"{place} answered {error.smtp_code} {_words(error.smtp_error)}") from None
        except smtplib.SMTPNotSupportedError as error:
            raise ChannelRefused(f"{place}: {error}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelUnavailable(f"{place}: {str(error) or type(error).__name__}") from None
        finally:
            if self._server is not None:
                self._server.close()

    def abort(self) -> None:
        """Make whatever `run` waits for fail at once; before it is connected, its time limit ends it."""
        sock = self._server.sock if self._server is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _greeted(self, place: str) -> smtplib.SMTP:
        try:
            server = self._connect()
            server.ehlo_or_helo_if_needed()
            return server
        except smtplib.SMTPResponseException as error:
            # It would not even talk to us: that says nothing of this mail, whatever the code.
            raise ChannelUnavailable(f"{place} answered {error.smtp_code} {_words(error.smtp_error)}") from None

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        port = _port(settings)
        if settings.security is SmtpSecurity.TLS:
            self._server = smtplib.SMTP_SSL(settings.host, port, timeout=settings.timeout, context=self._tls())
            return self._server
        self._server = server = smtplib.SMTP(settings.host, port, timeout=settings.timeout)
        if settings.security is SmtpSecurity.PLAIN:
            _require_loopback(server, settings.host)
            return server
        server.ehlo_or_helo_if_needed()
        if not server.has_extn("starttls"):
            # Perhaps somebody between us took the offer out: nothing is said in the clear.
            raise ChannelUnavailable(f"{settings.host}:{port} does not offer STARTTLS")
        server.starttls(context=self._tls())
        return server

    def _log_in(self, server: smtplib.SMTP) -> None:
        settings = self._settings
        if settings.username is None or settings.password is None:
            return
        try:
            server.login(settings.username, settings.password.reveal())
        except (smtplib.SMTPResponseException, smtplib.SMTPServerDisconnected):
            raise
        except smtplib.SMTPException as error:  # it offers no login, or none that we can make
            raise ChannelRefused(f"{settings.host}:{_port(settings)}: {error}") from None

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca_file)


def _require_loopback(server: smtplib.SMTP, host: str) -> None:
    """What was connected counts, not what the name looked like."""
    assert server.sock is not None
    address = str(server.sock.getpeername()[0])
    if not is_loopback(address):
        raise ChannelRefused(f"{host} is {address}: without protection, mail is handed to this machine only")


async def _in_thread(
    work: Callable[[], dict[str, tuple[int, bytes]]], abort: Callable[[], None]
) -> dict[str, tuple[int, bytes]]:
    """Run ``work`` in a thread that nobody has to wait for; being cancelled aborts it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[dict[str, tuple[int, bytes]]] = loop.create_future()

    def finish(result: dict[str, tuple[int, bytes]] | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        elif result is not None:
            done.set_result(result)

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001  # handed to whoever awaits
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody awaits
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=run, name="smtp", daemon=True).start()
    try:
        return await done
    except asyncio.CancelledError:
        abort()
        raise


def _port(settings: SmtpSettings) -> int:
    return settings.port if settings.port is not None else _PORTS[settings.security]


def _words(reply: bytes | str) -> str:
    return one_line(reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply, 300)


def _address(text: str) -> Address:
    """Parse ``name@host`` or ``Name <name@host>``; raises `ValueError` for anything else."""
    if plain(text) != text or "\n" in text:
        raise ValueError("holds control characters")
    found = getaddresses([text])
    name, spec = found[0] if len(found) == 1 else ("", "")
    user, _, domain = spec.partition("@")
    if not user or not domain or "@" in domain or any(mark in spec for mark in " ,;<>"):
        raise ValueError("is not one address")
    try:
        # Mail servers know international domains by their ASCII names.
        return Address(display_name=name, username=user, domain=domain.encode("idna").decode("ascii"))
    except (HeaderParseError, IndexError, UnicodeError) as error:
        raise ValueError("is not one address") from error


def check(settings: SmtpSettings) -> list[Problem]:
    """List everything wrong with the settings; connects nowhere."""
    problems = []
    for path, text in (("from", settings.sender), *((f"to[{n}]", one) for n, one in enumerate(settings.to))):
        try:
            _address(text)
        except ValueError as error:
            problems.append(problem(path, str(error), "write name@example.org or Name <name@example.org>"))
    if not settings.to:
        problems.append(problem("to", "names nobody"))
    if not settings.host.strip() or plain(settings.host) != settings.host:
        problems.append(problem("host", "is not a host name"))
    if not 0 < _port(settings) < 65536:
        problems.append(problem("port", "is not between 1 and 65535"))
    if settings.timeout <= 0:
        problems.append(problem("timeout", "must be more than 0 seconds"))
    return [*problems, *_check_login(settings)]


def _check_login(settings: SmtpSettings) -> list[Problem]:
    if (settings.username is None) != (settings.password is None):
        return [problem("username", "and password belong together")]
    if settings.username is None or settings.password is None:
        return []
    if settings.security is SmtpSecurity.PLAIN:
        return [problem("password", "would be sent without protection", "use starttls or tls")]
    # The standard library's client cannot send others, and would quote them in its error.
    return [
        problem(path, "can hold ASCII characters only")
        for path, text in (("username", settings.username), ("password", settings.password.reveal()))
        if not text.isascii()
    ]


KIND = ChannelKind(settings=SmtpSettings, check=check, make=SmtpChannel)
