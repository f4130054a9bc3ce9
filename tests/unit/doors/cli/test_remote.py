"""The commands that talk to a server: what they send, what they print, how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., tuple[int, str, str]]

FIRST = "inc-01kb0000000000000000000abc"
SECOND = "inc-01kb0000000000000000000xbc"


def incident(incident_id: str = FIRST, **more: object) -> dict[str, Any]:
    return {
        "id": incident_id,
        "status": "resolved",
        "title": "webapp-down",
        "remediation": "webapp-uptime#CustomNamespace.sh",
        "target": "webserver",
        "alarm_state": "OK",
        "alarm": {
            "name": "webapp-down",
            "source": "embedded",
            "namespace": "CustomNamespace",
            "metric": "webapp-uptime",
            "dimensions": {"InstanceId": "i-1"},
            "reason": "Threshold Crossed",
        },
        "opened_at": "2026-11-22T03:00:00+00:00",
        "updated_at": "2026-11-22T03:00:20+00:00",
        "resolved_at": "2026-11-22T03:00:20+00:00",
        "timeline": [],
        "attempts": [],
        "deliveries": [],
        **more,
    }


def event(seq: int, incident_id: str, text: str) -> bytes:
    entry = {
        "seq": seq,
        "at": "2026-11-22T03:00:00Z",
        "incident_id": incident_id,
        "kind": "incident.note",
        "text": text,
    }
    return f"id: {seq}\ndata: {json.dumps(entry)}\n\n".encode()


def test_incidents_are_listed_one_a_line(cli: Cli, scripted: Any) -> None:
    scripted.answer("GET /v1/incidents", {"incidents": [incident()]})
    status, out, _ = cli("incidents", "list", "--server", scripted.url, "--status", "resolved", "--limit", "5")
    assert status == 0
    assert out.splitlines()[1].split()[:3] == [FIRST, "resolved", "OK"]
    assert "webapp-uptime#CustomNamespace.sh on webserver" in out
    assert scripted.requests[0][1] == "/v1/incidents?status=resolved&limit=5"


def test_no_incidents_is_said_in_words_and_as_an_empty_list(cli: Cli, scripted: Any) -> None:
    scripted.answer("GET /v1/incidents", {"incidents": []})
    assert cli("incidents", "list", "--server", scripted.url)[1] == "No incidents.\n"
    assert json.loads(cli("incidents", "list", "--server", scripted.url, "--json")[1]) == []


def test_an_alarm_name_cannot_drive_the_terminal(cli: Cli, scripted: Any) -> None:
    evil = incident()
    evil["title"] = "\x1b]0;owned\x07[bold]x[/bold]\r\nfake line"
    scripted.answer("GET /v1/incidents", {"incidents": [evil]})
    _, out, _ = cli("incidents", "list", "--server", scripted.url)
    assert "\x1b" not in out
    assert "[bold]x[/bold]" in out
    assert len(out.splitlines()) == 2


def test_an_incident_is_found_by_the_end_of_its_id(cli: Cli, scripted: Any) -> None:
    scripted.answer("GET /v1/incidents", {"incidents": [incident(FIRST), incident(SECOND)]})
    scripted.answer(f"GET /v1/incidents/{FIRST}", incident(FIRST))
    assert cli("incidents", "show", "0abc", "--server", scripted.url)[0] == 0
    status, _, said = cli("incidents", "show", "bc", "--server", scripted.url)
    assert (status, "2 incidents' ids end in 'bc'" in said) == (2, True)
    assert cli("incidents", "show", "zzz", "--server", scripted.url)[0] == 4
    assert cli("incidents", "show", "../../healthz", "--server", scripted.url)[0] == 2


def test_the_output_of_every_attempt_is_shown(cli: Cli, scripted: Any) -> None:
    attempt = {
        "id": "att-01kb0000000000000000000000",
        "result": "succeeded",
        "exit_code": 0,
        "started_at": "2026-11-22T03:00:01Z",
        "ended_at": "2026-11-22T03:00:03Z",
    }
    scripted.answer(f"GET /v1/incidents/{FIRST}", incident(attempts=[attempt]))
    page = f"GET /v1/attempts/{attempt['id']}/output"
    pages = iter([b"webapp is inactive\n\x1b[31mred\n", b""])

    # One page, then the end of the stream, for stdout; nothing for stderr.
    class Pages(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            if key == page:
                return (200, "application/octet-stream", next(pages, b""))
            return super().get(key, default)

    scripted.answers = Pages(scripted.answers)
    _, out, _ = cli("incidents", "show", FIRST, "--server", scripted.url)
    assert "attempt 1: succeeded, exit status 0, 2.0 s" in out
    assert "stdout | webapp is inactive" in out
    assert "stdout | �[31mred" in out
    assert "resolved after 20.0 s" in out


@pytest.mark.parametrize(
    ("arguments", "verb", "body"),
    [
        (("approve", FIRST, "-m", "go"), "approve", {"comment": "go"}),
        (("deny", FIRST), "deny", {}),
        (("retry", FIRST), "retry", {}),
        (("close", FIRST, "--reason", "known"), "close", {"reason": "known"}),
        (("cancel", FIRST), "cancel", {}),
    ],
)
def test_a_decision_is_posted(
    cli: Cli, scripted: Any, arguments: tuple[str, ...], verb: str, body: dict[str, str]
) -> None:
    scripted.answer(f"POST /v1/incidents/{FIRST}/{verb}", incident(status="open"))
    status, out, _ = cli("incidents", *arguments, "--server", scripted.url)
    assert (status, out) == (0, f"{verb}: {FIRST} is open\n")
    assert json.loads(scripted.requests[0][3]) == body


def test_watching_takes_up_a_broken_stream_and_ends_with_the_incident(cli: Cli, scripted: Any) -> None:
    scripted.answer(f"GET /v1/incidents/{FIRST}", incident(status="verifying"))
    scripted.streams = [
        event(1, FIRST, "alarm received") + event(2, SECOND, "of another incident"),
        event(3, FIRST, "the alarm is OK"),
    ]
    states = iter(["verifying", "verifying", "resolved"])
    answers = scripted.answers

    class Moving(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            if key == f"GET /v1/incidents/{FIRST}":
                document = incident(status=next(states, "resolved"))
                return (200, "application/json", json.dumps(document).encode())
            return super().get(key, default)

    scripted.answers = Moving(answers)
    status, out, said = cli("incidents", "watch", FIRST, "--server", scripted.url, "--json")
    assert status == 0
    assert [json.loads(row)["seq"] for row in out.splitlines()] == [1, 3]
    assert "trying again" in said
    asked = [path for _, path, _, _ in scripted.requests if path.startswith("/v1/events")]
    assert asked == ["/v1/events", "/v1/events?after=2"]


def test_the_token_travels_in_the_header_and_nowhere_else(
    cli: Cli, scripted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.answer("GET /v1/automation", {"enabled": True})
    (tmp_path / "token").write_text("s3cret\n")
    cli("automation", "status", "--server", scripted.url, "--token-file", str(tmp_path / "token"))
    monkeypatch.setenv("WAKELESS_TOKEN", "from-env")
    cli("automation", "status", "--server", scripted.url)
    assert [headers["Authorization"] for _, _, headers, _ in scripted.requests] == ["Bearer s3cret", "Bearer from-env"]
    assert all("s3cret" not in path for _, path, _, _ in scripted.requests)


def test_automation_is_stopped_by_one_command(cli: Cli, scripted: Any) -> None:
    scripted.answer("POST /v1/automation", {"enabled": False, "principal": "ops", "reason": "migration"})
    status, out, _ = cli("automation", "stop", "-m", "migration", "--server", scripted.url)
    assert status == 0
    assert "automation is STOPPED" in out
    assert json.loads(scripted.requests[0][3]) == {"enabled": False, "reason": "migration"}


def test_an_alarm_file_is_sent_as_it_is(cli: Cli, scripted: Any, tmp_path: Path) -> None:
    scripted.answer("POST /v1/alarms", {"received": [{"alarm": "Down", "state": "ALARM", "incident_id": FIRST}]})
    payload = b'{"version": "4",   "alerts": []}\n'
    (tmp_path / "alarm.json").write_bytes(payload)
    status, out, _ = cli("alarm", "send", str(tmp_path / "alarm.json"), "--server", scripted.url)
    assert (status, out) == (0, f"stored: Down is ALARM, {FIRST}\n")
    assert scripted.requests[0][3] == payload


def test_an_alarm_file_that_is_not_there_is_named(cli: Cli, scripted: Any) -> None:
    status, _, said = cli("alarm", "send", "/nowhere/alarm.json", "--server", scripted.url)
    assert (status, said) == (2, "wakeless: cannot read /nowhere/alarm.json: No such file or directory\n")


@pytest.mark.parametrize(
    ("http_status", "exit_status"),
    [(400, 2), (401, 4), (403, 4), (404, 4), (409, 4), (413, 2), (422, 2), (500, 1), (503, 3)],
)
def test_the_answer_decides_the_exit_status(cli: Cli, scripted: Any, http_status: int, exit_status: int) -> None:
    scripted.answer("GET /v1/automation", {"error": {"code": "some_code", "message": "some words"}}, http_status)
    status, _, said = cli("automation", "status", "--server", scripted.url, "--json")
    assert status == exit_status
    assert json.loads(said)["error"]["code"] == "some_code"


def test_somebody_else_answering_there_is_told_from_a_server_of_ours(cli: Cli, scripted: Any) -> None:
    scripted.answers["GET /v1/automation"] = (200, "text/html", b"<h1>It works!</h1>")
    status, _, said = cli("automation", "status", "--server", scripted.url)
    assert status == 3
    assert "is not a Wakeless server" in said


def test_no_server_and_no_address_are_told_with_the_way_out(cli: Cli) -> None:
    status, _, said = cli("incidents", "list", "--server", "http://127.0.0.1:9")
    assert (status, "wakeless serve" in said) == (3, True)
    assert cli("incidents", "list", "--server", "localhost:4747")[0] == 2


def test_what_cannot_be_understood_is_a_usage_error(cli: Cli) -> None:
    assert cli("incidents", "fly")[0] == 2
    assert cli("incidents", "close", FIRST)[0] == 2  # a reason is needed
    assert cli("incidents", "list", "--limit", "many")[0] == 2
