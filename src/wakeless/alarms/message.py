"""The message that CloudWatch publishes for a state change, and the `Alarm` record made from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.alarms.definitions import AlarmRecord, MetricAlarm, MetricQuery, MetricRef
from wakeless.alarms.describe import upper_statistic
from wakeless.alarms.inbound.regions import _LONG_NAMES as _REGIONS
from wakeless.alarms.text import timestamp

SOURCE = "embedded"
#: Children that a composite alarm's message names at most.
MAX_CHILDREN = 10

#: (ARN, state, since when) of the alarms that made a composite alarm change.
Triggering = Sequence[tuple[str, AlarmState, datetime]]


def fingerprint_of(arn: str) -> str:
    """Return the fingerprint of an alarm of our own evaluator."""
    return f"{SOURCE}:{arn}"


def alarm_message(
    record: AlarmRecord, previous: AlarmState, *, account: str, region: str, triggering: Triggering = ()
) -> dict[str, Any]:
    """Return what an SNS subscriber would find in ``Message``."""
    alarm, status = record.definition, record.status
    message: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account,
    }
    if isinstance(alarm, MetricAlarm):
        message["AlarmConfigurationUpdatedTimestamp"] = timestamp(record.configured_at)
    message |= {
        "NewStateValue": str(status.state),
        "NewStateReason": status.reason,
        "StateChangeTime": timestamp(status.transitioned_at),
        "Region": _REGIONS.get(region, region),
        "AlarmArn": record.arn,
        "OldStateValue": str(previous),
        "ActionExecutedAfterMuteWindow": False,
        "OKActions": list(alarm.actions.ok),
        "AlarmActions": list(alarm.actions.alarm),
        "InsufficientDataActions": list(alarm.actions.insufficient_data),
    }
    if isinstance(alarm, MetricAlarm):
        message["Trigger"] = _trigger(alarm)
        return message
    message["AlarmRule"] = alarm.rule
    message["TriggeringChildren"] = [
        {"Arn": arn, "State": {"Value": str(state), "Timestamp": timestamp(at)}}
        for arn, state, at in triggering[:MAX_CHILDREN]
    ]
    return message


def _trigger(alarm: MetricAlarm) -> dict[str, Any]:
    trigger: dict[str, Any] = {}
    if alarm.stat is not None:
        stat = alarm.stat
        trigger = {"MetricName": stat.metric.name, "Namespace": stat.metric.namespace}
        if alarm.extended:
            trigger |= {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": stat.stat}
        else:
            trigger |= {"StatisticType": "Statistic", "Statistic": upper_statistic(stat.stat)}
        trigger |= {"Unit": stat.unit, "Dimensions": _dimensions(stat.metric)}
    trigger |= {"Period": alarm.period, "EvaluationPeriods": alarm.evaluation_periods}
    if alarm.datapoints_to_alarm is not None:
        trigger["DatapointsToAlarm"] = alarm.datapoints_to_alarm
    trigger["ComparisonOperator"] = str(alarm.comparison)
    if alarm.threshold_metric_id is not None:
        trigger["ThresholdMetricId"] = alarm.threshold_metric_id
    else:
        trigger["Threshold"] = alarm.threshold
    trigger["TreatMissingData"] = "" if alarm.treat_missing_data is None else str(alarm.treat_missing_data)
    trigger["EvaluateLowSampleCountPercentile"] = alarm.low_sample_percentile or ""
    if alarm.stat is None:
        trigger["Metrics"] = [_query(query) for query in alarm.queries]
    return trigger


def _query(query: MetricQuery) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if query.expression is not None:
        entry["Expression"] = query.expression
    entry["Id"] = query.id
    if query.label is not None:
        entry["Label"] = query.label
    if query.stat is not None:
        metric = {
            "Dimensions": _dimensions(query.stat.metric),
            "MetricName": query.stat.metric.name,
            "Namespace": query.stat.metric.namespace,
        }
        entry["MetricStat"] = {"Metric": metric, "Period": query.stat.period, "Stat": query.stat.stat}
        if query.stat.unit is not None:
            entry["MetricStat"]["Unit"] = query.stat.unit
    entry["ReturnData"] = query.return_data is not False
    return entry


def _dimensions(metric: MetricRef) -> list[dict[str, str]]:
    return [{"value": value, "name": name} for name, value in metric.dimensions]


def to_alarm(record: AlarmRecord, previous: AlarmState, message: dict[str, Any], *, account: str, region: str) -> Alarm:
    """Return the report of a state change that the incident intake takes."""
    alarm, status = record.definition, record.status
    fingerprint = fingerprint_of(record.arn)
    metric: MetricRef | None = None
    dimensions: dict[str, str] = {}
    if isinstance(alarm, MetricAlarm) and alarm.stats:
        metric = alarm.stats[0].metric
        # A metric math alarm is about all the resources that its metrics name; the first wins where they differ.
        for stat in reversed(alarm.stats):
            dimensions |= dict(stat.metric.dimensions)
    return Alarm(
        source=SOURCE,
        fingerprint=fingerprint,
        dedup_key=f"{fingerprint}|{status.state}|{status.transitioned_at.isoformat()}",
        state=status.state,
        previous_state=previous,
        name=alarm.name,
        changed_at=status.transitioned_at,
        reason=status.reason,
        description=alarm.description or "",
        arn=record.arn,
        account=account,
        region=region,
        namespace=metric.namespace if metric else None,
        metric=metric.name if metric else None,
        dimensions=dimensions,
        raw=message,
    )
