"""`wakeless automation`: the switch that stops everything."""

from __future__ import annotations

from typing import Annotated

import typer

from wakeless.doors.cli.options import DEFAULT_SERVER, AsJson, ServerUrl, TokenFile

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Stop all automation, or let it go on.")

Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; shown to whoever asks.")]


@app.command()
def stop(
    reason: Reason = "",
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """Begin nothing from now on. Alarms still come in; their incidents are held and people are told."""
    from wakeless.doors.cli import remote_automation, session

    with session.connect(server, token_file) as connection:
        remote_automation.switch(connection, enabled=False, reason=reason, as_json=as_json)


@app.command()
def start(
    reason: Reason = "",
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """Let automation go on."""
    from wakeless.doors.cli import remote_automation, session

    with session.connect(server, token_file) as connection:
        remote_automation.switch(connection, enabled=True, reason=reason, as_json=as_json)


@app.command()
def status(
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """Say whether automation is on, and who switched it, when and why."""
    from wakeless.doors.cli import remote_automation, session

    with session.connect(server, token_file) as connection:
        remote_automation.show(connection, as_json=as_json)
