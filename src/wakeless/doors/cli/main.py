"""The `wakeless` command: names, options and help texts; what a command does is imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from wakeless import __version__
from wakeless.core.errors import WakelessError
from wakeless.doors.cli import alarms, automation, incidents
from wakeless.doors.cli.exits import Exit, describe, exit_code_of
from wakeless.doors.cli.options import AsJson, ConfigFile

app = typer.Typer(
    name="wakeless",
    no_args_is_help=True,
    rich_markup_mode=None,  # importing rich for the help text would double the time it takes
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Fixes the incidents that would have woken you: alarm in, remediation run, the same alarm checked.",
    epilog="Exit statuses and environment variables: docs/reference/cli.md",
)
demo = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="See it work, on this machine, in a minute.")
app.add_typer(incidents.app, name="incidents")
app.add_typer(alarms.app, name="alarms")
app.add_typer(alarms.app, name="alarm", hidden=True)
app.add_typer(automation.app, name="automation")
app.add_typer(demo, name="demo")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"wakeless {__version__}")
        raise typer.Exit


@app.callback()
def wakeless(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Fixes the incidents that would have woken you: alarm in, remediation run, the same alarm checked."""


@app.command(short_help="Run the server.")
def serve(
    config: ConfigFile = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on, instead of the settings'.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port, instead of the settings'.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="FOLDER", help="Where the journal is, instead of the settings'."),
    ] = None,
) -> None:
    """Run the server: takes alarms in, and does what is to be done about them."""
    from wakeless.doors.cli import local_serve

    raise typer.Exit(local_serve.serve(config, host=host, port=port, data_dir=data_dir))


@app.command(short_help="Say what would happen to an alarm, and do nothing.")
def plan(
    alarm: Annotated[
        str, typer.Argument(metavar="ALARM.json", help="Any payload that a source would send; - for stdin.")
    ],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what would happen to an alarm, and why; do nothing. Needs no server."""
    from wakeless.doors.cli import local_plan

    raise typer.Exit(local_plan.plan(config, alarm, as_json=as_json))


@app.command(short_help="Check the settings and every remediation.")
def check(
    config: ConfigFile = None,
    reach: Annotated[bool, typer.Option("--reach", help="Also connect to every target.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the settings and every remediation, and list each problem with its place. Needs no server."""
    from wakeless.doors.cli import local_check

    raise typer.Exit(local_check.check(config, reach=reach, as_json=as_json))


@app.command(short_help="Run a script on a target now.")
def run(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A file ending in .sh, .py or .ps1.")],
    target: Annotated[str, typer.Option("--target", "-t", help="A target of the settings' inventory.")],
    parameter: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="Becomes WAKELESS_PARAM_NAME; may be repeated."),
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds it may run.")] = 300.0,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Run a script on a target now, as a remediation would be, and show its output; Ctrl-C cancels it.

    The exit status is the script's own. Needs no server.
    """
    from wakeless.doors.cli import local_run

    raise typer.Exit(
        local_run.run(config, script, target=target, parameters=parameter or [], timeout=timeout, as_json=as_json)
    )


@demo.command()
def webapp(
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines, even on a terminal.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the folder with its files and logs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop a real web application and see it come back: no account, no root, under a minute."""
    from wakeless.doors.cli.demo import story

    raise typer.Exit(story.tell(plain=plain, keep=keep, as_json=as_json))


def main() -> None:
    """Run the command line and end the process with its exit status."""
    try:
        app()
    except WakelessError as error:
        print(describe(error, as_json="--json" in sys.argv), file=sys.stderr)
        sys.exit(exit_code_of(error))
    except OSError as error:  # a disk that is full, a folder that may not be written: no fault of the program
        print(f"wakeless: {error}", file=sys.stderr)
        sys.exit(Exit.FAILED)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
