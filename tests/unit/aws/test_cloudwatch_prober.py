"""CloudWatch is asked for the alarm's own state, in its own region and account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.aws.clients import AwsClients
from wakeless.aws.cloudwatch_prober import CloudWatchProber
from wakeless.aws.settings import AwsSettings
from wakeless.verification.ports import SourceUnavailable
from wakeless.verification.probe import SourceNotAskable

NOW = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
ACCOUNT = "123456789012"  # moto's


def an_alarm(
    name: str = "webapp-down", region: str = "us-east-1", account: str = ACCOUNT, contributor: str = ""
) -> Alarm:
    arn = f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"
    return Alarm(
        source="cloudwatch",
        fingerprint=f"cloudwatch:{arn}{contributor}",
        dedup_key="d",
        state=AlarmState.ALARM,
        name=name,
        changed_at=NOW,
        arn=arn,
        account=account,
        region=region,
    )


@pytest.fixture
def clients(moto_url: str) -> Iterator[AwsClients]:
    clients = AwsClients(AwsSettings(endpoint_url=moto_url, max_attempts=1))
    yield clients
    clients.close()


async def put(clients: AwsClients, name: str, region: str = "us-east-1") -> None:
    await clients.call(
        "cloudwatch", "put_metric_alarm", region=region,
        AlarmName=name, MetricName="webapp-uptime", Namespace="CustomNamespace", Statistic="Minimum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="LessThanThreshold",
    )  # fmt: skip


async def set_state(clients: AwsClients, name: str, state: str, region: str = "us-east-1") -> None:
    await clients.call(
        "cloudwatch", "set_alarm_state", region=region, AlarmName=name, StateValue=state, StateReason=f"set to {state}"
    )


async def test_state_is_told_in_the_sources_words(clients: AwsClients) -> None:
    await put(clients, "told")
    await set_state(clients, "told", "OK")
    reading = await CloudWatchProber(clients).probe(an_alarm("told"), NOW)
    assert (reading.state, reading.at, reading.detail) == (AlarmState.OK, NOW, "set to OK")


async def test_state_is_as_old_as_its_transition_and_not_as_its_update(scripted: Any) -> None:
    alarm = an_alarm()
    times = {"StateTransitionedTimestamp": 1767236400.5, "StateUpdatedTimestamp": 1767236999.0}
    answer = {"MetricAlarms": [{"AlarmArn": alarm.arn, "StateValue": "OK"} | times]}
    scripted.answers = [(200, json.dumps(answer).encode())]
    clients = AwsClients(AwsSettings(endpoint_url=scripted.url, max_attempts=1))
    reading = await CloudWatchProber(clients).probe(alarm, NOW)
    assert reading.since == datetime(2026, 1, 1, 3, 0, 0, 500000, tzinfo=UTC)
    clients.close()


async def test_alarm_is_looked_for_in_its_own_region(clients: AwsClients) -> None:
    await put(clients, "regional", "us-east-1")
    await put(clients, "regional", "eu-west-1")
    await set_state(clients, "regional", "OK", "us-east-1")
    await set_state(clients, "regional", "ALARM", "eu-west-1")
    reading = await CloudWatchProber(clients).probe(an_alarm("regional", "eu-west-1"), NOW)
    assert reading.state is AlarmState.ALARM


async def test_composite_alarm_is_found(scripted: Any) -> None:
    alarm = an_alarm("whole")
    composite = {"AlarmName": "whole", "AlarmArn": alarm.arn, "StateValue": "INSUFFICIENT_DATA"}
    scripted.answers = [(200, json.dumps({"MetricAlarms": [], "CompositeAlarms": [composite]}).encode())]
    clients = AwsClients(AwsSettings(endpoint_url=scripted.url, max_attempts=1))
    assert (await CloudWatchProber(clients).probe(alarm, NOW)).state is AlarmState.INSUFFICIENT_DATA
    clients.close()


async def test_name_with_colons_is_taken_whole(clients: AwsClients) -> None:
    await put(clients, "TargetTracking-service/a:b:AlarmHigh")
    await set_state(clients, "TargetTracking-service/a:b:AlarmHigh", "OK")
    reading = await CloudWatchProber(clients).probe(an_alarm("TargetTracking-service/a:b:AlarmHigh"), NOW)
    assert reading.state is AlarmState.OK


async def test_deleted_alarm_has_no_state(clients: AwsClients) -> None:
    reading = await CloudWatchProber(clients).probe(an_alarm("never-was"), NOW)
    assert (reading.state, reading.detail) == (None, "there is no alarm 'never-was'")


async def test_alarm_of_another_account_is_out_of_sight_and_not_gone(clients: AwsClients) -> None:
    with pytest.raises(SourceUnavailable, match=f"in account 210987654321, and we are logged in to {ACCOUNT}"):
        await CloudWatchProber(clients).probe(an_alarm("never-was", account="210987654321"), NOW)


async def test_namesake_in_another_account_is_not_mistaken_for_it(clients: AwsClients) -> None:
    await put(clients, "namesake")
    await set_state(clients, "namesake", "OK")
    with pytest.raises(SourceUnavailable, match="asked for arn:aws:cloudwatch:us-east-1:210987654321"):
        await CloudWatchProber(clients).probe(an_alarm("namesake", account="210987654321"), NOW)


async def test_unreachable_cloudwatch_is_unavailable() -> None:
    clients = AwsClients(AwsSettings(endpoint_url="http://127.0.0.1:1", max_attempts=1))
    with pytest.raises(SourceUnavailable, match="CloudWatch: Could not connect"):
        await CloudWatchProber(clients).probe(an_alarm(), NOW)
    clients.close()


@pytest.mark.parametrize("status", [400, 403, 503])
async def test_throttling_and_denial_are_unavailable(scripted: Any, status: int) -> None:
    scripted.answers = [(status, b'{"__type":"Throttling","message":"Rate exceeded"}')]
    clients = AwsClients(AwsSettings(endpoint_url=scripted.url, max_attempts=1))
    with pytest.raises(SourceUnavailable, match="CloudWatch"):
        await CloudWatchProber(clients).probe(an_alarm(), NOW)
    clients.close()


async def test_without_credentials_cloudwatch_is_only_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    clients = AwsClients(AwsSettings(endpoint_url="http://127.0.0.1:1"))
    prober = CloudWatchProber(clients)
    for raw in ({}, {"OKActions": ["arn:aws:sns:us-east-1:123456789012:ops"]}):
        with pytest.raises(SourceNotAskable, match="no AWS credentials"):
            await prober.probe(replace(an_alarm(), raw=raw), NOW)
    with pytest.raises(SourceUnavailable, match="has no OK actions") as caught:
        await prober.probe(replace(an_alarm(), raw={"OKActions": []}), NOW)
    assert not isinstance(caught.value, SourceNotAskable)
    clients.close()


def described(alarm: Alarm, state: str) -> dict[str, object]:
    return {"MetricAlarms": [{"AlarmName": alarm.name, "AlarmArn": alarm.arn, "StateValue": state}]}


@pytest.mark.parametrize(
    ("pages", "state"),
    [
        ([{"AlarmContributors": [{"ContributorId": "c1", "StateReason": "r"}]}], AlarmState.ALARM),
        (
            [{"AlarmContributors": [], "NextToken": "t"}, {"AlarmContributors": [{"ContributorId": "c1"}]}],
            AlarmState.ALARM,
        ),
        ([{"AlarmContributors": [{"ContributorId": "c2"}]}], AlarmState.OK),
        ([{"__type": "ResourceNotFoundException"}], None),
    ],
)
async def test_contributor_fires_while_it_is_listed(
    scripted: Any, pages: list[dict[str, object]], state: AlarmState | None
) -> None:
    alarm = an_alarm(contributor="#c1")
    answers = [described(alarm, "ALARM"), *pages]
    scripted.answers = [(404 if "__type" in one else 200, json.dumps(one).encode()) for one in answers]
    clients = AwsClients(AwsSettings(endpoint_url=scripted.url, max_attempts=1))
    reading = await CloudWatchProber(clients).probe(alarm, NOW)
    assert (reading.state, reading.since) == (state, None)
    assert len(scripted.asked) == len(answers)
    clients.close()
