"""Start everything in order, run it, and stop it in the reverse order; alike in a test and in ``wakeless serve``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from wakeless.app.build import build
from wakeless.app.service import Service
from wakeless.app.settings import Settings
from wakeless.core.clock import Clock, SystemClock
from wakeless.core.ids import Ids, RandomIds

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """Wakeless at work."""

    service: Service
    #: Ends with the error when a part that must always run has failed; then the process should end too.
    failed: asyncio.Future[None]


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> AsyncIterator[Running]:
    """Run everything but the doors while the block lasts.

    Raises what opening the journal raises (`StoreLocked`, `StoreNewer`, `StoreUnavailable`) and `InvalidInput`.
    """
    async with AsyncExitStack() as stack:
        parts = build(settings, clock or SystemClock(), ids or RandomIds(), stack)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        loops = {
            "feed": parts.feed.run,
            "conductor": parts.conductor.run,
            "courier": parts.courier.run,
            "evaluator": parts.evaluator.run,
            "upkeep": parts.upkeep.run,
        }
        tasks = [asyncio.create_task(_run(name, run, failed), name=name) for name, run in loops.items()]
        stack.push_async_callback(_stop, tasks, failed)
        logger.info("Started", extra={"action": "started", "data_dir": str(settings.data_dir)})
        yield Running(parts.service, failed)
        logger.info("Stopping", extra={"action": "stopping"})


async def _run(name: str, run: Callable[[], Awaitable[None]], failed: asyncio.Future[None]) -> None:
    try:
        await run()
    except Exception as error:
        # A part that is gone would go unnoticed; a supervisor starts the whole anew, and nothing is lost.
        logger.exception("A part failed", extra={"action": "part_failed", "part": name})
        if not failed.done():
            failed.set_exception(error)


async def _stop(tasks: list[asyncio.Task[None]], failed: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if failed.done():
        failed.exception()  # looked at, so that nobody complains that it was not
    else:
        failed.cancel()
