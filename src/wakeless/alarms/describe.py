"""Alarms in the member names of CloudWatch's API, and in the words of its history and messages."""

from __future__ import annotations

from typing import Any

from wakeless.alarms.definitions import AlarmRecord, CompositeAlarm, MetricAlarm, MetricQuery, MetricRef, MetricStat
from wakeless.alarms.text import timestamp

#: Statistics in messages and history: upper case, words apart.
_UPPER = {"SampleCount": "SAMPLE_COUNT"}


def upper_statistic(stat: str) -> str:
    """Return ``AVERAGE`` for ``Average``; extended statistics stay as they are."""
    return _UPPER.get(stat, stat.upper()) if stat.isalpha() and stat != "IQM" else stat


def describe(record: AlarmRecord) -> dict[str, Any]:
    """Return an alarm as DescribeAlarms shows it; what was not set is left out."""
    alarm = record.definition
    return _describe_metric(record, alarm) if isinstance(alarm, MetricAlarm) else _describe_composite(record, alarm)


def _common(record: AlarmRecord) -> dict[str, Any]:
    alarm, status = record.definition, record.status
    return _present(
        AlarmName=alarm.name,
        AlarmArn=record.arn,
        AlarmDescription=alarm.description,
        AlarmConfigurationUpdatedTimestamp=record.configured_at,
        ActionsEnabled=alarm.actions.enabled,
        OKActions=list(alarm.actions.ok),
        AlarmActions=list(alarm.actions.alarm),
        InsufficientDataActions=list(alarm.actions.insufficient_data),
        StateValue=str(status.state),
        StateReason=status.reason,
        StateReasonData=status.reason_data,
        StateUpdatedTimestamp=status.updated_at,
        StateTransitionedTimestamp=status.transitioned_at,
        **alarm.extra,
    )


def _describe_metric(record: AlarmRecord, alarm: MetricAlarm) -> dict[str, Any]:
    described = _common(record) | metric_configuration(alarm)
    if record.status.evaluation_state is not None:
        described["EvaluationState"] = str(record.status.evaluation_state)
    return described


def metric_configuration(alarm: MetricAlarm) -> dict[str, Any]:
    """Return what a metric alarm looks at and when it fires, in the API's member names."""
    described: dict[str, Any] = {}
    if alarm.stat is not None:
        stat = alarm.stat
        described = _present(
            MetricName=stat.metric.name,
            Namespace=stat.metric.namespace,
            Statistic=None if alarm.extended else stat.stat,
            ExtendedStatistic=stat.stat if alarm.extended else None,
            Dimensions=_dimensions(stat.metric),
            Period=stat.period,
            Unit=stat.unit,
        )
    else:
        described["Dimensions"] = []
        described["Metrics"] = [_query(query) for query in alarm.queries]
    return described | _present(
        EvaluationPeriods=alarm.evaluation_periods,
        DatapointsToAlarm=alarm.datapoints_to_alarm,
        Threshold=alarm.threshold,
        ThresholdMetricId=alarm.threshold_metric_id,
        ComparisonOperator=str(alarm.comparison),
        TreatMissingData=None if alarm.treat_missing_data is None else str(alarm.treat_missing_data),
        EvaluateLowSampleCountPercentile=alarm.low_sample_percentile,
    )


def _describe_composite(record: AlarmRecord, alarm: CompositeAlarm) -> dict[str, Any]:
    status = record.status
    return _common(record) | _present(
        AlarmRule=alarm.rule,
        ActionsSuppressedBy=None if status.suppressed_by is None else str(status.suppressed_by),
        ActionsSuppressedReason=status.suppressed_reason,
        ActionsSuppressor=alarm.suppressor,
        ActionsSuppressorWaitPeriod=alarm.wait_period,
        ActionsSuppressorExtensionPeriod=alarm.extension_period,
    )


def _query(query: MetricQuery) -> dict[str, Any]:
    return _present(
        Id=query.id,
        MetricStat=None if query.stat is None else _metric_stat(query.stat),
        Expression=query.expression,
        Label=query.label,
        ReturnData=query.return_data,
        Period=query.period,
        AccountId=query.account_id,
    )


def _metric_stat(stat: MetricStat) -> dict[str, Any]:
    metric = {
        "Namespace": stat.metric.namespace,
        "MetricName": stat.metric.name,
        "Dimensions": _dimensions(stat.metric),
    }
    return _present(Metric=metric, Period=stat.period, Stat=stat.stat, Unit=stat.unit)


def _dimensions(metric: MetricRef) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in metric.dimensions]


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def document(record: AlarmRecord) -> dict[str, Any]:
    """Return an alarm as configuration history shows it."""
    alarm, status = record.definition, record.status
    head = _present(
        alarmName=alarm.name,
        alarmDescription=alarm.description,
        alarmArn=record.arn,
        alarmConfigurationUpdatedTimestamp=timestamp(record.configured_at),
    )
    tail = {
        "stateValue": str(status.state),
        "stateUpdatedTimestamp": timestamp(status.updated_at),
        "actionsEnabled": alarm.actions.enabled,
        "alarmActions": list(alarm.actions.alarm),
        "insufficientDataActions": list(alarm.actions.insufficient_data),
    }
    if isinstance(alarm, CompositeAlarm):
        tail["childStates"] = []
    tail["okactions"] = list(alarm.actions.ok)
    return head | _document_body(alarm) | tail


def _document_body(alarm: MetricAlarm | CompositeAlarm) -> dict[str, Any]:
    if isinstance(alarm, CompositeAlarm):
        return _present(
            alarmRule=alarm.rule,
            actionsSuppressor=alarm.suppressor,
            actionsSuppressorWaitPeriod=alarm.wait_period,
            actionsSuppressorExtensionPeriod=alarm.extension_period,
        )
    body: dict[str, Any] = {}
    if alarm.stat is not None:
        stat = alarm.stat
        body = _present(
            namespace=stat.metric.namespace,
            metricName=stat.metric.name,
            extendedStatistic=upper_statistic(stat.stat),
            period=stat.period,
            unit=stat.unit,
            dimensions=[{"value": value, "name": name} for name, value in stat.metric.dimensions],
        )
    else:
        body["metrics"] = [_lower(_query(query)) for query in alarm.queries]
    return body | _present(
        threshold=alarm.threshold,
        thresholdMetricId=alarm.threshold_metric_id,
        comparisonOperator=str(alarm.comparison),
        evaluationPeriods=alarm.evaluation_periods,
        datapointsToAlarm=alarm.datapoints_to_alarm,
        treatMissingData=None if alarm.treat_missing_data is None else str(alarm.treat_missing_data),
        evaluateLowSampleCountPercentile=alarm.low_sample_percentile,
    )


def _lower(value: Any) -> Any:
    """Return JSON values with every member name's first letter in lower case."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: _lower(inner) for name, inner in value.items()}
    return [_lower(inner) for inner in value] if isinstance(value, list) else value
