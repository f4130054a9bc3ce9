"""One ASGI application for all AWS services: authenticate, inflate, parse, delegate, answer."""

from __future__ import annotations

import logging
import uuid
import zlib
from collections.abc import Mapping
from typing import Protocol

from starlette.types import Receive, Scope, Send

from wakeless.core.clock import Clock
from wakeless.core.errors import NotFound, Refused, Unavailable, WakelessError
from wakeless.doors.aws_api.cloudwatch import cloudwatch
from wakeless.doors.aws_api.errors import AwsError
from wakeless.doors.aws_api.model import ServiceShapes
from wakeless.doors.aws_api.protocols.base import Answer
from wakeless.doors.aws_api.routing import QUERY, Destination, by_version, looks_like_aws, route
from wakeless.doors.aws_api.service import AwsService, Call
from wakeless.doors.aws_api.sigv4 import Verifier, WireRequest, claimed_scope
from wakeless.doors.aws_api.sts import sts
from wakeless.monitoring.service import Monitoring

logger = logging.getLogger(__name__)

#: Bytes of a request as transferred; PutMetricData's limit, and the largest of the services here.
MAX_BODY = 1024 * 1024
#: Bytes that a compressed request may expand to.
MAX_EXPANDED = 10 * 1024 * 1024

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
        request_id = str(uuid.uuid4())
        request = _head(scope)
        destination = route(request, self._services)
        headers: dict[str, str] = {}
        try:
            request = await self._with_body(request, receive)
            answer = await self._handle(request, destination, request_id, headers)
        except Disconnected:
            return
        except AwsError as error:
            answer = self._refuse(request, destination, error, request_id)
        except Exception:  # the edge of the loop: the client gets an id that the log knows too
            logger.exception("AWS request failed", extra={"action": "aws_request_failed", "request_id": request_id})
            answer = self._refuse(request, destination, AwsError("InternalFailure", _INTERNAL), request_id)
        await _send(send, answer, {"x-amzn-RequestId": request_id, **headers}, head_only=request.method == "HEAD")

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
                break
        return WireRequest(
            method=request.method,
            raw_path=request.raw_path,
            query_string=request.query_string,
            headers=request.headers,
            body=b"".join(chunks),
        )

    def _too_large(self, size: int) -> AwsError:
        return AwsError("RequestEntityTooLarge", f"Request size {size} exceeded {self._max_body} bytes")

    async def _handle(
        self, request: WireRequest, destination: Destination, request_id: str, headers: dict[str, str]
    ) -> Answer:
        now = self._clock.now()
        scope = claimed_scope(request)
        if not destination.acceptable:
            raise AwsError("UnsupportedMediaType", f"Content-Type {request.header('content-type')!r} is not understood")
        unsigned_query = destination.protocol is QUERY and scope is None
        if destination.service is None and not unsigned_query:
            raise AwsError("InvalidAction", _unknown_service(request))
        served = [destination.service] if destination.service else self._services
        # First of all: nothing is inflated or parsed for a stranger.
        caller = self._verifier.authenticate(request, services={each.shapes.signing_name for each in served}, now=now)
        body = inflate(request, self._max_expanded)
        service, action = destination.service, destination.operation
        document: object = None
        if destination.protocol is QUERY:
            document = parameters = QUERY.decode(_with_query_string(request, body))
            service, action = self._query_target(service, parameters)
        if service is None or action is None:
            raise AwsError("InvalidAction", _unknown_service(request))
        operation = service.shapes.operation(action)
        if operation is None:
            raise AwsError("InvalidAction", _unknown_operation(service.shapes, action))
        handler = service.operations.get(action)
        if handler is None:
            raise AwsError("InvalidAction", f"The operation {action} is not supported by this endpoint.")
        if document is None:
            document = destination.protocol.decode(body)
        call = Call(
            operation=action,
            parameters=destination.protocol.parse(operation, document),
            caller=caller,
            region=scope[0] if scope else self._region,
            now=now,
            request_id=request_id,
            answer_headers=headers,
        )
        try:
            result = await handler(call)
        except WakelessError as error:
            raise _as_aws(error) from error
        return destination.protocol.answer(service.shapes, operation, result, request_id)

    def _query_target(self, service: AwsService | None, parameters: Mapping[str, str]) -> tuple[AwsService | None, str]:
        action = parameters.get("Action")
        if not action:
            raise AwsError("MissingAction", "The request is missing an action or a required parameter.")
        return service or by_version(self._services, parameters.get("Version", ""), action), action

    def _refuse(self, request: WireRequest, destination: Destination, error: AwsError, request_id: str) -> Answer:
        service = destination.service.shapes if destination.service else None
        answer = destination.protocol.refuse(service, error, request_id)
        if destination.protocol is QUERY or (request.header("x-amzn-query-mode") or "").lower() != "true":
            return answer
        # Clients that once spoke query ask for the code they used to get.
        kind = service.errors.find(error.aws_code) if service else None
        code = kind.query_code if kind else error.aws_code
        fault = "Sender" if answer.status < 500 else "Receiver"
        return Answer(
            status=answer.status,
            body=answer.body,
            content_type=answer.content_type,
            headers={**answer.headers, "x-amzn-query-error": f"{code};{fault}"},
        )


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


def _unknown_service(request: WireRequest) -> str:
    scope = claimed_scope(request)
    name = (request.header("x-amz-target") or "").rpartition(".")[0] or (scope[1] if scope else "")
    return f"The service {name[:64]!r} is not served by this endpoint." if name else "No service could be recognised."


def _unknown_operation(service: ServiceShapes, action: str) -> str:
    return f"Could not find operation {action[:128]} for version {service.api_version}"


def _as_aws(error: WakelessError) -> AwsError:
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
        logger.warning("AWS request must wait", extra={"action": "aws_request_unavailable", "error": str(error)})
        return AwsError("ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
    logger.error("AWS request failed", exc_info=error, extra={"action": "aws_request_failed"})
    return AwsError("InternalFailure", _INTERNAL)
