"""A load of HTTP requests from a process of its own, as cheap as Python can make it.

python benchmarks/_load.py PORT CONNECTIONS < requests      (a JSON string a line: a request, a character a byte)
Prints one JSON object: seconds, how many answers of each status, and the latencies' percentiles in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from functools import partial
from typing import cast

import uvloop


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered."""

    def __init__(self, requests: list[bytes], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._done = done
        self._buffer = b""
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class
        self._next()

    def _next(self) -> None:
        if not self._requests:
            self._transport.close()
            if not self._done.done():
                self._done.set_result(None)
            return
        self._began = time.perf_counter()
        self._transport.write(self._requests.pop())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lowered = head.lower()
        at = lowered.find(b"content-length:")
        length = int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) < length:
            return
        self._buffer = body[length:]
        self.statuses[int(head[9:12])] += 1
        self.latencies.append(time.perf_counter() - self._began)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def main(port: int, connections: int, requests: list[bytes]) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    requests = list(reversed(requests))
    made = []
    dones = []
    began = time.perf_counter()
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        _, connection = await loop.create_connection(partial(Connection, requests, done), "127.0.0.1", port)
        made.append(connection)
        dones.append(done)
    await asyncio.gather(*dones)
    seconds = time.perf_counter() - began
    statuses: Counter[int] = sum((c.statuses for c in made), Counter())
    latencies = sorted(latency for c in made for latency in c.latencies)

    def percentile(p: float) -> float:
        return round(1000 * latencies[min(int(len(latencies) * p), len(latencies) - 1)], 3)

    return {
        "seconds": seconds,
        "statuses": dict(statuses),
        "p50": percentile(0.5),
        "p99": percentile(0.99),
        "rate": sum(statuses.values()) / seconds,
    }


if __name__ == "__main__":
    port, connections = int(sys.argv[1]), int(sys.argv[2])
    bodies = [json.loads(line).encode("latin-1") for line in sys.stdin]
    print(json.dumps(uvloop.run(main(port, connections, bodies))))
