"""What metric math computes with: numbers, time series and arrays of them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wakeless.metrics.errors import ValidationFailed

#: Points that one evaluation may compute: a second or two of work.
MAX_POINTS = 2_000_000


@dataclass(frozen=True, slots=True)
class Series:
    """A time series: where it may have points, and the points it has."""

    #: By time (seconds since the epoch), in ascending order.
    points: Mapping[int, float]
    #: Seconds from one point to the next where none is missing.
    period: int
    #: When its first period begins.
    start: int
    #: Names the metric it comes from, for labels.
    label: str = ""

    def with_points(self, points: Mapping[int, float]) -> Series:
        """Return a series at the same times with other points."""
        return Series(points, self.period, self.start, self.label)


Array = tuple[Series, ...]
#: NaN stands for a number that does not exist (an average over nothing); it leaves no points.
Value = float | str | Series | Array


@dataclass(slots=True)
class Context:
    """The time span that is computed, and how much was computed."""

    start: int
    #: Exclusive.
    end: int
    #: Seconds between the points of series that are made of numbers alone.
    period: int
    spent: int = field(default=0, init=False)

    def spend(self, points: int) -> None:
        """Count work; raises `ValidationFailed` when it is too much."""
        self.spent += points
        if self.spent > MAX_POINTS:
            raise ValidationFailed(
                f"The expressions compute more than {MAX_POINTS} datapoints. You may reduce them by increasing "
                "Period, or decreasing the time range."
            )

    def stamps(self, series: Series) -> range:
        """Return every time at which a series may have a point."""
        stamps = range(series.start, self.end, series.period)
        self.spend(len(stamps))
        return stamps


#: Why a point is dropped is never said: there is none where the result is no finite number.
Number = float | None


def _divide(a: float, b: float) -> Number:
    return a / b if b else None


def _power(a: float, b: float) -> Number:
    try:
        return math.pow(a, b)
    except (ValueError, OverflowError):
        return None


OPERATORS: Mapping[str, Callable[[float, float], Number]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "^": _power,
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "<": lambda a, b: float(a < b),
    "<=": lambda a, b: float(a <= b),
    ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b),
    "&&": lambda a, b: float(bool(a) and bool(b)),
    "||": lambda a, b: float(bool(a) or bool(b)),
}


def binary(context: Context, sign: str, left: Value, right: Value) -> Value:
    """Apply an operator. A point that one series lacks counts as 0 where the other has one."""
    compute = OPERATORS[sign]
    if isinstance(left, tuple):
        return tuple(_pair(context, compute, one, right) for one in left)
    if isinstance(right, tuple):
        return tuple(_pair(context, compute, left, one) for one in right)
    if isinstance(left, float) and isinstance(right, float):
        return _number(compute, left, right)
    return _pair(context, compute, left, right)


def _pair(context: Context, compute: Callable[[float, float], Number], left: Value, right: Value) -> Series:
    if isinstance(left, Series) and isinstance(right, Series):
        stamps = union((left, right))
        context.spend(len(stamps))
        a, b = left.points, right.points
        return left.with_points(clean((at, compute(a.get(at, 0.0), b.get(at, 0.0))) for at in stamps))
    if isinstance(left, Series) and isinstance(right, float):
        context.spend(len(left.points))
        if math.isnan(right):
            return left.with_points({})
        return left.with_points(clean((at, compute(value, right)) for at, value in left.points.items()))
    assert isinstance(right, Series), "checked before"
    assert isinstance(left, float), "checked before"
    context.spend(len(right.points))
    if math.isnan(left):
        return right.with_points({})
    return right.with_points(clean((at, compute(left, value)) for at, value in right.points.items()))


def _number(compute: Callable[[float, float], Number], left: float, right: float) -> float:
    if math.isnan(left) or math.isnan(right):
        return math.nan
    value = compute(left, right)
    return value if value is not None and math.isfinite(value) else math.nan


def clean(points: Iterable[tuple[int, Number]]) -> dict[int, float]:
    """Return the points that are finite numbers."""
    return {at: value for at, value in points if value is not None and math.isfinite(value)}


def union(series: Sequence[Series]) -> Sequence[int]:
    """Return every time at which one of the series has a point, in order."""
    if not series:
        return ()
    first = series[0].points
    if all(one.points.keys() == first.keys() for one in series[1:]):
        return tuple(first)
    stamps: set[int] = set()
    for one in series:
        stamps.update(one.points)
    return sorted(stamps)
