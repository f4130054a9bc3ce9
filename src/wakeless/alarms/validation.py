"""PutMetricAlarm, PutCompositeAlarm, SetAlarmState, tags: what is accepted, what is refused and in which words.

Requests come in the member names of CloudWatch's API model. Texts that were recorded from CloudWatch are used word
for word; the others are ours, under the right error code.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wakeless.alarms import composite
from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.definitions import (
    BAND_COMPARISONS,
    Actions,
    Comparison,
    CompositeAlarm,
    MetricAlarm,
    MetricQuery,
    MetricRef,
    MetricStat,
    MissingData,
)
from wakeless.alarms.errors import InvalidFormat, InvalidParameterValue, ReservedTag, ValidationFailed
from wakeless.core.errors import Refused

MAX_NAME = 255
MAX_DESCRIPTION = 1_024
MAX_ACTIONS = 5
MAX_TAGS = 50
MAX_DIMENSIONS = 30
#: Statistics in one metric math alarm.
MAX_METRICS = 10
MAX_REASON = 1_023
MAX_REASON_DATA = 4_000
DAY = 86_400
WEEK = 604_800
HOUR = 3_600

_ID = re.compile(r"[a-z][A-Za-z0-9_]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ACTION = re.compile(r"arn:[a-z0-9-]+:(?P<service>[a-z0-9-]+):[^:\s]*:[^:\s]*:\S+")
#: Members that exclude ``Metrics``, in the order in which they are complained about.
_SINGLE_MEMBERS = ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
#: Services whose actions run for ALARM only, and those that composite alarms cannot have.
_ALARM_ONLY = frozenset({"ssm", "ssm-incidents", "aiops"})
_METRIC_ONLY = frozenset({"automate", "autoscaling", "swf"})

Request = Mapping[str, Any]
#: Raises `Refused` for a statistic that does not exist or that no alarm may have.
StatisticCheck = Callable[[str], None]
#: Raises `Refused` for expressions that no alarm can use; gets every entry of ``Metrics`` and EvaluationPeriods.
ExpressionCheck = Callable[[Sequence[MetricQuery], int], None]


def read_metric_alarm(request: Request, *, statistic: StatisticCheck, expressions: ExpressionCheck) -> MetricAlarm:
    """Return the alarm that a PutMetricAlarm request defines; raises `AlarmRefused`."""
    name = _name(request)
    _refuse_what_is_not_here(request)
    comparison = _comparison(request)
    n = _positive(request, "EvaluationPeriods")
    if n is None:
        raise _null("evaluationPeriods")
    m = _positive(request, "DatapointsToAlarm")
    if m is not None and m > n:
        raise ValidationFailed("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    stat: MetricStat | None = None
    queries: tuple[MetricQuery, ...] = ()
    if request.get("Metrics"):
        queries = _queries(request, n, statistic)
    else:
        stat = _single(request, n, statistic)
    threshold, band = _threshold(request, comparison, queries)
    if queries:
        _check_returned(queries, 1 if band is None else 2)
        if band is not None:
            raise InvalidParameterValue(
                f"Anomaly detection is not available here: ComparisonOperator {comparison} needs a trained model."
            )
        expressions(queries, n)
    alarm = MetricAlarm(
        name=name,
        description=_description(request),
        actions=_actions(request, is_composite=False),
        stat=stat,
        extended=stat is not None and stat.stat not in _STATISTICS,
        queries=queries,
        evaluation_periods=n,
        datapoints_to_alarm=m,
        threshold=threshold,
        threshold_metric_id=band,
        comparison=comparison,
        treat_missing_data=_missing_data(request),
        low_sample_percentile=_low_samples(request, stat),
        extra=_extra(request, "EvaluationWindow", "ActionConfiguration"),
    )
    _check_ec2_actions(alarm)
    return alarm


def read_composite_alarm(request: Request) -> CompositeAlarm:
    """Return the alarm that a PutCompositeAlarm request defines; raises `AlarmRefused`.

    Whether the alarms that it names exist is for the caller to check.
    """
    name = _name(request)
    rule = request.get("AlarmRule")
    if not isinstance(rule, str) or not rule:
        raise _null("alarmRule")
    composite.parse(rule)
    suppressor = request.get("ActionsSuppressor") or None
    wait, extension = request.get("ActionsSuppressorWaitPeriod"), request.get("ActionsSuppressorExtensionPeriod")
    if suppressor is None and (wait is not None or extension is not None):
        raise ValidationFailed(
            "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod cannot be set without ActionsSuppressor"
        )
    if suppressor is not None and (wait is None or extension is None):
        raise ValidationFailed(
            "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod are required with ActionsSuppressor"
        )
    for member, value in (("WaitPeriod", wait), ("ExtensionPeriod", extension)):
        if value is not None and value < 0:
            raise ValidationFailed(f"ActionsSuppressor{member} must not be negative")
    return CompositeAlarm(
        name=name,
        description=_description(request),
        actions=_actions(request, is_composite=True),
        rule=rule,
        suppressor=suppressor,
        wait_period=wait,
        extension_period=extension,
        extra=_extra(request, "ActionConfiguration"),
    )


def read_tags(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Return tags by key, the last of a repeated key; raises `ReservedTag` and `ValidationFailed`."""
    result: dict[str, str] = {}
    for tag in tags or ():
        key, value = tag.get("Key"), tag.get("Value") or ""
        if not key or len(key) > 128 or len(value) > 256:
            raise ValidationFailed("A tag needs a key of 1 to 128 characters and a value of at most 256 characters.")
        if key.lower().startswith("aws:"):
            raise ReservedTag('The provided tag keys must not start with any case of "aws:"')
        result[key] = value
    check_tag_count(result)
    return result


