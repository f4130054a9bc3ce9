"""Why an alarm is in its state: StateReason and StateReasonData, word for word as CloudWatch writes them.

People grep these texts, and programs parse the data. Recorded wording is listed in
docs/decisions/0031-reasons-as-recorded.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.definitions import Comparison, MetricAlarm, MissingData
from wakeless.alarms.evaluate import to_datetime
from wakeless.alarms.text import compact, decimal, long_date, plural, short_date, timestamp

#: Longest texts that the API's model allows.
MAX_REASON = 1_023
MAX_REASON_DATA = 4_000

_PHRASES = {
    Comparison.GREATER_OR_EQUAL: "greater than or equal to",
    Comparison.GREATER: "greater than",
    Comparison.LESS: "less than",
    Comparison.LESS_OR_EQUAL: "less than or equal to",
}
_TREATED = {MissingData.BREACHING: "Breaching", MissingData.NOT_BREACHING: "NonBreaching"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The slots that an evaluation looked at, oldest first; all lists are equally long."""

    #: Start of the oldest slot, seconds since the epoch.
    start: int
    #: Seconds.
    period: int
    values: Sequence[float | None]
    #: Whether each datapoint is breaching; None where there is none.
    breaching: Sequence[bool | None]
    #: Samples in each slot; None for metric math, which has no such number.
    counts: Sequence[float | None] | None = None
    #: The anomaly detection band, where there is one.
    lower: Sequence[float | None] | None = None
    upper: Sequence[float | None] | None = None

    def at(self, slot: int) -> datetime:
        """Return when ``slot`` begins, which is how its datapoint is labelled."""
        return to_datetime(self.start + slot * self.period)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Which slots speak for the new state."""

    #: Slots with a datapoint among those that count, oldest first.
    real: list[int]
    #: The newest slots that were enough for the state, newest first.
    decisive: list[int]
    #: How many of them the state needs.
    needed: int
    #: Periods for which a datapoint was invented.
    missing: int


def explain(alarm: MetricAlarm, state: AlarmState, evidence: Evidence, queried_at: datetime) -> tuple[str, str]:
    """Return StateReason and StateReasonData (JSON text) of an alarm that enters ``state``."""
    verdict = _verdict(alarm, state, evidence.breaching)
    return _reason(alarm, state, evidence, verdict)[:MAX_REASON], _data(alarm, evidence, verdict, queried_at)


def _verdict(alarm: MetricAlarm, state: AlarmState, breaching: Sequence[bool | None]) -> _Verdict:
    n, m = alarm.evaluation_periods, alarm.needed
    real = [slot for slot, verdict in enumerate(breaching) if verdict is not None][-n:]
    # An ALARM ends when fewer than M of the newest N breach, which is when N - M + 1 are good.
    needed = n - m + 1 if state is AlarmState.OK else m
    decisive: list[int] = []
    if state is not AlarmState.INSUFFICIENT_DATA:
        wanted = state is AlarmState.ALARM
        decisive = [slot for slot in reversed(real) if breaching[slot] is wanted][:needed]
    return _Verdict(real, decisive, needed, n - len(real))


def _reason(alarm: MetricAlarm, state: AlarmState, evidence: Evidence, verdict: _Verdict) -> str:
    if state is AlarmState.INSUFFICIENT_DATA:
        return f"Insufficient Data: {_count_and_verb(verdict.missing)} unknown."
    treated = _TREATED.get(alarm.missing_data)
    filled = bool(verdict.missing) and treated is not None
    title = "Threshold Crossed" if evidence.lower is None else "Thresholds Crossed"
    missing = ""
    if filled:
        verb = "was" if verdict.missing == 1 else "were"
        missing = f" and {plural(verdict.missing, 'missing datapoint')} {verb} treated as [{treated}]"
    if not verdict.decisive or (filled and alarm.datapoints_to_alarm is None):
        return f"{title}: {_received(alarm, verdict)}{missing}."
    listed = ", ".join(
        f"{decimal(value)} ({short_date(evidence.at(slot))})"
        for slot in verdict.decisive
        if (value := evidence.values[slot]) is not None
    )
    crossed = _crossed(alarm, state, evidence, verdict)
    verb = "was" if len(verdict.decisive) == 1 else "were"
    if alarm.datapoints_to_alarm is None:
        return f"{title}: {plural(len(verdict.decisive), 'datapoint')} [{listed}] {verb} {crossed}{missing}."
    direction = "ALARM -> OK" if state is AlarmState.OK else "OK -> ALARM"
    return (
        f"{title}: {len(verdict.decisive)} out of the last {alarm.evaluation_periods} datapoints [{listed}] "
        f"{verb} {crossed}{missing} (minimum {plural(verdict.needed, 'datapoint')} for {direction} transition)."
    )


def _received(alarm: MetricAlarm, verdict: _Verdict) -> str:
    periods = plural(alarm.evaluation_periods, "period")
    if not verdict.real:
        return f"no datapoints were received for {periods}"
    return f"{_count_and_verb(len(verdict.real))} received for {periods}"


def _count_and_verb(count: int) -> str:
    return f"{plural(count, 'datapoint')} {'was' if count == 1 else 'were'}"


def _crossed(alarm: MetricAlarm, state: AlarmState, evidence: Evidence, verdict: _Verdict) -> str:
    negation = "not " if state is AlarmState.OK else ""
    if evidence.lower is None or evidence.upper is None:
        phrase = _PHRASES.get(alarm.comparison, alarm.comparison)
        return f"{negation}{phrase} the threshold ({decimal(alarm.threshold or 0.0)})"
    sides = []
    if alarm.comparison is not Comparison.ABOVE_BAND:
        sides.append(f"{negation}less than the lower thresholds [{_listed(evidence.lower, verdict.decisive)}]")
    if alarm.comparison is not Comparison.BELOW_BAND:
        sides.append(f"{negation}greater than the upper thresholds [{_listed(evidence.upper, verdict.decisive)}]")
    return " or ".join(sides)


def _listed(values: Sequence[float | None], slots: Sequence[int]) -> str:
    return ", ".join(decimal(value) for slot in slots if (value := values[slot]) is not None)


def _data(alarm: MetricAlarm, evidence: Evidence, verdict: _Verdict, queried_at: datetime) -> str:
    data: dict[str, object] = {"version": "1.0", "queryDate": timestamp(queried_at)}
    recent = list(range(verdict.real[0], verdict.real[-1] + 1)) if verdict.real else []
    if recent:
        data["startDate"] = timestamp(evidence.at(recent[0]))
    if alarm.stat is not None:
        if alarm.stat.unit is not None:
            data["unit"] = alarm.stat.unit
        data["statistic"] = alarm.stat.stat
    data["period"] = evidence.period
    data["recentDatapoints"] = [evidence.values[slot] for slot in recent]
    if evidence.lower is not None and evidence.upper is not None:
        data["recentLowerThresholds"] = [evidence.lower[slot] for slot in recent]
        data["recentUpperThresholds"] = [evidence.upper[slot] for slot in recent]
    else:
        data["threshold"] = alarm.threshold
    data["evaluatedDatapoints"] = _evaluated(evidence, verdict)
    text = compact(data)
    # Hundreds of periods do not fit: the oldest go first, the decision stays readable.
    while len(text) > MAX_REASON_DATA:
        for key in ("recentDatapoints", "recentLowerThresholds", "recentUpperThresholds"):
            if key in data:
                items = data[key]
                assert isinstance(items, list)
                data[key] = items[(len(items) + 1) // 2 :]
        points = data["evaluatedDatapoints"]
        assert isinstance(points, list)
        data["evaluatedDatapoints"] = points[: len(points) // 2]
        text = compact(data)
    return text


def _evaluated(evidence: Evidence, verdict: _Verdict) -> list[dict[str, object]]:
    slots = list(verdict.decisive)
    lacking = verdict.needed - len(slots)
    for slot in range(len(evidence.values) - 1, -1, -1):
        if lacking <= 0:
            break
        if evidence.values[slot] is None:
            slots.append(slot)
            lacking -= 1
    points: list[dict[str, object]] = []
    for slot in sorted(slots, reverse=True):
        point: dict[str, object] = {"timestamp": timestamp(evidence.at(slot))}
        if evidence.values[slot] is not None:
            if evidence.counts is not None:
                point["sampleCount"] = evidence.counts[slot]
            point["value"] = evidence.values[slot]
        points.append(point)
    return points


def child_changed(child_arn: str, state: AlarmState, at: datetime) -> str:
    """Return the reason of a composite alarm that changed because a child did."""
    return f"{child_arn} transitioned to {state} at {long_date(at)}"


def rule_created(arn: str, state: AlarmState) -> str:
    """Return the reason of a new composite alarm's first state."""
    return f"{arn} was created and its alarm rule evaluates to {state}"


def rule_updated(arn: str, state: AlarmState) -> str:
    """Return the reason of a composite alarm that changed because its rule did."""
    return f"{arn} was updated and its new alarm rule evaluates to {state}"


def triggering(alarms: Sequence[tuple[str, AlarmState, datetime]]) -> str:
    """Return a composite alarm's StateReasonData from the (ARN, state, since when) of the alarms that caused it."""
    return compact(
        {
            "triggeringAlarms": [
                {"arn": arn, "state": {"value": str(state), "timestamp": timestamp(at)}} for arn, state, at in alarms
            ]
        }
    )
