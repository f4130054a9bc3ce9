"""What `wakeless plan` does: explains, and does nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from wakeless.alarms.alarm import Alarm
from wakeless.alarms.inbound import Hints, read_text
from wakeless.app.build import plan_finder
from wakeless.app.settings import Settings, load_settings
from wakeless.aws.clients import AwsClients
from wakeless.core.clock import SystemClock
from wakeless.core.errors import InvalidInput
from wakeless.doors.cli.exits import CommandFailed, Exit
from wakeless.doors.cli.files import read_input
from wakeless.doors.cli.show import clean, print_json
from wakeless.remediation.explain import Explanation
from wakeless.remediation.plan import Plan
from wakeless.store.remediations.choose import open_store


def plan(config: Path | None, file: str, *, as_json: bool) -> Exit:
    """Print what would happen to each alarm in ``file``; return the exit status."""
    settings = load_settings(config, os.environ)
    alarms = read_alarms(file)
    explanations = asyncio.run(_explain(settings, alarms))
    if as_json:
        print_json([explanation.to_json() for explanation in explanations])
    else:
        # Text from the alarm is quoted already; a script's output is not part of it.
        sys.stdout.write("\n".join(clean(explanation.to_text()) for explanation in explanations))
    planned = all(isinstance(explanation.outcome, Plan) for explanation in explanations)
    return Exit.OK if planned else Exit.NO_REMEDIATION


async def _explain(settings: Settings, alarms: Sequence[Alarm]) -> list[Explanation]:
    clients = AwsClients(settings.aws.record())
    try:
        finder = plan_finder(settings, open_store(settings.remediations.store, lambda: clients))
        return [await finder.explain(alarm) for alarm in alarms]
    finally:
        clients.close()


def read_alarms(file: str) -> list[Alarm]:
    """Return the alarms in a file that any source could have sent; raises `InvalidInput`, `CommandFailed`."""
    source = "stdin" if file == "-" else file
    reading = read_text(read_input(file), Hints(source=source, at=SystemClock().now()))
    if reading.problems:
        raise InvalidInput(f"{source} cannot be read as an alarm", reading.problems)
    if not reading.alarms:
        why = "; ".join(part.reason for part in reading.ignored) or "it is empty"
        raise CommandFailed(f"{source} holds no alarm: {why}", Exit.USAGE, code="no_alarm")
    return list(reading.alarms)
