"""People, limits and channels over the HTTP API: every incident reaches a clear state, and says why."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.conftest import StartsServer
from tests.acceptance.wakeless_server import WakelessServer, free_port, until

pytestmark = pytest.mark.xdist_group("faults-flow")

SETTINGS = """\
log: {{level: info}}
channels:
  quiet: {{kind: console, stderr: false}}
  down: {{kind: webhook, url: "http://127.0.0.1:{closed}/", allow_private: true}}
  up: {{kind: webhook, url: "http://127.0.0.1:{open}/", allow_private: true}}
  rude: {{kind: webhook, url: "http://127.0.0.1:{open}/gone", allow_private: true}}
escalate_to: [quiet]
targets: [{{name: here, local: {{}}}}]
default_target: here
principals:
  - {{name: root, token: root-root-root-root, may: [admin]}}
  - {{name: alice, token: alice-alice-alice-alice, groups: [owners], may: [approve]}}
  - {{name: carol, token: carol-carol-carol-carol, groups: [owners], may: [approve]}}
  - {{name: mallory, token: mallory-mallory-mallory, may: [approve]}}
  - {{name: bob, token: bob-bob-bob-bob-bob-bob, may: [read]}}
defaults:
  attempts: 1
  pause: 0s
  verify: {{within: 3600s, every: 600s}}
  limits: {{cooldown: 0s, per_hour: 1000, concurrent: 100, per_target: 100, flapping: 1000}}
rules:
  - {{name: asked, match: {{namespace: Asked}}, script: work.sh, approval: {{approvers: [owners]}}}}
  - {{name: both, match: {{namespace: Both}}, script: work.sh, approval: {{approvers: [owners], quorum: 2}}}}
  - name: silence approves
    match: {{namespace: Lapses}}
    script: work.sh
    approval: {{approvers: [owners], auto_approve_after: 1s}}
  - name: silence denies
    match: {{namespace: Denies}}
    script: work.sh
    approval: {{approvers: [owners], auto_deny_after: 1s}}
  - {{name: cools, match: {{namespace: Cools}}, script: work.sh, limits: {{cooldown: 2s}}}}
  - {{name: long, match: {{namespace: Long}}, script: work.sh, limits: {{cooldown: 1h, max_hold: 1s}}}}
  - {{name: busy, match: {{namespace: Busy}}, script: long.sh, limits: {{concurrent: 1, max_hold: 1s}}}}
  - {{name: flaps, match: {{namespace: Flaps}}, script: work.sh, limits: {{flapping: 3}}}}
  - {{name: stops, match: {{namespace: Stops}}, script: long.sh}}
  - {{name: again, match: {{namespace: Again}}, script: second.sh, attempts: 2}}
  - {{name: told, match: {{namespace: Told}}, script: fails.sh, escalate_to: [down, rude, up]}}
