"""One unit of work: what happens to alarms together, and everything that follows from it.

A change of state writes history, runs actions, makes a report for the incident intake, and moves the composite alarms
above; all of it is collected here and committed in one transaction, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from wakeless.alarms import history, reasons, suppression
from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.alarms.definitions import INITIAL_REASON, AlarmRecord, AlarmStatus, CompositeAlarm, HistoryItem
from wakeless.alarms.message import Triggering, alarm_message, to_alarm
from wakeless.alarms.suppression import Hold, Suppressor
from wakeless.alarms.text import compact, milliseconds
from wakeless.monitoring.registry import Link, Registry
from wakeless.monitoring.settings import MonitoringSettings


class Changes:
    """Collects what changes at one moment; the registry itself is not touched."""

    def __init__(self, registry: Registry, settings: MonitoringSettings, now: datetime) -> None:
        self._registry = registry
        self._settings = settings
        self._now = milliseconds(now)
        self._records: dict[str, AlarmRecord] = {}
        #: Composite alarms to evaluate, and the children that moved.
        self._moved: dict[str, list[str]] = {}
        self.history: list[HistoryItem] = []
        self.alarms: list[Alarm] = []

    @property
    def records(self) -> Sequence[AlarmRecord]:
        """Every alarm that changed, as it is now."""
        return list(self._records.values())

    def __bool__(self) -> bool:
        return bool(self._records)

    def get(self, name: str) -> AlarmRecord | None:
        """Return an alarm as it stands within this unit of work."""
        return self._records.get(name) or self._registry.get(name)

    def put(self, record: AlarmRecord, *items: HistoryItem) -> None:
        """Keep a new or changed configuration with its history."""
        self._records[record.name] = record
        self.history.extend(items)

    def move(self, record: AlarmRecord, state: AlarmState, reason: str, data: str | None) -> None:
        """Put an alarm into another state, and move what depends on it."""
        self._enter(record, state, reason, data, ())
        self._settle()

    def replace_suppressor(self, record: AlarmRecord) -> AlarmRecord:
        """Begin anew what is held for a composite alarm whose suppressor was replaced."""
        hold = _hold_of(record.status)
        if hold is None:
            return record
        return self._hold(record, suppression.on_replaced(hold, self._suppressor(record), self._now))

    def release_due(self, record: AlarmRecord) -> None:
        """Let a composite alarm's actions run if its wait or extension is over."""
        hold = _hold_of(record.status)
        if hold is not None and suppression.on_time(hold, self._now) is None:
            self._hold(record, None)

    def evaluate_rule(self, record: AlarmRecord, link: Link, *, created: bool) -> None:
        """Evaluate a composite alarm because it is new or its configuration changed."""
        if self._registry.would_loop(record.name, link):
            return
        state = _state_of(link, self._state)
        if state is record.status.state:
            return
        reason = (reasons.rule_created if created else reasons.rule_updated)(record.arn, state)
        deciding = link.rule.deciding(lambda ref: self._state(link.refs[ref]))
        names = dict.fromkeys(link.refs[ref] for ref in deciding)
        self._enter_composite(record, state, reason, [self._known(name) for name in names])
        self._settle()

    def _enter(
        self, record: AlarmRecord, state: AlarmState, reason: str, data: str | None, triggering: Triggering
    ) -> None:
        before = record.status
        at = self._now
        if before.transitioned_at >= at and before.reason != INITIAL_REASON:
            # Reports are told apart and put in order by this moment: it always advances, whatever the clock does.
            at = before.transitioned_at + timedelta(milliseconds=1)
        status = AlarmStatus(
            state=state,
            reason=reason,
            reason_data=data,
            updated_at=at,
            transitioned_at=at,
            evaluation_state=before.evaluation_state,
        )
        hold = suppression.on_change(self._suppressor(record), self._now)
        record = replace(record, status=_held(status, hold))
        self._records[record.name] = record
        self.history.append(history.state_changed(record, before))
        self._act(record, before.state, triggering, held=hold is not None, changed=True)
        self._touch_suppressed(record)
        for parent in self._registry.parents(record.name):
            self._moved.setdefault(parent, []).append(record.name)

    def _enter_composite(
        self, record: AlarmRecord, state: AlarmState, reason: str, deciding: Sequence[AlarmRecord]
    ) -> None:
        triggering = [(alarm.arn, alarm.status.state, alarm.status.transitioned_at) for alarm in deciding]
        self._enter(record, state, reason, reasons.triggering(triggering), triggering)

    def _settle(self) -> None:
        """Evaluate the composite alarms above what has moved, lowest first, so that each moves at most once."""
        while self._moved:
            heights = {name: self._registry.height(name) for name in self._moved}
            name = min(self._moved, key=lambda name: (heights[name] or 0, name))
            children = self._moved.pop(name)
            record = self.get(name)
            if record is None or heights[name] is None:
                continue
            alarm = record.definition
            assert isinstance(alarm, CompositeAlarm), "only composite alarms have children"
            link = self._registry.link(alarm)
            state = _state_of(link, self._state)
            if state is not record.status.state:
                ordered = [self._known(child) for child in link.children if child in children]
                status = ordered[0].status
                reason = reasons.child_changed(ordered[0].arn, status.state, status.transitioned_at)
                self._enter_composite(record, state, reason, ordered)

    def _touch_suppressed(self, suppressor: AlarmRecord) -> None:
        """Tell the composite alarms that ``suppressor`` may hold back that it has changed."""
        for name in sorted(self._registry.suppressed_by(suppressor.name)):
            record = self.get(name)
            holder = None if record is None else self._suppressor(record)
            if record is not None and holder is not None:
                hold = _hold_of(record.status)
                after = suppression.on_suppressor(hold, holder, self._now)
                if after != hold:
                    self._hold(record, after)

    def _state(self, name: str) -> AlarmState:
        return self._known(name).status.state

    def _known(self, name: str) -> AlarmRecord:
        record = self.get(name)
        assert record is not None, "children exist as long as a rule names them"
        return record

    def _suppressor(self, record: AlarmRecord) -> Suppressor | None:
        alarm = record.definition
        if not isinstance(alarm, CompositeAlarm) or alarm.suppressor is None:
            return None
        holder = self.get(self._registry.resolve(alarm.suppressor))
        if holder is None:
            return None
        return Suppressor(
            arn=holder.arn,
            active=holder.status.state is AlarmState.ALARM,
            since=holder.status.transitioned_at,
            wait=alarm.wait_period or 0,
            extension=alarm.extension_period or 0,
        )

    def _hold(self, record: AlarmRecord, hold: Hold | None) -> AlarmRecord:
        """Change what holds the present state's actions back; with nothing left they run."""
        record = replace(record, status=_held(replace(record.status, updated_at=self._now), hold))
        self._records[record.name] = record
        if hold is None:
            self._act(record, record.status.state, (), held=False, changed=False)
        return record

    def _act(
        self, record: AlarmRecord, previous: AlarmState, triggering: Triggering, *, held: bool, changed: bool
    ) -> None:
        """Run the actions of the present state, and report it to the incident intake.

        Recovery is always reported; an ALARM only when somebody asked to be told, or nobody else is told for it.
        """
        state = record.status.state
        actions = record.definition.actions
        arns = actions.of(state) if actions.enabled and not held else ()
        firing = state is AlarmState.ALARM
        if firing:
            reported = actions.enabled and not held and bool(actions.alarm or not self._registry.parents(record.name))
        else:
            reported = changed
        if not arns and not reported:
            return
        place = {"account": self._settings.account, "region": self._settings.region}
        message = alarm_message(record, previous, **place, triggering=triggering)
        if arns:
            text = compact(message)
            self.history.extend(history.action(record, arn, self._now, text) for arn in arns)
        if reported:
            self.alarms.append(to_alarm(record, previous, message, **place))


def _held(status: AlarmStatus, hold: Hold | None) -> AlarmStatus:
    return replace(
        status,
        suppressed_by=hold.by if hold else None,
        suppressed_reason=hold.reason if hold else None,
        hold_until=hold.until if hold else None,
    )


def _hold_of(status: AlarmStatus) -> Hold | None:
    if status.suppressed_by is None:
        return None
    return Hold(status.suppressed_by, status.suppressed_reason or "", status.hold_until)


def first_status(now: datetime, reason: str) -> AlarmStatus:
    """Return the status of an alarm that was never evaluated."""
    at = milliseconds(now)
    return AlarmStatus(state=AlarmState.INSUFFICIENT_DATA, reason=reason, updated_at=at, transitioned_at=at)


def _state_of(link: Link, state_of: Callable[[str], AlarmState]) -> AlarmState:
    """Return the state that a rule gives."""
    return AlarmState.ALARM if link.rule.evaluate(lambda ref: state_of(link.refs[ref])) else AlarmState.OK
