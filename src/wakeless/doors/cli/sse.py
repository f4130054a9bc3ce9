"""Reads server-sent events, as https://html.spec.whatwg.org/multipage/server-sent-events.html describes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event of a stream."""

    #: The event's name; ``message`` when the server gave none.
    event: str
    data: str
    #: The last id that the stream has shown; asks for what comes after it.
    id: str = ""


def read_events(lines: Iterable[str]) -> Iterator[ServerSentEvent]:
    """Yield the events in ``lines`` (without their line ends); one that is cut off at the end is dropped."""
    event, data, last_id = "", list[str](), ""
    for line in lines:
        if not line:
            if data:
                yield ServerSentEvent(event or "message", "\n".join(data), last_id)
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value
        elif name == "id" and "\0" not in value:
            last_id = value
