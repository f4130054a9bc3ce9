"""The demo's stand-in for systemd really starts and stops processes, and ends as systemctl does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wakeless.doors.cli.demo import systemctl

Systemctl = Callable[..., tuple[int, str]]
#: Says so once it has decided what to do about SIGTERM, then waits for ever.
STUBBORN = "import signal,sys; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for unit in tmp_path.glob("*.service"):
        systemctl.Service(tmp_path, unit.name).stop()


@pytest.fixture
def run(folder: Path) -> Systemctl:
    """Call it as the demo does: a process of its own, which has ended when the service still runs."""

    def call(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, systemctl.__file__, str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout + done.stderr

    return call


def unit(folder: Path, name: str, command: str) -> None:
    (folder / f"{name}.service").write_text(f"[Unit]\nDescription=100% real\n[Service]\nExecStart={command}\n")


def sleeper() -> str:
    return f"{sys.executable} -c 'import signal; signal.pause()'"


def test_a_service_starts_and_stops(folder: Path, run: Systemctl) -> None:
    unit(folder, "webapp", sleeper())
    assert run("is-active", "webapp") == (3, "inactive\n")
    assert run("start", "webapp") == (0, "")
    assert run("is-active", "webapp.service") == (0, "active\n")
    pid = systemctl.Service(folder, "webapp").pid()
    assert f"Main PID: {pid}" in run("status", "webapp")[1]
    assert os.getpgid(pid) == pid, "it must live on when whoever started it is killed with its process group"
    assert run("stop", "webapp") == (0, "")
    assert run("is-active", "webapp") == (3, "inactive\n")


def test_starting_what_runs_starts_no_second_one(folder: Path, run: Systemctl) -> None:
    unit(folder, "webapp", sleeper())
    run("start", "webapp")
    first = systemctl.Service(folder, "webapp").pid()
    assert run("start", "webapp") == (0, "")
    assert systemctl.Service(folder, "webapp").pid() == first
    assert run("restart", "webapp") == (0, "")
    assert systemctl.Service(folder, "webapp").pid() != first


def test_starts_at_the_same_moment_start_one(folder: Path) -> None:
    unit(folder, "webapp", f"{sys.executable} -c 'print(1, flush=True); import signal; signal.pause()'")
    command = [sys.executable, systemctl.__file__, str(folder), "start", "webapp"]
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda _: subprocess.run(command, timeout=30).returncode, range(4)))
    assert ended == [0, 0, 0, 0]
    systemctl.Service(folder, "webapp").stop()
    assert (folder / "webapp.log").read_text().count("1") <= 1


def test_a_service_that_falls_over_at_once_is_a_failed_job(folder: Path, run: Systemctl) -> None:
    unit(folder, "webapp", f"{sys.executable} -c 'raise SystemExit(7)'")
    status, said = run("start", "webapp")
    assert (status, "status 7" in said) == (1, True)


def test_a_service_that_is_deaf_is_killed(folder: Path, run: Systemctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemctl, "STOP_SECONDS", 0.2)
    unit(folder, "webapp", f'{sys.executable} -c "{STUBBORN}"')
    run("start", "webapp")
    assert systemctl.Service(folder, "webapp").stop() == 0
    assert run("is-active", "webapp")[0] == 3


@pytest.mark.parametrize("name", ["other", "../webapp", "webapp/../webapp", ""])
def test_what_is_not_known_or_no_plain_name_is_refused(folder: Path, run: Systemctl, name: str) -> None:
    unit(folder, "webapp", sleeper())
    assert run("start", name)[0] == 4


def test_what_systemctl_does_not_know_is_said(folder: Path, run: Systemctl) -> None:
    unit(folder, "webapp", sleeper())
    assert run("dance", "webapp") == (1, "Unknown command verb dance.\n")
    assert run("start") == (1, "usage: systemctl start|stop|restart|is-active|status SERVICE\n")


def test_the_remediation_of_the_demo_is_the_one_that_ships() -> None:
    package = Path(systemctl.__file__).with_name("remediation.sh").read_bytes()
    library = Path(__file__).parents[5] / "library" / "webapp-uptime#CustomNamespace.sh"
    assert library.read_bytes() == package
