"""Who gets in by which door, as the settings say it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wakeless.app.settings import Settings, load_settings
from wakeless.doors.aws_api import AcceptUnsigned, RequireSignature
from wakeless.doors.server import Unprotected, _verifier, check_protected

PRINCIPAL = "principals: [{name: alice, token: a-long-enough-token}]\n"
KEY = "access_keys: [{id: AKIAIOSFODNN7EXAMPLE, secret: a-long-enough-secret}]\n"
SettingsOf = Callable[[str], Settings]


@pytest.fixture
def settings_of(tmp_path: Path) -> SettingsOf:
    def read(text: str) -> Settings:
        path = tmp_path / "wakeless.yaml"
        path.write_text(text)
        return load_settings(path, {})

    return read


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", AcceptUnsigned),
        ("listen: '[::1]:4747'\n", AcceptUnsigned),
        (KEY, RequireSignature),
        # One door that asks who it is and one that does not would be no lock: a proxy before them opens both.
        (PRINCIPAL, RequireSignature),
        (PRINCIPAL + KEY, RequireSignature),
        ("listen: 0.0.0.0:4747\n" + PRINCIPAL, RequireSignature),
    ],
)
def test_unsigned_aws_requests_are_for_loopback_where_nobody_is_configured(
    settings_of: SettingsOf, text: str, kind: type
) -> None:
    assert type(_verifier(settings_of(text))) is kind


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.0.0.1", "wakeless.example.org", "127.0.0.1.example.org"])
def test_beyond_loopback_nothing_starts_without_principals(settings_of: SettingsOf, host: str) -> None:
    with pytest.raises(Unprotected):
        check_protected(settings_of(f"listen: '{host}:4747'\n"))
    # An access key protects one door only.
    with pytest.raises(Unprotected):
        check_protected(settings_of(f"listen: '{host}:4747'\n{KEY}"))
    check_protected(settings_of(f"listen: '{host}:4747'\n{PRINCIPAL}"))
