"""CloudWatch's alarm message, which an alarm publishes to an SNS topic.

Metric, math, anomaly, composite and multi-series alarms share it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.alarms.inbound.reading import MAX_ENTRIES, Context, Fields, Findings, join
from wakeless.alarms.inbound.regions import partition_of, region_by_long_name

_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z]+):([a-z0-9-]*):([0-9]*):(.+)", re.DOTALL)
_STATES = {str(state): state for state in AlarmState}
_CONSOLES = {
    "aws": "{region}.console.aws.amazon.com",
    "aws-cn": "{region}.console.amazonaws.cn",
    "aws-us-gov": "{region}.console.amazonaws-us-gov.com",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """Which metric an alarm watches, where that is one."""

    namespace: str | None = None
    metric: str | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Which alarm it is."""

    name: str
    arn: str | None
    account: str | None
    region: str | None
    #: Which series of a multi-series alarm; None for the alarm itself.
    contributor: str | None = None

    @property
    def fingerprint(self) -> str:
        """The correlation key: the ARN, or what old messages without one tell."""
        key = self.arn or f"{self.account or ''}/{self.region or ''}/{self.name}"
        return f"cloudwatch:{key}#{self.contributor}" if self.contributor else f"cloudwatch:{key}"

    @property
    def url(self) -> str | None:
        """The alarm's page in the AWS console, where its region is known."""
        parts = _ARN.fullmatch(self.arn or "")
        console = _CONSOLES.get(parts[1]) if parts else None
        if parts is None or console is None or not parts[3]:
            return None
        host = console.format(region=parts[3])
        return f"https://{host}/cloudwatch/home?region={parts[3]}#alarmsV2:alarm/{quote(self.name, safe='')}"


def looks_like_alarm_message(payload: Mapping[str, object]) -> bool:
    """Say whether an object is an alarm message, going by its keys."""
    return "AlarmName" in payload and ("NewStateValue" in payload or "StateChangeTime" in payload)


def read_alarm_message(payload: dict[str, object], context: Context, findings: Findings) -> None:
    """Read the alarm message that CloudWatch publishes to SNS."""
    fields = Fields(payload, context.path, findings)
    identity = _identity(fields, context)
    state = read_state(fields, "NewStateValue")
    changed_at = fields.time("StateChangeTime") or context.at
    if changed_at is None and not payload.get("StateChangeTime"):
        fields.problem("StateChangeTime", "is missing")
    previous = read_previous_state(fields, "OldStateValue")
    reason, description = fields.text("NewStateReason"), fields.text("AlarmDescription")
    attributes = fields.strings("AlarmContributorAttributes")
    trigger = fields.part("Trigger")
    watched = _watched(trigger) if trigger else Watched()
    if fields.flawed or state is None or changed_at is None:
        return
    findings.alarms.append(
        make_alarm(
            identity=identity,
            state=state,
            previous=previous,
            changed_at=changed_at,
            reason=reason,
            description=description,
            watched=with_attributes(watched, attributes),
            raw=payload,
        )
    )


def make_alarm(
    *,
    identity: Identity,
    state: AlarmState,
    previous: AlarmState | None,
    changed_at: datetime,
    reason: str,
    description: str,
    watched: Watched,
    raw: Mapping[str, object],
) -> Alarm:
    """Return the record; the same change told by SNS, EventBridge or Lambda gives the same keys."""
    fingerprint = identity.fingerprint
    return Alarm(
        source="cloudwatch",
        fingerprint=fingerprint,
        dedup_key=f"{fingerprint}|{state}|{changed_at.isoformat()}",
        state=state,
        name=identity.name,
        changed_at=changed_at,
        previous_state=previous,
        reason=reason,
        description=description,
        arn=identity.arn,
        account=identity.account,
        region=identity.region,
        namespace=watched.namespace,
        metric=watched.metric,
        dimensions=watched.dimensions,
        url=identity.url,
        raw=raw,
    )


def read_state(fields: Fields, key: str) -> AlarmState | None:
    """Return the state, which must be one of CloudWatch's three."""
    value = fields.required_name(key)
    state = _STATES.get(value)
    if state is None and value:
        fields.problem(key, f"must be one of {', '.join(_STATES)}")
    return state


