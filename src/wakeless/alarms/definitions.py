"""What an alarm is (its configuration), and where it stands (its status)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from wakeless.alarms.alarm import AlarmState

#: The reason of an alarm that was never evaluated.
INITIAL_REASON = "Unchecked: Initial alarm creation"


class AlarmType(StrEnum):
    """The kinds of alarm the API tells apart."""

    METRIC = "MetricAlarm"
    COMPOSITE = "CompositeAlarm"


class Comparison(StrEnum):
    """How a datapoint (left) is compared with the threshold (right); true means breaching."""

    GREATER_OR_EQUAL = "GreaterThanOrEqualToThreshold"
    GREATER = "GreaterThanThreshold"
    LESS = "LessThanThreshold"
    LESS_OR_EQUAL = "LessThanOrEqualToThreshold"
    OUTSIDE_BAND = "LessThanLowerOrGreaterThanUpperThreshold"
    BELOW_BAND = "LessThanLowerThreshold"
    ABOVE_BAND = "GreaterThanUpperThreshold"


#: Operators that compare with an anomaly detection band instead of a threshold.
BAND_COMPARISONS = frozenset({Comparison.OUTSIDE_BAND, Comparison.BELOW_BAND, Comparison.ABOVE_BAND})


class MissingData(StrEnum):
    """What a period without data counts as."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


class SuppressedBy(StrEnum):
    """What holds a composite alarm's actions back."""

    WAIT_PERIOD = "WaitPeriod"
    EXTENSION_PERIOD = "ExtensionPeriod"
    ALARM = "Alarm"


class EvaluationState(StrEnum):
    """What went wrong in the newest evaluation; absent when nothing did."""

    PARTIAL_DATA = "PARTIAL_DATA"
    EVALUATION_ERROR = "EVALUATION_ERROR"
    EVALUATION_FAILURE = "EVALUATION_FAILURE"


@dataclass(frozen=True, slots=True)
class MetricRef:
    """One metric: its namespace, its name and its exact set of dimensions."""

    namespace: str
    name: str
    #: (name, value) pairs as they were sent; their order means nothing but is given back.
    dimensions: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        """What two references to the same metric have in common."""
        return (self.namespace, self.name, tuple(sorted(self.dimensions)))


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricStat:
    """One statistic of one metric over periods of ``period`` seconds."""

    metric: MetricRef
    period: int
    #: ``Average`` … or an extended statistic such as ``p99``.
    stat: str
    #: Only samples with this unit count; None takes them all.
    unit: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricQuery:
    """One entry of a metric math alarm's ``Metrics``: a statistic or an expression over other entries."""

    id: str
    stat: MetricStat | None = None
    expression: str | None = None
    label: str | None = None
    #: None when the request left it out, which means true.
    return_data: bool | None = None
    period: int | None = None
    account_id: str | None = None


