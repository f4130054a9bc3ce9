"""A connection to the server that the command line names."""

from __future__ import annotations

from pathlib import Path

from wakeless.doors.cli.client import Server, read_token


def connect(url: str, token_file: Path | None) -> Server:
    """Return the server at ``url``; nothing is sent yet."""
    return Server(url, read_token(token_file))
