"""Targets are made from settings, and only what is used is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from wakeless.execution.ports import Platform
from wakeless.targets.build import build_target
from wakeless.targets.local import LocalTarget
from wakeless.targets.settings import LocalSettings, SshHop, SshSettings
from wakeless.targets.ssh import SshTarget


def test_each_kind_of_settings_makes_its_target(tmp_path: Path) -> None:
    local = build_target(LocalSettings(name="here", runs_root=tmp_path))
    remote = build_target(SshSettings(name="there", server=SshHop(host="example.org"), platform=Platform.MACOS))
    assert isinstance(local, LocalTarget)
    assert isinstance(remote, SshTarget)
    assert (local.name, remote.name, remote.platform) == ("here", "there", Platform.MACOS)


def test_a_machine_that_only_looks_after_itself_does_not_load_ssh() -> None:
    program = (
        "import sys; from pathlib import Path; from wakeless.targets.build import build_target;"
        "from wakeless.targets.settings import LocalSettings; build_target(LocalSettings(runs_root=Path('/x')));"
        "print('asyncssh' in sys.modules, 'cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_a_passphrase_does_not_print() -> None:
    from wakeless.core.secret import Secret

    assert "sesame" not in repr(SshHop(host="example.org", passphrase=Secret("sesame")))
