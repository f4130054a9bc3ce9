"""Binding, finding and explaining a plan, over a store in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from wakeless.alarms.alarm import Alarm, AlarmState
from wakeless.core.errors import WakelessError
from wakeless.remediation.bind import BY_NAME
from wakeless.remediation.catalogue import language_of
from wakeless.remediation.find import PlanFinder
from wakeless.remediation.plan import Approval, NoPlan, Plan, Policy, ScriptRef
from wakeless.remediation.ports import StoreRefused, StoreUnreachable
from wakeless.remediation.rule import Match, Rule
from wakeless.remediation.target import Inventory, InventoryTarget, Platform

SCRIPT = "webapp-uptime#CustomNamespace.sh"


class MemoryStore:
    """Keys without contents, or an error instead of an answer."""

    def __init__(self, *keys: str, error: WakelessError | None = None) -> None:
        self._keys = keys
        self._error = error
        self.asked: list[str] = []

    @property
    def root(self) -> str:
        return "memory:///"

    async def find(self, keys: Sequence[str]) -> Sequence[ScriptRef]:
        self.asked += keys
        if self._error is not None:
            raise self._error
        refs = []
        for key in self._keys:
            language = language_of(key)
            if key in keys and language is not None:
                refs.append(ScriptRef(key=key, language=language, uri=f"memory:///{key}", version="v1", sha256="0"))
        return refs

    async def read(self, script: ScriptRef) -> bytes:
        raise AssertionError("planning reads nothing")

    async def keys(self) -> Sequence[str]:
        return self._keys


def alarm(**changes: Any) -> Alarm:
    fields: dict[str, Any] = {
        "source": "embedded",
        "fingerprint": "f",
        "dedup_key": "d",
        "state": AlarmState.ALARM,
        "name": "webapp-is-down",
        "changed_at": datetime(2026, 1, 1, tzinfo=UTC),
        "namespace": "CustomNamespace",
        "metric": "webapp-uptime",
        "dimensions": {"InstanceId": "i-0abc"},
    }
    return Alarm(**{**fields, **changes})


INVENTORY = Inventory(
    targets=(
        InventoryTarget(name="local"),
        InventoryTarget(name="web-1", match=("i-0abc",)),
        InventoryTarget(name="win-1", match=("i-0win",), platform=Platform.WINDOWS),
        InventoryTarget(name="mac-1", match=("i-0mac",), platform=Platform.MACOS),
    )
)


def finder(*keys: str, rules: Sequence[Rule] = (), error: WakelessError | None = None, **changes: Any) -> PlanFinder:
    fields: dict[str, Any] = {
        "store": MemoryStore(*keys, error=error),
        "rules": tuple(rules),
        "inventory": INVENTORY,
        "defaults": Policy(attempts=3),
    }
    return PlanFinder(**{**fields, **changes})


async def plan(finder: PlanFinder, alarm: Alarm) -> Plan:
    found = await finder.find(alarm)
    assert isinstance(found, Plan), found
    return found


async def no_plan(finder: PlanFinder, alarm: Alarm) -> NoPlan:
    found = await finder.find(alarm)
    assert isinstance(found, NoPlan), found
    return found


async def test_a_script_is_found_by_the_metric_and_the_namespace() -> None:
    found = await plan(finder(SCRIPT), alarm())
    assert (found.script.key, found.target, found.rule) == (SCRIPT, "web-1", BY_NAME)
    assert found.policy.attempts == 3
    assert any("'i-0abc'" in reason for reason in found.because)


@pytest.mark.parametrize(
    "key",
    [
        "webapp-uptime#Custom.sh",
        "webapp-uptime#CustomNamespace2.sh",
        "webapp#CustomNamespace.sh",
        "Webapp-uptime#CustomNamespace.sh",
        "webapp-uptime.sh",
        "webapp-uptime#CustomNamespace",
        "webapp-uptime#CustomNamespace.yaml",
        "sub/webapp-uptime#CustomNamespace.sh",
    ],
)
async def test_a_name_that_is_only_alike_is_not_found_and_the_names_looked_for_are_told(key: str) -> None:
    missing = await no_plan(finder(key), alarm())
    assert missing.code == "not_found"
    assert SCRIPT in missing.looked_for
    assert not missing.retryable


@pytest.mark.parametrize(
    ("instance", "keys", "picked"),
    [
        ("i-0abc", [".sh", ".ps1"], ".sh"),
        ("i-0win", [".sh", ".ps1"], ".ps1"),
        ("i-0mac", [".sh", ".ps1"], ".sh"),
        ("i-0abc", [".ps1", ".py"], ".py"),
        ("i-0win", [".sh", ".py"], ".py"),
        ("i-0win", [".py"], ".py"),
    ],
)
async def test_the_targets_platform_picks_the_language(instance: str, keys: list[str], picked: str) -> None:
    stem = SCRIPT.removesuffix(".sh")
    found = await plan(finder(*(stem + key for key in keys)), alarm(dimensions={"InstanceId": instance}))
    assert found.script.key == stem + picked


async def test_two_scripts_for_one_platform_are_ambiguous_and_both_named() -> None:
    stem = SCRIPT.removesuffix(".sh")
    refused = await no_plan(finder(f"{stem}.sh", f"{stem}.py"), alarm())
    assert refused.code == "ambiguous"
    assert f"{stem}.sh and {stem}.py" in refused.reason


async def test_a_script_for_another_platform_only_is_not_found_and_says_so() -> None:
    refused = await no_plan(finder(SCRIPT), alarm(dimensions={"InstanceId": "i-0win"}))
    assert refused.code == "not_found"
    assert "win-1" in refused.reason


async def test_an_unknown_machine_is_no_target() -> None:
    refused = await no_plan(finder(SCRIPT), alarm(dimensions={"InstanceId": "i-5"}))
    assert refused.code == "no_target"
    assert "'i-5'" in refused.reason


@pytest.mark.parametrize("metric", ["../../etc/passwd", "a\0b", "a\nb", "a'b", "x" * 10_000])
async def test_an_unsafe_name_never_reaches_the_store(metric: str) -> None:
    one = finder(SCRIPT)
    refused = await no_plan(one, alarm(metric=metric))
    assert refused.code == "unsafe_name"
    assert isinstance(one.store, MemoryStore)
    assert one.store.asked == []


async def test_a_rule_gives_script_parameters_target_and_policy() -> None:
    rule = Rule(
        name="restart",
        match=Match(namespace=("Custom*",)),
        script="restart.sh",
        parameters={"id": "{{ alarm.dimensions.InstanceId }}", "service": "webapp"},
        target="{{ alarm.dimensions.InstanceId }}",
        policy=Policy(attempts=5, approval=Approval(approvers=("ops",)), escalate_to=("pager",)),
    )
    found = await plan(finder("restart.sh", SCRIPT, rules=[rule]), alarm())
    assert found.script.key == "restart.sh"
    assert found.parameters == {"id": "i-0abc", "service": "webapp"}
    assert (found.target, found.rule, found.policy.attempts) == ("web-1", "restart", 5)


async def test_a_rules_script_that_is_not_there_is_not_replaced_by_one_of_the_right_name() -> None:
    rule = Rule(name="restart", match=Match(), script="restart", policy=Policy(escalate_to=("pager",)))
    missing = await no_plan(finder(SCRIPT, rules=[rule]), alarm())
    assert missing.code == "not_found"
    assert missing.looked_for == ("restart.sh", "restart.ps1", "restart.py")
    assert missing.escalate_to == ("pager",)


async def test_a_rule_without_a_script_lends_its_policy_to_the_one_found_by_name() -> None:
    rule = Rule(name="careful", match=Match(), policy=Policy(attempts=1))
    found = await plan(finder(SCRIPT, rules=[rule], by_name=False), alarm())
    assert (found.script.key, found.rule, found.policy.attempts) == (SCRIPT, "careful", 1)


async def test_the_first_rule_decides_and_the_others_are_named() -> None:
    rules = [
        Rule(name="other", match=Match(metric=("disk",)), script="a.sh"),
        Rule(name="first", match=Match(metric=("webapp*",)), script="b.sh"),
        Rule(name="second", match=Match(), script="c.sh"),
    ]
    found = await plan(finder("a.sh", "b.sh", "c.sh", rules=rules), alarm())
    assert found.script.key == "b.sh"
    assert "second" in found.because[0]


async def test_without_rules_and_names_nothing_is_looked_for() -> None:
    refused = await no_plan(finder(SCRIPT, by_name=False), alarm())
    assert refused.code == "not_found"
    assert "by_name" in refused.reason


async def test_a_parameter_the_alarm_does_not_have_is_invalid_and_named() -> None:
    rule = Rule(name="r", match=Match(), script="a.sh", parameters={"disk": "{{ alarm.dimensions.path }}"})
    refused = await no_plan(finder("a.sh", rules=[rule]), alarm())
    assert refused.code == "invalid_parameters"
    assert "parameter disk" in refused.reason


async def test_values_that_no_script_could_be_told_are_found_out_before_it_runs() -> None:
    refused = await no_plan(finder(SCRIPT), alarm(labels={"l": "a\0b"}))
    assert refused.code == "invalid_parameters"


async def test_a_target_template_without_its_value_is_no_target() -> None:
    rule = Rule(name="r", match=Match(), script="a.sh", target="{{ alarm.labels.host }}")
    assert (await no_plan(finder("a.sh", rules=[rule]), alarm())).code == "no_target"


async def test_a_shell_script_named_by_a_rule_is_refused_on_windows_and_powershell_is_not_on_linux() -> None:
    shell = Rule(name="r", match=Match(), script="a.sh", target="win-1")
    assert (await no_plan(finder("a.sh", rules=[shell]), alarm())).code == "wrong_platform"
    power = Rule(name="r", match=Match(), script="a.ps1", target="web-1")
    assert (await plan(finder("a.ps1", rules=[power]), alarm())).target == "web-1"


async def test_a_store_that_does_not_answer_is_worth_another_try_and_one_that_refuses_is_not() -> None:
    down = await no_plan(finder(error=StoreUnreachable("timed out")), alarm())
    assert (down.code, down.retryable) == ("store_unreachable", True)
    refused = await no_plan(finder(error=StoreRefused("no permission")), alarm())
    assert (refused.code, refused.retryable) == ("store_refused", False)


async def test_an_explanation_says_the_same_as_the_plan() -> None:
    rules = [
        Rule(name="disk", match=Match(metric=("disk*",)), script="a.sh"),
        Rule(name="web", match=Match(metric=("webapp*",)), parameters={"x": "y"}),
    ]
    one = finder(SCRIPT, rules=rules)
    explanation = await one.explain(alarm())
    assert explanation.outcome == await one.find(alarm())
    text = explanation.to_text()
    for words in ("disk: metric 'webapp-uptime' is not disk*", "web: matches and decides", f"{SCRIPT}: found", "web-1"):
        assert words in text
    assert "WAKELESS_PARAM_X='y'" in text
    data = json.loads(json.dumps(explanation.to_json()))
    assert data["would_run"] is True
    assert data["plan"]["script"]["key"] == SCRIPT
    assert data["no_plan"] is None


async def test_an_explanation_of_nothing_says_what_was_looked_for_and_who_is_told() -> None:
    explanation = await finder().explain(alarm(state=AlarmState.OK, metric="\x1b[31m"))
    assert isinstance(explanation.outcome, NoPlan)
    assert "\x1b" not in explanation.to_text()
    assert explanation.to_json()["would_run"] is False
    missing = await finder().explain(alarm())
    assert f"{SCRIPT}: not there" in missing.to_text()
    down = await finder(error=StoreUnreachable("timed out")).explain(alarm())
    assert "store_unreachable" in down.to_text()


async def test_an_explanation_names_files_that_are_nearly_right_and_the_machine() -> None:
    explanation = await finder("webapp-uptime#CustomNamespaces.sh", "other#N.sh").explain(alarm())
    assert explanation.nearly == ("webapp-uptime#CustomNamespaces.sh",)
    text = explanation.to_text()
    assert "Nearly     'webapp-uptime#CustomNamespaces.sh' is in the store" in text
    assert "Machine    dimension InstanceId 'i-0abc' is target web-1" in text
