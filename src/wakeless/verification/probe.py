"""Ask the right source about an alarm, and never let its trouble become ours."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from wakeless.alarms.alarm import Alarm
from wakeless.core.clock import Clock
from wakeless.verification.ports import Prober, Reading, SourceUnavailable
from wakeless.verification.settle import NoAnswer, Observation


class SourceNotAskable(SourceUnavailable):
    """Nobody here can ask this source; it tells of every change by its own messages.

    `settle` takes its silence as "nothing changed": no message that the alarm is OK means that it still fails.
    """

    code = "source_not_askable"
    retryable = False


class Probers:
    """Every prober by the `Alarm.source` it asks; a `Prober` itself."""

    def __init__(self, by_source: Mapping[str, Prober]) -> None:
        self._by_source = dict(by_source)

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that can be asked."""
        return tuple(sorted(self._by_source))

    async def probe(self, alarm: Alarm, now: datetime) -> Reading:
        """Ask the alarm's own source; raises `SourceUnavailable`, `SourceNotAskable` when there is no prober for it."""
        prober = self._by_source.get(alarm.source)
        if prober is None:
            raise SourceNotAskable(f"{alarm.source} cannot be asked, only its own messages tell of recovery")
        return await prober.probe(alarm, now)


async def ask(prober: Prober, alarm: Alarm, clock: Clock, limit: float = 30.0) -> Observation:
    """Return what the alarm's source answers within ``limit`` seconds, or that there was no answer; for `settle`.

    An answer counts from when the question was put: a message that overtook it is newer. Silence counts from its end,
    so that a source which lets us wait is not asked again at once.
    """
    try:
        async with asyncio.timeout(limit):
            return await prober.probe(alarm, clock.now())
    except SourceNotAskable as error:
        return NoAnswer(at=clock.now(), detail=str(error), askable=False)
    except SourceUnavailable as error:
        return NoAnswer(at=clock.now(), detail=str(error))
    except TimeoutError:
        return NoAnswer(at=clock.now(), detail=f"{alarm.source} did not answer within {limit:g} s")
