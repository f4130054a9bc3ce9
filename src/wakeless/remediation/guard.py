"""Whether automation must keep its hands off, and why (DESIGN section 7, "Guard")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wakeless.alarms.alarm import Alarm
from wakeless.remediation.schedule import Window


class HoldReason(StrEnum):
    """Why automation keeps its hands off."""

    KILL_SWITCH = "kill_switch"
    ATTEMPTS_SPENT = "attempts_spent"
    FLAPPING = "flapping"
    MAINTENANCE = "maintenance"
    COOLDOWN = "cooldown"
    TARGET_COOLDOWN = "target_cooldown"
    TARGET_BUSY = "target_busy"
    CONCURRENT = "concurrent"
    PER_HOUR = "per_hour"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Automation must wait, or must leave it to a person.

    ========== ========= ================================================================
    ``until``  ``recheck`` what the caller does
    ========== ========= ================================================================
    a moment   False     ask the guard again then
    None       True      ask again soon: what holds it may end at any moment
    None       False     ask a person now: waiting changes nothing
    ========== ========= ================================================================
    """

    code: HoldReason
    #: One sentence for people, without a full stop.
    reason: str
    until: datetime | None = None
    recheck: bool = False

    @property
    def is_final(self) -> bool:
        """Whether waiting changes nothing and a person is to be asked now."""
        return self.until is None and not self.recheck


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardFacts:
    """What the guard must know; the caller gathers it from the journal and the settings."""

    #: The incident's alarm: maintenance windows match on it.
    alarm: Alarm
    #: False after somebody threw the kill switch.
    automation_enabled: bool = True
    #: Who threw it and why, for people; may be empty.
    automation_reason: str = ""
    #: Every maintenance window of the settings; the guard picks those that apply.
    windows: tuple[Window, ...] = ()
    #: Attempts of this incident that have begun (since a person last asked for another try).
    attempts_begun: int = 0
    #: When the newest attempt for the same fingerprint began in *another* incident.
    alarm_last_began_at: datetime | None = None
    #: When the newest attempt on the same target began in *another* incident.
    target_last_began_at: datetime | None = None
    #: When the attempts under the same rule began during the last hour, in any order.
    rule_began_at: tuple[datetime, ...] = ()
    #: Attempts under the same rule that run now (this incident's own not counted).
    rule_running: int = 0
    #: Incidents (not this one) whose remediation runs now on the same target.
    target_busy_with: tuple[str, ...] = ()
    #: When the incidents of the same fingerprint opened within the last `Limits.flapping_window` seconds, this one
    #: included.
    incidents_opened_at: tuple[datetime, ...] = ()