def check_tag_count(tags: Mapping[str, str]) -> None:
    """Raise `ValidationFailed` where an alarm would have too many tags."""
    if len(tags) > MAX_TAGS:
        raise ValidationFailed(f"The resultant tag set must not have more than {MAX_TAGS} user tags.")


def read_state(value: object, member: str = "stateValue") -> AlarmState:
    """Return the state that a request names; raises `ValidationFailed`."""
    if value is None:
        raise _null(member)
    try:
        return AlarmState(str(value))
    except ValueError:
        raise _violated(value, member, "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]") from None


def read_reason(request: Request) -> tuple[str, str | None]:
    """Return SetAlarmState's reason and reason data; raises `ValidationFailed` and `InvalidFormat`."""
    reason, data = request.get("StateReason"), request.get("StateReasonData")
    if not isinstance(reason, str):
        raise _null("stateReason")
    if len(reason) > MAX_REASON:
        raise _violated(reason, "stateReason", f"Member must have length less than or equal to {MAX_REASON}")
    if data is None:
        return reason, None
    if len(data) > MAX_REASON_DATA:
        raise _violated(data, "stateReasonData", f"Member must have length less than or equal to {MAX_REASON_DATA}")
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        # CloudWatch says nothing more.
        raise InvalidFormat("") from None
    return reason, data


def check_names(names: Sequence[str], member: str = "alarmNames", most: int = 100) -> None:
    """Raise `ValidationFailed` for too many names or a name of a wrong length."""
    if len(names) > most:
        raise _violated(f"[{', '.join(names)}]", member, f"Member must have length less than or equal to {most}")
    if any(not 1 <= len(name) <= MAX_NAME for name in names):
        raise _violated(
            f"[{', '.join(names)}]",
            member,
            "Member must satisfy constraint: [Member must have length less than or equal to 255, "
            "Member must have length greater than or equal to 1]",
        )


def read_limit(request: Request, member: str = "MaxRecords", most: int = 100, default: int = 50) -> int:
    """Return a page's size; raises `ValidationFailed`."""
    limit = request.get(member)
    if limit is None:
        return default
    name = member[0].lower() + member[1:]
    if limit < 1:
        raise _violated(limit, name, "Member must have value greater than or equal to 1")
    if limit > most:
        raise _violated(limit, name, f"Member must have value less than or equal to {most}")
    return int(limit)


