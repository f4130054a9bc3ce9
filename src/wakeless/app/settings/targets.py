"""The ``targets`` section: the inventory."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from pydantic import Field, model_validator

from wakeless.app.settings.values import FilePath, GlobList, Name, PositiveSeconds, SecretText, Section, Text
from wakeless.remediation.target import InventoryTarget, Platform


class LocalTarget(Section):
    """The machine that Wakeless runs on."""

    run_dir: FilePath | None = Field(
        default=None, description="Folder of the run folders. Unset: `runs` in `data_dir`."
    )


class SshTarget(Section):
    """A machine reached by SSH."""

    host: Text = Field(description="Host name or address.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(default=22, description="Port of its SSH server.")
    user: Text | None = Field(default=None, description="Login name. Unset: the one Wakeless runs as.")
    key_file: FilePath | None = Field(default=None, description="Private key. Unset: the agent's keys.")
    passphrase: SecretText | None = Field(default=None, description="Passphrase of the private key.")
    agent: bool = Field(default=True, description="Whether keys of the running SSH agent are tried.")
    known_hosts: FilePath | None = Field(default=None, description="Host keys to accept. Unset: `~/.ssh/known_hosts`.")
    host_key: Annotated[GlobList, Field()] = Field(
        default=(), description="Host keys to accept (`ssh-ed25519 AAAA…`) instead of a file's; one or a list."
    )
    sudo: bool = Field(default=False, description="Whether scripts run as root by `sudo -n`.")
    connect_timeout: PositiveSeconds = Field(default=10.0, description="How long connecting and logging in may take.")


class TargetSettings(Section):
    """One machine that remediations may run on."""

    name: Name = Field(description="Its name in rules, incidents and logs.")
    match: GlobList = Field(
        default=(),
        description="Instance ids, host names or globs by which alarms name it. Empty: only rules that name it use it.",
    )
    platform: Platform | None = Field(
        default=None,
        description="`linux`, `macos` or `windows`: decides between `.sh` and `.ps1`. Unset: this machine's for `local`, "
        "`linux` for `ssh`.",
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

    def _usual_platform(self) -> Platform:
        if self.local is None:
            return Platform.LINUX
        return {"darwin": Platform.MACOS, "win32": Platform.WINDOWS}.get(sys.platform, Platform.LINUX)
