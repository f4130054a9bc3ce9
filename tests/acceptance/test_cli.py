"""The command line against a real server: every command, its answer and its exit status."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

WAKELESS = [sys.executable, "-m", "wakeless"]

SETTINGS = """\
listen: 127.0.0.1:{port}
data_dir: ./data
targets:
  - name: here
    local: {{}}
default_target: here
principals: []
defaults:
  attempts: 1
  verify: {{within: 60s}}
  limits: {{cooldown: 0s}}
rules:
  - name: ask first
    match: {{alarm: Asked}}
    script: fix.sh
    approval: {{approvers: [local]}}
  - name: slow
    match: {{alarm: Slow}}
    script: slow.sh
  - name: fix
    match: {{alarm: "Fix*"}}
    script: fix.sh
    parameters: {{word: "{{{{ alarm.labels.word }}}}"}}
"""


def run(*arguments: str, folder: Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*WAKELESS, *arguments], cwd=folder, input=stdin, capture_output=True, text=True, timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def payload(name: str, labels: Mapping[str, str] | None = None, *, firing: bool = True) -> str:
    """Return what Alertmanager would send about one alert."""
    alert = {
        "status": "firing" if firing else "resolved",
        "labels": {"alertname": name, "word": "hello", **(labels or {})},
        "annotations": {"summary": f"{name} is broken"},
        "startsAt": "2026-01-01T03:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z" if firing else datetime.now(UTC).isoformat(),
        "generatorURL": "http://prometheus.example.org/",
        "fingerprint": "8d5a2c1f0b7e6a91",
    }
    document = {
        "version": "4",
        "groupKey": "{}",
        "status": alert["status"],
        "receiver": "wakeless",
        "groupLabels": {},
        "commonLabels": alert["labels"],
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.org",
        "truncatedAlerts": 0,
        "alerts": [alert],
    }
    return json.dumps(document)


class Site:
    """A folder with settings and remediations, and the server that runs on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        store = folder / "remediations"
        store.mkdir()
        (store / "fix.sh").write_text('#!/bin/sh\necho "the word is $WAKELESS_PARAM_WORD"\necho careful >&2\n')
        (store / "slow.sh").write_text("#!/bin/sh\necho begun\nsleep 600\n")
        (folder / "wakeless.yaml").write_text(SETTINGS.format(port=self.port))
        log = (folder / "server.log").open("ab")
        self.process = subprocess.Popen([*WAKELESS, "serve"], cwd=folder, stdout=log, stderr=log)
        log.close()
        self.until(self.is_ready)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, (self.folder / "server.log").read_text()
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def until(self, reached: Callable[[], bool], within: float = 20.0) -> None:
        deadline = time.monotonic() + within
        while not reached():
            assert time.monotonic() < deadline, (self.folder / "server.log").read_text()
            time.sleep(0.02)

    def cli(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return run(*arguments, "--server", self.url, folder=self.folder, stdin=stdin)

    def json(self, *arguments: str, stdin: str | None = None) -> Any:
        done = self.cli(*arguments, "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def fire(self, name: str, **labels: str) -> str:
        """Send an alarm in by the command line; return its incident's id."""
        answer = self.json("alarm", "send", "-", stdin=payload(name, labels))
        incident: str = answer["received"][0]["incident_id"]
        return incident

    def status(self, incident: str) -> str:
        answer: str = httpx.get(f"{self.url}/v1/incidents/{incident}", trust_env=False).json()["status"]
        return answer

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.stop()


def test_an_alarm_is_sent_repaired_and_resolved(site: Site) -> None:
    incident = site.fire("FixOne")
    site.until(lambda: site.status(incident) == "verifying")
    listed = site.cli("incidents", "list", "--status", "verifying").stdout
    assert re.search(rf"{incident} +verifying +ALARM .* FixOne +fix.sh on here", listed)

    sent = site.cli("alarm", "send", "-", stdin=payload("FixOne", firing=False))
    assert sent.stdout == f"stored: FixOne is OK, {incident}\n"
    watched = site.cli("incidents", "watch", incident)
    assert watched.returncode == 0
    assert "The alarm is OK again" in watched.stdout

    shown = site.cli("incidents", "show", incident[-8:]).stdout
    assert "FixOne resolved" in shown
    assert "attempt 1: succeeded, exit status 0" in shown
    assert "stdout | the word is hello" in shown
    assert "stderr | careful" in shown
    assert site.json("incidents", "show", incident)["status"] == "resolved"


def test_a_copy_of_an_alarm_is_known_already(site: Site) -> None:
    site.fire("FixTwice")
    again = site.cli("alarm", "send", "-", stdin=payload("FixTwice"))
    assert again.stdout.startswith("known already: FixTwice is ALARM, inc-")


def test_an_alarm_without_remediation_ends_with_a_person(site: Site) -> None:
    incident = site.fire("Unheard", evil="\x1b[2J$(reboot)")
    watched = site.cli("incidents", "watch", incident)
    assert watched.returncode == 1
    assert "looked for Unheard#alertmanager.sh" in watched.stdout
    assert "\x1b" not in watched.stdout
    assert "told console: incident.escalated" in site.cli("incidents", "show", incident).stdout


def test_a_person_approves_or_denies(site: Site) -> None:
    first = site.fire("Asked", host="a")
    site.until(lambda: site.status(first) == "awaiting_approval")
    approved = site.cli("incidents", "approve", first, "-m", "go on")
    assert approved.returncode == 0, approved.stderr
    assert approved.stdout.startswith(f"approve: {first} is ")
    site.until(lambda: site.status(first) == "verifying")

    second = site.fire("Asked", host="b")
    site.until(lambda: site.status(second) == "awaiting_approval")
    assert site.json("incidents", "deny", second, "--comment", "not now")["status"] == "escalated"
    late = site.cli("incidents", "approve", second)
    assert (late.returncode, "does not wait for an approval" in late.stderr) == (4, True)


def test_what_runs_is_cancelled_and_tried_again(site: Site) -> None:
    incident = site.fire("Slow")
    site.until(lambda: "begun" in site.cli("incidents", "show", incident).stdout)
    assert site.cli("incidents", "close", incident, "--reason", "no").returncode == 4
    assert site.cli("incidents", "cancel", incident).returncode == 0
    site.until(lambda: site.status(incident) == "escalated")
    assert site.json("incidents", "show", incident)["attempts"][0]["result"] == "cancelled"
    assert site.cli("incidents", "retry", incident).returncode == 0
    site.until(lambda: len(site.json("incidents", "show", incident)["attempts"]) == 2)
    site.cli("incidents", "cancel", incident)
    site.until(lambda: site.status(incident) == "escalated")


def test_one_command_stops_everything_and_one_lets_it_go_on(site: Site) -> None:
    try:
        stopped = site.cli("automation", "stop", "--reason", "a migration")
        assert re.match(r"automation is STOPPED, since [\d:]+ by local: a migration\n", stopped.stdout)
        incident = site.fire("FixHeld")
        site.until(lambda: site.status(incident) == "held")
        assert site.json("automation", "status")["enabled"] is False
    finally:
        assert site.json("automation", "start")["enabled"] is True
    site.until(lambda: site.status(incident) == "verifying")


def test_everything_that_happens_can_be_watched(site: Site) -> None:
    rows: list[dict[str, Any]] = []

    def read(stream: IO[str]) -> None:
        rows.extend(json.loads(row) for row in stream)

    command = [*WAKELESS, "incidents", "watch", "--json", "--server", site.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        reader = threading.Thread(target=read, args=(watching.stdout,))
        reader.start()
        try:
            # The stream is open some time after the process has begun: alarms go on until it tells of one.
            fired = [site.fire("FixWatched", number="0")]
            while not rows and len(fired) < 50:
                fired.append(site.fire("FixWatched", number=str(len(fired))))
        finally:
            watching.send_signal(signal.SIGINT)
            reader.join(20)
    assert watching.returncode == 130
    assert rows[0]["incident_id"] in fired
    assert {"seq", "at", "kind", "text", "data"} <= rows[0].keys()


def test_alarms_of_the_server_are_listed(site: Site) -> None:
    assert site.cli("alarms", "list").stdout.startswith("No alarms yet.")
    assert site.json("alarms", "list") == {"alarms": [], "next": None}


def test_what_is_no_alarm_is_refused_with_the_reason(site: Site) -> None:
    for text in ("", "{", "[]", '{"version": "4"}', "\0", '{"a": ' * 5000):
        done = site.cli("alarm", "send", "-", stdin=text)
        assert done.returncode == 2, text[:20]
        assert "Traceback" not in done.stderr


def test_what_is_not_there_is_not_found(site: Site) -> None:
    missing = "inc-01kb0000000000000000000000"
    assert site.cli("incidents", "show", missing).returncode == 4
    assert site.cli("incidents", "retry", missing, "--json").returncode == 4
    assert site.cli("incidents", "list", "--status", "asleep").returncode == 2


def test_a_second_server_on_the_same_files_is_refused(site: Site) -> None:
    taken = run("serve", folder=site.folder)
    assert taken.returncode == 3
    assert f"cannot listen on 127.0.0.1:{site.port}" in taken.stderr
    locked = run("serve", "--port", "0", folder=site.folder)
    assert locked.returncode == 4
    assert "Traceback" not in locked.stderr


def test_the_server_ends_politely_and_keeps_what_it_knew(tmp_path: Path) -> None:
    site = Site(tmp_path)
    incident = site.fire("Unheard")
    site.until(lambda: site.status(incident) == "escalated")
    site.stop()
    assert site.process.returncode == 0
    assert site.cli("incidents", "list").returncode == 3
    log = (tmp_path / "server.log").open("ab")
    site.process = subprocess.Popen([*WAKELESS, "serve"], cwd=tmp_path, stdout=log, stderr=log)
    log.close()
    site.until(site.is_ready)
    assert site.status(incident) == "escalated"
    site.stop()


def test_plan_explains_without_a_server(site: Site) -> None:
    found = run("plan", "-", folder=site.folder, stdin=payload("FixPlanned"))
    assert found.returncode == 0, found.stderr
    assert "Rule       fix: matches and decides" in found.stdout
    assert "WAKELESS_PARAM_WORD='hello'" in found.stdout
    nothing = run("plan", "-", "--json", folder=site.folder, stdin=payload("Unheard"))
    assert nothing.returncode == 5
    assert json.loads(nothing.stdout)[0]["no_plan"]["code"] == "not_found"


def test_check_lists_every_problem_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "wakeless.yaml").write_text(
        "listn: 127.0.0.1:1\ntargets:\n  - name: here\n    local: {}\nrules:\n  - name: r\n    target: there\n"
    )
    (tmp_path / "remediations").mkdir()
    (tmp_path / "remediations" / "metric#namespace.sh").write_text("")
    done = run("check", folder=tmp_path)
    assert done.returncode == 1
    assert "wakeless.yaml:1:1: listn: " in done.stdout
    assert "is empty" in done.stdout
    places = [problem["line"] for problem in json.loads(run("check", "--json", folder=tmp_path).stdout)["problems"]]
    assert len(places) >= 2


def test_check_reaches_every_target(tmp_path: Path) -> None:
    (tmp_path / "remediations").mkdir()
    (tmp_path / "wakeless.yaml").write_text("targets:\n  - name: here\n    local: {}\n")
    done = run("check", "--reach", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "nothing is wrong with wakeless.yaml and its remediations\n")


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 7", 7), ("echo a; echo b >&2; exit 1", 1), ("kill -9 $$", 137)]
)
def test_run_ends_with_the_exit_status_of_the_script(tmp_path: Path, script: str, status: int) -> None:
    (tmp_path / "it.sh").write_text(f"#!/bin/sh\n{script}\n")
    assert run("run", "it.sh", "--target", "local", folder=tmp_path).returncode == status


def test_run_shows_output_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "it.sh").write_text('#!/bin/sh\nprintf "%s\\n" "$WAKELESS_PARAM_WORD"\nprintf "no end"\necho bad >&2\n')
    word = "$(touch owned) ; ` ' \" *"
    done = run("run", "it.sh", "-t", "local", "-p", f"word={word}", folder=tmp_path)
    assert done.stdout == f"{word}\nno end"
    assert done.stderr.startswith("bad\n")
    assert not (tmp_path / "owned").exists()
    rows = [
        json.loads(row) for row in run("run", "it.sh", "-t", "local", "--json", folder=tmp_path).stdout.splitlines()
    ]
    assert rows[-1]["result"] == "succeeded"
    assert "".join(row.get("text", "") for row in rows if row.get("stream") == "stderr") == "bad\n"
    assert list((tmp_path / "wakeless-data" / "runs").glob("att-*")) == []


