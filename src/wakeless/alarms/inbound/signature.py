"""Whether an SNS message is what it says it is: its signature, the addresses in it, its age. No I/O.

The rules are those of "Verifying the signatures of Amazon SNS messages": the string that is signed, RSA with PKCS #1
v1.5 padding over SHA-1 (signature version 1) or SHA-256 (version 2), a certificate from an SNS host over HTTPS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from wakeless.alarms.inbound.sns import Envelope, MessageType
from wakeless.core.errors import Refused

#: Seconds after which a message counts as replayed: SNS itself gives up retrying over HTTP after an hour.
MAX_AGE = 3_600.0
#: Seconds that the sender's clock may be ahead of ours.
MAX_AHEAD = 300.0

_HOST = re.compile(r"sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?")
_PRINTABLE = re.compile(r"[!-\[\]-~]+")
_FIELDS = {
    MessageType.NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    MessageType.SUBSCRIPTION_CONFIRMATION: (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
_FIELDS[MessageType.UNSUBSCRIBE_CONFIRMATION] = _FIELDS[MessageType.SUBSCRIPTION_CONFIRMATION]
_HASHES: dict[str, type[hashes.SHA1] | type[hashes.SHA256]] = {"1": hashes.SHA1, "2": hashes.SHA256}


class SignatureRefused(Refused):
    """The message cannot be trusted: a forged, replayed or altered one, or from somewhere else than SNS."""

    code = "signature_refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class SigningKey:
    """The public key of a signing certificate, ready for use."""

    key: rsa.RSAPublicKey
    not_before: datetime
    not_after: datetime


class AddressPolicy(Protocol):
    """Says which origins beside SNS's own are trusted; tests and stand-ins for AWS need one."""

    def __contains__(self, origin: object, /) -> bool:
        """Say whether ``scheme://host:port`` is trusted."""
        ...


_NONE: frozenset[str] = frozenset()


def string_to_sign(envelope: Envelope) -> bytes:
    r"""Return what is signed: for every field that is there, its name, ``\n``, its value, ``\n``."""
    values = {
        "Message": envelope.message,
        "MessageId": envelope.message_id,
        "Subject": envelope.subject,
        "SubscribeURL": envelope.subscribe_url,
        "Timestamp": envelope.timestamp,
        "Token": envelope.token,
        "TopicArn": envelope.topic_arn,
        "Type": str(envelope.type),
    }
    names = _FIELDS[envelope.type]
    return "".join(f"{name}\n{values[name]}\n" for name in names if values[name] is not None).encode()


def load_signing_key(pem: bytes) -> SigningKey:
    """Return the key of a certificate; raises `SignatureRefused` when it is none for RSA."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureRefused("the signing certificate cannot be read") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise SignatureRefused("the signing certificate's key is not for RSA")
    return SigningKey(key=key, not_before=certificate.not_valid_before_utc, not_after=certificate.not_valid_after_utc)


def verify(envelope: Envelope, signing: SigningKey, now: datetime) -> None:
    """Check validity and signature; raises `SignatureRefused`."""
    if not signing.not_before <= now <= signing.not_after:
        raise SignatureRefused("the signing certificate is not valid now")
    algorithm = _HASHES.get(envelope.signature_version)
    if algorithm is None:
        raise SignatureRefused("SignatureVersion must be 1 or 2")
    try:
        signing.key.verify(envelope.signature, string_to_sign(envelope), padding.PKCS1v15(), algorithm())
    except InvalidSignature as error:
        raise SignatureRefused("the signature does not belong to this message") from error
    except UnsupportedAlgorithm as error:
        # Some FIPS builds of OpenSSL refuse SHA-1.
        hint = "set the topic's SignatureVersion attribute to 2"
        raise SignatureRefused(f"signature version 1 cannot be verified here; {hint}") from error


def check_age(envelope: Envelope, now: datetime, max_age: float = MAX_AGE) -> None:
    """Refuse a message sent more than ``max_age`` seconds ago or in the future; raises `SignatureRefused`."""
    if envelope.sent_at < now - timedelta(seconds=max_age):
        raise SignatureRefused(f"the message is older than {max_age:g} seconds")
    if envelope.sent_at > now + timedelta(seconds=MAX_AHEAD):
        raise SignatureRefused("the message's Timestamp is in the future; check this machine's clock")


def is_certificate_url(url: str, trusted: AddressPolicy = _NONE) -> bool:
    """Say whether a certificate may be fetched from there: an SNS host, HTTPS, ``….pem``, nothing else to it."""
    parts = _split(url)
    return (
        parts is not None
        and _is_sns(parts, trusted)
        and parts.path.endswith(".pem")
        and not parts.query
        and not parts.fragment
        and "?" not in url
    )


def is_subscribe_url(url: str, topic_arn: str, trusted: AddressPolicy = _NONE) -> bool:
    """Say whether a GET of the address confirms a subscription to this very topic, and nothing else."""
    parts = _split(url)
    if parts is None or not _is_sns(parts, trusted) or parts.fragment:
        return False
    try:
        query = parse_qs(parts.query, keep_blank_values=True, max_num_fields=16)
    except ValueError:
        return False
    return query.get("Action") == ["ConfirmSubscription"] and query.get("TopicArn") == [topic_arn]


def origin_of(url: str) -> str | None:
    """Return ``scheme://host:port`` with the port always named, or None when it is no plain web address."""
    parts = _split(url)
    return _origin(parts) if parts else None


def _split(url: str) -> SplitResult | None:
    # urlsplit drops tabs and newlines silently; other programs do not.
    if not _PRINTABLE.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return parts


def _origin(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _is_sns(parts: SplitResult, trusted: AddressPolicy) -> bool:
    if parts.scheme == "https" and parts.port in (None, 443) and _HOST.fullmatch(parts.hostname or ""):
        return True
    return _origin(parts) in trusted
