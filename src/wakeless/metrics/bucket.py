"""What is kept of the samples of one stretch of time: four numbers and, where it can be known, the distribution."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
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


def merge(one: Bucket, other: Bucket) -> Bucket:
    """Return the bucket of both buckets' samples; the order does not matter."""
    spread = None
    minimum = min(one.minimum, other.minimum)
    maximum = max(one.maximum, other.maximum)
    if minimum >= 0 and minimum != maximum:
        left, right = one.distribution(), other.distribution()
        if left is not None and right is not None:
            if len(left) < len(right):
                left, right = right, left
            joined = dict(left)
            for value, count in right.items():
                joined[value] = joined.get(value, 0.0) + count
            spread = thin(joined) if len(joined) > DISTINCT_LIMIT else joined
    return Bucket(one.samples + other.samples, one.total + other.total, minimum, maximum, spread)


def merge_plain(one: Bucket, other: Bucket) -> Bucket:
    """Do as `merge` does without the distribution: for the five plain statistics."""
    return Bucket(
        one.samples + other.samples,
        one.total + other.total,
        one.minimum if one.minimum < other.minimum else other.minimum,
        one.maximum if one.maximum > other.maximum else other.maximum,
    )


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
