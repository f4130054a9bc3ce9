"""Talks to a running server over its JSON API."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from wakeless import __version__
from wakeless.core.problems import Problem
from wakeless.core.secret import Secret
from wakeless.doors.cli.exits import CommandFailed, Exit
from wakeless.doors.cli.sse import read_events

#: Seconds to wait for an answer; the server answers within milliseconds or is in trouble.
ANSWER_SECONDS = 30.0
#: Seconds without a byte after which a stream of events counts as broken; the server sends a comment more often.
STREAM_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the journal's stream."""

    #: Where it stands in the journal; ask for what comes after it.
    seq: int
    entry: Mapping[str, Any]


class Server:
    """A running `wakeless serve`, seen from outside. Every method raises `CommandFailed`."""

    def __init__(self, url: str, token: Secret | None = None, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.url = _checked(url)
        headers = {"User-Agent": f"wakeless/{__version__}", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        parts = urlsplit(self.url)
        # A proxy that is set for the internet cannot reach our loopback.
        local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        self._stopped = False
        self._stream_socket: socket.socket | None = None
        self._http = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=answer_seconds,
            trust_env=not local,
            verify=parts.scheme == "https",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def stop_events(self) -> None:
        """End `events`, from whatever thread; it is not waited for."""
        self._stopped = True
        if self._stream_socket is not None:
            with contextlib.suppress(OSError):  # it has ended by itself
                self._stream_socket.shutdown(socket.SHUT_RDWR)

    def get(self, path: str, **parameters: str | int | None) -> Any:
        """Return the JSON answer to a GET; parameters that are None are left out."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._send(self._http.build_request("GET", path, params=given))

    def get_bytes(self, path: str, **parameters: str | int) -> bytes:
        """Return the answer to a GET as it is."""
        return self._exchange(self._http.build_request("GET", path, params=parameters)).content

    def post(self, path: str, body: Any = None) -> Any:
        """Return the JSON answer to a POST of JSON."""
        return self._send(self._http.build_request("POST", path, json={} if body is None else body))

    def post_bytes(self, path: str, body: bytes, content_type: str = "application/json") -> Any:
        """Return the JSON answer to a POST of bytes as they are."""
        return self._send(self._http.build_request("POST", path, content=body, headers={"Content-Type": content_type}))

    def events(self, after: int | None = None, *, on_lost: Callable[[], None] = lambda: None) -> Iterator[Event]:
        """Yield timeline entries as they are journalled: a broken stream is taken up where it broke.

        It goes on until `stop_events`.

        With ``after`` None it begins with what comes from now on. Raises `CommandFailed` when the very first
        connection fails, or when the server refuses. ``on_lost`` is called each time the connection breaks.
        """
        connected = False
        pause = 0.2
        while not self._stopped:
            try:
                for event in self._stream(after):
                    connected, pause = True, 0.2
                    if event is not None:
                        after = event.seq
                        yield event
            except (httpx.TransportError, httpx.StreamError) as error:
                if not connected and not self._stopped:
                    raise self._unreachable(error) from error
            if self._stopped:
                return
            on_lost()
            time.sleep(pause)
            pause = min(pause * 2, 5.0)

    def _stream(self, after: int | None) -> Iterator[Event | None]:
        """Yield None once the stream is open, then its events until it ends."""
        request = self._http.build_request(
            "GET",
            "/v1/events",
            params={} if after is None else {"after": after},
            headers={"Accept": "text/event-stream"},
            timeout=httpx.Timeout(ANSWER_SECONDS, read=STREAM_SECONDS),
        )
        response = self._http.send(request, stream=True)
        try:
            if response.status_code != httpx.codes.OK:
                response.read()
                raise self._refused(response)
            self._stream_socket = response.extensions["network_stream"].get_extra_info("socket")
            yield None
            for event in read_events(response.iter_lines()):
                document = json.loads(event.data)
                if isinstance(document, dict):
                    yield Event(int(document.get("seq", event.id or 0)), document)
        finally:
            self._stream_socket = None
            response.close()

    def _send(self, request: httpx.Request) -> Any:
        response = self._exchange(request)
        if response.status_code == httpx.codes.NO_CONTENT or not response.content:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise self._foreign(response) from error

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._http.send(request)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error
        if not response.is_success:
            raise self._refused(response)
        return response

    def _unreachable(self, error: Exception) -> CommandFailed:
        if isinstance(error, httpx.TimeoutException):
            message, hint = f"the server at {self.url} did not answer in time", "Is it overloaded, or stopped?"
        else:
            message = f"no server answers at {self.url} ({error})"
            hint = "Start one with `wakeless serve`, or say where it is: --server URL or WAKELESS_SERVER."
        return CommandFailed(message, Exit.UNREACHABLE, code="server_unreachable", hint=hint)

    def _foreign(self, response: httpx.Response) -> CommandFailed:
        return CommandFailed(
            f"what answers at {self.url} is not a Wakeless server "
            f"(status {response.status_code}, {response.headers.get('content-type', 'no content type')})",
            Exit.UNREACHABLE,
            code="not_wakeless",
            hint="Say where the server is: --server URL or WAKELESS_SERVER.",
        )

    def _refused(self, response: httpx.Response) -> CommandFailed:
        """Turn an answer that is no success into what the person at the terminal needs to know."""
        error = _error_document(response)
        if error is None:
            return self._foreign(response)
        status = response.status_code
        hint = str(error.get("hint") or "")
        if status == httpx.codes.UNAUTHORIZED and not hint:
            hint = "This server wants a token: set WAKELESS_TOKEN, or --token-file FILE."
        problems = [_problem(item) for item in error.get("problems") or () if isinstance(item, dict)]
        code = str(error.get("code") or "")
        message = str(error.get("message") or response.reason_phrase)
        return CommandFailed(message, _exit_for(status), code=code, hint=hint, problems=problems)


def _exit_for(status: int) -> Exit:
    if status in (httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.UNPROCESSABLE_ENTITY):
        return Exit.USAGE
    if status in (httpx.codes.TOO_MANY_REQUESTS, *range(502, 505)):
        return Exit.UNREACHABLE
    return Exit.FAILED if status >= httpx.codes.INTERNAL_SERVER_ERROR else Exit.REFUSED


def _error_document(response: httpx.Response) -> Mapping[str, Any] | None:
    """Return the server's ``{"error": {...}}``, or None when this is not one of our answers."""
    try:
        document = response.json()
    except ValueError:
        return None
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, dict):
        return error
    return {"code": error, **document} if isinstance(error, str) else None


def _problem(item: Mapping[str, Any]) -> Problem:
    return Problem(
        source=str(item.get("source", "")),
        line=int(item.get("line") or 0),
        column=int(item.get("column") or 0),
        path=str(item.get("path") or ""),
        message=str(item.get("message", "")),
        hint=str(item.get("hint") or ""),
    )


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandFailed(
            f"not a server's address: {url!r}", Exit.USAGE, code="invalid_server", hint="Write it as http://HOST:4747."
        )
    return url.rstrip("/")


def read_token(token_file: Path | None) -> Secret | None:
    """Return the API token from the file, else from WAKELESS_TOKEN, else None."""
    if token_file is None:
        token = os.environ.get("WAKELESS_TOKEN", "")
    else:
        try:
            token = token_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandFailed(f"cannot read the token in {token_file}: {error}", Exit.USAGE) from error
    token = token.strip()
    if any(not 32 < ord(character) < 127 for character in token):
        raise CommandFailed("the API token has characters that no token has", Exit.USAGE)
    return Secret(token) if token else None
