"""Tell another program by a signed POST: https://www.standardwebhooks.com.

The body is ``{"type": …, "timestamp": …, "data": {…}}``; ``webhook-id`` stays the same over all tries, so that the
receiver can drop repetitions. The request is handed to httpx's transport and not to its client, because the client logs
addresses (which often hold a token), reads proxies from the environment and has to be told not to follow redirects.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

import httpx

from wakeless import __version__
from wakeless.channels.addresses import Resolver, is_public, resolve
from wakeless.channels.kind import ChannelKind, problem
from wakeless.channels.settings import WebhookSettings
from wakeless.channels.standard_webhooks import signer
from wakeless.core.clock import Clock, SystemClock
from wakeless.core.errors import InvalidInput
from wakeless.core.problems import Problem
from wakeless.escalation.plain import one_line, plain
from wakeless.escalation.ports import ChannelRefused, ChannelUnavailable, Message, Receipt

#: Of an answer that is not a success, in bytes: what is shown of it.
_ANSWER_SHOWN = 2048
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2: token
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
#: Set by us, or by HTTP itself.
_OUR_HEADERS = re.compile(r"host|connection|content-.*|transfer-encoding|webhook-.*|te|trailer|upgrade|expect")


class WebhookChannel:
    """Posts messages to one address."""

    def __init__(
        self, name: str, settings: WebhookSettings, *, clock: Clock | None = None, resolver: Resolver = resolve
    ) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock or SystemClock()
        self._resolve = resolver
        self._url = httpx.URL(settings.url.reveal())
        self._signers = tuple(signer(secret) for secret in settings.secrets)
        self._tls: ssl.SSLContext | None = None

    @property
    def name(self) -> str:
        """Its name in the settings."""
        return self._name

    async def send(self, message: Message) -> Receipt:
        """Post ``message``; raises `ChannelUnavailable` or `ChannelRefused`."""
        body = _body(message)
        try:
            async with asyncio.timeout(self._settings.timeout):
                response = await self._post(body, self._headers(message, body))
        except TimeoutError:
            raise ChannelUnavailable(f"{self._place} did not answer within {self._settings.timeout:g} s") from None
        _judge(response, self._place, self._clock.now())
        return Receipt(reference=message.id)

    @property
    def _place(self) -> str:
        """The address as far as it is no secret."""
        return f"{self._url.scheme}://{self._url.netloc.decode()}"

    def _headers(self, message: Message, body: bytes) -> dict[str, str]:
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "User-Agent": f"wakeless/{__version__}",
            "Accept": "*/*",
            **{name: value.reveal() for name, value in self._settings.headers.items()},
            "Host": self._url.netloc.decode(),
            "Content-Type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": timestamp,
        }
        if self._url.userinfo and "authorization" not in {name.lower() for name in headers}:
            login = unquote(self._url.userinfo.decode("ascii")).encode()
            headers["Authorization"] = "Basic " + base64.b64encode(login).decode()
        if self._signers:
            content = f"{message.id}.{timestamp}.".encode() + body
            headers["webhook-signature"] = " ".join(sign(content) for sign in self._signers)
        return headers

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        addresses = await self._checked_addresses()
        limit = self._settings.timeout
        # An address that swallows packets must leave time for the next one.
        limits = {"connect": limit / max(len(addresses), 1), "read": limit, "write": limit, "pool": limit}
        async with httpx.AsyncHTTPTransport(verify=self._context(), trust_env=False) as transport:
            for number, address in enumerate(addresses, start=1):
                request = httpx.Request(
                    "POST",
                    self._url.copy_with(host=address, username=None, password=None, fragment=None),
                    headers=headers,
                    content=body,
                    extensions={"timeout": limits, "sni_hostname": self._url.host},
                )
                try:
                    response = await transport.handle_async_request(request)
                except httpx.TransportError as error:
                    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and number < len(addresses):
                        continue  # nothing was sent: the next address is as good
                    words = str(error) or type(error).__name__
                    raise ChannelUnavailable(f"{self._place}: {words}") from error
                return await _beginning(response)
        raise ChannelUnavailable(f"{self._url.host} has no address")

    async def _checked_addresses(self) -> list[str]:
        host = self._url.host
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise ChannelUnavailable(f"{host} cannot be resolved: {error.strerror or error}") from error
        if not self._settings.allow_private:
            for address in addresses:
                # One bad address condemns the name: which of them is used next time is not ours to choose.
                if not is_public(address):
                    raise ChannelRefused(
                        f"{host} is {address}, which is not a public address (allow_private is not set)"
                    )
        return addresses

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            ca_file = self._settings.ca_file
            try:
                self._tls = (
                    ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context(trust_env=False)
                )
            except (OSError, ssl.SSLError) as error:
                raise ChannelUnavailable(f"{ca_file} cannot be read: {error}") from error
        return self._tls


def _body(message: Message) -> bytes:
    timestamp = message.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    data = {**message.data, "title": plain(message.title), "text": plain(message.text)}
    text = json.dumps(
        {"type": message.kind.value, "timestamp": timestamp, "data": data}, ensure_ascii=False, separators=(",", ":")
    )
    return text.encode("utf-8", "replace")


async def _beginning(response: httpx.Response) -> httpx.Response:
    """Read no more of the answer than is shown to people, however much there is."""
    content = b""
    try:
        async for part in response.aiter_raw():
            content += part
            if len(content) >= _ANSWER_SHOWN:
                break
    except httpx.TransportError:
        pass  # the status is what counts, and that we have
    finally:
        await response.aclose()
    return httpx.Response(response.status_code, headers=_without_encoding(response.headers), content=content)


def _without_encoding(headers: httpx.Headers) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.multi_items() if name.lower() == "retry-after"]


def _judge(response: httpx.Response, place: str, now: datetime) -> None:
    """Raise what the status means; return if it is a success."""
    status = response.status_code
    if 200 <= status < 300:
        return
    said = one_line(response.content.decode("utf-8", "replace"), 200)
    words = f"{place} answered {status}" + (f": {said}" if said else "")
    if 300 <= status < 400:
        raise ChannelRefused(f"{place} answered {status}: redirects are not followed, write the final address")
    if status == 410:
        raise ChannelRefused(f"{words} (410: it wants no more messages, ever)")
    if status in (408, 425, 429) or status >= 500:
        raise ChannelUnavailable(words, retry_after=retry_after(response.headers.get("retry-after"), now))
    raise ChannelRefused(words)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` header names (RFC 9110, section 10.2.3), None if it names none."""
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)


