"""What `wakeless check` does: lists everything wrong, and starts nothing."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from rich.text import Text

from wakeless.app.check import check as find_problems
from wakeless.app.settings import DEFAULT_FILE, Settings, load_settings
from wakeless.core.errors import WakelessError
from wakeless.core.problems import Problem
from wakeless.doors.cli.exits import Exit, problem_as_json
from wakeless.doors.cli.show import clean, console, print_json
from wakeless.targets.build import build_target
from wakeless.targets.settings import TargetSettings


def check(config: Path | None, *, reach: bool, as_json: bool) -> Exit:
    """Print every problem; return the exit status."""
    problems = find_problems(config, os.environ)
    if reach and not problems:
        problems = asyncio.run(_reach(load_settings(config, os.environ)))
    if as_json:
        print_json({"ok": not problems, "problems": [problem_as_json(problem) for problem in problems]})
    else:
        out = console()
        for problem in problems:
            out.print(Text(clean(problem)), soft_wrap=True)
        out.print(_sum_up(config, len(problems)))
    return Exit.FAILED if problems else Exit.OK


def _sum_up(config: Path | None, problems: int) -> Text:
    if problems:
        return Text("1 problem" if problems == 1 else f"{problems} problems", style="bold red")
    name = str(config) if config else DEFAULT_FILE if Path(DEFAULT_FILE).exists() else "the defaults (no settings file)"
    return Text(f"nothing is wrong with {name} and its remediations", style="green")


async def _reach(settings: Settings) -> list[Problem]:
    found = await asyncio.gather(*(_try(connection) for connection in settings.connections()))
    return [problem for problem in found if problem is not None]


async def _try(connection: TargetSettings) -> Problem | None:
    """Connect and do nothing; return what is wrong."""
    try:
        target = build_target(connection)
        try:
            await target.check()
        finally:
            await target.close()
    except (WakelessError, ValueError) as error:
        return Problem(f"target {connection.name}", 0, 0, "", str(error))
    return None
