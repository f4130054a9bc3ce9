"""Metric samples in a SQLite file of their own: buckets by series, unit and time; rolled up as they age.

A put is one commit in write-ahead mode with ``synchronous=NORMAL``: it survives the death of the process. A power cut
may take the last moments of samples, never the file's integrity (decision 0020).
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from wakeless.metrics.bucket import Bucket, merge, pack_spread, unpack_spread
from wakeless.metrics.periods import DAY, LEVELS, MINUTE, Level, ceil, epoch, floor
from wakeless.metrics.reading import Listing, ListingPage, Reader
from wakeless.metrics.recent import MAX_DEPTH, SLACK, RecentBuckets, Stored, Units, Watched, tabulate
from wakeless.metrics.series import MetricId, Sample
from wakeless.metrics.statistics import Statistic, parse_statistic
from wakeless.monitoring.ports import Selection, Slots
from wakeless.store.sql import load_queries, load_text
from wakeless.store.sqlite import Database

_SQL = load_queries("metrics.sql")
#: Rows of one statement, and that statement.
_ROWS = 50
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_MANY = _SQL["put_bucket"].replace(_ROW, ", ".join([_ROW] * _ROWS))
#: `metric_series.newest_at` and its kin are written when they are off by this many seconds.
_TOUCH = 300
#: Series whose numbers are kept in memory; when there are more, all are looked up anew.
_MAX_KNOWN = 200_000
#: Plans kept for selections that are no longer used.
_SPARE_PLANS = 10_000
#: Buckets that one `compact` moves at most: bounds the time that a put waits behind it.
COMPACT_STEP = 4000
#: The levels in which the data of the last hours is.
_FRESH_LEVELS = LEVELS[:2]


class _Known(NamedTuple):
    """What is known of a series without asking the file."""

    id: int
    newest: int
    oldest: int
    fine: int | None


class _Put(NamedTuple):
    """What the writer says about one put."""

    commit: int
    known: Mapping[MetricId, _Known]


class _Plan(NamedTuple):
    """A selection made ready; holds on to it, so that its identity stays its own."""

    selection: Selection
    statistic: Statistic
    watched: Watched


@dataclass(frozen=True, kw_only=True, slots=True)
class Compaction:
    """What one step of `MetricStore.compact` did."""

    #: Buckets rolled up into the next level.
    rolled_up: int
    #: Buckets deleted because the last level keeps them no longer.
    deleted: int
    #: Whether there is more to do at once.
    more: bool


class MetricStore:
    """Implements `monitoring.ports.MetricStore` and all that the metrics' API reads."""

    def __init__(self, database: Database) -> None:
        self._db = database
        # Guards everything in memory; the writer thread takes it for each put that was committed.
        self._lock = threading.Lock()
        self._recent = RecentBuckets()
        self._plans: dict[int, _Plan] = {}
        self._known: dict[MetricId, _Known] = {}
        self._prepared = False
        # Reads for the API may be long: they get a thread and a connection of their own.
        self._readers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metrics-reader")

    @classmethod
    def open(cls, path: Path) -> MetricStore:
        """Open or create the file; raises what `Database` raises."""
        return cls(Database(path, schema={"metrics": [load_text("metrics_schema.sql")]}, synchronous="NORMAL"))

    def close(self) -> None:
        """Commit what waits and close the file."""
        self._readers.shutdown()
        self._db.close()

    # Writing

    async def put(self, samples: Sequence[Sample], now: datetime) -> None:
        """Keep samples; return once they are committed. All of them are kept, or none.

        Raises `StoreUnavailable`.
        """
        stored = _gather(samples, epoch(now))
        if not stored:
            return
        future = self._db.submit(partial(self._write, stored))
        future.add_done_callback(partial(self._committed, stored))
        # Shielded: who no longer waits does not undo the commit, and must not keep memory from hearing of it.
        await asyncio.shield(asyncio.wrap_future(future))

    def _write(self, stored: Sequence[Stored], db: sqlite3.Connection) -> _Put:
        self._prepare(db)
        fresh: dict[MetricId, _Known] = {}
        rows: list[tuple[object, ...]] = []
        for one in stored:
            known = fresh.get(one.metric) or self._known.get(one.metric)
            if known is None:
                known = fresh[one.metric] = _find_series(db, one.metric) or _add(db, one)
            if touched := _touch(known, one):
                db.execute(
                    _SQL["touch_series"],
                    {"id": touched.id, "newest": touched.newest, "oldest": touched.oldest, "fine": touched.fine},
                )
                known = fresh[one.metric] = touched
            rows.append(_row(one.level, one.start, known.id, one.unit, one.bucket))
        _put_rows(db, rows)
        db.execute(_SQL["next_commit"])
        return _Put(_commit_number(db), fresh)

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Teach the writer's connection how distributions are merged."""
        if not self._prepared:
            db.create_function("merge_spread", 10, _merge_spread, deterministic=True)
            self._prepared = True

    def _committed(self, stored: Sequence[Stored], future: Future[_Put]) -> None:
        if future.cancelled() or future.exception() is not None:
            return
        commit, known = future.result()
        with self._lock:
            self._recent.apply(commit, stored)
            if len(self._known) > _MAX_KNOWN:
                self._known.clear()
            self._known.update(known)

    # Reading for the alarms

    def read_slots(
        self, selections: Sequence[Selection], *, start: int, period: int, slots: int
    ) -> Sequence[Slots | None]:
        """Read many statistics over the same windows at once; see `monitoring.ports.MetricStore`.

        Raises `StoreUnavailable`, and `InvalidParameterValue` for a statistic that does not exist.
        """
        end = start + period * slots
        depth = end - start
        with self._lock:
            plans = [self._plan(selection) for selection in selections]
            if depth > MAX_DEPTH:
                for plan in plans:
                    plan.watched.end = max(plan.watched.end, end)
                return self._read_deep(plans, start, period, slots)
            cold = {}
            for plan in plans:
                watched = plan.watched
                if depth > watched.depth:
                    watched.depth = depth
                if watched.since > start:
                    cold[_metric(plan.selection)] = watched
            if cold:
                self._warm(cold, start)
            answers: list[Slots | None] = []
            for plan in plans:
                window = plan.watched.window(plan.statistic, plan.selection.unit, start, period, slots)
                answers.append(None if window is None else Slots(window.values, window.counts))
            return answers

    def _plan(self, selection: Selection) -> _Plan:
        plan = self._plans.get(id(selection))
        if plan is None:
            if len(self._plans) > 2 * len(self._recent) + _SPARE_PLANS:
                self._plans.clear()
            watched = self._recent.get(_metric(selection))
            plan = self._plans[id(selection)] = _Plan(selection, parse_statistic(selection.stat), watched)
        return plan

    def _warm(self, cold: Mapping[MetricId, Watched], start: int) -> None:
        since = floor(start - SLACK, MINUTE)
        # The newest bucket may be dated two hours ahead: read to the end.
        commit, units = self._db.read(
            lambda db: (_commit_number(db), _read_series(db, cold, since, None, _FRESH_LEVELS))
        )
        for metric in cold:
            self._recent.fill(metric, since, commit, units.get(metric, {}))

    def _read_deep(self, plans: Sequence[_Plan], start: int, period: int, slots: int) -> Sequence[Slots | None]:
        metrics = {_metric(plan.selection) for plan in plans}
        read = self._db.read(lambda db: _read_series(db, metrics, start, start + period * slots, LEVELS))
        answers: list[Slots | None] = []
        for plan in plans:
            found: dict[int, list[Bucket]] = {}
            for unit, buckets in read.get(_metric(plan.selection), {}).items():
                if plan.selection.unit in (None, unit):
                    for at, bucket in buckets.items():
                        found.setdefault((at - start) // period, []).append(bucket)
            window = tabulate(found, plan.statistic, slots)
            answers.append(None if window is None else Slots(window.values, window.counts))
        return answers

    # Reading for the API

    def read_buckets(self, metric: MetricId, start: int, end: int) -> Units:
        """Return the stored buckets of one metric that begin in [start, end), by unit and start, of all levels.

        Blocks. Raises `StoreUnavailable`.
        """
        return self._db.read(lambda db: _read_series(db, [metric], start, end, LEVELS)).get(metric, {})

    def list_metrics(self, listing: Listing) -> ListingPage:
        """Return one page of the metrics that `listing` asks for, in the order in which they came.

        Blocks. Raises `StoreUnavailable`.
        """
        since = listing.since - _TOUCH
        patterns = json.dumps([_pattern(name, value) for name, value in listing.dimensions])
        question = {
            "after": listing.after,
            "since": since,
            "namespace": listing.namespace,
            "name": listing.name,
            "patterns": patterns,
            "limit": listing.limit + 1,
        }
        rows = self._db.read(lambda db: db.execute(_SQL["list_series"], question).fetchall())
        page = rows[: listing.limit]
        metrics = [MetricId(row[1], row[2], tuple((pair[0], pair[1]) for pair in json.loads(row[3]))) for row in page]
        return ListingPage(metrics, page[-1][0] if len(rows) > listing.limit else None)

    async def answer(self, question: Reader) -> dict[str, object]:
        """Let ``question`` read what it needs on a thread for reading, and return its answer."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, question, self)

    # Ageing

    async def compact(self, now: datetime, limit: int = COMPACT_STEP) -> Compaction:
        """Roll up, or delete, at most ``limit`` buckets that their level keeps no longer; a bounded step.

        Call it again at once while it says there is more, otherwise in a minute. Raises `StoreUnavailable`.
        """
        at = epoch(now)
        with self._lock:
            # A plan must not hold on to a series that is no longer followed; the others are made anew.
            if self._recent.sweep(at):
                self._plans.clear()
        return await self._db.write(partial(self._compact, at, limit))

    def _compact(self, now: float, limit: int, db: sqlite3.Connection) -> Compaction:
        rolled_up = deleted = 0
        for level, coarser in zip(LEVELS, [*LEVELS[1:], None], strict=True):
            left = limit - rolled_up - deleted
            if left <= 0:
                break
            # Only what fills coarser buckets whole, so that nothing is half in one level and half in the next.
            before = floor(now - level.kept, coarser.seconds if coarser else level.seconds)
            question = {"level": level.seconds, "before": before, "limit": left}
            rows = db.execute(_SQL["oldest_buckets"], question).fetchall()
            if not rows:
                continue
            if coarser:
                moved = [(coarser.seconds, floor(row[1], coarser.seconds), *row[2:]) for row in rows]
                self._prepare(db)
                _put_rows(db, moved)
                rolled_up += len(rows)
            else:
                deleted += len(rows)
            last = rows[-1]
            db.execute(
                _SQL["drop_buckets"],
                {"level": level.seconds, "start": last[1], "series_id": last[2], "unit": last[3]},
            )
        if deleted and rolled_up + deleted < limit:
            # A day later than their data, so that no bucket of theirs is left.
            db.execute(_SQL["drop_series"], {"before": now - LEVELS[-1].kept - DAY})
            # On the writer's thread, so that no put after this one uses a number that is gone.
            self._known.clear()
        return Compaction(rolled_up=rolled_up, deleted=deleted, more=rolled_up + deleted >= limit)


def _gather(samples: Sequence[Sample], now: float) -> list[Stored]:
    """Bring together what goes into one bucket; one second's data too old for its level goes into its minute."""
    finest = now - LEVELS[0].kept
    groups: dict[tuple[MetricId, str, int, int], list[Bucket]] = {}
    for metric, unit, at, resolution, bucket in samples:
        level = resolution
        if level < MINUTE and at < finest:
            level = MINUTE
            at = floor(at, level)
        key = (metric, unit, level, at)
        if key in groups:
            groups[key].append(bucket)
        else:
            groups[key] = [bucket]
    return [Stored(*key, merge(buckets)) for key, buckets in groups.items()]


def _find_series(db: sqlite3.Connection, metric: MetricId) -> _Known | None:
    row = db.execute(_SQL["find_series"], (metric.namespace, metric.name, _dimensions(metric))).fetchone()
    return _Known(*row) if row else None


def _add(db: sqlite3.Connection, one: Stored) -> _Known:
    metric = one.metric
    fine = one.start if one.level == 1 else None
    row = (metric.namespace, metric.name, _dimensions(metric), one.start, one.start, fine)
    number = db.execute(_SQL["add_series"], row).lastrowid
    assert number is not None
    return _Known(number, one.start, one.start, fine)


def _touch(known: _Known, one: Stored) -> _Known | None:
    """Return what must be written about a series because of one bucket; None when that is precise enough."""
    start = one.start
    newer = start > known.newest + _TOUCH
    older = start < known.oldest
    finer = one.level == 1 and (known.fine is None or start > known.fine + _TOUCH)
    if not (newer or older or finer):
        return None
    fine = max(start, known.fine or start) if one.level == 1 else known.fine
    return _Known(known.id, max(known.newest, start), min(known.oldest, start), fine)


def _row(level: int, start: int, series: int, unit: str, bucket: Bucket) -> tuple[object, ...]:
    samples, total, minimum, maximum, spread = bucket
    return (level, start, series, unit, samples, total, minimum, maximum, pack_spread(spread))


def _put_rows(db: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Join buckets with those that are there, many in one statement.

    The interpreter's lock is handed over at each statement; row by row, a busy event loop would hold up the writer.
    """
    whole = len(rows) - len(rows) % _ROWS
    for at in range(0, whole, _ROWS):
        db.execute(_PUT_MANY, [value for row in rows[at : at + _ROWS] for value in row])
    db.executemany(_SQL["put_bucket"], rows[whole:])


def _commit_number(db: sqlite3.Connection) -> int:
    return int(db.execute(_SQL["commit_number"]).fetchone()[0])


def _read_series(
    db: sqlite3.Connection, metrics: Collection[MetricId], start: int, end: int | None, levels: Sequence[Level]
) -> dict[MetricId, Units]:
    """Return the buckets of some series that begin in [start, end), by unit and start; None reads to the newest."""
    series = {known.id: (metric, known) for metric in metrics if (known := _find_series(db, metric))}
    answer: dict[MetricId, Units] = {}
    if not series:
        return answer
    oldest = max(start, min(known.oldest for _, known in series.values()))
    newest = max(known.newest for _, known in series.values()) + _TOUCH
    for level in levels:
        low, high = db.execute(_SQL["level_range"], {"level": level.seconds}).fetchone()
        if low is None:
            continue
        # A series' oldest sample lies within its bucket of a coarser level.
        first = max(ceil(start, level.seconds), floor(oldest, level.seconds), low)
        until = min(high, newest) + 1
        if end is not None:
            until = min(until, end)
        asked = [
            number
            for number, (_, known) in series.items()
            if level.seconds > 1 or (known.fine is not None and known.fine + _TOUCH >= first)
        ]
        if first >= until or not asked:
            continue
        question = {"level": level.seconds, "first": first, "end": until, "series": json.dumps(asked)}
        for number, unit, at, samples, total, low, high, spread in db.execute(_SQL["read_buckets"], question):
            bucket = Bucket(samples, total, low, high, unpack_spread(spread))
            buckets = answer.setdefault(series[number][0], {}).setdefault(unit, {})
            known_bucket = buckets.get(at)
            buckets[at] = bucket if known_bucket is None else merge((known_bucket, bucket))
    return answer


def _metric(selection: Selection) -> MetricId:
    return MetricId(selection.namespace, selection.name, selection.dimensions)


def _dimensions(metric: MetricId) -> str:
    return json.dumps(metric.dimensions, ensure_ascii=False, separators=(",", ":"))


def _pattern(name: str, value: str | None) -> str:
    """Return what the JSON of a metric's dimensions contains when it has this one.

    A quote within a name or a value stands there behind a backslash, so nothing else can look the same.
    """
    if value is None:
        return json.dumps([name], ensure_ascii=False)[:-1] + ","
    return json.dumps([name, value], ensure_ascii=False, separators=(",", ":"))


def _merge_spread(
    samples: float,
    total: float,
    minimum: float,
    maximum: float,
    spread: bytes | None,
    more_samples: float,
    more_total: float,
    more_minimum: float,
    more_maximum: float,
    more_spread: bytes | None,
) -> bytes | None:
    """Return the distribution of two stored buckets together: a function for SQL."""
    one = Bucket(samples, total, minimum, maximum, unpack_spread(spread))
    other = Bucket(more_samples, more_total, more_minimum, more_maximum, unpack_spread(more_spread))
    return pack_spread(merge((one, other)).spread)
