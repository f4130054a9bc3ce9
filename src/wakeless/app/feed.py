"""What happens, as it is committed: one reader of the journal's timeline, many listeners."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from wakeless.core.errors import Unavailable
from wakeless.store import journal
from wakeless.store.sqlite import Database

logger = logging.getLogger(__name__)

#: Entries read at once.
PAGE = 500
#: Seconds after which the journal is looked at even if nobody said that something was committed.
LOOK = 1.0

Listener = Callable[[dict[str, Any]], None]


class Feed:
    """Hands every committed timeline entry, in order and once, to listeners and to streams."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._seq = db.read(journal.timeline_last)
        self._kicked = asyncio.Event()
        self._news = asyncio.Condition()
        self._ended = False
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every entry from now on; it must return at once."""
        self._listeners.append(listener)

    def kick(self) -> None:
        """Say that something was committed."""
        self._kicked.set()

    async def run(self) -> None:
        """Read on, for ever."""
        while True:
            # Before reading: what is committed while listeners are told must not wait for the next look.
            self._kicked.clear()
            try:
                entries = self._page(self._seq)
            except Unavailable as error:
                logger.warning("The timeline cannot be read: %s", error, extra={"action": "feed_setback"})
                entries = []
            for entry in entries:
                for listener in self._listeners:
                    listener(entry)
            if entries:
                self._seq = entries[-1]["seq"]
                async with self._news:
                    self._news.notify_all()
            if len(entries) < PAGE:
                # Not `wait_for`: before Python 3.12 it loses a cancellation that comes together with the event.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK):
                        await self._kicked.wait()

    async def end_streams(self) -> None:
        """End every stream: the server is about to stop, and they would hold it up."""
        async with self._news:
            self._ended = True
            self._news.notify_all()

    async def events(self, after: int) -> AsyncIterator[dict[str, Any]]:
        """Yield entries with a sequence number above ``after``, those to come included, until `end_streams`."""
        while not self._ended:
            entries = self._page(after)
            for entry in entries:
                yield entry
            after = entries[-1]["seq"] if entries else after
            if len(entries) < PAGE:
                async with self._news:
                    while self._seq <= after and not self._ended:
                        await self._news.wait()

    def _page(self, after: int) -> list[dict[str, Any]]:
        return self._db.read(lambda db: journal.timeline_after(db, after, PAGE))
