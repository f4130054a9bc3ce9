"""The lean way from a request to an answer: who is it, what may it, read the body once, call, answer.

These are plain ASGI applications behind Starlette's routes. Intake has to answer at half the rate of an empty endpoint
and commit in that time, so nothing is wrapped around them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope, Send

from wakeless.app.telemetry import Telemetry
from wakeless.core.errors import InvalidInput, WakelessError
from wakeless.core.problems import Problem
from wakeless.doors.http_api import errors
from wakeless.doors.http_api.auth import Authenticator, Headers, Permission, Principal, demand

logger = logging.getLogger(__name__)

#: Bytes of a body, where nothing else is said.
MAX_BODY = 1_048_576
#: Seconds that a body may take to arrive.
BODY_SECONDS = 30.0

RawHeader = tuple[bytes, bytes]

_JSON = b"application/json"
_SECURITY: tuple[RawHeader, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)
_CHALLENGES: tuple[RawHeader, ...] = (
    (b"www-authenticate", b'Bearer realm="wakeless"'),
    # SNS and Alertmanager send a name and password only after they were asked for them.
    (b"www-authenticate", b'Basic realm="wakeless", charset="UTF-8"'),
)


@dataclass(slots=True)
class Call:
    """One request, its caller known and its body read."""

    method: str
    headers: Headers
    #: Values from the path.
    params: Mapping[str, str]
    query_string: bytes
    principal: Principal
    body: bytes

    def query(self, known: Iterable[str]) -> dict[str, str]:
        """Return the query's parameters, the last of each name; raises `InvalidInput` for unknown ones."""
        if not self.query_string:
            return {}
        try:
            pairs = parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
        except ValueError as error:
            raise invalid(("query", "has too many parameters")) from error
        found = dict(pairs)
        if unknown := found.keys() - set(known):
            raise invalid(*((name[:80], "is not known here") for name in sorted(unknown)))
        return found


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is whole."""

    body: bytes = b""
    status: int = 200
    content_type: bytes = _JSON
    headers: tuple[RawHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that goes on until one side ends it."""

    chunks: AsyncGenerator[bytes]
    content_type: bytes
    headers: tuple[RawHeader, ...] = ()


