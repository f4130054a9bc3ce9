"""The one place that knows the order: find a plan, ask the guard, ask people, execute, verify, try again, escalate.

`advance` is pure: given the run, one event and the time it answers the next run, what to tell the timeline, and
what to write with it. Whoever hosts it (the server, AWS Lambda) performs `todo.next_todo` and reports back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.core.errors import Refused
from wakeless.core.timeline import TimelineEntry
from wakeless.escalation.ports import MessageKind
from wakeless.execution.outcome import Result
from wakeless.incidents.incident import Incident, Status, move
from wakeless.pipeline.effects import BeginAttempt, Effect, EndAttempt, Tell
from wakeless.pipeline.events import (
    AlarmReported,
    AttemptEnded,
    CancelRequested,
    CloseRequested,
    Decided,
    Due,
    Event,
    Guarded,
    HoldMayBeOver,
    Planned,
    Probed,
    RetryRequested,
)
from wakeless.pipeline.run import Attempt, Decision, HoldState, Phase, Run
from wakeless.remediation.guard import Hold
from wakeless.remediation.plan import NoPlan, Plan
from wakeless.verification.ports import Reading
from wakeless.verification.settle import Attempted, Observation, Recovered, Standing, StillFailing, Wait, judge, note

#: Seconds until a guard whose reason may end at any moment is asked again.
RECHECK = 5.0
#: Seconds between the searches for a plan while the store does not answer; then a person is told.
PLAN_RETRIES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
#: Seconds between questions to the source of an escalated incident: first, and at most.
ESCALATED_PROBE = (30.0, 600.0)


class NotAnApprover(Refused):
    """This principal may not decide about this incident."""

    code = "not_an_approver"


class NotNow(Refused):
    """The incident is not in a state in which this can be asked."""

    code = "not_now"


@dataclass(frozen=True, slots=True)
class Step:
    """What an event led to."""

    run: Run
    entries: tuple[TimelineEntry, ...] = ()
    effects: tuple[Effect, ...] = ()


class _Draft:
    """A step being written."""

    def __init__(self, run: Run, now: datetime) -> None:
        self.run = run
        self.now = now
        self.entries: list[TimelineEntry] = []
        self.effects: list[Effect] = []

    def note(self, kind: str, text: str, **data: object) -> None:
        self.entries.append(TimelineEntry(at=self.now, kind=kind, text=text, data=data))

    def go(self, phase: Phase, status: Status, *, after: float | None = None, until: datetime | None = None) -> None:
        """Enter ``phase``; the host is to come back after that many seconds or at that moment, if any is given."""
        wake_at = self.now + timedelta(seconds=after) if after is not None else until
        self.run = replace(
            self.run, phase=phase, incident=move(self.run.incident, status, self.now), wake_at=wake_at, hold=None
        )


def open_run(incident_id: str, alarm: Alarm, now: datetime) -> Step:
    """Return the first state of a new incident, opened by ``alarm``."""
    incident = Incident(
        id=incident_id,
        fingerprint=alarm.fingerprint,
        status=Status.OPEN,
        alarm=alarm,
        alarm_state=alarm.state,
        alarm_changed_at=_heard(alarm, now),
        opened_at=now,
        updated_at=now,
    )
    draft = _Draft(Run(incident=incident, phase=Phase.PLANNING), now)
    draft.note(
        "incident.opened",
        f"{alarm.name} is in {alarm.state}" + (f": {alarm.reason}" if alarm.reason else ""),
        source=alarm.source,
        changed_at=alarm.changed_at.isoformat(),
    )
    return _finish(draft)


def advance(run: Run, event: Event, now: datetime) -> Step:
    """Return what ``event`` leads to. Events that come too late for the state are dropped without a trace.

    Raises `NotAnApprover` and `NotNow` (for what people ask), and nothing else.
    """
    draft = _Draft(run, now)
    if run.phase is not Phase.RESOLVED:
        _HANDLERS[type(event)](draft, event)
    elif isinstance(event, Decided | RetryRequested | CloseRequested | CancelRequested):
        raise NotNow(f"{run.incident.id} is resolved")
    return _finish(draft)


def _finish(draft: _Draft) -> Step:
    return Step(draft.run, tuple(draft.entries), tuple(draft.effects))


# --- the alarm -----------------------------------------------------------------------------------------------------


def _alarm_reported(draft: _Draft, event: AlarmReported) -> None:
    run, alarm = draft.run, event.alarm
    if alarm.changed_at < run.incident.alarm_changed_at:
        draft.note("alarm.late", f"A report of {alarm.state} came late and changes nothing", state=alarm.state)
        return
    incident = replace(
        run.incident,
        alarm=alarm if alarm.state is AlarmState.ALARM else run.incident.alarm,
        alarm_state=alarm.state,
        alarm_changed_at=_heard(alarm, draft.now),
        alarms=run.incident.alarms + 1,
        updated_at=draft.now,
    )
    draft.run = replace(run, incident=incident)
    draft.note(
        "alarm.reported",
        f"The alarm is {alarm.state}" + (f": {alarm.reason}" if alarm.reason else ""),
        state=alarm.state,
        changed_at=alarm.changed_at.isoformat(),
    )
    if run.phase in (Phase.EXECUTING, Phase.VERIFYING):
        _learn(draft, Reading(state=alarm.state, since=alarm.changed_at, at=draft.now, detail=alarm.reason))
        if run.phase is Phase.VERIFYING:
            _judge(draft)
    elif alarm.state is AlarmState.OK:
        _resolve(draft, "The alarm is OK again")


def _heard(alarm: Alarm, now: datetime) -> datetime:
    """Return when the state changed, for telling late reports: when we heard of it at the latest.

    A source whose clock was ahead, and was put right, would not be listened to otherwise until its old future has come.
    """
    return min(alarm.changed_at, now)


def _learn(draft: _Draft, observation: Observation) -> None:
    draft.run = replace(draft.run, standing=note(draft.run.standing, observation, _attempted(draft)))


def _attempted(draft: _Draft) -> Attempted:
    attempt = draft.run.attempt
    assert attempt is not None
    return Attempted(
        fired_at=draft.run.incident.alarm.changed_at,
        began_at=attempt.began_at,
        ended_at=attempt.ended_at or draft.now,
    )


# --- the plan ------------------------------------------------------------------------------------------------------


def _planned(draft: _Draft, event: Planned) -> None:
    run, outcome = draft.run, event.outcome
    if run.phase is not Phase.PLANNING:
        return
    if isinstance(outcome, Plan):
        draft.run = replace(run, plan=outcome, no_plan=None, plan_tries=0)
        draft.note(
            "plan.found",
            f"Remediation {outcome.script.key} on {outcome.target}",
            script=outcome.script.key,
            uri=outcome.script.uri,
            version=outcome.script.version,
            target=outcome.target,
            rule=outcome.rule,
            because=list(outcome.because),
        )
        draft.go(Phase.GUARDING, Status.OPEN)
        return
    if outcome.retryable and run.plan_tries < len(PLAN_RETRIES):
        draft.run = replace(run, plan_tries=run.plan_tries + 1)
        draft.note("plan.retry", f"No plan yet: {outcome.reason}", code=outcome.code, tries=run.plan_tries + 1)
        draft.go(Phase.PLANNING, Status.OPEN, after=PLAN_RETRIES[run.plan_tries])
        return
    _no_plan(draft, outcome)


def _no_plan(draft: _Draft, outcome: NoPlan) -> None:
    looked = f"; looked for {', '.join(outcome.looked_for)}" if outcome.looked_for else ""
    _escalate(
        draft, outcome.code, f"{outcome.reason}{looked}", outcome.escalate_to, looked_for=list(outcome.looked_for)
    )


# --- the guard and the approvers -----------------------------------------------------------------------------------


def _guarded(draft: _Draft, event: Guarded) -> None:
    run = draft.run
    if run.phase is not Phase.GUARDING or run.plan is None:
        return
    if event.hold is not None:
        _hold(draft, event.hold, run.plan)
    elif run.plan.policy.approval is not None and not run.approved:
        _ask(draft, run.plan)
    else:
        _begin(draft, event.attempt_id, run.plan)


def _hold(draft: _Draft, hold: Hold, plan: Plan) -> None:
    if hold.is_final:
        _escalate(draft, hold.code, hold.reason, plan.policy.escalate_to)
        return
    before = draft.run.hold
    # The same reason again is the same hold going on, not a new one.
    since = before.since if before is not None and before.code == hold.code else draft.now
    until = hold.until or since + timedelta(seconds=plan.policy.limits.max_hold)
    state = HoldState(code=hold.code, reason=hold.reason, since=since, until=until, recheck=hold.recheck)
    if before is None or before.code != hold.code:
        draft.note("incident.held", f"Held: {hold.reason}", code=hold.code, until=until.isoformat())
    wake_at = min(until, draft.now + timedelta(seconds=RECHECK)) if hold.recheck else until
    draft.go(Phase.HELD, Status.HELD, until=wake_at)
    draft.run = replace(draft.run, hold=state)


def _ask(draft: _Draft, plan: Plan) -> None:
    approval = plan.policy.approval
    assert approval is not None
    after = approval.auto_approve_after or approval.auto_deny_after or plan.policy.limits.max_hold
    draft.go(Phase.ASKING, Status.AWAITING_APPROVAL, after=after)
    draft.run = replace(draft.run, asked_at=draft.now, decisions=(), told=True)
    reason = f"{approval.quorum} of {', '.join(approval.approvers)} must approve {plan.script.key} on {plan.target}"
    draft.note("approval.requested", reason, approvers=list(approval.approvers), quorum=approval.quorum, seconds=after)
    draft.effects.append(Tell(kind=MessageKind.APPROVAL_REQUESTED, channels=plan.policy.escalate_to, reason=reason))


def _decided(draft: _Draft, event: Decided) -> None:
    run = draft.run
    approval = run.plan.policy.approval if run.plan else None
    if run.phase is not Phase.ASKING or approval is None or run.plan is None:
        raise NotNow(f"{run.incident.id} does not wait for an approval; it is {run.incident.status}")
    if not {event.principal, *event.groups} & set(approval.approvers):
        raise NotAnApprover(f"{event.principal} is not among the approvers: {', '.join(approval.approvers)}")
    if any(decision.principal == event.principal for decision in run.decisions):
        raise NotNow(f"{event.principal} has decided already")
    decision = Decision(principal=event.principal, approve=event.approve, at=draft.now, comment=event.comment)
    draft.run = replace(run, decisions=(*run.decisions, decision))
    words = f": {event.comment}" if event.comment else ""
    if not event.approve:
        draft.note("approval.denied", f"Denied by {event.principal}{words}", principal=event.principal)
        _escalate(draft, "denied", f"{event.principal} denied the remediation{words}", run.plan.policy.escalate_to)
        return
    given = len(draft.run.decisions)
    draft.note(
        "approval.given",
        f"Approved by {event.principal} ({given} of {approval.quorum}){words}",
        principal=event.principal,
    )
    if given >= approval.quorum:
        _approved(draft)


def _approved(draft: _Draft) -> None:
    # The guard is asked again: much may have happened while people thought.
    draft.go(Phase.GUARDING, Status.OPEN)
    draft.run = replace(draft.run, approved=True)


# --- the attempt ---------------------------------------------------------------------------------------------------


def _begin(draft: _Draft, attempt_id: str, plan: Plan) -> None:
    run = draft.run
    attempt = Attempt(id=attempt_id, number=run.begun + 1, began_at=draft.now)
    draft.go(Phase.EXECUTING, Status.REMEDIATING)
    draft.run = replace(
        draft.run,
        attempt=attempt,
        begun=run.begun + 1,
        spent=run.spent + 1,
        standing=Standing(),
        cancel_requested=False,
    )
    waited = (draft.now - run.incident.opened_at).total_seconds()
    draft.note(
        "attempt.began",
        f"Attempt {run.spent + 1} of {plan.policy.attempts}: {plan.script.key} on {plan.target}",
        attempt_id=attempt_id,
        number=attempt.number,
        seconds_since_opened=round(waited, 3),
    )
    draft.effects.append(BeginAttempt(attempt=attempt))


def _attempt_ended(draft: _Draft, event: AttemptEnded) -> None:
    run = draft.run
    attempt, plan = run.attempt, run.plan
    if run.phase is not Phase.EXECUTING or attempt is None or plan is None or attempt.id != event.attempt_id:
        return
    result, detail = event.outcome.result, event.outcome.detail
    draft.run = replace(run, attempt=replace(attempt, ended_at=draft.now))
    draft.note(
        "attempt.ended",
        f"Attempt {attempt.number} {_RESULT_WORDS[result]}" + (f": {detail}" if detail else ""),
        attempt_id=attempt.id,
        result=result,
        exit_code=event.outcome.exit_code,
        seconds=round((draft.now - attempt.began_at).total_seconds(), 3),
    )
    draft.effects.append(EndAttempt(attempt_id=attempt.id, outcome=event.outcome))
    if result is Result.SUCCEEDED or run.incident.alarm_state is AlarmState.OK:
        draft.go(Phase.VERIFYING, Status.VERIFYING)
        _judge(draft)
    elif result is Result.UNKNOWN:
        # Never guessed: a person must look before anything runs again.
        _escalate(draft, "outcome_unknown", f"the outcome is unknown: {detail}", plan.policy.escalate_to)
    elif result is Result.CANCELLED:
        _escalate(draft, "cancelled", run.reason or "the attempt was cancelled", plan.policy.escalate_to)
    else:
        _again(draft, plan, f"attempt {attempt.number} {_RESULT_WORDS[result]}: {detail}".rstrip(": "))


_RESULT_WORDS = {
    Result.SUCCEEDED: "succeeded",
    Result.FAILED: "failed",
    Result.TIMED_OUT: "ran out of time",
    Result.CANCELLED: "was cancelled",
    Result.NOT_STARTED: "could not start",
    Result.UNREACHABLE: "could not reach the target",
    Result.UNKNOWN: "has an unknown outcome",
}


def _again(draft: _Draft, plan: Plan, reason: str) -> None:
    if draft.run.spent < plan.policy.attempts and not draft.run.cancel_requested:
        draft.note("attempt.pause", f"Next attempt in {plan.policy.pause:g} s", seconds=plan.policy.pause)
        draft.go(Phase.PAUSING, Status.OPEN, after=plan.policy.pause)
        return
    tried = f"{draft.run.spent} of {plan.policy.attempts} attempts made"
    _escalate(draft, "attempts_spent", f"{tried}; {reason}", plan.policy.escalate_to)


# --- the verdict ---------------------------------------------------------------------------------------------------


def _probed(draft: _Draft, event: Probed) -> None:
    run = draft.run
    if run.phase is Phase.ESCALATED and not event.attempt_id:
        _probed_while_escalated(draft, event.observation)
    elif run.phase is Phase.VERIFYING and run.attempt is not None and run.attempt.id == event.attempt_id:
        _learn(draft, event.observation)
        _judge(draft)


def _probed_while_escalated(draft: _Draft, observation: Observation) -> None:
    run = draft.run
    if isinstance(observation, Reading):
        news = observation.since is None or observation.since > run.incident.alarm.changed_at
        if observation.state is AlarmState.OK and news:
            _resolve(draft, "The alarm is OK again")
            return
        draft.run = run = replace(run, standing=Standing(last=observation))
    waited = (draft.now - run.incident.updated_at).total_seconds()
    first, most = ESCALATED_PROBE
    draft.run = replace(run, wake_at=draft.now + timedelta(seconds=min(max(first, waited), most)))


def _judge(draft: _Draft) -> None:
    run = draft.run
    attempt, plan = run.attempt, run.plan
    assert attempt is not None
    assert plan is not None
    verdict = judge(run.standing, _attempted(draft), plan.policy.verify, draft.now)
    if isinstance(verdict, Wait):
        draft.run = replace(run, wake_at=verdict.until)
    elif isinstance(verdict, Recovered):
        draft.run = replace(run, incident=replace(run.incident, alarm_state=AlarmState.OK))
        _resolve(draft, f"The alarm is OK again after attempt {attempt.number}")
    elif isinstance(verdict, StillFailing):
        draft.note("verify.failed", verdict.reason, attempt_id=attempt.id)
        _again(draft, plan, verdict.reason)
    else:
        draft.note("verify.unknown", verdict.reason, attempt_id=attempt.id)
        _escalate(draft, "verdict_unknown", verdict.reason, plan.policy.escalate_to)


def _resolve(draft: _Draft, text: str) -> None:
    run = draft.run
    draft.go(Phase.RESOLVED, Status.RESOLVED)
    seconds = round((draft.now - run.incident.opened_at).total_seconds(), 3)
    draft.note("incident.resolved", text, seconds=seconds, attempts=run.begun)
    if run.told:
        channels = run.plan.policy.escalate_to if run.plan else ()
        draft.effects.append(Tell(kind=MessageKind.RESOLVED, channels=channels, reason=text))


def _escalate(draft: _Draft, code: str, reason: str, channels: tuple[str, ...], **data: object) -> None:
    draft.go(Phase.ESCALATED, Status.ESCALATED, after=ESCALATED_PROBE[0])
    draft.run = replace(draft.run, reason=reason, told=True, cancel_requested=False)
    draft.note("incident.escalated", f"A person is needed: {reason}", code=code, **data)
    draft.effects.append(Tell(kind=MessageKind.ESCALATED, channels=channels, reason=reason))


# --- time and people -----------------------------------------------------------------------------------------------


def _due(draft: _Draft, event: Due) -> None:
    run = draft.run
    if run.wake_at is None or event.wake_at != run.wake_at or draft.now < run.wake_at:
        return
    if run.phase is Phase.PAUSING:
        # Planned anew: somebody may have mended the script meanwhile.
        draft.go(Phase.PLANNING, Status.OPEN)
    elif run.phase is Phase.HELD and run.hold is not None:
        hold = run.hold
        if hold.recheck and draft.now < hold.until:
            _recheck(draft, hold)
        else:
            _escalate(draft, hold.code, f"still in ALARM after being held: {hold.reason}", _channels(run))
    elif run.phase is Phase.ASKING and run.plan is not None and run.plan.policy.approval is not None:
        if run.plan.policy.approval.auto_approve_after:
            draft.note("approval.lapsed", "Nobody objected in time: silence counts as approval")
            _approved(draft)
        else:
            _escalate(draft, "not_approved", "nobody approved the remediation in time", _channels(run))


def _hold_may_be_over(draft: _Draft, event: HoldMayBeOver) -> None:
    run = draft.run
    if run.phase is Phase.HELD and run.hold is not None and run.hold.recheck:
        _recheck(draft, run.hold)


def _recheck(draft: _Draft, hold: HoldState) -> None:
    draft.go(Phase.GUARDING, Status.OPEN)
    # Kept, so that the same reason again is the same hold going on.
    draft.run = replace(draft.run, hold=hold)


def _channels(run: Run) -> tuple[str, ...]:
    return run.plan.policy.escalate_to if run.plan else ()


def _retry(draft: _Draft, event: RetryRequested) -> None:
    run = draft.run
    if run.phase not in (Phase.ESCALATED, Phase.HELD, Phase.PAUSING):
        raise NotNow(f"{run.incident.id} is {run.incident.status}; it can be retried when it is held or escalated")
    draft.note("retry.requested", f"{event.principal} asked for another try", principal=event.principal)
    draft.go(Phase.PLANNING, Status.OPEN)
    draft.run = replace(draft.run, spent=0, plan_tries=0, reason="")


def _close(draft: _Draft, event: CloseRequested) -> None:
    run = draft.run
    if run.phase is Phase.EXECUTING:
        raise NotNow(f"{run.incident.id} has a running attempt; cancel it first")
    gone = run.standing.last is not None and run.standing.last.state is None
    if run.incident.alarm_state is AlarmState.ALARM and not gone:
        raise NotNow(f"{run.incident.alarm.name} is still in ALARM; the incident is resolved when the alarm is OK")
    draft.note("close.requested", f"Closed by {event.principal}: {event.reason}", principal=event.principal)
    _resolve(draft, f"Closed by {event.principal}")


def _cancel(draft: _Draft, event: CancelRequested) -> None:
    run = draft.run
    if run.phase is Phase.ESCALATED:
        raise NotNow(f"{run.incident.id} has nothing that could be cancelled")
    reason = f"stopped by {event.principal}" + (f": {event.reason}" if event.reason else "")
    draft.note("cancel.requested", reason.capitalize(), principal=event.principal)
    draft.run = replace(run, reason=reason)
    if run.phase in (Phase.EXECUTING, Phase.VERIFYING):
        draft.run = replace(draft.run, cancel_requested=True)
    else:
        _escalate(draft, "cancelled", reason, _channels(run))


_HANDLERS: dict[type, Callable[..., None]] = {
    AlarmReported: _alarm_reported,
    Planned: _planned,
    Guarded: _guarded,
    Decided: _decided,
    AttemptEnded: _attempt_ended,
    Probed: _probed,
    Due: _due,
    HoldMayBeOver: _hold_may_be_over,
    RetryRequested: _retry,
    CloseRequested: _close,
    CancelRequested: _cancel,
}
