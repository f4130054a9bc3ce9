"""The order of things, told as stories: each test names the incident's way and where it ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.escalation.ports import MessageKind
from wakeless.execution.outcome import Outcome, Result
from wakeless.incidents.incident import Status
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
from wakeless.pipeline.machine import PLAN_RETRIES, NotAnApprover, NotNow, advance, open_run
from wakeless.pipeline.run import Phase, Run
from wakeless.pipeline.todo import AskGuard, FindPlan, Probe, RunAttempt, TimeIsUp, WaitForEvent, WaitUntil, next_todo
from wakeless.remediation.guard import Hold, HoldReason
from wakeless.remediation.plan import Approval, NoPlan, Plan, Policy, ScriptLanguage, ScriptRef, VerifyPolicy
from wakeless.verification.ports import Reading
from wakeless.verification.settle import NoAnswer

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SCRIPT = ScriptRef(
    key="webapp-uptime#CustomNamespace.sh", language=ScriptLanguage.SHELL, uri="file:///x", version="v1", sha256="0"
)
POLICY = Policy(attempts=2, pause=60, verify=VerifyPolicy(within=100, every=10))
PLAN = Plan(script=SCRIPT, target="web-1", rule="by name", policy=POLICY)


def alarm(state: AlarmState = AlarmState.ALARM, at: float = 0) -> Alarm:
    changed_at = T0 + timedelta(seconds=at)
    return Alarm(
        source="embedded",
        fingerprint="embedded:a",
        dedup_key=f"a|{state}|{at}",
        state=state,
        name="webapp-down",
        changed_at=changed_at,
        namespace="CustomNamespace",
        metric="webapp-uptime",
    )


class Scene:
    """An incident that lives through events; remembers what it said and asked for."""

    def __init__(self) -> None:
        step = open_run("inc-1", alarm(), T0)
        self.run: Run = step.run
        self.now = T0
        self.kinds = [entry.kind for entry in step.entries]
        self.effects: list[Effect] = []
        self._attempts = 0

    def __call__(self, event: Event) -> "Scene":
        step = advance(self.run, event, self.now)
        self.run = step.run
        self.kinds += [entry.kind for entry in step.entries]
        self.effects += step.effects
        return self

    def after(self, seconds: float) -> "Scene":
        self.now += timedelta(seconds=seconds)
        return self

    def planned(self, plan: Plan | NoPlan = PLAN) -> "Scene":
        return self(Planned(outcome=plan))

    def let_through(self) -> "Scene":
        self._attempts += 1
        return self(Guarded(hold=None, attempt_id=f"att-{self._attempts}"))

    def held(self, hold: Hold) -> "Scene":
        return self(Guarded(hold=hold, attempt_id="att-x"))

    def ended(self, result: Result, detail: str = "") -> "Scene":
        assert self.run.attempt is not None
        return self(AttemptEnded(attempt_id=self.run.attempt.id, outcome=Outcome(result=result, detail=detail)))

    def due(self) -> "Scene":
        assert self.run.wake_at is not None
        self.now = max(self.now, self.run.wake_at)
        return self(Due(wake_at=self.run.wake_at))

    def reads(self, state: AlarmState | None, since: float | None = None) -> "Scene":
        todo = next_todo(self.run, max(self.now, self.run.wake_at or self.now))
        assert isinstance(todo, Probe)
        self.now = max(self.now, self.run.wake_at or self.now)
        moment = None if since is None else T0 + timedelta(seconds=since)
        return self(Probed(attempt_id=todo.attempt_id, observation=Reading(state=state, since=moment, at=self.now)))

    @property
    def status(self) -> Status:
        return self.run.incident.status

    @property
    def told(self) -> list[MessageKind]:
        return [effect.kind for effect in self.effects if isinstance(effect, Tell)]

    @property
    def began(self) -> list[str]:
        return [effect.attempt.id for effect in self.effects if isinstance(effect, BeginAttempt)]

    @property
    def results(self) -> list[Result]:
        return [effect.outcome.result for effect in self.effects if isinstance(effect, EndAttempt)]


def running() -> Scene:
    return Scene().planned().let_through()


def test_the_good_night_alarm_fixed_and_nobody_told() -> None:
    scene = running().after(3).ended(Result.SUCCEEDED)
    assert scene.status is Status.VERIFYING
    scene = scene.after(20)(AlarmReported(alarm=alarm(AlarmState.OK, at=22)))
    assert scene.status is Status.RESOLVED
    assert scene.told == []
    assert scene.kinds == [
        "incident.opened",
        "plan.found",
        "attempt.began",
        "attempt.ended",
        "alarm.reported",
        "incident.resolved",
    ]


def test_recovery_that_only_the_source_knows_of_is_found_by_asking() -> None:
    scene = running().after(1).ended(Result.SUCCEEDED).reads(AlarmState.ALARM).reads(AlarmState.OK, since=8)
    assert scene.status is Status.RESOLVED


def test_a_failed_attempt_is_tried_again_after_the_pause_with_a_fresh_plan() -> None:
    scene = running().ended(Result.FAILED, "exit code 1")
    assert next_todo(scene.run, scene.now) == WaitUntil(T0 + timedelta(seconds=60))
    scene.due()
    assert next_todo(scene.run, scene.now) == FindPlan()
    scene.planned().let_through()
    assert scene.began == ["att-1", "att-2"]


def test_an_alarm_that_stays_after_every_attempt_wakes_somebody() -> None:
    scene = running().ended(Result.SUCCEEDED)
    for _ in range(30):
        if scene.run.phase is not Phase.VERIFYING:
            break
        scene.reads(AlarmState.ALARM)
    assert scene.run.phase is Phase.PAUSING
    scene.due().planned().let_through().ended(Result.FAILED, "exit code 1")
    assert scene.status is Status.ESCALATED
    assert scene.told == [MessageKind.ESCALATED]
    assert "2 of 2 attempts" in scene.run.reason


@pytest.mark.parametrize("result", [Result.FAILED, Result.TIMED_OUT, Result.NOT_STARTED, Result.UNREACHABLE])
def test_these_results_are_tried_again(result: Result) -> None:
    assert running().ended(result).run.phase is Phase.PAUSING


@pytest.mark.parametrize("result", [Result.UNKNOWN, Result.CANCELLED])
def test_these_results_are_never_tried_again_blindly(result: Result) -> None:
    scene = running().ended(result)
    assert scene.status is Status.ESCALATED
    assert scene.told == [MessageKind.ESCALATED]


def test_no_remediation_escalates_and_says_what_was_looked_for() -> None:
    scene = Scene().planned(NoPlan(code="not_found", reason="no remediation", looked_for=("a#b.sh", "a#b.py")))
    assert scene.status is Status.ESCALATED
    assert "looked for a#b.sh, a#b.py" in scene.run.reason


def test_an_unreachable_store_is_asked_again_and_then_somebody_is_told() -> None:
    scene = Scene()
    gone = NoPlan(code="store_unreachable", reason="S3 does not answer", retryable=True)
    for _ in PLAN_RETRIES:
        scene.planned(gone)
        assert scene.status is Status.OPEN
        assert scene.run.wake_at is not None
        scene.now = scene.run.wake_at
        assert next_todo(scene.run, scene.now) == FindPlan()
    assert scene.planned(gone).status is Status.ESCALATED


def test_the_alarm_may_turn_ok_at_any_moment_before_something_runs() -> None:
    held = Hold(code=HoldReason.MAINTENANCE, reason="window", until=T0 + timedelta(hours=1))
    for scene in (Scene(), Scene().planned(), Scene().planned().held(held), running().ended(Result.FAILED)):
        scene(AlarmReported(alarm=alarm(AlarmState.OK, at=5)))
        assert scene.status is Status.RESOLVED
        assert isinstance(next_todo(scene.run, scene.now), WaitForEvent)


def test_an_alarm_that_turns_ok_while_the_script_runs_leaves_it_to_end() -> None:
    scene = running().after(1)(AlarmReported(alarm=alarm(AlarmState.OK, at=1)))
    assert scene.status is Status.REMEDIATING
    assert scene.after(1).ended(Result.FAILED).status is Status.RESOLVED


def test_a_late_report_changes_nothing() -> None:
    scene = Scene()(AlarmReported(alarm=alarm(AlarmState.OK, at=-5)))
    assert scene.status is Status.OPEN
    assert scene.kinds[-1] == "alarm.late"


def test_a_hold_says_until_when_and_escalates_if_the_alarm_is_still_there() -> None:
    until = T0 + timedelta(seconds=200)
    scene = Scene().planned().held(Hold(code=HoldReason.COOLDOWN, reason="cooling down", until=until))
    assert scene.status is Status.HELD
    assert scene.run.hold is not None
    assert scene.run.hold.until == until
    assert scene.due().status is Status.ESCALATED


def test_a_hold_that_may_end_any_moment_asks_the_guard_again_and_goes_on() -> None:
    busy = Hold(code=HoldReason.TARGET_BUSY, reason="web-1 is busy", recheck=True)
    scene = Scene().planned().held(busy).due()
    assert next_todo(scene.run, scene.now) == AskGuard()
    scene.held(busy)
    assert scene.kinds.count("incident.held") == 1
    assert scene.due().let_through().status is Status.REMEDIATING


def test_a_hold_may_be_over_before_its_time() -> None:
    busy = Hold(code=HoldReason.TARGET_BUSY, reason="web-1 is busy", recheck=True)
    scene = Scene().planned().held(busy)(HoldMayBeOver())
    assert scene.let_through().status is Status.REMEDIATING
    cooling = Hold(code=HoldReason.COOLDOWN, reason="", until=T0 + timedelta(seconds=9))
    assert Scene().planned().held(cooling)(HoldMayBeOver()).status is Status.HELD


def test_such_a_hold_ends_after_max_hold() -> None:
    busy = Hold(code=HoldReason.TARGET_BUSY, reason="web-1 is busy", recheck=True)
    scene = Scene().planned().held(busy)
    for _ in range(1000):
        scene.due()
        if scene.run.phase is not Phase.GUARDING:
            break
        scene.held(busy)
    assert scene.status is Status.ESCALATED
    assert (scene.now - T0).total_seconds() == pytest.approx(POLICY.limits.max_hold)


def test_a_final_hold_escalates_at_once() -> None:
    assert Scene().planned().held(Hold(code=HoldReason.FLAPPING, reason="flapping")).status is Status.ESCALATED


def with_approval(approval: Approval) -> Scene:
    return Scene().planned(replace(PLAN, policy=replace(POLICY, approval=approval))).let_through()


def say(principal: str, approve: bool = True, *groups: str) -> Decided:
    return Decided(principal=principal, groups=frozenset(groups), approve=approve)


def test_nothing_runs_before_the_quorum_approved() -> None:
    scene = with_approval(Approval(approvers=("ann", "ops"), quorum=2))
    assert scene.status is Status.AWAITING_APPROVAL
    assert scene.told == [MessageKind.APPROVAL_REQUESTED]
    scene(say("ann"))
    assert scene.began == []
    scene(say("bob", True, "ops"))
    assert next_todo(scene.run, scene.now) == AskGuard()
    assert scene.let_through().status is Status.REMEDIATING


def test_who_is_not_an_approver_is_refused_and_nothing_changes() -> None:
    scene = with_approval(Approval(approvers=("ann",)))
    with pytest.raises(NotAnApprover):
        scene(say("mallory", True, "users"))
    assert scene.run.decisions == ()


def test_nobody_decides_twice() -> None:
    scene = with_approval(Approval(approvers=("ann", "bob"), quorum=2))(say("ann"))
    with pytest.raises(NotNow):
        scene(say("ann"))


def test_one_denial_denies() -> None:
    scene = with_approval(Approval(approvers=("ann", "bob"), quorum=2))(say("ann"))(say("bob", approve=False))
    assert scene.status is Status.ESCALATED
    assert scene.began == []


@pytest.mark.parametrize(
    ("approval", "status"),
    [
        (Approval(approvers=("ann",), auto_approve_after=600), Status.OPEN),
        (Approval(approvers=("ann",), auto_deny_after=600), Status.ESCALATED),
        (Approval(approvers=("ann",)), Status.ESCALATED),
    ],
)
def test_silence(approval: Approval, status: Status) -> None:
    assert with_approval(approval).due().status is status


def test_approval_is_asked_once_for_all_attempts() -> None:
    scene = with_approval(Approval(approvers=("ann",)))(say("ann")).let_through().ended(Result.FAILED)
    plan = replace(PLAN, policy=replace(POLICY, approval=Approval(approvers=("ann",))))
    assert scene.due().planned(plan).let_through().status is Status.REMEDIATING


def test_a_decision_after_the_end_is_refused() -> None:
    scene = with_approval(Approval(approvers=("ann",)))(AlarmReported(alarm=alarm(AlarmState.OK, at=1)))
    assert scene.told == [MessageKind.APPROVAL_REQUESTED, MessageKind.RESOLVED]
    with pytest.raises(NotNow):
        scene(say("ann"))


def test_cancel_stops_the_running_attempt_and_nothing_follows() -> None:
    scene = running()(CancelRequested(principal="ann", reason="wrong host"))
    todo = next_todo(scene.run, scene.now)
    assert isinstance(todo, RunAttempt)
    assert todo.cancel
    scene.ended(Result.CANCELLED)
    assert scene.status is Status.ESCALATED
    assert "ann" in scene.run.reason


def test_cancel_while_verifying_lets_no_other_attempt_begin() -> None:
    scene = running().ended(Result.SUCCEEDED)(CancelRequested(principal="ann", reason=""))
    while scene.run.phase is Phase.VERIFYING:
        scene.reads(AlarmState.ALARM)
    assert scene.status is Status.ESCALATED


def test_cancel_before_anything_ran_escalates() -> None:
    assert Scene().planned()(CancelRequested(principal="ann", reason="")).status is Status.ESCALATED


def test_a_person_may_ask_for_another_try() -> None:
    scene = running().ended(Result.UNKNOWN)(RetryRequested(principal="ann"))
    assert scene.status is Status.OPEN
    assert scene.run.spent == 0
    assert scene.planned().let_through().began == ["att-1", "att-2"]


def test_an_incident_in_alarm_cannot_be_closed() -> None:
    scene = running().ended(Result.UNKNOWN)
    with pytest.raises(NotNow, match="still in ALARM"):
        scene(CloseRequested(principal="ann", reason=""))


def test_an_incident_whose_alarm_is_gone_can_be_closed() -> None:
    scene = running().ended(Result.SUCCEEDED).reads(None)
    assert scene.status is Status.ESCALATED
    assert scene(CloseRequested(principal="ann", reason="alarm deleted")).status is Status.RESOLVED


def test_an_escalated_incident_is_resolved_by_its_alarm_and_people_are_told() -> None:
    scene = running().ended(Result.UNKNOWN)(AlarmReported(alarm=alarm(AlarmState.OK, at=9)))
    assert scene.told == [MessageKind.ESCALATED, MessageKind.RESOLVED]


def test_the_source_of_an_escalated_incident_is_asked_less_and_less_often() -> None:
    scene = running().ended(Result.UNKNOWN)
    waits = []
    for _ in range(12):
        before = scene.now
        scene.reads(AlarmState.ALARM)
        waits.append((scene.now - before).total_seconds())
    assert waits == sorted(waits)
    assert waits[0] == 30
    assert waits[-1] == 600
    assert scene.reads(AlarmState.OK, since=5000).status is Status.RESOLVED


def test_a_silent_source_is_a_verdict_for_a_person() -> None:
    scene = running().ended(Result.SUCCEEDED)
    while scene.run.phase is Phase.VERIFYING:
        scene.now = max(scene.now, scene.run.wake_at or scene.now)
        scene(Probed(attempt_id="att-1", observation=NoAnswer(at=scene.now, detail="no route")))
    assert scene.status is Status.ESCALATED


def test_events_for_another_attempt_or_moment_are_dropped() -> None:
    scene = running()
    before = scene.run
    scene(AttemptEnded(attempt_id="att-9", outcome=Outcome(result=Result.FAILED)))
    scene(Due(wake_at=T0))
    scene.planned()
    scene.held(Hold(code=HoldReason.FLAPPING, reason=""))
    assert scene.run == before


EVENTS = st.one_of(
    st.builds(
        lambda state, at: AlarmReported(alarm=alarm(state, at)), st.sampled_from(AlarmState), st.integers(-10, 3000)
    ),
    st.sampled_from(
        [
            Planned(outcome=PLAN),
            Planned(outcome=NoPlan(code="x", reason="x")),
            Planned(outcome=NoPlan(code="y", reason="y", retryable=True)),
        ]
    ),
    st.sampled_from([None, *(Hold(code=c, reason="r", recheck=r) for c in HoldReason for r in (True, False))]).map(
        lambda h: Guarded(hold=h, attempt_id="att-h")
    ),
    st.sampled_from(Result).map(lambda r: AttemptEnded(attempt_id="att-h", outcome=Outcome(result=r))),
    st.builds(
        lambda s, at: Probed(
            attempt_id="att-h", observation=Reading(state=s, since=None, at=T0 + timedelta(seconds=at))
        ),
        st.sampled_from([*AlarmState, None]),
        st.integers(0, 3000),
    ),
    st.sampled_from(
        [
            HoldMayBeOver(),
            RetryRequested(principal="a"),
            CloseRequested(principal="a", reason=""),
            CancelRequested(principal="a", reason=""),
        ]
    ),
    st.just("due"),
)


@given(st.lists(st.tuples(EVENTS, st.integers(0, 300)), max_size=40))
def test_whatever_happens_no_attempt_overlaps_and_every_incident_has_a_next_thing(
    story: list[tuple[Event | str, int]],
) -> None:
    scene = Scene()
    open_attempts = 0
    for event, seconds in story:
        scene.after(seconds)
        before = scene.run
        seen = len(scene.effects)
        try:
            if event == "due":
                if scene.run.wake_at is not None:
                    scene(Due(wake_at=scene.run.wake_at))
            else:
                assert not isinstance(event, str)
                scene(event)
        except NotNow:
            assert scene.run == before
        for effect in scene.effects[seen:]:
            open_attempts += isinstance(effect, BeginAttempt)
            open_attempts -= isinstance(effect, EndAttempt)
        assert open_attempts == (scene.run.phase is Phase.EXECUTING)
        todo = next_todo(scene.run, scene.now)
        if isinstance(todo, WaitForEvent):
            assert scene.run.phase is Phase.RESOLVED
        if isinstance(todo, TimeIsUp):
            assert scene.run.phase in (Phase.HELD, Phase.ASKING, Phase.PAUSING)
