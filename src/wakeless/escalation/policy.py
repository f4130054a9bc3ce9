"""When a delivery that failed is tried again, and when it is given up. Pure.

Exponential with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/): the wait
before try n + 1 is anything between a second and ``FIRST_WAIT * 2**(n - 1)``, at most `LONGEST_WAIT`. Much closer
together than the schedule Standard Webhooks suggests (at once, 5 s, 5 min, 30 min, 2 h, …, 24 h): here somebody is to
be woken, and a message that comes hours late is worth little. After `GIVE_UP_AFTER` the delivery has failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from wakeless.core.errors import WakelessError
from wakeless.escalation.ports import ChannelUnavailable

#: The longest wait after the first try, in seconds; doubles with every try.
FIRST_WAIT = 5.0
#: No wait is shorter, and without the channel's own word none is longer.
SHORTEST_WAIT = 1.0
LONGEST_WAIT = 900.0
#: A channel's ``retry_after`` is followed up to here: an hour.
LONGEST_ASKED_WAIT = 3600.0
#: From the moment the message was made: a day.
GIVE_UP_AFTER = 86_400.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again then."""

    at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again; the message was not delivered."""

    reason: str


def next_delivery(
    attempt: int, error: WakelessError, *, since: datetime, now: datetime, randomness: float
) -> Retry | GiveUp:
    """Say what follows a failed try.

    ``attempt`` counts from 1 and is the one that failed with ``error``; ``since`` is when the message was made;
    ``randomness`` is in [0, 1).
    """
    if not error.retryable:
        return GiveUp(f"refused for good: {error}")
    most = min(FIRST_WAIT * 2.0 ** min(attempt - 1, 32), LONGEST_WAIT)
    wait = max(SHORTEST_WAIT, most * randomness)
    asked = error.retry_after if isinstance(error, ChannelUnavailable) else None
    if asked is not None:
        # Spread a little behind the moment it named, or all who were turned away come back together.
        wait = max(wait, min(max(asked, 0.0), LONGEST_ASKED_WAIT) * (1 + 0.1 * randomness))
    at = now + timedelta(seconds=wait)
    if at > since + timedelta(seconds=GIVE_UP_AFTER):
        tries = "1 try" if attempt == 1 else f"{attempt} tries"
        return GiveUp(f"not delivered within {GIVE_UP_AFTER / 3600:g} h, {tries}; at last: {error}")
    return Retry(at)
