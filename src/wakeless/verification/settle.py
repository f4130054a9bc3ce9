"""Decide what the alarm's own source proves about an attempt. Pure.

The rules:

* Recovered only if the state is OK, and this OK is news: it began after the alarm fired, both by the source's own
  clock; or the source does not say since when, and we saw it after the attempt began. INSUFFICIENT_DATA is not
  recovery: a stopped machine looks like that. An OK from before the attempt counts too (the alarm recovered by itself
  and its message came late): whoever fixed it, nobody is to be woken for an alarm that is OK.
* OK must last `VerifyPolicy.steady_for` seconds, counted by our clock from where we first saw it, and an answer at or
  after the end of that time must confirm it. A relapse, even one that we only see by a newer `since`, starts it again.
* `VerifyPolicy.within` seconds after the attempt ended, one last question is asked. Not OK: still failing. OK but not
  steady yet: the steady time is waited for. No answer ever came: unknown. A source that can only be heard and said
  nothing: still failing, because such a source tells of every recovery.
* An alarm that is gone from its source is unknown at once.

The source's clock and ours are never compared: ``since`` with the time the alarm fired, everything else with ours.
An OK that is not later than the alarm itself is an echo: unknown, since running a remediation again on something that
may be healthy helps nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wakeless.alarms.alarm import AlarmState
from wakeless.remediation.plan import VerifyPolicy
from wakeless.verification.ports import Reading

#: How many intervals an OK may stay unconfirmed because the source does not answer any more.
UNCONFIRMED_INTERVALS = 3

#: No source is asked more often than this, whatever the policy says (seconds).
SHORTEST_INTERVAL = 0.1

#: Longer than any deadline: the interval of a source that can only be heard.
NEVER_ASK = timedelta(days=3650)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempted:
    """The attempt that is to be verified."""

    #: When the alarm fired, by its source's clock: `Incident.alarm.changed_at`.
    fired_at: datetime
    #: When the attempt began and ended, by our clock.
    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NoAnswer:
    """The source was asked and nothing came back."""

    at: datetime
    detail: str
    #: False when this source cannot be asked at all and tells of changes by its own messages only.
    askable: bool = True


#: What we learn, in the order we learn it. A message of the source is a `Reading` with the message's state,
#: its ``changed_at`` as `since`, and the moment it was received as `at`.
Observation = Reading | NoAnswer


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovered:
    """The alarm is OK again, and stayed so as long as it must."""

    #: By the source's clock where it says so, else when we first saw it.
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StillFailing:
    """The time is up and the alarm is not OK."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """Nobody can say; a person must look."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """Too early to say: ask the source at `until` (at once, if that is not later than now) and settle again."""

    until: datetime


Verdict = Recovered | StillFailing | Unknown | Wait


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What all observations so far amount to; small, so that it can be kept instead of them."""

    #: The newest thing the source said that counts.
    last: Reading | None = None
    #: Latest ``since`` of all, by the source's clock: what is older is an echo.
    newest_since: datetime | None = None
    #: When we last learned something, an unanswered question included.
    asked_at: datetime | None = None
    #: When we first saw the present stretch of OK, and when we last had proof of it.
    ok_from: datetime | None = None
    ok_seen_at: datetime | None = None
    #: How often it was OK and fell back.
    relapses: int = 0
    #: Why the newest question had no answer; empty if it had one.
    silence: str = ""
    #: Whether the source can only be heard.
    hears_only: bool = False


def settle(policy: VerifyPolicy, attempt: Attempted, observations: Iterable[Observation], now: datetime) -> Verdict:
    """Say what the observations prove about the attempt.

    Call it after every answer, every message of the source, and when a `Wait` is over (after asking the source then).
    """
    standing = Standing()
    for observation in sorted(observations, key=lambda one: one.at):
        standing = note(standing, observation, attempt)
    return judge(standing, attempt, policy, now)


def note(standing: Standing, observation: Observation, attempt: Attempted) -> Standing:
    """Return the standing with one more observation; what was learned before the attempt began says nothing of it."""
    if observation.at < attempt.began_at:
        return standing
    asked_at = observation.at if standing.asked_at is None else max(standing.asked_at, observation.at)
    standing = replace(standing, asked_at=asked_at)
    if isinstance(observation, NoAnswer):
        return _note_silence(standing, observation)
    standing = replace(standing, silence="")
    newest = standing.newest_since
    if observation.since is not None:
        if newest is not None and observation.since < newest:
            return standing  # an echo: a late message, or a replica that has not caught up
        standing = replace(standing, newest_since=observation.since)
    if _is_news_of_ok(observation, attempt):
        return _note_ok(standing, observation)
    relapses = standing.relapses + (standing.ok_from is not None)
    standing = replace(standing, ok_from=None, ok_seen_at=None, relapses=relapses)
    # While the remediation runs, an alarm that is not OK yet says nothing of the outcome.
    return standing if observation.at < attempt.ended_at else replace(standing, last=observation)


