"""What `wakeless serve` does."""

from __future__ import annotations

import os
from pathlib import Path

from wakeless.app.settings import Settings, load_settings
from wakeless.app.settings.values import Address
from wakeless.doors import server
from wakeless.doors.cli.exits import Exit


def serve(config: Path | None, *, host: str | None, port: int | None, data_dir: Path | None) -> Exit:
    """Run the server until it is told to stop."""
    server.serve(override(load_settings(config, os.environ), host=host, port=port, data_dir=data_dir))
    return Exit.OK


def override(settings: Settings, *, host: str | None, port: int | None, data_dir: Path | None) -> Settings:
    """Return the settings with what the command line says instead."""
    changes: dict[str, object] = {}
    if host is not None or port is not None:
        listen = settings.listen
        changes["listen"] = Address(listen.host if host is None else host, listen.port if port is None else port)
    if data_dir is not None:
        changes["data_dir"] = data_dir.absolute()
    return settings.model_copy(update=changes)