def period_of(queries: Iterable[MetricQuery]) -> int:
    """Return the period of a metric math alarm in seconds: the one that all its metrics have."""
    given = [query.period if query.stat is None else query.stat.period for query in queries]
    return max((period for period in given if period is not None), default=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class Actions:
    """What is to be done when an alarm enters a state: ARNs, in the order they were given."""

    enabled: bool = True
    ok: tuple[str, ...] = ()
    alarm: tuple[str, ...] = ()
    insufficient_data: tuple[str, ...] = ()

    def of(self, state: AlarmState) -> tuple[str, ...]:
        """Return the actions of ``state``, whether they are enabled or not."""
        match state:
            case AlarmState.OK:
                return self.ok
            case AlarmState.ALARM:
                return self.alarm
            case AlarmState.INSUFFICIENT_DATA:
                return self.insufficient_data


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricAlarm:
    """The configuration of a metric alarm, as PutMetricAlarm gave it; what was left out stays None."""

    name: str
    evaluation_periods: int
    comparison: Comparison
    description: str | None = None
    actions: Actions = field(default_factory=Actions)
    #: Exactly one of `stat` and `queries` is there.
    stat: MetricStat | None = None
    #: Whether `stat` was given as ``ExtendedStatistic``.
    extended: bool = False
    queries: tuple[MetricQuery, ...] = ()
    #: None means as many as `evaluation_periods`.
    datapoints_to_alarm: int | None = None
    threshold: float | None = None
    #: Id of the anomaly detection band that stands in for the threshold.
    threshold_metric_id: str | None = None
    treat_missing_data: MissingData | None = None
    #: ``evaluate`` or ``ignore`` (percentiles of few samples keep the state).
    low_sample_percentile: str | None = None
    #: Members of newer API versions that are kept and given back but have no other meaning here, as JSON values.
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def period(self) -> int:
        """Seconds of one evaluation period; a math alarm's is the one period of all its metrics."""
        if self.stat is not None:
            return self.stat.period
        return period_of(self.queries)

    @property
    def stats(self) -> tuple[MetricStat, ...]:
        """Every metric the alarm looks at, hidden ones too, in the order they were given."""
        if self.stat is not None:
            return (self.stat,)
        return tuple(q.stat for q in self.queries if q.stat is not None)

    @property
    def needed(self) -> int:
        """How many breaching datapoints make an ALARM (M of N)."""
        return self.datapoints_to_alarm or self.evaluation_periods

    @property
    def missing_data(self) -> MissingData:
        """What missing periods count as; for alarms on DynamoDB's metrics alone the default is ``ignore``."""
        if self.treat_missing_data is not None:
            return self.treat_missing_data
        stats = self.stats
        if stats and all(s.metric.namespace == "AWS/DynamoDB" for s in stats):
            return MissingData.IGNORE
        return MissingData.MISSING


@dataclass(frozen=True, kw_only=True, slots=True)
class CompositeAlarm:
    """The configuration of a composite alarm, as PutCompositeAlarm gave it."""

    name: str
    rule: str
    description: str | None = None
    actions: Actions = field(default_factory=Actions)
    #: Name or ARN of the alarm that holds the actions back while it is in ALARM.
    suppressor: str | None = None
    #: Seconds.
    wait_period: int | None = None
    #: Seconds.
    extension_period: int | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


Definition = MetricAlarm | CompositeAlarm


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmStatus:
    """Where an alarm stands."""

    state: AlarmState
    reason: str
    #: JSON text; None where there is none (after creation, after SetAlarmState without data).
    reason_data: str | None = None
    #: Metric alarm: the last change of state or evaluation state; composite: every update.
    updated_at: datetime
    #: The last change of `state`.
    transitioned_at: datetime
    evaluation_state: EvaluationState | None = None
    suppressed_by: SuppressedBy | None = None
    suppressed_reason: str | None = None
    #: When the wait or extension period that holds the actions back ends.
    hold_until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmRecord:
    """An alarm as it is kept: configuration and status."""

    arn: str
    definition: Definition
    status: AlarmStatus
    #: The last change of the configuration.
    configured_at: datetime
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The alarm's name."""
        return self.definition.name

    @property
    def type(self) -> AlarmType:
        """Which kind of alarm it is."""
        return AlarmType.METRIC if isinstance(self.definition, MetricAlarm) else AlarmType.COMPOSITE


class HistoryType(StrEnum):
    """What a history item tells of."""

    CONFIGURATION_UPDATE = "ConfigurationUpdate"
    STATE_UPDATE = "StateUpdate"
    ACTION = "Action"
    CONTRIBUTOR_STATE_UPDATE = "AlarmContributorStateUpdate"
    CONTRIBUTOR_ACTION = "AlarmContributorAction"


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryItem:
    """One thing that happened to an alarm; outlives the alarm."""

    alarm_name: str
    alarm_type: AlarmType
    at: datetime
    type: HistoryType
    summary: str
    #: JSON text.
    data: str


def is_same(one: Definition, other: Definition) -> bool:
    """Say whether two definitions configure the same; the order of dimensions means nothing."""
    return _in_order(one) == _in_order(other)


def _in_order(definition: Definition) -> Definition:
    if isinstance(definition, CompositeAlarm):
        return definition
    queries = tuple(
        replace(query, stat=_sorted(query.stat)) if query.stat is not None else query for query in definition.queries
    )
    stat = None if definition.stat is None else _sorted(definition.stat)
    return replace(definition, stat=stat, queries=queries)


def _sorted(stat: MetricStat) -> MetricStat:
    return replace(stat, metric=MetricRef(*stat.metric.key))
