"""Both kinds of store, filled alike: a folder on disk, and buckets of a real S3 stand-in over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from wakeless.aws.clients import AwsClients
from wakeless.aws.settings import AwsSettings
from wakeless.core.secret import Secret
from wakeless.remediation.ports import RemediationStore
from wakeless.store.remediations.choose import open_store


@dataclass(frozen=True)
class Shelf:
    """A store, and ways to change what is in it from the outside."""

    kind: str
    store: RemediationStore
    put: Callable[[str, bytes], None]
    delete: Callable[[str], None]


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def clients(s3_url: str) -> Iterator[AwsClients]:
    settings = AwsSettings(
        region="us-east-1",
        endpoint_url=s3_url,
        access_key_id="test",
        secret_access_key=Secret("test"),
        max_attempts=1,
        connect_timeout=2,
        read_timeout=5,
    )
    made = AwsClients(settings)
    yield made
    made.close()


@pytest.fixture
def s3(s3_url: str) -> Iterator[Any]:
    client = boto3.client(
        "s3", endpoint_url=s3_url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    yield client
    client.close()


@pytest.fixture(params=["folder", "s3", "s3-versioned", "s3-whole-bucket"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    kind: str = request.param
    if kind == "folder":
        return folder_shelf(tmp_path / "remediations")
    return s3_shelf(kind, request.getfixturevalue("clients"), request.getfixturevalue("s3"))


def folder_shelf(root: Path) -> Shelf:
    root.mkdir()

    def put(key: str, content: bytes) -> None:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(content)

    def refuse() -> AwsClients:
        raise AssertionError("a folder needs no AWS clients")

    return Shelf("folder", open_store(str(root), refuse), put, lambda key: (root / key).unlink())


def s3_shelf(kind: str, clients: AwsClients, s3: Any) -> Shelf:
    bucket = f"wakeless-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket)
    if kind == "s3-versioned":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    prefix = "" if kind == "s3-whole-bucket" else "ops/remediations"
    location = f"s3://{bucket}/{prefix}".rstrip("/")
    at = f"{prefix}/" if prefix else ""
    if at:
        s3.put_object(Bucket=bucket, Key="m#N.sh", Body=b"outside of the prefix")
        s3.put_object(Bucket=bucket, Key="ops/remediations-other/x#N.sh", Body=b"a neighbour")
        s3.put_object(Bucket=bucket, Key=at, Body=b"")
    return Shelf(
        kind,
        open_store(location, lambda: clients),
        lambda key, content: s3.put_object(Bucket=bucket, Key=at + key, Body=content),
        lambda key: s3.delete_object(Bucket=bucket, Key=at + key),
    )
