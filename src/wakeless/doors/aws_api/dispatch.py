"""One ASGI application for all AWS services: authenticate, inflate, parse, delegate, answer."""

from __future__ import annotations

import logging
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from starlette.types import Receive, Scope, Send

from wakeless.core.clock import Clock
from wakeless.core.errors import NotFound, Refused, Unavailable, WakelessError
from wakeless.doors.aws_api.cloudwatch import cloudwatch
from wakeless.doors.aws_api.errors import COMMON_TABLE, AwsError
from wakeless.doors.aws_api.model import OperationShapes
from wakeless.doors.aws_api.protocols.base import Answer
from wakeless.doors.aws_api.routing import QUERY, Destination, by_version, looks_like_aws, route
from wakeless.doors.aws_api.service import AwsService, Call, Handler
from wakeless.doors.aws_api.sigv4 import Caller, Verifier, WireRequest, claimed_scope
from wakeless.doors.aws_api.sts import sts
from wakeless.monitoring.service import Monitoring

logger = logging.getLogger(__name__)

#: Bytes of a request as transferred; PutMetricData's limit, and the largest of the services here.
MAX_BODY = 1024 * 1024
#: Bytes that a compressed request may expand to.
MAX_EXPANDED = 10 * 1024 * 1024
#: gzip streams one behind the other in a body. Clients send one; the time that they take grows with their square.
MAX_MEMBERS = 64

_INTERNAL = "The request processing has failed because of an unknown error, exception or failure."


class Facade(Protocol):
    """What this door needs of the application's service."""

    @property
    def monitoring(self) -> Monitoring:
        """Metrics and alarms."""
        ...


class Disconnected(WakelessError):
    """The client went away before its request was whole; nobody waits for an answer."""

    code = "disconnected"


def is_aws_request(scope: Scope) -> bool:
    """Say whether an ASGI request belongs to `AwsApi`; it can live at ``/`` beside other routes."""
    if scope["type"] != "http":
        return False
    return looks_like_aws(scope["method"], scope["path"], scope["query_string"], dict(scope["headers"]))


class AwsApi:
    """The AWS-compatible endpoint, as an ASGI application."""

    def __init__(
        self,
        facade: Facade,
        verifier: Verifier,
        clock: Clock,
        *,
        region: str = "us-east-1",
        max_body: int = MAX_BODY,
        max_expanded: int = MAX_EXPANDED,
    ) -> None:
        """Serve ``facade`` to whom ``verifier`` lets in; ``region`` is ours when a request names none."""
        #: A service is one entry here and one file beside this one.
        self._services: tuple[AwsService, ...] = (cloudwatch(facade.monitoring), sts())
        self._verifier = verifier
        self._clock = clock
        self._region = region
        self._max_body = max_body
        self._max_expanded = max_expanded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; whatever it holds, the answer is AWS's."""
        request = _head(scope)
        destination = route(request, self._services)
        exchange = _Exchange(
            request=request,
            destination=destination,
            service=destination.service,
            request_id=str(uuid.uuid4()),
        )
        try:
            exchange.request = await self._with_body(request, receive)
            answer = await self._handle(exchange)
        except Disconnected:
            return
        except AwsError as error:
            answer = exchange.refuse(error)
        except Exception:  # the edge of the loop: the client gets an id that the log knows too
            logger.exception("AWS request failed", extra={"action": "aws_request_failed", **exchange.log_context()})
            answer = exchange.refuse(AwsError("InternalFailure", _INTERNAL))
        headers = {"x-amzn-RequestId": exchange.request_id, **exchange.answer_headers}
        await _send(send, answer, headers, head_only=request.method == "HEAD")

    async def _with_body(self, request: WireRequest, receive: Receive) -> WireRequest:
        announced = request.header("content-length") or ""
        if announced.isascii() and announced.isdigit() and len(announced) < 20 and int(announced) > self._max_body:
            raise self._too_large(int(announced))
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected("the client went away")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body:
                raise self._too_large(size)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return replace(request, body=b"".join(chunks))

    def _too_large(self, size: int) -> AwsError:
        return AwsError("RequestEntityTooLarge", f"Request size {size} exceeded {self._max_body} bytes")

    async def _handle(self, exchange: _Exchange) -> Answer:
        request, protocol = exchange.request, exchange.destination.protocol
        now = self._clock.now()
        scope = claimed_scope(request)
        caller = self._admit(exchange, signed=scope is not None, now=now)
        body = inflate(request, self._max_expanded)
        action, document = exchange.destination.operation, None
        if protocol is QUERY:
            document = form = QUERY.decode(_with_query_string(request, body))
            action = _text(form, "Action")
            if not action:
                raise AwsError("MissingAction", "The request is missing an action or a required parameter.")
            if exchange.service is None:
                exchange.service = by_version(self._services, _text(form, "Version"), action)
        operation, handler = _operation(exchange, action)
        call = Call(
            operation=operation.name,
            parameters=protocol.parse(operation, document if document is not None else protocol.decode(body)),
            caller=caller,
            region=scope[0] if scope else self._region,
            now=now,
            request_id=exchange.request_id,
            answer_headers=exchange.answer_headers,
        )
        try:
            result = await handler(call)
        except WakelessError as error:
            raise _as_aws(error, exchange) from error
        assert exchange.service is not None
        return protocol.answer(exchange.service.shapes, operation, result, exchange.request_id)

    def _admit(self, exchange: _Exchange, *, signed: bool, now: datetime) -> Caller:
        """Return who calls.  It comes before everything else: nothing is inflated or parsed for a stranger."""
        request, destination = exchange.request, exchange.destination
        if not destination.acceptable:
            raise AwsError("UnsupportedMediaType", f"Content-Type {request.header('content-type')!r} is not understood")
        service = destination.service
        # Only an unsigned form says in its body which service it is for.
        if service is None and (signed or destination.protocol is not QUERY):
            raise _unknown_service(request)
        candidates = [service] if service else self._services
        return self._verifier.authenticate(
            request, services={candidate.shapes.signing_name for candidate in candidates}, now=now
        )