def _violated(value: object, member: str, constraint: str) -> ValidationFailed:
    return ValidationFailed(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    )


def _null(member: str) -> ValidationFailed:
    return ValidationFailed(
        f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    )


def _name(request: Request) -> str:
    name = request.get("AlarmName")
    if not isinstance(name, str):
        raise _null("alarmName")
    if not name:
        raise _violated(name, "alarmName", "Member must have length greater than or equal to 1")
    if len(name) > MAX_NAME:
        raise _violated(name, "alarmName", f"Member must have length less than or equal to {MAX_NAME}")
    if _CONTROL.search(name):
        raise ValidationFailed("AlarmName must not contain ASCII Control characters")
    return name


def _description(request: Request) -> str | None:
    description = request.get("AlarmDescription")
    if description is not None and len(description) > MAX_DESCRIPTION:
        raise _violated(
            description, "alarmDescription", f"Member must have length less than or equal to {MAX_DESCRIPTION}"
        )
    return description


def _refuse_what_is_not_here(request: Request) -> None:
    if request.get("EvaluationCriteria") or request.get("EvaluationInterval") is not None:
        raise InvalidParameterValue("PromQL alarms are not available here: EvaluationCriteria is not supported.")
    if (request.get("EvaluationWindow") or {}).get("WallClockWindow") is not None:
        raise InvalidParameterValue("Wall clock windows are not available here: use a SlidingWindow.")
    if request.get("WarmUpConfiguration"):
        raise InvalidParameterValue("Warm-up is not available here: WarmUpConfiguration is not supported.")


def _comparison(request: Request) -> Comparison:
    value = request.get("ComparisonOperator")
    if value is None:
        raise _null("comparisonOperator")
    try:
        return Comparison(value)
    except ValueError:
        allowed = ", ".join(Comparison)
        raise _violated(value, "comparisonOperator", f"Member must satisfy enum value set: [{allowed}]") from None


def _positive(request: Request, member: str) -> int | None:
    value = request.get(member)
    if value is not None and value < 1:
        name = member[0].lower() + member[1:]
        raise _violated(value, name, "Member must have value greater than or equal to 1")
    return value


def _check_period(period: int, n: int) -> None:
    if period not in (10, 20, 30) and (period < 60 or period % 60):
        raise ValidationFailed("Period must be 10, 20, 30 or a multiple of 60")
    if period < HOUR and period * n > DAY:
        raise ValidationFailed(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) "
            "for alarms using period < 3600"
        )
    if period * n > WEEK:
        raise ValidationFailed(
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800) "
            "for alarms using period >= 3600"
        )


def _single(request: Request, n: int, check: StatisticCheck) -> MetricStat:
    statistic, extended = request.get("Statistic"), request.get("ExtendedStatistic")
    if statistic is not None and extended is not None:
        raise ValidationFailed(
            "PutMetricAlarm request can not be made with both Statistic and ExtendedStatistic parameters. "
            "Only one of them should be present"
        )
    metric = _metric(request)
    if statistic is None and extended is None:
        raise ValidationFailed("PutMetricAlarm request should have a Statistic or an ExtendedStatistic parameter")
    if statistic is not None and statistic not in _STATISTICS:
        raise _violated(statistic, "statistic", f"Member must satisfy enum value set: [{', '.join(_STATISTICS)}]")
    if extended is not None:
        if extended in _STATISTICS:
            raise _unsupported_statistic(extended, "ExtendedStatistic")
        _check_statistic(extended, "ExtendedStatistic", check)
    period = request.get("Period")
    if period is None:
        raise ValidationFailed("PutMetricAlarm request should have a Period parameter")
    _check_period(period, n)
    return MetricStat(metric=metric, period=period, stat=statistic or extended or "", unit=request.get("Unit"))


def _check_statistic(text: str, member: str, check: StatisticCheck) -> None:
    try:
        check(text)
    except Refused:
        raise _unsupported_statistic(text, member) from None


