from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from wakeless.doors.bounded_http import MAX_HEAD, BoundedHttp

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def say_how_much(scope: Scope, receive: Receive, send: Send) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def connected() -> AsyncIterator[Connection]:
    config = uvicorn.Config(say_how_much, http=BoundedHttp, ws="none", lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: BoundedHttp(config, state, {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        yield reader, writer
        writer.close()


async def ask(connection: Connection, text: bytes) -> bytes:
    reader, writer = connection
    writer.write(text)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head.split(b"\r\n")[0] + b" | " + await reader.readexactly(length)


async def test_large_bodies_pass_and_do_not_count_as_head() -> None:
    body = b"x" * (5 * MAX_HEAD)
    async with connected() as connection:
        for _ in range(3):
            head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body)
            assert await ask(connection, head + body) == b"HTTP/1.1 200 OK | %d" % len(body)
        chunks = b"".join(b"2000\r\n" + b"x" * 0x2000 + b"\r\n" for _ in range(40)) + b"0\r\n\r\n"
        chunked = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
        assert await ask(connection, chunked) == b"HTTP/1.1 200 OK | %d" % (40 * 0x2000)


async def test_many_requests_over_one_connection_do_not_add_up() -> None:
    request = b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * (MAX_HEAD // 2) + b"\r\n\r\n"
    async with connected() as connection:
        for _ in range(5):
            assert await ask(connection, request) == b"HTTP/1.1 200 OK | 0"


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nX: y\r\nA"])
async def test_a_head_that_is_too_large_is_told_so_and_the_connection_ends(begin: bytes) -> None:
    async with connected() as connection:
        assert (await ask(connection, begin + b"a" * (MAX_HEAD + 1))).startswith(b"HTTP/1.1 431 ")
        assert await connection[0].read() == b""
