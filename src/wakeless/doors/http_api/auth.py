"""Who is calling, and what they may do.

A caller shows a token: ``Authorization: Bearer …``, ``Authorization: Basic name:token``, or ``X-Api-Key: …``. On a
loopback address without any principal configured, whoever can connect is the principal ``local`` and may do everything;
browsers are kept from being used for that by foreign pages.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from wakeless.core.secret import Secret
from wakeless.doors.http_api.errors import Forbidden, Unauthenticated

Headers = Mapping[bytes, bytes]


class Permission(StrEnum):
    """What a principal may do."""

    #: Send alarms.
    SEND = "send"
    #: Look at everything.
    READ = "read"
    #: Retry, cancel and close incidents.
    OPERATE = "operate"
    #: Decide approvals it is named for.
    APPROVE = "approve"
    #: Throw the kill switch.
    ADMIN = "admin"


_P = Permission
#: Nobody can act on what they cannot see, and who may operate may also put in an alarm by hand.
_IMPLIED: Mapping[Permission, frozenset[Permission]] = {
    _P.SEND: frozenset({_P.SEND}),
    _P.READ: frozenset({_P.READ}),
    _P.OPERATE: frozenset({_P.OPERATE, _P.READ, _P.SEND}),
    _P.APPROVE: frozenset({_P.APPROVE, _P.READ}),
    _P.ADMIN: frozenset(_P),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who is calling."""

    #: Decisions are recorded under it.
    name: str
    groups: frozenset[str] = frozenset()
    may: frozenset[Permission] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A principal and the tokens that prove it."""

    name: str
    tokens: tuple[Secret, ...] = ()
    groups: frozenset[str] = frozenset()
    may: frozenset[Permission] = field(default_factory=lambda: frozenset({Permission.READ}))
    #: The one source of alarms (``sns``, ``eventbridge``, ``alertmanager``) whose address this token opens; None for
    #: principals, which are not bound to one.
    source: str | None = None

    def principal(self) -> Principal:
        """Return who this is, with all that its permissions imply."""
        implied = frozenset(granted for permission in self.may for granted in _IMPLIED[permission])
        return Principal(name=self.name, groups=self.groups, may=implied)


#: Whoever connects to a loopback address where nobody is configured.
LOCAL = Principal(name="local", may=frozenset(Permission))


@dataclass(frozen=True, slots=True)
class _Entry:
    digest: bytes
    name: bytes
    source: str | None
    principal: Principal


class Authenticator:
    """Finds out who is calling."""

    def __init__(self, accounts: Iterable[Account] = (), *, loopback: bool) -> None:
        accounts = tuple(accounts)
        self._entries = tuple(
            _Entry(_digest(token.reveal().encode()), account.name.encode(), account.source, account.principal())
            for account in accounts
            for token in account.tokens
            if token
        )
        # A token for a source of alarms alone must not lock everybody out of the rest.
        self._open = loopback and all(entry.source is not None for entry in self._entries)
        self._guarded_sources = frozenset(entry.source for entry in self._entries if entry.source is not None)

    def identify(self, headers: Headers, method: str = "GET", source: str | None = None) -> Principal:
        """Return who is calling; ``source`` is the source of alarms that the address is for.

        Raises `Unauthenticated`, or `Forbidden` when a foreign page's request came through a browser.
        """
        authorization = headers.get(b"authorization")
        key = headers.get(b"x-api-key")
        if authorization is None and key is None:
            if not self._open or (source is not None and source in self._guarded_sources):
                raise Unauthenticated("a token is needed: Authorization: Bearer …")
            _check_local(headers, method)
            return LOCAL
        if authorization is None:
            found = self._find(key or b"", source)
        else:
            found = self._by_authorization(authorization, source)
        if found is None:
            raise Unauthenticated("this token is not known")
        return found

    def by_token(self, token: str, source: str | None) -> Principal | None:
        """Return whose token it is, or None."""
        return self._find(token.encode(errors="replace"), source)

    def _by_authorization(self, value: bytes, source: str | None) -> Principal | None:
        scheme, _, credentials = value.partition(b" ")
        credentials = credentials.strip()
        if scheme.lower() == b"bearer":
            return self._find(credentials, source)
        if scheme.lower() != b"basic":
            return None
        try:
            name, colon, password = base64.b64decode(credentials, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return None
        return self._find(password, source, name) if colon else None

    def _find(self, token: bytes, source: str | None, name: bytes | None = None) -> Principal | None:
        # Every entry is compared, and digests at that: how long it takes tells nothing.
        digest = _digest(token)
        found = None
        for entry in self._entries:
            same = hmac.compare_digest(entry.digest, digest)
            if same and (name is None or name == entry.name) and (entry.source is None or entry.source == source):
                found = entry.principal
        return found if token else None


def demand(principal: Principal, permission: Permission) -> None:
    """Raise `Forbidden` unless the principal has the permission."""
    if permission not in principal.may:
        raise Forbidden(f"{principal.name} lacks the permission `{permission}`")


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine itself."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


#: Host headers that were seen to be loopback: parsing one costs more than all the rest of letting `local` in.
_KNOWN_HOSTS: set[bytes] = {b"localhost", b"127.0.0.1", b"[::1]"}
_MAX_KNOWN_HOSTS = 256
#: What a reverse proxy adds: the request is somebody else's, though it comes from this machine.
_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})


def _check_local(headers: Headers, method: str) -> None:
    """Refuse what a web page from elsewhere makes a browser send: cross-site requests and rebound names."""
    if not _FORWARDED.isdisjoint(headers):
        raise Forbidden("this server trusts its own machine only and was asked through a proxy; configure a token")
    host = headers.get(b"host", b"")
    if host and host not in _KNOWN_HOSTS:
        if not is_loopback(_host_of(b"//" + host)):
            raise Forbidden("this server trusts its own machine only and was asked by another name; configure a token")
        if len(_KNOWN_HOSTS) < _MAX_KNOWN_HOSTS:
            _KNOWN_HOSTS.add(host)
    if method in ("GET", "HEAD"):
        return
    origin = headers.get(b"origin")
    if origin is not None and not is_loopback(_host_of(origin)):
        raise Forbidden("a web page from elsewhere may not do this")
    if headers.get(b"sec-fetch-site", b"none") not in (b"same-origin", b"none"):
        raise Forbidden("a web page from elsewhere may not do this")


def _host_of(url: bytes) -> str:
    try:
        parts = urlsplit(url.decode("latin-1"))
        _ = parts.port  # raises when it is none
        return parts.hostname or ""
    except ValueError:
        return ""
