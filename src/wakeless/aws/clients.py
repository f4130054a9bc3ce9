"""The one place that makes AWS clients.

The SDK is imported when the first client is made: a server that never calls AWS does not carry it (35 MB and half a
second for the first client). The SDK blocks, so every call runs in a small pool of threads of its own; clients are
shared between threads, which boto3 allows, and made under a lock, which it asks for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from wakeless.aws.errors import AwsRefused, AwsUnavailable
from wakeless.aws.settings import AssumeRole, AwsSettings

T = TypeVar("T")

DEFAULT_REGION = "us-east-1"

#: Codes that say "later", whatever their HTTP status; from botocore's retry lists and the services' error pages.
_BUSY = frozenset(
    {
        "BandwidthLimitExceeded",
        "ConcurrentModification",
        "EC2ThrottledException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "InternalServiceFault",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)  # fmt: skip
#: Credentials that are renewed by themselves: the next call may carry better ones.
_STALE_LOGIN = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
#: SDK errors, by name, after which nothing changes by asking again: the call or the configuration is wrong.
_MISTAKES = frozenset(
    {
        "ConfigNotFound",
        "ConfigParseError",
        "DataNotFoundError",
        "InvalidConfigError",
        "InvalidEndpointConfigurationError",
        "InvalidRegionError",
        "InvalidRetryConfigurationError",
        "NoRegionError",
        "ParamValidationError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "UnknownRegionError",
        "UnknownServiceError",
        "ValidationError",
    }
)


class AwsClients:
    """Makes and keeps boto3 clients, one per service and region, and calls them off the event loop.

    Call `close` when done; clients are not usable afterwards.
    """

    def __init__(self, settings: AwsSettings | None = None) -> None:
        self._settings = settings or AwsSettings()
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._pool = ThreadPoolExecutor(max_workers=self._settings.threads, thread_name_prefix="aws")

    def client(self, service: str, region: str | None = None) -> Any:
        """Return the client of ``service`` (boto3's name) in ``region``, or in the settings' region.

        Blocks while it makes a client for the first time; on an event loop use `call` or `run`.
        Raises `AwsRefused` for an unknown service, region or profile.
        """
        key = (service, region)
        client = self._clients.get(key)
        if client is not None:
            return client
        with self._lock:
            if key not in self._clients:
                self._clients[key] = _mapped(partial(self._make, service, region))
            return self._clients[key]

    def region(self) -> str:
        """Return the region that is used where none is asked for. Blocks for the first time."""
        with self._lock:
            return str(self._shared_session().region_name or DEFAULT_REGION)

    async def call(
        self, service: str, operation: str, /, *, region: str | None = None, **params: Any
    ) -> dict[str, Any]:
        """Call ``operation`` (``describe_alarms``) of ``service`` and return its answer without the SDK's metadata.

        Raises `AwsUnavailable` or `AwsRefused`. ``region`` chooses the client and is never sent as a parameter.
        """

        def once() -> dict[str, Any]:
            answer: dict[str, Any] = getattr(self.client(service, region), operation)(**params)
            answer.pop("ResponseMetadata", None)
            return answer

        return await self.run(once)

    async def run(self, work: Callable[[], T]) -> T:
        """Run ``work`` (a few SDK calls, a body to read) in the pool; SDK errors become ours.

        Cancelling the caller does not stop a call that is under way; its time limits do.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(_mapped, work))

    def close(self) -> None:
        """Begin nothing more and close the connections that rest; calls under way end by their own time limits."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _make(self, service: str, region: str | None) -> Any:
        settings = self._settings
        session = self._shared_session()
        try:
            return session.client(
                service,
                region_name=region or session.region_name or DEFAULT_REGION,
                endpoint_url=settings.endpoints.get(service, settings.endpoint_url),
                verify=settings.ca_bundle,
                config=_config(settings),
            )
        except ValueError as error:
            if type(error) is not ValueError:
                raise  # one of the SDK's own errors
            # Its word for an endpoint that is no URL.
            raise AwsRefused(f"{service}: {error}", "InvalidEndpoint") from error

    def _shared_session(self) -> Any:
        if self._session is None:
            self._session = _session(self._settings)
        return self._session


def _session(settings: AwsSettings) -> Any:
    import boto3  # start-up time and memory: most servers never call AWS

    secret, token = settings.secret_access_key, settings.session_token
    base = boto3.Session(
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=secret.reveal() if secret else None,
        aws_session_token=token.reveal() if token else None,
        region_name=settings.region,
        profile_name=settings.profile,
    )
    return _assumed(base, settings, settings.assume_role) if settings.assume_role else base


def _assumed(base: Any, settings: AwsSettings, role: AssumeRole) -> Any:
    """Return a session that wears ``role`` and renews it by itself, a quarter of an hour before it ends."""
    import boto3
    import botocore.session
    from botocore.credentials import CredentialProvider, CredentialResolver, DeferredRefreshableCredentials

    sts = base.client(
        "sts",
        region_name=base.region_name or DEFAULT_REGION,
        endpoint_url=settings.endpoints.get("sts", settings.endpoint_url),
        verify=settings.ca_bundle,
        config=_config(settings),
    )

    def renew() -> dict[str, str]:
        answer = sts.assume_role(
            RoleArn=role.arn,
            RoleSessionName=role.session_name,
            DurationSeconds=role.duration,
            **({"ExternalId": role.external_id.reveal()} if role.external_id else {}),
        )["Credentials"]
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": answer["Expiration"].isoformat(),
        }

    class _Role(CredentialProvider):
        METHOD = "wakeless-assume-role"
        CANONICAL_NAME = "custom-wakeless-assume-role"

        def load(self) -> Any:
            return DeferredRefreshableCredentials(refresh_using=renew, method=self.METHOD)

    inner = botocore.session.Session(profile=settings.profile)
    inner.register_component("credential_provider", CredentialResolver([_Role()]))
    return boto3.Session(botocore_session=inner, region_name=base.region_name)


def _config(settings: AwsSettings) -> Any:
    from botocore.config import Config

    return Config(
        retries={"mode": settings.retry_mode.value, "total_max_attempts": settings.max_attempts},
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        max_pool_connections=settings.max_connections,
        user_agent_extra="wakeless",
        # Behind an endpoint of one's own, bucket names are rarely host names.
        s3={"addressing_style": "path"} if "s3" in settings.endpoints or settings.endpoint_url else None,
    )


def _mapped(work: Callable[[], T]) -> T:
    """Do ``work``; the SDK's errors become ours."""
    # The SDK is loaded by the time one of its errors can be raised, and this costs nothing then.
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return work()
    except ClientError as error:
        raise from_client_error(error.response, error.operation_name) from error
    except BotoCoreError as error:
        name = type(error).__name__
        if name in _MISTAKES:
            raise AwsRefused(str(error), name) from error
        raise AwsUnavailable(str(error), name) from error


def from_client_error(response: Mapping[str, Any], operation: str) -> AwsUnavailable | AwsRefused:
    """Say what an error answer of AWS means; ``response`` as botocore's ``ClientError.response``."""
    error = response.get("Error", {})
    code = str(error.get("Code") or "")
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    # What answers is not always AWS: a proxy's page of HTML becomes one line of bearable length.
    words = " ".join(str(error.get("Message") or "no message").split())[:500]
    text = f"{operation}: {code}: {words}" + (f" (HTTP {status})" if status else "")
    if code in _BUSY or code in _STALE_LOGIN or status == 429 or (status >= 500 and status != 501):
        return AwsUnavailable(text, code)
    return AwsRefused(text, code, status)
