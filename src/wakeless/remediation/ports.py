"""What remediation needs from the outside: a store of scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wakeless.core.errors import Refused, Unavailable
from wakeless.remediation.plan import ScriptRef


class StoreUnreachable(Unavailable):
    """The remediation store did not answer."""

    code = "store_unreachable"


class StoreRefused(Refused):
    """The store answered and will not give it: no permission, no such bucket, not a plain file, too big."""

    code = "store_refused"


class ScriptChanged(Refused):
    """The version that was planned is no longer in the store."""

    code = "script_changed"


class RemediationStore(Protocol):
    """A folder or an S3 bucket and prefix that holds remediations."""

    @property
    def root(self) -> str:
        """Where it is, for people: ``file:///…/`` or ``s3://bucket/prefix/``."""
        ...

    async def find(self, keys: Sequence[str]) -> Sequence[ScriptRef]:
        """Return those of ``keys`` that are there, with their versions; raises `StoreUnreachable`, `StoreRefused`.

        Keys are relative, already checked by `wakeless.remediation.catalogue`; a key that would leave
        the root all the same (a symbolic link) is refused.
        """
        ...

    async def read(self, script: ScriptRef) -> bytes:
        """Return that very version's bytes; raises `StoreUnreachable`, `StoreRefused`, `ScriptChanged`."""
        ...

    async def keys(self) -> Sequence[str]:
        """Return every key, sorted: for `wakeless check`; raises `StoreUnreachable`, `StoreRefused`."""
        ...
