"""Signatures after https://github.com/standard-webhooks/standard-webhooks (specification, "Signature scheme").

``<id>.<timestamp>.<body>`` is signed with HMAC-SHA256 under a shared secret (``whsec_…``, header part ``v1,…``) or
with an ed25519 private key (``whsk_…``, header part ``v1a,…``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wakeless.core.errors import InvalidInput
from wakeless.core.secret import Secret

#: Turns what is signed into one part of the ``webhook-signature`` header.
Signer = Callable[[bytes], str]


def signer(secret: Secret) -> Signer:
    """Return what signs with ``secret``; raises `InvalidInput`, which never shows the secret."""
    kind, _, text = secret.reveal().partition("_")
    if kind not in ("whsec", "whsk"):
        raise InvalidInput("a webhook's secret begins with whsec_ (shared) or whsk_ (ed25519 private key)")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(f"what follows {kind}_ is not base64") from None
    return _shared(key) if kind == "whsec" else _asymmetric(key)


def _shared(key: bytes) -> Signer:
    if not 24 <= len(key) <= 64:
        raise InvalidInput(f"a whsec_ secret has 24 to 64 bytes, this one {len(key)}")

    def sign(content: bytes) -> str:
        return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()

    return sign


def _asymmetric(key: bytes) -> Signer:
    # Some libraries write the 32-byte seed, others the seed and the public key behind it.
    if len(key) not in (32, 64):
        raise InvalidInput(f"a whsk_ key has 32 or 64 bytes, this one {len(key)}")
    private = Ed25519PrivateKey.from_private_bytes(key[:32])
    if len(key) == 64 and private.public_key().public_bytes_raw() != key[32:]:
        raise InvalidInput("the two halves of the whsk_ key do not belong together")

    def sign(content: bytes) -> str:
        return "v1a," + base64.b64encode(private.sign(content)).decode()

    return sign
