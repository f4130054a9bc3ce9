"""What a target needs to know; `wakeless.yaml` is mapped to these records elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wakeless.core.secret import Secret
from wakeless.execution.ports import Platform

#: Bytes of each of stdout and stderr that are kept on the target; the rest is counted and forgotten.
OUTPUT_CAP = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalSettings:
    """The machine that Wakeless itself runs on."""

    name: str = "local"
    #: Where run folders are made: ``<data_dir>/runs``. It must outlive a restart of the machine.
    runs_root: Path
    output_cap: int = OUTPUT_CAP


@dataclass(frozen=True, kw_only=True, slots=True)
class Sudo:
    """Run everything as another user, by ``sudo -n``: the rule in sudoers must not ask for a password."""

    user: str = "root"


@dataclass(frozen=True, kw_only=True, slots=True)
class SshHop:
    """One SSH server and how to log in there."""

    host: str
    port: int = 22
    #: Empty: the user that Wakeless runs as.
    user: str = ""
    #: Private keys to try, in this order. Empty: the agent and the usual files in ``~/.ssh``.
    key_files: tuple[Path, ...] = ()
    #: Opens an encrypted key file.
    passphrase: Secret | None = None
    #: Whether keys of the agent at ``SSH_AUTH_SOCK`` are tried.
    agent: bool = True
    #: OpenSSH's file of known host keys. None: ``~/.ssh/known_hosts``.
    known_hosts: Path | None = None
    #: The one key that is accepted, as ``SHA256:…`` or a public key line; `known_hosts` is not read then.
    host_key: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SshSettings:
    """A machine that is reached by SSH."""

    name: str
    server: SshHop
    #: A server that is passed through on the way.
    jump: SshHop | None = None
    platform: Platform = Platform.LINUX
    #: None: as the user who logs in.
    sudo: Sudo | None = None
    #: Absolute path on the target; empty: ``/var/tmp/wakeless-<user>/runs``. It must outlive a restart of the machine.
    runs_root: str = ""
    output_cap: int = OUTPUT_CAP
    #: Seconds until a machine that does not answer counts as unreachable.
    connect_timeout: float = 10.0
    #: Seconds of silence after which the connection is probed; three probes without an answer end it.
    keepalive: float = 10.0
    #: Commands at the same moment over one connection; OpenSSH's default limit is 10.
    channels: int = 8


TargetSettings = LocalSettings | SshSettings
