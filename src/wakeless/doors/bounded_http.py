"""HTTP/1.1 with a limit on everything that is not a body: the parser below has none and would keep a head for ever."""

from __future__ import annotations

from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

#: Bytes of request line, headers, chunk sizes and trailers of one request; AWS's own clients stay below 8 KiB.
MAX_HEAD = 65_536

_TEXT = b"the request's head is too large"
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(_TEXT), _TEXT)
)


class BoundedHttp(HttpToolsProtocol):
    """Ends a connection that sends more than `MAX_HEAD` bytes around one body; bodies are bounded by the doors."""

    _head = 0

    def data_received(self, data: bytes) -> None:
        """Take what came in."""
        self._head += len(data)
        super().data_received(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            cycle = cast("RequestResponseCycle | None", self.cycle)
            if cycle is None or cycle.response_complete:
                self.transport.write(_REFUSAL)
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._head -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin anew with the next request."""
        self._head = 0
        super().on_message_complete()
