"""Incidents as JSON values: what the API answers and what channels send."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from wakeless.alarms.alarm import Alarm
from wakeless.pipeline.run import Run
from wakeless.store.journal import AttemptRow


def describe_alarm(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as JSON values, without the payload it came in."""
    values = {name: value for name, value in asdict(alarm).items() if name != "raw" and value not in (None, "", {})}
    values["changed_at"] = alarm.changed_at.isoformat()
    return values


def describe_incident(run: Run) -> dict[str, Any]:
    """Return one incident as JSON values, short."""
    incident, plan = run.incident, run.plan
    closed = incident.resolved_at or incident.updated_at
    return {
        "id": incident.id,
        "status": incident.status,
        "title": incident.alarm.name,
        "source": incident.alarm.source,
        "alarm_state": incident.alarm_state,
        "opened_at": incident.opened_at.isoformat(),
        "updated_at": incident.updated_at.isoformat(),
        "resolved_at": incident.resolved_at.isoformat() if incident.resolved_at else None,
        "seconds": round((closed - incident.opened_at).total_seconds(), 3),
        "alarms": incident.alarms,
        "attempts": run.begun,
        "remediation": plan.script.key if plan else None,
        "target": plan.target if plan else None,
        "rule": plan.rule if plan else None,
        "reason": run.reason or (run.hold.reason if run.hold else ""),
        "until": run.hold.until.isoformat() if run.hold else None,
    }


def describe_run(run: Run) -> dict[str, Any]:
    """Return one incident as JSON values, with its alarm, plan and decisions."""
    details = describe_incident(run) | {
        "alarm": describe_alarm(run.incident.alarm),
        "fingerprint": run.incident.fingerprint,
    }
    if run.plan is not None:
        details["plan"] = asdict(run.plan)
    if run.hold is not None:
        details["hold"] = {"code": run.hold.code, "reason": run.hold.reason, "until": run.hold.until.isoformat()}
    if run.asked_at is not None and run.plan is not None and run.plan.policy.approval is not None:
        details["approval"] = {
            "approvers": list(run.plan.policy.approval.approvers),
            "quorum": run.plan.policy.approval.quorum,
            "asked_at": run.asked_at.isoformat(),
            "until": run.wake_at.isoformat() if run.phase == "asking" and run.wake_at else None,
            "decisions": [
                {"principal": d.principal, "approve": d.approve, "at": d.at.isoformat(), "comment": d.comment}
                for d in run.decisions
            ],
        }
    return details


def describe_attempt(row: AttemptRow) -> dict[str, Any]:
    """Return one attempt as JSON values."""
    values = asdict(row)
    for name in ("began_at", "started_at", "ended_at"):
        moment = getattr(row, name)
        values[name] = moment.isoformat() if moment else None
    if row.ended_at is not None:
        values["seconds"] = round((row.ended_at - row.began_at).total_seconds(), 3)
    return values
