"""What is done in the web application's story: by the AWS CLI or boto3 of any age, and by the application itself."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.acceptance.wakeless_server import WakelessServer
from tests.aws_clients import client_folder, client_variables

ACCESS_KEY = "AKIDWAKELESSSTORYA01"
SECRET_KEY = "story/a+secret"
#: Seconds between two looks of the cron job. Cron knows no less than a minute; the alarm's period is shorter as well.
CRON = 2.0
METRIC = ["--metric-name", "webapp-uptime", "--namespace", "CustomNamespace"]


class CallFailed(Exception):
    """The client gave up; its own words."""


class Client(Protocol):
    """One who sends the metric and looks after the alarm. Every method raises `CallFailed`."""

    def put_metric_data(self, instance: str, value: int) -> None:
        """Send one value of the web application's metric."""
        ...

    def put_metric_alarm(self, name: str, instance: str) -> None:
        """Set the alarm up."""
        ...

    def state(self, name: str) -> str:
        """Return the alarm's state."""
        ...

    def history(self, name: str) -> list[str]:
        """Return the summaries of its changes of state, oldest first."""
        ...

    def close(self) -> None:
        """End what was started."""
        ...


class Cli:
    """The AWS CLI: a process for each call, as in a crontab."""

    def __init__(self, name: str, url: str, secret_key: str = SECRET_KEY) -> None:
        self._program = str(client_folder(name) / "aws")
        self._url = url
        self._variables = {**client_variables(url, ACCESS_KEY, secret_key), "PYTHONWARNINGS": "ignore"}
        ready = subprocess.run([self._program, "--version"], env=self._variables, capture_output=True, text=True)
        if ready.returncode != 0:
            pytest.skip(f"{name} does not run on this Python: {ready.stderr.strip().splitlines()[-1]}")

    def put_metric_data(self, instance: str, value: int) -> None:
        # Periods below a minute need datapoints that are kept finer than by the minute.
        fine = ["--storage-resolution", "1"]
        self._run("put-metric-data", *METRIC, "--dimensions", f"InstanceId={instance}", "--value", str(value), *fine)

    def put_metric_alarm(self, name: str, instance: str) -> None:
        self._run(
            *["put-metric-alarm", "--alarm-name", name, "--alarm-description", "the web application answers"],
            *[*METRIC, "--dimensions", f"Name=InstanceId,Value={instance}", "--statistic", "Minimum"],
            *["--period", "10", "--evaluation-periods", "1", "--threshold", "1"],
            *["--comparison-operator", "LessThanThreshold"],
            *["--alarm-actions", "arn:aws:sns:us-east-1:000000000000:webapp"],
        )

    def state(self, name: str) -> str:
        found = json.loads(self._run("describe-alarms", "--alarm-names", name))
        return str(found["MetricAlarms"][0]["StateValue"])

    def history(self, name: str) -> list[str]:
        found = json.loads(
            self._run("describe-alarm-history", "--alarm-name", name, "--history-item-type", "StateUpdate")
        )
        return [item["HistorySummary"] for item in reversed(found["AlarmHistoryItems"])]

    def close(self) -> None:
        pass

    def _run(self, *arguments: str) -> str:
        command = [self._program, "--endpoint-url", self._url, "--output", "json", "cloudwatch", *arguments]
        done = subprocess.run(command, env=self._variables, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise CallFailed(f"exit status {done.returncode}: {done.stderr.strip()}")
        return done.stdout


class Boto3:
    """boto3: one process that lives on, as a monitor of somebody's own."""

    def __init__(self, name: str, url: str, secret_key: str = SECRET_KEY) -> None:
        python = sys.executable if name == "boto3" else str(client_folder(name) / "python")
        command = [python, "-W", "ignore", str(Path(__file__).with_name("boto3_shell.py"))]
        variables = client_variables(url, ACCESS_KEY, secret_key)
        self._process = subprocess.Popen(
            command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            assert self._process.stderr is not None
            reason = self._process.stderr.read().strip().splitlines()[-1]
            self.close()
            pytest.skip(f"{name} does not run on this Python: {reason}")

    def put_metric_data(self, instance: str, value: int) -> None:
        datum = {
            "MetricName": "webapp-uptime",
            "Dimensions": _dimensions(instance),
            "Value": value,
            "StorageResolution": 1,
        }
        self._call("put_metric_data", Namespace="CustomNamespace", MetricData=[datum])

    def put_metric_alarm(self, name: str, instance: str) -> None:
        self._call(
            "put_metric_alarm",
            AlarmName=name,
            AlarmDescription="the web application answers",
            MetricName="webapp-uptime",
            Namespace="CustomNamespace",
            Dimensions=_dimensions(instance),
            Statistic="Minimum",
            Period=10,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="LessThanThreshold",
            AlarmActions=["arn:aws:sns:us-east-1:000000000000:webapp"],
        )

    def state(self, name: str) -> str:
        return str(self._call("describe_alarms", AlarmNames=[name])["MetricAlarms"][0]["StateValue"])

    def history(self, name: str) -> list[str]:
        found = self._call("describe_alarm_history", AlarmName=name, HistoryItemType="StateUpdate")
        return [item["HistorySummary"] for item in reversed(found["AlarmHistoryItems"])]

    def close(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=10)
        self._process.kill()
        self._process.wait()

    def _call(self, call: str, **arguments: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": call, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        said: Mapping[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in said:
            raise CallFailed(said["error"])
        return said["answer"]


def _dimensions(instance: str) -> list[dict[str, str]]:
    return [{"Name": "InstanceId", "Value": instance}]


#: Clients of every age.
MAKERS: Mapping[str, Callable[[str], Client]] = {
    **{name: lambda url, name=name: Boto3(name, url) for name in ("boto3-1.18", "boto3-1.34", "boto3")},  # type: ignore[misc]
    **{name: lambda url, name=name: Cli(name, url) for name in ("awscli-1.20", "awscli-1.33", "awscli-1")},  # type: ignore[misc]
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """One machine with a web application: a process that is there or not, and a file that says which it is."""

    id: str
    folder: Path

    def start_webapp(self) -> None:
        """Do what an administrator does at the beginning; afterwards the remediation does it."""
        self.folder.mkdir(parents=True)
        command = "nohup sleep 600 >/dev/null 2>&1 </dev/null & echo $! >pid"
        subprocess.run(["sh", "-c", command], cwd=self.folder, check=True)

    def stop_webapp(self) -> None:
        """End the web application, whoever started it."""
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            os.kill(self._pid(), signal.SIGKILL)

    def is_up(self) -> bool:
        """Say whether it runs; a zombie does not."""
        said = subprocess.run(["ps", "-o", "stat=", "-p", str(self._pid())], capture_output=True, text=True).stdout
        return said.strip()[:1] not in ("", "Z")

    def runs(self) -> list[str]:
        """Return the attempts in which the remediation ran."""
        file = self.folder / "runs"
        return file.read_text().split() if file.exists() else []

    def _pid(self) -> int:
        return int((self.folder / "pid").read_text())


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """One client, one instance, one alarm."""

    client: Client
    instance: Instance
    server: WakelessServer
    alarm: str

    def set_up(self) -> None:
        """Start the web application, set up its alarm, and watch until that is OK."""
        self.instance.start_webapp()
        self.client.put_metric_alarm(self.alarm, self.instance.id)
        self.watch_until(lambda: self.client.state(self.alarm) == "OK", 40, "the alarm is not OK")

    def watch_until(self, reached: Callable[[], Any], within: float, why: str) -> Any:
        """Be the cron job until something is true, and return that."""
        deadline = time.monotonic() + within
        while True:
            self.report()
            if answer := reached():
                return answer
            assert time.monotonic() < deadline, f"{self.alarm}: {why}\n{self._tell()}"
            time.sleep(CRON)

    def report(self) -> None:
        """Do what the cron job does once."""
        self.client.put_metric_data(self.instance.id, int(self.instance.is_up()))

    def incident(self, *statuses: str) -> dict[str, Any] | None:
        """Return the one incident of this alarm if it is in one of these states."""
        listed = self.server.get("/v1/incidents?limit=500")["incidents"]
        found = [one for one in listed if one["title"] == self.alarm]
        assert len(found) <= 1, found
        return self.server.incident(found[0]["id"]) if found and found[0]["status"] in statuses else None

    def _tell(self) -> str:
        found = self.incident("open", "held", "remediating", "verifying", "escalated", "resolved")
        history = "\n".join(self.client.history(self.alarm))
        return f"{history}\n{self.server.tell(found['id']) if found else self.server.log()}"

    def resolved(self, within: float = 60) -> dict[str, Any]:
        """Be the cron job until the incident is resolved, and return it."""
        incident: dict[str, Any] = self.watch_until(
            lambda: self.incident("resolved"), within, "the incident is not resolved"
        )
        return incident
