"""What `wakeless plan` shows: what would happen to an alarm, and why, from the same functions that decide it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.remediation.bind import Search, make_plan, place, search
from wakeless.remediation.catalogue import show
from wakeless.remediation.environment import script_environment
from wakeless.remediation.match import mismatch
from wakeless.remediation.plan import NoPlan, Plan, Policy, ScriptRef
from wakeless.remediation.rule import Rule
from wakeless.remediation.target import Inventory


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """Whether one rule matches, and if not, why."""

    rule: str
    #: Empty when it matches.
    mismatch: str
    #: Whether it is the one that decides.
    decides: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What would happen to one alarm."""

    alarm: Alarm
    rules: tuple[RuleVerdict, ...]
    store_root: str
    looked_for: tuple[str, ...]
    #: What the store has of these.
    found: tuple[ScriptRef, ...]
    outcome: Plan | NoPlan
    #: What the script would be told; the ids are examples.
    environment: Mapping[str, str]
    #: Why the alarm is about which target, also where there is no script for it.
    placement: str = ""
    #: Keys in the store that are nearly what was looked for.
    nearly: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return JSON values."""
        plan = self.outcome if isinstance(self.outcome, Plan) else None
        return {
            "alarm": {
                "name": self.alarm.name,
                "source": self.alarm.source,
                "state": self.alarm.state.value,
                "namespace": self.alarm.namespace,
                "metric": self.alarm.metric,
                "dimensions": dict(self.alarm.dimensions),
                "labels": dict(self.alarm.labels),
            },
            "would_run": plan is not None and self.alarm.state is AlarmState.ALARM,
            "rules": [asdict(verdict) for verdict in self.rules],
            "store": self.store_root,
            "looked_for": list(self.looked_for),
            "found": [_plain(asdict(script)) for script in self.found],
            "plan": None if plan is None else _plain(asdict(plan)),
            "no_plan": None if plan is not None else _plain(asdict(self.outcome)),
            "placement": self.placement,
            "nearly": list(self.nearly),
            "environment": dict(self.environment),
        }

    def to_text(self) -> str:
        """Return lines for a terminal, without colours; text from the alarm is quoted."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        alarm = self.alarm
        yield f"Alarm      {show(alarm.name)} from {alarm.source} is {alarm.state.value}"
        if alarm.state is not AlarmState.ALARM:
            yield "           Only ALARM opens an incident; this is what would happen if it were ALARM."
        if alarm.metric and alarm.namespace:
            yield f"Metric     {show(alarm.metric)} in {show(alarm.namespace)}"
        for kind, values in (("Dimension ", alarm.dimensions), ("Label     ", alarm.labels)):
            for name, value in values.items():
                yield f"{kind} {show(name)} = {show(value)}"
        for verdict in self.rules:
            yield f"Rule       {verdict.rule}: {_verdict_words(verdict)}"
        there = {script.key for script in self.found}
        for key in self.looked_for:
            yield f"Looked for {key}: {'found' if key in there else 'not there'}"
        for key in self.nearly:
            yield f"Nearly     {show(key)} is in the store"
        yield f"Store      {self.store_root}"
        if isinstance(self.outcome, Plan):
            yield from _plan_lines(self.outcome, self.environment)
        else:
            yield f"Machine    {self.placement}"
            yield f"No plan    {self.outcome.reason} ({self.outcome.code})"
            yield f"Then       {_channel_words(self.outcome.escalate_to)} told"


def explain(
    alarm: Alarm,
    rules: Sequence[Rule],
    found: Sequence[ScriptRef] | NoPlan,
    inventory: Inventory,
    defaults: Policy,
    *,
    by_name: bool = True,
    store_root: str = "",
    keys: Sequence[str] = (),
) -> Explanation:
    """Return what would happen to the alarm; ``found`` is what the store has of `bind.search`'s keys, or why not.

    ``keys`` are all that the store has, to name those that are nearly right.
    """
    wanted = search(alarm, rules, by_name=by_name)
    scripts = () if isinstance(found, NoPlan) else tuple(found)
    outcome = (
        found if isinstance(found, NoPlan) else make_plan(alarm, rules, found, inventory, defaults, by_name=by_name)
    )
    environment: Mapping[str, str] = {}
    if isinstance(outcome, Plan):
        environment = script_environment(
            alarm, outcome, incident_id="inc-example", attempt_id="att-example", attempt_number=1
        )
    decisive = wanted.rule if isinstance(wanted, Search) else None
    verdicts = [RuleVerdict(rule.name, mismatch(rule.match, alarm) or "", decides=rule is decisive) for rule in rules]
    return Explanation(
        alarm=alarm,
        rules=tuple(verdicts),
        store_root=store_root,
        looked_for=wanted.keys if isinstance(wanted, Search) else (),
        found=scripts,
        outcome=outcome,
        environment=environment,
        placement=place(alarm, decisive, inventory).because,
        nearly=() if scripts else _nearly(wanted, keys),
    )


def _nearly(wanted: Search | NoPlan, keys: Sequence[str]) -> tuple[str, ...]:
    if isinstance(wanted, NoPlan):
        return ()
    near = {key for one in wanted.keys for key in get_close_matches(one, keys, 2, 0.8)}
    return tuple(sorted(near - set(wanted.keys)))


def _verdict_words(verdict: RuleVerdict) -> str:
    if verdict.mismatch:
        return verdict.mismatch
    return "matches and decides" if verdict.decides else "matches too, but an earlier one decides"


def _channel_words(channels: tuple[str, ...]) -> str:
    return f"{', '.join(channels)} would be" if channels else "the default channels would be"


def _plan_lines(plan: Plan, environment: Mapping[str, str]) -> Iterator[str]:
    policy, verify, limits = plan.policy, plan.policy.verify, plan.policy.limits
    yield f"Script     {plan.script.uri}, {plan.script.version}"
    yield f"Target     {plan.target}"
    yield f"Attempts   {policy.attempts}, pause {policy.pause:g} s, each at most {policy.timeout:g} s"
    if policy.approval is not None:
        approval = policy.approval
        silence = ""
        if approval.auto_approve_after is not None:
            silence = f"; silence approves after {approval.auto_approve_after:g} s"
        elif approval.auto_deny_after is not None:
            silence = f"; silence denies after {approval.auto_deny_after:g} s"
        yield f"Approval   {approval.quorum} of {', '.join(approval.approvers)}{silence}"
    else:
        yield "Approval   nobody is asked"
    steady = f", steady for {verify.steady_for:g} s" if verify.steady_for else ""
    yield f"Verify     OK again within {verify.within:g} s{steady}, asked every {verify.every:g} s"
    yield (
        f"Limits     cooldown {limits.cooldown:g} s (target {limits.target_cooldown:g} s), {limits.per_hour} an hour, "
        f"{limits.concurrent} at once"
    )
    yield (
        f"           a person from {limits.flapping} incidents in {limits.flapping_window:g} s, "
        f"held at most {limits.max_hold:g} s"
    )
    yield f"If it fails {_channel_words(policy.escalate_to)} told"
    for sentence in plan.because:
        yield f"Because    {sentence}"
    for name, value in environment.items():
        yield f"Told       {name}={show(value)}"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