def test_run_kills_what_takes_too_long(tmp_path: Path) -> None:
    (tmp_path / "it.sh").write_text("#!/bin/sh\nsleep 600 &\nsleep 600\n")
    assert run("run", "it.sh", "-t", "local", "--timeout", "0.5", folder=tmp_path).returncode == 124


def test_ctrl_c_cancels_the_script_on_the_target(tmp_path: Path) -> None:
    (tmp_path / "it.sh").write_text("#!/bin/sh\necho $$\nsleep 600\n")
    with subprocess.Popen(
        [*WAKELESS, "run", "it.sh", "-t", "local"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        pid = int(running.stdout.readline())
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
    assert running.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_run_cannot_do_is_said(tmp_path: Path) -> None:
    (tmp_path / "it.sh").write_text("#!/no/such/interpreter\n")
    (tmp_path / "it.txt").write_text("")
    assert run("run", "it.sh", "-t", "local", folder=tmp_path).returncode == 126
    for arguments in (
        ("it.txt", "-t", "local"),
        ("gone.sh", "-t", "local"),
        ("it.sh", "-t", "nowhere"),
        ("it.sh", "-t", "local", "-p", "no equals sign"),
    ):
        done = run("run", *arguments, folder=tmp_path)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr


def test_a_target_that_cannot_be_reached_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "remediations").mkdir()
    (tmp_path / "wakeless.yaml").write_text(
        f"targets:\n  - name: gone\n    ssh: {{host: 127.0.0.1, port: {free_port()}, known_hosts: wakeless.yaml}}\n"
    )
    (tmp_path / "it.sh").write_text("#!/bin/sh\n")
    done = run("run", "it.sh", "-t", "gone", folder=tmp_path)
    assert done.returncode == 125
    assert "target gone: " in done.stderr
    assert "Nothing was run." in done.stderr
    reached = run("check", "--reach", folder=tmp_path)
    assert (reached.returncode, "target gone: " in reached.stdout) == (1, True)


def test_bad_settings_are_told_with_their_places_by_every_command_that_reads_them(tmp_path: Path) -> None:
    (tmp_path / "wakeless.yaml").write_text("log:\n  levle: debug\n")
    (tmp_path / "it.sh").write_text("")
    for arguments in (("serve",), ("plan", "it.sh"), ("run", "it.sh", "-t", "local")):
        done = run(*arguments, folder=tmp_path)
        assert done.returncode == 2, arguments
        assert "wakeless.yaml:2:3: log.levle: is not a setting (did you mean level?)" in done.stderr
    gone = run("serve", "--config", "gone.yaml", folder=tmp_path)
    assert (gone.returncode, "gone.yaml" in gone.stderr) == (2, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_completion(tmp_path: Path, shell: str) -> None:
    asked = {**os.environ, "_WAKELESS_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "wakeless inc"}
    asked |= {"COMP_WORDS": "wakeless inc", "COMP_CWORD": "1", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    answer = subprocess.run(
        [sys.executable, "-c", "from wakeless.doors.cli.main import app; app(prog_name='wakeless')"],
        env=asked,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "incidents" in answer.stdout, answer.stderr
