"""CloudWatch's metrics and alarms: the facade that the doors delegate to.

Every operation takes a request in the member names of CloudWatch's API model (as botocore parses it: timestamps
are aware datetimes, numbers are numbers) and answers in them. Refusals are `alarms.errors.AlarmRefused` and
`metrics`' own, each with ``aws_code`` and ``status``.
"""

from __future__ import annotations

from datetime import datetime

from wakeless.alarms.definitions import AlarmRecord
from wakeless.monitoring.ports import Answer, Request


class Monitoring:
    """Metrics in, alarms evaluated, state changes out."""

    async def put_metric_data(self, request: Request) -> None:
        """Keep samples (PutMetricData)."""
        raise NotImplementedError

    async def put_metric_alarm(self, request: Request) -> None:
        """Create or replace a metric alarm (PutMetricAlarm)."""
        raise NotImplementedError

    async def put_composite_alarm(self, request: Request) -> None:
        """Create or replace a composite alarm (PutCompositeAlarm)."""
        raise NotImplementedError

    async def describe_alarms(self, request: Request) -> Answer:
        """List alarms, by every filter, in pages: ``MetricAlarms``, ``CompositeAlarms``, ``NextToken``."""
        raise NotImplementedError

    async def describe_alarms_for_metric(self, request: Request) -> Answer:
        """List the alarms on exactly one metric: ``MetricAlarms``."""
        raise NotImplementedError

    async def describe_alarm_history(self, request: Request) -> Answer:
        """List what happened: ``AlarmHistoryItems``, ``NextToken``."""
        raise NotImplementedError

    async def set_alarm_state(self, request: Request) -> None:
        """Put an alarm into a state for a moment (SetAlarmState)."""
        raise NotImplementedError

    async def enable_alarm_actions(self, request: Request) -> None:
        """Let the named alarms run their actions."""
        raise NotImplementedError

    async def disable_alarm_actions(self, request: Request) -> None:
        """Keep the named alarms from running their actions."""
        raise NotImplementedError

    async def delete_alarms(self, request: Request) -> None:
        """Delete the named alarms."""
        raise NotImplementedError

    async def get_metric_data(self, request: Request) -> Answer:
        """Read series and expressions over them (GetMetricData)."""
        raise NotImplementedError

    async def get_metric_statistics(self, request: Request) -> Answer:
        """Read statistics of one metric (GetMetricStatistics)."""
        raise NotImplementedError

    async def list_metrics(self, request: Request) -> Answer:
        """List metrics (ListMetrics)."""
        raise NotImplementedError

    async def tag_resource(self, request: Request) -> None:
        """Add tags to an alarm (TagResource)."""
        raise NotImplementedError

    async def untag_resource(self, request: Request) -> None:
        """Remove tags from an alarm (UntagResource)."""
        raise NotImplementedError

    async def list_tags_for_resource(self, request: Request) -> Answer:
        """List an alarm's tags (ListTagsForResource)."""
        raise NotImplementedError

    def alarms(self) -> list[AlarmRecord]:
        """Return every alarm as it stands, by name: for the command line and the pages."""
        raise NotImplementedError

    def alarm(self, name_or_arn: str) -> AlarmRecord | None:
        """Return one alarm as it stands: for the verification of the ``embedded`` source."""
        raise NotImplementedError

    async def run_due(self, now: datetime) -> int:
        """Evaluate every alarm that is due at ``now``; return how many were."""
        raise NotImplementedError
