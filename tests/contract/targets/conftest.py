from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.contract.targets.bench import Bench
from tests.contract.targets.servers import Server
from tests.testhost.fixture import Host, booted_testhost, pytest_collection_modifyitems, testhost, why_not

from wakeless.execution.ports import Target
from wakeless.targets.settings import LocalSettings, SshHop, SshSettings, Sudo

__all__ = ["booted_testhost", "pytest_collection_modifyitems", "testhost"]

_REAL = [pytest.param(kind, marks=pytest.mark.root) for kind in ("testhost", "sudo")]


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(folder=tmp_path_factory.mktemp("sshd"))
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def machine_folder() -> Iterator[Path]:
    """A folder that outlives a restart of the machine, as run folders need it."""
    folder = Path(tempfile.mkdtemp(prefix="wakeless-test-", dir="/var/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def here(command: str) -> str:
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True).stdout


def ssh_settings(server: Server, **more: object) -> SshSettings:
    hop = SshHop(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        key_files=(server.key_file,),
        known_hosts=server.known_hosts,
        agent=False,
    )
    return SshSettings(**{"name": "sshd", "server": hop, **more})  # type: ignore[arg-type]


def host_settings(host: Host, user: str = "root", sudo: str = "", **more: object) -> SshSettings:
    hop = SshHop(host=host.address, user=user, key_files=(host.key_file,), known_hosts=host.known_hosts, agent=False)
    rule = Sudo(user=sudo) if sudo else None
    return SshSettings(**{"name": "testhost", "server": hop, "sudo": rule, **more})  # type: ignore[arg-type]


@pytest.fixture(params=["local", "ssh", *_REAL])
async def bench(request: pytest.FixtureRequest, machine_folder: Path) -> AsyncIterator[Bench]:
    kind = request.param
    if kind == "local":
        settings = LocalSettings(runs_root=machine_folder / "runs")
        made = Bench(settings=settings, shell=here, folder=str(machine_folder))
    elif kind == "ssh":
        server = request.getfixturevalue("ssh_server")
        made = Bench(
            settings=ssh_settings(server, runs_root=str(machine_folder / "runs")),
            shell=here,
            folder=str(machine_folder),
        )
    else:
        if reason := why_not():
            pytest.skip(reason)
        host: Host = request.getfixturevalue("booted_testhost")
        folder = str(machine_folder)
        host.run(f"rm -rf {folder}; mkdir -m 755 {folder}")
        user, sudo = ("deploy", "root") if kind == "sudo" else ("root", "")
        # The sudo bench leaves runs_root to the target: its default is used somewhere too.
        root = "" if kind == "sudo" else f"{folder}/runs"
        made = Bench(settings=host_settings(host, user, sudo, runs_root=root), shell=host.run, folder=folder)
    async with made.closing():
        yield made


@pytest.fixture
def target(bench: Bench) -> Target:
    return bench.target()


@pytest.fixture
def small_disk(machine_folder: Path) -> Iterator[Path]:
    """A file system of its own with 1 MiB."""
    if not (sys.platform.startswith("linux") and os.geteuid() == 0):
        pytest.skip("mounting a small file system needs root on Linux")
    disk = machine_folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)