Handler = Callable[[Call], Awaitable[Reply | Stream]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one address."""

    handle: Handler
    #: None for what everybody may see, and for what looks at its callers itself.
    permission: Permission | None
    #: Bytes of its body; 0 when it takes none.
    max_body: int = 0
    #: The source of alarms it is for.
    source: str | None = None
    #: Whether the caller is to send it again when we fail: for alarms, which must not be lost.
    again: bool = False


@dataclass(frozen=True, slots=True)
class Shared:
    """What all endpoints need."""

    authenticator: Authenticator
    telemetry: Telemetry


#: The caller of operations that everybody may call.
ANYBODY = Principal(name="anybody")
_NO_PARAMS: Mapping[str, str] = {}


class _ClientGone(Exception):
    """The connection broke before the request was whole: there is nobody to answer."""


@dataclass(slots=True)
class Endpoint:
    """An ASGI application for one address."""

    #: The pattern of its path, for metrics.
    route: str
    operations: Mapping[str, Operation]
    shared: Shared
    _allowed: str = field(init=False)

    def __post_init__(self) -> None:
        self._allowed = ", ".join(sorted([*self.operations, *(["HEAD"] if "GET" in self.operations else [])]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = perf_counter()
        method = scope["method"]
        operation = self.operations.get("GET" if method == "HEAD" else method)
        try:
            reply = await self._reply(operation, scope, receive)
        except _ClientGone:
            return
        except WakelessError as error:
            reply = _refusal(error)
        except Exception:  # the edge of this request: told in the log, never to the caller
            logger.exception("Request failed", extra={"action": "request_failed", "route": self.route})
            reply = _failure(again=operation is not None and operation.again)
        if isinstance(reply, Stream):
            self.shared.telemetry.request_answered(method, self.route, 200, perf_counter() - began)
            await _send_stream(reply, receive, send, self.shared.telemetry, only_head=method == "HEAD")
            return
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [
                    (b"content-type", reply.content_type),
                    (b"content-length", str(len(reply.body)).encode()),
                    *_SECURITY,
                    *reply.headers,
                ],
            }
        )
        await send({"type": "http.response.body", "body": reply.body})
        # Any other method is the caller's own word and must not make series.
        known = method if operation is not None else "OTHER"
        self.shared.telemetry.request_answered(known, self.route, reply.status, perf_counter() - began)

    async def _reply(self, operation: Operation | None, scope: Scope, receive: Receive) -> Reply | Stream:
        if operation is None:
            raise errors.MethodNotAllowed(f"{self.route} does not take {scope['method']}", self._allowed)
        headers = dict(scope["headers"])
        principal = ANYBODY
        if operation.permission is not None:
            principal = self.shared.authenticator.identify(headers, scope["method"], operation.source)
            demand(principal, operation.permission)
        body = await _read_body(receive, headers, operation.max_body) if operation.max_body else b""
        return await operation.handle(
            Call(
                scope["method"], headers, scope.get("path_params") or _NO_PARAMS, scope["query_string"], principal, body
            )
        )


async def _read_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    length = headers.get(b"content-length")
    if length is not None and not (length.isdigit() and len(length) <= 12 and int(length) <= limit):
        raise errors.TooLarge(f"the body is larger than {limit:,} bytes")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise errors.UnsupportedEncoding("send the body as it is, not compressed")
    # Nearly always the first message is all of it; a timer would cost a tenth of the whole request.
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _ClientGone
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read_rest(receive, body, limit)
        except TimeoutError as error:
            raise errors.TooSlow(f"the body did not arrive within {BODY_SECONDS:g} seconds") from error
    if len(body) > limit:
        raise errors.TooLarge(f"the body is larger than {limit:,} bytes")
    return body


async def _read_rest(receive: Receive, first: bytes, limit: int) -> bytes:
    parts, size = [first], len(first)
    while size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body", False):
            break
    return b"".join(parts)


async def _send_stream(stream: Stream, receive: Receive, send: Send, telemetry: Telemetry, *, only_head: bool) -> None:
    """Send until the stream ends or the client is gone, whichever comes first."""
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", stream.content_type), *_SECURITY, *stream.headers],
        }
    )

    async def pump() -> None:
        async with aclosing(stream.chunks) as chunks:
            if not only_head:
                async for chunk in chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            continue

    telemetry.stream_opened()
    tasks = {asyncio.create_task(pump()), asyncio.create_task(gone())}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if (error := task.exception()) is not None:
                logger.error("Stream failed", extra={"action": "stream_failed"}, exc_info=error)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        telemetry.stream_closed()


def json_reply(value: object, status: int = 200, headers: tuple[RawHeader, ...] = ()) -> Reply:
    """Return a JSON answer."""
    return Reply(to_json(value), status, _JSON, headers)


def to_json(value: object) -> bytes:
    """Return compact JSON; times become ISO text."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except orjson.JSONEncodeError:
        # Halves of surrogate pairs and very long numbers, which only the slower writer takes.
        return json.dumps(value, separators=(",", ":"), default=_plain).encode()


def invalid(*problems: tuple[str, str]) -> InvalidInput:
    """Return the error for parameters or members of a body: pairs of name and what is wrong."""
    listed = [Problem("request", 0, 0, name, message) for name, message in problems]
    return InvalidInput("; ".join(f"{name} {message}" for name, message in problems), listed)


def not_found_endpoint(shared: Shared) -> Endpoint:
    """Return the endpoint for addresses that do not exist."""

    async def refuse(call: Call) -> Reply:
        return json_reply(
            {"error": {"code": "not_found", "message": "there is nothing at this address", "problems": []}}, 404
        )

    operation = Operation(handle=refuse, permission=None)
    methods = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return Endpoint("(unknown)", dict.fromkeys(methods, operation), shared)


def _refusal(error: WakelessError) -> Reply:
    headers: tuple[RawHeader, ...] = ()
    match error:
        case errors.Unauthenticated():
            headers = _CHALLENGES
        case errors.MethodNotAllowed():
            headers = ((b"allow", error.allowed.encode()),)
        case errors.TooLarge() | errors.TooSlow():
            # The rest of the body is still coming: it must not be taken for the next request, nor be waited for.
            headers = ((b"connection", b"close"),)
        case _ if error.retryable:
            headers = ((b"retry-after", b"5"),)
    return json_reply(errors.document(error), errors.status_of(error), headers)


def _failure(*, again: bool) -> Reply:
    error: dict[str, Any] = {"code": "internal", "message": "this failed here; the log says why", "problems": []}
    return json_reply({"error": error}, 503 if again else 500, ((b"retry-after", b"5"),) if again else ())


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in an answer")
