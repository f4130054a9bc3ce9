"""Our own HTTP server with nothing behind it: POST / reads the body and answers `{}`.

python benchmarks/_empty.py PORT        runs until SIGTERM

The fair baseline of intake: the same parser, the same doors, the same checks of the caller, the same counting; only
the alarm is neither read nor kept.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

import uvloop

from wakeless.app.telemetry import Telemetry
from wakeless.doors.http_api.asgi import MAX_BODY, Call, Endpoint, Operation, Reply, Shared, json_reply
from wakeless.doors.http_api.auth import Authenticator, Permission
from wakeless.doors.http_api.routes import HttpApi
from wakeless.doors.server import BACKLOG, create_server, join_doors, spare_the_collector


async def answer(call: Call) -> Reply:
    return json_reply({})


async def main(port: int) -> None:
    operation = Operation(handle=answer, permission=Permission.SEND, max_body=MAX_BODY, source="eventbridge")
    shared = Shared(Authenticator((), loopback=True), Telemetry())
    http = HttpApi([Endpoint("/", {"POST": operation}, shared)], [])
    server = create_server(join_doors(http, http))
    with socket.create_server(("127.0.0.1", port), backlog=BACKLOG) as sock:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, setattr, server, "should_exit", True)
        spare_the_collector()
        await server._serve([sock])


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
