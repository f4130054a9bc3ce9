"""Alarms first: while a flood of them waits to be acknowledged, everything that can wait goes on at a trickle."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

#: Alarms that wait for their commit at the same moment from which on it counts as a flood.
FLOOD = 8
#: Seconds after its last sign that a flood counts as over: every commit lets all who waited go at once.
OVER = 0.05
#: Seconds between two pieces of other work during a flood: it goes on, slowly, however long the flood is.
PACE = 0.02


class Pressure:
    """Counts the alarms that wait to be acknowledged, used as ``with pressure:`` around each; paces all other work."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._waiting = 0
        self._flood_at = float("-inf")
        #: Pieces of other work in the order in which they came.
        self._put_off: deque[asyncio.Future[None]] = deque()
        self._is_ticking = False

    def __enter__(self) -> None:
        self._waiting += 1
        if self._waiting >= FLOOD:
            self._flood_at = self._monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A commit may take longer than `OVER`, and meanwhile nobody new comes in.
        if self._waiting >= FLOOD:
            self._flood_at = self._monotonic()
        self._waiting -= 1

    @property
    def is_flood(self) -> bool:
        """Whether alarms come in faster than they are acknowledged."""
        return self._waiting >= FLOOD or self._monotonic() - self._flood_at <= OVER

    async def calm(self) -> None:
        """Return at once where there is no flood, and otherwise when it is this piece of work's turn."""
        if not self.is_flood:
            return
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._put_off.append(turn)
        if not self._is_ticking:
            self._is_ticking = True
            loop.call_later(PACE, self._tick, loop)
        await turn

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        left = 1 if self.is_flood else len(self._put_off)
        while left and self._put_off:
            turn = self._put_off.popleft()
            if not turn.done():
                turn.set_result(None)
                left -= 1
        self._is_ticking = bool(self._put_off)
        if self._is_ticking:
            loop.call_later(PACE, self._tick, loop)
