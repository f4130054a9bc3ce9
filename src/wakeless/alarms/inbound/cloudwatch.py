"""CloudWatch's alarm message, which an alarm publishes to an SNS topic.

Metric, math, anomaly, composite and multi-series alarms share it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.alarms.inbound.reading import MAX_ENTRIES, MAX_NAME, MAX_VALUE, Context, Fields, Findings, kind
from wakeless.alarms.inbound.regions import partition_of, region_by_long_name

_ARN = re.compile(r"arn:(aws[a-z-]*):[a-z]+:([a-z0-9-]*):([0-9]*):.")
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
_STATES = {str(state): state for state in AlarmState}
_CONSOLES = {"aws": "console.aws.amazon.com", "aws-cn": "console.amazonaws.cn"}
_CONSOLES["aws-us-gov"] = "console.amazonaws-us-gov.com"


class Arn(NamedTuple):
    """The parts of an ARN that matter here."""

    partition: str
    region: str
    account: str


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
        arn = split_arn(self.arn)
        if arn is None or not arn.region or arn.partition not in _CONSOLES:
            return None
        host = f"{arn.region}.{_CONSOLES[arn.partition]}"
        return f"https://{host}/cloudwatch/home?region={arn.region}#alarmsV2:alarm/{_quoted(self.name)}"


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
        dedup_key=f"{fingerprint}|{state.value}|{changed_at.isoformat()}",
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


def split_arn(text: str | None) -> Arn | None:
    """Return the parts of an ARN, or None when it is none."""
    if not text:
        return None
    # One reading asks three times for the same; what is remembered must not be as large as a sender likes.
    return _split_arn(text) if len(text) <= MAX_NAME else _split_arn.__wrapped__(text)


@lru_cache(maxsize=512)
def _split_arn(text: str) -> Arn | None:
    found = _ARN.match(text)
    return Arn(found[1], found[2], found[3]) if found else None


def combine(metrics: Iterable[Watched]) -> Watched:
    """Return what all metrics of a math alarm agree on.

    A dimension that names the affected resource stands in any of them, so they are collected over all. Where two
    metrics give different values, neither is taken: acting on one of two machines would be a guess.
    """
    metrics = list(metrics)
    if len(metrics) == 1:
        return metrics[0]
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


def _quoted(name: str) -> str:
    # Most names need no quoting, and finding that out is ten times cheaper.
    return name if _PLAIN.fullmatch(name) else quote(name, safe="")


def _identity(fields: Fields, context: Context) -> Identity:
    name = fields.required_name("AlarmName")
    arn = fields.name("AlarmArn")
    parts = split_arn(arn)
    if arn and parts is None:
        fields.problem("AlarmArn", "must be an ARN such as arn:aws:cloudwatch:us-east-1:000000000000:alarm:name")
    account = (parts.account if parts else None) or fields.name("AWSAccountId")
    # `Region` is a long name here, and not always the same one; ARNs tell the code.
    if parts is None:
        parts = split_arn(context.topic_arn)
    region = (parts.region if parts else None) or region_by_long_name(fields.text("Region"))
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
    entries = fields.values.get("Dimensions")
    if not entries:
        return {}
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        fields.problem("Dimensions", f"must be a list of at most {MAX_ENTRIES} objects")
        return {}
    dimensions: dict[str, str] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            fields.problem(f"Dimensions[{index}]", f"must be an object, is {kind(entry)}")
            continue
        name = entry.get("name", entry.get("Name"))
        value = entry.get("value", entry.get("Value"))
        if isinstance(name, str) and isinstance(value, str) and 0 < len(name) <= MAX_NAME and len(value) <= MAX_VALUE:
            dimensions[name] = value
        else:
            fields.check_entry(f"Dimensions[{index}]", name, value)
    return dimensions
