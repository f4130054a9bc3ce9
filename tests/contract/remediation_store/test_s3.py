"""What only S3 can do to us."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from wakeless.aws.clients import AwsClients
from wakeless.aws.settings import AwsSettings
from wakeless.core.secret import Secret
from wakeless.remediation.ports import StoreRefused, StoreUnreachable
from wakeless.store.remediations.s3 import S3Store


def clients_at(url: str) -> AwsClients:
    return AwsClients(
        AwsSettings(
            region="us-east-1",
            endpoint_url=url,
            access_key_id="test",
            secret_access_key=Secret("test"),
            max_attempts=1,
            connect_timeout=1,
            read_timeout=1,
        )
    )


@pytest.fixture
def answering() -> Iterator[Any]:
    """A server that gives every request the answer it was told to."""

    class Handler(BaseHTTPRequestHandler):
        status, body, claims = 200, b"", 0

        def do_GET(self) -> None:
            self.send_response(Handler.status)
            self.send_header("Content-Length", str(Handler.claims or len(Handler.body)))
            self.end_headers()
            self.wfile.write(Handler.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    clients = clients_at(f"http://127.0.0.1:{server.server_port}")
    yield Handler, S3Store(clients, "bucket", "prefix")
    clients.close()
    server.shutdown()
    server.server_close()
    thread.join()


def error(code: str) -> bytes:
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>m</Message></Error>'.encode()


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (503, "SlowDown", StoreUnreachable),
        (500, "InternalError", StoreUnreachable),
        (400, "RequestTimeout", StoreUnreachable),
        (403, "AccessDenied", StoreRefused),
        (403, "InvalidAccessKeyId", StoreRefused),
        (404, "NoSuchBucket", StoreRefused),
    ],
)
async def test_a_busy_store_is_unreachable_and_one_that_says_no_refuses(
    answering: Any, status: int, code: str, expected: type[Exception]
) -> None:
    handler, store = answering
    handler.status, handler.body = status, error(code)
    with pytest.raises(expected, match=code):
        await store.find(["m#N.sh"])
    with pytest.raises(expected, match=code):
        await store.keys()


async def test_a_missing_object_is_simply_not_there(answering: Any) -> None:
    handler, store = answering
    handler.status, handler.body = 404, error("NoSuchKey")
    assert list(await store.find(["m#N.sh"])) == []


async def test_a_body_that_breaks_off_is_unreachable(answering: Any) -> None:
    handler, store = answering
    handler.body, handler.claims = b"half a scr", 100
    with pytest.raises(StoreUnreachable):
        await store.find(["m#N.sh"])


async def test_nobody_there_is_unreachable() -> None:
    clients = clients_at("http://127.0.0.1:9")
    try:
        with pytest.raises(StoreUnreachable):
            await S3Store(clients, "bucket").find(["m#N.sh"])
    finally:
        clients.close()


async def test_a_listing_of_more_than_one_page_is_whole(clients: AwsClients, s3: Any) -> None:
    s3.create_bucket(Bucket="many")
    for number in range(25):
        s3.put_object(Bucket="many", Key=f"p/m{number:04}#N.sh", Body=b"x")
    assert len(await S3Store(clients, "many", "p", page_size=10).keys()) == 25


async def test_permission_hint_names_what_is_needed(answering: Any) -> None:
    handler, store = answering
    handler.status, handler.body = 403, error("AccessDenied")
    with pytest.raises(StoreRefused, match="s3:ListBucket"):
        await store.find(["m#N.sh"])
