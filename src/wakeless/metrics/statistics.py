"""Statistics: their names, and their values over a bucket.

The rules are those of CloudWatch's user guide ("CloudWatch statistics definitions"). Percentiles are exact nearest
rank; CloudWatch's own come from a histogram and may differ from the exact value by up to a tenth (decision 0021).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from wakeless.metrics.bucket import Bucket
from wakeless.metrics.errors import InvalidParameterValue

#: `Statistic` of the API, as opposed to `ExtendedStatistic`.
PLAIN = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
#: Rounding of a rank that a decimal fraction cannot hit exactly (99.9 % of 1,000 is 999).
_TOLERANCE = 1e-12

_NUMBER = r"-?(?:[0-9]{1,300}(?:\.[0-9]{0,10})?|\.[0-9]{1,10})"
_PERCENT = r"[0-9]{1,3}(?:\.[0-9]{1,10})?"
_SINGLE = re.compile(rf"(?P<kind>p|tm|tc|ts|wm)(?P<percent>{_PERCENT})")
_RANGE = re.compile(rf"(?P<kind>TM|TC|TS|WM|PR)\((?P<low>{_NUMBER}%?)?:(?P<high>{_NUMBER}%?)?\)")


class Kind(StrEnum):
    """What a statistic computes."""

    SAMPLE_COUNT = "SampleCount"
    AVERAGE = "Average"
    SUM = "Sum"
    MINIMUM = "Minimum"
    MAXIMUM = "Maximum"
    PERCENTILE = "p"
    TRIMMED_MEAN = "TM"
    TRIMMED_COUNT = "TC"
    TRIMMED_SUM = "TS"
    WINSORIZED_MEAN = "WM"
    PERCENTILE_RANK = "PR"


Value = float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistic:
    """A statistic as it was asked for; made by `parse_statistic`."""

    #: As it was written, for example ``TM(10%:90%)``.
    text: str
    kind: Kind
    #: Lower bound: percent (0 to 100) or an absolute value, which itself is left out. None: no bound.
    low: float | None = None
    #: Upper bound: percent or an absolute value, which itself is let in. For a percentile, the percentile.
    high: float | None = None
    #: Whether the bounds are percentages.
    percent: bool = False
    #: Its value over a bucket that has samples; None where it does not exist.
    of: Callable[[Bucket], Value] = field(repr=False, compare=False)

    @property
    def extended(self) -> bool:
        """Whether it needs the distribution of values (``ExtendedStatistic`` in the API)."""
        return self.kind not in _PLAIN_VALUES

    @property
    def low_sample_limit(self) -> float | None:
        """Below how many samples a percentile is unreliable (EvaluateLowSampleCountPercentile); None for others.

        10/(1-p) from the median up, 10/p below it.
        """
        if self.kind is not Kind.PERCENTILE or self.high is None:
            return None
        share = (100 - self.high if self.high >= 50 else self.high) / 100
        # Rounded, as 1 - 0.9 is not 0.1 in binary, and 100 samples of p90 are enough.
        return round(10 / share, 6) if share > 0 else math.inf


_PLAIN_VALUES: Mapping[Kind, Callable[[Bucket], Value]] = {
    Kind.SAMPLE_COUNT: lambda bucket: bucket.samples,
    Kind.AVERAGE: lambda bucket: bucket.total / bucket.samples if bucket.samples else None,
    Kind.SUM: lambda bucket: bucket.total,
    Kind.MINIMUM: lambda bucket: bucket.minimum,
    Kind.MAXIMUM: lambda bucket: bucket.maximum,
}


@lru_cache(maxsize=1024)
def parse_statistic(text: str) -> Statistic:
    """Return the statistic that ``text`` names; raises `InvalidParameterValue`.

    Single-number forms are lower case (``p99.9``, ``tm90``), forms with parentheses upper case (``TM(10%:90%)``).
    """
    if text in PLAIN:
        kind = Kind(text)
        return Statistic(text=text, kind=kind, of=_PLAIN_VALUES[kind])
    if text == "IQM":
        return _bounded(text, Kind.TRIMMED_MEAN, 25.0, 75.0, percent=True)
    if match := _SINGLE.fullmatch(text):
        percent = float(match["percent"])
        if percent > 100:
            raise _not_a_statistic(text, "a percentage is at most 100")
        if match["kind"] == "p":
            return Statistic(
                text=text,
                kind=Kind.PERCENTILE,
                high=percent,
                percent=True,
                of=lambda bucket: _over(bucket, lambda spread: percentile(spread, percent)),
            )
        return _bounded(text, Kind(match["kind"].upper()), None, percent, percent=True)
    if match := _RANGE.fullmatch(text):
        return _range(text, Kind(match["kind"]), match["low"] or "", match["high"] or "")
    raise _not_a_statistic(text, "it is neither a statistic nor an extended statistic")


def check_alarm_statistic(statistic: Statistic) -> None:
    """Refuse what PutMetricAlarm does not take: percentage bounds in parentheses outside 10 to 90 (API model)."""
    if "(" not in statistic.text or not statistic.percent:
        return
    for bound in (statistic.low, statistic.high):
        if bound is not None and not 10 <= bound <= 90:
            raise _not_a_statistic(statistic.text, "in an alarm the percentages must be between 10 and 90")


def _not_a_statistic(text: str, why: str) -> InvalidParameterValue:
    shown = text if len(text) <= 100 else text[:100] + "…"
    return InvalidParameterValue(f"The value {shown} for parameter ExtendedStatistic is not supported: {why}.")


def _range(text: str, kind: Kind, low: str, high: str) -> Statistic:
    if not low and not high:
        raise _not_a_statistic(text, "at least one bound is needed")
    percent = "%" in low or "%" in high
    if percent and ((low and not low.endswith("%")) or (high and not high.endswith("%"))):
        raise _not_a_statistic(text, "either both bounds are percentages or none")
    if percent and kind is Kind.PERCENTILE_RANK:
        raise _not_a_statistic(text, "the bounds of PR are values, not percentages")
    bounds = [float(bound.rstrip("%")) if bound else None for bound in (low, high)]
    for bound in bounds:
        if percent and bound is not None and not 0 <= bound <= 100:
            raise _not_a_statistic(text, "a percentage is between 0 and 100")
    first, last = bounds
    if first is not None and last is not None and first >= last:
        raise _not_a_statistic(text, "the lower bound must be less than the upper bound")
    return _bounded(text, kind, first, last, percent=percent)


def _bounded(text: str, kind: Kind, low: float | None, high: float | None, *, percent: bool) -> Statistic:
    compute = _TRIMMED[kind]
    return Statistic(
        text=text,
        kind=kind,
        low=low,
        high=high,
        percent=percent,
        of=lambda bucket: _over(bucket, lambda spread: compute(spread, low, high, percent)),
    )


def _over(bucket: Bucket, compute: Callable[[Mapping[float, float]], Value]) -> Value:
    spread = bucket.distribution()
    return compute(spread) if spread else None


def percentile(spread: Mapping[float, float], percent: float) -> float:
    """Return the smallest value that at least ``percent`` percent of the samples do not exceed (nearest rank)."""
    rank = percent * math.fsum(spread.values()) / 100
    rank -= rank * _TOLERANCE
    seen = 0.0
    ordered = sorted(spread)
    for value in ordered:
        seen += spread[value]
        if seen >= rank:
            return value
    return ordered[-1]


def trim(
    spread: Mapping[float, float], low: float | None, high: float | None, percent: bool
) -> list[tuple[float, float]]:
    """Return the (value, count) pairs within the bounds, in order of value.

    Absolute bounds leave the lower value out and let the upper one in. Percentages drop whole samples: as many
    from each end as fit into the percentage.
    """
    if not percent:
        return sorted(
            (value, count)
            for value, count in spread.items()
            if (low is None or value > low) and (high is None or value <= high)
        )
    samples = math.fsum(spread.values())
    slack = samples * _TOLERANCE
    first = 0.0 if low is None else float(math.floor(low * samples / 100 + slack))
    last = samples if high is None else min(samples, float(math.ceil(high * samples / 100 - slack)))
    kept: list[tuple[float, float]] = []
    seen = 0.0
    for value in sorted(spread):
        before, seen = seen, seen + spread[value]
        inside = min(seen, last) - max(before, first)
        if inside > slack:
            kept.append((value, inside))
    return kept


def _trimmed_mean(spread: Mapping[float, float], low: float | None, high: float | None, percent: bool) -> Value:
    kept = trim(spread, low, high, percent)
    samples = math.fsum(count for _, count in kept)
    return math.fsum(value * count for value, count in kept) / samples if samples else None


def _trimmed_count(spread: Mapping[float, float], low: float | None, high: float | None, percent: bool) -> Value:
    return math.fsum(count for _, count in trim(spread, low, high, percent))


def _trimmed_sum(spread: Mapping[float, float], low: float | None, high: float | None, percent: bool) -> Value:
    return math.fsum(value * count for value, count in trim(spread, low, high, percent))


def _winsorized_mean(spread: Mapping[float, float], low: float | None, high: float | None, percent: bool) -> Value:
    if percent:
        kept = trim(spread, low, high, percent)
        if not kept:
            return None
        low, high = kept[0][0], kept[-1][0]
    bottom = -math.inf if low is None else low
    top = math.inf if high is None else high
    samples = math.fsum(spread.values())
    return math.fsum(min(max(value, bottom), top) * count for value, count in spread.items()) / samples


def _percentile_rank(spread: Mapping[float, float], low: float | None, high: float | None, percent: bool) -> Value:
    return 100 * math.fsum(count for _, count in trim(spread, low, high, percent)) / math.fsum(spread.values())


_TRIMMED: Mapping[Kind, Callable[[Mapping[float, float], float | None, float | None, bool], Value]] = {
    Kind.TRIMMED_MEAN: _trimmed_mean,
    Kind.TRIMMED_COUNT: _trimmed_count,
    Kind.TRIMMED_SUM: _trimmed_sum,
    Kind.WINSORIZED_MEAN: _winsorized_mean,
    Kind.PERCENTILE_RANK: _percentile_rank,
}
