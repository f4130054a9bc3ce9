"""The loop that evaluates alarms when they are due."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta

from wakeless.core.clock import Clock
from wakeless.monitoring.service import Monitoring

logger = logging.getLogger(__name__)

#: The clock may be set while the loop sleeps: it looks again after so many seconds.
LONGEST_SLEEP = 10.0
_PRUNE_EVERY = timedelta(hours=1)


class EvaluationLoop:
    """Runs `Monitoring.run_due` at each due moment until it is cancelled."""

    def __init__(
        self, monitoring: Monitoring, clock: Clock, evaluated: Callable[[int, float], None] = lambda alarms, lag: None
    ) -> None:
        """Evaluate the alarms of ``monitoring``; tell ``evaluated`` how many, and how late (seconds) the first was."""
        self._monitoring = monitoring
        self._clock = clock
        self._evaluated = evaluated

    async def run(self) -> None:
        """Go on for ever; what goes wrong in one round is logged, and the next one is tried."""
        prune_at = self._clock.now()
        while True:
            await self._sleep()
            now = self._clock.now()
            due = self._monitoring.next_due()
            try:
                alarms = await self._monitoring.run_due(now)
                self._evaluated(alarms, now.timestamp() - due if due is not None and alarms else 0.0)
                if now >= prune_at:
                    prune_at = now + _PRUNE_EVERY
                    await self._monitoring.prune_history(now)
            except Exception:
                # A full disk or an unreadable file now may be gone at the next beat.
                logger.exception("Alarms were not evaluated", extra={"action": "evaluation_failed"})
                await asyncio.sleep(1)

    async def _sleep(self) -> None:
        """Wait until something is due, or may be due sooner than it was."""
        sooner = self._monitoring.sooner
        sooner.clear()
        due = self._monitoring.next_due()
        seconds = LONGEST_SLEEP if due is None else min(due - self._clock.now().timestamp(), LONGEST_SLEEP)
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: before Python 3.12 it loses a cancellation that comes together with the event.
                async with asyncio.timeout(seconds):
                    await sooner.wait()
