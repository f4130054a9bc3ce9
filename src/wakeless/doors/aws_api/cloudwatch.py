"""CloudWatch: every operation is `Monitoring`'s, which speaks the same member names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wakeless.doors.aws_api.model import ServiceShapes
from wakeless.doors.aws_api.service import AwsService, Call, Handler
from wakeless.monitoring.service import Monitoring

_Operation = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any] | None]]


def cloudwatch(monitoring: Monitoring) -> AwsService:
    """Return the service whose operations `monitoring` does."""
    operations: Mapping[str, _Operation] = {
        "DeleteAlarms": monitoring.delete_alarms,
        "DescribeAlarmHistory": monitoring.describe_alarm_history,
        "DescribeAlarms": monitoring.describe_alarms,
        "DescribeAlarmsForMetric": monitoring.describe_alarms_for_metric,
        "DisableAlarmActions": monitoring.disable_alarm_actions,
        "EnableAlarmActions": monitoring.enable_alarm_actions,
        "GetMetricData": monitoring.get_metric_data,
        "GetMetricStatistics": monitoring.get_metric_statistics,
        "ListMetrics": monitoring.list_metrics,
        "ListTagsForResource": monitoring.list_tags_for_resource,
        "PutCompositeAlarm": monitoring.put_composite_alarm,
        "PutMetricAlarm": monitoring.put_metric_alarm,
        "PutMetricData": monitoring.put_metric_data,
        "SetAlarmState": monitoring.set_alarm_state,
        "TagResource": monitoring.tag_resource,
        "UntagResource": monitoring.untag_resource,
    }
    return AwsService(
        shapes=ServiceShapes(
            "cloudwatch",
            error_namespace="com.amazonaws.cloudwatch.v2010_08_01",
            # A bad entity is no reason to refuse its metrics, unless StrictEntityValidation says so.
            unchecked={"Entity"},
        ),
        operations={name: _handler(operation) for name, operation in operations.items()},
    )


def _handler(operation: _Operation) -> Handler:
    async def handle(call: Call) -> Mapping[str, Any] | None:
        return await operation(call.parameters)

    return handle
