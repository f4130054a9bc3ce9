"""The verdict over an attempt: a table of stories, then laws that hold for all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import AlarmState
from wakeless.remediation.plan import VerifyPolicy
from wakeless.verification.ports import Reading
from wakeless.verification.settle import (
    Attempted,
    NoAnswer,
    Observation,
    Recovered,
    Standing,
    StillFailing,
    Unknown,
    Verdict,
    Wait,
    judge,
    note,
    settle,
)

OK, ALARM, NO_DATA = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA

# The alarm fired 60 s before the attempt began, which ran for 10 s. Seconds below count from its end.
END = datetime(2026, 1, 1, 3, 0, 0, tzinfo=UTC)
ATTEMPT = Attempted(fired_at=END - timedelta(seconds=70), began_at=END - timedelta(seconds=10), ended_at=END)
POLICY = VerifyPolicy(within=60, steady_for=0, every=10)
STEADY = VerifyPolicy(within=60, steady_for=30, every=10)


def at(seconds: float) -> datetime:
    return END + timedelta(seconds=seconds)


def says(seconds: float, state: AlarmState | None, since: float | None = None, detail: str = "") -> Reading:
    return Reading(state=state, since=None if since is None else at(since), at=at(seconds), detail=detail)


def silent(seconds: float, detail: str = "connection refused") -> NoAnswer:
    return NoAnswer(at=at(seconds), detail=detail)


def only_heard(seconds: float) -> NoAnswer:
    return NoAnswer(at=at(seconds), detail="grafana is not asked", askable=False)


@pytest.mark.parametrize(
    ("policy", "observations", "now", "expected"),
    [
        pytest.param(POLICY, [], 0, Wait(until=at(0)), id="the source is asked at once"),
        pytest.param(POLICY, [says(0, ALARM, -70)], 0, Wait(until=at(10)), id="then every interval"),
        pytest.param(POLICY, [says(55, ALARM, -70)], 55, Wait(until=at(60)), id="and at the deadline"),
        pytest.param(POLICY, [says(20, ALARM, -70)], 44, Wait(until=at(44)), id="a late caller asks at once"),
        pytest.param(POLICY, [says(5, OK, 4)], 5, Recovered(since=at(4)), id="OK since after the attempt"),
        pytest.param(POLICY, [says(5, OK)], 5, Recovered(since=at(5)), id="OK and the source does not say since when"),
        pytest.param(POLICY, [says(5, OK, -5)], 5, Recovered(since=at(-5)), id="OK while the attempt ran"),
        pytest.param(POLICY, [says(-2, OK, -5)], 0, Recovered(since=at(-5)), id="told so while the attempt ran"),
        pytest.param(POLICY, [says(-20, OK, -25)], 0, Wait(until=at(0)), id="learned before the attempt: says nothing"),
        pytest.param(POLICY, [says(-5, ALARM, -70)], 0, Wait(until=at(5)), id="ALARM while it ran says nothing"),
        pytest.param(POLICY, [says(5, OK, -50)], 5, Recovered(since=at(-50)), id="source's clock 40 s behind"),
        pytest.param(POLICY, [says(5, OK, 900)], 5, Recovered(since=at(900)), id="source's clock 15 min ahead"),
        pytest.param(POLICY, [says(5, OK, -70)], 5, Wait(until=at(15)), id="OK as old as the alarm is an echo"),
        pytest.param(POLICY, [says(5, NO_DATA, 4)], 5, Wait(until=at(15)), id="no data is not recovery"),
        # Something came late: the server was down over the deadline. It asks once before it judges.
        pytest.param(POLICY, [says(10, ALARM, -70)], 999, Wait(until=at(999)), id="asked again after a long absence"),
        pytest.param(POLICY, [says(10, ALARM, -70), says(999, OK, 30)], 999, Recovered(since=at(30)), id="OK by then"),
        # A message of the source overtakes our question, and the other way round.
        pytest.param(
            POLICY, [says(5, OK, 4), says(6, ALARM, -70)], 6, Recovered(since=at(4)), id="an echo changes nothing"
        ),
        pytest.param(STEADY, [says(5, OK, 4)], 5, Wait(until=at(15)), id="OK must last"),
        pytest.param(STEADY, [says(5, OK, 4), says(31, OK, 4)], 31, Wait(until=at(35)), id="to its end"),
        pytest.param(STEADY, [says(5, OK, 4), says(35, OK, 4)], 35, Recovered(since=at(4)), id="and did"),
        pytest.param(STEADY, [says(5, OK), says(35, OK)], 35, Recovered(since=at(5)), id="and did, by our clock alone"),
        pytest.param(
            STEADY,
            [says(5, OK, 4), says(20, ALARM, 19), says(30, OK, 29), says(40, OK, 29)],
            40,
            Wait(until=at(50)),
            id="a relapse starts it again",
        ),
        pytest.param(
            STEADY, [says(5, OK, 4), says(30, OK, 25)], 40, Wait(until=at(40)), id="so does one between two looks"
        ),
        pytest.param(
            STEADY, [says(5, OK), says(7, OK, 4), says(35, OK)], 35, Recovered(since=at(4)), id="told after we saw it"
        ),
        pytest.param(
            STEADY, [says(5, OK, 4), silent(35)], 35, Wait(until=at(45)), id="steadiness needs the source's word"
        ),
        pytest.param(
            STEADY, [says(5, OK, 4), silent(35), says(46, OK, 4)], 46, Recovered(since=at(4)), id="which may be late"
        ),
        pytest.param(STEADY, [says(50, OK, 49)], 61, Wait(until=at(61)), id="OK in time is given its steady time"),
        pytest.param(STEADY, [says(50, OK, 49), says(80, OK, 49)], 80, Recovered(since=at(49)), id="past the deadline"),
        pytest.param(POLICY, [silent(0)], 0, Wait(until=at(10)), id="a question without answer is asked again"),
        pytest.param(POLICY, [silent(50), says(60, OK, 20)], 60, Recovered(since=at(20)), id="the last answer counts"),
        pytest.param(POLICY, [only_heard(0)], 0, Wait(until=at(60)), id="a source that is only heard is not bothered"),
        pytest.param(
            STEADY, [only_heard(0), says(5, OK, 4)], 5, Wait(until=at(35)), id="its OK must last without a word"
        ),
        pytest.param(
            STEADY, [only_heard(0), says(5, OK, 4), only_heard(35)], 35, Recovered(since=at(4)), id="silence is steady"
        ),
    ],
)  # fmt: skip
def test_verdict(policy: VerifyPolicy, observations: list[Observation], now: float, expected: Verdict) -> None:
    assert settle(policy, ATTEMPT, observations, at(now)) == expected


@pytest.mark.parametrize(
    ("policy", "observations", "now", "kind", "words"),
    [
        (POLICY, [says(60, ALARM, -70, "1 datapoint was less than the threshold")], 60, StillFailing,
         "60 s after the attempt the alarm is ALARM: 1 datapoint was less than the threshold"),
        (POLICY, [says(60, NO_DATA, 5)], 60, StillFailing, "INSUFFICIENT_DATA, which is no proof of recovery"),
        (POLICY, [says(10, ALARM, -70), silent(60)], 60, StillFailing, "the alarm is ALARM"),
        (STEADY, [says(5, OK, 4), says(60, ALARM, 50)], 60, StillFailing, "in between it was OK once and fell back"),
        (STEADY, [says(50, OK, 49), says(70, ALARM, 66)], 70, StillFailing, "was OK once"),
        (POLICY, [only_heard(60)], 60, StillFailing, "no message that the alarm is OK came within 60 s: grafana"),
        (POLICY, [silent(0), silent(30), silent(60, "timed out")], 60, Unknown,
         "the alarm's source could not be asked within 60 s: timed out"),
        (STEADY, [says(50, OK, 49), silent(80), silent(110)], 110, Unknown, "could not be confirmed: connection"),
        (POLICY, [says(10, None)], 10, Unknown, "no longer known to its source"),
        (STEADY, [says(5, OK, 4), says(15, None)], 15, Unknown, "no longer known to its source"),
        (POLICY, [says(60, OK, -80)], 60, Unknown, "it does not know of the alarm, or its answer is old"),
    ],
)  # fmt: skip
def test_bad_verdict_says_why(
    policy: VerifyPolicy, observations: list[Observation], now: float, kind: type, words: str
) -> None:
    verdict = settle(policy, ATTEMPT, observations, at(now))
    assert isinstance(verdict, kind)
    assert isinstance(verdict, StillFailing | Unknown)
    assert words in verdict.reason


def test_an_ok_from_before_the_attempt_that_is_newer_than_the_alarm_is_recovery() -> None:
    attempt = Attempted(fired_at=at(-3600), began_at=at(-10), ended_at=END)
    verdict = settle(POLICY, attempt, [says(60, OK, -600)], at(60))
    assert verdict == Recovered(since=at(-600))


# -- laws

seconds = st.integers(-20, 200)
states = st.sampled_from([*AlarmState, *AlarmState, None])
readings = st.builds(says, seconds, states, st.none() | st.integers(-200, 200))
observations_st = st.lists(readings | st.builds(silent, seconds) | st.builds(only_heard, seconds), max_size=12)
policies = st.builds(
    VerifyPolicy,
    within=st.integers(0, 100).map(float),
    steady_for=st.integers(0, 60).map(float),
    every=st.sampled_from([1.0, 10.0, 30.0]),
)


@given(policies, observations_st, seconds)
def test_recovery_always_rests_on_an_ok_seen_after_the_attempt_began(
    policy: VerifyPolicy, observations: list[Observation], now: int
) -> None:
    verdict = settle(policy, ATTEMPT, observations, at(now))
    if isinstance(verdict, Recovered):
        oks = [
            one for one in observations if isinstance(one, Reading) and one.state is OK and one.at >= ATTEMPT.began_at
        ]
        assert any((one.since or one.at) == verdict.since for one in oks)
        assert verdict.since > ATTEMPT.fired_at


@given(policies, observations_st, seconds)
def test_without_any_ok_there_is_no_recovery(policy: VerifyPolicy, observations: list[Observation], now: int) -> None:
    rest = [one for one in observations if not (isinstance(one, Reading) and one.state is OK)]
    assert not isinstance(settle(policy, ATTEMPT, rest, at(now)), Recovered)


@given(policies, observations_st, seconds)
def test_waiting_never_points_to_the_past(policy: VerifyPolicy, observations: list[Observation], now: int) -> None:
    verdict = settle(policy, ATTEMPT, observations, at(now))
    assert not isinstance(verdict, Wait) or verdict.until >= at(now)


@given(policies, observations_st)
def test_what_was_kept_of_the_observations_proves_the_same(
    policy: VerifyPolicy, observations: list[Observation]
) -> None:
    ordered = sorted(observations, key=lambda one: one.at)
    standing = Standing()
    for one in ordered:
        standing = note(standing, one, ATTEMPT)
    assert judge(standing, ATTEMPT, policy, at(300)) == settle(policy, ATTEMPT, observations, at(300))


@given(
    policies,
    st.lists(st.sampled_from(["ok", "ok", "alarm", "no data", "silent", "only heard"]), min_size=1, max_size=40),
)
def test_it_ends_for_whoever_asks_when_told_to(policy: VerifyPolicy, answers: list[str]) -> None:
    """Asked as often as `Wait` says, the last answer repeated for ever: a verdict comes, and not late."""
    now = END
    standing = Standing()
    for turn in range(1000):
        verdict = judge(standing, ATTEMPT, policy, now)
        if not isinstance(verdict, Wait):
            break
        assert turn == 0 or verdict.until > now, "asked twice at the same moment"
        now = verdict.until
        standing = note(standing, _answer(answers[min(turn, len(answers) - 1)], now), ATTEMPT)
    else:
        pytest.fail("asked a thousand times without a verdict")
    relapses = standing.relapses + 1
    allowed = policy.within + (policy.steady_for + 4 * policy.every) * relapses
    assert now <= END + timedelta(seconds=allowed)


def _answer(word: str, now: datetime) -> Observation:
    match word:
        case "silent":
            return NoAnswer(at=now, detail="connection refused")
        case "only heard":
            return NoAnswer(at=now, detail="only heard", askable=False)
        case "ok":
            return Reading(state=OK, since=None, at=now)
        case "alarm":
            return Reading(state=ALARM, since=None, at=now)
        case _:
            return Reading(state=NO_DATA, since=None, at=now)
