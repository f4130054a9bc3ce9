"""What an operator may change about monitoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from wakeless.alarms.evaluate import EVALUATION_DELAY, evaluation_range


@dataclass(frozen=True, kw_only=True, slots=True)
class MonitoringSettings:
    """The embedded metrics and alarms; every default is CloudWatch's own."""

    account: Annotated[str, "Account number in the ARNs of alarms."] = "000000000000"
    region: Annotated[str, "Region in the ARNs of alarms."] = "us-east-1"
    evaluation_delay: Annotated[
        float, "Seconds that a period must be over before alarms look at it; late data waits for the next look."
    ] = EVALUATION_DELAY
    evaluation_extra: Annotated[
        int | None, "Periods fetched beyond EvaluationPeriods; unset: 60/P below a minute, else max(2, 300/P)."
    ] = None
    allow_aws_namespaces: Annotated[bool, "Accept metrics in AWS/… namespaces, to rehearse alarms on them."] = False
    max_alarms: Annotated[int, "Alarms that may exist; more are refused with LimitExceeded."] = 1_000_000
    history_days: Annotated[int, "Days that alarm history is kept."] = 30

    @property
    def partition(self) -> str:
        """The first part of an ARN after ``arn``."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    def arn_of(self, name: str) -> str:
        """Return the ARN of the alarm ``name``."""
        return f"arn:{self.partition}:cloudwatch:{self.region}:{self.account}:alarm:{name}"

    def range_of(self, period: int, evaluation_periods: int) -> int:
        """Return how many periods an evaluation looks at."""
        if self.evaluation_extra is not None:
            return evaluation_periods + self.evaluation_extra
        return evaluation_range(period, evaluation_periods)
