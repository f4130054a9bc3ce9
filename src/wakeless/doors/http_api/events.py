"""``GET /v1/events``: what happens to incidents, as it is committed, by server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from wakeless.doors.http_api.asgi import Call, Stream, invalid, to_json
from wakeless.doors.http_api.errors import Overloaded
from wakeless.doors.http_api.facade import Facade

#: Seconds of silence after which a comment tells the client, and every proxy between, that we are still there.
KEEP_ALIVE = 15.0
_HELLO = b"retry: 2000\n: connected\n\n"
_STILL_HERE = b": still here\n\n"


class Events:
    """Opens streams; a client resumes with ``Last-Event-ID`` or ``?after=``, else it sees what is to come."""

    def __init__(self, service: Facade, max_streams: int, keep_alive: float = KEEP_ALIVE) -> None:
        self._service = service
        self._max_streams = max_streams
        self._keep_alive = keep_alive
        self._open = 0

    async def stream(self, call: Call) -> Stream:
        """Open a stream."""
        query = call.query(("after",))
        given = call.headers.get(b"last-event-id", b"").decode("latin-1") or query.get("after")
        if given is not None and not (given.isascii() and given.isdigit() and len(given) < 19):
            raise invalid(("after", "must be the whole number of an event"))
        if self._open >= self._max_streams:
            raise Overloaded(f"{self._max_streams} streams are open already")
        after = int(given) if given is not None else None
        headers = ((b"x-accel-buffering", b"no"),)
        return Stream(self._chunks(after), b"text/event-stream; charset=utf-8", headers)

    async def _chunks(self, after: int | None) -> AsyncGenerator[bytes]:
        self._open += 1
        events = aiter(self._service.events(after))
        following: asyncio.Future[Mapping[str, Any]] | None = None
        try:
            yield _HELLO
            while True:
                following = following or asyncio.ensure_future(anext(events))
                # Waited for, not awaited: a timeout must not throw into the journal's reader.
                done, _ = await asyncio.wait({following}, timeout=self._keep_alive)
                if not done:
                    yield _STILL_HERE
                    continue
                try:
                    entry = following.result()
                except StopAsyncIteration:
                    return
                following = None
                yield b"id: %d\ndata: %b\n\n" % (entry["seq"], to_json(entry))
        finally:
            self._open -= 1
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            if isinstance(events, AsyncGenerator):
                await events.aclose()
