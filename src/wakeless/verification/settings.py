"""What is needed to ask an alarm's source; `app` fills these from ``wakeless.yaml``. Imports no network library."""

from __future__ import annotations

from dataclasses import dataclass

from wakeless.core.secret import Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertmanagerApi:
    """Where Alertmanager answers, and who we are there."""

    #: As its web page is reached, path prefix included: ``http://alertmanager:9093``. Several of one cluster are
    #: asked in turn until one answers.
    urls: tuple[str, ...]
    #: Basic authentication, when `username` is given; else `token` as a bearer token, when that is given.
    username: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    #: Certificates to trust instead of the usual authorities; a PEM file.
    ca_file: str | None = None
    #: Seconds that one answer may take in all.
    timeout: float = 10.0
