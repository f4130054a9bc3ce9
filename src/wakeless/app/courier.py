"""Delivers what the outbox holds: at least once, in order for each incident and channel, with patience.

A channel that is slow or down holds up its own messages and no others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime

from wakeless.app.feed import Feed
from wakeless.app.pressure import Pressure
from wakeless.app.telemetry import Telemetry
from wakeless.core.clock import Clock
from wakeless.core.errors import Unavailable, WakelessError
from wakeless.core.timeline import TimelineEntry
from wakeless.escalation.policy import GiveUp, next_delivery
from wakeless.escalation.ports import Channel, ChannelRefused, ChannelUnavailable, Message, MessageKind, Receipt
from wakeless.store import journal
from wakeless.store.journal import Delivery
from wakeless.store.sqlite import Database

logger = logging.getLogger(__name__)

#: Deliveries under way at the same moment through one channel.
CONCURRENT = 8
#: Seconds within which a channel must answer, whatever its own limits are.
LIMIT = 60.0
#: Seconds before a delivery is repeated whose outcome could not be written.
SETBACK = 2.0

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
        #: Ids of the messages under way, by channel.
        self._under_way: dict[str, set[str]] = {}
        feed.listen(self._hear)

    def _hear(self, entry: Mapping[str, object]) -> None:
        self._kicked.set()

    async def run(self) -> None:
        """Deliver, for ever."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._kicked.clear()
                await self._pressure.calm()
                try:
                    wait = self._begin_due(tasks)
                except Unavailable as error:
                    logger.warning("The outbox cannot be read: %s", error, extra={"action": "outbox_setback"})
                    wait = SETBACK
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._kicked.wait()

    def _begin_due(self, tasks: asyncio.TaskGroup) -> float:
        """Begin what is to be delivered now; return the seconds until more becomes due."""
        now = self._clock.now()
        for channel in self._db.read(journal.waiting_channels):
            under_way = self._under_way.setdefault(channel, set())
            # What is under way still waits in the journal: twice as many hold enough that is not.
            for delivery in self._due(channel, now, 2 * CONCURRENT):
                if delivery.id not in under_way and len(under_way) < CONCURRENT:
                    under_way.add(delivery.id)
                    tasks.create_task(self._deliver(delivery))
        at = self._db.read(lambda db: journal.next_message(db, now))
        return 60.0 if at is None else min(max((at - now).total_seconds(), 0.005), 60.0)

    def _due(self, channel: str, now: datetime, limit: int) -> list[Delivery]:
        return self._db.read(lambda db: journal.due_messages(db, channel, now, limit))

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            await self._try(delivery)
        except Unavailable as error:
            extra = {"action": "delivery_unwritten", "message_id": delivery.id, "error": str(error)}
            logger.warning("The outcome of a delivery could not be written; it will be repeated", extra=extra)
            await asyncio.sleep(SETBACK)
        except Exception:
            # The edge of this delivery: it stays in the outbox, and must not end the others.
            logger.exception("Delivery failed", extra={"action": "delivery_broken", "message_id": delivery.id})
            await asyncio.sleep(LIMIT)
        finally:
            self._under_way[delivery.channel].discard(delivery.id)
            self._kicked.set()

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
        incident_id = delivery.incident_id
        reference = self._db.read(lambda db: journal.first_reference(db, incident_id, delivery.channel))
        is_told = self._db.read(lambda db: journal.is_told(db, incident_id, delivery.channel))
        if delivery.kind is MessageKind.RESOLVED and not is_told:
            raise ChannelRefused("it was never told of this incident, so it is not told of its end")
        try:
            async with asyncio.timeout(LIMIT):
                return await channel.send(self._compose(delivery, reference))
        except TimeoutError:
            raise ChannelUnavailable(f"no answer within {LIMIT:g} s") from None
        except (ChannelRefused, ChannelUnavailable):
            raise
        except Unavailable as error:
            raise ChannelUnavailable(str(error)) from error
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
