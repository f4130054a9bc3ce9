"""GetMetricStatistics: statistics of one metric, the samples of each unit on their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from wakeless.metrics.bucket import Bucket, merge
from wakeless.metrics.errors import InvalidParameterCombination, InvalidParameterValue, MissingParameter
from wakeless.metrics.periods import epoch, is_period, moment, readable_from, round_start, slot_count
from wakeless.metrics.reading import Answer, Source, metric_of
from wakeless.metrics.series import UNITS
from wakeless.metrics.statistics import PLAIN, Statistic, parse_statistic

MAX_DATAPOINTS = 1440
MAX_STATISTICS = 5
MAX_EXTENDED = 10


def get_metric_statistics(request: Mapping[str, Any], now: datetime, source: Source) -> Answer:
    """Answer GetMetricStatistics: ``Label`` and ``Datapoints``; a metric that does not exist has none.

    Raises `MissingParameter`, `InvalidParameterValue` and `InvalidParameterCombination`.
    """
    metric = metric_of(request)
    statistics = _statistics(request)
    period = check_period(request.get("Period"), "Period")
    unit = check_unit(request.get("Unit"), "Unit")
    start, end = _times(request)
    at = epoch(now)
    first = round_start(start, period, at)
    asked = slot_count(first, end, period)
    if asked > MAX_DATAPOINTS:
        raise InvalidParameterCombination(
            f"You have requested up to {asked} datapoints, which exceeds the limit of {MAX_DATAPOINTS}. You may reduce "
            "the datapoints requested by increasing Period, or decreasing the time range."
        )
    points: list[dict[str, Any]] = []
    for found_unit, slots in read_units(source, request_slots(first, end, period, at), metric, unit).items():
        for stamp, bucket in slots.items():
            point = _point(bucket, statistics)
            if point is not None:
                points.append({"Timestamp": moment(stamp), **point, "Unit": found_unit})
    return {"Label": metric.name, "Datapoints": points}


class Span:
    """Which periods are read: where they begin, and since when data is kept finely enough for them."""

    __slots__ = ("end", "first", "period", "since")

    def __init__(self, first: int, end: float, period: int, since: int) -> None:
        self.first = first
        #: Exclusive; the last period may reach beyond it, as CloudWatch's does.
        self.end = first + slot_count(first, end, period) * period
        self.period = period
        self.since = max(first, since)


def request_slots(first: int, end: float, period: int, now: float) -> Span:
    """Return the span of a request."""
    return Span(first, end, period, readable_from(period, now))


def read_units(source: Source, span: Span, metric: Any, unit: str | None) -> dict[str, dict[int, Bucket]]:
    """Return the buckets of each period, by unit and the beginning of the period, oldest first."""
    if span.since >= span.end:
        return {}
    answer: dict[str, dict[int, Bucket]] = {}
    for found_unit, buckets in source.read_buckets(metric, span.since, span.end).items():
        if unit in (None, found_unit):
            slots: dict[int, list[Bucket]] = {}
            for at in sorted(buckets):
                slots.setdefault(at - (at - span.first) % span.period, []).append(buckets[at])
            answer[found_unit] = {stamp: merge(parts) for stamp, parts in slots.items()}
    return answer


def check_period(given: object, parameter: str) -> int:
    """Return a period that data can be read with, or raise `InvalidParameterValue`."""
    if given is None:
        raise MissingParameter(f"The parameter {parameter} is required.")
    if not isinstance(given, int) or not is_period(given):
        raise InvalidParameterValue(f"The parameter {parameter} must be 1, 5, 10, 20, 30 or a multiple of 60.")
    return given


def check_unit(given: object, parameter: str) -> str | None:
    """Return a unit or None, or raise `InvalidParameterValue`."""
    if given is None or given in UNITS:
        return None if given is None else str(given)
    raise InvalidParameterValue(f"The value {str(given)[:100]} for parameter {parameter} is invalid.")


def _times(request: Mapping[str, Any]) -> tuple[float, float]:
    for what in ("StartTime", "EndTime"):
        if not isinstance(request.get(what), datetime):
            raise MissingParameter(f"The parameter {what} is required.")
    start, end = epoch(request["StartTime"]), epoch(request["EndTime"])
    if start >= end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _statistics(request: Mapping[str, Any]) -> Sequence[tuple[str, Statistic]]:
    plain = request.get("Statistics") or ()
    extended = request.get("ExtendedStatistics") or ()
    if plain and extended:
        raise InvalidParameterCombination(
            "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both."
        )
    if not plain and not extended:
        raise MissingParameter("Must specify either Statistics or ExtendedStatistics.")
    if len(plain) > MAX_STATISTICS or len(extended) > MAX_EXTENDED:
        name, most = ("Statistics", MAX_STATISTICS) if plain else ("ExtendedStatistics", MAX_EXTENDED)
        raise InvalidParameterValue(f"The collection {name} must not have a size greater than {most}.")
    for number, text in enumerate(plain, 1):
        if text not in PLAIN:
            raise InvalidParameterValue(
                f"The value {str(text)[:100]} for parameter Statistics.member.{number} is invalid."
            )
    parsed = [(text, parse_statistic(text)) for text in (*plain, *extended)]
    for text, statistic in parsed:
        if extended and not statistic.extended:
            raise InvalidParameterValue(f"The value {text} for parameter ExtendedStatistics is invalid.")
    return parsed


def _point(bucket: Bucket, statistics: Sequence[tuple[str, Statistic]]) -> dict[str, Any] | None:
    """Return the statistics that exist; None when there are none (percentiles of a statistic set)."""
    plain: dict[str, Any] = {}
    extended: dict[str, float] = {}
    for text, statistic in statistics:
        value = statistic.of(bucket)
        if value is not None:
            (extended if statistic.extended else plain)[text] = value
    if extended:
        plain["ExtendedStatistics"] = extended
    return plain or None
