"""What the guard must know, read from the journal in the transaction in which the attempt begins."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from wakeless.pipeline.run import Run
from wakeless.remediation.guard import GuardFacts
from wakeless.remediation.plan import Plan
from wakeless.remediation.schedule import Window
from wakeless.store.journal import get_switch, moment
from wakeless.store.sql import load_queries

_SQL = load_queries("journal.sql")
#: Name of the kill switch; its value is ``on`` or ``off``.
AUTOMATION = "automation"


def gather(db: sqlite3.Connection, run: Run, plan: Plan, windows: tuple[Window, ...], now: datetime) -> GuardFacts:
    """Return the facts about this incident and plan as the journal has them at ``now``."""
    incident = run.incident
    switch = get_switch(db, AUTOMATION)
    row = {
        "fingerprint": incident.fingerprint,
        "incident_id": incident.id,
        "target": plan.target,
        "rule": plan.rule,
    }
    flapping_since = now - timedelta(seconds=plan.policy.limits.flapping_window)
    opened = db.execute(
        _SQL["incidents_opened"], {"fingerprint": incident.fingerprint, "since": flapping_since.timestamp()}
    )
    began = db.execute(_SQL["rule_began"], {"rule": plan.rule, "since": (now - timedelta(hours=1)).timestamp()})
    return GuardFacts(
        alarm=incident.alarm,
        automation_enabled=switch is None or switch["value"] == "on",
        automation_reason=f"{switch['principal']}: {switch['reason']}".rstrip(": ") if switch else "",
        windows=windows,
        attempts_begun=run.spent,
        alarm_last_began_at=_moment(db, "alarm_last_began", row),
        target_last_began_at=_moment(db, "target_last_began", row),
        rule_began_at=tuple(moment(found[0]) for found in began),
        rule_running=int(db.execute(_SQL["rule_running"], row).fetchone()[0]),
        target_busy_with=tuple(found[0] for found in db.execute(_SQL["target_busy"], row)),
        incidents_opened_at=tuple(moment(found[0]) for found in opened),
    )


def _moment(db: sqlite3.Connection, query: str, row: dict[str, str]) -> datetime | None:
    found = db.execute(_SQL[query], row).fetchone()
    return moment(found[0]) if found[0] is not None else None
