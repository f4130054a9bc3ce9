"""Opening an SSH connection: the host key first, then the login; every failure says what it was and the way out."""

from __future__ import annotations

import asyncio
import getpass
import logging
import socket
from collections.abc import Sequence
from pathlib import Path

import asyncssh

from wakeless.execution.ports import HostKeyChanged, TargetRefused, TargetUnreachable
from wakeless.targets.settings import SshHop, SshSettings

# Its own lines about every channel are for debugging it, not for an operator.
asyncssh.set_log_level(logging.WARNING)

#: Kinds of host keys, asked for one after the other when the pinned fingerprint is of another kind.
_KEY_KINDS = ("", "ecdsa-sha2-nistp256", "rsa-sha2-512")


async def open_connections(settings: SshSettings) -> Sequence[asyncssh.SSHClientConnection]:
    """Return the open connections on the way to the target, the target's own last.

    Raises `TargetUnreachable`, `HostKeyChanged` or `TargetRefused`.
    """
    opened: list[asyncssh.SSHClientConnection] = []
    try:
        async with asyncio.timeout(settings.connect_timeout * (2 if settings.jump else 1)):
            for hop in (settings.jump, settings.server):
                if hop is not None:
                    opened.append(await _open(hop, settings, opened[-1] if opened else None))
    except TimeoutError as error:
        _abort(opened)
        message = f"{address_of(settings.server)} did not answer within {settings.connect_timeout:g} s"
        raise TargetUnreachable(message) from error
    except BaseException:
        _abort(opened)
        raise
    return opened


def address_of(hop: SshHop) -> str:
    """Return ``host``, or ``host:port`` when the port is not SSH's own."""
    return hop.host if hop.port == 22 else f"{hop.host}:{hop.port}"


def _abort(connections: Sequence[asyncssh.SSHClientConnection]) -> None:
    for connection in reversed(connections):
        connection.abort()


async def _open(
    hop: SshHop, settings: SshSettings, through: asyncssh.SSHClientConnection | None
) -> asyncssh.SSHClientConnection:
    keys = _HostKeys(hop)
    untrusted: asyncssh.DisconnectError | None = None
    for kind in _KEY_KINDS if keys.is_fingerprint else _KEY_KINDS[:1]:
        try:
            return await _connect(hop, settings, through, keys, kind)
        except asyncssh.HostKeyNotVerifiable as error:
            untrusted = error
        except asyncssh.KeyExchangeFailed as error:
            if not kind and not keys.trusted:
                raise TargetUnreachable(f"{address_of(hop)}: no common SSH algorithms: {error.reason}") from error
            # It has no key of that kind to show.
            untrusted = error
        except TargetUnreachable:
            # The same, said by hanging up.
            if not kind:
                raise
    raise HostKeyChanged(keys.complaint()) from untrusted


async def _connect(
    hop: SshHop, settings: SshSettings, through: asyncssh.SSHClientConnection | None, keys: _HostKeys, kind: str
) -> asyncssh.SSHClientConnection:
    user = hop.user or getpass.getuser()
    try:
        return await asyncssh.connect(
            hop.host,
            hop.port,
            tunnel=through,
            config=None,
            client_factory=lambda: keys,
            known_hosts=lambda host, addr, port: keys.find(host, addr, port),
            server_host_key_algs=[kind] if kind else (),
            username=user,
            client_keys=[str(path) for path in hop.key_files] or (),
            passphrase=hop.passphrase.reveal() if hop.passphrase else None,
            agent_path=() if hop.agent else None,
            preferred_auth="publickey",
            gss_host=None,
            keepalive_interval=settings.keepalive,
            keepalive_count_max=3,
            connect_timeout=settings.connect_timeout,
            login_timeout=settings.connect_timeout,
        )
    except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
        raise
    except asyncssh.PermissionDenied as error:
        raise TargetRefused(_login_refused(user, hop)) from error
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise TargetRefused(f"the key file for {user}@{address_of(hop)} cannot be read: {error}") from error
    except socket.gaierror as error:
        raise TargetUnreachable(f"{hop.host}: no address for that name ({error.strerror})") from error
    except asyncssh.ChannelOpenError as error:
        raise TargetUnreachable(f"{address_of(hop)} cannot be reached through the jump host: {error.reason}") from error
    except asyncssh.Error as error:
        raise TargetUnreachable(f"{address_of(hop)}: {error}") from error
    except FileNotFoundError as error:
        raise TargetRefused(f"the key file {error.filename} for {user}@{address_of(hop)} is missing") from error
    except OSError as error:
        raise TargetUnreachable(f"{address_of(hop)}: {error.strerror or error}") from error


