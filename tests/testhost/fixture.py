"""A real Debian server with systemd for tests, and what can happen to one.

In a conftest: ``from tests.testhost.fixture import pytest_collection_modifyitems, testhost`` (both names).
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
#: Where the root file system is kept between runs; building it takes a minute, once per machine.
WORK = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wakeless-testhost"


@dataclass(kw_only=True, slots=True)
class Host:
    """One running server. Its users are root, deploy (sudo without a password) and plain (no sudo)."""

    name: str
    address: str

    @property
    def key_file(self) -> Path:
        return WORK / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return WORK / "run" / self.name / "known_hosts"

    @property
    def console(self) -> str:
        """What it printed on its console since it was made."""
        return (WORK / "run" / self.name / "console.log").read_text("utf-8", "replace")

    def run(self, command: str, *, user: str = "root", check: bool = True, timeout: float = 30.0) -> str:
        """Run a shell command on it and return its stdout."""
        done = subprocess.run(
            [
                *("ssh", "-q", "-n", "-i", self.key_file, "-o", f"UserKnownHostsFile={self.known_hosts}"),
                *("-o", "BatchMode=yes", "-o", "ConnectTimeout=5", f"{user}@{self.address}", command),
            ],
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode != 0:
            said = done.stderr or done.stdout
            raise AssertionError(f"{command!r} on {self.name}: exit code {done.returncode}: {said}")
        return done.stdout

    def is_active(self, service: str) -> bool:
        return self.run(f"systemctl is-active {service}", check=False).strip() == "active"

    def cut_power(self) -> None:
        """Kill every process at once, as a power loss does; the disk stays. `boot` brings it back."""
        (_cgroup() / f"h-{self.name}" / "cgroup.kill").write_text("1")
        until = time.monotonic() + 10
        while (_cgroup() / f"h-{self.name}" / "cgroup.procs").read_text():
            assert time.monotonic() < until, "processes outlive the power loss"
            time.sleep(0.02)

    def boot(self) -> None:
        """Boot it; harmless when it runs."""
        self.address = _script("boot.sh", self.name)

    def cut_network(self) -> None:
        """Nothing reaches it and nothing leaves it; no connection is told."""
        subprocess.run(["ip", "-n", f"h-{self.name}", "link", "set", "host0", "down"], check=True)

    def heal_network(self) -> None:
        subprocess.run(["ip", "-n", f"h-{self.name}", "link", "set", "host0", "up"], check=True)
        # This machine has learnt that nobody answers there.
        subprocess.run(["ip", "neigh", "flush", "dev", f"vh-{self.name}"], check=True)
        until = time.monotonic() + 10
        while not self._answers() and time.monotonic() < until:
            time.sleep(0.05)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.address, 22), timeout=1):
            return True
        return False

    def freeze(self) -> None:
        """Stop every process where it is: the kernel still takes connections, nobody answers."""
        (_cgroup() / f"h-{self.name}" / "cgroup.freeze").write_text("1")

    def thaw(self) -> None:
        (_cgroup() / f"h-{self.name}" / "cgroup.freeze").write_text("0")

    def recover(self) -> None:
        """Undo whatever was done to it."""
        self.thaw()
        self.boot()
        self.heal_network()

    def tear_down(self) -> None:
        _script("teardown.sh", self.name)


def _cgroup() -> Path:
    unified = Path("/sys/fs/cgroup/unified")
    return unified if unified.is_dir() else Path("/sys/fs/cgroup")


def _script(script: str, name: str) -> str:
    environment = {**os.environ, "WORK": str(WORK), "OWNER": str(os.getpid())}
    done = subprocess.run([HERE / script, name], capture_output=True, text=True, env=environment, timeout=900)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"{script} failed")
    return done.stdout.strip()


def why_not() -> str:
    """Say why no host can be booted here; empty when one can."""
    if not sys.platform.startswith("linux"):
        return f"the test host needs Linux, this is {sys.platform}"
    if os.geteuid() != 0:
        return "the test host needs root"
    if not (_cgroup() / "cgroup.procs").exists():
        return "the test host needs cgroup version 2"
    if os.environ.get("TESTHOST") == "no":
        return "TESTHOST=no"
    return ""


@pytest.fixture(scope="session")
def booted_testhost() -> Iterator[Host]:
    if reason := why_not():
        pytest.skip(reason)
    # Unique on this machine: several runs, each with several workers, may go at once.
    host = Host(name=f"t{os.getpid()}", address="")
    try:
        host.boot()
    except RuntimeError as error:
        host.tear_down()
        # Where it should work, a skip would hide that the tests which matter most did not run.
        if os.environ.get("TESTHOST") == "yes":
            raise
        pytest.skip(f"the test host does not boot: {error}")
    yield host
    host.tear_down()


@pytest.fixture
def testhost(booted_testhost: Host) -> Iterator[Host]:
    """A running server in order; what a test does to it is undone, its files stay."""
    booted_testhost.recover()
    yield booted_testhost
    booted_testhost.recover()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "booted_testhost" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("root"):
            item.add_marker("root")
            # Building its root file system, once per machine, takes longer than a test may.
            item.add_marker(pytest.mark.timeout(900))
