"""AWS Signature Version 4, seen from the server: pure verification of header and presigned forms.

The rules are those of AWS's "Create a signed request" pages; the texts are AWS's own where they are known.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import quote_from_bytes, unquote_to_bytes

from wakeless.core.secret import Secret
from wakeless.doors.aws_api.errors import AwsError

ALGORITHM = "AWS4-HMAC-SHA256"
#: How far a client's clock may be off; AWS allows five minutes for most services.
MAX_SKEW = timedelta(minutes=5)
#: A presigned request lives for a week at most.
MAX_EXPIRES_SECONDS = 604_800

#: What a reverse proxy adds: the request is somebody else's, though it comes from this machine.
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_UNRESERVED = "-_.~"
_TERMINATOR = "aws4_request"
_DATE_SHAPE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_SHA256_SHAPE = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key"
    " and signing method. Consult the service documentation for details."
)
_INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105 - AWS's text


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who sends a request, as ``GetCallerIdentity`` would say it."""

    arn: str
    user_id: str
    account: str
    #: Empty when the request carried none.
    access_key_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """One access key; temporary when it has a session token."""

    access_key_id: str
    secret_access_key: Secret
    caller: Caller
    session_token: Secret | None = None
    #: After this moment a temporary credential is refused.
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WireRequest:
    """A request as it was transferred: nothing decoded, nothing inflated."""

    method: str
    #: The path before the ``?``, with its percent signs.
    raw_path: bytes
    query_string: bytes
    #: Names in lower case; repeated headers stay apart, in order.
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return one header's value; repeated ones are joined by commas."""
        wanted = name.encode("latin-1")
        values = [value.decode("latin-1").strip() for key, value in self.headers if key == wanted]
        return ",".join(values) if values else None


#: Finds a credential by its access key id.
FindCredential = Callable[[str], Credential | None]


class Verifier(Protocol):
    """The policy that says whose requests are accepted; the application chooses one."""

    def authenticate(self, request: WireRequest, *, services: Collection[str], now: datetime) -> Caller:
        """Return who is calling; raises `AwsError` if the request is not accepted."""
        ...


class RequireSignature:
    """Every request must be signed with a known access key: wherever keys are configured, or beyond loopback."""

    def __init__(self, find: FindCredential, *, max_skew: timedelta = MAX_SKEW) -> None:
        self._find = find
        self._max_skew = max_skew

    def authenticate(self, request: WireRequest, *, services: Collection[str], now: datetime) -> Caller:
        """Return the caller whose key signed the request."""
        return verify(request, find=self._find, services=services, now=now, max_skew=self._max_skew).caller


class AcceptUnsigned:
    """Every request is accepted as one local user's: only where nobody but this machine can connect.

    A browser on this machine is refused: any page that it shows could post a form to us.
    """

    def __init__(self, *, account: str = "000000000000", user: str = "local") -> None:
        self._account = account
        self._user = user

    def authenticate(self, request: WireRequest, *, services: Collection[str], now: datetime) -> Caller:
        """Return the local user; a signature is neither asked for nor checked."""
        if any(request.header(name) is not None for name in FORWARDED):
            raise AwsError("AccessDenied", "Unsigned requests are accepted from this machine, not through a proxy.")
        from_browser = request.header("origin") is not None or request.header("sec-fetch-site") is not None
        if from_browser or request.method != "POST":
            raise AwsError("AccessDenied", "Unsigned requests are accepted from programs only, not from a browser.")
        return Caller(
            arn=f"arn:aws:iam::{self._account}:user/{self._user}",
            user_id="AIDAWAKELESSLOCAL0001",
            account=self._account,
            access_key_id=claimed_access_key(request) or "",
        )


def known_keys(credentials: Sequence[Credential]) -> FindCredential:
    """Return a look-up over a fixed list."""
    return {credential.access_key_id: credential for credential in credentials}.get


