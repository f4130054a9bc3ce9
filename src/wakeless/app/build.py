"""Everything made and joined, nothing started: the only wiring there is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.app.attempts import AttemptDesk, OutputFiles
from wakeless.app.conductor import Conductor
from wakeless.app.courier import Courier
from wakeless.app.feed import Feed
from wakeless.app.ledger import Ledger
from wakeless.app.messages import MessageDesk
from wakeless.app.pressure import Pressure
from wakeless.app.service import Service
from wakeless.app.settings import Settings
from wakeless.app.telemetry import Telemetry
from wakeless.aws.clients import AwsClients
from wakeless.aws.cloudwatch_prober import CloudWatchProber
from wakeless.channels.build import build as build_channel
from wakeless.core.clock import Clock
from wakeless.core.errors import WakelessError
from wakeless.core.ids import Ids
from wakeless.monitoring.loop import EvaluationLoop
from wakeless.monitoring.service import Monitoring
from wakeless.monitoring.settings import MonitoringSettings
from wakeless.remediation.find import PlanFinder
from wakeless.remediation.ports import RemediationStore
from wakeless.store import journal
from wakeless.store.alarm_store import ALARM_SCHEMA, SqliteAlarmStore
from wakeless.store.journal import JOURNAL_SCHEMA
from wakeless.store.metric_store import MetricStore
from wakeless.store.remediations.choose import open_store
from wakeless.store.sqlite import Database
from wakeless.targets.build import build_target
from wakeless.verification.alertmanager import AlertmanagerProber
from wakeless.verification.embedded import EmbeddedProber
from wakeless.verification.ports import Prober
from wakeless.verification.probe import Probers, ask
from wakeless.verification.settings import AlertmanagerApi

logger = logging.getLogger(__name__)

#: Seconds between two looks at what has become old, and at what a former process left.
UPKEEP = 60.0
#: How long reports of alarms are kept to recognise copies of them.
REPORTS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs."""

    service: Service
    feed: Feed
    conductor: Conductor
    courier: Courier
    evaluator: EvaluationLoop
    upkeep: Upkeep


class Upkeep:
    """Tidies up, a bounded step at a time."""

    def __init__(self, db: Database, metrics: MetricStore, attempts: AttemptDesk, clock: Clock) -> None:
        self._db = db
        self._metrics = metrics
        self._attempts = attempts
        self._clock = clock

    async def run(self) -> None:
        """Tidy up, for ever; what fails is tried again next time."""
        while True:
            try:
                await self._attempts.sweep()
                await self._prune(self._clock.now())
                while (await self._metrics.compact(self._clock.now())).more:
                    await asyncio.sleep(0)
            except WakelessError as error:
                logger.warning("Tidying up failed: %s", error, extra={"action": "upkeep_failed"})
            await asyncio.sleep(UPKEEP)

    async def _prune(self, now: datetime) -> None:
        before = now - REPORTS_KEPT
        while await self._db.write(partial(journal.prune_alarms, before=before, limit=1000)):
            await asyncio.sleep(0)


