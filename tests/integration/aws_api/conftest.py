"""A real server over real SQLite files, and clients of every age in environments of their own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.model
import pytest
import uvicorn
from botocore.config import Config
from tests import aws_clients

from wakeless.core.clock import SystemClock
from wakeless.core.secret import Secret
from wakeless.doors.aws_api import AcceptUnsigned, AwsApi, Caller, Credential, RequireSignature, Verifier, known_keys
from wakeless.monitoring.service import Monitoring
from wakeless.store.alarm_store import ALARM_SCHEMA, SqliteAlarmStore
from wakeless.store.metric_store import MetricStore
from wakeless.store.sqlite import Database

ACCESS_KEY = "AKIDWAKELESSTEST0001"
SECRET_KEY = "integration/test+secret"
SESSION = ("ASIAWAKELESSTEST0001", "temporary/secret", "a+session/token==")
CALLER = Caller(arn="arn:aws:iam::000000000000:user/tester", user_id="AIDATESTER", account="000000000000")
KEYS = [
    Credential(access_key_id=ACCESS_KEY, secret_access_key=Secret(SECRET_KEY), caller=CALLER),
    Credential(
        access_key_id=SESSION[0], secret_access_key=Secret(SESSION[1]), session_token=Secret(SESSION[2]), caller=CALLER
    ),
]


@dataclass(frozen=True)
class Endpoint:
    """A server that answers."""

    url: str


@dataclass
class Facade:
    monitoring: Monitoring


class Server:
    """The door in a thread: its own event loop, its own files."""

    def __init__(self, folder: Path, verifier: Verifier) -> None:
        self._folder = folder
        self._verifier = verifier
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._ready = threading.Event()
        self._trouble: BaseException | None = None
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=self._run, name="aws-door", daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(20)
        if self._trouble is not None:
            raise self._trouble

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._trouble = error
            self._ready.set()

    async def _serve(self) -> None:
        database = Database(self._folder / "wakeless.db", schema={"alarms": ALARM_SCHEMA})
        metrics = MetricStore.open(self._folder / "metrics.db")
        try:
            clock = SystemClock()
            monitoring = Monitoring(metrics, SqliteAlarmStore(database, lambda transaction, alarms: None), clock)
            app = AwsApi(Facade(monitoring), self._verifier, clock)
            config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=2)
            self._server = uvicorn.Server(config)
            serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
            while not self._server.started and not serving.done():
                await asyncio.sleep(0.01)
            self._ready.set()
            await serving
        finally:
            metrics.close()
            database.close()


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server that wants every request signed."""
    server = Server(tmp_path_factory.mktemp("signed"), RequireSignature(known_keys(KEYS)))
    server.start()
    yield Endpoint(server.url)
    server.stop()


@pytest.fixture(scope="session")
def open_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server that believes everybody on this machine."""
    server = Server(tmp_path_factory.mktemp("open"), AcceptUnsigned())
    server.start()
    yield Endpoint(server.url)
    server.stop()


@pytest.fixture(scope="session")
def client_environment() -> Callable[[str], Path]:
    """Make, once and for all test runs, an environment with an old client; skip if it cannot be had."""
    return aws_clients.client_folder


@pytest.fixture(scope="session")
def client_variables() -> Callable[[Endpoint], dict[str, str]]:
    """Return the environment of a client process."""

    def variables(endpoint: Endpoint) -> dict[str, str]:
        return aws_clients.client_variables(endpoint.url, ACCESS_KEY, SECRET_KEY)

    return variables


@pytest.fixture
def make_client(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make a client of the installed boto3, made to speak one protocol."""

    def make(service: str, protocol: str | None = None, **options: Any) -> Any:
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": "us-east-1"}
        config = Config(retries={"total_max_attempts": 1}, proxies={})
        with monkeypatch.context() as patch:
            if protocol is not None:
                patch.setattr(botocore.model, "PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", (protocol,))
            session = boto3.Session()
            return session.client(service, **{"endpoint_url": endpoint.url, "config": config, **keys, **options})

    return make
