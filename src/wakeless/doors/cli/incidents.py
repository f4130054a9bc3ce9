"""`wakeless incidents`: look at incidents, and decide about them."""

from __future__ import annotations

from typing import Annotated

import typer

from wakeless.doors.cli.options import DEFAULT_SERVER, AsJson, IncidentId, ServerUrl, TokenFile

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at incidents, and decide about them.")

Status = Annotated[
    str | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        help="open, held, awaiting_approval, remediating, verifying, resolved or escalated.",
    ),
]


@app.command("list")
def list_(
    status: Status = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, the newest first.")] = 50,
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """List incidents, the newest first."""
    from wakeless.doors.cli import remote_incidents, session

    with session.connect(server, token_file) as connection:
        remote_incidents.show_list(connection, status=status, limit=limit, as_json=as_json)


@app.command()
def show(
    incident: IncidentId,
    output: Annotated[bool, typer.Option("--output", help="With the whole output of every attempt.")] = False,
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """Show one incident: its alarm, what was tried, what came out, and when."""
    from wakeless.doors.cli import remote_incidents, session

    with session.connect(server, token_file) as connection:
        remote_incidents.show_one(connection, incident, whole_output=output, as_json=as_json)


@app.command()
def watch(
    incident: Annotated[str | None, typer.Argument(metavar="[INCIDENT]", help="Only this one, until it ends.")] = None,
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """Show what happens as it happens; Ctrl-C ends the watching and nothing else.

    With an incident, end when it is resolved (exit status 0) or escalated (1).
    """
    from wakeless.doors.cli import remote_incidents, session

    with session.connect(server, token_file) as connection:
        raise typer.Exit(remote_incidents.watch(connection, incident, as_json=as_json))


@app.command()
def approve(
    incident: IncidentId,
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why; kept in the timeline.")] = "",
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """Approve the remediation that waits for it."""
    _decide("approve", incident, {"comment": comment}, as_json, server, token_file)


@app.command()
def deny(
    incident: IncidentId,
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why; kept in the timeline.")] = "",
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """Deny the remediation that waits for approval; a person takes over."""
    _decide("deny", incident, {"comment": comment}, as_json, server, token_file)


@app.command()
def retry(
    incident: IncidentId,
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """Try again what was escalated."""
    _decide("retry", incident, {}, as_json, server, token_file)


@app.command()
def close(
    incident: IncidentId,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; kept in the timeline.")],
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """Close an incident by hand."""
    _decide("close", incident, {"reason": reason}, as_json, server, token_file)


@app.command()
def cancel(
    incident: IncidentId,
    as_json: AsJson = False,
    server: ServerUrl = DEFAULT_SERVER,
    token_file: TokenFile = None,
) -> None:
    """Stop the attempt that is running: its whole process group is killed on the target."""
    _decide("cancel", incident, {}, as_json, server, token_file)


def _decide(verb: str, incident: str, body: dict[str, str], as_json: bool, server: str, token_file: TokenFile) -> None:
    from wakeless.doors.cli import remote_incidents, session

    with session.connect(server, token_file) as connection:
        remote_incidents.decide(connection, verb, incident, body, as_json=as_json)
