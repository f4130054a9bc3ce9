"""The functions of metric math: what they take, what they give, what they compute.

From CloudWatch's user guide; where it is silent, the docstring says what we do (decision 0022).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wakeless.metrics.expressions.shapes import NUMBER, SERIES, Call, Check, Form, Shape, array
from wakeless.metrics.expressions.values import Array, Context, Number, Series, Value, clean, union
from wakeless.metrics.periods import moment

Run = Callable[[Context, Sequence[Value]], Value]


@dataclass(frozen=True, slots=True)
class Function:
    """One function: how many arguments it takes, which, and what it does with them."""

    least: int
    most: int
    check: Check
    run: Run


#: What CloudWatch has and this does not, with the reason that the caller is told.
UNSUPPORTED: Mapping[str, str] = {
    "ANOMALY_DETECTION_BAND": "anomaly detection needs a model trained on weeks of data, which is not kept here",
    "SEARCH": "search expressions are not supported; name the metrics",
    "INSIGHT_RULE_METRIC": "Contributor Insights is not supported",
    "SERVICE_QUOTA": "service quotas are not known here",
    "DB_PERF_INSIGHTS": "Performance Insights is not supported",
    "LAMBDA": "metric data from Lambda functions is not supported",
}


# Series to series, point by point


def _check_map(call: Call) -> Shape:
    arg = call.need(1, Form.SERIES, Form.ARRAY)
    return Shape(arg.form, arg.width)


def _map(compute: Callable[[Context, Series], Mapping[int, float]]) -> Run:
    def run(context: Context, args: Sequence[Value]) -> Value:
        def one(series: Series) -> Series:
            context.spend(len(series.points))
            return series.with_points(compute(context, series))

        value = args[0]
        if isinstance(value, tuple):
            return tuple(one(series) for series in value)
        assert isinstance(value, Series), "checked before"
        return one(value)

    return run


def _pointwise(compute: Callable[[float], Number]) -> Function:
    def points(_: Context, series: Series) -> Mapping[int, float]:
        return clean((at, compute(value)) for at, value in series.points.items())

    return Function(1, 1, _check_map, _map(points))


def _stepwise(compute: Callable[[int, float], Number]) -> Function:
    """Make a function of the seconds and the difference between a point and the one before it."""

    def points(_: Context, series: Series) -> Mapping[int, float]:
        stamps = list(series.points)
        values = list(series.points.values())
        return clean(
            (stamps[i], compute(stamps[i] - stamps[i - 1], values[i] - values[i - 1])) for i in range(1, len(stamps))
        )

    return Function(1, 1, _check_map, _map(points))


def _running_sum(_: Context, series: Series) -> Mapping[int, float]:
    total = 0.0
    sums: dict[int, float] = {}
    for at, value in series.points.items():
        total += value
        sums[at] = total
    return clean(sums.items())


def _check_series(call: Call) -> Shape:
    call.need(1, Form.SERIES)
    return SERIES


def _calendar(compute: Callable[[int], float]) -> Function:
    """Make a function of the time alone: it has a value at every time, also where the series has none. UTC."""

    def points(context: Context, series: Series) -> Mapping[int, float]:
        return {at: compute(at) for at in context.stamps(series)}

    return Function(1, 1, _check_series, _map(points))


# Aggregates: a series becomes a number, an array becomes a series


def _check_aggregate(call: Call) -> Shape:
    return NUMBER if call.need(1, Form.SERIES, Form.ARRAY).form is Form.SERIES else SERIES


def _aggregate(compute: Callable[[Sequence[float]], float], *, missing: bool = False) -> Function:
    """Make an aggregate over the points that exist; with ``missing``, one missing in an array counts as 0."""

    def run(context: Context, args: Sequence[Value]) -> Value:
        value = args[0]
        if isinstance(value, Series):
            context.spend(len(value.points))
            return compute(list(value.points.values())) if value.points else math.nan
        assert isinstance(value, tuple), "checked before"
        if not value:
            return Series({}, context.period, context.start)
        stamps = union(value)
        context.spend(len(stamps) * len(value))
        points: list[tuple[int, Number]] = []
        for at in stamps:
            if missing:
                found = [one.points.get(at, 0.0) for one in value]
            else:
                found = [one.points[at] for one in value if at in one.points]
            points.append((at, compute(found)))
        return value[0].with_points(clean(points))

    return Function(1, 1, _check_aggregate, run)


def _sum(values: Sequence[float]) -> float:
    return float(sum(values))


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _deviation(values: Sequence[float]) -> float:
    """Return the standard deviation of the whole population; the user guide does not say which."""
    mean = sum(values) / len(values)
    squares = sum((value - mean) * (value - mean) for value in values)
    return math.sqrt(squares / len(values)) if math.isfinite(squares) else math.nan


def _count(context: Context, args: Sequence[Value]) -> Value:
    value = args[0]
    if isinstance(value, Series):
        return float(len(value.points))
    return _AGGREGATES["DATAPOINT_COUNT"].run(context, args)


_AGGREGATES: Mapping[str, Function] = {
    "SUM": _aggregate(_sum),
    # "Missing values are treated as 0", says the guide of AVG.
    "AVG": _aggregate(_average, missing=True),
    "MIN": _aggregate(min),
    "MAX": _aggregate(max),
    "STDDEV": _aggregate(_deviation),
    "DATAPOINT_COUNT": _aggregate(lambda values: float(len(values))),
}


# Arrays


def _check_first(call: Call) -> Shape:
    call.need(1, Form.ARRAY)
    return SERIES


def _pick(index: int) -> Function:
    def run(context: Context, args: Sequence[Value]) -> Value:
        value = _array(args[0])
        return value[index] if value else Series({}, context.period, context.start)

    return Function(1, 1, _check_first, run)


def _check_slice(call: Call) -> Shape:
    width = call.need(1, Form.ARRAY).width
    bounds = [call.need(number, Form.NUMBER).number for number in range(2, len(call.args) + 1)]
    if bounds[0] is not None:
        low = max(0, int(bounds[0]))
        width = max(0, width - low)
        if len(bounds) == 2 and bounds[1] is not None:
            width = min(width, max(0, int(bounds[1]) - low))
    return array(width)


def _slice(_: Context, args: Sequence[Value]) -> Value:
    value = _array(args[0])
    bounds = [_whole(bound, len(value)) for bound in args[1:]]
    return value[bounds[0] : bounds[1] if len(bounds) == 2 else None]


def _check_sort(call: Call) -> Shape:
    width = call.need(1, Form.ARRAY).width
    call.need_word(2, "AVG", "MIN", "MAX", "SUM")
    call.need_word(3, "ASC", "DESC")
    if len(call.args) == 4:
        limit = call.need(4, Form.NUMBER).number
        width = width if limit is None else min(width, max(0, int(limit)))
    return array(width)


def _sort(context: Context, args: Sequence[Value]) -> Value:
    """Sort by the aggregate of each series; series without points come last in either order."""
    value = _array(args[0])
    by = _AGGREGATES[str(args[1])]
    descending = args[2] == "DESC"

    def key(series: Series) -> tuple[bool, float]:
        rank = by.run(context, (series,))
        assert isinstance(rank, float), "an aggregate over one series is a number"
        empty = math.isnan(rank)
        return empty, 0.0 if empty else (-rank if descending else rank)

    ordered = tuple(sorted(value, key=key))
    return ordered[: _whole(args[3], len(value))] if len(args) == 4 else ordered


def _check_remove_empty(call: Call) -> Shape:
    return array(call.need(1, Form.ARRAY).width)


def _remove_empty(_: Context, args: Sequence[Value]) -> Value:
    return tuple(series for series in _array(args[0]) if series.points)


def _check_metric_count(call: Call) -> Shape:
    call.need(1, Form.ARRAY)
    return NUMBER


def _array(value: Value) -> Array:
    assert isinstance(value, tuple), "checked before"
    return value


def _whole(value: Value, most: int) -> int:
    """Return a number as an index into an array of ``most`` series."""
    assert isinstance(value, float), "checked before"
    return 0 if math.isnan(value) else int(min(max(value, 0.0), float(most)))


# FILL, IF, TIME_SERIES, PERIOD


def _check_fill(call: Call) -> Shape:
    what = call.need(1, Form.SERIES, Form.ARRAY)
    if call.args[1].form is Form.WORD:
        call.need_word(2, "REPEAT", "LINEAR")
    else:
        call.need(2, Form.NUMBER, Form.SERIES)
    return Shape(what.form, what.width)


def _fill(context: Context, args: Sequence[Value]) -> Value:
    value, filler = args
    if isinstance(value, tuple):
        return tuple(_fill_one(context, series, filler) for series in value)
    assert isinstance(value, Series), "checked before"
    return _fill_one(context, value, filler)


def _fill_one(context: Context, series: Series, filler: Value) -> Series:
    """Fill what is missing. REPEAT has nothing before the first point, LINEAR nothing outside two points."""
    stamps = sorted({*context.stamps(series), *series.points})
    if filler == "REPEAT":
        return series.with_points(_repeat(series, stamps))
    if filler == "LINEAR":
        return series.with_points(_interpolate(series, stamps))
    points = series.points
    if isinstance(filler, Series):
        other = filler.points
        return series.with_points(clean((at, points.get(at, other.get(at))) for at in stamps))
    assert isinstance(filler, float), "checked before"
    return series.with_points(clean((at, points.get(at, filler)) for at in stamps))


def _repeat(series: Series, stamps: Sequence[int]) -> Mapping[int, float]:
    filled: list[tuple[int, Number]] = []
    last: Number = None
    for at in stamps:
        last = series.points.get(at, last)
        filled.append((at, last))
    return clean(filled)


def _interpolate(series: Series, stamps: Sequence[int]) -> Mapping[int, float]:
    known = list(series.points.items())
    filled: list[tuple[int, Number]] = []
    after = 0
    for at in stamps:
        while after < len(known) and known[after][0] < at:
            after += 1
        if after < len(known) and known[after][0] == at:
            filled.append(known[after])
        elif 0 < after < len(known):
            (left, low), (right, high) = known[after - 1], known[after]
            filled.append((at, low + (high - low) * ((at - left) / (right - left))))
    return clean(filled)


def _check_if(call: Call) -> Shape:
    condition = call.need(1, Form.NUMBER, Form.SERIES)
    branches = [call.need(number, Form.NUMBER, Form.SERIES) for number in range(2, len(call.args) + 1)]
    if condition.form is Form.NUMBER and all(branch.form is Form.NUMBER for branch in branches):
        return NUMBER
    return SERIES


def _if(context: Context, args: Sequence[Value]) -> Value:
    """Choose for each point of the condition; where it has none, nothing is chosen.

    True without a point of the second argument is 0; false without one of the third is no point.
    """
    condition, yes = args[0], args[1]
    no = args[2] if len(args) == 3 else math.nan
    if isinstance(condition, float):
        return _if_number(context, condition, yes, no)
    assert isinstance(condition, Series), "checked before"
    context.spend(len(condition.points))
    points: list[tuple[int, Number]] = []
    for at, true in condition.points.items():
        if true:
            points.append((at, yes.points.get(at, 0.0) if isinstance(yes, Series) else _scalar(yes)))
        else:
            points.append((at, no.points.get(at) if isinstance(no, Series) else _scalar(no)))
    return condition.with_points(clean(points))


def _if_number(context: Context, condition: float, yes: Value, no: Value) -> Value:
    chosen = math.nan if math.isnan(condition) else yes if condition else no
    model = next((value for value in (yes, no) if isinstance(value, Series)), None)
    if model is None or isinstance(chosen, Series):
        return chosen
    number = _scalar(chosen)
    return model.with_points(clean((at, number) for at in context.stamps(model)))


def _scalar(value: Value) -> float:
    assert isinstance(value, float), "checked before"
    return value


def _check_time_series(call: Call) -> Shape:
    call.need(1, Form.NUMBER)
    return SERIES


def _time_series(context: Context, args: Sequence[Value]) -> Value:
    empty = Series({}, context.period, context.start)
    number = _scalar(args[0])
    return empty.with_points(clean((at, number) for at in context.stamps(empty)))


def _check_period(call: Call) -> Shape:
    if not call.need(1, Form.SERIES).metric:
        call.refuse("the argument must be the id of a metric, not of an expression")
    return NUMBER


def _period(_: Context, args: Sequence[Value]) -> Value:
    assert isinstance(args[0], Series), "checked before"
    return float(args[0].period)


def _log(compute: Callable[[float], float]) -> Callable[[float], Number]:
    return lambda value: compute(value) if value > 0 else None


FUNCTIONS: Mapping[str, Function] = {
    "ABS": _pointwise(abs),
    "CEIL": _pointwise(lambda value: float(math.ceil(value))),
    "FLOOR": _pointwise(lambda value: float(math.floor(value))),
    "LOG": _pointwise(_log(math.log)),
    "LOG10": _pointwise(_log(math.log10)),
    "DIFF": _stepwise(lambda _, difference: difference),
    "DIFF_TIME": _stepwise(lambda seconds, _: float(seconds)),
    "RATE": _stepwise(lambda seconds, difference: difference / seconds),
    "RUNNING_SUM": Function(1, 1, _check_map, _map(_running_sum)),
    "MINUTE": _calendar(lambda at: float(at // 60 % 60)),
    "HOUR": _calendar(lambda at: float(at // 3600 % 24)),
    # 1 is Monday; 1 January 1970 was a Thursday.
    "DAY": _calendar(lambda at: float((at // 86400 + 3) % 7 + 1)),
    "DATE": _calendar(lambda at: float(moment(at).day)),
    "MONTH": _calendar(lambda at: float(moment(at).month)),
    "YEAR": _calendar(lambda at: float(moment(at).year)),
    "EPOCH": _calendar(float),
    **_AGGREGATES,
    "DATAPOINT_COUNT": Function(1, 1, _check_aggregate, _count),
    "FIRST": _pick(0),
    "LAST": _pick(-1),
    "SLICE": Function(2, 3, _check_slice, _slice),
    "SORT": Function(3, 4, _check_sort, _sort),
    "REMOVE_EMPTY": Function(1, 1, _check_remove_empty, _remove_empty),
    "METRIC_COUNT": Function(1, 1, _check_metric_count, lambda _, args: float(len(_array(args[0])))),
    "FILL": Function(2, 2, _check_fill, _fill),
    "IF": Function(2, 3, _check_if, _if),
    "TIME_SERIES": Function(1, 1, _check_time_series, _time_series),
    "PERIOD": Function(1, 1, _check_period, _period),
}
#: Takes no value but the names of metrics; the plan resolves it.
METRICS = "METRICS"
