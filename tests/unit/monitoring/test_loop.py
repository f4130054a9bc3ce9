from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from wakeless.monitoring.loop import EvaluationLoop

#: conftest's Scene.
Scene = Any


async def _until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_loop_evaluates_what_is_due(scene: Scene) -> None:
    task = asyncio.create_task(EvaluationLoop(scene.monitoring, scene.clock).run())
    try:
        await scene.alarm(TreatMissingData="breaching")
        scene.clock.advance(75)
        # The clock is not the machine's: say that something may be due.
        scene.monitoring.sooner.set()
        await _until(lambda: scene.state() == "ALARM")
    finally:
        await _stop(task)


async def test_the_loop_goes_on_after_a_failure(scene: Scene, caplog: Any) -> None:
    scene.refuse = RuntimeError("no room")
    task = asyncio.create_task(EvaluationLoop(scene.monitoring, scene.clock).run())
    try:
        await scene.alarm(TreatMissingData="breaching")
        scene.clock.advance(75)
        scene.monitoring.sooner.set()
        await _until(lambda: "Alarms were not evaluated" in caplog.text)
        scene.refuse = None
        scene.clock.advance(60)
        scene.monitoring.sooner.set()
        await _until(lambda: scene.state() == "ALARM")
    finally:
        await _stop(task)
