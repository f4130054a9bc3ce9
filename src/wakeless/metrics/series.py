"""What names a metric, and one sample of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from wakeless.metrics.bucket import Bucket

#: The 27 units of the API, in its order; samples of different units are kept side by side, never converted.
UNITS = (
    *("Seconds", "Microseconds", "Milliseconds"),
    *("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes"),
    *("Bits", "Kilobits", "Megabits", "Gigabits", "Terabits"),
    *("Percent", "Count"),
    *("Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second"),
    *("Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second", "Terabits/Second"),
    *("Count/Second", "None"),
)
#: The unit of a sample that names none.
NO_UNIT = "None"
#: Sorted (name, value) pairs.
Dimensions = tuple[tuple[str, str], ...]


# A named tuple rather than a dataclass: intake and evaluation hash one for every sample and every alarm.
class MetricId(NamedTuple):
    """One metric: namespace, name and its exact set of dimensions (CloudWatch aggregates over none of them)."""

    namespace: str
    name: str
    #: Sorted by name: the order in which they were sent means nothing.
    dimensions: Dimensions = ()

    @staticmethod
    def of(namespace: str, name: str, dimensions: Iterable[tuple[str, str]] = ()) -> MetricId:
        """Return the metric with its dimensions put in order."""
        return MetricId(namespace, name, tuple(sorted(dimensions)))


class Sample(NamedTuple):
    """What one datum of PutMetricData says, checked and aggregated."""

    metric: MetricId
    unit: str
    #: Seconds since the Unix epoch, truncated to `resolution`.
    at: int
    #: Seconds: 1 (high resolution) or 60.
    resolution: int
    bucket: Bucket