@dataclass(kw_only=True, slots=True)
class _Exchange:
    """One request while it is being answered."""

    request: WireRequest
    destination: Destination
    service: AwsService | None
    request_id: str
    #: What the handler wants the answer to carry besides.
    answer_headers: dict[str, str] = field(default_factory=dict)

    def refuse(self, error: AwsError) -> Answer:
        """Return an error in the request's protocol."""
        shapes = self.service.shapes if self.service else None
        answer = self.destination.protocol.refuse(shapes, error, self.request_id)
        if self.destination.protocol is QUERY or (self.request.header("x-amzn-query-mode") or "").lower() != "true":
            return answer
        # Clients that once spoke query ask for the code they used to get.
        kind = (shapes.errors if shapes else COMMON_TABLE).find(error.aws_code)
        fault = "Sender" if kind.sender else "Receiver"
        return replace(answer, headers={**answer.headers, "x-amzn-query-error": f"{kind.query_code};{fault}"})

    def log_context(self) -> dict[str, str]:
        """Return what the log says of this request."""
        service = self.service.shapes.name if self.service else ""
        return {"request_id": self.request_id, "service": service, "operation": self.destination.operation or ""}


def _operation(exchange: _Exchange, action: str | None) -> tuple[OperationShapes, Handler]:
    if exchange.service is None or action is None:
        raise _unknown_service(exchange.request)
    shapes = exchange.service.shapes.operation(action)
    if shapes is None:
        version = exchange.service.shapes.api_version
        raise AwsError("InvalidAction", f"Could not find operation {action[:128]} for version {version}")
    handler = exchange.service.operations.get(action)
    if handler is None:
        raise AwsError("InvalidAction", f"The operation {action} is not supported by this endpoint.")
    return shapes, handler


def inflate(request: WireRequest, limit: int) -> bytes:
    """Return the body without its content encoding; raises `AwsError` if it is damaged or would exceed ``limit``."""
    encoding = (request.header("content-encoding") or "identity").strip().lower()
    if encoding in ("identity", ""):
        return request.body
    if encoding != "gzip":
        raise AwsError("UnsupportedMediaType", f"Content-Encoding {encoding[:64]!r} is not understood")
    expanded: list[bytes] = []
    room, rest = limit, request.body
    try:
        while rest:
            if len(expanded) == MAX_MEMBERS:
                raise AwsError("MalformedInput", f"The compressed request body has more than {MAX_MEMBERS} parts")
            member = zlib.decompressobj(wbits=31)
            chunk = member.decompress(rest, room + 1)
            room -= len(chunk)
            if room < 0:
                raise AwsError("RequestEntityTooLarge", f"Request size exceeded {limit} bytes when expanded")
            if not member.eof:
                raise AwsError("MalformedInput", "The compressed request body is truncated")
            expanded.append(chunk)
            rest = member.unused_data
    except zlib.error:
        raise AwsError("MalformedInput", "The request body is not gzip") from None
    return b"".join(expanded)


def _head(scope: Scope) -> WireRequest:
    raw_path = scope.get("raw_path")
    return WireRequest(
        method=scope["method"],
        raw_path=raw_path if raw_path is not None else scope["path"].encode(),
        query_string=scope["query_string"],
        headers=scope["headers"],
        body=b"",
    )


async def _send(send: Send, answer: Answer, headers: Mapping[str, str], *, head_only: bool) -> None:
    fields = [(b"content-length", str(len(answer.body)).encode())]
    if answer.content_type is not None:
        fields.append((b"content-type", answer.content_type.encode()))
    for name, value in {**headers, **answer.headers}.items():
        fields.append((name.lower().encode("latin-1"), value.encode("latin-1")))
    await send({"type": "http.response.start", "status": answer.status, "headers": fields})
    await send({"type": "http.response.body", "body": b"" if head_only else answer.body})


def _with_query_string(request: WireRequest, body: bytes) -> bytes:
    """Return the form parameters of the URL and the body, without those of a presigned URL."""
    parts = [part for part in request.query_string.split(b"&") if part and not part.startswith(b"X-Amz-")]
    return b"&".join([*parts, body] if body else parts)


def _text(form: Mapping[str, object], name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _unknown_service(request: WireRequest) -> AwsError:
    scope = claimed_scope(request)
    name = (request.header("x-amz-target") or "").rpartition(".")[0] or (scope[1] if scope else "")
    if not name:
        return AwsError("InvalidAction", "The request names no service that is served by this endpoint.")
    return AwsError("InvalidAction", f"The service {name[:64]!r} is not served by this endpoint.")


def _as_aws(error: WakelessError, exchange: _Exchange) -> AwsError:
    """Return what a refusal of the application is to an AWS client; what it cannot know is an internal failure."""
    if isinstance(error, AwsError):
        return error
    aws_code = getattr(error, "aws_code", None)
    if isinstance(aws_code, str):
        return AwsError(aws_code, str(error))
    if isinstance(error, NotFound):
        return AwsError("ResourceNotFound", str(error))
    if isinstance(error, Refused):
        return AwsError("ValidationError", str(error))
    if isinstance(error, Unavailable):
        logger.warning(
            "AWS request must wait",
            extra={"action": "aws_request_unavailable", "error": str(error), **exchange.log_context()},
        )
        return AwsError("ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
    logger.error("AWS request failed", exc_info=error, extra={"action": "aws_request_failed", **exchange.log_context()})
    return AwsError("InternalFailure", _INTERNAL)