def read_previous_state(fields: Fields, key: str) -> AlarmState | None:
    """Return the state before, which nothing depends on: None when absent or unknown."""
    return _STATES.get(fields.name(key) or "")


def split_arn(arn: str | None) -> tuple[str | None, str | None]:
    """Return the region and account of an ARN, None each where it does not tell."""
    parts = _ARN.fullmatch(arn or "")
    return (parts[3] or None, parts[4] or None) if parts else (None, None)


def is_arn(text: str) -> bool:
    """Say whether ``text`` has the shape of an ARN."""
    return _ARN.fullmatch(text) is not None


def combine(metrics: Iterable[Watched]) -> Watched:
    """Return what all metrics of a math alarm agree on.

    A dimension that names the affected resource stands in any of them, so they are collected over all. Where two
    metrics give different values, neither is taken: acting on one of two machines would be a guess.
    """
    metrics = list(metrics)
    namespaces = {metric.namespace for metric in metrics}
    names = {(metric.namespace, metric.metric) for metric in metrics}
    dimensions: dict[str, set[str]] = {}
    for metric in metrics:
        for name, value in metric.dimensions.items():
            dimensions.setdefault(name, set()).add(value)
    return Watched(
        namespace=metrics[0].namespace if len(namespaces) == 1 else None,
        metric=metrics[0].metric if len(names) == 1 else None,
        dimensions={name: values.pop() for name, values in dimensions.items() if len(values) == 1},
    )


def with_attributes(watched: Watched, attributes: Mapping[str, str]) -> Watched:
    """Return the metric with a contributor's attributes, which tell its series apart as dimensions do."""
    if not attributes:
        return watched
    return Watched(namespace=watched.namespace, metric=watched.metric, dimensions={**watched.dimensions, **attributes})


def _identity(fields: Fields, context: Context) -> Identity:
    name = fields.required_name("AlarmName")
    arn = fields.name("AlarmArn")
    if arn and not is_arn(arn):
        fields.problem("AlarmArn", "must be an ARN such as arn:aws:cloudwatch:us-east-1:000000000000:alarm:name")
    region, account = split_arn(arn)
    account = account or fields.name("AWSAccountId")
    # `Region` is a long name here, and not always the same one; ARNs tell the code.
    region = region or split_arn(context.topic_arn)[0] or region_by_long_name(fields.text("Region"))
    if arn is None and account and region and name:
        # Messages from before about 2020 carry no ARN; this is the one they would have carried.
        arn = f"arn:{partition_of(region)}:cloudwatch:{region}:{account}:alarm:{name}"
    return Identity(name=name, arn=arn, account=account, region=region, contributor=fields.name("AlarmContributorId"))


def _watched(trigger: Fields) -> Watched:
    metrics = [metric for entry in trigger.parts("Metrics") if (metric := _metric_stat(entry))]
    if metrics:
        return combine(metrics)
    return Watched(
        namespace=trigger.name("Namespace"), metric=trigger.name("MetricName"), dimensions=_dimensions(trigger)
    )


def _metric_stat(entry: Fields) -> Watched | None:
    stat = entry.part("MetricStat")
    metric = stat.part("Metric") if stat else None
    if metric is None:
        return None
    return Watched(namespace=metric.name("Namespace"), metric=metric.name("MetricName"), dimensions=_dimensions(metric))


def _dimensions(fields: Fields) -> dict[str, str]:
    """Read ``[{"name": …, "value": …}]``; capitals are tolerated, and so is a map."""
    if isinstance(fields.values.get("Dimensions"), dict):
        return fields.strings("Dimensions")
    dimensions: dict[str, str] = {}
    for entry in fields.parts("Dimensions"):
        name = entry.values.get("name", entry.values.get("Name"))
        value = entry.values.get("value", entry.values.get("Value"))
        fields.check_entry(entry.path.removeprefix(join(fields.path, "")), name, value)
        if isinstance(name, str) and isinstance(value, str):
            dimensions[name] = value
    if len(dimensions) > MAX_ENTRIES:
        fields.problem("Dimensions", f"has more than {MAX_ENTRIES} entries")
    return dimensions
