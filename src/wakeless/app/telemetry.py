"""What Prometheus may know: every metric, in one place, in a registry of its own."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

import wakeless
from wakeless.alarms.alarm import Alarm
from wakeless.incidents.incident import Status

#: From "a script began at once" to "somebody had to approve it".
_TO_ACTION = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
_TO_RECOVERY = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0)
_REQUEST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class Telemetry:
    """Counts and times what happens. Safe from any thread; never raises for what it is told."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        own = self.registry
        build = Gauge("wakeless_build_info", "Always 1; the version is a label.", ["version"], registry=own)
        build.labels(wakeless.__version__).set(1)
        self._alarms = Counter(
            "wakeless_alarms_received",
            "Reports of a change of state, copies not counted.",
            ["source", "state"],
            registry=own,
        )
        self._copies = Counter(
            "wakeless_alarms_duplicate", "Copies of reports that came before.", ["source"], registry=own
        )
        self._refused = Counter("wakeless_alarms_refused", "Payloads refused, by why.", ["code"], registry=own)
        self._ignored = Counter(
            "wakeless_alarms_ignored", "Parts of payloads left alone, by why.", ["code"], registry=own
        )
        self._incidents = Gauge("wakeless_incidents", "Incidents in each status.", ["status"], registry=own)
        self._to_action = Histogram(
            "wakeless_alarm_to_action_seconds",
            "Seconds from the receipt of an alarm to the beginning of its remediation.",
            buckets=_TO_ACTION,
            registry=own,
        )
        self._to_recovery = Histogram(
            "wakeless_alarm_to_recovery_seconds",
            "Seconds from the receipt of an alarm until it was OK again.",
            buckets=_TO_RECOVERY,
            registry=own,
        )
        self._attempts = Counter("wakeless_attempts", "Attempts that ended, by result.", ["result"], registry=own)
        self._deliveries = Counter(
            "wakeless_deliveries", "Messages to people, by channel and result.", ["channel", "result"], registry=own
        )
        self._lag = Gauge(
            "wakeless_evaluator_lag_seconds", "How late the most overdue alarm is evaluated.", registry=own
        )
        self._evaluations = Counter("wakeless_evaluations", "Alarms evaluated.", registry=own)
        self._requests = Counter(
            "wakeless_http_requests", "Requests answered.", ["method", "route", "status"], registry=own
        )
        self._request_seconds = Histogram(
            "wakeless_http_request_seconds", "Seconds to answer a request.", ["route"], buckets=_REQUEST, registry=own
        )
        self._streams = Gauge("wakeless_http_streams", "Open streams of events.", registry=own)
        # Every status is there from the first scrape, so that a missing series never reads as "none".
        for status in Status:
            self._incidents.labels(status)
        # `labels` looks its child up under a lock; the busiest ones are kept at hand.
        self._alarm_children: dict[tuple[str, str], Counter] = {}
        self._request_children: dict[tuple[str, str, int], Counter] = {}
        self._second_children: dict[str, Histogram] = {}

    def alarm_received(self, alarm: Alarm) -> None:
        """Count a report that came for the first time."""
        key = (alarm.source, alarm.state)
        counter = self._alarm_children.get(key)
        if counter is None:
            counter = self._alarm_children[key] = self._alarms.labels(*key)
        counter.inc()

    def alarm_duplicate(self, alarm: Alarm) -> None:
        """Count a copy of a report."""
        self._copies.labels(alarm.source).inc()

    def alarm_refused(self, code: str) -> None:
        """Count a payload that was refused."""
        self._refused.labels(code).inc()

    def alarm_ignored(self, code: str) -> None:
        """Count a part of a payload that is understood and left alone."""
        self._ignored.labels(code).inc()

    def incident_moved(self, old: Status | None, new: Status) -> None:
        """Count an incident in its new status and no longer in its old one; None for one that was just opened."""
        if old is new:
            return
        if old is not None:
            self._incidents.labels(old).dec()
        self._incidents.labels(new).inc()

    def incidents_are(self, counts: Mapping[Status, int]) -> None:
        """Set how many incidents are in each status: once at the start, from the journal."""
        for status in Status:
            self._incidents.labels(status).set(counts.get(status, 0))

    def action_began(self, seconds: float) -> None:
        """Time an alarm's receipt to its remediation's beginning."""
        self._to_action.observe(max(0.0, seconds))

    def recovered(self, seconds: float) -> None:
        """Time an alarm's receipt to its being OK again."""
        self._to_recovery.observe(max(0.0, seconds))

    def attempt_ended(self, result: str) -> None:
        """Count an attempt; ``result`` is one of a few words (``succeeded``, ``failed``, ``timed_out``, …)."""
        self._attempts.labels(result).inc()

    def delivery(self, channel: str, result: str) -> None:
        """Count a message to people; ``result`` is ``delivered``, ``retried`` or ``failed``."""
        self._deliveries.labels(channel, result).inc()

    def evaluated(self, alarms: int, lag_seconds: float = 0.0) -> None:
        """Count evaluations, and note how late the most overdue of them was."""
        self._evaluations.inc(alarms)
        self._lag.set(max(0.0, lag_seconds))

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count and time an HTTP request; ``route`` is the pattern of its path, never the path itself."""
        key = (method, route, status)
        counter = self._request_children.get(key)
        if counter is None:
            counter = self._request_children[key] = self._requests.labels(method, route, str(status))
        counter.inc()
        histogram = self._second_children.get(route)
        if histogram is None:
            histogram = self._second_children[route] = self._request_seconds.labels(route)
        histogram.observe(seconds)

    def stream_opened(self) -> None:
        """Count an open stream of events."""
        self._streams.inc()

    def stream_closed(self) -> None:
        """Count it no longer."""
        self._streams.dec()

    def expose(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics and their content type, in the newest format that the ``Accept`` header takes."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type
