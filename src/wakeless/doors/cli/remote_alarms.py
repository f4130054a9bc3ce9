"""What `wakeless alarms` and `wakeless alarm` do."""

from __future__ import annotations

import sys
from pathlib import Path

from wakeless.doors.cli.client import Server
from wakeless.doors.cli.exits import CommandFailed, Exit
from wakeless.doors.cli.show import about, console, line, local, print_json, styled, table


def show_list(server: Server, *, as_json: bool) -> None:
    """Print every alarm of the embedded evaluator."""
    answer = server.get("/v1/alarms")
    if as_json:
        print_json(answer)
        return
    alarms = answer["alarms"] if isinstance(answer, dict) else answer
    rows = [
        (
            alarm.get("name"),
            styled(alarm.get("state")),
            local(alarm.get("changed_at")),
            about(alarm),
            alarm.get("reason"),
        )
        for alarm in alarms
    ]
    if not rows:
        console().print("No alarms yet. Put one with PutMetricAlarm (see docs/getting-started.md).")
        return
    console().print(table(("NAME", "STATE", "SINCE", "METRIC", "REASON"), rows))


def send(server: Server, file: str, *, as_json: bool) -> None:
    """Send a payload as it is, and say which incidents it became."""
    answer = server.post_bytes("/v1/alarms", _read(file))
    if as_json:
        print_json(answer)
        return
    received = answer["received"] if isinstance(answer, dict) else answer
    out = console()
    for item in received:
        if item.get("duplicate"):
            out.print(f"already known: {line(item.get('incident_id') or 'no incident')}", markup=False)
        else:
            out.print(f"stored: {line(item.get('incident_id') or 'no incident (not in ALARM)')}", markup=False)
    if not received:
        out.print("understood; it holds no alarm")


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise CommandFailed(f"cannot read {file}: {error.strerror or error}", Exit.USAGE) from error
