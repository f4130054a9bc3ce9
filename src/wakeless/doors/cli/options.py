"""Options that several commands share; imports nothing but typer, so that `wakeless --help` is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_SERVER = "http://127.0.0.1:4747"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
ServerUrl = Annotated[
    str, typer.Option("--server", envvar="WAKELESS_SERVER", metavar="URL", help="The server to talk to.")
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="WAKELESS_TOKEN_FILE",
        metavar="FILE",
        help="File with the API token; WAKELESS_TOKEN holds the token itself.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="WAKELESS_CONFIG",
        metavar="FILE",
        help="Settings; ./wakeless.yaml when it is there.",
    ),
]
IncidentId = Annotated[str, typer.Argument(metavar="INCIDENT", help="An incident's id, or enough of its end.")]
