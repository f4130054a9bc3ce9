"""CloudWatch's metrics and alarms: the facade that the doors delegate to.

Every operation takes a request in the member names of CloudWatch's API model (as botocore parses it: timestamps
are aware datetimes, numbers are numbers) and answers in them. Refusals are `alarms.errors.AlarmRefused` and
`metrics.errors.MetricsRefused`, each with ``aws_code`` and ``status``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from wakeless.alarms import history
from wakeless.alarms.composite import MAX_PARENTS
from wakeless.alarms.definitions import (
    INITIAL_REASON,
    AlarmRecord,
    AlarmStatus,
    AlarmType,
    CompositeAlarm,
    Definition,
    MetricAlarm,
    MetricQuery,
    is_same,
    period_of,
)
from wakeless.alarms.errors import LimitExceeded, UnknownAlarm, UnknownResource, ValidationFailed
from wakeless.alarms.reasons import explain
from wakeless.alarms.text import milliseconds
from wakeless.alarms.validation import (
    check_names,
    check_tag_count,
    read_composite_alarm,
    read_metric_alarm,
    read_reason,
    read_state,
    read_tags,
)
from wakeless.core.clock import Clock
from wakeless.core.errors import Unavailable
from wakeless.metrics.data_query import get_metric_data
from wakeless.metrics.intake import read_put_metric_data
from wakeless.metrics.reading import list_metrics
from wakeless.metrics.statistics import check_alarm_statistic, parse_statistic
from wakeless.metrics.statistics_query import get_metric_statistics
from wakeless.monitoring.changes import Changes, first_status
from wakeless.monitoring.listing import describe_alarms, describe_alarms_for_metric, history_query, history_token
from wakeless.monitoring.plans import Batch, Finding, Timetable, make_program
from wakeless.monitoring.ports import AlarmStore, Answer, MetricStore, Request
from wakeless.monitoring.registry import Registry
from wakeless.monitoring.settings import MonitoringSettings

logger = logging.getLogger(__name__)

#: Alarms evaluated without letting others run in between: a few milliseconds.
BATCH_SIZE = 256


class Monitoring:
    """Metrics in, alarms evaluated, state changes out.

    It holds every alarm in memory; the store has each change before it counts. Use it from one event loop.
    """

    def __init__(
        self,
        metrics: MetricStore,
        alarms: AlarmStore,
        clock: Clock,
        settings: MonitoringSettings | None = None,
    ) -> None:
        self.settings = settings or MonitoringSettings()
        self._metrics = metrics
        self._store = alarms
        self._clock = clock
        #: Held by whoever changes alarms, from looking at them until the change is committed.
        self._lock = asyncio.Lock()
        self._registry = Registry(alarms.load(), account=self.settings.account, region=self.settings.region)
        self._timetable = Timetable(self.settings, BATCH_SIZE)
        #: Composite alarms whose actions are held back until a moment.
        self._holds: dict[str, float] = {}
        #: Set when something may be due sooner than it was; for the loop.
        self.sooner = asyncio.Event()
        now = clock.now().timestamp()
        for name in self._registry.names():
            record = self._registry.get(name)
            if record is not None:
                self._follow(record, now)

    # Metrics

    async def put_metric_data(self, request: Request) -> None:
        """Keep samples (PutMetricData)."""
        now = self._clock.now()
        intake = read_put_metric_data(request, now, allow_aws_namespaces=self.settings.allow_aws_namespaces)
        await self._metrics.put(intake.samples, now)

    async def get_metric_data(self, request: Request) -> Answer:
        """Read series and expressions over them (GetMetricData)."""
        return await self._metrics.answer(partial(get_metric_data, request, self._clock.now()))

    async def get_metric_statistics(self, request: Request) -> Answer:
        """Read statistics of one metric (GetMetricStatistics)."""
        return await self._metrics.answer(partial(get_metric_statistics, request, self._clock.now()))

    async def list_metrics(self, request: Request) -> Answer:
        """List metrics (ListMetrics)."""
        return await self._metrics.answer(partial(list_metrics, request, self._clock.now()))

    # Alarms

    async def put_metric_alarm(self, request: Request) -> None:
        """Create or replace a metric alarm (PutMetricAlarm)."""
        alarm = read_metric_alarm(request, statistic=_check_statistic, expressions=self._check_expressions)
        async with self._lock:
            await self._put(alarm, request)

    async def put_composite_alarm(self, request: Request) -> None:
        """Create or replace a composite alarm (PutCompositeAlarm)."""
        alarm = read_composite_alarm(request)
        async with self._lock:
            self._check_relations(alarm)
            await self._put(alarm, request)

    async def describe_alarms(self, request: Request) -> Answer:
        """List alarms, by every filter, in pages: ``MetricAlarms``, ``CompositeAlarms``, ``NextToken``."""
        return describe_alarms(self._registry, request)

    async def describe_alarms_for_metric(self, request: Request) -> Answer:
        """List the alarms on exactly one metric: ``MetricAlarms``."""
        return describe_alarms_for_metric(self._registry, request)

    async def describe_alarm_history(self, request: Request) -> Answer:
        """List what happened: ``AlarmHistoryItems``, ``NextToken``."""
        query, mark = history_query(request)
        items, after = self._store.history(query)
        answer: Answer = {
            "AlarmHistoryItems": [
                {
                    "AlarmName": item.alarm_name,
                    "AlarmType": str(item.alarm_type),
                    "Timestamp": item.at,
                    "HistoryItemType": str(item.type),
                    "HistorySummary": item.summary,
                    "HistoryData": item.data,
                }
                for item in items
            ]
        }
        if after is not None:
            answer["NextToken"] = history_token(after, mark)
        return answer

    async def set_alarm_state(self, request: Request) -> None:
        """Put an alarm into a state for a moment (SetAlarmState)."""
        state = read_state(request.get("StateValue"))
        reason, data = read_reason(request)
        async with self._lock:
            record = self._registry.get(request.get("AlarmName") or "")
            if record is None:
                # CloudWatch says nothing more.
                raise UnknownAlarm("")
            if record.status.state is state:
                return
            changes = self._changes()
            changes.move(record, state, reason, data)
            await self._commit(changes)

    async def enable_alarm_actions(self, request: Request) -> None:
        """Let the named alarms run their actions."""
        await self._enable(request, True)

    async def disable_alarm_actions(self, request: Request) -> None:
        """Keep the named alarms from running their actions."""
        await self._enable(request, False)

    async def delete_alarms(self, request: Request) -> None:
        """Delete the named alarms; those that do not exist are passed over. All or none."""
        names = list(dict.fromkeys(request.get("AlarmNames") or ()))
        check_names(names)
        async with self._lock:
            records = [record for name in names if (record := self._registry.get(name)) is not None]
            if sum(record.type is AlarmType.COMPOSITE for record in records) > 1:
                raise ValidationFailed("Only one composite alarm can be deleted in one call")
            for record in records:
                if self._registry.parents(record.name) or self._registry.suppressed_by(record.name):
                    raise ValidationFailed(
                        f"Cannot delete {record.name} as there are composite alarm(s) depending on it."
                    )
            await _to_the_end(self._forget(records))

    # Tags

    async def tag_resource(self, request: Request) -> None:
        """Add tags to an alarm (TagResource)."""
        tags = read_tags(request.get("Tags"))
        async with self._lock:
            record = self._by_arn(request.get("ResourceARN"))
            await self._retag(record, {**record.tags, **tags})

    async def untag_resource(self, request: Request) -> None:
        """Remove tags from an alarm (UntagResource)."""
        gone = set(request.get("TagKeys") or ())
        async with self._lock:
            record = self._by_arn(request.get("ResourceARN"))
            await self._retag(record, {key: value for key, value in record.tags.items() if key not in gone})

    async def list_tags_for_resource(self, request: Request) -> Answer:
        """List an alarm's tags (ListTagsForResource)."""
        record = self._by_arn(request.get("ResourceARN"))
        return {"Tags": [{"Key": key, "Value": value} for key, value in record.tags.items()]}

    # For the rest of the house

    def alarms(self) -> list[AlarmRecord]:
        """Return every alarm as it stands, by name: for the command line and the pages."""
        return [record for name in self._registry.names() if (record := self._registry.get(name)) is not None]

    def alarm(self, name_or_arn: str) -> AlarmRecord | None:
        """Return one alarm as it stands: for the verification of the ``embedded`` source."""
        record = self._registry.get(name_or_arn)
        if record is None:
            record = self._registry.get(name_or_arn.removeprefix(self.settings.arn_of("")))
        return record

    # Evaluation

    def next_due(self) -> float | None:
        """Return when something is due next, seconds since the epoch; None while there is nothing to do."""
        return min(
            (due for due in (self._timetable.next_due(), *self._holds.values()) if due is not None), default=None
        )

    async def run_due(self, now: datetime) -> int:
        """Evaluate every alarm that is due at ``now`` and end the holds that are over; return how many were evaluated.

        Raises `StoreUnavailable` at once, and the first of any other failures once the other alarms are evaluated.
        What was not done is done at the next beat.
        """
        await self._end_holds(now)
        evaluated = 0
        failure: Exception | None = None
        for batch in list(self._timetable.take_due(now.timestamp())):
            failure = await self._evaluate(batch, now) or failure
            evaluated += batch.size
            # Let requests and commands run between two batches.
            await asyncio.sleep(0)
        if failure is not None:
            raise failure
        return evaluated

    async def prune_history(self, now: datetime) -> int:
        """Delete history that is older than it is kept; return how many items."""
        return await self._store.prune_history(now - timedelta(days=self.settings.history_days))

    async def _evaluate(self, batch: Batch, now: datetime) -> Exception | None:
        """Evaluate and commit a batch; return what went wrong with single alarms. Raises `Unavailable`."""
        async with self._lock:
            findings = batch.find(self._metrics, self._status, now.timestamp())
            failure = await self._commit_findings(findings, now)
            if failure is None or len(findings) == 1:
                return failure
            # One alarm that cannot be kept must not hold up the others.
            for finding in findings:
                failure = await self._commit_findings([finding], now) or failure
            return failure

    async def _commit_findings(self, findings: Sequence[Finding], now: datetime) -> Exception | None:
        changes = Changes(self._registry, self.settings, now)
        for finding in findings:
            self._apply(changes, finding, now)
        try:
            await self._commit(changes)
        except Unavailable:
            raise
        except Exception as error:
            names = [finding.plan.name for finding in findings]
            logger.exception("A change of state was not kept", extra={"action": "commit_failed", "alarms": names})
            return error
        return None

    def _status(self, name: str) -> AlarmStatus | None:
        record = self._registry.get(name)
        return None if record is None else record.status

    def _apply(self, changes: Changes, finding: Finding, now: datetime) -> None:
        plan = finding.plan
        record = changes.get(plan.name)
        # The alarm may have been replaced since the batch was made.
        if record is None or self._timetable.get(plan.name) is not plan:
            return
        status = record.status
        if status.evaluation_state is not finding.trouble:
            record = replace(
                record,
                status=replace(status, evaluation_state=finding.trouble, updated_at=milliseconds(now)),
            )
            changes.put(record)
        if finding.state is not None and finding.evidence is not None and finding.state is not status.state:
            reason, data = explain(plan.alarm, finding.state, finding.evidence, now)
            changes.move(record, finding.state, reason, data)

    async def _end_holds(self, now: datetime) -> None:
        due = sorted(name for name, until in self._holds.items() if until <= now.timestamp())
        if not due:
            return
        async with self._lock:
            changes = Changes(self._registry, self.settings, now)
            for name in due:
                record = changes.get(name)
                if record is not None:
                    changes.release_due(record)
            await self._commit(changes)

    # Inside

    def _changes(self) -> Changes:
        return Changes(self._registry, self.settings, self._clock.now())

    async def _commit(self, changes: Changes) -> None:
        """Keep what has changed, on disk first."""
        if changes:
            await _to_the_end(self._keep(changes))

    async def _keep(self, changes: Changes) -> None:
        records = changes.records
        await self._store.commit_transitions(records, changes.history, changes.alarms)
        now = self._clock.now().timestamp()
        for record in records:
            before = self._registry.get(record.name)
            self._registry.put(record)
            if before is None or before.definition is not record.definition:
                self._follow(record, now)
            else:
                self._note_hold(record)

    async def _forget(self, records: Sequence[AlarmRecord]) -> None:
        now = milliseconds(self._clock.now())
        await self._store.delete(
            [record.name for record in records], [history.deleted(record, now) for record in records]
        )
        for record in records:
            self._registry.remove(record.name)
            self._timetable.remove(record.name)
            self._holds.pop(record.name, None)

    def _follow(self, record: AlarmRecord, now: float) -> None:
        """Put an alarm on the timetable."""
        if isinstance(record.definition, MetricAlarm):
            self._timetable.add(record.definition, now)
        self._note_hold(record)
        self.sooner.set()

    def _note_hold(self, record: AlarmRecord) -> None:
        until = record.status.hold_until
        if until is None:
            self._holds.pop(record.name, None)
        else:
            self._holds[record.name] = until.timestamp()
            self.sooner.set()

    async def _put(self, alarm: Definition, request: Request) -> None:
        before = self._registry.get(alarm.name)
        if before is not None and type(before.definition) is not type(alarm):
            raise ValidationFailed(f"AlarmName [{alarm.name}] is already used by another alarm of a different type")
        changes = self._changes()
        now = milliseconds(self._clock.now())
        if before is None:
            if len(self._registry) >= self.settings.max_alarms:
                raise LimitExceeded(f"The maximum limit of {self.settings.max_alarms} alarms would be exceeded.")
            record = AlarmRecord(
                arn=self.settings.arn_of(alarm.name),
                definition=alarm,
                status=first_status(now, INITIAL_REASON),
                configured_at=now,
                tags=read_tags(request.get("Tags")),
            )
            changes.put(record, history.created(record))
        else:
            if is_same(before.definition, alarm):
                return
            record = replace(before, definition=alarm, configured_at=now)
            changes.put(record, history.updated(record, before))
        if isinstance(alarm, CompositeAlarm):
            if before is not None and _suppressor_of(before) != alarm.suppressor:
                record = changes.replace_suppressor(record)
            changes.evaluate_rule(record, self._registry.link(alarm), created=before is None)
        await self._commit(changes)

    def _check_relations(self, alarm: CompositeAlarm) -> None:
        """Check the alarms that a composite alarm names; raises `ValidationFailed`."""
        children = self._registry.link(alarm).children
        if alarm.name in children:
            raise ValidationFailed(
                "A composite alarm cannot have a child relation with itself via its AlarmRule, "
                "as it would introduce a circular dependency"
            )
        if unknown := [name for name in children if self._registry.get(name) is None]:
            arns = ", ".join(self.settings.arn_of(name) for name in unknown)
            raise ValidationFailed(
                f"Could not save the composite alarm as alarms [{arns}] in the alarm rule do not exist"
            )
        for name in children:
            if len({*self._registry.parents(name), alarm.name}) > MAX_PARENTS:
                raise ValidationFailed(f"The alarm {name} is a child of {MAX_PARENTS} composite alarms already")
        if alarm.suppressor is None:
            return
        suppressor = self._registry.resolve(alarm.suppressor)
        if suppressor == alarm.name:
            raise ValidationFailed("A composite alarm cannot suppress its own actions")
        if self._registry.get(suppressor) is None:
            raise ValidationFailed(
                f"Could not save the composite alarm as alarms [{self.settings.arn_of(suppressor)}] "
                "in the actions suppressor do not exist"
            )

    async def _enable(self, request: Request, enabled: bool) -> None:
        names = list(dict.fromkeys(request.get("AlarmNames") or ()))
        check_names(names)
        async with self._lock:
            changes = self._changes()
            now = milliseconds(self._clock.now())
            for name in names:
                before = self._registry.get(name)
                if before is None or before.definition.actions.enabled is enabled:
                    continue
                actions = replace(before.definition.actions, enabled=enabled)
                record = replace(before, definition=replace(before.definition, actions=actions), configured_at=now)
                changes.put(record, history.updated(record, before))
            await self._commit(changes)

    def _by_arn(self, arn: str | None) -> AlarmRecord:
        record = self.alarm(arn or "")
        if record is None or record.arn != arn:
            # CloudWatch says nothing more.
            raise UnknownResource("")
        return record

    async def _retag(self, record: AlarmRecord, tags: Mapping[str, str]) -> None:
        check_tag_count(tags)
        if tags != record.tags:
            changes = self._changes()
            changes.put(replace(record, tags=tags))
            await self._commit(changes)

    def _check_expressions(self, queries: Sequence[MetricQuery], evaluation_periods: int) -> None:
        """Refuse expressions that no alarm can use."""
        program, result = make_program(queries)
        program.check_alarm(result, self.settings.range_of(period_of(queries), evaluation_periods))


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for ``work`` even when cancelled: what was committed must be in memory too before the lock is free."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("A change was not kept, and nobody waits any more", exc_info=error)
        raise


def _suppressor_of(record: AlarmRecord) -> str | None:
    definition = record.definition
    return definition.suppressor if isinstance(definition, CompositeAlarm) else None


def _check_statistic(text: str) -> None:
    """Refuse a statistic that does not exist, or that no alarm may have."""
    check_alarm_statistic(parse_statistic(text))
