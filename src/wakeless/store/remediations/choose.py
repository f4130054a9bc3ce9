"""From the settings' ``remediations.store`` to the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wakeless.aws.clients import AwsClients
from wakeless.remediation.ports import RemediationStore
from wakeless.store.remediations.folder import FolderStore
from wakeless.store.remediations.s3 import S3Store


def open_store(location: str, clients: Callable[[], AwsClients]) -> RemediationStore:
    """Return the store at ``location``: a folder or ``s3://bucket/prefix``; only the latter asks for ``clients``."""
    if location.startswith("s3://"):
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        return S3Store(clients(), bucket, prefix)
    return FolderStore(Path(location))
