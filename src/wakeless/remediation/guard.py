"""Whether automation must keep its hands off, and why (DESIGN section 7, "Guard")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from wakeless.alarms.alarm import Alarm
from wakeless.remediation.glob import any_match
from wakeless.remediation.match import is_match
from wakeless.remediation.plan import Plan
from wakeless.remediation.schedule import Window, merged_until, open_until


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


@dataclass(frozen=True, slots=True)
class Hold:
    """Automation must wait, or must leave it to a person.

    ========== ========= ================================================================
    ``until``  ``recheck`` what the caller does
    ========== ========= ================================================================
    a moment   False     hold it until then; if it is still in ALARM then, tell a person
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


def guard(plan: Plan, facts: GuardFacts, now: datetime) -> Hold | None:
    """Say why automation must keep its hands off this incident now, if it must.

    What waiting cannot change comes first, then what has an end, the latest end first; so that an incident that is
    held for one reason is not found held for another the moment the first is over.
    """
    for check in _FIRST:
        if (hold := check(plan, facts, now)) is not None:
            return hold
    holds = [hold for check in _PASSING if (hold := check(plan, facts, now)) is not None]
    timed = [hold for hold in holds if hold.until is not None]
    if timed:
        return max(timed, key=lambda hold: hold.until or now)
    return holds[0] if holds else None


_Check = Callable[[Plan, GuardFacts, datetime], Hold | None]


def _kill_switch(plan: Plan, facts: GuardFacts, now: datetime) -> Hold | None:
    if facts.automation_enabled:
        return None
    why = f" ({facts.automation_reason})" if facts.automation_reason else ""
    return Hold(HoldReason.KILL_SWITCH, f"automation is switched off{why}", recheck=True)


def _attempts(plan: Plan, facts: GuardFacts, now: datetime) -> Hold | None:
    if facts.attempts_begun < plan.policy.attempts:
        return None
    reason = f"{facts.attempts_begun} of {plan.policy.attempts} attempts are made"
    return Hold(HoldReason.ATTEMPTS_SPENT, reason)


def _flapping(plan: Plan, facts: GuardFacts, now: datetime) -> Hold | None:
    limits = plan.policy.limits
    since = now - timedelta(seconds=limits.flapping_window)
    count = sum(opened_at > since for opened_at in facts.incidents_opened_at)
    if count < limits.flapping:
        return None
    reason = (
        f"it flaps: {count} incidents of this alarm within {_words(limits.flapping_window)}, and from "
        f"{limits.flapping} on a person is asked"
    )
    return Hold(HoldReason.FLAPPING, reason)


def _maintenance(plan: Plan, facts: GuardFacts, now: datetime) -> Hold | None:
    windows = [window for window in facts.windows if _concerns(window, plan, facts.alarm)]
    until = merged_until(windows, now)
    if until is None:
        return None
    names = ", ".join(window.name for window in windows if open_until(window.when, now) is not None)
    return Hold(HoldReason.MAINTENANCE, f"maintenance: {names}", until=until)


def _concerns(window: Window, plan: Plan, alarm: Alarm) -> bool:
    if window.targets and not any_match(window.targets, plan.target):
        return False
    return is_match(window.match, alarm)


def _cooldown(plan: Plan, facts: GuardFacts, now: datetime) -> Hold | None:
    seconds = plan.policy.limits.cooldown
    until = _later(facts.alarm_last_began_at, seconds, now)
    if until is None:
        return None
    reason = f"cooldown: this alarm was remediated less than {_words(seconds)} ago"
    return Hold(HoldReason.COOLDOWN, reason, until=until)


def _target_cooldown(plan: Plan, facts: GuardFacts, now: datetime) -> Hold | None:
    seconds = plan.policy.limits.target_cooldown
    until = _later(facts.target_last_began_at, seconds, now)
    if until is None:
        return None
    reason = f"cooldown: something was remediated on {plan.target} less than {_words(seconds)} ago"
    return Hold(HoldReason.TARGET_COOLDOWN, reason, until=until)


def _later(began_at: datetime | None, seconds: float, now: datetime) -> datetime | None:
    """Return when ``seconds`` after ``began_at`` are over, if that is still to come."""
    if began_at is None:
        return None
    until = began_at + timedelta(seconds=seconds)
    return until if until > now else None


def _per_hour(plan: Plan, facts: GuardFacts, now: datetime) -> Hold | None:
    most = plan.policy.limits.per_hour
    hour = timedelta(hours=1)
    recent = sorted(began_at for began_at in facts.rule_began_at if began_at > now - hour)
    if len(recent) < most:
        return None
    reason = f"rule {plan.rule!r} began {len(recent)} attempts within an hour, at most {most} are allowed"
    # There is room for one more when only ``most - 1`` of them are younger than an hour.
    return Hold(HoldReason.PER_HOUR, reason, until=recent[-most] + hour)


def _target_busy(plan: Plan, facts: GuardFacts, now: datetime) -> Hold | None:
    if len(facts.target_busy_with) < plan.policy.limits.per_target:
        return None
    others = ", ".join(facts.target_busy_with[:5])
    return Hold(HoldReason.TARGET_BUSY, f"another remediation runs on {plan.target}: {others}", recheck=True)


def _concurrent(plan: Plan, facts: GuardFacts, now: datetime) -> Hold | None:
    most = plan.policy.limits.concurrent
    if facts.rule_running < most:
        return None
    reason = f"rule {plan.rule!r} runs {facts.rule_running} remediations, at most {most} at the same moment"
    return Hold(HoldReason.CONCURRENT, reason, recheck=True)


def _words(seconds: float) -> str:
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}" + ("s" if count != 1 else "")
    return f"{seconds:g} seconds"


#: The first of these decides: a person is asked at once, or waits for the person who threw the switch.
_FIRST: tuple[_Check, ...] = (_attempts, _flapping, _kill_switch)
#: Of these, the one with the latest end decides.
_PASSING: tuple[_Check, ...] = (_maintenance, _cooldown, _target_cooldown, _per_hour, _target_busy, _concurrent)
