"""From an alarm to a plan: which names to look for, and what follows from those that are there.

Two steps, because the store is asked in between: `search` says which keys to look for, `make_plan` binds what was
found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wakeless.alarms.alarm import Alarm
from wakeless.core.errors import Refused
from wakeless.remediation import template
from wakeless.remediation.catalogue import UnsafeName, candidates, name_of
from wakeless.remediation.environment import script_environment
from wakeless.remediation.match import first_match, is_match
from wakeless.remediation.plan import NoPlan, Plan, Policy, ScriptLanguage, ScriptRef
from wakeless.remediation.rule import Rule
from wakeless.remediation.target import Chosen, Inventory, Platform, Unplaced, choose, choose_named

#: `Plan.rule` of a remediation that was found by its name.
BY_NAME = "by name"

#: Which scripts the convention picks on which platform. Python runs anywhere.
LANGUAGES: dict[Platform, tuple[ScriptLanguage, ...]] = {
    Platform.LINUX: (ScriptLanguage.SHELL, ScriptLanguage.PYTHON),
    Platform.MACOS: (ScriptLanguage.SHELL, ScriptLanguage.PYTHON),
    Platform.WINDOWS: (ScriptLanguage.POWERSHELL, ScriptLanguage.PYTHON),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What to ask the store for."""

    #: None when no rule matches and the name decides.
    rule: Rule | None
    keys: tuple[str, ...]
    because: tuple[str, ...]


def search(alarm: Alarm, rules: Sequence[Rule], *, by_name: bool = True) -> Search | NoPlan:
    """Return the keys that may hold the alarm's remediation."""
    rule = first_match(rules, alarm)
    channels = rule.policy.escalate_to if rule else ()
    try:
        if rule is not None and rule.script is not None:
            keys = candidates(rule.script)
            because = (_rule_words(rule, rules, alarm), f"the rule names script {rule.script}")
        elif rule is not None or by_name:
            name = name_of(alarm)
            keys = name.keys()
            first = _rule_words(rule, rules, alarm) if rule else _no_rule_words(rules)
            because = (first, f"the alarm's script is called {name}")
        else:
            reason = f"{_no_rule_words(rules)}, and remediations.by_name is false"
            return NoPlan(code="not_found", reason=reason)
    except UnsafeName as error:
        return NoPlan(code=error.code, reason=str(error), escalate_to=channels)
    return Search(rule=rule, keys=keys, because=because)


def make_plan(
    alarm: Alarm,
    rules: Sequence[Rule],
    found: Sequence[ScriptRef],
    inventory: Inventory,
    defaults: Policy,
    *,
    by_name: bool = True,
) -> Plan | NoPlan:
    """Bind the alarm to one script on one target under one policy, or say why not.

    ``found`` is what the store has of `search`'s keys; ``defaults`` the policy of scripts that are found by name.
    """
    wanted = search(alarm, rules, by_name=by_name)
    if isinstance(wanted, NoPlan):
        return wanted
    rule = wanted.rule
    policy = rule.policy if rule is not None else defaults
    there = [script for key in wanted.keys for script in found if script.key == key]

    def refuse(code: str, reason: str) -> NoPlan:
        return NoPlan(code=code, reason=reason, looked_for=wanted.keys, escalate_to=policy.escalate_to)

    if not there:
        return refuse("not_found", f"{'; '.join(wanted.because)}; there is no such script in the store")
    placed = place(alarm, rule, inventory)
    if isinstance(placed, Unplaced):
        return refuse(placed.code, placed.because)
    picked = _pick(there, placed, is_named=len(wanted.keys) == 1)
    if isinstance(picked, Unplaced):
        return refuse(picked.code, picked.because)
    try:
        parameters = _parameters(alarm, rule)
        plan = Plan(
            script=picked,
            target=placed.target.name,
            rule=rule.name if rule is not None else BY_NAME,
            parameters=parameters,
            policy=policy,
            because=(*wanted.because, _pick_words(picked, there, placed), placed.because),
        )
        _rehearse(alarm, plan)
    except Refused as error:
        return refuse("invalid_parameters", str(error))
    return plan


def _rule_words(rule: Rule, rules: Sequence[Rule], alarm: Alarm) -> str:
    later = [other.name for other in rules[rules.index(rule) + 1 :] if is_match(other.match, alarm)]
    also = f" (so would {', '.join(later)}, but the first in the file decides)" if later else ""
    return f"rule {rule.name!r} matches{also}"


def _no_rule_words(rules: Sequence[Rule]) -> str:
    return f"none of the {len(rules)} rules matches" if rules else "there are no rules"


def place(alarm: Alarm, rule: Rule | None, inventory: Inventory) -> Chosen | Unplaced:
    """Return the target of the alarm under ``rule``, or by the inventory alone where there is none."""
    if rule is None or rule.target is None:
        return choose(alarm, inventory)
    try:
        return choose_named(template.render(template.parse(rule.target), alarm), inventory)
    except Refused as error:
        return Unplaced("no_target", f"the target of rule {rule.name!r}: {error}")


def _pick(there: Sequence[ScriptRef], placed: Chosen, *, is_named: bool) -> ScriptRef | Unplaced:
    """Return the one script that is for the target's platform."""
    platform = placed.target.platform
    if is_named:
        script = there[0]
        # PowerShell runs on Linux too, but nobody has a POSIX shell on Windows.
        if script.language is ScriptLanguage.SHELL and platform is Platform.WINDOWS:
            return Unplaced(
                "wrong_platform", f"{script.key} is a shell script and target {placed.target.name} is Windows"
            )
        return script
    fitting = [script for script in there if script.language in LANGUAGES[platform]]
    if len(fitting) == 1:
        return fitting[0]
    names = " and ".join(script.key for script in fitting or there)
    if fitting:
        return Unplaced("ambiguous", f"both {names} are for target {placed.target.name} ({platform})")
    return Unplaced("not_found", f"there is only {names}, which is not for target {placed.target.name} ({platform})")


def _pick_words(picked: ScriptRef, there: Sequence[ScriptRef], placed: Chosen) -> str:
    others = [script.key for script in there if script is not picked]
    if not others:
        return f"{picked.key} is in the store, {picked.version}"
    return f"{picked.key} is for {placed.target.platform}, {' and '.join(others)} is not ({picked.version})"


def _parameters(alarm: Alarm, rule: Rule | None) -> dict[str, str]:
    parameters = {}
    for name, text in (rule.parameters if rule is not None else {}).items():
        try:
            parameters[name] = template.render(template.parse(text), alarm)
        except Refused as error:
            raise template.ValueMissing(f"parameter {name}: {error}") from None
    return parameters


def _rehearse(alarm: Alarm, plan: Plan) -> None:
    """Find out now, rather than when it runs, whether the alarm's values can be passed on."""
    script_environment(alarm, plan, incident_id="inc", attempt_id="att", attempt_number=1)
