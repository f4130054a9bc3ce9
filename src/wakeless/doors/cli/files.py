"""Files that the command line names."""

from __future__ import annotations

import sys
from pathlib import Path

from wakeless.doors.cli.exits import CommandFailed, Exit


def read_file(path: Path) -> bytes:
    """Return what is in a file; raises `CommandFailed` when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror or error}", Exit.USAGE) from error


def read_input(name: str) -> bytes:
    """Return what is in the file of that name, or on standard input for ``-``."""
    return sys.stdin.buffer.read() if name == "-" else read_file(Path(name))
