"""The ``targets`` section: the inventory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from wakeless.app.settings.values import (
    FilePath,
    GlobList,
    Name,
    PositiveSeconds,
    SecretText,
    Section,
    Text,
    several,
    shaped,
)
from wakeless.execution import ports as execution
from wakeless.remediation.target import InventoryTarget, Platform
from wakeless.targets.settings import LocalSettings, SshHop, SshSettings, Sudo

UserName = Annotated[str, shaped("[A-Za-z_][A-Za-z0-9_.-]{0,31}[$]?", "must be true, false or the name of a user")]


class LocalTarget(Section):
    """The machine that Wakeless runs on."""

    runs_root: FilePath | None = Field(
        default=None,
        description="Folder of the run folders; it must outlive a restart of the machine. Unset: `runs` in `data_dir`.",
    )


class SshLogin(Section):
    """One SSH server, and how to log in there."""

    host: Text = Field(description="Host name or address.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(default=22, description="Port of its SSH server.")
    user: Text | None = Field(default=None, description="Login name. Unset: the one Wakeless runs as.")
    key_file: Annotated[tuple[FilePath, ...], BeforeValidator(several)] = Field(
        default=(),
        description="Private key, or a list to try in order. Unset: the agent and the usual files in `~/.ssh`.",
    )
    passphrase: SecretText | None = Field(default=None, description="Opens an encrypted private key.")
    agent: bool = Field(default=True, description="Whether keys of the running SSH agent are tried.")
    known_hosts: FilePath | None = Field(
        default=None, description="OpenSSH's file of host keys to accept. Unset: `~/.ssh/known_hosts`."
    )
    host_key: Text | None = Field(
        default=None,
        description="The one host key to accept, `SHA256:…` or `ssh-ed25519 AAAA…`; `known_hosts` is not read then.",
    )

    def hop(self) -> SshHop:
        """Return what a connection is made from."""
        return SshHop(
            host=self.host,
            port=self.port,
            user=self.user or "",
            key_files=self.key_file,
            passphrase=self.passphrase,
            agent=self.agent,
            known_hosts=self.known_hosts,
            host_key=self.host_key or "",
        )


def _sudo(value: object) -> object:
    if isinstance(value, str):
        lowered = value.lower()
        if lowered in ("true", "yes", "on"):
            return "root"
        return None if lowered in ("false", "no", "off") else value
    return value


class SshTarget(SshLogin):
    """A machine reached by SSH."""

    jump: SshLogin | None = Field(default=None, description="A server that is passed through on the way.")
    sudo: Annotated[UserName | None, BeforeValidator(_sudo)] = Field(
        default=None,
        description="`true` runs scripts as root by `sudo -n`, a name as that user. Unset: as the user who logs in.",
    )
    runs_root: Annotated[str, shaped(r"/[^\0\n]*", "must be an absolute path")] | None = Field(
        default=None,
        description="Folder of the run folders over there; it must outlive a restart. "
        "Unset: `/var/tmp/wakeless-<user>/runs`.",
    )
    connect_timeout: PositiveSeconds = Field(default=10.0, description="How long connecting and logging in may take.")
    keepalive: PositiveSeconds = Field(
        default=10.0, description="Silence after which the connection is probed; three probes without an answer end it."
    )
    channels: Annotated[int, Field(ge=1, le=100)] = Field(
        default=8, description="Commands at the same moment over one connection; OpenSSH's own limit is 10."
    )


class TargetSettings(Section):
    """One machine that remediations may run on."""

    name: Name = Field(description="Its name in rules, incidents and logs.")
    match: GlobList = Field(
        default=(),
        description="Instance ids, host names or globs by which alarms name it. Empty: only rules that name it use it.",
    )
    platform: Platform | None = Field(
        default=None,
        description="`linux`, `macos` or `windows`: decides between `.sh` and `.ps1`. "
        "Unset: this machine's for `local`, `linux` for `ssh`.",
    )
    local: LocalTarget | None = Field(
        default=None, description="It is the machine that Wakeless runs on (`local: {}`)."
    )
    ssh: SshTarget | None = Field(default=None, description="It is reached by SSH.")

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_enough(cls, data: Any) -> Any:
        """Take ``local:`` for ``local: {}``."""
        if isinstance(data, dict) and "local" in data and data["local"] is None:
            return {**data, "local": {}}
        return data

    @model_validator(mode="after")
    def _one_kind(self) -> TargetSettings:
        if (self.local is None) == (self.ssh is None):
            raise ValueError("needs exactly one of `local` and `ssh`")
        return self

    @classmethod
    def this_machine(cls, name: str) -> TargetSettings:
        """Return a target that is this machine and matches no alarm."""
        return cls(name=name, local=LocalTarget())

    def record(self) -> InventoryTarget:
        """Return what `wakeless.remediation` knows of it."""
        return InventoryTarget(name=self.name, match=self.match, platform=self.platform or self._usual_platform())

    def connection(self, data_dir: Path) -> LocalSettings | SshSettings:
        """Return what the target is built from; run folders of this machine are in ``data_dir`` by default."""
        if self.ssh is None:
            root = self.local.runs_root if self.local is not None else None
            return LocalSettings(name=self.name, runs_root=root or data_dir / "runs")
        return SshSettings(
            name=self.name,
            server=self.ssh.hop(),
            jump=self.ssh.jump.hop() if self.ssh.jump is not None else None,
            platform=execution.Platform(self.platform or self._usual_platform()),
            sudo=Sudo(user=self.ssh.sudo) if self.ssh.sudo is not None else None,
            runs_root=self.ssh.runs_root or "",
            connect_timeout=self.ssh.connect_timeout,
            keepalive=self.ssh.keepalive,
            channels=self.ssh.channels,
        )

    def _usual_platform(self) -> Platform:
        if self.local is None:
            return Platform.LINUX
        return {"darwin": Platform.MACOS, "win32": Platform.WINDOWS}.get(sys.platform, Platform.LINUX)
