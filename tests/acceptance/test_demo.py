"""`wakeless demo webapp` tells the truth, ends well within a minute, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DEMO = [sys.executable, "-m", "wakeless", "demo", "webapp"]
linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


def environment(folder: Path) -> dict[str, str]:
    """Everything that the demo starts inherits TMPDIR, so `processes_of` finds it."""
    return {**os.environ, "TMPDIR": str(folder)}


def processes_of(folder: Path) -> dict[int, str]:
    """Return the command lines of living processes whose environment names the folder."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # ended, or not ours
    return found


def until(reached: Callable[[], bool], within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not reached():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*DEMO, "--plain"], env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.mark.timeout(90)
def test_the_web_application_stops_and_comes_back_within_a_minute(tmp_path: Path) -> None:
    began = time.monotonic()
    done = subprocess.run([*DEMO, "--json"], env=environment(tmp_path), capture_output=True, text=True, timeout=80)
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert took < 60

    told = json.loads(done.stdout)
    incident = told["incident"]
    assert incident["status"] == "resolved"
    assert incident["remediation"] == "webapp-uptime#CustomNamespace.sh"
    assert incident["rule"] == "by name"
    assert [attempt["result"] for attempt in incident["attempts"]] == ["succeeded"]
    kinds = [entry["kind"] for entry in incident["timeline"] if entry["kind"] != "attempt.output"]
    assert kinds[:3] == ["incident.opened", "plan.found", "attempt.began"]
    assert kinds[-1] == "incident.resolved"
    assert "+ systemctl start webapp" in done.stderr
    assert "webapp is active" in done.stderr

    parts = told["seconds"]
    assert len(parts) == 6
    assert all(value >= 0 for value in parts.values())
    assert parts["until the remediation was found and started"] < 5

    assert list(tmp_path.iterdir()) == []
    if sys.platform == "linux":
        assert processes_of(tmp_path) == {}


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_and_no_folder(
    demo: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    until(lambda: any("demo.monitor" in command for command in processes_of(tmp_path).values()))
    assert any("demo.webapp" in command for command in processes_of(tmp_path).values())
    demo.send_signal(number)
    demo.communicate(timeout=20)
    assert demo.returncode == 130
    assert processes_of(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


@linux
def test_a_demo_whose_server_dies_says_so_and_fails(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    until(lambda: any("demo.monitor" in command for command in processes_of(tmp_path).values()))
    server = next(pid for pid, command in processes_of(tmp_path).items() if "wakeless serve" in command)
    os.kill(server, signal.SIGKILL)
    said, _ = demo.communicate(timeout=20)
    assert demo.returncode == 1
    assert "the demo failed: " in said
    assert "Traceback" not in said
    assert processes_of(tmp_path) == {}


def test_without_room_for_its_files_it_says_so(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.write_text("a file where a folder should be")
    code = f"import tempfile; tempfile.tempdir = {str(full)!r}; from wakeless.doors.cli.main import main; main()"
    command = [sys.executable, "-c", code, "demo", "webapp"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("wakeless: ")
    assert "Traceback" not in done.stderr