@dataclass(frozen=True, kw_only=True, slots=True)
class _Claim:
    """What a request says about its own signature."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: Sequence[str]
    signature: str
    timestamp: str
    presigned: bool
    session_token: str | None
    #: Seconds; presigned requests only.
    expires: int | None = None

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{_TERMINATOR}"


def verify(
    request: WireRequest,
    *,
    find: FindCredential,
    services: Collection[str],
    now: datetime,
    max_skew: timedelta = MAX_SKEW,
) -> Credential:
    """Return the credential that signed ``request``.

    Raises `AwsError`: MissingAuthenticationToken, IncompleteSignature, SignatureDoesNotMatch, InvalidClientTokenId or
    ExpiredToken.
    """
    headers = _canonical_headers(request.headers)
    query = _query_pairs(request.query_string)
    claim = _read_claim(request, headers, query)
    _check_headers(claim, headers)
    _check_scope(claim, services)
    _check_time(claim, now, max_skew)
    credential = find(claim.access_key_id)
    if credential is None:
        raise AwsError("InvalidClientTokenId", _INVALID_TOKEN)
    expected = _signature(request, claim, headers, query, credential.secret_access_key)
    if not hmac.compare_digest(expected, claim.signature.encode("utf-8", "replace")):
        raise AwsError("SignatureDoesNotMatch", _MISMATCH)
    # Only who knows the secret key learns anything about the token.
    _check_token(claim, credential, now)
    return credential


def claimed_scope(request: WireRequest) -> tuple[str, str] | None:
    """Return region and service of the credential's scope, unverified; none if there is no readable one."""
    credential = _claimed_credential(request)
    return (credential[2], credential[3]) if credential else None


def claimed_access_key(request: WireRequest) -> str | None:
    """Return the access key id a request names, unverified."""
    credential = _claimed_credential(request)
    return credential[0] if credential else None


def _claimed_credential(request: WireRequest) -> list[str] | None:
    authorization = request.header("authorization")
    if authorization is not None:
        text = _authorization_fields(authorization).get("Credential", "")
    else:
        text = dict(_query_pairs(request.query_string)).get(b"X-Amz-Credential", b"").decode("utf-8", "replace")
    parts = text.rsplit("/", 4)
    return parts if len(parts) == 5 else None


def _authorization_fields(authorization: str) -> dict[str, str]:
    _, _, rest = authorization.partition(" ")
    fields: dict[str, str] = {}
    for part in rest.split(","):
        name, separator, value = part.strip().partition("=")
        if separator:
            fields[name] = value
    return fields


def _read_claim(request: WireRequest, headers: Mapping[str, bytes], query: Sequence[tuple[bytes, bytes]]) -> _Claim:
    authorization = request.header("authorization")
    if authorization is not None:
        return _claim_of_header(authorization, headers)
    parameters = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in query}
    if "X-Amz-Algorithm" in parameters or "X-Amz-Signature" in parameters:
        return _claim_of_query(parameters)
    raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token")


def _claim_of_header(authorization: str, headers: Mapping[str, bytes]) -> _Claim:
    if authorization.split(" ", 1)[0] != ALGORITHM:
        raise AwsError("IncompleteSignature", f"Unsupported AWS 'algorithm': '{authorization.split(' ', 1)[0][:64]}'.")
    fields = _authorization_fields(authorization)
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not fields.get(name)]
    timestamp = _timestamp_of(headers)
    if missing or timestamp is None:
        lines = [f"Authorization header requires '{name}' parameter." for name in missing]
        if timestamp is None:
            lines.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        raise AwsError("IncompleteSignature", " ".join(lines))
    token = headers.get("x-amz-security-token")
    access_key_id, date, region, service = _split_credential(fields["Credential"])
    return _Claim(
        access_key_id=access_key_id,
        date=date,
        region=region,
        service=service,
        signed_headers=fields["SignedHeaders"].lower().split(";"),
        signature=fields["Signature"],
        timestamp=timestamp,
        presigned=False,
        session_token=token.decode("latin-1") if token is not None else None,
    )


