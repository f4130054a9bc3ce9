"""What is written down when something happens to an alarm, in CloudWatch's words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from wakeless.alarms.definitions import AlarmRecord, AlarmStatus, HistoryItem, HistoryType
from wakeless.alarms.describe import document
from wakeless.alarms.text import compact

#: Longest HistoryData of the API's model.
MAX_DATA = 4_095
#: Services whose actions the evaluator itself carries out.
_RUN_HERE = "sns"


def created(record: AlarmRecord) -> HistoryItem:
    """Tell of a new alarm."""
    data = {"version": "1.0", "type": "Create", "createdAlarm": document(record)}
    return _configuration(record, record.configured_at, "created", data)


def updated(record: AlarmRecord, before: AlarmRecord) -> HistoryItem:
    """Tell of a changed configuration, with the former values of what changed."""
    now, then = document(record), document(before)
    # State and its time are not configuration; a member that is new has no former value.
    changed = {
        name: value
        for name, value in then.items()
        if name not in ("stateValue", "stateUpdatedTimestamp") and now.get(name) != value
    }
    data = {"version": "1.0", "type": "Update", "updatedAlarm": now, "originalUpdatedFields": changed}
    return _configuration(record, record.configured_at, "updated", data)


def deleted(record: AlarmRecord, at: datetime) -> HistoryItem:
    """Tell of a deleted alarm."""
    data = {"version": "1.0", "type": "Delete", "deletedAlarm": document(record)}
    return _configuration(record, at, "deleted", data)


def _configuration(record: AlarmRecord, at: datetime, what: str, data: dict[str, Any]) -> HistoryItem:
    text = compact(data)
    if len(text) > MAX_DATA:
        text = compact({"version": data["version"], "type": data["type"]})
    return HistoryItem(
        alarm_name=record.name,
        alarm_type=record.type,
        at=at,
        type=HistoryType.CONFIGURATION_UPDATE,
        summary=f'Alarm "{record.name}" {what}',
        data=text,
    )


def state_changed(record: AlarmRecord, before: AlarmStatus) -> HistoryItem:
    """Tell of a change of state."""
    after = record.status
    text = _states(before, after)
    if len(text) > MAX_DATA:
        text = _states(before, after, old_data=False)
    if len(text) > MAX_DATA:
        text = _states(before, after, old_data=False, new_data=False)
    return HistoryItem(
        alarm_name=record.name,
        alarm_type=record.type,
        at=after.updated_at,
        type=HistoryType.STATE_UPDATE,
        summary=f"Alarm updated from {before.state} to {after.state}",
        data=text,
    )


def _states(before: AlarmStatus, after: AlarmStatus, *, old_data: bool = True, new_data: bool = True) -> str:
    # Reason data is JSON text already, and kept as it was written.
    old, new = _state(before, old_data), _state(after, new_data)
    return f'{{"version":"1.0","oldState":{old},"newState":{new}}}'


def _state(status: AlarmStatus, with_data: bool) -> str:
    head = compact({"stateValue": str(status.state), "stateReason": status.reason})
    if status.reason_data is None or not with_data:
        return head
    return f'{head[:-1]},"stateReasonData":{status.reason_data}}}'


def action(record: AlarmRecord, arn: str, at: datetime, message: str) -> HistoryItem:
    """Tell what became of one action: SNS topics stand for our own incident intake, others are not run here."""
    service = [*arn.split(":", 3), "", "", ""][2]
    error: str | None = None
    summary = f"Successfully executed action {arn}"
    if service != _RUN_HERE:
        error = f"The embedded evaluator does not run actions of the service {service}; only SNS topics are told."
        summary = f'Failed to execute action {arn}. Received error: "{error}"'
    data: dict[str, Any] = {
        "actionState": "Failed" if error else "Succeeded",
        "stateUpdateTimestamp": int(record.status.updated_at.timestamp() * 1000),
        "notificationResource": arn,
        "publishedMessage": None if error else compact({"default": message}),
        "error": error,
        "muteWindowEndTimestamp": None,
    }
    text = compact(data)
    if len(text) > MAX_DATA:
        text = compact(data | {"publishedMessage": None})
    return HistoryItem(
        alarm_name=record.name,
        alarm_type=record.type,
        at=at,
        type=HistoryType.ACTION,
        summary=summary,
        data=text,
    )
