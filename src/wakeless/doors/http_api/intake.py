"""Alarms over HTTP: read, hand over, and answer only when they are on disk."""

from __future__ import annotations

import logging
from dataclasses import asdict

from wakeless.alarms.inbound import Hints, Reading, read_text
from wakeless.core.clock import Clock
from wakeless.core.errors import InvalidInput, Refused, Unavailable
from wakeless.core.problems import Problem
from wakeless.doors.http_api.asgi import Call, Reply, json_reply
from wakeless.doors.http_api.facade import Facade

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
        document: dict[str, object] = {"received": await self._receive(reading, correlated=only is None)}
        if reading.ignored:
            document["ignored"] = [asdict(part) for part in reading.ignored]
        if reading.problems:
            document["problems"] = [asdict(problem) for problem in reading.problems]
        return json_reply(document)

    async def _receive(self, reading: Reading, *, correlated: bool) -> list[dict[str, object]]:
        """Return, for each alarm that is now on disk, what the sender wants to know of it.

        A person or a program that sends an alarm by hand is told its incident; for the sources, which do not read the
        answer, correlating comes after it.
        """
        alarms = reading.alarms
        answers = [{"alarm": alarm.name, "state": alarm.state, "fingerprint": alarm.fingerprint} for alarm in alarms]
        if not alarms:
            return []
        try:
            if not correlated:
                await self._service.accept(alarms)
                return [dict(answer) for answer in answers]
            received = await self._service.receive(alarms)
            return [
                {**answer, "incident_id": one.incident_id, "duplicate": one.duplicate}
                for answer, one in zip(answers, received, strict=True)
            ]
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
