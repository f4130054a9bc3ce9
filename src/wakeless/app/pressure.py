"""Alarms first: while a flood of them waits to be acknowledged, everything that can wait a moment does."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType

#: Alarms that wait for their commit at the same moment from which on it counts as a flood.
FLOOD = 8
#: Seconds that one piece of other work is put off at most, so that it goes on, slowly, during the longest flood.
PATIENCE = 0.25
_LOOK = 0.01
#: Seconds after its last sign that a flood counts as over: every commit lets all who waited go at once.
_OVER = 0.05


class Pressure:
    """Counts the alarms that wait to be acknowledged; used as ``with pressure:`` around each."""

    def __init__(self) -> None:
        self._waiting = 0
        self._flood_at = float("-inf")

    def __enter__(self) -> None:
        self._waiting += 1
        if self._waiting >= FLOOD:
            self._flood_at = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting -= 1

    async def calm(self) -> None:
        """Return when there is no flood, and after `PATIENCE` seconds at the latest."""
        for _ in range(int(PATIENCE / _LOOK)):
            if time.monotonic() - self._flood_at > _OVER:
                return
            await asyncio.sleep(_LOOK)
