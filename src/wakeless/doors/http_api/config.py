"""What this door is told when it is built."""

from __future__ import annotations

from dataclasses import dataclass

from wakeless.alarms.inbound.signature import MAX_AGE
from wakeless.core.secret import Secret
from wakeless.doors.http_api.auth import Account


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpConfig:
    """Settings of the HTTP API."""

    #: Whether the server listens on a loopback address only (`auth.is_loopback`).
    loopback: bool
    #: Who may call, and the tokens of the sources of alarms.
    accounts: tuple[Account, ...] = ()
    #: Topic ARNs or globs whose messages are taken. Empty: every topic on loopback, none beyond.
    sns_topics: tuple[str, ...] = ()
    #: A word that must end the subscription's address, ``/v1/sns/<word>``.
    sns_secret: Secret | None = None
    #: Seconds after which a signed message counts as replayed.
    sns_max_age: float = MAX_AGE
    #: Origins (``https://host:port``) trusted like SNS's own: stand-ins for AWS.
    sns_trusted_origins: frozenset[str] = frozenset()
    #: Streams of events open at once.
    max_streams: int = 200
