"""What `wakeless automation` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from wakeless.doors.cli.client import Server
from wakeless.doors.cli.show import console, line, local, print_json


def switch(server: Server, *, enabled: bool, reason: str, as_json: bool) -> None:
    """Turn automation on or off."""
    _print(server.post("/v1/automation", {"enabled": enabled, "reason": reason}), as_json)


def show(server: Server, *, as_json: bool) -> None:
    """Say whether it is on."""
    _print(server.get("/v1/automation"), as_json)


def _print(automation: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(automation)
        return
    on = bool(automation.get("enabled"))
    text = Text("automation is on" if on else "automation is STOPPED", style="green" if on else "bold red")
    if who := automation.get("principal"):
        text.append(f", since {local(automation.get('at'))} by {line(who)}", style="default")
    if reason := automation.get("reason"):
        text.append(f": {line(reason)}", style="default")
    console().print(text)
