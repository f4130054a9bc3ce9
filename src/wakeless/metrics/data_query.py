"""GetMetricData: many metrics and expressions over them in one answer, in pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wakeless.metrics.errors import InvalidParameterValue, MissingParameter, ValidationFailed
from wakeless.metrics.expressions.plan import MAX_ENTRIES, Entry, Plan, make_plan
from wakeless.metrics.expressions.shapes import Form
from wakeless.metrics.expressions.values import Context, Series, Value
from wakeless.metrics.periods import MINUTE, epoch, moment, round_start
from wakeless.metrics.reading import Answer, Source, digest, make_token, metric_of, read_token
from wakeless.metrics.series import MetricId
from wakeless.metrics.statistics import Statistic, parse_statistic
from wakeless.metrics.statistics_query import check_period, check_unit, read_units, request_slots

#: Datapoints in one page at most.
MAX_DATAPOINTS = 100_800


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One checked entry of a request: a statistic of a metric, or an expression."""

    id: str
    label: str | None
    return_data: bool
    expression: str | None = None
    #: Given for a metric only.
    metric: MetricId | None = None
    statistic: Statistic | None = None
    period: int = MINUTE
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class _Result:
    """One time series of the answer."""

    query: Query
    label: str
    points: Mapping[int, float]
    messages: Sequence[Mapping[str, str]] = ()


def get_metric_data(request: Mapping[str, Any], now: datetime, source: Source) -> Answer:
    """Answer GetMetricData: ``MetricDataResults`` and, when there are more points than a page, ``NextToken``.

    Raises `ValidationFailed`, `InvalidParameterValue`, `MissingParameter` and `InvalidNextToken`.
    """
    queries = _queries(request.get("MetricDataQueries") or ())
    plan = make_plan([Entry(id=query.id, expression=query.expression) for query in queries])
    for query in queries:
        if query.return_data and plan.form(query.id) is Form.NUMBER:
            raise ValidationFailed(
                f"Error in expression '{query.id}': the result is a number, where a time series or an array of time "
                "series should be returned."
            )
    start, end = _times(request)
    descending = _is_descending(request.get("ScanBy"))
    page_size = _page_size(request.get("MaxDatapoints"))
    mark = digest("data", request.get("MetricDataQueries"), start, end, descending)
    token = request.get("NextToken")
    position = read_token(token, mark) if token else 0
    results = _results(queries, plan, start, end, epoch(now), source)
    return _page(results, position, page_size, mark, descending=descending)


def _queries(given: Sequence[Mapping[str, Any]]) -> list[Query]:
    if not given:
        raise MissingParameter("The parameter MetricDataQueries is required.")
    if len(given) > MAX_ENTRIES:
        raise ValidationFailed(f"The collection MetricDataQueries must not have a size greater than {MAX_ENTRIES}.")
    return [_query(one, f"MetricDataQueries.member.{number}") for number, one in enumerate(given, 1)]


def _query(given: Mapping[str, Any], place: str) -> Query:
    stat, expression = given.get("MetricStat"), given.get("Expression")
    if not given.get("Id"):
        raise MissingParameter(f"The parameter {place}.Id is required.")
    if (stat is None) == (expression is None):
        raise ValidationFailed(f"{place} must have exactly one of MetricStat and Expression.")
    label = given.get("Label")
    returned = given.get("ReturnData")
    shared: dict[str, Any] = {
        "id": str(given["Id"]),
        "label": None if label is None else str(label),
        "return_data": returned is None or bool(returned),
    }
    if stat is None:
        period = given.get("Period")
        return Query(
            **shared,
            expression=str(expression),
            period=MINUTE if period is None else check_period(period, f"{place}.Period"),
        )
    if not stat.get("Stat"):
        raise MissingParameter(f"The parameter {place}.MetricStat.Stat is required.")
    return Query(
        **shared,
        metric=metric_of(stat.get("Metric") or {}),
        statistic=parse_statistic(str(stat["Stat"])),
        period=check_period(stat.get("Period"), f"{place}.MetricStat.Period"),
        unit=check_unit(stat.get("Unit"), f"{place}.MetricStat.Unit"),
    )


