"""Choosing whom to ask, and what becomes of a source that does not answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.core.clock import ManualClock
from wakeless.verification.embedded import EmbeddedProber
from wakeless.verification.ports import Reading, SourceUnavailable
from wakeless.verification.probe import Probers, SourceNotAskable, ask
from wakeless.verification.settle import NoAnswer

NOW = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:webapp-down"


def an_alarm(source: str = "embedded", arn: str | None = ARN) -> Alarm:
    return Alarm(
        source=source,
        fingerprint="f",
        dedup_key="d",
        state=AlarmState.ALARM,
        name="webapp-down",
        changed_at=NOW,
        arn=arn,
    )


class Evaluator:
    def __init__(self, states: dict[str, tuple[AlarmState, datetime]]) -> None:
        self.states = states

    def state_of(self, alarm_arn: str) -> tuple[AlarmState, datetime] | None:
        return self.states.get(alarm_arn)


async def test_embedded_alarm_is_looked_up_by_its_arn() -> None:
    probers = Probers({"embedded": EmbeddedProber(Evaluator({ARN: (AlarmState.OK, NOW)}))})
    reading = await probers.probe(an_alarm(), NOW + timedelta(seconds=5))
    assert reading == Reading(state=AlarmState.OK, since=NOW, at=NOW + timedelta(seconds=5))


async def test_deleted_embedded_alarm_has_no_state() -> None:
    reading = await EmbeddedProber(Evaluator({})).probe(an_alarm(), NOW)
    assert reading.state is None
    assert ARN in reading.detail


async def test_embedded_alarm_without_arn_cannot_be_looked_up() -> None:
    with pytest.raises(SourceUnavailable, match="has no ARN"):
        await EmbeddedProber(Evaluator({})).probe(an_alarm(arn=None), NOW)


async def test_source_without_prober_is_only_heard() -> None:
    probers = Probers({"embedded": EmbeddedProber(Evaluator({}))})
    assert probers.sources == ("embedded",)
    with pytest.raises(SourceNotAskable, match="grafana cannot be asked"):
        await probers.probe(an_alarm("grafana"), NOW)
    answer = await ask(probers, an_alarm("grafana"), ManualClock(NOW))
    assert answer == NoAnswer(at=NOW, detail="grafana cannot be asked, only its own messages tell of recovery",
                              askable=False)  # fmt: skip


class Failing:
    async def probe(self, alarm: Alarm, now: datetime) -> Reading:
        raise SourceUnavailable("connection refused")


async def test_failing_source_gives_no_answer() -> None:
    assert await ask(Failing(), an_alarm(), ManualClock(NOW)) == NoAnswer(at=NOW, detail="connection refused")


class Hanging:
    async def probe(self, alarm: Alarm, now: datetime) -> Reading:
        await asyncio.Event().wait()
        raise AssertionError


async def test_hanging_source_gives_no_answer_in_time() -> None:
    answer = await ask(Hanging(), an_alarm(), ManualClock(NOW), limit=0.01)
    assert answer == NoAnswer(at=NOW, detail="embedded did not answer within 0.01 s")
