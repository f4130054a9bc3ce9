"""A real `wakeless serve` in a process of its own, for the benchmarks."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
_UNSETTLED = """
SELECT 1 WHERE EXISTS (SELECT 1 FROM alarms_received WHERE correlated = 0)
    OR EXISTS (SELECT 1 FROM incidents WHERE status = 'open')
    OR EXISTS (SELECT 1 FROM outbox WHERE status = 'pending')
"""


@dataclass
class Server:
    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def rss_mb(self) -> float:
        """Resident memory now, in MB."""
        if sys.platform == "linux":
            fields = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
            return next(int(line.split()[1]) for line in fields if line.startswith("VmRSS")) / 1024
        out = subprocess.run(["ps", "-o", "rss=", "-p", str(self.process.pid)], capture_output=True, check=True)
        return int(out.stdout) / 1024

    def settle(self) -> float:
        """Wait until what was taken in is worked off and everybody is told; return the seconds that took."""
        began = time.monotonic()
        with closing(sqlite3.connect(f"file:{self.folder / 'data' / 'wakeless.db'}?mode=ro", uri=True)) as db:
            while db.execute(_UNSETTLED).fetchone() is not None:
                if time.monotonic() - began > 60:
                    raise SystemExit("the server did not work off what it took in within a minute")
                time.sleep(0.05)
        return time.monotonic() - began

    def get(self, path: str) -> object:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return json.load(answer)

    def load(self, requests: list[str], connections: int = 50) -> dict[str, object]:
        """Send every request over so many connections from another process; see `_load`."""
        text = "\n".join(json.dumps(request) for request in requests)
        command = [sys.executable, str(HERE / "_load.py"), str(self.port), str(connections)]
        out = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True, timeout=120)
        answer: dict[str, object] = json.loads(out.stdout)
        return answer


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def serving(settings: str, scripts: dict[str, str] | None = None) -> Iterator[Server]:
    """Run a server with these settings (YAML without `listen` and `data_dir`) until the block ends."""
    with tempfile.TemporaryDirectory(prefix="wakeless-bench-") as name:
        folder, port = Path(name), free_port()
        (folder / "remediations").mkdir()
        for key, text in (scripts or {}).items():
            (folder / "remediations" / key).write_text(text)
        (folder / "wakeless.yaml").write_text(f"listen: 127.0.0.1:{port}\ndata_dir: data\n{settings}")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("WAKELESS_", "AWS_"))}
        command = [sys.executable, "-m", "wakeless", "serve", "--config", str(folder / "wakeless.yaml")]
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        with until_ready(port, process, folder / "server.log"):
            yield Server(port, folder, process)


@contextmanager
def serving_nothing() -> Iterator[Server]:
    """Run the same HTTP server with an empty endpoint at POST / until the block ends; see `_empty`."""
    with tempfile.TemporaryDirectory(prefix="wakeless-bench-") as name:
        folder, port = Path(name), free_port()
        command = [sys.executable, str(HERE / "_empty.py"), str(port)]
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        with until_ready(port, process, folder / "server.log"):
            yield Server(port, folder, process)


@contextmanager
def until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> Iterator[None]:
    try:
        _await_ready(port, process, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")


def post(path: str, body: str, port: int, **headers: str) -> str:
    """Return a whole HTTP request."""
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body.encode())}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"