def _times(request: Mapping[str, Any]) -> tuple[float, float]:
    for what in ("StartTime", "EndTime"):
        if not isinstance(request.get(what), datetime):
            raise MissingParameter(f"The parameter {what} is required.")
    start, end = epoch(request["StartTime"]), epoch(request["EndTime"])
    if start >= end:
        raise ValidationFailed("The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _is_descending(given: object) -> bool:
    if given not in (None, "TimestampDescending", "TimestampAscending"):
        raise InvalidParameterValue("The parameter ScanBy must be one of TimestampDescending and TimestampAscending.")
    return given != "TimestampAscending"


def _page_size(given: object) -> int:
    if given is None:
        return MAX_DATAPOINTS
    if not isinstance(given, int) or given < 1:
        raise InvalidParameterValue("The parameter MaxDatapoints must be greater than 0.")
    return min(given, MAX_DATAPOINTS)


def _results(
    queries: Sequence[Query], plan: Plan, start: float, end: float, now: float, source: Source
) -> list[_Result]:
    returned = [query.id for query in queries if query.return_data]
    needed = plan.needed(returned)
    labels = default_labels(queries)
    period = min((query.period for query in queries if query.metric is not None), default=0) or min(
        query.period for query in queries
    )
    # What is older than the oldest level can have no data: nothing is computed for it.
    context = Context(round_start(start, period, now), int(-(-end // 1)), period)
    series: dict[str, Series] = {}
    messages: dict[str, Sequence[Mapping[str, str]]] = {}
    for query in queries:
        if query.metric is not None and query.id in needed:
            read, messages[query.id] = _read(query, labels[query.id], start, end, now, source)
            context.spend(len(read.points))
            series[query.id] = read
    values = plan.evaluate(series, context, returned)
    results: list[_Result] = []
    for query in queries:
        if query.return_data:
            results.extend(_series_of(query, labels[query.id], values[query.id], messages.get(query.id, ())))
    return results


def _read(
    query: Query, label: str, start: float, end: float, now: float, source: Source
) -> tuple[Series, Sequence[Mapping[str, str]]]:
    assert query.metric is not None, "a metric"
    assert query.statistic is not None, "a metric"
    first = round_start(start, query.period, now)
    units = read_units(source, request_slots(first, end, query.period, now), query.metric, query.unit)
    messages: list[Mapping[str, str]] = []
    if len(units) > 1:
        names = ", ".join(sorted(units))
        messages.append({"Code": "MultipleUnits", "Value": f"Multiple units returned: '[{names}]'"})
    points: dict[int, float] = {}
    if units:
        # Which unit is chosen is not published: the one with the newest data, the first by name among equals.
        chosen = max(sorted(units), key=lambda unit: max(units[unit]))
        for at, bucket in units[chosen].items():
            value = query.statistic.of(bucket)
            if value is not None:
                points[at] = value
    return Series(points, query.period, first, label), messages


def _series_of(query: Query, label: str, value: Value, messages: Sequence[Mapping[str, str]]) -> list[_Result]:
    """Return the time series of one query; those of an array are named after its label and their metric's."""
    if isinstance(value, Series):
        return [_Result(query, label, value.points, messages)]
    assert isinstance(value, tuple), "a number was refused"
    prefix = query.id if query.label is None else query.label
    return [_Result(query, f"{prefix} {one.label}".strip(), one.points) for one in value]


def default_labels(queries: Sequence[Query]) -> dict[str, str]:
    """Return the label of each query: the one it has, an expression's id, or the metric's name and what differs.

    ``metric1 Average`` beside ``metric1 Sum 60``: the statistic where not all have the same, then the period.
    Dimension values come between, where not all have the same.
    """
    metrics = [query for query in queries if query.metric is not None and query.statistic is not None]
    differ_in = {
        "dimensions": len({query.metric.dimensions for query in metrics if query.metric}) > 1,
        "statistic": len({query.statistic.text for query in metrics if query.statistic}) > 1,
        "period": len({query.period for query in metrics}) > 1,
    }
    labels: dict[str, str] = {}
    for query in queries:
        if query.label is not None:
            labels[query.id] = query.label
        elif query.metric is None or query.statistic is None:
            labels[query.id] = query.id
        else:
            parts = [query.metric.name]
            if differ_in["dimensions"]:
                parts.extend(value for _, value in query.metric.dimensions)
            if differ_in["statistic"]:
                parts.append(query.statistic.text)
            if differ_in["period"]:
                parts.append(str(query.period))
            labels[query.id] = " ".join(parts)
    return labels


def _page(results: Sequence[_Result], position: int, size: int, mark: str, *, descending: bool) -> Answer:
    """Return ``size`` points from ``position`` on, counted over all series; a series cut short is PartialData."""
    answers: list[dict[str, Any]] = []
    seen = 0
    end = position + size
    for result in results:
        first, seen = seen, seen + len(result.points)
        # A series without points belongs to the first page alone.
        if not (first < end and seen > position if result.points else position == 0):
            continue
        stamps = sorted(result.points, reverse=descending)[max(0, position - first) : end - first]
        answer: dict[str, Any] = {
            "Id": result.query.id,
            "Label": result.label,
            "Timestamps": [moment(at) for at in stamps],
            "Values": [result.points[at] for at in stamps],
            "StatusCode": "Complete" if seen <= end or not result.points else "PartialData",
        }
        if result.messages:
            answer["Messages"] = [dict(message) for message in result.messages]
        answers.append(answer)
    answer_page: Answer = {"MetricDataResults": answers, "Messages": []}
    if seen > end:
        answer_page["NextToken"] = make_token(end, mark)
    return answer_page