def _claim_of_query(parameters: Mapping[str, str]) -> _Claim:
    wanted = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    missing = [name for name in wanted if not parameters.get(f"X-Amz-{name}")]
    if missing:
        lines = [f"AWS query-string parameters must include 'X-Amz-{name}'." for name in missing]
        raise AwsError("IncompleteSignature", " ".join(lines) + " Re-examine the query-string parameters.")
    if parameters["X-Amz-Algorithm"] != ALGORITHM:
        raise AwsError("IncompleteSignature", f"Unsupported AWS 'algorithm': '{parameters['X-Amz-Algorithm'][:64]}'.")
    expires = parameters["X-Amz-Expires"]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 6 and int(expires) <= MAX_EXPIRES_SECONDS):
        raise AwsError("IncompleteSignature", f"X-Amz-Expires must be between 0 and {MAX_EXPIRES_SECONDS} seconds")
    access_key_id, date, region, service = _split_credential(parameters["X-Amz-Credential"])
    return _Claim(
        access_key_id=access_key_id,
        date=date,
        region=region,
        service=service,
        signed_headers=parameters["X-Amz-SignedHeaders"].lower().split(";"),
        signature=parameters["X-Amz-Signature"],
        timestamp=parameters["X-Amz-Date"],
        presigned=True,
        session_token=parameters.get("X-Amz-Security-Token"),
        expires=int(expires),
    )


def _split_credential(text: str) -> tuple[str, str, str, str]:
    parts = text.rsplit("/", 4)  # an access key id may hold slashes, the other parts may not
    if len(parts) != 5:
        raise AwsError(
            "IncompleteSignature",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term,"
            f" got '{text[:128]}'",
        )
    access_key_id, date, region, service, terminator = parts
    if terminator != _TERMINATOR:
        raise AwsError(
            "SignatureDoesNotMatch",
            f"Credential should be scoped with a valid terminator: '{_TERMINATOR}', not '{terminator[:64]}'.",
        )
    if not region:
        raise AwsError("SignatureDoesNotMatch", "Credential should be scoped to a valid region. ")
    return access_key_id, date, region, service


