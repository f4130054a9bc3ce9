"""HTTP/1.1 with limits on what costs us before anybody is asked who it is: heads, waiting, connections.

The parser below would keep a head for ever, and the server a connection whose request never becomes whole: a few
hundred of those would take the file descriptors that remediations need.
"""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

#: Bytes of request line, headers, chunk sizes and trailers of one request; AWS's own clients stay below 8 KiB.
MAX_HEAD = 65_536
#: Seconds from a connection's opening, or a request's first byte, until the request has to be whole.
WHOLE_WITHIN = 60.0
#: Connections at once where the system sets no limit.
MAX_CONNECTIONS = 10_000


def most_connections() -> int:
    """Return how many connections may be open at once: half of the file descriptors, the rest is for our work."""
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    import resource  # not on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, max(soft // 2, 16))


class BoundedHttp(HttpToolsProtocol):
    """Ends a connection that sends more than `MAX_HEAD` bytes around one body, or takes too long for a request.

    Bodies are bounded by the doors. Between requests uvicorn's own time for idle connections holds.
    """

    whole_within = WHOLE_WITHIN
    most = most_connections()

    _head = 0
    _is_under_way = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections are open")
        else:
            self._deadline = self.loop.call_later(self.whole_within, self._time_is_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._end_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came in."""
        self._head += len(data)
        super().data_received(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request's head is too large")
        if not self._is_under_way and not self._is_idle:
            self._end_deadline()
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self.whole_within, self._time_is_up)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._is_under_way = True
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._head -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin anew with the next request."""
        self._head = 0
        self._is_under_way = False
        super().on_message_complete()

    @property
    def _is_idle(self) -> bool:
        """Whether no request waits for its answer."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is None or cycle.response_complete

    def _time_is_up(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the request was not whole within {self.whole_within:g} s")

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        if self._is_idle:
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
                f"connection: close\r\ncontent-length: {len(text)}\r\n\r\n"
            )
            self.transport.write((head + text).encode("ascii"))
        self.transport.close()
