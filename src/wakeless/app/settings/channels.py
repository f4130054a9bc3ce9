"""The ``channels`` section: ways to reach people."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wakeless.app.settings.values import FilePath, NameList, PositiveSeconds, SecretText, Section, Text
from wakeless.channels.settings import ConsoleSettings, SmtpSecurity, SmtpSettings, WebhookSettings


class ConsoleChannel(Section):
    """A log record, and a readable message on stderr."""

    kind: Literal["console"] = Field(description="`console`.")
    stderr: bool = Field(default=True, description="Whether the readable message is printed beside the log record.")

    def record(self) -> ConsoleSettings:
        """Return what the channel is built from."""
        return ConsoleSettings(stderr=self.stderr)


class SmtpChannel(Section):
    """E-mail through a submission server."""

    kind: Literal["smtp"] = Field(description="`smtp`.")
    host: Text = Field(description="The mail server.")
    sender: Text = Field(alias="from", description="`wakeless@example.org` or `Wakeless <wakeless@example.org>`.")
    to: Annotated[NameList, Field(min_length=1)] = Field(description="Addresses it is for, in either form.")
    security: SmtpSecurity = Field(
        default=SmtpSecurity.STARTTLS,
        description="`starttls`, `tls` (from the first byte), or `plain`, for a server on this machine only.",
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None, description="Unset: 587 for `starttls`, 465 for `tls`, 25 for `plain`."
    )
    username: Text | None = Field(default=None, description="Login name, when the server asks for one.")
    password: SecretText | None = Field(default=None, description="Its password.")
    subject_prefix: str = Field(default="", description="Stands before every subject.")
    ca_file: FilePath | None = Field(
        default=None, description="Certificates to trust instead of the machine's own; PEM."
    )
    timeout: PositiveSeconds = Field(default=20.0, description="How long connecting, and each answer, may take.")

    def record(self) -> SmtpSettings:
        """Return what the channel is built from."""
        return SmtpSettings(
            host=self.host,
            sender=self.sender,
            to=self.to,
            security=self.security,
            port=self.port,
            username=self.username,
            password=self.password,
            subject_prefix=self.subject_prefix,
            ca_file=str(self.ca_file) if self.ca_file else None,
            timeout=self.timeout,
        )


class WebhookChannel(Section):
    """A signed POST, as standardwebhooks.com describes it."""

    kind: Literal["webhook"] = Field(description="`webhook`.")
    url: SecretText = Field(description="Where to; kept secret, because such addresses often hold a token.")
    secret: SecretText | None = Field(
        default=None, description="`whsec_…` (shared) or `whsk_…` (ed25519) that signs. Unset: nothing is signed."
    )
    secrets: tuple[SecretText, ...] = Field(
        default=(), description="More of them, so that they can be rotated; every one signs."
    )
    headers: dict[Text, SecretText] = Field(
        default={}, description="More request headers, for example `Authorization`."
    )
    allow_private: bool = Field(
        default=False, description="Whether private, loopback and link-local addresses, and plain http, are accepted."
    )
    ca_file: FilePath | None = Field(
        default=None, description="Certificates to trust instead of the usual authorities; PEM."
    )
    timeout: PositiveSeconds = Field(default=20.0, description="How long one delivery may take in all.")

    def record(self) -> WebhookSettings:
        """Return what the channel is built from."""
        return WebhookSettings(
            url=self.url,
            secrets=((self.secret,) if self.secret else ()) + self.secrets,
            headers=self.headers,
            allow_private=self.allow_private,
            ca_file=str(self.ca_file) if self.ca_file else None,
            timeout=self.timeout,
        )


ChannelSettings = Annotated[ConsoleChannel | SmtpChannel | WebhookChannel, Field(discriminator="kind")]
