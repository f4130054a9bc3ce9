"""The newest buckets of the series that alarms look at, in memory.

An alarm is evaluated every minute or every ten seconds and looks at a few buckets each time. They are read from the
store once and then follow what is put. Whether a put is already contained in what was read is told by the number of
its commit, so the order in which the two arrive does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from wakeless.metrics.bucket import Bucket, merge, merge_plain
from wakeless.metrics.series import MetricId
from wakeless.metrics.statistics import Statistic

#: Windows longer than this are read from the store each time.
MAX_DEPTH = 3600
#: Seconds kept beyond what was asked for, so that old buckets go a few at a time.
SLACK = 120
#: A series that nobody looked at for so long is forgotten.
IDLE = 2 * 3600

Units = dict[str, dict[int, Bucket]]


class Stored(NamedTuple):
    """One bucket that was put: which series, which unit, where it begins."""

    metric: MetricId
    unit: str
    #: Seconds that it covers.
    level: int
    start: int
    bucket: Bucket


class Watched:
    """The newest buckets of one series."""

    __slots__ = ("commit", "depth", "end", "since", "units")

    def __init__(self) -> None:
        #: Everything that begins at or after this moment is here; infinity while nothing was read.
        self.since: float = math.inf
        #: Number of the last commit that the first read contained.
        self.commit = 0
        #: The longest window that was asked for, in seconds.
        self.depth = 0
        #: The latest end of a window that was asked for.
        self.end = 0
        self.units: Units = {}

    def window(self, statistic: Statistic, unit: str | None, start: int, period: int, slots: int) -> Window | None:
        """Return the statistic and SampleCount of each slot; None when there is no sample in any of them."""
        end = start + slots * period
        if end > self.end:
            self._advance(end)
        parts = self.units.values() if unit is None else (self.units.get(unit, {}),)
        # Nearly always a slot has one bucket: done without another look, as this is most of an evaluation's time.
        of = statistic.of
        values: list[float | None] = [None] * slots
        counts: list[float | None] = [None] * slots
        some = False
        for part in parts:
            for at, bucket in part.items():
                if start <= at < end:
                    slot = (at - start) // period
                    if counts[slot] is not None:
                        return _tabulate_parts(parts, statistic, start, period, slots)
                    counts[slot] = bucket.samples
                    values[slot] = of(bucket)
                    some = True
        return Window(values, counts) if some else None

    def add(self, stored: Stored) -> None:
        """Take in what a later commit put."""
        if stored.start < self.since:
            return
        buckets = self.units.setdefault(stored.unit, {})
        known = buckets.get(stored.start)
        buckets[stored.start] = stored.bucket if known is None else merge((known, stored.bucket))

    def _advance(self, end: int) -> None:
        self.end = end
        since = end - self.depth - SLACK
        if since - SLACK <= self.since:
            return
        self.since = since
        for unit, buckets in list(self.units.items()):
            kept = {at: bucket for at, bucket in buckets.items() if at >= since}
            if kept:
                self.units[unit] = kept
            else:
                del self.units[unit]


class Window(NamedTuple):
    """A statistic over consecutive slots, oldest first; None where there is no datapoint."""

    values: list[float | None]
    #: SampleCount of each slot.
    counts: list[float | None]


def tabulate(found: Mapping[int, Sequence[Bucket]], statistic: Statistic, slots: int) -> Window | None:
    """Compute a statistic over the buckets of each slot that has some; None when none has."""
    if not found:
        return None
    of = statistic.of
    join = merge if statistic.extended else merge_plain
    values: list[float | None] = [None] * slots
    counts: list[float | None] = [None] * slots
    for slot, buckets in found.items():
        bucket = buckets[0] if len(buckets) == 1 else join(buckets)
        values[slot] = of(bucket)
        counts[slot] = bucket.samples
    return Window(values, counts)


def _tabulate_parts(
    parts: Iterable[Mapping[int, Bucket]], statistic: Statistic, start: int, period: int, slots: int
) -> Window | None:
    """Compute a statistic over the buckets that begin in each slot."""
    end = start + slots * period
    found: dict[int, list[Bucket]] = {}
    for part in parts:
        for at, bucket in part.items():
            if start <= at < end:
                found.setdefault((at - start) // period, []).append(bucket)
    return tabulate(found, statistic, slots)


class RecentBuckets:
    """All watched series. Not safe for threads: its owner holds a lock."""

    def __init__(self) -> None:
        self._series: dict[MetricId, Watched] = {}

    def __len__(self) -> int:
        return len(self._series)

    def get(self, metric: MetricId) -> Watched:
        """Return the series, empty and without a past when it is new."""
        watched = self._series.get(metric)
        if watched is None:
            watched = self._series[metric] = Watched()
        return watched

    def fill(self, metric: MetricId, since: int, commit: int, units: Units) -> Watched:
        """Replace what is known of a series by what was read at ``commit``: all buckets from ``since`` on."""
        watched = self.get(metric)
        watched.since, watched.commit, watched.units = since, commit, units
        return watched

    def apply(self, commit: int, stored: Sequence[Stored]) -> None:
        """Take in one committed put, as far as its series are watched and do not contain it yet."""
        series = self._series
        for one in stored:
            watched = series.get(one.metric)
            if watched is not None and commit > watched.commit:
                watched.add(one)

    def sweep(self, now: float) -> int:
        """Forget the series that nobody looks at any more; return how many."""
        idle = [metric for metric, watched in self._series.items() if watched.end < now - IDLE]
        for metric in idle:
            watched = self._series.pop(metric)
            # Whoever still holds it sees that it knows nothing.
            watched.since = math.inf
            watched.units = {}
        return len(idle)
