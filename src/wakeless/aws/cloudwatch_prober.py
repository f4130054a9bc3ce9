"""Ask CloudWatch for an alarm's present state.

`DescribeAlarms <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>`_ knows the
state and, in ``StateTransitionedTimestamp``, since when; ``StateUpdatedTimestamp`` also moves when nothing changed and
is of no use. A contributor of a multi-series alarm is firing exactly while ``DescribeAlarmContributors`` lists it.

Without any AWS credentials nothing can be asked, and that may be meant: alarms come by SNS or EventBridge to a machine
that has no business in the account. Then the source counts as one that is only heard, unless the alarm's own message
shows that it has no OK actions: nobody would ever be told of its recovery, and silence proves nothing. Refused
permission is another thing: somebody meant us to ask, and should hear that we cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.aws.clients import AwsClients
from wakeless.aws.errors import AwsRefused, AwsUnavailable
from wakeless.verification.ports import Reading, SourceUnavailable
from wakeless.verification.probe import SourceNotAskable

_GONE = frozenset({"ResourceNotFound", "ResourceNotFoundException"})


class CloudWatchProber:
    """Asks about alarms whose source is ``cloudwatch``, metric and composite ones, in the alarm's own region."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    async def probe(self, alarm: Alarm, now: datetime) -> Reading:
        """Return the alarm's state; raises `SourceUnavailable`, also when we are logged in to another account."""
        try:
            found = await self._describe(alarm)
            if found is None:
                await self._check_account(alarm)
                return Reading(state=None, since=None, at=now, detail=f"there is no alarm {_name(alarm)!r}")
            contributor = _contributor(alarm)
            if contributor and found["StateValue"] != AlarmState.OK:
                return await self._probe_contributor(alarm, contributor, now)
        except (AwsUnavailable, AwsRefused) as error:
            raise _unanswered(alarm, error) from error
        return Reading(
            state=AlarmState(found["StateValue"]),
            since=_utc(found.get("StateTransitionedTimestamp")),
            at=now,
            detail=str(found.get("StateReason", "")),
        )

    async def _describe(self, alarm: Alarm) -> Mapping[str, Any] | None:
        answer = await self._clients.call(
            "cloudwatch",
            "describe_alarms",
            region=_region(alarm),
            AlarmNames=[_name(alarm)],
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        )
        found = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
        for one in found:
            if alarm.arn is None or one.get("AlarmArn") == alarm.arn:
                return one  # type: ignore[no-any-return]  # the SDK's answers are untyped
        if found:
            raise SourceUnavailable(f"asked for {alarm.arn}, CloudWatch showed {found[0].get('AlarmArn')}")
        return None

    async def _check_account(self, alarm: Alarm) -> None:
        """In another account the alarm is not gone, only out of sight."""
        if not alarm.account:
            return
        ours = (await self._clients.call("sts", "get_caller_identity")).get("Account")
        if ours != alarm.account:
            raise SourceUnavailable(f"the alarm is in account {alarm.account}, and we are logged in to {ours}")

    async def _probe_contributor(self, alarm: Alarm, contributor: str, now: datetime) -> Reading:
        token: str | None = None
        while True:
            try:
                answer = await self._clients.call(
                    "cloudwatch",
                    "describe_alarm_contributors",
                    region=_region(alarm),
                    AlarmName=_name(alarm),
                    **({"NextToken": token} if token else {}),
                )
            except AwsRefused as error:
                if error.aws_code in _GONE:
                    return Reading(state=None, since=None, at=now, detail=f"there is no alarm {_name(alarm)!r}")
                raise
            for one in answer.get("AlarmContributors", ()):
                if one.get("ContributorId") == contributor:
                    since = _utc(one.get("StateTransitionedTimestamp"))
                    return Reading(state=AlarmState.ALARM, since=since, at=now, detail=str(one.get("StateReason", "")))
            token = answer.get("NextToken")
            if not token:
                detail = f"contributor {contributor} is not among those in ALARM"
                return Reading(state=AlarmState.OK, since=None, at=now, detail=detail)


def _unanswered(alarm: Alarm, error: AwsUnavailable | AwsRefused) -> SourceUnavailable:
    if error.aws_code != "NoCredentialsError":
        return SourceUnavailable(f"CloudWatch: {error}")
    if alarm.raw.get("OKActions") == []:
        return SourceUnavailable("there are no AWS credentials to ask CloudWatch with, and the alarm has no OK actions")
    return SourceNotAskable("there are no AWS credentials to ask CloudWatch with; only its messages tell of recovery")


def _name(alarm: Alarm) -> str:
    """``arn:<partition>:cloudwatch:<region>:<account>:alarm:<name>``; a name may hold colons."""
    parts = (alarm.arn or "").split(":", 6)
    return parts[6] if len(parts) == 7 else alarm.name


def _region(alarm: Alarm) -> str | None:
    parts = (alarm.arn or "").split(":", 6)
    return (parts[3] if len(parts) == 7 else alarm.region) or None


def _contributor(alarm: Alarm) -> str:
    """The part of the fingerprint behind the alarm's ARN: ``cloudwatch:<arn>#<contributor id>``."""
    rest = alarm.fingerprint.removeprefix(f"{alarm.source}:{alarm.arn}")
    return rest[1:] if rest.startswith("#") else ""


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment is not None else None
