"""What stories about Alertmanager share: a server with a web application, who watches it, and Wakeless."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.conftest import StartsServer
from tests.acceptance.prometheus_stack import Alertmanager, Prometheus, missing_programs
from tests.acceptance.wakeless_server import WakelessServer, free_port, until
from tests.testhost.fixture import Host

TOKEN = "what-alertmanager-must-send"
#: Found by the alert's name; says as whom it runs.
SCRIPT = "#!/bin/sh\nset -eu\nid -un\nsystemctl start webapp\nsystemctl is-active webapp\n"
SETTINGS = """\
log: {{level: info}}
channels: {{quiet: {{kind: console, stderr: false}}}}
escalate_to: [quiet]
sources:
  alertmanager:
    token: {token}
    {source}
targets:
  - {{name: here, local: {{}}}}
  - name: web-1
    match: ["{instance}"]
    ssh:
      host: {address}
      user: {user}
      sudo: {sudo}
      agent: false
      key_file: {key_file}
      known_hosts: {known_hosts}
      connect_timeout: 2s
      keepalive: 1s
defaults:
  attempts: 2
  pause: 1s
  verify: {{within: 40s, every: 500ms, steady_for: 0s}}
  limits: {{cooldown: 0s, target_cooldown: 0s}}
rules:
{rules}"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """A test host whose web application is watched, and who is told."""

    host: Host
    alertmanager: Alertmanager
    wakeless: WakelessServer
    #: The host keys that Wakeless accepts.
    known_hosts: Path

    def stop_webapp(self) -> None:
        """Do what somebody did who should not have."""
        self.host.run("systemctl stop webapp")

    def incident(self, within: float = 20.0) -> str:
        """Return the id of the one incident there is, as soon as there is one."""
        found = until(self._incidents, within, lambda: f"{self.wakeless.log()}\n{self.alertmanager.log()}")
        assert len(found) == 1, found
        return str(found[0]["id"])

    def next_incident(self, earlier: str, within: float = 20.0) -> str:
        """Return the id of the incident that follows an earlier one, as soon as there is one."""

        def found() -> list[str]:
            return [one["id"] for one in self._incidents() if one["id"] != earlier]

        (later,) = until(found, within, lambda: f"{self.wakeless.log()}\n{self.alertmanager.log()}")
        return str(later)

    def wait_for_file(self, path: str, within: float = 15.0) -> None:
        """Return as soon as a file is there on the host."""
        until(lambda: self.host.run(f"test -e {path} && echo yes", check=False), within, self.wakeless.log)

    def resolved(self, incident_id: str, within: float = 40.0) -> dict[str, Any]:
        """Return the incident as soon as it is resolved."""
        return self.wakeless.wait(incident_id, "resolved", within=within)

    def output(self, attempt: dict[str, Any]) -> str:
        """Return what an attempt wrote on stdout."""
        answer = self.wakeless.client.get(f"/v1/attempts/{attempt['id']}/output", params={"stream": "stdout"})
        return answer.text

    def _incidents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.wakeless.get("/v1/incidents")["incidents"]
        return found


TellsStory = Callable[..., Story]


def kinds(incident: dict[str, Any]) -> list[str]:
    """Return what happened, without the pieces of output."""
    return [entry["kind"] for entry in incident["timeline"] if entry["kind"] != "attempt.output"]


@dataclass(frozen=True, slots=True)
class Watch:
    """Somebody who watches the host's web application, and where Alertmanager has to be to hear of it."""

    host: Host
    prometheus: Prometheus
    alertmanager_port: int


@pytest.fixture(scope="module")
def watch(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """Watch the web application; Prometheus needs five seconds until its first probe, so one is there for all tests."""
    if reason := missing_programs():
        pytest.skip(reason)
    host: Host = request.getfixturevalue("booted_testhost")
    port = free_port()
    folder = tmp_path_factory.mktemp("prometheus")
    prometheus = Prometheus(folder, alertmanager=port, instance=host.name, probed=f"http://{host.address}/")
    yield Watch(host, prometheus, port)
    prometheus.stop()


@pytest.fixture
def tell_story(
    request: pytest.FixtureRequest, watch: Watch, tmp_path: Path, wakeless_server: StartsServer
) -> Iterator[TellsStory]:
    """Give what sets a story up; it ends with the test."""
    host: Host = request.getfixturevalue("testhost")
    host.run("rm -f /root/story-*; systemctl start webapp")
    told: list[Story] = []

    def begin(
        *,
        script: str = SCRIPT,
        key: str = "WebappDown#alertmanager.sh",
        rules: str = "",
        user: str = "root",
        sudo: bool = False,
        asks: bool = False,
        sent_token: str = TOKEN,
    ) -> Story:
        """``asks``: Wakeless asks Alertmanager's API, and hears no resolve message."""
        port = watch.alertmanager_port
        # A copy: what was pinned stays so, whatever the host does to its keys.
        known_hosts = tmp_path / "known_hosts"
        known_hosts.write_text(host.known_hosts.read_text())
        settings = SETTINGS.format(
            token=TOKEN,
            source=f"url: http://127.0.0.1:{port}" if asks else "",
            instance=host.name,
            address=host.address,
            user=user,
            sudo=str(sudo).lower(),
            key_file=host.key_file,
            known_hosts=known_hosts,
            rules=rules,
        )
        server = wakeless_server(settings, {key: script})
        folder = tmp_path / "alertmanager"
        folder.mkdir()
        alertmanager = Alertmanager(folder, port=port, wakeless=server.url, token=sent_token, send_resolved=not asks)
        story = Story(host=host, alertmanager=alertmanager, wakeless=server, known_hosts=known_hosts)
        told.append(story)
        alertmanager.wait_until_ready()
        watch.prometheus.wait_until_all_is_well()
        return story

    yield begin
    for story in told:
        story.alertmanager.stop()
        if story.wakeless.process is not None and story.wakeless.process.poll() is None:
            story.wakeless.stop()
