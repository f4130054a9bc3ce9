from __future__ import annotations

import pytest

from wakeless.core.secret import Secret
from wakeless.doors.http_api import Account, Authenticator, Permission, is_loopback
from wakeless.doors.http_api.auth import LOCAL, demand
from wakeless.doors.http_api.errors import Forbidden, Unauthenticated


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("app.localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.evil.example", False),
        ("evil-localhost", False),
        ("", False),
        ("127.1", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_permissions_imply_what_they_need() -> None:
    may = {permission: Account(name="a", may=frozenset({permission})).principal().may for permission in Permission}
    assert may[Permission.SEND] == {Permission.SEND}
    assert may[Permission.READ] == {Permission.READ}
    assert may[Permission.OPERATE] == {Permission.OPERATE, Permission.READ, Permission.SEND}
    assert may[Permission.APPROVE] == {Permission.APPROVE, Permission.READ}
    assert may[Permission.ADMIN] == set(Permission)


def test_an_account_without_a_word_may_only_look() -> None:
    assert Account(name="a").principal().may == {Permission.READ}


def test_what_is_not_permitted_is_forbidden_by_name() -> None:
    with pytest.raises(Forbidden, match="viewer lacks the permission `admin`"):
        demand(Account(name="viewer").principal(), Permission.ADMIN)
    demand(LOCAL, Permission.ADMIN)


def test_an_empty_token_opens_nothing() -> None:
    authenticator = Authenticator((Account(name="a", tokens=(Secret(""),)),), loopback=False)
    for headers in ({b"authorization": b"Bearer "}, {b"authorization": b"Bearer"}, {b"x-api-key": b""}, {}):
        with pytest.raises(Unauthenticated):
            authenticator.identify(headers)
    assert authenticator.by_token("", None) is None


def test_tokens_may_hold_any_characters() -> None:
    token = "tökén/+=:"
    authenticator = Authenticator((Account(name="a", tokens=(Secret(token),)),), loopback=False)
    assert authenticator.identify({b"authorization": b"Bearer " + token.encode()}).name == "a"
    found = authenticator.by_token(token, None)
    assert found is not None
    assert authenticator.by_token("\ud800", None) is None


def test_a_request_without_a_host_is_let_in_on_loopback() -> None:
    assert Authenticator(loopback=True).identify({}) is LOCAL


def test_odd_hosts_are_refused_and_not_remembered() -> None:
    authenticator = Authenticator(loopback=True)
    for host in (b"[", b"@", b"127.0.0.1@evil.example", b"\xff", b"127.0.0.1:port:80.evil"):
        with pytest.raises(Forbidden):
            authenticator.identify({b"host": host})
        with pytest.raises(Forbidden):
            authenticator.identify({b"host": host})
    for number in range(1_000):
        assert authenticator.identify({b"host": f"127.0.0.1:{number}".encode()}) is LOCAL
