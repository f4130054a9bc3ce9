"""GetMetricStatistics, GetMetricData and ListMetrics over samples in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.metrics.bucket import Bucket, merge, of_value
from wakeless.metrics.data_query import get_metric_data
from wakeless.metrics.errors import (
    InvalidNextToken,
    InvalidParameterCombination,
    InvalidParameterValue,
    MetricsRefused,
    MissingParameter,
    ValidationFailed,
)
from wakeless.metrics.reading import Listing, ListingPage, list_metrics
from wakeless.metrics.recent import Units
from wakeless.metrics.series import MetricId
from wakeless.metrics.statistics_query import get_metric_statistics

NOW = datetime(2026, 3, 1, 12, 30, 20, tzinfo=UTC)
METRIC = MetricId("N", "latency", (("Host", "a"),))
DIMENSIONS = [{"Name": "Host", "Value": "a"}]


class Memory:
    """Samples in a list: a source for these tests."""

    def __init__(self) -> None:
        self.rows: list[tuple[MetricId, str, int, Bucket]] = []

    def put(self, minute: float, value: float, unit: str = "None", metric: MetricId = METRIC) -> None:
        """Put a value so many minutes after noon."""
        at = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(minutes=minute)
        self.rows.append((metric, unit, int(at.timestamp()), of_value(value)))

    def read_buckets(self, metric: MetricId, start: int, end: int) -> Units:
        found: dict[str, dict[int, list[Bucket]]] = {}
        for one, unit, at, bucket in self.rows:
            if one == metric and start <= at < end:
                found.setdefault(unit, {}).setdefault(at, []).append(bucket)
        return {unit: {at: merge(parts) for at, parts in buckets.items()} for unit, buckets in found.items()}

    def list_metrics(self, listing: Listing) -> ListingPage:
        metrics: Sequence[MetricId] = sorted({row[0] for row in self.rows})
        page = metrics[listing.after : listing.after + 2]
        return ListingPage(page, listing.after + 2 if len(metrics) > listing.after + 2 else None)


@pytest.fixture
def memory() -> Memory:
    return Memory()


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 3, 1, hour, minute, second, tzinfo=UTC)


def statistics(memory: Memory, **members: Any) -> list[dict[str, Any]]:
    request: dict[str, Any] = {
        "Namespace": "N",
        "MetricName": "latency",
        "Dimensions": DIMENSIONS,
        "StartTime": at(12, 0),
        "EndTime": at(12, 30),
        "Period": 60,
        "Statistics": ["Average"],
        **members,
    }
    request = {name: value for name, value in request.items() if value is not None}
    answer = get_metric_statistics(request, NOW, memory)
    assert answer["Label"] == "latency"
    return list(answer["Datapoints"])


def test_statistics_come_with_time_and_unit(memory: Memory) -> None:
    memory.put(1, 3.0)
    memory.put(1, 5.0)
    memory.put(2, 7.0)
    points = statistics(memory, Statistics=["Average", "SampleCount", "Sum", "Minimum", "Maximum"])
    assert points == [
        {
            "Timestamp": at(12, 1),
            "Average": 4.0,
            "SampleCount": 2.0,
            "Sum": 8.0,
            "Minimum": 3.0,
            "Maximum": 5.0,
            "Unit": "None",
        },
        {
            "Timestamp": at(12, 2),
            "Average": 7.0,
            "SampleCount": 1.0,
            "Sum": 7.0,
            "Minimum": 7.0,
            "Maximum": 7.0,
            "Unit": "None",
        },
    ]


def test_extended_statistics_stand_in_a_map_of_their_own(memory: Memory) -> None:
    for value in range(1, 11):
        memory.put(1, float(value))
    [point] = statistics(memory, Statistics=None, ExtendedStatistics=["p90", "TM(10%:90%)"])
    assert point == {"Timestamp": at(12, 1), "Unit": "None", "ExtendedStatistics": {"p90": 9.0, "TM(10%:90%)": 5.5}}


def test_a_percentile_that_does_not_exist_is_no_datapoint(memory: Memory) -> None:
    memory.put(1, -1.0)
    assert statistics(memory, Statistics=None, ExtendedStatistics=["p90"]) == []


def test_units_stand_side_by_side(memory: Memory) -> None:
    memory.put(1, 1.0, "Seconds")
    memory.put(1, 1000.0, "Milliseconds")
    points = statistics(memory)
    assert {(point["Unit"], point["Average"]) for point in points} == {("Seconds", 1.0), ("Milliseconds", 1000.0)}
    assert [point["Average"] for point in statistics(memory, Unit="Seconds")] == [1.0]
    assert statistics(memory, Unit="Bytes") == []


def test_periods_begin_at_the_rounded_start(memory: Memory) -> None:
    memory.put(7, 1.0)
    memory.put(11, 2.0)
    memory.put(12, 4.0)
    points = statistics(memory, Period=300, StartTime=at(12, 7, 41), Statistics=["Sum"])
    assert [(point["Timestamp"], point["Sum"]) for point in points] == [(at(12, 7), 3.0), (at(12, 12), 4.0)]


def test_the_end_is_exclusive_and_the_start_inclusive(memory: Memory) -> None:
    for minute in (0, 1, 2):
        memory.put(minute, 1.0)
    points = statistics(memory, StartTime=at(12, 0), EndTime=at(12, 2))
    assert [point["Timestamp"] for point in points] == [at(12, 0), at(12, 1)]


def test_a_period_below_a_minute_shows_a_minutes_sample_once(memory: Memory) -> None:
    memory.put(29, 1.0)
    memory.put(29 + 25 / 60, 5.0)
    points = statistics(memory, Period=10, StartTime=at(12, 29))
    assert [(point["Timestamp"], point["Average"]) for point in points] == [(at(12, 29), 1.0), (at(12, 29, 20), 5.0)]


def test_what_is_too_old_for_a_period_is_not_shown(memory: Memory) -> None:
    memory.put(-4 * 60, 1.0)
    wide = {"StartTime": at(8, 0), "EndTime": at(8, 30)}
    assert statistics(memory, Period=10, **wide) == []
    assert len(statistics(memory, Period=60, **wide)) == 1
    memory.put(-20 * 24 * 60, 1.0)
    long_ago = {"StartTime": at(12, 0) - timedelta(days=20), "EndTime": at(12, 30) - timedelta(days=20)}
    assert statistics(memory, Period=60, **long_ago) == []
    assert len(statistics(memory, Period=300, **long_ago)) == 1


def test_an_unknown_metric_has_no_datapoints(memory: Memory) -> None:
    assert statistics(memory, MetricName="latency", Namespace="Other") == []


@pytest.mark.parametrize(
    ("members", "error", "text"),
    [
        (
            {"StartTime": at(12, 0) - timedelta(days=60)},
            InvalidParameterCombination,
            "You have requested up to 86430 datapoints, which exceeds the limit of 1440. You may reduce the datapoints "
            "requested by increasing Period, or decreasing the time range.",
        ),
        (
            {"StartTime": at(12, 30)},
            InvalidParameterValue,
            "The parameter StartTime must be less than the parameter EndTime.",
        ),
        ({"Statistics": None}, MissingParameter, "Must specify either"),
        ({"ExtendedStatistics": ["p9"]}, InvalidParameterCombination, "mutually exclusive"),
        ({"Statistics": ["p9"]}, InvalidParameterValue, "Statistics.member.1 is invalid"),
        ({"Statistics": ["Sum"] * 6}, InvalidParameterValue, "size greater than 5"),
        ({"Statistics": None, "ExtendedStatistics": ["Sum"]}, InvalidParameterValue, "Sum"),
        ({"Statistics": None, "ExtendedStatistics": ["q9"]}, InvalidParameterValue, "q9"),
        ({"Period": 45}, InvalidParameterValue, "multiple of 60"),
        ({"Period": None}, MissingParameter, "Period is required"),
        ({"Unit": "Minutes"}, InvalidParameterValue, "Unit is invalid"),
        ({"MetricName": None}, MissingParameter, "MetricName is required"),
        ({"EndTime": None}, MissingParameter, "EndTime is required"),
    ],
)
def test_what_statistics_are_refused(
    memory: Memory, members: dict[str, Any], error: type[MetricsRefused], text: str
) -> None:
    # 60 days at a period of five minutes are rounded to five minutes; 86,430 are asked for at 60 s.
    with pytest.raises(error) as refused:
        statistics(memory, **members)
    assert text in str(refused.value)


def metric_query(query_id: str, stat: str = "Average", period: int = 60, **more: Any) -> dict[str, Any]:
    metric = {"Namespace": "N", "MetricName": more.pop("name", "latency"), "Dimensions": DIMENSIONS}
    stat_members = {"Metric": metric, "Period": period, "Stat": stat}
    if "unit" in more:
        stat_members["Unit"] = more.pop("unit")
    return {"Id": query_id, "MetricStat": stat_members, **more}


def data(memory: Memory, *queries: dict[str, Any], **members: Any) -> dict[str, Any]:
    request = {"MetricDataQueries": list(queries), "StartTime": at(12, 0), "EndTime": at(12, 5), **members}
    return get_metric_data(request, NOW, memory)


def results(memory: Memory, *queries: dict[str, Any], **members: Any) -> list[dict[str, Any]]:
    return list(data(memory, *queries, **members)["MetricDataResults"])


def test_data_comes_newest_first_unless_asked_otherwise(memory: Memory) -> None:
    for minute in (1, 2, 4):
        memory.put(minute, float(minute))
    [result] = results(memory, metric_query("m1"))
    assert result == {
        "Id": "m1",
        "Label": "latency",
        "Timestamps": [at(12, 4), at(12, 2), at(12, 1)],
        "Values": [4.0, 2.0, 1.0],
        "StatusCode": "Complete",
    }
    [result] = results(memory, metric_query("m1"), ScanBy="TimestampAscending")
    assert result["Values"] == [1.0, 2.0, 4.0]


def test_an_unknown_metric_is_complete_and_empty(memory: Memory) -> None:
    [result] = results(memory, metric_query("m1"))
    assert (result["Timestamps"], result["Values"], result["StatusCode"]) == ([], [], "Complete")


def test_expressions_see_hidden_metrics(memory: Memory) -> None:
    memory.put(1, 3.0)
    memory.put(2, 4.0)
    [result] = results(memory, metric_query("m1", ReturnData=False), {"Id": "e1", "Expression": "m1 * 10"})
    assert (result["Id"], result["Label"], result["Values"]) == ("e1", "e1", [40.0, 30.0])


def test_an_array_gives_a_series_for_each_metric(memory: Memory) -> None:
    memory.put(1, 3.0)
    queries = [metric_query("m1", "Sum"), metric_query("m2", "Maximum", ReturnData=False)]
    answer = results(memory, *queries, {"Id": "e1", "Expression": "METRICS() * 2", "Label": "Twice"})
    assert [(one["Id"], one["Label"], one["Values"]) for one in answer] == [
        ("m1", "latency Sum", [3.0]),
        ("e1", "Twice latency Sum", [6.0]),
        ("e1", "Twice latency Maximum", [6.0]),
    ]


def test_fill_covers_the_whole_range(memory: Memory) -> None:
    memory.put(2, 1.0)
    [result] = results(memory, metric_query("m1", ReturnData=False), {"Id": "e1", "Expression": "FILL(m1, 0)"})
    assert result["Values"] == [0.0, 0.0, 1.0, 0.0, 0.0]


def test_labels_tell_what_differs(memory: Memory) -> None:
    def labels(*queries: dict[str, Any]) -> list[str]:
        return [one["Label"] for one in results(memory, *queries)]

    assert labels(metric_query("m1", name="metric1")) == ["metric1"]
    assert labels(metric_query("m1", name="metric1"), metric_query("m2", "Sum", name="metric2")) == [
        "metric1 Average",
        "metric2 Sum",
    ]
    assert labels(metric_query("m1", "Sum", name="metric1"), metric_query("m2", "Average", 300, name="metric1")) == [
        "metric1 Sum 60",
        "metric1 Average 300",
    ]
    assert labels(metric_query("m1", Label="mine")) == ["mine"]


def test_of_several_units_one_is_chosen_and_all_are_named(memory: Memory) -> None:
    memory.put(1, 1000.0, "Milliseconds")
    memory.put(2, 1.0, "Seconds")
    [result] = results(memory, metric_query("m1"))
    assert result["Values"] == [1.0]
    assert result["Messages"] == [
        {"Code": "MultipleUnits", "Value": "Multiple units returned: '[Milliseconds, Seconds]'"}
    ]
    [result] = results(memory, metric_query("m1", unit="Milliseconds"))
    assert (result["Values"], "Messages" in result) == ([1000.0], False)


def test_pages_give_every_point_once(memory: Memory) -> None:
    for minute in range(5):
        memory.put(minute, float(minute))
    queries = [metric_query("m1"), metric_query("none", name="none"), metric_query("m2", "Sum")]
    pages: list[dict[str, Any]] = []
    token: dict[str, Any] = {}
    while True:
        answer = data(memory, *queries, MaxDatapoints=3, **token)
        pages.append(answer)
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    read = [(one["Id"], value) for page in pages for one in page["MetricDataResults"] for value in one["Values"]]
    assert read == [(query, float(minute)) for query in ("m1", "m2") for minute in (4, 3, 2, 1, 0)]
    assert [[(one["Id"], one["StatusCode"]) for one in page["MetricDataResults"]] for page in pages] == [
        [("m1", "PartialData"), ("none", "Complete")],
        [("m1", "Complete"), ("m2", "PartialData")],
        [("m2", "PartialData")],
        [("m2", "Complete")],
    ]


@pytest.mark.parametrize("token", ["x", "bm9uc2Vuc2U=", "WzEsICJ4Il0=", "é", "[" * 50])
def test_a_token_that_is_not_ours_is_refused(memory: Memory, token: str) -> None:
    with pytest.raises(InvalidNextToken):
        data(memory, metric_query("m1"), NextToken=token)


def test_a_token_of_another_question_is_refused(memory: Memory) -> None:
    for minute in range(3):
        memory.put(minute, 1.0)
    token = data(memory, metric_query("m1"), MaxDatapoints=1)["NextToken"]
    with pytest.raises(InvalidNextToken):
        data(memory, metric_query("m1", "Sum"), MaxDatapoints=1, NextToken=token)


@pytest.mark.parametrize(
    ("queries", "members", "error", "text"),
    [
        ([], {}, MissingParameter, "MetricDataQueries is required"),
        ([{"Id": "m1"}], {}, ValidationFailed, "exactly one of MetricStat and Expression"),
        ([{"Expression": "1"}], {}, MissingParameter, "Id is required"),
        ([{"Id": "e1", "Expression": "AVG(m1)"}, metric_query("m1")], {}, ValidationFailed, "the result is a number"),
        ([{"Id": "e1", "Expression": "m9"}], {}, ValidationFailed, "unknown id m9"),
        ([metric_query("m1", "Avg")], {}, InvalidParameterValue, "Avg"),
        ([metric_query("m1", period=7)], {}, InvalidParameterValue, "multiple of 60"),
        ([metric_query("m1", unit="x")], {}, InvalidParameterValue, "Unit"),
        ([metric_query("m1")] * 2, {}, ValidationFailed, "not unique"),
        ([metric_query("m1")], {"EndTime": at(12, 0)}, ValidationFailed, "StartTime must be less than"),
        ([metric_query("m1")], {"ScanBy": "x"}, InvalidParameterValue, "ScanBy"),
        ([metric_query("m1")], {"MaxDatapoints": 0}, InvalidParameterValue, "MaxDatapoints"),
        ([metric_query("m1")], {"StartTime": None}, MissingParameter, "StartTime is required"),
    ],
)
def test_what_data_is_refused(
    memory: Memory, queries: list[dict[str, Any]], members: dict[str, Any], error: type[MetricsRefused], text: str
) -> None:
    with pytest.raises(error) as refused:
        data(memory, *queries, **members)
    assert text in str(refused.value)


@given(
    st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)), st.sampled_from([1, 30, 60, 300, 86400])
)
def test_any_range_is_answered_or_refused(start: datetime, end: datetime, period: int) -> None:
    memory = Memory()
    memory.put(1, 1.0)
    queries = [metric_query("m1", period=period), {"Id": "e1", "Expression": "FILL(m1, 0)"}]
    try:
        get_metric_data({"MetricDataQueries": queries, "StartTime": start, "EndTime": end}, NOW, memory)
    except MetricsRefused:
        return


def test_metrics_are_listed_in_pages(memory: Memory) -> None:
    for name in ("a", "b", "c"):
        memory.put(0, 1.0, metric=MetricId("N", name, (("Host", "h"),)))
    first = list_metrics({}, NOW, memory)
    assert first["Metrics"][0] == {"Namespace": "N", "MetricName": "a", "Dimensions": [{"Name": "Host", "Value": "h"}]}
    second = list_metrics({"NextToken": first["NextToken"]}, NOW, memory)
    assert [metric["MetricName"] for metric in second["Metrics"]] == ["c"]
    assert "NextToken" not in second
    with pytest.raises(InvalidNextToken):
        list_metrics({"NextToken": first["NextToken"], "Namespace": "N"}, NOW, memory)


@pytest.mark.parametrize(
    "request_members",
    [{"RecentlyActive": "PT4H"}, {"Dimensions": [{"Name": "a"}] * 11}, {"Dimensions": [{"Value": "a"}]}],
)
def test_what_listings_are_refused(memory: Memory, request_members: dict[str, Any]) -> None:
    with pytest.raises(MetricsRefused):
        list_metrics(request_members, NOW, memory)