"""
SCRIPTS = {
    "work.sh": '#!/bin/sh\necho "worked for $WAKELESS_ALARM_NAME"\n',
    "long.sh": "#!/bin/sh\necho begun\nsleep 3600 & sleep 3600\n",
    "second.sh": '#!/bin/sh\necho "attempt $WAKELESS_ATTEMPT"\n[ "$WAKELESS_ATTEMPT" = 2 ]\n',
    "fails.sh": "#!/bin/sh\necho 'no luck' >&2\nexit 1\n",
    "twice#Flow.sh": "echo one\n",
    "twice#Flow.py": "print('two')\n",
    "foreign#Flow.ps1": "Write-Output no\n",
}


class Pager(BaseHTTPRequestHandler):
    """Takes webhooks at ``/``; at ``/gone`` it refuses them for good."""

    received: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/":
            self.received.append(json.loads(body))
        self.send_response(204 if self.path == "/" else 410)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def pager() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    received: list[dict[str, Any]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OurPager", (Pager,), {"received": received}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1], received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def shared(wakeless_server: StartsServer, pager: tuple[int, list[dict[str, Any]]]) -> WakelessServer:
    return wakeless_server(SETTINGS.format(closed=free_port(), open=pager[0]), SCRIPTS, token="root-root-root-root")


@pytest.fixture
def server(shared: WakelessServer) -> Iterator[WakelessServer]:
    """Give the shared server, and see after each test that it goes on as if nothing had happened."""
    yield shared
    shared.remediates_an_ordinary_incident()
    log = (shared.folder / "server.log").read_text()
    assert "Traceback" not in log, log[-6000:]


def as_(name: str) -> dict[str, str]:
    return {
        "authorization": "Bearer "
        + {"bob": "bob-bob-bob-bob-bob-bob", "mallory": "mallory-mallory-mallory"}.get(name, "-".join([name] * 4))
    }


def kinds(server: WakelessServer, incident: str) -> list[str]:
    return [entry["kind"] for entry in server.incident(incident)["timeline"]]


def results(server: WakelessServer, incident: str) -> list[str]:
    return [attempt["result"] for attempt in server.incident(incident)["attempts"]]


# --- approval ---


def test_an_approver_lets_it_run_and_nobody_else_can(server: WakelessServer) -> None:
    incident = server.fire("approved", "Asked")
    asked = server.wait(incident, "awaiting_approval")
    assert asked["approval"]["approvers"] == ["owners"]
    server.wait_for(incident, "message.delivered")
    assert server.post(f"/v1/incidents/{incident}/approve", **{"authorization": "Bearer wrong"}).status_code == 401
    for name in ("bob", "mallory", "root"):
        refused = server.post(f"/v1/incidents/{incident}/approve", **as_(name))
        assert refused.status_code == 403, refused.text
    assert server.incident(incident)["status"] == "awaiting_approval"
    taken = server.post(f"/v1/incidents/{incident}/approve", {"comment": "go on"}, **as_("alice"))
    assert taken.status_code == 200, taken.text
    server.wait(incident, "verifying")
    assert server.wait_for(incident, "approval.given")["text"] == "Approved by alice (1 of 1): go on"
    late = server.post(f"/v1/incidents/{incident}/deny", **as_("carol"))
    assert late.status_code == 409
    assert "does not wait for an approval" in late.json()["error"]["message"]
    server.recover("approved", "Asked")
    server.wait(incident, "resolved")


def test_a_denial_runs_nothing_and_tells_a_person_who_and_why(server: WakelessServer) -> None:
    incident = server.fire("denied", "Asked")
    server.wait(incident, "awaiting_approval")
    assert server.post(f"/v1/incidents/{incident}/deny", {"comment": "not tonight"}, **as_("carol")).status_code == 200
    ended = server.wait(incident, "escalated")
    assert ended["reason"] == "carol denied the remediation: not tonight"
    assert ended["attempts"] == []


def test_two_must_approve_where_two_are_asked_for(server: WakelessServer) -> None:
    incident = server.fire("quorum", "Both")
    server.wait(incident, "awaiting_approval")
    for _ in range(2):
        server.post(f"/v1/incidents/{incident}/approve", **as_("alice"))
    assert server.incident(incident)["status"] == "awaiting_approval"
    assert len(server.incident(incident)["approval"]["decisions"]) == 1
    server.post(f"/v1/incidents/{incident}/approve", **as_("carol"))
    server.wait(incident, "verifying")


def test_silence_means_what_the_rule_says(server: WakelessServer) -> None:
    approves, denies = server.fire("lapses", "Lapses"), server.fire("denies", "Denies")
    server.wait(approves, "verifying")
    assert "silence counts as approval" in server.wait_for(approves, "approval.lapsed")["text"]
    ended = server.wait(denies, "escalated")
    assert ended["reason"] == "nobody approved the remediation in time"
    assert ended["attempts"] == []


def test_a_question_survives_the_death_of_the_server(server: WakelessServer) -> None:
    incident = server.fire("survives", "Asked")
    server.wait(incident, "awaiting_approval")
    server.restart()
    assert server.incident(incident)["status"] == "awaiting_approval"
    assert server.post(f"/v1/incidents/{incident}/approve", **as_("alice")).status_code == 200
    server.wait(incident, "verifying")
    assert results(server, incident) == ["succeeded"]


def test_an_alarm_that_recovers_while_people_think_runs_nothing(server: WakelessServer) -> None:
    incident = server.fire("recovers", "Asked")
    server.wait(incident, "awaiting_approval")
    server.recover("recovers", "Asked")
    ended = server.wait(incident, "resolved")
    assert ended["attempts"] == []
    late = server.post(f"/v1/incidents/{incident}/approve", **as_("alice"))
    assert late.status_code == 409
    assert "is resolved" in late.json()["error"]["message"]


# --- limits ---


def test_the_kill_switch_stops_what_runs_and_holds_what_comes(server: WakelessServer) -> None:
    running = server.fire("running", "Stops")
    server.wait_for(running, "attempt.output")
    assert server.post("/v1/automation", {"enabled": False}, **as_("bob")).status_code == 403
    thrown = server.post("/v1/automation", {"enabled": False, "reason": "fire drill"})
    assert (thrown.status_code, thrown.json()["enabled"], thrown.json()["principal"]) == (200, False, "root")
    ended = server.wait(running, "escalated")
    assert ended["reason"] == "stopped by root: automation was stopped: fire drill"
    assert results(server, running) == ["cancelled"]
    until(lambda: not server.leftovers(), 10)

    held, recovers = server.fire("held", "Ordinary"), server.fire("recovers while held", "Ordinary")
    reason = server.wait(held, "held")["reason"]
    assert reason == "automation is switched off (root: fire drill)", reason
    server.wait(recovers, "held")
    server.recover("recovers while held", "Ordinary")
    assert server.wait(recovers, "resolved")["attempts"] == []
    server.restart()
    assert server.get("/v1/automation")["enabled"] is False
    assert server.incident(held)["status"] == "held"
    server.post("/v1/automation", {"enabled": True, "reason": "drill over"})
    server.wait(held, "verifying")
    assert "held" in server.marks.read_text().splitlines()


def test_the_same_alarm_within_its_cooldown_is_held_and_a_person_is_told_if_it_lasts(server: WakelessServer) -> None:
    first = server.fire("cools", "Cools")
    server.wait(first, "verifying")
    server.recover("cools", "Cools")
    server.wait(first, "resolved")
    second = server.fire("cools", "Cools")
    held = server.wait(second, "held")
    assert held["hold"]["code"] == "cooldown"
    assert "2 seconds" in held["reason"], held["reason"]
    assert held["until"]
    ended = server.wait(second, "escalated", within=6)
    assert ended["reason"].startswith("still in ALARM after being held: cooldown: this alarm was remediated less than")
    assert ended["attempts"] == []
    assert server.post(f"/v1/incidents/{second}/retry").status_code == 200
    server.wait(second, "verifying")


def test_a_hold_that_lasts_too_long_becomes_a_persons(server: WakelessServer) -> None:
    first = server.fire("long", "Busy")
    server.wait(first, "remediating")
    second = server.fire("waits", "Busy")
    held = server.wait(second, "held")
    assert held["hold"]["code"] == "concurrent"
    ended = server.wait(second, "escalated", within=10)
    assert ended["reason"].startswith("still in ALARM after being held: rule 'busy' runs 1 remediations")
    cancelled = server.post(f"/v1/incidents/{first}/cancel", {"reason": "enough"})
    assert cancelled.status_code == 200
    assert server.wait(first, "escalated")["reason"] == "stopped by root: enough"


def test_an_alarm_that_flaps_is_handed_to_a_person(server: WakelessServer) -> None:
    for _ in range(2):
        incident = server.fire("flaps", "Flaps")
        server.wait(incident, "verifying")
        server.recover("flaps", "Flaps")
        server.wait(incident, "resolved")
    last = server.fire("flaps", "Flaps")
    ended = server.wait(last, "escalated")
    assert ended["reason"].startswith("it flaps: 3 incidents of this alarm within 1 hour")
    assert ended["attempts"] == []
    server.recover("flaps", "Flaps")
    server.wait(last, "resolved")


def test_what_fails_once_is_tried_again_within_the_same_incident(server: WakelessServer) -> None:
    incident = server.fire("again", "Again")
    server.wait(incident, "verifying")
    assert results(server, incident) == ["failed", "succeeded"]
    server.recover("again", "Again")
    assert server.wait(incident, "resolved")["attempts"][0]["exit_code"] == 1


# --- finding ---


def test_where_no_remediation_is_found_the_names_are_told_and_adding_one_helps(server: WakelessServer) -> None:
    incident = server.fire("unknown", "Flow", "nothing-like-it")
    ended = server.wait(incident, "escalated")
    names = [f"nothing-like-it#Flow.{ending}" for ending in ("sh", "ps1", "py")]
    assert all(name in ended["reason"] for name in names), ended["reason"]
    assert server.wait_for(incident, "incident.escalated")["data"]["looked_for"] == names
    Path(server.store / names[0]).write_text("echo found\n")
    assert server.post(f"/v1/incidents/{incident}/retry").status_code == 200
    server.wait(incident, "verifying")
    assert results(server, incident) == ["succeeded"]


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("twice", "both twice#Flow.sh and twice#Flow.py are for target here"),
        ("foreign", "there is only foreign#Flow.ps1, which is not for target here"),
    ],
)
def test_scripts_that_do_not_decide_the_question_are_named(server: WakelessServer, metric: str, words: str) -> None:
    ended = server.wait(server.fire(metric, "Flow", metric), "escalated")
    assert words in ended["reason"]
    assert ended["attempts"] == []


# --- channels ---


def test_a_channel_that_is_down_keeps_no_other_from_telling(
    server: WakelessServer, pager: tuple[int, list[dict[str, Any]]]
) -> None:
    incident = server.fire("told", "Told")
    server.wait(incident, "escalated")
    (message,) = until(lambda: [m for m in pager[1] if incident in json.dumps(m)])
    assert "no luck" in json.dumps(message)
    delayed = server.wait_for(incident, "message.delayed")
    assert delayed["data"]["channel"] == "down"
    failed = server.wait_for(incident, "message.failed")
    assert failed["data"]["channel"] == "rude"
    assert "410" in failed["text"]
    server.recover("told", "Told")
    server.wait(incident, "resolved")
    until(lambda: len([m for m in pager[1] if incident in json.dumps(m)]) == 2)
    states = {
        d["channel"]: d["status"] for d in server.incident(incident)["deliveries"] if d["kind"] == "incident.escalated"
    }
    assert (states["up"], states["down"], states["rude"]) == ("sent", "pending", "failed")
