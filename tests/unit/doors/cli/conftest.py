"""A scripted HTTP server on a real socket, for the commands that talk to one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(slots=True)
class Scripted:
    """What the server answers, by method and path without its query; and what it was asked."""

    url: str = ""
    answers: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    #: Bodies of streams, one for each connection; the last one is repeated.
    streams: list[bytes] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def answer(self, what: str, document: Any, status: int = 200) -> None:
        self.answers[what] = (status, "application/json", json.dumps(document).encode())


def _handler(script: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.requests.append((self.command, self.path, dict(self.headers), body))
            path = self.path.partition("?")[0]
            if path == "/v1/events" and script.streams:
                stream = script.streams.pop(0) if len(script.streams) > 1 else script.streams[0]
                self._send(200, "text/event-stream", stream)
                return
            missing = (
                404,
                "application/json",
                b'{"error": {"code": "not_found", "message": "there is no such thing"}}',
            )
            self._send(*script.answers.get(f"{self.command} {path}", missing))

        def _send(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

        do_GET = do_POST = _respond  # noqa: N815 - the names http.server looks for

    return Handler


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    script = Scripted()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line in this process; return its exit status, stdout and stderr."""
    from wakeless.doors.cli import main

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["wakeless", *arguments])
        status: object = 0
        try:
            main.main()
        except SystemExit as end:
            status = end.code
        out = capsys.readouterr()
        return int(status) if isinstance(status, int) else 0 if status is None else 1, out.out, out.err

    return run
