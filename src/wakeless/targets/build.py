"""Making targets from settings."""

from __future__ import annotations

from wakeless.execution.ports import Target
from wakeless.targets.local import LocalTarget
from wakeless.targets.settings import LocalSettings, TargetSettings


def build_target(settings: TargetSettings) -> Target:
    """Return the adapter for ``settings``; it connects when it is first asked something.

    Raises `ValueError` for a setting that cannot be meant.
    """
    if isinstance(settings, LocalSettings):
        return LocalTarget(settings)
    # asyncssh costs 100 ms and 15 MB, which a machine that only looks after itself need not pay.
    from wakeless.targets.ssh import SshTarget

    return SshTarget(settings)
