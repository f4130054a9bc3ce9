"""What `wakeless incidents` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from wakeless.core.ids import is_id
from wakeless.doors.cli.client import Server
from wakeless.doors.cli.exits import CommandFailed, Exit
from wakeless.doors.cli.show import (
    INCIDENT_COLUMNS,
    OUTPUT,
    about,
    clean,
    console,
    incident_row,
    line,
    local,
    moment,
    print_entry,
    print_json,
    seconds,
    styled,
    table,
)

#: Incidents that the server gives at once.
_PAGE = 500
#: How far back an id that is not whole is looked for.
_RECENT = 2000
#: Lines of output that `show` prints of each stream; `--output` prints all.
_OUTPUT_LINES = 20
#: Bytes fetched at once.
_OUTPUT_PAGE = 262_144


def show_list(server: Server, *, status: str | None, limit: int, as_json: bool) -> None:
    """Print incidents, the newest first."""
    incidents = _list(server, status, limit)
    if as_json:
        print_json(incidents)
        return
    if not incidents:
        console().print("No incidents." if status is None else f"No incidents are {line(status)}.", markup=False)
        return
    console().print(table(INCIDENT_COLUMNS, (incident_row(incident) for incident in incidents)))


def show_one(server: Server, incident: str, *, whole_output: bool, as_json: bool) -> None:
    """Print everything about one incident."""
    found = server.get(f"/v1/incidents/{find(server, incident)}")
    if as_json:
        print_json(found)
        return
    out = console()
    _print_head(out, found)
    attempts = found.get("attempts") or []
    for number, attempt in enumerate(attempts, 1):
        _print_attempt(out, server, number, attempt, whole_output)
    for delivery in found.get("deliveries") or []:
        words = f"{line(delivery.get('channel'))}: {line(delivery.get('kind'))}, {line(delivery.get('status'))}"
        if error := line(delivery.get("error")):
            words += f": {error}"
        out.print(Text("\ntold ", style="bold").append(words, style="default"))
    out.print(Text("\ntimeline", style="bold"))
    for entry in found.get("timeline") or []:
        if entry.get("kind") != OUTPUT:  # it stands with the attempts
            print_entry(out, entry)


def watch(server: Server, incident: str | None, *, as_json: bool) -> Exit:
    """Print what happens, as it happens; with an incident, until that has ended."""
    out, notes = console(), console(stderr=True)
    incident_id = find(server, incident) if incident else None
    seen = 0
    if incident_id is not None:
        found = server.get(f"/v1/incidents/{incident_id}")
        for entry in found.get("timeline") or []:
            seen = max(seen, int(entry.get("seq") or 0))
            _print_event(out, entry, as_json, with_incident=False)
        if (end := _end(found.get("status"))) is not None:
            return end
    elif not as_json:
        notes.print(f"watching {server.url}; Ctrl-C ends it", style="dim", markup=False)

    def lost() -> None:
        notes.print("the connection is gone; trying again ...", style="yellow")

    for event in server.events(after=seen or None, on_lost=lost):
        if incident_id is not None and event.entry.get("incident_id") != incident_id:
            continue
        if event.seq <= seen:
            continue
        _print_event(out, event.entry, as_json, with_incident=incident_id is None)
        if incident_id is not None:
            status = server.get(f"/v1/incidents/{incident_id}").get("status")
            if (end := _end(status)) is not None:
                return end
    return Exit.OK


def decide(server: Server, verb: str, incident: str, body: Mapping[str, str], *, as_json: bool) -> None:
    """Send a person's decision; print where the incident stands then."""
    incident_id = find(server, incident)
    answer = server.post(f"/v1/incidents/{incident_id}/{verb}", {name: text for name, text in body.items() if text})
    if as_json:
        print_json(answer)
        return
    text = Text(f"{verb}: {incident_id}")
    if isinstance(answer, dict) and answer.get("status"):
        text.append(" is ").append_text(styled(answer["status"]))
    console().print(text)


