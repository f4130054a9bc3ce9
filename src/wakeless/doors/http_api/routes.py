"""Which address does what, and who may ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from wakeless.core.clock import Clock, SystemClock
from wakeless.doors.http_api.api import Api
from wakeless.doors.http_api.asgi import MAX_BODY, Endpoint, Handler, Operation, Shared, not_found_endpoint
from wakeless.doors.http_api.auth import Authenticator, Permission
from wakeless.doors.http_api.config import HttpConfig
from wakeless.doors.http_api.events import Events
from wakeless.doors.http_api.facade import Facade
from wakeless.doors.http_api.fetch import Fetcher, HttpxFetcher
from wakeless.doors.http_api.intake import Intake
from wakeless.doors.http_api.sns import MAX_MESSAGE, SnsDoor

#: Bytes of a decision's body.
_MAX_DECISION = 16_384


class HttpApi:
    """The HTTP API as an ASGI application.

    Addresses without parameters are found by one look into a table, and called at once: an `Endpoint` answers whatever
    goes wrong itself, and Starlette's layers around it would cost a fifth of a request.
    """

    def __init__(self, fixed: Iterable[Endpoint], others: Sequence[BaseRoute]) -> None:
        self._fixed = {endpoint.route: endpoint for endpoint in fixed}
        self._others = Starlette(routes=others)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        endpoint = self._fixed.get(scope["path"]) if scope["type"] == "http" else None
        await (endpoint or self._others)(scope, receive, send)


def create_http_api(
    service: Facade, config: HttpConfig, *, clock: Clock | None = None, fetcher: Fetcher | None = None
) -> HttpApi:
    """Return the HTTP API in front of ``service``. It answers at every address: at unknown ones, that they are."""
    clock = clock or SystemClock()
    authenticator = Authenticator(config.accounts, loopback=config.loopback)
    shared = Shared(authenticator, service.metrics)
    intake = Intake(service, clock)
    sns = SnsDoor(config, authenticator, intake, fetcher or HttpxFetcher(), clock)
    api = Api(service)
    events = Events(service, config.max_streams)

    def endpoint(path: str, **operations: Operation) -> Endpoint:
        return Endpoint(path, operations, shared)

    def route(path: str, **operations: Operation) -> Route:
        return Route(path, endpoint(path, **operations))

    # SNS is known by its signature, or says who it is by itself.
    sns_post = Operation(handle=sns.post, permission=None, max_body=MAX_MESSAGE, source="sns", again=True)
    fixed = [
        endpoint("/", GET=_look(api.root)),
        endpoint("/v1/alarms", POST=_take(intake.any_shape), GET=_look(api.alarms)),
        endpoint("/v1/sns", POST=sns_post),
        endpoint("/v1/eventbridge", POST=_take(intake.eventbridge, "eventbridge")),
        endpoint("/v1/alertmanager", POST=_take(intake.alertmanager, "alertmanager")),
        endpoint("/v1/incidents", GET=_look(api.incidents)),
        endpoint("/v1/events", GET=Operation(handle=events.stream, permission=Permission.READ)),
        endpoint("/v1/automation", GET=_look(api.automation), POST=_do(api.set_automation, Permission.ADMIN)),
        endpoint("/healthz", GET=Operation(handle=api.health, permission=None)),
        endpoint("/readyz", GET=Operation(handle=api.ready, permission=None)),
        endpoint("/metrics", GET=_look(api.metrics)),
    ]
    others = [
        route("/v1/sns/{secret}", POST=sns_post),
        route("/v1/incidents/{incident_id}", GET=_look(api.incident)),
        route("/v1/incidents/{incident_id}/approve", POST=_do(api.approve, Permission.APPROVE)),
        route("/v1/incidents/{incident_id}/deny", POST=_do(api.deny, Permission.APPROVE)),
        route("/v1/incidents/{incident_id}/retry", POST=_do(api.retry, Permission.OPERATE)),
        route("/v1/incidents/{incident_id}/close", POST=_do(api.close, Permission.OPERATE)),
        route("/v1/incidents/{incident_id}/cancel", POST=_do(api.cancel, Permission.OPERATE)),
        route("/v1/attempts/{attempt_id}/output", GET=_look(api.output)),
        Route("/{path:path}", not_found_endpoint(shared)),
    ]
    return HttpApi(fixed, others)


def _take(handle: Handler, source: str | None = None) -> Operation:
    return Operation(handle=handle, permission=Permission.SEND, max_body=MAX_BODY, source=source, again=True)


def _look(handle: Handler) -> Operation:
    return Operation(handle=handle, permission=Permission.READ)


def _do(handle: Handler, permission: Permission) -> Operation:
    return Operation(handle=handle, permission=permission, max_body=_MAX_DECISION)
