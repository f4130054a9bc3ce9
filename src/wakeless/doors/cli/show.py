"""What the commands print for people. Text from outside is shown as text: no markup, no terminal commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Where there is no terminal, nothing is cut off: a line is as long as it is.
_NO_TERMINAL_WIDTH = 10_000

#: Colours mean the same everywhere: green is good, red needs a person, yellow is under way.
STATUS_STYLES: Mapping[str, str] = {
    "open": "yellow",
    "held": "magenta",
    "awaiting_approval": "magenta",
    "remediating": "yellow",
    "verifying": "yellow",
    "resolved": "green",
    "escalated": "bold red",
    "OK": "green",
    "ALARM": "bold red",
    "INSUFFICIENT_DATA": "yellow",
}

#: DEL, the second control block, what ends lines or turns the direction of writing, and halves of characters: a
#: terminal might obey it, or show a text in another order than it has (https://trojansource.codes).
_TRICKS = (127, *range(128, 160), 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
_HALVES = range(0xD800, 0xE000)
# Of what stands below a blank, only tab and line end are left.
_CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *_TRICKS, *_HALVES) if code not in (9, 10)}
# Inside JSON, where all of these can only stand in strings, they are written as escapes: no program sees a difference.
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in (*_TRICKS, *_HALVES)}


def console(*, stderr: bool = False) -> Console:
    """Return a console for standard output, or for standard error."""
    file = sys.stderr if stderr else sys.stdout
    width = None if file.isatty() else _NO_TERMINAL_WIDTH
    return Console(file=file, width=width, highlight=False, soft_wrap=False)


def print_json(value: object, *, compact: bool = False) -> None:
    """Print JSON values: indented, or as one line of a stream."""
    text = json.dumps(value, ensure_ascii=False, indent=None if compact else 2)
    sys.stdout.write(text.translate(_JSON_ESCAPES) + "\n")
    sys.stdout.flush()


def clean(value: object) -> str:
    """Return text that a terminal shows and does not obey."""
    return "" if value is None else str(value).replace("\r\n", "\n").translate(_CONTROLS)


def line(value: object) -> str:
    """Return `clean` text in one line."""
    return " ".join(clean(value).split())


def styled(word: object) -> Text:
    """Return a status or a state in its colour."""
    text = line(word)
    return Text(text, style=STATUS_STYLES.get(text, ""))


def moment(value: object) -> datetime | None:
    """Read a time as the API writes it; None for none."""
    if not isinstance(value, str) or not value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def local(value: object, *, milliseconds: bool = False) -> str:
    """Return a time as the person's own clock shows it; today's without the date."""
    at = moment(value)
    if at is None:
        return line(value)
    here = at.astimezone()
    text = here.strftime("%H:%M:%S")
    if milliseconds:
        text += f".{here.microsecond // 1000:03d}"
    return text if here.date() == datetime.now(UTC).astimezone().date() else f"{here:%Y-%m-%d} {text}"


def seconds(value: float) -> str:
    """Return a duration as a person reads it."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s"
    if value < 7200:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table without lines; a cell that is not `Text` is shown as text."""
    made = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column.lower() in {"id", "since", "at", "status", "state"})
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(line(cell)) for cell in row))
    return made


def incident_row(incident: Mapping[str, Any]) -> Sequence[object]:
    """Return what `wakeless incidents list` shows of one incident; `INCIDENT_COLUMNS` names the cells."""
    done = incident.get("remediation") or incident.get("reason") or ""
    if target := incident.get("target"):
        done = f"{done} on {target}"
    return (
        incident.get("id"),
        styled(incident.get("status")),
        styled(incident.get("alarm_state")),
        local(incident.get("opened_at")),
        incident.get("title"),
        done,
    )


INCIDENT_COLUMNS = ("ID", "STATUS", "ALARM", "SINCE", "NAME", "REMEDIATION")


def about(alarm: Mapping[str, Any]) -> str:
    """Return what an alarm is about: the metric and its dimensions, or the labels."""
    words = []
    if metric := alarm.get("metric"):
        words.append(f"{alarm.get('namespace') or ''}/{metric}".removeprefix("/"))
    pairs = alarm.get("dimensions") or alarm.get("labels") or {}
    words += [f"{name}={value}" for name, value in sorted(pairs.items()) if name != "alertname"]
    return " ".join(words)


def print_entry(out: Console, entry: Mapping[str, Any], *, with_incident: bool = False) -> None:
    """Print one entry of a timeline: one line, or for a command's output each of its lines."""
    lead = Text(local(entry.get("at"), milliseconds=True), style="dim")
    if with_incident:
        lead.append(f"  {line(entry.get('incident_id'))}", style="dim")
    kind, data = str(entry.get("kind", "")), entry.get("data") or {}
    if kind == OUTPUT:
        style = "red" if data.get("stream") == "stderr" else "cyan"
        for row in clean(entry.get("text")).splitlines():
            out.print(lead + Text("  | ", style="dim") + Text(row, style=style), soft_wrap=True)
    else:
        out.print(lead + Text("  ") + Text(line(entry.get("text")), style=entry_style(kind, data)), soft_wrap=True)


#: The kind of entry that carries what a command wrote.
OUTPUT = "attempt.output"


def entry_style(kind: str, data: Mapping[str, Any]) -> str:
    """Return the colour of a timeline entry: green is good, red needs a person, yellow is neither."""
    if kind == "attempt.ended":
        return "green" if data.get("result") == "succeeded" else "red"
    if kind == "alarm.reported":
        return "green" if data.get("state") == "OK" else "red"
    return _ENTRY_STYLES.get(kind, "default")


_ENTRY_STYLES: Mapping[str, str] = {
    "incident.opened": "red",
    "incident.held": "magenta",
    "incident.escalated": "bold red",
    "incident.resolved": "bold green",
    "approval.requested": "magenta",
    "approval.given": "green",
    "approval.denied": "red",
    "verify.failed": "red",
    "verify.unknown": "red",
    "message.failed": "red",
    "message.delayed": "yellow",
    "plan.retry": "yellow",
}
