"""The two requests that SNS makes us send: for its certificate, and to confirm a subscription."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import httpx

from wakeless.alarms.inbound.signature import SigningKey, load_signing_key
from wakeless.core.clock import Clock
from wakeless.core.errors import Refused, Unavailable, WakelessError

logger = logging.getLogger(__name__)

#: Seconds for one request; SNS waits 15 for our answer.
FETCH_SECONDS = 5.0
#: Bytes of an answer: a certificate has two thousand.
MAX_ANSWER = 65_536
#: Certificates kept. SNS has one a region and replaces it about once a year.
MAX_KEYS = 64
#: Fetches under way at once; a forger could name a new address with every message.
MAX_LOADING = 4
#: Seconds in which a failed address is not tried again.
FAILURE_SECONDS = 10.0


class AddressUnavailable(Unavailable):
    """An address did not answer, or not well; it may later."""

    code = "address_unavailable"


class AddressRefused(Refused):
    """An address answered, and its answer will not change."""

    code = "address_refused"


class Fetcher(Protocol):
    """Sends a GET."""

    async def get(self, url: str) -> bytes:
        """Return the body of a 200; raises `AddressUnavailable` or `AddressRefused`."""
        ...


class HttpxFetcher:
    """Sends a GET with httpx: no redirects, little time, small answers."""

    def __init__(self, *, verify: ssl.SSLContext | bool = True, seconds: float = FETCH_SECONDS) -> None:
        self._verify = verify
        self._seconds = seconds

    async def get(self, url: str) -> bytes:
        """Return the body of a 200; raises `AddressUnavailable` or `AddressRefused`."""
        # A client for each: this happens about once a year, and nothing is left open.
        try:
            async with (
                asyncio.timeout(self._seconds),
                httpx.AsyncClient(verify=self._verify, timeout=self._seconds, follow_redirects=False) as client,
                client.stream("GET", url) as response,
            ):
                status = response.status_code
                if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
                    raise AddressUnavailable(f"{_place(url)} answered {status}")
                if status != httpx.codes.OK:
                    raise AddressRefused(f"{_place(url)} answered {status}")
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        raise AddressRefused(f"{_place(url)} answered with more than {MAX_ANSWER:,} bytes")
                return body
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise AddressUnavailable(f"{_place(url)} cannot be reached: {reason}") from error


def _place(url: str) -> str:
    # Without the query: it may carry a token.
    return url.partition("?")[0]


@dataclass(frozen=True, slots=True)
class _Failure:
    until: datetime
    error: WakelessError


class SigningKeys:
    """The keys of signing certificates, by address: fetched once each, one fetch at a time each."""

    def __init__(self, fetcher: Fetcher, clock: Clock) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._keys: OrderedDict[str, SigningKey] = OrderedDict()
        self._failures: OrderedDict[str, _Failure] = OrderedDict()
        self._loading: dict[str, asyncio.Task[SigningKey]] = {}

    async def get(self, url: str) -> SigningKey:
        """Return the key behind an address that was checked; raises `AddressUnavailable`, `AddressRefused` or
        `SignatureRefused`.
        """
        key = self._keys.get(url)
        if key is not None:
            self._keys.move_to_end(url)
            return key
        failure = self._failures.get(url)
        if failure is not None and self._clock.now() < failure.until:
            raise failure.error
        task = self._loading.get(url)
        if task is None:
            if len(self._loading) >= MAX_LOADING:
                raise AddressUnavailable("too many certificates are being fetched")
            task = self._loading[url] = asyncio.create_task(self._load(url))
            task.add_done_callback(lambda done: self._loaded(url, done))
        # Several messages may wait for the same certificate; the one that gives up must not take it from the others.
        return await asyncio.shield(task)

    async def _load(self, url: str) -> SigningKey:
        return load_signing_key(await self._fetcher.get(url))

    def _loaded(self, url: str, task: asyncio.Task[SigningKey]) -> None:
        del self._loading[url]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._keys[url] = task.result()
            self._failures.pop(url, None)
        elif isinstance(error, WakelessError):
            logger.warning(
                "Signing certificate not fetched",
                extra={"action": "sns_certificate_failed", "url": url, "reason": str(error)},
            )
            self._failures[url] = _Failure(self._clock.now() + timedelta(seconds=FAILURE_SECONDS), error)
        for kept in (self._keys, self._failures):
            while len(kept) > MAX_KEYS:
                kept.popitem(last=False)
