"""Prometheus Alertmanager's webhook, payload version 4."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.alarms.inbound.reading import MAX_TEXT, Context, Fields, Findings, shorten

_STATES = {"firing": AlarmState.ALARM, "resolved": AlarmState.OK}
#: Go's zero time: what `endsAt` says while an alert is firing.
_ZERO_YEAR = 1


def looks_like_alertmanager(payload: Mapping[str, object]) -> bool:
    """Say whether an object is a webhook of Alertmanager or its kin, going by its keys."""
    return "alerts" in payload and ("groupKey" in payload or "version" in payload or "receiver" in payload)


def label_fingerprint(labels: Mapping[str, str]) -> str:
    """Return the correlation key of a label set.

    Our own hash, not Alertmanager's: that one is a 64-bit sum which releases are free to change.
    """
    text = json.dumps(sorted(labels.items()), ensure_ascii=False, separators=(",", ":"))
    return f"alertmanager:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def read_webhook(payload: dict[str, object], context: Context, findings: Findings) -> None:
    """Read every alert of a group: the group's own status says only whether all of them are resolved."""
    fields = Fields(payload, context.path, findings)
    version = payload.get("version")
    if version != "4":
        hint = "Grafana's webhooks have version 1 and are not read" if version == "1" else ""
        fields.problem("version", 'must be "4"', hint)
        return
    url = fields.name("externalURL")
    if fields.flawed:
        return
    if not isinstance(payload.get("alerts"), list):
        fields.problem("alerts", "must be a list")
        return
    # What all alerts have in common stands in each of them as well.
    group = {key: payload[key] for key in payload if key not in ("alerts", "commonLabels", "commonAnnotations")}
    for alert in fields.parts("alerts"):
        alarm = _read_alert(alert, group, url, context.at)
        if alarm is not None:
            findings.alarms.append(alarm)
    left_out = payload.get("truncatedAlerts")
    if isinstance(left_out, int) and left_out > 0:
        reason = f"Alertmanager left out {left_out} alerts of this group: max_alerts is set on its receiver"
        findings.ignore(context.path, "truncated", reason)


def _read_alert(
    fields: Fields, group: Mapping[str, object], url: str | None, received_at: datetime | None
) -> Alarm | None:
    status = fields.required_name("status")
    state = _STATES.get(status)
    if status and state is None:
        fields.problem("status", f"must be one of {', '.join(_STATES)}")
    labels = fields.strings("labels")
    if not labels and not fields.flawed:
        fields.problem("labels", "must be an object with at least one label")
    annotations = fields.strings("annotations")
    changed_at = _changed_at(fields, state, received_at)
    if fields.flawed or state is None or changed_at is None:
        return None
    fingerprint = label_fingerprint(labels)
    return Alarm(
        source="alertmanager",
        fingerprint=fingerprint,
        dedup_key=f"{fingerprint}|{status}|{changed_at.isoformat()}",
        state=state,
        name=labels.get("alertname") or shorten(" ".join(f"{key}={value}" for key, value in sorted(labels.items()))),
        changed_at=changed_at,
        reason=annotations.get("summary", "")[:MAX_TEXT],
        description=annotations.get("description", "")[:MAX_TEXT],
        labels=labels,
        annotations=annotations,
        url=url,
        # One alert in the shape it came in, so that the group is not kept once per alert.
        raw={**group, "alerts": [fields.values]},
    )


def _changed_at(fields: Fields, state: AlarmState | None, received_at: datetime | None) -> datetime | None:
    """Return when the alert began to fire, or when it was resolved.

    A resolved alert without an end keeps the time it came in, where that is known: dropping it would leave its
    incident open for ever.
    """
    starts_at, ends_at = fields.time("startsAt"), fields.time("endsAt")
    if state is AlarmState.OK:
        if ends_at is not None and ends_at.year > _ZERO_YEAR:
            return ends_at
        if received_at is None and not fields.flawed:
            fields.problem("endsAt", "is missing from a resolved alert")
        return received_at
    if starts_at is None and not fields.flawed:
        fields.problem("startsAt", "is missing")
    return starts_at
