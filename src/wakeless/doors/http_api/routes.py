"""Which address does what, and who may ask for it."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

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


def create_routes(
    service: Facade, config: HttpConfig, *, clock: Clock | None = None, fetcher: Fetcher | None = None
) -> list[BaseRoute]:
    """Return the routes of the HTTP API, the busiest first.

    ``GET /`` is among them and leaves other methods on ``/`` to other doors. Unknown addresses below ``/v1`` are
    answered here; those elsewhere are the application's.
    """
    clock = clock or SystemClock()
    authenticator = Authenticator(config.accounts, loopback=config.loopback)
    shared = Shared(authenticator, service.metrics)
    intake = Intake(service, clock)
    sns = SnsDoor(config, authenticator, intake, fetcher or HttpxFetcher(), clock)
    api = Api(service)
    events = Events(service, config.max_streams)

    def route(path: str, **operations: Operation) -> Route:
        return Route(path, Endpoint(path, operations, shared))

    # SNS is known by its signature, or says who it is by itself.
    sns_post = Operation(handle=sns.post, permission=None, max_body=MAX_MESSAGE, source="sns", again=True)
    routes = [
        route("/v1/alarms", POST=_take(intake.any_shape), GET=_look(api.alarms)),
        route("/v1/sns", POST=sns_post),
        route("/v1/sns/{secret}", POST=sns_post),
        route("/v1/eventbridge", POST=_take(intake.eventbridge, "eventbridge")),
        route("/v1/alertmanager", POST=_take(intake.alertmanager, "alertmanager")),
        route("/v1/incidents", GET=_look(api.incidents)),
        route("/v1/incidents/{incident_id}", GET=_look(api.incident)),
        route("/v1/incidents/{incident_id}/approve", POST=_do(api.approve, Permission.APPROVE)),
        route("/v1/incidents/{incident_id}/deny", POST=_do(api.deny, Permission.APPROVE)),
        route("/v1/incidents/{incident_id}/retry", POST=_do(api.retry, Permission.OPERATE)),
        route("/v1/incidents/{incident_id}/close", POST=_do(api.close, Permission.OPERATE)),
        route("/v1/incidents/{incident_id}/cancel", POST=_do(api.cancel, Permission.OPERATE)),
        route("/v1/attempts/{attempt_id}/output", GET=_look(api.output)),
        route("/v1/events", GET=Operation(handle=events.stream, permission=Permission.READ)),
        route("/v1/automation", GET=_look(api.automation), POST=_do(api.set_automation, Permission.ADMIN)),
        route("/healthz", GET=Operation(handle=api.health, permission=None)),
        route("/readyz", GET=Operation(handle=api.ready, permission=None)),
        route("/metrics", GET=_look(api.metrics)),
        Route("/", Endpoint("/", {"GET": _look(api.root)}, shared), methods=["GET"]),
        Route("/v1/{path:path}", not_found_endpoint(shared)),
    ]
    return list(routes)


def _take(handle: Handler, source: str | None = None) -> Operation:
    return Operation(handle=handle, permission=Permission.SEND, max_body=MAX_BODY, source=source, again=True)


def _look(handle: Handler) -> Operation:
    return Operation(handle=handle, permission=Permission.READ)


def _do(handle: Handler, permission: Permission) -> Operation:
    return Operation(handle=handle, permission=permission, max_body=_MAX_DECISION)
