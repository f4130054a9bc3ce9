"""`wakeless alarms` and `wakeless alarm`: the alarms that are known, and putting one in by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from wakeless.doors.cli.options import DEFAULT_SERVER, AsJson, ServerUrl, TokenFile

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at alarms, or send one by hand.")


@app.command("list")
def list_(
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """List the alarms that this server evaluates itself, with their states."""
    from wakeless.doors.cli import remote_alarms, session

    with session.connect(server, token_file) as connection:
        remote_alarms.show_list(connection, as_json=as_json)


@app.command()
def send(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="SNS message, EventBridge event, Alertmanager webhook; - for stdin.")
    ],
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """Send an alarm in by hand: any payload that a source would send.

    The answer comes after the alarm is stored for good.
    """
    from wakeless.doors.cli import remote_alarms, session

    with session.connect(server, token_file) as connection:
        remote_alarms.send(connection, file, as_json=as_json)
