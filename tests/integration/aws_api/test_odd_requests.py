"""Requests that the model allows but nobody means: the real monitoring refuses or does them, and lives."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAME = st.sampled_from(["a", "b", "../../etc", "a\x00b", "$(reboot)", "x" * 255, "\u0645", "a\nb"]) | TEXT
NUMBER = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, 1.0, "NaN", "Infinity", "-Infinity", 1e308]
)
#: Seconds since the epoch, from the first year to the last and beyond both.
MOMENT = st.integers(-(10**12), 10**12) | st.sampled_from([0, 1767225600])
DIMENSIONS = st.lists(st.fixed_dictionaries({"Name": NAME, "Value": NAME}), max_size=2)
PERIOD = st.sampled_from([1, 5, 7, 10, 30, 60, 300, 3600, 86400, 2**31 - 1])
STATISTIC = st.sampled_from(["Average", "Sum", "p99", "p0", "TM(10%:90%)", "IQM", "PR(1:2)", "x"])
COMPARISON = st.sampled_from(["GreaterThanThreshold", "LessThanLowerOrGreaterThanUpperThreshold"])
EXPRESSION = st.sampled_from(
    ["a", "a+b", "a/0", "SUM(METRICS())", "IF(a>1,a,b)", "FILL(a,0)", "ANOMALY_DETECTION_BAND(a,2)", "(((a",
     "a^999^999", "LOG(a)", "-" * 250 + "a", "(" * 120 + "a" + ")" * 120, "SLICE(METRICS(),0,1)",
     "SELECT AVG(x) FROM y"]
)  # fmt: skip
METRIC_STAT = st.fixed_dictionaries(
    {
        "Metric": st.fixed_dictionaries({"Namespace": NAME, "MetricName": NAME}, optional={"Dimensions": DIMENSIONS}),
        "Period": PERIOD,
        "Stat": STATISTIC,
    }
)
QUERY = st.fixed_dictionaries(
    {"Id": st.sampled_from(["a", "b", "A", "1"])},
    optional={"MetricStat": METRIC_STAT, "Expression": EXPRESSION, "ReturnData": st.booleans(), "Period": PERIOD},
)
DATUM = st.fixed_dictionaries(
    {"MetricName": NAME},
    optional={
        "Dimensions": DIMENSIONS,
        "Timestamp": MOMENT,
        "Value": NUMBER,
        "Values": st.lists(NUMBER, max_size=3),
        "Counts": st.lists(NUMBER, max_size=3),
        "StatisticValues": st.fixed_dictionaries(
            {"SampleCount": NUMBER, "Sum": NUMBER, "Minimum": NUMBER, "Maximum": NUMBER}
        ),
        "StorageResolution": st.sampled_from([1, 7, 60]),
    },
)
RULE = st.sampled_from(
    ["TRUE", "NOT TRUE", "ALARM(a)", "ALARM(", "(" * 400 + "TRUE" + ")" * 400, "NOT " * 2000 + "TRUE",
     "TRUE AND " * 1000 + "TRUE", "AT_LEAST(1,ALARM,(a,b))", "AT_LEAST(50%, NOT OK, (\"a\"))", "\x00"]
)  # fmt: skip
REQUESTS: dict[str, st.SearchStrategy[Any]] = {
    "PutMetricData": st.fixed_dictionaries({"Namespace": NAME, "MetricData": st.lists(DATUM, min_size=1, max_size=3)}),
    "PutMetricAlarm": st.fixed_dictionaries(
        {
            "AlarmName": NAME,
            "EvaluationPeriods": st.sampled_from([1, 3, 2**31 - 1]),
            "ComparisonOperator": COMPARISON,
        },
        optional={
            "Threshold": NUMBER,
            "Namespace": NAME,
            "MetricName": NAME,
            "Dimensions": DIMENSIONS,
            "Period": PERIOD,
            "Statistic": st.just("Sum"),
            "ExtendedStatistic": STATISTIC,
            "Metrics": st.lists(QUERY, max_size=3),
            "DatapointsToAlarm": st.sampled_from([1, 5]),
            "ThresholdMetricId": st.sampled_from(["a", "b"]),
        },
    ),
    "PutCompositeAlarm": st.fixed_dictionaries(
        {"AlarmName": NAME, "AlarmRule": RULE},
        optional={"ActionsSuppressor": NAME, "ActionsSuppressorWaitPeriod": st.integers(-5, 10**9)},
    ),
    "GetMetricData": st.fixed_dictionaries(
        {"MetricDataQueries": st.lists(QUERY, min_size=1, max_size=3), "StartTime": MOMENT, "EndTime": MOMENT},
        optional={"MaxDatapoints": st.sampled_from([1, 2**31 - 1]), "NextToken": TEXT},
    ),
    "GetMetricStatistics": st.fixed_dictionaries(
        {"Namespace": NAME, "MetricName": NAME, "StartTime": MOMENT, "EndTime": MOMENT, "Period": PERIOD},
        optional={"Statistics": st.just(["Sum"]), "ExtendedStatistics": st.lists(STATISTIC, min_size=1, max_size=2)},
    ),
    "DescribeAlarmHistory": st.fixed_dictionaries(
        {}, optional={"StartDate": MOMENT, "EndDate": MOMENT, "NextToken": TEXT, "AlarmName": NAME}
    ),
    "DescribeAlarms": st.fixed_dictionaries(
        {},
        optional={"AlarmNamePrefix": NAME, "ChildrenOfAlarmName": NAME, "ParentsOfAlarmName": NAME, "NextToken": TEXT},
    ),
    "SetAlarmState": st.fixed_dictionaries(
        {"AlarmName": NAME, "StateValue": st.sampled_from(["OK", "ALARM"]), "StateReason": NAME},
        optional={"StateReasonData": st.sampled_from(["{}", '"x"', "{", "NaN", "[" * 2000 + "]" * 2000])},
    ),
    "TagResource": st.fixed_dictionaries(
        {
            "ResourceARN": st.sampled_from(["arn:aws:cloudwatch:us-east-1:000000000000:alarm:a", "x", "arn:" * 100]),
            "Tags": st.lists(st.fixed_dictionaries({"Key": NAME, "Value": NAME}), max_size=2),
        }
    ),
}


@pytest.mark.parametrize("operation", REQUESTS)
def test_odd_request_is_refused_or_done_never_a_500(operation: str, open_endpoint: Any) -> None:
    connection = http.client.HTTPConnection(urlsplit(open_endpoint.url).netloc, timeout=30)
    head = {"X-Amz-Target": f"GraniteServiceVersion20100801.{operation}", "Content-Type": "application/x-amz-json-1.0"}

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
    @given(REQUESTS[operation])
    def check(parameters: dict[str, Any]) -> None:
        connection.request("POST", "/", orjson.dumps(parameters), head)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status in (200, 400, 404), body
        if answer.status != 200:
            assert "#" in orjson.loads(body)["__type"]

    try:
        check()
    finally:
        connection.close()
