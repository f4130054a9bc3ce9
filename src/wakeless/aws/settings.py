"""Where AWS is and who we are there; `app` fills this from ``wakeless.yaml``. Imports no SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wakeless.core.secret import Secret


class RetryMode(StrEnum):
    """The SDK's ways to retry: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html."""

    STANDARD = "standard"
    #: Standard, and slows down before the service has to say so.
    ADAPTIVE = "adaptive"


@dataclass(frozen=True, kw_only=True, slots=True)
class AssumeRole:
    """A role to take on before anything is called."""

    arn: str
    #: What the role's owner asked us to show; many treat it as a secret.
    external_id: Secret | None = None
    session_name: str = "wakeless"
    #: Seconds that a session lasts; renewed before it ends. AWS accepts 900 to 43,200.
    duration: int = 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsSettings:
    """How every AWS client is made; what is left out comes from the SDK's usual environment, files and metadata."""

    #: None: the SDK's own choice (``AWS_REGION``, the profile), else us-east-1.
    region: str | None = None
    profile: str | None = None
    #: For every service; None: AWS itself, or ``AWS_ENDPOINT_URL``.
    endpoint_url: str | None = None
    #: For one service, before `endpoint_url`: ``{"s3": "http://127.0.0.1:9000"}``. Keys are boto3's service names.
    endpoints: Mapping[str, str] = field(default_factory=dict)
    #: Static keys, for stand-ins and tests; better left to the SDK's own chain.
    access_key_id: str | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    assume_role: AssumeRole | None = None
    retry_mode: RetryMode = RetryMode.STANDARD
    #: Tries in all, the first included.
    max_attempts: int = 4
    #: Seconds to connect / to wait for the next byte of an answer.
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    #: Connections kept per client.
    max_connections: int = 10
    #: Calls that may be under way at once, over all services.
    threads: int = 8
    #: Certificates to trust instead of the usual authorities; a PEM file.
    ca_bundle: str | None = None
