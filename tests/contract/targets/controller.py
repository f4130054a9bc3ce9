"""A controller in a process of its own, so that a test can kill it.  Called with its task as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.contract.targets.bench import from_json

from wakeless.execution.ports import Command, CommandStatus, Language
from wakeless.targets.build import build_target


async def main() -> None:
    task = json.loads(sys.argv[1])
    target = build_target(from_json(task["settings"]))
    command = Command(
        attempt_id=task["attempt_id"],
        name="test",
        language=Language.SHELL,
        script=task["script"].encode(),
        timeout=task["timeout"],
    )
    print("connecting", flush=True)
    await target.check()
    print("starting", flush=True)
    seen = await target.start(command)
    print(seen.status, flush=True)
    while seen.status is CommandStatus.RUNNING:
        seen = await target.observe(command.attempt_id, stdout_from=seen.stdout_size, wait=5.0)
        print(seen.status, flush=True)
    await target.close()


asyncio.run(main())
