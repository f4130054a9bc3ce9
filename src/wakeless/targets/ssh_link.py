"""One target's SSH connection: opened when needed, shared by all commands, opened anew when it was lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import asyncssh

from wakeless.execution.ports import TargetRefused, TargetUnreachable
from wakeless.targets.settings import SshSettings
from wakeless.targets.ssh_login import address_of, open_connections

#: Seconds between two tries to get a channel from a server that has given out all it wants to.
_CHANNEL_PAUSE = 0.2


class ConnectionLost(Exception):
    """The connection broke while a program was running; what it did is not known here."""


class SshLink:
    """Runs programs over one connection."""

    def __init__(self, settings: SshSettings) -> None:
        self._settings = settings
        self._connections: Sequence[asyncssh.SSHClientConnection] = ()
        self._opening = asyncio.Lock()
        self._channels = asyncio.Semaphore(settings.channels)
        #: Whether the server refused a channel: then nobody keeps one for long.
        self.crowded = False

    async def run(self, command: str, stdin: bytes, within: float) -> tuple[bytes, bytes]:
        """Run ``command`` with ``stdin`` and return its stdout and stderr.

        Raises `ConnectionLost` when the connection broke or ``within`` seconds passed after it was handed over, and
        `TargetUnreachable`, `HostKeyChanged` or `TargetRefused` when it never was.
        """
        async with self._channels:
            connection, process = await self._open(command)
            try:
                async with asyncio.timeout(within):
                    out, err = await process.communicate(stdin)
            except TimeoutError as error:
                # A server that does not answer may have gone: the next question opens a new connection.
                self._drop(connection)
                raise ConnectionLost(f"no answer within {within:g} s") from error
            except (asyncssh.Error, OSError) as error:
                self._drop(connection)
                raise ConnectionLost(str(error)) from error
            finally:
                process.close()
            if process.exit_status is None and process.exit_signal is None:
                self._drop(connection)
                raise ConnectionLost("the connection was closed")
            return _bytes(out), _bytes(err)

    async def close(self) -> None:
        """Close the connection; whatever runs on the target goes on."""
        connections, self._connections = self._connections, ()
        for connection in reversed(connections):
            connection.close()
            with contextlib.suppress(asyncssh.Error, OSError, TimeoutError):
                async with asyncio.timeout(2.0):
                    await connection.wait_closed()

    async def _open(self, command: str) -> tuple[asyncssh.SSHClientConnection, asyncssh.SSHClientProcess[bytes]]:
        while True:
            reused = bool(self._connections)
            connection = await self._connection()
            try:
                return connection, await self._process(connection, command)
            except TargetUnreachable:
                # One that was lost while nobody used it: nothing was handed over yet, so a new one may be tried.
                if not reused:
                    raise

    async def _connection(self) -> asyncssh.SSHClientConnection:
        async with self._opening:
            if not self._connections or self._connections[-1].is_closed():
                for connection in self._connections:
                    connection.abort()
                self._connections = ()
                self._connections = await open_connections(self._settings)
                self.crowded = False
            return self._connections[-1]

    async def _process(
        self, connection: asyncssh.SSHClientConnection, command: str
    ) -> asyncssh.SSHClientProcess[bytes]:
        where = address_of(self._settings.server)
        refused = ""
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                while True:
                    try:
                        return await connection.create_process(command, encoding=None, request_pty=False)
                    except asyncssh.ChannelOpenError as error:
                        if connection.is_closed():
                            raise
                        # Over its MaxSessions: another of our commands ends soon and makes room.
                        self.crowded, refused = True, error.reason
                        await asyncio.sleep(_CHANNEL_PAUSE)
        except TimeoutError as error:
            if refused:
                raise TargetRefused(f"{where} opens no session for us: {refused}") from error
            self._drop(connection)
            raise TargetUnreachable(f"{where} does not answer any more") from error
        except (asyncssh.Error, OSError) as error:
            self._drop(connection)
            raise TargetUnreachable(f"{where}: {error}") from error

    def _drop(self, connection: asyncssh.SSHClientConnection) -> None:
        connection.abort()
        if self._connections and self._connections[-1] is connection:
            for other in self._connections:
                other.abort()
            self._connections = ()


def _bytes(data: bytes | str | None) -> bytes:
    assert not isinstance(data, str)
    return data or b""
