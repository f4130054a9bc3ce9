"""A real server over real SQLite files, and clients of every age in environments of their own."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.model
import pytest
import uvicorn
from botocore.config import Config

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

#: What pip is asked for.  Old releases need companions of their time; one of them pins a PyYAML that no longer builds.
CLIENTS: dict[str, list[list[str]]] = {
    "boto3-1.18": [["boto3==1.18.65", "urllib3<2"]],
    "boto3-1.34": [["boto3==1.34.162"]],
    "awscli-1.20": [
        ["--no-deps", "awscli==1.20.65"],
        ["botocore==1.21.65", "docutils<0.16", "s3transfer<0.6", "PyYAML<7", "colorama<0.4.4", "rsa<4.8", "urllib3<2"],
    ],
    "awscli-1.33": [["awscli==1.33.44"]],
    "awscli-1": [["awscli>=1.45,<2"]],
}


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
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wakeless-test-clients"

    def make(name: str) -> Path:
        version = f"py{sys.version_info.major}.{sys.version_info.minor}"
        folder = cache / f"{name}-{version}"
        folder.mkdir(parents=True, exist_ok=True)
        done = folder / "complete"
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            wanted = json.dumps(CLIENTS[name])
            if not done.exists() or done.read_text() != wanted:
                done.unlink(missing_ok=True)
                _build(folder / "venv", CLIENTS[name])
                done.write_text(wanted)
        return folder / "venv" / "bin"

    return make


def _build(folder: Path, requests: list[list[str]]) -> None:
    try:
        venv.create(folder, with_pip=True, clear=True)
    except subprocess.CalledProcessError as error:  # Debian's Python without python3-venv
        pytest.skip(f"no virtual environment can be made: {error}")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input"]
    for request in requests:
        result = subprocess.run([*pip, *request], capture_output=True, text=True, timeout=400, check=False)
        if result.returncode != 0:
            last = result.stderr.strip().splitlines()[-1:] or ["no reason given"]
            pytest.skip(f"pip cannot get {' '.join(request)}: {last[0]}")


@pytest.fixture(scope="session")
def client_variables() -> Callable[[Endpoint], dict[str, str]]:
    """Return the environment of a client process."""

    def variables(endpoint: Endpoint) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "NO_PROXY": "127.0.0.1",
            "WAKELESS_ENDPOINT": endpoint.url,
        }

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
