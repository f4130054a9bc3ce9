"""Alarms over HTTP: read, hand over, and answer only when they are on disk."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict

from wakeless.alarms.inbound import Hints, Reading, read_text
from wakeless.core.clock import Clock
from wakeless.core.errors import InvalidInput, Refused, Unavailable
from wakeless.core.problems import Problem
from wakeless.doors.http_api.asgi import Call, Reply, json_reply
from wakeless.doors.http_api.facade import Facade, Received

logger = logging.getLogger(__name__)


class NotTakenIn(Unavailable):
    """The alarm is understood and is not on disk."""

    code = "not_taken_in"


class Intake:
    """Takes payloads in. Raises `InvalidInput`, and whatever the store raises when it cannot commit."""

    def __init__(self, service: Facade, clock: Clock) -> None:
        self._service = service
        self._clock = clock

    async def any_shape(self, call: Call) -> Reply:
        """Take whatever is recognised: ``POST /v1/alarms``."""
        return await self.take(call.body, Hints(source="POST /v1/alarms", at=self._clock.now()))

    async def eventbridge(self, call: Call) -> Reply:
        """Take an event of an EventBridge API destination: ``POST /v1/eventbridge``."""
        return await self.take(call.body, Hints(source="POST /v1/eventbridge", at=self._clock.now()), "cloudwatch")

    async def alertmanager(self, call: Call) -> Reply:
        """Take a webhook: ``POST /v1/alertmanager``."""
        return await self.take(call.body, Hints(source="POST /v1/alertmanager", at=self._clock.now()), "alertmanager")

    async def take(self, text: bytes | str, hints: Hints, only: str | None = None) -> Reply:
        """Take a payload in and answer; ``only`` names the source whose alarms the sender may report.

        What can be read is taken even when other parts cannot: one bad alert of a group does not cost the rest.
        """
        try:
            reading = read_text(text, hints)
        except InvalidInput:
            self._service.metrics.alarm_refused("not_json")
            raise
        if reading.problems or reading.ignored:
            self._tell(reading, hints)
        foreign = {alarm.source for alarm in reading.alarms} - {only} if only else set()
        if foreign:
            raise _not_here(hints, foreign)
        received = await self._receive(reading) if reading.alarms else ()
        document: dict[str, object] = {
            "received": [
                {
                    "alarm": alarm.name,
                    "state": alarm.state,
                    "fingerprint": alarm.fingerprint,
                    "incident_id": result.incident_id,
                    "duplicate": result.duplicate,
                }
                for alarm, result in zip(reading.alarms, received, strict=True)
            ]
        }
        if reading.ignored:
            document["ignored"] = [asdict(part) for part in reading.ignored]
        if reading.problems:
            document["problems"] = [asdict(problem) for problem in reading.problems]
        return json_reply(document)

    async def _receive(self, reading: Reading) -> Sequence[Received]:
        try:
            return await self._service.receive(reading.alarms)
        except Refused as error:
            # Whatever the journal has against it: a sender takes 4xx for "delivered" and never sends it again.
            raise NotTakenIn(f"the alarm could not be stored: {error}") from error

    def _tell(self, reading: Reading, hints: Hints) -> None:
        for part in reading.ignored:
            self._service.metrics.alarm_ignored(part.code)
            logger.info(
                "Part of a payload left alone",
                extra={"action": "alarm_ignored", "source": hints.source, "code": part.code, "reason": part.reason},
            )
        if not reading.problems:
            return
        self._service.metrics.alarm_refused("invalid")
        logger.warning(
            "Payload cannot be read",
            extra={
                "action": "alarm_refused",
                "source": hints.source,
                "problems": [str(problem) for problem in reading.problems[:10]],
            },
        )
        if not reading.alarms:
            raise InvalidInput(f"{hints.source}: this cannot be read as an alarm", reading.problems)


def _not_here(hints: Hints, sources: set[str]) -> InvalidInput:
    problem = Problem(hints.source, 0, 0, "", f"alarms of {', '.join(sorted(sources))} are not taken at this address")
    return InvalidInput(f"{hints.source}: these alarms belong to another address", [problem])
