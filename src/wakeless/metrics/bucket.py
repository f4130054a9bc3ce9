"""What is kept of the samples of one stretch of time: four numbers and, where it can be known, the distribution."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

#: Distinct values that a bucket keeps apart. Beyond it they are gathered in bins (see `thin`).
DISTINCT_LIMIT = 2000
#: Width of the narrowest bin, relative to its value: a value moves by half a percent at most.
_FIRST_GROWTH = 1.01
#: A sum of floats may differ from the product in its last digits.
_TOLERANCE = 1e-9


# A named tuple rather than a dataclass: intake and evaluation make several for every sample.
class Bucket(NamedTuple):
    """The samples of one metric, one unit and one stretch of time."""

    #: SampleCount: a float, as the API takes fractional counts.
    samples: float
    #: Sum.
    total: float
    minimum: float
    maximum: float
    #: How often each value came. None when all values are one (then `minimum` tells) or when it is not known
    #: (statistic sets) or not needed (no extended statistic exists over negative values).
    spread: Mapping[float, float] | None = None

    def distribution(self) -> Mapping[float, float] | None:
        """Return how often each value came; None where extended statistics do not exist.

        A statistic set counts when all its values must be one: Minimum = Maximum and Sum = Minimum x SampleCount.
        Nothing exists with a negative value in the period (CloudWatch's user guide, statistics definitions).
        """
        if self.minimum < 0:
            return None
        if self.spread is not None:
            return self.spread
        if self.minimum == self.maximum and math.isclose(
            self.total, self.minimum * self.samples, rel_tol=_TOLERANCE, abs_tol=1e-300
        ):
            return {self.minimum: self.samples}
        return None


def of_value(value: float) -> Bucket:
    """Return the bucket of one sample."""
    return Bucket(1.0, value, value, value)


def of_values(values: Iterable[tuple[float, float]]) -> Bucket | None:
    """Return the bucket of (value, count) pairs; None when all counts are zero."""
    spread: dict[float, float] = {}
    for value, count in values:
        if count > 0:
            spread[value] = spread.get(value, 0.0) + count
    if not spread:
        return None
    low, high = min(spread), max(spread)
    total = math.fsum(value * count for value, count in spread.items())
    return Bucket(math.fsum(spread.values()), total, low, high, None if low == high or low < 0 else spread)


def merge(buckets: Sequence[Bucket]) -> Bucket:
    """Return the bucket of all these buckets' samples (at least one); the order does not matter."""
    if len(buckets) == 1:
        return buckets[0]
    samples, totals, lows, highs, _ = zip(*buckets, strict=True)
    low, high = min(lows), max(highs)
    spread = None if low == high or low < 0 else _join(buckets)
    return Bucket(sum(samples), sum(totals), low, high, spread)


def _join(buckets: Sequence[Bucket]) -> Mapping[float, float] | None:
    """Return the distribution over all buckets; None when one of them has none."""
    joined: dict[float, float] = {}
    for bucket in buckets:
        if bucket.spread is None and bucket.samples == 1 and bucket.minimum == bucket.total:
            # By far the most frequent bucket: one sample.
            joined[bucket.total] = joined.get(bucket.total, 0.0) + 1.0
            continue
        spread = bucket.distribution()
        if spread is None:
            return None
        for value, count in spread.items():
            joined[value] = joined.get(value, 0.0) + count
    return thin(joined) if len(joined) > DISTINCT_LIMIT else joined


def merge_plain(buckets: Sequence[Bucket]) -> Bucket:
    """Do as `merge` does without the distribution: for the five plain statistics."""
    samples, totals, lows, highs, _ = zip(*buckets, strict=True)
    return Bucket(sum(samples), sum(totals), min(lows), max(highs))


def thin(spread: Mapping[float, float]) -> dict[float, float]:
    """Gather values in logarithmic bins until at most `DISTINCT_LIMIT` are left; the extremes stay as they are.

    CloudWatch's own histogram has bins of 10 %; ours begin at 1 % and widen only as far as they must.
    """
    low, high = min(spread), max(spread)
    growth = _FIRST_GROWTH
    while True:
        scale = 1 / math.log(growth)
        middle = math.sqrt(growth)
        bins: dict[float, float] = {}
        for value, count in spread.items():
            if value in (low, high) or value <= 0:
                at = value
            else:
                at = min(max(math.exp(math.floor(math.log(value) * scale) / scale) * middle, low), high)
            bins[at] = bins.get(at, 0.0) + count
        if len(bins) <= DISTINCT_LIMIT:
            return bins
        growth *= growth


def pack_spread(spread: Mapping[float, float] | None) -> bytes | None:
    """Return a distribution as bytes: all values, then all counts, as little-endian doubles."""
    if spread is None:
        return None
    return struct.pack(f"<{2 * len(spread)}d", *spread.keys(), *spread.values())


def unpack_spread(data: bytes | None) -> dict[float, float] | None:
    """Return what `pack_spread` packed."""
    if data is None:
        return None
    numbers = struct.unpack(f"<{len(data) // 8}d", data)
    half = len(numbers) // 2
    return dict(zip(numbers[:half], numbers[half:], strict=True))