def _unsupported_statistic(text: str, member: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"The value {text} for parameter {member} is not supported.")


def _metric(source: Request) -> MetricRef:
    namespace, name = source.get("Namespace"), source.get("MetricName")
    for member, value in (("metricName", name), ("namespace", namespace)):
        if not isinstance(value, str):
            raise _null(member)
        if not 1 <= len(value) <= 255:
            raise _violated(value, member, "Member must have length between 1 and 255")
        if _CONTROL.search(value):
            raise ValidationFailed(f"{member[0].upper()}{member[1:]} must not contain ASCII Control characters")
    assert isinstance(namespace, str)
    assert isinstance(name, str)
    if namespace.startswith(":"):
        raise _violated(namespace, "namespace", "Member must satisfy regular expression pattern: [^:].*")
    return MetricRef(namespace, name, _dimensions(source.get("Dimensions") or ()))


def _dimensions(dimensions: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    if len(dimensions) > MAX_DIMENSIONS:
        raise _violated(
            len(dimensions), "dimensions", f"Member must have length less than or equal to {MAX_DIMENSIONS}"
        )
    pairs: list[tuple[str, str]] = []
    for dimension in dimensions:
        name, value = dimension.get("Name") or "", dimension.get("Value") or ""
        if not 1 <= len(name) <= 255 or name.startswith(":") or not name.strip() or _CONTROL.search(name):
            raise InvalidParameterValue(f"The value {name} for parameter Dimensions.member.Name is invalid.")
        if not 1 <= len(value) <= 1024 or not value.strip() or _CONTROL.search(value):
            raise InvalidParameterValue(f"The value {value} for parameter Dimensions.member.Value is invalid.")
        pairs.append((name, value))
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidParameterValue("No two dimensions may have the same name.")
    return tuple(pairs)


def _queries(request: Request, n: int, check: StatisticCheck) -> tuple[MetricQuery, ...]:
    for member in _SINGLE_MEMBERS:
        if request.get(member):
            raise ValidationFailed(f"{member} should not be set if list of Metrics is set.")
    queries = tuple(_query(entry, n, check) for entry in request["Metrics"])
    ids = [query.id for query in queries]
    for repeated in sorted({i for i in ids if ids.count(i) > 1}):
        raise ValidationFailed(f"The values for parameter id in class MetricDataQuery are not unique: {repeated}.")
    stats = [query.stat for query in queries if query.stat is not None]
    if len(stats) > MAX_METRICS:
        raise ValidationFailed(f"An alarm may have at most {MAX_METRICS} metrics.")
    if len({stat.period for stat in stats}) > 1:
        raise ValidationFailed("All metrics of an alarm must have the same Period.")
    return queries


def _query(entry: Request, n: int, check: StatisticCheck) -> MetricQuery:
    query_id = entry.get("Id") or ""
    if not _ID.fullmatch(query_id) or len(query_id) > 255:
        raise ValidationFailed(
            f"The value {query_id} for parameter id in class MetricDataQuery must start with a lower case letter "
            "and contain only letters, digits and underscores."
        )
    given, expression = entry.get("MetricStat"), entry.get("Expression")
    if (given is None) == (expression is None):
        raise ValidationFailed(f"The query {query_id} must have exactly one of MetricStat and Expression.")
    stat: MetricStat | None = None
    if given is not None:
        statistic, period = given.get("Stat") or "", given.get("Period")
        _check_statistic(statistic, "Stat", check)
        if period is None:
            raise _null("metrics.member.metricStat.period")
        stat = MetricStat(
            metric=_metric(given.get("Metric") or {}), period=period, stat=statistic, unit=given.get("Unit")
        )
    period = entry.get("Period") if stat is None else stat.period
    if period is not None:
        _check_period(period, n)
    return MetricQuery(
        id=query_id,
        stat=stat,
        expression=expression,
        label=entry.get("Label"),
        return_data=entry.get("ReturnData"),
        period=entry.get("Period"),
        account_id=entry.get("AccountId"),
    )


def _check_returned(queries: Sequence[MetricQuery], wanted: int) -> None:
    if sum(query.return_data is not False for query in queries) != wanted:
        what = "Exactly one element" if wanted == 1 else "Exactly two elements"
        raise ValidationFailed(f"{what} of the metrics list should return data.")


def _threshold(
    request: Request, comparison: Comparison, queries: Sequence[MetricQuery]
) -> tuple[float | None, str | None]:
    threshold, band = request.get("Threshold"), request.get("ThresholdMetricId")
    if comparison in BAND_COMPARISONS:
        if threshold is not None:
            raise ValidationFailed(f"Threshold should not be set with ComparisonOperator {comparison}.")
        if band is None or band not in {query.id for query in queries}:
            raise ValidationFailed(f"ThresholdMetricId must be the id of a band with ComparisonOperator {comparison}.")
        return None, band
    if band is not None:
        raise ValidationFailed(f"ThresholdMetricId should not be set with ComparisonOperator {comparison}.")
    if threshold is None or not math.isfinite(threshold):
        raise ValidationFailed("PutMetricAlarm request should have valid Threshold parameter")
    return float(threshold), None


def _missing_data(request: Request) -> MissingData | None:
    value = request.get("TreatMissingData")
    if not value:
        return None
    try:
        return MissingData(value)
    except ValueError:
        raise ValidationFailed(
            "Supported values for TreatMissingData are breaching, notBreaching, ignore, and missing."
        ) from None


def _low_samples(request: Request, stat: MetricStat | None) -> str | None:
    value = request.get("EvaluateLowSampleCountPercentile")
    if not value:
        return None
    if value not in ("evaluate", "ignore"):
        raise ValidationFailed("Supported options for EvaluateLowSampleCountPercentile are evaluate and ignore.")
    if stat is not None and not re.fullmatch(r"p[0-9.]+", stat.stat):
        raise ValidationFailed(
            f"Option evaluateLowSampleCountPercentile can not be applied with statistic {stat.stat}. "
            "This option is enabled only for percentile statistics."
        )
    return str(value)


def _actions(request: Request, *, is_composite: bool) -> Actions:
    lists: dict[str, tuple[str, ...]] = {}
    for member in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        arns = tuple(request.get(member) or ())
        if len(arns) > MAX_ACTIONS:
            name = {"OKActions": "oKActions"}.get(member, member[0].lower() + member[1:])
            raise _violated(
                f"[{', '.join(arns)}]", name, f"Member must have length less than or equal to {MAX_ACTIONS}"
            )
        for arn in arns:
            match = _ACTION.fullmatch(arn)
            if match is None or len(arn) > 1_024:
                raise ValidationFailed(f"Invalid arn syntax: {arn}")
            if member != "AlarmActions" and match["service"] in _ALARM_ONLY:
                raise ValidationFailed(f"The action {arn} can only be used for the ALARM state")
            if is_composite and match["service"] in _METRIC_ONLY:
                raise ValidationFailed(f"The action {arn} cannot be used with a composite alarm")
        lists[member] = arns
    enabled = request.get("ActionsEnabled")
    return Actions(
        enabled=True if enabled is None else bool(enabled),
        ok=lists["OKActions"],
        alarm=lists["AlarmActions"],
        insufficient_data=lists["InsufficientDataActions"],
    )


def _check_ec2_actions(alarm: MetricAlarm) -> None:
    actions = alarm.actions
    for arn in (*actions.ok, *actions.alarm, *actions.insufficient_data):
        if ":automate:" not in arn and ":swf:" not in arn:
            continue
        if alarm.stat is None:
            raise ValidationFailed(f"The action {arn} cannot be used with a metric math alarm")
        if "InstanceId" not in dict(alarm.stat.metric.dimensions):
            raise ValidationFailed(f"The action {arn} needs a metric with the dimension InstanceId")


def _extra(request: Request, *members: str) -> dict[str, object]:
    return {member: request[member] for member in members if request.get(member)}