def _timestamp_of(headers: Mapping[str, bytes]) -> str | None:
    given = headers.get("x-amz-date")
    if given is not None:
        return given.decode("latin-1")
    date = headers.get("date")
    if date is None:
        return None
    text = date.decode("latin-1")
    if _DATE_SHAPE.fullmatch(text):
        return text
    try:
        return parsedate_to_datetime(text).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _check_headers(claim: _Claim, headers: Mapping[str, bytes]) -> None:
    signed = set(claim.signed_headers)
    if "host" not in signed:
        raise AwsError("SignatureDoesNotMatch", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    absent = [name for name in claim.signed_headers if name not in headers]
    if absent:
        raise AwsError("SignatureDoesNotMatch", _MISMATCH)
    unsigned = sorted(name for name in headers if name.startswith("x-amz-") and name not in signed)
    if unsigned:
        raise AwsError(
            "SignatureDoesNotMatch",
            f"There were headers present in the request which were not signed: {', '.join(unsigned)}",
        )


def _check_scope(claim: _Claim, services: Collection[str]) -> None:
    if not _DATE_SHAPE.fullmatch(claim.timestamp):
        raise AwsError("IncompleteSignature", f"Date must be in ISO-8601 'basic format'. Got '{claim.timestamp[:64]}'.")
    if claim.date != claim.timestamp[:8]:
        raise AwsError(
            "SignatureDoesNotMatch",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:"
            f" '{claim.date[:64]}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'.",
        )
    if claim.service not in services:
        names = "', '".join(sorted(services))
        raise AwsError("SignatureDoesNotMatch", f"Credential should be scoped to correct service: '{names}'. ")


def _check_time(claim: _Claim, now: datetime, max_skew: timedelta) -> None:
    try:
        signed_at = datetime.strptime(claim.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise AwsError(
            "IncompleteSignature", f"Date must be in ISO-8601 'basic format'. Got '{claim.timestamp}'."
        ) from None
    lifetime = max_skew if claim.expires is None else timedelta(seconds=claim.expires)
    minutes = int(max_skew.total_seconds() // 60)
    # Compared as spans: a moment near the year 9999 plus five minutes is no moment.
    if now - signed_at > lifetime:
        limit = f"{_basic(now - lifetime)} ({_basic(now)} - {_span(lifetime)})"
        raise AwsError("SignatureDoesNotMatch", f"Signature expired: {claim.timestamp} is now earlier than {limit}")
    if signed_at - now > max_skew:
        limit = f"{_basic(now + max_skew)} ({_basic(now)} + {minutes} min.)"
        raise AwsError(
            "SignatureDoesNotMatch", f"Signature not yet current: {claim.timestamp} is still later than {limit}"
        )


def _check_token(claim: _Claim, credential: Credential, now: datetime) -> None:
    if credential.session_token is None:
        if claim.session_token is not None:
            raise AwsError("InvalidClientTokenId", _INVALID_TOKEN)
        return
    if claim.session_token is None or not credential.session_token.matches(claim.session_token):
        raise AwsError("InvalidClientTokenId", _INVALID_TOKEN)
    if credential.expires_at is not None and now >= credential.expires_at:
        raise AwsError("ExpiredToken", "The security token included in the request is expired")


def _signature(
    request: WireRequest,
    claim: _Claim,
    headers: Mapping[str, bytes],
    query: Sequence[tuple[bytes, bytes]],
    secret: Secret,
) -> bytes:
    canonical = b"\n".join(
        [
            request.method.encode("latin-1"),
            _canonical_path(request.raw_path, claim.service),
            _canonical_query(query, claim.presigned),
            *(name.encode("latin-1") + b":" + headers[name] for name in claim.signed_headers),
            b"",
            ";".join(claim.signed_headers).encode("latin-1"),
            _payload_hash(request, claim, headers),
        ]
    )
    to_sign = "\n".join([ALGORITHM, claim.timestamp, claim.scope, hashlib.sha256(canonical).hexdigest()])
    key = ("AWS4" + secret.reveal()).encode()
    for part in (claim.date, claim.region, claim.service, _TERMINATOR):
        key = hmac.digest(key, part.encode("utf-8", "replace"), "sha256")
    return hmac.new(key, to_sign.encode("utf-8", "replace"), "sha256").hexdigest().encode()


def _canonical_headers(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, bytes]:
    joined: dict[str, bytes] = {}
    for name, value in headers:
        key = name.decode("latin-1").lower()
        trimmed = b" ".join(value.split())
        joined[key] = joined[key] + b"," + trimmed if key in joined else trimmed
    return joined


def _query_pairs(query_string: bytes) -> list[tuple[bytes, bytes]]:
    pairs = []
    for part in query_string.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    return pairs


def _canonical_query(query: Sequence[tuple[bytes, bytes]], presigned: bool) -> bytes:
    encoded = sorted(
        (quote_from_bytes(name, _UNRESERVED), quote_from_bytes(value, _UNRESERVED))
        for name, value in query
        if not (presigned and name == b"X-Amz-Signature")
    )
    return "&".join(f"{name}={value}" for name, value in encoded).encode()


def _canonical_path(raw_path: bytes, service: str) -> bytes:
    if service == "s3":
        return raw_path or b"/"
    segments: list[bytes] = []
    for segment in raw_path.split(b"/"):
        if segment == b"..":
            del segments[-1:]
        elif segment not in (b"", b"."):
            segments.append(segment)
    path = b"/" + b"/".join(segments)
    if segments and raw_path.endswith(b"/"):
        path += b"/"
    # Every service but S3 encodes the path once more than the transfer did.
    return quote_from_bytes(path, "/" + _UNRESERVED).encode()


def _payload_hash(request: WireRequest, claim: _Claim, headers: Mapping[str, bytes]) -> bytes:
    given = headers.get("x-amz-content-sha256")
    actual = hashlib.sha256(request.body).hexdigest()
    if given is None:
        if claim.service == "s3" and claim.presigned:
            return _UNSIGNED_PAYLOAD.encode()
        return actual.encode()
    text = given.decode("latin-1")
    if text == actual or (claim.service == "s3" and not _SHA256_SHAPE.fullmatch(text)):
        return given
    raise AwsError(
        "SignatureDoesNotMatch", "The provided 'x-amz-content-sha256' header does not match what was computed."
    )


def _basic(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds // 60} min." if seconds % 60 == 0 else f"{seconds} s."
