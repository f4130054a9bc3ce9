"""Names and values from alarms are data: nothing outside the store is ever run, and none becomes a shell word."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from tests.acceptance.conftest import StartsServer
from tests.acceptance.wakeless_server import WakelessServer, alarm_event

pytestmark = pytest.mark.xdist_group("faults-names")

SETTINGS = """\
log: {level: info}
channels: {quiet: {kind: console, stderr: false}}
escalate_to: [quiet]
targets: [{name: here, local: {}}]
default_target: here
defaults:
  attempts: 1
  verify: {within: 3600s, every: 600s}
  limits: {cooldown: 0s, per_hour: 1000, concurrent: 100, per_target: 100, flapping: 1000}
rules:
  - {name: asked, match: {namespace: Asked}, approval: {approvers: [local]}}
"""
OUTSIDE = "#!/bin/sh\necho outside >> {pwned}\n"
INSIDE = '#!/bin/sh\nprintf %s "$WAKELESS_METRIC"\n'
#: Names by which a script in the store may be asked for, and is found.
HARMLESS = [
    "Größe",
    "温度",
    "температура",
    "ضغط",
    "🔥",
    "a b",
    "$(touch pwned)",
    "a;touch pwned",
    "a&b|c>pwned",
    "%2e%2e",
]
#: Names that could leave the store, or mislead whoever reads them.
REFUSED = [
    "..",
    "../canary",
    "../../../../../../etc/cron.d/x",
    "/canary",
    "a/../../canary",
    "a//b",
    "./canary",
    ".hidden",
    "a/",
    "..\\canary",
    "a\x00b",
    "a\nb",
    "a\rb",
    "a\x1b[2Jb",
    "a\u202eb",
    "a\u200bb",
    "a\ufeff",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "`touch pwned`",
    " a",
    "\ud800",
    "x" * 10_000,
    "ü" * 200,
    "a/" * 600 + "b",
]
VALUES = [
    "'",
    '"',
    "$(touch pwned)",
    "`touch pwned`",
    "a\nb\n",
    "; touch pwned",
    "-rf /",
    "*",
    "\\",
    "\t",
    "温度",
    "🔥" * 50,
]


@pytest.fixture(scope="module")
def shared(wakeless_server: StartsServer) -> WakelessServer:
    scripts = {f"{name}#Names.sh": INSIDE for name in HARMLESS}
    scripts |= {f"inner#{name}.sh": '#!/bin/sh\nprintf %s "$WAKELESS_NAMESPACE"\n' for name in HARMLESS}
    scripts |= {"values#Names.sh": '#!/bin/sh\nprintf %s "$WAKELESS_DIMENSION_WORD"\n', "real.txt": "echo real\n"}
    scripts |= {"huge#Names.sh": "#" * 1_100_000, "dir#Names.sh/inner": ""}
    server = wakeless_server(SETTINGS, scripts)
    outside = OUTSIDE.format(pwned=server.folder / "pwned")
    (server.folder / "elsewhere").mkdir()
    for place in ("canary#Names.sh", "inner#..sh", "x.sh", "elsewhere/inner#Names.sh", "canary.sh", "inner#canary.sh"):
        (server.folder / place).write_text(outside)
    (server.store / "link#Names.sh").symlink_to("../canary#Names.sh")
    (server.store / "absolute#Names.sh").symlink_to(server.folder / "canary#Names.sh")
    (server.store / "folder").symlink_to("../elsewhere")
    (server.store / "round#Names.sh").symlink_to("round#Names.sh")
    (server.store / "dangling#Names.sh").symlink_to("nothing")
    (server.store / "alias#Names.sh").symlink_to("real.txt")
    os.mkfifo(server.store / "fifo#Names.sh")
    return server


@pytest.fixture
def server(shared: WakelessServer) -> Iterator[WakelessServer]:
    """Give the shared server; after each test nothing outside was run, and the server goes on."""
    yield shared
    assert not list(shared.folder.rglob("pwned"))
    shared.remediates_an_ordinary_incident()
    log = (shared.folder / "server.log").read_bytes()
    assert b"Traceback" not in log, log[-6000:].decode()
    assert not {b"\x1b", b"\x00"} & {log[i : i + 1] for i in range(len(log))}


def output(server: WakelessServer, incident_id: str) -> bytes:
    (attempt,) = server.incident(incident_id)["attempts"]
    return server.client.get(f"/v1/attempts/{attempt['id']}/output").content


@pytest.mark.parametrize("name", HARMLESS)
def test_names_of_all_alphabets_find_their_script_and_are_no_shell_words(server: WakelessServer, name: str) -> None:
    by_metric = server.fire(f"metric {name}", "Names", name)
    by_namespace = server.fire(f"namespace {name}", name, "inner")
    for incident in (by_metric, by_namespace):
        server.wait(incident, "verifying")
        assert output(server, incident) == name.encode()


@pytest.mark.parametrize("name", REFUSED, ids=lambda name: ascii(name[:24]).replace("/", "|"))
def test_names_that_could_leave_the_store_are_refused_and_a_person_is_told(server: WakelessServer, name: str) -> None:
    number = REFUSED.index(name)
    composite = alarm_event(name, "", "")
    composite["detail"]["configuration"] = {"alarmRule": "ALARM(x)"}
    events = {
        "metric": alarm_event(f"metric {number}", "Names", name),
        "namespace": alarm_event(f"namespace {number}", name, "inner"),
        "alarm": composite,
    }
    answers = {where: server.post("/v1/alarms", json.dumps(event).encode()) for where, event in events.items()}
    for where, answer in answers.items():
        if answer.status_code == 400:  # not even an alarm
            assert answer.json()["error"]["problems"], f"{where}: {answer.text}"
            continue
        assert answer.status_code == 200, f"{where}: {answer.text}"
        ended = server.wait(answer.json()["received"][0]["incident_id"], "escalated")
        assert ended["attempts"] == [], server.tell(ended["id"])
        assert "name" in ended["reason"] or "there is no such script" in ended["reason"]
        assert len(ended["reason"]) < 4000
        assert ended["reason"].isprintable()
    if set(name) <= set("./canary"):
        assert answers["metric"].status_code == 200, "the name must be refused by the store's rules, not by chance"


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("link", "leads out of the store by a symbolic link"),
        ("absolute", "leads out of the store by a symbolic link"),
        ("folder/inner", "leads out of the store by a symbolic link"),
        ("round", "cannot be read"),
        ("dangling", "there is no such script in the store"),
        ("fifo", "is not a plain file"),
        ("dir", "Is a directory"),
        ("huge", "is bigger than"),
    ],
)
def test_what_is_no_script_of_the_store_is_never_run(server: WakelessServer, metric: str, words: str) -> None:
    ended = server.wait(server.fire(f"no script {metric}", "Names", metric), "escalated")
    assert ended["attempts"] == []
    assert words in ended["reason"]


def test_a_link_that_stays_in_the_store_is_followed(server: WakelessServer) -> None:
    incident = server.fire("alias", "Names", "alias")
    server.wait(incident, "verifying")
    assert output(server, incident) == b"real\n"


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value[:20]))
def test_values_reach_the_script_byte_for_byte(server: WakelessServer, value: str) -> None:
    incident = server.fire(f"value {VALUES.index(value)}", "Names", "values", {"Word": value})
    server.wait(incident, "verifying")
    assert output(server, incident) == value.encode()


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "x" * 100_000], ids=["NUL", "surrogate", "long"])
def test_values_that_no_variable_can_hold_are_refused_with_their_place(server: WakelessServer, value: str) -> None:
    event = json.dumps(alarm_event(f"value of {len(value)}", "Names", "values", {"Word": value}))
    answer = server.post("/v1/alarms", event.encode())
    assert answer.status_code == 400, answer.text
    (problem,) = answer.json()["error"]["problems"]
    assert problem["message"]


def test_values_that_are_too_much_together_are_told_to_a_person(server: WakelessServer) -> None:
    dimensions = {f"Name{number}": "v" * 1000 for number in range(70)} | {"Word": "w"}
    answer = server.post("/v1/alarms", alarm_event("too much", "Names", "values", dimensions))
    if answer.status_code == 400:
        assert answer.json()["error"]["problems"][0]["message"]
        return
    ended = server.wait(answer.json()["received"][0]["incident_id"], "escalated")
    assert ended["attempts"] == []
    assert "can be passed on" in ended["reason"]


def test_a_store_that_changes_under_a_plan_runs_nothing_else(server: WakelessServer) -> None:
    path = server.store / "swapped#Asked.sh"
    path.write_text("echo first\n")
    incident = server.fire("swapped", "Asked", "swapped")
    server.wait(incident, "awaiting_approval")
    path.unlink()
    path.symlink_to("../canary#Names.sh")
    assert server.post(f"/v1/incidents/{incident}/approve").status_code == 200
    ended = server.wait(incident, "escalated")
    assert [attempt["result"] for attempt in ended["attempts"]] == ["not_started"]
    assert "leads out of the store by a symbolic link" in ended["reason"]
    path.unlink()
    path.write_text("echo second\n")
    assert server.post(f"/v1/incidents/{incident}/retry").status_code == 200
    server.wait(incident, "verifying")
