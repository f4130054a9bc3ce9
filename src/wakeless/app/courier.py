"""Delivers what the outbox holds: at least once, in order for each incident and channel, with patience."""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from collections.abc import Callable, Mapping

from wakeless.app.feed import Feed
from wakeless.app.pressure import Pressure
from wakeless.app.telemetry import Telemetry
from wakeless.core.clock import Clock
from wakeless.core.errors import Unavailable, WakelessError
from wakeless.core.timeline import TimelineEntry
from wakeless.escalation.policy import GiveUp, next_delivery
from wakeless.escalation.ports import Channel, ChannelRefused, ChannelUnavailable, Message, Receipt
from wakeless.store import journal
from wakeless.store.journal import Delivery
from wakeless.store.sqlite import Database

logger = logging.getLogger(__name__)

#: Deliveries tried at the same moment.
CONCURRENT = 16
#: Seconds within which a channel must answer, whatever its own limits are.
LIMIT = 60.0

#: Makes the message that is sent; the last argument is what the channel called the first one about this incident.
Composes = Callable[[Delivery, str | None], Message]


class Courier:
    """Takes messages from the outbox to the channels."""

    def __init__(
        self,
        *,
        db: Database,
        feed: Feed,
        clock: Clock,
        channels: Mapping[str, Channel],
        compose: Composes,
        telemetry: Telemetry,
        pressure: Pressure,
        randomness: Callable[[], float] = random.random,
    ) -> None:
        self._db = db
        self._feed = feed
        self._clock = clock
        self._channels = channels
        self._compose = compose
        self._telemetry = telemetry
        self._pressure = pressure
        self._randomness = randomness
        self._kicked = asyncio.Event()
        feed.listen(self._hear)

    def _hear(self, entry: Mapping[str, object]) -> None:
        self._kicked.set()

    async def run(self) -> None:
        """Deliver, for ever."""
        while True:
            self._kicked.clear()
            await self._pressure.calm()
            now = self._clock.now()
            delivered = await self._deliver_due()
            at = self._db.read(journal.next_message)
            wait = 60.0 if at is None else max((at - now).total_seconds(), 0.0 if delivered else 1.0)
            try:
                await asyncio.wait_for(self._kicked.wait(), min(wait, 60.0))
            except TimeoutError:
                continue

    async def _deliver_due(self) -> bool:
        now = self._clock.now()
        due = self._db.read(lambda db: journal.due_messages(db, now, CONCURRENT))
        # A resolution never overtakes the message that it answers.
        first = self._db.read(lambda db: [one for one in due if not journal.has_earlier_pending(db, one)])
        await asyncio.gather(*(self._deliver(delivery) for delivery in first))
        return bool(first)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            await self._try(delivery)
        except Unavailable as error:
            extra = {"action": "delivery_unwritten", "message_id": delivery.id, "error": str(error)}
            logger.warning("The outcome of a delivery could not be written; it will be repeated", extra=extra)

    async def _try(self, delivery: Delivery) -> None:
        try:
            receipt = await self._send(delivery)
        except (ChannelRefused, ChannelUnavailable) as error:
            await self._failed(delivery, error)
            return
        now = self._clock.now()
        entry = TimelineEntry(
            at=now,
            kind="message.delivered",
            text=f"Told {delivery.channel}: {delivery.kind}",
            data={"channel": delivery.channel, "message": delivery.kind, "reference": receipt.reference},
        )

        def unit(db: sqlite3.Connection) -> None:
            journal.message_sent(db, delivery.id, receipt.reference, now)
            journal.add_timeline(db, delivery.incident_id, [entry])

        await self._db.write(unit)
        self._telemetry.delivery(delivery.channel, "delivered")
        self._feed.kick()

    async def _send(self, delivery: Delivery) -> Receipt:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            raise ChannelRefused(f"the settings have no channel {delivery.channel}")
        reference = self._db.read(lambda db: journal.first_reference(db, delivery.incident_id, delivery.channel))
        try:
            async with asyncio.timeout(LIMIT):
                return await channel.send(self._compose(delivery, reference))
        except TimeoutError:
            raise ChannelUnavailable(f"no answer within {LIMIT:g} s") from None
        except (ChannelRefused, ChannelUnavailable):
            raise
        except WakelessError as error:
            raise ChannelRefused(str(error)) from error
        except Exception as error:
            # A channel's fault must not end the courier: it counts as not delivered.
            logger.exception("Channel failed", extra={"action": "channel_failed", "channel": delivery.channel})
            raise ChannelUnavailable(f"the channel failed: {error!r}") from error

    async def _failed(self, delivery: Delivery, error: ChannelRefused | ChannelUnavailable) -> None:
        now = self._clock.now()
        decision = next_delivery(
            delivery.tries + 1, error, since=delivery.created_at, now=now, randomness=self._randomness()
        )
        gave_up = isinstance(decision, GiveUp)
        entry = TimelineEntry(
            at=now,
            kind="message.failed" if gave_up else "message.delayed",
            text=f"Could not tell {delivery.channel}: {error}",
            data={"channel": delivery.channel, "message": delivery.kind, "tries": delivery.tries + 1},
        )

        def unit(db: sqlite3.Connection) -> None:
            if isinstance(decision, GiveUp):
                journal.message_failed(db, delivery.id, decision.reason)
            else:
                journal.message_later(db, delivery.id, decision.at, str(error))
            if gave_up or delivery.tries == 0:
                journal.add_timeline(db, delivery.incident_id, [entry])

        await self._db.write(unit)
        extra = {"action": "delivery_failed", "channel": delivery.channel, "incident_id": delivery.incident_id}
        logger.warning("Delivery failed: %s", error, extra=extra)
        self._telemetry.delivery(delivery.channel, "failed" if gave_up else "retried")
        self._feed.kick()
