"""Plays systemd where there is none: really starts and stops the services described in a folder.

Usage: ``systemctl.py FOLDER start|stop|restart|is-active|status SERVICE``. ``FOLDER/SERVICE.service`` is a unit file of
which ``ExecStart`` is read. Exit statuses are systemd's: 0, 3 for a service that is not running, 4 for one that is not
known, 1 for a failed job. Standard library only, and no import of Wakeless: it starts in a few milliseconds.

A running service holds a lock on ``FOLDER/SERVICE.lock``, inherited from us. So who asks whether it runs gets the
kernel's answer, whatever became of its process id.
"""

from __future__ import annotations

import configparser
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

#: Seconds a service has to end after SIGTERM, and to show that it stays up after its start.
STOP_SECONDS = 5.0
SETTLE_SECONDS = 0.2


class Service:
    """One service of the folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name.removesuffix(".service")
        self._unit = folder / f"{self.name}.service"
        self._lock = folder / f"{self.name}.lock"
        self._pid = folder / f"{self.name}.pid"
        self._log = folder / f"{self.name}.log"

    @property
    def is_known(self) -> bool:
        """Whether there is a unit file of that name (a plain name, no path)."""
        return self.name == Path(self.name).name and self._unit.is_file()

    def is_active(self) -> bool:
        """Whether its process is alive: then it holds the lock (who asks only shares it, and misleads nobody)."""
        with self._lock.open("ab") as lock:
            return not _take(lock.fileno(), fcntl.LOCK_SH)

    def pid(self) -> int:
        """Return the process id of the running service; it is written a moment after the service is active."""
        until = time.monotonic() + STOP_SECONDS
        while True:
            try:
                return int(self._pid.read_text())
            except FileNotFoundError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def start(self) -> int:
        """Start it unless it runs; return the exit status."""
        if self.is_active():
            return 0
        with self._lock.open("ab") as lock:
            until = time.monotonic() + 1.0
            while not _take(lock.fileno(), fcntl.LOCK_EX):
                if time.monotonic() > until:  # not one who only asks: somebody else has just started it
                    return 0
                time.sleep(0.01)
            unit = configparser.ConfigParser(interpolation=None)
            unit.read(self._unit)
            self._pid.unlink(missing_ok=True)
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    shlex.split(unit["Service"]["ExecStart"]),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    # The lock is on the open file, so it lives as long as the service does.
                    pass_fds=(lock.fileno(),),
                )
            whole = self._pid.with_suffix(".new")
            whole.write_text(str(process.pid))
            whole.replace(self._pid)
        try:
            process.wait(SETTLE_SECONDS)
        except subprocess.TimeoutExpired:
            return 0
        print(f"Job for {self.name}.service failed: it ended with status {process.returncode}.", file=sys.stderr)
        return 1

    def stop(self) -> int:
        """Stop it if it runs: politely, then not; return the exit status."""
        for signum in (signal.SIGTERM, signal.SIGKILL):
            if not self.is_active():
                return 0
            os.kill(self.pid(), signum)
            until = time.monotonic() + STOP_SECONDS
            while self.is_active() and time.monotonic() < until:
                time.sleep(0.02)
        return int(self.is_active())

    def restart(self) -> int:
        """Stop and start it; return the exit status."""
        return self.stop() or self.start()

    def report_active(self) -> int:
        """Print one word, as ``systemctl is-active`` does; return the exit status."""
        active = self.is_active()
        print("active" if active else "inactive")
        return 0 if active else 3

    def report_status(self) -> int:
        """Print a few lines, as ``systemctl status`` does; return the exit status."""
        active = self.is_active()
        print(f"{self.name}.service")
        print(f"   Active: {'active (running)' if active else 'inactive (dead)'}")
        if active:
            print(f" Main PID: {self.pid()}")
        return 0 if active else 3


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def main(arguments: list[str]) -> int:
    """Do what the arguments say; return the exit status."""
    if len(arguments) != 3:
        print("usage: systemctl start|stop|restart|is-active|status SERVICE", file=sys.stderr)
        return 1
    folder, verb, name = arguments
    service = Service(Path(folder), name)
    verbs: dict[str, Callable[[], int]] = {
        "start": service.start,
        "stop": service.stop,
        "restart": service.restart,
        "is-active": service.report_active,
        "status": service.report_status,
    }
    if verb not in verbs:
        print(f"Unknown command verb {verb}.", file=sys.stderr)
        return 1
    if not service.is_known:
        print(f"Unit {service.name}.service could not be found.", file=sys.stderr)
        return 4
    return verbs[verb]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
