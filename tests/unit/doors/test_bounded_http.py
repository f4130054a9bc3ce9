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
async def connected(kind: type[BoundedHttp] = BoundedHttp) -> AsyncIterator[Connection]:
    async with listening(kind) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        yield reader, writer
        writer.close()


@asynccontextmanager
async def listening(kind: type[BoundedHttp]) -> AsyncIterator[int]:
    config = uvicorn.Config(say_how_much, http=BoundedHttp, ws="none", lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: kind(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


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


class Hurried(BoundedHttp):
    whole_within = 0.05


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"GET / HT",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
    ],
)
async def test_a_connection_whose_request_does_not_become_whole_is_ended(begin: bytes) -> None:
    async with connected(Hurried) as (reader, writer):
        writer.write(begin)
        async with asyncio.timeout(5):
            answer = await reader.read()
    assert b"HTTP/1.1 408 " in answer or b"Content-Length: 5" in begin or b"chunked" in begin


async def test_an_empty_line_after_a_request_does_not_keep_the_connection_for_ever() -> None:
    async with connected(Hurried) as (reader, writer):
        assert await ask((reader, writer), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n") == b"HTTP/1.1 200 OK | 0"
        writer.write(b"\r\n")
        async with asyncio.timeout(5):
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")


async def test_an_answer_may_take_as_long_as_it_likes() -> None:
    async with connected(Hurried) as connection:
        for _ in range(3):
            assert await ask(connection, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n") == b"HTTP/1.1 200 OK | 0"
            await asyncio.sleep(2 * Hurried.whole_within)


class Crowded(BoundedHttp):
    most = 2


async def test_too_many_connections_are_told_to_come_again_and_the_others_go_on() -> None:
    async with listening(Crowded) as port:
        inside = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for connection in inside:
            assert await ask(connection, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n") == b"HTTP/1.1 200 OK | 0"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
        writer.close()
        assert await ask(inside[0], b"GET / HTTP/1.1\r\nHost: h\r\n\r\n") == b"HTTP/1.1 200 OK | 0"
        for _, other in inside:
            other.close()
