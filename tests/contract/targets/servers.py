"""SSH servers on loopback for tests: OpenSSH's own where it is installed, else one made of asyncssh."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
HostKey {folder}/host_key_ecdsa
AuthorizedKeysFile {folder}/login_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
LogLevel ERROR
{more}
"""


def find_sshd() -> str:
    """Return the path of OpenSSH's server, or nothing."""
    return shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin") or ""


@dataclass(kw_only=True)
class Server:
    """One SSH server that takes our key; it can be stopped, started again, and given another host key."""

    folder: Path
    sshd: str = field(default_factory=find_sshd)
    more: str = ""
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def user(self) -> str:
        return getpass.getuser()

    @property
    def key_file(self) -> Path:
        return self.folder / "login_key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        make_key(self.folder / "login_key")
        self.new_host_key()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.trust_host_key()

    def new_host_key(self) -> None:
        for name, kind in (("host_key", "ed25519"), ("host_key_ecdsa", "ecdsa")):
            for path in (self.folder / name, self.folder / f"{name}.pub"):
                path.unlink(missing_ok=True)
            make_key(self.folder / name, kind)

    def host_key(self, name: str = "host_key") -> str:
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def trust_host_key(self) -> None:
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {self.host_key()}\n")

    def start(self) -> None:
        if self.sshd:
            config = self.folder / "sshd_config"
            config.write_text(_CONFIG.format(port=self.port, folder=self.folder, more=self.more))
            command = [*self._plain_shell(), self.sshd, "-D", "-e", "-f", str(config)]
        else:
            command = [sys.executable, str(HERE / "asyncssh_server.py"), str(self.port), str(self.folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                if probe.recv(4) == b"SSH-":
                    return
            assert time.monotonic() < until, "the SSH server does not come up"
            assert self._process.poll() is None, "the SSH server ended"
            time.sleep(0.02)

    def _plain_shell(self) -> list[str]:
        """As root, give the login user /bin/sh: what a person's .bashrc does at every login is not what we measure."""
        if os.geteuid() != 0 or not shutil.which("unshare"):
            return []
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        passwd = self.folder / "passwd"
        lines = Path("/etc/passwd").read_text().splitlines()
        mine = [line.rsplit(":", 1)[0] + ":/bin/sh" if line.startswith(f"{self.user}:") else line for line in lines]
        passwd.write_text("\n".join(mine) + "\n")
        script = 'mount --bind "$0" /etc/passwd && exec "$@"'
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, str(passwd)]

    def cut_connections(self) -> None:
        """Kill the server's side of every connection that is open."""
        assert self._process is not None
        for pid in _children(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        if self._process is not None:
            children = _children(self._process.pid)
            self._process.kill()
            self._process.wait()
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process = None


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", path], check=True)


def _children(parent: int) -> list[int]:
    """Return the server's processes for its connections, also those that gave up their rights."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "comm="], capture_output=True, text=True)
    rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
    found: list[int] = []
    parents = {parent}
    while parents:
        children = {int(pid) for pid, ppid, comm in rows if int(ppid) in parents and "sshd" in comm}
        found += children
        parents = children
    return found
