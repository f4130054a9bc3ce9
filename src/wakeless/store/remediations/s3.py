"""An S3 bucket and prefix of scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, TypeVar

from wakeless.aws.clients import AwsClients
from wakeless.aws.errors import AwsRefused, AwsUnavailable
from wakeless.remediation.catalogue import show
from wakeless.remediation.plan import ScriptRef
from wakeless.remediation.ports import ScriptChanged, StoreRefused, StoreUnreachable
from wakeless.store.remediations.script import MAX_KEYS, MAX_SCRIPT, describe, require_safe, require_same

T = TypeVar("T")

_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "404"})


class S3Store:
    """Scripts in a bucket, below a prefix; with versioning, a plan names the object's very version.

    Needs ``s3:GetObject``, ``s3:GetObjectVersion`` and ``s3:ListBucket``: without the last, S3 answers a missing
    object as if it were forbidden (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
    """

    def __init__(self, clients: AwsClients, bucket: str, prefix: str = "", *, page_size: int = 1000) -> None:
        self._clients = clients
        #: Keys to ask for at once when listing; S3 gives at most 1000.
        self._page_size = page_size
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    @property
    def root(self) -> str:
        """Where it is, for people."""
        return f"s3://{self._bucket}/{self._prefix}"

    async def find(self, keys: Sequence[str]) -> Sequence[ScriptRef]:
        """Return those of ``keys`` that are there; raises `StoreUnreachable`, `StoreRefused`."""
        for key in keys:
            require_safe(key)
        answers = await asyncio.gather(*(self._get(key) for key in keys))
        return [
            describe(key, self.root + key, answer[0], answer[1])
            for key, answer in zip(keys, answers, strict=True)
            if answer is not None
        ]

    async def read(self, script: ScriptRef) -> bytes:
        """Return that very version's bytes; raises `StoreUnreachable`, `StoreRefused`, `ScriptChanged`."""
        require_safe(script.key)
        version = None if script.version.startswith("sha256:") else script.version
        answer = await self._get(script.key, version)
        if answer is None:
            raise ScriptChanged(f"version {script.version} of {show(script.key)} is no longer in {self.root}")
        return require_same(script, answer[0])

    async def keys(self) -> Sequence[str]:
        """Return every key, sorted; hidden ones are left out. Raises `StoreUnreachable`, `StoreRefused`."""

        def listing(client: Any) -> list[str]:
            found: list[str] = []
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix, PaginationConfig={"PageSize": self._page_size}
            )
            for page in pages:
                found.extend(entry["Key"].removeprefix(self._prefix) for entry in page.get("Contents", ()))
                if len(found) > MAX_KEYS:
                    raise StoreRefused(f"{self.root} has more than {MAX_KEYS} objects: is it the right prefix?")
            return found

        found = await self._run(listing)
        # Consoles make empty objects that end in a slash to stand for folders.
        return sorted(key for key in found if key and key[-1] != "/" and not any(p[:1] == "." for p in key.split("/")))

    async def _get(self, key: str, version: str | None = None) -> tuple[bytes, str | None] | None:
        """Return the object's content and the version S3 gives it, or None if there is none."""

        def get(client: Any) -> tuple[bytes, str | None]:
            which = {"VersionId": version} if version is not None else {}
            answer = client.get_object(Bucket=self._bucket, Key=self._prefix + key, **which)
            # Not `with answer["Body"]`: that gives the raw stream, which takes a broken body for a whole one.
            with closing(answer["Body"]) as body:
                content = body.read(MAX_SCRIPT + 1)
                if len(content) <= MAX_SCRIPT:
                    # Only at its end does the SDK say whether the body broke off; half a script must never run.
                    body.read(1)
            given = answer.get("VersionId")
            # Buckets without versioning answer nothing or "null", which names whatever is there now.
            return content, given if given and given != "null" else None

        try:
            return await self._run(get)
        except _Absent:
            return None

    async def _run(self, work: Callable[[Any], T]) -> T:
        def once() -> T:
            return work(self._clients.client("s3"))

        try:
            return await self._clients.run(once)
        except AwsUnavailable as error:
            raise StoreUnreachable(f"{self.root}: {error}") from error
        except AwsRefused as error:
            if error.aws_code in _ABSENT:
                raise _Absent from error
            hint = "; s3:GetObject, s3:GetObjectVersion and s3:ListBucket are needed" if error.status == 403 else ""
            raise StoreRefused(f"{self.root}: {error}{hint}") from error


class _Absent(Exception):
    """There is no such object or version."""