def check(settings: WebhookSettings) -> list[Problem]:
    """List everything wrong with the settings; never shows the address or a secret."""
    problems = [*_check_url(settings), *_check_headers(settings)]
    for index, secret in enumerate(settings.secrets):
        try:
            signer(secret)
        except InvalidInput as error:
            problems.append(problem(f"secrets[{index}]", str(error)))
    if settings.timeout <= 0:
        problems.append(problem("timeout", "must be more than 0 seconds"))
    return problems


def _check_url(settings: WebhookSettings) -> list[Problem]:
    try:
        url = httpx.URL(settings.url.reveal())
    except (httpx.InvalidURL, TypeError):
        return [problem("url", "is not a URL")]
    if url.scheme not in ("https", "http") or not url.host:
        return [problem("url", "is not an http or https URL", "write https://…")]
    if url.scheme == "http" and not settings.allow_private:
        return [
            problem("url", "is not encrypted", "use https, or set allow_private for a receiver in your own network")
        ]
    return []


def _check_headers(settings: WebhookSettings) -> list[Problem]:
    problems = []
    for name, value in settings.headers.items():
        path = f"headers.{name}"
        if not _HEADER_NAME.fullmatch(name):
            problems.append(problem(path, "is not a header name"))
        elif _OUR_HEADERS.fullmatch(name.lower()):
            problems.append(problem(path, "is set by the channel itself"))
        elif not _HEADER_VALUE.fullmatch(value.reveal()):
            problems.append(problem(path, "has a value that no header can have"))
    return problems


KIND = ChannelKind(settings=WebhookSettings, check=check, make=WebhookChannel)
