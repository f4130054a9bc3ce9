"""Naming processes of this machine for good: a reused process number is never mistaken for the one before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path


@cache
def boot_id() -> str:
    """Return the name of this boot of the machine, as ``shell/common.sh`` finds it; ``unknown`` where there is none."""
    try:
        name = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        name = _answer("sysctl", "-n", "kern.bootsessionuuid")
    return name if name and name.isascii() and name.replace("-", "").isalnum() else "unknown"


def birth(pid: int) -> str:
    """Return when process ``pid`` was started, by its kernel; empty when there is none or it is a zombie."""
    if sys.platform.startswith("linux"):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        except OSError:
            return ""
        # The program's name, in parentheses, may have anything in it; the fields after it cannot.
        fields = stat.rpartition(") ")[2].split()
        return "" if not fields or fields[0] in "ZXx" else fields[19]
    words = _answer("ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)).split()
    return "" if not words or words[0].startswith("Z") else " ".join(words[1:])


def is_alive(pid: int, born: str) -> bool:
    """Say whether the process that had number ``pid`` and was started at ``born`` still runs."""
    return bool(born) and birth(pid) == born


def kill_group(leader: int) -> None:
    """Kill the process group of ``leader``, or what is left of it; harmless if it is gone.

    Raises `ValueError` for a number that means more than one group: 1 would be everybody, 0 ourselves.
    """
    if leader <= 1 or leader == os.getpgrp():
        raise ValueError(f"not a process group of ours to kill: {leader}")
    for kill in (os.killpg, os.kill):
        try:
            kill(leader, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
        return


def _answer(*command: str) -> str:
    plain = {"PATH": f"{os.defpath}:/usr/sbin:/sbin", "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=plain, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
