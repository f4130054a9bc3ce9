"""What both stores agree on: how big a script may be, and how one version of it is described."""

from __future__ import annotations

import hashlib

from wakeless.remediation.catalogue import UnsafeName, check_key, language_of, show
from wakeless.remediation.plan import ScriptRef
from wakeless.remediation.ports import ScriptChanged, StoreRefused

#: Bytes of one script. More than that is a program, and belongs on the target.
MAX_SCRIPT = 1024 * 1024
#: Keys that `keys` lists at most.
MAX_KEYS = 100_000


def require_safe(key: str) -> None:
    """Raise `StoreRefused` for a key that could leave the store; callers check before, this is the second lock."""
    try:
        check_key(key)
    except UnsafeName as error:
        raise StoreRefused(str(error)) from None


def describe(key: str, uri: str, content: bytes, version: str | None = None) -> ScriptRef:
    """Return the reference to this content; ``version`` is the store's own, where it has one."""
    language = language_of(key)
    if language is None:
        raise StoreRefused(f"{show(key)} does not end in .sh, .ps1 or .py")
    if len(content) > MAX_SCRIPT:
        raise StoreRefused(f"{show(key)} is bigger than {MAX_SCRIPT} bytes")
    digest = hashlib.sha256(content).hexdigest()
    return ScriptRef(key=key, language=language, uri=uri, version=version or f"sha256:{digest}", sha256=digest)


def require_same(script: ScriptRef, content: bytes) -> bytes:
    """Return ``content`` if it is what was planned, byte for byte; raises `ScriptChanged`."""
    if hashlib.sha256(content).hexdigest() != script.sha256:
        raise ScriptChanged(f"{show(script.key)} is not the version {script.version} any more that was planned")
    return content
