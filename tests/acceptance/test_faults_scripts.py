"""Scripts and targets that misbehave: each ends in a clear state with a reason, and harms nothing else."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.conftest import StartsServer
from tests.acceptance.wakeless_server import WakelessServer, until
from tests.contract.targets.servers import Server as SshServer

pytestmark = pytest.mark.xdist_group("faults: scripts")

#: Bytes of a stream that are kept.
CAP = 64 * 1024 * 1024
SETTINGS = """\
log: {{level: info}}
channels: {{quiet: {{kind: console, stderr: false}}}}
escalate_to: [quiet]
targets:
  - {{name: here, local: {{}}}}
  - name: moved
    ssh:
      host: 127.0.0.1
      port: {port}
      user: {user}
      agent: false
      key_file: {key}
      known_hosts: {known}
      runs_root: {runs}
default_target: here
defaults:
  attempts: 1
  pause: 0s
  verify: {{within: 3600s, every: 600s}}
  limits: {{cooldown: 0s, per_hour: 1000, concurrent: 100, per_target: 100, flapping: 1000}}
rules:
  - {{name: brief, match: {{namespace: Brief}}, timeout: 1s}}
  - {{name: moved, match: {{namespace: Moved}}, script: ordinary.sh, target: moved, parameters: {{marks: {marks}}}}}
