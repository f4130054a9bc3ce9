"""Debian's Prometheus and Alertmanager as processes of a test, on free ports of loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from tests.acceptance.wakeless_server import free_port, until

PROGRAMS = ("prometheus", "prometheus-alertmanager")
PROBER = Path(__file__).with_name("web_prober.py")

ALERTMANAGER = """\
route:
  receiver: wakeless
  group_by: [alertname, instance]
  group_wait: 0s
  group_interval: 2s
  repeat_interval: 1h
receivers:
  - name: wakeless
    webhook_configs:
      - url: {wakeless}/v1/alertmanager
        send_resolved: {send_resolved}
        max_alerts: 0
        http_config:
          authorization:
            credentials_file: {token_file}
"""
PROMETHEUS = """\
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: [rules.yml]
alerting:
  alertmanagers:
    - static_configs:
        - targets: ["127.0.0.1:{alertmanager}"]
scrape_configs:
  - job_name: webapp
    metrics_path: /probe
    params:
      target: ["{probed}"]
    static_configs:
      - targets: ["127.0.0.1:{prober}"]
        labels:
          instance: {instance}
"""
RULES = """\
groups:
  - name: webapp
    rules:
      - alert: WebappDown
        expr: probe_success{job="webapp"} == 0
        labels:
          severity: critical
        annotations:
          summary: webapp on {{ $labels.instance }} does not answer
"""


def missing_programs() -> str:
    """Say what is not installed; empty when all is there."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"Debian's packages {' and '.join(missing)} are not installed" if missing else ""


class _Programs:
    """Processes, and what they said, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = httpx.Client(trust_env=False, timeout=5)
        self._processes: list[subprocess.Popen[bytes]] = []

    def stop(self) -> None:
        """End all that was started."""
        self.client.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def log(self) -> str:
        """Return the end of what they said."""
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in sorted(self.folder.glob("*.log")))

    def _run(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.log").open("ab") as log:
            self._processes.append(subprocess.Popen([program, *arguments], cwd=self.folder, stdout=log, stderr=log))

    def _check(self) -> None:
        assert all(process.poll() is None for process in self._processes), self.log()


class Alertmanager(_Programs):
    """Tells Wakeless what Prometheus tells it."""

    def __init__(self, folder: Path, *, port: int, wakeless: str, token: str, send_resolved: bool) -> None:
        super().__init__(folder)
        self.url = f"http://127.0.0.1:{port}"
        self.token_file = folder / "token"
        self.token_file.write_text(token)
        (folder / "alertmanager.yml").write_text(
            ALERTMANAGER.format(wakeless=wakeless, send_resolved=json.dumps(send_resolved), token_file=self.token_file)
        )
        self._arguments = (
            "prometheus-alertmanager",
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        )
        self._run(*self._arguments)

    def restart(self) -> None:
        """End it and start it again with what it keeps on disk, which the alerts are not part of."""
        process = self._processes.pop()
        process.terminate()
        process.wait(10)
        self._run(*self._arguments)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return as soon as it answers."""
        until(self._is_ready, 20, self.log)

    def alerts(self) -> list[dict[str, Any]]:
        """Return what its API lists: every alert that is not resolved."""
        found: list[dict[str, Any]] = self.client.get(f"{self.url}/api/v2/alerts").json()
        return found

    def notifications(self, outcome: str = "") -> int:
        """Return how many webhooks it sent, or how many of them ``failed``."""
        name = f"alertmanager_notifications_{outcome + '_' if outcome else ''}total"
        lines = self.client.get(f"{self.url}/metrics").text.splitlines()
        return int(float(next(line.split()[-1] for line in lines if line.startswith(f'{name}{{integration="webhook"'))))

    def _is_ready(self) -> bool:
        self._check()
        try:
            return self.client.get(f"{self.url}/-/ready").is_success
        except httpx.TransportError:
            return False


class Prometheus(_Programs):
    """Watches one web address, whose label ``instance`` is given, with one rule; tells Alertmanager on some port."""

    def __init__(self, folder: Path, *, alertmanager: int, instance: str, probed: str) -> None:
        super().__init__(folder)
        prober = subprocess.Popen([sys.executable, str(PROBER)], stdout=subprocess.PIPE)
        self._processes.append(prober)
        assert prober.stdout is not None
        port = free_port()
        self._url = f"http://127.0.0.1:{port}/api/v1/query"
        (folder / "rules.yml").write_text(RULES)
        (folder / "prometheus.yml").write_text(
            PROMETHEUS.format(
                alertmanager=alertmanager, probed=probed, prober=int(prober.stdout.readline()), instance=instance
            )
        )
        self._run(
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--rules.alert.resend-delay=4s",
        )

    def wait_until_all_is_well(self) -> None:
        """Return as soon as the address was seen to answer, and no alert is left."""
        until(lambda: self._value("sum(probe_success) unless on() ALERTS") == "1", 30, self.log)

    def _value(self, query: str) -> str | None:
        self._check()
        try:
            answer = self.client.get(self._url, params={"query": query}).json()
            return str(answer["data"]["result"][0]["value"][1])
        except (httpx.TransportError, ValueError, KeyError, IndexError):
            return None
