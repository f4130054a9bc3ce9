"""From datapoints to a state: CloudWatch's rules about evaluation ranges, missing data and M of N.

Everything is counted in *slots*: consecutive periods, oldest first, of which the alarm looks at more than it
needs because the newest ones often have no data yet. See docs/decisions/0030-evaluation-range.md for what
CloudWatch documents of this, what was recorded and what we assume.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.definitions import Comparison, MissingData

#: Seconds that a single metric's newest slot must be over before it is looked at.
EVALUATION_DELAY = 10.0
#: P x N above this is evaluated once an hour.
DAY = 86_400
MINUTE = 60
HOUR = 3_600

_OK = AlarmState.OK
_ALARM = AlarmState.ALARM
_INSUFFICIENT = AlarmState.INSUFFICIENT_DATA

#: True means breaching; the datapoint is the left operand.
TESTS: dict[Comparison, Callable[[float, float], bool]] = {
    Comparison.GREATER_OR_EQUAL: operator.ge,
    Comparison.GREATER: operator.gt,
    Comparison.LESS: operator.lt,
    Comparison.LESS_OR_EQUAL: operator.le,
}


def evaluation_range(period: int, evaluation_periods: int) -> int:
    """Return how many slots are fetched: ``N + 60/P`` below a minute, else ``N + max(2, ceil(300/P))``.

    CloudWatch says only that it fetches more than N; the formula fits every range that was observed.
    """
    if period < MINUTE:
        return evaluation_periods + MINUTE // period
    return evaluation_periods + max(2, -(-300 // period))


def is_hourly(period: int, evaluation_periods: int) -> bool:
    """Say whether an alarm spans more than a day and is therefore evaluated once an hour."""
    return period * evaluation_periods > DAY


def window_end(now: float, period: int, *, hourly: bool = False, delay: float = EVALUATION_DELAY) -> int:
    """Return where the newest slot ends (exclusive), in seconds since the epoch.

    Slots align to minutes (to the period below a minute, to hours where the alarm is `is_hourly`), not to
    multiples of the period. ``delay`` is 0 for metric math.
    """
    grid = HOUR if hourly else min(period, MINUTE)
    return int((now - delay) // grid) * grid


def next_state(slots: Sequence[bool | None], n: int, m: int, missing: MissingData, previous: AlarmState) -> AlarmState:
    """Return the state that ``slots`` (True: breaching, None: no datapoint; oldest first) lead to.

    The newest ``n`` real points decide, ``m`` breaching ones make an ALARM. ``missing`` matters only when
    there are fewer than ``n`` real points; ``previous`` only where the state is kept.
    """
    real = [slot for slot in slots if slot is not None]
    count = len(real)
    if count >= n:
        return _ALARM if sum(real[count - n :]) >= m else _OK
    if not count:
        return _without_data(missing, previous)
    breaching = sum(real)
    if missing is MissingData.BREACHING:
        breaching += n - count
    if breaching >= m:
        return _ALARM
    if missing is MissingData.BREACHING or missing is MissingData.NOT_BREACHING or breaching < count:
        return _OK
    # Only breaching points, too few: an ALARM now might be premature, unless the oldest has aged out of doubt.
    oldest_age = len(slots) - next(i for i, slot in enumerate(slots) if slot is not None)
    if missing is MissingData.IGNORE:
        return previous
    return _ALARM if oldest_age >= m else _INSUFFICIENT


def _without_data(missing: MissingData, previous: AlarmState) -> AlarmState:
    match missing:
        case MissingData.MISSING:
            return _INSUFFICIENT
        case MissingData.IGNORE:
            return previous
        case MissingData.BREACHING:
            return _ALARM
        case MissingData.NOT_BREACHING:
            return _OK


def next_state_with_low_samples(
    slots: Sequence[bool | None],
    low: Sequence[bool],
    n: int,
    m: int,
    missing: MissingData,
    previous: AlarmState,
) -> AlarmState:
    """Return the state where some slots have too few samples for their percentile to mean anything.

    Such a slot counts neither way: if the state hangs on it, the state is kept.
    """
    if not any(low):
        return next_state(slots, n, m, missing, previous)
    at_worst = next_state(
        [True if few and slot is not None else slot for slot, few in zip(slots, low, strict=True)],
        n,
        m,
        missing,
        previous,
    )
    at_best = next_state(
        [False if few and slot is not None else slot for slot, few in zip(slots, low, strict=True)],
        n,
        m,
        missing,
        previous,
    )
    return at_worst if at_worst is at_best else previous


def judge(values: Sequence[float | None], comparison: Comparison, threshold: float) -> list[bool | None]:
    """Say of each datapoint whether it is breaching; None where there is none."""
    test = TESTS[comparison]
    return [None if value is None else test(value, threshold) for value in values]


def judge_band(
    values: Sequence[float | None],
    lower: Sequence[float | None],
    upper: Sequence[float | None],
    comparison: Comparison,
) -> list[bool | None]:
    """Say of each datapoint whether it leaves its band; None where the datapoint or the band is missing."""
    below = comparison in (Comparison.OUTSIDE_BAND, Comparison.BELOW_BAND)
    above = comparison in (Comparison.OUTSIDE_BAND, Comparison.ABOVE_BAND)
    return [
        None if value is None or low is None or high is None else (below and value < low) or (above and value > high)
        for value, low, high in zip(values, lower, upper, strict=True)
    ]


def to_datetime(seconds: float) -> datetime:
    """Return the moment ``seconds`` after the epoch, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