"""
SCRIPTS: dict[str, str | bytes] = {
    "plain#Faults.sh": "echo ran\n",
    "empty#Faults.sh": "",
    "interpreter#Faults.sh": "#!/opt/no/such/interpreter\necho never\n",
    "env#Faults.py": "#!/usr/bin/env no-such-python\nprint('never')\n",
    "windows#Faults.sh": "#!/bin/sh\r\necho never\r\n",
    "command#Faults.sh": "#!/bin/sh\nno-such-command-anywhere\n",
    "fails#Faults.sh": "#!/bin/sh\necho 'the disk is gone' >&2\nexit 3\n",
    "killed#Faults.sh": "#!/bin/sh\nkill -9 $$\n",
    "flood#Faults.sh": "#!/bin/sh\nhead -c 1000000000 /dev/zero\necho done >&2\n",
    "binary#Faults.sh": "#!/bin/sh\nprintf '\\000\\001\\377\\376\\033[31m<script>\\r\\n\\300\\200'\n",
    "stdin#Faults.sh": "#!/bin/sh\ncat\necho read\n",
    "erases#Faults.sh": '#!/bin/sh\nrm -rf "${WAKELESS_RUN_DIR%/*}"\n',
    "orphan#Faults.sh": "#!/bin/sh\nkill -9 $PPID\nexit 0\n",
    "forks#Brief.sh": "#!/bin/sh\nfor n in 1 2 3; do sh -c 'sleep 3600; :' & done\nsleep 3600 &\nwait\n",
    "stubborn#Brief.sh": "#!/bin/sh\ntrap '' TERM\necho stubborn\nwhile :; do sleep 0.2; done\n",
    "slow#Faults.sh": '#!/bin/sh\necho begun\nuntil [ -e "$WAKELESS_DIMENSION_GO" ]; do sleep 0.05; done\necho ended\n',
}


@pytest.fixture(scope="module")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    server = SshServer(folder=tmp_path_factory.mktemp("ssh"))
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared(
    wakeless_server: StartsServer, ssh_server: SshServer, tmp_path_factory: pytest.TempPathFactory
) -> WakelessServer:
    folder = tmp_path_factory.mktemp("over-there")
    settings = SETTINGS.format(
        port=ssh_server.port,
        user=ssh_server.user,
        key=ssh_server.key_file,
        known=ssh_server.known_hosts,
        runs=folder / "runs",
        marks=folder / "marks",
    )
    return wakeless_server(settings, SCRIPTS)


@pytest.fixture(scope="module")
def slow_stories(shared: WakelessServer) -> dict[str, str]:
    """Begin what takes its time, all at once; the tests look at how each ended."""
    return {
        "stubborn": shared.fire("stubborn", "Brief", "stubborn"),
        "forks": shared.fire("forks", "Brief", "forks"),
    }


@pytest.fixture
def server(shared: WakelessServer, slow_stories: dict[str, str]) -> Iterator[WakelessServer]:
    """Give the shared server, and see after each test that it goes on as if nothing had happened."""
    yield shared
    shared.remediates_an_ordinary_incident()


def attempt_of(server: WakelessServer, incident_id: str) -> dict[str, object]:
    attempts: list[dict[str, object]] = server.incident(incident_id)["attempts"]
    assert len(attempts) == 1, server.tell(incident_id)
    return attempts[0]


def output(server: WakelessServer, attempt_id: object, stream: str = "stdout") -> bytes:
    answer = server.client.get(f"/v1/attempts/{attempt_id}/output", params={"stream": stream})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return answer.content


@pytest.mark.parametrize("metric", ["plain", "empty", "stdin"])
def test_a_script_without_the_executable_bit_runs_all_the_same(server: WakelessServer, metric: str) -> None:
    path = server.store / f"{metric}#Faults.sh"
    assert not path.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    incident = server.fire(f"{metric}-runs", "Faults", metric)
    server.wait(incident, "verifying")
    attempt = attempt_of(server, incident)
    assert (attempt["result"], attempt["exit_code"]) == ("succeeded", 0)
    assert output(server, attempt["id"]) == {"plain": b"ran\n", "empty": b"", "stdin": b"read\n"}[metric]


@pytest.mark.parametrize(
    ("metric", "result", "code", "words"),
    [
        ("interpreter", "not_started", None, "missing or not executable on the target: /opt/no/such/interpreter"),
        ("env", "not_started", None, "missing or not executable on the target: no-such-python"),
        ("windows", "not_started", None, "save it with Unix line endings"),
        ("command", "failed", 127, "exit code 127"),
        ("fails", "failed", 3, "exit code 3"),
        ("killed", "failed", 137, "exit code 137"),
        ("erases", "outcome_unknown", None, "outcome is unknown"),
        ("orphan", "outcome_unknown", None, "its runner was killed"),
    ],
)
def test_a_script_that_cannot_run_or_fails_says_why_in_the_reason(
    server: WakelessServer, metric: str, result: str, code: int | None, words: str
) -> None:
    incident = server.fire(f"{metric}-fails", "Faults", metric)
    ended = server.wait(incident, "escalated")
    attempt = attempt_of(server, incident)
    assert (attempt["result"], attempt["exit_code"]) == (result, code), server.tell(incident)
    assert words in ended["reason"], server.tell(incident)
    server.wait_for(incident, "message.delivered")


def test_what_a_failed_script_wrote_is_kept_and_told(server: WakelessServer) -> None:
    incident = server.fire("told", "Faults", "fails")
    server.wait(incident, "escalated")
    assert output(server, attempt_of(server, incident)["id"], "stderr") == b"the disk is gone\n"
    assert "the disk is gone" in server.wait_for(incident, "attempt.output")["text"]


def test_a_gigabyte_of_output_costs_neither_memory_nor_disk(server: WakelessServer) -> None:
    incident = server.fire("flood", "Faults", "flood")
    most = 0.0

    def ended() -> bool:
        nonlocal most
        most = max(most, server.rss_mb())
        return bool(server.incident(incident)["status"] == "verifying")

    until(ended, 60, lambda: server.tell(incident))
    attempt = attempt_of(server, incident)
    assert attempt["result"] == "succeeded"
    kept = server.data / "output" / str(attempt["id"])
    assert (kept / "stdout").stat().st_size == CAP
    assert (kept / "stderr").read_text() == "done\n"
    assert f"{1_000_000_000 - CAP} bytes of stdout beyond the limit were not kept" in str(attempt["detail"])
    assert most < 200, f"{most:.0f} MB"
    told = [e for e in server.incident(incident)["timeline"] if e["kind"] == "attempt.output"]
    assert sum(len(entry["text"]) for entry in told) < 20_000


def test_binary_output_is_kept_byte_for_byte_and_never_breaks_the_timeline(server: WakelessServer) -> None:
    incident = server.fire("binary", "Faults", "binary")
    server.wait(incident, "verifying")
    written = b"\x00\x01\xff\xfe\x1b[31m<script>\r\n\xc0\x80"
    assert output(server, attempt_of(server, incident)["id"]) == written
    assert "<script>" in server.wait_for(incident, "attempt.output")["text"]


@pytest.mark.parametrize("story", ["forks", "stubborn"])
def test_a_script_that_hangs_is_killed_with_all_its_children_when_its_time_is_over(
    server: WakelessServer, slow_stories: dict[str, str], story: str
) -> None:
    ended = server.wait(slow_stories[story], "escalated")
    assert attempt_of(server, ended["id"])["result"] == "timed_out"
    assert "ran out of time: stopped after its limit of 1 s" in ended["reason"]
    # The runner, which wrote the result, may take a moment to leave.
    until(lambda: not server.leftovers(str(attempt_of(server, ended["id"])["id"])), 5)


def test_quick_scripts_leave_no_process_behind(server: WakelessServer) -> None:
    incidents = [server.fire(f"quick {number}", "Faults", "plain") for number in range(40)]
    attempts = [server.wait(incident, "verifying")["attempts"][0]["id"] for incident in incidents]
    until(lambda: not [pid for attempt in attempts for pid in server.leftovers(attempt)], 5)


def test_a_script_goes_on_while_the_server_is_killed_and_is_found_again(server: WakelessServer, tmp_path: Path) -> None:
    go = tmp_path / "go"
    incident = server.fire("survives", "Faults", "slow", {"Go": str(go)})
    server.wait_for(incident, "attempt.output")
    server.restart()
    assert server.incident(incident)["status"] == "remediating"
    go.touch()
    server.wait(incident, "verifying")
    attempt = attempt_of(server, incident)
    assert attempt["result"] == "succeeded"
    assert output(server, attempt["id"]) == b"begun\nended\n"
    server.recover("survives", "Faults", "slow")
    server.wait(incident, "resolved")


def test_an_ssh_target_that_shows_another_host_key_gets_no_script(
    server: WakelessServer, ssh_server: SshServer
) -> None:
    trusted = server.fire("trusted", "Moved")
    server.wait(trusted, "verifying")
    ssh_server.stop()
    ssh_server.new_host_key()
    ssh_server.start()
    incident = server.fire("impostor", "Moved")
    ended = server.wait(incident, "escalated")
    assert attempt_of(server, incident)["result"] == "not_started"
    assert "host key" in ended["reason"], server.tell(incident)
