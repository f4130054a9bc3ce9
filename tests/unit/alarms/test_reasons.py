"""Reasons and reason data, word for word: what was recorded from CloudWatch, and the table of its wordings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.definitions import Comparison, MetricAlarm, MetricRef, MetricStat, MissingData
from wakeless.alarms.evaluate import judge, judge_band, next_state
from wakeless.alarms.reasons import MAX_REASON, MAX_REASON_DATA, Evidence, child_changed, explain, triggering

OK, ALARM, NO_DATA = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
Values = Sequence[float | None]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def alarm(
    n: int,
    m: int | None,
    threshold: float | None = 50.0,
    *,
    missing: MissingData | None = None,
    comparison: Comparison = Comparison.GREATER,
    period: int = 60,
    unit: str | None = None,
    math: bool = False,
) -> MetricAlarm:
    stat = MetricStat(metric=MetricRef("App", "load"), period=period, stat="Average", unit=unit)
    return MetricAlarm(
        name="load",
        evaluation_periods=n,
        datapoints_to_alarm=m,
        threshold=threshold,
        comparison=comparison,
        treat_missing_data=missing,
        stat=None if math else stat,
    )


def seen(definition: MetricAlarm, values: Values, start: str, *, math: bool = False) -> Evidence:
    return Evidence(
        start=int(moment(start).timestamp()),
        period=10 if definition.stat and definition.stat.period == 10 else 60,
        values=values,
        breaching=judge(values, definition.comparison, definition.threshold or 0.0),
        counts=None if math else [None if value is None else 1.0 for value in values],
    )


def why(definition: MetricAlarm, state: AlarmState, values: Values, start: str = "2026-01-01T00:00:00") -> str:
    return explain(definition, state, seen(definition, values, start), moment("2026-01-01T00:04:12.295"))[0]


NONE = None
T = "Threshold Crossed: "
# N, M, threshold, treatment, state, values (the oldest begins at 00:00), reason.
WORDINGS: list[tuple[int, int | None, float, str | None, AlarmState, Values, str]] = [
    (3, 2, 90, None, ALARM, [61.0, 61.0, 92.25, 93.5], T + "2 out of the last 3 datapoints [93.5 (01/01/26 00:03:00), "
     "92.25 (01/01/26 00:02:00)] were greater than the threshold (90.0) "
     "(minimum 2 datapoints for OK -> ALARM transition)."),
    (3, 2, 90, None, OK, [93.5, 93.5, 61.0, 40.5], T + "2 out of the last 3 datapoints [40.5 (01/01/26 00:03:00), "
     "61.0 (01/01/26 00:02:00)] were not greater than the threshold (90.0) "
     "(minimum 2 datapoints for ALARM -> OK transition)."),
    (3, None, 60, None, ALARM, [1.0, 61.0, 61.25, 61.5], T + "3 datapoints [61.5 (01/01/26 00:03:00), "
     "61.25 (01/01/26 00:02:00), 61.0 (01/01/26 00:01:00)] were greater than the threshold (60.0)."),
    (1, None, 21, None, ALARM, [21.5], T + "1 datapoint [21.5 (01/01/26 00:00:00)] was greater than the threshold "
     "(21.0)."),
    (3, None, 60, None, OK, [61.0, 61.0, 3.0], T + "1 datapoint [3.0 (01/01/26 00:02:00)] was not greater than the "
     "threshold (60.0)."),
    (2, None, 50, "breaching", ALARM, [NONE, NONE], T + "no datapoints were received for 2 periods and "
     "2 missing datapoints were treated as [Breaching]."),
    (1, None, 50, "notBreaching", OK, [NONE], T + "no datapoints were received for 1 period and "
     "1 missing datapoint was treated as [NonBreaching]."),
    (2, 2, 50, "notBreaching", OK, [NONE, NONE], T + "no datapoints were received for 2 periods and "
     "2 missing datapoints were treated as [NonBreaching]."),
    (3, 3, 50, "breaching", OK, [NONE, NONE, NONE, 0.0], T + "1 out of the last 3 datapoints [0.0 (01/01/26 00:03:00)] "
     "was not greater than the threshold (50.0) and 2 missing datapoints were treated as [Breaching] "
     "(minimum 1 datapoint for ALARM -> OK transition)."),
    (3, 3, 50, "breaching", ALARM, [NONE, 100.0, 100.0, NONE], T + "2 out of the last 3 datapoints "
     "[100.0 (01/01/26 00:02:00), 100.0 (01/01/26 00:01:00)] were greater than the threshold (50.0) and "
     "1 missing datapoint was treated as [Breaching] (minimum 3 datapoints for OK -> ALARM transition)."),
    (20, 1, 1, "notBreaching", ALARM, [613.0], T + "1 out of the last 20 datapoints [613.0 (01/01/26 00:00:00)] "
     "was greater than the threshold (1.0) and 19 missing datapoints were treated as [NonBreaching] "
     "(minimum 1 datapoint for OK -> ALARM transition)."),
    (3, None, 50, "breaching", OK, [NONE, NONE, 0.0], T + "1 datapoint was received for 3 periods and "
     "2 missing datapoints were treated as [Breaching]."),
    # Nothing that was received speaks for the ALARM.
    (3, 2, 50, "breaching", ALARM, [NONE, NONE, 0.0], T + "1 datapoint was received for 3 periods and "
     "2 missing datapoints were treated as [Breaching]."),
    (3, 2, 50, None, ALARM, [NONE, 100.0, NONE], T + "1 out of the last 3 datapoints [100.0 (01/01/26 00:01:00)] "
     "was greater than the threshold (50.0) (minimum 2 datapoints for OK -> ALARM transition)."),
    (3, None, 50, None, NO_DATA, [NONE] * 8, "Insufficient Data: 3 datapoints were unknown."),
    (1, None, 50, None, NO_DATA, [NONE] * 6, "Insufficient Data: 1 datapoint was unknown."),
    (3, 3, 50, None, NO_DATA, [NONE, NONE, NONE, NONE, 99.0], "Insufficient Data: 2 datapoints were unknown."),
]  # fmt: skip


@pytest.mark.parametrize(("n", "m", "threshold", "missing", "state", "values", "reason"), WORDINGS)
def test_every_wording(
    n: int, m: int | None, threshold: float, missing: str | None, state: AlarmState, values: Values, reason: str
) -> None:
    definition = alarm(n, m, threshold, missing=MissingData(missing) if missing else None)
    assert why(definition, state, values) == reason


@pytest.mark.parametrize(
    ("comparison", "phrase"),
    [
        (Comparison.GREATER_OR_EQUAL, "greater than or equal to"),
        (Comparison.GREATER, "greater than"),
        (Comparison.LESS, "less than"),
        (Comparison.LESS_OR_EQUAL, "less than or equal to"),
    ],
)
def test_every_operator_has_its_phrase(comparison: Comparison, phrase: str) -> None:
    value = 60.0 if comparison in (Comparison.GREATER_OR_EQUAL, Comparison.GREATER) else 40.0
    definition = alarm(1, None, comparison=comparison)
    assert f"was {phrase} the threshold (50.0)." in why(definition, ALARM, [value])
    assert f"was not {phrase} the threshold (50.0)." in why(definition, OK, [100.0 - value])


def test_a_band_has_its_own_words() -> None:
    definition = alarm(1, 1, None, comparison=Comparison.OUTSIDE_BAND, math=True)
    values, lower, upper = [3.0], [120.5], [340.75]
    evidence = Evidence(
        start=int(moment("2026-01-01T00:03:00").timestamp()),
        period=60,
        values=values,
        breaching=judge_band(values, lower, upper, Comparison.OUTSIDE_BAND),
        lower=lower,
        upper=upper,
    )
    reason, data = explain(definition, ALARM, evidence, moment("2026-01-01T00:04:12.295"))
    assert reason == (
        "Thresholds Crossed: 1 out of the last 1 datapoints [3.0 (01/01/26 00:03:00)] was less than the lower "
        "thresholds [120.5] or greater than the upper thresholds [340.75] "
        "(minimum 1 datapoint for OK -> ALARM transition)."
    )
    told = json.loads(data)
    assert told["recentLowerThresholds"] == [120.5]
    assert told["recentUpperThresholds"] == [340.75]
    assert "threshold" not in told


def test_the_documented_reason_data() -> None:
    definition = alarm(3, 2, 90.0, unit="Percent")
    evidence = seen(definition, [NONE, 61.0, 92.25, 93.5], "2026-01-01T00:00:00")
    _, data = explain(definition, ALARM, evidence, moment("2026-01-01T00:04:12.295"))
    assert data == (
        '{"version":"1.0","queryDate":"2026-01-01T00:04:12.295+0000","startDate":"2026-01-01T00:01:00.000+0000",'
        '"unit":"Percent","statistic":"Average","period":60,"recentDatapoints":[61.0,92.25,93.5],"threshold":90.0,'
        '"evaluatedDatapoints":[{"timestamp":"2026-01-01T00:03:00.000+0000","sampleCount":1.0,"value":93.5},'
        '{"timestamp":"2026-01-01T00:02:00.000+0000","sampleCount":1.0,"value":92.25}]}'
    )


# Recorded: M of 3, state, values of 9 slots of 10 s, label of the newest, when it was evaluated; what was told.
RECORDED: list[tuple[int, AlarmState, Values, str, list[float | None], list[tuple[str, float | None]]]] = [
    (2, OK, [0, 100, *[NONE] * 7], "05:43:50", [0, 100], [("05:43:50", NONE), ("05:42:30", 0)]),
    (2, ALARM, [100, *[NONE] * 8], "05:44:00", [100], [("05:44:00", NONE), ("05:42:40", 100)]),
    (3, NO_DATA, [NONE] * 9, "05:44:10", [], [("05:44:10", NONE), ("05:44:00", NONE), ("05:43:50", NONE)]),
    (2, NO_DATA, [NONE] * 9, "05:44:10", [], [("05:44:10", NONE), ("05:44:00", NONE)]),
    (2, ALARM, [*[NONE] * 7, 100, NONE], "05:47:00", [100], [("05:47:00", NONE), ("05:46:50", 100)]),
    (3, ALARM, [*[NONE] * 6, 100, NONE, NONE], "05:47:10", [100],
     [("05:47:10", NONE), ("05:47:00", NONE), ("05:46:50", 100)]),
    (3, OK, [*[NONE] * 5, 0, NONE, 100, NONE], "05:51:20", [0, NONE, 100], [("05:50:50", 0)]),
    (3, OK, [*[NONE] * 4, 0, NONE, 100, NONE, 100], "05:51:30", [0, NONE, 100, NONE, 100], [("05:50:50", 0)]),
    (2, ALARM, [*[NONE] * 4, 0, NONE, 100, NONE, 100], "05:51:30", [0, NONE, 100, NONE, 100],
     [("05:51:30", 100), ("05:51:10", 100)]),
    (3, ALARM, [NONE, 100, NONE, 100, *[NONE] * 5], "05:52:20", [100, NONE, 100],
     [("05:52:20", NONE), ("05:51:30", 100), ("05:51:10", 100)]),
]  # fmt: skip


@pytest.mark.parametrize(("m", "state", "values", "newest", "recent", "evaluated"), RECORDED)
def test_recorded_datapoints_are_told(
    m: int,
    state: AlarmState,
    values: Values,
    newest: str,
    recent: list[float | None],
    evaluated: list[tuple[str, float | None]],
) -> None:
    definition = alarm(3, m, period=10, unit="Count")
    last = moment(f"2026-09-14T{newest}")
    start = last.timestamp() - 10 * (len(values) - 1)
    evidence = Evidence(
        start=int(start),
        period=10,
        values=values,
        breaching=judge(values, definition.comparison, 50.0),
        counts=[None if value is None else 1.0 for value in values],
    )
    told = json.loads(explain(definition, state, evidence, last)[1])
    assert told["recentDatapoints"] == recent
    assert ("startDate" in told) is bool(recent)
    points = [(point["timestamp"][11:19], point.get("value")) for point in told["evaluatedDatapoints"]]
    assert points == evaluated
    assert all(("sampleCount" in point) is ("value" in point) for point in told["evaluatedDatapoints"])


def test_metric_math_has_neither_statistic_nor_sample_counts() -> None:
    definition = alarm(1, None, math=True)
    evidence = seen(definition, [60.0], "2026-01-01T00:00:00", math=True)
    told = json.loads(explain(definition, ALARM, evidence, moment("2026-01-01T00:01:10"))[1])
    assert "statistic" not in told
    assert told["evaluatedDatapoints"] == [{"timestamp": "2026-01-01T00:00:00.000+0000", "value": 60.0}]


VALUES = st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=300)


@given(VALUES, st.data(), st.sampled_from(list(MissingData)), st.booleans())
def test_reasons_always_fit_and_name_as_many_points_as_are_needed(
    values: list[float | None], data: st.DataObject, missing: MissingData, is_set: bool
) -> None:
    n = data.draw(st.integers(1, len(values)))
    m = data.draw(st.integers(1, n)) if is_set else None
    definition = alarm(n, m, missing=missing)
    evidence = seen(definition, values, "2026-01-01T00:00:00")
    state = next_state(evidence.breaching, n, m or n, missing, NO_DATA)
    reason, text = explain(definition, state, evidence, moment("2026-01-02T00:00:00"))
    told = json.loads(text)
    assert len(reason) <= MAX_REASON
    assert len(text) <= MAX_REASON_DATA
    assert len(told["evaluatedDatapoints"]) <= (n - (m or n) + 1 if state is OK else (m or n))
    stamps = [point["timestamp"] for point in told["evaluatedDatapoints"]]
    assert stamps == sorted(stamps, reverse=True)


def test_a_composite_alarm_says_which_child_moved_and_when() -> None:
    arn = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:child"
    at = moment("2026-01-01T00:04:12.301")
    assert child_changed(arn, ALARM, at) == f"{arn} transitioned to ALARM at Thursday 01 January, 2026 00:04:12 UTC"
    assert triggering([]) == '{"triggeringAlarms":[]}'
    assert json.loads(triggering([(arn, ALARM, at)])) == {
        "triggeringAlarms": [{"arn": arn, "state": {"value": "ALARM", "timestamp": "2026-01-01T00:04:12.301+0000"}}]
    }