def judge(standing: Standing, attempt: Attempted, policy: VerifyPolicy, now: datetime) -> Verdict:
    """Say what the standing proves; the rules are the module's."""
    deadline = attempt.ended_at + timedelta(seconds=policy.within)
    # Asking a source that can only be heard teaches nothing before the time is up.
    every = NEVER_ASK if standing.hears_only else timedelta(seconds=max(policy.every, SHORTEST_INTERVAL))
    if standing.last is not None and standing.last.state is None:
        return Unknown(reason=_because("the alarm is no longer known to its source", standing.last.detail))
    if standing.ok_from is None:
        if standing.asked_at is None:
            return Wait(until=now)
        if standing.asked_at < deadline:
            return Wait(until=max(now, min(standing.asked_at + every, deadline)))
        return _time_is_up(standing, attempt, policy)
    return _confirm(standing, policy, deadline, every, now)


def _confirm(
    standing: Standing, policy: VerifyPolicy, deadline: datetime, every: timedelta, now: datetime
) -> Recovered | Unknown | Wait:
    """It is OK: has it been so for long enough, and do we have that from the source?"""
    assert standing.ok_from is not None
    assert standing.ok_seen_at is not None
    assert standing.asked_at is not None
    steady_at = standing.ok_from + timedelta(seconds=policy.steady_for)
    if standing.ok_seen_at >= steady_at:
        since = standing.last.since if standing.last is not None else None
        return Recovered(since=since or standing.ok_from)
    if standing.asked_at < steady_at:
        return Wait(until=max(now, min(standing.asked_at + every, steady_at)))
    if standing.asked_at < max(deadline, steady_at) + UNCONFIRMED_INTERVALS * every:
        return Wait(until=max(now, standing.asked_at + every))
    what = f"the alarm was OK at {_time(standing.ok_seen_at)}, but that it stayed so could not be confirmed"
    return Unknown(reason=_because(what, standing.silence))


def _note_silence(standing: Standing, silence: NoAnswer) -> Standing:
    if silence.askable:
        return replace(standing, silence=silence.detail or "no answer", hears_only=False)
    # Nothing was heard: with a source that tells of every change, that is proof that nothing changed.
    seen = silence.at if standing.ok_from is not None else standing.ok_seen_at
    return replace(standing, silence=silence.detail, hears_only=True, ok_seen_at=seen)


def _note_ok(standing: Standing, reading: Reading) -> Standing:
    if standing.ok_from is None:
        return replace(standing, last=reading, ok_from=reading.at, ok_seen_at=reading.at)
    known = standing.last.since if standing.last is not None else None
    if reading.since is not None and known is not None and reading.since > known:
        # It is OK since later than the OK we knew: between our two looks it was not.
        relapses = standing.relapses + 1
        return replace(standing, last=reading, ok_from=reading.at, ok_seen_at=reading.at, relapses=relapses)
    return replace(standing, last=replace(reading, since=reading.since or known), ok_seen_at=reading.at)


def _is_news_of_ok(reading: Reading, attempt: Attempted) -> bool:
    """Say whether it is OK, and this OK began after the alarm fired."""
    if reading.state is not AlarmState.OK:
        return False
    if reading.since is None:
        return True  # seen after the attempt began, or `note` would not have come here
    return reading.since > attempt.fired_at


def _time_is_up(standing: Standing, attempt: Attempted, policy: VerifyPolicy) -> StillFailing | Unknown:
    last = standing.last
    within = f"{policy.within:g} s"
    if last is None:
        if standing.hears_only:
            what = f"no message that the alarm is OK came within {within}"
            return StillFailing(reason=_because(what, standing.silence))
        return Unknown(reason=_because(f"the alarm's source could not be asked within {within}", standing.silence))
    if last.state is AlarmState.OK:
        return Unknown(reason=_not_news(last, attempt))
    what = f"{within} after the attempt the alarm is {last.state}"
    if last.state is AlarmState.INSUFFICIENT_DATA:
        what += ", which is no proof of recovery"
    if standing.relapses:
        times = "once" if standing.relapses == 1 else f"{standing.relapses} times"
        what += f"; in between it was OK {times} and fell back"
    return StillFailing(reason=_because(what, last.detail))


def _not_news(last: Reading, attempt: Attempted) -> str:
    assert last.since is not None
    return (
        f"the source says OK since {_time(last.since)}, which is not later than the alarm itself"
        f" ({_time(attempt.fired_at)}): it does not know of the alarm, or its answer is old"
    )


def _because(what: str, detail: str) -> str:
    return f"{what}: {detail}" if detail else what


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
