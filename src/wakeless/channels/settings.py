"""What each built-in channel needs to know; `app` fills these from ``wakeless.yaml``.

Nothing here imports a network library, so that reading settings stays cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wakeless.core.secret import Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsoleSettings:
    """A structured log record, and a readable message on stderr."""

    #: Whether the readable message is printed beside the log record.
    stderr: bool = True


class SmtpSecurity(StrEnum):
    """How a connection to a mail server is protected."""

    #: Plain at first, then upgraded before anything is said (port 587); refused if the server cannot.
    STARTTLS = "starttls"
    #: TLS from the first byte (port 465).
    TLS = "tls"
    #: No protection; accepted for a server on this machine only.
    PLAIN = "plain"


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpSettings:
    """E-mail through a submission server."""

    host: str
    #: Whom it is from: ``wakeless@example.org`` or ``Wakeless <wakeless@example.org>``.
    sender: str
    #: Whom it is for; at least one address, each in either form.
    to: tuple[str, ...]
    security: SmtpSecurity = SmtpSecurity.STARTTLS
    #: None: 587 for STARTTLS, 465 for TLS, 25 for plain.
    port: int | None = None
    username: str | None = None
    password: Secret | None = None
    #: Stands before every subject, for example ``[wakeless]``.
    subject_prefix: str = ""
    #: Certificates to trust instead of the machine's own; a PEM file.
    ca_file: str | None = None
    #: Seconds that connecting, and each answer of the server, may take.
    timeout: float = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookSettings:
    """A signed POST, as https://www.standardwebhooks.com describes it."""

    #: ``https://…`` (or ``http://…`` with `allow_private`). Often holds a token, so it prints as stars.
    url: Secret
    #: ``whsec_…`` (shared) or ``whsk_…`` (ed25519) each; every one signs, so that they can be rotated. May be empty:
    #: then nothing is signed and the receiver cannot tell who sent it.
    secrets: tuple[Secret, ...] = ()
    #: More request headers, for example ``Authorization``.
    headers: Mapping[str, Secret] = field(default_factory=dict)
    #: Whether private, loopback and link-local addresses, and plain http, are accepted.
    allow_private: bool = False
    #: Certificates to trust instead of the usual authorities; a PEM file.
    ca_file: str | None = None
    #: Seconds that one delivery may take in all.
    timeout: float = 20.0


#: What `wakeless.channels.build.build` accepts for the built-in channels, by the ``type`` written in the file.
BUILTIN_SETTINGS: Mapping[str, type[ConsoleSettings] | type[SmtpSettings] | type[WebhookSettings]] = {
    "console": ConsoleSettings,
    "smtp": SmtpSettings,
    "webhook": WebhookSettings,
}