def find(server: Server, incident: str) -> str:
    """Return the whole id: ``incident`` itself, or the one recent incident whose id ends so."""
    if is_id(incident):
        return incident
    ending = incident.lower()
    if not ending.isalnum():
        raise CommandFailed(f"not an incident's id: {line(incident)!r}", Exit.USAGE, hint=_LIST_HINT)
    found = [str(item["id"]) for item in _list(server, None, _RECENT) if str(item["id"]).endswith(ending)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandFailed(f"no incident's id ends in {incident!r}", Exit.REFUSED, code="not_found", hint=_LIST_HINT)
    raise CommandFailed(
        f"{len(found)} incidents' ids end in {incident!r}: {', '.join(found[:5])}", Exit.USAGE, hint="Give more of it."
    )


_LIST_HINT = "`wakeless incidents list` shows them."


def _list(server: Server, status: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
    """Return the newest incidents, page by page."""
    found: list[Mapping[str, Any]] = []
    while len(found) < limit:
        before = str(found[-1]["id"]) if found else None
        wanted = min(limit - len(found), _PAGE)
        answer = server.get("/v1/incidents", status=status, limit=wanted, before=before)
        page = answer["incidents"] if isinstance(answer, dict) else answer
        found += page
        if len(page) < wanted:
            break
    return found


def _end(status: object) -> Exit | None:
    return {"resolved": Exit.OK, "escalated": Exit.FAILED}.get(str(status))


def _print_event(out: Console, entry: Mapping[str, Any], as_json: bool, *, with_incident: bool) -> None:
    if as_json:
        print_json(entry, compact=True)
    else:
        print_entry(out, entry, with_incident=with_incident)


def _print_head(out: Console, found: Mapping[str, Any]) -> None:
    alarm = found.get("alarm") or {}
    out.print(Text(line(alarm.get("name")), style="bold"), styled(found.get("status")))
    took = ""
    opened, resolved = moment(found.get("opened_at")), moment(found.get("resolved_at"))
    if opened and resolved:
        took = f", resolved after {seconds((resolved - opened).total_seconds())}"
    rows = {
        "incident": found.get("id"),
        "opened": local(found.get("opened_at")) + took,
        "alarm": f"{alarm.get('source')}: {about(alarm)}, now {found.get('alarm_state')}",
        "why": alarm.get("reason"),
        "stands": found.get("reason"),
    }
    plan = found.get("plan")
    if isinstance(plan, dict):
        script = plan.get("script") or {}
        rows["remediation"] = f"{script.get('key')} on {plan.get('target')}, chosen {_chosen(plan)}"
    for name, value in rows.items():
        if value:
            out.print(Text(f"  {name:<12}", style="dim").append(line(value), style="default"))


def _chosen(plan: Mapping[str, Any]) -> str:
    rule = str(plan.get("rule") or "")
    return rule if rule == "by name" else f"by the rule {rule}"


def _print_attempt(out: Console, server: Server, number: int, attempt: Mapping[str, Any], whole_output: bool) -> None:
    words = [f"\nattempt {number}: {line(attempt.get('result') or 'running')}"]
    if attempt.get("exit_code") is not None:
        words.append(f"exit status {attempt['exit_code']}")
    began, ended = moment(attempt.get("started_at") or attempt.get("began_at")), moment(attempt.get("ended_at"))
    if began and ended:
        words.append(seconds((ended - began).total_seconds()))
    out.print(Text(", ".join(words), style="bold"))
    if detail := line(attempt.get("detail")):
        out.print(Text(f"  {detail}"))
    for stream in ("stdout", "stderr"):
        text = read_output(server, str(attempt["id"]), stream)
        rows = text.splitlines()
        left_out = 0 if whole_output else max(0, len(rows) - _OUTPUT_LINES)
        if left_out:
            out.print(Text(f"  {stream} | ... {left_out} lines before; --output shows them", style="dim"))
        for row in rows[left_out:]:
            out.print(Text(f"  {stream} | ", style="dim").append(row, style="default"))


def read_output(server: Server, attempt_id: str, stream: str) -> str:
    """Return everything an attempt wrote to a stream, as text that a terminal does not obey."""
    parts: list[bytes] = []
    offset = 0
    while page := server.get_bytes(
        f"/v1/attempts/{attempt_id}/output", stream=stream, offset=offset, limit=_OUTPUT_PAGE
    ):
        parts.append(page)
        offset += len(page)
    return clean(b"".join(parts).decode("utf-8", errors="replace"))
