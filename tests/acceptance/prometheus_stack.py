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


class PrometheusStack:
    """A prober of one web address, Prometheus with one rule about it, and Alertmanager that tells Wakeless."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        instance: str,
        probed: str,
        wakeless: str,
        token: str,
        send_resolved: bool,
    ) -> None:
        """``port`` is Alertmanager's; ``instance`` the label of ``probed``, a URL; ``wakeless`` another."""
        self.folder = folder
        self.token_file = folder / "token"
        self.token_file.write_text(token)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._alertmanager, self._prometheus, self._prober = port, free_port(), 0
        self.alertmanager_url = f"http://127.0.0.1:{self._alertmanager}"
        self._probed, self._instance = probed, instance
        (folder / "alertmanager.yml").write_text(
            ALERTMANAGER.format(wakeless=wakeless, send_resolved=json.dumps(send_resolved), token_file=self.token_file)
        )
        (folder / "rules.yml").write_text(RULES)
        self.client = httpx.Client(trust_env=False, timeout=5)

    def start(self) -> None:
        """Start all three; return when they answer and the first probes said that all is well."""
        command = [sys.executable, str(PROBER)]
        prober = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.processes["prober"] = prober
        assert prober.stdout is not None
        self._prober = int(prober.stdout.readline())
        self._run(
            "prometheus-alertmanager",
            f"--config.file={self.folder}/alertmanager.yml",
            f"--storage.path={self.folder}/alertmanager",
            f"--web.listen-address=127.0.0.1:{self._alertmanager}",
            "--cluster.listen-address=",
        )
        (self.folder / "prometheus.yml").write_text(
            PROMETHEUS.format(
                alertmanager=self._alertmanager, probed=self._probed, prober=self._prober, instance=self._instance
            )
        )
        self._run(
            "prometheus",
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{self._prometheus}",
        )
        until(lambda: self._value("probe_success") == "1", 20, self.log)
        until(lambda: self._answers(f"{self.alertmanager_url}/-/ready"), 20, self.log)

    def stop(self) -> None:
        """End all that was started."""
        self.client.close()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def log(self) -> str:
        """Return the end of what they said."""
        texts = [path.read_text(errors="replace")[-3000:] for path in sorted(self.folder.glob("*.log"))]
        return "\n".join(texts)

    def alerts(self) -> list[dict[str, Any]]:
        """Return what Alertmanager's API lists: every alert that is not resolved."""
        found: list[dict[str, Any]] = self.client.get(f"{self.alertmanager_url}/api/v2/alerts").json()
        return found

    def notifications(self, outcome: str = "") -> int:
        """Return how many webhooks Alertmanager sent, or how many of them ``failed``."""
        name = f"alertmanager_notifications_{outcome + '_' if outcome else ''}total"
        lines = self.client.get(f"{self.alertmanager_url}/metrics").text.splitlines()
        return int(float(next(line.split()[-1] for line in lines if line.startswith(f'{name}{{integration="webhook"'))))

    def _run(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.log").open("ab") as log:
            self.processes[program] = subprocess.Popen([program, *arguments], cwd=self.folder, stdout=log, stderr=log)

    def _value(self, query: str) -> str | None:
        for process in self.processes.values():
            assert process.poll() is None, self.log()
        try:
            url = f"http://127.0.0.1:{self._prometheus}/api/v1/query"
            answer = self.client.get(url, params={"query": query}).json()
            return str(answer["data"]["result"][0]["value"][1])
        except (httpx.TransportError, ValueError, KeyError, IndexError):
            return None

    def _answers(self, url: str) -> bool:
        try:
            return self.client.get(url).is_success
        except httpx.TransportError:
            return False
