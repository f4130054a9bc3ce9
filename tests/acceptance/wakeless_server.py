"""A real `wakeless serve` in a process of its own, and what a test says to it over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx

#: What an ordinary incident needs: its script leaves a line in `marks`, named by the alarm's dimension.
ORDINARY = '#!/bin/sh\nprintf "%s\\n" "$WAKELESS_ALARM_NAME" >> "$WAKELESS_PARAM_MARKS"\n'
RULE = """\
  - name: ordinary
    match: {{namespace: Ordinary}}
    script: ordinary.sh
    target: here
    parameters: {{marks: "{marks}"}}
"""
#: Reports are from the past, each a second later than the one before.
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = count()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(reached: Callable[[], Any], within: float = 20.0, why: Callable[[], str] = str) -> Any:
    """Return the first true answer; fails with ``why`` when there is none in time."""
    deadline = time.monotonic() + within
    while not (answer := reached()):
        assert time.monotonic() < deadline, why()
        time.sleep(0.02)
    return answer


def alarm_event(
    name: str,
    namespace: str,
    metric: str = "up",
    dimensions: Mapping[str, str] | None = None,
    *,
    state: str = "ALARM",
    reason: str = "it fell",
) -> dict[str, Any]:
    """Return what EventBridge sends when a CloudWatch alarm changes its state; each later than the last."""
    at = _EPOCH + timedelta(seconds=next(_numbers))
    stat = {
        "metric": {"namespace": namespace, "name": metric, "dimensions": dict(dimensions or {})},
        "period": 60,
        "stat": "Average",
    }
    return {
        "version": "0",
        "id": f"event-{next(_numbers)}",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": "000000000000",
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"],
        "detail": {
            "alarmName": name,
            "state": {"value": state, "reason": reason, "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")},
            "previousState": {"value": "OK", "reason": "", "timestamp": "2025-12-31T00:00:00.000+0000"},
            "configuration": {"metrics": [{"id": "m1", "metricStat": stat, "returnData": True}]},
        },
    }


class WakelessServer:
    """One server with its folder: settings, remediations, data and log.

    ``settings`` is YAML that ends with a ``rules:`` list; the server listens on a free port of loopback.
    """

    def __init__(
        self,
        folder: Path,
        settings: str,
        scripts: Mapping[str, str | bytes],
        environment: Mapping[str, str],
        data: Path | None = None,
        token: str = "",
    ) -> None:
        self.folder = folder
        self.store = folder / "remediations"
        self.store.mkdir(parents=True)
        self.data = data or folder / "data"
        self.marks = folder / "marks"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = dict(environment)
        self.alarms: dict[str, dict[str, Any]] = {}
        for name, text in {"ordinary.sh": ORDINARY, **scripts}.items():
            path = self.store / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        head = f"listen: 127.0.0.1:{self.port}\ndata_dir: {self.data}\n"
        (folder / "wakeless.yaml").write_text(head + settings + RULE.format(marks=self.marks))
        self.process: subprocess.Popen[bytes] | None = None
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=15, headers=headers)

    # --- its life ---

    def start(self) -> None:
        """Start it and wait until it takes alarms in."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WAKELESS_")} | self.environment
        command = [sys.executable, "-m", "wakeless", "serve", "--config", str(self.folder / "wakeless.yaml")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        until(self.is_ready, why=self.log)

    def is_ready(self) -> bool:
        """Say whether it takes alarms in; fails when it has ended."""
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        try:
            return self.client.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """End it politely; return its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        """Kill it and start it again on the same port and data."""
        self.kill()
        self.start()

    def clean_up(self) -> None:
        """End it and whatever its scripts left running."""
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.leftovers():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def leftovers(self, attempt_id: str = "") -> list[int]:
        """Return the processes whose working folder is the run folder of this attempt, or of any."""
        runs, found = os.path.realpath(self.data / "runs" / attempt_id), []
        for entry in Path("/proc").glob("[0-9]*/cwd"):
            with contextlib.suppress(OSError):
                if os.readlink(entry).startswith(runs):
                    found.append(int(entry.parent.name))
        return found

    def log(self) -> str:
        """Return the end of what it said."""
        return (self.folder / "server.log").read_text(errors="replace")[-6000:]

    def rss_mb(self) -> float:
        """Return its resident memory, in MB."""
        assert self.process is not None
        out = subprocess.run(["ps", "-o", "rss=", "-p", str(self.process.pid)], capture_output=True, check=True)
        return int(out.stdout) / 1024

    # --- what is said to it ---

    def get(self, path: str) -> Any:
        """Return a JSON answer."""
        answer = self.client.get(path)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Post JSON, or bytes as they are."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.post(path, content=content, headers={"content-type": "application/json", **headers})

    def fire(
        self,
        name: str,
        namespace: str,
        metric: str = "up",
        dimensions: Mapping[str, str] | None = None,
        reason: str = "it fell",
    ) -> str:
        """Report an alarm; return its incident's id."""
        return self.report(alarm_event(name, namespace, metric, dimensions, reason=reason))

    def recover(self, name: str, namespace: str, metric: str = "up") -> str:
        """Report that an alarm is OK; return its incident's id."""
        return self.report(alarm_event(name, namespace, metric, state="OK", reason="it is back"))

    def report(self, event: Mapping[str, Any]) -> str:
        """Report an event as it is; return its incident's id."""
        answer = self.post("/v1/alarms", event)
        assert answer.status_code == 200, answer.text
        incident: str = answer.json()["received"][0]["incident_id"]
        return incident

    def incident(self, incident_id: str) -> dict[str, Any]:
        """Return an incident with all that happened to it."""
        found: dict[str, Any] = self.get(f"/v1/incidents/{incident_id}")
        return found

    def wait(self, incident_id: str, *statuses: str, within: float = 20.0) -> dict[str, Any]:
        """Return the incident as soon as it is in one of these states."""

        def reached() -> dict[str, Any] | None:
            found = self.incident(incident_id)
            return found if found["status"] in statuses else None

        found: dict[str, Any] = until(reached, within, lambda: self.tell(incident_id))
        return found

    def wait_for(self, incident_id: str, kind: str, within: float = 20.0) -> dict[str, Any]:
        """Return the first timeline entry of that kind as soon as there is one."""
        entry: dict[str, Any] = until(
            lambda: next((e for e in self.incident(incident_id)["timeline"] if e["kind"] == kind), None),
            within,
            lambda: self.tell(incident_id),
        )
        return entry

    def tell(self, incident_id: str) -> str:
        """Return an incident's story, for the message of a failed test."""
        incident = self.incident(incident_id)
        lines = [f"{entry['at'][11:23]} {entry['kind']}: {entry['text']}" for entry in incident["timeline"]]
        return "\n".join([f"{incident['status']}: {incident['reason']}", *lines, self.log()])

    def remediates_an_ordinary_incident(self) -> None:
        """Fail unless an alarm that is nothing special is remediated and resolved, as if nothing had happened."""
        name = f"ordinary-{next(_numbers)}"
        incident = self.fire(name, "Ordinary")
        self.wait(incident, "verifying")
        assert name in self.marks.read_text().splitlines()
        self.recover(name, "Ordinary")
        ended = self.wait(incident, "resolved")
        assert [attempt["result"] for attempt in ended["attempts"]] == ["succeeded"], self.tell(incident)
