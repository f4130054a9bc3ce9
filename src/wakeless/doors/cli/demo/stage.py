"""Everything the demo needs on this machine: a temporary folder, free ports, and processes that end with it."""

from __future__ import annotations

import json
import os
import queue
import random
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from wakeless.doors.cli.demo import systemctl
from wakeless.doors.cli.exits import CommandFailed, Exit

REGION = "us-east-1"
ACCOUNT = "000000000000"
NAMESPACE = "CustomNamespace"
METRIC = "webapp-uptime"
SERVICE = "webapp"
SCRIPT = f"{METRIC}#{NAMESPACE}.sh"
#: Seconds of the alarm's period: the shortest that CloudWatch has.
PERIOD = 10
#: Seconds a process has to end by itself.
_END_SECONDS = 5.0
# Below the ports that systems hand out by themselves, so that nobody is given ours while the application is down.
_PORTS = range(20_000, 32_000)

#: The same script that ships in library/.
_REMEDIATION = Path(__file__).with_name("remediation.sh")


@dataclass(frozen=True, slots=True)
class Datapoint:
    """What the monitor saw, and the endpoint has taken."""

    at: str
    value: float


class Stage:
    """The demo's folder and its processes. Leaving the context ends and removes everything."""

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self.instance = f"i-{secrets.token_hex(8)}0"
        self.folder = Path(tempfile.mkdtemp(prefix="wakeless-demo-")).resolve()
        self.datapoints: queue.SimpleQueue[Datapoint] = queue.SimpleQueue()
        self._key_id, self._key_secret = f"DEMO{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30)
        self._server: subprocess.Popen[bytes] | None = None
        self._monitor: subprocess.Popen[bytes] | None = None
        server_port, app_port = _free_ports(2)
        self.endpoint = f"http://127.0.0.1:{server_port}"
        self.app_url = f"http://127.0.0.1:{app_port}/"
        self._services = self.folder / "services"
        self._write_files(server_port, app_port)
        config = Config(region_name=REGION, retries={"total_max_attempts": 2}, proxies={}, read_timeout=5)
        self._cloudwatch: Any = boto3.client(
            "cloudwatch",
            endpoint_url=self.endpoint,
            aws_access_key_id=self._key_id,
            aws_secret_access_key=self._key_secret,
            config=config,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _write_files(self, server_port: int, app_port: int) -> None:
        for name in ("services", "bin", "remediations"):
            (self.folder / name).mkdir()
        python = shlex.quote(sys.executable)
        application = f"{python} -m wakeless.doors.cli.demo.webapp --port {app_port}"
        unit = f"[Unit]\nDescription=The demo's web application\n\n[Service]\nExecStart={application}\n"
        (self._services / f"{SERVICE}.service").write_text(unit)
        arguments = shlex.join([sys.executable, str(Path(systemctl.__file__)), str(self._services)])
        program = self.folder / "bin" / "systemctl"
        program.write_text(f'#!/bin/sh\nexec {arguments} "$@"\n')
        program.chmod(0o755)
        # Scripts get the machine's own PATH, whatever ours is; so this one says where the demo's systemctl is.
        first, rest = _REMEDIATION.read_text().split("\n", 1)
        path = f"PATH={shlex.quote(str(program.parent))}:$PATH  # the demo plays systemd"
        (self.folder / "remediations" / SCRIPT).write_text(f"{first}\n{path}\n{rest}")
        (self.folder / "wakeless.yaml").write_text(self._settings(server_port))
        (self.folder / "wakeless.yaml").chmod(0o600)

    def _settings(self, port: int) -> str:
        platform = "macos" if sys.platform == "darwin" else "linux"
        return (
            f"listen: 127.0.0.1:{port}\n"
            "data_dir: ./data\n"
            "remediations:\n"
            "  store: ./remediations\n"
            "targets:\n"
            "  - name: webserver\n"
            f"    match: {self.instance}\n"
            f"    platform: {platform}\n"
            "    local: {}\n"
            "defaults:\n"
            "  pause: 5s\n"
            "  verify: {within: 60s, every: 1s}\n"
            "monitoring:\n"
            "  evaluation_delay: 1s\n"
            "access_keys:\n"
            f"  - id: {self._key_id}\n"
            f'    secret: "{self._key_secret}"\n'
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of the demo's processes: its `systemctl` before the machine's, and nobody's settings."""
        ours = {name: text for name, text in os.environ.items() if not name.startswith(("WAKELESS_", "AWS_"))}
        ours["PATH"] = f"{self.folder / 'bin'}{os.pathsep}{ours.get('PATH', os.defpath)}"
        return ours

    def start_server(self) -> None:
        """Start `wakeless serve`; ask `is_running` and the server itself whether it is ready."""
        with (self.folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "wakeless", "serve", "--config", str(self.folder / "wakeless.yaml")],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we end the others in their order
            )

    def start_monitor(self) -> None:
        """Start the process that looks at the application every second."""
        keys = {
            "AWS_ACCESS_KEY_ID": self._key_id,
            "AWS_SECRET_ACCESS_KEY": self._key_secret,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }
        command = [sys.executable, "-m", "wakeless.doors.cli.demo.monitor"]
        command += ["--url", self.app_url, "--endpoint", self.endpoint, "--instance", self.instance]
        with (self.folder / "monitor.log").open("ab") as log:
            self._monitor = subprocess.Popen(
                command,
                env={**self.environment, **keys},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        threading.Thread(target=self._read_datapoints, args=(self._monitor,), daemon=True).start()

    def _read_datapoints(self, monitor: subprocess.Popen[bytes]) -> None:
        assert monitor.stdout is not None
        for row in monitor.stdout:
            document = json.loads(row)
            self.datapoints.put(Datapoint(document["at"], document["value"]))

    def systemctl(self, verb: str) -> str:
        """Run ``systemctl VERB webapp`` as a person would; return what it printed."""
        done = subprocess.run(
            ["systemctl", verb, SERVICE],  # noqa: S607 - the demo's own, first on the PATH of its environment
            env=self.environment,
            executable=self.folder / "bin" / "systemctl",
            capture_output=True,
            text=True,
            timeout=30,
        )
        if done.returncode:
            raise self.failure(f"`systemctl {verb} {SERVICE}` ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def put_alarm(self) -> None:
        """Put the alarm, as Terraform or a person would."""
        self._cloudwatch.put_metric_alarm(
            AlarmName="webapp-down",
            AlarmDescription="The web application does not answer.",
            Namespace=NAMESPACE,
            MetricName=METRIC,
            Dimensions=[{"Name": "InstanceId", "Value": self.instance}],
            Statistic="Minimum",
            Period=PERIOD,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="LessThanThreshold",
            AlarmActions=[f"arn:aws:sns:{REGION}:{ACCOUNT}:webapp-alarms"],
        )

    def alarm(self) -> Mapping[str, Any]:
        """Return the alarm as DescribeAlarms tells it."""
        answer = self._cloudwatch.describe_alarms(AlarmNames=["webapp-down"])
        found: Mapping[str, Any] = answer["MetricAlarms"][0]
        return found

    def check_processes(self) -> None:
        """Raise `CommandFailed` when the server or the monitor is gone."""
        for name, process in (("server", self._server), ("monitor", self._monitor)):
            if process is not None and process.poll() is not None:
                raise self.failure(f"the {name} ended with {process.returncode}")

    def failure(self, message: str) -> CommandFailed:
        """Return an error with the end of the server's and the monitor's logs."""
        parts = [f"the demo failed: {message}"]
        for name in ("server.log", "monitor.log", f"services/{SERVICE}.log"):
            path = self.folder / name
            rows = path.read_text(errors="replace").splitlines()[-8:] if path.exists() else []
            if rows:
                parts.append(f"--- {name}")
                parts += rows
        hint = f"Everything is in {self.folder}" if self._keep else "With --keep the folder with all logs is left."
        return CommandFailed("\n".join(parts), Exit.FAILED, code="demo_failed", hint=hint)

    def close(self) -> None:
        """End every process that was started, and remove the folder unless it is to be kept."""
        # A remediation that still runs can start nothing any more.
        (self._services / f"{SERVICE}.service").unlink(missing_ok=True)
        for process in (self._monitor, self._server):
            if process is not None:
                _end(process)
        systemctl.Service(self._services, SERVICE).stop()
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    """Return ports on loopback that nobody listens on now."""
    found: list[int] = []
    for port in random.SystemRandom().sample(_PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise CommandFailed("no free port on 127.0.0.1", Exit.FAILED)
