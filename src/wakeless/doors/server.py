"""All doors behind one address: AWS requests to the AWS door, everything else to the HTTP API."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from wakeless import __version__
from wakeless.app import logs
from wakeless.app.lifecycle import Running, running
from wakeless.app.settings import Settings
from wakeless.core.clock import SystemClock
from wakeless.core.errors import Refused, Unavailable
from wakeless.core.secret import Secret
from wakeless.doors.aws_api.dispatch import AwsApi, is_aws_request
from wakeless.doors.aws_api.sigv4 import AcceptUnsigned, Caller, Credential, RequireSignature, Verifier, known_keys
from wakeless.doors.bounded_http import BoundedHttp
from wakeless.doors.http_api.auth import Account, Permission, is_loopback
from wakeless.doors.http_api.config import HttpConfig
from wakeless.doors.http_api.routes import create_http_api

logger = logging.getLogger(__name__)

#: Seconds that open requests get when the server stops; open streams of events would hold it up for ever.
GRACE = 3
BACKLOG = 2048


class Unprotected(Refused):
    """The address can be reached from other machines, and nobody would be asked who they are."""

    code = "unprotected"


class AddressTaken(Unavailable):
    """The address to listen on cannot be had."""

    code = "address_taken"


def serve(settings: Settings) -> None:
    """Run the server until SIGINT or SIGTERM.

    Raises `Unprotected`, `AddressTaken`, `InvalidInput`, and what opening the journal raises.
    """
    logs.configure(settings.log.format, settings.log.level, secrets=_secrets(settings))
    check_protected(settings)
    sock = _listen(settings)
    try:
        if sys.platform == "win32":
            asyncio.run(_serve(settings, sock))
        else:
            import uvloop  # not on Windows

            uvloop.run(_serve(settings, sock))
    finally:
        sock.close()


def check_protected(settings: Settings) -> None:
    """Raise `Unprotected` when others could reach the server and would not be asked who they are."""
    if not is_loopback(settings.listen.host) and not _has_principals(settings):
        raise Unprotected(
            f"{settings.listen} can be reached from other machines: give `principals` with tokens in wakeless.yaml, "
            "or listen on 127.0.0.1"
        )


def _has_principals(settings: Settings) -> bool:
    return any(one.token is not None for one in settings.principals)


def create_app(settings: Settings, parts: Running) -> ASGIApp:
    """Return the ASGI application of all doors."""
    service = parts.service
    aws = AwsApi(service, _verifier(settings), SystemClock(), region=settings.region)
    return join_doors(aws, create_http_api(service, _http_config(settings)))


def join_doors(aws: ASGIApp, http: ASGIApp) -> ASGIApp:
    """Return one application: AWS requests go to one door, everything else to the other."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if is_aws_request(scope):
            await aws(scope, receive, send)
        else:
            await http(scope, receive, send)

    return app


async def _serve(settings: Settings, sock: socket.socket) -> None:
    async with running(settings) as parts:
        server = create_server(create_app(settings, parts))
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        host, port = sock.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        logger.info(
            "Wakeless %s listens on http://%s:%d", __version__, shown, port, extra={"action": "listening", "port": port}
        )
        spare_the_collector()
        serving = asyncio.create_task(server._serve([sock]))
        stopping = asyncio.create_task(stop.wait())
        ends: set[asyncio.Future[Any]] = {serving, stopping, parts.failed}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        await parts.service.end_streams()
        server.should_exit = True
        await serving
        stopping.cancel()
        if parts.failed.done():
            parts.failed.result()


def create_server(app: ASGIApp) -> uvicorn.Server:
    """Return the HTTP server in front of an application."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            http=BoundedHttp,
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            backlog=BACKLOG,
        )
    )


def spare_the_collector() -> None:
    """Keep what lives for ever out of garbage collection, and collect less often: a third less time a request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.listen.host, settings.listen.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        raise AddressTaken(f"cannot listen on {settings.listen}: {error.strerror or error}") from error
    return sock


def _verifier(settings: Settings) -> Verifier:
    if not settings.access_keys:
        if is_loopback(settings.listen.host) and not _has_principals(settings):
            return AcceptUnsigned(account=settings.account)
        # Nobody has a key, so nobody comes in by this door: where the other asks who it is, this one is not left open.
        return RequireSignature(known_keys(()))
    return RequireSignature(
        known_keys(
            [
                Credential(
                    access_key_id=key.id,
                    secret_access_key=key.secret,
                    caller=Caller(
                        arn=f"arn:aws:iam::{settings.account}:user/{key.principal or key.id}",
                        user_id=key.id,
                        account=settings.account,
                        access_key_id=key.id,
                    ),
                )
                for key in settings.access_keys
            ]
        )
    )


def _http_config(settings: Settings) -> HttpConfig:
    sources = settings.sources
    accounts = [
        Account(
            name=one.name,
            tokens=(one.token,) if one.token is not None else (),
            groups=frozenset(one.groups),
            may=frozenset(Permission(str(permission)) for permission in one.may),
        )
        for one in settings.principals
    ]
    for name, token in (("eventbridge", sources.eventbridge.token), ("alertmanager", sources.alertmanager.token)):
        if token is not None:
            accounts.append(Account(name=name, tokens=(token,), may=frozenset({Permission.SEND}), source=name))
    return HttpConfig(
        loopback=is_loopback(settings.listen.host),
        accounts=tuple(accounts),
        sns_topics=sources.sns.topics,
        sns_secret=sources.sns.path_secret,
    )


def _secrets(settings: Settings) -> list[Secret]:
    sources = settings.sources
    found = [
        *(one.token for one in settings.principals),
        *(key.secret for key in settings.access_keys),
        sources.sns.path_secret,
        sources.eventbridge.token,
        sources.alertmanager.token,
        sources.alertmanager.password,
    ]
    return [secret for secret in found if secret is not None]