class OwnAlarms:
    """The states of our own alarms, for verification."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring

    def state_of(self, alarm_arn: str) -> tuple[AlarmState, datetime] | None:
        """Return the state and when it was entered; None if there is no such alarm."""
        record = self._monitoring.alarm(alarm_arn)
        return (record.status.state, record.status.transitioned_at) if record is not None else None


def build(settings: Settings, clock: Clock, ids: Ids, stack: AsyncExitStack) -> Parts:
    """Make every part; ``stack`` undoes it. Raises `InvalidInput`, and what opening the files raises."""
    data = settings.data_dir
    journal_db = Database(data / "wakeless.db", schema={"journal": JOURNAL_SCHEMA, "alarms": ALARM_SCHEMA})
    stack.callback(journal_db.close)
    metric_store = MetricStore.open(data / "metrics.db")
    stack.callback(metric_store.close)
    clients = AwsClients(settings.aws.record())
    stack.callback(clients.close)
    telemetry = Telemetry()
    pressure = Pressure()
    output = OutputFiles(data / "output")
    scripts = open_store(settings.remediations.store, lambda: clients)
    targets = {one.name: build_target(one) for one in settings.connections()}
    feed = Feed(journal_db)
    ledger = Ledger(journal_db, clock, ids, windows=settings.windows(), default_channels=settings.escalate_to)
    attempts = AttemptDesk(db=journal_db, clock=clock, scripts=scripts, targets=targets, output=output)
    stack.push_async_callback(attempts.close)

    def tell_conductor(alarms: Sequence[Alarm]) -> None:
        for alarm in alarms:
            telemetry.alarm_received(alarm)
        conductor.wake(_open_incidents(journal_db, alarms))
        conductor.correlate()

    alarm_store = SqliteAlarmStore(journal_db, ledger.sink, tell_conductor)
    monitoring = Monitoring(metric_store, alarm_store, clock, _monitoring_settings(settings))
    probers = Probers(_probers(settings, monitoring, clients))
    finder = plan_finder(settings, scripts)
    conductor = Conductor(
        db=journal_db,
        ledger=ledger,
        feed=feed,
        clock=clock,
        find_plan=finder.find,
        observe=lambda alarm: ask(probers, alarm, clock),
        attempts=attempts,
        pressure=pressure,
    )
    stack.push_async_callback(conductor.close)
    messages = MessageDesk(journal_db, output, clock, settings.public_url)
    channels = {name: build_channel(name, one.record()) for name, one in settings.all_channels.items()}
    courier = Courier(
        db=journal_db,
        feed=feed,
        clock=clock,
        channels=channels,
        compose=messages.compose,
        telemetry=telemetry,
        pressure=pressure,
    )
    service = Service(
        db=journal_db,
        ledger=ledger,
        conductor=conductor,
        feed=feed,
        monitoring=monitoring,
        output=output,
        telemetry=telemetry,
        clock=clock,
        pressure=pressure,
    )
    feed.listen(partial(count_entry, telemetry))
    return Parts(
        service=service,
        feed=feed,
        conductor=conductor,
        courier=courier,
        evaluator=EvaluationLoop(monitoring, clock, telemetry.evaluated),
        upkeep=Upkeep(journal_db, metric_store, attempts, clock),
    )


def plan_finder(settings: Settings, scripts: RemediationStore) -> PlanFinder:
    """Return what finds the plan of an alarm, for the server and for ``wakeless plan``."""
    return PlanFinder(
        store=scripts,
        rules=settings.remediation_rules(),
        inventory=settings.inventory(),
        defaults=settings.default_policy(),
        by_name=settings.remediations.by_name,
    )


def count_entry(telemetry: Telemetry, entry: Mapping[str, Any]) -> None:
    """Count what a timeline entry tells of."""
    kind, data = entry["kind"], entry["data"]
    if kind == "attempt.began" and data.get("number") == 1:
        telemetry.action_began(data["seconds_since_opened"])
    elif kind == "attempt.ended":
        telemetry.attempt_ended(data["result"])
    elif kind == "incident.resolved":
        telemetry.recovered(data["seconds"])


def _monitoring_settings(settings: Settings) -> MonitoringSettings:
    return MonitoringSettings(
        account=settings.account,
        region=settings.region,
        evaluation_delay=settings.monitoring.evaluation_delay,
        allow_aws_namespaces=settings.monitoring.allow_aws_namespaces,
    )


def _probers(settings: Settings, monitoring: Monitoring, clients: AwsClients) -> dict[str, Prober]:
    probers: dict[str, Prober] = {
        "embedded": EmbeddedProber(OwnAlarms(monitoring)),
        "cloudwatch": CloudWatchProber(clients),
    }
    source = settings.sources.alertmanager
    if source.url is not None:
        probers["alertmanager"] = AlertmanagerProber(
            AlertmanagerApi(urls=(source.url,), username=source.username, password=source.password)
        )
    return probers


def _open_incidents(db: Database, alarms: Sequence[Alarm]) -> list[str]:
    runs = db.read(lambda one: [journal.incident_of_alarm(one, alarm.dedup_key) for alarm in alarms])
    return [incident_id for incident_id in runs if incident_id is not None]
