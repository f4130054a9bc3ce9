"""A process is named for good, and a number that means everybody is never killed."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from wakeless.targets import processes
from wakeless.targets.posix import control_text


@pytest.mark.parametrize("leader", [1, 0, -1, -5, os.getpgrp()])
def test_a_number_that_means_more_than_one_group_is_refused(leader: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        pytest.fail("a signal was sent")

    monkeypatch.setattr(os, "kill", never)
    monkeypatch.setattr(os, "killpg", never)
    with pytest.raises(ValueError, match="not a process group"):
        processes.kill_group(leader)


@pytest.mark.parametrize("leader", ["1", "0", "", "-1", "01", "1 2", "x", "*", "-"])
def test_the_shell_refuses_such_a_number_too(leader: str) -> None:
    text = control_text().decode()
    guarded = text[text.index("kill_group() {") :]
    function = guarded[: guarded.index("\n}") + 2]
    # `kill` is replaced before it could do anything, whatever the guard does.
    program = 'kill() { echo "sent $*"; }\n' + function + "\nleader=$1; kill_group TERM; echo $?"
    done = subprocess.run(["/bin/sh", "-c", program, "sh", leader], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_a_process_is_known_by_its_birth() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        born = processes.birth(child.pid)
        assert born
        assert processes.is_alive(child.pid, born)
        assert not processes.is_alive(child.pid, "1")
        assert not processes.is_alive(child.pid, "")
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        # Dead and not reaped yet.
        assert processes.birth(child.pid) == ""
    finally:
        child.kill()
        child.wait()
    assert processes.birth(child.pid) == ""


def test_the_boot_has_a_name() -> None:
    assert processes.boot_id() not in ("", "unknown") or not os.path.exists("/proc/sys/kernel/random/boot_id")
