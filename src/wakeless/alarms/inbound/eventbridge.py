"""CloudWatch's alarm events, through EventBridge or by an alarm that invokes a Lambda function itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from wakeless.alarms.alarm import AlarmState
from wakeless.alarms.inbound.cloudwatch import (
    Identity,
    Watched,
    combine,
    make_alarm,
    read_previous_state,
    read_state,
    split_arn,
    with_attributes,
)
from wakeless.alarms.inbound.reading import Context, Fields, Findings, shorten

STATE_CHANGE = "CloudWatch Alarm State Change"
CONTRIBUTOR_STATE_CHANGE = "CloudWatch Alarm Contributor State Change"
CONFIGURATION_CHANGE = "CloudWatch Alarm Configuration Change"


def looks_like_event(payload: Mapping[str, object]) -> bool:
    """Say whether an object is an EventBridge event, going by its keys."""
    return "detail-type" in payload


def looks_like_direct_invocation(payload: Mapping[str, object]) -> bool:
    """Say whether an object is what an alarm gives to a Lambda function, going by its keys."""
    return "alarmData" in payload


def read_event(payload: dict[str, object], context: Context, findings: Findings) -> None:
    """Read an EventBridge event; those that are no alarm's change of state are ignored with the reason."""
    fields = Fields(payload, context.path, findings)
    detail_type, source = fields.required_name("detail-type"), fields.required_name("source")
    if fields.flawed:
        return
    if detail_type == CONFIGURATION_CHANGE and source == "aws.cloudwatch":
        findings.ignore(context.path, "configuration_change", "an alarm's configuration changed, not its state")
        return
    if detail_type not in (STATE_CHANGE, CONTRIBUTOR_STATE_CHANGE) or source != "aws.cloudwatch":
        what = f"the event {shorten(detail_type)!r} of {shorten(source)!r} is not an alarm's change of state"
        findings.ignore(context.path, "other_event", what)
        return
    arn = _first_resource(fields)
    account, region = fields.name("account"), fields.name("region")
    detail = fields.part("detail")
    if detail is None:
        if not fields.flawed:
            fields.problem("detail", "is missing")
        return
    sent_at = fields.time("time") or context.at
    if not fields.flawed:
        _read_change(payload, detail, findings, arn=arn, account=account, region=region, sent_at=sent_at)


def read_direct_invocation(payload: dict[str, object], context: Context, findings: Findings) -> None:
    """Read what a CloudWatch alarm gives to the Lambda function that is its action."""
    fields = Fields(payload, context.path, findings)
    arn = fields.required_name("alarmArn")
    if arn and split_arn(arn) is None:
        fields.problem("alarmArn", "must be an ARN")
    account, region = fields.name("accountId"), fields.name("region")
    detail = fields.part("alarmData")
    if detail is None and not fields.flawed:
        fields.problem("alarmData", "is missing")
    sent_at = fields.time("time") or context.at
    if detail is not None and not fields.flawed:
        _read_change(payload, detail, findings, arn=arn, account=account, region=region, sent_at=sent_at)


def _first_resource(fields: Fields) -> str:
    resources = fields.values.get("resources")
    first = resources[0] if isinstance(resources, list) and resources else None
    if not isinstance(first, str) or split_arn(first) is None:
        fields.problem("resources", "must be a list that begins with the alarm's ARN")
        return ""
    return first


def _read_change(
    payload: dict[str, object],
    detail: Fields,
    findings: Findings,
    *,
    arn: str,
    account: str | None,
    region: str | None,
    sent_at: datetime | None,
) -> None:
    name = detail.required_name("alarmName")
    contributor = detail.part("alarmContributor")
    contributor_id = contributor.required_name("id") if contributor else None
    attributes = contributor.strings("attributes") if contributor else {}
    state_fields = detail.part("state")
    if state_fields is None:
        if not detail.values.get("state"):
            detail.problem("state", "is missing")
        return
    state = read_state(state_fields, "value")
    changed_at = state_fields.time("timestamp") or sent_at
    if changed_at is None and not state_fields.flawed:
        state_fields.problem("timestamp", "is missing")
    reason = state_fields.text("reason")
    # Absent for contributors; equal to `state` when only a suppression ended.
    previous_fields = detail.part("previousState")
    previous = read_previous_state(previous_fields, "value") if previous_fields else None
    configuration = detail.part("configuration")
    description = configuration.text("description") if configuration else ""
    watched = _watched(configuration) if configuration else Watched()
    if detail.flawed or state is None or changed_at is None:
        return
    if state is AlarmState.ALARM and _is_quiet(detail, state_fields, findings):
        return
    parts = split_arn(arn)
    findings.alarms.append(
        make_alarm(
            identity=Identity(
                name=name,
                arn=arn,
                account=(parts.account if parts else None) or account,
                region=(parts.region if parts else None) or region,
                contributor=contributor_id,
            ),
            state=state,
            previous=previous,
            changed_at=changed_at,
            reason=reason,
            description=description,
            watched=with_attributes(watched, attributes),
            raw=payload,
        )
    )


def _is_quiet(detail: Fields, state: Fields, findings: Findings) -> bool:
    """Say whether the alarm runs no actions for this change, which an event's consumer has to honour itself."""
    if detail.values.get("muteDetail"):
        findings.ignore(detail.path, "muted", "the alarm is muted and ran no actions for this change")
        return True
    if state.values.get("actionsSuppressedBy"):
        findings.ignore(detail.path, "suppressed", "the composite alarm's actions are suppressed for now")
        return True
    return False


def _watched(configuration: Fields) -> Watched:
    metrics = []
    for entry in configuration.parts("metrics"):
        stat = entry.part("metricStat")
        metric = stat.part("metric") if stat else None
        if metric:
            metrics.append(
                Watched(
                    namespace=metric.name("namespace"),
                    metric=metric.name("name"),
                    dimensions=metric.strings("dimensions"),
                )
            )
    return combine(metrics) if metrics else Watched()