def _login_refused(user: str, hop: SshHop) -> str:
    tried = ", ".join(str(path) for path in hop.key_files) or "the keys in ~/.ssh"
    if hop.agent and not hop.key_files:
        tried += " and of the agent"
    return f"login refused for {user}@{address_of(hop)} with {tried}: add the public key to its authorized_keys"


class _HostKeys(asyncssh.SSHClient):
    """Which host keys of one server are accepted, and what to say about another one."""

    def __init__(self, hop: SshHop) -> None:
        """Raises `TargetRefused` when the file or the setting cannot be read."""
        self._hop = hop
        self._file = hop.known_hosts or Path("~/.ssh/known_hosts").expanduser()
        self._shown: asyncssh.SSHKey | None = None
        #: Keys that the file or the setting has for this server.
        self.trusted: Sequence[asyncssh.SSHKey] = ()
        #: Whether the setting names a key by its fingerprint, which does not tell its kind.
        self.is_fingerprint = hop.host_key.startswith("SHA256:")
        self._known = asyncssh.import_known_hosts("")
        try:
            if not hop.host_key:
                self._known = asyncssh.read_known_hosts(str(self._file))
            elif not self.is_fingerprint:
                self.trusted = (asyncssh.import_public_key(hop.host_key),)
        except asyncssh.KeyImportError as error:
            message = f"host_key of {hop.host} is neither SHA256:… nor a public key line: {error}"
            raise TargetRefused(message) from error
        except FileNotFoundError:
            # Then no host is known, which is said when the server shows its key.
            pass
        except (OSError, ValueError) as error:
            raise TargetRefused(f"{self._file} cannot be read: {error}") from error

    def find(
        self, host: str, addr: str, port: int | None
    ) -> tuple[Sequence[asyncssh.SSHKey], Sequence[asyncssh.SSHKey], Sequence[asyncssh.SSHKey]]:
        """Return trusted keys, trusted authorities and revoked keys."""
        if self._hop.host_key:
            return self.trusted, (), ()
        known = asyncssh.match_known_hosts(self._known, host, addr, port)
        self.trusted = known[0]
        return known[0], known[1], known[2]

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Say whether a key that `find` did not name is accepted: only the pinned one is."""
        self._shown = key
        return self.is_fingerprint and key.get_fingerprint() == self._hop.host_key

    def complaint(self) -> str:
        """Say what is wrong with the key that the server showed, and the way out."""
        where = address_of(self._hop)
        key = self._shown
        shown = f"{key.get_algorithm()} {key.get_fingerprint()}" if key else "another kind of key"
        check = "compare it on the machine itself (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)"
        name = self._hop.host if self._hop.port == 22 else f"[{self._hop.host}]:{self._hop.port}"
        if self._hop.host_key:
            return f"{where} shows the host key {shown}, not the one in host_key: {check}, then change host_key"
        add = f"ssh-keyscan -p {self._hop.port} {self._hop.host} >> {self._file}"
        if self.trusted:
            remove = f"ssh-keygen -f {self._file} -R '{name}'"
            return f"{where} shows another host key than before, {shown}: {check}, then {remove} and {add}"
        return f"{where} shows a host key that is not known, {shown}: {check}, then {add}"
