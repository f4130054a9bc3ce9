"""What `wakeless alarms` and `wakeless alarm` do."""

from __future__ import annotations

from rich.text import Text

from wakeless.doors.cli.client import Server
from wakeless.doors.cli.files import read_input
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
    answer = server.post_bytes("/v1/alarms", read_input(file))
    if as_json:
        print_json(answer)
        return
    out = console()
    for item in answer.get("received") or []:
        incident = line(item.get("incident_id")) or "no incident"
        known = "known already" if item.get("duplicate") else "stored"
        out.print(
            Text(f"{known}: {line(item.get('alarm'))} is ").append(styled(item.get("state"))).append(f", {incident}")
        )
    for part in answer.get("ignored") or []:
        out.print(Text(f"left alone: {line(part.get('reason'))}", style="dim"))
    for problem in answer.get("problems") or []:
        out.print(Text(f"cannot be read: {line(problem.get('path'))} {line(problem.get('message'))}", style="red"))
    if not any(answer.get(part) for part in ("received", "ignored", "problems")):
        out.print("understood; it holds no alarm")
